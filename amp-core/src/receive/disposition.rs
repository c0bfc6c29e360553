//! What becomes of a message: decided, then stored by the host, then committed (trust, replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{Message, StoredMessage, Verified};

use super::effects::Effect;
use super::quarantine::QuarantineEntry;
use super::received::{Received, UntrustedMessage};
use super::receiver::{Live, Receiver};
use super::refusal::Refusal;
use super::seen::FirstOutcome;

/// What became of a message.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Disposition {
    /// It is accepted.
    Deliver(Box<Received>),
    /// Nothing vouches for it, and the host wants to see such messages:
    /// [`ReceiverBuilder::show_untrusted`](super::ReceiverBuilder::show_untrusted).
    Untrusted(Box<UntrustedMessage>),
    /// It is held until a person has decided.
    Quarantine(Box<QuarantineEntry>),
    /// It is refused.
    Reject(Refusal),
    /// It came before, and this became of it: say so again, and do nothing else. Where a code is to be answered, it is
    /// `duplicate_message`.
    Duplicate(FirstOutcome),
}

/// A message that is decided upon and not yet accepted.
///
/// Nothing has changed so far. The host puts [`effects`](Self::effects) and what is [`stored`](Self::stored) or
/// [`held`](Self::held) into one transaction of its database; once that holds, [`commit`](Self::commit) lets the receiver remember the effects and
/// hands the message out. If it fails, the reception is dropped, and the sender's next attempt finds everything as it
/// was.
///
/// ```
/// use amp_core::receive::{Context, Disposition, Receiver, SenderKey, Via};
/// # use amp_core::prelude::*;
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// # let (bytes, key) = (signed.to_json(), alice.verifying_key().clone());
/// let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
/// let context = Context::new("2026-01-31T10:00:05Z".parse()?, Via::Direct).with_key(SenderKey::resolved(key));
///
/// drop(receiver.receive(bytes.as_bytes(), &context)); // the database was not there
/// assert!(receiver.memory().replay().is_empty());
///
/// let reception = receiver.receive(bytes.as_bytes(), &context);
/// let rows: Vec<String> = reception.effects().iter().map(|effect| effect.to_json()).collect();
/// assert!(reception.stored().is_some() && !rows.is_empty()); // ... one transaction ...
/// assert!(matches!(reception.commit(), Disposition::Deliver(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is remembered, and nothing handed out, until the reception is committed"]
pub struct Reception<'r> {
    receiver: &'r mut Receiver,
    decision: Decision,
}

/// A decision, and what follows from it.
pub(super) struct Decision {
    pub(super) outcome: Outcome,
    pub(super) effects: Vec<Effect>,
    /// What changes in memory alone.
    pub(super) live: Option<Live>,
}

pub(super) enum Outcome {
    Deliver(Box<Received>),
    Untrusted(Box<UntrustedMessage>),
    Quarantine(Box<Held>),
    Reject(Refusal),
    Duplicate(FirstOutcome),
}

/// A message that is held, and its entry.
pub(super) struct Held {
    pub(super) entry: QuarantineEntry,
    pub(super) message: Verified<Message>,
}

impl<'r> Reception<'r> {
    pub(super) const fn new(receiver: &'r mut Receiver, decision: Decision) -> Self {
        Self { receiver, decision }
    }

    /// What must be made durable together with the message, in this order.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.decision.effects
    }

    /// What is to be stored among the recipient's messages: the one that is delivered or shown, with the receiver's
    /// findings. None for one that is held, is refused or came before.
    #[must_use]
    pub fn stored(&self) -> Option<StoredMessage> {
        match &self.decision.outcome {
            Outcome::Deliver(received) => Some(received.stored()),
            Outcome::Untrusted(message) => Some(message.stored()),
            Outcome::Quarantine(_) | Outcome::Reject(_) | Outcome::Duplicate(_) => None,
        }
    }

    /// What is to be stored apart from the recipient's messages, until a person has decided: the entry, and the message
    /// that it is about. Whoever approves it hands the message's bytes to [`Receiver::release`].
    #[must_use]
    pub const fn held(&self) -> Option<(&QuarantineEntry, &Verified<Message>)> {
        match &self.decision.outcome {
            Outcome::Quarantine(held) => Some((&held.entry, &held.message)),
            _ => None,
        }
    }

    /// Remembers the effects and hands out what became of the message.
    #[must_use]
    pub fn commit(self) -> Disposition {
        let Decision { outcome, effects, live } = self.decision;
        self.receiver.remember(&effects, live);
        match outcome {
            Outcome::Deliver(received) => Disposition::Deliver(received),
            Outcome::Untrusted(message) => Disposition::Untrusted(message),
            Outcome::Quarantine(held) => Disposition::Quarantine(Box::new(held.entry)),
            Outcome::Reject(refusal) => Disposition::Reject(refusal),
            Outcome::Duplicate(first) => Disposition::Duplicate(first),
        }
    }
}

impl fmt::Debug for Reception<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match &self.decision.outcome {
            Outcome::Deliver(_) => "deliver",
            Outcome::Untrusted(_) => "untrusted",
            Outcome::Quarantine(_) => "quarantine",
            Outcome::Reject(_) => "reject",
            Outcome::Duplicate(_) => "duplicate",
        };
        f.debug_struct("Reception").field("outcome", &outcome).finish_non_exhaustive()
    }
}

/// A change of what a receiver remembers that the host asked for, and that is not yet committed.
///
/// As with a [`Reception`], the effects are stored first.
#[must_use = "nothing is remembered until the change is committed"]
pub struct Change<'r> {
    receiver: &'r mut Receiver,
    effects: Vec<Effect>,
}

impl<'r> Change<'r> {
    pub(super) const fn new(receiver: &'r mut Receiver, effects: Vec<Effect>) -> Self {
        Self { receiver, effects }
    }

    /// What must be made durable, in this order. Nothing when nothing changes.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Remembers the change.
    pub fn commit(self) {
        self.receiver.remember(&self.effects, None);
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("effects", &self.effects).finish_non_exhaustive()
    }
}
