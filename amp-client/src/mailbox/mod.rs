//! The mailbox on disk that the programs of one agent share, whoever wrote them (local mailbox).

mod deliver;
mod disk;
mod failure;
mod files;
mod holders;
mod holding;
mod index;
mod journal;
mod ledger;
mod letters;
#[cfg(test)]
mod model;
mod names;
mod next;
mod odd;
mod order;
mod posix;
mod record;
#[cfg(test)]
mod sweep;
mod window;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::Path;

use amp_core::envelope::{QuarantineId, Status, StoredMessage, Timestamp};
use amp_core::receive::{Effect, QuarantineEntry};

pub use self::odd::{Oddity, OddityKind};

use self::failure::Step;
use self::holding::Core;
use self::posix::Posix;
use crate::store::{
    Appended, Entry, Folder, ForeignMessage, HeldMessage, Loaded, MessageKey, Page, Position, Query, Store,
    StoreError, StoreErrorKind, StoreFuture,
};

/// An agent's mailbox on disk, in the layout that other clients on the machine use.
///
/// Messages are files, `messages/inbox/<sender>/<id>.json` and `messages/sent/<recipient>/<id>.json`, which other
/// programs read, mark and remove, and beside which they put their own. What a receiver remembers is in `state/`, which
/// is for its owner alone.
///
/// Any number of processes may hold a mailbox at once. What [`append`](Store::append) answered has survived a crash of
/// the machine; a message that a killed process had not handed out is handed out by another.
///
/// The futures need a runtime of tokio: the system is asked on threads that may block.
///
/// ```
/// use amp_client::mailbox::Mailbox;
/// use amp_client::store::{Entry, Folder, Position, Query, Store};
/// # use amp_client::envelope::{Message, StoredMessage};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// # let stored = StoredMessage::new(Message::decode(br#"{"envelope":{"version":"amp/0.1","id":"msg_1769853600_00112233445566aa",
/// #   "from":"alice@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal",
/// #   "timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600_00112233445566aa","signature":null},
/// #   "payload":{"type":"notification","message":"Hello","context":null}}"#)?, "2026-01-31T10:00:05Z".parse()?);
/// # runtime.block_on(async {
/// let mailbox = Mailbox::open(directory)?;
/// mailbox.append(Entry::new(Position::START, vec![]).with_message(stored)).await?;
///
/// let file = directory.join("messages/inbox/alice_acme_crabmail_ai/msg_1769853600_00112233445566aa.json");
/// assert!(file.exists());
/// let page = mailbox.list(&Query::new(Folder::Inbox)).await?;
/// assert_eq!(page.messages[0].subject, "Hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Mailbox {
    core: Arc<Core<Posix>>,
}

impl Mailbox {
    /// Opens the mailbox of the agent whose directory this is, and makes what it lacks. The directory itself is there.
    ///
    /// Each mailbox that is opened is a holder of its own, also within one process.
    ///
    /// # Errors
    /// [`Unsafe`](StoreErrorKind::Unsafe) when somebody else owns the directory or its state, or may write there;
    /// [`Damaged`](StoreErrorKind::Damaged) when its journal cannot be read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let disk = Posix::new(directory.as_ref()).step("opening the mailbox")?;
        Ok(Self { core: Arc::new(Core::open(disk)?) })
    }

    /// What lies in the folders and was skipped when they were last read: links, pipes, files that hold no message or
    /// lie in the wrong place. At most a few hundred.
    #[must_use]
    pub fn oddities(&self) -> Vec<Oddity> {
        let report = |folder| self.core.index(folder).oddities.report();
        [Folder::Inbox, Folder::Sent].into_iter().flat_map(report).collect()
    }

    /// Asks the system on a thread that may block. What was begun is done, also when nobody waits for it any more.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core<Posix>) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let core = Arc::clone(&self.core);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&core)).await;
            done.unwrap_or_else(|error| {
                Err(StoreError::new(StoreErrorKind::Poisoned, "waiting for the disk").because(error))
            })
        })
    }
}

impl core::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}

impl Store for Mailbox {
    fn load(&self, after: Position) -> StoreFuture<'_, Loaded> {
        self.run(move |core| core.load(after))
    }

    fn append(&self, entry: Entry) -> StoreFuture<'_, Appended> {
        self.run(move |core| core.append(&entry))
    }

    fn compact(&self, at: Position, effects: Vec<Effect>) -> StoreFuture<'_, bool> {
        self.run(move |core| core.compact(at, &effects))
    }

    fn take_abandoned(&self, limit: usize) -> StoreFuture<'_, Vec<StoredMessage>> {
        self.run(move |core| core.take_abandoned(limit))
    }

    fn handed_out(&self, key: &MessageKey) -> StoreFuture<'_, ()> {
        let key = key.clone();
        self.run(move |core| core.handed_out(&key))
    }

    fn foreign(&self, limit: usize) -> StoreFuture<'_, Vec<ForeignMessage>> {
        self.run(move |core| core.foreign(limit))
    }

    fn list(&self, query: &Query) -> StoreFuture<'_, Page> {
        let query = query.clone();
        self.run(move |core| core.list(&query))
    }

    fn unread(&self) -> StoreFuture<'_, u64> {
        self.run(Core::unread)
    }

    fn get(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, Option<StoredMessage>> {
        let key = key.clone();
        self.run(move |core| core.get(folder, &key))
    }

    fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> StoreFuture<'_, bool> {
        let key = key.clone();
        self.run(move |core| core.mark(&key, status, now))
    }

    fn delete(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, bool> {
        let key = key.clone();
        self.run(move |core| core.delete(folder, &key))
    }

    fn keep_sent(&self, message: StoredMessage) -> StoreFuture<'_, ()> {
        self.run(move |core| core.keep_sent(&message))
    }

    fn held(&self) -> StoreFuture<'_, Vec<QuarantineEntry>> {
        self.run(Core::held)
    }

    fn get_held(&self, id: &QuarantineId) -> StoreFuture<'_, Option<HeldMessage>> {
        let id = id.clone();
        self.run(move |core| core.get_held(&id))
    }

    fn decide_held(&self, entry: &QuarantineEntry) -> StoreFuture<'_, bool> {
        let entry = entry.clone();
        self.run(move |core| core.decide_held(&entry))
    }

    fn remove_held(&self, id: &QuarantineId) -> StoreFuture<'_, bool> {
        let id = id.clone();
        self.run(move |core| core.remove_held(&id))
    }
}
