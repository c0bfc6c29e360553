//! What a host decides about its pick-ups (delivery, pick-up).

use core::time::Duration;

/// How often, how much and how patiently messages are picked up.
///
/// ```
/// use core::time::Duration;
/// use amp_core::connection::PickUpSettings;
///
/// let seed = 7; // 64 random bits
/// // Beside a socket that pushes, the queue is looked at now and then.
/// let settings = PickUpSettings::new(seed).with_interval(Duration::from_secs(300));
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
pub struct PickUpSettings {
    pub(super) limit: u32,
    pub(super) interval: Duration,
    pub(super) wait: Duration,
    pub(super) patience: Duration,
    pub(super) seed: u64,
}

impl PickUpSettings {
    /// Up to 50 messages at once; every 30 seconds when nothing comes; requests that the provider may hold for 25
    /// seconds; what is not acknowledged after 5 minutes is handed out again. The seed is for the pauses.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            limit: 50,
            interval: Duration::from_secs(30),
            wait: Duration::from_secs(25),
            patience: Duration::from_secs(5 * 60),
            seed,
        }
    }

    /// How many messages are asked for at once: 1 to 1,000.
    #[must_use]
    pub fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit.clamp(1, 1_000);
        self
    }

    /// The longest time between two looks at the queue when all is well: 1 second to 1 hour. While messages come it is
    /// looked at more often.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.clamp(Duration::from_secs(1), Duration::from_secs(3_600));
        self
    }

    /// For how long a provider that can may hold a request: up to 30 seconds, zero for not at all.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = Duration::from_secs(wait.min(Duration::from_secs(30)).as_secs());
        self
    }

    /// After which time a message that was not acknowledged is handed out again: 1 second to 1 hour.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience.clamp(Duration::from_secs(1), Duration::from_secs(3_600));
        self
    }
}
