//! The vector suites of addresses: the given files and our own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test may read its vectors")]

use amp_address::{
    Address, AddressError, AddressPattern, AnyAddress, KnownProviders, PatternSet, Profile, Provider,
    parse_any, same_tenant,
};
use serde_json::{Map, Value, json};

type Outcome = Result<Value, AddressError>;

fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input[member].as_str().unwrap_or_else(|| panic!("{member} is missing in {input}"))
}

fn profile(input: &Value) -> Profile {
    match input["profile"].as_str() {
        None | Some("deployed") => Profile::Deployed,
        Some("spec") => Profile::Spec,
        Some(other) => panic!("unknown profile {other}"),
    }
}

fn known(input: &Value) -> Result<KnownProviders, AddressError> {
    let names = input["known_providers"].as_array();
    names
        .into_iter()
        .flatten()
        .map(|name| Provider::parse_with(name.as_str().unwrap(), Profile::Deployed))
        .collect()
}

fn address(input: &Value) -> Outcome {
    Ok(match parse_any(text(input, "text"), profile(input))? {
        AnyAddress::Full(address) => {
            let address = address.with_known_providers(&known(input)?);
            json!({
                "kind": "full", "normal": address.as_str(), "name": address.name(), "scope": address.scope(),
                "tenant": address.tenant(), "provider": address.provider(), "local": address.is_local(),
            })
        }
        AnyAddress::Short(short) => {
            let mut output = Map::new();
            output.insert("kind".into(), "short".into());
            output.insert("normal".into(), short.as_str().into());
            output.insert("name".into(), short.name().into());
            if let Some(scope) = short.scope() {
                output.insert("scope".into(), scope.into());
            }
            output.into()
        }
    })
}

fn tenants(input: &Value) -> Outcome {
    let known = known(input)?;
    let read = |member| {
        Address::parse_with(text(input, member), Profile::Deployed)
            .map(|address| address.with_known_providers(&known))
    };
    Ok(json!({ "same": same_tenant(&read("a")?, &read("b")?).is_same() }))
}

fn expand(input: &Value) -> Outcome {
    let own = Address::parse_with(text(input, "own"), Profile::Deployed)?;
    let expanded = parse_any(text(input, "text"), Profile::Deployed)?.expand(&own)?;
    Ok(json!({ "normal": expanded.as_str() }))
}

fn pattern(input: &Value) -> Outcome {
    let pattern = AddressPattern::parse_with(text(input, "pattern"), Profile::Deployed)?;
    let address = Address::parse_with(text(input, "address"), Profile::Deployed)?;
    let matches = pattern.matches(&address);
    let set: PatternSet = [pattern].into_iter().collect();
    assert_eq!(set.matches(&address), matches, "{input}");
    Ok(json!({ "match": matches }))
}

fn holds(expect: &Value, outcome: &Outcome) -> bool {
    match (&expect["error"], outcome) {
        (Value::Null, Ok(output)) => {
            expect.as_object().unwrap().iter().all(|(member, value)| output[member] == *value)
        }
        (Value::Bool(true), Err(_)) => true,
        (Value::String(code), Err(error)) => code == error.code(),
        _ => false,
    }
}

fn run(suite: &str, at_least: usize, outcome: fn(&Value) -> Outcome) {
    for folder in ["vectors", "vectors/own"] {
        let path = format!("{}/../{folder}/{suite}.json", env!("CARGO_MANIFEST_DIR"));
        let Ok(file) = std::fs::read_to_string(&path) else {
            assert_eq!((folder, suite), ("vectors", "expand"), "only this suite is all our own");
            continue;
        };
        let file: Value = serde_json::from_str(&file).unwrap();
        assert_eq!((&file["format"], &file["suite"]), (&json!("amp-vectors/1"), &json!(suite)));
        let cases = file["cases"].as_array().unwrap();
        assert!(folder == "vectors" || cases.len() >= at_least, "{} cases in {path}", cases.len());
        for case in cases {
            let got = outcome(&case["input"]);
            assert!(holds(&case["expect"], &got), "{} got {got:?}", case["id"]);
        }
    }
}

#[test]
fn address_vectors_hold() {
    run("address", 25, address);
}

#[test]
fn same_tenant_vectors_hold() {
    run("same-tenant", 12, tenants);
}

#[test]
fn expand_vectors_hold() {
    run("expand", 15, expand);
}

#[test]
fn pattern_vectors_hold() {
    run("pattern", 20, pattern);
}
