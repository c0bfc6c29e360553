//! What is counted, and how much of it in which time (provider API, limits).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;
use core::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a call is counted as. Each class has a limit and counts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RateClass {
    /// Calls to route a message: 60 a minute.
    Route,
    /// Calls for pending messages: 30 a minute.
    Pending,
    /// Registrations: 10 a minute.
    Register,
    /// Begun uploads: 20 a minute.
    Upload,
    /// Confirmed uploads: 20 a minute.
    Confirm,
    /// Looks at an attachment's state: 60 a minute.
    AttachmentStatus,
    /// Quarantine review: 30 a minute.
    Quarantine,
    /// Looks at an agent's risk: 30 a minute.
    Risk,
    /// Suspensions and their ends: 10 a minute.
    Suspend,
    /// Every other call: 100 a minute.
    Other,
    /// Messages that an agent sends: 500 an hour.
    Sent,
    /// Messages that an agent is sent: 120 a minute.
    Received,
    /// Messages that another provider forwards: 100 a minute.
    FederationProvider,
    /// Forwarded messages to one recipient: 20 a minute.
    FederationRecipient,
    /// Forwarded messages in all: 1,000 a minute.
    FederationAll,
}

impl RateClass {
    /// Every class.
    pub const ALL: [Self; 15] = [
        Self::Route,
        Self::Pending,
        Self::Register,
        Self::Upload,
        Self::Confirm,
        Self::AttachmentStatus,
        Self::Quarantine,
        Self::Risk,
        Self::Suspend,
        Self::Other,
        Self::Sent,
        Self::Received,
        Self::FederationProvider,
        Self::FederationRecipient,
        Self::FederationAll,
    ];

    /// The name, for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Pending => "pending",
            Self::Register => "register",
            Self::Upload => "upload",
            Self::Confirm => "confirm",
            Self::AttachmentStatus => "attachment_status",
            Self::Quarantine => "quarantine",
            Self::Risk => "risk",
            Self::Suspend => "suspend",
            Self::Other => "other",
            Self::Sent => "sent",
            Self::Received => "received",
            Self::FederationProvider => "federation_provider",
            Self::FederationRecipient => "federation_recipient",
            Self::FederationAll => "federation_all",
        }
    }

    /// The protocol's limit.
    #[must_use]
    pub const fn limit(self) -> RateLimit {
        match self {
            Self::Route | Self::AttachmentStatus => RateLimit::new(60, MINUTE),
            Self::Pending | Self::Quarantine | Self::Risk => RateLimit::new(30, MINUTE),
            Self::Register | Self::Suspend => RateLimit::new(10, MINUTE),
            Self::Upload | Self::Confirm | Self::FederationRecipient => RateLimit::new(20, MINUTE),
            Self::Other | Self::FederationProvider => RateLimit::new(100, MINUTE),
            Self::Sent => RateLimit::new(500, HOUR),
            Self::Received => RateLimit::new(120, MINUTE),
            Self::FederationAll => RateLimit::new(1000, MINUTE),
        }
    }
}

impl fmt::Display for RateClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// So many calls in so much time.
///
/// ```
/// use amp_core::guards::{RateClass, RateLimit};
/// use core::time::Duration;
/// assert_eq!(RateClass::Route.limit(), RateLimit::new(60, Duration::from_secs(60)));
/// assert_eq!(RateLimit::new(7, Duration::ZERO).window(), Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    calls: u16,
    window: Duration,
}

impl RateLimit {
    /// A limit: calls, and a window between one second and one day. A window outside of these is taken for the nearest.
    #[must_use]
    pub const fn new(calls: u16, window: Duration) -> Self {
        let window = match window.as_secs() {
            0 => Duration::from_secs(1),
            secs if secs >= DAY.as_secs() => DAY,
            _ => window,
        };
        Self { calls, window }
    }

    /// The most calls in a window. 0 refuses all.
    #[must_use]
    pub const fn calls(self) -> u16 {
        self.calls
    }

    /// The window: between one second and one day.
    #[must_use]
    pub const fn window(self) -> Duration {
        self.window
    }
}

/// How much of a limit somebody is granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the protocol knows these two")]
pub enum RateShare {
    /// All of it.
    #[default]
    Full,
    /// Half of it, rounded down, but at least one call: for agents of high risk.
    Half,
}

impl RateShare {
    pub(super) const fn of(self, calls: u16) -> u16 {
        match self {
            Self::Full => calls,
            Self::Half if calls > 1 => calls >> 1,
            Self::Half => calls,
        }
    }
}
