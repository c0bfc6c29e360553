//! SubjectPublicKeyInfo (RFC 5280, 8410, 5480, 3279): which key a public-key file holds.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

#[cfg(feature = "p256")]
use alloc::vec::Vec;

use crate::{
    KeyError,
    der::{self, Der},
};

/// Everything before the 32 key bytes in the SPKI of an Ed25519 key.
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Everything before the 65 point bytes in the SPKI of a P-256 key.
#[cfg(feature = "p256")]
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

pub(crate) const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The key bits of an SPKI, not yet judged.
#[cfg_attr(not(all(feature = "p256", feature = "rsa")), allow(dead_code))]
pub(crate) enum SubjectKey<'a> {
    /// 32 bytes: RFC 8032's encoding of the point.
    Ed25519(&'a [u8; 32]),
    /// 65 bytes: the uncompressed point.
    P256(&'a [u8; 65]),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
}

/// Reads strict DER of the one encoding that each kind of key has.
pub(crate) fn parse(bytes: &[u8]) -> Result<SubjectKey<'_>, KeyError> {
    let (algorithm, parameters, key) = outline(bytes).ok_or(KeyError::MalformedDer)?;
    match algorithm {
        OID_ED25519 => {
            parameters.end().ok_or(KeyError::MalformedDer)?;
            let key =
                key.try_into().map_err(|_| KeyError::WrongLength { expected: 32, actual: key.len() })?;
            Ok(SubjectKey::Ed25519(key))
        }
        OID_EC => {
            named_curve(parameters)
                .ok_or(KeyError::MalformedDer)?
                .then_some(())
                .ok_or(KeyError::UnknownAlgorithm)?;
            let point: &[u8; 65] =
                key.try_into().map_err(|_| KeyError::WrongLength { expected: 65, actual: key.len() })?;
            if point.first() == Some(&4) { Ok(SubjectKey::P256(point)) } else { Err(KeyError::NonCanonical) }
        }
        OID_RSA => {
            null(parameters).ok_or(KeyError::MalformedDer)?;
            rsa(key).ok_or(KeyError::MalformedDer)
        }
        _ => Err(KeyError::UnknownAlgorithm),
    }
}

fn outline(bytes: &[u8]) -> Option<(&[u8], Der<'_>, &[u8])> {
    let mut outer = Der::new(bytes);
    let mut spki = outer.sequence()?;
    outer.end()?;
    let mut parameters = spki.sequence()?;
    let algorithm = parameters.take(der::OID)?;
    let key = spki.bit_string()?;
    spki.end()?;
    Some((algorithm, parameters, key))
}

/// Whether the curve is P-256; `None` when the parameters are no named curve.
fn named_curve(mut parameters: Der<'_>) -> Option<bool> {
    let curve = parameters.take(der::OID)?;
    parameters.end()?;
    Some(curve == OID_P256)
}

fn null(mut parameters: Der<'_>) -> Option<()> {
    parameters.take(der::NULL)?.is_empty().then_some(())?;
    parameters.end()
}

fn rsa(key: &[u8]) -> Option<SubjectKey<'_>> {
    let mut outer = Der::new(key);
    let mut numbers = outer.sequence()?;
    outer.end()?;
    let modulus = numbers.unsigned()?;
    let exponent = numbers.unsigned()?;
    numbers.end()?;
    Some(SubjectKey::Rsa { modulus, exponent })
}

/// The 44 bytes of an Ed25519 key's SPKI.
pub(crate) fn encode_ed25519(key: &[u8; 32]) -> [u8; 44] {
    let mut out = [0; 44];
    for (to, from) in out.iter_mut().zip(ED25519_PREFIX.iter().chain(key)) {
        *to = *from;
    }
    out
}

/// The 91 bytes of a P-256 key's SPKI.
#[cfg(feature = "p256")]
pub(crate) fn encode_p256(point: &[u8; 65]) -> Vec<u8> {
    P256_PREFIX.iter().chain(point).copied().collect()
}
