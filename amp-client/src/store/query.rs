//! Which messages of a folder are wanted, and what a list says of each (local mailbox).

use alloc::string::String;
use alloc::vec::Vec;

use amp_core::address::Address;
use amp_core::envelope::{Message, MessageId, Priority, Status, StoredMessage, Timestamp};

use super::key::{Folder, MessageKey};

/// Which messages are wanted.
///
/// ```
/// use amp_client::envelope::Status;
/// use amp_client::store::{Folder, Query};
///
/// let mut query = Query::new(Folder::Inbox);
/// query.status = Some(Status::Unread);
/// query.limit = 20;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// The folder.
    pub folder: Folder,
    /// Only of this status.
    pub status: Option<Status>,
    /// Only from, or to, this address.
    pub peer: Option<Address>,
    /// Only of this thread.
    pub thread: Option<MessageId>,
    /// Only with this id: several messages may have it.
    pub id: Option<MessageId>,
    /// At most so many, 1 to 1,000; what lies outside is taken as the nearer end.
    pub limit: usize,
    /// Only those that come after this place in the list.
    pub after: Option<Cursor>,
}

impl Query {
    /// Most messages of one page.
    pub const LIMIT_MAX: usize = 1_000;

    /// Everything in a folder, a hundred at a time.
    #[must_use]
    pub const fn new(folder: Folder) -> Self {
        Self { folder, status: None, peer: None, thread: None, id: None, limit: 100, after: None }
    }

    /// How many messages a page has at most, for the implementor of a store.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }

    /// Whether a message of the folder is wanted, for the implementor of a store.
    #[must_use]
    pub fn matches(&self, summary: &Summary) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, actual: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == actual)
        }
        fits(self.status.as_ref(), &summary.status)
            && fits(self.peer.as_ref(), summary.key.peer())
            && fits(self.thread.as_ref(), &summary.thread)
            && fits(self.id.as_ref(), summary.key.id())
            && self.after.as_ref().is_none_or(|after| summary.cursor() < *after)
    }
}

/// A place in a list. The list begins with the greatest: by time, then by key.
///
/// It holds its place when messages come or go, also the one that it was made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    at: Timestamp,
    key: MessageKey,
}

impl Cursor {
    /// The place of a message with a key that is listed under a time.
    #[must_use]
    pub const fn new(at: Timestamp, key: MessageKey) -> Self {
        Self { at, key }
    }

    /// The time under which the message is listed.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The message's key.
    #[must_use]
    pub const fn key(&self) -> &MessageKey {
        &self.key
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The messages, newest first.
    pub messages: Vec<Summary>,
    /// What to pass as [`Query::after`] for the next part; none at the end.
    pub next: Option<Cursor>,
}

impl Page {
    /// A part of a list, and where it goes on.
    #[must_use]
    pub const fn new(messages: Vec<Summary>, next: Option<Cursor>) -> Self {
        Self { messages, next }
    }
}

/// What a list says of a message. All of it is outside text: print it through
/// [`Printable`](amp_core::trust::Printable).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// What names it.
    pub key: MessageKey,
    /// Its subject.
    pub subject: String,
    /// Its priority.
    pub priority: Priority,
    /// What its thread is called. Nobody signs it.
    pub thread: MessageId,
    /// When it was sent, by its own stamp. Nobody signs it.
    pub sent_at: Timestamp,
    /// When it was stored, where the store notes that.
    pub received_at: Option<Timestamp>,
    /// Its status; of a sent message [`Status::Read`].
    pub status: Status,
}

impl Summary {
    /// What a list of a folder says of a message.
    #[must_use]
    pub fn of(folder: Folder, stored: &StoredMessage) -> Self {
        let message = stored.message();
        let (key, status) = match folder {
            Folder::Inbox => (MessageKey::of(message), stored.local().status()),
            Folder::Sent => (MessageKey::of_sent(message), Status::Read),
        };
        Self::with_key(key, message, stored.local().received_at(), status)
    }

    fn with_key(key: MessageKey, message: &Message, received_at: Option<Timestamp>, status: Status) -> Self {
        let unsigned = message.unsigned();
        Self {
            key,
            subject: message.subject().into_owned(),
            priority: message.priority(),
            thread: unsigned.thread_id(),
            sent_at: unsigned.timestamp(),
            received_at,
            status,
        }
    }

    /// Its place in a list: when it was stored, else when it was sent, then its key.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.received_at.unwrap_or(self.sent_at), self.key.clone())
    }
}

/// Shows no subject.
impl core::fmt::Debug for Summary {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Summary")
            .field("key", &self.key)
            .field("status", &self.status)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}
