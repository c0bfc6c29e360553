//! The signing string (v1.1): what a message's signature is over.
//!
//! `from|to|subject|priority|in_reply_to|payload_hash`, UTF-8, no trailing newline. Only the subject may hold `|`;
//! the string then splits back in one way, two fields from the left and three from the right.

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::{Address, Profile};
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use crate::error::{ErrorCode, MessageError};
use crate::id::MessageId;
use crate::priority::Priority;

/// SHA-256 of a payload's canonical form, as the signing string holds it.
///
/// ```
/// use amp_envelope::{Dialect, PayloadHash};
/// let hash = PayloadHash::of(br#"{"type":"notification","message":"Hello"}"#, Dialect::Jcs)?;
/// assert_eq!(hash.to_base64(), "4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=");
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    /// Hashes a payload's canonical form under `dialect`.
    ///
    /// # Errors
    /// As [`canonicalize`](crate::canonicalize).
    pub fn of(payload: &[u8], dialect: crate::Dialect) -> Result<Self, MessageError> {
        crate::canonicalize(payload, dialect).map(|canonical| Self::of_canonical(&canonical))
    }

    pub(crate) fn of_canonical(canonical: &[u8]) -> Self {
        Self(Sha256::digest(canonical).into())
    }

    /// Takes the 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads padded standard base64 of 32 bytes.
    ///
    /// # Errors
    /// `invalid_field`, and `ambiguous_signing_string` when the text holds `|`.
    pub fn from_base64(text: &str) -> Result<Self, MessageError> {
        no_separator(text, "payload_hash")?;
        let mut bytes = [0; 33];
        match Base64::decode(text, &mut bytes).map(<[u8; 32]>::try_from) {
            Ok(Ok(hash)) => Ok(Self(hash)),
            _ => Err(MessageError::invalid("payload_hash", "a payload hash is padded base64 of 32 bytes")),
        }
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Padded standard base64: 44 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        Base64::encode_string(&self.0)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut text = [0; 44];
        // 32 bytes are 44 characters.
        out.extend_from_slice(Base64::encode(&self.0, &mut text).unwrap_or_default().as_bytes());
    }
}

/// Builds the signing string of a message, addresses in their normal form.
///
/// # Errors
/// `ambiguous_signing_string` naming the field that holds `|`; only the subject may.
///
/// ```
/// use amp_envelope::{signing_string, PayloadHash, Priority};
/// let hash = PayloadHash::from_base64("4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=")?;
/// let (from, to) = ("alice@acme.crabmail.ai".parse()?, "bob@acme.crabmail.ai".parse()?);
/// assert_eq!(
///     signing_string(&from, &to, "Hello", Priority::Normal, None, &hash)?,
///     "alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn signing_string(
    from: &Address,
    to: &Address,
    subject: &str,
    priority: Priority,
    in_reply_to: Option<&MessageId>,
    payload_hash: &PayloadHash,
) -> Result<String, MessageError> {
    let parts = SignedFields {
        from: from.as_str(),
        to: to.as_str(),
        subject,
        priority,
        in_reply_to: in_reply_to.map_or("", MessageId::as_str),
    };
    let mut out = Vec::new();
    parts.write(payload_hash, &mut out)?;
    // Only text was written.
    Ok(String::from_utf8(out).unwrap_or_default())
}

/// The signed fields of an envelope, in the spelling that was received or will be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedFields<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) priority: Priority,
    /// Empty when the message answers none.
    pub(crate) in_reply_to: &'a str,
}

impl SignedFields<'_> {
    /// SHA-256 of the signing string of fields that were verified, or written.
    pub(crate) fn digest(&self, hash: &PayloadHash) -> [u8; 32] {
        let mut sha256 = Sha256::new();
        for field in [self.from, self.to, self.subject, self.priority.as_str(), self.in_reply_to] {
            sha256.update(field);
            sha256.update(b"|");
        }
        sha256.update(hash.to_base64());
        sha256.finalize().into()
    }

    /// Appends the signing string.
    pub(crate) fn write(&self, hash: &PayloadHash, out: &mut Vec<u8>) -> Result<(), MessageError> {
        no_separator(self.from, "envelope.from")?;
        no_separator(self.to, "envelope.to")?;
        no_separator(self.in_reply_to, "envelope.in_reply_to")?;
        for field in [self.from, self.to, self.subject, self.priority.as_str(), self.in_reply_to] {
            out.extend_from_slice(field.as_bytes());
            out.push(b'|');
        }
        hash.write(out);
        Ok(())
    }
}

/// Refuses the separator in any signed field but the subject.
pub(crate) fn no_separator(text: &str, field: &'static str) -> Result<(), MessageError> {
    if text.as_bytes().contains(&b'|') {
        return Err(MessageError::field_of(
            ErrorCode::AmbiguousSigningString,
            field,
            "of the signed fields only the subject may hold `|`",
        ));
    }
    Ok(())
}

/// Checks an address in a signed field: the separator first, then the grammar.
pub(crate) fn check_address(text: &str, field: &'static str, profile: Profile) -> Result<(), MessageError> {
    no_separator(text, field)?;
    Address::validate(text, profile).map_err(|error| MessageError::invalid(field, error.rule().as_str()))
}
