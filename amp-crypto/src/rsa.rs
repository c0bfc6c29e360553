//! RSA PKCS#1 v1.5 with SHA-256 (RFC 8017): verification.
//!
//! No private key enters this crate, so RUSTSEC-2023-0071 (timing of private-key operations) has nothing to act on.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};

use crate::KeyError;

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;
/// The DER of DigestInfo up to the digest, for SHA-256 (RFC 8017, section 9.2).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

#[derive(Clone)]
pub(crate) struct RsaKey(Box<Parts>);

#[derive(Clone)]
struct Parts {
    key: RsaPublicKey,
    spki_der: Box<[u8]>,
}

impl RsaKey {
    /// Takes modulus and exponent without leading zeros, and the strict DER that they came in.
    pub(crate) fn parse(modulus: &[u8], exponent: &[u8], spki_der: &[u8]) -> Result<Self, KeyError> {
        let bits = bit_length(modulus);
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !(MIN_BITS..=MAX_BITS).contains(&bits) || !odd(modulus) {
            return Err(KeyError::WeakModulus { bits });
        }
        // 3 to 2^33 - 1: what the library verifies with, and more than anybody uses.
        if !(2..=33).contains(&bit_length(exponent)) || !odd(exponent) {
            return Err(KeyError::WeakExponent);
        }
        let number = BoxedUint::from_be_slice_vartime;
        let key = RsaPublicKey::new_with_size_limits(number(modulus), number(exponent), MIN_BITS..=MAX_BITS)
            .map_err(|_| KeyError::WeakModulus { bits })?;
        Ok(Self(Box::new(Parts { key, spki_der: spki_der.into() })))
    }

    pub(crate) fn spki_der(&self) -> &[u8] {
        &self.0.spki_der
    }

    pub(crate) fn verifies(&self, digest: &[u8; 32], signature: &[u8]) -> bool {
        let scheme = Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: SHA256_PREFIX.into() };
        self.0.key.verify(scheme, digest, signature).is_ok()
    }
}

fn bit_length(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    let bits = number.len().saturating_mul(8);
    bits.saturating_sub(usize::try_from(leading).unwrap_or(bits))
}
