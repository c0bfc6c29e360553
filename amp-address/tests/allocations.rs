//! How often addresses allocate.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_address::{
    Address, AddressPattern, AgentName, KnownProviders, PatternSet, Profile, Provider, Scope, ShortAddress,
    address, parse_any, same_tenant,
};

const LONG: &str = "Backend-Architect@agents-web.github.23blocks.CrabMail.ai";

fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let mut result = None;
    let measured = allocation_counter::measure(|| result = Some(work()));
    assert!(result.is_some());
    measured.count_total
}

#[test]
fn parsing_allocates_once() {
    assert_eq!(allocations(|| Address::parse(LONG).unwrap()), 1);
    assert_eq!(allocations(|| LONG.parse::<Address>().unwrap()), 1);
    assert_eq!(allocations(|| Address::parse_with("bob@acme.local", Profile::Deployed).unwrap()), 1);
    assert_eq!(allocations(|| parse_any(LONG, Profile::Spec).unwrap()), 1);
    assert_eq!(allocations(|| ShortAddress::parse("bob@acme").unwrap()), 1);
    assert_eq!(allocations(|| AgentName::parse("Bob").unwrap()), 1);
    assert_eq!(allocations(|| Scope::parse("team.acme").unwrap()), 1);
    assert_eq!(allocations(|| Provider::parse("crabmail.ai").unwrap()), 1);
    assert_eq!(allocations(|| AddressPattern::parse("*@*.corp.io").unwrap()), 1);
    assert_eq!(allocations(|| address!("alice@acme.crabmail.ai")), 1);
}

#[test]
fn joining_and_expanding_allocate_once() {
    let (name, scope, provider) = Address::parse(LONG).unwrap().to_parts();
    assert_eq!(allocations(|| Address::new(&name, &scope, &provider).unwrap()), 1);
    let (own, short) = (Address::parse(LONG).unwrap(), ShortAddress::parse("bob").unwrap());
    assert_eq!(allocations(|| short.expand(&own).unwrap()), 1);
}

#[cfg(feature = "serde")]
#[test]
fn deserializing_allocates_once() {
    let json = format!("\"{LONG}\"");
    assert_eq!(allocations(|| serde_json::from_str::<Address>(&json).unwrap()), 1);
}

#[test]
fn validation_never_allocates() {
    let over_long = "x".repeat(1_000_000);
    for text in [LONG, "", "a@b", "\u{430}lice@acme.crabmail.ai", "a@@b", "a@b..c", &over_long] {
        for profile in [Profile::Spec, Profile::Deployed] {
            assert_eq!(allocations(|| Address::validate(text, profile)), 0, "{text:.60}");
        }
    }
}

#[test]
fn refusing_never_allocates() {
    for text in ["", "a@b", "a b@acme.crabmail.ai", "a@acme..ai", "a@acme.crabmail.ai."] {
        assert_eq!(allocations(|| Address::parse(text).unwrap_err()), 0, "{text}");
        assert_eq!(allocations(|| AddressPattern::parse(text).unwrap_err()), 0, "{text}");
    }
}

#[test]
fn looking_at_addresses_never_allocates() {
    let (a, b) = (Address::parse(LONG).unwrap(), Address::parse("bob@acme.crabmail.ai").unwrap());
    let known: KnownProviders = [Provider::parse("crabmail.ai").unwrap()].into_iter().collect();
    let set: PatternSet = [AddressPattern::parse("*@*.crabmail.ai").unwrap()].into_iter().collect();
    assert_eq!(allocations(|| (a.name().len(), a.tenant().len(), a.provider().len(), a.is_local())), 0);
    assert_eq!(allocations(|| same_tenant(&a, &b)), 0);
    assert_eq!(allocations(|| set.which(&a).is_some()), 0);
    assert_eq!(allocations(|| a.with_known_providers(&known)), 0);
}
