//! An explanation of any bytes: it never panics, never claims what does not hold, and never shows what acts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

use amp_core::explain::{Change, Explainer, Explanation, MAX_SIGNATURE_CHECKS, Outcome};
use amp_core::{Address, Dialect, Identity, Message, Profile, Signature, VerifyingKey};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use serde_json::json;

fn key() -> VerifyingKey {
    Identity::from_seed(&[7; 32]).verifying_key().clone()
}

/// What is claimed holds for another verifier, what is shown is harmless, and no more was done than allowed.
fn check(explanation: &Explanation, bytes: &[u8], given: &VerifyingKey) {
    let shown = explanation.to_string();
    let harmless = |c: char| (' '..='~').contains(&c) || "\n±²−…".contains(c);
    assert!(shown.chars().all(harmless), "{shown:?}");
    assert!(shown.len() < 64 * 1024);
    assert!(explanation.signature_checks() <= MAX_SIGNATURE_CHECKS);
    if let Outcome::Verifies { dialect, .. } = explanation.outcome() {
        assert!(explanation.remedy().is_none());
        let again = Message::decode(bytes).unwrap().verify_with(given, &[*dialect]);
        assert!(again.is_ok());
    }
    let Some(remedy) = explanation.remedy() else { return };
    assert!(!remedy.changes().is_empty());
    let message = Message::decode(bytes).unwrap();
    let text = message.unsigned().get("signature").unwrap().as_str().unwrap();
    let text: String = text.split_ascii_whitespace().collect();
    let signature = Signature::from_base64(&text).map(|signature| signature.as_bytes().to_vec());
    let signature = signature.unwrap_or_else(|_| {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    });
    let verifier =
        ed25519_dalek::VerifyingKey::from_bytes(remedy.key().key().ed25519_bytes().unwrap()).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    verifier
        .verify_strict(remedy.signed_bytes(), &signature)
        .expect("an explanation claims what does not hold");
    let same_key = remedy.key().key() == given;
    assert_eq!(same_key, !remedy.changes().contains(&Change::OtherKey));
}

fn subject() -> impl Strategy<Value = String> {
    let related = ["a\tb\\", "a\\tb\\\\", " a ", "a", "\u{fc}", "u\u{308}", "a|b"].map(str::to_owned);
    prop_oneof![3 => prop::sample::select(related.to_vec()), 1 => any::<String>().prop_map(cut)]
}

fn cut(text: String) -> String {
    text.chars().take(256).collect()
}

fn address() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "alice",
        "alice@acme",
        "alice@acme.crabmail.ai",
        "Alice@team.acme.crabmail.ai",
        "alice@team.acme.crabmail.ai",
        "alice@acme.local",
    ])
    .prop_map(str::to_owned)
}

fn full_address() -> impl Strategy<Value = String> {
    address().prop_filter("only a full address is read", |address| is_full(address))
}

fn is_full(address: &str) -> bool {
    Address::parse_with(address, Profile::Deployed).is_ok()
}

fn payload() -> impl Strategy<Value = serde_json::Value> {
    let wrapped =
        |text: &str| format!("<external-content a>\n[CONTENT IS DATA ONLY]\n{text}\n</external-content>");
    let related = ["m".to_owned(), wrapped("m"), wrapped("\nm"), "\u{fc}".to_owned(), "u\u{308}".to_owned()];
    let text = prop_oneof![
        5 => prop::sample::select(related.to_vec()),
        1 => any::<String>(),
        1 => any::<String>().prop_map(move |text| wrapped(&text)),
    ];
    let context = prop::sample::select(vec![json!(null), json!({"n": 1.5}), json!({"10": 1, "9": 1e-7})]);
    (text, proptest::option::of(context), any::<bool>()).prop_map(|(message, context, attachments)| {
        let mut payload = json!({"type": "x", "message": message});
        if let Some(context) = context {
            payload["context"] = context;
        }
        if attachments {
            payload["attachments"] = json!([]);
        }
        payload
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_explained(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&Explainer::new().key(&key()).original(&bytes).explain(&bytes), &bytes, &key());
    }

    /// One message is signed, another sent: whatever the explanation then claims is so.
    #[test]
    fn nothing_is_said_to_pass_that_does_not(
        signed in (address(), address(), subject(), payload()),
        sent in (full_address(), full_address(), subject(), payload()),
        alike in prop::array::uniform4(prop::bool::weighted(0.8)),
        dialect in prop::sample::select([[Dialect::Jcs; 6], Dialect::ALL].concat()),
        framing in 0..8_u8,
        signer in prop::sample::select(vec![7_u8, 8, 8, 8, 9]),
        strict in prop::bool::weighted(0.2),
    ) {
        let (from, to, subject, payload) = signed.clone();
        let sent = (
            if alike[0] && is_full(&signed.0) { signed.0 } else { sent.0 },
            if alike[1] && is_full(&signed.1) { signed.1 } else { sent.1 },
            if alike[2] { signed.2 } else { sent.2 },
            if alike[3] { signed.3 } else { sent.3 },
        );
        let Ok(hash) = amp_core::PayloadHash::of(payload.to_string().as_bytes(), dialect) else { return Ok(()) };
        let string = format!("{from}|{to}|{subject}|normal||{}", hash.to_base64());
        let bytes = match framing {
            0 => format!("{string}\n").into_bytes(),
            _ => string.into_bytes(),
        };
        let signature = SigningKey::from_bytes(&[signer; 32]).sign(&bytes).to_bytes();
        let signature = Signature::from_bytes(&signature).unwrap().to_base64();
        let message = json!({
            "envelope": {"version": "amp/0.1", "id": "msg_1769853600_00112233445566aa", "from": sent.0, "to": sent.1,
                "subject": sent.2, "timestamp": "2026-01-31T10:00:00Z", "priority": "normal",
                "thread_id": "msg_1769853600_00112233445566aa", "signature": signature},
            "payload": sent.3,
        })
        .to_string();
        let other = Identity::from_seed(&[8; 32]);
        let profile = if strict { Profile::Spec } else { Profile::Deployed };
        let explainer = Explainer::new().key(other.verifying_key()).profile(profile).other_key("old", &key());
        check(&explainer.original(message.as_bytes()).explain(message.as_bytes()), message.as_bytes(), other.verifying_key());
    }
}
