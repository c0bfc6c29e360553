//! The bytes of messages, which the host keeps (messages; provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{JsonValue, MessageId, Timestamp};

use super::number::MessageNumber;
use crate::wire::{AnswerParts, CarriedKey, CarriedMessage};

/// A message as the host keeps it: `{"envelope":…,"payload":…,"sender_public_key":…}`, envelope and payload byte for byte
/// as they were accepted. The provider itself keeps none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageBody {
    number: MessageNumber,
    json: String,
}

impl MessageBody {
    pub(super) fn new(
        number: MessageNumber,
        envelope: &str,
        payload: &str,
        key: Option<&CarriedKey>,
    ) -> Self {
        let mut json = [r#"{"envelope":"#, envelope, r#","payload":"#, payload].concat();
        if let Some(key) = key {
            json.push_str(r#","sender_public_key":"#);
            json.push_str(&amp_envelope::write_json(key.as_str()).unwrap_or_default());
        }
        json.push('}');
        Self { number, json }
    }

    /// The number under which the host keeps it.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.number
    }

    /// What the host keeps, and gives back when it is asked for this number.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.json.as_bytes()
    }
}

/// Shows no content.
impl fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageBody({}, {} bytes)", self.number, self.json.len())
    }
}

/// The host has no body under a number, or not the one that was stored there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal_error: the body of message {number} is not what was stored")]
pub struct BodyError {
    number: MessageNumber,
}

impl BodyError {
    pub(super) const fn of(number: MessageNumber) -> Self {
        Self { number }
    }

    /// The message's number.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.number
    }

    /// The protocol's code: `internal_error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "internal_error"
    }
}

/// Bodies of a page are missing in the host's store, or are not those that were stored.
///
/// The page goes out without their messages, which stay in the queue for as long as they would anyway: those behind them
/// are not held up. Somebody should look at the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("internal_error: the bodies of {} messages of a page are not what was stored, the first of them of message {}", .missing.len(), .first)]
pub struct MissingBodies {
    first: MessageNumber,
    missing: Vec<MessageNumber>,
    answer: AnswerParts,
}

impl MissingBodies {
    /// The answer, or what is missing in it.
    pub(super) fn check(missing: Vec<MessageNumber>, answer: AnswerParts) -> Result<AnswerParts, Self> {
        match missing.first().copied() {
            None => Ok(answer),
            Some(first) => Err(Self { first, missing, answer }),
        }
    }

    /// The messages that are not in the answer, oldest first.
    #[must_use]
    pub fn messages(&self) -> &[MessageNumber] {
        &self.missing
    }

    /// The answer without them. It is to be sent.
    #[must_use]
    pub fn into_answer(self) -> AnswerParts {
        self.answer
    }

    /// The protocol's code: `internal_error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "internal_error"
    }
}

/// Takes a stored body apart. It has to be the message's own: what another message said is not handed out as this one.
pub(super) fn read(
    number: MessageNumber,
    id: &MessageId,
    body: &[u8],
) -> Result<(CarriedMessage, Option<CarriedKey>), BodyError> {
    let value = JsonValue::read_carrier(body, HTTP_BODY_MAX_BYTES).map_err(|_| BodyError { number })?;
    let message = CarriedMessage::read(&value).filter(|message| message.id() == Some(id));
    let message = message.ok_or(BodyError { number })?;
    Ok((message, CarriedKey::read(&value)))
}

/// The message, stamped when it was put into the outbox. One that was held before that was written with an earlier stamp,
/// which would be too old when it is let through.
pub(super) fn stamped(message: &CarriedMessage, at: Timestamp) -> Option<CarriedMessage> {
    let text = core::str::from_utf8(message.as_bytes()).ok()?;
    let json = JsonValue::read_carrier(message.as_bytes(), HTTP_BODY_MAX_BYTES).ok()?;
    let stamp = json.get("envelope")?.get("timestamp")?.as_str()?.into_owned();
    let member = |stamp: &str| ["\"timestamp\":\"", stamp, "\""].concat();
    // The provider wrote the envelope's first members: the first such text is its own.
    let text = text.replacen(&member(&stamp), &member(&at.to_string()), 1);
    CarriedMessage::from_json(text.as_bytes())
}
