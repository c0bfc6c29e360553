//! Identifiers of messages, attachments, quarantined messages and requests (topic: ids and timestamps).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use amp_address::Profile;
#[cfg(feature = "getrandom")]
use amp_crypto::RandomnessError;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::ErrorCode;
use crate::limits::ID_MAX_BYTES;
#[cfg(feature = "getrandom")]
use crate::random::random_bytes;
use crate::timestamp::Timestamp;

const DEPLOYED_MIN_BYTES: usize = 4;

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Shorter than the shortest identifier.
    #[error("identifier is too short")]
    TooShort,
    /// Longer than 128 bytes.
    #[error("identifier is longer than 128 bytes")]
    TooLong,
    /// Does not begin as this kind of identifier must.
    #[error("identifier does not begin with the prefix of its kind")]
    Prefix,
    /// Does not have the parts that the prefix promises.
    #[error("identifier does not have the form of its kind")]
    Form,
    /// Holds a character that no identifier may hold.
    #[error("identifier holds a character outside letters, digits, '_' and '-'")]
    Character,
    /// Would name a device, not a file, when used as a file name on Windows.
    #[error("identifier is the name of a device on some systems")]
    DeviceName,
}

impl IdError {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::InvalidField
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $validate:path, $expecting:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads an identifier under [`Profile::Spec`].
            ///
            /// # Errors
            /// The part of the grammar that the text breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Self::parse_with(text, Profile::Spec)
            }

            /// Reads an identifier under the given profile.
            ///
            /// # Errors
            /// The part of the grammar that the text breaks.
            pub fn parse_with(text: &str, profile: Profile) -> Result<Self, IdError> {
                Self::validate(text, profile)?;
                Ok(Self(text.into()))
            }

            /// Whether a text is such an identifier, without keeping it and without allocating.
            ///
            /// # Errors
            /// The part of the grammar that the text breaks.
            pub fn validate(text: &str, profile: Profile) -> Result<(), IdError> {
                $validate(text, profile)
            }

            /// The identifier as it is written on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            /// Reads under [`Profile::Deployed`], so that whatever was once parsed reads back.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse_with(text, Profile::Deployed).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

identifier! {
    /// The identifier of a message: `msg_<unix seconds>_<lowercase hex>`.
    ///
    /// [`Profile::Spec`] takes that form alone. [`Profile::Deployed`] takes any text of 4 to 128 letters, digits, `_`
    /// and `-` that begins with a letter or digit, because providers are known to assign milliseconds, base-36 suffixes,
    /// hyphens and UUIDs. Under neither can an identifier leave a directory that it is joined to.
    ///
    /// ```
    /// use amp_address::Profile;
    /// use amp_envelope::MessageId;
    ///
    /// let id: MessageId = "msg_1706648400_abc123".parse()?;
    /// assert_eq!(id.as_str(), "msg_1706648400_abc123");
    ///
    /// let deployed = "msg_1795164439815_nmo7mxq";
    /// assert!(MessageId::parse(deployed).is_err());
    /// assert!(MessageId::parse_with(deployed, Profile::Deployed).is_ok());
    /// # Ok::<(), amp_envelope::IdError>(())
    /// ```
    MessageId, validate_message, "a message id"
}

identifier! {
    /// The identifier of an uploaded attachment: `att_<unix seconds>_<lowercase hex>`.
    ///
    /// [`Profile::Deployed`] takes any path-safe text, as for [`MessageId`].
    ///
    /// ```
    /// use amp_envelope::AttachmentId;
    ///
    /// let id: AttachmentId = "att_1706648400_abc123".parse()?;
    /// assert!("att_1706648400_../x".parse::<AttachmentId>().is_err());
    /// # Ok::<(), amp_envelope::IdError>(())
    /// ```
    AttachmentId, validate_attachment, "an attachment id"
}

identifier! {
    /// The identifier of a message held for review: `qtn_<unix seconds>_<lowercase hex>`.
    ///
    /// [`Profile::Deployed`] takes any path-safe text, as for [`MessageId`].
    ///
    /// ```
    /// use amp_envelope::QuarantineId;
    ///
    /// let id = QuarantineId::from_parts("2025-01-30T10:00:00Z".parse()?, [0, 1, 2, 3, 4, 5, 6, 7]);
    /// assert_eq!(id.as_str(), "qtn_1738231200_0001020304050607");
    /// # Ok::<(), amp_envelope::TimestampError>(())
    /// ```
    QuarantineId, validate_quarantine, "a quarantine id"
}

identifier! {
    /// The key under which a request may be repeated without being done twice: `idk_<UUID version 4>`.
    ///
    /// [`Profile::Spec`] takes lower-case hex digits, [`Profile::Deployed`] either case.
    ///
    /// ```
    /// use amp_envelope::IdempotencyKey;
    ///
    /// let key = IdempotencyKey::from_random([0xff; 16]);
    /// assert_eq!(key.as_str(), "idk_ffffffff-ffff-4fff-bfff-ffffffffffff");
    /// assert_eq!(key.as_str().parse(), Ok(key));
    /// ```
    IdempotencyKey, validate_idempotency, "an idempotency key"
}

impl MessageId {
    /// The identifier that this library assigns: whole seconds, then 16 hex digits of the host's randomness.
    ///
    /// A time before 1970 is written as second 0, since the grammar has no sign.
    ///
    /// ```
    /// use amp_envelope::{MessageId, Timestamp};
    ///
    /// let id = MessageId::from_parts("2025-01-30T10:00:00Z".parse()?, [0, 1, 2, 3, 4, 5, 6, 7]);
    /// assert_eq!(id.as_str(), "msg_1738231200_0001020304050607");
    /// # Ok::<(), amp_envelope::TimestampError>(())
    /// ```
    #[must_use]
    pub fn from_parts(now: Timestamp, random: [u8; 8]) -> Self {
        Self(timed("msg", now, random))
    }

    /// A new identifier of the time `now`, from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has none to give.
    ///
    /// ```
    /// use amp_envelope::{MessageId, Timestamp};
    ///
    /// let now: Timestamp = "2025-01-30T10:00:00Z".parse()?;
    /// assert!(MessageId::generate(now)?.as_str().starts_with("msg_1738231200_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "getrandom")]
    pub fn generate(now: Timestamp) -> Result<Self, RandomnessError> {
        Ok(Self::from_parts(now, random_bytes()?))
    }

    /// Whether both name one message.
    ///
    /// Deployed stores write one and the same identifier with underscores or with hyphens, so in identifiers that begin
    /// with `msg_` or `msg-` the two signs are one. Apart from that, identifiers are compared byte for byte.
    ///
    /// ```
    /// use amp_address::Profile;
    /// use amp_envelope::MessageId;
    ///
    /// let old = MessageId::parse_with("msg-1706648400-abc123", Profile::Deployed)?;
    /// assert!(old.same_message(&MessageId::parse("msg_1706648400_abc123")?));
    /// assert!(!old.same_message(&MessageId::parse("msg_1706648400_abc124")?));
    /// # Ok::<(), amp_envelope::IdError>(())
    /// ```
    #[must_use]
    pub fn same_message(&self, other: &Self) -> bool {
        self.alias_key() == other.alias_key()
    }

    /// The one text that all spellings of a message share.
    pub(crate) fn alias_key(&self) -> Cow<'_, str> {
        let has_alias = self.0.starts_with("msg_") || self.0.starts_with("msg-");
        if has_alias && self.0.contains('-') {
            Cow::Owned(self.0.replace('-', "_"))
        } else {
            Cow::Borrowed(&self.0)
        }
    }

    /// Keeps a text that [`MessageId::validate`] accepted.
    pub(crate) fn from_validated(text: &str) -> Self {
        Self(text.into())
    }
}

impl AttachmentId {
    /// The identifier that this library assigns: whole seconds, then 16 hex digits of the host's randomness.
    ///
    /// A time before 1970 is written as second 0, since the grammar has no sign.
    #[must_use]
    pub fn from_parts(now: Timestamp, random: [u8; 8]) -> Self {
        Self(timed("att", now, random))
    }

    /// A new identifier of the time `now`, from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has none to give.
    #[cfg(feature = "getrandom")]
    pub fn generate(now: Timestamp) -> Result<Self, RandomnessError> {
        Ok(Self::from_parts(now, random_bytes()?))
    }
}

impl QuarantineId {
    /// The identifier that this library assigns: whole seconds, then 16 hex digits of the host's randomness.
    ///
    /// A time before 1970 is written as second 0, since the grammar has no sign.
    #[must_use]
    pub fn from_parts(now: Timestamp, random: [u8; 8]) -> Self {
        Self(timed("qtn", now, random))
    }

    /// A new identifier of the time `now`, from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has none to give.
    #[cfg(feature = "getrandom")]
    pub fn generate(now: Timestamp) -> Result<Self, RandomnessError> {
        Ok(Self::from_parts(now, random_bytes()?))
    }
}

impl IdempotencyKey {
    /// The key made of 16 random bytes, six bits of which are replaced by the version and variant of the UUID.
    #[must_use]
    pub fn from_random(random: [u8; 16]) -> Self {
        let uuid = u128::from_be_bytes(random) & !VERSION_AND_VARIANT | VERSION_4;
        let (time_low, time_mid) = (uuid >> 96, uuid >> 80 & 0xffff);
        let (version, variant, node) = (uuid >> 64 & 0xffff, uuid >> 48 & 0xffff, uuid & 0xffff_ffff_ffff);
        Self(format!("idk_{time_low:08x}-{time_mid:04x}-{version:04x}-{variant:04x}-{node:012x}").into())
    }

    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has none to give.
    #[cfg(feature = "getrandom")]
    pub fn generate() -> Result<Self, RandomnessError> {
        Ok(Self::from_random(random_bytes()?))
    }

    /// Keeps a text that [`IdempotencyKey::validate`] accepted.
    pub(crate) fn from_validated(text: &str) -> Self {
        Self(text.into())
    }
}

/// The bits of a UUID that say how it was made, and their value for a random one (RFC 9562, sections 4.1 and 5.4).
const VERSION_AND_VARIANT: u128 = 0x0000_0000_0000_f000_c000_0000_0000_0000;
const VERSION_4: u128 = 0x0000_0000_0000_4000_8000_0000_0000_0000;

fn timed(prefix: &str, now: Timestamp, random: [u8; 8]) -> Box<str> {
    let seconds = now.unix_seconds().max(0);
    let random = u64::from_be_bytes(random);
    let text: String = format!("{prefix}_{seconds}_{random:016x}");
    text.into()
}

fn validate_message(text: &str, profile: Profile) -> Result<(), IdError> {
    validate_timed(text, "msg_", profile)
}

fn validate_attachment(text: &str, profile: Profile) -> Result<(), IdError> {
    validate_timed(text, "att_", profile)
}

fn validate_quarantine(text: &str, profile: Profile) -> Result<(), IdError> {
    validate_timed(text, "qtn_", profile)
}

fn validate_timed(text: &str, prefix: &str, profile: Profile) -> Result<(), IdError> {
    if text.len() > ID_MAX_BYTES {
        return Err(IdError::TooLong);
    }
    if matches!(profile, Profile::Deployed) {
        return validate_path_safe(text);
    }
    let rest = text.strip_prefix(prefix).ok_or(IdError::Prefix)?;
    let (seconds, suffix) = rest.split_once('_').ok_or(IdError::Form)?;
    if seconds.is_empty() || suffix.is_empty() {
        return Err(IdError::Form);
    }
    if !seconds.bytes().all(|byte| byte.is_ascii_digit()) || !suffix.bytes().all(is_lower_hex) {
        return Err(IdError::Character);
    }
    Ok(())
}

/// `[A-Za-z0-9][A-Za-z0-9_-]{3,127}`: nothing that separates paths, signing strings or lines.
fn validate_path_safe(text: &str) -> Result<(), IdError> {
    if text.len() < DEPLOYED_MIN_BYTES {
        return Err(IdError::TooShort);
    }
    if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err(IdError::Prefix);
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Err(IdError::Character);
    }
    if crate::filename::is_device_name(text) {
        return Err(IdError::DeviceName);
    }
    Ok(())
}

fn validate_idempotency(text: &str, profile: Profile) -> Result<(), IdError> {
    let uuid = text.strip_prefix("idk_").ok_or(IdError::Prefix)?;
    match uuid.len() {
        0..36 => return Err(IdError::TooShort),
        36 => {}
        _ => return Err(IdError::TooLong),
    }
    let either_case = matches!(profile, Profile::Deployed);
    for (position, byte) in uuid.bytes().enumerate() {
        let hex = is_lower_hex(byte) || either_case && byte.is_ascii_hexdigit();
        let (fits, otherwise) = match position {
            8 | 13 | 18 | 23 => (byte == b'-', IdError::Form),
            14 => (byte == b'4', IdError::Form),
            19 => (hex && matches!(byte.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b'), IdError::Form),
            _ => (hex, IdError::Character),
        };
        if !fits {
            return Err(otherwise);
        }
    }
    Ok(())
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_is_assigned_obeys_the_strict_grammar() {
        for seconds in [-5, 0, 1, 1_706_648_400, 253_402_300_799] {
            let now = Timestamp::from_unix_seconds(seconds).unwrap();
            for random in [[0; 8], [0xff; 8]] {
                assert!(MessageId::parse(MessageId::from_parts(now, random).as_str()).is_ok());
                assert!(AttachmentId::parse(AttachmentId::from_parts(now, random).as_str()).is_ok());
                assert!(QuarantineId::parse(QuarantineId::from_parts(now, random).as_str()).is_ok());
            }
        }
        for random in [[0; 16], [0xff; 16], [0x5a; 16]] {
            let key = IdempotencyKey::from_random(random);
            assert_eq!(IdempotencyKey::parse(key.as_str()), Ok(key));
        }
    }

    #[test]
    fn an_uuid_of_another_version_or_variant_is_no_idempotency_key() {
        assert!(IdempotencyKey::parse("idk_00000000-0000-4000-8000-000000000000").is_ok());
        for text in [
            "idk_00000000-0000-1000-8000-000000000000",
            "idk_00000000-0000-4000-7000-000000000000",
            "idk_00000000-0000-4000-c000-000000000000",
            "idk_000000000000-4000-8000-0000-00000000",
            "idk_{0000000-0000-4000-8000-000000000000}",
        ] {
            assert!(IdempotencyKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_device_name_is_no_identifier() {
        for text in ["COM1", "com9", "LPT1"] {
            assert_eq!(MessageId::validate(text, Profile::Deployed), Err(IdError::DeviceName));
        }
        assert_eq!(MessageId::validate("COM10", Profile::Deployed), Ok(()));
    }

    #[test]
    fn hyphens_and_underscores_are_one_only_behind_the_message_prefix() {
        let id = |text| MessageId::parse_with(text, Profile::Deployed).unwrap();
        assert!(id("msg-1-a").same_message(&id("msg_1_a")));
        assert!(id("msg-1-a-b").same_message(&id("msg_1_a-b")));
        assert!(!id("aaaa-b").same_message(&id("aaaa_b")));
        assert!(!id("MSG-1-a").same_message(&id("msg_1_a")));
    }

    #[test]
    fn a_deployed_id_survives_serde() {
        let id = MessageId::parse_with("msg-1706-Xyz", Profile::Deployed).unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"msg-1706-Xyz\"");
        assert_eq!(serde_json::from_str::<MessageId>(&json).unwrap(), id);
        assert_eq!(id.to_string(), id.as_str());
    }
}
