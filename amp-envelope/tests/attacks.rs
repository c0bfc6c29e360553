//! Attacks on the level of one message, each named after its number in the family's catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

use amp_address::Profile;
use amp_crypto::{Identity, Signature, SigningContext, VerifyingKey};
use amp_envelope::{
    Dialect, Draft, ErrorCode, Message, PayloadHash, Priority, SignedMessage, Verifier, canonicalize,
};
use proptest::prelude::*;

fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

fn draft(text: &str) -> Draft {
    Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "subject", text)
        .from(&"alice@acme.crabmail.ai".parse().unwrap())
}

fn signed(text: &str) -> SignedMessage {
    draft(text).sign_with_nonce(&alice(), "2026-11-20T10:00:00Z".parse().unwrap(), [9; 16]).unwrap()
}

fn envelope_with(members: &str, payload: &str) -> String {
    format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1_ab","timestamp":"2026-01-01T00:00:00Z","thread_id":"msg_1_ab",{members}}},"payload":{payload}}}"#
    )
}

#[test]
fn a01_a_message_signature_is_no_signature_of_anything_else() {
    // rule: SIGN-13
    let signed = signed("text");
    let message = signed.as_message();
    let signature = message.unsigned().get("signature").unwrap();
    let signature = Signature::from_base64(&signature.as_str().unwrap()).unwrap();
    let (from, to) = (signed.from(), signed.to());
    let hash = PayloadHash::of(signed.payload().raw().as_bytes(), Dialect::Jcs).unwrap();
    let string = amp_envelope::signing_string(&from, &to, "subject", Priority::Normal, None, &hash).unwrap();
    for context in SigningContext::ALL {
        let holds = alice().verifying_key().verify(context, string.as_bytes(), &signature).is_ok();
        assert_eq!(holds, context == SigningContext::Message, "{context:?}");
    }
}

#[test]
fn a05_a_reply_goes_to_the_signed_sender_and_nowhere_else() {
    // rule: SIGN-9
    let json = signed("text").to_json();
    let forged = json.replacen(
        "\"version\":",
        "\"reply_to\":\"mallory@evil.example.com\",\"from_did\":\"did:key:z6MkEvil\",\"version\":",
        1,
    );
    let forged =
        forged.replacen("\"thread_id\":\"msg_", "\"x\":\"msg_", 1).replacen("\"x\":", "\"thread_id\":", 1);
    let message = Message::decode(forged.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
    assert_eq!(message.unsigned().get("reply_to").unwrap().as_str().unwrap(), "mallory@evil.example.com");
    let reply = message
        .reply("ok")
        .sign_with_nonce(&alice(), "2026-11-20T10:00:00Z".parse().unwrap(), [1; 16])
        .unwrap();
    assert_eq!(reply.to().as_str(), "alice@acme.crabmail.ai");
}

#[test]
fn a05_what_is_signed_does_not_change_with_any_unsigned_field() {
    // rule: SIGN-9
    let original = Message::decode(signed("text").to_json().as_bytes())
        .unwrap()
        .verify(alice().verifying_key())
        .unwrap();
    let id = original.unsigned().id().to_string();
    let changed = signed("text")
        .to_json()
        .replace(&id, "msg_1_deadbeef")
        .replacen("\"timestamp\":\"2026-11-20T10:00:00Z\"", "\"timestamp\":\"2030-01-01T00:00:00Z\"", 1)
        .replacen("\"amp/0.1\"", "\"amp/0.7\"", 1);
    let changed = Message::decode(changed.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
    assert_ne!(changed.unsigned().id(), original.unsigned().id());
    assert_ne!(changed.unsigned().timestamp(), original.unsigned().timestamp());
    assert_eq!(changed.signing_digest(), original.signing_digest());
    assert_eq!(
        (changed.from(), changed.to(), changed.subject(), changed.text(), changed.priority()),
        (original.from(), original.to(), original.subject(), original.text(), original.priority())
    );
}

#[test]
fn a06_a_separator_in_a_signed_field_is_refused_before_anything_is_verified() {
    // rule: SIGN-2
    let fields = [
        ("envelope.from", r#""from":"a|b@x.y.z","to":"b@x.y.z","subject":"s""#),
        ("envelope.to", r#""from":"a@x.y.z","to":"b|@x.y.z","subject":"s""#),
        ("envelope.priority", r#""from":"a@x.y.z","to":"b@x.y.z","subject":"s","priority":"normal|""#),
        ("envelope.in_reply_to", r#""from":"a@x.y.z","to":"b@x.y.z","subject":"s","in_reply_to":"msg|1_a""#),
    ];
    for (field, members) in fields {
        let json =
            envelope_with(&format!("{members},\"signature\":\"AA==\""), r#"{"type":"t","message":"m"}"#);
        for profile in [Profile::Spec, Profile::Deployed] {
            let error = Message::decode_with(json.as_bytes(), profile).unwrap_err();
            assert_eq!((error.code(), error.field()), (ErrorCode::AmbiguousSigningString, Some(field)));
        }
    }
}

#[test]
fn a07_a_field_that_stands_twice_is_refused_in_envelope_and_payload() {
    // rule: JSON-2
    let good = signed("text").to_json();
    let twice = [
        good.replacen("\"from\":", "\"from\":\"eve@acme.crabmail.ai\",\"from\":", 1),
        good.replacen("\"from\":", "\"fr\\u006fm\":\"eve@acme.crabmail.ai\",\"from\":", 1),
        good.replacen("\"message\":", "\"message\":\"evil\",\"message\":", 1),
        good.replacen("\"message\":", "\"messag\\u0065\":\"evil\",\"message\":", 1),
        good.replacen("\"payload\":", "\"payload\":{},\"payload\":", 1),
        good.replacen("\"nonce\":", "\"nonce\":\"\",\"nonce\":", 1),
    ];
    for json in twice {
        assert_ne!(json, good);
        assert_eq!(Message::decode(json.as_bytes()).unwrap_err().code(), ErrorCode::DuplicateKey, "{json}");
    }
}

proptest! {
    #[test]
    fn a09_what_is_shown_is_what_was_hashed(text: String, subject in "\\PC{1,60}", value: f64, key: String) {
        // rule: MSG-10
        prop_assume!(value.is_finite() && key != "amp" && key != "__proto__");
        let context = serde_json::json!({ key.clone(): value });
        let signed = Draft::request("bob@acme.crabmail.ai".parse().unwrap(), &subject, &text)
            .from(&"alice@acme.crabmail.ai".parse().unwrap())
            .context(&context).unwrap()
            .sign_with_nonce(&alice(), "2026-11-20T10:00:00Z".parse().unwrap(), [9; 16]).unwrap();
        let message = Message::decode(signed.to_json().as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
        // Another parser reads the very bytes that give the verified hash.
        let raw = message.payload().raw();
        prop_assert_eq!(&PayloadHash::of(raw.as_bytes(), message.dialect()).unwrap(), message.payload_hash());
        let other: serde_json::Value = serde_json::from_str(raw).unwrap();
        prop_assert_eq!(other["message"].as_str().unwrap(), message.text());
        let seen = message.payload().context_json().unwrap().get(&key).unwrap().as_f64();
        prop_assert_eq!(seen, Some(value));
    }
}

#[test]
fn a09_a_typed_view_reads_doubles_exactly_whatever_other_crates_switch_on() {
    // rule: MSG-10
    for literal in
        ["0.1", "1.7976931348623157e308", "5e-324", "2.2250738585072011e-308", "123456789.12345678", "9.5e-6"]
    {
        let json = format!(r#"{{"type":"t","message":"m","context":{{"n":{literal}}}}}"#);
        let payload = amp_envelope::Payload::from_json(json.as_bytes()).unwrap();
        let view: std::collections::BTreeMap<String, f64> = payload.context().unwrap().unwrap();
        assert_eq!(view["n"].to_bits(), literal.parse::<f64>().unwrap().to_bits(), "{literal}");
    }
}

#[test]
fn a11_a_message_for_another_algorithm_does_not_verify() {
    // rule: SIGN-14
    let json = signed("text").to_json();
    // The length of a DER P-256 signature, and of an RSA one.
    for length in [70, 71, 72, 256] {
        let start = json.find("\"signature\":\"").unwrap() + 13;
        let end = start + json[start..].find('"').unwrap();
        let foreign = Signature::from_bytes(&vec![0x30; length]).unwrap().to_base64();
        let json = [&json[..start], &foreign, &json[end..]].concat();
        let refusal = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap_err();
        assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
    }
}

#[test]
fn a13_messages_that_only_a_batch_would_accept_are_refused_one_by_one() {
    // rule: SIGN-8
    // A signature whose R is of small order and whose S is zero: cofactored batch equations accept such things
    // under a small-order key for any message. Here the key is refused when it is parsed, and R when it is checked.
    let identity_point = "0100000000000000000000000000000000000000000000000000000000000000";
    assert!(VerifyingKey::parse(identity_point).is_err());
    let mut forged = [0_u8; 64];
    forged[0] = 1;
    let forged = Signature::from_bytes(&forged).unwrap().to_base64();
    let json = signed("text").to_json();
    let start = json.find("\"signature\":\"").unwrap() + 13;
    let json = [&json[..start], &forged, &json[start + 88..]].concat();
    let refusal = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap_err();
    assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
}

#[test]
fn a14_a_message_is_named_by_what_was_signed_not_by_its_signature_text() {
    // rule: SIGN-15
    let json = signed("text").to_json();
    let start = json.find("\"signature\":\"").unwrap() + 13;
    let signature = &json[start..start + 88];
    let other_spelling = signature.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let respelled = [&json[..start], &other_spelling, &json[start + 88..]].concat();
    assert_ne!(json, respelled);
    let digest = |json: &str| {
        Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap().signing_digest()
    };
    assert_eq!(digest(&json), digest(&respelled));
}

#[test]
fn a15_the_dialect_ladder_allocates_nothing_and_never_tries_twice() {
    // rule: SIGN-11
    // A bad signature over a large payload: the most work that a stranger can ask for.
    let records: Vec<_> = (0..2000).map(|n| serde_json::json!({"n": n, "ok": true, "s": "text"})).collect();
    let signed = draft("text").context(&serde_json::json!({ "records": records })).unwrap();
    let signed = signed.sign_with_nonce(&alice(), "2026-11-20T10:00:00Z".parse().unwrap(), [9; 16]).unwrap();
    let bytes = signed.to_json().replacen("\"subject\",", "\"another\",", 1).into_bytes();
    let wrong = Identity::from_seed(&[2; 32]);
    let ladder: Vec<Dialect> = Dialect::ALL.into_iter().cycle().take(600).collect();
    let mut verifier = Verifier::new();
    let mut attempt = |dialects: &[Dialect]| {
        let message = verifier.decode(bytes.clone(), Profile::Deployed).unwrap();
        let refusal = verifier.verify(message, wrong.verifying_key(), dialects).unwrap_err();
        assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
        let message = refusal.into_inner();
        verifier.recycle(message);
    };
    attempt(&Dialect::ALL);
    let all = allocation_counter::measure(|| attempt(&Dialect::ALL));
    let again = allocation_counter::measure(|| attempt(&ladder));
    // A host that lists dialects a hundred times over buys no more work with it: each form is tried once.
    assert!(again.count_total <= all.count_total + 1, "{} against {}", again.count_total, all.count_total);
}

/// A message over a payload of any spelling.
fn signed_as_it_is(payload: &str) -> String {
    let (from, to) = ("alice@acme.crabmail.ai".parse().unwrap(), "bob@acme.crabmail.ai".parse().unwrap());
    let hash = PayloadHash::of(payload.as_bytes(), Dialect::Jcs).unwrap();
    let string = amp_envelope::signing_string(&from, &to, "s", Priority::Normal, None, &hash).unwrap();
    let signature = alice().sign(SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    envelope_with(&format!(r#""from":"{from}","to":"{to}","subject":"s","signature":"{signature}""#), payload)
}

#[test]
fn a15_verifying_allocates_nothing_once_buffers_have_grown() {
    // rule: SIGN-16
    let canonical = signed("text").to_json();
    let unsorted = signed_as_it_is(r#"{"type":"t", "zz":[1, 2.50, {"b":1,"a":"\u0041"}],"message":"m\n"}"#);
    for json in [canonical, unsorted] {
        let mut verifier = Verifier::new();
        let mut bytes = json.into_bytes();
        for round in 0..3 {
            let counted = allocation_counter::measure(|| {
                let message = verifier.decode(core::mem::take(&mut bytes), Profile::Deployed).unwrap();
                let verified = verifier.verify(message, alice().verifying_key(), &[Dialect::Jcs]).unwrap();
                bytes = verifier.recycle(verified.into_inner());
            });
            assert!(round == 0 || counted.count_total == 0, "{counted:?}");
        }
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[expect(dead_code, reason = "only what does not fit is of interest")]
enum Expected {
    Number { count: u32 },
}

#[test]
fn a51_a_context_that_does_not_fit_is_not_repeated_in_the_error() {
    let hostile = "\u{1b}[31m\u{202e}A".repeat(40);
    for context in [
        serde_json::json!({"number": {"count": hostile}}),
        serde_json::json!({"number": {hostile.as_str(): 1}}),
        serde_json::json!({hostile.as_str(): {"count": 1}}),
        serde_json::json!({"number": hostile}),
    ] {
        let payload = serde_json::json!({"type": "request", "message": "m", "context": context}).to_string();
        let payload = amp_envelope::Payload::from_json(payload.as_bytes()).unwrap();
        let error = payload.context::<Expected>().unwrap_err().to_string();
        assert!(error.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{error}");
        assert!(error.matches("[31m").count() <= 64 / "\\u{1b}[31m".len(), "{error}");
        assert!(error.contains("expected"), "what was expected is said in full: {error}");
    }
}

#[test]
fn a57_a_large_message_is_refused_before_it_costs_anything() {
    // rule: MSG-11
    let huge = vec![b' '; 512 * 1024 + 1];
    let counted = allocation_counter::measure(|| {
        assert_eq!(Message::decode(&huge).unwrap_err().code(), ErrorCode::TooLarge);
    });
    assert_eq!(counted.bytes_total, 0);
}

#[test]
fn a57_a_hundred_thousand_attachments_are_refused_and_numbers_are_short() {
    // rule: MSG-12, JSON-7
    let attachments = vec![r#"{"storage":"afp"}"#; 20_000].join(",");
    let many =
        format!(r#"{{"type":"t","message":"m","attachments":[{attachments},{}]}}"#, ["{}"; 11].join(","));
    assert_eq!(amp_envelope::Payload::from_json(many.as_bytes()).unwrap_err().code(), ErrorCode::TooLarge);
    let long = format!(r#"{{"n":0.{}}}"#, "1".repeat(1_100));
    assert_eq!(canonicalize(long.as_bytes(), Dialect::Jcs).unwrap_err().code(), ErrorCode::TooLarge);
}
