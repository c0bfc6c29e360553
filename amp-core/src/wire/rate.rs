//! What an answer says about limits, and when a refused request may be made again (provider API, limits).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::ToString;
use core::time::Duration;

use amp_envelope::Timestamp;

use super::parts::AnswerParts;

/// How much of a limit is left, as `X-RateLimit-Limit`, `-Remaining` and `-Reset` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateStatus {
    /// How many requests the window allows.
    pub limit: u64,
    /// How many are left of them.
    pub remaining: u64,
    /// When the window ends.
    pub reset: Timestamp,
}

impl RateStatus {
    /// What is left of a limit until a time.
    #[must_use]
    pub const fn new(limit: u64, remaining: u64, reset: Timestamp) -> Self {
        Self { limit, remaining, reset }
    }

    /// Reads the three headers of an answer; none when one of them is absent or is no number.
    #[must_use]
    pub fn read(answer: &AnswerParts) -> Option<Self> {
        let number = |name| read_number(answer.header(name)?);
        let reset = i64::try_from(number("x-ratelimit-reset")?).ok()?;
        Some(Self {
            limit: number("x-ratelimit-limit")?,
            remaining: number("x-ratelimit-remaining")?,
            reset: Timestamp::from_unix_seconds(reset)?,
        })
    }

    /// Puts the three headers on an answer.
    #[must_use]
    pub fn put_on(self, answer: AnswerParts) -> AnswerParts {
        answer
            .with_header("X-RateLimit-Limit", &self.limit.to_string())
            .with_header("X-RateLimit-Remaining", &self.remaining.to_string())
            .with_header("X-RateLimit-Reset", &self.reset.unix_seconds().to_string())
    }
}

/// Digits alone; no sign, no blank.
pub(crate) fn read_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// When a request that was refused may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// The same request will be refused again.
    Never,
    /// Not before this time.
    At(Timestamp),
    /// After a pause of the caller's own, longer each time.
    Backoff,
}

/// The longest that a provider can make its client wait: an hour, which is its longest window.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(3600);
