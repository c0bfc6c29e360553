//! Key fingerprints: what is written, the spellings that are read, and which key bytes were hashed.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{FingerprintError, VerifyingKey, base64, hex};

const PREFIX: &str = "SHA256:";

/// A SHA-256 fingerprint of a public key. Compared in constant time.
///
/// ```
/// use amp_crypto::{Fingerprint, FingerprintForm, Identity};
///
/// let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
/// let stated = Fingerprint::parse(&key.fingerprint().to_string())?;
/// assert_eq!(stated.matches(&key), Some(FingerprintForm::RawKey));
/// # Ok::<(), amp_crypto::FingerprintError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

/// Which bytes of the key a fingerprint is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a key has these two forms, and deployed software hashes either")]
pub enum FingerprintForm {
    /// The raw 32 bytes of an Ed25519 key: what the protocol says and what is written.
    RawKey,
    /// The SPKI DER: what the bash client writes for Ed25519, and the one form of other keys.
    SpkiDer,
}

impl Fingerprint {
    /// The fingerprint that is written for a key: over the raw 32 bytes for Ed25519, over the SPKI DER for others.
    #[must_use]
    pub fn of(key: &VerifyingKey) -> Self {
        key.ed25519_bytes().map_or_else(|| Self::of_spki_der(key), |bytes| Self(Sha256::digest(bytes).into()))
    }

    /// The fingerprint over the SPKI DER, which deployed bash clients write for Ed25519 keys too.
    #[must_use]
    pub fn of_spki_der(key: &VerifyingKey) -> Self {
        Self(Sha256::digest(key.to_spki_der()).into())
    }

    /// SHA-256 over the 32 bytes of a key that is no verifying key.
    pub(crate) fn of_bytes(bytes: &[u8; 32]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads `SHA256:` and base64, padded or not; bare base64; or 64 hex digits, with or without the prefix.
    ///
    /// # Errors
    /// [`FingerprintError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.strip_prefix(PREFIX).unwrap_or(text);
        let digest = match digits.len() {
            64 => hex::decode_32(digits),
            43 | 44 => base64::decode_any(digits, &mut [0; 33]).and_then(|bytes| bytes.try_into().ok()),
            _ => None,
        };
        digest.map(Self).ok_or(FingerprintError)
    }

    /// Whether this is the key's fingerprint, and over which of its forms.
    #[must_use]
    pub fn matches(&self, key: &VerifyingKey) -> Option<FingerprintForm> {
        let raw = key.ed25519_bytes().is_some() && *self == Self::of(key);
        let spki = *self == Self::of_spki_der(key);
        match (raw, spki) {
            (true, _) => Some(FingerprintForm::RawKey),
            (false, true) => Some(FingerprintForm::SpkiDer),
            (false, false) => None,
        }
    }

    /// The digest's 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Writes `SHA256:` and padded base64.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = [0; 44];
        let digits = Base64::encode(&self.0, &mut room).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{digits}")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
