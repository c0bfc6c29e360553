//! Pages of the relay queue, acknowledgements, and what was read (provider API; delivery, relay queue).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{MessageId, Timestamp};

use super::action::Action;
use super::agent::ApiKeyHash;
use super::call::Call;
use super::decision::Plan;
use super::effect::{Departure, Effect, Way};
use super::ended_keys::ended;
use super::engine::{Provider, unauthorized};
use super::live::{Change, POLLS_OF_AGENT_MAX, Poll};
use super::number::{AgentNumber, MessageNumber, Ticket};
use super::reply::{MessagesReply, PageEntry, Reply};
use crate::wire::{
    Acknowledge, AcknowledgeBatch, Acknowledged, Answer as _, ApiError, ApiErrorCode, BatchAcknowledged,
    Cursor, GetPending, PendingCount,
};

/// The most messages of one page.
const PAGE_MAX: usize = 100;
/// What a page's bodies take at most: an answer has 1 MiB.
const PAGE_MAX_BYTES: usize = HTTP_BODY_MAX_BYTES - 4_096;
/// What an entry of a page takes beside its body: id, times, names of members.
const ENTRY_BYTES: usize = 384;

/// What became of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// The message is out of the queue.
    Now,
    /// It was before.
    Before,
    /// There is no such message, or its time was over.
    Unknown,
}

impl Provider {
    pub(super) fn get_pending(
        &self,
        request: &GetPending,
        caller: AgentNumber,
        call: &Call,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let key = call.request().key()?.ok_or_else(unauthorized)?;
        let key = ApiKeyHash::of(key.expose());
        let from = match &request.after {
            None => MessageNumber(0),
            Some(cursor) => self.place_of(cursor, caller)?,
        };
        let limit = request.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        let limit = limit.unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let page = self.page(caller, from, limit, now);
        let may_wait = page.entries.is_empty() && self.live.polls_of(caller).count() < POLLS_OF_AGENT_MAX;
        match (request.wait.filter(|wait| !wait.is_zero()), call.ticket()) {
            (Some(wait), Some(ticket)) if may_wait => {
                let due = self.live.clock.now().plus(wait);
                plan.changes.push(Change::Polls(ticket, Poll { agent: caller, key, limit, from, due }));
                Ok(Reply::Later)
            }
            _ => Ok(Reply::Messages(page)),
        }
    }

    /// The oldest messages from a place on, as many as fit.
    pub(super) fn page(
        &self,
        agent: AgentNumber,
        from: MessageNumber,
        limit: usize,
        now: Timestamp,
    ) -> MessagesReply {
        let mut page = MessagesReply { entries: Vec::new(), remaining: 0, next_cursor: None, rate: None };
        let Some(queue) = self.state.mail.queue(agent) else { return page };
        let mut bytes = 0_usize;
        let mut waiting = queue.waiting(from, now).peekable();
        while let Some((number, entry)) = waiting.peek() {
            let size = usize::try_from(entry.bytes).unwrap_or(usize::MAX).saturating_add(ENTRY_BYTES);
            bytes = bytes.saturating_add(size);
            let fits = page.entries.len() < limit && (bytes <= PAGE_MAX_BYTES || page.entries.is_empty());
            if !fits {
                break;
            }
            page.entries.push(PageEntry {
                number: *number,
                id: entry.id.clone(),
                queued_at: entry.queued_at,
                expires_at: entry.expires_at,
            });
            waiting.next();
        }
        page.remaining = u64::try_from(waiting.count()).unwrap_or(u64::MAX);
        let next = page.entries.last().map(|last| MessageNumber(last.number.0.saturating_add(1)));
        page.next_cursor = next.filter(|_| page.remaining > 0).and_then(|next| self.cursor(agent, next));
        page
    }

    pub(super) fn count_pending(&self, caller: AgentNumber, now: Timestamp) -> Reply {
        let queue = self.state.mail.queue(caller);
        let waiting: Vec<_> =
            queue.into_iter().flat_map(|queue| queue.waiting(MessageNumber(0), now)).collect();
        let mut count = PendingCount::new(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
        count.oldest_queued_at = waiting.first().map(|(_, entry)| entry.queued_at);
        count.cursor = self.cursor(caller, self.state.mail.next_number());
        Reply::Now(count.to_parts())
    }

    /// The text of a place in an agent's queue, as the queue is now.
    fn cursor(&self, agent: AgentNumber, place: MessageNumber) -> Option<Cursor> {
        let late = self.state.mail.queue(agent).map_or(0, |queue| queue.late);
        Cursor::new(&format!("{:x}.{:x}.{late:x}", agent.0, place.0))
    }

    /// The place that a cursor names. It is dead when it is another agent's, of a later time than this memory, or of a
    /// time before a held message was let through to a place that it has passed.
    fn place_of(&self, text: &Cursor, caller: AgentNumber) -> Result<MessageNumber, ApiError> {
        let expired =
            || ApiError::new(ApiErrorCode::CursorExpired, "the cursor is not known: begin without it");
        let number = text.as_str().split('.').nth(1).ok_or_else(expired)?;
        let number = u64::from_str_radix(number, 16).map(MessageNumber).map_err(|_| expired())?;
        let is_written = self.cursor(caller, number).as_ref() == Some(text);
        if is_written && number <= self.state.mail.next_number() { Ok(number) } else { Err(expired()) }
    }

    pub(super) fn acknowledge_one(
        &self,
        request: &Acknowledge,
        caller: AgentNumber,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        match self.acknowledge(&request.id, caller, now, plan) {
            Ack::Now => Ok(Reply::Now(Acknowledged::now().to_parts())),
            Ack::Before => Ok(Reply::Now(Acknowledged::before().to_parts())),
            Ack::Unknown => {
                Err(ApiError::new(ApiErrorCode::NotFound, "no such message waits").with_field("id"))
            }
        }
    }

    pub(super) fn acknowledge_batch(
        &self,
        request: &AcknowledgeBatch,
        caller: AgentNumber,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Reply {
        let ids: BTreeSet<&MessageId> = request.ids().iter().collect();
        let acknowledged =
            ids.into_iter().filter(|id| self.acknowledge(id, caller, now, plan) == Ack::Now).count();
        Reply::Now(BatchAcknowledged::new(u64::try_from(acknowledged).unwrap_or(u64::MAX)).to_parts())
    }

    /// Takes a message out of its queue.
    pub(super) fn acknowledge(
        &self,
        id: &MessageId,
        caller: AgentNumber,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Ack {
        let Some(queue) = self.state.mail.queue(caller) else { return Ack::Unknown };
        let Some((number, entry)) = queue.with_id(id).filter(|(_, entry)| now < entry.expires_at) else {
            let settled = queue.settled(id).filter(|settled| settled.how == Departure::Acknowledged);
            return settled.map_or(Ack::Unknown, |_| Ack::Before);
        };
        if entry.handed_over.is_none() {
            self.handed_over(caller, number, Way::Acknowledged, now, plan);
        }
        plan.leave(caller, number, Departure::Acknowledged, now);
        Ack::Now
    }

    /// Answers the requests that wait for what was just queued, and those whose time is over.
    pub(super) fn wake(
        &mut self,
        effects: &[Effect],
        due: &[Ticket],
        now: Timestamp,
        actions: &mut Vec<Action>,
    ) {
        for ticket in due {
            self.end_poll(*ticket, now, actions);
        }
        for effect in effects {
            let Effect::Queued { message } = effect else { continue };
            let tickets: Vec<Ticket> = self.live.polls_of(message.agent).collect();
            for ticket in tickets {
                // A message that was held may stand before the place from which on the request waits.
                if let Some(poll) = self.live.polls.get_mut(&ticket) {
                    poll.from = poll.from.min(message.number);
                }
                self.end_poll(ticket, now, actions);
            }
        }
    }

    /// Answers a request that waits with what is there.
    pub(super) fn end_poll(&mut self, ticket: Ticket, now: Timestamp, actions: &mut Vec<Action>) {
        let Some(poll) = self.live.polls.get(&ticket).cloned() else { return };
        let reply = if self.is_taken(poll.agent, &poll.key) {
            Reply::Messages(self.page(poll.agent, poll.from, poll.limit, now))
        } else {
            ended()
        };
        actions.push(Action::Answer { ticket, reply: Box::new(reply) });
        self.live.end_poll(ticket);
    }
}
