//! What a pick-up makes of the answers to its questions (delivery, pick-up; notify).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{MessageId, Timestamp};

use super::ack_lane::Acked;
use super::arrived::Arrived;
use super::call::Ticket;
use super::clock::Deadline;
use super::handed::Sight;
use super::pickup::{
    Abilities, Asked, EMPTY_COUNTS_MAX, Fetching, INFO_AGAIN, PickUp, Question, Round, SPACING,
};
use super::pickup_event::{Oddity, PickUpEvent, UnreadableEntry};
use crate::wire::{
    AnswerParts, ApiError, CarriedKey, CountPending, Cursor, GetInfo, GetPending, Info, Pending,
    PendingMessage, RateStatus, Request as _, Retry,
};

/// First pause after messages came and the queue was empty.
const LIVELY: Duration = Duration::from_secs(2);
/// After which time the provider is asked again what it can do.
const INFO_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// Most pages without a pause.
const PAGES_MAX: u32 = 32;
/// Longest time that a provider can put the next request off.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);

impl PickUp {
    pub(super) fn take_answer(&mut self, asked: Asked, answer: &AnswerParts, now: Timestamp) {
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
    pub(super) fn ask_for_more(&mut self) -> bool {
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

    pub(super) fn rest_after_failure(&mut self, error: Option<ApiError>, now: Timestamp) {
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
    pub(super) fn heed(&mut self, rate: Option<RateStatus>, now: Timestamp) {
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

    pub(super) fn take_acked(&mut self, acked: Acked) {
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
}

fn arrived(message: PendingMessage) -> Arrived {
    let key = message.sender_public_key.as_ref().and_then(CarriedKey::key);
    Arrived::picked_up(message.id, message.message.into_bytes(), message.queued_at)
        .with_expiry(message.expires_at)
        .with_carried_key(key)
}
