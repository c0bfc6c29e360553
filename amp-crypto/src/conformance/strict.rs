//! Verification accepts what ed25519-dalek's `verify_strict` accepts, over every combination of torsion.

use curve25519_dalek::{
    EdwardsPoint, Scalar,
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    traits::IsIdentity,
};
use ed25519_dalek::VerifyingKey as Oracle;
use sha2::{Digest, Sha512};

use super::verifies;
use crate::{KeyError, VerifyingKey};

/// The group order, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn scalar(label: &[u8], number: u32) -> Scalar {
    Scalar::from_bytes_mod_order_wide(
        &Sha512::new().chain_update(label).chain_update(number.to_le_bytes()).finalize().into(),
    )
}

fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(
        &Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize().into(),
    )
}

fn join(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

fn plus_order(s: &[u8; 32]) -> [u8; 32] {
    let mut carry = 0_u16;
    let mut out = [0; 32];
    for ((to, s), l) in out.iter_mut().zip(s).zip(L) {
        carry += u16::from(*s) + u16::from(l);
        *to = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    out
}

/// The encodings of a point: the canonical one, y + p where that fits, and the other sign where x is zero.
fn encodings(point: &EdwardsPoint) -> Vec<[u8; 32]> {
    let canonical = point.compress().to_bytes();
    let mut all = vec![canonical];
    if canonical[0] < 19 && canonical[1..31].iter().all(|byte| *byte == 0) && canonical[31] & 0x7f == 0 {
        let mut shifted = [0xff; 32];
        shifted[0] = canonical[0] + 0xed;
        shifted[31] = 0x7f | (canonical[31] & 0x80);
        all.push(shifted);
    }
    for bytes in all.clone() {
        let mut signed = bytes;
        signed[31] ^= 0x80;
        if curve25519_dalek::edwards::CompressedEdwardsY(signed).decompress() == Some(*point) {
            all.push(signed);
        }
    }
    all
}

#[derive(Default)]
struct Tally {
    cases: u32,
    accepted: u32,
}

impl Tally {
    /// Both answer alike. A key that this crate refuses to parse must be one under which the oracle verifies nothing,
    /// or one in non-canonical encoding.
    fn compare(&mut self, a: &[u8; 32], message: &[u8], signature: &[u8; 64]) {
        let oracle = Oracle::from_bytes(a).is_ok_and(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        });
        let ours = match VerifyingKey::from_ed25519_bytes(a) {
            Ok(key) => verifies(&key, message, signature),
            Err(KeyError::NonCanonical) => oracle,
            Err(_) => false,
        };
        assert_eq!(ours, oracle, "a {a:02x?} message {message:02x?} signature {signature:02x?}");
        self.cases += 1;
        self.accepted += u32::from(ours);
    }
}

// rule: KEY-9
#[test]
fn a12_acceptance_is_that_of_verify_strict_over_all_torsion() {
    let mut tally = Tally::default();
    for round in 0..500 {
        let (secret, nonce) = (scalar(b"a", round), scalar(b"r", round));
        let message = scalar(b"m", round).to_bytes();
        let (clean_a, clean_r) = (ED25519_BASEPOINT_POINT * secret, ED25519_BASEPOINT_POINT * nonce);
        for (i, torsion_a) in EIGHT_TORSION.iter().enumerate() {
            let a = (clean_a + torsion_a).compress().to_bytes();
            for (j, torsion_r) in EIGHT_TORSION.iter().enumerate() {
                let r = (clean_r + torsion_r).compress().to_bytes();
                let s = (nonce + challenge(&r, &a, &message) * secret).to_bytes();
                tally.compare(&a, &message, &join(&r, &s));
                if (i + j) % 8 == usize::try_from(round % 8).unwrap() {
                    tally.compare(&a, &message, &join(&r, &plus_order(&s)));
                    tally.compare(&a, &r, &join(&r, &s));
                    tally.compare(&r, &message, &join(&a, &s));
                }
            }
        }
    }
    // Points of small order as key, as R and as both, in every encoding, with every S that could satisfy the equation.
    for (i, torsion_a) in EIGHT_TORSION.iter().enumerate() {
        for a in encodings(torsion_a) {
            for torsion_r in &EIGHT_TORSION {
                for r in encodings(torsion_r) {
                    for message in 0..24_u8 {
                        let s = if message < 12 { Scalar::ZERO } else { scalar(b"s", u32::from(message)) };
                        tally.compare(&a, &[message], &join(&r, &s.to_bytes()));
                    }
                }
            }
        }
        for round in 0..40 {
            let (secret, nonce) = (scalar(b"a", round), scalar(b"r", round));
            let (clean_a, clean_r) = (ED25519_BASEPOINT_POINT * secret, ED25519_BASEPOINT_POINT * nonce);
            // R of small order under a full key, and a full R under a key of small order.
            for small in encodings(torsion_a) {
                let a = (clean_a + EIGHT_TORSION[(i * 3) % 8]).compress().to_bytes();
                let s = challenge(&small, &a, b"m") * secret;
                tally.compare(&a, b"m", &join(&small, &s.to_bytes()));
                let r = clean_r.compress().to_bytes();
                tally.compare(&small, b"m", &join(&r, &nonce.to_bytes()));
            }
        }
    }
    assert!(tally.cases >= 36_000, "{}", tally.cases);
    // One combination in eight closes the equation: the comparison is not of refusals alone.
    assert!(tally.accepted >= 3_500, "{}", tally.accepted);
}

// rule: KEY-5
#[test]
fn a12_every_encoding_of_a_small_order_point_is_refused_as_a_key() {
    let mut refused = 0;
    for point in &EIGHT_TORSION {
        for bytes in encodings(point) {
            let error = VerifyingKey::from_ed25519_bytes(&bytes).unwrap_err();
            assert!(matches!(error, KeyError::SmallOrder | KeyError::NonCanonical), "{bytes:02x?} {error}");
            refused += 1;
        }
    }
    assert_eq!(refused, 14);
}

// rule: KEY-6
#[test]
fn a12_the_canonical_check_agrees_with_writing_the_point_again() {
    let mut high = 0;
    for low in 0..=255_u8 {
        for sign in [0x7f, 0xff] {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, sign);
            let Some(point) = curve25519_dalek::edwards::CompressedEdwardsY(bytes).decompress() else {
                continue;
            };
            let canonical = point.compress().to_bytes() == bytes;
            let small = (point * Scalar::from(8_u8)).is_identity();
            assert_eq!(
                VerifyingKey::from_ed25519_bytes(&bytes).is_ok(),
                canonical && !small,
                "{low:02x} {sign:02x}"
            );
            high += 1;
        }
    }
    assert!(high > 200, "{high}");
}
