//! The envelope: its fields, where they stand in the received bytes, and their grammar (messages).

use alloc::borrow::Cow;

use amp_address::Profile;

use crate::error::{ErrorCode, MessageError};
use crate::id::{IdempotencyKey, MessageId};
use crate::json::{Container, Index, Item, JsonValue, Span};
use crate::limits::SUBJECT_MAX_CHARS;
use crate::priority::Priority;
use crate::signing_string::{check_address, no_separator};
use crate::timestamp::Timestamp;

/// A string field: where its value stands in the received bytes, quotes included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextField(Span);

impl TextField {
    /// The text, escapes undone; borrowed when there are none.
    pub(crate) fn text(self, bytes: &[u8]) -> Cow<'_, str> {
        JsonValue::new(self.0.of(bytes)).as_str().unwrap_or_default()
    }
}

/// The fields of an envelope, read and found to obey their grammar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) version: TextField,
    pub(crate) id: TextField,
    pub(crate) from: TextField,
    pub(crate) to: TextField,
    pub(crate) subject: TextField,
    pub(crate) priority: Priority,
    pub(crate) timestamp: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) signature: Option<TextField>,
    pub(crate) in_reply_to: Option<TextField>,
    pub(crate) thread_id: TextField,
    pub(crate) idempotency_key: Option<TextField>,
}

impl Fields {
    /// Reads the fields from what the reader listed. Null and absent read alike.
    pub(crate) fn read(
        bytes: &[u8],
        index: &Index,
        envelope: Container,
        profile: Profile,
        ids: Profile,
    ) -> Result<Self, MessageError> {
        let [
            expires_at,
            from,
            id,
            key,
            in_reply_to,
            priority,
            signature,
            subject,
            thread_id,
            timestamp,
            to,
            version,
        ] = index.members(
            bytes,
            envelope,
            [
                "expires_at",
                "from",
                "id",
                "idempotency_key",
                "in_reply_to",
                "priority",
                "signature",
                "subject",
                "thread_id",
                "timestamp",
                "to",
                "version",
            ],
        );
        let reader = FieldReader { bytes, profile, ids };
        Ok(Self {
            version: reader.required(version, "envelope.version", FieldReader::version)?,
            id: reader.required(id, "envelope.id", FieldReader::message_id)?,
            from: reader.required(from, "envelope.from", FieldReader::address)?,
            to: reader.required(to, "envelope.to", FieldReader::address)?,
            subject: reader.required(subject, "envelope.subject", FieldReader::subject)?,
            priority: reader.priority(priority, "envelope.priority")?,
            timestamp: reader
                .timestamp(timestamp, "envelope.timestamp")?
                .ok_or(MessageError::missing("envelope.timestamp"))?,
            expires_at: reader.timestamp(expires_at, "envelope.expires_at")?,
            signature: reader.signature(signature, "envelope.signature")?,
            in_reply_to: reader.in_reply_to(in_reply_to, "envelope.in_reply_to")?,
            thread_id: reader.required(thread_id, "envelope.thread_id", FieldReader::message_id)?,
            idempotency_key: reader.optional(
                key,
                "envelope.idempotency_key",
                FieldReader::idempotency_key,
            )?,
        })
    }
}

/// Reads the members of an envelope or of a flat body, each against its grammar.
pub(crate) struct FieldReader<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) profile: Profile,
    /// The profile under which the ids of messages are read.
    pub(crate) ids: Profile,
}

impl FieldReader<'_> {
    pub(crate) fn optional(
        &self,
        item: Option<Item>,
        field: &'static str,
        check: impl Fn(&Self, &str, &'static str) -> Result<(), MessageError>,
    ) -> Result<Option<TextField>, MessageError> {
        let Some(item) = item else { return Ok(None) };
        let value = JsonValue::new(item.value.of(self.bytes));
        if value.is_null() {
            return Ok(None);
        }
        let text = value.as_str().ok_or(MessageError::invalid(field, "the value is a string"))?;
        check(self, &text, field).map_err(|error| error.at(item.value.start as usize))?;
        Ok(Some(TextField(item.value)))
    }

    pub(crate) fn required(
        &self,
        item: Option<Item>,
        field: &'static str,
        check: impl Fn(&Self, &str, &'static str) -> Result<(), MessageError>,
    ) -> Result<TextField, MessageError> {
        self.optional(item, field, check)?.ok_or(MessageError::missing(field))
    }

    /// `amp/<major>.<minor>`; a deployed writer may add a patch number.
    pub(crate) fn version(&self, text: &str, field: &'static str) -> Result<(), MessageError> {
        let malformed = || MessageError::invalid(field, "a version is amp/<major>.<minor>");
        let mut numbers = text.strip_prefix("amp/").ok_or_else(malformed)?.split('.');
        let is_number = |number: &str| {
            !number.is_empty() && number.len() <= 6 && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        let major = numbers.next().filter(|number| is_number(number)).ok_or_else(malformed)?;
        numbers.next().filter(|number| is_number(number)).ok_or_else(malformed)?;
        match (numbers.next(), self.profile) {
            (None, _) => {}
            (Some(patch), Profile::Deployed) if is_number(patch) && numbers.next().is_none() => {}
            _ => return Err(malformed()),
        }
        if major != "0" {
            return Err(MessageError::field_of(
                ErrorCode::UnsupportedVersion,
                field,
                "the major version is 0",
            ));
        }
        Ok(())
    }

    pub(crate) fn message_id(&self, text: &str, field: &'static str) -> Result<(), MessageError> {
        MessageId::validate(text, self.ids).map_err(|_| {
            MessageError::invalid(
                field,
                "a message id is msg_<seconds>_<hex>, or a path-safe text that deployed programs write",
            )
        })
    }

    pub(crate) fn address(&self, text: &str, field: &'static str) -> Result<(), MessageError> {
        check_address(text, field, self.profile)
    }

    pub(crate) fn subject(&self, text: &str, field: &'static str) -> Result<(), MessageError> {
        // A character has at least one byte: most subjects need no counting.
        if text.len() > SUBJECT_MAX_CHARS && text.chars().count() > SUBJECT_MAX_CHARS {
            return Err(MessageError::field_of(
                ErrorCode::TooLarge,
                field,
                "a subject has at most 256 characters",
            ));
        }
        if text.is_empty() && self.profile == Profile::Spec {
            return Err(MessageError::invalid(field, "a subject has at least one character"));
        }
        Ok(())
    }

    pub(crate) fn idempotency_key(&self, text: &str, field: &'static str) -> Result<(), MessageError> {
        IdempotencyKey::validate(text, self.profile)
            .map_err(|_| MessageError::invalid(field, "an idempotency key is idk_<uuid v4>"))
    }

    pub(crate) fn priority(&self, item: Option<Item>, name: &'static str) -> Result<Priority, MessageError> {
        let mut priority = Priority::Normal;
        let Some(field) = self.optional(item, name, |_, text, field| no_separator(text, field))? else {
            return Ok(priority);
        };
        priority = field
            .text(self.bytes)
            .parse()
            .map_err(|_| MessageError::invalid(name, "a priority is urgent, high, normal or low"))?;
        Ok(priority)
    }

    pub(crate) fn timestamp(
        &self,
        item: Option<Item>,
        field: &'static str,
    ) -> Result<Option<Timestamp>, MessageError> {
        let Some(text) = self.optional(item, field, |_, _, _| Ok(()))? else { return Ok(None) };
        let timestamp = text.text(self.bytes).parse();
        timestamp
            .map(Some)
            .map_err(|_| MessageError::invalid(field, "a time is RFC 3339, such as 2026-01-31T10:00:00Z"))
    }

    /// A signature's text is judged when it is verified. An empty one is none.
    pub(crate) fn signature(
        &self,
        item: Option<Item>,
        name: &'static str,
    ) -> Result<Option<TextField>, MessageError> {
        let signature = self.optional(item, name, |_, _, _| Ok(()))?.filter(|field| field.0.len() > 2);
        if signature.is_none() && self.profile == Profile::Spec {
            return Err(signature_missing().in_field(name));
        }
        Ok(signature)
    }

    /// An id; deployed programs may write an empty text for none, which is what is signed then.
    pub(crate) fn in_reply_to(
        &self,
        item: Option<Item>,
        name: &'static str,
    ) -> Result<Option<TextField>, MessageError> {
        let field = self.optional(item, name, |reader, text, field| {
            no_separator(text, field)?;
            if text.is_empty() && reader.profile == Profile::Deployed {
                return Ok(());
            }
            reader.message_id(text, field)
        })?;
        Ok(field.filter(|field| field.0.len() > 2))
    }
}

pub(crate) const fn signature_missing() -> MessageError {
    MessageError::field_of(ErrorCode::SignatureMissing, "envelope.signature", "a message must be signed")
}
