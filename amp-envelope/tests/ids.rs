//! Identifiers: the vectors, and what holds for any text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_address::Profile;
use amp_envelope::{AttachmentId, IdError, IdempotencyKey, MessageId, QuarantineId, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

fn validate(kind: &str, text: &str, profile: Profile) -> Result<(), IdError> {
    match kind {
        "message" => MessageId::validate(text, profile),
        "attachment" => AttachmentId::validate(text, profile),
        "quarantine" => QuarantineId::validate(text, profile),
        "idempotency" => IdempotencyKey::validate(text, profile),
        other => panic!("no kind of id: {other}"),
    }
}

const KINDS: [&str; 4] = ["message", "attachment", "quarantine", "idempotency"];
const PROFILES: [Profile; 2] = [Profile::Spec, Profile::Deployed];

#[test]
fn the_vectors_hold() {
    // rule: ID-1, ID-2, ID-3, ID-4, ID-5, ID-6, ID-7
    for file in [include_str!("../../vectors/id.json"), include_str!("../../vectors/own/id.json")] {
        let suite: Value = serde_json::from_str(file).unwrap();
        for case in suite["cases"].as_array().unwrap() {
            let input = &case["input"];
            let profile = if input["profile"] == "spec" { Profile::Spec } else { Profile::Deployed };
            let valid =
                validate(input["kind"].as_str().unwrap(), input["text"].as_str().unwrap(), profile).is_ok();
            assert_eq!(valid, case["expect"]["valid"].as_bool().unwrap(), "{}", case["id"]);
        }
    }
}

/// A model of "stays inside": one component, no separator of any common system, no way up, nothing invisible.
fn is_harmless(text: &str) -> bool {
    text.len() <= 128
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

// rule: ID-5
#[test]
fn a58_no_id_holds_what_could_leave_a_directory() {
    let hostile =
        ["/", "\\", "..", "\0", "|", "\n", "\r", "\u{7f}", ":", "%2f", ".", " ", "\u{202e}", "é", "\u{200b}"];
    for bad in hostile {
        for text in
            [format!("msg_1_a{bad}"), format!("{bad}msg_1_a"), format!("msg_1{bad}_abcd"), bad.repeat(4)]
        {
            for kind in KINDS {
                for profile in PROFILES {
                    assert!(validate(kind, &text, profile).is_err(), "{kind} {text:?}");
                }
            }
        }
    }
}

// rule: ID-8
#[test]
fn a37_both_spellings_of_a_message_id_name_one_message() {
    let id = |text| MessageId::parse_with(text, Profile::Deployed).unwrap();
    let spellings = [id("msg_1706648400_abc123"), id("msg-1706648400-abc123"), id("msg_1706648400-abc123")];
    for a in &spellings {
        for b in &spellings {
            assert!(a.same_message(b));
        }
        assert!(!a.same_message(&id("msg_1706648400_abc124")));
        assert!(!a.same_message(&id("MSG_1706648400_abc123")));
    }
}

#[test]
fn an_error_says_nothing_of_the_text() {
    let error = MessageId::parse("secret|\u{1b}[2J").unwrap_err();
    assert_eq!(error.code().as_str(), "invalid_field");
    assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
    assert!(core::mem::size_of::<IdError>() <= 8);
}

#[cfg(feature = "getrandom")]
#[test]
fn two_generated_ids_differ() {
    let now = Timestamp::from_unix_seconds(1_738_231_200).unwrap();
    assert_ne!(MessageId::generate(now).unwrap(), MessageId::generate(now).unwrap());
    assert_ne!(IdempotencyKey::generate().unwrap(), IdempotencyKey::generate().unwrap());
    assert!(AttachmentId::generate(now).unwrap().as_str().starts_with("att_1738231200_"));
    assert!(QuarantineId::generate(now).unwrap().as_str().starts_with("qtn_1738231200_"));
}

proptest! {
    #[test]
    fn any_text_is_refused_or_harmless(text in ".{0,140}") {
        for kind in KINDS {
            for profile in PROFILES {
                if validate(kind, &text, profile).is_ok() {
                    prop_assert!(is_harmless(&text), "{} {:?}", kind, text);
                }
            }
        }
    }

    #[test]
    fn the_strict_grammar_is_the_documented_one(text in "(msg|att|qtn|MSG)?[_-]?[0-9a-g]{0,4}_?[0-9A-Ga-g]{0,4}_?") {
        let documented = |prefix: &str| {
            text.strip_prefix(prefix).and_then(|rest| rest.split_once('_')).is_some_and(|(seconds, hex)| {
                !seconds.is_empty()
                    && seconds.chars().all(|c| c.is_ascii_digit())
                    && !hex.is_empty()
                    && hex.chars().all(|c| "0123456789abcdef".contains(c))
            })
        };
        prop_assert_eq!(MessageId::parse(&text).is_ok(), documented("msg_"));
        prop_assert_eq!(AttachmentId::parse(&text).is_ok(), documented("att_"));
        prop_assert_eq!(QuarantineId::parse(&text).is_ok(), documented("qtn_"));
    }

    #[test]
    fn what_the_specification_takes_deployed_takes_too(text in "msg_[0-9]{1,13}_[a-f0-9]{1,32}") {
        let id = MessageId::parse(&text).unwrap();
        prop_assert_eq!(id.as_str(), &text);
        prop_assert!(MessageId::validate(&text, Profile::Deployed).is_ok());
    }

    #[test]
    fn a_deployed_id_prints_as_it_was_read(text in "[A-Za-z0-9][A-Za-z0-9_-]{4,127}") {
        for kind in ["message", "attachment", "quarantine"] {
            prop_assert_eq!(validate(kind, &text, Profile::Deployed), Ok(()));
        }
        let id = MessageId::parse_with(&text, Profile::Deployed).unwrap();
        prop_assert_eq!(id.as_str(), &text);
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<MessageId>(&json).unwrap(), id);
    }

    // rule: ID-9
    #[test]
    fn an_assigned_id_carries_its_second_and_sixteen_digits(seconds in 0_i64..=253_402_300_799, random: [u8; 8]) {
        let id = MessageId::from_parts(Timestamp::from_unix_seconds(seconds).unwrap(), random);
        let (written, hex) = id.as_str().strip_prefix("msg_").unwrap().split_once('_').unwrap();
        prop_assert_eq!(written.parse::<i64>().unwrap(), seconds);
        prop_assert_eq!(hex.len(), 16);
        prop_assert_eq!(u64::from_str_radix(hex, 16).unwrap(), u64::from_be_bytes(random));
        prop_assert_eq!(MessageId::parse(id.as_str()), Ok(id));
    }

    // rule: ID-7
    #[test]
    fn an_idempotency_key_keeps_all_but_six_bits(random: [u8; 16]) {
        let key = IdempotencyKey::from_random(random);
        prop_assert_eq!(IdempotencyKey::parse(key.as_str()), Ok(key.clone()));
        let hex: String = key.as_str().strip_prefix("idk_").unwrap().split('-').collect();
        let kept = u128::from_str_radix(&hex, 16).unwrap() ^ u128::from_be_bytes(random);
        prop_assert_eq!(kept & !0x0000_0000_0000_f000_c000_0000_0000_0000, 0);
    }
}
