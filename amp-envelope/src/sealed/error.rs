//! Why a message was not opened.

use alloc::boxed::Box;

use amp_crypto::Fingerprint;

use crate::error::{ErrorCode, MessageError};
use crate::message::Message;
use crate::verify::Verified;

/// Why a verified message was not opened.
///
/// Two of these may pass by themselves, when a key is found or a newer program reads the message:
/// [`KeyNotHeld`](Self::KeyNotHeld) and [`Unsupported`](Self::Unsupported). The others are final.
///
/// ```
/// use amp_envelope::{ErrorCode, OpeningError};
/// assert_eq!(OpeningError::NotOpened.code(), ErrorCode::NotOpened);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// The message is not sealed.
    #[error("the message is not sealed")]
    NotSealed,
    /// None of the keys held, and valid now, is the one that the message is sealed to.
    #[error("the key {0} is not held")]
    KeyNotHeld(Fingerprint),
    /// Sealed by a version or a suite that this library does not know.
    #[error(transparent)]
    Unsupported(MessageError),
    /// The outer payload or its sender's key is not what sealing needs.
    #[error(transparent)]
    Malformed(MessageError),
    /// It did not open. Whether the ciphertext, the sender, the recipient or a key is another one is not told.
    #[error("what is sealed did not open")]
    NotOpened,
    /// It opened, and what was inside is no payload that may be sealed.
    #[error("inside the sealed payload: {0}")]
    Inner(MessageError),
}

impl OpeningError {
    /// The protocol's code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotSealed => ErrorCode::InvalidField,
            Self::KeyNotHeld(_) | Self::NotOpened => ErrorCode::NotOpened,
            Self::Unsupported(error) | Self::Malformed(error) | Self::Inner(error) => error.code(),
        }
    }

    /// The field at fault, of the outer payload; for [`Inner`](Self::Inner), of the inner one.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotSealed => Some("payload.type"),
            Self::KeyNotHeld(_) => Some("payload.context.sealed.kid"),
            Self::NotOpened => None,
            Self::Unsupported(error) | Self::Malformed(error) | Self::Inner(error) => error.field(),
        }
    }

    /// Sorts what is wrong with an outer payload.
    pub(super) const fn of_outer(error: MessageError) -> Self {
        match error.code() {
            ErrorCode::UnsupportedVersion | ErrorCode::UnsupportedSuite => Self::Unsupported(error),
            _ => Self::Malformed(error),
        }
    }
}

/// A message that was not opened, and why. It is as verified as it was.
///
/// ```
/// use amp_crypto::{Identity, seal::EncryptionKey};
/// use amp_envelope::{Draft, Message, OpeningError, OpeningKeys, Timestamp};
///
/// let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let key = EncryptionKey::of(bob.verifying_key())?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .seal_to(&key)
///     .sign(&alice, now)?;
///
/// let verified = Message::decode(signed.to_json().as_bytes())?.verify(alice.verifying_key())?;
/// let unopened = verified.open(&OpeningKeys::new(), now).unwrap_err();
/// assert_eq!(*unopened.error(), OpeningError::KeyNotHeld(key.id()));
/// assert_eq!(unopened.into_verified().subject(), "Code review");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.0)]
pub struct Unopened(Box<(OpeningError, Verified<Message>)>);

impl Unopened {
    pub(super) fn new(error: OpeningError, verified: Verified<Message>) -> Self {
        Self(Box::new((error, verified)))
    }

    /// Why it was not opened.
    #[must_use]
    pub fn error(&self) -> &OpeningError {
        &self.0.0
    }

    /// The message, verified and closed.
    #[must_use]
    pub fn verified(&self) -> &Verified<Message> {
        &self.0.1
    }

    /// The message, verified and closed.
    #[must_use]
    pub fn into_verified(self) -> Verified<Message> {
        self.0.1
    }

    /// Why it was not opened, and the message.
    #[must_use]
    pub fn into_parts(self) -> (OpeningError, Verified<Message>) {
        *self.0
    }
}
