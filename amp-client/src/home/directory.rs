//! A directory of the home, opened once and reached by its descriptor: no link is followed, no other user is trusted
//! (local mailbox).

use alloc::borrow::Cow;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use amp_core::SecretText;
use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::error::{damaged, failed, is_unsafe, key_is_unsafe, refused};
use crate::error::Error;

/// Names that are read of one directory.
const NAMES_MAX: usize = 100_000;

/// Nobody writes a file for so long that has not left it behind.
const LEFT_BEHIND_SECONDS: i64 = 60;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// The owner alone: it holds a secret.
    Owner,
    /// Anybody: it holds none.
    Anybody,
}

impl Readers {
    const fn mode(self) -> Mode {
        match self {
            Self::Owner => Mode::from_raw_mode(0o600),
            Self::Anybody => Mode::from_raw_mode(0o644),
        }
    }

    /// What others must not be able to do.
    const fn forbidden(self) -> Mode {
        match self {
            Self::Owner => Mode::from_raw_mode(0o077),
            Self::Anybody => OTHERS_WRITE,
        }
    }
}

const OTHERS_WRITE: Mode = Mode::from_raw_mode(0o022);

/// What became of a file that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was made.
    New,
    /// There was one of this name, and it was left as it is.
    WasThere,
}

/// An open directory that belongs to this user, and into which no other may write.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
}

/// Held until it is dropped, or until the process ends however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _fd: OwnedFd,
}

impl Directory {
    /// Opens a directory where the user said that it lies. Its own path may lead over links: the user chose it.
    pub(super) fn at(path: &Path) -> Result<Option<Self>, Error> {
        match fs::open(path, directory_flags() & !OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Self::checked(fd).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("opening it", errno)),
        }
    }

    /// As [`at`](Self::at), and makes it, with mode 0700, where there is none.
    pub(super) fn at_or_new(path: &Path) -> Result<Self, Error> {
        if let Some(directory) = Self::at(path)? {
            return Ok(directory);
        }
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path).map_err(|error| failed("making it", errno_of(&error)))?;
        Self::at(path)?.ok_or_else(|| failed("opening it", Errno::NOENT))
    }

    /// A directory below, if there is one.
    pub(super) fn below(&self, name: &str) -> Result<Option<Self>, Error> {
        match fs::openat(&self.fd, name, directory_flags(), Mode::empty()) {
            Ok(fd) => Self::checked(fd).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(is_unsafe("a directory that is a link or a file")),
            Err(errno) => Err(failed("opening a directory", errno)),
        }
    }

    /// A directory below, made with mode 0700 where there is none.
    pub(super) fn below_or_new(&self, name: &str) -> Result<Self, Error> {
        match fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("making a directory", errno)),
        }
        self.below(name)?.ok_or_else(|| failed("opening a directory", Errno::NOENT))
    }

    fn checked(fd: OwnedFd) -> Result<Self, Error> {
        let stat = fs::fstat(&fd).map_err(|errno| failed("looking at a directory", errno))?;
        if !is_own(&stat) {
            return Err(is_unsafe("a directory of another user"));
        }
        if mode_of(&stat).intersects(OTHERS_WRITE) {
            return Err(is_unsafe("a directory that others may write, `chmod go-w` closes it"));
        }
        Ok(Self { fd })
    }

    /// The text of a file, if there is one: a regular file of one name and at most `max` bytes, that belongs to this user
    /// and that nobody else may write, nor read if it is a secret.
    pub(super) fn read(&self, name: &str, max: usize, readers: Readers) -> Result<Option<SecretText>, Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(is_unsafe("a file that is a link")),
            Err(errno) => return Err(failed("opening a file", errno)),
        };
        let stat = fs::fstat(&fd).map_err(|errno| failed("looking at a file", errno))?;
        check_file(&stat, readers)?;
        // Nothing is left behind by a buffer that grows.
        let mut bytes = Vec::with_capacity(max.saturating_add(2));
        let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
        let read = File::from(fd).take(limit).read_to_end(&mut bytes);
        read.map_err(|error| failed("reading a file", errno_of(&error)))?;
        if bytes.len() > max {
            return Err(damaged("a file larger than such files are"));
        }
        let text = String::from_utf8(bytes).map_err(|_| damaged("a file that is not UTF-8"))?;
        Ok(Some(SecretText::new(text)))
    }

    /// Replaces a file, or makes it: whoever reads it sees the old text or the new one, also after a crash.
    pub(super) fn write(&self, name: &str, text: &str, readers: Readers) -> Result<(), Error> {
        let temporary = self.temporary(text, readers)?;
        match fs::renameat(&self.fd, &temporary, &self.fd, name) {
            Ok(()) => self.sync(),
            Err(errno) => {
                self.forget(&temporary);
                Err(failed("naming a file", errno))
            }
        }
    }

    /// Makes a file, whole and durable, unless there is one of this name.
    pub(super) fn place(&self, name: &str, text: &str, readers: Readers) -> Result<Placed, Error> {
        let temporary = self.temporary(text, readers)?;
        let linked = fs::linkat(&self.fd, &temporary, &self.fd, name, AtFlags::empty());
        self.forget(&temporary);
        match linked {
            Ok(()) => self.sync().map(|()| Placed::New),
            Err(Errno::EXIST) => Ok(Placed::WasThere),
            Err(errno) => Err(failed("naming a file", errno)),
        }
    }

    /// A synced file with a name that nobody else has.
    fn temporary(&self, text: &str, readers: Readers) -> Result<String, Error> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = temporary_name()?;
        let fd = fs::openat(&self.fd, &name, flags, readers.mode())
            .map_err(|errno| failed("making a file", errno))?;
        let mut file = File::from(fd);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            self.forget(&name);
            return Err(failed("writing a file", errno_of(&error)));
        }
        Ok(name)
    }

    /// Gives a file another name of this directory, in place of what had it.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        fs::renameat(&self.fd, from, &self.fd, to).map_err(|errno| failed("renaming a file", errno))?;
        self.sync()
    }

    /// Removes a file. Gives false when there was none.
    pub(super) fn remove(&self, name: &str) -> Result<bool, Error> {
        match fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) => self.sync().map(|()| true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed("removing a file", errno)),
        }
    }

    /// Whether there is anything of this name.
    pub(super) fn has(&self, name: &str) -> Result<bool, Error> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed("looking for a file", errno)),
        }
    }

    /// Where a link of this name leads, if it is one and leads to a name in this same directory.
    pub(super) fn link(&self, name: &str) -> Option<String> {
        let target = fs::readlinkat(&self.fd, name, Vec::new()).ok()?.into_string().ok()?;
        is_entry_name(&target).then_some(target)
    }

    /// The names in the directory that are UTF-8, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let fail = |errno| failed("listing a directory", errno);
        let entries = fs::Dir::read_from(&self.fd).map_err(fail)?;
        let mut names = Vec::new();
        for entry in entries.take(NAMES_MAX) {
            if let Ok(name) = entry.map_err(fail)?.file_name().to_str() {
                names.push(name.to_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes what whoever was killed while writing has left behind: half a secret is one too.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        let now = crate::clock::now().unix_seconds();
        for name in self.names()?.iter().filter(|name| is_temporary(name)) {
            let age = fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                .map(|stat| now.saturating_sub(stat.st_mtime))
                .unwrap_or_default();
            if age >= LEFT_BEHIND_SECONDS {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    /// Waits until nobody else holds the lock of this directory.
    pub(super) fn lock(&self) -> Result<Lock, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fail = |errno| failed("locking it", errno);
        let fd = fs::openat(&self.fd, ".amp.lock", flags, Readers::Owner.mode()).map_err(fail)?;
        rustix::io::retry_on_intr(|| fs::flock(&fd, FlockOperation::LockExclusive)).map_err(fail)?;
        Ok(Lock { _fd: fd })
    }

    fn sync(&self) -> Result<(), Error> {
        fs::fsync(&self.fd).map_err(|errno| failed("syncing a directory", errno))
    }

    /// One that is left behind all the same is swept up where it may hold a secret.
    fn forget(&self, name: &str) {
        let _ = fs::unlinkat(&self.fd, name, AtFlags::empty());
    }
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn check_file(stat: &Stat, readers: Readers) -> Result<(), Error> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(is_unsafe("a file that is no regular file"));
    }
    // One that was replaced since it was opened has no name left, and is whole.
    if stat.st_nlink > 1 {
        return Err(is_unsafe("a file with a second name"));
    }
    if !is_own(stat) {
        return Err(is_unsafe("a file of another user"));
    }
    if !mode_of(stat).intersects(readers.forbidden()) {
        return Ok(());
    }
    Err(match readers {
        Readers::Owner => key_is_unsafe(mode_of(stat)),
        Readers::Anybody => is_unsafe("a file that others may write, `chmod go-w` closes it"),
    })
}

fn is_own(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw()
}

fn mode_of(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode)
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// Whether a text can only name an entry of the directory in which it is used.
pub(super) fn is_entry_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

/// As the deployed clients name the directory of an address: `@` and `.` become `_`, what else is no letter, digit, `_`
/// or `-` is left out. Different addresses may share one.
pub(super) fn directory_of(address: &str) -> Cow<'_, str> {
    let kept = address.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-'));
    Cow::Owned(kept.map(|c| if matches!(c, '@' | '.') { '_' } else { c }).collect())
}

fn is_temporary(name: &str) -> bool {
    let digits = name.strip_prefix(".amp-").and_then(|rest| rest.strip_suffix(".tmp"));
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn temporary_name() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| refused("the system gives no random numbers"))?;
    let digits = u128::from_be_bytes(random);
    Ok(alloc::format!(".amp-{digits:032x}.tmp"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn a58_what_names_an_entry_names_one_of_this_directory(text in ".{0,20}|[./\\\\a-z_-]{0,12}") {
            if is_entry_name(&text) {
                let path = Path::new("here").join(&text);
                prop_assert_eq!(path.parent(), Some(Path::new("here")));
                prop_assert!(text != "." && text != "..");
            }
            let directory = directory_of(&text);
            prop_assert!(directory.is_empty() || is_entry_name(&directory) || directory.len() > 128);
        }
    }

    #[test]
    fn addresses_name_their_directories_as_the_deployed_clients_do() {
        for (address, directory) in [
            ("alice@acme.crabmail.ai", "alice_acme_crabmail_ai"),
            ("back-end_1@x.github.acme.crabmail.ai", "back-end_1_x_github_acme_crabmail_ai"),
            ("a/../b@x.y", "a__b_x_y"),
        ] {
            assert_eq!(directory_of(address), directory);
        }
    }
}
