//! Writing a message: a draft, signed, is ready to send (messages, signing, freshness).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_address::{Address, Profile};
use amp_crypto::{Identity, SigningContext};
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::attachment::Attachment;
use crate::canonical::{Canonicalizer, Dialect};
use crate::error::{ErrorCode, MessageError};
use crate::freshness::Freshness;
use crate::id::{IdempotencyKey, MessageId};
use crate::json::{self, BigIntegers, Index, JsonValue, Keep};
use crate::limits::SUBJECT_MAX_CHARS;
use crate::message_type::MessageType;
use crate::payload::Payload;
use crate::portability::{self, Portability};
use crate::priority::Priority;
use crate::sealed::{Attached, Sealing};
use crate::signed::SignedMessage;
use crate::signing_string::{PayloadHash, SignedFields};
use crate::timestamp::Timestamp;

/// A message being written. Signing it checks every rule and gives a [`SignedMessage`].
///
/// The payload carries a signed freshness block (`context.amp`) unless [`without_freshness`](Self::without_freshness)
/// leaves it out.
///
/// ```
/// use amp_envelope::{Draft, MessageType, Priority, Timestamp};
/// use amp_crypto::Identity;
///
/// #[derive(serde::Serialize)]
/// struct Review { repo: &'static str, pr: u32 }
///
/// let alice = Identity::generate();
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
///     .context(&Review { repo: "agents-web", pr: 42 })?
///     .priority(Priority::High)
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .sign(&alice, now)?;
/// assert!(signed.to_json().starts_with(r#"{"envelope":{"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A short address is no sender and no recipient:
///
/// ```compile_fail,E0308
/// # use amp_envelope::Draft;
/// let short: amp_address::ShortAddress = "alice".parse().unwrap();
/// let draft = Draft::new("bob@acme.crabmail.ai".parse().unwrap()).from(&short);
/// ```
///
/// ```compile_fail,E0308
/// # use amp_envelope::Draft;
/// let short: amp_address::ShortAddress = "bob".parse().unwrap();
/// let draft = Draft::request(short, "Code review", "Can you look at PR 42?");
/// ```
///
/// Expand it first:
///
/// ```
/// # use amp_envelope::Draft;
/// let own: amp_address::Address = "alice@acme.crabmail.ai".parse()?;
/// let short: amp_address::ShortAddress = "bob".parse()?;
/// let draft = Draft::request(short.expand(&own)?, "Code review", "Can you look at PR 42?").from(&own);
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone)]
#[must_use = "a draft does nothing until it is signed"]
pub struct Draft {
    pub(crate) to: Address,
    from: Option<Address>,
    subject: String,
    priority: Priority,
    pub(crate) message_type: MessageType,
    pub(crate) text: String,
    context: Option<Vec<u8>>,
    pub(crate) attachments: Vec<Attached>,
    in_reply_to: Option<MessageId>,
    thread_id: Option<MessageId>,
    expires_at: Option<Timestamp>,
    idempotency_key: Option<IdempotencyKey>,
    re: Option<[u8; 16]>,
    fresh: bool,
    pub(crate) sealing: Sealing,
}

impl Draft {
    /// A notification to `to` without subject or text yet.
    pub const fn new(to: Address) -> Self {
        Self {
            to,
            from: None,
            subject: String::new(),
            priority: Priority::Normal,
            message_type: MessageType::Notification,
            text: String::new(),
            context: None,
            attachments: Vec::new(),
            in_reply_to: None,
            thread_id: None,
            expires_at: None,
            idempotency_key: None,
            re: None,
            fresh: true,
            sealing: Sealing::NONE,
        }
    }

    /// A request to `to`.
    pub fn request(to: Address, subject: &str, text: &str) -> Self {
        Self::new(to).message_type(MessageType::Request).subject(subject).text(text)
    }

    /// The sender's full address, as registered.
    pub fn from(mut self, from: &Address) -> Self {
        self.from = Some(from.clone());
        self
    }

    /// The subject: 1 to 256 characters.
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    /// The text: at most 64 KiB of UTF-8.
    pub fn text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// The kind of message.
    pub fn message_type(mut self, message_type: MessageType) -> Self {
        self.message_type = message_type;
        self
    }

    /// The priority; normal unless set.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// When the message expires: signed in the freshness block, and stated in the envelope.
    pub const fn expires_at(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The key under which the provider accepts the message once, however often it is sent.
    pub fn idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// The context: anything that serializes to a JSON object without a member `amp`.
    ///
    /// # Errors
    /// `invalid_field` for what is no object, holds a member `amp` or cannot be written; `non_finite_number` for
    /// an infinity or NaN; any other code of the JSON profile.
    pub fn context<T: Serialize + ?Sized>(self, context: &T) -> Result<Self, MessageError> {
        let json =
            json::to_json(context).map_err(|error| MessageError::from(error).in_field("payload.context"))?;
        self.with_context(&json)
    }

    /// The context as JSON text; see [`context`](Self::context).
    ///
    /// # Errors
    /// As [`context`](Self::context).
    pub fn context_json(self, json: &str) -> Result<Self, MessageError> {
        self.with_context(json.as_bytes())
    }

    fn with_context(mut self, json: &[u8]) -> Result<Self, MessageError> {
        const FIELD: &str = "payload.context";
        let mut index = Index::default();
        let root = json::read(json, Keep::Levels(1), BigIntegers::Refuse, 0, &mut index)
            .map_err(|e| e.in_field(FIELD))?;
        let [reserved] = index.members(json, root, ["amp"]);
        if reserved.is_some() {
            return Err(MessageError::invalid(FIELD, "the member `amp` is the freshness block's"));
        }
        self.context = Some(json.trim_ascii().to_vec());
        Ok(self)
    }

    /// The recipient.
    #[must_use]
    pub const fn recipient(&self) -> &Address {
        &self.to
    }

    /// The sender's address, if one was set.
    #[must_use]
    pub const fn sender_address(&self) -> Option<&Address> {
        self.from.as_ref()
    }

    /// The context that was set: an object. The freshness block is added to it on signing.
    #[must_use]
    pub fn context_value(&self) -> Option<JsonValue<'_>> {
        self.context.as_deref().map(JsonValue::new)
    }

    /// Adds an attachment object, exactly as the provider gave it after the upload.
    ///
    /// # Errors
    /// `invalid_field` or `missing_field` for what [`Attachment::read`] does not take, such as an unknown digest
    /// algorithm; or a code of the JSON profile. The limits on all attachments together are checked on signing.
    pub fn attachment_json(mut self, object: &str) -> Result<Self, MessageError> {
        json::read(object.as_bytes(), Keep::Levels(0), BigIntegers::Refuse, 0, &mut Index::default())
            .map_err(|error| error.in_field("payload.attachments"))?;
        let json = object.trim_ascii().as_bytes().to_vec();
        let attached = match Attachment::read(JsonValue::new(&json))? {
            Attachment::Afp(_) => Attached::ByReference(json),
            _ => Attached::AtProvider(json),
        };
        self.attachments.push(attached);
        Ok(self)
    }

    /// Leaves the freshness block out.
    ///
    /// A recipient can then tell a replay under a new id only by its content, and expiry is not signed.
    pub const fn without_freshness(mut self) -> Self {
        self.fresh = false;
        self
    }

    /// Makes the draft an answer. Only a verified message makes one: see [`Verified::reply`](crate::Verified::reply).
    pub(crate) fn answering(mut self, parent: MessageId, thread: MessageId, re: [u8; 16]) -> Self {
        self.in_reply_to = Some(parent);
        self.thread_id = Some(thread);
        self.re = Some(re);
        self
    }

    /// Tells which canonical forms would write the payload alike, before it is signed.
    ///
    /// It is about what is sent, which is the canonical form: `1.0` travels as `1`, on which all agree. Of a sealed
    /// draft that is the outer payload, which holds nothing on which they differ.
    ///
    /// # Errors
    /// What [`sign_with_nonce`](Self::sign_with_nonce) would refuse in the payload.
    pub fn portability(&self) -> Result<Portability, MessageError> {
        // The freshness block and what is sealed are plain ASCII without numbers: portable, and they change nothing.
        let payload = match self.sealing.recipient() {
            None => self.payload(None)?,
            Some(_) => self.unsealed_outer()?,
        };
        match portability::of(JsonValue::new(&payload.canonical)) {
            Err(error) if error.code() == ErrorCode::UnportableNumber => {
                portability::of(JsonValue::new(payload.text.as_bytes()))
            }
            report => report,
        }
    }

    /// Signs the draft at `now`, with a nonce and an id from the operating system's randomness.
    ///
    /// # Errors
    /// `missing_field` without a sender or subject; the code of the first rule that a field breaks;
    /// `internal_error` when the operating system gives no randomness.
    #[cfg(feature = "getrandom")]
    pub fn sign(self, identity: &Identity, now: Timestamp) -> Result<SignedMessage, MessageError> {
        let nonce = crate::random::random_bytes().map_err(|_| {
            MessageError::new(ErrorCode::InternalError, "the operating system gives randomness")
        })?;
        self.sign_with_nonce(identity, now, nonce)
    }

    /// Signs the draft at `now` with a nonce of the caller's: 16 bytes that this sender never used before.
    ///
    /// The message's id is derived from `now` and the nonce; a provider replaces it on acceptance.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_with_nonce(
        self,
        identity: &Identity,
        now: Timestamp,
        nonce: [u8; 16],
    ) -> Result<SignedMessage, MessageError> {
        // Milliseconds are what every deployed reader of times knows.
        let now = Timestamp::from_unix_milliseconds(now.unix_milliseconds()).unwrap_or(now);
        let from = self.sender()?;
        self.check_fields(now)?;
        let freshness =
            self.fresh.then_some(Freshness { nonce, sent_at: now, expires_at: self.expires_at, re: self.re });
        let (payload, secret) = match self.sealing.recipient() {
            None => (self.payload(freshness)?, None),
            Some(key) => {
                let (payload, secret) =
                    self.sealed_payload(key, from, identity.verifying_key(), freshness)?;
                (payload, Some(secret))
            }
        };
        payload.check_names()?;
        let hash = PayloadHash::of_canonical(&payload.canonical);
        let fields = SignedFields {
            from: from.as_str(),
            to: self.to.as_str(),
            subject: &self.subject,
            priority: self.priority,
            in_reply_to: self.in_reply_to.as_ref().map_or("", MessageId::as_str),
        };
        let mut string = Vec::new();
        fields.write(&hash, &mut string)?;
        let signature = identity.sign(SigningContext::Message, &string).map_err(|_| {
            MessageError::new(ErrorCode::AmbiguousSigningString, "the fields make a signing string")
        })?;
        let id = self.message_id(now, nonce);
        let envelope = self.envelope_json(from, &id, now, &signature.to_base64());
        // The canonical form is what travels, so that a recipient hashes the bytes as they are. Only doubles from
        // 2^53 on forbid that: their canonical text is an integer literal that no reader could take for a double.
        let ids = if self.in_reply_to.is_some() { Profile::Deployed } else { Profile::Spec };
        let signed = match SignedMessage::new(&envelope, &payload.canonical, &string, ids) {
            Err(error) if error.code() == ErrorCode::UnportableNumber => {
                SignedMessage::new(&envelope, payload.text.as_bytes(), &string, ids)
            }
            signed => signed,
        };
        signed.map(|signed| signed.with_shared_secret(secret))
    }

    fn sender(&self) -> Result<&Address, MessageError> {
        let from = self.from.as_ref().ok_or(MessageError::missing("envelope.from"))?;
        for (address, field) in [(from, "envelope.from"), (&self.to, "envelope.to")] {
            if address.has_one_label_provider() {
                return Err(MessageError::invalid(
                    field,
                    "what is written has a provider of two labels or more",
                ));
            }
        }
        Ok(from)
    }

    fn check_fields(&self, now: Timestamp) -> Result<(), MessageError> {
        if self.subject.is_empty() {
            return Err(MessageError::missing("envelope.subject"));
        }
        if self.subject.chars().count() > SUBJECT_MAX_CHARS {
            let rule = "a subject has at most 256 characters";
            return Err(MessageError::field_of(ErrorCode::TooLarge, "envelope.subject", rule));
        }
        if !self.message_type.is_well_formed() {
            return Err(MessageError::invalid(
                "payload.type",
                "a type is a token or namespace:name of letters, digits, '_', '.', '-'",
            ));
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(MessageError::invalid("envelope.expires_at", "a message expires after it is sent"));
        }
        Ok(())
    }

    /// The payload as it will be sent and as it is hashed. What is sent is checked when it is read back.
    fn payload(&self, freshness: Option<Freshness>) -> Result<WrittenPayload, MessageError> {
        let mut objects = Vec::new();
        for attached in &self.attachments {
            objects.push(attached.in_plain()?);
        }
        let own = self.context.as_deref().map(JsonValue::new);
        let context = match freshness {
            None => own.map(|own| own.raw().to_owned()),
            Some(block) => Some(context_with(&block.to_json(), own)),
        };
        WrittenPayload::of(Parts {
            attachments: &objects,
            context: context.as_deref(),
            message: &self.text,
            message_type: self.message_type.as_str(),
        })
    }

    fn message_id(&self, now: Timestamp, nonce: [u8; 16]) -> MessageId {
        let digest = Sha256::new_with_prefix(b"amp-message-id").chain_update(nonce).finalize();
        let mut random = [0; 8];
        for (slot, byte) in random.iter_mut().zip(digest) {
            *slot = byte;
        }
        MessageId::from_parts(now, random)
    }

    fn envelope_json(&self, from: &Address, id: &MessageId, now: Timestamp, signature: &str) -> String {
        let thread_id = self.thread_id.as_ref().unwrap_or(id);
        let mut json = String::from("{");
        let mut put = |name: &str, value: &str| {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&alloc::format!("\"{name}\":{}", json::quoted(value)));
        };
        put("version", "amp/0.1");
        put("id", id.as_str());
        put("from", from.as_str());
        put("to", self.to.as_str());
        put("subject", &self.subject);
        put("priority", self.priority.as_str());
        put("timestamp", &alloc::format!("{now}"));
        if let Some(expires_at) = self.expires_at {
            put("expires_at", &alloc::format!("{expires_at}"));
        }
        put("signature", signature);
        if let Some(in_reply_to) = &self.in_reply_to {
            put("in_reply_to", in_reply_to.as_str());
        }
        put("thread_id", thread_id.as_str());
        if let Some(key) = &self.idempotency_key {
            put("idempotency_key", key.as_str());
        }
        json.push('}');
        json
    }
}

/// The context with the freshness block as its first member. `own` is an object: no other is let into a draft.
fn context_with(block: &str, own: Option<JsonValue<'_>>) -> String {
    let members =
        own.and_then(|own| own.raw().strip_prefix('{')?.strip_suffix('}')).map_or("", str::trim_ascii);
    let comma = if members.is_empty() { "" } else { "," };
    [r#"{"amp":"#, block, comma, members, "}"].concat()
}

/// What a payload is put together from.
pub(crate) struct Parts<'a> {
    /// Objects, as JSON.
    pub(crate) attachments: &'a [&'a str],
    /// An object, as JSON.
    pub(crate) context: Option<&'a str>,
    pub(crate) message: &'a str,
    pub(crate) message_type: &'a str,
}

impl Parts<'_> {
    fn to_json(&self) -> Zeroizing<String> {
        let message = Zeroizing::new(json::quoted(self.message));
        let message_type = json::quoted(self.message_type);
        // Room for all of it: what grows leaves copies behind.
        let attachments = self.attachments.iter().map(|object| object.len().saturating_add(1)).sum::<usize>();
        let parts = [self.context.map_or(0, str::len), message.len(), message_type.len(), attachments];
        let mut text = Zeroizing::new(String::with_capacity(parts.iter().sum::<usize>().saturating_add(64)));
        for (at, object) in self.attachments.iter().enumerate() {
            text.push_str(if at == 0 { r#"{"attachments":["# } else { "," });
            text.push_str(object);
        }
        text.push_str(if self.attachments.is_empty() { "{" } else { "]," });
        if let Some(context) = self.context {
            text.push_str(r#""context":"#);
            text.push_str(context);
            text.push(',');
        }
        for part in [r#""message":"#, &message, r#","type":"#, &message_type, "}"] {
            text.push_str(part);
        }
        text
    }
}

/// A payload that is being signed, or sealed.
pub(crate) struct WrittenPayload {
    /// As the draft's parts were put together.
    pub(crate) text: Zeroizing<String>,
    /// As it is hashed.
    pub(crate) canonical: Zeroizing<Vec<u8>>,
}

impl WrittenPayload {
    pub(crate) fn of(parts: Parts<'_>) -> Result<Self, MessageError> {
        let text = parts.to_json();
        let mut canonical = Zeroizing::new(Vec::with_capacity(text.len()));
        Canonicalizer::new().canonicalize_into(text.as_bytes(), Dialect::Jcs, &mut canonical)?;
        Ok(Self { text, canonical })
    }

    /// Refuses a member that a dialect loses. Almost every payload is let through by one search.
    pub(crate) fn check_names(&self) -> Result<(), MessageError> {
        let canonical = JsonValue::new(&self.canonical);
        if canonical.raw().contains("__proto__") {
            portability::check(JsonValue::new(self.text.as_bytes()))
        } else {
            Ok(())
        }
    }
}

impl Payload<'_> {
    /// Tells which canonical forms write the payload alike.
    ///
    /// # Errors
    /// `unportable_number` for an integer literal outside ±(2^53 − 1), `unportable_payload` for a member
    /// `__proto__`: such a payload has no form on which all agree.
    pub fn portability(&self) -> Result<Portability, MessageError> {
        portability::of(self.json())
    }
}

/// Subject, text and context stay out of logs.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("to", &self.to.as_str())
            .field("from", &self.from.as_ref().map(Address::as_str))
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What was to be sealed is not left behind in memory.
impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_sealed() {
            self.text.zeroize();
            self.context.zeroize();
        }
    }
}
