//! Into the relay queue first, then to whoever is there: a message is queued before any push (delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use amp_envelope::{MessageId, Timestamp};

use super::action::{Action, Performed, PerformedKind, Push};
use super::body::MessageBody;
use super::decision::Plan;
use super::effect::{AcceptedAs, AnsweredKey, Effect, QueuedMessage, Way};
use super::engine::Provider;
use super::live::{Awaited, Change, HANDOVER_WITHIN};
use super::number::{AgentNumber, MessageNumber, Ticket};
use super::reply::Reply;
use crate::wire::{Answer as _, CarriedKey, Routed};

/// For how long a message waits at most.
pub(super) const RELAY_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A message that is accepted, on its way into a queue.
pub(super) struct Arrival {
    pub(super) id: MessageId,
    pub(super) recipient: AgentNumber,
    pub(super) sender: Option<AgentNumber>,
    /// JSON objects, byte for byte as the recipient gets them.
    pub(super) envelope: String,
    pub(super) payload: String,
    /// The key under which the message verified.
    pub(super) key: Option<CarriedKey>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) receipt: bool,
    pub(super) accepted_as: Option<AcceptedAs>,
}

/// What became of an arrival.
pub(super) enum Queueing {
    /// The queue is full; nothing was kept.
    Full(MessageId),
    /// It is in the queue.
    Queued(QueuedMessage),
    /// It is in the queue and being handed over: the answer comes when that is known.
    Awaited,
}

impl Provider {
    /// Puts a message into its recipient's queue, and hands it to whoever is there.
    pub(super) fn queue(
        &self,
        arrival: Arrival,
        ticket: Option<Ticket>,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Queueing {
        let queue = self.state.mail.queue(arrival.recipient);
        let waiting = queue.map_or(0, |queue| queue.entries.len());
        if waiting.saturating_sub(plan.leaving(arrival.recipient)) >= self.settings.relay_max {
            return Queueing::Full(arrival.id);
        }
        let number = self.next_message();
        let body = MessageBody::new(number, &arrival.envelope, &arrival.payload, arrival.key.as_ref());
        let latest = now.saturating_add(RELAY_FOR);
        let queued = QueuedMessage {
            number,
            id: arrival.id,
            agent: arrival.recipient,
            sender: arrival.sender,
            queued_at: now,
            expires_at: arrival.expires_at.map_or(latest, |at| at.min(latest)),
            bytes: u32::try_from(body.as_bytes().len()).unwrap_or(u32::MAX),
            receipt: arrival.receipt,
            accepted_as: arrival.accepted_as,
        };
        plan.bodies.push(body);
        plan.effects.push(Effect::Queued { message: Box::new(queued.clone()) });
        let pushes = self.hand_over(&queued, now, plan);
        match ticket {
            Some(ticket) if pushes > 0 => {
                self.await_handover(&queued, ticket, pushes, plan);
                Queueing::Awaited
            }
            _ => Queueing::Queued(queued),
        }
    }

    /// Pushes a message to every socket of its recipient.
    pub(super) fn push_to_all(
        &self,
        agent: AgentNumber,
        message: MessageNumber,
        id: &MessageId,
        plan: &mut Plan,
    ) -> usize {
        let before = plan.actions.len();
        plan.actions.extend(self.served_sockets(agent).map(|socket| {
            Action::PushMessage(Push {
                socket,
                agent,
                message,
                id: id.clone(),
                replay: false,
                shape: self.settings.frame_shape,
            })
        }));
        plan.actions.len().saturating_sub(before)
    }

    fn await_handover(&self, queued: &QueuedMessage, ticket: Ticket, pushes: usize, plan: &mut Plan) {
        let first_answer = queued.sender.zip(queued.accepted_as.as_ref());
        let awaited = Awaited {
            tickets: alloc::vec![ticket],
            id: queued.id.clone(),
            queued_at: queued.queued_at,
            first_answer: first_answer.map(|(agent, own)| AnsweredKey { agent, key: own.key.clone() }),
            pushes,
            due: self.live.clock.now().plus(HANDOVER_WITHIN),
        };
        plan.changes.push(Change::Awaited(queued.number, awaited));
    }

    /// Takes note of how an action went.
    pub(super) fn note(&self, performed: Performed, now: Timestamp, plan: &mut Plan) {
        match performed.kind {
            PerformedKind::Pushed { agent, message } => {
                self.handed_over(agent, message, Way::Socket, now, plan)
            }
            PerformedKind::PushFailed { agent, message, is_new } => {
                let awaited = self.live.awaited.get(&message);
                let is_last = awaited.is_none_or(|awaited| awaited.pushes <= 1);
                if is_new && is_last && self.post_instead(agent, message, now, plan) {
                    return;
                }
                plan.changes.push(Change::PushFailed(message));
                if is_last {
                    self.answer_awaited(message, None, plan);
                }
            }
            PerformedKind::Forwarded { message, attempt, outcome } => {
                self.note_forward(message, attempt, outcome, now, plan);
            }
            PerformedKind::Posted { agent, message, attempt, outcome } => {
                self.note_post(message, agent, (attempt, outcome), now, plan);
            }
        }
    }

    /// A message was handed over, for the first time or again. It stays in the queue.
    pub(super) fn handed_over(
        &self,
        agent: AgentNumber,
        message: MessageNumber,
        way: Way,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        if let Some(entry) = self.state.mail.entry(agent, message).filter(|entry| entry.handed_over.is_none())
        {
            let answers = self.live.awaited.get(&message).and_then(|awaited| awaited.first_answer.clone());
            // An acknowledged message leaves at once: only a first answer remembers how.
            if way != Way::Acknowledged || answers.is_some() {
                plan.effects.push(Effect::HandedOver { agent, message, way, answers, at: now });
            }
            self.tell_delivered(agent, entry, way, now, plan);
        }
        self.answer_awaited(message, Some((way, now)), plan);
    }

    /// Answers whoever waits to hear what became of a message.
    pub(super) fn answer_awaited(
        &self,
        message: MessageNumber,
        handed_over: Option<(Way, Timestamp)>,
        plan: &mut Plan,
    ) {
        let Some(awaited) = self.live.awaited.get(&message) else { return };
        let routed: Routed = match handed_over {
            Some((way, at)) => super::routed::delivered(&awaited.id, way, at),
            None => super::routed::queued(&awaited.id, awaited.queued_at),
        };
        self.answer_awaited_with(message, &routed, plan);
    }

    /// Answers whoever waits to hear what became of a message, with this. Several things may end the waiting at once: the
    /// first of them does.
    pub(super) fn answer_awaited_with(&self, message: MessageNumber, routed: &Routed, plan: &mut Plan) {
        let is_it = |change: &Change| matches!(change, Change::Answered(other) if *other == message);
        let awaited = self.live.awaited.get(&message).filter(|_| !plan.changes.iter().any(is_it));
        let Some(awaited) = awaited else { return };
        let answers = awaited
            .tickets
            .iter()
            .map(|ticket| Action::Answer { ticket: *ticket, reply: Box::new(Reply::Now(routed.to_parts())) });
        plan.actions.extend(answers);
        plan.changes.push(Change::Answered(message));
    }
}
