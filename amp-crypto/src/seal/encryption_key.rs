//! The X25519 public key that messages are sealed to (sealed messages, cards, RFC 7748).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::{fmt, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{Fingerprint, VerifyingKey};

const PREFIX: &str = "x25519:";

/// An X25519 public key: `x25519:` and unpadded base64url of its 32 bytes.
///
/// Points of small order are refused: what is sealed to one, everybody can open. So are coordinates that are not written
/// in their one canonical way, below the prime 2^255 - 19 and without the highest bit.
///
/// ```
/// use amp_crypto::seal::EncryptionKey;
///
/// let key: EncryptionKey = "x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08".parse()?;
/// assert_eq!(key.as_bytes()[0], 0xde);
/// assert!("x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<EncryptionKey>().is_err());
/// # Ok::<(), amp_crypto::seal::EncryptionKeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncryptionKey([u8; 32]);

/// A text or bytes that are no key to seal to.
///
/// ```
/// use amp_crypto::seal::{EncryptionKey, EncryptionKeyError};
///
/// let error = EncryptionKey::from_bytes([0; 32]).unwrap_err();
/// assert_eq!(error, EncryptionKeyError::SmallOrder);
/// assert_eq!(error.code(), "invalid_key");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionKeyError {
    /// The text is not `x25519:` and unpadded base64url of 32 bytes.
    #[error("an encryption key is x25519: and unpadded base64url of 32 bytes")]
    Form,
    /// The coordinate is the prime or more, or the highest bit is set.
    #[error("the encryption key is not in canonical encoding")]
    NonCanonical,
    /// The point has small order: what is sealed to it, everybody can open.
    #[error("the encryption key is weak: its point has small order")]
    SmallOrder,
    /// Only an Ed25519 key can be mapped to X25519.
    #[error("only an Ed25519 key has an encryption key of its own")]
    NotEd25519,
}

impl EncryptionKeyError {
    /// The wire code, always `invalid_key`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid_key"
    }
}

impl EncryptionKey {
    /// Takes the 32 bytes of a key (RFC 7748).
    ///
    /// # Errors
    /// [`EncryptionKeyError`] for a point of small order or a coordinate that is not canonical.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, EncryptionKeyError> {
        if !is_canonical(&bytes) {
            Err(EncryptionKeyError::NonCanonical)
        } else if SMALL_ORDER.contains(&bytes) {
            Err(EncryptionKeyError::SmallOrder)
        } else {
            Ok(Self(bytes))
        }
    }

    /// The X25519 key of an agent's Ed25519 key, which every agent has without having stated one.
    ///
    /// The map is that of RFC 7748, u = (1 + y) / (1 - y). It forgets the sign of x, which X25519 does not use, so an
    /// Ed25519 key and its negative map to one key: [`Binding`](super::Binding) binds the sender's key itself. See
    /// [`DecryptionKey::of`](super::DecryptionKey::of) for the use of one key for two purposes.
    ///
    /// # Errors
    /// [`EncryptionKeyError::NotEd25519`] for a key of another algorithm.
    pub fn of(key: &VerifyingKey) -> Result<Self, EncryptionKeyError> {
        Self::from_bytes(key.to_x25519().ok_or(EncryptionKeyError::NotEd25519)?)
    }

    /// The public key of a clamped scalar: the base point's multiple by a number that is no multiple of its order.
    pub(super) const fn of_base(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key's id, the `kid` of sealed messages: SHA-256 over the 32 bytes, written `SHA256:` and padded base64.
    #[must_use]
    pub fn id(&self) -> Fingerprint {
        Fingerprint::of_bytes(&self.0)
    }
}

/// u < p, little-endian, and no highest bit.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *high < 0x7f || (*high == 0x7f && (*low < 0xed || middle.iter().any(|byte| *byte != 0xff)))
}

/// The u coordinates whose order divides the cofactor, on the curve or its twist.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
];

impl FromStr for EncryptionKey {
    type Err = EncryptionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(PREFIX).ok_or(EncryptionKeyError::Form)?;
        let mut room = [0; 33];
        let bytes = Base64UrlUnpadded::decode(digits, &mut room).map_err(|_| EncryptionKeyError::Form)?;
        Self::from_bytes(bytes.try_into().map_err(|_| EncryptionKeyError::Form)?)
    }
}

impl fmt::Display for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = [0; 43];
        let digits = Base64UrlUnpadded::encode(&self.0, &mut room).map_err(|_| fmt::Error)?;
        write!(f, "{PREFIX}{digits}")
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        let text = "x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";
        assert_eq!(text.parse::<EncryptionKey>().unwrap().to_string(), text);
        for other in [
            "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "X25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08=",
            "x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK09",
            "x25519:3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08",
            "x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IKw",
            "x25519:",
        ] {
            assert_eq!(other.parse::<EncryptionKey>(), Err(EncryptionKeyError::Form), "{other}");
        }
    }

    #[test]
    fn points_of_small_order_are_refused_in_every_spelling() {
        for mut point in SMALL_ORDER {
            assert_eq!(EncryptionKey::from_bytes(point), Err(EncryptionKeyError::SmallOrder));
            point[31] |= 0x80;
            assert_eq!(EncryptionKey::from_bytes(point), Err(EncryptionKeyError::NonCanonical));
        }
    }

    #[test]
    fn coordinates_from_the_prime_on_are_refused() {
        for low in 0..=0xff {
            let mut u = [0xff; 32];
            (u[0], u[31]) = (low, 0x7f);
            let answer = EncryptionKey::from_bytes(u);
            match low {
                0xed.. => assert_eq!(answer, Err(EncryptionKeyError::NonCanonical)),
                0xec => assert_eq!(answer, Err(EncryptionKeyError::SmallOrder)),
                _ => assert!(answer.is_ok()),
            }
            u[31] = 0xff;
            assert_eq!(EncryptionKey::from_bytes(u), Err(EncryptionKeyError::NonCanonical));
        }
        let mut base = [0; 32];
        base[0] = 9;
        assert!(EncryptionKey::from_bytes(base).is_ok());
        base[31] = 0x80;
        assert_eq!(EncryptionKey::from_bytes(base), Err(EncryptionKeyError::NonCanonical));
    }
}
