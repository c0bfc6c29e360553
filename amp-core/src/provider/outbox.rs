//! Messages that wait to be forwarded to other providers (federation, forwarding).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::string::String;

use amp_address::{Address, Profile, Provider as Domain};
use amp_envelope::{MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use super::effect::AcceptedAs;
use super::number::{AgentNumber, MessageNumber};
use crate::stored;
use crate::wire::DeliveryMethod;

/// A message for another provider, or another host of this one: what is kept of it here. The host keeps its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedForward {
    pub(super) number: MessageNumber,
    pub(super) id: MessageId,
    pub(super) sender: AgentNumber,
    #[serde(with = "stored::address")]
    pub(super) to: Address,
    /// The provider that it goes to.
    pub(super) provider: String,
    /// The host that it goes to, when that is one of this provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    pub(super) queued_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
    pub(super) receipt: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) accepted_as: Option<AcceptedAs>,
}

impl QueuedForward {
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

    /// When it was accepted.
    #[must_use]
    pub const fn queued_at(&self) -> Timestamp {
        self.queued_at
    }

    /// The way that it takes.
    pub(super) const fn method(&self) -> DeliveryMethod {
        if self.host.is_some() { DeliveryMethod::Mesh } else { DeliveryMethod::Relay }
    }

    /// The provider that it goes to.
    pub(super) fn domain(&self) -> Option<Domain> {
        Domain::parse_with(&self.provider, Profile::Deployed).ok()
    }
}

/// Why a message does not wait any more to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ForwardEnd {
    /// The other provider has it, and says that it delivered it.
    Delivered,
    /// The other provider has it, and keeps it for its recipient.
    Accepted,
    /// The other host has it, and holds it for review.
    Held,
    /// The other provider refused it.
    Refused,
    /// The other provider was not found, or did not answer in three attempts.
    Unreachable,
    /// Its time was over.
    Expired,
}

impl ForwardEnd {
    /// Whether nobody has it.
    pub(super) const fn is_given_up(self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable | Self::Expired)
    }

    /// What a sender is told of it by name.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable",
            Self::Expired => "expired",
            Self::Delivered | Self::Accepted | Self::Held | Self::Refused => "forward_refused",
        }
    }
}

/// One message that waits, and how often it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outbound {
    pub(super) forward: QueuedForward,
    pub(super) attempts: u8,
}

/// All that waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outbox {
    entries: BTreeMap<MessageNumber, Outbound>,
    of_sender: BTreeMap<AgentNumber, usize>,
}

impl Outbox {
    pub(super) fn get(&self, message: MessageNumber) -> Option<&Outbound> {
        self.entries.get(&message)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Outbound> {
        self.entries.values()
    }

    /// How many of an agent's messages wait.
    pub(super) fn count_of(&self, sender: AgentNumber) -> usize {
        self.of_sender.get(&sender).copied().unwrap_or_default()
    }

    /// Whether the message was not there before.
    pub(super) fn insert(&mut self, forward: QueuedForward) -> bool {
        let (number, sender) = (forward.number, forward.sender);
        let is_new = self.entries.insert(number, Outbound { forward, attempts: 0 }).is_none();
        if is_new {
            let count = self.of_sender.entry(sender).or_default();
            *count = count.saturating_add(1);
        }
        is_new
    }

    pub(super) fn tried(&mut self, message: MessageNumber, attempts: u8) {
        if let Some(outbound) = self.entries.get_mut(&message) {
            outbound.attempts = attempts;
        }
    }

    pub(super) fn ended(&mut self, message: MessageNumber) -> Option<QueuedForward> {
        let forward = self.entries.remove(&message)?.forward;
        let sender = forward.sender;
        if let Some(count) = self.of_sender.get_mut(&sender) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_sender.remove(&sender);
            }
        }
        Some(forward)
    }
}
