//! A message inside of an answer or a frame, and the key beside it, as they are carried (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_address::Profile;
use amp_crypto::VerifyingKey;
use amp_envelope::limits::MESSAGE_JSON_MAX_BYTES;
use amp_envelope::{JsonKind, JsonValue, MessageId, SignedMessage};

/// Longest key that is kept, in bytes. The PEM block of an RSA key of 8,192 bits takes 1,450.
const KEY_MAX_BYTES: usize = 4096;

/// A message as a page, a frame or a delivery carries it: `{"envelope":…,"payload":…}`, where the two are the bytes that
/// were received. Nothing in it is verified, and nothing is written anew, so that signatures stay valid.
///
/// ```
/// use amp_core::JsonValue;
/// use amp_core::wire::CarriedMessage;
///
/// let entry = br#"{"id":"msg_1706648400_abc123","envelope":{"id":"msg_1706648400_abc123"},"payload":{"n":1.0}}"#;
/// let message = CarriedMessage::read(&JsonValue::read_object(entry)?).ok_or("no message")?;
/// assert_eq!(message.as_bytes(), br#"{"envelope":{"id":"msg_1706648400_abc123"},"payload":{"n":1.0}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CarriedMessage {
    /// Compact outside of the two values.
    json: String,
    id: Option<MessageId>,
}

impl CarriedMessage {
    /// Takes the members `envelope` and `payload` of an object, byte for byte. None when one of them is no object.
    #[must_use]
    pub fn read(carrier: &JsonValue<'_>) -> Option<Self> {
        let object = |name: &str| carrier.get(name).filter(|value| value.kind() == JsonKind::Object);
        let (envelope, payload) = (object("envelope")?, object("payload")?);
        let json = ["{\"envelope\":", envelope.raw(), ",\"payload\":", payload.raw(), "}"].concat();
        let id = envelope.get("id").and_then(|id| id.as_str());
        let id = id.and_then(|id| MessageId::parse_with(&id, Profile::Deployed).ok());
        Some(Self { json, id })
    }

    /// Takes a message in its wire form. Members beside `envelope` and `payload` are left out. None when it is not JSON
    /// of at most 512 KiB with these two objects.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        Self::read(&JsonValue::read_carrier(json, MESSAGE_JSON_MAX_BYTES).ok()?)
    }

    /// The bytes, for [`Receiver::receive`](crate::receive::Receiver::receive).
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.json.as_bytes()
    }

    /// The same as text.
    #[must_use]
    pub const fn as_json(&self) -> &str {
        self.json.as_str()
    }

    /// The bytes, for [`Receiver::receive`](crate::receive::Receiver::receive).
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.json.into_bytes()
    }

    /// The id that the envelope states, if it is one. It is not signed.
    #[must_use]
    pub const fn id(&self) -> Option<&MessageId> {
        self.id.as_ref()
    }

    /// The members alone, for an object that carries them: `"envelope":…,"payload":…`.
    pub(crate) fn members(&self) -> &str {
        self.json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default()
    }
}

impl From<&SignedMessage> for CarriedMessage {
    fn from(message: &SignedMessage) -> Self {
        Self { json: message.to_json(), id: Some(message.id()) }
    }
}

/// Shows no content.
impl fmt::Debug for CarriedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarriedMessage")
            .field("id", &self.id)
            .field("bytes", &self.json.len())
            .finish_non_exhaustive()
    }
}

/// The key that travels beside a message (`sender_public_key`): PEM as the text has it, 64 hexadecimal digits as deployed
/// providers write it. A hint of whoever carried the message, never proof of who sent it.
///
/// ```
/// use amp_core::wire::CarriedKey;
///
/// let alice = amp_core::Identity::from_seed(&[7; 32]);
/// let carried = CarriedKey::pem(alice.verifying_key());
/// assert_eq!(carried.key().as_ref(), Some(alice.verifying_key()));
/// assert_eq!(CarriedKey::from_text(""), None);
/// assert_eq!(CarriedKey::from_text("not a key").and_then(|carried| carried.key()), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct CarriedKey(Box<str>);

impl CarriedKey {
    /// The key as a PEM block.
    #[must_use]
    pub fn pem(key: &VerifyingKey) -> Self {
        Self(key.to_pem().into())
    }

    /// Takes what stands there, of whatever form. None for an empty text, which means that there is no key, and for one
    /// of more than 4,096 bytes.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= KEY_MAX_BYTES).then(|| Self(text.into()))
    }

    /// Takes the member `sender_public_key` of an object. What is no text is no key.
    #[must_use]
    pub fn read(carrier: &JsonValue<'_>) -> Option<Self> {
        Self::from_text(&carrier.get("sender_public_key")?.as_str()?)
    }

    /// The text as it was received.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// The key, if the text is one that is fit to verify with.
    #[must_use]
    pub fn key(&self) -> Option<VerifyingKey> {
        VerifyingKey::parse(&self.0).ok()
    }
}

/// Shows no outside text.
impl fmt::Debug for CarriedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CarriedKey").field(&self.key().map(|key| key.fingerprint())).finish()
    }
}
