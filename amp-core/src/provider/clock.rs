//! Time that only goes forward, for whatever waits in memory (delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

/// How long the provider has run, by the host's wall clock: a clock that is set back makes no time pass, so no deadline
/// moves further away than it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Running(Duration);

impl Running {
    pub(super) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(super) const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

/// Follows the host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    running: Running,
    wall: Option<Timestamp>,
    /// What the wall clock said first.
    started: Option<Timestamp>,
}

impl Clock {
    /// Notes what the wall clock says.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let passed = self.wall.and_then(|before| now.duration_since(before)).unwrap_or_default();
        self.running = self.running.plus(passed);
        self.wall = Some(now);
        self.started = self.started.or(Some(now));
    }

    /// What the wall clock said last.
    pub(super) const fn wall(&self) -> Option<Timestamp> {
        self.wall
    }

    /// How long something lasts from the start on that began before it, if it lasts at all.
    pub(super) fn left_at_start(&self, began: Timestamp, lasts: Duration) -> Option<Running> {
        let gone = self.started?.duration_since(began)?;
        lasts.checked_sub(gone).map(Running)
    }

    pub(super) const fn now(&self) -> Running {
        self.running
    }

    /// The moment at which the wall clock, as it goes now, says this.
    pub(super) fn running_at(&self, at: Timestamp) -> Option<Running> {
        Some(self.running.plus(at.duration_since(self.wall?).unwrap_or_default()))
    }

    /// When a moment is reached, by the wall clock as it goes now.
    pub(super) fn wall_at(&self, due: Running) -> Option<Timestamp> {
        Some(self.wall?.saturating_add(due.since(self.running)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_moves_no_deadline_away() {
        let (mut clock, hour) = (Clock::default(), Duration::from_secs(3_600));
        let start = Timestamp::UNIX_EPOCH.saturating_add(hour.saturating_mul(10));
        clock.advance(start);
        let due = clock.now().plus(Duration::from_secs(10));
        clock.advance(start.saturating_sub(hour));
        assert_eq!(clock.wall_at(due), start.saturating_sub(hour).checked_add(Duration::from_secs(10)));
        clock.advance(start.saturating_sub(hour).saturating_add(Duration::from_secs(10)));
        assert!(due <= clock.now());
    }
}
