//! A message that came from the provider and is not stored yet (delivery, pick-up and push).

use alloc::vec::Vec;
use core::fmt;

use amp_crypto::VerifyingKey;
use amp_envelope::{MessageId, Timestamp};

use crate::receive::{Context, SenderKey, Via};

/// A message that was pushed over a socket or fetched from the queue, as the provider handed it out. Nothing in it is
/// verified.
///
/// Whoever drives the connection gives [`bytes`](Self::bytes) to [`Receiver::receive`](crate::receive::Receiver::receive),
/// stores what that decides, and then gives the value back to the session or pick-up that it came from: `acknowledge`
/// takes it whole, and nothing else makes an acknowledgement. **Acknowledge only what is stored durably**, or was
/// refused for good: the provider forgets an acknowledged message. A value that is dropped is handed out again later.
///
/// It cannot be cloned, so one message is acknowledged once for each time it was handed out.
///
/// ```compile_fail,E0599
/// fn twice(arrived: amp_core::connection::Arrived) { let again = arrived.clone(); }
/// ```
#[must_use = "a message that is dropped is handed out again"]
pub struct Arrived {
    id: MessageId,
    bytes: Vec<u8>,
    way: Way,
    expires_at: Option<Timestamp>,
    key: Option<VerifyingKey>,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Pushed as it was sent.
    Pushed,
    /// Pushed from the queue when the socket was opened, without the time since when it lay there.
    Replayed,
    /// Fetched from the queue, and since when it lay there if the provider says so.
    PickedUp(Option<Timestamp>),
}

impl Arrived {
    /// A message that is pushed; `bytes` are `{"envelope":…,"payload":…}` as they were received.
    pub(crate) const fn pushed(id: MessageId, bytes: Vec<u8>) -> Self {
        Self { id, bytes, way: Way::Pushed, expires_at: None, key: None }
    }

    /// A message that is fetched from the queue.
    pub(crate) const fn picked_up(id: MessageId, bytes: Vec<u8>, queued_at: Option<Timestamp>) -> Self {
        Self { id, bytes, way: Way::PickedUp(queued_at), expires_at: None, key: None }
    }

    /// Marks a pushed message as one that lay in the queue.
    pub(crate) const fn replayed(mut self) -> Self {
        self.way = Way::Replayed;
        self
    }

    pub(crate) const fn with_expiry(mut self, expires_at: Option<Timestamp>) -> Self {
        self.expires_at = expires_at;
        self
    }

    pub(crate) fn with_carried_key(mut self, key: Option<VerifyingKey>) -> Self {
        self.key = key;
        self
    }

    /// The id under which the provider keeps the message, and by which it is acknowledged. It is not signed.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    pub(crate) fn into_id(self) -> MessageId {
        self.id
    }

    /// The message, `{"envelope":…,"payload":…}`: the bytes as they were received, for
    /// [`Receiver::receive`](crate::receive::Receiver::receive).
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the provider kept the message before it handed it out: it was fetched, or pushed as a replay.
    #[must_use]
    pub const fn replay(&self) -> bool {
        !matches!(self.way, Way::Pushed)
    }

    /// Since when it lay in the provider's queue, by the provider's clock.
    #[must_use]
    pub const fn queued_at(&self) -> Option<Timestamp> {
        match self.way {
            Way::PickedUp(queued_at) => queued_at,
            Way::Pushed | Way::Replayed => None,
        }
    }

    /// When the provider drops it from the queue. Not the message's own expiry.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The key that travelled beside the message, if it is one: a hint, never proof of who sent it.
    #[must_use]
    pub const fn carried_key(&self) -> Option<&VerifyingKey> {
        self.key.as_ref()
    }

    /// The way on which the message came, as the receiver compares times.
    #[must_use]
    pub const fn via(&self) -> Via {
        match self.way {
            Way::Pushed => Via::Direct,
            Way::PickedUp(Some(queued_at)) => Via::Relay { queued_at },
            Way::PickedUp(None) | Way::Replayed => Via::Store,
        }
    }

    /// What is known about the message beside its bytes. The host adds the sender's key that its own provider names,
    /// which takes the carried key's place.
    pub fn context(&self, now: Timestamp) -> Context<'static> {
        let context = Context::new(now, self.via());
        match &self.key {
            Some(key) => context.with_key(SenderKey::carried(key.clone())),
            None => context,
        }
    }
}

/// Shows no content.
impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived")
            .field("id", &self.id)
            .field("bytes", &self.bytes.len())
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}
