//! Which refusals stand however often a message comes (trust, replay; delivery).

use amp_core::receive::{RefusalReason, Via};

/// Whether a refusal stands however often the message comes on this way. What only the time, the room or an unknown key
/// was against is left with the provider; a file stays where it is anyway.
pub(super) const fn is_final(reason: RefusalReason, via: Via) -> bool {
    match reason {
        RefusalReason::TimestampFuture | RefusalReason::MemoryFull | RefusalReason::SenderQuota => false,
        RefusalReason::TimestampExpired | RefusalReason::KeyNotFound => matches!(via, Via::Store),
        _ => true,
    }
}
