//! `POST /federation/deliver`: whether a forward is accepted, in the stated order (federation, forwarding).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::time::Duration;

use amp_address::Provider as Domain;
use amp_envelope::{JsonValue, Timestamp};

use super::action::Action;
use super::call::Call;
use super::decision::Plan;
use super::effect::Effect;
use super::engine::Provider;
use super::live::Change;
use super::moment::Moment;
use super::number::AgentNumber;
use super::peers::PeerChange;
use super::queueing::{Arrival, Queueing};
use super::reply::Reply;
use super::settings::Refusals;
use crate::federation::{
    DecodedForward, FederationEvent, FederationEventKind, Finding, ForwardRefusal, ForwardSeen, ForwardSight,
    KeyStanding, ProvenForward, ProviderTrust, ReceivedForward, Source, forward_charges,
};
use crate::guards::RateCharge;
use crate::scan::Verdict;
use crate::wire::DeliveryMethod;
use crate::wire::{Answer as _, AnswerParts, ApiError, ApiErrorCode, CarriedKey, Delivered, DeliveryStatus};

/// What a provider is told that is not known yet. Its next attempt comes after 30 seconds.
const ASK_AGAIN: &str = r#"{"accepted":false,"error":"provider_not_known","message":"the provider is being looked up: try again"}"#;

/// Why a forward is not taken.
enum Refused {
    /// For good, or for the limits of a minute.
    Forward(ForwardRefusal),
    /// The provider has to be looked up first.
    NotYet(Domain),
}

impl From<ForwardRefusal> for Refused {
    fn from(refusal: ForwardRefusal) -> Self {
        Self::Forward(refusal)
    }
}

impl Provider {
    /// Takes a message of another provider's agent, or says why not.
    ///
    /// A provider that is not known is looked up, and told to come again: nothing of a forward is kept before its
    /// provider has signed it.
    pub(super) fn deliver(&self, call: &Call, moment: &Moment, plan: &mut Plan) -> Result<Reply, ApiError> {
        let now = moment.now();
        let Some(federation) = &self.settings.federation else {
            return Err(ApiError::new(ApiErrorCode::NotFound, "the provider does not federate"));
        };
        let trust = federation.trust(&self.settings.domain);
        let refusal = match self.judge_forward(call, &trust, now) {
            Ok(judged) => return Ok(self.take_forward(judged, moment, plan)),
            Err(Refused::Forward(refusal)) => refusal,
            Err(Refused::NotYet(provider)) => return Ok(self.ask_first(&provider, call, now, plan)),
        };
        let event = FederationEvent::new(FederationEventKind::Rejected, now).refused(&refusal);
        plan.actions.push(Action::Note(Box::new(event)));
        Ok(Reply::Now(refusal.to_answer()))
    }

    /// All that is checked before a forward is put into a queue.
    fn judge_forward(&self, call: &Call, trust: &ProviderTrust, now: Timestamp) -> Result<Judged, Refused> {
        let request = call.request();
        let received = ReceivedForward::read(&request.headers, &request.body, now)?;
        trust.consider(received.provider())?;
        let finding = self.live.peers.discovery.look(received.provider());
        if self.is_to_be_asked(received.provider(), &finding, now) {
            return Err(Refused::NotYet(received.provider().clone()));
        }
        let peer = trust.admit(received.provider(), &finding)?;
        let decoded = received.authenticate(&peer)?.decode(&self.settings.known)?;
        let standing = self.standing(&decoded);
        let proven = decoded.prove(standing, &self.settings.dialects)?;
        let seen = match self.state.peers.ledger.check(&proven, now)? {
            ForwardSight::Again(answer) => return Ok(Judged::Again(answer.into())),
            ForwardSight::First(seen) => seen,
        };
        let to = proven.message().to().with_known_providers(&self.settings.known);
        trust.check_recipient(&to, &self.settings.known)?;
        let agent = self.state.agents.at(&to).ok_or_else(ForwardRefusal::recipient_not_found)?;
        if self.seems_suspended(agent, now) {
            let uniform = self.settings.refusals == Refusals::Uniform;
            let refusals = (ForwardRefusal::recipient_not_found(), ForwardRefusal::recipient_suspended());
            return Err(if uniform { refusals.0 } else { refusals.1 }.into());
        }
        let charges = forward_charges(proven.provider(), &to);
        if charges.iter().any(|charge| !self.live.limiter.look(charge, now).is_admitted()) {
            return Err(ForwardRefusal::rate_limited().into());
        }
        let recipient = agent.record.number;
        // Ids of waiting messages are what a recipient acknowledges by: no other provider gives one a second meaning.
        let is_queued = self.state.mail.queue(recipient).is_some_and(|queue| queue.knows(&proven.id()));
        if is_queued || self.state.held.holds(&proven.id()) {
            return Err(ForwardRefusal::id_taken().into());
        }
        Ok(Judged::First { proven: Box::new(proven), seen: Box::new(seen), recipient, charges })
    }

    /// Whether a provider has to be looked up before it is judged: nothing is known of it but perhaps from long ago, and
    /// its sources were not asked lately. A key that it had and gave up is not trusted for ever.
    fn is_to_be_asked(&self, provider: &Domain, finding: &Finding, now: Timestamp) -> bool {
        let is_enough = match finding {
            Finding::Found(found) => {
                found.is_confirmed() || found.source() != Source::LastKnown && found.key().is_some()
            }
            Finding::Conflict(_) => true,
            Finding::Nothing => false,
        };
        !is_enough && !self.live.peers.discovery.queries(provider, now).is_empty()
    }

    /// What is known of the key that is named for the sender. That an agent was registered here with the same key says
    /// nothing: a public key is enough for that, and whoever signs the message has the private one.
    fn standing(&self, forward: &DecodedForward) -> KeyStanding {
        if self.state.peers.is_revoked(forward.key()) { KeyStanding::Revoked } else { KeyStanding::Clear }
    }

    fn take_forward(&self, judged: Judged, moment: &Moment, plan: &mut Plan) -> Reply {
        let now = moment.now();
        let (proven, seen, recipient, charges) = match judged {
            Judged::Again(answer) => return Reply::Now(said_again(answer)),
            Judged::First { proven, seen, recipient, charges } => (proven, seen, recipient, charges),
        };
        let (id, to) = (proven.id(), proven.message().to());
        let event = FederationEvent::new(FederationEventKind::Received, now)
            .from_provider(proven.provider())
            .about(&id, &proven.message().from(), &to)
            .delivered(false);
        plan.changes.extend(charges.map(|charge| Change::Charged(charge, now)));
        let status = match self.let_forward_in(&proven, recipient, moment, plan) {
            Ok(status) => status,
            Err((refusal, wait)) => {
                plan.actions.push(Action::Note(Box::new(event.refused(&refusal))));
                let answer = refusal.to_answer();
                return Reply::Now(match wait {
                    Some(wait) => answer.with_header("Retry-After", &wait.as_secs().max(1).to_string()),
                    None => answer,
                });
            }
        };
        let mut delivered = Delivered::new(id, &status);
        delivered.method = Some(DeliveryMethod::Relay);
        let answer = delivered.to_parts();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        self.ask_in_time(proven.provider(), now, plan);
        if status == DeliveryStatus::Queued {
            self.note_exchange(proven.provider(), plan);
        }
        plan.effects.push(Effect::ForwardTaken { forward: Box::new(seen.answered(&text)) });
        plan.actions.push(Action::Note(Box::new(event)));
        Reply::Now(answer)
    }

    /// Queues a message, or holds it if the scan says so. It waits: whether it is handed over is known later, and by then
    /// the other provider is not asking any more.
    fn let_forward_in(
        &self,
        forward: &ProvenForward,
        recipient: AgentNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<DeliveryStatus, (ForwardRefusal, Option<Duration>)> {
        let now = moment.now();
        let full = || (ForwardRefusal::queue_full(), None);
        match self.scan_forward(forward) {
            Some((Verdict::Block, _)) => return Err((ForwardRefusal::content_blocked(), None)),
            Some((Verdict::Quarantine, report)) => {
                let (from, digest) = (forward.message().from(), forward.message().signing_digest());
                self.hold(arrival(forward, recipient), (&from, digest), &report, moment, plan)
                    .map_err(|_| full())?;
                return Ok(DeliveryStatus::Quarantined);
            }
            _ => {}
        }
        self.check_loop_of(forward, now, plan)
            .map_err(|later| (ForwardRefusal::rate_limited(), later.retry_after()))?;
        match self.queue(arrival(forward, recipient), None, now, plan) {
            Queueing::Full(_) => Err(full()),
            Queueing::Queued(_) | Queueing::Awaited => Ok(DeliveryStatus::Queued),
        }
    }

    /// Asks the sources of a provider again whose time is over, while others still hold: no message waits for that.
    fn ask_in_time(&self, provider: &Domain, now: Timestamp, plan: &mut Plan) {
        if self.live.peers.is_asking(provider, self.live.clock.now()) {
            return;
        }
        let count = self.look_up(provider, now, plan);
        if count > 0 {
            plan.peer(PeerChange::Asked(provider.clone(), count));
        }
    }

    /// Looks a provider up that says that it forwards. Whoever calls can make this one ask; how often is limited.
    fn ask_first(&self, provider: &Domain, call: &Call, now: Timestamp, plan: &mut Plan) -> Reply {
        let Some(charge) = self.look_up_charge(&call.network(), now) else {
            return Reply::Now(ForwardRefusal::rate_limited().to_answer());
        };
        if !self.live.peers.is_asking(provider, self.live.clock.now()) {
            plan.changes.push(Change::Charged(charge, now));
            let count = self.look_up(provider, now, plan);
            plan.peer(PeerChange::Asked(provider.clone(), count));
        }
        Reply::Now(answer_of(ASK_AGAIN.into(), 503).with_header("Retry-After", "30"))
    }
}

/// A forward that passes.
enum Judged {
    /// It was accepted before, and answered so.
    Again(String),
    First {
        proven: Box<ProvenForward>,
        seen: Box<ForwardSeen>,
        recipient: AgentNumber,
        charges: [RateCharge; 3],
    },
}

fn answer_of(body: String, status: u16) -> AnswerParts {
    AnswerParts::new(status).with_header("Content-Type", "application/json").with_body(body.into_bytes())
}

/// The answer of the first time.
fn said_again(answer: String) -> AnswerParts {
    let first = answer_of(answer, 200);
    match Delivered::from_parts(&first) {
        Ok(delivered) if delivered.is_held => AnswerParts { status: delivered.to_parts().status, ..first },
        _ => first,
    }
}

/// The message on its way into the queue, byte for byte.
fn arrival(forward: &ProvenForward, recipient: AgentNumber) -> Arrival {
    let carried = JsonValue::read_carrier(forward.carried().as_bytes(), usize::MAX);
    let raw = |name: &str| {
        let value = carried.as_ref().ok().and_then(|carried| carried.get(name));
        value.map(|value| String::from(value.raw())).unwrap_or_default()
    };
    let message = forward.message();
    let freshness = message.payload().freshness().ok().flatten();
    let signed = freshness.and_then(|freshness| freshness.expires_at());
    Arrival {
        id: forward.id(),
        recipient,
        sender: None,
        envelope: raw("envelope"),
        payload: raw("payload"),
        key: Some(CarriedKey::pem(message.key())),
        expires_at: signed.into_iter().chain(message.unsigned().expires_at()).min(),
        receipt: false,
        accepted_as: None,
    }
}
