//! A sender whose messages are flagged again and again (guardrails, verdict).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, VecDeque};

use amp_address::Address;
use amp_envelope::Timestamp;

use super::verdict::Verdict;
use super::windows::is_recent;

/// How many flags within ten minutes escalate what comes next.
const FLAGS: usize = 3;
/// The most senders, unless told otherwise.
const SENDERS: usize = 4096;

/// Which senders were flagged lately: after three flags within 10 minutes, what comes next is quarantined.
///
/// A flag is a message whose own verdict was [`Verdict::Flag`] or sterner; that a message was escalated is none. Held in
/// memory only, for a bounded number of senders; when a new one does not fit, the sender whose last flag is the oldest
/// is forgotten.
///
/// ```
/// use amp_address::Address;
/// use amp_core::scan::{Escalation, Verdict};
/// use amp_envelope::Timestamp;
///
/// let mut escalation = Escalation::new();
/// let from: Address = "mallory@evil.crabmail.ai".parse()?;
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// for _ in 0..3 {
///     assert_eq!(escalation.verdict(&from, Verdict::Deliver, now), Verdict::Deliver);
///     escalation.remember(&from, Verdict::Flag, now);
/// }
/// assert_eq!(escalation.verdict(&from, Verdict::Deliver, now), Verdict::Quarantine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Escalation {
    flags: BTreeMap<Address, VecDeque<Timestamp>>,
    most: usize,
}

impl Default for Escalation {
    fn default() -> Self {
        Self::new()
    }
}

impl Escalation {
    /// Nobody was flagged; at most 4096 senders are held.
    #[must_use]
    pub const fn new() -> Self {
        Self::bounded(SENDERS)
    }

    /// Nobody was flagged; at most this many senders are held.
    #[must_use]
    pub const fn bounded(senders: usize) -> Self {
        Self { flags: BTreeMap::new(), most: senders }
    }

    /// The verdict over a sender's next message, given what its scan says. Nothing is remembered.
    #[must_use]
    pub fn verdict(&self, from: &Address, own: Verdict, now: Timestamp) -> Verdict {
        if self.is_escalated(from, now) { own.max(Verdict::Quarantine) } else { own }
    }

    /// Whether three messages of the sender were flagged within the last ten minutes.
    #[must_use]
    pub fn is_escalated(&self, from: &Address, now: Timestamp) -> bool {
        let flags = self.flags.get(from).into_iter().flatten();
        flags.filter(|at| is_recent(**at, now)).count() >= FLAGS
    }

    /// Remembers what the scan of a message alone led to.
    pub fn remember(&mut self, from: &Address, own: Verdict, now: Timestamp) {
        if own < Verdict::Flag || self.most == 0 {
            return;
        }
        if !self.flags.contains_key(from) && self.flags.len() >= self.most {
            self.flags.retain(|_, flags| flags.back().is_some_and(|last| is_recent(*last, now)));
            if self.flags.len() >= self.most {
                let oldest = self.flags.iter().min_by_key(|(_, flags)| flags.back().copied());
                if let Some(sender) = oldest.map(|(sender, _)| sender.clone()) {
                    self.flags.remove(&sender);
                }
            }
        }
        let flags = self.flags.entry(from.clone()).or_default();
        flags.push_back(now);
        while flags.len() > FLAGS {
            flags.pop_front();
        }
    }

    /// How many senders are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    /// Whether no sender is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }
}
