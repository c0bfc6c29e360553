//! What became of each agent's messages within the last day (guardrails, risk).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

use amp_envelope::Timestamp;

use super::rate_window::WindowClock;
use super::risk::{RiskCounts, RiskLevel};
use crate::receive::RiskOutcome;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR_MILLIS: u64 = 60 * 60 * 1000;
/// A day touches one hour more than it has, when it begins within one.
const HOURS: u64 = 25;
/// The most agents, unless told otherwise.
const AGENTS: usize = 1 << 20;
/// How many agents each call looks at, to forget those of whom nothing counts any more.
const SWEPT: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Hour {
    hour: u64,
    counts: RiskCounts,
}

/// How an outcome changed an agent's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskChange {
    before: RiskLevel,
    after: RiskLevel,
}

impl RiskChange {
    /// The level before the outcome.
    #[must_use]
    pub const fn before(&self) -> RiskLevel {
        self.before
    }

    /// The level with it.
    #[must_use]
    pub const fn after(&self) -> RiskLevel {
        self.after
    }

    /// Whether the agent has come into a graver level: then the host acts, once.
    #[must_use]
    pub fn is_graver(&self) -> bool {
        self.after > self.before
    }
}

/// Counts what became of agents' messages, and knows each one's risk over the last 24 hours.
///
/// `K` is whatever the host knows its agents by. An outcome counts for a day, and for up to an hour longer. An agent
/// takes about 160 bytes, and up to 800 if it writes in every hour of the day. When there is no room for a new one, those
/// of whom nothing was found are forgotten: that can only raise what is found of them later. Those with findings are
/// never pushed out. Whoever is not held while there is no room is of high risk. A clock that is set back brings nothing back and forgets nothing.
///
/// ```
/// use amp_core::guards::{RiskLedger, RiskLevel};
/// use amp_core::receive::RiskOutcome;
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let mut ledger = RiskLedger::default();
/// for _ in 0..9 {
///     ledger.count(&"agt_7", RiskOutcome::Delivered, now);
/// }
/// let change = ledger.count(&"agt_7", RiskOutcome::Blocked, now);
/// assert!(change.is_graver());
/// assert_eq!(ledger.level(&"agt_7", now), RiskLevel::Medium); // 3 of 10 messages: 30
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RiskLedger<K> {
    clock: WindowClock,
    agents: BTreeMap<K, Vec<Hour>>,
    most: usize,
    swept: Option<K>,
}

impl<K: Ord + Clone> Default for RiskLedger<K> {
    fn default() -> Self {
        Self::bounded(AGENTS)
    }
}

impl<K: Ord + Clone> RiskLedger<K> {
    /// Nothing has happened; at most this many agents are held. The default is 1,048,576.
    #[must_use]
    pub const fn bounded(agents: usize) -> Self {
        Self { clock: WindowClock::new(), agents: BTreeMap::new(), most: agents, swept: None }
    }

    /// Counts what became of a message.
    pub fn count(&mut self, agent: &K, outcome: RiskOutcome, now: Timestamp) -> RiskChange {
        let before = self.level(agent, now);
        let hour = self.hour(now);
        let mut counts = self.of_hour(agent, hour);
        counts.add(outcome);
        self.set(agent, hour, counts, now);
        RiskChange { before, after: self.level(agent, now) }
    }

    /// The hour in which outcomes are counted at `now`, by the ledger's own clock.
    pub(crate) fn hour(&self, now: Timestamp) -> u64 {
        self.clock.read(now, DAY).millis() / HOUR_MILLIS
    }

    /// What was counted of an agent in an hour.
    pub(crate) fn of_hour(&self, agent: &K, hour: u64) -> RiskCounts {
        let hours = self.agents.get(agent).into_iter().flatten();
        hours.rev().find(|past| past.hour == hour).map(|past| past.counts).unwrap_or_default()
    }

    /// Replaces what was counted of an agent in an hour.
    pub(crate) fn set(&mut self, agent: &K, hour: u64, counts: RiskCounts, now: Timestamp) {
        self.clock.advance(now, DAY);
        self.sweep(hour);
        if self.agents.len() >= self.most && !self.agents.contains_key(agent) {
            return;
        }
        let hours = self.agents.entry(agent.clone()).or_default();
        hours.retain(|past| past.hour != hour && is_recent(past.hour, hour));
        hours.push(Hour { hour, counts });
    }

    /// All that counts still, agent by agent, hour by hour.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&K, u64, RiskCounts)> {
        let hour = self.clock.parts().map_or(0, |(_, at)| at / HOUR_MILLIS);
        let all = self.agents.iter().flat_map(|(agent, hours)| hours.iter().map(move |past| (agent, past)));
        all.filter(move |(_, past)| is_recent(past.hour, hour))
            .map(|(agent, past)| (agent, past.hour, past.counts))
    }

    /// The ledger's clock: the host's latest time in milliseconds, and its own.
    pub(crate) const fn clock(&self) -> Option<(i64, u64)> {
        self.clock.parts()
    }

    /// Nothing is counted, and the ledger's clock is as it was.
    pub(crate) const fn at_clock(mark: i64, at: u64) -> Self {
        let mut ledger = Self::bounded(AGENTS);
        ledger.clock = WindowClock::of_parts(mark, at);
        ledger
    }

    /// What became of an agent's messages within the last day.
    #[must_use]
    pub fn counts(&self, agent: &K, now: Timestamp) -> RiskCounts {
        let hour = self.hour(now);
        let hours = self.agents.get(agent).into_iter().flatten();
        let recent = hours.filter(|past| is_recent(past.hour, hour));
        recent.fold(RiskCounts::default(), |sum, past| sum.plus(past.counts))
    }

    /// An agent's level: that of its [`counts`](Self::counts). One that could not be held is of high risk.
    #[must_use]
    pub fn level(&self, agent: &K, now: Timestamp) -> RiskLevel {
        if self.agents.len() >= self.most && !self.agents.contains_key(agent) {
            return RiskLevel::High;
        }
        self.counts(agent, now).score().level()
    }

    /// Looks at the next few agents, and forgets those of whom nothing counts any more. When there is no room left, also
    /// those of whom nothing was found.
    fn sweep(&mut self, hour: u64) {
        let is_full = self.agents.len() >= self.most;
        for _ in 0..SWEPT {
            let from = self.swept.take().map_or(Bound::Unbounded, Bound::Excluded);
            let Some((agent, hours)) = self.agents.range((from, Bound::Unbounded)).next() else { return };
            let agent = agent.clone();
            let mut recent = hours.iter().filter(|past| is_recent(past.hour, hour));
            if recent.all(|past| is_full && past.counts.is_clean()) {
                self.agents.remove(&agent);
            }
            self.swept = Some(agent);
        }
    }

    /// Forgets an agent, when it is gone or a person has looked at it.
    pub fn forget(&mut self, agent: &K) {
        self.agents.remove(agent);
    }

    /// Counts what was counted of one agent for another, which is the same one.
    pub(crate) fn pass_on(&mut self, from: &K, to: &K) {
        let Some(hours) = self.agents.remove(from) else { return };
        let own = self.agents.entry(to.clone()).or_default();
        for past in hours {
            match own.iter_mut().find(|known| known.hour == past.hour) {
                Some(known) => known.counts = known.counts.plus(past.counts),
                None => own.push(past),
            }
        }
        own.sort_unstable_by_key(|past| past.hour);
    }

    /// How many agents are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whether no agent is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }
}

fn is_recent(past: u64, hour: u64) -> bool {
    hour.saturating_sub(past) < HOURS
}
