//! RFC 8032, section 7.1.

use ed25519_dalek::{Signer, SigningKey};

use super::{unhex, verifies};
use crate::Identity;

const VECTORS: &str = include_str!("data/rfc8032.txt");

#[test]
fn the_five_vectors_of_rfc_8032_are_signed_and_verified() {
    let mut seen = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<Vec<u8>> = line.split(':').map(unhex).collect();
        let [seed, public, message, signature] = fields.as_slice() else { panic!("{line}") };
        let seed: &[u8; 32] = seed.as_slice().try_into().unwrap();
        let identity = Identity::from_seed(seed);
        assert_eq!(identity.verifying_key().ed25519_bytes().unwrap().as_slice(), public);
        assert!(verifies(identity.verifying_key(), message, signature));
        assert!(!verifies(identity.verifying_key(), b"another message", signature));
        assert_eq!(SigningKey::from_bytes(seed).sign(message).to_bytes().as_slice(), signature);
        seen += 1;
    }
    assert_eq!(seen, 5);
}
