//! When a delivery is tried, tried again, and given up: a state machine without a clock (webhooks).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

/// The attempts at one message's delivery by webhook: at once, 30 seconds and 2 minutes after the first, then no more.
///
/// The host asks what to do ([`handle_timeout`](Self::handle_timeout)) whenever [`next_timeout`](Self::next_timeout) has
/// come, performs the attempt that it is given, and says what came of it ([`handle_outcome`](Self::handle_outcome)). It
/// ends at the first answer from 200 to 299, at any other that will not change by asking again, with the third attempt, or when the
/// message is acknowledged or deleted meanwhile ([`stop`](Self::stop)). The message stays in the agent's queue all the
/// while; a schedule that ends decides only about calls.
///
/// The clock may jump: no wait is longer than it was meant to be, and an attempt without an outcome counts as failed when
/// its time is over.
///
/// ```
/// use amp_core::webhook::{PostOutcome, RetryEnd, RetrySchedule, RetryStep};
///
/// let now: amp_core::Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let mut schedule = RetrySchedule::new(now);
/// let RetryStep::Post(attempt) = schedule.handle_timeout(now) else { return Err("at once".into()) };
/// schedule.handle_outcome(attempt.number(), PostOutcome::Answered(503), now); // what the endpoint said
///
/// let later = "2026-01-31T10:00:30Z".parse()?;
/// assert_eq!(schedule.handle_timeout(now), RetryStep::Wait { until: later });
/// let RetryStep::Post(attempt) = schedule.handle_timeout(later) else { return Err("after 30 s".into()) };
/// assert_eq!(attempt.number(), 2);
/// schedule.handle_outcome(attempt.number(), PostOutcome::Answered(204), later);
/// assert_eq!(schedule.end(), Some(RetryEnd::Delivered));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Attempts that were begun.
    begun: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { due: Timestamp },
    Posting { began: Timestamp, deadline: Timestamp },
    Ended(RetryEnd),
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a host that leaves one of these out delivers nothing")]
pub enum RetryStep {
    /// Post, and say what came of it.
    Post(Attempt),
    /// Nothing before then.
    Wait {
        /// When to ask again.
        until: Timestamp,
    },
    /// No more.
    End(RetryEnd),
}

/// One attempt at posting a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    number: u8,
    deadline: Timestamp,
}

impl Attempt {
    /// 1 to 3, for the header `X-AMP-Delivery-Attempt`.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.number
    }

    /// When it counts as failed, redirects included.
    #[must_use]
    pub const fn deadline(self) -> Timestamp {
        self.deadline
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PostOutcome {
    /// The endpoint answered with this status. Redirects were followed before, as far as they may be.
    Answered(u16),
    /// No connection, or no whole answer in time.
    Failed,
    /// The target was not admitted, or redirected to one that is not: it was not called.
    NotAdmitted,
}

/// Why a schedule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryEnd {
    /// The endpoint answered 200 to 299.
    Delivered,
    /// The endpoint answered something that another attempt does not change: 300 to 499.
    Refused {
        /// The status.
        status: u16,
    },
    /// The target was not admitted.
    NotAdmitted,
    /// Three attempts failed.
    Exhausted,
    /// The message was acknowledged or deleted.
    Stopped,
}

impl RetrySchedule {
    /// Most attempts.
    pub const ATTEMPTS_MAX: u8 = 3;

    /// How long to wait for a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// How long to wait for the whole answer, once connected.
    pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

    /// How long an attempt takes at most.
    const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

    /// A schedule whose first attempt is due at once.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self { begun: 0, state: State::Waiting { due: now } }
    }

    /// A schedule that was stored: so many attempts had been begun, and this was [`due`](Self::due). An attempt whose outcome is not
    /// known counts as failed.
    #[must_use]
    pub const fn resume(attempts: u8, due: Timestamp) -> Self {
        if attempts >= Self::ATTEMPTS_MAX {
            return Self { begun: Self::ATTEMPTS_MAX, state: State::Ended(RetryEnd::Exhausted) };
        }
        Self { begun: attempts, state: State::Waiting { due } }
    }

    /// How many attempts were begun. Stored before an attempt is made.
    #[must_use]
    pub const fn attempts(&self) -> u8 {
        self.begun
    }

    /// When the next attempt is due, if the present one comes to nothing. None when there is no next one.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due } => Some(due),
            State::Posting { began, .. } => self.interval().map(|interval| began.saturating_add(interval)),
            State::Ended(_) => None,
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) again. None when it has ended.
    #[must_use]
    pub const fn next_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due } => Some(due),
            State::Posting { deadline, .. } => Some(deadline),
            State::Ended(_) => None,
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub const fn end(&self) -> Option<RetryEnd> {
        match self.state {
            State::Ended(end) => Some(end),
            State::Waiting { .. } | State::Posting { .. } => None,
        }
    }

    /// Says what to do now. [`RetryStep::Post`] begins an attempt, and is given once for each.
    pub fn handle_timeout(&mut self, now: Timestamp) -> RetryStep {
        if let State::Posting { began, deadline } = self.state {
            let deadline = deadline.min(now.saturating_add(Self::ATTEMPT_TIMEOUT));
            self.state = State::Posting { began, deadline };
            if now < deadline {
                return RetryStep::Wait { until: deadline };
            }
            self.fail(began, now);
        }
        match self.state {
            State::Waiting { due } => {
                // A clock that was set back lengthens no wait.
                let due = due.min(now.saturating_add(self.interval().unwrap_or_default()));
                if now < due {
                    self.state = State::Waiting { due };
                    return RetryStep::Wait { until: due };
                }
                RetryStep::Post(self.begin(now))
            }
            State::Posting { deadline, .. } => RetryStep::Wait { until: deadline },
            State::Ended(end) => RetryStep::End(end),
        }
    }

    /// Takes what came of the attempt with this number. What is said of one that is over already counts only if it was
    /// delivered.
    pub fn handle_outcome(&mut self, attempt: u8, outcome: PostOutcome, now: Timestamp) {
        if self.end().is_some() {
            return;
        }
        if matches!(outcome, PostOutcome::Answered(200..=299)) {
            self.state = State::Ended(RetryEnd::Delivered);
            return;
        }
        let State::Posting { began, .. } = self.state else { return };
        if attempt != self.begun {
            return;
        }
        match outcome {
            PostOutcome::Answered(status @ 300..=499) => {
                self.state = State::Ended(RetryEnd::Refused { status });
            }
            PostOutcome::NotAdmitted => self.state = State::Ended(RetryEnd::NotAdmitted),
            PostOutcome::Answered(_) | PostOutcome::Failed => self.fail(began, now),
        }
    }

    /// Ends it: the message was acknowledged or deleted. To be looked at before every attempt.
    pub const fn stop(&mut self) {
        if self.end().is_none() {
            self.state = State::Ended(RetryEnd::Stopped);
        }
    }

    /// From the beginning of the last attempt to that of the next.
    const fn interval(&self) -> Option<Duration> {
        match self.begun {
            0 => Some(Duration::ZERO),
            1 => Some(Duration::from_secs(30)),
            2 => Some(Duration::from_secs(90)),
            _ => None,
        }
    }

    fn begin(&mut self, now: Timestamp) -> Attempt {
        self.begun = self.begun.saturating_add(1);
        let deadline = now.saturating_add(Self::ATTEMPT_TIMEOUT);
        self.state = State::Posting { began: now, deadline };
        Attempt { number: self.begun, deadline }
    }

    fn fail(&mut self, began: Timestamp, now: Timestamp) {
        self.state = match self.interval() {
            Some(interval) => {
                let due = began.saturating_add(interval).min(now.saturating_add(interval));
                State::Waiting { due }
            }
            None => State::Ended(RetryEnd::Exhausted),
        };
    }
}
