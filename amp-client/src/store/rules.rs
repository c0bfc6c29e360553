//! What every store holds to (local mailbox).

use amp_core::envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_core::envelope::{Status, StoredMessage, Timestamp};
use amp_core::receive::{QuarantineEntry, QuarantineStatus};

use super::{Query, StoreError, StoreErrorKind};

/// Refuses the stored form of a message that could not be read again.
pub(super) fn check_size(bytes: usize) -> Result<usize, StoreError> {
    if bytes > HTTP_BODY_MAX_BYTES {
        return Err(StoreError::new(
            StoreErrorKind::Refused,
            "checking that a stored message has at most 1 MiB",
        ));
    }
    Ok(bytes)
}

/// A number of messages, 1 to 1,000.
pub(super) fn within_limits(limit: usize) -> usize {
    limit.clamp(1, Query::LIMIT_MAX)
}

/// Whether nobody has decided about an entry. That its time is over is no decision.
pub(super) fn is_undecided(entry: &QuarantineEntry) -> bool {
    entry.status(entry.quarantined_at()) == QuarantineStatus::Pending
}

/// Sets a status, and the time of the first reading.
pub(super) fn set_status(stored: &mut StoredMessage, status: Status, now: Timestamp) {
    match status {
        Status::Read => stored.mark_read(now),
        status => stored.set_status(status),
    }
}
