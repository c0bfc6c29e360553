//! Telling the provider which messages are stored: in batches, one by one where batches are not understood (delivery,
//! pick-up).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use amp_envelope::{MessageId, Timestamp};

use super::backoff::Backoff;
use super::call::{Call, Ticket};
use super::clock::Deadline;
use crate::wire::{
    Acknowledge, AcknowledgeBatch, AcknowledgeForm, AnswerParts, ApiError, ApiErrorCode, Request as _, Retry,
};

/// Most ids of one batch.
const BATCH_MAX: usize = 100;
/// How often one id is refused before it is left alone.
const REFUSALS_MAX: u8 = 5;
/// How often batches fail in a row before they are done without.
const BATCH_FAILURES_MAX: u8 = 3;
/// Longest time that a provider can put an acknowledgement off.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An id, and how it is to be acknowledged.
#[derive(Debug)]
struct Due {
    id: MessageId,
    alone: bool,
    refusals: u8,
}

#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    acks: Vec<Due>,
    form: AcknowledgeForm,
    deadline: Deadline,
}

/// One request at a time, nothing lost when it fails.
#[derive(Debug)]
pub(super) struct AckLane {
    due: VecDeque<Due>,
    flight: Option<Flight>,
    pause: Option<Deadline>,
    takes_batches: bool,
    batch_failures: u8,
    form: AcknowledgeForm,
    backoff: Backoff,
}

/// What became of acknowledgements.
#[derive(Debug, Default)]
pub(super) struct Acked {
    /// The provider has forgotten these.
    pub(super) done: Vec<MessageId>,
    /// The provider refuses to.
    pub(super) refused: Vec<MessageId>,
    /// The API key is not accepted.
    pub(super) unauthorized: bool,
}

impl AckLane {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            due: VecDeque::new(),
            flight: None,
            pause: None,
            takes_batches: true,
            batch_failures: 0,
            form: AcknowledgeForm::Standard,
            backoff: Backoff::new(seed),
        }
    }

    pub(super) fn push(&mut self, id: MessageId) {
        let in_flight = self.flight.iter().flat_map(|flight| &flight.acks);
        if !self.due.iter().chain(in_flight).any(|due| due.id == id) {
            self.due.push_back(Due { id, alone: false, refusals: 0 });
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty() && self.flight.is_none()
    }

    pub(super) fn poll(&mut self, ticket: Ticket, now: Timestamp) -> Option<Call> {
        if let Some(flight) = &mut self.flight {
            flight.deadline.hold(now);
            if !flight.deadline.is_due(now) {
                return None;
            }
            self.fail(now);
        }
        if let Some(pause) = &mut self.pause {
            pause.hold(now);
            if !pause.is_due(now) {
                return None;
            }
            self.pause = None;
        }
        self.take_off(ticket, now)
    }

    fn take_off(&mut self, ticket: Ticket, now: Timestamp) -> Option<Call> {
        let alone = self.due.front()?.alone || !self.takes_batches || self.due.len() == 1;
        let count =
            if alone { 1 } else { self.due.iter().take(BATCH_MAX).take_while(|due| !due.alone).count() };
        let acks: Vec<_> = self.due.drain(..count.min(self.due.len())).collect();
        let ids = acks.iter().map(|due| due.id.clone());
        let call = match acks.as_slice() {
            [single] => {
                let request = Acknowledge::new(single.id.clone()).with_form(self.form);
                Call::new(ticket, &request, TIMEOUT)
            }
            _ => Call::new(ticket, &AcknowledgeBatch::new(ids)?, TIMEOUT),
        };
        self.flight = Some(Flight { ticket, acks, form: self.form, deadline: Deadline::after(TIMEOUT, now) });
        Some(call)
    }

    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.ticket == ticket)
    }

    /// There was no answer: all of it is still due. What the provider did of it does not matter, it may be told twice.
    pub(super) fn fail(&mut self, now: Timestamp) {
        if let Some(flight) = self.flight.take() {
            flight.acks.into_iter().rev().for_each(|due| self.due.push_front(due));
            self.rest(None, now);
        }
    }

    pub(super) fn answer(&mut self, answer: &AnswerParts, now: Timestamp) -> Acked {
        let Some(flight) = self.flight.take() else { return Acked::default() };
        match flight.acks.as_slice() {
            [single] => {
                let request = Acknowledge::new(single.id.clone()).with_form(flight.form);
                let outcome = request.read_answer(answer).map(|answer| answer.acknowledged);
                self.single_answer(flight, outcome, now)
            }
            _ => {
                let request = AcknowledgeBatch::new(flight.acks.iter().map(|due| due.id.clone()));
                let outcome =
                    request.map(|request| request.read_answer(answer).map(|answer| answer.acknowledged));
                self.batch_answer(flight, outcome.unwrap_or(Ok(0)), now)
            }
        }
    }

    fn single_answer(&mut self, flight: Flight, outcome: Result<bool, ApiError>, now: Timestamp) -> Acked {
        let ids = flight.acks.iter().map(|due| due.id.clone()).collect();
        match outcome {
            Ok(true) => self.success(ids),
            // Acknowledged before, or expired.
            Err(error) if error.status == 404 && error.is(&ApiErrorCode::NotFound) => self.success(ids),
            Ok(false) => self.refusal(flight, now),
            Err(error) if error.retry(now) != Retry::Never => {
                self.put_back(flight, Some(&error), now);
                Acked::default()
            }
            Err(error) if matches!(error.status, 401 | 403) => self.forbidden(flight, &error, now),
            // A provider that knows no such path may know the other.
            Err(error) if matches!(error.status, 404 | 405 | 501) => {
                self.form = other_form(flight.form);
                self.refusal(flight, now)
            }
            Err(_) => self.refusal(flight, now),
        }
    }

    /// A batch that was not understood, or took fewer messages out than it named, is done again one by one: that says
    /// of each what became of it.
    fn batch_answer(&mut self, mut flight: Flight, outcome: Result<u64, ApiError>, now: Timestamp) -> Acked {
        match outcome {
            Ok(count) if usize::try_from(count) == Ok(flight.acks.len()) => {
                self.batch_failures = 0;
                return self.success(flight.acks.into_iter().map(|due| due.id).collect());
            }
            Err(error) if error.retry(now) != Retry::Never => {
                self.batch_failures = self.batch_failures.saturating_add(u8::from(error.status != 429));
                self.takes_batches &= self.batch_failures < BATCH_FAILURES_MAX;
                self.put_back(flight, Some(&error), now);
            }
            Err(error) if matches!(error.status, 401 | 403) => return self.forbidden(flight, &error, now),
            outcome => {
                self.takes_batches &= outcome.is_ok();
                flight.acks.iter_mut().for_each(|due| due.alone = true);
                flight.acks.into_iter().rev().for_each(|due| self.due.push_front(due));
            }
        }
        Acked::default()
    }

    fn success(&mut self, done: Vec<MessageId>) -> Acked {
        self.backoff.reset();
        Acked { done, ..Acked::default() }
    }

    fn forbidden(&mut self, flight: Flight, error: &ApiError, now: Timestamp) -> Acked {
        self.put_back(flight, None, now);
        self.pause = Some(Deadline::after(PAUSE_MAX, now));
        Acked { unauthorized: error.status == 401, ..Acked::default() }
    }

    /// Comes back to it after the others, a few times.
    fn refusal(&mut self, flight: Flight, now: Timestamp) -> Acked {
        let mut refused = Vec::new();
        for due in flight.acks {
            let refusals = due.refusals.saturating_add(1);
            if refusals >= REFUSALS_MAX {
                refused.push(due.id);
            } else {
                self.due.push_back(Due { refusals, alone: true, ..due });
            }
        }
        self.rest(None, now);
        Acked { refused, ..Acked::default() }
    }

    fn put_back(&mut self, flight: Flight, error: Option<&ApiError>, now: Timestamp) {
        flight.acks.into_iter().rev().for_each(|due| self.due.push_front(due));
        self.rest(error, now);
    }

    fn rest(&mut self, error: Option<&ApiError>, now: Timestamp) {
        let own = self.backoff.next_delay();
        let asked = match error.map(|error| error.retry(now)) {
            Some(Retry::At(until)) => until.duration_since(now).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.pause = Some(Deadline::after(own.max(asked).min(PAUSE_MAX), now));
    }

    /// The limit is used up, which holds for asking and acknowledging together.
    pub(super) fn bar(&mut self, pause: Duration, now: Timestamp) {
        let bar = Deadline::after(pause, now);
        if self.pause.is_none_or(|pause| pause.at() < bar.at()) {
            self.pause = Some(bar);
        }
    }

    /// The provider may have learnt to take batches.
    pub(super) const fn try_batches(&mut self) {
        (self.takes_batches, self.batch_failures) = (true, 0);
    }

    /// Another API key, or a suspension that ended: try again at once.
    pub(super) fn resume(&mut self) {
        self.pause = None;
        self.backoff.reset();
    }

    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        match (&self.flight, &self.pause) {
            (Some(flight), _) => Some(flight.deadline.at()),
            (None, Some(pause)) if !self.due.is_empty() => Some(pause.at()),
            _ => None,
        }
    }
}

const fn other_form(form: AcknowledgeForm) -> AcknowledgeForm {
    match form {
        AcknowledgeForm::Standard => AcknowledgeForm::Deployed,
        _ => AcknowledgeForm::Standard,
    }
}
