//! Messages that another host of the same provider hands on: whether one is accepted (delivery, mesh).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::{Address, Profile};
use amp_crypto::{Signature, VerifyingKey};
use amp_envelope::limits::{HTTP_BODY_MAX_BYTES, MESSAGE_JSON_MAX_BYTES};
use amp_envelope::{JsonValue, MessageId, RouteBody, Timestamp, Unverified};

use super::agents::Agent;
use super::codec::Sha256Hash;
use super::decision::Plan;
use super::effect::Effect;
use super::engine::{Provider, admitted, unauthorized};
use super::live::Change;
use super::mesh::{MeshMode, MeshPeer, PeerNumber};
use super::moment::Moment;
use super::queueing::{Arrival, Queueing};
use super::reply::Reply;
use super::route::{Routing, check_times, envelope, refused};
use super::settings::Refusals;
use crate::federation::{ForwardRefusal, ForwardSeen, ForwardSight};
use crate::guards::{RateCharge, RateClass};
use crate::scan::Verdict;
use crate::wire::{
    Answer as _, AnswerParts, ApiError, ApiErrorCode, CarriedKey, DeliveryStatus, Route, Routed,
};

/// A message as far as its host has vouched for it.
struct Vouched {
    body: RouteBody,
    /// The key under which it verified; none when that was not tried.
    key: Option<CarriedKey>,
    digest: [u8; 32],
}

impl Provider {
    /// Takes a message of another host's agent into the queue of one of this host's. It goes no further than that.
    pub(super) fn take_handed_on(
        &self,
        route: &Route,
        peer: PeerNumber,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Routing, ApiError> {
        let (now, peer) = (moment.now(), self.peer(peer)?);
        let forwarded = route.forwarded().ok_or_else(unauthorized)?;
        let id = forwarded.message_id().cloned().ok_or_else(|| missing("X-AMP-Envelope-Id"))?;
        let from = self.sender_on(peer, route.body())?;
        let seen = ForwardSeen::of_host(&peer.host, &id, &Sha256Hash::of(&[route.body()]).0, now);
        let seen = match self.state.peers.ledger.sight_of(seen).map_err(|refusal| of_forward(&refusal))? {
            ForwardSight::Again(answer) => return Ok(Routing::Done(said_again(&answer)?)),
            ForwardSight::First(seen) => seen,
        };
        let vouched = self.vouched(route.decode(&from)?, forwarded.sender_key(), route.body())?;
        let expires_at = check_times(&vouched.body, now)?;
        let recipient = self.recipient_here(vouched.body.to(), &id, now)?;
        let charge = RateCharge::new(RateClass::Received, recipient.rate_key())
            .with_share(self.rate_share(recipient.record.number, now));
        admitted(&self.live.limiter.look(&charge, now))?;
        let arrival = Arrival {
            recipient: recipient.record.number,
            sender: None,
            envelope: envelope(&id, &vouched.body, now),
            payload: vouched.body.payload().raw().into(),
            id,
            key: vouched.key.clone(),
            expires_at,
            receipt: false,
            accepted_as: None,
        };
        if arrival.envelope.len().saturating_add(arrival.payload.len()) > MESSAGE_JSON_MAX_BYTES {
            let rule = "a message has at most 512 KiB of JSON";
            return Err(ApiError::new(ApiErrorCode::RequestTooLarge, rule));
        }
        let answer = match self.let_in(arrival, &vouched, moment, plan)? {
            Ok(answer) => answer,
            Err(id) => return Ok(Routing::Failed(id)),
        };
        plan.changes.push(Change::Charged(charge, now));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        plan.effects.push(Effect::ForwardTaken { forward: Box::new(seen.answered(&text)) });
        Ok(Routing::Done(Reply::Now(answer)))
    }

    /// Queues a message, or holds it if the scan says so. Its id when there is no room.
    fn let_in(
        &self,
        arrival: Arrival,
        vouched: &Vouched,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Result<AnswerParts, MessageId>, ApiError> {
        match self.scan(&vouched.body) {
            Some((Verdict::Block, _)) => {
                return Err(ApiError::new(ApiErrorCode::Forbidden, "the message is refused"));
            }
            Some((Verdict::Quarantine, report)) => {
                let id = arrival.id.clone();
                self.hold(arrival, (vouched.body.from(), vouched.digest), &report, moment, plan)?;
                return Ok(Ok(super::routed::quarantined(&id).to_parts()));
            }
            _ => {}
        }
        let id = arrival.id.clone();
        Ok(match self.queue(arrival, None, moment.now(), plan) {
            Queueing::Full(id) => Err(id),
            Queueing::Queued(_) | Queueing::Awaited => {
                Ok(super::routed::queued(&id, moment.now()).to_parts())
            }
        })
    }

    /// Whom the body names as the sender: an agent of a tenant that the peer hosts, and none of this host's.
    fn sender_on(&self, peer: &MeshPeer, body: &[u8]) -> Result<Address, ApiError> {
        let body = JsonValue::read_carrier(body, HTTP_BODY_MAX_BYTES).ok();
        let from = body.as_ref().and_then(|body| body.get("from")).and_then(|from| from.as_str());
        let from = from.ok_or_else(|| missing("from"))?;
        let from = Address::parse_with(&from, Profile::Deployed).map_err(|_| {
            ApiError::new(ApiErrorCode::InvalidField, "the sender is an address").with_field("from")
        })?;
        let from = from.with_known_providers(&self.settings.known);
        let is_theirs = self.other_host_of(&from).is_some_and(|host| host.host == peer.host);
        if is_theirs && self.state.agents.at(&from).is_none() {
            return Ok(from);
        }
        let rule = "a host hands on messages of its own agents alone";
        Err(ApiError::new(ApiErrorCode::Forbidden, rule).with_field("from"))
    }

    /// What the peer's word is taken for, and what is checked.
    fn vouched(&self, body: RouteBody, key: Option<&CarriedKey>, raw: &[u8]) -> Result<Vouched, ApiError> {
        let mode = self.settings.mesh.as_ref().map(|mesh| mesh.mode).unwrap_or_default();
        let unchecked = |body| Ok(Vouched { body, key: None, digest: Sha256Hash::of(&[raw]).0 });
        if mode == MeshMode::Open {
            return unchecked(body);
        }
        let carried = key.ok_or_else(|| missing("X-AMP-Sender-Key"))?;
        let key = carried.key().ok_or_else(|| {
            ApiError::new(ApiErrorCode::InvalidField, "the sender's key is a public key")
                .with_field("X-AMP-Sender-Key")
        })?;
        self.check_standing_of(&key)?;
        if mode == MeshMode::Trusted {
            check_signed(&body)?;
            return unchecked(body);
        }
        let verified = body.verify_with(&key, &self.settings.dialects);
        let verified = verified.map_err(|error: Unverified<RouteBody>| refused(error.error()))?;
        let digest = verified.signing_digest();
        Ok(Vouched { body: verified.into_inner(), key: Some(carried.clone()), digest })
    }

    /// A key that is revoked is nobody's. One with which an agent was registered here may be another's all the same: a
    /// public key is enough for that.
    fn check_standing_of(&self, key: &VerifyingKey) -> Result<(), ApiError> {
        if self.state.peers.is_revoked(key) {
            return Err(ApiError::new(ApiErrorCode::KeyRevoked, "the key is not the sender's"));
        }
        Ok(())
    }

    /// The agent of this host that takes the message.
    fn recipient_here(&self, to: Address, id: &MessageId, now: Timestamp) -> Result<&Agent, ApiError> {
        let to = to.with_known_providers(&self.settings.known);
        let unknown = || {
            ApiError::new(ApiErrorCode::NotFound, "nobody at this address takes the message").with_field("to")
        };
        let recipient = self.state.agents.at(&to).ok_or_else(unknown)?;
        if self.seems_suspended(recipient, now) {
            return Err(if self.settings.refusals == Refusals::Uniform {
                unknown()
            } else {
                ApiError::new(ApiErrorCode::RecipientSuspended, "the recipient is suspended").with_field("to")
            });
        }
        // Ids of waiting messages are what a recipient acknowledges by: no peer gives one a second meaning.
        let queue = self.state.mail.queue(recipient.record.number);
        if queue.is_some_and(|queue| queue.knows(id)) {
            let rule = "the recipient knows the id from another message";
            return Err(ApiError::new(ApiErrorCode::DuplicateMessage, rule).with_field("X-AMP-Envelope-Id"));
        }
        Ok(recipient)
    }
}

fn check_signed(body: &RouteBody) -> Result<(), ApiError> {
    let signature = body.unsigned().get("signature").and_then(|signature| signature.as_str());
    if signature.is_some_and(|signature| Signature::from_base64(&signature).is_ok()) {
        return Ok(());
    }
    Err(ApiError::new(ApiErrorCode::SignatureMissing, "a message is signed").with_field("signature"))
}

fn missing(field: &str) -> ApiError {
    ApiError::new(ApiErrorCode::MissingField, "the field is required").with_field(field)
}

fn of_forward(refusal: &ForwardRefusal) -> ApiError {
    ApiError::new(ApiErrorCode::read(refusal.code()), refusal.rule())
}

/// What was answered the first time.
fn said_again(answer: &str) -> Result<Reply, ApiError> {
    let answer = AnswerParts::new(200).with_body(answer.as_bytes().to_vec());
    let is_held =
        Routed::from_parts(&answer).is_ok_and(|routed| routed.status == DeliveryStatus::Quarantined);
    let answer = AnswerParts { status: if is_held { 202 } else { 200 }, ..answer };
    Ok(Reply::Now(answer.with_header("Content-Type", "application/json")))
}
