//! The outer payload of a sealed message: what everybody on the way can read (sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_crypto::Fingerprint;
use amp_crypto::seal::{Ciphertext, EncryptionKey, SealError, Sealed, Suite};
use base64ct::{Base64UrlUnpadded, Encoding};

use crate::error::{ErrorCode, MessageError};
use crate::json::{JsonKind, JsonValue};
use crate::limits::SEALED_PAYLOAD_MAX_BYTES;
use crate::payload::Payload;

/// The type of a sealed payload of this version.
pub(super) const TYPE: &str = "sealed:v1";
/// What stands in its `message`, for readers that do not know of sealing.
pub(super) const PLACEHOLDER: &str = "This message is sealed end to end.";

const NAMESPACE: &str = "sealed:";
const FIELD: &str = "payload.context.sealed";
const TAG_BYTES: usize = 16;
/// The longest `ct`: the largest payload, which padding does not lengthen, and its tag, in base64url.
const CT_TEXT_MAX_BYTES: usize = (SEALED_PAYLOAD_MAX_BYTES + TAG_BYTES).div_ceil(3) * 4;

/// What a sealed payload says of itself: for which key it is sealed, and how.
///
/// ```
/// use amp_crypto::{Identity, seal::EncryptionKey};
/// use amp_envelope::{Draft, Timestamp};
///
/// let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
/// let key = EncryptionKey::of(bob.verifying_key())?;
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
///     .seal_to(&key)
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
///
/// assert_eq!(signed.payload().text(), "This message is sealed end to end.");
/// let sealed = signed.payload().sealed()?.unwrap();
/// assert_eq!(sealed.suite().as_str(), "X25519-HKDF-SHA256-XChaCha20Poly1305");
/// assert_eq!(*sealed.key_id(), key.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SealedPayload {
    suite: Suite,
    key_id: Fingerprint,
    epk: [u8; 32],
    ct: Vec<u8>,
}

impl SealedPayload {
    /// The suite it is sealed with.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Names the key it is sealed to: SHA-256 of the 32 bytes of the X25519 public key.
    #[must_use]
    pub const fn key_id(&self) -> &Fingerprint {
        &self.key_id
    }

    pub(super) fn ciphertext(&self) -> Result<Ciphertext<'_>, SealError> {
        Ciphertext::new(self.suite, self.key_id, &self.epk, &self.ct)
    }

    fn read(sealed: JsonValue<'_>) -> Result<Self, MessageError> {
        if sealed.kind() != JsonKind::Object {
            return Err(MessageError::invalid(FIELD, "what is sealed is an object"));
        }
        // The suite decides what the other members mean.
        let suite = text(sealed, "suite", "payload.context.sealed.suite")?;
        let suite = suite.parse().map_err(|_| {
            MessageError::field_of(
                ErrorCode::UnsupportedSuite,
                "payload.context.sealed.suite",
                "the suite is one that this library knows",
            )
        })?;
        let key_id = key_id(&text(sealed, "kid", "payload.context.sealed.kid")?)?;
        let epk = epk(&text(sealed, "epk", "payload.context.sealed.epk")?)?;
        let ct = ciphertext(&text(sealed, "ct", "payload.context.sealed.ct")?)?;
        Ok(Self { suite, key_id, epk, ct })
    }
}

impl fmt::Debug for SealedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedPayload")
            .field("suite", &self.suite)
            .field("key_id", &self.key_id)
            .field("bytes", &self.ct.len())
            .finish_non_exhaustive()
    }
}

impl Payload<'_> {
    /// Whether the payload is of a type that holds something sealed, in whatever version: one that begins with `sealed:`.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.get("type").and_then(|value| value.as_str()).is_some_and(|stated| stated.starts_with(NAMESPACE))
    }

    /// What is sealed in this payload; `None` when its type does not begin with `sealed:`.
    ///
    /// A member `context.sealed` alone makes no sealed payload.
    ///
    /// # Errors
    /// `unsupported_version` for another version than `sealed:v1`, `unsupported_suite`, `invalid_key` for an `epk`
    /// that is no usable point, `missing_field`, `invalid_field` or `too_large` for the members of `context.sealed`.
    pub fn sealed(&self) -> Result<Option<SealedPayload>, MessageError> {
        let message_type = self.message_type();
        if !self.is_sealed() {
            return Ok(None);
        }
        if message_type.as_str() != TYPE {
            return Err(MessageError::field_of(
                ErrorCode::UnsupportedVersion,
                "payload.type",
                "sealed:v1 is the version that this library knows",
            ));
        }
        let sealed = self.context_json().and_then(|context| context.get("sealed"));
        let sealed = sealed.filter(|value| !value.is_null()).ok_or(MessageError::missing(FIELD))?;
        SealedPayload::read(sealed).map(Some)
    }
}

/// The member `sealed` of the outer context.
pub(super) fn write(sealed: &Sealed) -> String {
    format!(
        r#"{{"ct":"{}","epk":"{}","kid":"{}","suite":"{}"}}"#,
        Base64UrlUnpadded::encode_string(sealed.ct()),
        Base64UrlUnpadded::encode_string(sealed.epk()),
        sealed.kid(),
        sealed.suite(),
    )
}

fn text<'a>(
    sealed: JsonValue<'a>,
    name: &str,
    field: &'static str,
) -> Result<alloc::borrow::Cow<'a, str>, MessageError> {
    let value = sealed.get(name).filter(|value| !value.is_null()).ok_or(MessageError::missing(field))?;
    value.as_str().ok_or(MessageError::invalid(field, "the value is a string"))
}

fn key_id(text: &str) -> Result<Fingerprint, MessageError> {
    let rule = MessageError::invalid("payload.context.sealed.kid", "a key id is SHA256: and padded base64");
    let key_id = Fingerprint::parse(text).map_err(|_| rule)?;
    // The text itself is authenticated: one spelling, or two programs would disagree on it.
    if format!("{key_id}") == text { Ok(key_id) } else { Err(rule) }
}

fn epk(text: &str) -> Result<[u8; 32], MessageError> {
    let field = "payload.context.sealed.epk";
    let mut room = [0; 33];
    let bytes: [u8; 32] = Base64UrlUnpadded::decode(text, &mut room)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(MessageError::invalid(field, "an ephemeral key is unpadded base64url of 32 bytes"))?;
    EncryptionKey::from_bytes(bytes).map_err(|_| {
        let rule = "an ephemeral key is a canonical point, not of small order";
        MessageError::field_of(ErrorCode::InvalidKey, field, rule)
    })?;
    Ok(bytes)
}

fn ciphertext(text: &str) -> Result<Vec<u8>, MessageError> {
    let field = "payload.context.sealed.ct";
    if text.len() > CT_TEXT_MAX_BYTES {
        let rule = "what is sealed has at most 160 KiB";
        return Err(MessageError::field_of(ErrorCode::TooLarge, field, rule));
    }
    let ct = Base64UrlUnpadded::decode_vec(text)
        .map_err(|_| MessageError::invalid(field, "a ciphertext is unpadded base64url"))?;
    if ct.len() < TAG_BYTES {
        return Err(MessageError::invalid(field, "a ciphertext has a tag of 16 bytes"));
    }
    if ct.len().saturating_sub(TAG_BYTES) > SEALED_PAYLOAD_MAX_BYTES {
        let rule = "what is sealed has at most 160 KiB";
        return Err(MessageError::field_of(ErrorCode::TooLarge, field, rule));
    }
    Ok(ct)
}
