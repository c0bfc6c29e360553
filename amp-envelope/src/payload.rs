//! The payload: what a message says. Its JSON is what the signature covers (messages, RFC 8785).

use alloc::borrow::Cow;
use core::fmt;

use serde::Deserialize;

use crate::attachment::AttachmentError;
use crate::error::{ErrorCode, MessageError};
use crate::freshness::Freshness;
use crate::json::{self, BigIntegers, Container, Index, JsonKind, JsonValue, Keep, ViewError};
use crate::limits::{
    ATTACHMENT_MAX_BYTES, ATTACHMENTS_MAX, ATTACHMENTS_TOTAL_MAX_BYTES, CONTEXT_MAX_BYTES,
    MESSAGE_JSON_MAX_BYTES, MESSAGE_MAX_BYTES,
};
use crate::message_type::MessageType;
use amp_address::Profile;

/// A payload: a view of its received bytes.
///
/// The bytes are never rewritten: the signature covers them as parsed, so editing a payload means making a new
/// [`Draft`](crate::Draft).
///
/// ```
/// use amp_envelope::Payload;
/// #[derive(serde::Deserialize)]
/// struct Review { repo: String, pr: u32 }
///
/// let payload = Payload::from_json(br#"{"type":"request","message":"Look?","context":{"repo":"agents-web","pr":42}}"#)?;
/// assert_eq!(payload.text(), "Look?");
/// let review: Review = payload.context()?.unwrap();
/// assert_eq!((review.repo.as_str(), review.pr), ("agents-web", 42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    object: JsonValue<'a>,
}

impl<'a> Payload<'a> {
    /// `object` has passed the reader and [`check`].
    pub(crate) const fn new(object: JsonValue<'a>) -> Self {
        Self { object }
    }

    /// Reads a payload on its own, at most 512 KiB, under [`Profile::Deployed`].
    ///
    /// # Errors
    /// [`MessageError`] with a code of the JSON profile, or `missing_field`, `invalid_field` or `too_large` for
    /// `type` and `message` (required), `context` and `attachments`.
    pub fn from_json(json: &'a [u8]) -> Result<Self, MessageError> {
        if json.len() > MESSAGE_JSON_MAX_BYTES {
            return Err(too_large("payload", "a payload fits a message, which has at most 512 KiB of JSON"));
        }
        let mut index = Index::default();
        let root = json::read(json, Keep::Levels(1), BigIntegers::Keep, 0, &mut index)?;
        check(json, &index, root, Profile::Deployed)?;
        Ok(Self { object: JsonValue::new(json.trim_ascii()) })
    }

    /// The payload's JSON, byte for byte as received.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.object.raw()
    }

    /// The kind of message: `request`, `response`, a namespaced type, ...
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        let text = self.object.get("type").and_then(|value| value.as_str()).unwrap_or_default();
        MessageType::read(&text)
    }

    /// The text for the reader. It is outside content: whoever shows it to a model wraps it first.
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        self.object.get("message").and_then(|value| value.as_str()).unwrap_or_default()
    }

    /// A member of the payload, also one that this library does not know.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        self.object.get(name)
    }

    /// All members in the order in which they were received, also those that this library does not know.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, JsonValue<'a>)> + use<'a> {
        self.object.members()
    }

    /// The context as JSON; `None` when it is absent or null.
    #[must_use]
    pub fn context_json(&self) -> Option<JsonValue<'a>> {
        self.object.get("context").filter(|value| !value.is_null())
    }

    /// The context as a type of the host's; `None` when it is absent or null.
    ///
    /// # Errors
    /// [`ViewError`] when the context does not fit the type.
    pub fn context<T: Deserialize<'a>>(&self) -> Result<Option<T>, ViewError> {
        self.context_json().map(T::deserialize).transpose()
    }

    /// The attachments as JSON, in order. [`Attachment::read`](crate::Attachment::read) makes a typed view of each.
    ///
    /// ```
    /// use amp_envelope::{Attachment, Payload};
    ///
    /// let payload = Payload::from_json(br#"{"type":"task","message":"m","attachments":[{"filename":"../a b.csv"}]}"#)?;
    /// for attachment in payload.attachments_json() {
    ///     assert_eq!(Attachment::read(attachment)?.safe_filename()?.as_str(), "a_b.csv");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attachments_json(&self) -> impl Iterator<Item = JsonValue<'a>> + use<'a> {
        self.object.get("attachments").into_iter().flat_map(|list| list.elements())
    }

    /// The signed freshness block `context.amp`; `None` when the sender left it out.
    ///
    /// # Errors
    /// `invalid_field` when there is one that does not obey its grammar. It must then not be taken for absent.
    pub fn freshness(&self) -> Result<Option<Freshness>, MessageError> {
        self.context_json().and_then(|context| context.get("amp")).map(Freshness::read).transpose()
    }

    pub(crate) fn json(&self) -> JsonValue<'a> {
        self.object
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.object.bytes().len())
    }
}

/// Checks the members that the protocol names, as the reader listed them.
pub(crate) fn check(
    bytes: &[u8],
    index: &Index,
    payload: Container,
    profile: Profile,
) -> Result<(), MessageError> {
    let mut has_type = false;
    let mut has_message = false;
    for item in index.items(payload) {
        let value = JsonValue::new(item.value.of(bytes));
        match item.name(bytes, index.names()) {
            b"type" => {
                string_member(value, "payload.type")?;
                has_type = true;
            }
            b"message" => {
                string_member(value, "payload.message")?;
                has_message = true;
                check_message(value)?;
            }
            b"context" => check_context(value, profile)?,
            b"attachments" => check_attachments(value)?,
            _ => {}
        }
    }
    if !has_type {
        return Err(MessageError::missing("payload.type"));
    }
    if !has_message {
        return Err(MessageError::missing("payload.message"));
    }
    Ok(())
}

fn string_member(value: JsonValue<'_>, field: &'static str) -> Result<(), MessageError> {
    if value.kind() == JsonKind::String {
        Ok(())
    } else {
        Err(MessageError::invalid(field, "the value is a string"))
    }
}

fn check_message(value: JsonValue<'_>) -> Result<(), MessageError> {
    // Escapes only ever shorten: a short spelling needs no counting.
    let contents = value.bytes().len().saturating_sub(2);
    if contents > MESSAGE_MAX_BYTES {
        let [b'"', contents @ .., b'"'] = value.bytes() else { return Ok(()) };
        if json::unescaped_len(contents) > MESSAGE_MAX_BYTES {
            return Err(too_large("payload.message", "a message text has at most 64 KiB of UTF-8"));
        }
    }
    Ok(())
}

fn check_context(value: JsonValue<'_>, profile: Profile) -> Result<(), MessageError> {
    match (value.kind(), profile) {
        (JsonKind::Object | JsonKind::Null, _) | (_, Profile::Deployed) => {}
        _ => return Err(MessageError::invalid("payload.context", "a context is an object")),
    }
    if value.bytes().len() > CONTEXT_MAX_BYTES {
        return Err(too_large("payload.context", "a context has at most 256 KiB of JSON"));
    }
    Ok(())
}

fn check_attachments(value: JsonValue<'_>) -> Result<(), MessageError> {
    if !matches!(value.kind(), JsonKind::Array | JsonKind::Null) {
        return Err(MessageError::invalid("payload.attachments", "attachments are an array of objects"));
    }
    let mut count = 0_usize;
    let mut together = 0_u64;
    for attachment in value.elements() {
        if attachment.kind() != JsonKind::Object {
            return Err(MessageError::invalid("payload.attachments", "attachments are an array of objects"));
        }
        if attachment
            .get("storage")
            .and_then(|storage| storage.as_str())
            .is_some_and(|storage| storage == "afp")
        {
            continue;
        }
        let size = attachment.get("size").and_then(|size| size.as_u64()).unwrap_or(0);
        count = count.saturating_add(1);
        together = together.saturating_add(size);
        if count > ATTACHMENTS_MAX {
            return Err(AttachmentError::TooMany.into());
        }
        if size > ATTACHMENT_MAX_BYTES {
            return Err(AttachmentError::TooLarge.into());
        }
        if together > ATTACHMENTS_TOTAL_MAX_BYTES {
            return Err(AttachmentError::TooLargeTogether.into());
        }
    }
    Ok(())
}

const fn too_large(field: &'static str, rule: &'static str) -> MessageError {
    MessageError::field_of(ErrorCode::TooLarge, field, rule)
}
