//! `POST /route`: whether a message is accepted (delivery, routing; signing).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};

use amp_address::{Address, Profile};
use amp_envelope::limits::MESSAGE_JSON_MAX_BYTES;
use amp_envelope::{
    IdempotencyKey, MessageError, MessageId, RouteBody, Timestamp, Unverified, Verified, write_json,
};

use super::agents::Agent;
use super::codec::Sha256Hash;
use super::decision::Plan;
use super::effect::{AcceptedAs, AnsweredKey};
use super::engine::{Provider, admitted, unauthorized};
use super::forwarding::Onward;
use super::live::Change;
use super::moment::Moment;
use super::number::{AgentNumber, Ticket};
use super::quarantine::Inspected;
use super::queueing::{Arrival, Queueing};
use super::reply::Reply;
use super::settings::Refusals;
use crate::guards::{RateCharge, RateClass};
use crate::receive::RiskOutcome;
use crate::wire::{Answer as _, ApiError, ApiErrorCode, CarriedKey};

/// How far ahead of the provider's clock a signed time may lie, in seconds.
const FUTURE_MAX: core::time::Duration = core::time::Duration::from_secs(60);

/// What became of a message that was not refused.
pub(super) enum Routing {
    /// It was accepted.
    Done(Reply),
    /// There was no room for it.
    Failed(MessageId),
}

impl Routing {
    pub(super) fn into_reply(self) -> Reply {
        match self {
            Self::Done(reply) => reply,
            Self::Failed(id) => Reply::Now(super::routed::failed(id).to_parts()),
        }
    }
}

impl Provider {
    /// Routes a message of an agent's. Nothing is looked at before the signature holds under the registered key.
    pub(super) fn route(
        &self,
        body: &[u8],
        caller: AgentNumber,
        ticket: Option<Ticket>,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Routing, ApiError> {
        let sender = self.agent(caller)?;
        let body = verified_body(body, sender, &self.settings.dialects)?;
        let expires_at = check_times(&body, moment.now())?;
        let accepted_as = self.check_idempotency(&body, caller, moment.now())?;
        if let Some(first) = accepted_as
            .as_ref()
            .and_then(|own| self.first_answer(caller, &own.key, ticket, moment.now(), plan))
        {
            return Ok(Routing::Done(first));
        }
        let to = body.to().with_known_providers(&self.settings.known);
        if sender.policy.check(&to).is_err() {
            self.count_risk(caller, RiskOutcome::Blocked, moment.now(), plan);
        }
        if to.provider() != self.settings.domain.as_str() {
            let onward = Onward { to, host: None, expires_at, accepted_as };
            return self.route_onward(&body, sender, onward, ticket, moment, plan);
        }
        if let Some(peer) = self.other_host_of(&to).filter(|_| self.state.agents.at(&to).is_none()) {
            let onward = Onward { to, host: Some(&peer.host), expires_at, accepted_as };
            return self.route_onward(&body, sender, onward, ticket, moment, plan);
        }
        let recipient = self.recipient(&to, sender, moment.now())?;
        let attached = self.check_attachments(&body.payload(), caller, moment.now())?;
        self.charge_message(sender, recipient, moment.now(), plan)?;
        let id = self.new_message_id(recipient.record.number, moment);
        let arrival = Arrival {
            recipient: recipient.record.number,
            sender: Some(caller),
            envelope: envelope(&id, &body, moment.now()),
            payload: body.payload().raw().into(),
            id,
            key: carried_key(sender),
            expires_at,
            receipt: wants_receipt(&body),
            accepted_as,
        };
        if arrival.envelope.len().saturating_add(arrival.payload.len()) > MESSAGE_JSON_MAX_BYTES {
            return Err(ApiError::new(
                ApiErrorCode::RequestTooLarge,
                "a message has at most 512 KiB of JSON",
            ));
        }
        let inspected = self.inspect(&body, sender, moment.now(), plan)?;
        if let Inspected::Held(report) = inspected {
            let (id, number) = (arrival.id.clone(), arrival.recipient);
            let reply =
                self.hold(arrival, (&sender.record.address, body.signing_digest()), &report, moment, plan)?;
            self.count_risk(caller, RiskOutcome::Quarantined, moment.now(), plan);
            self.use_attachments(&attached, &id, Some(number), plan);
            return Ok(Routing::Done(reply));
        }
        let between = (&sender.record.address, &recipient.record.address);
        let warning = self.check_loop(&body, between, &arrival.id, moment.now(), plan)?;
        let (id, recipient) = (arrival.id.clone(), arrival.recipient);
        let queueing = self.queue(arrival, ticket, moment.now(), plan);
        if !matches!(queueing, Queueing::Full(_)) {
            self.use_attachments(&attached, &id, Some(recipient), plan);
            if matches!(inspected, Inspected::Flagged) {
                self.count_risk(caller, RiskOutcome::Flagged, moment.now(), plan);
            }
        }
        Ok(match queueing {
            Queueing::Full(id) => Routing::Failed(id),
            Queueing::Queued(queued) => {
                let mut routed = super::routed::queued(&queued.id, queued.queued_at);
                routed.warnings = warning.map(|warning| alloc::vec![warning]);
                Routing::Done(Reply::Now(routed.to_parts()))
            }
            Queueing::Awaited => Routing::Done(Reply::Later),
        })
    }

    pub(super) fn agent(&self, number: AgentNumber) -> Result<&Agent, ApiError> {
        self.state.agents.get(number).ok_or_else(unauthorized)
    }

    /// Who takes the message, if the sender may write there.
    fn recipient(&self, to: &Address, sender: &Agent, now: Timestamp) -> Result<&Agent, ApiError> {
        let unknown = || {
            ApiError::new(ApiErrorCode::NotFound, "nobody at this address takes the message").with_field("to")
        };
        let recipient = self.state.agents.at(to).ok_or_else(unknown)?;
        match sender.policy.check(to) {
            Ok(()) if !self.seems_suspended(recipient, now) => Ok(recipient),
            _ if self.settings.refusals == Refusals::Uniform => Err(unknown()),
            Ok(()) => Err(ApiError::new(ApiErrorCode::RecipientSuspended, "the recipient is suspended")
                .with_field("to")),
            Err(refused) => {
                Err(ApiError::new(ApiErrorCode::RecipientNotAllowed, &refused.to_string()).with_field("to"))
            }
        }
    }

    /// Counts the message for its sender and its recipient, if both may have another one.
    fn charge_message(
        &self,
        sender: &Agent,
        recipient: &Agent,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<(), ApiError> {
        let charges = [(RateClass::Sent, sender), (RateClass::Received, recipient)];
        let charges = charges.map(|(class, agent)| {
            let share = self.rate_share(agent.record.number, now);
            RateCharge::new(class, agent.rate_key()).with_share(share)
        });
        for charge in charges {
            admitted(&self.live.limiter.look(&charge, now))?;
        }
        plan.changes.extend(charges.map(|charge| Change::Charged(charge, now)));
        Ok(())
    }

    /// The key under which the message is accepted once. What was accepted under it before has to be the same.
    fn check_idempotency(
        &self,
        body: &Verified<RouteBody>,
        caller: AgentNumber,
        now: Timestamp,
    ) -> Result<Option<AcceptedAs>, ApiError> {
        let Some(key) = body.unsigned().idempotency_key() else { return Ok(None) };
        let digest = digest_of(body);
        match self.state.accepted.get(caller, &key, now) {
            Some(first) if first.digest != digest => Err(ApiError::new(
                ApiErrorCode::DuplicateIdempotencyKey,
                "the idempotency key was used with another message",
            )
            .with_field("idempotency_key")),
            None if !self.state.accepted.has_room(caller, now) => {
                Err(ApiError::new(ApiErrorCode::RateLimited, "too many idempotency keys within a day"))
            }
            _ => Ok(Some(AcceptedAs { key, digest })),
        }
    }

    /// The answer that was given first under a key, or that will be.
    fn first_answer(
        &self,
        caller: AgentNumber,
        key: &IdempotencyKey,
        ticket: Option<Ticket>,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Option<Reply> {
        let first = self.state.accepted.get(caller, key, now)?;
        let awaited = self.live.awaited_as(&AnsweredKey { agent: caller, key: key.clone() });
        if let (Some(ticket), Some(message)) = (ticket, awaited) {
            plan.changes.push(Change::AwaitedBy(message, ticket));
            return Some(Reply::Later);
        }
        let answer = match (first.handed_over, first.given_up) {
            (Some((way, at)), _) => super::routed::delivered(&first.id, way, at),
            (None, Some(how)) => super::routed::given_up(&first.id, how.code()),
            (None, None) if self.state.held.holds(&first.id) => super::routed::quarantined(&first.id),
            (None, None) => super::routed::queued(&first.id, first.queued_at),
        };
        Some(Reply::Now(answer.to_parts()))
    }

    /// An id that no message has that waits for the recipient or left its queue lately.
    fn new_message_id(&self, recipient: AgentNumber, moment: &Moment) -> MessageId {
        let queue = self.state.mail.queue(recipient);
        let is_taken = |id: &MessageId| queue.is_some_and(|queue| queue.knows(id));
        let id = MessageId::from_parts(moment.now(), moment.bytes("message"));
        if is_taken(&id) { MessageId::from_parts(moment.now(), moment.bytes("message again")) } else { id }
    }
}

fn verified_body(
    body: &[u8],
    sender: &Agent,
    dialects: &[amp_envelope::Dialect],
) -> Result<Verified<RouteBody>, ApiError> {
    let body = RouteBody::decode(body, &sender.record.address).map_err(|error| refused(&error))?;
    body.verify_with(&sender.record.key, dialects)
        .map_err(|error: Unverified<RouteBody>| refused(error.error()))
}

/// The refusal of a body.
pub(super) fn refused(error: &MessageError) -> ApiError {
    ApiError::of_message(error)
}

/// When the message expires: the earlier of the signed time and the unsigned one. Both are still ahead.
pub(super) fn check_times(body: &RouteBody, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let freshness = body.payload().freshness().map_err(|error| refused(&error))?;
    if freshness.as_ref().is_some_and(|fresh| fresh.sent_at() > now.saturating_add(FUTURE_MAX)) {
        let rule = "the message is signed more than a minute ahead of the provider's clock";
        return Err(
            ApiError::new(ApiErrorCode::TimestampFuture, rule).with_field("payload.context.amp.sent_at")
        );
    }
    let signed = freshness.and_then(|fresh| fresh.expires_at());
    let expires_at = signed.into_iter().chain(body.unsigned().expires_at()).min();
    if expires_at.is_some_and(|at| at <= now) {
        let code = ApiErrorCode::read("timestamp_expired");
        return Err(ApiError::new(code, "the message has expired").with_field("expires_at"));
    }
    Ok(expires_at)
}

/// What makes two requests the same: what was signed, and what else the answer depends on.
fn digest_of(body: &Verified<RouteBody>) -> Sha256Hash {
    let expires_at = body.unsigned().expires_at().map(|at| at.to_string()).unwrap_or_default();
    let receipt: &[u8] = if wants_receipt(body) { b"receipt" } else { b"" };
    Sha256Hash::of(&[&body.signing_digest(), expires_at.as_bytes(), b"|", receipt])
}

pub(super) fn wants_receipt(body: &RouteBody) -> bool {
    let options = body.unsigned().get("options");
    options.and_then(|options| options.get("receipt")).is_some_and(|receipt| receipt.as_bool() == Some(true))
}

pub(super) fn carried_key(sender: &Agent) -> Option<CarriedKey> {
    let key = &sender.record.key;
    match key.to_hex() {
        Some(hex) => CarriedKey::from_text(&hex),
        None => Some(CarriedKey::pem(key)),
    }
}

/// The envelope of an accepted message. What was signed stands in it as it was received.
pub(super) fn envelope(id: &MessageId, body: &RouteBody, now: Timestamp) -> String {
    let thread = body.unsigned().get("thread_id").and_then(|thread| thread.as_str());
    let thread = thread.and_then(|thread| MessageId::parse_with(&thread, Profile::Deployed).ok());
    let thread = thread.or_else(|| body.in_reply_to()).unwrap_or_else(|| id.clone());
    let mut json = String::from(r#"{"version":"amp/0.1","#);
    let mut text = |name: &str, value: &str| {
        json.push_str(&alloc::format!("\"{name}\":{},", write_json(value).unwrap_or_default()));
    };
    text("id", id.as_str());
    text("from", body.from().as_str());
    text("timestamp", &now.to_string());
    text("thread_id", thread.as_str());
    for name in ["to", "subject", "priority", "in_reply_to", "expires_at", "idempotency_key", "signature"] {
        let value = body.unsigned().get(name).filter(|value| !value.is_null());
        if let Some(value) = value {
            json.push_str(&alloc::format!("\"{name}\":{},", value.raw()));
        }
    }
    json.pop();
    json.push('}');
    json
}
