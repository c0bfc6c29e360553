//! What a sender is told of its message: never more than is proven (delivery, notify).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_envelope::{MessageId, Timestamp};

use super::effect::Way;
use crate::wire::{Basis, DeliveryMethod, DeliveryStatus, Routed};

/// It waits in the relay queue.
pub(super) fn queued(id: &MessageId, at: Timestamp) -> Routed {
    let mut routed = Routed::new(id.clone(), DeliveryStatus::Queued);
    routed.method = Some(DeliveryMethod::Relay);
    routed.queued_at = Some(at);
    routed.basis = Some(Basis::Queued);
    routed
}

/// It is held until somebody has decided.
pub(super) fn quarantined(id: &MessageId) -> Routed {
    Routed::new(id.clone(), DeliveryStatus::Quarantined)
}

/// It was handed over, and waits until the recipient acknowledges it.
pub(super) fn delivered(id: &MessageId, way: Way, at: Timestamp) -> Routed {
    let mut routed = Routed::new(id.clone(), DeliveryStatus::Delivered);
    routed.method = Some(method(way));
    routed.delivered_at = Some(at);
    routed.basis = basis(way);
    routed
}

/// It was not accepted: the recipient's queue is full.
pub(super) fn failed(id: MessageId) -> Routed {
    let mut routed = Routed::new(id, DeliveryStatus::Failed);
    routed.method = Some(DeliveryMethod::Relay);
    routed.warnings = Some(alloc::vec!["the recipient's queue is full".into()]);
    routed
}

/// It was accepted to be forwarded, and nobody has it any more.
pub(super) fn given_up(id: &MessageId, code: &str) -> Routed {
    let mut routed = Routed::new(id.clone(), DeliveryStatus::Failed);
    routed.warnings = Some(alloc::vec![code.into()]);
    routed
}

pub(super) const fn method(way: Way) -> DeliveryMethod {
    match way {
        Way::Socket => DeliveryMethod::WebSocket,
        Way::Webhook => DeliveryMethod::Webhook,
        Way::Acknowledged => DeliveryMethod::Relay,
    }
}

pub(super) const fn basis(way: Way) -> Option<Basis> {
    match way {
        Way::Socket => Some(Basis::SocketWritten),
        Way::Webhook => Some(Basis::Webhook2xx),
        // The protocol has no word for it.
        Way::Acknowledged => None,
    }
}
