//! The attacks that addresses answer, each by its number.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

extern crate alloc;

use alloc::collections::BTreeSet;

use amp_address::{
    Address, AddressPart, AddressPattern, AddressRule, AgentName, KnownProviders, PatternSet, Profile,
    Provider, Scope, ShortAddress, parse_any, same_tenant,
};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn refused_everywhere(text: &str) {
    for profile in [Profile::Spec, Profile::Deployed] {
        assert!(parse_any(text, profile).is_err(), "{text:?}");
        assert!(Address::parse_with(text, profile).is_err(), "{text:?}");
        assert!(Address::validate(text, profile).is_err(), "{text:?}");
        assert!(Provider::parse_with(text, profile).is_err(), "{text:?}");
        assert!(AddressPattern::parse_with(text, profile).is_err(), "{text:?}");
    }
    assert!(ShortAddress::parse(text).is_err(), "{text:?}");
    assert!(AgentName::parse(text).is_err(), "{text:?}");
    assert!(Scope::parse(text).is_err(), "{text:?}");
}

// Signing inputs of other kinds begin with text that no address can be: the near misses.
#[test]
fn a01_what_begins_other_signing_inputs_is_no_address() {
    for text in [
        "amp-agent-card-v1",
        "amp-agent-card-v1@",
        "aid-registration-status\n1706648400",
        "1706648400.{}",
        "{\"from\":\"a@b.c.d\"}",
        "-----BEGIN PUBLIC KEY-----",
    ] {
        assert!(Address::parse_with(text, Profile::Deployed).is_err(), "{text:?}");
    }
}

#[test]
fn a06_pipe_in_from_is_refused() {
    for text in ["a|b@acme.crabmail.ai", "a@acme|x.crabmail.ai", "a@acme.crabmail.ai|bob@acme.crabmail.ai"] {
        refused_everywhere(text);
    }
}

// rule: ADDR-13
#[test]
fn a19_the_same_tenant_name_at_another_provider_is_another_tenant() {
    for (a, b) in [
        ("a@acme.evil.io", "b@acme.crabmail.ai"),
        ("a@acme.evil.test", "b@acme.crabmail.ai"),
        ("a@team.acme.crabmail.io", "b@team.acme.crabmail.ai"),
        ("a@acme.crabmail.ai.evil.io", "b@acme.crabmail.ai"),
    ] {
        let known: KnownProviders = [a, b].map(|text| address(text).to_parts().2).into_iter().collect();
        assert!(!same_tenant(&address(a), &address(b)).is_same(), "{a} {b}");
        let (a, b) = (address(a).with_known_providers(&known), address(b).with_known_providers(&known));
        assert!(!same_tenant(&a, &b).is_same(), "{a} {b}");
    }
}

// rule: ADDR-15
#[test]
fn a20_an_assumed_boundary_joins_no_two_organizations() {
    let shared = [
        "agents.corp.io",
        "co.uk.example",
        "shop.co.uk",
        "user.github.io",
        "team.vercel.app",
        "x.s3.amazonaws.com",
        "a.b.c.com.au",
        "org.gov.br",
        "host.aimaestro.local",
        "acme.mesh.internal",
    ];
    for domain in shared {
        let good = address(&format!("y@good.{domain}"));
        for evil in [format!("x@evil.{domain}"), format!("x@{domain}"), format!("x@good.evil.{domain}")] {
            let judgement = same_tenant(&address(&evil), &good);
            assert!(!judgement.is_same(), "{evil} {good}");
        }
        assert!(same_tenant(&address(&format!("z@good.{domain}")), &good).is_same());
    }
}

// rule: ADDR-7
#[test]
fn a21_no_look_alike_from_outside_ascii_is_an_address() {
    let look_alikes = [
        // Cyrillic
        "\u{430}lice@acme.crabmail.ai",
        "alic\u{435}@acme.crabmail.ai",
        "\u{410}lice@acme.crabmail.ai",
        "alice@\u{430}\u{441}m\u{435}.crabmail.ai",
        "alice@acme.cr\u{430}bmail.ai",
        "alice@acme.crabmail.\u{430}\u{456}",
        "al\u{456}ce@acme.crabmail.ai",
        "b\u{43e}b@acme.crabmail.ai",
        "\u{455}am@acme.crabmail.ai",
        "\u{440}aul@acme.crabmail.ai",
        "ma\u{445}@acme.crabmail.ai",
        "\u{458}oe@acme.crabmail.ai",
        // Greek
        "b\u{3bf}b@acme.crabmail.ai",
        "\u{3b1}lice@acme.crabmail.ai",
        "\u{391}lice@acme.crabmail.ai",
        "alice@acme.crabma\u{3b9}l.ai",
        "\u{3bd}ic@acme.crabmail.ai",
        // Armenian, Cherokee, Latin letters from elsewhere
        "b\u{585}b@acme.crabmail.ai",
        "\u{13aa}lice@acme.crabmail.ai",
        "al\u{131}ce@acme.crabmail.ai",
        "\u{251}lice@acme.crabmail.ai",
        "a\u{2113}ice@acme.crabmail.ai",
        "al\u{ed}ce@acme.crabmail.ai",
        "stra\u{df}e@acme.crabmail.ai",
        "\u{17f}am@acme.crabmail.ai",
        "\u{212a}im@acme.crabmail.ai",
        "\u{fb01}n@acme.crabmail.ai",
        // compatibility forms
        "\u{ff41}lice@acme.crabmail.ai",
        "\u{1d41a}lice@acme.crabmail.ai",
        "\u{24d0}lice@acme.crabmail.ai",
        "agent\u{ff11}@acme.crabmail.ai",
        "agent\u{661}@acme.crabmail.ai",
        "agent\u{b2}@acme.crabmail.ai",
        // separators
        "alice\u{ff20}acme.crabmail.ai",
        "alice\u{fe6b}acme.crabmail.ai",
        "alice@acme\u{3002}crabmail.ai",
        "alice@acme\u{ff0e}crabmail.ai",
        "alice@acme\u{ff61}crabmail.ai",
        "alice@acme\u{2024}crabmail.ai",
        "alice@acme\u{b7}crabmail.ai",
        "back\u{2010}end@acme.crabmail.ai",
        "back\u{2013}end@acme.crabmail.ai",
        "back\u{2212}end@acme.crabmail.ai",
        "back\u{ff3f}end@acme.crabmail.ai",
        "back\u{203f}end@acme.crabmail.ai",
        // invisible, combining, bidirectional
        "al\u{ad}ice@acme.crabmail.ai",
        "al\u{200b}ice@acme.crabmail.ai",
        "al\u{200c}ice@acme.crabmail.ai",
        "al\u{200d}ice@acme.crabmail.ai",
        "al\u{2060}ice@acme.crabmail.ai",
        "al\u{34f}ice@acme.crabmail.ai",
        "alice\u{301}@acme.crabmail.ai",
        "alice@ac\u{327}me.crabmail.ai",
        "alice\u{fe0f}@acme.crabmail.ai",
        "alice\u{e0061}@acme.crabmail.ai",
        "\u{feff}alice@acme.crabmail.ai",
        "\u{202e}alice@acme.crabmail.ai",
        "alice@acme.\u{2066}crabmail.ai",
        "alice\u{3164}@acme.crabmail.ai",
        "alice\u{a0}@acme.crabmail.ai",
    ];
    assert!(look_alikes.len() >= 30);
    for text in look_alikes {
        refused_everywhere(text);
        let error = Address::parse(text).unwrap_err();
        let at = text.char_indices().find(|(_, c)| !c.is_ascii()).unwrap();
        assert_eq!(error.position(), at.0, "{text:?}");
        assert!(error.to_string().ends_with(&format!("(found U+{:04X})", u32::from(at.1))), "{error}");
        assert!(error.to_string().is_ascii());
    }
}

// rule: ADDR-6
#[test]
fn a21_case_variants_are_one_address() {
    let spellings = ["alice@acme.crabmail.ai", "Alice@Acme.CrabMail.AI", "ALICE@ACME.CRABMAIL.AI"];
    let addresses: BTreeSet<_> = spellings.into_iter().map(address).collect();
    assert_eq!(addresses.len(), 1);
}

#[test]
fn a21_look_alikes_within_ascii_are_different_addresses() {
    for (a, b) in [("a-b", "a_b"), ("alice", "a1ice"), ("bob", "b0b"), ("barney", "bamey"), ("a-b", "ab")] {
        assert_ne!(address(&format!("{a}@acme.crabmail.ai")), address(&format!("{b}@acme.crabmail.ai")));
    }
    assert_ne!(address("alice@acme.crabmail.ai"), address("alice@acme.xn--crbmail-8kg.ai"));
    refused_everywhere("alice@acme.crab_mail.ai");
}

// The directory of a mailbox is named after an address by writing `@` and `.` as `_`; two addresses can share it,
// so nobody may find out who wrote by it.
#[test]
fn a37_addresses_that_share_a_directory_name_are_different_addresses() {
    let directory = |address: &Address| address.as_str().replace(['@', '.'], "_");
    let (a, b) = (address("alice_acme@x.y.io"), address("alice@acme.x.y.io"));
    assert_eq!(directory(&a), directory(&b));
    assert_ne!(a, b);
    assert!(!same_tenant(&a, &b).is_same());
}

#[test]
fn a37_addresses_that_differ_by_case_cannot_be_two() {
    assert_eq!(address("Alice@acme.x.io").as_str(), address("aLICE@ACME.X.io").as_str());
}

// rule: ADDR-28
#[test]
fn a57_a_crowd_of_patterns_does_not_slow_a_look_up() {
    // A hash could be flooded by choosing the patterns; here the steps of a look-up are bounded by the address.
    let crowd = (0..50_000_u32).map(|n| match n % 3 {
        0 => format!("a{n}@acme.crabmail.ai"),
        1 => format!("*@t{n}.crabmail.ai"),
        _ => format!("*@*.p{n}.ai"),
    });
    let mut set: PatternSet = crowd.map(|text| AddressPattern::parse(&text).unwrap()).collect();
    let bob = address("bob@acme.crabmail.ai");
    assert!(!set.matches(&bob));
    assert!(set.insert(AddressPattern::parse("*@*.crabmail.ai").unwrap()));
    assert_eq!(set.which(&bob).unwrap().as_str(), "*@*.crabmail.ai");
}

// rule: ADDR-9
#[test]
fn a58_nothing_that_climbs_out_of_a_directory_is_an_address() {
    let hostile = [
        "..",
        ".",
        "...",
        "/",
        "\\",
        "../",
        "..\\",
        "/etc/passwd",
        "C:\\x",
        "c:x",
        "a/../b",
        "\0",
        "a\0",
        "~/x",
        "%2e%2e%2f",
        "..%2f",
        "a\u{2215}b",
        "a\u{ff0f}b",
        "a\u{2024}\u{2024}b",
        "name:stream",
        "con.",
        "a ",
        " a",
        "a\n",
        "$(x)",
        "`x`",
        "a;b",
        "a&b",
        "a'b",
        "a\"b",
        "a<b",
        "a>b",
        "a?b",
        "a*b",
        "a|b",
    ];
    for text in hostile {
        assert!(AgentName::parse(text).is_err(), "{text:?}");
        assert!(Scope::parse(text).is_err(), "{text:?}");
        refused_everywhere(&format!("{text}@acme.crabmail.ai"));
        refused_everywhere(&format!("alice@{text}.acme.crabmail.ai"));
        refused_everywhere(&format!("alice@acme.crabmail.ai{text}"));
    }
}

// rule: ADDR-8
#[test]
fn a51_an_error_shows_nothing_that_a_terminal_acts_on() {
    for hostile in
        ["\u{1b}]52;c;x\u{7}", "\u{9b}31m", "\r\n", "\u{202e}", "\u{e0041}", "\u{200b}", "\u{fe0f}"]
    {
        for text in [
            format!("{hostile}@acme.crabmail.ai"),
            format!("alice@{hostile}.crabmail.ai"),
            hostile.repeat(100),
        ] {
            let error = parse_any(&text, Profile::Deployed).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(error.to_string().chars().all(|c| (' '..='~').contains(&c)), "{error}");
            assert!(error.to_string().len() < 200 && !shown.contains(hostile), "{shown}");
        }
    }
    let error = Address::parse("al ice@acme.crabmail.ai").unwrap_err();
    assert_eq!((error.part(), error.rule()), (AddressPart::Name, AddressRule::NameCharacter));
    assert_eq!(error.position(), 2);
}
