//! Picking messages up from the queue at the provider (delivery, pick-up; notify).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::VecDeque;
use core::time::Duration;

use amp_envelope::Timestamp;

use super::ack_lane::AckLane;
use super::arrived::Arrived;
use super::backoff::Backoff;
use super::call::{Call, Ticket};
use super::clock::Deadline;
use super::handed::HandedOut;
use super::pickup_event::{Oddity, PickUpEvent, UnreadableEntry};
use super::pickup_settings::PickUpSettings;
use crate::wire::{AnswerParts, CountPending, Cursor, GetInfo, GetPending, RateStatus};

/// How long an answer is waited for, beside the time for which the provider may hold the request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Least time between the beginnings of two requests of which the first brought nothing.
pub(super) const SPACING: Duration = Duration::from_secs(1);
/// The same where it could not say so.
pub(super) const INFO_AGAIN: Duration = Duration::from_secs(5 * 60);
/// A count of nothing is believed so often in a row.
pub(super) const EMPTY_COUNTS_MAX: u32 = 10;
/// Most events that wait beside the messages of one page.
const EVENTS_MAX: usize = 2_048;

/// What the provider says it can do, as far as its answers bear it out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Abilities {
    /// `notify:v1`: counts, and cursors.
    pub(super) counts: bool,
    /// `notify:longpoll`: holds requests.
    pub(super) waits: bool,
}

/// What is asked of the queue.
#[derive(Clone, Debug)]
pub(super) enum Question {
    Info,
    Count,
    Page(GetPending),
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    pub(super) question: Question,
    pub(super) since: Timestamp,
    pub(super) deadline: Deadline,
}

#[derive(Debug)]
pub(super) enum Fetching {
    /// To ask as soon as there is room.
    Due,
    Asked(Asked),
    /// Nothing waited when it was last asked.
    Resting(Deadline),
    /// More waits behind what the host has not done with yet.
    Settling(Deadline),
    /// The provider, or a failure, bars asking.
    Barred(Deadline),
    /// Until the host says otherwise.
    Stopped,
}

/// One look at the queue, of one page or several.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) pages: u32,
    /// The places that were before a page of this round.
    pub(super) cursors: VecDeque<Cursor>,
}

/// Picks up messages that wait at the provider: asks, hands out, acknowledges what the host has stored, and asks again.
///
/// It uses what the provider can do (counts, cursors, requests that are held) and falls back to plain polling. One
/// request asks and one acknowledges at a time. Messages are handed out at least once: what the host drops comes again
/// after a while, and so does everything after a restart, until it is acknowledged.
///
/// The driver makes the calls of [`poll_call`](Self::poll_call), gives each answer to
/// [`handle_answer`](Self::handle_answer) or says [`handle_failure`](Self::handle_failure), takes what
/// [`poll_event`](Self::poll_event) has, and comes back at [`next_timeout`](Self::next_timeout). No page is asked for
/// before the messages of the last one are taken, nor while a thousand wait for their acknowledgement; beside one page
/// of at most 1 MiB, memory is bounded by 2,000 ids.
///
/// ```
/// use amp_core::Timestamp;
/// use amp_core::connection::{PickUp, PickUpEvent, PickUpSettings};
/// use amp_core::wire::AnswerParts;
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let mut pickup = PickUp::new(PickUpSettings::new(7));
/// // What the provider can do: nothing beyond the least.
/// let info = pickup.poll_call(now).ok_or("a call")?;
/// pickup.handle_answer(info.ticket(), &AnswerParts::new(200).with_body(b"{}".to_vec()), now);
///
/// let call = pickup.poll_call(now).ok_or("a call")?;
/// assert_eq!(call.parts().path, "/messages/pending");
/// let page = br#"{"messages":[{"id":"msg_1_a","envelope":{},"payload":{}}],"count":1,"remaining":0}"#;
/// pickup.handle_answer(call.ticket(), &AnswerParts::new(200).with_body(page.to_vec()), now);
///
/// let Some(PickUpEvent::Arrived(arrived)) = pickup.poll_event() else { panic!("no message") };
/// // …the receiver decides about `arrived.bytes()`, the host stores that durably, and only then:
/// pickup.acknowledge(arrived);
/// assert_eq!(pickup.poll_call(now).ok_or("a call")?.parts().path, "/messages/pending/msg_1_a");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PickUp {
    pub(super) settings: PickUpSettings,
    pub(super) abilities: Abilities,
    pub(super) info: Option<Deadline>,
    pub(super) fetching: Fetching,
    pub(super) acks: AckLane,
    pub(super) handed: HandedOut,
    pub(super) events: VecDeque<PickUpEvent>,
    /// Messages among the events.
    pub(super) untaken: usize,
    pub(super) cursor: Option<Cursor>,
    pub(super) round: Round,
    pub(super) limit: u32,
    /// Looks in a row that found nothing.
    pub(super) idle: u32,
    pub(super) empty_counts: u32,
    pub(super) backoff: Backoff,
    pub(super) last: Ticket,
}

impl PickUp {
    /// Begins; everything that waits is picked up.
    #[must_use]
    pub fn new(settings: PickUpSettings) -> Self {
        Self {
            abilities: Abilities::default(),
            info: None,
            fetching: Fetching::Due,
            acks: AckLane::new(settings.seed.rotate_left(32)),
            handed: HandedOut::new(settings.patience),
            events: VecDeque::new(),
            untaken: 0,
            cursor: None,
            round: Round::default(),
            limit: settings.limit,
            idle: 0,
            empty_counts: 0,
            backoff: Backoff::new(settings.seed),
            last: Ticket::FIRST,
            settings,
        }
    }

    /// The next request to make, if one is due.
    pub fn poll_call(&mut self, now: Timestamp) -> Option<Call> {
        let ticket = self.last.next();
        let call = self.acks.poll(ticket, now).or_else(|| self.poll_fetch(ticket, now));
        self.last = if call.is_some() { ticket } else { self.last };
        call
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<PickUpEvent> {
        let event = self.events.pop_front();
        if matches!(event, Some(PickUpEvent::Arrived(_))) {
            self.untaken = self.untaken.saturating_sub(1);
        }
        event
    }

    /// When to ask for a call at the latest, unless something happens before. None while there is nothing to wait for:
    /// a call or an event is due now, or the host has to [`resume`](Self::resume).
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let fetch = match &self.fetching {
            Fetching::Due if self.untaken == 0 && !self.handed.has_room() => self.handed.next_timeout(),
            Fetching::Due | Fetching::Stopped => None,
            Fetching::Asked(asked) => Some(asked.deadline.at()),
            Fetching::Resting(end) | Fetching::Settling(end) | Fetching::Barred(end) => Some(end.at()),
        };
        [fetch, self.acks.next_timeout()].into_iter().flatten().min()
    }

    /// Tells the provider that a message may be forgotten. **Only after the message is stored durably**, or was refused
    /// for good. It may have come from a session of the same agent.
    pub fn acknowledge(&mut self, arrived: Arrived) {
        let id = arrived.into_id();
        self.handed.acknowledging(&id);
        self.acks.push(id);
    }

    /// Tells the provider that an entry which is no message may be forgotten.
    pub fn discard(&mut self, entry: UnreadableEntry) {
        let id = entry.into_id();
        self.handed.acknowledging(&id);
        self.acks.push(id);
    }

    /// Looks at the queue soon: a push, a webhook or a person says that something waits. At most once a second.
    pub fn nudge(&mut self, now: Timestamp) {
        if let Fetching::Resting(end) = &mut self.fetching {
            let soon = Deadline::after(SPACING, now);
            *end = if end.at() < soon.at() { *end } else { soon };
            self.idle = 0;
        }
    }

    /// Goes on after [`PickUpEvent::Unauthorized`] with another API key, or earlier than planned.
    pub fn resume(&mut self) {
        self.backoff.reset();
        self.acks.resume();
        if !matches!(self.fetching, Fetching::Asked(_)) {
            self.fetching = Fetching::Due;
        }
    }

    /// Changes how often the queue is looked at, for instance when a socket opens or closes: 1 second to 1 hour.
    pub fn set_interval(&mut self, interval: Duration) {
        self.settings = self.settings.clone().with_interval(interval);
    }

    /// Whether everything that was stored is acknowledged.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.acks.is_idle()
    }

    /// Takes the answer to a call.
    pub fn handle_answer(&mut self, ticket: Ticket, answer: &AnswerParts, now: Timestamp) {
        if self.acks.awaits(ticket) {
            let acked = self.acks.answer(answer, now);
            self.take_acked(acked);
            self.heed(RateStatus::read(answer), now);
        } else if let Some(asked) = self.asked(ticket) {
            self.take_answer(asked, answer, now);
        }
    }

    /// There is no answer to a call: it could not be made, or the connection broke.
    pub fn handle_failure(&mut self, ticket: Ticket, now: Timestamp) {
        if self.acks.awaits(ticket) {
            self.acks.fail(now);
        } else if let Some(asked) = self.asked(ticket) {
            self.fail(&asked, now);
        }
    }

    fn asked(&mut self, ticket: Ticket) -> Option<Asked> {
        match core::mem::replace(&mut self.fetching, Fetching::Due) {
            Fetching::Asked(asked) if asked.ticket == ticket => Some(asked),
            other => {
                self.fetching = other;
                None
            }
        }
    }

    fn poll_fetch(&mut self, ticket: Ticket, now: Timestamp) -> Option<Call> {
        self.pass_time(now);
        let may_ask = matches!(self.fetching, Fetching::Due) && self.untaken == 0;
        if !may_ask || !self.has_room(now) {
            return None;
        }
        let question = self.question(now);
        let (call, timeout) = self.call(ticket, &question);
        let deadline = Deadline::after(timeout, now);
        self.fetching = Fetching::Asked(Asked { ticket, question, since: now, deadline });
        Some(call)
    }

    fn pass_time(&mut self, now: Timestamp) {
        let ending = match &mut self.fetching {
            Fetching::Asked(Asked { deadline: end, .. })
            | Fetching::Resting(end)
            | Fetching::Settling(end)
            | Fetching::Barred(end) => end,
            Fetching::Due | Fetching::Stopped => return,
        };
        ending.hold(now);
        if !ending.is_due(now) {
            return;
        }
        match core::mem::replace(&mut self.fetching, Fetching::Due) {
            Fetching::Asked(asked) => self.fail(&asked, now),
            Fetching::Settling(_) => {
                self.ask_for_more();
            }
            _ => {}
        }
    }

    /// There is no answer.
    fn fail(&mut self, asked: &Asked, now: Timestamp) {
        if matches!(asked.question, Question::Info) {
            self.info = Some(Deadline::after(INFO_AGAIN, now));
        }
        self.rest_after_failure(None, now);
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        if !self.handed.has_room() && self.handed.give_up(now) {
            self.cursor = None;
        }
        self.handed.has_room() && self.events.len() < EVENTS_MAX
    }

    fn question(&mut self, now: Timestamp) -> Question {
        if let Some(info) = &mut self.info {
            info.hold(now);
        }
        if self.info.is_none_or(|info| info.is_due(now)) {
            return Question::Info;
        }
        let may_wait = self.abilities.waits && !self.settings.wait.is_zero();
        let looks = self.round.pages == 0 && self.idle > 0;
        if self.abilities.counts && !may_wait && looks && self.empty_counts < EMPTY_COUNTS_MAX {
            return Question::Count;
        }
        let mut page = GetPending::new().with_limit(self.limit);
        page.after = self.cursor.clone().filter(|_| self.abilities.counts);
        // Without a cursor, what the host has not done with stands before everything new, and would answer at once.
        if may_wait && (page.after.is_some() || self.handed.waiting() == 0) {
            page = page.with_wait(self.settings.wait);
        }
        Question::Page(page)
    }

    fn call(&self, ticket: Ticket, question: &Question) -> (Call, Duration) {
        match question {
            Question::Info => (Call::new(ticket, &GetInfo, TIMEOUT), TIMEOUT),
            Question::Count => (Call::new(ticket, &CountPending, TIMEOUT), TIMEOUT),
            Question::Page(page) => {
                let timeout = TIMEOUT.saturating_add(page.wait.unwrap_or_default());
                (Call::new(ticket, page, timeout), timeout)
            }
        }
    }

    pub(super) fn notice(&mut self, oddity: Oddity) {
        let is_same = |event: &PickUpEvent| matches!(event, PickUpEvent::Odd(known) if *known == oddity);
        if !self.events.iter().any(is_same) {
            self.push(PickUpEvent::Odd(oddity));
        }
    }

    /// Of errors that nobody reads, the last one stays.
    pub(super) fn push(&mut self, event: PickUpEvent) {
        if matches!((&event, self.events.back()), (PickUpEvent::Failed(_), Some(PickUpEvent::Failed(_)))) {
            self.events.pop_back();
        }
        let is_note = !matches!(event, PickUpEvent::Arrived(_) | PickUpEvent::Unreadable(_));
        if self.events.len() < EVENTS_MAX || !is_note {
            self.events.push_back(event);
        }
    }
}
