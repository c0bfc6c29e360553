//! The operating system as it is: POSIX calls relative to open directories (local mailbox).

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::{self, Errno};
use rustix::process;

use super::disk::{Access, Disk, DiskResult, Kind, Listed, Lock, Stat};

/// The operating system, from one directory on.
pub(super) struct Posix {
    root: OwnedFd,
}

impl Posix {
    /// The mailbox in a directory, which is there.
    pub(super) fn new(root: &Path) -> DiskResult<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: fs::open(root, flags, Mode::empty())? })
    }
}

/// Without these, what is named could be elsewhere, or wait for somebody.
const SAFE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

const OWNER_DIRECTORY: Mode = Mode::RWXU;
const OWNER_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

impl Disk for Posix {
    type Dir = OwnedFd;
    type File = OwnedFd;

    fn root(&self) -> DiskResult<OwnedFd> {
        io::fcntl_dupfd_cloexec(&self.root, 0)
    }

    fn open_dir(&self, parent: &OwnedFd, name: &str) -> DiskResult<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
        again(|| fs::openat(parent, name, flags, Mode::empty()))
    }

    fn make_dir(&self, parent: &OwnedFd, name: &str) -> DiskResult<()> {
        fs::mkdirat(parent, name, OWNER_DIRECTORY)
    }

    fn remove_dir(&self, parent: &OwnedFd, name: &str) -> DiskResult<()> {
        fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
    }

    fn sync_dir(&self, dir: &OwnedFd) -> DiskResult<()> {
        fs::fsync(dir)
    }

    fn list(&self, dir: &OwnedFd) -> DiskResult<Vec<Listed>> {
        let mut listed = Vec::new();
        for entry in fs::Dir::read_from(dir)? {
            let entry = entry?;
            let name: CString = entry.file_name().into();
            if !matches!(name.as_bytes(), b"." | b"..") {
                listed.push(Listed { name: name.into_bytes(), inode: entry.ino() });
            }
        }
        Ok(listed)
    }

    fn stat_dir(&self, dir: &OwnedFd) -> DiskResult<Stat> {
        fs::fstat(dir).map(|stat| read_stat(&stat))
    }

    fn stat_at(&self, dir: &OwnedFd, name: &str) -> DiskResult<Stat> {
        fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| read_stat(&stat))
    }

    fn open(&self, dir: &OwnedFd, name: &str, access: Access) -> DiskResult<OwnedFd> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
            Access::Append => OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE,
        };
        again(|| fs::openat(dir, name, flags | SAFE, OWNER_FILE))
    }

    fn create(&self, dir: &OwnedFd, name: &str) -> DiskResult<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE;
        again(|| fs::openat(dir, name, flags, OWNER_FILE))
    }

    fn stat(&self, file: &OwnedFd) -> DiskResult<Stat> {
        fs::fstat(file).map(|stat| read_stat(&stat))
    }

    fn read(&self, file: &OwnedFd, offset: u64, into: &mut [u8]) -> DiskResult<usize> {
        again(|| io::pread(file, &mut *into, offset))
    }

    fn write(&self, file: &OwnedFd, offset: u64, bytes: &[u8]) -> DiskResult<usize> {
        again(|| io::pwrite(file, bytes, offset))
    }

    fn append(&self, file: &OwnedFd, bytes: &[u8]) -> DiskResult<usize> {
        again(|| io::write(file, bytes))
    }

    fn truncate(&self, file: &OwnedFd, length: u64) -> DiskResult<()> {
        again(|| fs::ftruncate(file, length))
    }

    fn sync(&self, file: &OwnedFd) -> DiskResult<()> {
        sync_file(file)
    }

    fn rename(&self, dir: &OwnedFd, from: &str, to: &str) -> DiskResult<()> {
        fs::renameat(dir, from, dir, to)
    }

    fn rename_new(&self, dir: &OwnedFd, from: &str, to: &str) -> DiskResult<()> {
        match rename_exclusively(dir, from, to) {
            // The file system does not know it: a second name, then away with the first.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::linkat(dir, from, dir, to, AtFlags::empty())?;
                fs::unlinkat(dir, from, AtFlags::empty())
            }
            done => done,
        }
    }

    fn unlink(&self, dir: &OwnedFd, name: &str) -> DiskResult<()> {
        fs::unlinkat(dir, name, AtFlags::empty())
    }

    fn try_lock(&self, file: &OwnedFd, lock: Lock) -> DiskResult<bool> {
        let operation = match lock {
            Lock::Shared => FlockOperation::NonBlockingLockShared,
            Lock::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        match again(|| fs::flock(file, operation)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn unlock(&self, file: &OwnedFd) -> DiskResult<()> {
        again(|| fs::flock(file, FlockOperation::Unlock))
    }

    fn owner(&self) -> u32 {
        process::geteuid().as_raw()
    }

    fn random(&self) -> DiskResult<[u8; 16]> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| Errno::IO)?;
        Ok(bytes)
    }

    fn seconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }

    fn pause(&self, milliseconds: u64) {
        thread::sleep(Duration::from_millis(milliseconds));
    }
}

/// A signal is no reason to give up, except where the call must not be made twice.
fn again<T>(mut call: impl FnMut() -> DiskResult<T>) -> DiskResult<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

/// On Apple's systems fsync leaves the data in the drive's memory.
#[cfg(target_vendor = "apple")]
fn sync_file(file: impl AsFd) -> DiskResult<()> {
    fs::fcntl_fullfsync(file)
}

#[cfg(not(target_vendor = "apple"))]
fn sync_file(file: impl AsFd) -> DiskResult<()> {
    fs::fsync(file)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_exclusively(dir: &OwnedFd, from: &str, to: &str) -> DiskResult<()> {
    fs::renameat_with(dir, from, dir, to, fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_exclusively(_: &OwnedFd, _: &str, _: &str) -> DiskResult<()> {
    Err(Errno::NOSYS)
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    clippy::cast_sign_loss,
    reason = "the widths and signs differ between systems"
)]
fn read_stat(stat: &fs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    };
    Stat {
        node: (stat.st_dev as u64, stat.st_ino as u64),
        kind,
        size: stat.st_size as u64,
        modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        links: stat.st_nlink as u64,
        owner: stat.st_uid,
        mode: stat.st_mode as u32 & 0o7777,
    }
}
