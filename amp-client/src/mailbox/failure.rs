//! Failures of the operating system as failures of the store (local mailbox).

use super::disk::{DiskResult, Errno};
use crate::store::{StoreError, StoreErrorKind};

/// Names the step that failed.
pub(super) trait Step<T> {
    fn step(self, step: &'static str) -> Result<T, StoreError>;
}

impl<T> Step<T> for DiskResult<T> {
    fn step(self, step: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| failure(step, error))
    }
}

/// A step that failed, and how.
pub(super) fn failure(step: &'static str, error: Errno) -> StoreError {
    let kind = match error {
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::Full,
        _ => StoreErrorKind::Io,
    };
    StoreError::new(kind, step).because(std::io::Error::from(error))
}
