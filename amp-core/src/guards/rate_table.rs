//! The keys of one class, bounded, and their counts (provider API, limits).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use core::ops::Bound;
use core::time::Duration;

use amp_envelope::Timestamp;

use super::rate_class::RateLimit;
use super::rate_limiter::{RateCharge, RateDecision, RateKey};
use super::rate_window::{Counts, Reading, WindowClock};

/// How many keys each call looks at, to forget those that are idle.
const SWEPT: usize = 4;
/// Which part of the keys a group may have at most.
const GROUP_SHARE: usize = 8;

type Name = [u8; 16];
type Group = [u8; 8];

#[derive(Clone, Copy, Debug)]
struct Caller {
    counts: Counts,
    group: Option<Group>,
}

#[derive(Clone, Debug)]
pub(super) struct RateTable {
    most: usize,
    clock: WindowClock,
    callers: BTreeMap<Name, Caller>,
    groups: BTreeMap<Group, usize>,
    swept: Option<Name>,
}

impl RateTable {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            clock: WindowClock::new(),
            callers: BTreeMap::new(),
            groups: BTreeMap::new(),
            swept: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.callers.len()
    }

    pub(super) fn look(&self, limit: RateLimit, charge: &RateCharge, now: Timestamp) -> RateDecision {
        let reading = self.clock.read(now, limit.window());
        match self.callers.get(&charge.key.name) {
            Some(caller) => judge(&caller.counts, reading, limit, charge, now),
            None if self.has_room(&charge.key) => {
                judge(&Counts::new(reading, limit.window()), reading, limit, charge, now)
            }
            None => no_room(limit, charge, now),
        }
    }

    pub(super) fn take(&mut self, limit: RateLimit, charge: &RateCharge, now: Timestamp) -> RateDecision {
        let reading = self.clock.advance(now, limit.window());
        self.sweep(reading, limit.window());
        let mut decision = self.look(limit, charge, now);
        if decision.is_admitted() {
            let counts = self.count(charge, reading, limit.window());
            let usage = counts.usage(reading, limit.window(), charge.share.of(limit.calls()));
            decision.remaining = decision.limit.saturating_sub(usage.used);
            decision.reset = whole_seconds(now.saturating_add(usage.wait));
        }
        decision
    }

    fn count(&mut self, charge: &RateCharge, reading: Reading, window: Duration) -> Counts {
        let RateKey { name, group } = charge.key;
        let groups = &mut self.groups;
        let caller = self.callers.entry(name).or_insert_with(|| {
            if let Some(group) = group {
                let members = groups.entry(group).or_insert(0);
                *members = members.saturating_add(1);
            }
            Caller { counts: Counts::new(reading, window), group }
        });
        caller.counts.add(reading, window);
        caller.counts
    }

    pub(super) fn take_back(&mut self, charge: &RateCharge) {
        if let Some(caller) = self.callers.get_mut(&charge.key.name) {
            caller.counts.take_back();
        }
    }

    fn has_room(&self, key: &RateKey) -> bool {
        let members = key.group.and_then(|group| self.groups.get(&group)).copied().unwrap_or(0);
        self.callers.len() < self.most && members < self.most.div_ceil(GROUP_SHARE)
    }

    /// Looks at the next few keys, and forgets those whose calls have all left the window.
    fn sweep(&mut self, reading: Reading, window: Duration) {
        for _ in 0..SWEPT {
            let from = self.swept.map_or(Bound::Unbounded, Bound::Excluded);
            let next = self.callers.range((from, Bound::Unbounded)).next();
            let Some((name, idle)) =
                next.map(|(name, caller)| (*name, caller.counts.is_idle(reading, window)))
            else {
                self.swept = None;
                return;
            };
            self.swept = Some(name);
            if idle {
                self.forget(&name);
            }
        }
    }

    fn forget(&mut self, name: &Name) {
        let Some(group) = self.callers.remove(name).and_then(|caller| caller.group) else { return };
        if let Some(members) = self.groups.get_mut(&group) {
            *members = members.saturating_sub(1);
            if *members == 0 {
                self.groups.remove(&group);
            }
        }
    }
}

fn judge(
    counts: &Counts,
    reading: Reading,
    limit: RateLimit,
    charge: &RateCharge,
    now: Timestamp,
) -> RateDecision {
    let calls = charge.share.of(limit.calls());
    let usage = counts.usage(reading, limit.window(), calls);
    let remaining = calls.saturating_sub(usage.used);
    // With a limit of no calls there is nothing to wait for.
    let wait = if calls == 0 { limit.window() } else { usage.wait };
    RateDecision {
        class: charge.class,
        limit: calls,
        remaining,
        reset: whole_seconds(now.saturating_add(wait)),
        retry_after: (remaining == 0).then(|| seconds_up(wait)),
    }
}

/// The class holds as many keys as it may: whoever is new cannot be counted, and so is refused.
fn no_room(limit: RateLimit, charge: &RateCharge, now: Timestamp) -> RateDecision {
    let wait = limit.window().checked_div(10).unwrap_or_default();
    RateDecision {
        class: charge.class,
        limit: charge.share.of(limit.calls()),
        remaining: 0,
        reset: whole_seconds(now.saturating_add(wait)),
        retry_after: Some(seconds_up(wait)),
    }
}

fn seconds_up(wait: Duration) -> Duration {
    let rest = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs(wait.as_secs().saturating_add(rest).max(1))
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    let rest = i64::from(at.subsec_nanos() > 0);
    Timestamp::from_unix_seconds(at.unix_seconds().saturating_add(rest)).unwrap_or(at)
}
