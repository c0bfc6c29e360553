//! What verification costs beside the curve: no allocation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{Fingerprint, Identity, Signature, SigningContext, VerifyingKey};

const STRING: &[u8] = include_bytes!("data/openssl/string.txt");

fn allocations<T>(work: impl FnOnce() -> T) -> u64 {
    let mut result = None;
    let measured = allocation_counter::measure(|| result = Some(work()));
    assert!(result.is_some());
    measured.count_total
}

#[test]
fn reading_and_verifying_an_ed25519_signature_allocates_nothing() {
    let identity = Identity::from_seed(&[7; 32]);
    let key = identity.verifying_key();
    let text = identity.sign(SigningContext::Message, STRING).unwrap().to_base64();
    let signature = Signature::from_base64(&text).unwrap();
    assert_eq!(allocations(|| Signature::from_base64(&text).unwrap()), 0);
    assert_eq!(allocations(|| key.verify(SigningContext::Message, STRING, &signature).unwrap()), 0);
    assert_eq!(allocations(|| identity.sign(SigningContext::Message, STRING).unwrap()), 0);
}

#[test]
fn reading_a_raw_key_and_comparing_a_fingerprint_allocates_nothing() {
    let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
    let (hex, base64) = (key.to_hex().unwrap(), key.fingerprint().to_string().replace("SHA256:", ""));
    assert_eq!(allocations(|| VerifyingKey::parse(&hex).unwrap()), 0);
    assert_eq!(allocations(|| Fingerprint::parse(&base64).unwrap() == key.fingerprint()), 0);
}
