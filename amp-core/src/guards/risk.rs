//! How often an agent's messages are flagged, held or blocked, as a number (guardrails, risk).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use serde::{Deserialize, Serialize};

use super::rate_class::RateShare;
use crate::receive::RiskOutcome;

/// What became of an agent's messages within a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskCounts {
    pub(super) blocked: u32,
    pub(super) quarantined: u32,
    pub(super) flagged: u32,
    pub(super) total: u32,
}

impl RiskCounts {
    /// So many messages blocked, quarantined and flagged, of so many in all.
    #[must_use]
    pub const fn new(blocked: u32, quarantined: u32, flagged: u32, total: u32) -> Self {
        Self { blocked, quarantined, flagged, total }
    }

    /// Messages that were refused for what they say or for whom they were sent to.
    #[must_use]
    pub const fn blocked(&self) -> u32 {
        self.blocked
    }

    /// Messages that were held for review.
    #[must_use]
    pub const fn quarantined(&self) -> u32 {
        self.quarantined
    }

    /// Messages that were delivered with a flag.
    #[must_use]
    pub const fn flagged(&self) -> u32 {
        self.flagged
    }

    /// All messages, those that nothing was found in included.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// The risk that they make.
    ///
    /// ```
    /// use amp_core::guards::{RiskCounts, RiskLevel};
    /// let score = RiskCounts::new(5, 10, 20, 200).score();
    /// assert_eq!((score.as_f64(), score.level()), (27.5, RiskLevel::Medium));
    /// assert_eq!(RiskCounts::new(1, 0, 0, 1).score().to_string(), "100");
    /// ```
    #[must_use]
    pub fn score(&self) -> RiskScore {
        let weight = u64::from(self.blocked)
            .saturating_mul(3)
            .saturating_add(u64::from(self.quarantined).saturating_mul(2))
            .saturating_add(u64::from(self.flagged));
        let total = u64::from(self.total);
        RiskScore { hundredfold: weight.min(total).saturating_mul(100), total }
    }

    pub(crate) fn add(&mut self, outcome: RiskOutcome) {
        let kind = match outcome {
            RiskOutcome::Delivered => None,
            RiskOutcome::Flagged => Some(&mut self.flagged),
            RiskOutcome::Quarantined => Some(&mut self.quarantined),
            RiskOutcome::Blocked => Some(&mut self.blocked),
        };
        if let Some(count) = kind {
            *count = count.saturating_add(1);
        }
        self.total = self.total.saturating_add(1);
    }

    pub(crate) const fn is_clean(&self) -> bool {
        self.blocked == 0 && self.quarantined == 0 && self.flagged == 0
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            blocked: self.blocked.saturating_add(other.blocked),
            quarantined: self.quarantined.saturating_add(other.quarantined),
            flagged: self.flagged.saturating_add(other.flagged),
            total: self.total.saturating_add(other.total),
        }
    }
}

/// A risk between 0 and 100, exact: three for a blocked message, two for a quarantined and one for a flagged one, in
/// percent of all messages.
#[derive(Clone, Copy, Debug)]
pub struct RiskScore {
    /// The weights times 100; divided by the total, this is the score.
    hundredfold: u64,
    total: u64,
}

impl RiskScore {
    /// The score as a number: the nearest to the exact one.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        // Both are below 2^40, which a double holds exactly.
        if self.total == 0 { 0.0 } else { self.hundredfold as f64 / self.total as f64 }
    }

    /// The band that the score lies in, judged exactly.
    #[must_use]
    pub fn level(&self) -> RiskLevel {
        let within = |bound: u64| self.hundredfold <= self.total.saturating_mul(bound);
        match () {
            () if within(10) => RiskLevel::Low,
            () if within(30) => RiskLevel::Medium,
            () if within(60) => RiskLevel::High,
            () => RiskLevel::Critical,
        }
    }
}

impl PartialEq for RiskScore {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RiskScore {}

impl PartialOrd for RiskScore {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RiskScore {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        // No total is a score of 0: 0 of 1.
        let parts = |score: &Self| (u128::from(score.hundredfold), u128::from(score.total.max(1)));
        let ((a, of_a), (b, of_b)) = (parts(self), parts(other));
        a.saturating_mul(of_b).cmp(&b.saturating_mul(of_a))
    }
}

impl fmt::Display for RiskScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_f64(), f)
    }
}

/// How grave a risk is, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol knows these four")]
pub enum RiskLevel {
    /// Up to 10: nothing follows.
    Low,
    /// Above 10: the agent's owner is notified.
    Medium,
    /// Above 30: the agent has half the rates.
    High,
    /// Above 60: the agent is suspended for an hour, [`Suspension::automatic`](super::Suspension::automatic).
    Critical,
}

impl RiskLevel {
    /// The wire's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Whether the agent's owner is to be told.
    #[must_use]
    pub const fn notifies(self) -> bool {
        !matches!(self, Self::Low)
    }

    /// How much of its rates the agent has.
    #[must_use]
    pub const fn share(self) -> RateShare {
        match self {
            Self::Low | Self::Medium => RateShare::Full,
            Self::High | Self::Critical => RateShare::Half,
        }
    }

    /// Whether the agent is to be suspended.
    #[must_use]
    pub const fn suspends(self) -> bool {
        matches!(self, Self::Critical)
    }
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
