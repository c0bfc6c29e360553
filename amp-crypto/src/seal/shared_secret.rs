//! The shared secret of one sealed message (sealed messages, RFC 9180).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{SealError, schedule::Secret};
use crate::SecretText;

/// What opens one message, and no other: the KEM's shared secret. Zeroized on drop.
///
/// A recipient who keeps it reads the message after the decryption key is gone; a sender who keeps it reads what was
/// sent. It is as secret as the message itself.
///
/// ```
/// use amp_crypto::seal::SharedSecret;
///
/// let secret = SharedSecret::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")?;
/// assert_eq!(format!("{secret:?}"), "SharedSecret(..)");
/// assert_eq!(secret.to_base64url().expose(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
/// # Ok::<(), amp_crypto::seal::SealError>(())
/// ```
///
/// ```compile_fail,E0277
/// let secret = amp_crypto::seal::SharedSecret::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
/// println!("{secret}");
/// ```
#[derive(ZeroizeOnDrop)]
pub struct SharedSecret([u8; 32]);

impl SharedSecret {
    pub(super) fn of(bytes: &Secret<32>) -> Self {
        Self(**bytes)
    }

    pub(super) fn to_secret(&self) -> Secret<32> {
        Zeroizing::new(self.0)
    }

    /// Reads the 43 characters of unpadded base64url.
    ///
    /// # Errors
    /// [`SealError::SharedSecret`] for any other text.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut room = Zeroizing::new([0; 33]);
        let bytes =
            Base64UrlUnpadded::decode(text, room.as_mut_slice()).map_err(|_| SealError::SharedSecret)?;
        bytes.try_into().map(Self).map_err(|_| SealError::SharedSecret)
    }

    /// The 43 characters of unpadded base64url.
    #[must_use]
    pub fn to_base64url(&self) -> SecretText {
        base64url(&self.0)
    }
}

/// Unpadded base64url of at most 32 secret bytes.
pub(super) fn base64url(bytes: &[u8]) -> SecretText {
    let mut room = [0; 43];
    let text = Base64UrlUnpadded::encode(bytes, &mut room).map(String::from).unwrap_or_default();
    room.zeroize();
    SecretText::new(text)
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}
