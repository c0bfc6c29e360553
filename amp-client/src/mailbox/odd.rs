//! What lies in a mailbox and is no message: skipped, and reported (local mailbox).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use amp_core::trust::Printable;

/// Most oddities that are remembered.
const ODDITIES_MAX: usize = 256;

/// Something in the mailbox that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Oddity {
    /// What is wrong with it.
    pub kind: OddityKind,
    /// Its name in the folder, made fit for people: at most 64 characters, none that controls a terminal.
    pub name: String,
}

/// What is wrong with something in the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OddityKind {
    /// A symbolic link. Links are never followed.
    Link,
    /// A file with several names: it may be somebody else's.
    HardLink,
    /// A directory, a pipe, a socket or a device.
    NotAFile,
    /// A file that somebody else owns.
    NotOurs,
    /// A file that is larger than any message.
    TooLarge,
    /// A file that may not be read, or that the disk did not give.
    Unreadable,
    /// An empty file, or one that holds no message: it may still be in the making, and is read again when it changes.
    NotAMessage,
    /// A message of another sender than the directory says, or under another id than the file's name.
    WrongPlace,
    /// A name that is no text.
    NotAName,
}

impl OddityKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "a symbolic link",
            Self::HardLink => "a file with several names",
            Self::NotAFile => "no regular file",
            Self::NotOurs => "somebody else's file",
            Self::TooLarge => "a file that is too large",
            Self::Unreadable => "a file that cannot be read",
            Self::NotAMessage => "no message, or not yet",
            Self::WrongPlace => "a message in the wrong place",
            Self::NotAName => "a name that is no text",
        }
    }
}

impl fmt::Display for OddityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was skipped when the folders were last read. Bounded: what comes when it is full is counted only.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    seen: BTreeMap<Arc<str>, OddityKind>,
}

impl Oddities {
    pub(super) fn note(&mut self, name: &str, kind: OddityKind) {
        let is_known = self.seen.get(name) == Some(&kind);
        if is_known || self.seen.len() >= ODDITIES_MAX {
            return;
        }
        tracing::warn!(kind = kind.as_str(), "something in the mailbox was skipped");
        self.seen.insert(name.into(), kind);
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.seen.remove(name);
    }

    pub(super) fn report(&self) -> Vec<Oddity> {
        let oddity = |(name, kind): (&Arc<str>, &OddityKind)| Oddity {
            kind: *kind,
            name: Printable::name(name).to_string(),
        };
        self.seen.iter().map(oddity).collect()
    }
}
