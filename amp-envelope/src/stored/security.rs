//! What a receiver noted about a message's trust and content when it stored it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_address::Profile;

use super::members::{Members, quoted};
use crate::id::QuarantineId;
use crate::json::{JsonValue, to_json};
use crate::timestamp::Timestamp;

/// Notes on a message's trust and content, for whoever lists or reviews stored messages.
///
/// Made by a receiver they are its findings. Read from a file they are whatever the last writer put there: trust is
/// computed anew, never taken from them.
///
/// ```
/// use amp_envelope::SecurityNotes;
/// let notes = SecurityNotes::new("external").with_injection_flags(["instruction_override"]).with_sender_risk(12.5, "medium");
/// assert_eq!(notes.trust_level().as_deref(), Some("external"));
/// assert_eq!(notes.injection_flags(), ["instruction_override"]);
/// assert_eq!(notes.sender_risk_score(), Some(12.5));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecurityNotes {
    pub(super) members: Members,
}

impl SecurityNotes {
    /// Notes with a trust level: `org-verified`, `verified`, `external` or `untrusted`.
    #[must_use]
    pub fn new(trust_level: &str) -> Self {
        Self::default().with("trust_level", quoted(trust_level))
    }

    fn with(mut self, name: &str, json: String) -> Self {
        self.members.set(name, json);
        self
    }

    /// Adds the categories of what a scan found, such as `instruction_override`.
    #[must_use]
    pub fn with_injection_flags<'f>(self, flags: impl IntoIterator<Item = &'f str>) -> Self {
        let flags: Vec<_> = flags.into_iter().map(quoted).collect();
        self.with("injection_flags", alloc::format!("[{}]", flags.join(",")))
    }

    /// Adds the id of the entry under which the message is held.
    #[must_use]
    pub fn with_quarantine_id(self, id: &QuarantineId) -> Self {
        self.with("quarantine_id", quoted(id.as_str()))
    }

    /// Adds what a scan over the sender's last messages together found.
    #[must_use]
    pub fn with_window_scan_result(self, result: &str) -> Self {
        self.with("window_scan_result", quoted(result))
    }

    /// Adds the sender's risk: a score from 0 to 100, which is limited to that range, and its level (`low`, `medium`,
    /// `high` or `critical`). A score that is not a number is left out.
    #[must_use]
    pub fn with_sender_risk(mut self, score: f64, level: &str) -> Self {
        // Only what is not finite has no JSON text.
        if let Some(score) =
            to_json(&score.clamp(0.0, 100.0)).ok().and_then(|json| String::from_utf8(json).ok())
        {
            self = self.with("sender_risk_score", score);
        }
        self.with("sender_risk_level", quoted(level))
    }

    /// The trust level; older writers call it `trust`.
    #[must_use]
    pub fn trust_level(&self) -> Option<Cow<'_, str>> {
        self.members.text("trust_level").or_else(|| self.members.text("trust"))
    }

    /// The categories of what a scan found; none when there are none.
    #[must_use]
    pub fn injection_flags(&self) -> Vec<Cow<'_, str>> {
        let flags = self.members.get("injection_flags").into_iter().flat_map(|flags| flags.elements());
        flags.filter_map(|flag| flag.as_str()).collect()
    }

    /// The id of the entry under which the message is held.
    #[must_use]
    pub fn quarantine_id(&self) -> Option<QuarantineId> {
        QuarantineId::parse_with(&self.members.text("quarantine_id")?, Profile::Deployed).ok()
    }

    /// What a scan over the sender's last messages together found.
    #[must_use]
    pub fn window_scan_result(&self) -> Option<Cow<'_, str>> {
        self.members.text("window_scan_result")
    }

    /// The sender's risk, 0 to 100.
    #[must_use]
    pub fn sender_risk_score(&self) -> Option<f64> {
        self.members.get("sender_risk_score")?.as_f64().filter(|score| (0.0..=100.0).contains(score))
    }

    /// The band in which the sender's risk lies: `low`, `medium`, `high` or `critical`.
    #[must_use]
    pub fn sender_risk_level(&self) -> Option<Cow<'_, str>> {
        self.members.text("sender_risk_level")
    }

    /// Whether the writer says that it wrapped the text of the payload. Then its signature no longer holds.
    #[must_use]
    pub fn wrapped(&self) -> Option<bool> {
        self.members.get("wrapped")?.as_bool()
    }

    /// When the writer says that it verified the signature.
    #[must_use]
    pub fn verified_at(&self) -> Option<Timestamp> {
        self.members.parsed("verified_at")
    }

    /// A member by name, also one that this library does not know.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        self.members.get(name)
    }
}

impl fmt::Debug for SecurityNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityNotes({:?})", self.members)
    }
}
