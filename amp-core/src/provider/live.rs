//! What a provider knows only while it runs: sockets, and requests that wait (provider API, WebSocket; delivery, notify).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use amp_envelope::{MessageId, Timestamp};

use super::agent::ApiKeyHash;
use super::clock::{Clock, Running};
use super::effect::AnsweredKey;
use super::number::{AgentNumber, MessageNumber, SocketId, Ticket};
use super::numbering::Unused;
use super::peers::{PeerChange, Peers};
use super::replay::Replay;
use crate::guards::{LoopGuard, LoopStep, RateCharge, RateLimiter, RateLimits};
use crate::webhook::RetrySchedule;

/// How long a socket may take to say who it is.
pub(super) const AUTH_WITHIN: Duration = Duration::from_secs(10);
/// After how much silence a socket is dead.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);
/// For how long whoever has registered may ask for their first API key again.
const REGISTERED_LATELY: Duration = Duration::from_secs(10 * 60);
/// How long an answer waits for a message to be handed over.
pub(super) const HANDOVER_WITHIN: Duration = Duration::from_secs(5);
/// The most sockets in all, about 300 bytes each.
pub(super) const SOCKETS_MAX: usize = 1 << 20;
/// The most sockets of one agent.
pub(super) const SOCKETS_OF_AGENT_MAX: usize = 16;
/// The most requests of one agent that wait for messages.
pub(super) const POLLS_OF_AGENT_MAX: usize = 16;

/// One WebSocket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) agent: Option<AgentNumber>,
    /// The API key that it was authenticated with.
    pub(super) key: Option<ApiKeyHash>,
    /// What waited when it connected and was not replayed yet.
    pub(super) replay: Option<Replay>,
    /// When it last said something.
    pub(super) heard: Running,
    /// When it is looked at next.
    due: Running,
}

/// A message whose sender waits for the answer, or whose first answer may still say that it was handed over.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) tickets: Vec<Ticket>,
    pub(super) id: MessageId,
    pub(super) queued_at: Timestamp,
    pub(super) first_answer: Option<AnsweredKey>,
    /// How many sockets it is being written to.
    pub(super) pushes: usize,
    pub(super) due: Running,
}

/// A message that is being posted to its recipient's webhook.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    pub(super) agent: AgentNumber,
    pub(super) schedule: RetrySchedule,
    due: Running,
}

impl Posting {
    pub(super) fn new(agent: AgentNumber, schedule: RetrySchedule) -> Self {
        Self { agent, schedule, due: Running::default() }
    }
}

/// A request for messages that waits for one.
#[derive(Debug, Clone)]
pub(super) struct Poll {
    pub(super) agent: AgentNumber,
    /// The API key that it was made with.
    pub(super) key: ApiKeyHash,
    pub(super) limit: usize,
    pub(super) from: MessageNumber,
    pub(super) due: Running,
}

/// What becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Socket(SocketId),
    Answer(MessageNumber),
    Poll(Ticket),
    Post(MessageNumber),
}

/// A change in memory.
#[derive(Debug)]
pub(super) enum Change {
    /// An agent is new, and its answer may get lost.
    Registered(AgentNumber),
    Opened(SocketId),
    Bound(SocketId, AgentNumber, ApiKeyHash),
    Replayed(SocketId, Option<Replay>),
    Heard(SocketId),
    Closed(SocketId),
    /// Looks at a socket again after its silence.
    Watched(SocketId),
    Awaited(MessageNumber, Awaited),
    AwaitedBy(MessageNumber, Ticket),
    PushFailed(MessageNumber),
    Answered(MessageNumber),
    Posting(MessageNumber, Posting),
    PostingEnded(MessageNumber),
    Polls(Ticket, Poll),
    /// A message that the loop guard let pass, or stopped.
    Said(Box<LoopStep>, Timestamp),
    /// A message that may be sent again later.
    Deferred(Box<LoopStep>, Timestamp),
    /// A request for messages was answered otherwise.
    PollEnded(Ticket),
    /// The time of a request for messages is over: it is answered as things are.
    PollDue(Ticket),
    Charged(RateCharge, Timestamp),
    Peer(alloc::boxed::Box<PeerChange>),
    Seen(AgentNumber, Timestamp),
}

/// Sockets, waiting requests, counted calls. Nothing of it survives a restart, and nothing has to.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) clock: Clock,
    pub(super) limiter: RateLimiter,
    pub(super) loops: Option<LoopGuard>,
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    of_agent: BTreeMap<AgentNumber, BTreeSet<SocketId>>,
    pub(super) awaited: BTreeMap<MessageNumber, Awaited>,
    awaited_as: BTreeMap<AnsweredKey, MessageNumber>,
    pub(super) postings: BTreeMap<MessageNumber, Posting>,
    pub(super) polls: BTreeMap<Ticket, Poll>,
    polls_of: BTreeMap<AgentNumber, BTreeSet<Ticket>>,
    due: BTreeSet<(Running, Due)>,
    pub(super) last_seen: BTreeMap<AgentNumber, Timestamp>,
    /// Who was registered lately, in the order in which they were. The oldest are dropped when somebody is added.
    registered: BTreeMap<AgentNumber, Running>,
    /// The first agent that was registered since the start.
    first_registered: Option<AgentNumber>,
    pub(super) peers: Peers,
    pub(super) unused: Unused,
}

impl Live {
    pub(super) fn new(limits: RateLimits, loops: Option<LoopGuard>) -> Self {
        Self { limiter: RateLimiter::new(limits), loops, ..Self::default() }
    }

    pub(super) fn sockets_of(&self, agent: AgentNumber) -> impl Iterator<Item = SocketId> {
        self.of_agent.get(&agent).into_iter().flatten().copied()
    }

    pub(super) fn agents_online(&self) -> usize {
        self.of_agent.len()
    }

    pub(super) fn polls_of(&self, agent: AgentNumber) -> impl Iterator<Item = Ticket> {
        self.polls_of.get(&agent).into_iter().flatten().copied()
    }

    /// Whether an agent was registered at most ten minutes ago. A clock that is set back does not prolong them, and of
    /// whoever registered before the start it must have said so then.
    pub(super) fn is_just_registered(&self, agent: AgentNumber, at: Timestamp, now: Timestamp) -> bool {
        let running = self.clock.now();
        if self.first_registered.is_some_and(|first| first <= agent) {
            let since = self.registered.get(&agent).map(|began| running.since(*began));
            return since.is_some_and(|since| since < REGISTERED_LATELY);
        }
        let end = self.clock.left_at_start(at, REGISTERED_LATELY);
        at <= now && end.is_some_and(|end| running < end)
    }

    /// The message under this key whose handing over is awaited.
    pub(super) fn awaited_as(&self, first: &AnsweredKey) -> Option<MessageNumber> {
        self.awaited_as.get(first).copied()
    }

    /// What is due, the first first.
    pub(super) fn due(&self, most: usize) -> impl Iterator<Item = Due> {
        let now = self.clock.now();
        self.due.iter().take_while(move |(at, _)| *at <= now).take(most).map(|(_, due)| *due)
    }

    /// When something is due next: at once, before anything came in after a start.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(due, _)| *due);
        let due = due.into_iter().chain(self.peers.next_due()).min()?;
        Some(self.clock.wall_at(due).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// Takes up what was being posted when the provider stopped. It is looked at once there is a clock.
    pub(super) fn resume(&mut self, message: MessageNumber, agent: AgentNumber, schedule: RetrySchedule) {
        let posting = Posting::new(agent, schedule);
        self.due.insert((posting.due, Due::Post(message)));
        self.postings.insert(message, posting);
    }

    pub(super) fn apply(&mut self, change: Change) {
        let now = self.clock.now();
        match change {
            Change::Registered(agent) => {
                self.first_registered = self.first_registered.or(Some(agent));
                while let Some(oldest) = self.registered.first_entry()
                    && now.since(*oldest.get()) >= REGISTERED_LATELY
                {
                    oldest.remove();
                }
                self.registered.insert(agent, now);
            }
            Change::Opened(socket) => {
                let due = now.plus(AUTH_WITHIN);
                self.sockets.insert(socket, Socket { agent: None, key: None, replay: None, heard: now, due });
                self.due.insert((due, Due::Socket(socket)));
            }
            Change::Bound(socket, agent, key) => self.bind(socket, (agent, key), now),
            Change::Replayed(socket, rest) => {
                if let Some(socket) = self.sockets.get_mut(&socket) {
                    socket.replay = rest;
                }
            }
            Change::Heard(socket) => {
                if let Some(socket) = self.sockets.get_mut(&socket) {
                    socket.heard = now;
                }
            }
            Change::Watched(socket) => self.watch(socket),
            Change::Closed(socket) => self.close(socket),
            Change::Awaited(message, awaited) => {
                self.due.insert((awaited.due, Due::Answer(message)));
                if let Some(first) = &awaited.first_answer {
                    self.awaited_as.insert(first.clone(), message);
                }
                self.awaited.insert(message, awaited);
            }
            Change::AwaitedBy(message, ticket) => {
                if let Some(awaited) = self.awaited.get_mut(&message) {
                    awaited.tickets.push(ticket);
                }
            }
            Change::PushFailed(message) => {
                if let Some(awaited) = self.awaited.get_mut(&message) {
                    awaited.pushes = awaited.pushes.saturating_sub(1);
                }
            }
            Change::Answered(message) => {
                if let Some(awaited) = self.awaited.remove(&message) {
                    self.due.remove(&(awaited.due, Due::Answer(message)));
                    if let Some(first) = &awaited.first_answer {
                        self.awaited_as.remove(first);
                    }
                }
            }
            Change::Posting(message, posting) => self.post(message, posting),
            Change::PostingEnded(message) => {
                if let Some(posting) = self.postings.remove(&message) {
                    self.due.remove(&(posting.due, Due::Post(message)));
                }
            }
            Change::Polls(ticket, poll) => {
                self.due.insert((poll.due, Due::Poll(ticket)));
                self.polls_of.entry(poll.agent).or_default().insert(ticket);
                self.polls.insert(ticket, poll);
            }
            // Answered by whoever applies the change: the page is made of what is there by then.
            Change::PollDue(_) => {}
            Change::Said(step, at) => {
                if let Some(loops) = &mut self.loops {
                    loops.remember(*step, at);
                }
            }
            Change::Deferred(step, at) => {
                if let Some(loops) = &mut self.loops {
                    loops.defer(*step, at);
                }
            }
            Change::PollEnded(ticket) => self.end_poll(ticket),
            Change::Charged(charge, at) => {
                self.limiter.take(&charge, at);
            }
            Change::Peer(change) => self.peers.apply(*change, now),
            Change::Seen(agent, at) => {
                self.last_seen.insert(agent, at);
            }
        }
    }

    /// A schedule goes by the wall clock; when it is looked at next does not move away when that is set back.
    fn post(&mut self, message: MessageNumber, mut posting: Posting) {
        let due = posting.schedule.next_timeout().and_then(|at| self.clock.running_at(at));
        posting.due = due.unwrap_or_else(|| self.clock.now());
        let due = posting.due;
        if let Some(before) = self.postings.insert(message, posting) {
            self.due.remove(&(before.due, Due::Post(message)));
        }
        self.due.insert((due, Due::Post(message)));
    }

    fn bind(&mut self, id: SocketId, (agent, key): (AgentNumber, ApiKeyHash), now: Running) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        (socket.agent, socket.key) = (Some(agent), Some(key));
        socket.heard = now;
        self.of_agent.entry(agent).or_default().insert(id);
        self.watch(id);
    }

    /// A socket is looked at again when its silence will have lasted too long.
    fn watch(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        self.due.remove(&(socket.due, Due::Socket(id)));
        socket.due = socket.heard.plus(SILENCE_MAX);
        self.due.insert((socket.due, Due::Socket(id)));
    }

    fn close(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.remove(&id) else { return };
        self.due.remove(&(socket.due, Due::Socket(id)));
        if let Some(agent) = socket.agent
            && let Some(others) = self.of_agent.get_mut(&agent)
        {
            others.remove(&id);
            if others.is_empty() {
                self.of_agent.remove(&agent);
            }
        }
    }

    /// Forgets an agent that is not registered any more. Its sockets and requests end by themselves.
    pub(super) fn forget(&mut self, agent: AgentNumber) {
        self.last_seen.remove(&agent);
        self.registered.remove(&agent);
    }

    pub(super) fn end_poll(&mut self, ticket: Ticket) {
        let Some(poll) = self.polls.remove(&ticket) else { return };
        self.due.remove(&(poll.due, Due::Poll(ticket)));
        if let Some(others) = self.polls_of.get_mut(&poll.agent) {
            others.remove(&ticket);
            if others.is_empty() {
                self.polls_of.remove(&poll.agent);
            }
        }
    }
}
