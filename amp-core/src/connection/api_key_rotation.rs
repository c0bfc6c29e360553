//! Replacing the API key without being locked out (provider API, authentication).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::Timestamp;

use super::backoff::Backoff;
use super::call::{Call, Ticket};
use super::clock::Deadline;
use crate::wire::{AnswerParts, ApiError, ApiKeyRotated, GetMe, Request as _, Retry, RotateApiKey};

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// How often a new key is asked for; each answer that got lost leaves a key that nobody knows.
const REQUESTS_MAX: u8 = 8;
/// How often the new key is tried.
const TRIALS_MAX: u8 = 8;

/// With which API key a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a rotation has two keys")]
pub enum ApiKeyGeneration {
    /// The one that is replaced.
    Old,
    /// The one that replaces it.
    New,
}

/// How the rotation of an API key ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiKeyOutcome {
    /// The new key was tried and works: the old one can be forgotten.
    Rotated,
    /// No new key was handed out. The old one works on.
    NotRotated(ApiError),
    /// There is no new key here, but an attempt went unanswered: the provider may have made one that nobody knows. The old
    /// one works until its overlap ends then, 24 hours as a rule. Rotate again within that time; when that is refused
    /// too, the agent's owner or the provider has to give it a key before the time is over.
    KeyMayBeLost(ApiError),
    /// A new key was handed out and does not work. The old one works until the time that was given with it, if at all:
    /// keep both, and rotate again.
    NewKeyRefused(ApiError),
    /// The old key is not accepted, and there is no new one. Repeating the registration does not help, since a public key
    /// proves nothing: the agent's owner or the provider has to give it a key.
    LockedOut,
}

#[derive(Debug)]
enum State {
    Send,
    Sent(Ticket, Deadline),
    /// A new key is here; the host has to store it.
    Received(Option<ApiKeyRotated>),
    Try,
    Trying(Ticket, Deadline),
    Pausing(Deadline, Next),
    Ended(ApiKeyOutcome),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Send,
    Try,
}

/// Has the provider replace an agent's API key. The old one stays valid for a while, usually 24 hours, in which the new
/// one is stored and tried.
///
/// ```
/// use amp_core::connection::{ApiKeyGeneration, ApiKeyRotation};
/// use amp_core::wire::{Answer, ApiKeyRotated};
/// # let now: amp_core::Timestamp = "2026-01-31T10:00:00Z".parse()?;
///
/// let mut rotation = ApiKeyRotation::new(7);
/// let (call, key) = rotation.poll_call(now).ok_or("a call")?;
/// assert_eq!(key, ApiKeyGeneration::Old);
/// let answer = ApiKeyRotated::new("amp_live_sk_1234".parse()?, "2026-02-01T10:00:00Z".parse()?).to_parts();
/// rotation.handle_answer(call.ticket(), &answer, now);
///
/// let received = rotation.take_new_key().ok_or("a key")?;
/// // …the host stores `received.api_key` durably beside the old one, and only then:
/// rotation.stored();
/// let (trial, key) = rotation.poll_call(now).ok_or("a call")?;
/// assert_eq!((trial.parts().path.as_str(), key), ("/agents/me", ApiKeyGeneration::New));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ApiKeyRotation {
    state: State,
    requests: u8,
    trials: u8,
    /// Whether an attempt may have made a key that did not arrive.
    may_be_lost: bool,
    backoff: Backoff,
    last: Ticket,
}

impl ApiKeyRotation {
    /// Begins. The seed, 64 random bits, is for the pauses.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::at(State::Send, seed)
    }

    /// Goes on after a restart with a new key that was stored and not tried yet.
    #[must_use]
    pub fn resume(seed: u64) -> Self {
        Self::at(State::Try, seed)
    }

    fn at(state: State, seed: u64) -> Self {
        let backoff = Backoff::new(seed).with_range(Duration::from_secs(1), PAUSE_MAX);
        Self { state, requests: 0, trials: 0, may_be_lost: false, backoff, last: Ticket::FIRST }
    }

    /// The new key, once, when it is here. It exists nowhere else: store it, and then say [`stored`](Self::stored).
    #[must_use]
    pub fn take_new_key(&mut self) -> Option<ApiKeyRotated> {
        match &mut self.state {
            State::Received(received) => received.take(),
            _ => None,
        }
    }

    /// The new key is stored durably, beside the old one. Nothing happens before it was taken.
    pub fn stored(&mut self) {
        if matches!(self.state, State::Received(None)) {
            self.state = State::Try;
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<&ApiKeyOutcome> {
        match &self.state {
            State::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// When to ask for a call at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match &self.state {
            State::Sent(_, end) | State::Trying(_, end) | State::Pausing(end, _) => Some(end.at()),
            _ => None,
        }
    }

    /// The next call to make, and with which key.
    pub fn poll_call(&mut self, now: Timestamp) -> Option<(Call, ApiKeyGeneration)> {
        self.pass_time(now);
        let ticket = self.last.next();
        let until = Deadline::after(TIMEOUT, now);
        let (state, call) = match &self.state {
            State::Send => {
                self.requests = self.requests.saturating_add(1);
                let call = Call::new(ticket, &RotateApiKey, TIMEOUT);
                (State::Sent(ticket, until), (call, ApiKeyGeneration::Old))
            }
            State::Try => {
                self.trials = self.trials.saturating_add(1);
                let call = Call::new(ticket, &GetMe, TIMEOUT);
                (State::Trying(ticket, until), (call, ApiKeyGeneration::New))
            }
            _ => return None,
        };
        self.last = ticket;
        self.state = state;
        Some(call)
    }

    /// Takes the answer to a call.
    pub fn handle_answer(&mut self, ticket: Ticket, answer: &AnswerParts, now: Timestamp) {
        match &self.state {
            State::Sent(own, _) if *own == ticket => match RotateApiKey.read_answer(answer) {
                Ok(received) => {
                    self.backoff.reset();
                    self.state = State::Received(Some(received));
                }
                Err(error) if error.status == 401 => self.state = State::Ended(ApiKeyOutcome::LockedOut),
                Err(error) => self.again(Next::Send, error, now),
            },
            State::Trying(own, _) if *own == ticket => match GetMe.read_answer(answer) {
                Ok(_) => self.state = State::Ended(ApiKeyOutcome::Rotated),
                Err(error) if error.status == 401 => {
                    self.state = State::Ended(ApiKeyOutcome::NewKeyRefused(error));
                }
                // The caller was recognized, and suspended, or described in a way that is not understood.
                Err(error) if error.status == 403 || error.is_unreadable() => {
                    self.state = State::Ended(ApiKeyOutcome::Rotated)
                }
                Err(error) => self.again(Next::Try, error, now),
            },
            _ => {}
        }
    }

    /// There is no answer to a call.
    pub fn handle_failure(&mut self, ticket: Ticket, now: Timestamp) {
        let next = match &self.state {
            State::Sent(own, _) if *own == ticket => Next::Send,
            State::Trying(own, _) if *own == ticket => Next::Try,
            _ => return,
        };
        self.again(next, no_answer(), now);
    }

    fn again(&mut self, next: Next, error: ApiError, now: Timestamp) {
        let retry = error.retry(now);
        let is_final = retry == Retry::Never && !error.is_unreadable();
        // A refusal says that nothing was done; anything else does not.
        self.may_be_lost |= next == Next::Send && (error.is_unreadable() || error.status >= 500);
        match next {
            Next::Send if is_final || self.requests >= REQUESTS_MAX => {
                let outcome = if self.may_be_lost {
                    ApiKeyOutcome::KeyMayBeLost(error)
                } else {
                    ApiKeyOutcome::NotRotated(error)
                };
                self.state = State::Ended(outcome);
                return;
            }
            Next::Try if self.trials >= TRIALS_MAX => {
                self.state = State::Ended(ApiKeyOutcome::NewKeyRefused(error));
                return;
            }
            _ => {}
        }
        let asked = match retry {
            Retry::At(until) => until.duration_since(now).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let pause = self.backoff.next_delay().max(asked).min(PAUSE_MAX);
        self.state = State::Pausing(Deadline::after(pause, now), next);
    }

    fn pass_time(&mut self, now: Timestamp) {
        let (State::Sent(_, end) | State::Trying(_, end) | State::Pausing(end, _)) = &mut self.state else {
            return;
        };
        end.hold(now);
        if !end.is_due(now) {
            return;
        }
        match &self.state {
            State::Pausing(_, Next::Send) => self.state = State::Send,
            State::Pausing(_, Next::Try) => self.state = State::Try,
            State::Trying(..) => self.again(Next::Try, no_answer(), now),
            _ => self.again(Next::Send, no_answer(), now),
        }
    }
}

fn no_answer() -> ApiError {
    ApiError::from_parts(&AnswerParts::new(504))
}
