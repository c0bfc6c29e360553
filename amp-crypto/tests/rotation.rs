//! Rotation proofs: what is written, the forms that are read, and what is none of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{ContextError, Identity, RotationForm, Signature, VerifyError, VerifyingKey};

fn old() -> Identity {
    Identity::from_pkcs8_pem(include_str!("data/openssl/ed25519.key.pem")).unwrap()
}

fn new() -> VerifyingKey {
    VerifyingKey::parse(include_str!("data/openssl/ed25519-new.pub.pem")).unwrap()
}

fn recorded(text: &str) -> Signature {
    Signature::from_base64(text).unwrap()
}

// rule: KEY-23
#[test]
fn the_written_proof_is_over_the_hex_form_as_openssl_signs_it() {
    assert_eq!(old().prove_rotation(&new()), Ok(recorded(include_str!("data/openssl/rotation-hex.sig"))));
}

// rule: KEY-24
#[test]
fn proofs_over_hex_pem_and_der_are_read() {
    for (proof, form) in [
        (include_str!("data/openssl/rotation-hex.sig"), RotationForm::Hex),
        (include_str!("data/openssl/rotation-pem.sig"), RotationForm::Pem),
        (include_str!("data/openssl/rotation-pem-trimmed.sig"), RotationForm::Pem),
        (include_str!("data/openssl/rotation-der.sig"), RotationForm::Der),
    ] {
        assert_eq!(old().verifying_key().verify_rotation(&new(), &recorded(proof)), Ok(form));
    }
}

// rule: KEY-24
#[test]
fn a01_a_proof_over_the_raw_key_is_refused() {
    let proof = recorded(include_str!("data/openssl/rotation-raw.sig"));
    assert_eq!(old().verifying_key().verify_rotation(&new(), &proof), Err(VerifyError::Invalid));
}

#[test]
fn a_proof_is_for_one_old_and_one_new_key() {
    let proof = old().prove_rotation(&new()).unwrap();
    let other = Identity::from_seed(&[9; 32]);
    assert_eq!(other.verifying_key().verify_rotation(&new(), &proof), Err(VerifyError::Invalid));
    assert_eq!(
        old().verifying_key().verify_rotation(other.verifying_key(), &proof),
        Err(VerifyError::Invalid)
    );
    assert_eq!(new().verify_rotation(old().verifying_key(), &proof), Err(VerifyError::Invalid));
}

// rule: KEY-25
#[test]
fn a_rotation_to_the_same_key_is_none() {
    let old = old();
    assert_eq!(old.prove_rotation(old.verifying_key()), Err(ContextError::SameKey));
    let proof = old.prove_rotation(&new()).unwrap();
    let error = old.verifying_key().verify_rotation(old.verifying_key(), &proof).unwrap_err();
    assert_eq!((error, error.code()), (VerifyError::SameKey, "invalid_key"));
}

#[cfg(feature = "p256")]
mod p256 {
    use super::*;

    // rule: KEY-26
    #[test]
    fn a01_a_digest_signed_as_a_message_is_no_rotation_proof() {
        let old = VerifyingKey::parse(include_str!("data/openssl/p256.pub.pem")).unwrap();
        for (proof, form) in [
            (include_str!("data/openssl/rotation-hex.p256.sig"), RotationForm::Hex),
            (include_str!("data/openssl/rotation-der.p256.sig"), RotationForm::Der),
        ] {
            assert_eq!(old.verify_rotation(&new(), &recorded(proof)), Ok(form));
        }
        for proof in [
            include_str!("data/openssl/rotation-hex-digest.p256.sig"),
            include_str!("data/openssl/rotation-der-digest.p256.sig"),
        ] {
            assert_eq!(old.verify_rotation(&new(), &recorded(proof)), Err(VerifyError::Invalid));
        }
    }

    // rule: KEY-26
    #[test]
    fn a01_the_wider_digest_reading_does_not_reach_rotation_contexts() {
        use amp_crypto::{DigestReading, SigningContext};

        let old = VerifyingKey::parse(include_str!("data/openssl/p256.pub.pem")).unwrap();
        let proof = recorded(include_str!("data/openssl/rotation-hex-digest.p256.sig"));
        let hex = new().to_hex().unwrap();
        let wide = DigestReading::OrDigestAsMessage;
        let result = old.verify_with(SigningContext::RotationHex, hex.as_bytes(), &proof, wide);
        assert_eq!(result, Err(VerifyError::Invalid));
    }

    #[test]
    fn a_rotation_is_proved_to_an_ed25519_key_only() {
        let p256 = VerifyingKey::parse(include_str!("data/openssl/p256.pub.pem")).unwrap();
        assert_eq!(old().prove_rotation(&p256), Err(ContextError::NotEd25519));
    }
}
