//! Keys and signatures recorded from OpenSSL 3.0. `tests/interop/openssl.sh` makes new ones, both ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{Fingerprint, Identity, KeyError, Signature, SigningContext, VerifyError, VerifyingKey};

const STRING: &[u8] = include_bytes!("data/openssl/string.txt");
const ED25519: &str = include_str!("data/openssl/ed25519.pub.pem");
const SIGNED_ED25519: &str = include_str!("data/openssl/string.ed25519.sig");

fn verify(key: &VerifyingKey, signature: &str) -> Result<(), VerifyError> {
    key.verify(SigningContext::Message, STRING, &Signature::from_base64(signature).unwrap())
}

// rule: KEY-9, KEY-13
#[test]
fn an_openssl_key_signs_here_as_it_does_there() {
    let identity = Identity::from_pkcs8_pem(include_str!("data/openssl/ed25519.key.pem")).unwrap();
    assert_eq!(identity.verifying_key().to_pem(), ED25519);
    assert_eq!(identity.to_pkcs8_pem().expose(), include_str!("data/openssl/ed25519.key.pem"));
    assert_eq!(identity.sign(SigningContext::Message, STRING).unwrap().to_base64(), SIGNED_ED25519);
    assert_eq!(verify(identity.verifying_key(), SIGNED_ED25519), Ok(()));
}

// rule: KEY-15
#[test]
fn fingerprints_are_the_hashes_that_openssl_computes() {
    let key = VerifyingKey::parse(ED25519).unwrap();
    let expected = |digest: &str| format!("SHA256:{digest}");
    assert_eq!(key.fingerprint().to_string(), expected(include_str!("data/openssl/ed25519.raw-sha256")));
    assert_eq!(
        Fingerprint::of_spki_der(&key).to_string(),
        expected(include_str!("data/openssl/ed25519.spki-sha256"))
    );
}

#[test]
fn an_encrypted_private_key_is_refused_as_such() {
    let error = Identity::from_pkcs8_pem(include_str!("data/openssl/encrypted.key.pem")).unwrap_err();
    assert_eq!(error, KeyError::Encrypted);
}

// rule: KEY-8
#[test]
fn a_curve_outside_the_protocol_is_refused() {
    let error = VerifyingKey::parse(include_str!("data/openssl/p384.pub.pem")).unwrap_err();
    assert_eq!(error, KeyError::UnknownAlgorithm);
}

#[cfg(feature = "p256")]
mod p256 {
    use amp_crypto::{DigestReading, FingerprintForm, KeyAlgorithm};

    use super::*;

    fn key() -> VerifyingKey {
        VerifyingKey::parse(include_str!("data/openssl/p256.pub.pem")).unwrap()
    }

    // rule: KEY-27
    #[test]
    fn a_p256_signature_is_over_the_digest_of_the_string() {
        assert_eq!(key().algorithm(), KeyAlgorithm::EcdsaP256);
        assert_eq!(key().to_pem(), include_str!("data/openssl/p256.pub.pem"));
        assert_eq!((key().to_hex(), key().did()), (None, None));
        assert_eq!(key().fingerprint(), Fingerprint::of_spki_der(&key()));
        assert_eq!(key().fingerprint().matches(&key()), Some(FingerprintForm::SpkiDer));
        assert_eq!(verify(&key(), include_str!("data/openssl/string.p256.sig")), Ok(()));
    }

    // rule: KEY-27
    #[test]
    fn the_digest_as_message_is_read_when_it_is_asked_for() {
        let text = include_str!("data/openssl/string-digest.p256.sig");
        assert_eq!(verify(&key(), text), Err(VerifyError::Invalid));
        let signature = Signature::from_base64(text).unwrap();
        let wide = DigestReading::OrDigestAsMessage;
        assert_eq!(key().verify_with(SigningContext::Message, STRING, &signature, wide), Ok(()));
        let ordinary = Signature::from_base64(include_str!("data/openssl/string.p256.sig")).unwrap();
        assert_eq!(key().verify_with(SigningContext::Message, STRING, &ordinary, wide), Ok(()));
    }

    /// r and s of a DER signature, 32 bytes each.
    fn raw() -> [u8; 64] {
        let signature = Signature::from_base64(include_str!("data/openssl/string.p256.sig")).unwrap();
        let der = signature.as_bytes();
        let (r_length, mut out) = (usize::from(der[3]), [0; 64]);
        let (r, s) = (&der[4..4 + r_length], &der[6 + r_length..]);
        for (half, number) in out.chunks_mut(32).zip([r, s]) {
            let number = number.strip_prefix(&[0]).unwrap_or(number);
            half[32 - number.len()..].copy_from_slice(number);
        }
        out
    }

    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    fn check(bytes: &[u8]) -> Result<(), VerifyError> {
        key().verify(SigningContext::Message, STRING, &Signature::from_bytes(bytes).unwrap())
    }

    // rule: KEY-11
    #[test]
    fn a12_r_and_s_of_zero_or_the_order_are_refused() {
        let good = raw();
        assert_eq!(check(&good), Ok(()));
        for replacement in [[0; 32], ORDER, [0xff; 32]] {
            for half in 0..2 {
                let mut bad = good;
                bad[half * 32..half * 32 + 32].copy_from_slice(&replacement);
                assert_eq!(check(&bad), Err(VerifyError::Invalid));
            }
        }
        assert_eq!(check(&[0; 64]), Err(VerifyError::Invalid));
    }

    /// Two signatures, one statement: whoever deduplicates by signature bytes counts it twice.
    #[test]
    fn a14_the_other_half_of_a_p256_signature_verifies_too() {
        let mut other = raw();
        let mut borrow = 0_i16;
        for (s, n) in other[32..].iter_mut().zip(ORDER).rev() {
            let difference = i16::from(n) - i16::from(*s) - borrow;
            borrow = i16::from(difference < 0);
            *s = u8::try_from(difference & 0xff).unwrap();
        }
        assert_ne!(other, raw());
        assert_eq!(check(&other), Ok(()));
    }

    // rule: KEY-11
    #[test]
    fn a_p256_point_has_one_encoding() {
        let der = key().to_spki_der();
        let mut off_curve = der.clone();
        off_curve[90] ^= 1;
        assert_eq!(VerifyingKey::from_spki_der(&off_curve), Err(KeyError::NotAPoint));
        let mut hybrid = der.clone();
        hybrid[26] = 6 | (der[90] & 1);
        assert_eq!(VerifyingKey::from_spki_der(&hybrid), Err(KeyError::NonCanonical));
        let mut compressed = der[..59].to_vec();
        compressed[26] = 2 | (der[90] & 1);
        (compressed[1], compressed[24]) = (0x39, 0x22);
        assert!(VerifyingKey::from_spki_der(&compressed).is_err());
        let mut infinity = der[..27].to_vec();
        (infinity[1], infinity[24], infinity[26]) = (0x19, 0x02, 0);
        assert!(VerifyingKey::from_spki_der(&infinity).is_err());
    }
}

#[cfg(feature = "rsa")]
mod rsa {
    use amp_crypto::{DigestReading, KeyAlgorithm};

    use super::*;

    fn key() -> VerifyingKey {
        VerifyingKey::parse(include_str!("data/openssl/rsa2048.pub.pem")).unwrap()
    }

    // rule: KEY-27
    #[test]
    fn an_rsa_signature_is_over_the_digest_of_the_string() {
        assert_eq!(key().algorithm(), KeyAlgorithm::Rsa);
        assert_eq!(key().to_pem(), include_str!("data/openssl/rsa2048.pub.pem"));
        assert_eq!(verify(&key(), include_str!("data/openssl/string.rsa2048.sig")), Ok(()));
        let twice = include_str!("data/openssl/string-digest.rsa2048.sig");
        assert_eq!(verify(&key(), twice), Err(VerifyError::Invalid));
        let signature = Signature::from_base64(twice).unwrap();
        let wide = DigestReading::OrDigestAsMessage;
        assert_eq!(key().verify_with(SigningContext::Message, STRING, &signature, wide), Ok(()));
    }

    // rule: KEY-10
    #[test]
    fn a12_weak_rsa_keys_are_refused() {
        let short = VerifyingKey::parse(include_str!("data/openssl/rsa1024.pub.pem"));
        assert_eq!(short, Err(KeyError::WeakModulus { bits: 1024 }));
        let der = key().to_spki_der();
        let changed = |at: usize, byte: u8| {
            let mut der = der.clone();
            der[at] = byte;
            VerifyingKey::from_spki_der(&der)
        };
        let last = der.len() - 1;
        assert_eq!(der[last - 4..], [2, 3, 1, 0, 1]);
        assert_eq!(changed(last, 2), Err(KeyError::WeakExponent));
        let modulus_end = last - 5;
        assert_eq!(changed(modulus_end, 0), Err(KeyError::WeakModulus { bits: 2048 }));
        for exponent in [1_u8, 0, 2] {
            let mut short = der[..last - 4].to_vec();
            short.extend([2, 1, exponent]);
            shrink(&mut short, 2);
            assert_eq!(VerifyingKey::from_spki_der(&short), Err(KeyError::WeakExponent), "e = {exponent}");
        }
        let mut three = der[..last - 4].to_vec();
        three.extend([2, 1, 3]);
        shrink(&mut three, 2);
        assert!(VerifyingKey::from_spki_der(&three).is_ok());
    }

    /// Takes bytes off the three nested lengths: the SPKI, its bit string, the key's sequence.
    fn shrink(der: &mut [u8], by: u16) {
        for at in [2, 21, 26] {
            let length = u16::from_be_bytes([der[at], der[at + 1]]) - by;
            der[at..at + 2].copy_from_slice(&length.to_be_bytes());
        }
    }
}

// rule: KEY-8
#[cfg(all(feature = "p256", feature = "rsa"))]
#[test]
fn a11_the_key_alone_decides_the_algorithm() {
    let keys = [
        VerifyingKey::parse(ED25519).unwrap(),
        VerifyingKey::parse(include_str!("data/openssl/p256.pub.pem")).unwrap(),
        VerifyingKey::parse(include_str!("data/openssl/rsa2048.pub.pem")).unwrap(),
    ];
    let signatures = [
        SIGNED_ED25519,
        include_str!("data/openssl/string.p256.sig"),
        include_str!("data/openssl/string.rsa2048.sig"),
    ];
    for (i, key) in keys.iter().enumerate() {
        for (j, signature) in signatures.iter().enumerate() {
            let expected = if i == j { Ok(()) } else { Err(VerifyError::Invalid) };
            assert_eq!(verify(key, signature), expected, "key {i}, signature {j}");
        }
        for (j, other) in keys.iter().enumerate() {
            assert_eq!(key.check_algorithm(&other.algorithm()).is_ok(), i == j);
            assert_eq!(key == other, i == j);
        }
    }
}
