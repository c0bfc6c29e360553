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

/// The longest step of the host's clock that is believed at once.
const STEP_MAX: Duration = Duration::from_secs(60 * 60);
/// For how long a time has to last that a longer step led to.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// Follows the host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    running: Running,
    wall: Option<Timestamp>,
    /// What the wall clock said first.
    started: Option<Timestamp>,
    /// When the clock was started, or made a long step.
    steady_since: Running,
}

impl Clock {
    /// Notes what the wall clock says.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let passed = self.wall.and_then(|before| now.duration_since(before)).unwrap_or_default();
        self.running = self.running.plus(passed);
        if self.wall.is_none() || passed > STEP_MAX {
            self.steady_since = self.running;
        }
        self.wall = Some(now);
        self.started = self.started.or(Some(now));
    }

    /// Whether what the clock says is enough to throw something away: what it said a minute ago was about the same.
    pub(super) fn is_steady(&self) -> bool {
        self.running.since(self.steady_since) >= STEADY_AFTER
    }

    /// When something may be thrown away that is due at this time.
    pub(super) fn steadily(&self, due: Timestamp) -> Timestamp {
        let steady = self.wall_at(self.steady_since.plus(STEADY_AFTER));
        steady.filter(|_| !self.is_steady()).map_or(due, |steady| due.max(steady))
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

    #[test]
    fn a_long_step_is_believed_once_it_has_lasted() {
        let (mut clock, minute) = (Clock::default(), Duration::from_secs(60));
        let start = Timestamp::UNIX_EPOCH.saturating_add(minute.saturating_mul(100_000));
        clock.advance(start);
        assert!(!clock.is_steady(), "a start is a step");
        clock.advance(start.saturating_add(minute));
        assert!(clock.is_steady());
        clock.advance(start.saturating_add(minute.saturating_mul(61)));
        assert!(clock.is_steady(), "an hour is none");
        let ahead = start.saturating_add(minute.saturating_mul(1_000));
        clock.advance(ahead);
        assert!(!clock.is_steady());
        assert_eq!(clock.steadily(start), ahead.saturating_add(minute));
        clock.advance(start);
        clock.advance(start.saturating_add(minute.saturating_mul(2)));
        assert!(clock.is_steady(), "it went back, and on from there");
        assert_eq!(clock.steadily(start), start);
    }
}
