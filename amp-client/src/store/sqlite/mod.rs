//! A store in one SQLite file (local mailbox).

mod failure;
mod file;
mod holder;
mod lists;
mod messages;
mod schema;
mod steps;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use amp_core::envelope::{QuarantineId, Status, StoredMessage, Timestamp};
use amp_core::receive::{Effect, QuarantineEntry};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::failure::Failure;
use self::holder::Holder;
use super::{
    Appended, Entry, Folder, ForeignMessage, HeldMessage, Loaded, MessageKey, Page, Position, Query, Store,
    StoreError, StoreErrorKind, StoreFuture,
};

/// A store in one SQLite file, which several processes of one machine may hold at once.
///
/// The file and its companions (`-wal`, `-shm`, and one `-holder-…` for each holder) are the owner's alone: mode 0600, and
/// a file that others may read or write is not opened, nor is one in a folder where others may replace it. Every step is
/// one transaction that is synced to the disk before its future ends. It does not belong on a network file system: locks
/// are not to be relied on there.
///
/// Its futures run in a tokio runtime.
///
/// ```
/// use amp_client::store::{SqliteStore, Store};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # let directory = tempfile::tempdir()?;
/// # let file = directory.path().join("mail.db");
/// # runtime.block_on(async {
/// let store = SqliteStore::open(&file)?; // makes the file when there is none
/// assert_eq!(store.unread().await?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    holder: Holder,
    /// Set when nobody can say whether a commit is on the disk.
    is_poisoned: AtomicBool,
}

impl SqliteStore {
    /// Opens a store, and makes it when there is no such file. Blocks for as long as the disk takes, and waits up to 30
    /// seconds for other processes.
    ///
    /// # Errors
    /// [`StoreErrorKind::Unsafe`] when others may read or replace the file, or when it is a symbolic link or has a second
    /// name; [`StoreErrorKind::Damaged`] for a file that is no store, or a newer one; [`StoreErrorKind::Io`] and
    /// [`StoreErrorKind::Full`].
    pub fn open(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = file::prepared(file.as_ref())?;
        let mut connection = schema::open(&file)?;
        let holder = Holder::enter(&mut connection, &file)?;
        let is_poisoned = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { connection: Mutex::new(connection), holder, is_poisoned }) })
    }

    /// A future that does one step in a thread that may block.
    fn act<'a, T: Send + 'static>(
        &'a self,
        step: impl FnOnce(&mut Connection, &Holder) -> Result<T, StoreError> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || inner.act(step)).await;
            done.unwrap_or_else(|_| Err(StoreError::new(StoreErrorKind::Io, "running a step of the store")))
        })
    }

    /// A step that writes: one transaction.
    fn write<'a, T: Send + 'static>(
        &'a self,
        step: impl FnOnce(&Transaction<'_>, &Holder) -> Result<T, Failure> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        self.act(move |connection, holder| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| Failure::from(error).at("beginning to write"))?;
            let done = step(&transaction, holder).map_err(|failure| failure.at("writing"))?;
            transaction.commit().map_err(|error| Failure::from(error).at("committing"))?;
            Ok(done)
        })
    }

    /// A step that reads: one moment of the store.
    fn read<'a, T: Send + 'static>(
        &'a self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        self.act(move |connection, _| {
            let transaction =
                connection.transaction().map_err(|error| Failure::from(error).at("beginning to read"))?;
            step(&transaction).map_err(|failure| failure.at("reading"))
        })
    }
}

impl Inner {
    fn act<T>(
        &self,
        step: impl FnOnce(&mut Connection, &Holder) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_poisoned.load(Ordering::Acquire) {
            return Err(StoreError::new(StoreErrorKind::Poisoned, "after a step that failed"));
        }
        let done = step(&mut connection, &self.holder);
        // What the disk has failed to take may look as if it were there: whoever opens the file anew finds out.
        if done.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Poisoned) {
            self.is_poisoned.store(true, Ordering::Release);
        }
        done
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn load(&self, after: Position) -> StoreFuture<'_, Loaded> {
        self.read(move |transaction| steps::load(transaction, after))
    }

    fn append(&self, entry: Entry) -> StoreFuture<'_, Appended> {
        self.write(move |transaction, holder| steps::append(transaction, holder, &entry))
    }

    fn compact(&self, at: Position, effects: Vec<Effect>) -> StoreFuture<'_, bool> {
        self.write(move |transaction, _| steps::compact(transaction, at, &effects))
    }

    fn take_abandoned(&self, limit: usize) -> StoreFuture<'_, Vec<StoredMessage>> {
        self.write(move |transaction, holder| messages::take_abandoned(transaction, holder, limit))
    }

    fn handed_out(&self, key: &MessageKey) -> StoreFuture<'_, ()> {
        let key = key.clone();
        self.write(move |transaction, _| messages::let_go(transaction, &key))
    }

    fn foreign(&self, _: usize) -> StoreFuture<'_, Vec<ForeignMessage>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn list(&self, query: &Query) -> StoreFuture<'_, Page> {
        let query = query.clone();
        self.read(move |transaction| lists::list(transaction, &query))
    }

    fn unread(&self) -> StoreFuture<'_, u64> {
        self.read(lists::unread)
    }

    fn get(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, Option<StoredMessage>> {
        let key = key.clone();
        self.read(move |transaction| messages::get(transaction, folder, &key))
    }

    fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> StoreFuture<'_, bool> {
        let key = key.clone();
        self.write(move |transaction, _| messages::mark(transaction, &key, status, now))
    }

    fn delete(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, bool> {
        let key = key.clone();
        self.write(move |transaction, _| messages::delete(transaction, folder, &key))
    }

    fn keep_sent(&self, message: StoredMessage) -> StoreFuture<'_, ()> {
        self.write(move |transaction, _| messages::keep(transaction, Folder::Sent, &message, None))
    }

    fn held(&self) -> StoreFuture<'_, Vec<QuarantineEntry>> {
        self.read(steps::held)
    }

    fn get_held(&self, id: &QuarantineId) -> StoreFuture<'_, Option<HeldMessage>> {
        let id = id.clone();
        self.read(move |transaction| steps::get_held(transaction, &id))
    }

    fn decide_held(&self, entry: &QuarantineEntry) -> StoreFuture<'_, bool> {
        let entry = entry.clone();
        self.write(move |transaction, _| steps::decide_held(transaction, &entry))
    }

    fn remove_held(&self, id: &QuarantineId) -> StoreFuture<'_, bool> {
        let id = id.clone();
        self.write(move |transaction, _| steps::remove_held(transaction, &id))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rusqlite::ffi;

    use super::*;

    fn store() -> (tempfile::TempDir, SqliteStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("mail.db")).unwrap();
        (directory, store)
    }

    fn effect() -> Effect {
        Effect::ClockSet { to: Timestamp::UNIX_EPOCH }
    }

    fn failing(code: core::ffi::c_int) -> Failure {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some("a text with 'what is stored'".into()))
            .into()
    }

    #[test]
    fn each_answer_of_sqlite_has_its_kind_and_none_shows_its_text() {
        let kinds = [
            (ffi::SQLITE_FULL, StoreErrorKind::Full),
            (ffi::SQLITE_IOERR_FSYNC, StoreErrorKind::Poisoned),
            (ffi::SQLITE_IOERR_WRITE, StoreErrorKind::Poisoned),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Damaged),
            (ffi::SQLITE_NOTADB, StoreErrorKind::Damaged),
            (ffi::SQLITE_BUSY, StoreErrorKind::Io),
            (ffi::SQLITE_READONLY, StoreErrorKind::Io),
        ];
        for (code, kind) in kinds {
            let error = failing(code).at("writing");
            assert_eq!(error.kind(), kind);
            let source = core::error::Error::source(&error).unwrap();
            assert!(!alloc::format!("{error} {error:?} {source}").contains("stored'"));
        }
    }

    #[tokio::test]
    async fn a39_after_a_failed_sync_a_store_says_nothing_until_it_is_opened_again() {
        let (directory, store) = store();
        assert!(matches!(
            store.append(Entry::new(Position::START, vec![effect()])).await.unwrap(),
            Appended::Stored(_)
        ));
        let failed: StoreFuture<'_, ()> = store.write(|_, _| Err(failing(ffi::SQLITE_IOERR_FSYNC)));
        assert_eq!(failed.await.unwrap_err().kind(), StoreErrorKind::Poisoned);
        let position = Position::new(1);
        let error = store.append(Entry::new(position, vec![effect()])).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Poisoned);
        assert_eq!(store.unread().await.unwrap_err().kind(), StoreErrorKind::Poisoned);
        let again = SqliteStore::open(directory.path().join("mail.db")).unwrap();
        assert!(matches!(
            again.append(Entry::new(position, vec![effect()])).await.unwrap(),
            Appended::Stored(_)
        ));
    }

    #[tokio::test]
    async fn a39_a_full_disk_stores_nothing_of_an_entry_and_the_next_one_is_stored() {
        let (_directory, store) = store();
        let limit = |pages: i64| {
            let connection = store.inner.connection.lock().unwrap();
            connection.pragma_update(None, "max_page_count", pages).unwrap();
        };
        limit(1);
        let many = || Entry::new(Position::START, vec![effect(); 2_000]);
        assert_eq!(store.append(many()).await.unwrap_err().kind(), StoreErrorKind::Full);
        assert!(store.load(Position::START).await.unwrap().effects.is_empty());
        limit(1_000_000);
        assert!(matches!(store.append(many()).await.unwrap(), Appended::Stored(_)));
        assert_eq!(store.load(Position::START).await.unwrap().effects.len(), 2_000);
    }

    #[tokio::test]
    async fn a_step_that_fails_midway_leaves_nothing() {
        let (_directory, store) = store();
        let failed: StoreFuture<'_, ()> = store.write(|transaction, holder| {
            let entry = Entry::new(Position::START, vec![effect()]);
            steps::append(transaction, holder, &entry)?;
            Err(failing(ffi::SQLITE_BUSY))
        });
        assert_eq!(failed.await.unwrap_err().kind(), StoreErrorKind::Io);
        let loaded = store.load(Position::START).await.unwrap();
        assert_eq!((loaded.effects.len(), loaded.position), (0, Position::START));
    }
}
