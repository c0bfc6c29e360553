//! Time that only goes forward, for what holds so long and no longer (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

/// How much time has passed, by the host's wall clock: a clock that is set back makes none pass.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Elapsed {
    passed: Duration,
    wall: Option<Timestamp>,
}

impl Elapsed {
    /// Notes what the wall clock says.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.passed = self.at(now);
        self.wall = Some(now);
    }

    /// How much will have passed when the wall clock says this.
    pub(super) fn at(&self, now: Timestamp) -> Duration {
        let since = self.wall.and_then(|before| now.duration_since(before)).unwrap_or_default();
        self.passed.saturating_add(since)
    }

    pub(super) const fn now(&self) -> Duration {
        self.passed
    }
}
