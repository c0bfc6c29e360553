//! The flat body of `POST /route`, as a provider reads it (provider API, signing).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use amp_address::{Address, Profile};
use amp_crypto::VerifyingKey;

use crate::canonical::Dialect;
use crate::envelope::{FieldReader, TextField};
use crate::error::{ErrorCode, MessageError};
use crate::id::{IdempotencyKey, MessageId};
use crate::json::{self, BigIntegers, Index, JsonValue, Keep, Span};
use crate::limits::{HTTP_BODY_MAX_BYTES, MESSAGE_JSON_MAX_BYTES};
use crate::message::{Part, decoded_address, object};
use crate::payload::{self, Payload};
use crate::priority::Priority;
use crate::signing_string::SignedFields;
use crate::timestamp::Timestamp;
use crate::verify::{Evidence, Unverified, Verified, Verifier};

/// The body of a route request with its authenticated sender: a signed message before the provider gives it an id
/// and a time.
///
/// The sender is not in the body. The provider knows it from the request's authentication, and the signature must
/// hold for that address.
///
/// ```
/// use amp_envelope::{Draft, RouteBody};
/// use amp_crypto::Identity;
/// let alice = Identity::from_seed(&[7; 32]);
/// let authenticated = "alice@acme.crabmail.ai".parse()?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
///     .from(&authenticated)
///     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
///
/// let body = RouteBody::decode(signed.to_route_json().as_bytes(), &authenticated)?;
/// let verified = body.verify(alice.verifying_key())?;
/// assert_eq!((verified.from(), verified.subject().as_ref()), (&authenticated, "Hi"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RouteBody {
    bytes: Vec<u8>,
    index: Index,
    from: Address,
    object: Span,
    to: TextField,
    subject: TextField,
    priority: Priority,
    in_reply_to: Option<TextField>,
    signature: Option<TextField>,
    expires_at: Option<Timestamp>,
    idempotency_key: Option<TextField>,
    payload: Part,
    profile: Profile,
}

impl RouteBody {
    /// Decodes a body under [`Profile::Deployed`], sent by the authenticated `from`.
    ///
    /// # Errors
    /// [`MessageError`]: the code, the field or the byte at fault, and the rule. A body that states `from`, `id`
    /// or `timestamp` is read; what it states there means nothing.
    pub fn decode(bytes: &[u8], from: &Address) -> Result<Self, MessageError> {
        Self::decode_with(bytes, from, Profile::Deployed)
    }

    /// Decodes a body under the given profile.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with(bytes: &[u8], from: &Address, profile: Profile) -> Result<Self, MessageError> {
        if bytes.len() > HTTP_BODY_MAX_BYTES {
            return Err(MessageError::new(ErrorCode::TooLarge, "a body has at most 1 MiB"));
        }
        let big = match profile {
            Profile::Spec => BigIntegers::Refuse,
            Profile::Deployed => BigIntegers::Keep,
        };
        let mut index = Index::default();
        let root = json::read(bytes, Keep::Levels(2), big, 1, &mut index)?;
        let [expires_at, key, in_reply_to, payload, priority, signature, subject, to] = index.members(
            bytes,
            root,
            [
                "expires_at",
                "idempotency_key",
                "in_reply_to",
                "payload",
                "priority",
                "signature",
                "subject",
                "to",
            ],
        );
        let reader = FieldReader { bytes, profile, ids: profile };
        let to = reader.required(to, "to", FieldReader::address)?;
        let subject = reader.required(subject, "subject", FieldReader::subject)?;
        let priority = reader.priority(priority, "priority")?;
        let in_reply_to = reader.in_reply_to(in_reply_to, "in_reply_to")?;
        let signature = reader.signature(signature, "signature")?;
        let expires_at = reader.timestamp(expires_at, "expires_at")?;
        let idempotency_key = reader.optional(key, "idempotency_key", FieldReader::idempotency_key)?;
        let (span, container) = object(payload, &index, "payload")?;
        // The body makes a message: what would be too large there is too large here.
        if span.len() > MESSAGE_JSON_MAX_BYTES {
            let rule = "a payload fits a message, which has at most 512 KiB of JSON";
            return Err(MessageError::field_of(ErrorCode::TooLarge, "payload", rule));
        }
        payload::check(bytes, &index, container, profile)?;
        let leading = bytes.len().saturating_sub(bytes.trim_ascii_start().len());
        let object = Span::new(leading, bytes.trim_ascii_end().len());
        let payload = Part { span, container };
        let bytes = bytes.to_vec();
        index.trim();
        Ok(Self {
            from: from.clone(),
            bytes,
            index,
            object,
            to,
            subject,
            priority,
            in_reply_to,
            signature,
            expires_at,
            idempotency_key,
            payload,
            profile,
        })
    }

    /// Verifies the signature for the authenticated sender, under RFC 8785.
    ///
    /// # Errors
    /// [`Unverified`] with the body in it, as for [`Message::verify`](crate::Message::verify).
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<Self>, Unverified<Self>> {
        self.verify_with(key, &[Dialect::Jcs])
    }

    /// Verifies the signature for the authenticated sender, under each of the dialects in turn.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), after the last dialect failed.
    pub fn verify_with(
        self,
        key: &VerifyingKey,
        dialects: &[Dialect],
    ) -> Result<Verified<Self>, Unverified<Self>> {
        let mut verifier = Verifier::new();
        let found =
            self.with_signed_fields(|fields| verifier.find_match(&self.evidence(), fields, key, dialects));
        verifier.conclude(self, key, found)
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            bytes: &self.bytes,
            index: &self.index,
            payload: self.payload,
            signature: self.signature.map(|field| field.text(&self.bytes)),
            profile: self.profile,
        }
    }

    /// Hands the signed fields, in the received spelling, to `use_fields`.
    fn with_signed_fields<R>(&self, use_fields: impl FnOnce(SignedFields<'_>) -> R) -> R {
        use_fields(SignedFields {
            from: self.from.as_str(),
            to: &self.to.text(&self.bytes),
            subject: &self.subject.text(&self.bytes),
            priority: self.priority,
            in_reply_to: &self.in_reply_to.map(|field| field.text(&self.bytes)).unwrap_or_default(),
        })
    }

    /// The authenticated sender.
    #[must_use]
    pub const fn from(&self) -> &Address {
        &self.from
    }

    /// Whom the message is for, in normal form.
    #[must_use]
    pub fn to(&self) -> Address {
        decoded_address(&self.to.text(&self.bytes), self.profile)
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> Cow<'_, str> {
        self.subject.text(&self.bytes)
    }

    /// The priority; normal when the body states none.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// The message that this one says it answers.
    #[must_use]
    pub fn in_reply_to(&self) -> Option<MessageId> {
        self.in_reply_to.map(|field| MessageId::from_validated(&field.text(&self.bytes)))
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        Payload::new(JsonValue::new(self.payload.span.of(&self.bytes)))
    }

    /// The fields of the body that the signature does not cover.
    #[must_use]
    pub const fn unsigned(&self) -> UnsignedRouteFields<'_> {
        UnsignedRouteFields { body: self }
    }
}

impl Verified<RouteBody> {
    /// SHA-256 of the signing string: names what was signed, whatever id the message is given.
    #[must_use]
    pub fn signing_digest(&self) -> [u8; 32] {
        self.with_signed_fields(|fields| fields.digest(self.payload_hash()))
    }
}

/// The fields of a route body that the signature does not cover.
///
/// They came over an authenticated request, but nothing in them is proven to the recipient.
#[derive(Clone, Copy)]
pub struct UnsignedRouteFields<'a> {
    body: &'a RouteBody,
}

impl<'a> UnsignedRouteFields<'a> {
    /// When the body says that the message expires.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.body.expires_at
    }

    /// The key under which the message is accepted once.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<IdempotencyKey> {
        self.body.idempotency_key.map(|field| IdempotencyKey::from_validated(&field.text(&self.body.bytes)))
    }

    /// Any member of the body by name, such as `options`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        JsonValue::new(self.body.object.of(&self.body.bytes)).get(name)
    }
}

impl fmt::Debug for UnsignedRouteFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnsignedRouteFields({} bytes)", self.body.bytes.len())
    }
}

impl fmt::Debug for RouteBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Subject and payload stay out of logs.
        write!(f, "RouteBody({} bytes to {})", self.bytes.len(), self.to())
    }
}
