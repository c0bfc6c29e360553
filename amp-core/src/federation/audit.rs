//! What a provider notes of each forward, for its own records (federation, audit event).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::{Address, Provider};
use amp_envelope::{MessageId, Timestamp, write_json};
use serde::Serialize;

use super::refusal::ForwardRefusal;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FederationEventKind {
    /// A forward was accepted from another provider.
    Received,
    /// A message was forwarded to another provider.
    Forwarded,
    /// A forward was refused.
    Rejected,
}

impl FederationEventKind {
    /// The name in the record: `federation.received`, `federation.forwarded` or `federation.rejected`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "federation.received",
            Self::Forwarded => "federation.forwarded",
            Self::Rejected => "federation.rejected",
        }
    }
}

/// A note on a forward: who, to whom, and by which code it was refused; never content.
///
/// Of a refused forward, provider and addresses are what it says of itself: it may have been made by anyone.
///
/// ```
/// use amp_core::federation::{FederationEvent, FederationEventKind};
/// let event = FederationEvent::new(FederationEventKind::Received, "2026-01-31T10:00:00Z".parse()?)
///     .from_provider(&"crabmail.ai".parse()?)
///     .delivered(true);
/// let json = r#"{"event":"federation.received","timestamp":"2026-01-31T10:00:00Z","from_provider":"crabmail.ai","delivered":true}"#;
/// assert_eq!(event.to_json(), json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationEvent {
    kind: FederationEventKind,
    at: Timestamp,
    from_provider: Option<Provider>,
    message_id: Option<MessageId>,
    sender: Option<Address>,
    recipient: Option<Address>,
    delivered: Option<bool>,
    code: Option<Box<str>>,
}

impl FederationEvent {
    /// An event of which only kind and time are known.
    #[must_use]
    pub const fn new(kind: FederationEventKind, at: Timestamp) -> Self {
        Self {
            kind,
            at,
            from_provider: None,
            message_id: None,
            sender: None,
            recipient: None,
            delivered: None,
            code: None,
        }
    }

    /// Adds the provider that forwards.
    #[must_use]
    pub fn from_provider(mut self, provider: &Provider) -> Self {
        self.from_provider = Some(provider.clone());
        self
    }

    /// Adds the message's id, its sender and its recipient.
    #[must_use]
    pub fn about(mut self, id: &MessageId, sender: &Address, recipient: &Address) -> Self {
        self.message_id = Some(id.clone());
        self.sender = Some(sender.clone());
        self.recipient = Some(recipient.clone());
        self
    }

    /// Adds whether the message was delivered, and does not only wait.
    #[must_use]
    pub const fn delivered(mut self, delivered: bool) -> Self {
        self.delivered = Some(delivered);
        self
    }

    /// Adds by which code it was refused.
    #[must_use]
    pub fn refused(mut self, refusal: &ForwardRefusal) -> Self {
        self.delivered = Some(false);
        self.code = Some(refusal.code().into());
        self
    }

    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> FederationEventKind {
        self.kind
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// By which code the forward was refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The event as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            event: self.kind.as_str(),
            timestamp: self.at,
            from_provider: self.from_provider.as_ref().map(Provider::as_str),
            message_id: self.message_id.as_ref().map(MessageId::as_str),
            sender: self.sender.as_ref().map(Address::as_str),
            recipient: self.recipient.as_ref().map(Address::as_str),
            delivered: self.delivered,
            error: self.code.as_deref(),
        };
        // Texts and times can always be written.
        write_json(&written).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    event: &'a str,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}
