//! The key that messages to an agent are sealed to, as its card states it (cards, sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};

const PREFIX: &str = "x25519:";

/// An X25519 public key: `x25519:` and unpadded base64url of its 32 bytes.
///
/// Points of small order are refused: what is sealed to one, everybody can open.
///
/// ```
/// use amp_core::identity::EncryptionKey;
///
/// let key: EncryptionKey = "x25519:3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08".parse()?;
/// assert_eq!(key.as_bytes()[0], 0xde);
/// assert!("x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse::<EncryptionKey>().is_err());
/// # Ok::<(), amp_core::identity::EncryptionKeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EncryptionKey([u8; 32]);

/// A text or bytes that are no key to seal to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an encryption key is x25519: and unpadded base64url of 32 bytes, not of small order")]
pub struct EncryptionKeyError;

impl EncryptionKey {
    /// Takes the 32 bytes of a key (RFC 7748).
    ///
    /// # Errors
    /// [`EncryptionKeyError`] for a point of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, EncryptionKeyError> {
        if is_of_small_order(&bytes) { Err(EncryptionKeyError) } else { Ok(Self(bytes)) }
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The u coordinates whose order divides the cofactor, on the curve or its twist, and their spellings above the prime.
/// The highest bit is not part of a coordinate.
fn is_of_small_order(bytes: &[u8; 32]) -> bool {
    let mut u = *bytes;
    if let Some(last) = u.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.contains(&u) || LARGE_SPELLINGS.iter().any(|(first, rest)| matches_run(&u, *first, *rest))
}

/// `first`, then 30 times `rest`, then 0x7f.
fn matches_run(u: &[u8; 32], first: u8, rest: u8) -> bool {
    matches!(u, [begin, middle @ .., 0x7f] if *begin == first && middle.iter().all(|byte| *byte == rest))
}

/// p - 1, p (which is 0) and p + 1 (which is 1).
const LARGE_SPELLINGS: [(u8, u8); 3] = [(0xec, 0xff), (0xed, 0xff), (0xee, 0xff)];

const ZERO: [u8; 32] = [0; 32];
const ONE: [u8; 32] = {
    let mut one = [0; 32];
    one[0] = 1;
    one
};
const SMALL_ORDER: [[u8; 32]; 4] = [
    ZERO,
    ONE,
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

impl FromStr for EncryptionKey {
    type Err = EncryptionKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(PREFIX).ok_or(EncryptionKeyError)?;
        let mut room = [0; 33];
        let bytes = Base64UrlUnpadded::decode(digits, &mut room).map_err(|_| EncryptionKeyError)?;
        Self::from_bytes(bytes.try_into().map_err(|_| EncryptionKeyError)?)
    }
}

impl fmt::Display for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", Base64UrlUnpadded::encode_string(&self.0))
    }
}

#[cfg(test)]
mod tests {
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
            assert!(other.parse::<EncryptionKey>().is_err(), "{other}");
        }
    }

    #[test]
    fn points_of_small_order_are_refused_in_every_spelling() {
        let mut points = SMALL_ORDER.to_vec();
        for first in [0xec, 0xed, 0xee] {
            let mut large = [0xff; 32];
            (large[0], large[31]) = (first, 0x7f);
            points.push(large);
        }
        for mut point in points {
            assert!(EncryptionKey::from_bytes(point).is_err());
            point[31] |= 0x80;
            assert!(EncryptionKey::from_bytes(point).is_err());
        }
        let mut base = [0; 32];
        base[0] = 9;
        assert!(EncryptionKey::from_bytes(base).is_ok());
    }
}
