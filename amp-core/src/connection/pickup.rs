//! Picking messages up from the queue at the provider (delivery, pick-up; notify).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::VecDeque;
use core::time::Duration;

use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{MessageId, Timestamp};

use super::ack_lane::{AckLane, Acked};
use super::arrived::Arrived;
use super::backoff::Backoff;
use super::call::{Call, Ticket};
use super::clock::Deadline;
use super::handed::{HandedOut, Sight};
use super::pickup_event::{Oddity, PickUpEvent, UnreadableEntry};
use super::pickup_settings::PickUpSettings;
use crate::wire::{
    AnswerParts, ApiError, CarriedKey, CountPending, Cursor, GetInfo, GetPending, Info, Pending,
    PendingMessage, RateStatus, Request as _, Retry,
};

/// How long an answer is waited for, beside the time for which the provider may hold the request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Least time between the beginnings of two requests of which the first brought nothing.
const SPACING: Duration = Duration::from_secs(1);
/// First pause after messages came and the queue was empty.
const LIVELY: Duration = Duration::from_secs(2);
/// Longest time that a provider can put the next request off.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
/// After which time the provider is asked again what it can do.
const INFO_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// The same where it could not say so.
const INFO_AGAIN: Duration = Duration::from_secs(5 * 60);
/// Most pages without a pause.
const PAGES_MAX: u32 = 32;
/// A count of nothing is believed so often in a row.
const EMPTY_COUNTS_MAX: u32 = 10;
/// Most events that wait beside the messages of one page.
const EVENTS_MAX: usize = 2_048;

/// What the provider says it can do, as far as its answers bear it out.
#[derive(Clone, Copy, Debug, Default)]
struct Abilities {
    /// `notify:v1`: counts, and cursors.
    counts: bool,
    /// `notify:longpoll`: holds requests.
    waits: bool,
}

/// What is asked of the queue.
#[derive(Clone, Debug)]
enum Question {
    Info,
    Count,
    Page(GetPending),
}

#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    question: Question,
    since: Timestamp,
    deadline: Deadline,
}

#[derive(Debug)]
enum Fetching {
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
struct Round {
    pages: u32,
    /// The places that were before a page of this round.
    cursors: VecDeque<Cursor>,
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
    settings: PickUpSettings,
    abilities: Abilities,
    info: Option<Deadline>,
    fetching: Fetching,
    acks: AckLane,
    handed: HandedOut,
    events: VecDeque<PickUpEvent>,
    /// Messages among the events.
    untaken: usize,
    cursor: Option<Cursor>,
    round: Round,
    limit: u32,
    /// Looks in a row that found nothing.
    idle: u32,
    empty_counts: u32,
    backoff: Backoff,
    last: Ticket,
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

    fn take_answer(&mut self, asked: Asked, answer: &AnswerParts, now: Timestamp) {
        match &asked.question {
            Question::Info => self.take_info(GetInfo.read_answer(answer), now),
            Question::Count => match CountPending.read_answer(answer) {
                Ok(count) => self.take_count(count.count, now),
                Err(error) => self.take_error(&asked, answer, error, now),
            },
            Question::Page(page) => match page.read_answer(answer) {
                Ok(read) => self.take_page(&asked, page, read, now),
                Err(error) => self.take_error(&asked, answer, error, now),
            },
        }
        self.heed(RateStatus::read(answer), now);
    }

    /// Whatever goes wrong here, plain polling remains.
    fn take_info(&mut self, info: Result<Info, ApiError>, now: Timestamp) {
        let has = |name| info.as_ref().is_ok_and(|info| info.has_capability(name));
        self.abilities = Abilities { counts: has("notify:v1"), waits: has("notify:longpoll") };
        self.cursor = self.cursor.take().filter(|_| self.abilities.counts);
        self.acks.try_batches();
        let is_passing = info.is_err_and(|error| error.retry(now) != Retry::Never);
        self.info = Some(Deadline::after(if is_passing { INFO_AGAIN } else { INFO_LASTS }, now));
        self.fetching = Fetching::Due;
    }

    fn take_count(&mut self, count: u64, now: Timestamp) {
        self.backoff.reset();
        if count == 0 {
            self.empty_counts = self.empty_counts.saturating_add(1);
            self.end_round(now);
        } else {
            self.empty_counts = EMPTY_COUNTS_MAX;
            self.fetching = Fetching::Due;
        }
    }

    fn take_page(&mut self, asked: &Asked, question: &GetPending, page: Pending, now: Timestamp) {
        self.backoff.reset();
        self.empty_counts = 0;
        self.round.pages = self.round.pages.saturating_add(1);
        let entries = page.messages.len().saturating_add(page.unreadable.len());
        let limit = usize::try_from(question.limit.unwrap_or(self.limit)).unwrap_or(usize::MAX);
        let is_oversized = entries > limit;
        let has_more = page.remaining.map_or(entries >= limit, |remaining| remaining > 0);
        let place = page.next_cursor.clone();
        let news = self.take_entries(asked, page, limit, now);
        if is_oversized {
            self.notice(Oddity::Oversized);
        }
        if news > 0 {
            self.idle = 0;
        }
        let moved = !is_oversized && self.move_on(question, place);
        let waited = question.wait.is_some();
        let grew = has_more && news == 0 && self.cursor.is_none() && self.ask_for_more();
        if has_more && (news > 0 || moved || grew) && self.round.pages < PAGES_MAX {
            // Without a place to go on from, the same messages come first until they are acknowledged.
            self.fetching =
                if moved || grew { Fetching::Due } else { Fetching::Settling(Deadline::after(SPACING, now)) };
        } else if has_more && news == 0 {
            self.notice(Oddity::NoProgress);
            self.end_round(now);
        } else if waited && !has_more {
            self.end_wait(asked, news, now);
        } else {
            self.end_round(now);
        }
    }

    /// How many of the entries the host did not have.
    fn take_entries(&mut self, asked: &Asked, page: Pending, limit: usize, now: Timestamp) -> usize {
        let mut news = 0_usize;
        for message in page.messages.into_iter().take(limit) {
            let bytes = message.message.as_bytes();
            if self.see(&message.id, bytes, asked.ticket, now) {
                news = news.saturating_add(1);
                self.untaken = self.untaken.saturating_add(1);
                self.events.push_back(PickUpEvent::Arrived(arrived(message)));
            }
        }
        for id in page.unreadable.into_iter().take(limit).filter_map(|entry| entry.id) {
            if self.see(&id, &[], asked.ticket, now) {
                news = news.saturating_add(1);
                self.push(PickUpEvent::Unreadable(UnreadableEntry::new(id)));
            }
        }
        news
    }

    /// Whether an entry is to be handed out.
    fn see(&mut self, id: &MessageId, bytes: &[u8], call: Ticket, now: Timestamp) -> bool {
        match self.handed.see(id, bytes, call, now) {
            Sight::New => return true,
            Sight::Known => {}
            Sight::AcknowledgeAgain => self.acks.push(id.clone()),
            Sight::Stubborn => self.notice(Oddity::NeverAcknowledged(id.clone())),
        }
        false
    }

    /// Goes on to the place after a page. False when there is none, or it was before.
    fn move_on(&mut self, question: &GetPending, place: Option<Cursor>) -> bool {
        let Some(place) = place.filter(|_| self.abilities.counts) else { return false };
        self.round.cursors.extend(question.after.clone());
        if self.round.cursors.contains(&place) {
            // The last place may well be named again when nothing came after it.
            if question.after.as_ref() != Some(&place) {
                self.notice(Oddity::CursorLoop);
                self.cursor = None;
            }
            return false;
        }
        self.cursor = Some(place);
        true
    }

    /// What the host has not done with fills the page: what is behind it needs a longer one.
    fn ask_for_more(&mut self) -> bool {
        let wanted =
            u32::try_from(self.handed.waiting()).unwrap_or(u32::MAX).saturating_add(self.settings.limit);
        let more = wanted.min(1_000);
        let grew = more > self.limit;
        self.limit = self.limit.max(more);
        grew
    }

    /// A request that the provider held, or was to hold.
    fn end_wait(&mut self, asked: &Asked, news: usize, now: Timestamp) {
        let held = now.duration_since(asked.since).unwrap_or_default();
        self.begin_round(now);
        if news > 0 || held >= SPACING {
            self.idle = u32::from(news == 0);
            self.fetching = Fetching::Due;
            return;
        }
        self.idle = self.idle.saturating_add(1);
        if self.idle == 3 {
            self.notice(Oddity::DoesNotWait);
        }
        self.rest(now);
    }

    fn end_round(&mut self, now: Timestamp) {
        self.begin_round(now);
        self.idle = self.idle.saturating_add(1);
        self.rest(now);
    }

    /// What was not acknowledged in time is looked for from the beginning of the queue.
    fn begin_round(&mut self, now: Timestamp) {
        self.round = Round::default();
        if self.handed.give_up(now) {
            self.cursor = None;
        }
        if self.handed.waiting() == 0 {
            self.limit = self.settings.limit;
        }
    }

    /// Longer each time, up to the interval.
    fn rest(&mut self, now: Timestamp) {
        let doubled = 2_u32.saturating_pow(self.idle.saturating_sub(1).min(16));
        let pause = LIVELY.saturating_mul(doubled).min(self.settings.interval);
        let pause = self.backoff.jittered(pause).max(SPACING);
        self.fetching = Fetching::Resting(Deadline::after(pause, now));
    }

    fn take_error(&mut self, asked: &Asked, answer: &AnswerParts, error: ApiError, now: Timestamp) {
        let uses_more = match &asked.question {
            Question::Info => false,
            Question::Count => true,
            Question::Page(page) => page.after.is_some() || page.wait.is_some(),
        };
        self.round = Round::default();
        if answer.is_success() && answer.body.len() > HTTP_BODY_MAX_BYTES {
            self.notice(Oddity::TooLarge);
            let halved = self.limit.checked_div(2).unwrap_or(1);
            if halved > 0 {
                self.limit = halved;
            }
            return self.rest_after_failure(None, now);
        }
        match error.status {
            401 => {
                self.fetching = Fetching::Stopped;
                self.push(PickUpEvent::Unauthorized);
            }
            403 => {
                self.fetching = Fetching::Barred(Deadline::after(PAUSE_MAX, now));
                self.push(PickUpEvent::Forbidden(error));
            }
            // The place is gone, not the messages.
            410 if self.cursor.take().is_some() => self.fetching = Fetching::Due,
            400 | 404 | 405 | 501 if uses_more => {
                self.abilities = Abilities::default();
                self.cursor = None;
                self.notice(Oddity::CapabilityDenied);
                self.fetching = Fetching::Due;
            }
            _ => self.rest_after_failure(Some(error), now),
        }
    }

    fn rest_after_failure(&mut self, error: Option<ApiError>, now: Timestamp) {
        let own = self.backoff.next_delay();
        let asked = match error.as_ref().map(|error| error.retry(now)) {
            Some(Retry::At(until)) => until.duration_since(now).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.round = Round::default();
        self.fetching = Fetching::Barred(Deadline::after(own.max(asked).min(PAUSE_MAX), now));
        if let Some(error) = error {
            self.push(PickUpEvent::Failed(error));
        }
    }

    /// Does not use up a limit that is nearly used up.
    fn heed(&mut self, rate: Option<RateStatus>, now: Timestamp) {
        let Some(rate) = rate.filter(|rate| rate.remaining == 0) else { return };
        let pause = rate.reset.duration_since(now).unwrap_or_default().min(PAUSE_MAX);
        let bar = Deadline::after(pause, now);
        let is_earlier = match &self.fetching {
            Fetching::Due => !pause.is_zero(),
            Fetching::Resting(end) | Fetching::Settling(end) | Fetching::Barred(end) => end.at() < bar.at(),
            Fetching::Asked(_) | Fetching::Stopped => false,
        };
        if is_earlier {
            self.fetching = Fetching::Barred(bar);
        }
        self.acks.bar(pause, now);
    }

    fn take_acked(&mut self, acked: Acked) {
        let last = self.last;
        for id in acked.done {
            self.handed.done(&id, last);
            self.push(PickUpEvent::Acknowledged(id));
        }
        for id in acked.refused {
            self.handed.done(&id, last);
            self.notice(Oddity::NeverAcknowledged(id));
        }
        if matches!(self.fetching, Fetching::Settling(_)) && self.handed.waiting() == 0 {
            self.fetching = Fetching::Due;
        }
        if acked.unauthorized && !matches!(self.fetching, Fetching::Stopped) {
            self.fetching = Fetching::Stopped;
            self.push(PickUpEvent::Unauthorized);
        }
    }

    fn notice(&mut self, oddity: Oddity) {
        let is_same = |event: &PickUpEvent| matches!(event, PickUpEvent::Odd(known) if *known == oddity);
        if !self.events.iter().any(is_same) {
            self.push(PickUpEvent::Odd(oddity));
        }
    }

    /// Of errors that nobody reads, the last one stays.
    fn push(&mut self, event: PickUpEvent) {
        if matches!((&event, self.events.back()), (PickUpEvent::Failed(_), Some(PickUpEvent::Failed(_)))) {
            self.events.pop_back();
        }
        let is_note = !matches!(event, PickUpEvent::Arrived(_) | PickUpEvent::Unreadable(_));
        if self.events.len() < EVENTS_MAX || !is_note {
            self.events.push_back(event);
        }
    }
}

fn arrived(message: PendingMessage) -> Arrived {
    let key = message.sender_public_key.as_ref().and_then(CarriedKey::key);
    Arrived::picked_up(message.id, message.message.into_bytes(), message.queued_at)
        .with_expiry(message.expires_at)
        .with_carried_key(key)
}
