//! The key that one file is sealed under, and the prefix of its chunks' nonces (sealed attachments).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{FileError, shared_secret::base64url};
#[cfg(feature = "getrandom")]
use crate::RandomnessError;
use crate::SecretText;

/// The key and nonce prefix of one file's content. Zeroized on drop; cannot be cloned or printed.
///
/// One key seals one content. Under the same key two contents would give away their difference, so make a new one for
/// every file and every change of it.
///
/// ```
/// use amp_crypto::seal::FileKey;
///
/// let key = FileKey::from_parts(&[7; 32], &[8; 19]); // `FileKey::generate()` with the feature `getrandom`
/// let received = FileKey::parse(key.key().expose(), key.nonce().expose())?;
/// assert_eq!(format!("{received:?}"), "FileKey(..)");
/// # Ok::<(), amp_crypto::seal::FileError>(())
/// ```
///
/// ```compile_fail,E0599
/// let copy = amp_crypto::seal::FileKey::from_parts(&[7; 32], &[8; 19]).clone();
/// ```
#[derive(ZeroizeOnDrop)]
pub struct FileKey {
    key: [u8; 32],
    prefix: [u8; 19],
}

impl FileKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which current ones never report once they run;
    /// [`try_generate`](Self::try_generate) returns that as an error.
    #[cfg(feature = "getrandom")]
    #[must_use]
    #[expect(clippy::expect_used, reason = "no input leads here, and no key may be made without randomness")]
    pub fn generate() -> Self {
        Self::try_generate().expect("the operating system's randomness")
    }

    /// A new key from the operating system's randomness, or the news that there is none.
    ///
    /// # Errors
    /// [`RandomnessError`] when the operating system has no randomness to give.
    #[cfg(feature = "getrandom")]
    pub fn try_generate() -> Result<Self, RandomnessError> {
        let (mut key, mut prefix) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 19]));
        getrandom::fill(key.as_mut_slice()).map_err(|_| RandomnessError)?;
        getrandom::fill(prefix.as_mut_slice()).map_err(|_| RandomnessError)?;
        Ok(Self::from_parts(&key, &prefix))
    }

    /// The key and the nonce prefix, both from a secure generator.
    #[must_use]
    pub const fn from_parts(key: &[u8; 32], prefix: &[u8; 19]) -> Self {
        Self { key: *key, prefix: *prefix }
    }

    /// Reads both from unpadded base64url, of 43 and 26 characters.
    ///
    /// # Errors
    /// [`FileError::Key`] for any other text.
    pub fn parse(key: &str, nonce: &str) -> Result<Self, FileError> {
        Ok(Self { key: *decode(key)?, prefix: *decode(nonce)? })
    }

    /// The key's 43 characters of unpadded base64url.
    #[must_use]
    pub fn key(&self) -> SecretText {
        base64url(&self.key)
    }

    /// The nonce prefix's 26 characters of unpadded base64url.
    #[must_use]
    pub fn nonce(&self) -> SecretText {
        base64url(&self.prefix)
    }

    pub(super) const fn key_bytes(&self) -> &[u8; 32] {
        &self.key
    }

    pub(super) const fn prefix(&self) -> &[u8; 19] {
        &self.prefix
    }
}

fn decode<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, FileError> {
    let mut room = Zeroizing::new([0; 33]);
    let bytes = Base64UrlUnpadded::decode(text, room.as_mut_slice()).map_err(|_| FileError::Key)?;
    bytes.try_into().map(Zeroizing::new).map_err(|_| FileError::Key)
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}
