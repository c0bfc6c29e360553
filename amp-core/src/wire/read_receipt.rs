//! `POST /messages/{id}/read`: telling the sender that a message was read. It acknowledges nothing (provider API; delivery,
//! receipts).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

use amp_address::{Address, Profile};
use amp_envelope::{JsonValue, MessageId, Timestamp};

use super::fault::Fault;
use super::member::{Member, Members, ObjectWriter};
use super::{ApiError, Endpoint, Extra, Request, RequestParts};

/// Says that a message was read.
///
/// Deployed providers keep no record of who sent it, so the request names the sender. A provider that does, believes its
/// record.
///
/// ```
/// use amp_core::wire::{MarkRead, Request};
///
/// let request = MarkRead::new("msg_1706648400_abc123".parse()?).to(&"alice@acme.crabmail.ai".parse()?);
/// assert_eq!(request.to_parts().path, "/messages/msg_1706648400_abc123/read");
/// assert_eq!(request.to_parts().body, br#"{"original_sender":"alice@acme.crabmail.ai"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarkRead {
    /// The message.
    pub id: MessageId,
    /// Who sent it.
    pub original_sender: Option<Address>,
    /// Members that this version does not know.
    pub extra: Extra,
}

impl MarkRead {
    const MEMBERS: &'static [&'static str] = &["original_sender"];

    /// Marks a message as read.
    #[must_use]
    pub fn new(id: MessageId) -> Self {
        Self { id, original_sender: None, extra: Extra::default() }
    }

    /// The same, naming the sender: the one whose key signed the message.
    #[must_use]
    pub fn to(mut self, sender: &Address) -> Self {
        self.original_sender = Some(sender.clone());
        self
    }
}

impl Request for MarkRead {
    const ENDPOINT: Endpoint = Endpoint::MarkRead;
    type Answer = ReadReceipt;

    fn to_parts(&self) -> RequestParts {
        let parts = RequestParts::to(Self::ENDPOINT, &[self.id.as_str()]);
        if self.original_sender.is_none() && self.extra.is_empty() {
            return parts;
        }
        let mut json = String::new();
        let mut object = ObjectWriter::open(&mut json);
        object.member("original_sender", &self.original_sender);
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
        parts.with_json(json)
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        let request = Self::new(parts.arrive_with(Self::ENDPOINT, "id")?);
        if parts.body.is_empty() {
            return Ok(request);
        }
        let members = Members::of(parts.json()?).map_err(Fault::of_request)?;
        let original_sender = members.read("original_sender").map_err(Fault::of_request)?;
        Ok(Self { original_sender, extra: members.extra(Self::MEMBERS), ..request })
    }

    fn check(&self, answer: &ReadReceipt) -> Result<(), (&'static str, &'static str)> {
        let is_it = answer.message_id.as_ref().is_none_or(|id| id.same_message(&self.id));
        is_it.then_some(()).ok_or(("message_id", "the answer is about the message that was marked"))
    }
}

/// What became of a read receipt.
///
/// ```
/// use amp_core::wire::{Answer, AnswerParts, ReadReceipt};
///
/// for spelling in ["read_receipt_sent", "receipt_sent"] {
///     let body = format!("{{\"{spelling}\":true}}").into_bytes();
///     assert!(ReadReceipt::from_parts(&AnswerParts::new(200).with_body(body))?.is_sent);
/// }
/// # Ok::<(), amp_core::wire::ApiError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadReceipt {
    /// Whether the sender was told, or will be (`read_receipt_sent`; deployed providers write `receipt_sent`).
    pub is_sent: bool,
    /// The message.
    pub message_id: Option<MessageId>,
    /// When the provider noted that it was read.
    pub read_at: Option<Timestamp>,
    /// Members that this version does not know.
    pub extra: Extra,
}

impl ReadReceipt {
    const MEMBERS: &'static [&'static str] = &["read_receipt_sent", "receipt_sent", "message_id", "read_at"];

    /// A receipt that was, or was not, sent or kept for the sender.
    #[must_use]
    pub fn new(outcome: ReceiptOutcome) -> Self {
        let is_sent = outcome == ReceiptOutcome::Sent;
        Self { is_sent, message_id: None, read_at: None, extra: Extra::default() }
    }
}

/// Whether a receipt reached its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the wire has one boolean for it")]
pub enum ReceiptOutcome {
    /// It was delivered, or is durably kept for delivery.
    Sent,
    /// It was not.
    NotSent,
}

impl Member for ReadReceipt {
    const RULE: &'static str = "the value is an object";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        let is_sent = match members.read("read_receipt_sent")? {
            Some(is_sent) => is_sent,
            None => members
                .read::<Option<bool>>("receipt_sent")?
                .ok_or_else(|| Fault::missing("read_receipt_sent"))?,
        };
        let message_id = members.get("message_id").and_then(|id| id.as_str());
        Ok(Self {
            is_sent,
            message_id: message_id.and_then(|id| MessageId::parse_with(&id, Profile::Deployed).ok()),
            read_at: members.read("read_at")?,
            extra: members.extra(Self::MEMBERS),
        })
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.member("read_receipt_sent", &self.is_sent);
        object.member("message_id", &self.message_id);
        object.member("read_at", &self.read_at);
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
    }
}

json_answer!(ReadReceipt, 200);
