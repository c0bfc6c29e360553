//! `POST /federation/deliver`: a message from one provider to another (provider API; federation, forwarding).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{JsonValue, MessageId, Timestamp};

use super::fault::Fault;
use super::member::{Member, Members, ObjectWriter};
use super::{
    Answer, AnswerParts, ApiError, CarriedKey, CarriedMessage, DeliveryMethod, DeliveryStatus, Endpoint,
    Extra, Request, RequestParts,
};

/// A message that a provider hands to another, as it is carried: four headers and the bytes that the sending provider
/// signed. Nothing is checked here: [`federation`](crate::federation) makes one and checks one, in the stated order.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deliver {
    /// The sending provider, as it calls itself (`X-AMP-Provider`).
    pub provider: Option<String>,
    /// When it signed, in seconds since 1970 (`X-AMP-Timestamp`).
    pub timestamp: Option<String>,
    /// Its signature in base64 (`X-AMP-Signature`).
    pub signature: Option<String>,
    /// A key that it says is revoked (`X-AMP-Key-Revoked`). A hint, and not signed: a reason to look the key up.
    pub key_revoked: Option<String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Deliver {
    /// A body without any header.
    #[must_use]
    pub const fn new(body: Vec<u8>) -> Self {
        Self { provider: None, timestamp: None, signature: None, key_revoked: None, body }
    }

    /// A body with the sending provider's name, the time in seconds since 1970, and the signature in base64.
    #[must_use]
    pub fn signed(body: Vec<u8>, provider: &str, timestamp: &str, signature: &str) -> Self {
        Self {
            provider: Some(provider.into()),
            timestamp: Some(timestamp.into()),
            signature: Some(signature.into()),
            ..Self::new(body)
        }
    }

    /// The message in the body. Nothing of it is verified.
    #[must_use]
    pub fn message(&self) -> Option<CarriedMessage> {
        CarriedMessage::read(&self.json()?)
    }

    /// The key beside the message: a hint.
    #[must_use]
    pub fn sender_public_key(&self) -> Option<CarriedKey> {
        CarriedKey::read(&self.json()?)
    }

    /// A body for a message and its sender's key.
    #[must_use]
    pub fn body_of(message: &CarriedMessage, key: Option<&CarriedKey>) -> Vec<u8> {
        let mut json = String::new();
        let mut object = ObjectWriter::open(&mut json);
        object.members(message.members());
        if let Some(key) = key {
            object.text("sender_public_key", key.as_str());
        }
        object.close();
        json.into_bytes()
    }

    fn json(&self) -> Option<JsonValue<'_>> {
        JsonValue::read_carrier(&self.body, HTTP_BODY_MAX_BYTES).ok()
    }
}

impl Request for Deliver {
    const ENDPOINT: Endpoint = Endpoint::Deliver;
    type Answer = Delivered;

    fn to_parts(&self) -> RequestParts {
        let mut parts = RequestParts::to(Self::ENDPOINT, &[]).with_header("Content-Type", "application/json");
        parts.body.clone_from(&self.body);
        let headers = [
            ("X-AMP-Provider", &self.provider),
            ("X-AMP-Timestamp", &self.timestamp),
            ("X-AMP-Signature", &self.signature),
            ("X-AMP-Key-Revoked", &self.key_revoked),
        ];
        let present = headers.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        present.fold(parts, |parts, (name, value)| parts.with_header(name, value))
    }

    /// Reads the headers and takes the body as it is: whoever checks the delivery says in which order. Two headers of one
    /// name are refused.
    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let header = |name| parts.header(name).map(|value| value.map(String::from));
        Ok(Self {
            provider: header("x-amp-provider")?,
            timestamp: header("x-amp-timestamp")?,
            signature: header("x-amp-signature")?,
            key_revoked: header("x-amp-key-revoked")?,
            body: parts.body.clone(),
        })
    }
}

/// Shows no content.
impl fmt::Debug for Deliver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = self.provider.as_deref().map(crate::trust::Printable::name);
        f.debug_struct("Deliver")
            .field("provider", &provider)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What became of a forwarded message. The standard's form (`accepted`, `delivered`) and the deployed one (`status`) are
/// read; the standard's is written. A refusal is an [`ApiError`], also when its status claims success.
///
/// ```
/// use amp_core::wire::{Answer, AnswerParts, Delivered};
///
/// for body in [r#"{"accepted":true,"id":"msg_1","delivered":true}"#, r#"{"id":"msg_1","status":"delivered"}"#] {
///     assert!(Delivered::from_parts(&AnswerParts::new(200).with_body(body.into()))?.is_delivered);
/// }
/// let refusal = br#"{"accepted":false,"error":"recipient_not_found","message":"nobody"}"#;
/// assert!(Delivered::from_parts(&AnswerParts::new(200).with_body(refusal.to_vec())).is_err());
/// # Ok::<(), amp_core::wire::ApiError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered {
    /// The message.
    pub id: MessageId,
    /// Whether it was handed to its recipient; otherwise it waits.
    pub is_delivered: bool,
    /// Whether it waits for somebody to decide about it.
    pub is_held: bool,
    /// The way that it took.
    pub method: Option<DeliveryMethod>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// Members that this version does not know.
    pub extra: Extra,
}

impl Delivered {
    const MEMBERS: &'static [&'static str] =
        &["accepted", "id", "delivered", "status", "method", "delivered_at"];

    /// A message that is accepted, and `Delivered`, `Quarantined` or waits.
    #[must_use]
    pub fn new(id: MessageId, status: &DeliveryStatus) -> Self {
        let is_delivered = *status == DeliveryStatus::Delivered;
        let is_held = *status == DeliveryStatus::Quarantined;
        Self { id, is_delivered, is_held, method: None, delivered_at: None, extra: Extra::default() }
    }
}

impl Member for Delivered {
    const RULE: &'static str = "the value is an object";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        let status: Option<DeliveryStatus> = members.read("status")?;
        let is_held = status == Some(DeliveryStatus::Quarantined);
        let is_delivered = match members.read("delivered")? {
            Some(is_delivered) => is_delivered,
            None => status == Some(DeliveryStatus::Delivered),
        };
        Ok(Self {
            id: members.read("id")?,
            is_delivered: is_delivered && !is_held,
            is_held,
            method: members.read("method")?,
            delivered_at: members.read("delivered_at")?,
            extra: members.extra(Self::MEMBERS),
        })
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.member("accepted", &true);
        object.member("id", &self.id);
        object.member("delivered", &self.is_delivered);
        if self.is_held {
            object.member("status", &DeliveryStatus::Quarantined);
        }
        object.member("method", &self.method);
        object.member("delivered_at", &self.delivered_at);
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
    }
}

impl Answer for Delivered {
    fn to_parts(&self) -> AnswerParts {
        AnswerParts::new(if self.is_held { 202 } else { 200 }).with_object(self)
    }

    fn from_parts(parts: &AnswerParts) -> Result<Self, ApiError> {
        let body = parts.json()?;
        let is_refused = body.get("accepted").and_then(|accepted| accepted.as_bool()) == Some(false)
            || body.get("status").and_then(|status| status.as_str()).as_deref() == Some("failed");
        if is_refused { Err(ApiError::from_parts(parts)) } else { parts.read_object() }
    }
}
