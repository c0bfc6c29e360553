//! The provider: what comes in, and the decision about it (provider API; delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use amp_address::Provider as Domain;
use amp_envelope::Timestamp;

use super::action::Performed;
use super::agents::KeyHolder;
use super::call::{Call, Caller};
use super::decision::{Decision, Plan};
use super::effect::{Departure, Effect};
use super::live::{Change, Live};
use super::moment::Moment;
use super::number::{AgentNumber, SocketId};
use super::reply::Reply;
use super::route::Routing;
use super::settings::{ProviderBuilder, Settings};
use super::state::State;
use crate::guards::{RateCharge, RateClass, RateDecision, RateKey, RateShare, Review};
use crate::wire::{
    Answer as _, AnyRequest, ApiError, ApiErrorCode, ApiUrl, Authorization, Endpoint, RateStatus,
};

/// How many overdue messages and waiting requests one decision clears away at most.
const OVERDUE_MAX: usize = 256;

/// A provider without sockets, files and clock: it decides, its host does.
///
/// Every input gives a [`Decision`]: the host stores its effects, commits it, sends the answer and performs the actions.
/// A provider that is restored from the effects goes on where the other one stopped; only sockets have to connect again.
///
/// ```
/// use amp_core::provider::{Call, Moment, Provider, Reply};
/// use amp_core::wire::{Method, RequestParts};
///
/// let mut provider = Provider::builder("crabmail.ai".parse()?, "https://api.crabmail.ai/v1".parse()?).build();
/// let call = Call::new(RequestParts::new(Method::Get, "/health"));
/// let moment = Moment::new("2026-01-31T10:00:00Z".parse()?, [7; 32]); // `Moment::generate(now)` with `getrandom`
///
/// let decision = provider.handle(&call, moment);
/// // ... decision.effects() and decision.bodies() go into one transaction of the host's database ...
/// let outcome = decision.commit();
/// let Some(Reply::Now(answer)) = outcome.reply else { return Err("no answer".into()) };
/// assert_eq!(answer.status, 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Provider {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) live: Live,
}

impl Provider {
    /// A provider for the addresses under `domain`, whose API is at `api`.
    #[must_use]
    pub fn builder(domain: Domain, api: ApiUrl) -> ProviderBuilder {
        ProviderBuilder::new(domain, api)
    }

    /// Decides about a request.
    pub fn handle(&mut self, call: &Call, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        let reply =
            self.answer(call, &moment, &mut plan).unwrap_or_else(|refusal| Reply::Now(refusal.to_parts()));
        self.decide(plan, Some(reply), &moment)
    }

    /// Tells that a caller that waits for its answer is gone.
    pub fn call_dropped(&mut self, ticket: super::Ticket) {
        self.live.end_poll(ticket);
    }

    /// A WebSocket was opened. It has ten seconds to say who it is.
    pub fn socket_opened(&mut self, socket: SocketId, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        self.open_socket(socket, &mut plan);
        self.decide(plan, None, &moment)
    }

    /// A text frame came in over a WebSocket.
    pub fn socket_frame(&mut self, socket: SocketId, frame: &[u8], moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        self.read_frame(socket, frame, &moment, &mut plan);
        self.decide(plan, None, &moment)
    }

    /// A sign of life of the WebSocket protocol itself: its ping or pong.
    pub fn socket_alive(&mut self, socket: SocketId, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        plan.changes.push(Change::Heard(socket));
        self.decide(plan, None, &moment)
    }

    /// A WebSocket is closed, by whichever side.
    pub fn socket_closed(&mut self, socket: SocketId, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        plan.changes.push(Change::Closed(socket));
        self.decide(plan, None, &moment)
    }

    /// An action was performed, or failed.
    pub fn performed(&mut self, performed: Performed, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        self.note(performed, moment.now(), &mut plan);
        self.decide(plan, None, &moment)
    }

    /// Does what is due: see [`next_timeout`](Self::next_timeout).
    pub fn tick(&mut self, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        self.meet_deadlines(OVERDUE_MAX, moment.now(), &mut plan);
        self.meet_forward_deadlines(moment.now(), &mut plan);
        self.decide(plan, None, &moment)
    }

    /// When [`tick`](Self::tick) is wanted next. Look again after every decision, and when the clock was set.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let (expiry, due) = (self.state.mail.next_expiry(), self.live.next_due());
        let expiry = expiry.into_iter().chain(self.state.held.next_expiry());
        let expiry = expiry.chain(self.state.attachments.next_end()).min();
        expiry.map(|at| self.live.clock.steadily(at)).into_iter().chain(due).min()
    }

    /// Effects that make a provider of this one's memory: a shorter log to restore from.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Effect> {
        self.state.snapshot()
    }

    pub(super) fn begin(&mut self, moment: &Moment) -> Plan {
        self.live.clock.advance(moment.now());
        self.live.peers.advance(moment.now());
        let mut plan = Plan::default();
        if !self.live.clock.is_steady() {
            return plan;
        }
        for (agent, message) in self.state.mail.overdue(moment.now(), OVERDUE_MAX) {
            plan.leave(agent, message, Departure::Expired, moment.now());
        }
        self.end_attachments(moment.now(), OVERDUE_MAX, &mut plan);
        self.expire_held(OVERDUE_MAX, moment.now(), &mut plan);
        plan
    }

    /// The decision, whose numbers are used up from now on, whatever becomes of it.
    pub(super) fn decide(&mut self, plan: Plan, reply: Option<Reply>, moment: &Moment) -> Decision<'_> {
        self.live.unused.use_up(&plan.effects);
        Decision { provider: self, plan, reply, now: moment.now() }
    }

    fn answer(&mut self, call: &Call, moment: &Moment, plan: &mut Plan) -> Result<Reply, ApiError> {
        let endpoint = call.request().endpoint()?;
        let caller = self.identify(call, endpoint, moment.now(), plan)?;
        let rate = self.charge(call, endpoint, caller, moment.now())?;
        if let Caller::Agent(agent) = caller {
            plan.changes.push(Change::Seen(agent, moment.now()));
            self.check_standing(agent, endpoint, moment.now(), plan)?;
        }
        let request = AnyRequest::from_parts(call.request())?;
        let reply = self.dispatch(&request, call, caller, moment, plan)?;
        Ok(reply.with_rate(rate))
    }

    /// Who calls: an agent by its API key, a person by the host's word.
    fn identify<'c>(
        &self,
        call: &'c Call,
        endpoint: Endpoint,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Caller<'c>, ApiError> {
        match endpoint.authorization() {
            Authorization::Agent if endpoint == Endpoint::Route && self.is_handed_on(call) => {
                self.calling_host(call).map(Caller::Host).ok_or_else(unauthorized)
            }
            Authorization::Agent => {
                let key = call.request().key()?.ok_or_else(unauthorized)?;
                self.agent_with_key(key.expose(), now, plan).map(Caller::Agent).ok_or_else(unauthorized)
            }
            wanted @ (Authorization::Owner | Authorization::Admin) => {
                call.person(wanted).ok_or_else(unauthorized)
            }
            Authorization::None | Authorization::Optional => Ok(Caller::Anybody),
        }
    }

    /// The agent whose API key this is.
    pub(super) fn agent_with_key(
        &self,
        api_key: &str,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Option<AgentNumber> {
        match self.state.agents.holder_of(api_key, now)? {
            KeyHolder::Present(number) => {
                self.note_first_use(number, plan);
                Some(number)
            }
            KeyHolder::Former(number) => Some(number),
            KeyHolder::Ended(number) => {
                // Forgotten for good, so that a clock that is set back does not bring it to life again.
                let mut record = self.state.agents.get(number)?.record.clone();
                record.former_api_key = None;
                self.end_with_keys(&record, now, plan);
                plan.effects.push(Effect::AgentSet { agent: record.into() });
                None
            }
        }
    }

    fn charge(
        &mut self,
        call: &Call,
        endpoint: Endpoint,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<RateStatus, ApiError> {
        let (mut share, mut class) = (RateShare::Full, endpoint.rate_class());
        let key = match caller {
            Caller::Agent(number) => {
                share = self.rate_share(number, now);
                self.agent(number)?.rate_key()
            }
            Caller::Host(peer) => {
                class = RateClass::FederationProvider;
                RateKey::of(&alloc::format!("host {}", self.peer(peer)?.host))
            }
            Caller::Owner(name) | Caller::Admin(name) => RateKey::of(name),
            Caller::Anybody => RateKey::of(&call.network()),
        };
        let decision = self.live.limiter.take(&RateCharge::new(class, key).with_share(share), now);
        admitted(&decision)
    }

    fn dispatch(
        &self,
        request: &AnyRequest,
        call: &Call,
        caller: Caller<'_>,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let (now, ticket) = (moment.now(), call.ticket());
        match (request, caller) {
            (AnyRequest::GetHealth(_), _) => Ok(Reply::Now(self.health().to_parts())),
            (AnyRequest::GetInfo(_), _) => Ok(Reply::Now(self.info().to_parts())),
            (AnyRequest::Register(request), _) => self.register(request, call, moment, plan),
            (AnyRequest::GetMe(_), Caller::Agent(caller)) => self.me(caller),
            (AnyRequest::UpdateMe(request), Caller::Agent(caller)) => self.update_me(request, caller, plan),
            (AnyRequest::Deregister(_), Caller::Agent(caller)) => self.deregister(caller, moment, plan),
            (AnyRequest::GetCard(_), Caller::Agent(caller)) => self.card(caller, now),
            (AnyRequest::ListAgents(request), Caller::Agent(caller)) => self.list_agents(request, caller),
            (AnyRequest::Resolve(request), Caller::Agent(_)) => self.resolve(request),
            (AnyRequest::RotateApiKey(_), Caller::Agent(caller)) => {
                self.rotate_api_key(call, caller, moment, plan)
            }
            (AnyRequest::RevokeApiKey(_), Caller::Agent(caller)) => {
                self.revoke_api_key(call, caller, moment, plan)
            }
            (AnyRequest::RotateKeys(request), Caller::Agent(caller)) => {
                self.rotate_keys(request, caller, moment, plan)
            }
            (AnyRequest::GetUserKey(_), Caller::Owner(owner)) => self.user_key(owner, moment, plan),
            (AnyRequest::ListOwned(_), Caller::Owner(owner)) => Ok(self.list_owned(owner)),
            (AnyRequest::DeleteOwned(request), Caller::Owner(owner)) => {
                self.delete_owned(request, owner, moment, plan)
            }
            (AnyRequest::GetWellKnown(_), _) => self.well_known(),
            (AnyRequest::Deliver(_), _) => self.deliver(call, moment, plan),
            (AnyRequest::Route(route), Caller::Agent(caller)) => {
                self.route(route.body(), caller, ticket, moment, plan).map(Routing::into_reply)
            }
            (AnyRequest::Route(route), Caller::Host(peer)) => {
                self.take_handed_on(route, peer, moment, plan).map(Routing::into_reply)
            }
            (AnyRequest::GetPending(request), Caller::Agent(caller)) => {
                self.get_pending(request, caller, call, now, plan)
            }
            (AnyRequest::CountPending(_), Caller::Agent(caller)) => Ok(self.count_pending(caller, now)),
            (AnyRequest::Acknowledge(request), Caller::Agent(caller)) => {
                self.acknowledge_one(request, caller, now, plan)
            }
            (AnyRequest::AcknowledgeBatch(request), Caller::Agent(caller)) => {
                Ok(self.acknowledge_batch(request, caller, now, plan))
            }
            (AnyRequest::MarkRead(request), Caller::Agent(caller)) => {
                self.mark_read(request, caller, now, plan)
            }
            (AnyRequest::StartUpload(request), Caller::Agent(caller)) => {
                self.start_upload(request, caller, moment, plan)
            }
            (AnyRequest::DirectUpload(request), Caller::Agent(caller)) => {
                self.direct_upload(request, caller, moment, plan)
            }
            (AnyRequest::ConfirmUpload(request), Caller::Agent(caller)) => {
                self.confirm_upload(&request.id, caller, now, plan)
            }
            (AnyRequest::GetAttachment(request), Caller::Agent(caller)) => {
                self.get_attachment(&request.id, caller, now)
            }
            (AnyRequest::DownloadAttachment(request), Caller::Agent(caller)) => {
                self.download_attachment(&request.id, caller, now)
            }
            (AnyRequest::ListQuarantine(request), Caller::Admin(_)) => self.list_quarantine(request, now),
            (AnyRequest::GetQuarantine(request), Caller::Admin(_)) => self.get_quarantine(&request.id, now),
            (AnyRequest::ApproveQuarantine(request), Caller::Admin(_)) => {
                self.review(&request.id, Review::Approve, now, plan)
            }
            (AnyRequest::RejectQuarantine(request), Caller::Admin(_)) => {
                self.review(&request.id, Review::Reject, now, plan)
            }
            (AnyRequest::Suspend(request), Caller::Admin(admin)) => self.suspend(request, admin, now, plan),
            (AnyRequest::Unsuspend(request), Caller::Admin(_)) => self.unsuspend(request, now, plan),
            (AnyRequest::GetRisk(request), Caller::Admin(_)) => self.get_risk(request, now),
            _ => Err(ApiError::new(ApiErrorCode::NotFound, "the provider does not offer this")),
        }
    }
}

pub(super) fn unauthorized() -> ApiError {
    ApiError::new(ApiErrorCode::Unauthorized, "the API key is absent, unknown or revoked")
}

/// What an answer says of a limit, or that it is exceeded.
pub(super) fn admitted(decision: &RateDecision) -> Result<RateStatus, ApiError> {
    let status = RateStatus::new(decision.limit().into(), decision.remaining().into(), decision.reset());
    match decision.retry_after() {
        None => Ok(status),
        Some(wait) => {
            Err(ApiError::new(ApiErrorCode::RateLimited, "too many requests").with_rate(status, wait))
        }
    }
}
