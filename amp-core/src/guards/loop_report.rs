//! What the loop guard says, and why (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use amp_envelope::Timestamp;

/// What speaks for a loop in a single message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LoopSign {
    /// It says something new. This speaks against a loop.
    Novel,
    /// It repeats a short text, in an order that could be anything: a move in a game, a yes or no.
    Short,
    /// It repeats a short text in a fixed order.
    Periodic,
    /// It repeats an earlier message, but for quotations, `Re:`, times and white space.
    Copy,
    /// It thanks, greets or acknowledges, and nothing else.
    Courtesy,
    /// It repeats an earlier message, with another number in its place.
    Counter,
    /// It repeats an earlier message, with a reference of its own in its place.
    Reference,
    /// It puts words together that were all said before.
    Reworded,
    /// It is sealed: whether it says anything new, cannot be told.
    Sealed,
}

/// Why a conversation is taken for a loop: numbers only, none of its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopReport {
    pub(super) score: u16,
    pub(super) damping: u16,
    pub(super) turns: u16,
    pub(super) burst: u16,
    pub(super) last: Option<LoopSign>,
}

impl LoopReport {
    /// What speaks for a loop, and can stop it: 100 does.
    #[must_use]
    pub const fn score(&self) -> u16 {
        self.score
    }

    /// What speaks for a loop in all. It can delay a message, at 60, and stops nothing.
    #[must_use]
    pub const fn damping(&self) -> u16 {
        self.damping
    }

    /// How many messages, each in answer to the one before, have said nothing new.
    #[must_use]
    pub const fn turns(&self) -> u16 {
        self.turns
    }

    /// How many messages the sender has sent within a minute without an answer, that repeat each other.
    #[must_use]
    pub const fn burst(&self) -> u16 {
        self.burst
    }

    /// What speaks for a loop in the last message.
    #[must_use]
    pub const fn last(&self) -> Option<LoopSign> {
        self.last
    }
}

impl fmt::Display for LoopReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { score, damping, turns, burst, .. } = self;
        write!(f, "{turns} turns without anything new, score {score}, damping {damping}")?;
        if *burst > 1 { write!(f, ", {burst} alike within a minute") } else { Ok(()) }
    }
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoopVerdict {
    /// Let it pass.
    Pass,
    /// Let it pass, with a warning to its sender.
    Warn(LoopReport),
    /// Let it pass, but not before a time.
    Delay {
        /// The time.
        until: Timestamp,
        /// Why.
        report: LoopReport,
    },
    /// Do not let it pass. What says something new still does.
    Stop {
        /// When the guard lets go by itself.
        until: Timestamp,
        /// Why.
        report: LoopReport,
    },
}

impl LoopVerdict {
    /// Why, unless the message just passes.
    #[must_use]
    pub const fn report(&self) -> Option<&LoopReport> {
        match self {
            Self::Pass => None,
            Self::Warn(report) | Self::Delay { report, .. } | Self::Stop { report, .. } => Some(report),
        }
    }

    /// Whether the message is not to be delivered.
    #[must_use]
    pub const fn is_stop(&self) -> bool {
        matches!(self, Self::Stop { .. })
    }
}
