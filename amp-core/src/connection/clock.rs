//! Deadlines that survive a clock that jumps (delivery; attacks, clock jumps).
#![deny(clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

/// A moment at which something is due, an interval after it was set.
///
/// A wall clock may jump. When it goes back behind the moment at which the deadline was set, the deadline moves along
/// ([`hold`](Self::hold)), so that nothing waits longer than its interval; when it goes forward, the deadline is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    set_at: Timestamp,
    interval: Duration,
}

impl Deadline {
    pub(crate) const fn after(interval: Duration, now: Timestamp) -> Self {
        Self { set_at: now, interval }
    }

    /// When it is due. The last moment that a timestamp can name is always due.
    pub(crate) fn at(self) -> Timestamp {
        self.set_at.saturating_add(self.interval)
    }

    pub(crate) fn is_due(self, now: Timestamp) -> bool {
        now >= self.at()
    }

    /// Moves it back if the clock went back behind the moment at which it was set.
    pub(crate) fn hold(&mut self, now: Timestamp) {
        self.set_at = self.set_at.min(now);
    }
}

/// How long something lasts, on a clock that may go back: never less than was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(Timestamp);

impl Since {
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self(now)
    }

    pub(crate) fn hold(&mut self, now: Timestamp) {
        self.0 = self.0.min(now);
    }

    pub(crate) fn elapsed(self, now: Timestamp) -> Duration {
        now.duration_since(self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn nothing_waits_longer_than_its_interval_when_the_clock_goes_back() {
        let ten_years = 315_360_000;
        let mut deadline = Deadline::after(Duration::from_secs(30), at(ten_years));
        deadline.hold(at(5));
        assert_eq!(deadline.at(), at(35));
        assert!(!deadline.is_due(at(34)) && deadline.is_due(at(35)));
        deadline.hold(at(20));
        assert_eq!(deadline.at(), at(35));
    }

    #[test]
    fn the_end_of_time_is_due() {
        let mut deadline = Deadline::after(Duration::from_secs(30), Timestamp::MAX);
        assert!(deadline.is_due(Timestamp::MAX));
        deadline.hold(Timestamp::MIN);
        assert!(!deadline.is_due(Timestamp::MIN));
    }
}
