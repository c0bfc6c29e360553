//! What a draft writes, seen from outside the family: freshness, and the form that is signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use amp_core::prelude::*;
use amp_core::{Canonicalizer, Dialect, ErrorCode, Payload, SignedMessage, SigningContext};
use serde_json::{Value, json};

fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

fn draft() -> Draft {
    let from: Address = "Alice@ACME.crabmail.ai".parse().unwrap();
    Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "Hello", "Are you there?").from(&from)
}

fn sign(draft: Draft) -> SignedMessage {
    draft.sign_with_nonce(&alice(), now(), [7; 16]).unwrap()
}

fn json_of(signed: &SignedMessage) -> Value {
    serde_json::from_str(&signed.to_json()).unwrap()
}

// rule: FRESH-1
#[test]
fn a_draft_carries_a_freshness_block_unless_it_is_left_out_by_name() {
    let expires_at: Timestamp = "2026-01-31T11:00:00Z".parse().unwrap();
    let message = json_of(&sign(draft().expires_at(expires_at)));
    assert_eq!(
        message["payload"]["context"]["amp"],
        json!({
            "nonce": "BwcHBwcHBwcHBwcHBwcHBw",
            "sent_at": "2026-01-31T10:00:00Z",
            "expires_at": "2026-01-31T11:00:00Z",
        })
    );
    assert_eq!(message["envelope"]["expires_at"], "2026-01-31T11:00:00Z");
    let without = sign(draft().without_freshness());
    assert_eq!(without.payload().freshness(), Ok(None));
    assert_eq!(json_of(&without)["payload"], json!({"type": "request", "message": "Are you there?"}));
}

// rule: FRESH-2
#[cfg(feature = "getrandom")]
#[test]
fn a_nonce_is_used_once() {
    let nonces: std::collections::BTreeSet<[u8; 16]> = (0..100)
        .map(|_| *draft().sign(&alice(), now()).unwrap().payload().freshness().unwrap().unwrap().nonce())
        .collect();
    assert_eq!(nonces.len(), 100);
}

// rule: FRESH-6
#[test]
fn the_name_of_the_block_is_not_the_hosts_to_use() {
    for context in [json!({"amp": 1}), json!({"amp": {"nonce": "mine"}}), json!({"a": 1, "amp": null})] {
        assert_eq!(draft().context(&context).unwrap_err().code(), ErrorCode::InvalidField, "{context}");
    }
    let escaped = draft().context_json(r#"{"\u0061mp":1}"#).unwrap_err();
    assert_eq!(escaped.code(), ErrorCode::InvalidField);
    assert!(draft().context(&json!({"Amp": 1, "inner": {"amp": 1}})).is_ok());
}

// rule: FRESH-7
#[test]
fn a_block_out_of_its_grammar_is_an_error_and_not_absent() {
    let good = json!({"nonce": "AAECAwQFBgcICQoLDA0ODw", "sent_at": "2026-01-31T10:00:00Z"});
    let read = |block: &Value| {
        let payload = json!({"type": "t", "message": "m", "context": {"amp": block}}).to_string();
        Payload::from_json(payload.as_bytes()).unwrap().freshness().map(|block| block.is_some())
    };
    assert_eq!(read(&good), Ok(true));
    let mut bad = vec![json!(1), json!(""), json!([]), json!({}), json!(null)];
    for (member, value) in [
        ("nonce", json!(null)),
        ("nonce", json!("AAECAwQFBgcICQoLDA0OD")),
        ("nonce", json!("AAECAwQFBgcICQoLDA0ODw==")),
        ("nonce", json!("AAECAwQFBgcICQoLDA0O+w")),
        ("nonce", json!([0, 1])),
        ("sent_at", json!("yesterday")),
        ("sent_at", json!(1_769_853_600)),
        ("sent_at", json!(null)),
        ("expires_at", json!("")),
        ("expires_at", json!(false)),
        ("re", json!("AAEC")),
        ("re", json!(0)),
    ] {
        let mut block = good.clone();
        block[member] = value;
        bad.push(block);
    }
    for block in bad {
        assert!(read(&block).is_err(), "{block}");
    }
}

// rule: FRESH-5
#[test]
fn a_message_without_a_block_verifies_like_any_other() {
    let json = sign(draft().without_freshness()).to_json();
    let verified = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
    assert_eq!(verified.expires_at(), Ok(None));
}

// rule: SIGN-7, SIGN-18
#[test]
fn what_is_written_is_rfc_8785_with_addresses_in_normal_form() {
    let context = r#"{"b": 1.50, "a": [1E2, "\u00e9"], "\ud83d\ude00": 1, "\ue000": 2}"#;
    let signed = sign(draft().context_json(context).unwrap());
    assert_eq!(signed.from().as_str(), "alice@acme.crabmail.ai");
    let payload = signed.payload().raw().as_bytes();
    assert!(Canonicalizer::new().is_canonical(payload).unwrap());

    let hash = amp_core::PayloadHash::of(payload, Dialect::Jcs).unwrap().to_base64();
    let string = format!("alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||{hash}");
    let envelope = &json_of(&signed)["envelope"];
    let signature = amp_core::Signature::from_base64(envelope["signature"].as_str().unwrap()).unwrap();
    let key = alice().verifying_key().clone();
    assert_eq!(key.verify(SigningContext::Message, string.as_bytes(), &signature), Ok(()));
}

// rule: SIGN-18
#[test]
fn what_deployed_programs_would_not_read_whole_is_not_signed() {
    for context in [r#"{"n":9007199254740992}"#, r#"{"n":-9007199254740992}"#, r#"{"a":[{"__proto__":1}]}"#] {
        let signed =
            draft().context_json(context).and_then(|draft| draft.sign_with_nonce(&alice(), now(), [0; 16]));
        assert!(signed.is_err(), "{context}");
    }
}
