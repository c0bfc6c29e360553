//! The receiver's idea of the time: a high-water mark under the host's clock (trust, replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

/// How far clocks may be apart, and how the high-water mark follows the host's.
///
/// The time of a decision is the later of the host's `now` and the mark, so a clock that is set back revives nothing.
/// With each message that is accepted the mark follows the host's clock, by at most [`step`](Self::step): a clock that
/// jumped ahead for a moment is forgiven once it is right again, and has emptied no memory. Nothing in a message moves
/// the mark.
///
/// A clock that stays ahead for many messages takes the mark along, a step with each, and the first message of all sets
/// it to the host's clock, whatever that says. Both are mended by [`Receiver::set_clock`](super::Receiver::set_clock).
///
/// ```
/// use amp_core::receive::ClockPolicy;
/// use core::time::Duration;
/// let policy = ClockPolicy::default();
/// assert_eq!(policy.max_age(), Duration::from_secs(300));
/// assert_eq!(policy.max_ahead(), Duration::from_secs(60));
/// let lenient = policy.with_max_ahead(Duration::from_secs(120));
/// assert_eq!(lenient.max_ahead(), Duration::from_secs(120));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPolicy {
    max_age: Duration,
    max_ahead: Duration,
    step: Duration,
}

impl Default for ClockPolicy {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(5 * 60),
            max_ahead: Duration::from_secs(60),
            step: Duration::from_secs(60 * 60),
        }
    }
}

impl ClockPolicy {
    /// The oldest that a message may be when it is delivered directly or queued: 5 minutes by default.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }

    /// How far ahead of the receiver's clock a stamp may be: 60 seconds by default.
    #[must_use]
    pub const fn max_ahead(&self) -> Duration {
        self.max_ahead
    }

    /// How far the mark moves with one message at most: one hour by default.
    #[must_use]
    pub const fn step(&self) -> Duration {
        self.step
    }

    /// Sets the greatest age of a direct message.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Sets how far ahead a stamp may be, at most 5 minutes: memory is kept that much longer than it has to be.
    #[must_use]
    pub const fn with_max_ahead(mut self, max_ahead: Duration) -> Self {
        self.max_ahead = if max_ahead.as_secs() < MOST_AHEAD.as_secs() { max_ahead } else { MOST_AHEAD };
        self
    }

    /// Sets how far the mark moves with one message.
    #[must_use]
    pub const fn with_step(mut self, step: Duration) -> Self {
        self.step = step;
        self
    }
}

/// No policy lets a stamp be further ahead.
pub(super) const MOST_AHEAD: Duration = Duration::from_secs(5 * 60);

/// The latest time that the receiver has seen, as far as it believes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    mark: Option<Timestamp>,
}

impl Clock {
    /// The time by which a message is judged.
    pub(super) fn judged(self, now: Timestamp) -> Timestamp {
        self.mark.map_or(now, |mark| mark.max(now))
    }

    /// Where the mark would be after an accepted message.
    pub(super) fn following(self, now: Timestamp, step: Duration) -> Timestamp {
        self.mark.map_or(now, |mark| mark.max(now.min(mark.saturating_add(step))))
    }

    pub(super) const fn set(&mut self, mark: Timestamp) {
        self.mark = Some(mark);
    }

    pub(super) const fn mark(self) -> Option<Timestamp> {
        self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_jump_moves_the_mark_by_one_step() {
        let mut clock = Clock::default();
        clock.set(at("2026-01-31T10:00:00Z"));
        let step = ClockPolicy::default().step();
        assert_eq!(clock.following(at("2036-01-31T10:00:00Z"), step), at("2026-01-31T11:00:00Z"));
        assert_eq!(clock.following(at("2016-01-31T10:00:00Z"), step), at("2026-01-31T10:00:00Z"));
        assert_eq!(clock.judged(at("2016-01-31T10:00:00Z")), at("2026-01-31T10:00:00Z"));
    }

    #[test]
    fn a_stamp_may_be_five_minutes_ahead_and_no_more() {
        let policy = ClockPolicy::default().with_max_ahead(Duration::from_secs(86_400));
        assert_eq!(policy.max_ahead(), MOST_AHEAD);
    }
}
