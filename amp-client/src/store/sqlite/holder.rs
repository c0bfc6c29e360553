//! Who holds the store: a lock that the operating system gives up when its process ends (local mailbox).
//!
//! Each holder has a file of its own beside the database, an empty database on which it keeps a lock for as long as it
//! lives. Holders come, and are found to be gone, inside a writing transaction of the store: nobody mistakes one that is
//! just coming for one that is gone.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::time::Duration;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::super::{StoreError, StoreErrorKind};
use super::failure::Failure;
use super::file;

/// One holder, while it lives.
pub(super) struct Holder {
    name: String,
    /// The store's path up to the names of holders.
    stem: OsString,
    /// Keeps the lock.
    _lock: Mutex<Connection>,
}

impl Holder {
    /// Comes to hold the store, and clears away what holders have left that are gone.
    pub(super) fn enter(store: &mut Connection, file: &Path) -> Result<Self, StoreError> {
        let mut stem = OsString::from(file);
        stem.push("-holder-");
        let name = random_name()?;
        let entering = |failure: Failure| failure.at("coming to hold the store");
        let transaction = store
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| entering(error.into()))?;
        for left in names_at(&stem) {
            remove_if_gone(&path_of(&stem, &left));
        }
        let path = path_of(&stem, &name);
        file::created(&path).map_err(|_| StoreError::new(StoreErrorKind::Io, "making a holder's file"))?;
        let lock = locked(&path).map_err(|error| entering(error.into()))?;
        transaction.commit().map_err(|error| entering(error.into()))?;
        Ok(Self { name, stem, _lock: Mutex::new(lock) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether another one that has written its name into the store is gone.
    pub(super) fn is_gone(&self, name: &str) -> bool {
        // A name is part of a path.
        let is_name = name.len() == NAME_BYTES * 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        name != self.name && (!is_name || remove_if_gone(&path_of(&self.stem, name)))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // The lock goes with the last use of the file.
        let _ = fs::remove_file(path_of(&self.stem, &self.name));
    }
}

const NAME_BYTES: usize = 8;

fn random_name() -> Result<String, StoreError> {
    let mut bytes = [0; NAME_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|_| StoreError::new(StoreErrorKind::Io, "asking for a random name"))?;
    Ok(bytes.iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    }))
}

fn path_of(stem: &OsString, name: &str) -> PathBuf {
    let mut path = stem.clone();
    path.push(name);
    path.into()
}

/// The names whose files are there.
fn names_at(stem: &OsString) -> Vec<String> {
    let stem = Path::new(stem);
    let (Some(directory), Some(prefix)) = (stem.parent(), stem.file_name().and_then(|name| name.to_str()))
    else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter_map(|name| Some(String::from(name.strip_prefix(prefix)?)))
        .filter(|name| name.len() == NAME_BYTES * 2)
        .collect()
}

/// A connection that keeps a file locked.
fn locked(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    // Nothing is ever written: no journal is wanted beside it.
    connection.execute_batch("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")?;
    Ok(connection)
}

/// Whether the holder of a file is gone; then the file goes too. In doubt it is not.
fn remove_if_gone(path: &Path) -> bool {
    match locked(path) {
        Ok(lock) => {
            drop(lock);
            let _ = fs::remove_file(path);
            true
        }
        Err(_) => {
            matches!(fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
        }
    }
}
