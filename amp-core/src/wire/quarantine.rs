//! Reviewing what a provider holds back (provider API; guardrails, quarantine). For whoever may administer it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::{Address, Profile};
use amp_envelope::{JsonValue, MessageId, QuarantineId, Timestamp};

use super::fault::Fault;
use super::member::{Member, misfit, write_text};
use super::{ApiError, Cursor, Endpoint, Extra, Request, RequestParts};

open_words! {
    /// Why a message is held.
    pub enum HoldReason(OtherHoldReason) {
        /// The scan found what a person has to look at.
        InjectionDetected = "injection_detected",
        /// The sender's messages were flagged too often.
        RiskThreshold = "risk_threshold",
    }
}

open_words! {
    /// What became of a message that is held. It changes once.
    pub enum ReviewStatus(OtherReviewStatus) {
        /// Nobody has decided.
        Pending = "pending",
        /// It may be delivered.
        Approved = "approved",
        /// It will not be delivered.
        Rejected = "rejected",
        /// Nobody decided in time.
        Expired = "expired",
    }
}

impl Member for QuarantineId {
    const RULE: &'static str = "the value is a quarantine id";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let text = value.as_str().ok_or_else(misfit::<Self>)?;
        Self::parse_with(&text, Profile::Deployed).map_err(|_| misfit::<Self>())
    }

    fn write(&self, out: &mut String) {
        write_text(self.as_str(), out);
    }
}

object! {
    /// A message that a provider holds back until somebody has decided, or 72 hours have passed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HeldMessage {
        /// The entry's id.
        pub quarantine_id: QuarantineId,
        /// Why it is held.
        pub reason: HoldReason,
        /// The ids of the rules that matched.
        pub rules_triggered: Option<Vec<String>>,
        /// The greatest severity of what was found.
        pub severity: Option<String>,
        /// Since when it is held.
        pub quarantined_at: Timestamp,
        /// Until when it can be decided.
        pub expires_at: Timestamp,
        /// What became of it.
        pub status: ReviewStatus,
        /// The message.
        pub message_id: Option<MessageId>,
        /// Who sent it.
        pub sender: Option<Address>,
        /// Whom it is for.
        pub recipient: Option<Address>,
    }
}

json_answer!(HeldMessage, 200);

impl HeldMessage {
    /// A message that is held since `quarantined_at` and until `expires_at`, and on which nobody has decided.
    #[must_use]
    pub fn new(
        quarantine_id: QuarantineId,
        reason: HoldReason,
        quarantined_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            quarantine_id,
            reason,
            rules_triggered: None,
            severity: None,
            quarantined_at,
            expires_at,
            status: ReviewStatus::Pending,
            message_id: None,
            sender: None,
            recipient: None,
            extra: Extra::default(),
        }
    }
}

object! {
    /// A page of what is held.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct HeldMessages {
        /// The entries.
        pub entries: Vec<HeldMessage>,
        /// How many there are on all pages.
        pub total: Option<u64>,
        /// The place after this page.
        pub cursor: Option<Cursor>,
        /// Whether more follow.
        pub has_more: Option<bool>,
    }
}

json_answer!(HeldMessages, 200);

impl HeldMessages {
    /// A page with these entries.
    #[must_use]
    pub fn new(entries: Vec<HeldMessage>) -> Self {
        Self { entries, ..Self::default() }
    }
}

/// Asks what is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuarantine {
    /// How many entries at most.
    pub limit: Option<u32>,
    /// Only what follows this place.
    pub cursor: Option<Cursor>,
    /// Only entries of this status.
    pub status: Option<ReviewStatus>,
}

impl Request for ListQuarantine {
    const ENDPOINT: Endpoint = Endpoint::ListQuarantine;
    type Answer = HeldMessages;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[])
            .with_optional_query("limit", self.limit)
            .with_optional_query("cursor", self.cursor.as_ref().map(Cursor::as_str))
            .with_optional_query("status", self.status.as_ref().map(ReviewStatus::as_str))
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        Ok(Self {
            limit: parts.query_parsed("limit", "the value is a whole number")?,
            cursor: Cursor::of_query(parts, "cursor")?,
            status: parts.query_value("status")?.map(ReviewStatus::read),
        })
    }
}

/// A request about one entry.
macro_rules! about_entry {
    ($(#[$meta:meta])* $name:ident => $answer:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            /// The entry.
            pub id: QuarantineId,
        }

        impl $name {
            /// For this entry.
            #[must_use]
            pub const fn new(id: QuarantineId) -> Self {
                Self { id }
            }
        }

        impl Request for $name {
            const ENDPOINT: Endpoint = Endpoint::$name;
            type Answer = $answer;

            fn to_parts(&self) -> RequestParts {
                RequestParts::to(Self::ENDPOINT, &[self.id.as_str()])
            }

            fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
                parts.arrive_with(Self::ENDPOINT, "id").map(Self::new)
            }

            fn check(&self, answer: &$answer) -> Result<(), (&'static str, &'static str)> {
                let is_it = answer.quarantine_id == self.id;
                is_it.then_some(()).ok_or(("quarantine_id", "the answer is about the entry that was asked for"))
            }
        }
    };
}

about_entry! {
    /// Asks for one entry.
    GetQuarantine => HeldMessage
}

about_entry! {
    /// Lets a message through.
    ApproveQuarantine => Reviewed
}

about_entry! {
    /// Keeps a message away for good.
    RejectQuarantine => Reviewed
}

object! {
    /// What was decided.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Reviewed {
        /// The entry.
        pub quarantine_id: QuarantineId,
        /// What became of it.
        pub status: ReviewStatus,
    }
}

json_answer!(Reviewed, 200);

impl Reviewed {
    /// This became of the entry.
    #[must_use]
    pub fn new(quarantine_id: QuarantineId, status: ReviewStatus) -> Self {
        Self { quarantine_id, status, extra: Extra::default() }
    }
}
