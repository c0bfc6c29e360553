//! The digest that an attachment's bytes must have.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;
use core::str::FromStr;

use amp_address::Profile;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest as attachments carry it: `sha256:<64 lowercase hex digits>`.
///
/// ```
/// use amp_envelope::Sha256Digest;
///
/// let digest: Sha256Digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".parse()?;
/// assert!(digest.matches(b"abc"));
/// assert!(!digest.matches(b"abd"));
/// assert!("md5:900150983cd24fb0d6963f7d28e17f72".parse::<Sha256Digest>().is_err());
/// # Ok::<(), amp_envelope::DigestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

/// Why a text is not a [`Sha256Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Another algorithm than SHA-256, or none named.
    #[error("digest names no known algorithm: it begins with sha256:")]
    UnknownAlgorithm,
    /// Not 64 lowercase hex digits.
    #[error("digest is not 64 lowercase hex digits")]
    Malformed,
}

impl Sha256Digest {
    /// The digest of bytes at hand.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest that somebody else computed, 32 bytes, for instance while streaming a file.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a digest under the given profile; [`Profile::Deployed`] takes hex digits of either case.
    ///
    /// # Errors
    /// [`DigestError::UnknownAlgorithm`] when the text begins with anything but `sha256:`, else
    /// [`DigestError::Malformed`].
    pub fn parse_with(text: &str, profile: Profile) -> Result<Self, DigestError> {
        let hex = text.strip_prefix("sha256:").ok_or(DigestError::UnknownAlgorithm)?;
        let either_case = matches!(profile, Profile::Deployed);
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(DigestError::Malformed);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digits = hex_digit(*high, either_case).zip(hex_digit(*low, either_case));
            let (high, low) = digits.ok_or(DigestError::Malformed)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }

    /// Whether bytes at hand have this digest.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.equals(&Self::of(bytes))
    }

    /// Compares in a time that does not depend on where the two differ.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }
}

const fn hex_digit(digit: u8, either_case: bool) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0x0f),
        b'a'..=b'f' => Some((digit & 0x0f).wrapping_add(9)),
        b'A'..=b'F' if either_case => Some((digit & 0x0f).wrapping_add(9)),
        _ => None,
    }
}

impl FromStr for Sha256Digest {
    type Err = DigestError;

    /// Reads under [`Profile::Spec`].
    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::parse_with(text, Profile::Spec)
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
