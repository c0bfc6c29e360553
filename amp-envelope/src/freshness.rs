//! The signed freshness block `context.amp` (freshness).
//!
//! Ids and times of an envelope are not signed, so whoever relays a message can give it new ones. What the sender
//! says about freshness therefore travels inside the payload, as an ordinary member of the context that every
//! deployed verifier accepts.

use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::error::MessageError;
use crate::json::{JsonKind, JsonValue};
use crate::timestamp::Timestamp;

const FIELD: &str = "payload.context.amp";

/// What a sender signed about when a message is fresh and what it answers.
///
/// ```
/// use amp_envelope::Payload;
/// let payload = Payload::from_json(br#"{"type":"response","message":"Yes.","context":{"amp":{
///     "nonce":"AAECAwQFBgcICQoLDA0ODw","sent_at":"2026-01-31T10:00:00Z","re":"EBESExQVFhcYGRobHB0eHw"}}}"#)?;
/// let freshness = payload.freshness()?.unwrap();
/// assert_eq!(freshness.sent_at().to_string(), "2026-01-31T10:00:00Z");
/// assert_eq!(freshness.re().unwrap()[0], 0x10);
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Freshness {
    pub(crate) nonce: [u8; 16],
    pub(crate) sent_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) re: Option<[u8; 16]>,
}

impl Freshness {
    /// Reads the block.
    pub(crate) fn read(block: JsonValue<'_>) -> Result<Self, MessageError> {
        if block.kind() != JsonKind::Object {
            return Err(MessageError::invalid(FIELD, "the freshness block is an object"));
        }
        let member = |name| block.get(name).filter(|value| !value.is_null());
        let nonce = member("nonce").ok_or(MessageError::missing("payload.context.amp.nonce"))?;
        let sent_at = member("sent_at").ok_or(MessageError::missing("payload.context.amp.sent_at"))?;
        Ok(Self {
            nonce: sixteen_bytes(nonce, "payload.context.amp.nonce")?,
            sent_at: time(sent_at, "payload.context.amp.sent_at")?,
            expires_at: member("expires_at")
                .map(|value| time(value, "payload.context.amp.expires_at"))
                .transpose()?,
            re: member("re").map(|value| sixteen_bytes(value, "payload.context.amp.re")).transpose()?,
        })
    }

    /// 16 bytes that no other message of the sender carries.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }

    /// When the sender signed.
    #[must_use]
    pub const fn sent_at(&self) -> Timestamp {
        self.sent_at
    }

    /// When the message expires.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The first 16 bytes of SHA-256 of the signing string of the message that this one answers.
    #[must_use]
    pub const fn re(&self) -> Option<&[u8; 16]> {
        self.re.as_ref()
    }

    /// The block as canonical JSON.
    pub(crate) fn to_json(self) -> String {
        let mut json = String::from("{");
        if let Some(expires_at) = self.expires_at {
            json.push_str(&alloc::format!(r#""expires_at":"{expires_at}","#));
        }
        json.push_str(&alloc::format!(r#""nonce":"{}","#, Base64UrlUnpadded::encode_string(&self.nonce)));
        if let Some(re) = self.re {
            json.push_str(&alloc::format!(r#""re":"{}","#, Base64UrlUnpadded::encode_string(&re)));
        }
        json.push_str(&alloc::format!(r#""sent_at":"{}"}}"#, self.sent_at));
        json
    }
}

fn time(value: JsonValue<'_>, field: &'static str) -> Result<Timestamp, MessageError> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or(MessageError::invalid(field, "a time is RFC 3339, such as 2026-01-31T10:00:00Z"))
}

fn sixteen_bytes(value: JsonValue<'_>, field: &'static str) -> Result<[u8; 16], MessageError> {
    let mut bytes = [0; 18];
    value
        .as_str()
        .and_then(|text| {
            Base64UrlUnpadded::decode(text.as_bytes(), &mut bytes)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
        })
        .ok_or(MessageError::invalid(field, "the value is unpadded base64url of 16 bytes"))
}
