//! What is kept: messages, what the receiver remembers, and which messages were handed to the program (local mailbox).
//!
//! A [`Store`] holds the mail of one agent. Several processes may hold the same store: what one of them appended, the
//! others learn before they append anything themselves.

mod entry;
mod error;
mod key;
mod memory;
mod query;
mod rules;
#[cfg(feature = "sqlite")]
mod sqlite;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

use amp_core::envelope::{QuarantineId, Status, StoredMessage, Timestamp};
use amp_core::receive::{Effect, QuarantineEntry};

pub use entry::{Appended, Entry, ForeignMessage, HeldMessage, Loaded, Position};
pub use error::{StoreError, StoreErrorKind};
pub use key::{Folder, MessageKey};
pub use memory::MemoryStore;
pub use query::{Cursor, Page, Query, Summary};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// A future that a store gives.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps an agent's mail and what its receiver remembers.
///
/// What has been appended survives a crash of the process and, for stores on disk, of the machine: the future of
/// [`append`](Self::append) ends when it is durable. A store is appended to at a [`Position`]: an entry that was decided
/// without knowing what another holder appended meanwhile is refused, and is decided again.
///
/// A value that implements it is one *holder*. Each message of the inbox is the business of the holder that appended it
/// until its program had it ([`handed_out`](Self::handed_out)); when a holder is gone before that, another takes the
/// message on ([`take_abandoned`](Self::take_abandoned)). A holder is gone when its value was dropped or its process ended,
/// however it ended.
///
/// Messages come out as they were stored, envelope and payload byte for byte. What is noted in them about trust is no
/// fact: [`Receiver::read_again`](amp_core::receive::Receiver::read_again) judges anew.
///
/// Every future may be dropped before it ends: what it was about has then happened or has not, and nothing is in between.
/// Limits outside their range are taken as the nearer end.
pub trait Store: Send + Sync + 'static {
    /// The effects that were appended after a position, oldest first, and the position that they lead to.
    ///
    /// From [`Position::START`], and from a position that the store does not know, that is everything a receiver needs to
    /// be restored: [`Loaded::is_whole`].
    fn load(&self, after: Position) -> StoreFuture<'_, Loaded>;

    /// Makes an entry durable: its effects, and the message or the held message, all or nothing.
    ///
    /// A message whose key is there already is left as it is, with its status; so is a held message.
    ///
    /// When the future is dropped midway, the entry may be stored, and its message be this holder's without its program
    /// knowing: whoever can be interrupted appends in a task of its own.
    fn append(&self, entry: Entry) -> StoreFuture<'_, Appended>;

    /// Replaces everything up to a position by fewer effects that amount to the same. Gives false, and does nothing,
    /// when that is not the latest position. The position stays what it is.
    fn compact(&self, at: Position, effects: Vec<Effect>) -> StoreFuture<'_, bool>;

    /// Unread messages of the inbox that were not handed out and whose holder is gone, the first in the order of their
    /// keeping, at most `limit`, 1 to 1,000: from now on this holder's. Messages that were read or archived are nobody's
    /// business any more.
    ///
    /// They were stored by a process that ended before its program had them.
    fn take_abandoned(&self, limit: usize) -> StoreFuture<'_, Vec<StoredMessage>>;

    /// Remembers that the program has had a message: it is not handed out again.
    fn handed_out(&self, key: &MessageKey) -> StoreFuture<'_, ()>;

    /// Messages that another program put where this store keeps its inbox, not taken in yet: at most `limit`, 1 to 1,000.
    /// A store that no other program writes to has none.
    ///
    /// They are untrusted bytes. What becomes of one is appended with [`Entry::about_foreign`].
    fn foreign(&self, limit: usize) -> StoreFuture<'_, Vec<ForeignMessage>>;

    /// Messages of a folder, newest first: by [`Summary::cursor`].
    fn list(&self, query: &Query) -> StoreFuture<'_, Page>;

    /// How many messages of the inbox are unread.
    fn unread(&self) -> StoreFuture<'_, u64>;

    /// One message.
    fn get(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, Option<StoredMessage>>;

    /// Sets a message's status in the inbox. Gives false when there is no such message.
    ///
    /// One that is set to read or archived counts as handed out.
    fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> StoreFuture<'_, bool>;

    /// Removes a message, with the files that were downloaded for it. Gives false when there is no such message.
    ///
    /// What the receiver remembers of it stays: a replay is still noticed.
    fn delete(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, bool>;

    /// Keeps a message that was sent. One whose key is there already is left as it is.
    fn keep_sent(&self, message: StoredMessage) -> StoreFuture<'_, ()>;

    /// The entries of what is held for review, oldest first.
    fn held(&self) -> StoreFuture<'_, Vec<QuarantineEntry>>;

    /// One held message.
    fn get_held(&self, id: &QuarantineId) -> StoreFuture<'_, Option<HeldMessage>>;

    /// Replaces a held message's entry by the decided one. Gives false when it is not there, or was decided before.
    fn decide_held(&self, entry: &QuarantineEntry) -> StoreFuture<'_, bool>;

    /// Removes a held message. Gives false when it is not there.
    fn remove_held(&self, id: &QuarantineId) -> StoreFuture<'_, bool>;
}
