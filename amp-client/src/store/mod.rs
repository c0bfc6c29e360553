//! What is kept: messages, what the receiver remembers, and which messages were handed to the program (local mailbox).
//!
//! A [`Store`] holds the mail of one agent. Several processes may hold the same store: what one of them appended, the
//! others learn before they append anything themselves.

mod entry;
mod error;
mod key;
mod query;

use core::future::Future;
use core::pin::Pin;
use std::boxed::Box;
use std::vec::Vec;

use amp_core::envelope::{QuarantineId, Status, StoredMessage, Timestamp};

pub use entry::{Appended, Entry, ForeignMessage, HeldMessage, Loaded, Position};
pub use error::{StoreError, StoreErrorKind};
pub use key::{Folder, MessageKey};
pub use query::{Page, Query, Summary};

/// A future that a store gives.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps an agent's mail and what its receiver remembers.
///
/// What has been appended survives a crash of the process and, for stores on disk, of the machine: the future of
/// [`append`](Self::append) ends when it is durable. A store is appended to at a [`Position`]: an entry that was decided
/// without knowing what another holder appended meanwhile is refused, with what it missed, and is decided again.
///
/// Every future may be dropped before it ends: what it was about has then happened or has not, and nothing is in between.
pub trait Store: Send + Sync + 'static {
    /// The effects that were appended after a position, oldest first, and the position that they lead to.
    ///
    /// From [`Position::START`], that is everything a receiver needs to be restored.
    fn load(&self, after: Position) -> StoreFuture<'_, Loaded>;

    /// Makes an entry durable: its effects, and the message or the held message, all or nothing.
    ///
    /// A message that is there already, with the same key and the same bytes, is left as it is.
    fn append(&self, entry: Entry) -> StoreFuture<'_, Appended>;

    /// Replaces everything up to a position by fewer effects that amount to the same. Gives false, and does nothing,
    /// when something was appended after that position.
    fn compact(&self, at: Position, effects: Vec<amp_core::receive::Effect>) -> StoreFuture<'_, bool>;

    /// Messages in the inbox that no living holder has taken on and that were not handed out: from now on this holder's.
    ///
    /// They were stored by a process that ended before its program had them.
    fn take_abandoned(&self) -> StoreFuture<'_, Vec<StoredMessage>>;

    /// Remembers that the program has had a message: it is not handed out again.
    fn handed_out(&self, key: &MessageKey) -> StoreFuture<'_, ()>;

    /// Messages that another program put where this store keeps its inbox, not taken in yet: at most `limit`, 1 to 1,000.
    ///
    /// They are untrusted bytes. What becomes of one is appended with [`Entry::about_foreign`].
    fn foreign(&self, limit: usize) -> StoreFuture<'_, Vec<ForeignMessage>>;

    /// Messages of a folder, newest first.
    fn list(&self, query: &Query) -> StoreFuture<'_, Page>;

    /// How many messages of the inbox are unread.
    fn unread(&self) -> StoreFuture<'_, u64>;

    /// One message.
    fn get(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, Option<StoredMessage>>;

    /// Sets a message's status in the inbox. Gives false when there is no such message.
    fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> StoreFuture<'_, bool>;

    /// Removes a message, with the files that were downloaded for it. Gives false when there is no such message.
    ///
    /// What the receiver remembers of it stays: a replay is still noticed.
    fn delete(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, bool>;

    /// Keeps a message that was sent.
    fn keep_sent(&self, message: StoredMessage) -> StoreFuture<'_, ()>;

    /// What is held for review, oldest first.
    fn held(&self) -> StoreFuture<'_, Vec<HeldMessage>>;

    /// Replaces a held message's entry by the decided one. Gives false when it is not there.
    fn decide_held(&self, entry: &amp_core::receive::QuarantineEntry) -> StoreFuture<'_, bool>;

    /// Removes a held message. Gives false when it is not there.
    fn remove_held(&self, id: &QuarantineId) -> StoreFuture<'_, bool>;
}
