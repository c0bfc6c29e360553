//! Messages that are held until a person has decided (guardrails, quarantine).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_address::Address;
use amp_envelope::{JsonValue, MessageId, QuarantineId, Timestamp, write_json};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::codec;
use super::refusal::{Refusal, RefusalReason};
use super::seen::Handover;
use crate::scan::Severity;
use crate::stored::{self, EffectError};

/// How long an entry waits for a decision.
pub(super) const HELD: Duration = Duration::from_secs(72 * 60 * 60);

/// Why a message is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QuarantineReason {
    /// The scan found what a person has to look at.
    InjectionDetected,
    /// The sender's messages were flagged too often.
    RiskThreshold,
}

/// What became of an entry. It changes once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QuarantineStatus {
    /// Nobody has decided.
    Pending,
    /// The message may be delivered: [`Receiver::release`](super::Receiver::release).
    Approved,
    /// The message is not to be delivered.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl QuarantineStatus {
    /// The wire's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for QuarantineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A message that is held: which, since when, by which rules, and what was decided.
///
/// The recipient is told that something is held. The sender is told [`code`](Self::code) at most, never a rule.
///
/// ```
/// use amp_core::receive::{QuarantineEntry, QuarantineStatus};
/// # let json = r#"{"quarantine_id":"qtn_1769853600_00112233445566aa","reason":"injection_detected",
/// #   "rules_triggered":["override.en"],"severity":"high","quarantined_at":"2026-01-31T10:00:00Z",
/// #   "expires_at":"2026-02-03T10:00:00Z","status":"pending","sender":"alice@acme.crabmail.ai",
/// #   "message_id":"msg_1769853600_00112233445566aa","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;
/// let mut entry = QuarantineEntry::from_json(json.as_bytes())?;
/// let (soon, late) = ("2026-01-31T12:00:00Z".parse()?, "2026-02-04T00:00:00Z".parse()?);
/// assert_eq!(entry.status(late), QuarantineStatus::Expired);
/// entry.approve(soon)?;
/// assert!(entry.reject(soon).is_err()); // one way
/// assert_eq!(entry.status(late), QuarantineStatus::Approved);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    quarantine_id: QuarantineId,
    reason: QuarantineReason,
    rules_triggered: Vec<String>,
    #[serde(serialize_with = "write_severity", deserialize_with = "read_severity")]
    severity: Severity,
    quarantined_at: Timestamp,
    expires_at: Timestamp,
    status: QuarantineStatus,
    #[serde(with = "stored::address")]
    sender: Address,
    message_id: MessageId,
    #[serde(with = "codec")]
    digest: [u8; 32],
    #[serde(default, skip_serializing_if = "Handover::is_open")]
    held: Handover,
}

impl QuarantineEntry {
    pub(crate) fn new(
        id: QuarantineId,
        reason: QuarantineReason,
        severity: Severity,
        now: Timestamp,
        (sender, message_id, digest): (Address, MessageId, [u8; 32]),
    ) -> Self {
        Self {
            quarantine_id: id,
            reason,
            rules_triggered: Vec::new(),
            severity,
            quarantined_at: now,
            expires_at: now.saturating_add(HELD),
            status: QuarantineStatus::Pending,
            sender,
            message_id,
            digest,
            held: Handover::Open,
        }
    }

    pub(super) const fn held_as(mut self, held: Handover) -> Self {
        self.held = held;
        self
    }

    pub(crate) fn with_rules<'r>(mut self, rules: impl IntoIterator<Item = &'r str>) -> Self {
        self.rules_triggered = rules.into_iter().map(String::from).collect();
        self
    }

    /// The entry's id.
    #[must_use]
    pub const fn id(&self) -> &QuarantineId {
        &self.quarantine_id
    }

    /// Whether the message was sealed and could not be opened when it was held: then whoever decides knows its subject and
    /// no more, and what it says is judged when it is opened.
    #[must_use]
    pub const fn is_unopened(&self) -> bool {
        !self.held.is_open()
    }

    /// Why the message is held.
    #[must_use]
    pub const fn reason(&self) -> QuarantineReason {
        self.reason
    }

    /// The ids of the rules that matched, for whoever decides.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.rules_triggered.iter().map(String::as_str)
    }

    /// The greatest severity of what was found.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Since when the message is held.
    #[must_use]
    pub const fn quarantined_at(&self) -> Timestamp {
        self.quarantined_at
    }

    /// Until when it can be decided: 72 hours later.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The sender, whose key has signed the message.
    #[must_use]
    pub const fn sender(&self) -> &Address {
        &self.sender
    }

    /// The message's id.
    #[must_use]
    pub const fn message_id(&self) -> &MessageId {
        &self.message_id
    }

    pub(super) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What became of the entry, seen at `now`: whoever looks after its time finds it expired.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> QuarantineStatus {
        match self.status {
            QuarantineStatus::Pending if now > self.expires_at => QuarantineStatus::Expired,
            status => status,
        }
    }

    /// What the sender may be told: `message_quarantined`, and nothing more.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "message_quarantined"
    }

    /// Lets the message through. The host stores the entry anew.
    ///
    /// # Errors
    /// `quarantine_expired` when the entry was decided, or its time is over.
    pub fn approve(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.decide(QuarantineStatus::Approved, now)
    }

    /// Keeps the message away for good. The host stores the entry anew.
    ///
    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn reject(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.decide(QuarantineStatus::Rejected, now)
    }

    fn decide(&mut self, status: QuarantineStatus, now: Timestamp) -> Result<(), Refusal> {
        if self.status(now) != QuarantineStatus::Pending {
            return Err(Refusal::new(
                RefusalReason::Decided,
                "status",
                "an entry is decided once, and within 72 hours",
            ));
        }
        self.status = status;
        Ok(())
    }

    /// The entry as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        write_json(self).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// For anything else.
    pub fn from_json(json: &[u8]) -> Result<Self, EffectError> {
        let value = JsonValue::read_object(json).map_err(|_| EffectError)?;
        Self::deserialize(value).map_err(|_| EffectError)
    }
}

fn write_severity<S: Serializer>(severity: &Severity, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(severity.as_str())
}

fn read_severity<'de, D: Deserializer<'de>>(from: D) -> Result<Severity, D::Error> {
    Cow::<'_, str>::deserialize(from)?.parse().map_err(|_| D::Error::custom("a severity"))
}
