//! How much is remembered of what was seen, and out of whose share (trust, replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use super::refusal::{Refusal, RefusalReason};

/// How much a [`ReplayMemory`](super::ReplayMemory) holds. What does not fit is refused: nothing that counts is forgotten to make room.
///
/// ```
/// use amp_core::receive::ReplayLimits;
/// let limits = ReplayLimits::default().with_total(1_000_000);
/// assert_eq!((limits.per_sender(), limits.total()), (16_384, 1_000_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayLimits {
    per_sender: usize,
    total: usize,
}

impl Default for ReplayLimits {
    fn default() -> Self {
        Self { per_sender: 16_384, total: 262_144 }
    }
}

impl ReplayLimits {
    /// Most messages that are remembered of one key: 16,384 by default, a message every 37 seconds for a week.
    #[must_use]
    pub const fn per_sender(&self) -> usize {
        self.per_sender
    }

    /// Most messages that are remembered of all keys together: 262,144 by default, about 100 MiB.
    ///
    /// Of senders whose keys nobody confirmed and that are in another tenant, a receiver remembers three quarters of
    /// that at most; of those under one domain an eighth; of those whose keys are only first seen half.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Sets how many messages of one key are remembered.
    #[must_use]
    pub const fn with_per_sender(mut self, messages: usize) -> Self {
        self.per_sender = messages;
        self
    }

    /// Sets how many messages are remembered.
    #[must_use]
    pub const fn with_total(mut self, messages: usize) -> Self {
        self.total = messages;
        self
    }

    /// How many messages of senders under one domain are remembered.
    pub(super) const fn per_domain(&self) -> usize {
        self.total.div_ceil(8)
    }

    /// How many messages are remembered in all before one of a first-seen key is refused.
    pub(super) const fn of_first_seen(&self) -> usize {
        self.total.div_ceil(2)
    }

    /// How many messages are remembered in all before one of a key is refused that no person has confirmed.
    pub(super) const fn of_unconfirmed(&self) -> usize {
        self.total.saturating_sub(self.total / 4)
    }
}

/// Out of which part of the memory a sender's messages are remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Share {
    /// Of all of it: a person confirmed the key, or the sender is in the receiver's own tenant.
    #[default]
    Whole,
    /// Of what is left to the domain, under which keys can be made up.
    Domain { name: Box<str>, is_first_seen: bool },
}

impl Share {
    pub(super) fn domain(&self) -> Option<&str> {
        match self {
            Self::Whole => None,
            Self::Domain { name, .. } => Some(name),
        }
    }
}

pub(super) const SENDER_FULL: Refusal = Refusal::new(
    RefusalReason::SenderQuota,
    "envelope.from",
    "no more messages of this key can be remembered now",
);
pub(super) const DOMAIN_FULL: Refusal = Refusal::new(
    RefusalReason::SenderQuota,
    "envelope.from",
    "no more messages of this domain can be remembered now",
);
pub(super) const SHARE_FULL: Refusal = Refusal::new(
    RefusalReason::MemoryFull,
    "envelope.from",
    "no more messages of strangers can be remembered now",
);
pub(super) const MEMORY_FULL: Refusal =
    Refusal::new(RefusalReason::MemoryFull, "envelope.id", "no more messages can be remembered now");
