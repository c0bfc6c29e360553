//! Key algorithms by their wire names (`key_algorithm`).

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

/// The algorithm of a key, as `key_algorithm` names it.
///
/// A name is a statement about a key, never a choice of how to verify: that follows from the key alone. Compare a
/// stated name with [`VerifyingKey::check_algorithm`](crate::VerifyingKey::check_algorithm).
///
/// ```
/// use amp_crypto::KeyAlgorithm;
///
/// assert_eq!(KeyAlgorithm::from_wire("ed25519"), KeyAlgorithm::Ed25519);
/// assert_eq!(KeyAlgorithm::from_wire("Dilithium").as_str(), "Dilithium");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8032), which everything here signs with.
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rsa,
    /// A name that this version does not know.
    Other(OtherAlgorithm),
}

/// The name of an algorithm that this version does not know, as received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherAlgorithm(String);

impl KeyAlgorithm {
    /// Reads a wire name, in any case; unknown names are kept.
    #[must_use]
    pub fn from_wire(name: &str) -> Self {
        let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is(&["Ed25519", "EdDSA"]) {
            Self::Ed25519
        } else if is(&["ECDSA", "ECDSA-P256", "ECDSA_P256", "P-256", "ES256"]) {
            Self::EcdsaP256
        } else if is(&["RSA", "RS256"]) {
            Self::Rsa
        } else {
            Self::Other(OtherAlgorithm(name.to_owned()))
        }
    }

    /// The wire name: `Ed25519`, `ECDSA`, `RSA`, or the unknown name as received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256 => "ECDSA",
            Self::Rsa => "RSA",
            Self::Other(name) => &name.0,
        }
    }
}

/// Unknown names are shown escaped, and their first 64 characters only.
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.as_str().chars().take(64) {
            write!(f, "{}", character.escape_default())?;
        }
        Ok(())
    }
}
