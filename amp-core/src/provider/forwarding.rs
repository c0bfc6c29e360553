//! Messages to other providers: queued, tried, and what the sender is told (federation, forwarding).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::limits::MESSAGE_JSON_MAX_BYTES;
use amp_envelope::{Attachment, MessageId, Payload, RouteBody, Timestamp, Verified};

use super::action::{Action, Performed, PerformedKind};
use super::agents::Agent;
use super::body::{self, BodyError, MessageBody};
use super::decision::Plan;
use super::effect::{AcceptedAs, Effect};
use super::engine::{Provider, admitted};
use super::handing_on::HandingOn;
use super::live::{Awaited, Change, HANDOVER_WITHIN};
use super::moment::Moment;
use super::number::{MessageNumber, Ticket};
use super::outbox::{ForwardEnd, Outbound, QueuedForward};
use super::peers::{ATTEMPTS_MAX, PeerChange, Stage};
use super::quarantine::Inspected;
use super::reply::Reply;
use super::route::{Routing, carried_key, envelope, wants_receipt};
use crate::federation::{AttachmentRoom, FederationEvent, FederationEventKind, Finding, ForwardBody};
use crate::guards::{RateCharge, RateClass};
use crate::receive::RiskOutcome;
use crate::webhook::Target;
use crate::wire::{
    Answer as _, AnswerParts, ApiError, ApiErrorCode, Deliver, Delivered, DeliveredFrame, DeliveryStatus,
    ErrorFrame, Routed, ServerFrame,
};

/// How many messages are seen to in one decision at most.
const DUE_MAX: usize = 256;

/// What other providers answer, as far as a sender is told of it by name.
const CODES: [&str; 16] = [
    "recipient_not_found",
    "recipient_not_allowed",
    "recipient_suspended",
    "provider_not_trusted",
    "signature_invalid",
    "signature_missing",
    "key_conflict",
    "key_revoked",
    "key_mismatch",
    "expired",
    "timestamp_expired",
    "timestamp_future",
    "duplicate_message",
    "attachments_not_supported",
    "request_too_large",
    "forbidden",
];

/// A message for another provider: where to, and which one.
///
/// ```
/// # use amp_core::provider::{Action, BodyError, MessageNumber, Performed, Provider};
/// # use amp_core::wire::{AnswerParts, Request};
/// # use amp_core::{RequestParts, Timestamp};
/// # mod amp_core { pub use ::amp_core::*; pub use ::amp_core::wire::RequestParts; }
/// # fn body_of(number: MessageNumber) -> Vec<u8> { Vec::new() }
/// # fn post(url: &str, parts: &RequestParts) -> Option<AnswerParts> { None }
/// fn perform(action: &Action, provider: &Provider, now: Timestamp) -> Result<Option<Performed>, BodyError> {
///     let Action::Forward(forward) = action else { return Ok(None) };
///     let request = provider.forward_request(forward, &body_of(forward.message()), now)?; // from the host's store
///     // The target's host is resolved and admitted before the connection is made.
///     Ok(Some(match post(forward.target().as_str(), &request.to_parts()) {
///         Some(answer) => forward.answered(&answer),
///         None => forward.failed(),
///     }))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Forwarding {
    message: MessageNumber,
    id: MessageId,
    attempt: u8,
    target: Target,
}

impl Forwarding {
    /// The message whose body is wanted.
    #[must_use]
    pub const fn message(&self) -> MessageNumber {
        self.message
    }

    /// 1 to 3.
    #[must_use]
    pub const fn attempt(&self) -> u8 {
        self.attempt
    }

    /// Where to post it. The connection goes to an address that was admitted, within 5 seconds; the answer comes within
    /// 10; no credentials are sent.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The other provider answered. What it says of another message is no answer.
    #[must_use]
    pub fn answered(&self, answer: &AnswerParts) -> Performed {
        self.performed(match Delivered::from_parts(answer) {
            Ok(delivered) if delivered.id != self.id => ForwardOutcome::Failed,
            Ok(delivered) if delivered.is_delivered => ForwardOutcome::Delivered,
            Ok(delivered) if delivered.is_held => ForwardOutcome::Held,
            Ok(_) => ForwardOutcome::Accepted,
            Err(error) => refused(&error),
        })
    }

    /// No connection, or no whole answer in time, or no address that may be called.
    #[must_use]
    pub const fn failed(&self) -> Performed {
        self.performed(ForwardOutcome::Failed)
    }

    const fn performed(&self, outcome: ForwardOutcome) -> Performed {
        let (message, attempt) = (self.message, self.attempt);
        Performed { kind: PerformedKind::Forwarded { message, attempt, outcome } }
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForwardOutcome {
    Delivered,
    Accepted,
    Held,
    Refused(&'static str),
    Failed,
}

/// What a refusal means: whoever is too busy may have time later; what cannot be read says nothing.
pub(super) fn refused(error: &ApiError) -> ForwardOutcome {
    if error.is_unreadable() || error.status == 429 || error.status >= 500 {
        return ForwardOutcome::Failed;
    }
    let stated = error.code.as_ref().map(ApiErrorCode::as_str).unwrap_or_default();
    let code = CODES.into_iter().find(|code| *code == stated);
    ForwardOutcome::Refused(code.unwrap_or("forward_refused"))
}

/// Where a message goes that is not for an agent of this host, and what else holds for it.
pub(super) struct Onward<'h> {
    pub(super) to: Address,
    /// The host of this provider that it goes to; none when it goes to another provider.
    pub(super) host: Option<&'h str>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) accepted_as: Option<AcceptedAs>,
}

impl Provider {
    /// Whether a message to another provider may be sent there at all.
    fn check_departure(
        &self,
        onward: &Onward<'_>,
        sender: &Agent,
        payload: &Payload<'_>,
    ) -> Result<(), ApiError> {
        if onward.host.is_none() {
            self.check_provider(&onward.to)?;
        }
        if let Err(refused) = sender.policy.check(&onward.to) {
            let code = ApiErrorCode::RecipientNotAllowed;
            return Err(ApiError::new(code, &refused.to_string()).with_field("to"));
        }
        let attachments = payload.attachments_json().filter_map(|value| Attachment::read(value).ok());
        let attachments: Vec<Attachment> = attachments.collect();
        AttachmentRoom::default().check(&attachments).map_err(|misfit| {
            let code = ApiErrorCode::read(misfit.code());
            ApiError::new(code, "attachments fit the limits of the recipient's provider")
                .with_field("payload.attachments")
        })
    }

    /// Whether this provider forwards to the one of an address.
    fn check_provider(&self, to: &Address) -> Result<(), ApiError> {
        let external = |rule: &str| Err(ApiError::new(ApiErrorCode::ExternalProvider, rule).with_field("to"));
        let Some(federation) = &self.settings.federation else {
            return external("the recipient is at another provider, and this one does not forward");
        };
        let (_, _, provider) = to.to_parts();
        if federation.trust(&self.settings.domain).consider(&provider).is_err() {
            return external("the recipient is at a provider that this one does not forward to");
        }
        Ok(())
    }

    /// Routes a message of an agent's to another provider: it is put into the outbox, and the first attempt is made.
    pub(super) fn route_onward(
        &self,
        body: &Verified<RouteBody>,
        sender: &Agent,
        onward: Onward<'_>,
        ticket: Option<Ticket>,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Routing, ApiError> {
        let now = moment.now();
        self.check_departure(&onward, sender, &body.payload())?;
        let attached = self.check_attachments(&body.payload(), sender.record.number, now)?;
        let share = self.rate_share(sender.record.number, now);
        let charge = RateCharge::new(RateClass::Sent, sender.rate_key()).with_share(share);
        admitted(&self.live.limiter.look(&charge, now))?;
        let id = MessageId::from_parts(now, moment.bytes("message"));
        let caller = sender.record.number;
        if self.state.peers.outbox.count_of(caller) >= self.settings.relay_max {
            return Ok(Routing::Failed(id));
        }
        let envelope = envelope(&id, body, now);
        let payload = body.payload().raw();
        if envelope.len().saturating_add(payload.len()) > MESSAGE_JSON_MAX_BYTES {
            let rule = "a message has at most 512 KiB of JSON";
            return Err(ApiError::new(ApiErrorCode::RequestTooLarge, rule));
        }
        self.charge_look_up(&onward, sender, now, plan)?;
        plan.changes.push(Change::Charged(charge, now));
        let number = self.next_message();
        let stored = MessageBody::new(number, &envelope, payload, carried_key(sender).as_ref());
        let (_, _, provider) = onward.to.to_parts();
        let forward = QueuedForward {
            number,
            id,
            sender: caller,
            to: onward.to,
            provider: provider.as_str().into(),
            host: onward.host.map(Into::into),
            queued_at: now,
            expires_at: onward.expires_at,
            receipt: wants_receipt(body),
            accepted_as: onward.accepted_as,
        };
        let inspected = self.inspect(body, sender, now, plan)?;
        if let Inspected::Held(report) = inspected {
            let (id, about) = (forward.id.clone(), (&sender.record.address, body.signing_digest()));
            let reply = self.hold_forward((forward, stored), about, &report, moment, plan)?;
            self.count_risk(caller, RiskOutcome::Quarantined, now, plan);
            self.use_attachments(&attached, &id, None, plan);
            return Ok(Routing::Done(reply));
        }
        let between = (&sender.record.address, &forward.to);
        let warning = self.check_loop(body, between, &forward.id, now, plan)?;
        self.use_attachments(&attached, &forward.id, None, plan);
        plan.bodies.push(stored);
        self.send_onward(forward.clone(), now, plan);
        if matches!(inspected, Inspected::Flagged) {
            self.count_risk(caller, RiskOutcome::Flagged, now, plan);
        }
        Ok(Routing::Done(self.answer_onward(forward, warning, ticket, plan)))
    }

    /// Puts a message into the outbox, and makes the first attempt.
    pub(super) fn send_onward(&self, forward: QueuedForward, now: Timestamp, plan: &mut Plan) {
        plan.effects.push(Effect::ForwardQueued { forward: Box::new(forward.clone()) });
        if let Some(provider) = forward.domain() {
            plan.peer(PeerChange::Waits(forward.number, provider, 0));
        }
        self.attempt(&Outbound { forward, attempts: 0 }, now, plan);
    }

    /// Whoever makes this provider ask for one of which nothing is known pays for that.
    fn charge_look_up(
        &self,
        onward: &Onward<'_>,
        sender: &Agent,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<(), ApiError> {
        let (_, _, provider) = onward.to.to_parts();
        let discovery = &self.live.peers.discovery;
        let is_known = onward.host.is_some() || discovery.last_known(&provider).is_some();
        if is_known || discovery.queries(&provider, now).is_empty() {
            return Ok(());
        }
        let charge = self.look_up_charge(sender.record.address.as_str(), now).ok_or_else(|| {
            let rule = "an agent writes to at most ten providers a minute of which nothing is known yet";
            ApiError::new(ApiErrorCode::RateLimited, rule).with_field("to")
        })?;
        plan.changes.push(Change::Charged(charge, now));
        Ok(())
    }

    /// The answer comes when the first attempt is over, unless it has to be the same whenever it is asked for again.
    fn answer_onward(
        &self,
        forward: QueuedForward,
        warning: Option<String>,
        ticket: Option<Ticket>,
        plan: &mut Plan,
    ) -> Reply {
        let Some(ticket) = ticket.filter(|_| forward.accepted_as.is_none()) else {
            let mut routed = super::routed::queued(&forward.id, forward.queued_at);
            routed.warnings = warning.map(|warning| alloc::vec![warning]);
            return Reply::Now(routed.to_parts());
        };
        let awaited = Awaited {
            tickets: alloc::vec![ticket],
            id: forward.id,
            queued_at: forward.queued_at,
            first_answer: None,
            pushes: 1,
            due: self.live.clock.now().plus(HANDOVER_WITHIN),
        };
        plan.changes.push(Change::Awaited(forward.number, awaited));
        Reply::Later
    }

    /// Sees to what is due: attempts to be made, and those that took too long.
    pub(super) fn meet_forward_deadlines(&self, now: Timestamp, plan: &mut Plan) {
        for message in self.live.peers.due(self.live.clock.now(), DUE_MAX) {
            let Some(attempt) = self.live.peers.attempt(message) else { continue };
            match (self.state.peers.outbox.get(message), &attempt.stage) {
                (None, _) => plan.peer(PeerChange::Ended(message)),
                (Some(outbound), Stage::Waiting) => self.attempt(outbound, now, plan),
                (Some(outbound), Stage::Asking) => self.post_onward(outbound, now, plan),
                (Some(outbound), Stage::Sending) => self.try_again(outbound, outbound.attempts, now, plan),
            }
        }
    }

    /// Begins an attempt: asks where the provider is, unless that is known.
    fn attempt(&self, outbound: &Outbound, now: Timestamp, plan: &mut Plan) {
        if outbound.forward.expires_at.is_some_and(|at| now > at) {
            return self.end(outbound, ForwardEnd::Expired, "expired", now, plan);
        }
        if outbound.forward.host.is_some() {
            return self.post_onward(outbound, now, plan);
        }
        let Some(provider) = outbound.forward.domain() else {
            return self.end(outbound, ForwardEnd::Unreachable, "provider_unreachable", now, plan);
        };
        if self.live.peers.is_asking(&provider, self.live.clock.now()) {
            return plan.peer(PeerChange::Asks(outbound.forward.number));
        }
        match self.look_up(&provider, now, plan) {
            0 => self.post_onward(outbound, now, plan),
            count => {
                plan.peer(PeerChange::Asked(provider, count));
                plan.peer(PeerChange::Asks(outbound.forward.number));
            }
        }
    }

    /// Sends a message to where its provider is known to be.
    fn post_onward(&self, outbound: &Outbound, now: Timestamp, plan: &mut Plan) {
        let message = outbound.forward.number;
        let made = outbound.attempts.saturating_add(1);
        plan.effects.push(Effect::ForwardTried { message, attempts: made });
        if let Some(host) = &outbound.forward.host {
            return self.post_to_host(host, outbound, made, now, plan);
        }
        let found = outbound.forward.domain().map(|provider| self.live.peers.discovery.look(&provider));
        let policy = self.live.peers.discovery.policy();
        let target = match found {
            Some(Finding::Found(found)) => found.deliver_target(policy).ok(),
            _ => None,
        };
        let Some(target) = target else { return self.try_again(outbound, made, now, plan) };
        let forwarding = Forwarding { message, id: outbound.forward.id.clone(), attempt: made, target };
        plan.actions.push(Action::Forward(Box::new(forwarding)));
        plan.peer(PeerChange::Sends(message));
    }

    /// Sends a message to another host of this provider.
    fn post_to_host(&self, host: &str, outbound: &Outbound, attempt: u8, now: Timestamp, plan: &mut Plan) {
        let message = outbound.forward.number;
        let peer = self.settings.mesh.as_ref().and_then(|mesh| mesh.named(host));
        let Some(peer) = peer else { return self.try_again(outbound, attempt, now, plan) };
        let (host, api, id) = (peer.host.clone(), peer.api.clone(), outbound.forward.id.clone());
        plan.actions.push(Action::HandOn(Box::new(HandingOn { message, id, attempt, host, api })));
        plan.peer(PeerChange::Sends(message));
    }

    /// Waits for the next attempt, if there is one.
    fn try_again(&self, outbound: &Outbound, made: u8, now: Timestamp, plan: &mut Plan) {
        match outbound.forward.domain() {
            Some(provider) if made < ATTEMPTS_MAX => {
                plan.peer(PeerChange::Waits(outbound.forward.number, provider, made));
            }
            _ => self.end(outbound, ForwardEnd::Unreachable, "provider_unreachable", now, plan),
        }
    }

    /// Takes note of how an attempt went.
    pub(super) fn note_forward(
        &self,
        message: MessageNumber,
        attempt: u8,
        outcome: ForwardOutcome,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let Some(outbound) = self.state.peers.outbox.get(message) else { return };
        match outcome {
            ForwardOutcome::Delivered => self.end(outbound, ForwardEnd::Delivered, "", now, plan),
            ForwardOutcome::Accepted => self.end(outbound, ForwardEnd::Accepted, "", now, plan),
            ForwardOutcome::Held => self.end(outbound, ForwardEnd::Held, "", now, plan),
            ForwardOutcome::Refused(code) => self.end(outbound, ForwardEnd::Refused, code, now, plan),
            // What an earlier attempt says late changes nothing about the present one.
            ForwardOutcome::Failed if attempt == outbound.attempts => {
                self.try_again(outbound, attempt, now, plan);
                self.answer_awaited(message, None, plan);
            }
            ForwardOutcome::Failed => {}
        }
    }

    /// A message does not wait any more. Its sender is told what became of it.
    fn end(&self, outbound: &Outbound, how: ForwardEnd, code: &str, now: Timestamp, plan: &mut Plan) {
        let forward = &outbound.forward;
        plan.effects.push(Effect::ForwardEnded { message: forward.number, how, at: now });
        plan.released.push(forward.number);
        plan.peer(PeerChange::Ended(forward.number));
        let mut routed = super::routed::given_up(&forward.id, code);
        match how {
            ForwardEnd::Delivered | ForwardEnd::Accepted => {
                let other = forward.domain().filter(|_| forward.host.is_none());
                other.into_iter().for_each(|other| self.note_exchange(&other, plan));
                let is_delivered = how == ForwardEnd::Delivered;
                routed = super::routed::queued(&forward.id, forward.queued_at);
                if is_delivered {
                    // The other provider says so; on what ground, it does not.
                    routed = Routed::new(forward.id.clone(), DeliveryStatus::Delivered);
                    routed.delivered_at = Some(now);
                    self.tell_forwarded(forward, now, plan);
                }
                routed.method = Some(forward.method());
                routed.remote_host.clone_from(&forward.host);
            }
            ForwardEnd::Held => {
                routed = super::routed::quarantined(&forward.id);
                routed.remote_host.clone_from(&forward.host);
            }
            ForwardEnd::Refused | ForwardEnd::Unreachable | ForwardEnd::Expired => {
                let mut frame =
                    ErrorFrame::new(ApiErrorCode::read(code)).with_message("the message was not delivered");
                frame.id = Some(forward.id.clone());
                self.send_to_all(forward.sender, &ServerFrame::Error(frame), plan);
            }
        }
        self.answer_awaited_with(forward.number, &routed, plan);
        let delivered = matches!(how, ForwardEnd::Delivered);
        if let Some(sender) = self.state.agents.get(forward.sender) {
            let event = FederationEvent::new(FederationEventKind::Forwarded, now)
                .from_provider(&self.settings.domain)
                .about(&forward.id, &sender.record.address, &forward.to)
                .delivered(delivered);
            plan.actions.push(Action::Note(Box::new(event)));
        }
    }

    /// Tells the sender that its message was delivered, if it asked for that.
    fn tell_forwarded(&self, forward: &QueuedForward, now: Timestamp, plan: &mut Plan) {
        if !forward.receipt {
            return;
        }
        let mut frame = DeliveredFrame::new(forward.id.clone());
        frame.to = Some(forward.to.clone());
        frame.delivered_at = Some(now);
        frame.method = Some(forward.method());
        self.send_to_all(forward.sender, &ServerFrame::MessageDelivered(frame), plan);
    }

    /// The request of a forward, made of the body that the host keeps and signed for this moment.
    ///
    /// # Errors
    /// When the body is not the one that was stored, or no key of this provider's was set.
    pub fn forward_request(
        &self,
        forwarding: &Forwarding,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Deliver, BodyError> {
        let number = forwarding.message;
        let (message, key) = body::read(number, &forwarding.id, body)?;
        let queued_at = self.state.peers.outbox.get(number).map(|outbound| outbound.forward.queued_at);
        let message = match queued_at {
            Some(queued_at) => body::stamped(&message, queued_at).ok_or(BodyError::of(number))?,
            None => message,
        };
        let key = key.and_then(|key| key.key()).ok_or(BodyError::of(number))?;
        let federation = self.settings.federation.as_ref().ok_or(BodyError::of(number))?;
        let body = ForwardBody::new(&message, &key);
        let signed = body.sign(&federation.identity, &self.settings.domain, now);
        signed.map(|signed| signed.to_request()).map_err(|_| BodyError::of(number))
    }
}
