//! What a receiver notes beside a stored message (trust, annotations).

use amp_envelope::SecurityNotes;

use super::level::TrustLevel;

/// The notes of a decision: its level and the categories of what a scan found.
///
/// What else is known is added to the notes ([`SecurityNotes::with_quarantine_id`] and its neighbours), and
/// [`StoredMessage::annotate`](amp_envelope::StoredMessage::annotate) puts them where deployed programs look
/// for them. There is no way back: a level is computed from [`TrustFacts`](super::TrustFacts) each time, never read
/// from notes, for mailboxes are shared with other programs.
///
/// ```
/// use amp_core::trust::{TrustLevel, security_notes};
///
/// let notes = security_notes(TrustLevel::External, ["instruction_override"]).with_window_scan_result("clean");
/// assert_eq!(notes.trust_level().as_deref(), Some("external"));
/// ```
#[must_use]
pub fn security_notes<'f>(level: TrustLevel, flags: impl IntoIterator<Item = &'f str>) -> SecurityNotes {
    SecurityNotes::new(level.as_str()).with_injection_flags(flags)
}
