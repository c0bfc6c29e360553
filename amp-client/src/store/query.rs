//! Which messages of a folder are wanted, and what a list says of each (local mailbox).

use std::string::String;
use std::vec::Vec;

use amp_core::address::Address;
use amp_core::envelope::{MessageId, Priority, Status, Timestamp};

use super::key::{Folder, MessageKey};

/// Which messages are wanted.
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
    /// Only with this id: two senders may have chosen the same one.
    pub id: Option<MessageId>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// Only those that come after this one in the list.
    pub after: Option<MessageKey>,
}

impl Query {
    /// Everything in a folder, a hundred at a time.
    #[must_use]
    pub const fn new(folder: Folder) -> Self {
        Self { folder, status: None, peer: None, thread: None, id: None, limit: 100, after: None }
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The messages, newest first.
    pub messages: Vec<Summary>,
    /// What to pass as [`Query::after`] for the next part; none at the end.
    pub next: Option<MessageKey>,
}

impl Page {
    /// A part of a list, and where it goes on.
    #[must_use]
    pub const fn new(messages: Vec<Summary>, next: Option<MessageKey>) -> Self {
        Self { messages, next }
    }
}

/// What a list says of a message. All of it is outside text: print it through
/// [`Printable`](amp_core::trust::Printable).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// What names it.
    pub key: MessageKey,
    /// Its subject.
    pub subject: String,
    /// Its priority.
    pub priority: Priority,
    /// What its thread is called.
    pub thread: MessageId,
    /// When it was sent, by its own stamp.
    pub sent_at: Timestamp,
    /// When it was stored.
    pub received_at: Option<Timestamp>,
    /// Its status; of a sent message [`Status::Read`].
    pub status: Status,
}
