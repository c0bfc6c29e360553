//! What names a message in a store: its other party and its id (local mailbox; ids).

use core::fmt;

use amp_core::address::Address;
use amp_core::envelope::{Message, MessageId};

/// Received or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Folder {
    /// Received messages.
    Inbox,
    /// Sent messages.
    Sent,
}

/// Names a message: an id alone does not, since two senders may choose the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    peer: Address,
    id: MessageId,
}

impl MessageKey {
    /// The key of a message from, or to, an address.
    #[must_use]
    pub const fn new(peer: Address, id: MessageId) -> Self {
        Self { peer, id }
    }

    /// The key of a received message: its sender, and its id.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self { peer: message.from(), id: message.unsigned().id() }
    }

    /// The key of a sent message: its recipient, and its id.
    #[must_use]
    pub fn of_sent(message: &Message) -> Self {
        Self { peer: message.to(), id: message.unsigned().id() }
    }

    /// The sender of a received message, the recipient of a sent one.
    #[must_use]
    pub const fn peer(&self) -> &Address {
        &self.peer
    }

    /// The message's id.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id, self.peer)
    }
}
