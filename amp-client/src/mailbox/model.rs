//! A file system in memory that fails, kills, forgets and tears (local mailbox).
//!
//! What is written is in its cache at once and durable when it was synced. At a power cut, of what was not synced any
//! part may be there. A sync that failed leaves the cache as it is and gives up what it was to make durable, as real
//! systems do: a second one says that all is well.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::disk::{Access, Disk, DiskResult, Errno, Kind, Listed, Lock, Stat};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process is gone before the call has done anything.
    KillBefore,
    /// The process is gone when the call has done its work.
    KillAfter,
    /// The call fails and has done nothing.
    Fail(Errno),
    /// The call says that it failed, and has done its work.
    FailDone,
    /// Half of what is written is written, then there is no room.
    Short,
    /// Every call fails from here on, until the process is gone.
    Broken,
    /// The machine is gone before the call.
    CutBefore,
    /// The machine is gone after the call.
    CutAfter,
}

/// How much of what was not synced survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survives {
    Nothing,
    Everything,
    /// Some of it, and some of that torn.
    Some(u64),
}

#[derive(Clone, Debug)]
enum FileChange {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum DirectoryChange {
    Set(String, usize),
    Unset(String),
    Rename(String, String, usize),
}

#[derive(Clone, Debug)]
enum Node {
    File {
        cached: Vec<u8>,
        durable: Vec<u8>,
        pending: Vec<FileChange>,
    },
    Directory {
        cached: BTreeMap<String, usize>,
        durable: BTreeMap<String, usize>,
        pending: Vec<DirectoryChange>,
    },
}

#[derive(Clone, Debug)]
struct Inode {
    node: Node,
    modified: i64,
}

/// The machine.
pub(super) struct World {
    inodes: Vec<Inode>,
    /// Inode, handle, process, and how.
    locks: Vec<(usize, u64, u64, Lock)>,
    dead: BTreeSet<u64>,
    clock: i64,
    next: u64,
    /// Calls of the processes that faults are planned for.
    pub(super) calls: u64,
    pub(super) plan: Option<(u64, Fault)>,
    pub(super) survives: Survives,
    /// Whether names that differ by case alone are one.
    pub(super) folds_case: bool,
    /// What was called, for messages.
    pub(super) last_call: &'static str,
    random: u64,
    /// Files whose sync failed.
    unsynced: BTreeSet<usize>,
    /// One of them was synced again.
    pub(super) was_synced_again: bool,
}

impl World {
    pub(super) fn new() -> Arc<Mutex<Self>> {
        let root = Inode { node: directory(), modified: 0 };
        Arc::new(Mutex::new(Self {
            inodes: alloc::vec![root],
            locks: Vec::new(),
            dead: BTreeSet::new(),
            clock: 1_000_000,
            next: 1,
            calls: 0,
            plan: None,
            survives: Survives::Nothing,
            folds_case: false,
            last_call: "",
            random: 0x9e37_79b9_7f4a_7c15,
            unsynced: BTreeSet::new(),
            was_synced_again: false,
        }))
    }

    fn kill(&mut self, process: u64) {
        self.dead.insert(process);
        self.locks.retain(|(_, _, holder, _)| *holder != process);
    }

    pub(super) fn kill_all(&mut self) {
        (0..self.next).for_each(|process| self.kill(process));
    }

    /// The machine goes off and on again.
    pub(super) fn power_cut(&mut self) {
        self.kill_all();
        let survives = self.survives;
        let mut random = match survives {
            Survives::Some(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            _ => 1,
        };
        let mut inodes = core::mem::take(&mut self.inodes);
        for inode in &mut inodes {
            match &mut inode.node {
                Node::File { cached, durable, pending } => {
                    for change in core::mem::take(pending) {
                        if let Some(change) = surviving(change, survives, &mut random) {
                            change_file(durable, &change);
                        }
                    }
                    cached.clone_from(durable);
                }
                Node::Directory { cached, durable, pending } => {
                    for change in core::mem::take(pending) {
                        let kept = match survives {
                            Survives::Nothing => false,
                            Survives::Everything => true,
                            Survives::Some(_) => next(&mut random).is_multiple_of(2),
                        };
                        if kept {
                            change_directory(durable, &change);
                        }
                    }
                    cached.clone_from(durable);
                }
            }
        }
        self.inodes = inodes;
    }

    fn lookup(&self, directory: usize, name: &str) -> DiskResult<usize> {
        match &self.inodes[directory].node {
            Node::Directory { cached, .. } if self.folds_case => {
                let found = cached.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
                found.map(|(_, inode)| *inode).ok_or(Errno::NOENT)
            }
            Node::Directory { cached, .. } => cached.get(name).copied().ok_or(Errno::NOENT),
            Node::File { .. } => Err(Errno::NOTDIR),
        }
    }

    fn change(&mut self, directory: usize, change: DirectoryChange) {
        self.inodes[directory].modified = self.clock;
        if let Node::Directory { cached, pending, .. } = &mut self.inodes[directory].node {
            change_directory(cached, &change);
            pending.push(change);
        }
    }

    fn change_file(&mut self, file: usize, change: FileChange) {
        self.inodes[file].modified = self.clock;
        if let Node::File { cached, pending, .. } = &mut self.inodes[file].node {
            change_file(cached, &change);
            pending.push(change);
        }
    }

    fn make(&mut self, node: Node) -> usize {
        self.inodes.push(Inode { node, modified: self.clock });
        self.inodes.len() - 1
    }

    fn stat(&self, inode: usize) -> Stat {
        let (kind, size) = match &self.inodes[inode].node {
            Node::File { cached, .. } => (Kind::File, cached.len() as u64),
            Node::Directory { .. } => (Kind::Directory, 0),
        };
        let named = self.inodes.iter().map(|other| match &other.node {
            Node::Directory { cached, .. } => cached.values().filter(|named| **named == inode).count() as u64,
            Node::File { .. } => 0,
        });
        Stat {
            node: (1, inode as u64),
            kind,
            size,
            modified: (self.inodes[inode].modified, 0),
            links: named.sum(),
            owner: 1000,
            mode: 0o700,
        }
    }

    /// What another program does, durably and without a fault.
    pub(super) fn write_foreign(&mut self, path: &str, bytes: &[u8]) {
        let mut at = 0;
        let parts: Vec<&str> = path.split('/').collect();
        let (file, directories) = parts.split_last().unwrap();
        for name in directories {
            at = match self.lookup(at, name) {
                Ok(inode) => inode,
                Err(_) => self.add_durably(at, name, directory()),
            };
        }
        let node = Node::File { cached: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() };
        self.add_durably(at, file, node);
    }

    fn add_durably(&mut self, parent: usize, name: &str, node: Node) -> usize {
        self.clock += 1;
        let inode = self.make(node);
        self.inodes[parent].modified = self.clock;
        if let Node::Directory { cached, durable, .. } = &mut self.inodes[parent].node {
            cached.insert(name.to_string(), inode);
            durable.insert(name.to_string(), inode);
        }
        inode
    }

    /// The files below a directory, and their content.
    pub(super) fn files(&self, path: &str) -> Vec<(String, Vec<u8>)> {
        let found = path.split('/').try_fold(0, |at, name| self.lookup(at, name));
        let mut files = Vec::new();
        if let Ok(inode) = found {
            self.collect(inode, "", &mut files);
        }
        files
    }

    fn collect(&self, inode: usize, path: &str, files: &mut Vec<(String, Vec<u8>)>) {
        match &self.inodes[inode].node {
            Node::File { cached, .. } => files.push((path.to_string(), cached.clone())),
            Node::Directory { cached, .. } => {
                for (name, inode) in cached {
                    self.collect(*inode, &alloc::format!("{path}/{name}"), files);
                }
            }
        }
    }
}

fn directory() -> Node {
    Node::Directory { cached: BTreeMap::new(), durable: BTreeMap::new(), pending: Vec::new() }
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// A write survives, or not, or in part.
fn surviving(change: FileChange, survives: Survives, random: &mut u64) -> Option<FileChange> {
    match (survives, change) {
        (Survives::Nothing, _) => None,
        (Survives::Everything, change) => Some(change),
        (Survives::Some(_), FileChange::Write(offset, mut bytes)) => match next(random) % 4 {
            0 => None,
            1 => Some(FileChange::Write(offset, bytes)),
            2 => {
                let length = usize::try_from(next(random)).unwrap() % (bytes.len() + 1);
                bytes.truncate(length);
                Some(FileChange::Write(offset, bytes))
            }
            // The length is there and the bytes are not, or not all.
            _ => {
                let hole = usize::try_from(next(random)).unwrap() % (bytes.len() + 1);
                bytes.iter_mut().take(hole).for_each(|byte| *byte = 0);
                Some(FileChange::Write(offset, bytes))
            }
        },
        (Survives::Some(_), change) => next(random).is_multiple_of(2).then_some(change),
    }
}

fn change_file(content: &mut Vec<u8>, change: &FileChange) {
    match change {
        FileChange::Write(offset, bytes) => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
        FileChange::Truncate(length) => content.resize(*length, 0),
    }
}

fn change_directory(content: &mut BTreeMap<String, usize>, change: &DirectoryChange) {
    match change {
        DirectoryChange::Set(name, inode) => drop(content.insert(name.clone(), *inode)),
        DirectoryChange::Unset(name) => drop(content.remove(name)),
        DirectoryChange::Rename(from, to, inode) => {
            content.remove(from);
            content.insert(to.clone(), *inode);
        }
    }
}

/// The machine, as one process sees it.
pub(super) struct ModelDisk {
    pub(super) world: Arc<Mutex<World>>,
    process: u64,
    /// Whether its calls count, and fail as planned.
    is_watched: bool,
}

/// Something that a process has open.
pub(super) struct Handle {
    world: Arc<Mutex<World>>,
    inode: usize,
    number: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Ok(mut world) = self.world.lock() {
            let number = self.number;
            world.locks.retain(|(_, handle, ..)| *handle != number);
        }
    }
}

impl ModelDisk {
    pub(super) fn new(world: &Arc<Mutex<World>>, is_watched: bool) -> Self {
        let process = {
            let mut world = world.lock().unwrap();
            world.next += 1;
            world.next
        };
        Self { world: Arc::clone(world), process, is_watched }
    }

    fn call<T>(&self, name: &'static str, work: impl FnOnce(&mut World) -> DiskResult<T>) -> DiskResult<T> {
        let mut guard = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let world: &mut World = &mut guard;
        if world.dead.contains(&self.process) {
            return Err(Errno::IO);
        }
        world.clock += 1;
        if !self.is_watched {
            return work(world);
        }
        world.calls += 1;
        let Some((at, fault)) = world.plan else { return work(world) };
        if world.calls < at || (world.calls > at && fault != Fault::Broken) {
            return work(world);
        }
        if world.calls == at {
            world.last_call = name;
        }
        match fault {
            Fault::KillBefore => world.kill(self.process),
            Fault::KillAfter => {
                drop(work(world));
                world.kill(self.process);
            }
            // Locks are the system's own, and no disk takes part.
            Fault::Fail(_) | Fault::FailDone | Fault::Broken if matches!(name, "try_lock" | "unlock") => {
                return work(world);
            }
            Fault::Fail(error) => return Err(error),
            Fault::FailDone => drop(work(world)),
            Fault::Short => return work(world),
            Fault::Broken => {}
            Fault::CutBefore => world.power_cut(),
            Fault::CutAfter => {
                drop(work(world));
                world.power_cut();
            }
        }
        Err(Errno::IO)
    }

    fn handle(&self, guard: &mut MutexGuard<'_, World>, inode: usize) -> Handle {
        guard.next += 1;
        Handle { world: Arc::clone(&self.world), inode, number: guard.next }
    }

    fn opened(&self, inode: DiskResult<usize>) -> DiskResult<Handle> {
        let inode = inode?;
        Ok(self.handle(&mut self.world.lock().unwrap(), inode))
    }

    /// Whether a sync is to fail: what it was to make durable is given up.
    fn fails_here(&self) -> bool {
        let world = self.world.lock().unwrap();
        let is_at = |(at, fault): (u64, Fault)| {
            let fails = matches!(fault, Fault::Fail(_) | Fault::Broken);
            fails && (world.calls + 1 == at || (fault == Fault::Broken && world.calls + 1 > at))
        };
        self.is_watched && world.plan.is_some_and(is_at)
    }

    fn shortens_here(&self) -> bool {
        let mut world = self.world.lock().unwrap();
        let is_here = self.is_watched && world.plan == Some((world.calls + 1, Fault::Short));
        if is_here {
            // The next call finds no room.
            world.plan = Some((world.calls + 2, Fault::Fail(Errno::NOSPC)));
            world.last_call = "short write";
        }
        is_here
    }
}

impl Disk for ModelDisk {
    type Dir = Handle;
    type File = Handle;

    fn root(&self) -> DiskResult<Handle> {
        self.opened(self.call("root", |_| Ok(0)))
    }

    fn open_dir(&self, parent: &Handle, name: &str) -> DiskResult<Handle> {
        self.opened(self.call("open_dir", |world| {
            let inode = world.lookup(parent.inode, name)?;
            match world.inodes[inode].node {
                Node::Directory { .. } => Ok(inode),
                Node::File { .. } => Err(Errno::NOTDIR),
            }
        }))
    }

    fn make_dir(&self, parent: &Handle, name: &str) -> DiskResult<()> {
        self.call("make_dir", |world| match world.lookup(parent.inode, name) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => {
                let inode = world.make(directory());
                world.change(parent.inode, DirectoryChange::Set(name.to_string(), inode));
                Ok(())
            }
        })
    }

    fn remove_dir(&self, parent: &Handle, name: &str) -> DiskResult<()> {
        self.call("remove_dir", |world| {
            let inode = world.lookup(parent.inode, name)?;
            match &world.inodes[inode].node {
                Node::Directory { cached, .. } if cached.is_empty() => {
                    world.change(parent.inode, DirectoryChange::Unset(name.to_string()));
                    Ok(())
                }
                _ => Err(Errno::NOTEMPTY),
            }
        })
    }

    fn sync_dir(&self, dir: &Handle) -> DiskResult<()> {
        self.call("sync_dir", |world| {
            if let Node::Directory { durable, pending, .. } = &mut world.inodes[dir.inode].node {
                core::mem::take(pending).iter().for_each(|change| change_directory(durable, change));
            }
            Ok(())
        })
    }

    fn list(&self, dir: &Handle) -> DiskResult<Vec<Listed>> {
        self.call("list", |world| match &world.inodes[dir.inode].node {
            Node::Directory { cached, .. } => Ok(cached
                .iter()
                .map(|(name, inode)| Listed { name: name.clone().into_bytes(), inode: *inode as u64 })
                .collect()),
            Node::File { .. } => Err(Errno::NOTDIR),
        })
    }

    fn stat_dir(&self, dir: &Handle) -> DiskResult<Stat> {
        self.call("stat_dir", |world| Ok(world.stat(dir.inode)))
    }

    fn stat_at(&self, dir: &Handle, name: &str) -> DiskResult<Stat> {
        self.call("stat_at", |world| world.lookup(dir.inode, name).map(|inode| world.stat(inode)))
    }

    fn open(&self, dir: &Handle, name: &str, access: Access) -> DiskResult<Handle> {
        self.opened(self.call("open", |world| match world.lookup(dir.inode, name) {
            Err(Errno::NOENT) if access == Access::Append => {
                let inode = world.make(empty_file());
                world.change(dir.inode, DirectoryChange::Set(name.to_string(), inode));
                Ok(inode)
            }
            found => found,
        }))
    }

    fn create(&self, dir: &Handle, name: &str) -> DiskResult<Handle> {
        self.opened(self.call("create", |world| match world.lookup(dir.inode, name) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => {
                let inode = world.make(empty_file());
                world.change(dir.inode, DirectoryChange::Set(name.to_string(), inode));
                Ok(inode)
            }
        }))
    }

    fn stat(&self, file: &Handle) -> DiskResult<Stat> {
        self.call("stat", |world| Ok(world.stat(file.inode)))
    }

    fn read(&self, file: &Handle, offset: u64, into: &mut [u8]) -> DiskResult<usize> {
        self.call("read", |world| {
            let Node::File { cached, .. } = &world.inodes[file.inode].node else { return Err(Errno::ISDIR) };
            let rest = cached.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn write(&self, file: &Handle, offset: u64, bytes: &[u8]) -> DiskResult<usize> {
        let written = if self.shortens_here() { &bytes[..bytes.len() / 2] } else { bytes };
        self.call("write", |world| {
            let change = FileChange::Write(usize::try_from(offset).unwrap(), written.to_vec());
            world.change_file(file.inode, change);
            Ok(written.len())
        })
    }

    fn append(&self, file: &Handle, bytes: &[u8]) -> DiskResult<usize> {
        self.call("append", |world| {
            let end = usize::try_from(world.stat(file.inode).size).unwrap();
            world.change_file(file.inode, FileChange::Write(end, bytes.to_vec()));
            Ok(bytes.len())
        })
    }

    fn truncate(&self, file: &Handle, length: u64) -> DiskResult<()> {
        self.call("truncate", |world| {
            world.change_file(file.inode, FileChange::Truncate(usize::try_from(length).unwrap()));
            Ok(())
        })
    }

    fn sync(&self, file: &Handle) -> DiskResult<()> {
        let fails = self.fails_here();
        {
            let mut world = self.world.lock().unwrap();
            world.was_synced_again |= world.unsynced.contains(&file.inode);
            if fails {
                world.unsynced.insert(file.inode);
                if let Node::File { pending, .. } = &mut world.inodes[file.inode].node {
                    pending.clear();
                }
            }
        }
        self.call("sync", |world| {
            if let Node::File { durable, pending, .. } = &mut world.inodes[file.inode].node {
                core::mem::take(pending).iter().for_each(|change| change_file(durable, change));
            }
            Ok(())
        })
    }

    fn rename(&self, dir: &Handle, from: &str, to: &str) -> DiskResult<()> {
        self.call("rename", |world| {
            let inode = world.lookup(dir.inode, from)?;
            world.change(dir.inode, DirectoryChange::Rename(from.to_string(), to.to_string(), inode));
            Ok(())
        })
    }

    fn rename_new(&self, dir: &Handle, from: &str, to: &str) -> DiskResult<()> {
        self.call("rename_new", |world| {
            let inode = world.lookup(dir.inode, from)?;
            if world.lookup(dir.inode, to).is_ok() {
                return Err(Errno::EXIST);
            }
            world.change(dir.inode, DirectoryChange::Rename(from.to_string(), to.to_string(), inode));
            Ok(())
        })
    }

    fn unlink(&self, dir: &Handle, name: &str) -> DiskResult<()> {
        self.call("unlink", |world| {
            let inode = world.lookup(dir.inode, name)?;
            if matches!(world.inodes[inode].node, Node::Directory { .. }) {
                return Err(Errno::ISDIR);
            }
            world.change(dir.inode, DirectoryChange::Unset(name.to_string()));
            Ok(())
        })
    }

    fn try_lock(&self, file: &Handle, lock: Lock) -> DiskResult<bool> {
        self.call("try_lock", |world| {
            let excludes = |(inode, handle, _, other): &(usize, u64, u64, Lock)| {
                let both_shared = lock == Lock::Shared && *other == Lock::Shared;
                *inode == file.inode && *handle != file.number && !both_shared
            };
            if world.locks.iter().any(excludes) {
                return Ok(false);
            }
            world.locks.retain(|(_, handle, ..)| *handle != file.number);
            world.locks.push((file.inode, file.number, self.process, lock));
            Ok(true)
        })
    }

    fn unlock(&self, file: &Handle) -> DiskResult<()> {
        self.call("unlock", |world| {
            world.locks.retain(|(_, handle, ..)| *handle != file.number);
            Ok(())
        })
    }

    fn owner(&self) -> u32 {
        1000
    }

    fn random(&self) -> DiskResult<[u8; 16]> {
        self.call("random", |world| {
            let (one, other) = (next(&mut world.random), next(&mut world.random));
            Ok(((u128::from(one) << 64) | u128::from(other)).to_be_bytes())
        })
    }

    fn seconds(&self) -> i64 {
        self.world.lock().unwrap().clock
    }

    fn pause(&self, _: u64) {}
}

fn empty_file() -> Node {
    Node::File { cached: Vec::new(), durable: Vec::new(), pending: Vec::new() }
}
