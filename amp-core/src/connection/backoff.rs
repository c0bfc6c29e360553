//! How long to wait before the next attempt: exponentially longer, capped, and never as long as everybody else
//! (delivery, reconnecting).
#![deny(clippy::arithmetic_side_effects)]

use core::time::Duration;

/// Delays between attempts that fail. Each doubles the one before up to a cap, and a random half of it is left out, so
/// that many clients of one provider do not come back at the same moment.
///
/// The randomness comes from a seed: give each process another one (64 bits from the operating system), and tests the
/// same one.
///
/// ```
/// use amp_core::connection::Backoff;
/// use core::time::Duration;
///
/// let mut backoff = Backoff::new(7);
/// let first = backoff.next_delay();
/// assert!(first >= Duration::from_millis(500) && first <= Duration::from_secs(1));
/// for _ in 0..100 {
///     assert!(backoff.next_delay() <= Duration::from_secs(60));
/// }
/// backoff.reset(); // when a connection has held for a while
/// assert!(backoff.next_delay() <= Duration::from_secs(1));
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// From one second to one minute.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { base: Duration::from_secs(1), cap: Duration::from_secs(60), failures: 0, random: seed }
    }

    /// Sets the first delay and the longest. Both are at least one millisecond, and the longest at least the first.
    #[must_use]
    pub fn with_range(mut self, first: Duration, longest: Duration) -> Self {
        self.base = first.max(Duration::from_millis(1));
        self.cap = longest.max(self.base);
        self
    }

    /// The delay before the next attempt. Counts as a failure.
    #[must_use]
    pub fn next_delay(&mut self) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures.min(31));
        self.failures = self.failures.saturating_add(1);
        let full = self.base.saturating_mul(factor).min(self.cap);
        self.jittered(full)
    }

    /// Between a half and the whole of a delay.
    pub(crate) fn jittered(&mut self, full: Duration) -> Duration {
        let half = full.checked_div(2).unwrap_or_default();
        let range = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        half.saturating_add(Duration::from_nanos(self.draw().checked_rem(range).unwrap_or(0)))
    }

    /// Begins anew with the first delay.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many delays were given since the beginning or the last reset.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// SplitMix64: every seed gives another sequence, and each word is used once.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_half_of_each_is_random() {
        let mut backoff = Backoff::new(1).with_range(Duration::from_secs(1), Duration::from_secs(20));
        for whole in [1, 2, 4, 8, 16, 20, 20, 20] {
            let delay = backoff.next_delay();
            assert!(
                delay >= Duration::from_secs(whole) / 2 && delay <= Duration::from_secs(whole),
                "{delay:?}"
            );
        }
        assert_eq!(backoff.failures(), 8);
    }

    #[test]
    fn two_seeds_come_back_at_different_moments() {
        let delays = |seed| {
            let mut backoff = Backoff::new(seed);
            [backoff.next_delay(), backoff.next_delay(), backoff.next_delay()]
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn no_delay_is_zero_or_overflows() {
        let mut least = Backoff::new(3).with_range(Duration::ZERO, Duration::ZERO);
        let mut most = Backoff::new(3).with_range(Duration::MAX, Duration::ZERO);
        for _ in 0..100 {
            assert!(least.next_delay() > Duration::ZERO);
            assert!(most.next_delay() >= Duration::MAX / 2);
        }
    }
}
