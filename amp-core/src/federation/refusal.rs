//! Why a forward is refused: a code, a status, a field, a rule, and never its content (federation, forwarding).

use core::fmt;

use amp_envelope::{ErrorCode, MessageError, write_json};
use serde::Serialize;

use super::peers::NotTrusted;
use crate::wire::AnswerParts;

/// Why a forward is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForwardReason {
    /// The body is larger than any that is read.
    TooLarge,
    /// A header is absent.
    HeaderMissing,
    /// A header stands there twice, or does not obey its grammar.
    HeaderInvalid,
    /// The forward was signed too long ago.
    TimestampExpired,
    /// The forward was signed in the future.
    TimestampFuture,
    /// The provider is not trusted.
    NotTrusted(NotTrusted),
    /// The provider did not sign the body.
    ProviderSignature,
    /// The sender is none of the provider's agents.
    ForeignSender,
    /// The message breaks the rules of messages, signature included.
    Message(ErrorCode),
    /// The body names no key of the sender.
    KeyMissing,
    /// The sender's key is not fit to verify with.
    KeyInvalid,
    /// The sender's key is revoked.
    KeyRevoked,
    /// Another key is known for the sender, or the key for another sender.
    KeyConflict,
    /// The message's time is over, or it was stamped too long ago.
    Expired,
    /// The message is stamped too long ago.
    Stale,
    /// The message is stamped in the future.
    Future,
    /// The provider used the id for another message.
    IdConflict,
    /// The sender's nonce was seen before.
    ContentReplay,
    /// The recipient is none of this provider's agents.
    RecipientNotFound,
    /// The recipient does not take messages from this sender.
    RecipientRefused,
    /// The recipient is suspended.
    RecipientSuspended,
    /// The recipient's queue is full.
    QueueFull,
    /// The scan found what must not reach the recipient.
    ContentBlocked,
    /// More forwards came than are admitted in a minute.
    RateLimited,
    /// No more forwards can be remembered now.
    MemoryFull,
}

impl ForwardReason {
    /// The wire's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "request_too_large",
            Self::HeaderMissing | Self::KeyMissing => "missing_field",
            Self::HeaderInvalid => "invalid_field",
            Self::TimestampExpired | Self::Stale => "timestamp_expired",
            Self::TimestampFuture | Self::Future => "timestamp_future",
            Self::NotTrusted(_) => "provider_not_trusted",
            Self::ProviderSignature => "signature_invalid",
            Self::ForeignSender | Self::ContentBlocked => "forbidden",
            Self::Message(code) => code.as_str(),
            Self::KeyInvalid => "invalid_key",
            Self::KeyRevoked => "key_revoked",
            Self::KeyConflict => "key_conflict",
            Self::Expired => "expired",
            Self::IdConflict => "duplicate_message",
            Self::ContentReplay => "content_replay",
            Self::RecipientNotFound => "recipient_not_found",
            Self::RecipientRefused => "recipient_not_allowed",
            Self::RecipientSuspended => "recipient_suspended",
            Self::QueueFull | Self::RateLimited | Self::MemoryFull => "rate_limited",
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLarge | Self::Message(ErrorCode::TooLarge) => 413,
            Self::Message(ErrorCode::SignatureMissing) => 422,
            Self::NotTrusted(_)
            | Self::ProviderSignature
            | Self::Message(ErrorCode::SignatureInvalid)
            | Self::ForeignSender
            | Self::KeyRevoked
            | Self::RecipientRefused
            | Self::RecipientSuspended
            | Self::ContentBlocked => 403,
            Self::RecipientNotFound => 404,
            Self::KeyConflict | Self::IdConflict | Self::ContentReplay => 409,
            Self::QueueFull | Self::RateLimited | Self::MemoryFull => 429,
            _ => 400,
        }
    }

    /// Whether the same message may be accepted later, signed anew.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::QueueFull | Self::RateLimited | Self::MemoryFull)
    }
}

/// A refusal: code, field and rule. Nothing of the forward is repeated in it.
///
/// ```
/// use amp_core::federation::ReceivedForward;
/// let headers = [("X-AMP-Provider", "crabmail.ai")];
/// let refusal = ReceivedForward::read(&headers, b"{}", "2026-01-31T10:00:00Z".parse()?).unwrap_err();
/// assert_eq!((refusal.status(), refusal.code()), (400, "missing_field"));
/// assert_eq!(refusal.to_string(), "missing_field in X-AMP-Timestamp: a forward has the header once");
/// # Ok::<(), amp_core::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {rule}", .reason.code(), Field(*.field))]
pub struct ForwardRefusal {
    reason: ForwardReason,
    field: Option<&'static str>,
    rule: &'static str,
}

impl ForwardRefusal {
    pub(super) const fn new(reason: ForwardReason, field: Option<&'static str>, rule: &'static str) -> Self {
        Self { reason, field, rule }
    }

    /// The recipient is none of this provider's agents, or not to be told of.
    #[must_use]
    pub const fn recipient_not_found() -> Self {
        Self::new(
            ForwardReason::RecipientNotFound,
            Some("envelope.to"),
            "the recipient is an agent of this provider",
        )
    }

    /// The recipient does not take messages from this sender. Who harvests addresses is told
    /// [`recipient_not_found`](Self::recipient_not_found) instead.
    #[must_use]
    pub const fn recipient_refused() -> Self {
        Self::new(
            ForwardReason::RecipientRefused,
            Some("envelope.to"),
            "the recipient takes messages from this sender",
        )
    }

    /// A message with this id waits for the recipient already, or left its queue lately.
    #[must_use]
    pub const fn id_taken() -> Self {
        Self::new(ForwardReason::IdConflict, Some("envelope.id"), "an id names one message of a recipient")
    }

    /// The recipient is suspended.
    #[must_use]
    pub const fn recipient_suspended() -> Self {
        Self::new(ForwardReason::RecipientSuspended, Some("envelope.to"), "the recipient is not suspended")
    }

    /// The recipient's queue is full. It may have room later.
    #[must_use]
    pub const fn queue_full() -> Self {
        Self::new(ForwardReason::QueueFull, Some("envelope.to"), "the recipient's queue has room")
    }

    /// The scan found what must not reach the recipient.
    #[must_use]
    pub const fn content_blocked() -> Self {
        Self::new(ForwardReason::ContentBlocked, Some("payload"), "the content may be delivered")
    }

    /// More forwards came than are admitted in a minute.
    #[must_use]
    pub const fn rate_limited() -> Self {
        Self::new(ForwardReason::RateLimited, None, "forwards stay within the limits of a minute")
    }

    /// The wire's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.reason.status()
    }

    /// The reason, finer than the code.
    #[must_use]
    pub const fn reason(&self) -> ForwardReason {
        self.reason
    }

    /// The header or member at fault.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        self.field
    }

    /// The rule that was broken, as a sentence for people.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// The answer to the provider that forwards: `{"accepted":false,"error":…,"message":…}`.
    ///
    /// ```
    /// use amp_core::federation::ForwardRefusal;
    /// use amp_core::wire::{Answer, Delivered};
    /// let answer = ForwardRefusal::recipient_not_found().to_answer();
    /// let read = Delivered::from_parts(&answer).unwrap_err();
    /// assert_eq!(read.to_string(), "404 recipient_not_found in envelope.to: the recipient is an agent of this provider");
    /// ```
    #[must_use]
    pub fn to_answer(&self) -> AnswerParts {
        let answer = Answered { accepted: false, error: self.code(), field: self.field, message: self.rule };
        // Texts can always be written.
        let body = write_json(&answer).unwrap_or_default().into_bytes();
        AnswerParts::new(self.status()).with_header("Content-Type", "application/json").with_body(body)
    }
}

#[derive(Serialize)]
struct Answered<'a> {
    accepted: bool,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    message: &'a str,
}

impl From<MessageError> for ForwardRefusal {
    fn from(error: MessageError) -> Self {
        Self::new(ForwardReason::Message(error.code()), error.field(), error.rule())
    }
}

struct Field(Option<&'static str>);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |field| write!(f, " in {field}"))
    }
}
