//! What a person sees: nothing that a terminal obeys, and whose look-alike a sender is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use amp_core::Address;
use amp_core::trust::{LookalikeBasis, Printable, has_public_suffix, lookalike_of};
use proptest::prelude::*;

/// Whether a terminal or a log prints the text as it stands: line feeds are its only controls, and what turns the
/// direction of writing is closed in its line.
fn is_harmless(shown: &str) -> bool {
    let controls = shown.chars().all(|c| c == '\n' || !c.is_control());
    let bidi = shown.chars().all(|c| {
        !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{2067}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
    });
    let isolates = shown.split('\n').all(|line| {
        let inner =
            line.strip_prefix('\u{2068}').and_then(|line| line.strip_suffix('\u{2069}')).unwrap_or(line);
        !inner.contains(['\u{2068}', '\u{2069}'])
    });
    let hidden = shown.chars().all(|c| {
        !matches!(
            c,
            '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'
                ..='\u{e0fff}'
        )
    });
    controls && bidi && isolates && hidden
}

// rule: WRAP-12
#[test]
fn a51_nothing_that_is_printed_acts_on_a_terminal() {
    for text in [
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}]52;c;cm0gLXJm\u{7}",
        "\u{1b}]8;;https://evil.test\u{1b}\\click\u{1b}]8;;\u{1b}\\",
        "\u{9b}31m",
        "\u{9d}0;title\u{9c}",
        "safe\rEVIL",
        "a\u{8}\u{8}b",
        "\u{202e}txt.exe",
        "\u{2066}x",
        "\u{2069}\u{2069}x",
        "a\tb",
        "\u{7f}",
        "\0",
        "\u{85}",
        "\u{90}q\u{9c}",
        "\u{200f}abc",
        "\u{e0041}",
        "x\u{2028}y",
        "שלום\u{202c}\u{2069}",
        "a\u{feff}b",
    ] {
        assert!(is_harmless(&Printable::new(text).to_string()), "{text:?}");
        let name = Printable::name(text).to_string();
        assert!(is_harmless(&name) && !name.contains('\n'), "{text:?}");
        assert_eq!(format!("{:?}", Printable::new(text)), format!("\"{}\"", Printable::new(text)));
    }
    assert_eq!(Printable::new("\u{1b}[31m\r\n\u{9b}x").to_string(), "\\u{1b}[31m\\u{d}\n\\u{9b}x");
}

// rule: WRAP-12
#[test]
fn a52_a_name_is_one_short_line() {
    let long = "x".repeat(1000);
    assert_eq!(Printable::name(&long).to_string(), format!("{}…", "x".repeat(64)));
    assert_eq!(Printable::name(&long[..64]).to_string(), long[..64]);
    assert_eq!(Printable::name("a\nINFO accepted").to_string(), "a\\u{a}INFO accepted");
    let controls = "\u{1b}".repeat(1000);
    assert_eq!(Printable::name(&controls).to_string(), format!("{}…", "\\u{1b}".repeat(10)));
    assert_eq!(Printable::name("").to_string(), "");
}

// rule: WRAP-12
#[test]
fn right_to_left_text_stands_between_isolates_line_by_line() {
    assert_eq!(Printable::new("a\nשלום (x)\nb").to_string(), "a\n\u{2068}שלום (x)\u{2069}\nb");
    assert_eq!(Printable::name("مرحبا").to_string(), "\u{2068}مرحبا\u{2069}");
    assert_eq!(Printable::new("日本語 ❤️ café").to_string(), "日本語 ❤️ café");
}

proptest! {
    // rule: WRAP-12
    #[test]
    fn any_text_is_printed_harmlessly(text in any::<String>(), odd in "[\u{0}-\u{a0}\u{200b}-\u{206f}א-ת\u{e0020}-\u{e007e}a-c\n]{0,80}") {
        for text in [text, odd] {
            prop_assert!(is_harmless(&Printable::new(&text).to_string()));
            let name = Printable::name(&text).to_string();
            prop_assert!(is_harmless(&name) && !name.contains('\n') && name.chars().count() <= 64 + 3);
        }
    }
}

fn address(text: &str) -> Address {
    Address::parse_with(text, amp_core::Profile::Deployed).unwrap()
}

fn likeness(text: &str) -> Option<(String, LookalikeBasis)> {
    let contacts = [
        "alice@acme.crabmail.ai",
        "bob@ops.acme.crabmail.ai",
        "worker-1@acme.crabmail.ai",
        "modern_clerk@acme.crabmail.ai",
        "sales55@vendor.example.org",
        "william@acme.crabmail.ai",
    ];
    let contacts: Vec<Address> = contacts.into_iter().map(address).collect();
    lookalike_of(&address(text), &contacts).map(|found| (found.contact().as_str().to_owned(), found.basis()))
}

// rule: TRUST-10
#[test]
fn a21_an_address_that_looks_like_a_contact_is_reported() {
    use LookalikeBasis::{Ending, Letters, OneLetter};
    let cases = [
        ("a1ice@acme.crabmail.ai", "alice", Letters),
        ("aiice@acme.crabmail.ai", "alice", Letters),
        ("allice@acme.crabmail.ai", "alice", Letters),
        ("a-lice@acme.crabmail.ai", "alice", Letters),
        ("ali_ce@acme.crabmail.ai", "alice", Letters),
        ("alice@acme.crabrnail.ai", "alice", Letters),
        ("alice@acme.crabmai1.ai", "alice", Letters),
        ("alice@acrne.crabmail.ai", "alice", Letters),
        ("alice@ac.me.crabmail.ai", "alice", Letters),
        ("alice@acme-crabmail.ai", "alice", Letters),
        ("alice@acmecrabmail.ai", "alice", Letters),
        ("alice@acme.crab-mail.ai", "alice", Letters),
        ("4lic3@acme.crabmail.ai", "alice", Letters),
        ("alice@acme.crabmail.io", "alice", Ending),
        ("alice@acme.crabmail.com", "alice", Ending),
        ("a1ice@acme.crabmail.com", "alice", Ending),
        ("alice@acme.crabmai.ai", "alice", OneLetter),
        ("alice@acme.crabmails.ai", "alice", OneLetter),
        ("alice@acme.carbmail.ai", "alice", OneLetter),
        ("alice@acme.crabnail.ai", "alice", OneLetter),
        ("alice@acne.crabmail.ai", "alice", OneLetter),
        ("alice@xn--cme-5cd.crabmail.ai", "alice", Letters),
        ("alice@acme.xn--crbmail-3fg.ai", "alice", Letters),
        ("b0b@ops.acme.crabmail.ai", "bob", Letters),
        ("bob@0ps.acme.crabmail.ai", "bob", Letters),
        ("bob@opsacme.crabmail.ai", "bob", Letters),
        ("worker-l@acme.crabmail.ai", "worker-1", Letters),
        ("vvorker-1@acme.crabmail.ai", "worker-1", Letters),
        ("worker1@acme.crabmail.ai", "worker-1", Letters),
        ("rnodern-clerk@acme.crabmail.ai", "modern_clerk", Letters),
        ("mo-c1ern-clerk@acme.crabmail.ai", "modern_clerk", Letters),
        ("modem_clerk@acme.crabmail.ai", "modern_clerk", Letters),
        ("sa1es55@vendor.example.org", "sales55", Letters),
        ("sales5s@vendor.example.org", "sales55", Letters),
        ("vvilliam@acme.crabmail.ai", "william", Letters),
        ("wiiliam@acme.crabmail.ai", "william", Letters),
    ];
    for (text, contact, basis) in cases {
        let found = likeness(text).map(|(found, basis)| (found.split('@').next().unwrap().to_owned(), basis));
        assert_eq!(found, Some((contact.to_owned(), basis)), "{text}");
    }
}

// rule: TRUST-10
#[test]
fn a_contact_a_neighbour_and_a_stranger_are_no_look_alikes() {
    for text in [
        "alice@acme.crabmail.ai",
        "ALICE@acme.crabmail.ai",
        "worker-1@acme.crabmail.ai",
        "worker-2@acme.crabmail.ai",
        "worker-11@acme.crabmail.ai",
        "worker-10@acme.crabmail.ai",
        "carol@acme.crabmail.ai",
        "alice@other.example.org",
        "bob@acme.crabmail.ai",
        "bob@dev.acme.crabmail.ai",
        "alicia@acme.crabmail.ai",
        "sales5@vendor.example.org",
        "sales555@vendor.example.org",
        "alice@acme.gmail.com",
    ] {
        assert_eq!(likeness(text), None, "{text}");
    }
    assert_eq!(lookalike_of(&address("a@b.c.d"), []), None);
    // Tenants with numbers are neighbours, not look-alikes.
    let teams = [address("lead@team1.crabmail.ai")];
    assert_eq!(lookalike_of(&address("lead@team2.crabmail.ai"), &teams), None);
    assert_eq!(lookalike_of(&address("lead@team12.crabmail.ai"), &teams), None);
}

// rule: TRUST-11
#[test]
fn a20_a_provider_that_anybody_can_register_under_is_flagged() {
    for suffix in [
        "co.uk",
        "com.au",
        "github.io",
        "co.jp",
        "com.br",
        "pages.dev",
        "herokuapp.com",
        "co.in",
        "org.uk",
        "web.app",
    ] {
        assert!(has_public_suffix(&address(&format!("x@acme.{suffix}"))), "{suffix}");
        assert!(has_public_suffix(&address(&format!("x@a.acme.{suffix}"))), "{suffix}");
    }
    for text in ["x@acme.crabmail.ai", "x@uk.co.example", "x@acme.local", "x@github.io.example"] {
        assert!(!has_public_suffix(&address(text)), "{text}");
    }
}
