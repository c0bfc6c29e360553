//! A holder of the mailbox: opening it, the lock, and what others left undone (local mailbox).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::disk::{Access, Disk, DiskResult, Errno, Kind, Lock};
use super::failure::{Step, failure};
use super::files::{Found, make, read_message, replace, split};
use super::holders::{Holders, Standing};
use super::index::FolderIndex;
use super::journal::{Journal, Site};
use super::ledger::{Ledger, Work, named};
use super::names::names_of;
use super::record::{Extent, Payload, Tag};
use crate::store::{Folder, MessageKey, StoreError, StoreErrorKind};

/// How long is waited for the lock, while it is tried every few milliseconds.
const LOCK_TRIES: u32 = 6_000;
const LOCK_PAUSE_MILLISECONDS: u64 = 5;

/// The mailbox, as one holder has it.
pub(super) struct Core<D: Disk> {
    pub(super) disk: D,
    root: D::Dir,
    state: D::Dir,
    lock: D::File,
    holders: Holders<D>,
    inner: Mutex<Inner<D>>,
    inbox: Mutex<FolderIndex>,
    sent: Mutex<FolderIndex>,
}

/// What changes under the lock.
pub(super) struct Inner<D: Disk> {
    pub(super) journal: Journal<D>,
    /// Directories of the inbox and of the sent messages that are durable under their names.
    durable: HashSet<String>,
    is_troubled: bool,
}

/// The mailbox, locked.
pub(super) struct Locked<'a, D: Disk> {
    pub(super) core: &'a Core<D>,
    pub(super) inner: MutexGuard<'a, Inner<D>>,
}

impl<D: Disk> Drop for Locked<'_, D> {
    fn drop(&mut self) {
        let _ = self.core.disk.unlock(&self.core.lock);
    }
}

impl<D: Disk> Core<D> {
    /// Becomes a holder of the mailbox, and makes what it lacks.
    pub(super) fn open(disk: D) -> Result<Self, StoreError> {
        let root = disk.root().step("opening the mailbox")?;
        let stat = disk.stat_dir(&root).step("looking at the mailbox")?;
        if stat.owner != disk.owner() || stat.mode & 0o022 != 0 {
            return Err(StoreError::new(StoreErrorKind::Unsafe, "looking at the mailbox"));
        }
        for path in [&["messages", "inbox"][..], &["messages", "sent"], &["state", "holders"]] {
            ensure_path(&disk, &root, path).step("making the mailbox's directories")?;
        }
        let state = disk.open_dir(&root, "state").step("opening the mailbox's state")?;
        let stat = disk.stat_dir(&state).step("looking at the mailbox's state")?;
        if stat.owner != disk.owner() || stat.mode & 0o077 != 0 {
            return Err(StoreError::new(StoreErrorKind::Unsafe, "looking at the mailbox's state"));
        }
        let lock = open_or_create(&disk, &state, "lock").step("opening the mailbox's lock")?;
        let holders = disk.open_dir(&state, "holders").step("opening the mailbox's holders")?;
        wait_for(&disk, &lock)?;
        let joined = Holders::join(&disk, holders).step("becoming a holder of the mailbox");
        let _ = disk.unlock(&lock);
        let inner = Inner { journal: Journal::new(), durable: HashSet::new(), is_troubled: false };
        let core = Self {
            disk,
            root,
            state,
            lock,
            holders: joined?,
            inner: Mutex::new(inner),
            inbox: Mutex::new(FolderIndex::new(Folder::Inbox)),
            sent: Mutex::new(FolderIndex::new(Folder::Sent)),
        };
        core.locked()?.bury_the_dead()?;
        Ok(core)
    }

    /// Locks the mailbox, takes in what others did, and does what they left undone.
    pub(super) fn locked(&self) -> Result<Locked<'_, D>, StoreError> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        wait_for(&self.disk, &self.lock)?;
        let mut locked = Locked { core: self, inner };
        locked.catch_up()?;
        Ok(locked)
    }

    pub(super) fn site(&self) -> Site<'_, D> {
        Site { disk: &self.disk, state: &self.state, holders: &self.holders }
    }

    pub(super) const fn holders(&self) -> &Holders<D> {
        &self.holders
    }

    pub(super) const fn root(&self) -> &D::Dir {
        &self.root
    }

    pub(super) fn index(&self, folder: Folder) -> MutexGuard<'_, FolderIndex> {
        let index = if folder == Folder::Sent { &self.sent } else { &self.inbox };
        index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a folder, which is made again when somebody removed it.
    pub(super) fn folder(&self, folder: Folder) -> Result<D::Dir, StoreError> {
        let path = ["messages", folder.as_str()];
        open_path(&self.disk, &self.root, &path).step("opening a folder")
    }

    /// Makes a message's file, which is not there: [`Errno::EXIST`] when it is.
    pub(super) fn make_file(
        &self,
        inner: &mut Inner<D>,
        which: Folder,
        name: &str,
        bytes: &[u8],
    ) -> DiskResult<()> {
        let directory = self.directory_for(inner, which, name)?;
        make(&self.disk, &directory, split(name).1, bytes)
    }

    /// Opens the directory of a name, which is made if it is not there, and durable.
    pub(super) fn directory_for(
        &self,
        inner: &mut Inner<D>,
        which: Folder,
        name: &str,
    ) -> DiskResult<D::Dir> {
        let folder = open_path(&self.disk, &self.root, &["messages", which.as_str()])?;
        let Some(directory) = split(name).0 else { return Ok(folder) };
        let known = alloc::format!("{which}/{directory}");
        let opened = match self.disk.open_dir(&folder, directory) {
            Err(Errno::NOENT) => {
                inner.durable.remove(&known);
                match self.disk.make_dir(&folder, directory) {
                    Ok(()) | Err(Errno::EXIST) => self.disk.open_dir(&folder, directory)?,
                    Err(error) => return Err(error),
                }
            }
            opened => opened?,
        };
        if !inner.durable.contains(&known) {
            self.disk.sync_dir(&folder)?;
            inner.durable.insert(known);
        }
        Ok(opened)
    }
}

impl<D: Disk> Drop for Core<D> {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !inner.is_troubled && !inner.journal.is_poisoned() {
            self.holders.leave(&self.disk);
        }
    }
}

impl<D: Disk> Locked<'_, D> {
    pub(super) fn ledger(&mut self) -> Result<&mut Ledger, StoreError> {
        self.inner.journal.ledger()
    }

    /// What a record of this holder begins with.
    pub(super) fn begin(&mut self) -> Result<Payload, StoreError> {
        let core = self.core;
        Ok(self.ledger()?.begin(core.holders.id()))
    }

    /// Adds a record, durably.
    pub(super) fn record(&mut self, payload: &Payload) -> Result<(), StoreError> {
        self.inner.journal.append(&self.core.site(), payload)
    }

    pub(super) fn body(&self, extent: Extent) -> Result<Vec<u8>, StoreError> {
        self.inner.journal.body(&self.core.site(), extent)
    }

    fn catch_up(&mut self) -> Result<(), StoreError> {
        let core = self.core;
        self.inner.journal.refresh(&core.site())?;
        let Some(writer) = self.ledger()?.last_writer.clone() else { return Ok(()) };
        if *writer != **core.holders.id() {
            let standing = core.holders.standing(&core.disk, &writer).step("looking at a holder")?;
            if standing.is_doubtful() {
                self.inner.journal.doubt();
            } else {
                self.ledger()?.trust_last_record();
            }
        }
        self.finish()
    }

    /// Does what is left to do, by whomever. What cannot be done now is tried again next time.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        let names: Vec<Arc<str>> = self.ledger()?.unfinished.keys().cloned().collect();
        for name in names {
            self.finish_one(&name)?;
        }
        let is_troubled = !self.ledger()?.unfinished.is_empty();
        if is_troubled != self.inner.is_troubled {
            self.inner.is_troubled = is_troubled;
            self.core.holders.set_troubled(&self.core.disk, is_troubled);
        }
        Ok(())
    }

    fn finish_one(&mut self, name: &Arc<str>) -> Result<(), StoreError> {
        let Some(work) = self.ledger()?.unfinished.get(name).cloned() else { return Ok(()) };
        let done = match &work {
            Work::Place(body) => self.place(name, *body),
            Work::Remove(key) => self.remove_file(name, key),
        };
        match done {
            Ok(()) => drop(self.ledger()?.unfinished.remove(name)),
            Err(error) => {
                tracing::warn!(%error, "a file of the mailbox is not as it should be, and is tried again")
            }
        }
        Ok(())
    }

    /// Makes the file of a message that is in the journal.
    fn place(&mut self, name: &Arc<str>, body: Extent) -> Result<(), StoreError> {
        let bytes = self.body(body)?;
        match self.core.make_file(&mut self.inner, Folder::Inbox, name, &bytes) {
            Err(Errno::EXIST) => self.place_again(name, &bytes),
            made => made.step("making a message's file"),
        }
    }

    /// Something has the name: the message, whose file is made anew to be sure of it, or something else.
    fn place_again(&mut self, name: &Arc<str>, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(key) = self.ledger()?.filed(name).map(|filed| filed.key.clone()) else { return Ok(()) };
        let core = self.core;
        let folder = core.folder(Folder::Inbox)?;
        let found = read_message(&core.disk, &folder, Folder::Inbox, name).step("reading a message")?;
        match found {
            Found::Message(letter) if letter.key == key => {
                let directory = core.directory_for(&mut self.inner, Folder::Inbox, name);
                let replaced = directory
                    .and_then(|directory| replace(&core.disk, &directory, split(name).1, &letter.bytes));
                replaced.step("making a message's file anew")
            }
            _ => self.place_elsewhere(name, &key, bytes),
        }
    }

    /// Another program took the name meanwhile.
    fn place_elsewhere(&mut self, name: &str, key: &MessageKey, bytes: &[u8]) -> Result<(), StoreError> {
        for other in names_of(key).filter(|other| other != name) {
            let mut payload = self.begin()?;
            payload.push(Tag::Message, named(&other, key).as_bytes());
            payload.push(Tag::Place, other.as_bytes());
            payload.push(Tag::Body, bytes);
            self.record(&payload)?;
            match self.core.make_file(&mut self.inner, Folder::Inbox, &other, bytes) {
                Err(Errno::EXIST) => {}
                made => {
                    made.step("making a message's file")?;
                    self.ledger()?.unfinished.remove(other.as_str());
                    return Ok(());
                }
            }
        }
        Err(NO_NAME)
    }

    /// Removes the file with a message, if it is that one.
    pub(super) fn remove_file(&self, name: &str, key: &MessageKey) -> Result<(), StoreError> {
        let core = self.core;
        let folder = core.folder(Folder::Inbox)?;
        match read_message(&core.disk, &folder, Folder::Inbox, name).step("reading a message")? {
            Found::Message(letter) if letter.key == *key => core.unlink_in(&folder, name),
            _ => Ok(()),
        }
    }

    /// Does what the dead left undone, writes the journal anew after the last of them, and forgets them.
    fn bury_the_dead(&mut self) -> Result<(), StoreError> {
        let core = self.core;
        let dead = core.holders.dead(&core.disk).step("looking at the holders")?;
        if dead.is_empty() {
            return Ok(());
        }
        let writer = self.ledger()?.last_writer.clone();
        if writer.is_some_and(|writer| dead.iter().any(|dead| *dead == *writer)) {
            self.inner.journal.rewrite(&core.site(), None)?;
        }
        dead.iter().for_each(|holder| core.holders.bury(&core.disk, holder));
        Ok(())
    }

    /// Whether a holder is gone for good.
    pub(super) fn is_gone(&self, holder: &str) -> Result<bool, StoreError> {
        let standing: DiskResult<Standing> = self.core.holders.standing(&self.core.disk, holder);
        Ok(standing.step("looking at a holder")?.is_over())
    }
}

impl<D: Disk> Core<D> {
    /// Removes a file of a folder, and the directory that it was the last of, durably.
    pub(super) fn unlink_in(&self, folder: &D::Dir, name: &str) -> Result<(), StoreError> {
        let (directory, file) = split(name);
        let opened = directory.map(|directory| self.disk.open_dir(folder, directory)).transpose();
        let opened = opened.step("opening a directory")?;
        let parent = opened.as_ref().unwrap_or(folder);
        match self.disk.unlink(parent, file) {
            Ok(()) | Err(Errno::NOENT) => self.disk.sync_dir(parent).step("syncing a directory"),
            Err(error) => Err(failure("removing a message", error)),
        }
    }
}

/// Waits until the mailbox is this holder's.
fn wait_for<D: Disk>(disk: &D, lock: &D::File) -> Result<(), StoreError> {
    for _ in 0..LOCK_TRIES {
        if disk.try_lock(lock, Lock::Exclusive).step("locking the mailbox")? {
            return Ok(());
        }
        disk.pause(LOCK_PAUSE_MILLISECONDS);
    }
    Err(StoreError::new(StoreErrorKind::Io, "waiting for the mailbox's lock"))
}

fn open_or_create<D: Disk>(disk: &D, dir: &D::Dir, name: &str) -> DiskResult<D::File> {
    let file = match disk.open(dir, name, Access::ReadWrite) {
        Err(Errno::NOENT) => match disk.create(dir, name) {
            Err(Errno::EXIST) => disk.open(dir, name, Access::ReadWrite)?,
            created => created?,
        },
        opened => opened?,
    };
    match disk.stat(&file)?.kind {
        Kind::File => Ok(file),
        _ => Err(Errno::INVAL),
    }
}

/// Opens a path below a directory, and makes what is missing of it.
fn open_path<D: Disk>(disk: &D, from: &D::Dir, path: &[&str]) -> DiskResult<D::Dir> {
    let Some((name, rest)) = path.split_first() else { return Err(Errno::INVAL) };
    let opened = match disk.open_dir(from, name) {
        Err(Errno::NOENT) => {
            match disk.make_dir(from, name) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            let opened = disk.open_dir(from, name)?;
            disk.sync_dir(from)?;
            opened
        }
        opened => opened?,
    };
    if rest.is_empty() { Ok(opened) } else { open_path(disk, &opened, rest) }
}

/// The same, and durable whoever made it.
fn ensure_path<D: Disk>(disk: &D, from: &D::Dir, path: &[&str]) -> DiskResult<()> {
    let mut parent = None;
    for name in path {
        let from = parent.as_ref().unwrap_or(from);
        let made = match disk.open_dir(from, name) {
            Err(Errno::NOENT) => open_path(disk, from, &[name])?,
            opened => {
                disk.sync_dir(from)?;
                opened?
            }
        };
        parent = Some(made);
    }
    Ok(())
}

/// Every name that a message may get is taken by something else.
pub(super) const NO_NAME: StoreError =
    StoreError::new(StoreErrorKind::Refused, "finding a free name for a message");
