//! A store in memory: for tests, first steps, and agents that need nothing after a restart (local mailbox).

mod folder;
mod state;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amp_core::envelope::{QuarantineId, Status, StoredMessage, Timestamp};
use amp_core::receive::{Effect, QuarantineEntry};

use self::state::{HolderId, State};
use super::{
    Appended, Entry, Folder, ForeignMessage, HeldMessage, Loaded, MessageKey, Page, Position, Query, Store,
    StoreError, StoreFuture,
};

/// A store that is gone with its last holder.
///
/// It holds 64 MiB of messages, or what it was made [with](Self::with_capacity). When it is full, sent messages make room,
/// the oldest first, then messages of the inbox that were handed out or read; when there are none of those either, nothing
/// more is stored until some are ([`StoreErrorKind::Full`](super::StoreErrorKind::Full)). What the receiver remembers is
/// bounded by its own limits and is not counted.
///
/// ```
/// use amp_client::envelope::{Message, StoredMessage};
/// use amp_client::store::{Appended, Entry, MemoryStore, Position, Store};
/// # let json = br#"{"envelope":{"version":"amp/0.1","id":"msg_1769853600_00112233445566aa",
/// #   "from":"alice@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal",
/// #   "timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600_00112233445566aa","signature":null},
/// #   "payload":{"type":"notification","message":"Hello","context":null}}"#;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let message = StoredMessage::new(Message::decode(json)?, "2026-01-31T10:00:05Z".parse()?);
/// let store = MemoryStore::new();
/// let entry = Entry::new(Position::START, vec![]).with_message(message);
/// assert!(matches!(store.append(entry).await?, Appended::Stored(_)));
/// assert_eq!(store.unread().await?, 1);
///
/// let other = store.another_holder(); // as another process on a store on disk would be
/// assert!(other.take_abandoned(10).await?.is_empty());
/// drop(store);
/// assert_eq!(other.take_abandoned(10).await?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    holder: HolderId,
}

impl MemoryStore {
    /// Bytes of messages that a store holds which was made without a capacity: 64 MiB.
    pub const DEFAULT_CAPACITY: usize = 64 * 1024 * 1024;

    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::DEFAULT_CAPACITY)
    }

    /// An empty store that holds this many bytes of messages, counted as their JSON.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self::holding(Arc::new(Mutex::new(State::new(bytes))))
    }

    /// Another holder of the same mail.
    #[must_use]
    pub fn another_holder(&self) -> Self {
        Self::holding(Arc::clone(&self.state))
    }

    fn holding(state: Arc<Mutex<State>>) -> Self {
        let holder = lock(&state).enter();
        Self { state, holder }
    }

    /// A future that does one thing under the lock.
    fn act<'a, T: Send + 'a>(
        &'a self,
        step: impl FnOnce(&mut State) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move { step(&mut lock(&self.state)) })
    }
}

/// No step leaves the state half changed, so a panic elsewhere does not spoil it.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        lock(&self.state).leave(self.holder);
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn load(&self, after: Position) -> StoreFuture<'_, Loaded> {
        self.act(move |state| Ok(state.load(after)))
    }

    fn append(&self, entry: Entry) -> StoreFuture<'_, Appended> {
        self.act(move |state| state.append(self.holder, entry))
    }

    fn compact(&self, at: Position, effects: Vec<Effect>) -> StoreFuture<'_, bool> {
        self.act(move |state| Ok(state.compact(at, effects)))
    }

    fn take_abandoned(&self, limit: usize) -> StoreFuture<'_, Vec<StoredMessage>> {
        self.act(move |state| Ok(state.take_abandoned(self.holder, limit)))
    }

    fn handed_out(&self, key: &MessageKey) -> StoreFuture<'_, ()> {
        let key = key.clone();
        self.act(move |state| {
            state.let_go(&key);
            Ok(())
        })
    }

    fn foreign(&self, _: usize) -> StoreFuture<'_, Vec<ForeignMessage>> {
        self.act(|_| Ok(Vec::new()))
    }

    fn list(&self, query: &Query) -> StoreFuture<'_, Page> {
        let query = query.clone();
        self.act(move |state| Ok(state.folder(query.folder).page(&query)))
    }

    fn unread(&self) -> StoreFuture<'_, u64> {
        self.act(|state| Ok(state.folder(Folder::Inbox).unread()))
    }

    fn get(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, Option<StoredMessage>> {
        let key = key.clone();
        self.act(move |state| Ok(state.folder(folder).get(&key).map(|kept| kept.stored.clone())))
    }

    fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> StoreFuture<'_, bool> {
        let key = key.clone();
        self.act(move |state| Ok(state.mark(&key, status, now)))
    }

    fn delete(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, bool> {
        let key = key.clone();
        self.act(move |state| Ok(state.delete(folder, &key)))
    }

    fn keep_sent(&self, message: StoredMessage) -> StoreFuture<'_, ()> {
        self.act(move |state| state.keep_sent(message))
    }

    fn held(&self) -> StoreFuture<'_, Vec<QuarantineEntry>> {
        self.act(|state| Ok(state.held.iter().map(|held| held.entry.clone()).collect()))
    }

    fn get_held(&self, id: &QuarantineId) -> StoreFuture<'_, Option<HeldMessage>> {
        let id = id.clone();
        self.act(move |state| Ok(state.held.iter().find(|held| *held.entry.id() == id).cloned()))
    }

    fn decide_held(&self, entry: &QuarantineEntry) -> StoreFuture<'_, bool> {
        let entry = entry.clone();
        self.act(move |state| Ok(state.decide_held(entry)))
    }

    fn remove_held(&self, id: &QuarantineId) -> StoreFuture<'_, bool> {
        let id = id.clone();
        self.act(move |state| Ok(state.remove_held(&id)))
    }
}
