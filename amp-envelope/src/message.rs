//! A message as it was received: decoded, not yet verified (messages).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use amp_address::{Address, Profile};

use crate::envelope::Fields;
use crate::error::{ErrorCode, MessageError};
use crate::id::{IdempotencyKey, MessageId};
use crate::json::{self, BigIntegers, Container, Index, Item, JsonValue, Keep, Span};
use crate::limits::MESSAGE_JSON_MAX_BYTES;
use crate::payload::{self, Payload};
use crate::priority::Priority;
use crate::signing_string::SignedFields;
use crate::timestamp::Timestamp;

/// A message that was decoded and is not verified: what it says of itself is a claim.
///
/// The received bytes are kept. The fields that a signature covers have accessors here; those that anyone on
/// the way can change are behind [`unsigned`](Self::unsigned).
///
/// ```
/// use amp_envelope::{Draft, Message, Timestamp};
/// use amp_crypto::Identity;
/// let alice = Identity::from_seed(&[7; 32]);
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .sign(&alice, now)?;
///
/// let message = Message::decode(signed.to_json().as_bytes())?;
/// let verified = message.verify(alice.verifying_key())?;
/// assert_eq!(verified.text(), "Can you look at PR 42?");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) index: Index,
    pub(crate) fields: Fields,
    pub(crate) envelope: Span,
    pub(crate) payload: Part,
    pub(crate) profile: Profile,
}

/// The payload's place in the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) span: Span,
    pub(crate) container: Container,
}

impl Message {
    /// Decodes a message under [`Profile::Deployed`], which reads what deployed programs send.
    ///
    /// One pass checks the JSON profile and the limits; the bytes are kept as they are. Members beside
    /// `envelope` and `payload` (a stored message's `local` and `security`, a queue's notes) are skipped: what
    /// they claim about trust is never believed.
    ///
    /// # Errors
    /// [`MessageError`]: the code, the field or the byte at fault, and the rule.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        Self::decode_with(bytes, Profile::Deployed)
    }

    /// Decodes a message under the given profile.
    ///
    /// [`Profile::Spec`] refuses what only deployed programs write: other id forms, addresses with a provider of
    /// one label, an empty subject, a context that is no object, integer literals outside ±(2^53 − 1), a
    /// missing signature.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with(bytes: &[u8], profile: Profile) -> Result<Self, MessageError> {
        // The limit comes before the copy.
        check_size(bytes)?;
        let mut message = Self::read(bytes.to_vec(), profile, &mut Index::default())?;
        message.index.trim();
        Ok(message)
    }

    /// Decodes into the given index, which is left to the caller on an error.
    pub(crate) fn read(bytes: Vec<u8>, profile: Profile, index: &mut Index) -> Result<Self, MessageError> {
        let Layout { fields, envelope, payload } = Layout::read(&bytes, profile, profile, index)?;
        Ok(Self { bytes, index: core::mem::take(index), fields, envelope, payload, profile })
    }

    /// Reads what was written here: under the strict profile, but for the form of its ids.
    pub(crate) fn read_written(bytes: Vec<u8>, ids: Profile) -> Result<Self, MessageError> {
        let profile = Profile::Spec;
        let mut index = Index::default();
        let Layout { fields, envelope, payload } = Layout::read(&bytes, profile, ids, &mut index)?;
        Ok(Self { bytes, index, fields, envelope, payload, profile })
    }

    /// The profile under which the message was decoded.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Who the message says sent it, in normal form.
    #[must_use]
    pub fn from(&self) -> Address {
        decoded_address(&self.fields.from.text(&self.bytes), self.profile)
    }

    /// Whom the message is for, in normal form.
    #[must_use]
    pub fn to(&self) -> Address {
        decoded_address(&self.fields.to.text(&self.bytes), self.profile)
    }

    /// The subject: 1 to 256 characters, none in some deployed messages.
    #[must_use]
    pub fn subject(&self) -> Cow<'_, str> {
        self.fields.subject.text(&self.bytes)
    }

    /// The priority; normal when the message states none.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.fields.priority
    }

    /// The message that this one says it answers. Ids are not signed by whoever assigned them: see
    /// [`Verified::answers`](crate::Verified::answers).
    #[must_use]
    pub fn in_reply_to(&self) -> Option<MessageId> {
        self.fields.in_reply_to.map(|field| MessageId::from_validated(&field.text(&self.bytes)))
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        Payload::new(JsonValue::new(self.payload.span.of(&self.bytes)))
    }

    /// The text of the payload.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.payload().text()
    }

    /// The fields that no signature covers: providers and others on the way write them.
    #[must_use]
    pub const fn unsigned(&self) -> UnsignedFields<'_> {
        UnsignedFields { message: self }
    }

    /// Whether the message carries a signature. Whether it is a good one, only verification says.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.fields.signature.is_some()
    }

    /// The message as JSON: envelope and payload byte for byte as received, unknown fields included.
    #[must_use]
    pub fn to_json(&self) -> String {
        let raw = |span: Span| JsonValue::new(span.of(&self.bytes)).raw();
        let (envelope, payload) = (raw(self.envelope), raw(self.payload.span));
        [r#"{"envelope":"#, envelope, r#","payload":"#, payload, "}"].concat()
    }

    /// Hands the signed fields, in the received spelling, to `use_fields`.
    pub(crate) fn with_signed_fields<R>(&self, use_fields: impl FnOnce(SignedFields<'_>) -> R) -> R {
        let fields = &self.fields;
        let in_reply_to = fields.in_reply_to.map(|field| field.text(&self.bytes)).unwrap_or_default();
        use_fields(SignedFields {
            from: &fields.from.text(&self.bytes),
            to: &fields.to.text(&self.bytes),
            subject: &fields.subject.text(&self.bytes),
            priority: fields.priority,
            in_reply_to: &in_reply_to,
        })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Subject and payload stay out of logs.
        f.debug_struct("Message")
            .field("id", &self.unsigned().id().as_str())
            .field("from", &self.from().to_string())
            .field("to", &self.to().to_string())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The fields of an envelope that no signature covers.
///
/// Anyone between sender and recipient can change them. They must not decide what a model is shown, where
/// a reply goes, or what is trusted.
///
/// ```
/// # use amp_envelope::{Draft, Message};
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&amp_crypto::Identity::from_seed(&[7; 32]), "2026-01-31T10:00:00Z".parse()?)?;
/// # let message = Message::decode(signed.to_json().as_bytes())?;
/// let unsigned = message.unsigned();
/// assert_eq!(unsigned.timestamp().to_string(), "2026-01-31T10:00:00Z");
/// assert_eq!(unsigned.thread_id(), unsigned.id());
/// assert!(unsigned.get("reply_to").is_none()); // any member, also an unknown one
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct UnsignedFields<'a> {
    message: &'a Message,
}

impl<'a> UnsignedFields<'a> {
    /// The message's id, assigned by the provider that accepted it.
    #[must_use]
    pub fn id(&self) -> MessageId {
        MessageId::from_validated(&self.message.fields.id.text(&self.message.bytes))
    }

    /// When the provider accepted the message.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.message.fields.timestamp
    }

    /// When the envelope says that the message expires. A signed time in the payload may be earlier: see
    /// [`Verified::expires_at`](crate::Verified::expires_at).
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.message.fields.expires_at
    }

    /// The id of the thread's first message, as claimed. Threads are derived from `in_reply_to` instead.
    #[must_use]
    pub fn thread_id(&self) -> MessageId {
        MessageId::from_validated(&self.message.fields.thread_id.text(&self.message.bytes))
    }

    /// The key under which the sender's provider accepts the message once.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<IdempotencyKey> {
        let field = self.message.fields.idempotency_key?;
        Some(IdempotencyKey::from_validated(&field.text(&self.message.bytes)))
    }

    /// The protocol version, such as `amp/0.1`.
    #[must_use]
    pub fn version(&self) -> Cow<'a, str> {
        self.message.fields.version.text(&self.message.bytes)
    }

    /// Any member of the envelope by name, also one that this library does not know, such as `from_did` or
    /// `reply_to`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        self.envelope().get(name)
    }

    /// The envelope's JSON as received.
    #[must_use]
    pub fn envelope(&self) -> JsonValue<'a> {
        JsonValue::new(self.message.envelope.of(&self.message.bytes))
    }
}

impl fmt::Debug for UnsignedFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnsignedFields({})", self.id())
    }
}

/// The address that a field holds whose text decoding has parsed.
#[expect(clippy::expect_used, reason = "decoding parsed the same text under the same profile")]
pub(crate) fn decoded_address(text: &str, profile: Profile) -> Address {
    Address::parse_with(text, profile).expect("an address that decoding has parsed")
}

/// What decoding finds in the bytes.
struct Layout {
    fields: Fields,
    envelope: Span,
    payload: Part,
}

impl Layout {
    fn read(bytes: &[u8], profile: Profile, ids: Profile, index: &mut Index) -> Result<Self, MessageError> {
        check_size(bytes)?;
        let big = match profile {
            Profile::Spec => BigIntegers::Refuse,
            Profile::Deployed => BigIntegers::Keep,
        };
        // Depth is counted from envelope and payload: one level stands around them.
        let root = json::read(bytes, Keep::Levels(2), big, 1, index)?;
        let [envelope, payload] = index.members(bytes, root, ["envelope", "payload"]);
        let (envelope, envelope_object) = object(envelope, index, "envelope")?;
        let (payload, payload_object) = object(payload, index, "payload")?;
        let fields = Fields::read(bytes, index, envelope_object, profile, ids)?;
        payload::check(bytes, index, payload_object, profile)?;
        Ok(Self { fields, envelope, payload: Part { span: payload, container: payload_object } })
    }
}

fn check_size(bytes: &[u8]) -> Result<(), MessageError> {
    if bytes.len() > MESSAGE_JSON_MAX_BYTES {
        return Err(MessageError::new(ErrorCode::TooLarge, "a message has at most 512 KiB of JSON"));
    }
    Ok(())
}

pub(crate) fn object(
    item: Option<Item>,
    index: &Index,
    field: &'static str,
) -> Result<(Span, Container), MessageError> {
    let item = item.ok_or(MessageError::missing(field))?;
    item.node
        .container_id()
        .and_then(|id| index.container(id))
        .filter(|container| container.object)
        .map(|container| (item.value, container))
        .ok_or(MessageError::field_of(ErrorCode::NotAnObject, field, "the value is an object"))
}
