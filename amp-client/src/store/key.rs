//! What names a message in a store: its other party, its id and its content (local mailbox; ids).

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;

use amp_core::address::Address;
use amp_core::envelope::{Dialect, Message, MessageId, PayloadHash};
use sha2::{Digest, Sha256};

/// Received or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Folder {
    /// Received messages.
    Inbox,
    /// Sent messages.
    Sent,
}

impl Folder {
    /// What the folder is called on disk: `inbox` or `sent`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Names a message in a folder of a store.
///
/// An id alone does not: two senders may choose the same one, and nobody signs it, so whoever passes messages on may
/// put two contents of one sender under one id. Keys are ordered by peer, then id, then content.
///
/// ```
/// use amp_client::envelope::Message;
/// use amp_client::store::MessageKey;
/// # let json = |text: &str| format!(r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1769853600_00112233445566aa",
/// #   "from":"alice@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal",
/// #   "timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600_00112233445566aa","signature":null}},
/// #   "payload":{{"type":"notification","message":{text:?},"context":null}}}}"#);
/// let (one, other) = (Message::decode(json("Yes").as_bytes())?, Message::decode(json("No").as_bytes())?);
/// assert_eq!(MessageKey::of(&one).id(), MessageKey::of(&other).id());
/// assert_ne!(MessageKey::of(&one), MessageKey::of(&other));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    peer: Address,
    id: MessageId,
    content: [u8; 16],
}

impl MessageKey {
    /// The key of a received message: its sender, its id, and what it says.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self { peer: message.from(), id: message.unsigned().id(), content: content_of(message) }
    }

    /// The key of a sent message: its recipient, its id, and what it says.
    #[must_use]
    pub fn of_sent(message: &Message) -> Self {
        Self { peer: message.to(), ..Self::of(message) }
    }

    /// A key that a store has kept in its parts.
    #[must_use]
    pub const fn from_parts(peer: Address, id: MessageId, content: [u8; 16]) -> Self {
        Self { peer, id, content }
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

    /// The first 16 bytes of a SHA-256 over what a signature covers. It stays the same when another program writes the
    /// file anew with other spaces, or the message comes again with other unsigned fields.
    #[must_use]
    pub const fn content(&self) -> &[u8; 16] {
        &self.content
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id, self.peer)
    }
}

fn content_of(message: &Message) -> [u8; 16] {
    let payload = message.payload().raw().as_bytes();
    let payload = PayloadHash::of(payload, Dialect::Jcs)
        .map_or_else(|_| Sha256::digest(payload).into(), |hash| *hash.as_bytes());
    let in_reply_to = message.in_reply_to().map_or(Cow::Borrowed(""), |id| Cow::Owned(id.to_string()));
    let (from, to, subject) = (message.from(), message.to(), message.subject());
    let mut digest = Sha256::new();
    for part in [from.as_str(), to.as_str(), &subject, message.priority().as_str(), &in_reply_to] {
        // A length first: no part flows into the next.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.update(payload);
    let [content @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]: [u8; 32] = digest.finalize().into();
    content
}
