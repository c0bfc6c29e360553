//! `POST /route`: handing a signed message to the provider, and what it says became of it (provider API; delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_address::{Address, Profile};
use amp_crypto::Signature;
use amp_envelope::limits::HTTP_BODY_MAX_BYTES;
use amp_envelope::{ErrorCode, JsonValue, MessageError, MessageId, RouteBody, SignedMessage, Timestamp};

use super::fault::Fault;
use super::member::Members;
use super::mesh::Forwarded;
use super::{
    Answer, AnswerParts, ApiError, ApiErrorCode, Basis, CarriedMessage, DeliveryMethod, DeliveryStatus,
    Endpoint, Extra, Request, RequestParts,
};

/// Asks the provider to deliver a message.
///
/// The body is kept as it is: what was signed goes out, and is read, byte for byte. A provider decodes it with
/// [`decode`](Self::decode) once it knows who is calling.
///
/// ```
/// use amp_core::prelude::*;
/// use amp_core::wire::{Request, Route};
///
/// let alice = Identity::from_seed(&[7; 32]);
/// let me: Address = "alice@acme.crabmail.ai".parse()?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
///     .from(&me)
///     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// let parts = Route::new(&signed).with_receipt().to_parts();
///
/// // The provider's side.
/// let route = Route::from_parts(&parts)?;
/// assert!(route.wants_receipt());
/// assert!(route.decode(&me)?.verify(alice.verifying_key()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Route {
    body: Vec<u8>,
    forwarded: Option<Forwarded>,
}

impl Route {
    /// Sends a message.
    #[must_use]
    pub fn new(message: &SignedMessage) -> Self {
        Self { body: message.to_route_json().into_bytes(), forwarded: None }
    }

    /// Sends a body that was made and signed before, such as one from an outbox.
    ///
    /// # Errors
    /// The refusal of the provider of `from`, if it would not take the body from there: the code, the field and the
    /// rule. `signature_missing` when it is not signed, `signature_invalid` when what stands there is no signature; whether
    /// it verifies is not checked.
    pub fn from_body(body: &[u8], from: &Address) -> Result<Self, ApiError> {
        let route = Self { body: body.to_vec(), forwarded: None };
        let decoded = route.decode(from)?;
        let signature = decoded.unsigned().get("signature").and_then(|signature| signature.as_str());
        let refused = |code, rule| Err(ApiError::new(code, rule).with_field("signature"));
        if let Some(name) = ASSIGNED.into_iter().find(|name| decoded.unsigned().get(name).is_some()) {
            let rule = "who sends, when and under which id is the provider's to say";
            return Err(ApiError::new(ApiErrorCode::InvalidField, rule).with_field(name));
        }
        match signature.as_deref() {
            None | Some("") => refused(ApiErrorCode::SignatureMissing, "a message is signed"),
            Some(text) if Signature::from_base64(text).is_err() => {
                refused(ApiErrorCode::SignatureInvalid, "a signature is base64")
            }
            Some(_) => Ok(route),
        }
    }

    /// Hands a message on to another host of the same provider.
    ///
    /// The envelope's sender goes into the body, where a host that trusts the forwarding one takes it from. None when
    /// the message is not JSON with an envelope that has a sender.
    #[must_use]
    pub fn forward(message: &CarriedMessage, forwarded: Forwarded) -> Option<Self> {
        let value = JsonValue::read_carrier(message.as_bytes(), HTTP_BODY_MAX_BYTES).ok()?;
        let (envelope, payload) = (value.get("envelope")?, value.get("payload")?);
        let mut body = String::new();
        for name in FORWARDED_MEMBERS {
            let Some(member) = envelope.get(name).filter(|member| !member.is_null()) else { continue };
            body.push(if body.is_empty() { '{' } else { ',' });
            body.push_str(&["\"", name, "\":", member.raw()].concat());
        }
        envelope.get("from")?;
        body.push_str(&[",\"payload\":", payload.raw(), "}"].concat());
        Some(Self { body: body.into_bytes(), forwarded: Some(forwarded) })
    }

    /// Asks for word of the delivery (`options.receipt`). A body that has options already is left as it is.
    #[must_use]
    pub fn with_receipt(mut self) -> Self {
        if self.json().is_some_and(|body| body.get("options").is_none()) {
            let end = self.body.trim_ascii_end().len().saturating_sub(1);
            self.body.truncate(end);
            let is_empty = self.body.trim_ascii_end().ends_with(b"{");
            let options: &[u8] = b",\"options\":{\"receipt\":true}}";
            self.body.extend_from_slice(options.get(usize::from(is_empty)..).unwrap_or_default());
        }
        self
    }

    /// The body, byte for byte.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the sender asks for word of the delivery.
    #[must_use]
    pub fn wants_receipt(&self) -> bool {
        let options = self.json().and_then(|body| body.get("options"));
        options.and_then(|options| options.get("receipt")).and_then(|receipt| receipt.as_bool()) == Some(true)
    }

    /// Who forwards the message, as the request says. A name proves nothing.
    #[must_use]
    pub const fn forwarded(&self) -> Option<&Forwarded> {
        self.forwarded.as_ref()
    }

    /// Decodes the body for an authenticated sender.
    ///
    /// # Errors
    /// The refusal to answer with: `missing_field` or `invalid_field` with the field, `invalid_request`,
    /// `request_too_large`.
    pub fn decode(&self, from: &Address) -> Result<RouteBody, ApiError> {
        RouteBody::decode(&self.body, from).map_err(|error| ApiError::of_message(&error))
    }

    fn json(&self) -> Option<JsonValue<'_>> {
        JsonValue::read_carrier(&self.body, HTTP_BODY_MAX_BYTES).ok()
    }
}

/// What a client does not say: the provider does.
const ASSIGNED: [&str; 3] = ["from", "id", "timestamp"];

/// What of an envelope a forwarded body says, besides the payload.
const FORWARDED_MEMBERS: [&str; 9] = [
    "from",
    "to",
    "subject",
    "priority",
    "in_reply_to",
    "signature",
    "expires_at",
    "idempotency_key",
    "thread_id",
];

impl ApiError {
    /// The refusal of a message with this fault.
    pub(crate) fn of_message(error: &MessageError) -> Self {
        let code = match (error.code(), error.field()) {
            (ErrorCode::MissingField, _) => ApiErrorCode::MissingField,
            // A subject that is too long does not make the whole body too large.
            (ErrorCode::InvalidField, _) | (ErrorCode::TooLarge, Some("subject")) => {
                ApiErrorCode::InvalidField
            }
            (ErrorCode::TooLarge, Some("payload.attachments")) => ApiErrorCode::TooManyAttachments,
            (ErrorCode::TooLarge, _) => ApiErrorCode::RequestTooLarge,
            (ErrorCode::SignatureMissing, _) => ApiErrorCode::SignatureMissing,
            (ErrorCode::SignatureInvalid, _) => ApiErrorCode::SignatureInvalid,
            _ => ApiErrorCode::InvalidRequest,
        };
        let refusal = Self::new(code, error.rule());
        match error.field() {
            Some(field) => refusal.with_field(field),
            None => refusal,
        }
    }
}

impl Request for Route {
    const ENDPOINT: Endpoint = Endpoint::Route;
    type Answer = Routed;

    fn to_parts(&self) -> RequestParts {
        let mut parts = RequestParts::to(Self::ENDPOINT, &[]).with_header("Content-Type", "application/json");
        parts.body.clone_from(&self.body);
        match &self.forwarded {
            Some(forwarded) => forwarded.put_on(parts),
            None => parts,
        }
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        parts.json()?;
        Ok(Self { body: parts.body.clone(), forwarded: Forwarded::read(parts)? })
    }
}

/// Shows no content.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("bytes", &self.body.len())
            .field("forwarded", &self.forwarded)
            .finish_non_exhaustive()
    }
}

object! {
    /// What a provider says became of a message. It proves no more than its [`basis`](Self::basis) says.
    ///
    /// ```
    /// use amp_core::wire::{Answer, AnswerParts, DeliveryStatus, Routed};
    ///
    /// let answer = AnswerParts::new(202).with_body(br#"{"error":"message_quarantined","message":"held"}"#.to_vec());
    /// assert_eq!(Routed::from_parts(&answer)?.status, DeliveryStatus::Quarantined);
    /// # Ok::<(), amp_core::wire::ApiError>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Routed {
        /// The id that the provider gave the message. Only an answer that it is held may lack one.
        pub id: Option<MessageId>,
        /// Where the message is.
        pub status: DeliveryStatus,
        /// The way that it took.
        pub method: Option<DeliveryMethod>,
        /// When it was delivered.
        pub delivered_at: Option<Timestamp>,
        /// Since when it waits.
        pub queued_at: Option<Timestamp>,
        /// What was proven.
        pub basis: Option<Basis>,
        /// What the provider has to say about it. From outside.
        pub warnings: Option<Vec<String>>,
        /// The host of the same provider that has the message now. From outside.
        pub remote_host: Option<String>,
    }
}

impl Routed {
    /// A message that has this id and status.
    #[must_use]
    pub fn new(id: MessageId, status: DeliveryStatus) -> Self {
        Self { id: Some(id), ..Self::without_id(status) }
    }

    fn without_id(status: DeliveryStatus) -> Self {
        Self {
            id: None,
            status,
            method: None,
            delivered_at: None,
            queued_at: None,
            basis: None,
            warnings: None,
            remote_host: None,
            extra: Extra::default(),
        }
    }
}

impl Answer for Routed {
    fn to_parts(&self) -> AnswerParts {
        let is_held = self.status == DeliveryStatus::Quarantined;
        AnswerParts::new(if is_held { 202 } else { 200 }).with_object(self)
    }

    fn from_parts(parts: &AnswerParts) -> Result<Self, ApiError> {
        let body = parts.json()?;
        let code = body.get("error").and_then(|code| code.as_str());
        // An answer that a message is held may look like an error.
        if body.get("status").is_none() && code.as_deref() == Some(ApiErrorCode::MessageQuarantined.as_str())
        {
            let id = body.get("id").and_then(|id| id.as_str());
            let id = id.and_then(|id| MessageId::parse_with(&id, Profile::Deployed).ok());
            let extra = Members::of(body).map_err(|fault| parts.unreadable(fault))?.extra(&["id"]);
            return Ok(Self { id, extra, ..Self::without_id(DeliveryStatus::Quarantined) });
        }
        let routed: Self = parts.read_object()?;
        if routed.id.is_none() && routed.status != DeliveryStatus::Quarantined {
            return Err(parts.unreadable(Fault::missing("id")));
        }
        Ok(routed)
    }
}
