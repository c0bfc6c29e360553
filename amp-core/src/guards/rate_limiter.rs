//! Who has called how often, and whether another call is admitted (provider API, limits).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use core::time::Duration;

use amp_envelope::Timestamp;
use sha2::{Digest, Sha256};

use super::rate_class::{RateClass, RateLimit, RateShare};
use super::rate_table::RateTable;

/// Whose calls are counted together: an agent's address, a network address, a domain. 24 bytes, whatever it names.
///
/// A key may belong to a group, such as a tenant or a network: a group has an eighth of the keys at most, so that
/// whoever makes up many keys crowds out only its neighbours.
///
/// ```
/// use amp_core::guards::RateKey;
/// let alice = RateKey::of("alice@acme.crabmail.ai").within("acme.crabmail.ai");
/// assert_ne!(alice, RateKey::of("bob@acme.crabmail.ai").within("acme.crabmail.ai"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateKey {
    pub(super) name: [u8; 16],
    pub(super) group: Option<[u8; 8]>,
}

impl RateKey {
    /// The key of a name. Equal names have one key; different ones do not, short of a collision of 128-bit hashes.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self { name: first_bytes(&Sha256::digest(name)), group: None }
    }

    /// The same key, counted among those of a group.
    #[must_use]
    pub fn within(self, group: &str) -> Self {
        Self { group: Some(first_bytes(&Sha256::digest(group))), ..self }
    }
}

fn first_bytes<const N: usize>(digest: &[u8]) -> [u8; N] {
    digest.first_chunk().copied().unwrap_or([0; N])
}

/// One call, as it is counted: its class, whose it is, and how much of the limit that one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateCharge {
    /// What the call is counted as.
    pub class: RateClass,
    /// Whose call it is.
    pub key: RateKey,
    /// How much of the limit the caller has.
    pub share: RateShare,
}

impl RateCharge {
    /// A call under the full limit.
    #[must_use]
    pub const fn new(class: RateClass, key: RateKey) -> Self {
        Self { class, key, share: RateShare::Full }
    }

    /// The same call under a share of the limit.
    #[must_use]
    pub const fn with_share(mut self, share: RateShare) -> Self {
        self.share = share;
        self
    }
}

/// Whether a call is admitted, and what its answer says about the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateDecision {
    pub(super) class: RateClass,
    pub(super) limit: u16,
    pub(super) remaining: u16,
    pub(super) reset: Timestamp,
    pub(super) retry_after: Option<Duration>,
}

impl RateDecision {
    /// Whether the call is admitted.
    #[must_use]
    pub const fn is_admitted(&self) -> bool {
        self.retry_after.is_none()
    }

    /// The class whose limit this is about.
    #[must_use]
    pub const fn class(&self) -> RateClass {
        self.class
    }

    /// `X-RateLimit-Limit`: calls in a window.
    #[must_use]
    pub const fn limit(&self) -> u16 {
        self.limit
    }

    /// `X-RateLimit-Remaining`: how many more calls would be admitted now.
    #[must_use]
    pub const fn remaining(&self) -> u16 {
        self.remaining
    }

    /// `X-RateLimit-Reset`: from when on at least one call more than now would be admitted; whole seconds, rounded up.
    #[must_use]
    pub const fn reset(&self) -> Timestamp {
        self.reset
    }

    /// `Retry-After` of a call that is refused: whole seconds, at least one.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// The limits of each class: those of the protocol unless set otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    changed: BTreeMap<RateClass, RateLimit>,
}

impl RateLimits {
    /// Sets the limit of a class.
    #[must_use]
    pub fn with(mut self, class: RateClass, limit: RateLimit) -> Self {
        self.changed.insert(class, limit);
        self
    }

    /// The limit of a class.
    #[must_use]
    pub fn get(&self, class: RateClass) -> RateLimit {
        self.changed.get(&class).copied().unwrap_or_else(|| class.limit())
    }
}

/// Counts calls for each class and key, and admits no more than the limit in any window.
///
/// A window slides in tenths: a call counts for one window, and for up to a tenth of one longer. Calls that are refused
/// do not count. A clock that is set back refills nothing, one that jumps ahead locks nobody out: while the host's clock
/// is behind where it was, time stands still here, for one window at most.
///
/// Each class holds a bounded number of keys, about 100 bytes each; a key goes when its last call has left the window.
/// When there is no room for a new key its call is refused. Keys that are held are never pushed out by new ones, and a
/// group has an eighth of the room at most.
///
/// ```
/// use amp_core::guards::{RateCharge, RateClass, RateKey, RateLimiter};
/// use amp_core::Timestamp;
///
/// let mut limiter = RateLimiter::default();
/// let call = RateCharge::new(RateClass::Register, RateKey::of("192.0.2.7"));
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// for left in (0..10).rev() {
///     assert_eq!(limiter.take(&call, now).remaining(), left);
/// }
/// let refused = limiter.take(&call, now);
/// assert!(!refused.is_admitted());
/// let later = now.saturating_add(refused.retry_after().unwrap_or_default());
/// assert!(limiter.take(&call, later).is_admitted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter {
    limits: RateLimits,
    most: usize,
    tables: BTreeMap<RateClass, RateTable>,
}

/// The most keys of a class, unless told otherwise.
const KEYS: usize = 1 << 20;

impl Default for RateLimiter {
    fn default() -> Self {
        Self::new(RateLimits::default())
    }
}

impl RateLimiter {
    /// Nobody has called. Each class holds at most 1,048,576 keys.
    #[must_use]
    pub const fn new(limits: RateLimits) -> Self {
        Self::bounded(limits, KEYS)
    }

    /// Nobody has called. Each class holds at most this many keys.
    #[must_use]
    pub const fn bounded(limits: RateLimits, keys: usize) -> Self {
        Self { limits, most: keys, tables: BTreeMap::new() }
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &RateLimits {
        &self.limits
    }

    /// What [`take`](Self::take) would decide. Nothing is counted; `remaining` is what is left before the call.
    #[must_use]
    pub fn look(&self, charge: &RateCharge, now: Timestamp) -> RateDecision {
        let limit = self.limits.get(charge.class);
        match self.tables.get(&charge.class) {
            Some(table) => table.look(limit, charge, now),
            None => RateTable::new(self.most).look(limit, charge, now),
        }
    }

    /// Decides about a call, and counts it when it is admitted.
    pub fn take(&mut self, charge: &RateCharge, now: Timestamp) -> RateDecision {
        let (limit, most) = (self.limits.get(charge.class), self.most);
        self.tables.entry(charge.class).or_insert_with(|| RateTable::new(most)).take(limit, charge, now)
    }

    /// Decides about a call that counts in several ways: all are counted, or none. The decision is the refusal, or the
    /// one with the fewest calls left. None without charges.
    pub fn take_all(&mut self, charges: &[RateCharge], now: Timestamp) -> Option<RateDecision> {
        let mut tightest: Option<RateDecision> = None;
        for (index, charge) in charges.iter().enumerate() {
            let decision = self.take(charge, now);
            if !decision.is_admitted() {
                charges.iter().take(index).for_each(|charge| self.take_back(charge));
                return Some(decision);
            }
            if tightest.is_none_or(|other| decision.remaining <= other.remaining) {
                tightest = Some(decision);
            }
        }
        tightest
    }

    fn take_back(&mut self, charge: &RateCharge) {
        if let Some(table) = self.tables.get_mut(&charge.class) {
            table.take_back(charge);
        }
    }

    /// How many keys are held, of all classes.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.tables.values().map(RateTable::len).sum()
    }
}
