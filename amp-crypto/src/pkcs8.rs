//! PKCS#8 private keys of Ed25519 (RFC 5958, 8410): version 1 as OpenSSL writes it, version 2 with the public key.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use crate::{
    KeyError,
    der::{self, Der},
    spki::OID_ED25519,
};

/// Everything before the seed in a version 1 file.
const PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const ATTRIBUTES: u8 = 0xa0;
const PUBLIC_KEY: u8 = 0x81;
/// The public key under an explicit tag: not what RFC 5958 says, but what ring wrote for years.
const PUBLIC_KEY_EXPLICIT: u8 = 0xa1;

/// What a private-key file holds, borrowed from its bytes.
pub(crate) struct PrivateKey<'a> {
    pub(crate) seed: &'a [u8; 32],
    /// The public key that the file claims, for the caller to compare.
    pub(crate) public: Option<&'a [u8]>,
}

pub(crate) fn parse(bytes: &[u8]) -> Result<PrivateKey<'_>, KeyError> {
    let mut outer = Der::new(bytes);
    let mut info = outer.sequence().ok_or(KeyError::MalformedDer)?;
    outer.end().ok_or(KeyError::MalformedDer)?;
    let version = info.unsigned().ok_or(KeyError::MalformedDer)?;
    algorithm(&mut info)?;
    let seed = seed(&mut info).ok_or(KeyError::MalformedDer)?;
    let seed = seed.try_into().map_err(|_| KeyError::WrongLength { expected: 32, actual: seed.len() })?;
    let public = trailer(info, version).ok_or(KeyError::MalformedDer)?;
    Ok(PrivateKey { seed, public })
}

fn algorithm(info: &mut Der<'_>) -> Result<(), KeyError> {
    let mut identifier = info.sequence().ok_or(KeyError::MalformedDer)?;
    if identifier.take(der::OID).ok_or(KeyError::MalformedDer)? != OID_ED25519 {
        return Err(KeyError::UnknownAlgorithm);
    }
    identifier.end().ok_or(KeyError::MalformedDer)
}

/// The private key is an octet string inside an octet string.
fn seed<'a>(info: &mut Der<'a>) -> Option<&'a [u8]> {
    let mut inner = Der::new(info.take(der::OCTET_STRING)?);
    let seed = inner.take(der::OCTET_STRING)?;
    inner.end()?;
    Some(seed)
}

/// Attributes are skipped; a public key may stand in version 2 only.
fn trailer<'a>(mut info: Der<'a>, version: &[u8]) -> Option<Option<&'a [u8]>> {
    info.take_if(ATTRIBUTES)?;
    let implicit = info.take_if(PUBLIC_KEY)?;
    let explicit = info.take_if(PUBLIC_KEY_EXPLICIT)?;
    info.end()?;
    match (version, implicit, explicit) {
        ([] | [1], None, None) => Some(None),
        ([1], Some(bits), None) => der::whole_bytes(bits).map(Some),
        ([1], None, Some(value)) => {
            let mut value = Der::new(value);
            let bits = value.bit_string()?;
            value.end()?;
            Some(Some(bits))
        }
        _ => None,
    }
}

/// The 48 bytes of a version 1 file. The caller owns the secrecy of the result.
pub(crate) fn encode(seed: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    out.extend_from_slice(&PREFIX);
    out.extend_from_slice(seed);
    out
}
