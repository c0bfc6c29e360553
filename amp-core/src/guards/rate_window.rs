//! Calls counted over a sliding window, and a clock that no jump refills (provider API, limits).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

/// Into how many slots a window is cut.
const CUT: u64 = 10;
/// A window touches one slot more than it is cut into, when it begins within one.
const SLOTS: usize = 11;

/// Milliseconds of a duration that is at most a few days.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Time that only grows: it stands still while the host's clock is behind where it was, by at most one window.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowClock {
    mark: Option<i64>,
    at: u64,
}

/// A moment of a [`WindowClock`], in milliseconds: where it stands, and for how long it will go on standing still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    at: u64,
    behind: u64,
}

impl Reading {
    /// Where the clock stands.
    pub(super) const fn millis(self) -> u64 {
        self.at
    }
}

impl WindowClock {
    pub(super) const fn new() -> Self {
        Self { mark: None, at: 0 }
    }

    /// What the clock is made of, to be kept and set again.
    pub(super) const fn parts(&self) -> Option<(i64, u64)> {
        match self.mark {
            Some(mark) => Some((mark, self.at)),
            None => None,
        }
    }

    pub(super) const fn of_parts(mark: i64, at: u64) -> Self {
        Self { mark: Some(mark), at }
    }

    /// What the clock shows at `now`.
    pub(super) fn read(self, now: Timestamp, window: Duration) -> Reading {
        let window = millis(window);
        let now = now.unix_milliseconds();
        let mark = self.mark.unwrap_or(now);
        let distance = now.abs_diff(mark);
        if now >= mark {
            // Further than this, nothing is remembered anyway.
            Reading { at: self.at.saturating_add(distance.min(window.saturating_mul(2))), behind: 0 }
        } else {
            Reading { at: self.at, behind: distance.min(window) }
        }
    }

    /// Moves the clock to `now`.
    pub(super) fn advance(&mut self, now: Timestamp, window: Duration) -> Reading {
        let reading = self.read(now, window);
        self.at = reading.at;
        let behind = i64::try_from(reading.behind).unwrap_or(i64::MAX);
        self.mark = Some(now.unix_milliseconds().saturating_add(behind));
        reading
    }
}

/// The calls of one key within the last window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    slot: u64,
    newest_first: [u16; SLOTS],
}

/// What a look at [`Counts`] gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Calls that still count.
    pub(super) used: u16,
    /// How long until one call more than now would be admitted.
    pub(super) wait: Duration,
}

fn slot_millis(window: Duration) -> u64 {
    millis(window).div_ceil(CUT).max(1)
}

fn slot_of(reading: Reading, window: Duration) -> u64 {
    reading.at.checked_div(slot_millis(window)).unwrap_or(0)
}

impl Counts {
    pub(super) fn new(reading: Reading, window: Duration) -> Self {
        Self { slot: slot_of(reading, window), newest_first: [0; SLOTS] }
    }

    /// Whether nothing counts any more.
    pub(super) fn is_idle(&self, reading: Reading, window: Duration) -> bool {
        self.at(slot_of(reading, window)).newest_first.iter().all(|count| *count == 0)
    }

    /// The same counts, seen from a later slot.
    fn at(mut self, slot: u64) -> Self {
        let passed = usize::try_from(slot.saturating_sub(self.slot)).unwrap_or(SLOTS).min(SLOTS);
        self.newest_first.rotate_right(passed);
        self.newest_first.iter_mut().take(passed).for_each(|count| *count = 0);
        self.slot = self.slot.max(slot);
        self
    }

    /// The usage under a limit of so many calls.
    pub(super) fn usage(&self, reading: Reading, window: Duration, calls: u16) -> Usage {
        let seen = self.at(slot_of(reading, window));
        let used = seen.newest_first.iter().fold(0u16, |sum, count| sum.saturating_add(*count));
        let mut left = used;
        // The oldest slots go first; enough of them have gone when the rest is below the limit and below what it is now.
        let enough = calls.min(used);
        let mut leaves = seen.slot;
        for (age, count) in (0..SLOTS).zip(seen.newest_first).rev() {
            if left < enough || used == 0 {
                break;
            }
            left = left.saturating_sub(count);
            leaves = seen.slot.saturating_add(SLOTS.saturating_sub(age) as u64);
        }
        let until = leaves.saturating_mul(slot_millis(window)).saturating_sub(reading.at);
        let wait = if used == 0 { 0 } else { until.saturating_add(reading.behind) };
        Usage { used, wait: Duration::from_millis(wait) }
    }

    /// Counts a call.
    pub(super) fn add(&mut self, reading: Reading, window: Duration) {
        *self = self.at(slot_of(reading, window));
        if let Some(newest) = self.newest_first.first_mut() {
            *newest = newest.saturating_add(1);
        }
    }

    /// Takes back the call that was counted last.
    pub(super) fn take_back(&mut self) {
        if let Some(newest) = self.newest_first.first_mut() {
            *newest = newest.saturating_sub(1);
        }
    }
}
