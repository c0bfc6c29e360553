//! What holds of addresses whatever the text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_address::{
    Address, AddressPattern, AgentName, AnyAddress, Boundary, KnownProviders, PatternKind, PatternSet,
    Profile, Provider, Scope, ShortAddress, TenantBasis, parse_any, same_tenant,
};
use proptest::prelude::*;

const NAME: &str = "[A-Za-z0-9_-]{1,63}";
const LABEL: &str = "[A-Za-z0-9-]{1,20}";
/// Text of the alphabet of addresses and patterns, with what is near it: faults of every kind are likely.
const NEAR: &str = "[a-cA-C0-1_@.*-]{0,16}|[a-c@.*]{0,10}[é\u{430}\u{200b}/ \u{0}]?[a-c@.]{0,10}";

fn labels(count: core::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(LABEL, count).prop_map(|labels| labels.join("."))
}

fn full() -> impl Strategy<Value = String> {
    (NAME, labels(3..=8)).prop_map(|(name, domain)| format!("{name}@{domain}"))
}

/// Texts about as long as an address and its parts may be.
fn about_the_limits() -> impl Strategy<Value = String> {
    ("n{55,66}", prop::collection::vec("l{40,65}", 2..=4), "[a-z]{1,40}")
        .prop_map(|(name, labels, last)| format!("{name}@{}.{last}", labels.join(".")))
}

/// Addresses over so few labels that they often agree with each other.
fn crowded() -> impl Strategy<Value = String> {
    ("[ab]{1,2}", prop::collection::vec("[ab]{1,2}", 3..=5))
        .prop_map(|(name, labels)| format!("{name}@{}", labels.join(".")))
}

fn crowded_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => crowded(),
        4 => prop::collection::vec("[ab]{1,2}", 3..=5).prop_map(|labels| format!("*@{}", labels.join("."))),
        4 => prop::collection::vec("[ab]{1,2}", 2..=3).prop_map(|labels| format!("*@*.{}", labels.join("."))),
        1 => Just("*@*".to_owned()),
    ]
}

fn profiles() -> impl Strategy<Value = Profile> {
    prop_oneof![Just(Profile::Spec), Just(Profile::Deployed)]
}

/// The grammar of full addresses, written once more and as plainly as can be.
fn is_full(text: &str, profile: Profile) -> bool {
    let [name, domain] = text.split('@').collect::<Vec<_>>()[..] else { return false };
    let labels: Vec<_> = domain.split('.').collect();
    let least = if profile == Profile::Spec { 3 } else { 2 };
    text.len() <= 254
        && labels.len() >= least
        && [&[name][..], &labels].concat().iter().all(|part| (1..=63).contains(&part.len()))
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

/// Label by label, from the definitions.
fn matches_naively(pattern: &str, address: &str) -> bool {
    let (pattern, address) = (pattern.to_lowercase(), address.to_lowercase());
    let (pattern_name, pattern_domain) = pattern.split_once('@').unwrap();
    let (name, domain) = address.split_once('@').unwrap();
    let labels: Vec<_> = domain.split('.').collect();
    let name_matches = pattern_name == "*" || pattern_name == name;
    name_matches
        && match pattern_domain.strip_prefix("*.") {
            Some(provider) => {
                let provider: Vec<_> = provider.split('.').collect();
                labels.len() > provider.len() && labels.ends_with(&provider)
            }
            None => pattern_domain == "*" || pattern_domain == domain,
        }
}

/// Every text that parses prints as its normal form, and that parses to the same value.
macro_rules! parse_after_print {
    ($type:ty, $text:expr) => {
        if let Ok(value) = <$type>::parse($text) {
            let printed = value.to_string();
            prop_assert_eq!(&printed, &$text.to_ascii_lowercase());
            let again = <$type>::parse(&printed).unwrap();
            prop_assert_eq!(&again, &value);
            prop_assert_eq!(again.to_string(), printed.clone());
            prop_assert_eq!(<$type>::try_from(printed.clone()).unwrap(), value.clone());
            prop_assert_eq!(String::from(value), printed);
        }
    };
}

fn parse_after_print(text: &str) -> Result<(), TestCaseError> {
    parse_after_print!(Address, text);
    parse_after_print!(ShortAddress, text);
    parse_after_print!(AnyAddress, text);
    parse_after_print!(AgentName, text);
    parse_after_print!(Scope, text);
    parse_after_print!(Provider, text);
    parse_after_print!(AddressPattern, text);
    Ok(())
}

proptest! {
    // rule: ADDR-6
    #[test]
    fn what_is_printed_parses_to_the_same_value(
        full in full(), near in NEAR, pattern in crowded_pattern(), labels in labels(1..=4), name in NAME,
    ) {
        for text in [&full, &near, &pattern, &labels, &name, &format!("{name}@a")] {
            parse_after_print(text)?;
        }
        prop_assert!(Address::parse(&full).is_ok());
        prop_assert!(AddressPattern::parse(&pattern).is_ok());
        prop_assert!(Scope::parse(&labels).is_ok());
        prop_assert!(AgentName::parse(&name).is_ok());
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>(), near in NEAR, profile in profiles()) {
        for text in [&text, &near] {
            let error = parse_any(text, profile).err();
            prop_assert!(error.is_none_or(|error| error.position() <= text.len().min(254)));
            let _ = (Address::parse_with(text, profile), AddressPattern::parse_with(text, profile));
            let _ = (ShortAddress::parse(text), AgentName::parse(text), Scope::parse(text));
            let _ = Provider::parse_with(text, profile);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), profile in profiles()) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = (parse_any(&text, profile), AddressPattern::parse_with(&text, profile));
    }

    // rule: ADDR-1, ADDR-2, ADDR-3, ADDR-4, ADDR-5
    #[test]
    fn readers_agree_with_the_grammar_and_with_each_other(
        full in full(), near in NEAR, any in any::<String>(), long in about_the_limits(), profile in profiles(),
    ) {
        for text in [&full, &near, &any, &long] {
            let parsed = Address::parse_with(text, profile);
            prop_assert_eq!(parsed.is_ok(), is_full(text, profile), "{:?}", text);
            prop_assert_eq!(Address::validate(text, profile).err(), parsed.clone().err());
            match parse_any(text, profile) {
                Ok(AnyAddress::Full(address)) => prop_assert_eq!(parsed.unwrap(), address),
                Ok(AnyAddress::Short(short)) => {
                    prop_assert!(parsed.is_err());
                    prop_assert_eq!(ShortAddress::parse(text).unwrap(), short);
                }
                Err(error) => {
                    prop_assert_eq!(parsed.unwrap_err(), error);
                    prop_assert!(profile == Profile::Deployed || ShortAddress::parse(text).is_err());
                }
            }
        }
    }

    // rule: ADDR-10
    #[test]
    fn an_address_is_its_parts(text in full()) {
        let address = Address::parse(&text).unwrap();
        prop_assert_eq!(
            format!("{}@{}.{}", address.name(), address.scope(), address.provider()), text.to_lowercase()
        );
        prop_assert_eq!(address.domain(), format!("{}.{}", address.scope(), address.provider()));
        prop_assert_eq!(address.provider().split('.').count(), 2);
        prop_assert_eq!(Some(address.tenant()), address.scope().split('.').next_back());
        let (name, scope, provider) = address.to_parts();
        prop_assert_eq!((name.as_str(), scope.as_str()), (address.name(), address.scope()));
        prop_assert_eq!(scope.tenant(), address.tenant());
        prop_assert_eq!(provider.is_local(), address.is_local());
        let again = Address::new(&name, &scope, &provider).unwrap();
        prop_assert_eq!(again.boundary(), Boundary::Stated);
        prop_assert_eq!(again, address);
    }

    // rule: ADDR-11, ADDR-12
    #[test]
    fn known_providers_split_by_the_longest_suffix_of_whole_labels(
        text in crowded(),
        known in prop::collection::vec(prop::collection::vec("[ab]{1,2}", 1..=5), 0..40),
    ) {
        let known: Vec<String> = known.into_iter().map(|labels| labels.join(".")).collect();
        let set: KnownProviders =
            known.iter().map(|text| Provider::parse_with(text, Profile::Deployed).unwrap()).collect();
        prop_assert!(set.iter().all(|provider| set.contains(provider)));
        let assumed = Address::parse(&text).unwrap();
        let labels: Vec<&str> = assumed.domain().split('.').collect();
        let expected = (1..labels.len().saturating_sub(1))
            .map(|scope| labels[scope..].join("."))
            .find(|suffix| known.contains(suffix));
        let split = assumed.clone().with_known_providers(&set);
        match expected {
            Some(provider) => {
                prop_assert_eq!((split.provider(), split.boundary()), (provider.as_str(), Boundary::Known));
            }
            None => prop_assert_eq!((split.provider(), split.boundary()), (assumed.provider(), Boundary::Assumed)),
        }
        prop_assert_eq!(&split, &assumed);
        prop_assert_eq!(split.domain(), format!("{}.{}", split.scope(), split.provider()));
        let again = split.clone().with_known_providers(&set);
        prop_assert_eq!((again.scope(), again.boundary()), (split.scope(), split.boundary()));
    }

    // rule: ADDR-23, ADDR-24, ADDR-25, ADDR-26, ADDR-27
    #[test]
    fn a_pattern_matches_what_its_definition_says(pattern in crowded_pattern(), text in crowded()) {
        let (parsed, address) = (AddressPattern::parse(&pattern).unwrap(), Address::parse(&text).unwrap());
        prop_assert_eq!(parsed.matches(&address), matches_naively(&pattern, &text));
    }

    // rule: ADDR-28
    #[test]
    fn a_pattern_set_matches_when_one_of_its_patterns_does(
        patterns in prop::collection::vec(crowded_pattern(), 0..30), texts in prop::collection::vec(crowded(), 20),
    ) {
        let patterns: Vec<_> = patterns.iter().map(|text| AddressPattern::parse(text).unwrap()).collect();
        let set: PatternSet = patterns.iter().cloned().collect();
        prop_assert!(set.len() <= patterns.len() && set.is_empty() == patterns.is_empty());
        prop_assert!(patterns.iter().all(|pattern| set.iter().any(|held| held == pattern)));
        for address in texts.iter().map(|text| Address::parse(text).unwrap()) {
            let one_by_one: Vec<_> = patterns.iter().filter(|pattern| pattern.matches(&address)).collect();
            let which = set.which(&address);
            prop_assert_eq!(set.matches(&address), !one_by_one.is_empty());
            prop_assert_eq!(which.is_some(), !one_by_one.is_empty());
            // The most specific one: no other match is of a narrower kind, or longer among providers.
            let rank = |pattern: &AddressPattern| match pattern.kind() {
                PatternKind::Exact => (3, 0),
                PatternKind::Domain => (2, 0),
                PatternKind::Provider => (1, pattern.as_str().len()),
                _ => (0, 0),
            };
            prop_assert_eq!(which.map(rank), one_by_one.into_iter().map(rank).max());
        }
    }

    // rule: ADDR-18, ADDR-19, ADDR-20
    #[test]
    fn what_a_short_address_expands_to_parses(
        own in full(), name in NAME, scope in prop::option::of("[A-Za-z0-9-]{1,63}"),
    ) {
        let own = Address::parse(&own).unwrap();
        let text = match &scope {
            Some(scope) => format!("{name}@{scope}"),
            None => name.clone(),
        };
        let short = ShortAddress::parse(&text).unwrap();
        prop_assert_eq!(short.name(), name.to_lowercase());
        let scope = scope.map(|scope| scope.to_lowercase());
        prop_assert_eq!(short.scope(), scope.as_deref());
        let expected =
            format!("{}@{}.{}", short.name(), short.scope().unwrap_or(own.scope()), own.provider());
        match short.expand(&own) {
            Ok(address) => {
                prop_assert_eq!(address.as_str(), &expected);
                prop_assert_eq!(&Address::parse(address.as_str()).unwrap(), &address);
                prop_assert_eq!((address.name(), address.provider()), (short.name(), own.provider()));
                prop_assert_eq!(address.boundary(), own.boundary());
                prop_assert_eq!(AnyAddress::from(address.clone()).expand(&own).unwrap(), address);
            }
            Err(_) => prop_assert!(expected.len() > 254),
        }
    }

    // rule: ADDR-13, ADDR-14, ADDR-15
    #[test]
    fn one_tenant_is_judged_alike_from_both_sides(
        a in crowded(), b in crowded(), known in prop::collection::vec("[ab]{1,2}\\.[ab]{1,2}", 0..12),
    ) {
        let known: KnownProviders = known.iter().map(|text| Provider::parse(text).unwrap()).collect();
        let read = |text| Address::parse(text).unwrap().with_known_providers(&known);
        let (a, b) = (read(&a), read(&b));
        let judgement = same_tenant(&a, &b);
        prop_assert_eq!(judgement.is_same(), same_tenant(&b, &a).is_same());
        prop_assert_eq!(judgement.boundaries(), (a.boundary(), b.boundary()));
        prop_assert!(same_tenant(&a, &a).is_same());
        prop_assert!(!judgement.is_same() || (a.provider() == b.provider() && a.tenant() == b.tenant()));
        let both_known = a.boundary() == Boundary::Known && b.boundary() == Boundary::Known;
        if !both_known {
            prop_assert_eq!(judgement.is_same(), a.domain() == b.domain());
        }
        prop_assert_eq!(judgement.basis() == TenantBasis::Tenant, both_known && a.provider() == b.provider());
    }

    // rule: ADDR-9
    #[test]
    fn what_parses_holds_nothing_that_a_path_is_made_of(text in "[a-c./\\\\:@\u{0}_-]{0,12}", profile in profiles()) {
        let hostile = |text: &str| text.contains(['/', '\\', ':', '\0']) || text.contains("..");
        prop_assert!(!hostile(&text) || parse_any(&text, profile).is_err());
        prop_assert!(!hostile(&text) || Scope::parse(&text).is_err() && Provider::parse(&text).is_err());
        prop_assert!(!(hostile(&text) || text.contains('.')) || AgentName::parse(&text).is_err());
    }
}
