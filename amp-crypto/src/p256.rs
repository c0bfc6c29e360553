//! ECDSA on P-256 with SHA-256 (FIPS 186-5): verification.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

use crate::{KeyError, spki};

/// A point on the curve other than infinity, with its one encoding that is read.
#[derive(Clone)]
pub(crate) struct P256Key {
    key: VerifyingKey,
    point: [u8; 65],
}

impl P256Key {
    pub(crate) fn parse(point: &[u8; 65]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::NotAPoint)?;
        Ok(Self { key, point: *point })
    }

    pub(crate) fn to_spki_der(&self) -> Vec<u8> {
        spki::encode_p256(&self.point)
    }

    /// Reads 64 bytes as r and s, anything else as DER; either refuses a zero and anything from the group order up.
    ///
    /// For every signature (r, s) that verifies, (r, n - s) does too. Deployed signers write either half.
    pub(crate) fn verifies(&self, digest: &[u8; 32], signature: &[u8]) -> bool {
        let read = if signature.len() == 64 {
            Signature::from_slice(signature)
        } else {
            Signature::from_der(signature)
        };
        read.is_ok_and(|signature| self.key.verify_prehash(digest, &signature).is_ok())
    }
}
