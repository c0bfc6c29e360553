//! What holds for every key, text and bit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::{
    DidKey, Fingerprint, Identity, MacTag, Signature, SigningContext, VerifyError, VerifyingKey,
};
use proptest::prelude::*;

const STRING: &[u8] = include_bytes!("data/openssl/string.txt");

fn identity() -> impl Strategy<Value = Identity> {
    any::<[u8; 32]>().prop_map(|seed| Identity::from_seed(&seed))
}

proptest! {
    // rule: KEY-1
    #[test]
    fn a_key_survives_every_form_it_is_written_in(identity in identity()) {
        let key = identity.verifying_key();
        let did = key.did().unwrap().to_string();
        for text in [key.to_pem(), key.to_hex().unwrap(), did.clone()] {
            prop_assert_eq!(&VerifyingKey::parse(&text).unwrap(), key);
        }
        prop_assert_eq!(&VerifyingKey::from_spki_der(&key.to_spki_der()).unwrap(), key);
        prop_assert_eq!(DidKey::parse(&did).unwrap().to_string(), did);
        prop_assert_eq!(Fingerprint::parse(&key.fingerprint().to_string()).unwrap(), key.fingerprint());
    }

    // rule: KEY-13
    #[test]
    fn a_private_key_survives_pem_and_der(identity in identity()) {
        let pem = Identity::from_pkcs8_pem(identity.to_pkcs8_pem().expose()).unwrap();
        let der = Identity::from_pkcs8_der(identity.to_pkcs8_der().expose()).unwrap();
        prop_assert_eq!(pem.verifying_key(), identity.verifying_key());
        prop_assert_eq!(der.verifying_key(), identity.verifying_key());
    }

    // rule: KEY-12
    #[test]
    fn a_signature_survives_base64(bytes in prop::collection::vec(any::<u8>(), 1..=1024)) {
        let signature = Signature::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&Signature::from_base64(&signature.to_base64()).unwrap(), &signature);
        prop_assert_eq!(signature.as_bytes(), &bytes[..]);
    }

    #[test]
    fn what_is_read_as_a_key_is_written_in_one_way(bytes in any::<[u8; 32]>()) {
        if let Ok(key) = VerifyingKey::from_ed25519_bytes(&bytes) {
            prop_assert_eq!(key.ed25519_bytes(), Some(&bytes));
        }
    }

    #[test]
    fn no_text_and_no_bytes_make_a_reader_panic(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let lossy = String::from_utf8_lossy(&bytes);
        for text in [&text, lossy.as_ref()] {
            for wrapped in [
                text.to_owned(),
                format!("did:key:z{text}"),
                format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"),
            ] {
                let _ = VerifyingKey::parse(&wrapped);
                let _ = Identity::from_pkcs8_pem(&wrapped.replace("PUBLIC", "PRIVATE"));
            }
            let _ = Signature::from_base64(text);
            let _ = Fingerprint::parse(text);
            let _ = MacTag::from_hex(text);
        }
        let _ = VerifyingKey::from_spki_der(&bytes);
        let _ = Identity::from_pkcs8_der(&bytes);
        for context in SigningContext::ALL {
            let _ = context.accepts(&bytes);
        }
    }

    #[test]
    fn a_changed_byte_of_a_file_never_makes_a_reader_panic(
        identity in identity(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        for der in [identity.verifying_key().to_spki_der(), identity.to_pkcs8_der().expose().to_vec()] {
            let mut changed = der.clone();
            changed[at.index(der.len())] = byte;
            let _ = VerifyingKey::from_spki_der(&changed);
            let _ = Identity::from_pkcs8_der(&changed);
        }
    }

    #[test]
    fn no_signature_bytes_make_verification_panic_or_pass(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        let signature = Signature::from_bytes(&bytes).unwrap();
        for pem in [
            include_str!("data/openssl/ed25519.pub.pem"),
            include_str!("data/openssl/p256.pub.pem"),
            include_str!("data/openssl/rsa2048.pub.pem"),
        ] {
            // Without their features the other two are refused, which other tests show.
            if let Ok(key) = VerifyingKey::parse(pem) {
                prop_assert_eq!(key.verify(SigningContext::Message, STRING, &signature), Err(VerifyError::Invalid));
            }
        }
    }

    // rule: KEY-9
    #[test]
    fn one_changed_bit_of_string_signature_or_key_fails(
        identity in identity(), at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let key = identity.verifying_key();
        let signature = identity.sign(SigningContext::Message, STRING).unwrap();
        prop_assert_eq!(key.verify(SigningContext::Message, STRING, &signature), Ok(()));
        let flip = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            bytes
        };
        prop_assert!(key.verify(SigningContext::Message, &flip(STRING), &signature).is_err());
        let changed = Signature::from_bytes(&flip(signature.as_bytes())).unwrap();
        prop_assert!(key.verify(SigningContext::Message, STRING, &changed).is_err());
        let other: [u8; 32] = flip(key.ed25519_bytes().unwrap()).try_into().unwrap();
        if let Ok(other) = VerifyingKey::from_ed25519_bytes(&other) {
            prop_assert!(other.verify(SigningContext::Message, STRING, &signature).is_err());
        }
    }

    #[test]
    fn a_fingerprint_matches_its_own_key_only(one in identity(), another in identity()) {
        prop_assert!(one.fingerprint().matches(one.verifying_key()).is_some());
        if one.verifying_key() != another.verifying_key() {
            prop_assert!(one.fingerprint().matches(another.verifying_key()).is_none());
        }
    }
}
