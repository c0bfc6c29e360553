//! WebSockets: who is there, what they say, and when they are gone (provider API, WebSocket).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_envelope::Timestamp;

use super::action::Action;
use super::agent::ApiKeyHash;
use super::agents::Agent;
use super::decision::Plan;
use super::engine::{Provider, admitted};
use super::live::{Change, Due, SILENCE_MAX, SOCKETS_MAX, SOCKETS_OF_AGENT_MAX};
use super::moment::Moment;
use super::number::{AgentNumber, MessageNumber, SocketId};
use super::route::Routing;
use super::suspension::{CLOSE_SUSPENDED, suspended};
use crate::guards::{RateCharge, RateClass};
use crate::identity::ApiKey;
use crate::wire::{ApiError, ApiErrorCode, ClientFrame, ConnectedFrame, ErrorFrame, PongFrame, ServerFrame};

/// No valid API key came in time.
pub(super) const CLOSE_UNAUTHORIZED: u16 = 4001;
/// The first frame was no `auth`.
const CLOSE_FIRST_FRAME: u16 = 4002;
/// Too many sockets.
const CLOSE_TRY_LATER: u16 = 1013;
/// Nothing was heard for too long.
const CLOSE_GOING_AWAY: u16 = 1001;

impl Provider {
    pub(super) fn open_socket(&self, socket: SocketId, plan: &mut Plan) {
        if !self.settings.has_sockets
            || self.live.sockets.len() >= SOCKETS_MAX
            || self.live.sockets.contains_key(&socket)
        {
            plan.actions.push(Action::CloseSocket { socket, code: CLOSE_TRY_LATER });
        } else {
            plan.changes.push(Change::Opened(socket));
        }
    }

    pub(super) fn read_frame(&mut self, socket: SocketId, frame: &[u8], moment: &Moment, plan: &mut Plan) {
        let Some(known) = self.live.sockets.get(&socket) else { return };
        let agent = known.agent;
        plan.changes.push(Change::Heard(socket));
        match (ClientFrame::decode(frame), agent) {
            (Ok(ClientFrame::Auth(auth)), _) => {
                self.authenticate(socket, agent, &auth.token, moment.now(), plan)
            }
            (_, Some(_)) if !self.is_served(socket) => self.refuse_socket(socket, CLOSE_UNAUTHORIZED, plan),
            (_, None) => self.refuse_socket(socket, CLOSE_FIRST_FRAME, plan),
            (Ok(frame), Some(agent)) => self.follow(socket, agent, &frame, moment, plan),
            (Err(_), Some(_)) => {
                let refusal = ApiError::new(ApiErrorCode::InvalidRequest, "not a frame of the protocol");
                self.send_error(socket, &refusal, plan);
            }
        }
    }

    /// The agent says who it is. A frame that is sent twice, because the answer was slow, changes nothing. With another
    /// API key of the same agent, the socket lasts as long as that.
    fn authenticate(
        &self,
        socket: SocketId,
        bound: Option<AgentNumber>,
        key: &ApiKey,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let agent = self
            .agent_with_key(key.expose(), now, plan)
            .filter(|agent| bound.is_none_or(|own| own == *agent));
        let Some(agent) = agent.and_then(|number| self.state.agents.get(number)) else {
            return self.refuse_socket(socket, CLOSE_UNAUTHORIZED, plan);
        };
        if self.is_suspended(agent, now, plan) {
            self.send_error(socket, &suspended(), plan);
            return self.close(socket, CLOSE_SUSPENDED, plan);
        }
        let number = agent.record.number;
        if bound.is_none() && !self.charge_socket(agent, now, plan) {
            return self.close(socket, CLOSE_TRY_LATER, plan);
        }
        let queue = self.state.mail.queue(number);
        let waiting = queue.map_or(0, |queue| queue.waiting(MessageNumber(0), now).count());
        let connected = ConnectedFrame::new(agent.record.address.clone());
        let connected = connected.with_pending_count(u64::try_from(waiting).unwrap_or(u64::MAX));
        self.send(socket, &ServerFrame::Connected(connected), plan);
        if bound.is_none() {
            self.make_room_for_socket(number, plan);
        }
        plan.changes.push(Change::Bound(socket, number, ApiKeyHash::of(key.expose())));
        if bound.is_none() {
            plan.changes.push(Change::Seen(number, now));
            self.replay_to(socket, number, now, plan);
        }
    }

    /// Counts a connection: each of them has everything read that waits.
    fn charge_socket(&self, agent: &Agent, now: Timestamp, plan: &mut Plan) -> bool {
        let charge = RateCharge::new(RateClass::Other, agent.rate_key());
        plan.changes.push(Change::Charged(charge, now));
        self.live.limiter.look(&charge, now).is_admitted()
    }

    /// An agent that has too many sockets loses the one that was silent for the longest.
    fn make_room_for_socket(&self, agent: AgentNumber, plan: &mut Plan) {
        if self.live.sockets_of(agent).count() < SOCKETS_OF_AGENT_MAX {
            return;
        }
        let heard = |socket: &SocketId| self.live.sockets.get(socket).map(|socket| socket.heard);
        if let Some(silent) = self.live.sockets_of(agent).min_by_key(heard) {
            self.close(silent, CLOSE_TRY_LATER, plan);
        }
    }

    fn follow(
        &mut self,
        socket: SocketId,
        agent: AgentNumber,
        frame: &ClientFrame,
        moment: &Moment,
        plan: &mut Plan,
    ) {
        match frame {
            ClientFrame::Ping => self.send(socket, &ServerFrame::Pong(PongFrame::new(moment.now())), plan),
            ClientFrame::Ack(ack) => {
                self.acknowledge(&ack.id, agent, moment.now(), plan);
            }
            ClientFrame::Route(route) => {
                let routed = self
                    .charge_route(agent, moment.now())
                    .and_then(|()| self.route(route.as_json().as_bytes(), agent, None, moment, plan));
                match routed {
                    Ok(Routing::Done(_)) => {}
                    Ok(Routing::Failed(_)) => {
                        let code = ApiErrorCode::read("queue_full");
                        self.send_error(socket, &ApiError::new(code, "the recipient's queue is full"), plan);
                    }
                    Err(refusal) => self.send_error(socket, &refusal, plan),
                }
            }
            // Unknown frames are no error.
            _ => {}
        }
    }

    fn charge_route(&mut self, agent: AgentNumber, now: Timestamp) -> Result<(), ApiError> {
        let key = self.agent(agent)?.rate_key();
        let share = self.rate_share(agent, now);
        admitted(&self.live.limiter.take(&RateCharge::new(RateClass::Route, key).with_share(share), now))
            .map(|_| ())
    }

    fn send(&self, socket: SocketId, frame: &ServerFrame, plan: &mut Plan) {
        plan.actions.push(Action::SendFrame { socket, text: frame.encode(self.settings.frame_shape) });
    }

    fn send_error(&self, socket: SocketId, refusal: &ApiError, plan: &mut Plan) {
        let code = refusal.code.clone().unwrap_or(ApiErrorCode::InternalError);
        self.send(socket, &ServerFrame::Error(ErrorFrame::new(code).with_message(&refusal.message)), plan);
    }

    fn refuse_socket(&self, socket: SocketId, code: u16, plan: &mut Plan) {
        let refusal = ApiError::new(ApiErrorCode::Unauthorized, "no valid API key came");
        self.send_error(socket, &refusal, plan);
        self.close(socket, code, plan);
    }

    pub(super) fn close(&self, socket: SocketId, code: u16, plan: &mut Plan) {
        let is_it = |change: &Change| matches!(change, Change::Closed(other) if *other == socket);
        if plan.changes.iter().any(is_it) {
            return;
        }
        plan.actions.push(Action::CloseSocket { socket, code });
        plan.changes.push(Change::Closed(socket));
    }

    /// Closes every socket of an agent.
    pub(super) fn close_all(&self, agent: AgentNumber, code: u16, plan: &mut Plan) {
        for socket in self.live.sockets_of(agent) {
            self.close(socket, code, plan);
        }
    }

    /// Sockets that said nothing for too long, answers that cannot wait any longer.
    pub(super) fn meet_deadlines(&self, most: usize, now: Timestamp, plan: &mut Plan) {
        for due in self.live.due(most) {
            match due {
                Due::Socket(socket) => self.look_at(socket, plan),
                Due::Answer(message) => self.answer_awaited(message, None, plan),
                Due::Post(message) => self.posting_due(message, now, plan),
                Due::Poll(ticket) => plan.changes.push(Change::PollDue(ticket)),
            }
        }
    }

    fn look_at(&self, id: SocketId, plan: &mut Plan) {
        let Some(socket) = self.live.sockets.get(&id) else { return };
        if socket.agent.is_none() || !self.is_served(id) {
            self.refuse_socket(id, CLOSE_UNAUTHORIZED, plan);
        } else if self.live.clock.now().since(socket.heard) >= SILENCE_MAX {
            self.close(id, CLOSE_GOING_AWAY, plan);
        } else {
            plan.changes.push(Change::Watched(id));
        }
    }
}
