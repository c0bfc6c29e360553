//! The canonical forms of a payload, each with the dialects that write it so (canonical form).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{Dialect, MessageError, PayloadHash, canonicalize};

use super::show::{Listed, Shown};

/// The bytes that are hashed under one or more dialects.
///
/// Dialects that write a payload alike share a form; on a plain payload there is only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalForm {
    pub(super) dialects: Vec<Dialect>,
    pub(super) canonical: Vec<u8>,
    pub(super) hash: PayloadHash,
}

impl CanonicalForm {
    /// The dialects that write the payload so, those that were asked for first.
    #[must_use]
    pub fn dialects(&self) -> &[Dialect] {
        &self.dialects
    }

    /// The bytes that are hashed, all of them: up to 512 KiB, and outside text.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Their hash, as it stands in the signing string.
    #[must_use]
    pub const fn payload_hash(&self) -> &PayloadHash {
        &self.hash
    }
}

/// `(jcs, maestro, 143 bytes): {"context":…`, at most 64 characters of the bytes, escaped.
impl fmt::Display for CanonicalForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A canonical form is UTF-8, as the text that it was made of.
        let text = core::str::from_utf8(&self.canonical).unwrap_or_default();
        write!(f, "({}, {} bytes): {}", Listed(self.dialects.iter()), self.canonical.len(), Shown(text))
    }
}

/// Writes a payload under each of the dialects. Gives the distinct forms, and the dialects that cannot write it.
pub(super) fn write(
    payload: &[u8],
    dialects: &[Dialect],
) -> (Vec<CanonicalForm>, Vec<(Dialect, MessageError)>) {
    let mut forms: Vec<CanonicalForm> = Vec::new();
    let mut refused = Vec::new();
    for &dialect in dialects {
        match canonicalize(payload, dialect) {
            Ok(canonical) => match forms.iter_mut().find(|form| form.canonical == canonical) {
                Some(form) => form.dialects.push(dialect),
                None => {
                    let hash = hash_of(&canonical);
                    forms.push(CanonicalForm { dialects: [dialect].into(), canonical, hash });
                }
            },
            Err(error) => refused.push((dialect, error)),
        }
    }
    (forms, refused)
}

/// SHA-256 of bytes as they are.
pub(super) fn hash_of(bytes: &[u8]) -> PayloadHash {
    use sha2::{Digest, Sha256};
    PayloadHash::from_bytes(Sha256::digest(bytes).into())
}
