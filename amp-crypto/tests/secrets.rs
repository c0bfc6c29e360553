//! Secrets cannot be shown, and do not stay in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{Identity, SecretBytes, SecretText, Signature, hmac_sha256};
use zeroize::ZeroizeOnDrop;

const fn wiped_on_drop<T: ZeroizeOnDrop>() {}

// rule: KEY-14
const _: () = {
    wiped_on_drop::<Identity>();
    wiped_on_drop::<SecretText>();
    wiped_on_drop::<SecretBytes>();
};

// rule: KEY-14
#[test]
fn debug_of_secrets_shows_the_fingerprint_or_nothing() {
    let identity = Identity::from_seed(&[7; 32]);
    assert_eq!(format!("{identity:?}"), "Identity(SHA256:/oEsEvOrTOasXbaaw1L5BssbEe9D+zPiUu9/9VImOIk=)");
    assert_eq!(format!("{identity:#?}"), format!("{identity:?}"));
    assert_eq!(format!("{:?}", identity.to_pkcs8_pem()), "SecretText(..)");
    assert_eq!(format!("{:?}", identity.to_pkcs8_der()), "SecretBytes(..)");
    assert_eq!(format!("{:?}", hmac_sha256(b"secret", &[b"body"])), "MacTag(..)");
}

#[test]
fn debug_of_public_values_is_one_line_without_internals() {
    let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
    assert_eq!(format!("{key:?}"), "VerifyingKey(SHA256:/oEsEvOrTOasXbaaw1L5BssbEe9D+zPiUu9/9VImOIk=)");
    assert_eq!(
        format!("{:?}", key.fingerprint()),
        "Fingerprint(SHA256:/oEsEvOrTOasXbaaw1L5BssbEe9D+zPiUu9/9VImOIk=)"
    );
    assert!(format!("{:?}", key.did().unwrap()).starts_with("DidKey(did:key:z6Mk"));
    assert_eq!(format!("{:?}", Signature::from_bytes(&[1]).unwrap()), "Signature(AQ==)");
}

#[test]
fn no_error_repeats_what_it_was_given() {
    let secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n");
    let error = Identity::from_pkcs8_pem(&pem).unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains("c2V") && !shown.contains("secret"), "{shown}");
    }
}
