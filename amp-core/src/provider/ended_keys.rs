//! What ends with an API key: the sockets and the waiting requests that were opened with it (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use amp_envelope::Timestamp;

use super::action::Action;
use super::agent::{AgentRecord, ApiKeyHash};
use super::decision::Plan;
use super::engine::{Provider, unauthorized};
use super::live::Change;
use super::number::{AgentNumber, SocketId};
use super::reply::Reply;
use super::sockets::CLOSE_UNAUTHORIZED;

impl Provider {
    /// Whether an agent's API key, with which something was opened, is still taken.
    pub(super) fn is_taken(&self, agent: AgentNumber, key: &ApiKeyHash) -> bool {
        let agent = self.state.agents.get(agent);
        agent.zip(self.live.clock.wall()).is_some_and(|(agent, now)| agent.record.takes(key, now))
    }

    /// Whether the API key of an authenticated socket is still taken.
    pub(super) fn is_served(&self, socket: SocketId) -> bool {
        let socket = self.live.sockets.get(&socket);
        let bound = socket.and_then(|socket| socket.agent.zip(socket.key.as_ref()));
        bound.is_some_and(|(agent, key)| self.is_taken(agent, key))
    }

    /// The sockets to which an agent's messages are written.
    pub(super) fn served_sockets(&self, agent: AgentNumber) -> impl Iterator<Item = SocketId> {
        self.live.sockets_of(agent).filter(|socket| self.is_served(*socket))
    }

    /// Ends what was opened with API keys that a record, as it is from now on, does not have any more.
    pub(super) fn end_with_keys(&self, record: &AgentRecord, now: Timestamp, plan: &mut Plan) {
        self.end_opened(record.number, plan, |key| record.takes(key, now));
    }

    /// Ends everything that an agent has open.
    pub(super) fn end_all(&self, agent: AgentNumber, plan: &mut Plan) {
        self.end_opened(agent, plan, |_| false);
    }

    fn end_opened(&self, agent: AgentNumber, plan: &mut Plan, is_taken: impl Fn(&ApiKeyHash) -> bool) {
        for id in self.live.sockets_of(agent) {
            let key = self.live.sockets.get(&id).and_then(|socket| socket.key.as_ref());
            if !key.is_some_and(&is_taken) {
                self.close(id, CLOSE_UNAUTHORIZED, plan);
            }
        }
        for ticket in self.live.polls_of(agent) {
            if !self.live.polls.get(&ticket).is_some_and(|poll| is_taken(&poll.key)) {
                let reply = Box::new(ended());
                plan.actions.push(Action::Answer { ticket, reply });
                plan.changes.push(Change::PollEnded(ticket));
            }
        }
    }
}

/// What whoever waits is told when the API key ends meanwhile.
pub(super) fn ended() -> Reply {
    Reply::Now(unauthorized().to_parts())
}
