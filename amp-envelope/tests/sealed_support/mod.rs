//! What the tests of sealed mail have in common: two agents, and messages put together by hand.
#![allow(dead_code, clippy::unwrap_used, missing_docs, unreachable_pub)]

use amp_address::Address;
use amp_crypto::seal::{Binding, DecryptionKey, EncryptionKey, Sealed, Suite, seal};
use amp_crypto::{Fingerprint, Identity, SigningContext, VerifyingKey};
use amp_envelope::{
    Dialect, Draft, Message, OpenedMessage, OpeningError, OpeningKeys, PayloadHash, SignedMessage, Timestamp,
    Verified,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

pub const ALICE: &str = "alice@acme.crabmail.ai";
pub const BOB: &str = "bob@acme.crabmail.ai";
pub const TEXT: &str = "Meet me at the old pier.";

pub fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

pub fn bob() -> Identity {
    Identity::from_seed(&[2; 32])
}

pub fn to_bob() -> EncryptionKey {
    EncryptionKey::of(bob().verifying_key()).unwrap()
}

pub fn bobs_keys() -> OpeningKeys {
    OpeningKeys::new().with_identity(&bob())
}

pub fn now() -> Timestamp {
    "2026-01-31T10:00:00Z".parse().unwrap()
}

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// From alice to bob, sealed.
pub fn draft(text: &str) -> Draft {
    let draft = Draft::request(address(BOB), "Harbour", text).from(&address(ALICE)).seal_to(&to_bob());
    // Without the operating system's randomness, the caller's.
    #[cfg(not(feature = "getrandom"))]
    let draft = draft.sealing_randomness([4; 32]);
    draft
}

pub fn sign(draft: Draft) -> SignedMessage {
    draft.sign_with_nonce(&alice(), now(), [9; 16]).unwrap()
}

pub fn verify(json: &str, key: &VerifyingKey) -> Verified<Message> {
    Message::decode(json.as_bytes()).unwrap().verify(key).unwrap()
}

pub fn received(signed: &SignedMessage) -> Verified<Message> {
    verify(&signed.to_json(), alice().verifying_key())
}

pub fn open(signed: &SignedMessage) -> OpenedMessage {
    received(signed).open(&bobs_keys(), now()).unwrap()
}

pub fn error_of(message: Verified<Message>) -> OpeningError {
    *message.open(&bobs_keys(), now()).unwrap_err().error()
}

/// A message whose payload is written and signed by hand, its addresses spelled as they are given.
pub fn message_by_hand(from: &str, to: &str, sender: &Identity, payload: &Value) -> Verified<Message> {
    let payload = payload.to_string();
    let hash = PayloadHash::of(payload.as_bytes(), Dialect::Jcs).unwrap().to_base64();
    let string = format!("{from}|{to}|Harbour|normal||{hash}");
    let signature = sender.sign(SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    let json = format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1769853600_00112233445566aa","from":"{from}","to":"{to}",
        "subject":"Harbour","priority":"normal","timestamp":"2026-01-31T10:00:00Z","signature":"{signature}",
        "thread_id":"msg_1769853600_00112233445566aa"}},"payload":{payload}}}"#
    );
    verify(&json, sender.verifying_key())
}

/// Seals any plaintext from alice to bob, without a draft's checks.
pub fn seal_by_hand(plaintext: &[u8], suite: Suite) -> Sealed {
    let binding = Binding::new(ALICE, BOB, alice().verifying_key()).unwrap();
    seal(suite, &to_bob(), &binding, plaintext, &[5; 32]).unwrap()
}

pub fn outer_payload(sealed: &Sealed) -> Value {
    json!({
        "type": "sealed:v1",
        "message": "This message is sealed end to end.",
        "context": {"sealed": {
            "suite": sealed.suite().as_str(),
            "kid": sealed.kid().to_string(),
            "epk": base64url(sealed.epk()),
            "ct": base64url(sealed.ct()),
        }},
    })
}

/// A message from alice to bob around any plaintext.
pub fn around(plaintext: &str) -> Verified<Message> {
    around_with(plaintext, json!([]))
}

pub fn around_with(plaintext: &str, attachments: Value) -> Verified<Message> {
    let mut payload = outer_payload(&seal_by_hand(plaintext.as_bytes(), Suite::default()));
    if attachments.as_array().is_some_and(|objects| !objects.is_empty()) {
        payload["attachments"] = attachments;
    }
    message_by_hand(ALICE, BOB, &alice(), &payload)
}

/// A message from alice to bob with another `context.sealed` than was sealed.
pub fn with_member(name: &str, value: Value) -> Verified<Message> {
    let mut payload = outer_payload(&seal_by_hand(br#"{"type":"request","message":"m"}"#, Suite::default()));
    payload["context"]["sealed"][name] = value;
    message_by_hand(ALICE, BOB, &alice(), &payload)
}

pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub fn bytes_of(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

pub fn another_key() -> (DecryptionKey, Fingerprint) {
    let key = DecryptionKey::from_bytes(&[77; 32]);
    let id = key.encryption_key().id();
    (key, id)
}
