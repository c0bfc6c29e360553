//! What users of addresses rely on, rule by rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

extern crate alloc;

use amp_address::{
    Address, AddressPart, AddressPattern, AddressRule, AgentName, AnyAddress, Boundary, KnownProviders,
    PatternKind, Profile, Provider, Scope, ShortAddress, TenantBasis, address, parse_any, same_tenant,
};

fn parsed(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn known(providers: &[&str]) -> KnownProviders {
    providers.iter().map(|text| Provider::parse_with(text, Profile::Deployed).unwrap()).collect()
}

// rule: ADDR-8
#[test]
fn an_error_names_the_part_the_position_and_the_rule() {
    use AddressPart as P;
    use AddressRule as R;
    let name_64 = format!("{}@acme.crabmail.ai", "n".repeat(64));
    let label_64 = format!("alice@acme.{}.ai", "l".repeat(64));
    let scope_70 = format!("alice@{}.crabmail.ai", "l".repeat(70));
    let too_long = format!("a@{}.b.c", "x".repeat(300));
    for (text, part, position, rule) in [
        ("", P::Whole, 0, R::Empty),
        ("@acme.crabmail.ai", P::Name, 0, R::EmptyName),
        ("a b@acme.crabmail.ai", P::Name, 1, R::NameCharacter),
        ("a.b@acme.crabmail.ai", P::Name, 1, R::NameCharacter),
        (&name_64, P::Name, 63, R::NameTooLong),
        ("alice", P::Whole, 0, R::MissingAt),
        ("alice@", P::Scope, 6, R::EmptyLabel),
        ("alice@acme", P::Whole, 6, R::TooFewLabels),
        ("alice@acme.local", P::Whole, 6, R::TooFewLabels),
        ("alice@ac_me.crabmail.ai", P::Scope, 8, R::LabelCharacter),
        ("alice@acme.crab_mail.ai", P::Provider, 15, R::LabelCharacter),
        ("alice@acme.crabmail.a_i", P::Provider, 21, R::LabelCharacter),
        ("alice@.acme.crabmail.ai", P::Scope, 6, R::EmptyLabel),
        ("alice@acme..ai", P::Provider, 11, R::EmptyLabel),
        ("alice@acme.crabmail.ai.", P::Provider, 23, R::EmptyLabel),
        ("alice@acme@crabmail.ai", P::Whole, 10, R::SecondAt),
        ("alice@@acme.crabmail.ai", P::Whole, 6, R::SecondAt),
        (&label_64, P::Provider, 74, R::LabelTooLong),
        (&scope_70, P::Scope, 69, R::LabelTooLong),
        (&too_long, P::Whole, 254, R::TooLong),
    ] {
        let error = Address::parse(text).unwrap_err();
        assert_eq!((error.part(), error.position(), error.rule()), (part, position, rule), "{text}");
        assert_eq!(error.code(), "invalid_field");
        assert!(error.to_string().starts_with(&format!("{part}, byte {position}: {rule}")), "{error}");
    }
}

#[test]
fn an_error_of_a_part_lies_in_that_part() {
    assert_eq!(Scope::parse("a..b").unwrap_err().part(), AddressPart::Scope);
    assert_eq!(Provider::parse("a.b_").unwrap_err().part(), AddressPart::Provider);
    assert_eq!(Provider::parse("local").unwrap_err().rule(), AddressRule::TooFewLabels);
    assert_eq!(AgentName::parse("a@b").unwrap_err().to_string().split(" (").last(), Some("found '@')"));
    for length in [64, 254, 255, 256, 257, 300, 1_000_000] {
        let long = AgentName::parse(&"n".repeat(length)).unwrap_err();
        assert_eq!((long.rule(), long.position()), (AddressRule::NameTooLong, 63), "{length}");
        assert!(Scope::parse(&"n".repeat(length)).is_err());
        assert!(Address::parse(&format!("{}@acme.crabmail.ai", "n".repeat(length))).is_err());
    }
    assert_eq!(ShortAddress::parse("a@b.c").unwrap_err().rule(), AddressRule::TooManyLabels);
}

// rule: ADDR-23
#[test]
fn a_wildcard_out_of_place_is_called_that() {
    for (text, position) in [
        ("*", 0),
        ("b*@x.y.z", 1),
        ("*@acme.*", 7),
        ("bob@*", 4),
        ("bob@*.corp.io", 4),
        ("*@*.*", 4),
        ("*@*x.y.z", 2),
    ] {
        let error = AddressPattern::parse(text).unwrap_err();
        assert_eq!((error.rule(), error.position()), (AddressRule::Wildcard, position), "{text}");
    }
}

// rule: ADDR-6
#[test]
fn equality_order_and_hash_are_of_the_normal_text() {
    let plain = parsed("bob@team.agents.corp.io");
    let split = parsed("BOB@team.agents.CORP.io").with_known_providers(&known(&["agents.corp.io"]));
    assert_ne!(plain.boundary(), split.boundary());
    assert_eq!(plain, split);
    assert_eq!(plain.cmp(&split), core::cmp::Ordering::Equal);
    let mut boxes = std::collections::HashMap::from([(plain, 1)]);
    *boxes.entry(split).or_default() += 1;
    assert_eq!(boxes.get("bob@team.agents.corp.io"), Some(&2));
    assert!(parsed("a@b.c.d") < parsed("b@b.c.d"));
}

// rule: ADDR-12
#[test]
fn the_origin_of_a_boundary_stays_visible() {
    let address = parsed("bob@team.agents.corp.io");
    assert_eq!(address.boundary(), Boundary::Assumed);
    let none = address.clone().with_known_providers(&known(&["crabmail.ai", "ents.corp.io", "io"]));
    assert_eq!((none.boundary(), none.provider()), (Boundary::Assumed, "corp.io"));
    let split = address.clone().with_known_providers(&known(&["agents.corp.io"]));
    assert_eq!((split.boundary(), split.provider()), (Boundary::Known, "agents.corp.io"));
    let (name, scope, provider) = split.to_parts();
    let stated = Address::new(&name, &scope, &provider).unwrap();
    assert_eq!((stated.boundary(), stated.provider()), (Boundary::Stated, "agents.corp.io"));
    assert!(!address.has_one_label_provider() && !stated.has_one_label_provider());
}

#[test]
fn a_stated_boundary_counts_for_no_more_than_an_assumed_one() {
    let provider = Provider::parse("corp.io").unwrap();
    let state = |name, scope| {
        Address::new(&AgentName::parse(name).unwrap(), &Scope::parse(scope).unwrap(), &provider).unwrap()
    };
    let (x, y) = (state("x", "evil.agents"), state("y", "good.agents"));
    let judgement = same_tenant(&x, &y);
    assert!(!judgement.is_same());
    assert_eq!(judgement.basis(), TenantBasis::WholeScope);
    assert_eq!(judgement.boundaries(), (Boundary::Stated, Boundary::Stated));
}

// rule: ADDR-14, ADDR-15
#[test]
fn one_known_boundary_is_not_enough_to_compare_tenants() {
    let known = known(&["crabmail.ai"]);
    let (x, y) = (parsed("x@web.acme.crabmail.ai"), parsed("y@acme.crabmail.ai"));
    let both = same_tenant(&x.clone().with_known_providers(&known), &y.clone().with_known_providers(&known));
    assert_eq!((both.is_same(), both.basis()), (true, TenantBasis::Tenant));
    for judgement in [
        same_tenant(&x.clone().with_known_providers(&known), &y),
        same_tenant(&x, &y.clone().with_known_providers(&known)),
    ] {
        assert_eq!((judgement.is_same(), judgement.basis()), (false, TenantBasis::WholeScope));
    }
    assert_eq!(same_tenant(&x, &parsed("y@acme.evil.io")).basis(), TenantBasis::Provider);
}

// rule: ADDR-16
#[test]
fn the_last_label_alone_makes_a_network_local() {
    for local in ["a@h.aimaestro.local", "a@h.x.internal", "a@h.x.LOCALHOST", "a@h.local.local"] {
        assert!(parsed(local).is_local(), "{local}");
    }
    for remote in
        ["a@local.example.com", "a@x.local.example", "a@h.my.xlocal", "a@localhost.local.dev", "local@a.b.c"]
    {
        assert!(!parsed(remote).is_local(), "{remote}");
    }
    assert!(Address::parse_with("a@acme.local", Profile::Deployed).unwrap().is_local());
    for (provider, local) in [("local", true), ("internal", true), ("localhost", true), ("locals", false)] {
        assert_eq!(Provider::parse_with(provider, Profile::Deployed).unwrap().is_local(), local);
    }
}

// rule: ADDR-21
#[test]
fn a_domain_of_two_labels_is_read_by_the_deployed_profile_only_and_marked() {
    assert_eq!(Profile::default(), Profile::Deployed);
    for text in ["support-agent-1@default.local", "bob@elsewhere.example"] {
        assert!(Address::parse(text).is_err());
        assert!(parse_any(text, Profile::Spec).is_err());
        assert!(ShortAddress::parse(text).is_err());
        assert!(AnyAddress::parse(text).is_err());
        let address = Address::parse_with(text, Profile::Deployed).unwrap();
        assert_eq!(address.boundary(), Boundary::OneLabel);
        assert!(address.has_one_label_provider());
        assert!(!address.provider().contains('.') && !address.scope().contains('.'));
        let (name, scope, provider) = address.to_parts();
        let again = Address::new(&name, &scope, &provider).unwrap();
        assert_eq!((again.boundary(), &again), (Boundary::OneLabel, &address));
    }
}

// rule: ADDR-22
#[test]
fn a_provider_of_one_label_makes_no_boundary_known() {
    let known = known(&["local", "acme.local"]);
    let two = Address::parse_with("a@acme.local", Profile::Deployed).unwrap().with_known_providers(&known);
    assert_eq!(two.boundary(), Boundary::OneLabel);
    let three = parsed("a@x.acme.local").with_known_providers(&known);
    assert_eq!((three.boundary(), three.provider()), (Boundary::Known, "acme.local"));
    let other = parsed("a@x.other.local").with_known_providers(&known);
    assert_eq!((other.boundary(), other.provider()), (Boundary::Assumed, "other.local"));
}

#[test]
fn a_scope_of_several_labels_does_not_go_with_a_provider_of_one() {
    let (name, scope) = (AgentName::parse("a").unwrap(), Scope::parse("x.acme").unwrap());
    let provider = Provider::parse_with("local", Profile::Deployed).unwrap();
    let error = Address::new(&name, &scope, &provider).unwrap_err();
    assert_eq!((error.part(), error.rule()), (AddressPart::Provider, AddressRule::TooFewLabels));
}

// rule: ADDR-5
#[test]
fn parts_that_are_too_long_together_are_refused() {
    let label = "l".repeat(63);
    let name = AgentName::parse(&label).unwrap();
    let scope = Scope::parse(&format!("{label}.{label}")).unwrap();
    let fits = Provider::parse(&format!("{}.io", "p".repeat(59))).unwrap();
    let address = Address::new(&name, &scope, &fits).unwrap();
    assert_eq!(address.as_str().len(), 254);
    assert_eq!(parsed(address.as_str()), address);
    let over = Provider::parse(&format!("{}.io", "p".repeat(60))).unwrap();
    assert_eq!(Address::new(&name, &scope, &over).unwrap_err().rule(), AddressRule::TooLong);
}

// rule: ADDR-17, ADDR-19
#[test]
fn a_short_address_takes_the_known_boundary_of_the_one_who_resolves_it() {
    let own = parsed("alice@team.agents.corp.io").with_known_providers(&known(&["agents.corp.io"]));
    let bob = ShortAddress::parse("Bob@Sales").unwrap().expand(&own).unwrap();
    assert_eq!(bob.as_str(), "bob@sales.agents.corp.io");
    assert_eq!((bob.provider(), bob.boundary()), ("agents.corp.io", Boundary::Known));
    assert!(Address::parse("bob@sales").is_err());
}

#[test]
fn a_pattern_knows_its_kind() {
    for (text, kind) in [
        ("bob@acme.crabmail.ai", PatternKind::Exact),
        ("*@acme.crabmail.ai", PatternKind::Domain),
        ("*@*.CrabMail.ai", PatternKind::Provider),
        ("*@*", PatternKind::Any),
    ] {
        let pattern = AddressPattern::parse(text).unwrap();
        assert_eq!((pattern.kind(), pattern.to_string()), (kind, text.to_lowercase()));
    }
    let bob = parsed("bob@acme.crabmail.ai");
    assert!(AddressPattern::from(&bob).matches(&bob));
    assert_eq!(AddressPattern::from(&bob), AddressPattern::parse("bob@acme.crabmail.ai").unwrap());
}

// rule: ADDR-26
#[test]
fn no_profile_lets_a_pattern_stand_for_a_top_level_domain() {
    for profile in [Profile::Spec, Profile::Deployed] {
        assert!(AddressPattern::parse_with("*@*.io", profile).is_err());
        assert!(AddressPattern::parse_with("*@*.local", profile).is_err());
    }
    assert!(AddressPattern::parse("*@acme.local").is_err());
    let acme = AddressPattern::parse_with("*@acme.local", Profile::Deployed).unwrap();
    assert!(acme.matches(&Address::parse_with("bob@acme.local", Profile::Deployed).unwrap()));
}

#[test]
fn a_literal_is_checked_while_compiling() {
    const TEXT: &str = "Alice@acme.crabmail.ai";
    let alice = address!(TEXT);
    assert_eq!(alice, address!("alice@acme.crabmail.ai"));
    assert_eq!((alice.scope(), alice.boundary()), ("acme", Boundary::Assumed));
    assert_eq!(address!(concat!("bob", "@acme.crabmail.ai")).name(), "bob");
}

#[test]
fn debug_shows_the_type_and_the_text() {
    assert_eq!(format!("{:?}", parsed("Bob@a.b.c")), "Address(\"bob@a.b.c\")");
    assert_eq!(format!("{:?}", AgentName::parse("Bob").unwrap()), "AgentName(\"bob\")");
    assert_eq!(format!("{:>12}", parsed("bob@a.b.c")), "   bob@a.b.c");
}

#[test]
fn an_address_is_three_words_at_most() {
    assert!(size_of::<Address>() <= 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<Address>>(), size_of::<Address>());
}

#[cfg(feature = "serde")]
#[test]
fn serde_writes_the_normal_text_and_reads_strictly() {
    let map: alloc::collections::BTreeMap<Address, AgentName> =
        serde_json::from_str(r#"{"Bob@acme.crabmail.ai":"BOB","alice@acme.crabmail.ai":"alice"}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&map).unwrap(),
        r#"{"alice@acme.crabmail.ai":"alice","bob@acme.crabmail.ai":"bob"}"#
    );
    let allowed: amp_address::PatternSet =
        serde_json::from_str::<Vec<AddressPattern>>(r#"["*@*.corp.io","bob@acme.crabmail.ai"]"#)
            .unwrap()
            .into_iter()
            .collect();
    assert_eq!(allowed.len(), 2);
    assert!(serde_json::from_str::<ShortAddress>("\"bob@acme\"").is_ok());
    assert!(serde_json::from_str::<Scope>("\"team.acme\"").is_ok());
    assert!(serde_json::from_str::<Provider>("\"local\"").is_err());
    assert!(matches!(serde_json::from_str("\"bob\"").unwrap(), AnyAddress::Short(_)));
    for refused in ["\"bob@acme.local\"", "\"bob\"", "7", "null", "[\"a@b.c.d\"]"] {
        assert!(serde_json::from_str::<Address>(refused).is_err(), "{refused}");
    }
    let error = serde_json::from_str::<Address>("\"\\u001b[31m@acme.crabmail.ai\"").unwrap_err();
    assert!(error.to_string().is_ascii() && !error.to_string().contains('\u{1b}'), "{error}");
}
