//! What the mailbox asks of the operating system, and nothing else does (local mailbox).
//!
//! Every call goes through [`Disk`], so that a model can fail, kill and forget at each of them in turn.

use alloc::vec::Vec;

pub(super) use rustix::io::Errno;

/// What the operating system answers.
pub(super) type DiskResult<T> = Result<T, Errno>;

/// The operating system. Names are single components, relative to an open directory; links are never followed.
pub(super) trait Disk: Send + Sync + 'static {
    /// An open directory.
    type Dir: Send + Sync;
    /// An open file.
    type File: Send + Sync;

    /// The directory that the mailbox lies in.
    fn root(&self) -> DiskResult<Self::Dir>;
    fn open_dir(&self, parent: &Self::Dir, name: &str) -> DiskResult<Self::Dir>;
    /// Makes a directory that only its owner can enter.
    fn make_dir(&self, parent: &Self::Dir, name: &str) -> DiskResult<()>;
    fn remove_dir(&self, parent: &Self::Dir, name: &str) -> DiskResult<()>;
    fn sync_dir(&self, dir: &Self::Dir) -> DiskResult<()>;
    fn list(&self, dir: &Self::Dir) -> DiskResult<Vec<Listed>>;
    fn stat_dir(&self, dir: &Self::Dir) -> DiskResult<Stat>;
    /// What a name stands for; a link is itself.
    fn stat_at(&self, dir: &Self::Dir, name: &str) -> DiskResult<Stat>;

    /// Opens a file, never waiting for somebody at its other end.
    fn open(&self, dir: &Self::Dir, name: &str, access: Access) -> DiskResult<Self::File>;
    /// Makes a file that only its owner can read and write, which was not there before.
    fn create(&self, dir: &Self::Dir, name: &str) -> DiskResult<Self::File>;
    fn stat(&self, file: &Self::File) -> DiskResult<Stat>;
    /// Reads at most as many bytes as there is room for; none at the end.
    fn read(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> DiskResult<usize>;
    /// Writes at most all of the bytes.
    fn write(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> DiskResult<usize>;
    /// Writes behind the end, in one piece where the system can.
    fn append(&self, file: &Self::File, bytes: &[u8]) -> DiskResult<usize>;
    fn truncate(&self, file: &Self::File, length: u64) -> DiskResult<()>;
    fn sync(&self, file: &Self::File) -> DiskResult<()>;

    /// Gives a file another name in the same directory, taking the place of what had it.
    fn rename(&self, dir: &Self::Dir, from: &str, to: &str) -> DiskResult<()>;
    /// The same, unless there is something of that name: [`Errno::EXIST`].
    fn rename_new(&self, dir: &Self::Dir, from: &str, to: &str) -> DiskResult<()>;
    fn unlink(&self, dir: &Self::Dir, name: &str) -> DiskResult<()>;

    /// Takes a lock that ends with its holder; false when somebody else has one that excludes it.
    fn try_lock(&self, file: &Self::File, lock: Lock) -> DiskResult<bool>;
    fn unlock(&self, file: &Self::File) -> DiskResult<()>;

    /// Who runs the program.
    fn owner(&self) -> u32;
    /// Bytes that nobody else has.
    fn random(&self) -> DiskResult<[u8; 16]>;
    /// Seconds since 1970.
    fn seconds(&self) -> i64;
    /// Waits a moment, while somebody else has a lock or writes.
    fn pause(&self, milliseconds: u64);
}

/// For what a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
    /// To be written at its end; made if it is not there.
    Append,
}

/// Who is excluded by a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    Shared,
    Exclusive,
}

/// What something on disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// What the system says of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// Device and inode: the same thing as long as it is open.
    pub(super) node: (u64, u64),
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// Seconds and nanoseconds of the last change of its content.
    pub(super) modified: (i64, i64),
    pub(super) links: u64,
    pub(super) owner: u32,
    pub(super) mode: u32,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Any bytes but `/` and 0.
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
}

/// Reads until the room is full or the file ends.
pub(super) fn read_full<D: Disk>(
    disk: &D,
    file: &D::File,
    offset: u64,
    into: &mut [u8],
) -> DiskResult<usize> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match disk.read(file, offset.saturating_add(filled as u64), rest)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Writes all bytes.
pub(super) fn write_all<D: Disk>(disk: &D, file: &D::File, offset: u64, bytes: &[u8]) -> DiskResult<()> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match disk.write(file, offset.saturating_add(written as u64), rest)? {
            0 => return Err(Errno::IO),
            count => written += count,
        }
    }
    Ok(())
}
