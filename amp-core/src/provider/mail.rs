//! The relay queues, and what is remembered of messages that left them (delivery, relay queue).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use amp_envelope::{MessageId, Timestamp};

use super::effect::{Departure, QueuedMessage, Way};
use super::number::{AgentNumber, MessageNumber};

/// How many messages that left its queue are remembered for each agent, so that a repeated acknowledgement is told from
/// a wrong one, and that a read message's sender is known.
pub(super) const SETTLED_MAX: usize = 1_000;

/// One waiting message. About 200 bytes with its places in the indexes; its body is the host's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: MessageId,
    pub(super) sender: Option<AgentNumber>,
    pub(super) queued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) bytes: u32,
    pub(super) receipt: bool,
    pub(super) handed_over: Option<Way>,
    pub(super) read: bool,
    /// When it was posted to a webhook: attempts that were begun, and when the next one is due, if there is one.
    pub(super) posting: Option<(u8, Option<Timestamp>)>,
}

/// A message that left the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) sender: Option<AgentNumber>,
    pub(super) how: Departure,
    pub(super) read: bool,
}

/// What waits for one agent, oldest first, and what left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) entries: BTreeMap<MessageNumber, Entry>,
    by_id: BTreeMap<MessageId, MessageNumber>,
    /// How many messages were put in behind others that came later: places that were handed out before miss them.
    pub(super) late: u64,
    settled: BTreeMap<MessageId, Settled>,
    settled_order: VecDeque<MessageId>,
}

/// All queues.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mail {
    queues: BTreeMap<AgentNumber, Queue>,
    by_expiry: BTreeSet<(Timestamp, MessageNumber, AgentNumber)>,
    next: u64,
}

impl Queue {
    pub(super) fn with_id(&self, id: &MessageId) -> Option<(MessageNumber, &Entry)> {
        let number = *self.by_id.get(id)?;
        Some((number, self.entries.get(&number)?))
    }

    /// Whether a message with this id waits, or left lately.
    pub(super) fn knows(&self, id: &MessageId) -> bool {
        self.by_id.contains_key(id) || self.settled.contains_key(id)
    }

    /// Who sent a message, and whether it was read.
    pub(super) fn sender_of(&self, id: &MessageId) -> Option<(Option<AgentNumber>, bool)> {
        let waiting = self.with_id(id).map(|(_, entry)| (entry.sender, entry.read));
        waiting.or_else(|| self.settled(id).map(|settled| (settled.sender, settled.read)))
    }

    pub(super) fn settled(&self, id: &MessageId) -> Option<&Settled> {
        self.settled.get(id)
    }

    /// What waits and is not over, from a number on.
    pub(super) fn waiting(
        &self,
        from: MessageNumber,
        now: Timestamp,
    ) -> impl Iterator<Item = (MessageNumber, &Entry)> {
        let entries = self.entries.range(from..).map(|(number, entry)| (*number, entry));
        entries.filter(move |(_, entry)| now < entry.expires_at)
    }

    /// What left, in the order in which it did.
    pub(super) fn all_settled(&self) -> impl Iterator<Item = (&MessageId, &Settled)> {
        self.settled_order.iter().filter_map(|id| Some((id, self.settled.get(id)?)))
    }

    fn settle(&mut self, id: MessageId, settled: Settled) {
        if self.settled.insert(id.clone(), settled).is_none() {
            self.settled_order.push_back(id);
        }
        if self.settled_order.len() > SETTLED_MAX
            && let Some(oldest) = self.settled_order.pop_front()
        {
            self.settled.remove(&oldest);
        }
    }
}

impl Mail {
    /// The number that the next message is given.
    pub(super) const fn next_number(&self) -> MessageNumber {
        MessageNumber(self.next)
    }

    pub(super) fn numbers_from(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    pub(super) fn queue(&self, agent: AgentNumber) -> Option<&Queue> {
        self.queues.get(&agent)
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = (AgentNumber, &Queue)> {
        self.queues.iter().map(|(agent, queue)| (*agent, queue))
    }

    pub(super) fn entry(&self, agent: AgentNumber, message: MessageNumber) -> Option<&Entry> {
        self.queues.get(&agent)?.entries.get(&message)
    }

    /// What is being posted: whose, attempts that were begun, and when the next one is due.
    pub(super) fn postings(
        &self,
    ) -> impl Iterator<Item = (AgentNumber, MessageNumber, u8, Timestamp)> + use<'_> {
        self.queues.iter().flat_map(|(agent, queue)| {
            queue.entries.iter().filter_map(|(message, entry)| {
                let (attempts, due) = entry.posting?;
                Some((*agent, *message, attempts, due?))
            })
        })
    }

    /// The messages whose time is over, the first of them first.
    pub(super) fn overdue(&self, now: Timestamp, most: usize) -> Vec<(AgentNumber, MessageNumber)> {
        let due = self.by_expiry.iter().take_while(|(at, ..)| *at <= now);
        due.take(most).map(|(_, message, agent)| (*agent, *message)).collect()
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(at, ..)| *at)
    }

    pub(super) fn queued(&mut self, message: &QueuedMessage) {
        if message.number.0 < self.next {
            return;
        }
        self.numbers_from(message.number.0.saturating_add(1));
        self.insert(message);
    }

    /// Puts a message into its queue, whatever number it has.
    pub(super) fn insert(&mut self, message: &QueuedMessage) {
        let queue = self.queues.entry(message.agent).or_default();
        if message.number.0.saturating_add(1) < self.next {
            queue.late = queue.late.saturating_add(1);
        }
        queue.by_id.insert(message.id.clone(), message.number);
        self.by_expiry.insert((message.expires_at, message.number, message.agent));
        queue.entries.insert(
            message.number,
            Entry {
                id: message.id.clone(),
                sender: message.sender,
                queued_at: message.queued_at,
                expires_at: message.expires_at,
                bytes: message.bytes,
                receipt: message.receipt,
                handed_over: None,
                read: false,
                posting: None,
            },
        );
    }

    pub(super) fn handed_over(&mut self, agent: AgentNumber, message: MessageNumber, way: Way) {
        let queue = self.queues.get_mut(&agent);
        if let Some(entry) = queue.and_then(|queue| queue.entries.get_mut(&message)) {
            entry.handed_over = Some(way);
            entry.posting = None;
        }
    }

    pub(super) fn posting(
        &mut self,
        agent: AgentNumber,
        message: MessageNumber,
        posting: (u8, Option<Timestamp>),
    ) {
        let queue = self.queues.get_mut(&agent);
        if let Some(entry) = queue.and_then(|queue| queue.entries.get_mut(&message)) {
            entry.posting = Some(posting);
        }
    }

    pub(super) fn left(&mut self, agent: AgentNumber, message: MessageNumber, how: Departure) {
        let Some(queue) = self.queues.get_mut(&agent) else { return };
        let Some(entry) = queue.entries.remove(&message) else { return };
        self.by_expiry.remove(&(entry.expires_at, message, agent));
        queue.by_id.remove(&entry.id);
        queue.settle(entry.id, Settled { sender: entry.sender, how, read: entry.read });
    }

    /// Takes in what a snapshot says of a message that left.
    pub(super) fn settled(&mut self, agent: AgentNumber, id: MessageId, settled: Settled) {
        self.queues.entry(agent).or_default().settle(id, settled);
    }

    pub(super) fn read(&mut self, agent: AgentNumber, id: &MessageId) {
        let Some(queue) = self.queues.get_mut(&agent) else { return };
        if let Some(settled) = queue.settled.get_mut(id) {
            settled.read = true;
        }
        let waiting = queue.by_id.get(id).and_then(|number| queue.entries.get_mut(number));
        if let Some(entry) = waiting {
            entry.read = true;
        }
    }

    /// Forgets all of an agent's.
    pub(super) fn remove(&mut self, agent: AgentNumber) {
        let Some(queue) = self.queues.remove(&agent) else { return };
        for (number, entry) in &queue.entries {
            self.by_expiry.remove(&(entry.expires_at, *number, agent));
        }
    }
}
