//! Opening a verified message: the inner payload, with the outer verification still attached to it (sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use amp_crypto::seal::{Binding, EncryptionKey, SealError, SharedSecret, Suite, open, open_with};
use amp_crypto::{Fingerprint, SecretBytes};

use super::error::{OpeningError, Unopened};
use super::inner;
use super::keys::OpeningKeys;
use crate::attachment::Attachment;
use crate::draft::Draft;
use crate::error::{ErrorCode, MessageError};
use crate::json::JsonValue;
use crate::message::Message;
use crate::message_type::MessageType;
use crate::payload::Payload;
use crate::timestamp::Timestamp;
use crate::verify::Verified;

/// A sealed message that was verified and opened: nothing else makes one.
///
/// What was inside is as much the sender's word as what is outside, since the signature covers the ciphertext, and the
/// ciphertext opens in this message alone: sender, recipient and the sender's key are bound to it. It is outside
/// content all the same: whoever shows it to a model scans and wraps it first.
///
/// ```
/// use amp_crypto::{Identity, seal::EncryptionKey};
/// use amp_envelope::{Draft, Message, OpeningKeys, Timestamp};
///
/// let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
///     .seal_to(&EncryptionKey::of(bob.verifying_key())?) // the key that every agent has
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .sign(&alice, now)?;
/// let bytes = signed.to_json();
/// assert!(!bytes.contains("PR 42"));
///
/// let verified = Message::decode(bytes.as_bytes())?.verify(alice.verifying_key())?;
/// let opened = verified.open(&OpeningKeys::new().with_identity(&bob), now)?;
/// assert_eq!(opened.text(), "Can you look at PR 42?");
/// assert_eq!(opened.verified().subject(), "Code review"); // what is outside
/// let answer = opened.reply("On it.").sign(&bob, now)?; // sealed too
/// assert!(answer.payload().sealed()?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A message that was not verified is not opened:
///
/// ```compile_fail,E0599
/// # use amp_envelope::{Message, OpeningKeys};
/// # let now = "2026-01-31T10:00:00Z".parse().unwrap();
/// let message = Message::decode(b"{}").unwrap();
/// let opened = message.open(&OpeningKeys::new(), now);
/// ```
#[derive(Clone)]
pub struct OpenedMessage {
    verified: Verified<Message>,
    contents: Contents,
}

#[derive(Clone)]
struct Contents {
    /// The inner payload and its padding, read once.
    plaintext: Arc<SecretBytes>,
    attachments: Vec<Attachment>,
    suite: Suite,
    key_id: Fingerprint,
    secret: Arc<SharedSecret>,
    sender: EncryptionKey,
}

impl Verified<Message> {
    /// Opens a sealed message with whichever of the keys it is sealed to, if that one is valid at `now`.
    ///
    /// # Errors
    /// [`Unopened`] with the message in it. Nothing of what is inside is in it.
    pub fn open(self, keys: &OpeningKeys, now: Timestamp) -> Result<OpenedMessage, Unopened> {
        self.open_by(&With::Keys(keys, now))
    }

    /// Opens a sealed message with the shared secret that was kept of it: after its key is gone, or as its sender.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_secret(self, secret: &SharedSecret) -> Result<OpenedMessage, Unopened> {
        self.open_by(&With::Secret(secret))
    }

    fn open_by(self, with: &With<'_>) -> Result<OpenedMessage, Unopened> {
        match Contents::of(&self, with) {
            Ok(contents) => Ok(OpenedMessage { verified: self, contents }),
            Err(error) => Err(Unopened::new(error, self)),
        }
    }
}

/// What opens a message.
enum With<'k> {
    Keys(&'k OpeningKeys, Timestamp),
    Secret(&'k SharedSecret),
}

impl Contents {
    fn of(message: &Verified<Message>, with: &With<'_>) -> Result<Self, OpeningError> {
        let outer = message.payload();
        let sealed = outer.sealed().map_err(OpeningError::of_outer)?.ok_or(OpeningError::NotSealed)?;
        let sender = EncryptionKey::of(message.key()).map_err(|_| sender_key())?;
        let (from, to) = (message.from(), message.to());
        let binding = Binding::new(from.as_str(), to.as_str(), message.key()).map_err(|_| sender_key())?;
        let ciphertext = sealed.ciphertext().map_err(not_opened)?;
        let (plaintext, secret) = match with {
            With::Keys(keys, now) => {
                let key = keys.find(sealed.key_id(), *now);
                let key = key.ok_or(OpeningError::KeyNotHeld(*sealed.key_id()))?;
                open(&ciphertext, key, &binding).map_err(not_opened)?.into_parts()
            }
            With::Secret(secret) => {
                let plaintext = open_with(&ciphertext, secret, &binding).map_err(not_opened)?;
                (plaintext, copy_of(secret).map_err(not_opened)?)
            }
        };
        let payload = inner::read(plaintext.expose()).map_err(OpeningError::Inner)?;
        let attachments = inner::attachments(&payload, &outer).map_err(OpeningError::Inner)?;
        let (suite, key_id) = (sealed.suite(), *sealed.key_id());
        Ok(Self {
            plaintext: Arc::new(plaintext),
            attachments,
            suite,
            key_id,
            secret: Arc::new(secret),
            sender,
        })
    }
}

/// Another copy of a secret, which has no `Clone` so that none is made unseen.
pub(crate) fn copy_of(secret: &SharedSecret) -> Result<SharedSecret, SealError> {
    SharedSecret::parse(secret.to_base64url().expose())
}

const fn not_opened(_: SealError) -> OpeningError {
    OpeningError::NotOpened
}

const fn sender_key() -> OpeningError {
    let rule = "sealed mail is from a sender with an Ed25519 key";
    OpeningError::Malformed(MessageError::field_of(ErrorCode::InvalidKey, "envelope.from", rule))
}

impl OpenedMessage {
    /// The message as it travelled, with the proof of who signed it: envelope, placeholder and freshness block.
    #[must_use]
    pub const fn verified(&self) -> &Verified<Message> {
        &self.verified
    }

    /// Gives up what was inside.
    #[must_use]
    pub fn into_verified(self) -> Verified<Message> {
        self.verified
    }

    /// The payload that was inside.
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        Payload::new(JsonValue::new(self.contents.plaintext.expose().trim_ascii()))
    }

    /// The text of the payload that was inside.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.payload().text()
    }

    /// The kind of message that was inside.
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        self.payload().message_type()
    }

    /// The attachments: sealed files, and such by reference.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.contents.attachments
    }

    /// The id of the key that it was sealed to.
    #[must_use]
    pub const fn key_id(&self) -> &Fingerprint {
        &self.contents.key_id
    }

    /// The suite that it was sealed with.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.contents.suite
    }

    /// What opens this one message again; see [`open_with_secret`](Verified::open_with_secret).
    #[must_use]
    pub fn shared_secret(&self) -> &SharedSecret {
        &self.contents.secret
    }

    /// The sender's signing key, mapped: what an answer is sealed to when nothing better is known.
    #[must_use]
    pub const fn sender_key(&self) -> &EncryptionKey {
        &self.contents.sender
    }

    /// Starts an answer, as [`Verified::reply`] does, sealed to the key with which the sender signed.
    ///
    /// [`Draft::seal_to`] chooses another key, such as that of the sender's card.
    pub fn reply(&self, text: &str) -> Draft {
        self.verified.reply(text).seal_to(&self.contents.sender)
    }
}

/// What was inside stays out of logs.
impl fmt::Debug for OpenedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedMessage")
            .field("verified", &self.verified)
            .field("suite", &self.contents.suite)
            .field("key_id", &self.contents.key_id)
            .finish_non_exhaustive()
    }
}
