//! What has to be made durable: effects, and their stable JSON form (provider API, delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::{AttachmentId, IdempotencyKey, MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use super::agent::{AgentRecord, ApiKeyHash};
use super::attachment::AttachmentRecord;
use super::codec::Sha256Hash;
use super::departed::DepartedAgent;
use super::number::{AgentNumber, MessageNumber};
use super::outbox::{ForwardEnd, QueuedForward};
use crate::federation::{ForwardSeen, LastKnown};
use crate::guards::{RiskCounts, Suspension};
use crate::receive::QuarantineEntry;
use crate::stored::{self, EffectError};

/// The version of the JSON form.
const VERSION: u64 = 1;

/// A change of what a provider remembers.
///
/// The host writes the effects of a decision in one transaction, together with the bodies that the decision stores and
/// releases. A provider that is given all effects again, in that order, remembers the same: see
/// [`ProviderBuilder::restore`](super::ProviderBuilder::restore). An effect that is given twice in a row changes nothing
/// the second time. A log that gives one number to two messages or agents is refused.
///
/// ```
/// use amp_core::provider::Effect;
/// let json = r#"{"v":1,"effect":"agent_removed","agent":7,"at":"2026-01-31T10:00:00Z"}"#;
/// let effect = Effect::from_json(json.as_bytes())?;
/// assert_eq!(effect.to_json(), json);
/// # Ok::<(), amp_core::provider::EffectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// An agent is registered, or its record is this from now on.
    AgentSet {
        /// The record.
        agent: Box<AgentRecord>,
    },
    /// An agent is gone, and its queue with it.
    AgentRemoved {
        /// The agent.
        agent: AgentNumber,
        /// When.
        at: Timestamp,
    },
    /// An owner has this key from now on, and no other.
    OwnerKeySet {
        /// The owner.
        owner: String,
        /// SHA-256 of the key.
        key: ApiKeyHash,
        /// When.
        at: Timestamp,
    },
    /// A message was accepted and waits in its recipient's relay queue.
    Queued {
        /// All about it but its body.
        message: Box<QueuedMessage>,
    },
    /// A message was handed to a socket or a webhook. It stays in the queue.
    HandedOver {
        /// The recipient.
        agent: AgentNumber,
        /// The message.
        message: MessageNumber,
        /// How.
        way: Way,
        /// Whose first answer says so, if it was given under a key.
        answers: Option<AnsweredKey>,
        /// When.
        at: Timestamp,
    },
    /// A message is being posted to a webhook: this many attempts were begun. Stored before the attempt is made.
    Posting {
        /// The recipient.
        agent: AgentNumber,
        /// The message.
        message: MessageNumber,
        /// Attempts that were begun.
        attempts: u8,
        /// When the next one is due; none when there is none.
        due: Option<Timestamp>,
    },
    /// A message left the queue: its body may be deleted.
    Left {
        /// The recipient.
        agent: AgentNumber,
        /// The message.
        message: MessageNumber,
        /// Why.
        how: Departure,
        /// When.
        at: Timestamp,
    },
    /// A recipient said that it read a message.
    Read {
        /// The recipient.
        agent: AgentNumber,
        /// The message's id.
        id: MessageId,
        /// When.
        at: Timestamp,
    },
    /// What a provider remembers of a message that left its queue; part of a snapshot.
    Settled {
        /// The recipient.
        agent: AgentNumber,
        /// The message's id.
        id: MessageId,
        /// The sender, when it is an agent of this provider.
        sender: Option<AgentNumber>,
        /// Why it left.
        how: Departure,
        /// Whether it was read.
        read: bool,
    },
    /// The first answer that was given under an idempotency key; part of a snapshot.
    Accepted {
        /// Whose key it is.
        answer: Box<FirstAnswer>,
    },
    /// A file is announced, or its record is this from now on. It holds the token by which the file can be fetched.
    AttachmentSet {
        /// The record.
        attachment: Box<AttachmentRecord>,
    },
    /// A file is forgotten.
    AttachmentForgotten {
        /// The attachment.
        id: AttachmentId,
    },
    /// What another provider was last known by.
    PeerKnown {
        /// Its endpoint and its key.
        peer: Box<LastKnown>,
    },
    /// What another provider was known by is forgotten: room was needed.
    PeerForgotten {
        /// The provider.
        provider: String,
    },
    /// The messages of a key are refused, whichever provider forwards them.
    PeerKeyRevoked {
        /// The key.
        #[serde(with = "stored::key")]
        key: VerifyingKey,
        /// When.
        at: Timestamp,
    },
    /// A message of another provider's agent was accepted, and answered so.
    ForwardTaken {
        /// What it is known by.
        forward: Box<ForwardSeen>,
    },
    /// A message was accepted for another provider.
    ForwardQueued {
        /// All about it but its body.
        forward: Box<QueuedForward>,
    },
    /// A message is being forwarded: this many attempts were begun. Stored before the attempt is made.
    ForwardTried {
        /// The message.
        message: MessageNumber,
        /// Attempts that were begun.
        attempts: u8,
    },
    /// A message does not wait any more to be forwarded: its body may be deleted.
    ForwardEnded {
        /// The message.
        message: MessageNumber,
        /// Why.
        how: ForwardEnd,
        /// When.
        at: Timestamp,
    },
    /// A message was accepted and is held for review.
    Held {
        /// The message and its entry.
        held: Box<HeldMessage>,
    },
    /// Somebody has decided about a message that was held, or nobody has in time.
    Reviewed {
        /// The entry as it is now.
        entry: Box<QuarantineEntry>,
        /// When.
        at: Timestamp,
    },
    /// What an agent that left is known again by, since something is held against it; part of a snapshot.
    Departed {
        /// The agent.
        agent: Box<DepartedAgent>,
    },
    /// An agent is suspended.
    Suspended {
        /// The record.
        record: Box<Suspension>,
    },
    /// An agent is not suspended any more.
    SuspensionLifted {
        /// The provider's id of the agent.
        agent_id: String,
        /// When.
        at: Timestamp,
    },
    /// What became of an agent's messages within an hour.
    RiskCounted {
        /// The agent.
        agent: AgentNumber,
        /// The hour, by the clock that risks are counted with.
        hour: u64,
        /// What was counted.
        counts: RiskCounts,
        /// When.
        at: Timestamp,
    },
    /// The clock that risks are counted with; part of a snapshot.
    RiskClock {
        /// The latest time that it was set to, in milliseconds since 1970.
        mark: i64,
        /// How many milliseconds it has counted.
        at: u64,
    },
    /// Numbers go on from here: nothing below them is given again.
    NumbersFrom {
        /// The next agent's number.
        agent: u64,
        /// The next message's number.
        message: u64,
    },
}

/// A message in a relay queue: what the provider keeps of it. The host keeps its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    pub(super) number: MessageNumber,
    pub(super) id: MessageId,
    pub(super) agent: AgentNumber,
    /// The sender, when it is an agent of this provider.
    pub(super) sender: Option<AgentNumber>,
    pub(super) queued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// Length of the body that the host keeps.
    pub(super) bytes: u32,
    /// Whether the sender wants to hear of the delivery.
    pub(super) receipt: bool,
    pub(super) accepted_as: Option<AcceptedAs>,
}

/// A message that is held, with its entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldMessage {
    #[serde(with = "stored::address")]
    pub(super) recipient: Address,
    /// None in a snapshot, when the message waits no more.
    pub(super) message: Option<QueuedMessage>,
    /// The message, when it is to be forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) forward: Option<QueuedForward>,
    pub(super) entry: QuarantineEntry,
}

/// The idempotency key of a message, and the digest of what was accepted under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AcceptedAs {
    pub(super) key: IdempotencyKey,
    pub(super) digest: Sha256Hash,
}

/// An agent's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AnsweredKey {
    pub(super) agent: AgentNumber,
    pub(super) key: IdempotencyKey,
}

/// What was answered first under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstAnswer {
    pub(super) agent: AgentNumber,
    pub(super) key: IdempotencyKey,
    pub(super) digest: Sha256Hash,
    pub(super) id: MessageId,
    pub(super) queued_at: Timestamp,
    pub(super) handed_over: Option<(Way, Timestamp)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) given_up: Option<ForwardEnd>,
}

/// How a message was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Way {
    /// It was written to a WebSocket of the recipient.
    Socket,
    /// The recipient's webhook answered 2xx.
    Webhook,
    /// The recipient acknowledged it before anything else was known.
    Acknowledged,
}

/// Why a message left its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Departure {
    /// The recipient acknowledged it.
    Acknowledged,
    /// Its time was over.
    Expired,
    /// The recipient is not registered any more.
    RecipientGone,
}

impl QueuedMessage {
    /// The number under which the host keeps the body.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.number
    }

    /// The message's id.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    /// The recipient.
    #[must_use]
    pub const fn recipient(&self) -> AgentNumber {
        self.agent
    }

    /// When it was accepted.
    #[must_use]
    pub const fn queued_at(&self) -> Timestamp {
        self.queued_at
    }

    /// Until when it waits.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl Effect {
    /// The effect as one line of JSON.
    ///
    /// The line of an agent holds its webhook secret, which the provider needs again; keep it as a secret. API keys stand
    /// in it as SHA-256 alone.
    #[must_use]
    pub fn to_json(&self) -> String {
        stored::write_effect(VERSION, self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// For anything else, and for an effect of a later version: a memory that is restored in part is none.
    pub fn from_json(json: &[u8]) -> Result<Self, EffectError> {
        stored::read_effect(VERSION, json)
    }
}
