//! What a request is answered (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use amp_envelope::{MessageId, Timestamp};

use super::body::{self, MissingBodies};
use super::number::MessageNumber;
use crate::wire::{
    Answer as _, AnswerParts, CarriedKey, CarriedMessage, Cursor, Pending, PendingMessage, RateStatus,
};

/// The answer to a request.
///
/// ```
/// use amp_core::provider::{MessageNumber, Reply};
/// # use std::collections::HashMap;
/// use amp_core::wire::AnswerParts;
///
/// /// What goes out now; none when the answer comes later.
/// fn finish(reply: Reply, store: &HashMap<MessageNumber, Vec<u8>>) -> Option<AnswerParts> {
///     reply.into_answer(|number| store.get(&number).cloned()).unwrap_or_else(|missing| {
///         eprintln!("{missing}"); // look at the store; the rest of the page goes out
///         Some(missing.into_answer())
///     })
/// }
/// assert!(finish(Reply::Later, &HashMap::new()).is_none());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Here it is.
    Now(AnswerParts),
    /// A page of messages, whose bodies the host adds.
    Messages(MessagesReply),
    /// The answer comes as [`Action::Answer`](super::Action::Answer) with the ticket of the call.
    Later,
}

impl Reply {
    /// The same, with what is left of the limit.
    pub(super) fn with_rate(self, rate: RateStatus) -> Self {
        match self {
            Self::Now(parts) => Self::Now(rate.put_on(parts)),
            Self::Messages(page) => Self::Messages(MessagesReply { rate: Some(rate), ..page }),
            Self::Later => Self::Later,
        }
    }

    /// The answer, with bodies from the host's store. None for [`Reply::Later`].
    ///
    /// # Errors
    /// When a body is missing, or is not the one that was stored: the error holds the answer without these messages, which
    /// goes out all the same.
    pub fn into_answer(
        self,
        mut body_of: impl FnMut(MessageNumber) -> Option<Vec<u8>>,
    ) -> Result<Option<AnswerParts>, MissingBodies> {
        match self {
            Self::Now(parts) => Ok(Some(parts)),
            Self::Messages(page) => page.into_answer(&mut body_of).map(Some),
            Self::Later => Ok(None),
        }
    }
}

/// A page of a relay queue without the messages' bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagesReply {
    pub(super) entries: Vec<PageEntry>,
    pub(super) remaining: u64,
    pub(super) next_cursor: Option<Cursor>,
    pub(super) rate: Option<RateStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PageEntry {
    pub(super) number: MessageNumber,
    pub(super) id: MessageId,
    pub(super) queued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl MessagesReply {
    /// The messages whose bodies are wanted, oldest first.
    #[must_use]
    pub fn messages(&self) -> impl ExactSizeIterator<Item = MessageNumber> {
        self.entries.iter().map(|entry| entry.number)
    }

    /// The answer, made of the bodies that the host keeps.
    ///
    /// # Errors
    /// When a body is missing, or is not the one that was stored: the error holds the answer without these messages, which
    /// goes out all the same.
    pub fn into_answer(
        self,
        body_of: &mut dyn FnMut(MessageNumber) -> Option<Vec<u8>>,
    ) -> Result<AnswerParts, MissingBodies> {
        let (mut messages, mut missing) = (Vec::with_capacity(self.entries.len()), Vec::new());
        for entry in &self.entries {
            let body = body_of(entry.number).unwrap_or_default();
            match body::read(entry.number, &entry.id, &body) {
                Ok((message, key)) => messages.push(pending_message(entry, message, key)),
                Err(_) => missing.push(entry.number),
            }
        }
        let mut pending = Pending::new(messages);
        pending.remaining = Some(self.remaining);
        pending.next_cursor = self.next_cursor;
        let parts = pending.to_parts();
        let parts = match self.rate {
            Some(rate) => rate.put_on(parts),
            None => parts,
        };
        MissingBodies::check(missing, parts)
    }
}

fn pending_message(entry: &PageEntry, message: CarriedMessage, key: Option<CarriedKey>) -> PendingMessage {
    let mut pending = PendingMessage::new(entry.id.clone(), message);
    pending.sender_public_key = key;
    pending.queued_at = Some(entry.queued_at);
    pending.expires_at = Some(entry.expires_at);
    pending
}
