//! What goes wrong inside a step, and what a caller learns of it (local mailbox).

use core::fmt;

use rusqlite::ffi::ErrorCode;

use super::super::{StoreError, StoreErrorKind};

/// Why a step was given up: its transaction is rolled back.
pub(super) enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl Failure {
    /// What is stored is not what a store writes.
    pub(super) const fn damaged(step: &'static str) -> Self {
        Self::Store(StoreError::new(StoreErrorKind::Damaged, step))
    }

    /// The error of a step.
    pub(super) fn at(self, step: &'static str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Sqlite(error) => StoreError::new(kind_of(&error), step).because(SqliteCode::of(&error)),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn kind_of(error: &rusqlite::Error) -> StoreErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreErrorKind::Full,
        Some(ErrorCode::SystemIoFailure) => StoreErrorKind::Poisoned,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreErrorKind::Damaged,
        Some(_) => StoreErrorKind::Io,
        // A column of another type than is written there.
        None => StoreErrorKind::Damaged,
    }
}

/// What SQLite answered: a number, since its texts may quote what is stored.
#[derive(Debug)]
struct SqliteCode(Option<i32>);

impl SqliteCode {
    fn of(error: &rusqlite::Error) -> Self {
        Self(error.sqlite_error().map(|error| error.extended_code))
    }
}

impl fmt::Display for SqliteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(code) => write!(f, "SQLite's result code is {code}"),
            None => f.write_str("a value is not of its column's type"),
        }
    }
}

impl core::error::Error for SqliteCode {}
