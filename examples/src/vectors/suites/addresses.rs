//! The suites address, same-tenant, expand and pattern.

use amp_core::{Address, AddressError, AddressPattern, AnyAddress, PatternSet, Profile, parse_any};
use serde_json::Value;

use super::{Input, Outcome, Refusal, output};

pub(super) fn address(input: Input<'_>) -> Outcome {
    let known = input.known_providers()?;
    let parsed = parse_any(input.text("text")?, input.profile()?).map_err(in_field("text"))?;
    Ok(match parsed {
        AnyAddress::Full(address) => {
            let address = address.with_known_providers(&known);
            output([
                ("kind", "full".into()),
                ("normal", address.as_str().into()),
                ("name", address.name().into()),
                ("scope", address.scope().into()),
                ("tenant", address.tenant().into()),
                ("provider", address.provider().into()),
                ("local", address.is_local().into()),
            ])
        }
        AnyAddress::Short(short) => output([
            ("kind", "short".into()),
            ("normal", short.as_str().into()),
            ("name", short.name().into()),
            ("scope", short.scope().map_or(Value::Null, Into::into)),
        ]),
    })
}

pub(super) fn same_tenant(input: Input<'_>) -> Outcome {
    let known = input.known_providers()?;
    let a = full(input, "a")?.with_known_providers(&known);
    let b = full(input, "b")?.with_known_providers(&known);
    Ok(output([("same", amp_core::same_tenant(&a, &b).is_same().into())]))
}

pub(super) fn expand(input: Input<'_>) -> Outcome {
    let own = full(input, "own")?;
    let expanded = parse_any(input.text("text")?, Profile::Deployed).and_then(|address| address.expand(&own));
    Ok(output([("normal", expanded.map_err(in_field("text"))?.as_str().into())]))
}

pub(super) fn pattern(input: Input<'_>) -> Outcome {
    let pattern = AddressPattern::parse_with(input.text("pattern")?, Profile::Deployed);
    let pattern = pattern.map_err(in_field("pattern"))?;
    let address = full(input, "address")?;
    let set: PatternSet = [pattern.clone()].into_iter().collect();
    // Two implementations of one question: were they to differ, the case would fail whatever it expects.
    if set.matches(&address) != pattern.matches(&address) {
        return Err(Refusal::new("pattern_and_set_disagree"));
    }
    Ok(output([("match", set.matches(&address).into())]))
}

fn full(input: Input<'_>, name: &str) -> Result<Address, Refusal> {
    Address::parse_with(input.text(name)?, Profile::Deployed).map_err(in_field(name))
}

fn in_field(name: &str) -> impl Fn(AddressError) -> Refusal {
    move |error| Refusal::of(error.code(), name)
}
