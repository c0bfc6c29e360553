//! What a verified message says: as it travelled, or what was sealed in it (sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_crypto::seal::{EncryptionKey, SharedSecret};
use amp_envelope::{
    Attachment, AttachmentError, Draft, ErrorCode, Message, OpenedMessage, OpeningError, OpeningKeys,
    Payload, Unopened, Verified,
};

use super::authenticate::Proven;
use super::pipeline::Case;
use super::refusal::{Refusal, RefusalReason};
use super::sealing::{REFUSED, REQUIRED};
use super::seen::Handover;
use crate::admission::GrantScope;
use crate::sealing::{Direction, Sealing, Stance, UnopenedReason};

/// What stands in the text of a sealed payload for whoever cannot open it.
pub(super) const PLACEHOLDER: &str = "This message is sealed end to end.";

/// A verified message, opened where it was sealed.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Plain(Verified<Message>),
    Opened(Box<OpenedMessage>),
    /// Sealed, and nothing is here that opens it.
    Unopened(Verified<Message>, UnopenedReason),
}

impl Letter {
    /// The message as it travelled, with the proof of who signed it.
    pub(super) const fn verified(&self) -> &Verified<Message> {
        match self {
            Self::Plain(message) | Self::Unopened(message, _) => message,
            Self::Opened(opened) => opened.verified(),
        }
    }

    /// The same, without what was inside.
    pub(super) fn into_verified(self) -> Verified<Message> {
        match self {
            Self::Plain(message) | Self::Unopened(message, _) => message,
            Self::Opened(opened) => opened.into_verified(),
        }
    }

    /// What it says: the inner payload of an opened message.
    pub(super) fn payload(&self) -> Payload<'_> {
        match self {
            Self::Plain(message) | Self::Unopened(message, _) => message.payload(),
            Self::Opened(opened) => opened.payload(),
        }
    }

    /// The text for the reader: in place of what is not known, words of our own. What a sender puts there in plain would
    /// pass for sealed.
    pub(super) fn text(&self) -> Cow<'_, str> {
        if self.is_unopened() { Cow::Borrowed(PLACEHOLDER) } else { self.payload().text() }
    }

    pub(super) fn attachments(&self) -> Vec<Result<Attachment, AttachmentError>> {
        match self {
            Self::Plain(message) => message.payload().attachments_json().map(Attachment::read).collect(),
            Self::Opened(opened) => opened.attachments().iter().cloned().map(Ok).collect(),
            // Without its key, a ciphertext is no file.
            Self::Unopened(..) => Vec::new(),
        }
    }

    pub(super) fn sealing(&self) -> Sealing {
        match self {
            Self::Plain(_) => Sealing::Plain,
            Self::Opened(opened) => Sealing::Sealed { key_id: *opened.key_id() },
            Self::Unopened(_, reason) => Sealing::Unopened(*reason),
        }
    }

    /// What opens the message again without the key.
    pub(super) fn secret(&self) -> Option<&SharedSecret> {
        match self {
            Self::Opened(opened) => Some(opened.shared_secret()),
            Self::Plain(_) | Self::Unopened(..) => None,
        }
    }

    /// Whether it is open, and the secret that was stored beside it is none or another message's: then nothing shows that it
    /// was open when it came.
    pub(super) fn is_opened_by_another(&self, stored: Option<&SharedSecret>) -> bool {
        let own = self.secret().map(SharedSecret::to_base64url);
        let stored = stored.map(SharedSecret::to_base64url);
        own.is_some_and(|own| stored.is_none_or(|stored| stored.expose() != own.expose()))
    }

    /// Starts an answer, which is sealed when the message was.
    pub(super) fn reply(&self, text: &str) -> Draft {
        match self {
            Self::Plain(message) => message.reply(text),
            Self::Opened(opened) => opened.reply(text),
            Self::Unopened(message, _) => match EncryptionKey::of(message.key()) {
                Ok(key) => message.reply(text).seal_to(&key),
                Err(_) => message.reply(text),
            },
        }
    }

    /// The grant that it needs. Of what is not known no more is asked than of any message: it is asked when it is opened.
    pub(super) fn scope(&self) -> GrantScope {
        match self {
            Self::Plain(_) | Self::Opened(_) => GrantScope::needed_by(&self.payload().message_type()),
            Self::Unopened(..) => GrantScope::Message,
        }
    }

    pub(super) const fn handover(&self) -> Handover {
        if self.is_unopened() { Handover::Unopened } else { Handover::Open }
    }

    pub(super) const fn is_opened(&self) -> bool {
        matches!(self, Self::Opened(_))
    }

    pub(super) const fn is_unopened(&self) -> bool {
        matches!(self, Self::Unopened(..))
    }
}

impl Case<'_> {
    /// Refuses a message that is sealed, or is not, against the host's own rule about its sender.
    pub(super) fn check_sealing(&self, message: &Message) -> Result<(), Refusal> {
        match self.receiver.settings.sealing.stance(&self.from) {
            Stance::Require if !message.payload().is_sealed() => Err(REQUIRED),
            Stance::Refuse if message.payload().is_sealed() => Err(REFUSED),
            Stance::Require | Stance::Prefer | Stance::Refuse => Ok(()),
        }
    }

    /// Opens what is sealed: with the key that it names, or, when that is not held, with the secret that was stored beside it.
    ///
    /// What lacks a key, or a newer program, is left as it is. What does not open with the key that it names, or must not
    /// stand inside, is refused.
    pub(super) fn open(
        &self,
        proven: Proven<Verified<Message>>,
        secret: Option<&SharedSecret>,
    ) -> Result<Proven<Letter>, Refusal> {
        let Proven { message, facts, attestation, pin, flags } = proven;
        let message = if message.payload().is_sealed() {
            self.open_sealed(message, secret)?
        } else {
            Letter::Plain(message)
        };
        Ok(Proven { message, facts, attestation, pin, flags })
    }

    fn open_sealed(
        &self,
        message: Verified<Message>,
        secret: Option<&SharedSecret>,
    ) -> Result<Letter, Refusal> {
        let none = OpeningKeys::new();
        let keys = self.context.opening_keys().unwrap_or(&none);
        let unopened = match message.open(keys, self.now) {
            Ok(opened) => return Ok(Letter::Opened(Box::new(opened))),
            Err(unopened) => unopened,
        };
        // A ciphertext does not commit to its key: what the key that it names does not open, no other secret may.
        match (*unopened.error(), secret) {
            (OpeningError::KeyNotHeld(key_id), Some(secret)) => {
                let opened = unopened.into_verified().open_with_secret(secret);
                Ok(match opened {
                    Ok(opened) => Letter::Opened(Box::new(opened)),
                    // Whoever can write the file can have put any secret there.
                    Err(unopened) => {
                        Letter::Unopened(unopened.into_verified(), UnopenedReason::KeyNotHeld(key_id))
                    }
                })
            }
            _ => left_sealed(unopened),
        }
    }

    /// Whether a letter is open, and not by the key that it names. A hostile sender can have sealed two texts at once: what opens
    /// so may not be what was judged before.
    pub(super) fn is_open_by_its_secret(&self, letter: &Letter) -> bool {
        let Letter::Opened(opened) = letter else { return false };
        self.context.opening_keys().is_none_or(|keys| !keys.holds(opened.key_id(), self.now))
    }

    /// Whether the sender sealed its messages until now: somebody may have talked it, or its mail, out of it.
    pub(super) fn has_sealed_before(&self) -> bool {
        let sealing = self.receiver.memory.sealing_of(&self.from);
        sealing.is_some_and(|sealing| sealing.first(Direction::From).is_some())
    }
}

/// What becomes of a message that is not open.
fn left_sealed(unopened: Unopened) -> Result<Letter, Refusal> {
    let reason = match *unopened.error() {
        OpeningError::KeyNotHeld(key_id) => UnopenedReason::KeyNotHeld(key_id),
        OpeningError::Unsupported(error) if error.code() == ErrorCode::UnsupportedSuite => {
            UnopenedReason::UnsupportedSuite
        }
        OpeningError::Unsupported(_) => UnopenedReason::UnsupportedVersion,
        OpeningError::Malformed(error) | OpeningError::Inner(error) => return Err(Refusal::from(error)),
        _ => return Err(NOT_OPENED),
    };
    Ok(Letter::Unopened(unopened.into_verified(), reason))
}

const NOT_OPENED: Refusal = Refusal::new(
    RefusalReason::Message(ErrorCode::NotOpened),
    "payload.context.sealed",
    "what is sealed opens with the key that it names, in the message for which it was sealed",
);
