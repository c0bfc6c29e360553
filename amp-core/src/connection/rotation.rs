//! Going over to a new signing key, without ever being unable to sign (identity, rotation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use amp_address::Address;
use amp_crypto::{ContextError, Identity, VerifyingKey};
use amp_envelope::Timestamp;

use super::backoff::Backoff;
use super::call::{Call, Ticket};
use super::clock::Deadline;
use crate::identity::{
    NewKeyStanding, PinView, RecordError, RotationPolicy, RotationRecord, RotationRefusal, RotationRequest,
    check_rotation,
};
use crate::wire::{AnswerParts, ApiError, ApiErrorCode, Request as _, Resolve, Retry, RotateKeys};

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// How often the new key is sent.
const SENDINGS_MAX: u8 = 8;

/// A rotation that is proven and not sent yet. Nothing can be sent before the host says that it is stored, together
/// with the new private key: else a crash could leave an address with a key that nobody has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a rotation begins when it is stored"]
pub struct PreparedRotation {
    record: RotationRecord,
}

impl PreparedRotation {
    /// The old key vouches for the new one.
    ///
    /// # Errors
    /// [`RotationRefusal::SameKey`] when both are one key.
    pub fn new(
        address: &Address,
        old: &Identity,
        new: &Identity,
        now: Timestamp,
    ) -> Result<Self, RotationRefusal> {
        let request = RotationRequest::prove(old, new).map_err(|error| match error {
            ContextError::SameKey => RotationRefusal::SameKey,
            _ => RotationRefusal::NewKeyAlgorithm,
        })?;
        let pin = PinView::new(address, old.verifying_key());
        let policy = RotationPolicy::new();
        let rotation = check_rotation(pin, &request, |_| NewKeyStanding::Free, policy, now)?;
        Ok(Self { record: rotation.into_record() })
    }

    /// What to store durably, beside the new private key. It holds no secret.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.record.to_json()
    }

    /// Reads what [`to_json`](Self::to_json) wrote, after a restart in the middle of a rotation.
    ///
    /// # Errors
    /// [`RecordError`] when it is no such record, or its proof does not hold.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        RotationRecord::decode(json).map(|record| Self { record })
    }

    /// The proven rotation.
    #[must_use]
    pub const fn record(&self) -> &RotationRecord {
        &self.record
    }

    /// Begins. **Only when the new private key and [`to_json`](Self::to_json) are stored durably.** The seed, 64 random
    /// bits, is for the pauses.
    #[must_use]
    pub fn begin(self, seed: u64) -> KeyRotation {
        KeyRotation::new(self.record, State::Send, seed)
    }

    /// Goes on after a restart: nobody knows whether the new key was sent, so first it is asked which one is in force.
    #[must_use]
    pub fn resume(self, seed: u64) -> KeyRotation {
        KeyRotation::new(self.record, State::Ask, seed)
    }
}

/// Which key signs what the agent sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyInForce {
    /// The old one.
    Old,
    /// The new one.
    New,
    /// Not known: a request was sent and its answer is not here. What is signed now may have to be signed again.
    Unknown,
}

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationOutcome {
    /// The new key is in force. The old one proves no more than what was signed before.
    Rotated,
    /// The old key is in force, and this is the provider's last word on it. Keep the new private key all the same until
    /// the next rotation: a request that was long on its way may take effect late.
    NotRotated(Box<ApiError>),
    /// Neither is in force, but this one. Somebody else may hold the address: a person has to look at it.
    Conflict(Box<VerifyingKey>),
}

#[derive(Debug)]
enum State {
    Send,
    Sent(Ticket, Deadline),
    Ask,
    Asked(Ticket, Deadline),
    Pausing(Deadline, Next),
    Ended(RotationOutcome),
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Send,
    Ask,
}

/// Has the provider replace the signing key of an address.
///
/// A rotation is sent, and when its outcome is not known (no answer, a broken one, or a refusal that may be the answer
/// to a request that was made twice) the provider is asked which key is in force. So it ends with certainty, or goes on
/// asking, every five minutes at least.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::connection::{KeyInForce, PreparedRotation, RotationOutcome};
/// use amp_core::wire::{Answer, Endpoint, Resolved};
/// # let now: amp_core::Timestamp = "2026-01-31T10:00:00Z".parse()?;
///
/// let alice = "alice@acme.crabmail.ai".parse()?;
/// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
/// let prepared = PreparedRotation::new(&alice, &old, &new, now)?;
/// // …the host stores the new private key and `prepared.to_json()` durably, and only then:
/// let mut rotation = prepared.begin(7);
///
/// let call = rotation.poll_call(now).ok_or("a call")?;
/// assert_eq!(call.endpoint(), Endpoint::RotateKeys);
/// rotation.handle_failure(call.ticket(), now); // no answer came: was it done?
/// assert_eq!(rotation.key_in_force(), KeyInForce::Unknown);
///
/// let later = rotation.next_timeout().ok_or("a pause")?;
/// let call = rotation.poll_call(later).ok_or("a call")?;
/// assert_eq!(call.endpoint(), Endpoint::Resolve);
/// let answer = Resolved::new(alice, new.verifying_key()).to_parts();
/// rotation.handle_answer(call.ticket(), &answer, later);
/// assert_eq!(rotation.outcome(), Some(&RotationOutcome::Rotated));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KeyRotation {
    record: RotationRecord,
    state: State,
    sendings: u8,
    /// What the provider answered to the last sending, if that was no success.
    refusal: Option<ApiError>,
    /// What it answered to the last question, likewise.
    unanswered: Option<ApiError>,
    backoff: Backoff,
    last: Ticket,
    known: KeyInForce,
}

impl KeyRotation {
    fn new(record: RotationRecord, state: State, seed: u64) -> Self {
        let known = if matches!(state, State::Send) { KeyInForce::Old } else { KeyInForce::Unknown };
        let backoff = Backoff::new(seed).with_range(Duration::from_secs(1), PAUSE_MAX);
        Self {
            record,
            state,
            sendings: 0,
            refusal: None,
            unanswered: None,
            backoff,
            last: Ticket::FIRST,
            known,
        }
    }

    /// The rotation.
    #[must_use]
    pub const fn record(&self) -> &RotationRecord {
        &self.record
    }

    /// Which key signs for the address now.
    #[must_use]
    pub const fn key_in_force(&self) -> KeyInForce {
        self.known
    }

    /// How it ended, once it has. Store that before the prepared rotation is forgotten.
    #[must_use]
    pub const fn outcome(&self) -> Option<&RotationOutcome> {
        match &self.state {
            State::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// What the provider said last against it, while it goes on: an API key that is not accepted, perhaps.
    #[must_use]
    pub fn last_error(&self) -> Option<&ApiError> {
        self.unanswered.as_ref().or(self.refusal.as_ref())
    }

    /// When to ask for a call at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match &self.state {
            State::Sent(_, end) | State::Asked(_, end) | State::Pausing(end, _) => Some(end.at()),
            State::Send | State::Ask | State::Ended(_) => None,
        }
    }

    /// The next call to make, if one is due.
    pub fn poll_call(&mut self, now: Timestamp) -> Option<Call> {
        self.pass_time(now);
        let ticket = self.last.next();
        let until = Deadline::after(TIMEOUT, now);
        let (state, call) = match &self.state {
            State::Send => {
                self.sendings = self.sendings.saturating_add(1);
                self.known = KeyInForce::Unknown;
                let call = Call::new(ticket, &RotateKeys::new(self.request()), TIMEOUT);
                (State::Sent(ticket, until), call)
            }
            State::Ask => {
                let call = Call::new(ticket, &Resolve::new(self.record.address().clone()), TIMEOUT);
                (State::Asked(ticket, until), call)
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
            State::Sent(own, _) if *own == ticket => self.take_rotation(answer, now),
            State::Asked(own, _) if *own == ticket => self.take_resolution(answer, now),
            _ => {}
        }
    }

    /// There is no answer to a call.
    pub fn handle_failure(&mut self, ticket: Ticket, now: Timestamp) {
        if matches!(&self.state, State::Sent(own, _) | State::Asked(own, _) if *own == ticket) {
            self.pause(Next::Ask, None, now);
        }
    }

    fn request(&self) -> RotationRequest {
        RotationRequest::new(self.record.new_key().clone(), self.record.proof().clone())
    }

    /// A refusal may be what the second of two requests was answered with: the first one did it, and the old key proves
    /// nothing any more. So whatever is no success is looked into.
    fn take_rotation(&mut self, answer: &AnswerParts, now: Timestamp) {
        match RotateKeys::new(self.request()).read_answer(answer) {
            Ok(rotated) if rotated.rotated => self.end(RotationOutcome::Rotated),
            Ok(_) => self.pause(Next::Ask, None, now),
            Err(error) => {
                self.pause(Next::Ask, Some(&error), now);
                self.refusal = Some(error);
            }
        }
    }

    fn take_resolution(&mut self, answer: &AnswerParts, now: Timestamp) {
        match Resolve::new(self.record.address().clone()).read_answer(answer) {
            Ok(resolved) if resolved.public_key() == self.record.new_key() => {
                self.end(RotationOutcome::Rotated)
            }
            Ok(resolved) if resolved.public_key() == self.record.old_key() => self.not_done(now),
            Ok(resolved) => self.end(RotationOutcome::Conflict(Box::new(resolved.public_key().clone()))),
            Err(error) => {
                self.pause(Next::Ask, Some(&error), now);
                self.unanswered = Some(error);
            }
        }
    }

    /// The old key is in force: the new one is sent again, unless the provider refused it.
    fn not_done(&mut self, now: Timestamp) {
        let refused =
            self.refusal.take().filter(|error| error.retry(now) == Retry::Never && !error.is_unreadable());
        if let Some(refusal) = refused {
            return self.end(RotationOutcome::NotRotated(Box::new(refusal)));
        }
        if self.sendings >= SENDINGS_MAX {
            let error = ApiError::new(ApiErrorCode::InternalError, "the provider answers no rotation");
            return self.end(RotationOutcome::NotRotated(Box::new(error)));
        }
        self.pause(Next::Send, None, now);
    }

    fn end(&mut self, outcome: RotationOutcome) {
        self.known = match &outcome {
            RotationOutcome::Rotated => KeyInForce::New,
            RotationOutcome::NotRotated(_) => KeyInForce::Old,
            RotationOutcome::Conflict(_) => KeyInForce::Unknown,
        };
        self.state = State::Ended(outcome);
    }

    fn pause(&mut self, next: Next, error: Option<&ApiError>, now: Timestamp) {
        let own = self.backoff.next_delay();
        let asked = match error.map(|error| error.retry(now)) {
            Some(Retry::At(until)) => until.duration_since(now).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.state = State::Pausing(Deadline::after(own.max(asked).min(PAUSE_MAX), now), next);
    }

    fn pass_time(&mut self, now: Timestamp) {
        let (State::Sent(_, end) | State::Asked(_, end) | State::Pausing(end, _)) = &mut self.state else {
            return;
        };
        end.hold(now);
        if !end.is_due(now) {
            return;
        }
        match &self.state {
            State::Pausing(_, Next::Send) => self.state = State::Send,
            State::Pausing(_, Next::Ask) => self.state = State::Ask,
            _ => self.pause(Next::Ask, None, now),
        }
    }
}
