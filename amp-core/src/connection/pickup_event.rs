//! What a pick-up tells its host (delivery, pick-up).

use amp_envelope::MessageId;

use super::arrived::Arrived;
use crate::wire::ApiError;

/// What happened at a pick-up.
#[derive(Debug)]
#[non_exhaustive]
pub enum PickUpEvent {
    /// A message for the receiver. To be stored, and then given to [`PickUp::acknowledge`](super::PickUp::acknowledge).
    Arrived(Arrived),
    /// The provider has forgotten this message.
    Acknowledged(MessageId),
    /// An entry of the queue that is no message. It stays there until it is discarded or expires.
    Unreadable(UnreadableEntry),
    /// The provider accepts the API key no more. Nothing is asked until
    /// [`PickUp::resume`](super::PickUp::resume).
    Unauthorized,
    /// The provider refuses to hand messages out, as to an agent that is suspended. It is asked again every 5 minutes.
    Forbidden(ApiError),
    /// Asking failed, or the answer was none. It is asked again, after a pause that grows to a minute.
    Failed(ApiError),
    /// The provider behaves as none should; what was done about it.
    Odd(Oddity),
}

/// An entry of the queue that is no message, and under which id it can be discarded.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is not discarded comes again"]
pub struct UnreadableEntry {
    id: MessageId,
}

impl UnreadableEntry {
    pub(super) const fn new(id: MessageId) -> Self {
        Self { id }
    }

    /// The id that the provider gave it.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    pub(super) fn into_id(self) -> MessageId {
        self.id
    }
}

/// What a provider does that none should. Each is noticed and slowed down; none stops the pick-up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Oddity {
    /// More messages than were asked for. The first of them are taken.
    Oversized,
    /// An answer of more than 1 MiB, or one that is too deep. Fewer messages are asked for next time.
    TooLarge,
    /// The place after a page is one that was before it. The queue is read from its beginning next time.
    CursorLoop,
    /// More is said to wait, and the same comes again and again, or nothing. The next page waits for its turn.
    NoProgress,
    /// A message was acknowledged, and is handed out again and again. It is not handed on, and not acknowledged again.
    NeverAcknowledged(MessageId),
    /// The provider has a capability by its own word that it does not know when asked. It is not used for a day.
    CapabilityDenied,
    /// It was asked to hold the request, and answers at once that nothing waits.
    DoesNotWait,
}
