//! What can go wrong with sealing and opening, and the wire code of each failure.
//!
//! No variant holds text from outside.

/// A message that was not sealed, or not opened.
///
/// ```
/// use amp_crypto::seal::SealError;
///
/// assert_eq!(SealError::NotOpened.code(), "not_opened");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The ciphertext does not open. It does not say whether key, sender, recipient, suite or ciphertext is another.
    #[error("the sealed message does not open")]
    NotOpened,
    /// The ephemeral key is of small order, or not written canonically.
    #[error("the ephemeral key is of small order or not canonical")]
    EphemeralKey,
    /// Mail is sealed by senders with an Ed25519 key.
    #[error("the sender's key is not an Ed25519 key")]
    NotEd25519,
    /// An address is longer than 65,535 bytes.
    #[error("an address is longer than 65535 bytes")]
    AddressLength,
    /// The randomness to seal with is all zeros: a buffer that nobody filled.
    #[error("the randomness to seal with is all zeros")]
    Randomness,
    /// The plaintext is longer than the cipher takes: 256 GiB less 64 bytes.
    #[error("the plaintext is longer than the cipher takes")]
    PlaintextLength,
    /// A shared secret is unpadded base64url of 32 bytes.
    #[error("a shared secret is unpadded base64url of 32 bytes")]
    SharedSecret,
}

impl SealError {
    /// The wire code: `not_opened`, `invalid_key` for a key, `too_large` for a plaintext, else `invalid_field`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOpened => "not_opened",
            Self::EphemeralKey | Self::NotEd25519 => "invalid_key",
            Self::PlaintextLength => "too_large",
            Self::AddressLength | Self::SharedSecret | Self::Randomness => "invalid_field",
        }
    }
}

/// A file that was not sealed, or not opened whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A part of the ciphertext is not what was sealed there under this key, or more follows it.
    #[error("the sealed file does not open")]
    NotOpened,
    /// The ciphertext ended early. What was released so far is genuine, and not the file.
    #[error("the sealed file ended before its last chunk")]
    Incomplete,
    /// The content is longer than the size that was stated.
    #[error("the file is longer than the stated size")]
    TooLong,
    /// The content ended before the size that was stated.
    #[error("the file is shorter than the stated size")]
    TooShort,
    /// The size is above [`MAX_FILE_SIZE`](super::MAX_FILE_SIZE).
    #[error("the file is larger than 2^48 bytes")]
    TooLarge,
    /// A file key is unpadded base64url of 32 bytes, its nonce of 19.
    #[error("a file key is unpadded base64url of 32 bytes, its nonce of 19 bytes")]
    Key,
}

impl FileError {
    /// The wire code: `not_opened`, `too_large` for a size, `invalid_key` for a key, else `invalid_field`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOpened | Self::Incomplete => "not_opened",
            Self::TooLarge => "too_large",
            Self::Key => "invalid_key",
            Self::TooLong | Self::TooShort => "invalid_field",
        }
    }
}
