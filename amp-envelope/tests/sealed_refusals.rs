//! Sealed mail: every malformed outer payload and every inner one that may not be is refused, by name and with no word
//! of what was inside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod sealed_support;

use amp_crypto::seal::Suite;
use amp_envelope::{ErrorCode, OpeningError, limits};
use proptest::prelude::*;
use sealed_support::*;
use serde_json::{Value, json};

fn malformed(payload: &Value) -> (ErrorCode, Option<&'static str>) {
    let message = message_by_hand(ALICE, BOB, &alice(), payload);
    let view = message.payload().sealed().unwrap_err();
    let error = error_of(message);
    assert!(
        error == OpeningError::Malformed(view) || error == OpeningError::Unsupported(view),
        "{error:?} and {view:?}"
    );
    (error.code(), error.field())
}

fn inner_error(plaintext: &str) -> (ErrorCode, Option<&'static str>) {
    match error_of(around(plaintext)) {
        OpeningError::Inner(error) => (error.code(), error.field()),
        other => panic!("{other:?} for {plaintext:.100}"),
    }
}

fn whole() -> Value {
    outer_payload(&seal_by_hand(br#"{"type":"request","message":"m"}"#, Suite::default()))
}

#[test]
fn a_context_alone_makes_no_sealed_payload_and_a_type_alone_no_openable_one() {
    // rule: SEAL-2, SEAL-3
    for message_type in ["request", "sealed", "x-sealed:v1", "SEALED:v1", ""] {
        let mut payload = whole();
        payload["type"] = json!(message_type);
        let message = message_by_hand(ALICE, BOB, &alice(), &payload);
        assert!(message.payload().sealed().unwrap().is_none(), "{message_type}");
        assert_eq!(error_of(message), OpeningError::NotSealed);
    }
    for context in [Value::Null, json!({}), json!({"sealed": null}), json!({"amp": {}})] {
        let mut payload = whole();
        payload["context"] = context;
        assert_eq!(malformed(&payload), (ErrorCode::MissingField, Some("payload.context.sealed")));
    }
    for sealed in [json!("text"), json!([]), json!(1), json!(true)] {
        let mut payload = whole();
        payload["context"]["sealed"] = sealed;
        assert_eq!(malformed(&payload), (ErrorCode::InvalidField, Some("payload.context.sealed")));
    }
    let mut payload = whole();
    payload.as_object_mut().unwrap().remove("context");
    assert_eq!(malformed(&payload), (ErrorCode::MissingField, Some("payload.context.sealed")));
}

#[test]
fn another_version_or_suite_is_told_apart_from_what_is_wrong() {
    // rule: SEAL-2, SEAL-3
    for version in ["sealed:v2", "sealed:", "sealed:V1", "sealed:v1.1"] {
        let mut payload = whole();
        payload["type"] = json!(version);
        assert_eq!(malformed(&payload), (ErrorCode::UnsupportedVersion, Some("payload.type")));
        let error = error_of(message_by_hand(ALICE, BOB, &alice(), &payload));
        assert!(matches!(error, OpeningError::Unsupported(_)));
    }
    for suite in ["X25519-HKDF-SHA256-AES128GCM", "", "x25519-hkdf-sha256-xchacha20poly1305"] {
        let message = with_member("suite", json!(suite));
        let error = error_of(message);
        assert!(matches!(error, OpeningError::Unsupported(_)));
        assert_eq!(error.code(), ErrorCode::UnsupportedSuite);
    }
}

#[test]
fn every_member_of_what_is_sealed_has_one_grammar() {
    // rule: SEAL-3, SEAL-4, SEAL-5
    let kid = to_bob().id();
    let hex: String = kid.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let kid = kid.to_string();
    let (invalid, missing) = (ErrorCode::InvalidField, ErrorCode::MissingField);
    let epk = whole()["context"]["sealed"]["epk"].as_str().unwrap().to_owned();
    // 32 bytes leave 4 bits of the last character over: another one spells the same bytes.
    let spare = |text: &str| {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(text.chars().last().unwrap()).unwrap();
        format!("{}{}", &text[..text.len() - 1], &alphabet[at + 1..at + 2])
    };
    let mut cases = vec![
        ("kid", json!(kid.trim_end_matches('=')), invalid),
        ("kid", json!(kid.trim_start_matches("SHA256:")), invalid),
        ("kid", json!(hex), invalid),
        ("kid", json!(format!("{kid} ")), invalid),
        ("kid", json!(""), invalid),
        ("epk", json!(format!("{epk}=")), invalid),
        ("epk", json!(spare(&epk)), invalid),
        ("epk", json!(&epk[..42]), invalid),
        ("epk", json!(base64url(&[9; 31])), invalid),
        ("epk", json!(base64url(&[9; 33])), invalid),
        ("epk", json!("+".repeat(43)), invalid),
        ("epk", json!(base64url(&[0; 32])), ErrorCode::InvalidKey),
        ("ct", json!(""), invalid),
        ("ct", json!(base64url(&[9; 15])), invalid),
        ("ct", json!(spare(&base64url(&[9; 32]))), invalid),
        ("ct", json!(format!("{}=", base64url(&[9; 32]))), invalid),
        ("ct", json!(format!("{}\n", base64url(&[9; 33]))), invalid),
        ("ct", json!("ä".repeat(30)), invalid),
        ("ct", json!(base64url(&vec![9; limits::SEALED_PAYLOAD_MAX_BYTES + 17])), ErrorCode::TooLarge),
        // The length alone: not a character of it is looked at.
        ("ct", json!("?".repeat(230_000)), ErrorCode::TooLarge),
    ];
    for name in ["suite", "kid", "epk", "ct"] {
        cases.push((name, Value::Null, missing));
        for value in [json!(1), json!({}), json!([kid]), json!(true)] {
            cases.push((name, value, invalid));
        }
    }
    for (name, value, code) in cases {
        let mut payload = whole();
        payload["context"]["sealed"][name] = value.clone();
        let (found, field) = malformed(&payload);
        assert_eq!(
            (found, field),
            (code, Some(format!("payload.context.sealed.{name}").as_str())),
            "{value:.90}"
        );
    }
    for name in ["suite", "kid", "epk", "ct"] {
        let mut payload = whole();
        payload["context"]["sealed"].as_object_mut().unwrap().remove(name);
        assert_eq!(malformed(&payload).0, missing);
    }
}

#[test]
fn members_that_nobody_knows_are_passed_over() {
    // rule: SEAL-3
    let mut payload = whole();
    payload["context"]["sealed"]["hint"] = json!({"x": [1, 2]});
    payload["context"]["channel"] = json!("elsewhere");
    payload["note"] = json!(7);
    let message = message_by_hand(ALICE, BOB, &alice(), &payload);
    assert_eq!(message.open(&bobs_keys(), now()).unwrap().text(), "m");
}

#[test]
fn an_ephemeral_key_of_small_order_or_in_another_spelling_is_refused() {
    // rule: SEAL-4
    let mut one = [0; 32];
    one[0] = 1;
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut high = *seal_by_hand(b"{}", Suite::default()).epk();
    high[31] |= 0x80;
    for epk in [[0; 32], one, prime, [0xff; 32], high] {
        let error = error_of(with_member("epk", json!(base64url(&epk))));
        assert_eq!(error.code(), ErrorCode::InvalidKey);
        assert_eq!(error.field(), Some("payload.context.sealed.epk"));
    }
}

#[test]
fn what_is_inside_is_read_as_strictly_as_what_is_written() {
    // rule: SEAL-7
    let invalid = ErrorCode::InvalidField;
    for (plaintext, code) in [
        ("", ErrorCode::InvalidJson),
        ("     ", ErrorCode::InvalidJson),
        ("[]", ErrorCode::NotAnObject),
        ("\u{feff}{}", ErrorCode::ByteOrderMark),
        (r#"{"type":"request","message":"m"}x"#, ErrorCode::InvalidJson),
        (r#"{"type":"request","message":"m"}{}"#, ErrorCode::InvalidJson),
        ("{\"type\":\"request\",\"message\":\"m\"}\0", ErrorCode::InvalidJson),
        (r#"{"type":"request","message":"m""#, ErrorCode::InvalidJson),
        (r#"{"type":"request","message":"a","mess\u0061ge":"b"}"#, ErrorCode::DuplicateKey),
        (r#"{"type":"request","message":"\ud800"}"#, ErrorCode::LoneSurrogate),
        (r#"{"type":"request","message":"m","context":{"n":9007199254740993}}"#, ErrorCode::UnportableNumber),
        (r#"{"type":"request","message":"m","context":{"n":1e999}}"#, ErrorCode::NonFiniteNumber),
        (r#"{"message":"m"}"#, ErrorCode::MissingField),
        (r#"{"type":"request"}"#, ErrorCode::MissingField),
        (r#"{"type":7,"message":"m"}"#, invalid),
        (r#"{"type":"request","message":null}"#, invalid),
        (r#"{"type":"request","message":"m","context":"text"}"#, invalid),
        (r#"{"type":"request","message":"m","attachments":{}}"#, invalid),
    ] {
        assert_eq!(inner_error(plaintext).0, code, "{plaintext}");
    }
    let long = format!(r#"{{"type":"request","message":"{}"}}"#, "x".repeat(limits::MESSAGE_MAX_BYTES + 1));
    assert_eq!(inner_error(&long), (ErrorCode::TooLarge, Some("payload.message")));
    let deep =
        format!(r#"{{"type":"t","message":"m","context":{{"x":{}}}}}"#, "[".repeat(127) + &"]".repeat(127));
    assert_eq!(inner_error(&deep).0, ErrorCode::TooDeep);
    let error = error_of(around_bytes(b"{\"type\":\"request\",\"message\":\"\xff\"}"));
    assert_eq!(error.code(), ErrorCode::InvalidUtf8);
}

fn around_bytes(plaintext: &[u8]) -> amp_envelope::Verified<amp_envelope::Message> {
    message_by_hand(ALICE, BOB, &alice(), &outer_payload(&seal_by_hand(plaintext, Suite::default())))
}

#[test]
fn a31_a_sealed_payload_inside_a_sealed_one_is_refused() {
    // rule: SEAL-8
    for message_type in ["sealed:v1", "sealed:v2", "sealed:", r"s\u0065aled:v1"] {
        let plaintext = format!(r#"{{"type":"{message_type}","message":"m"}}"#);
        assert_eq!(
            inner_error(&plaintext),
            (ErrorCode::InvalidField, Some("payload.type")),
            "{message_type}"
        );
    }
    // A whole one, which would open again.
    assert_eq!(inner_error(&whole().to_string()), (ErrorCode::InvalidField, Some("payload.type")));
}

#[test]
fn a_freshness_block_inside_is_refused() {
    // rule: SEAL-8, SEAL-15
    for amp in ["{}", "null", "1", r#"{"nonce":"AAECAwQFBgcICQoLDA0ODw","sent_at":"2026-01-31T10:00:00Z"}"#] {
        let plaintext = format!(r#"{{"type":"request","message":"m","context":{{"amp":{amp}}}}}"#);
        assert_eq!(inner_error(&plaintext), (ErrorCode::InvalidField, Some("payload.context.amp")), "{amp}");
    }
}

#[test]
fn white_space_around_what_is_inside_is_padding() {
    // rule: SEAL-9
    let payload = r#"{"type":"request","message":"m"}"#;
    for plaintext in [payload.to_owned(), format!("{payload} "), format!("\n {payload}\t\r\n   ")] {
        let opened = around(&plaintext).open(&bobs_keys(), now()).unwrap();
        assert_eq!(opened.payload().raw(), payload);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // rule: SEAL-7, SEAL-11
    #[test]
    fn whatever_was_sealed_nothing_of_it_is_told_when_it_is_refused(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[ -~]{0,200}".prop_map(String::into_bytes),
            r#"\{"type":"(request|sealed:v1)","secret-[a-z]{8}":[0-9]{1,20}\}"#.prop_map(String::into_bytes),
        ],
    ) {
        let unopened = around_bytes(&bytes).open(&bobs_keys(), now()).unwrap_err();
        prop_assert!(matches!(unopened.error(), OpeningError::Inner(_)));
        let told = format!("{unopened} {unopened:?}");
        prop_assert!(!told.contains("secret-"));
        prop_assert_eq!(unopened.verified().text(), "This message is sealed end to end.");
    }

    // rule: SEAL-3
    #[test]
    fn whatever_stands_in_the_members_the_view_is_made_or_refused(
        name in prop::sample::select(vec!["suite", "kid", "epk", "ct"]), text in "[A-Za-z0-9_=+/: -]{0,60}",
    ) {
        let message = with_member(name, json!(text));
        let view = message.payload().sealed();
        let error = error_of(message);
        match view {
            Ok(view) => prop_assert!(
                view.is_some() && matches!(error, OpeningError::NotOpened | OpeningError::KeyNotHeld(_))
            ),
            Err(view) => prop_assert!(
                error == OpeningError::Malformed(view) || error == OpeningError::Unsupported(view)
            ),
        }
    }
}
