//! What lies in a folder, kept in memory and made true again by what changed since (local mailbox).
//!
//! A directory is read again when its time of change is another, or was too recent to tell; a file when its inode is
//! another. Programs that write into a file in place change neither: the files that are about to be shown are looked at
//! one by one.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::collections::{HashMap, HashSet};

use amp_core::envelope::Status;

use super::disk::{Disk, DiskResult, Errno, Kind, Listed, Stat};
use super::files::{Found, odd_directory, read_in, split};
use super::names::is_unfinished;
use super::odd::{Oddities, OddityKind};
use super::order::Order;
use crate::store::{Cursor, Folder, Query, Summary};

/// File systems tell times apart that lie this far from each other, in seconds.
const SETTLED_SECONDS: i64 = 2;

/// What lies in a folder.
pub(super) struct FolderIndex {
    folder: Folder,
    /// By the directory's name; the folder itself is the empty one.
    directories: HashMap<Arc<str>, Directory>,
    order: Order,
    /// What was found since it was last asked.
    fresh: BTreeSet<Arc<str>>,
    pub(super) oddities: Oddities,
}

#[derive(Default)]
struct Directory {
    /// Its node and the time of its last change, when that was long enough ago.
    settled: Option<Stamp>,
    files: HashMap<Arc<str>, File>,
}

/// Tells whether something is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    node: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    const fn of(stat: &Stat) -> Self {
        Self { node: stat.node, size: stat.size, modified: stat.modified }
    }
}

enum File {
    Message {
        stamp: Stamp,
        summary: Arc<Summary>,
    },
    /// Skipped, and read again when it has changed.
    Odd {
        inode: u64,
        stamp: Option<Stamp>,
    },
}

impl File {
    const fn inode(&self) -> u64 {
        match self {
            Self::Message { stamp, .. } => stamp.node.1,
            Self::Odd { inode, .. } => *inode,
        }
    }
}

impl FolderIndex {
    pub(super) fn new(folder: Folder) -> Self {
        Self {
            folder,
            directories: HashMap::new(),
            order: Order::default(),
            fresh: BTreeSet::new(),
            oddities: Oddities::default(),
        }
    }

    /// Reads what changed.
    pub(super) fn refresh<D: Disk>(&mut self, disk: &D, folder: &D::Dir) -> DiskResult<()> {
        let subdirectories = self.refresh_directory(disk, folder, &Arc::from(""))?;
        if let Some(names) = subdirectories {
            let names: HashSet<Arc<str>> = names.into_iter().collect();
            let gone = |name: &Arc<str>| !name.is_empty() && !names.contains(name);
            let gone: Vec<Arc<str>> = self.directories.keys().filter(|name| gone(name)).cloned().collect();
            gone.iter().for_each(|name| self.forget_directory(name));
            for name in names {
                self.directories.entry(name).or_default();
            }
        }
        let names: Vec<Arc<str>> = self.directories.keys().filter(|name| !name.is_empty()).cloned().collect();
        for name in names {
            match disk.open_dir(folder, &name) {
                Ok(directory) => {
                    self.oddities.forget(&name);
                    self.refresh_directory(disk, &directory, &name)?;
                }
                Err(Errno::NOENT) => self.forget_directory(&name),
                Err(error) => {
                    let is_link = disk.stat_at(folder, &name).is_ok_and(|stat| stat.kind == Kind::Link);
                    let kind = if is_link { OddityKind::Link } else { odd_directory(error)? };
                    self.forget_files(&name);
                    self.oddities.note(&name, kind);
                }
            }
        }
        Ok(())
    }

    /// Reads a directory if it changed. Gives the names in it that may be directories, if it was read.
    fn refresh_directory<D: Disk>(
        &mut self,
        disk: &D,
        directory: &D::Dir,
        name: &Arc<str>,
    ) -> DiskResult<Option<Vec<Arc<str>>>> {
        let stat = disk.stat_dir(directory)?;
        let stamp = Stamp::of(&stat);
        let known = self.directories.entry(Arc::clone(name)).or_default();
        let is_settled = known.settled == Some(stamp);
        self.look_at_odd_files(disk, directory, name)?;
        if is_settled {
            return Ok(None);
        }
        let known = self.directories.entry(Arc::clone(name)).or_default();
        known.settled = None;
        let listed = disk.list(directory)?;
        let subdirectories = self.take_list(disk, directory, name, listed)?;
        let is_settled = stat.modified.0 < disk.seconds().saturating_sub(SETTLED_SECONDS);
        if let Some(known) = self.directories.get_mut(name).filter(|_| is_settled) {
            known.settled = Some(stamp);
        }
        Ok(Some(subdirectories))
    }

    fn take_list<D: Disk>(
        &mut self,
        disk: &D,
        directory: &D::Dir,
        parent: &Arc<str>,
        listed: Vec<Listed>,
    ) -> DiskResult<Vec<Arc<str>>> {
        let mut there: HashSet<Arc<str>> = HashSet::with_capacity(listed.len());
        let mut subdirectories = Vec::new();
        for entry in listed {
            let Ok(file) = String::from_utf8(entry.name) else {
                self.oddities.note(parent, OddityKind::NotAName);
                continue;
            };
            if file.starts_with('.') && !is_unfinished(&file) {
                continue;
            }
            if file.ends_with(".json") {
                let name = full_name(parent, &file);
                if self.inode_of(parent, &name) != Some(entry.inode) {
                    self.read_file(disk, directory, &name, entry.inode)?;
                }
                there.insert(name);
            } else if parent.is_empty() && !is_unfinished(&file) {
                subdirectories.push(Arc::from(file));
            }
        }
        let known = self.directories.get(parent);
        let gone =
            known.into_iter().flat_map(|known| known.files.keys()).filter(|name| !there.contains(*name));
        let gone: Vec<Arc<str>> = gone.cloned().collect();
        gone.iter().for_each(|name| self.forget_file(name));
        Ok(subdirectories)
    }

    fn look_at_odd_files<D: Disk>(
        &mut self,
        disk: &D,
        directory: &D::Dir,
        parent: &Arc<str>,
    ) -> DiskResult<()> {
        let Some(known) = self.directories.get(parent) else { return Ok(()) };
        let odd = known.files.iter().filter_map(|(name, file)| match file {
            File::Odd { stamp: Some(stamp), .. } => Some((Arc::clone(name), *stamp)),
            _ => None,
        });
        for (name, stamp) in odd.collect::<Vec<_>>() {
            match disk.stat_at(directory, split(&name).1) {
                Ok(stat) if Stamp::of(&stat) == stamp => {}
                Ok(stat) => self.read_file(disk, directory, &name, stat.node.1)?,
                Err(Errno::NOENT) => self.forget_file(&name),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_file<D: Disk>(
        &mut self,
        disk: &D,
        directory: &D::Dir,
        name: &Arc<str>,
        inode: u64,
    ) -> DiskResult<()> {
        let file = split(name).1;
        // Taken before it is read: what changes meanwhile is noticed afterwards.
        let before = disk.stat_at(directory, file).map(|stat| Stamp::of(&stat)).ok();
        let found = match read_in(disk, directory, self.folder, name, file) {
            Ok(found) => found,
            // What the disk does not give of one file does not hide the others.
            Err(_) => Found::Odd(OddityKind::Unreadable),
        };
        match found {
            Found::Message(letter) => {
                let summary = Arc::new(Summary::of(self.folder, &letter.stored));
                self.put_message(name, Stamp::of(&letter.stat), summary);
            }
            Found::Nothing => self.forget_file(name),
            Found::Odd(kind) => {
                self.forget_file(name);
                self.oddities.note(name, kind);
                let odd = File::Odd { inode, stamp: before };
                self.directory_of(name).files.insert(Arc::clone(name), odd);
            }
        }
        Ok(())
    }

    fn put_message(&mut self, name: &Arc<str>, stamp: Stamp, summary: Arc<Summary>) {
        self.forget_file(name);
        self.order.insert(name, &summary);
        self.fresh.insert(Arc::clone(name));
        self.directory_of(name).files.insert(Arc::clone(name), File::Message { stamp, summary });
    }

    fn directory_of(&mut self, name: &str) -> &mut Directory {
        self.directories.entry(Arc::from(split(name).0.unwrap_or_default())).or_default()
    }

    fn file(&self, name: &str) -> Option<&File> {
        self.directories.get(split(name).0.unwrap_or_default())?.files.get(name)
    }

    fn inode_of(&self, parent: &str, name: &str) -> Option<u64> {
        self.directories.get(parent)?.files.get(name).map(File::inode)
    }

    fn forget_file(&mut self, name: &str) {
        self.oddities.forget(name);
        self.fresh.remove(name);
        if let Some(File::Message { summary, .. }) = self.directory_of(name).files.remove(name) {
            self.order.remove(name, &summary);
        }
    }

    fn forget_files(&mut self, directory: &str) {
        let files = self.directories.get(directory).into_iter().flat_map(|known| known.files.keys());
        for name in files.cloned().collect::<Vec<_>>() {
            self.forget_file(&name);
        }
        if let Some(known) = self.directories.get_mut(directory) {
            known.settled = None;
        }
    }

    fn forget_directory(&mut self, directory: &str) {
        self.forget_files(directory);
        self.oddities.forget(directory);
        self.directories.remove(directory);
    }

    /// What is known of a file, if it is a message.
    pub(super) fn summary(&self, name: &str) -> Option<&Summary> {
        match self.file(name)? {
            File::Message { summary, .. } => Some(summary),
            File::Odd { .. } => None,
        }
    }

    /// The messages that a query may want, newest first, from a place on.
    pub(super) fn newest<'a>(
        &'a self,
        query: &Query,
        after: Option<&Cursor>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Summary)> + use<'a> {
        self.order.newest(query, after)
    }

    /// The messages that have a status, as far as is known.
    pub(super) fn with_status(&self, status: Status) -> impl Iterator<Item = (&Arc<str>, &Summary)> {
        let query = Query { status: Some(status), ..Query::new(self.folder) };
        self.newest(&query, None).filter(move |(_, summary)| summary.status == status)
    }

    /// The names that were found since they were last [settled](Self::settle).
    pub(super) fn fresh(&self) -> Vec<Arc<str>> {
        self.fresh.iter().cloned().collect()
    }

    /// A name that was found needs no further look.
    pub(super) fn settle(&mut self, name: &str) {
        self.fresh.remove(name);
    }

    /// Looks at files again, directory by directory.
    pub(super) fn look_at_all<D: Disk>(
        &mut self,
        disk: &D,
        folder: &D::Dir,
        mut names: Vec<Arc<str>>,
    ) -> DiskResult<()> {
        names.sort_unstable();
        let mut open: Option<(String, D::Dir)> = None;
        for name in names {
            let Some(directory) = split(&name).0 else {
                self.look(disk, folder, &name)?;
                continue;
            };
            if open.as_ref().is_none_or(|(known, _)| known != directory) {
                open = disk.open_dir(folder, directory).ok().map(|opened| (directory.into(), opened));
            }
            match &open {
                Some((_, opened)) => self.look_in(disk, opened, &name)?,
                None => self.forget_file(&name),
            }
        }
        Ok(())
    }

    /// Looks at a file again, which somebody may have written into.
    pub(super) fn look<D: Disk>(&mut self, disk: &D, folder: &D::Dir, name: &Arc<str>) -> DiskResult<()> {
        let Some(directory) = split(name).0 else { return self.look_in(disk, folder, name) };
        match disk.open_dir(folder, directory) {
            Ok(directory) => self.look_in(disk, &directory, name),
            Err(_) => {
                self.forget_file(name);
                Ok(())
            }
        }
    }

    fn look_in<D: Disk>(&mut self, disk: &D, directory: &D::Dir, name: &Arc<str>) -> DiskResult<()> {
        let Some(File::Message { stamp, .. }) = self.file(name) else { return Ok(()) };
        let stamp = *stamp;
        match disk.stat_at(directory, split(name).1) {
            Ok(stat) if Stamp::of(&stat) == stamp => Ok(()),
            Ok(stat) => self.read_file(disk, directory, name, stat.node.1),
            Err(_) => {
                self.forget_file(name);
                Ok(())
            }
        }
    }
}

fn full_name(parent: &str, file: &str) -> Arc<str> {
    if parent.is_empty() { Arc::from(file) } else { alloc::format!("{parent}/{file}").into() }
}
