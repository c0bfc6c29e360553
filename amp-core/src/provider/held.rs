//! Messages that are held for review: what is remembered of them (guardrails, quarantine).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use amp_envelope::{MessageId, QuarantineId, Timestamp};

use super::effect::{HeldMessage, QueuedMessage};
use super::number::{AgentNumber, MessageNumber};
use super::outbox::QueuedForward;
use crate::guards::QuarantineQueue;
use crate::receive::{QuarantineEntry, QuarantineStatus};

/// A message that waits for a decision: where it goes when it is let through.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// Into the relay queue.
    Message(QueuedMessage),
    /// Into the outbox.
    Forward(QueuedForward),
}

impl Waiting {
    pub(super) const fn number(&self) -> MessageNumber {
        match self {
            Self::Message(message) => message.number,
            Self::Forward(forward) => forward.number,
        }
    }

    const fn id(&self) -> &MessageId {
        match self {
            Self::Message(message) => &message.id,
            Self::Forward(forward) => &forward.id,
        }
    }

    const fn is_for(&self, agent: AgentNumber) -> bool {
        matches!(self, Self::Message(message) if message.agent.0 == agent.0)
    }
}

/// The entries, and the messages that wait behind those on which nobody has decided.
#[derive(Debug, Default)]
pub(super) struct Held {
    queue: QuarantineQueue,
    waiting: BTreeMap<QuarantineId, Waiting>,
    by_number: BTreeMap<MessageNumber, QuarantineId>,
    /// Messages that were held and not let through.
    by_message: BTreeMap<MessageId, QuarantineId>,
    by_expiry: BTreeSet<(Timestamp, QuarantineId)>,
}

impl Held {
    pub(super) const fn queue(&self) -> &QuarantineQueue {
        &self.queue
    }

    /// The message behind an entry, if it waits still.
    pub(super) fn waiting(&self, id: &QuarantineId) -> Option<&Waiting> {
        self.waiting.get(id)
    }

    /// What became of an entry. One whose message is gone without a decision is over, whatever the clock says.
    pub(super) fn status(&self, id: &QuarantineId, seen: QuarantineStatus) -> QuarantineStatus {
        match seen {
            QuarantineStatus::Pending if !self.waiting.contains_key(id) => QuarantineStatus::Expired,
            seen => seen,
        }
    }

    /// Whether a message was held, and not let through.
    pub(super) fn holds(&self, message: &MessageId) -> bool {
        self.by_message.contains_key(message)
    }

    /// Whether a message that is queued or forwarded now was held until now. It is not, from here on.
    pub(super) fn hand_out(&mut self, number: MessageNumber) -> bool {
        let Some(id) = self.by_number.get(&number).cloned() else { return false };
        if let Some(message) = self.waiting.get(&id) {
            self.by_message.remove(message.id());
        }
        self.let_go(&id);
        true
    }

    pub(super) fn hold(&mut self, held: &HeldMessage) {
        let (id, since) = (held.entry.id().clone(), held.entry.quarantined_at());
        if self.queue.get(&id, since).is_some() {
            return;
        }
        self.queue.set(&held.recipient, held.entry.clone(), since);
        if self.by_message.len() > self.queue.len().saturating_mul(2) {
            let queue = &self.queue;
            self.by_message.retain(|_, id| queue.get(id, since).is_some());
        }
        if held.entry.status(since) != QuarantineStatus::Approved {
            self.by_message.insert(held.entry.message_id().clone(), id.clone());
        }
        let forward = held.forward.clone().map(Waiting::Forward);
        let Some(waiting) = held.message.clone().map(Waiting::Message).or(forward) else { return };
        self.by_number.insert(waiting.number(), id.clone());
        self.by_expiry.insert((held.entry.expires_at(), id.clone()));
        self.waiting.insert(id, waiting);
    }

    /// Takes in what was decided, or that nobody has.
    pub(super) fn settle(&mut self, entry: &QuarantineEntry, at: Timestamp) {
        let known = self.queue.get(entry.id(), at).map(|(recipient, ..)| recipient.clone());
        let Some(recipient) = known else { return };
        self.queue.set(&recipient, entry.clone(), at);
        self.let_go(entry.id());
    }

    fn let_go(&mut self, id: &QuarantineId) {
        let Some(message) = self.waiting.remove(id) else { return };
        self.by_number.remove(&message.number());
        let at = self.queue.get(id, Timestamp::MIN).map(|(_, entry, _)| entry.expires_at());
        at.map(|at| self.by_expiry.remove(&(at, id.clone())));
    }

    /// The entries whose time is over and whose messages still wait, the first of them first.
    pub(super) fn overdue(&self, now: Timestamp, most: usize) -> Vec<(QuarantineId, MessageNumber)> {
        let due = self.by_expiry.iter().take_while(|(at, _)| *at <= now).take(most);
        due.filter_map(|(_, id)| Some((id.clone(), self.waiting.get(id)?.number()))).collect()
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// The bodies of what is held for an agent.
    pub(super) fn bodies_of(&self, agent: AgentNumber) -> impl Iterator<Item = MessageNumber> {
        self.waiting.values().filter(move |message| message.is_for(agent)).map(Waiting::number)
    }

    /// Forgets what is held for an agent.
    pub(super) fn remove(&mut self, agent: AgentNumber) {
        let of_agent = |(id, message): (&QuarantineId, &Waiting)| message.is_for(agent).then(|| id.clone());
        let ids: Vec<QuarantineId> = self.waiting.iter().filter_map(of_agent).collect();
        for id in ids {
            self.let_go(&id);
            self.queue.forget(&id);
        }
    }

    /// All entries, with the messages of those that wait.
    pub(super) fn iter(&self) -> impl Iterator<Item = HeldMessage> {
        self.queue.all(None).map(|(recipient, entry)| {
            let (message, forward) = match self.waiting.get(entry.id()).cloned() {
                Some(Waiting::Message(message)) => (Some(message), None),
                Some(Waiting::Forward(forward)) => (None, Some(forward)),
                None => (None, None),
            };
            HeldMessage { recipient: recipient.clone(), message, forward, entry: entry.clone() }
        })
    }
}
