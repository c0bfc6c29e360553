//! What waits, for a socket that has just connected: as much as it has not acknowledged yet (delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use amp_envelope::Timestamp;

use super::action::{Action, Push};
use super::decision::Plan;
use super::effect::Effect;
use super::engine::Provider;
use super::live::Change;
use super::number::{AgentNumber, MessageNumber, SocketId};

/// How many messages are replayed ahead of their acknowledgement.
const AHEAD_MAX: usize = 50;
/// What those take at most, unless it is one alone.
const AHEAD_MAX_BYTES: usize = 1024 * 1024;

/// What a socket was not replayed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replay {
    /// The first of them.
    next: MessageNumber,
    /// What came later was pushed when it came.
    end: MessageNumber,
}

impl Provider {
    /// What waits for an agent, for a socket of its that has just connected.
    pub(super) fn replay_to(&self, socket: SocketId, agent: AgentNumber, now: Timestamp, plan: &mut Plan) {
        let all = Replay { next: MessageNumber(0), end: self.state.mail.next_number() };
        let rest = self.replay((socket, agent), all, now, &mut plan.actions);
        plan.changes.push(Change::Replayed(socket, rest));
    }

    /// Goes on with the replays of agents of whose messages some have left the queue.
    pub(super) fn replay_on(&mut self, effects: &[Effect], now: Timestamp, actions: &mut Vec<Action>) {
        let left = |effect: &Effect| match effect {
            Effect::Left { agent, .. } => Some(*agent),
            _ => None,
        };
        let agents: BTreeSet<AgentNumber> = effects.iter().filter_map(left).collect();
        for agent in agents {
            let rest = |socket| Some((socket, self.live.sockets.get(&socket)?.replay?));
            let sockets: Vec<(SocketId, Replay)> = self.live.sockets_of(agent).filter_map(rest).collect();
            for (socket, rest) in sockets {
                let rest = self.replay((socket, agent), rest, now, actions);
                self.live.apply(Change::Replayed(socket, rest));
            }
        }
    }

    /// Pushes as many as fit beside those that were replayed and still wait. Gives what is left.
    fn replay(
        &self,
        (socket, agent): (SocketId, AgentNumber),
        rest: Replay,
        now: Timestamp,
        actions: &mut Vec<Action>,
    ) -> Option<Replay> {
        let waiting = self.state.mail.queue(agent)?.waiting(MessageNumber(0), now);
        let mut bytes = 0_usize;
        for (place, (message, entry)) in waiting.take_while(|(number, _)| *number < rest.end).enumerate() {
            bytes = bytes.saturating_add(usize::try_from(entry.bytes).unwrap_or(usize::MAX));
            if place >= AHEAD_MAX || (place > 0 && bytes > AHEAD_MAX_BYTES) {
                return Some(Replay { next: rest.next.max(message), end: rest.end });
            }
            if message >= rest.next {
                let (id, shape) = (entry.id.clone(), self.settings.frame_shape);
                actions.push(Action::PushMessage(Push { socket, agent, message, id, replay: true, shape }));
            }
        }
        None
    }
}
