//! What goes wrong with the files of a home, in our words (local mailbox).

use rustix::fs::Mode;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind};
use crate::store::{StoreError, StoreErrorKind};

/// The operating system refused.
pub(super) fn failed(step: &'static str, errno: Errno) -> Error {
    let kind = match errno {
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::Full,
        Errno::ACCESS | Errno::PERM => StoreErrorKind::Refused,
        _ => StoreErrorKind::Io,
    };
    of_store(kind, step, Some(std::io::Error::from(errno)))
}

/// A file is not what it should be.
pub(super) fn damaged(step: &'static str) -> Error {
    of_store(StoreErrorKind::Damaged, step, None::<StoreError>)
}

/// A file cannot be read, for a reason of its own.
pub(super) fn unreadable(
    step: &'static str,
    source: impl core::error::Error + Send + Sync + 'static,
) -> Error {
    of_store(StoreErrorKind::Damaged, step, Some(source))
}

/// Others have access.
pub(super) fn is_unsafe(step: &'static str) -> Error {
    of_store(StoreErrorKind::Unsafe, step, None::<StoreError>)
}

/// Others have access to a secret.
pub(super) fn key_is_unsafe(mode: Mode) -> Error {
    let step = "a file with a secret may be read or written by others, `chmod 600` closes it";
    Error::new(ErrorKind::Key, alloc::format!("{step} (mode {:o})", mode.bits() & 0o7777))
}

/// The home is not set up for what was asked.
pub(super) fn refused(step: &'static str) -> Error {
    Error::new(ErrorKind::Setup, step)
}

fn of_store(
    kind: StoreErrorKind,
    step: &'static str,
    source: Option<impl core::error::Error + Send + Sync + 'static>,
) -> Error {
    let error = StoreError::new(kind, step);
    let error = match source {
        Some(source) => error.because(source),
        None => error,
    };
    Error::new(ErrorKind::Store, "the home").because(error)
}
