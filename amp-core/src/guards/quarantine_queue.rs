//! Messages that wait for a person's decision, of all recipients (guardrails, quarantine).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, BTreeSet};
use core::ops::Bound;
use core::time::Duration;

use amp_address::Address;
use amp_envelope::{QuarantineId, Timestamp};

use crate::receive::{QuarantineEntry, QuarantineStatus};

/// The most entries of all, and of one recipient, unless told otherwise.
const ENTRIES: usize = 65_536;
const OF_ONE: usize = 1_024;
/// How long an entry is remembered after its time, so that a late decision is told why it fails, and for as long as its
/// sender may repeat the request under an idempotency key.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How many entries each call looks at, to forget those that are long over.
const SWEPT: usize = 4;

/// Why a quarantine entry cannot be held or decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// No such entry, or it is too long over.
    #[error("no such quarantine entry")]
    NotFound,
    /// The entry was decided before, or its time is over.
    #[error("the quarantine entry was decided, or its time is over")]
    Decided,
    /// There is no room for another entry: the message is refused rather than delivered.
    #[error("too many messages are held")]
    Full,
}

impl QuarantineError {
    /// The wire's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Decided => "quarantine_expired",
            Self::Full => "rate_limited",
        }
    }
}

/// What a person decides about a message that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an entry is approved or rejected")]
pub enum Review {
    /// It is delivered.
    Approve,
    /// It is not.
    Reject,
}

#[derive(Clone, Debug)]
struct Held {
    recipient: Address,
    entry: QuarantineEntry,
    is_over: bool,
}

/// The messages that are held, by id: at most 1,024 for one recipient and 65,536 in all, a few hundred bytes each
/// without the message itself, which the host keeps.
///
/// Decisions are in two steps: [`review`](Self::review) says what the entry would be and changes nothing; the host
/// stores it and [`set`](Self::set)s it. Expiry is judged when an entry is looked at, and what was seen expired stays
/// so. Entries are forgotten 72 hours after their time. When there is no room, none that is pending makes any.
#[derive(Clone, Debug)]
pub struct QuarantineQueue {
    entries: BTreeMap<QuarantineId, Held>,
    by_recipient: BTreeMap<Address, BTreeSet<QuarantineId>>,
    most: usize,
    swept: Option<QuarantineId>,
}

impl Default for QuarantineQueue {
    fn default() -> Self {
        Self::bounded(ENTRIES)
    }
}

impl QuarantineQueue {
    /// Nothing is held; at most this many entries are. The default is 65,536.
    #[must_use]
    pub const fn bounded(entries: usize) -> Self {
        Self { entries: BTreeMap::new(), by_recipient: BTreeMap::new(), most: entries, swept: None }
    }

    /// Whether a further message for a recipient can be held.
    ///
    /// # Errors
    /// [`QuarantineError::Full`].
    pub fn check_room(&self, recipient: &Address) -> Result<(), QuarantineError> {
        let of_one = self.by_recipient.get(recipient).map_or(0, BTreeSet::len);
        let fits = self.entries.len() < self.most && of_one < OF_ONE;
        if fits { Ok(()) } else { Err(QuarantineError::Full) }
    }

    /// Holds an entry for a recipient, or replaces it by what it became.
    pub fn set(&mut self, recipient: &Address, entry: QuarantineEntry, now: Timestamp) {
        self.sweep(now);
        let id = entry.id().clone();
        self.by_recipient.entry(recipient.clone()).or_default().insert(id.clone());
        let is_over = self.entries.get(&id).is_some_and(|held| held.is_over);
        self.entries.insert(id, Held { recipient: recipient.clone(), entry, is_over });
    }

    /// An entry with its recipient and what has become of it.
    #[must_use]
    pub fn get(
        &self,
        id: &QuarantineId,
        now: Timestamp,
    ) -> Option<(&Address, &QuarantineEntry, QuarantineStatus)> {
        let held = self.entries.get(id)?;
        Some((&held.recipient, &held.entry, held.status(now)))
    }

    /// The entries of a recipient in the order of their ids, which is that of their times, after the one that a page
    /// before ended with.
    pub fn list<'q>(
        &'q self,
        recipient: &Address,
        after: Option<&QuarantineId>,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'q QuarantineEntry, QuarantineStatus)> {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.clone()));
        let ids = self.by_recipient.get(recipient).into_iter();
        ids.flat_map(move |ids| ids.range((from.clone(), Bound::Unbounded)))
            .filter_map(|id| self.entries.get(id))
            .map(move |held| (&held.entry, held.status(now)))
    }

    /// All entries with their recipients, in the order of their ids, after the one that a page before ended with.
    pub fn all(&self, after: Option<&QuarantineId>) -> impl Iterator<Item = (&Address, &QuarantineEntry)> {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(id.clone()));
        self.entries.range((from, Bound::Unbounded)).map(|(_, held)| (&held.recipient, &held.entry))
    }

    /// What an entry becomes by a decision. Nothing is changed.
    ///
    /// # Errors
    /// [`QuarantineError::NotFound`] and [`QuarantineError::Decided`].
    pub fn review(
        &self,
        id: &QuarantineId,
        review: Review,
        now: Timestamp,
    ) -> Result<QuarantineEntry, QuarantineError> {
        let held = self.entries.get(id).ok_or(QuarantineError::NotFound)?;
        if held.status(now) != QuarantineStatus::Pending {
            return Err(QuarantineError::Decided);
        }
        let mut entry = held.entry.clone();
        let decided = match review {
            Review::Approve => entry.approve(now),
            Review::Reject => entry.reject(now),
        };
        decided.map(|()| entry).map_err(|_| QuarantineError::Decided)
    }

    /// Forgets an entry, when its message is gone.
    pub fn forget(&mut self, id: &QuarantineId) {
        let Some(held) = self.entries.remove(id) else { return };
        if let Some(ids) = self.by_recipient.get_mut(&held.recipient) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_recipient.remove(&held.recipient);
            }
        }
    }

    /// Looks at the next few entries: notes those that are over, forgets those that are long over. Called with each
    /// message that is held; a host may call it more often.
    pub fn sweep(&mut self, now: Timestamp) {
        for _ in 0..SWEPT {
            let from = self.swept.take().map_or(Bound::Unbounded, Bound::Excluded);
            let Some((id, held)) = self.entries.range_mut((from, Bound::Unbounded)).next() else { return };
            let id = id.clone();
            held.is_over |= held.status(now) == QuarantineStatus::Expired;
            let is_long_over = now > held.entry.expires_at().saturating_add(KEPT);
            if is_long_over {
                self.forget(&id);
            }
            self.swept = Some(id);
        }
    }

    /// How many entries are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no entry is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Held {
    fn status(&self, now: Timestamp) -> QuarantineStatus {
        match self.entry.status(now) {
            QuarantineStatus::Pending if self.is_over => QuarantineStatus::Expired,
            status => status,
        }
    }
}
