//! The two suites that a message is sealed with, and their identifiers in HPKE (sealed messages, RFC 9180).

use core::{fmt, str::FromStr};

/// What a message is sealed with. Both are HPKE in base mode over DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256; they
/// differ in the cipher.
///
/// ```
/// use amp_crypto::seal::Suite;
///
/// assert_eq!(Suite::default().as_str(), "X25519-HKDF-SHA256-XChaCha20Poly1305");
/// assert_eq!("X25519-HKDF-SHA256-ChaCha20Poly1305".parse(), Ok(Suite::ChaCha20Poly1305));
/// assert_eq!("RSA-OAEP".parse::<Suite>().unwrap_err().code(), "unsupported_suite");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Suite {
    /// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), under an AEAD identifier of this protocol's own, 0x5843.
    #[default]
    XChaCha20Poly1305,
    /// ChaCha20-Poly1305 (RFC 8439): the suite 0x0020, 0x0001, 0x0003 that HPKE libraries have.
    ChaCha20Poly1305,
}

/// A suite that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealing suite is not one that this version knows")]
#[non_exhaustive]
pub struct SuiteError;

impl SuiteError {
    /// The wire code, always `unsupported_suite`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "unsupported_suite"
    }
}

impl Suite {
    /// The suites, in the order of preference.
    pub const ALL: [Self; 2] = [Self::XChaCha20Poly1305, Self::ChaCha20Poly1305];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "X25519-HKDF-SHA256-XChaCha20Poly1305",
            Self::ChaCha20Poly1305 => "X25519-HKDF-SHA256-ChaCha20Poly1305",
        }
    }

    /// The AEAD's identifier, big-endian. 0x5843 ("XC") is not assigned by IANA, whose registry has no range for
    /// private use; a collision in the future would do no harm, since the suite's name is bound as well.
    const fn aead_id(self) -> [u8; 2] {
        match self {
            Self::XChaCha20Poly1305 => *b"XC",
            Self::ChaCha20Poly1305 => [0x00, 0x03],
        }
    }

    /// `suite_id` of the key schedule: `HPKE`, then KEM, KDF and AEAD (RFC 9180, section 5.1).
    pub(super) const fn hpke_id(self) -> [u8; 10] {
        let [high, low] = self.aead_id();
        [b'H', b'P', b'K', b'E', 0x00, 0x20, 0x00, 0x01, high, low]
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Suite {
    type Err = SuiteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|suite| suite.as_str() == text).ok_or(SuiteError)
    }
}
