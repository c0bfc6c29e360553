//! What can be wrong with a message, in the protocol's own codes.

use core::fmt;

/// The protocol's name for a failure, as it stands in answers and in test vectors.
///
/// ```
/// use amp_envelope::ErrorCode;
/// assert_eq!(ErrorCode::DuplicateKey.as_str(), "duplicate_key");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// An object names a member twice, also when the two names are escaped differently.
    DuplicateKey,
    /// Containers nest deeper than [`limits::DEPTH_MAX`](crate::limits::DEPTH_MAX).
    TooDeep,
    /// A size limit of [`limits`](crate::limits) is exceeded.
    TooLarge,
    /// An object has more members than [`limits::KEYS_PER_OBJECT_MAX`](crate::limits::KEYS_PER_OBJECT_MAX).
    TooManyKeys,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The text begins with a byte order mark.
    ByteOrderMark,
    /// A `\u` escape holds half of a surrogate pair.
    LoneSurrogate,
    /// The text is not JSON (RFC 8259).
    InvalidJson,
    /// An object was wanted.
    NotAnObject,
    /// A number is too large for a double.
    NonFiniteNumber,
    /// An integer literal outside ±(2^53 − 1) has no portable canonical form.
    UnportableNumber,
    /// A required member is absent.
    MissingField,
    /// A member does not obey its grammar.
    InvalidField,
    /// A signed field holds the separator of the signing string.
    AmbiguousSigningString,
    /// The major version is unknown.
    UnsupportedVersion,
    /// The message is not signed.
    SignatureMissing,
    /// The signature does not verify.
    SignatureInvalid,
    /// The dialect cannot write this payload without losing a part of it.
    UnportablePayload,
    /// What is sealed did not open. Nothing more is said: the ciphertext is somebody else's.
    NotOpened,
    /// The sealing suite is unknown.
    UnsupportedSuite,
    /// A public key cannot be used: it is of small order, not canonical, or of another algorithm.
    InvalidKey,
    /// Something outside the message failed, such as the operating system's randomness.
    InternalError,
}

impl ErrorCode {
    /// The code as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DuplicateKey => "duplicate_key",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::TooManyKeys => "too_many_keys",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::ByteOrderMark => "byte_order_mark",
            Self::LoneSurrogate => "lone_surrogate",
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::NonFiniteNumber => "non_finite_number",
            Self::UnportableNumber => "unportable_number",
            Self::MissingField => "missing_field",
            Self::InvalidField => "invalid_field",
            Self::AmbiguousSigningString => "ambiguous_signing_string",
            Self::UnsupportedVersion => "unsupported_version",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureInvalid => "signature_invalid",
            Self::UnportablePayload => "unportable_payload",
            Self::NotOpened => "not_opened",
            Self::UnsupportedSuite => "unsupported_suite",
            Self::InvalidKey => "invalid_key",
            Self::InternalError => "internal_error",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why bytes are not a message, or a message is not acceptable: the code, the field at fault, the rule
/// and, where there is one, the byte at which it showed.
///
/// Nothing of the input is repeated in it, so it can be logged and answered.
///
/// ```
/// use amp_envelope::{ErrorCode, Message};
/// let error = Message::decode(br#"{"envelope":{},"payload":{},"payload":{}}"#).unwrap_err();
/// assert_eq!(error.code(), ErrorCode::DuplicateKey);
/// assert_eq!(error.to_string(), "duplicate_key at byte 38: a member name must not stand twice in one object");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}{}: {rule}", Field(*.field), At(*.at))]
pub struct MessageError {
    code: ErrorCode,
    field: Option<&'static str>,
    at: Option<u32>,
    rule: &'static str,
}

impl MessageError {
    pub(crate) const fn new(code: ErrorCode, rule: &'static str) -> Self {
        Self { code, field: None, at: None, rule }
    }

    pub(crate) const fn field_of(code: ErrorCode, field: &'static str, rule: &'static str) -> Self {
        Self { code, field: Some(field), at: None, rule }
    }

    pub(crate) const fn missing(field: &'static str) -> Self {
        Self::field_of(ErrorCode::MissingField, field, "the field is required")
    }

    pub(crate) const fn invalid(field: &'static str, rule: &'static str) -> Self {
        Self::field_of(ErrorCode::InvalidField, field, rule)
    }

    pub(crate) fn at(mut self, at: usize) -> Self {
        self.at = u32::try_from(at).ok();
        self
    }

    pub(crate) const fn in_field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// The protocol's code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The field at fault, as a dotted path such as `envelope.from`.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        self.field
    }

    /// The offset in bytes at which the fault showed.
    #[must_use]
    pub const fn at_byte(&self) -> Option<u32> {
        self.at
    }

    /// The rule that was broken, as a sentence for people.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

struct Field(Option<&'static str>);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |field| write!(f, " in {field}"))
    }
}

struct At(Option<u32>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |at| write!(f, " at byte {at}"))
    }
}
