//! Sealed messages for the tests of the receiver, put together by hand where a draft would refuse to.
#![allow(dead_code, unreachable_pub)]

use amp_core::crypto::seal::{Binding, DecryptionKey, EncryptionKey, Suite, seal};
use amp_core::receive::{Context, Via};
use amp_core::{Draft, Identity, OpeningKeys, SignedMessage, Timestamp};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::receive_support::*;

/// What stands in the text of a sealed payload.
pub const PLACEHOLDER: &str = "This message is sealed end to end.";

/// The keys with which Bob opens: that of his signing key.
pub fn bobs_keys() -> OpeningKeys {
    OpeningKeys::new().with_identity(&bob())
}

pub fn to_bob() -> EncryptionKey {
    EncryptionKey::of(bob().verifying_key()).unwrap()
}

/// A draft, sealed for Bob.
pub fn sealed(draft: Draft) -> Draft {
    draft.seal_to(&to_bob()).sealing_randomness([7; 32])
}

/// A sealed message from Alice, signed at noon with a nonce.
pub fn sealed_from_alice(n: u8, text: &str) -> SignedMessage {
    sealed(draft(ALICE, text)).sign_with_nonce(&alice(), noon(), nonce(n)).unwrap()
}

/// Delivered directly to Bob a few seconds after noon.
pub fn with_keys(keys: &OpeningKeys) -> Context<'_> {
    direct().with_opening_keys(keys)
}

/// Read in Bob's store, at this time.
pub fn in_store(now: Timestamp) -> Context<'static> {
    Context::new(now, Via::Store)
}

/// The payload around any plaintext, sealed from Alice's address for Bob under the key of `sender`.
pub fn payload_around(sender: &Identity, plaintext: &str) -> Value {
    let binding = Binding::new(ALICE, BOB, sender.verifying_key()).unwrap();
    let sealed = seal(Suite::default(), &to_bob(), &binding, plaintext.as_bytes(), &[5; 32]).unwrap();
    json!({
        "type": "sealed:v1",
        "message": PLACEHOLDER,
        "context": {"sealed": {
            "suite": sealed.suite().as_str(),
            "kid": sealed.kid().to_string(),
            "epk": Base64UrlUnpadded::encode_string(sealed.epk()),
            "ct": Base64UrlUnpadded::encode_string(sealed.ct()),
        }},
    })
}

/// A message from Alice with this payload.
pub fn by_alice(payload: &Value) -> Vec<u8> {
    signed_payload(&alice(), ALICE, &payload.to_string())
}

/// Another key of Bob's.
pub fn former_key() -> DecryptionKey {
    DecryptionKey::from_bytes(&[88; 32])
}
