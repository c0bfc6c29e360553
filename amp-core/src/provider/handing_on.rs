//! Messages for agents of other hosts, handed on (delivery, mesh).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_crypto::Signature;
use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{JsonValue, MessageId};

use super::action::{Performed, PerformedKind};
use super::body::{self, BodyError};
use super::engine::Provider;
use super::forwarding::{ForwardOutcome, refused};
use super::number::MessageNumber;
use crate::wire::{
    Answer as _, AnswerParts, ApiErrorCode, ApiUrl, CarriedMessage, DeliveryStatus, Forwarded, Request as _,
    RequestParts, Route, Routed,
};

/// A message for another host of the same provider: where to, and which one.
///
/// ```
/// # use amp_core::provider::{Action, BodyError, MessageNumber, Performed, Provider};
/// # use amp_core::wire::{AnswerParts, RequestParts};
/// # fn body_of(number: MessageNumber) -> Vec<u8> { Vec::new() }
/// # fn send(url: &str, parts: &RequestParts) -> Option<AnswerParts> { None }
/// fn perform(action: &Action, provider: &Provider) -> Result<Option<Performed>, BodyError> {
///     let Action::HandOn(handing) = action else { return Ok(None) };
///     let request = provider.hand_on_request(handing, &body_of(handing.message()))?; // from the host's store
///     Ok(Some(match send(&handing.api().join(&request), &request) {
///         Some(answer) => handing.answered(&answer),
///         None => handing.failed(),
///     }))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct HandingOn {
    pub(super) message: MessageNumber,
    pub(super) id: MessageId,
    pub(super) attempt: u8,
    pub(super) host: Box<str>,
    pub(super) api: ApiUrl,
}

impl HandingOn {
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

    /// Where the other host's API is, as it was configured: it may lie in a private network. Redirects are not followed;
    /// the connection is there within 5 seconds, and the answer within 10.
    #[must_use]
    pub const fn api(&self) -> &ApiUrl {
        &self.api
    }

    /// The other host answered. What it says of another message is no answer.
    #[must_use]
    pub fn answered(&self, answer: &AnswerParts) -> Performed {
        self.performed(match Routed::from_parts(answer) {
            Ok(routed) if routed.id.as_ref().is_some_and(|id| *id != self.id) => ForwardOutcome::Failed,
            Ok(routed) => match routed.status {
                DeliveryStatus::Delivered => ForwardOutcome::Delivered,
                DeliveryStatus::Queued => ForwardOutcome::Accepted,
                DeliveryStatus::Quarantined => ForwardOutcome::Held,
                DeliveryStatus::Failed => ForwardOutcome::Refused("queue_full"),
                _ => ForwardOutcome::Failed,
            },
            Err(error) if error.is(&ApiErrorCode::NotFound) => ForwardOutcome::Refused("recipient_not_found"),
            Err(error) => refused(&error),
        })
    }

    /// No connection, or no whole answer in time.
    #[must_use]
    pub const fn failed(&self) -> Performed {
        self.performed(ForwardOutcome::Failed)
    }

    const fn performed(&self, outcome: ForwardOutcome) -> Performed {
        let (message, attempt) = (self.message, self.attempt);
        Performed { kind: PerformedKind::Forwarded { message, attempt, outcome } }
    }
}

impl Provider {
    /// The request by which a message is handed on, made of the body that the host keeps. It holds the key that the two
    /// hosts share, for the URL of [`HandingOn::api`] and no other.
    ///
    /// # Errors
    /// When the body is not the one that was stored, or the other host is not known any more.
    pub fn hand_on_request(&self, handing: &HandingOn, body: &[u8]) -> Result<RequestParts, BodyError> {
        let number = handing.message;
        let (message, key) = body::read(number, &handing.id, body)?;
        let request = self.settings.mesh.as_ref().and_then(|mesh| {
            let mut forwarded = Forwarded::by(&mesh.host)?.with_message_id(message.id()?.clone());
            if let Some(key) = key {
                forwarded = forwarded.with_sender_key(key);
            }
            if let Some(signature) = signature_of(&message) {
                forwarded = forwarded.with_signature(&signature);
            }
            let peer = mesh.named(&handing.host).filter(|peer| peer.api == handing.api)?;
            Some(Route::forward(&message, forwarded)?.to_parts().with_key(&peer.key))
        });
        request.ok_or(BodyError::of(number))
    }
}

fn signature_of(message: &CarriedMessage) -> Option<Signature> {
    let message = JsonValue::read_carrier(message.as_bytes(), HTTP_BODY_MAX_BYTES).ok()?;
    let signature: String = message.get("envelope")?.get("signature")?.as_str()?.into_owned();
    Signature::from_base64(&signature).ok()
}
