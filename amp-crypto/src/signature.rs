//! Signatures as values: base64 in, base64 out, 64 bytes inline.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::{boxed::Box, string::String};
use core::fmt;

use base64ct::{Base64, Encoding};

use crate::{SignatureError, base64};

/// More than an RSA key of 8192 bits signs with.
const MAX_BYTES: usize = 1024;
/// Room for the three bytes more than a signature that base64 text of the same length can hold.
const INLINE_ROOM: usize = 66;
/// Text up to this length fits [`INLINE_ROOM`].
const INLINE_TEXT: usize = 88;
/// The longest padded text of [`MAX_BYTES`].
const MAX_TEXT: usize = 1368;

/// A signature, not yet verified: 64 bytes for Ed25519, up to 1,024 for other algorithms.
///
/// Equality is of the bytes. It says nothing about who signed what, and signatures are malleable under P-256 (from one
/// that verifies, anybody makes another that does): deduplicate by what was signed, never by signature.
///
/// ```
/// use amp_crypto::Signature;
///
/// let text = "KH3jH/twDAi05kBNMUPrXYUzYrY6hjpgbsndIUaGP3M/F/L4Oo07igL6M8oHcDmWKm+Oa7XgA5pX0Kda0Ea6Ag==";
/// let signature = Signature::from_base64(text)?;
/// assert_eq!(signature.as_bytes().len(), 64);
/// assert_eq!(signature.to_base64(), text);
///
/// let url_safe = text.replace('+', "-").replace('/', "_");
/// assert_eq!(Signature::from_base64(url_safe.trim_end_matches('='))?, signature);
/// # Ok::<(), amp_crypto::SignatureError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Signature(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Inline([u8; 64]),
    Long(Box<[u8]>),
}

impl Signature {
    /// Reads base64 in the standard or the URL-safe alphabet, padded or not. Does not allocate for 64 bytes.
    ///
    /// # Errors
    /// [`SignatureError`] for anything else: white space, mixed alphabets, spare bits, more than 1,024 bytes.
    pub fn from_base64(text: &str) -> Result<Self, SignatureError> {
        if text.len() > MAX_TEXT {
            return Err(SignatureError::Length);
        }
        let mut short = [0; INLINE_ROOM];
        let mut long;
        let room = if text.len() <= INLINE_TEXT {
            &mut short[..]
        } else {
            long = [0; MAX_BYTES.saturating_add(2)];
            &mut long[..]
        };
        Self::from_bytes(base64::decode_any(text, room).ok_or(SignatureError::MalformedBase64)?)
    }

    /// Takes the bytes of a signature: 64 for Ed25519, DER or 64 for P-256, the modulus's length for RSA.
    ///
    /// # Errors
    /// [`SignatureError::Length`] when there are none, or more than 1,024.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        match <[u8; 64]>::try_from(bytes) {
            Ok(inline) => Ok(Self(Repr::Inline(inline))),
            Err(_) if (1..=MAX_BYTES).contains(&bytes.len()) => Ok(Self(Repr::Long(bytes.into()))),
            Err(_) => Err(SignatureError::Length),
        }
    }

    pub(crate) fn from_array(bytes: [u8; 64]) -> Self {
        Self(Repr::Inline(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(bytes) => bytes,
            Repr::Long(bytes) => bytes,
        }
    }

    /// The bytes of a signature of 64, which every Ed25519 signature has.
    pub(crate) fn as_array(&self) -> Option<&[u8; 64]> {
        match &self.0 {
            Repr::Inline(bytes) => Some(bytes),
            Repr::Long(_) => None,
        }
    }

    /// Standard base64 with padding: the form that is written.
    #[must_use]
    pub fn to_base64(&self) -> String {
        Base64::encode_string(self.as_bytes())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", self.to_base64())
    }
}

/// How an RSA or P-256 signature relates to the signing string. Ed25519 always signs the string itself.
///
/// The published text says to hash the string and hand the digest to the signer, which can be read in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DigestReading {
    /// The signature is over SHA-256 of the string, as every library makes it.
    #[default]
    Ordinary,
    /// Also a signature over SHA-256 of SHA-256 of the string, made by handing the digest to a signer that hashes.
    /// Never applied to rotation proofs.
    OrDigestAsMessage,
}
