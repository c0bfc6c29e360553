//! What may have been different when a message was signed (deployed dialects).

use core::fmt;

use amp_envelope::{Dialect, Priority};

/// A difference between what was signed and what was received.
///
/// ```
/// use amp_core::explain::Change;
/// assert_eq!(Change::WithoutEmptyAttachments.code(), "without_empty_attachments");
/// assert_eq!(
///     Change::WithoutEmptyAttachments.to_string(),
///     r#""attachments": [] is left out: the bash client adds it after signing"#,
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Another key: [`Remedy::key`](super::Remedy::key) says which.
    OtherKey,
    /// A dialect that was not asked for.
    OtherDialect(Dialect),
    /// The signature in another spelling: URL-safe, unpadded, broken over lines, or hexadecimal.
    SignatureRespelled,
    /// Without `"attachments": []`.
    WithoutEmptyAttachments,
    /// Without `"context": null`.
    WithoutNullContext,
    /// With `"context": null`.
    WithNullContext,
    /// Without the member `security` of the payload.
    WithoutSecurity,
    /// Without the wrapper that a provider put around the text.
    Unwrapped,
    /// With the payload in Unicode's composed form (NFC).
    PayloadComposed,
    /// With the payload in Unicode's decomposed form (NFD).
    PayloadDecomposed,
    /// With the payload hashed as it stands, not in canonical form.
    PayloadNotCanonical,
    /// With the subject trimmed of white space.
    SubjectTrimmed,
    /// With tab, line feed, carriage return and backslash of the subject escaped, and the subject trimmed.
    SubjectEscaped,
    /// With the subject in Unicode's composed form (NFC).
    SubjectComposed,
    /// With the subject in Unicode's decomposed form (NFD).
    SubjectDecomposed,
    /// With the sender's address in another spelling.
    From(AddressSpelling),
    /// With the recipient's address in another spelling.
    To(AddressSpelling),
    /// With another priority.
    Priority(Priority),
    /// With nothing in the priority's place.
    WithoutPriority,
    /// With nothing in the place of `in_reply_to`.
    WithoutInReplyTo,
    /// With the thread's id in the place of `in_reply_to`.
    ThreadAsInReplyTo,
    /// With `msg-` for `msg_`, or the other way round, in `in_reply_to`.
    InReplyToRespelled,
    /// The signature is over SHA-256 of the signing string.
    DigestSigned,
    /// The signature is over the hexadecimal SHA-256 of the signing string.
    HexDigestSigned,
    /// A line feed follows the signing string.
    LineFeedSigned,
    /// The payload's hash stands in the signing string in hexadecimal.
    HashInHex,
    /// The payload's hash stands in the signing string in unpadded base64url.
    HashInBase64Url,
}

/// How else an address may be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressSpelling {
    /// In its normal, lower-case form.
    Normal,
    /// The name alone: `alice`.
    Name,
    /// The name and the scope: `alice@team.acme`.
    NameAndScope,
    /// The name, the tenant and the provider, without what stands before the tenant: `alice@acme.crabmail.ai`.
    WithoutInnerScope,
    /// A spelling that the host knows.
    Known,
}

impl Change {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherKey => "other_key",
            Self::OtherDialect(_) => "other_dialect",
            Self::SignatureRespelled => "signature_respelled",
            Self::WithoutEmptyAttachments => "without_empty_attachments",
            Self::WithoutNullContext => "without_null_context",
            Self::WithNullContext => "with_null_context",
            Self::WithoutSecurity => "without_security",
            Self::Unwrapped => "unwrapped",
            Self::PayloadComposed => "payload_composed",
            Self::PayloadDecomposed => "payload_decomposed",
            Self::PayloadNotCanonical => "payload_not_canonical",
            Self::SubjectTrimmed => "subject_trimmed",
            Self::SubjectEscaped => "subject_escaped",
            Self::SubjectComposed => "subject_composed",
            Self::SubjectDecomposed => "subject_decomposed",
            Self::From(_) => "from_respelled",
            Self::To(_) => "to_respelled",
            Self::Priority(_) => "other_priority",
            Self::WithoutPriority => "without_priority",
            Self::WithoutInReplyTo => "without_in_reply_to",
            Self::ThreadAsInReplyTo => "thread_as_in_reply_to",
            Self::InReplyToRespelled => "in_reply_to_respelled",
            Self::DigestSigned => "digest_signed",
            Self::HexDigestSigned => "hex_digest_signed",
            Self::LineFeedSigned => "line_feed_signed",
            Self::HashInHex => "hash_in_hex",
            Self::HashInBase64Url => "hash_in_base64url",
        }
    }

    /// Who does that, and why; empty where nobody in particular does.
    const fn cause(&self) -> &'static str {
        match self {
            Self::WithoutEmptyAttachments => "the bash client adds it after signing",
            Self::WithNullContext => "the bash client signs it, and it was lost on the way",
            Self::WithoutSecurity => "a provider noted there what it thinks of the message",
            Self::Unwrapped => "a provider wrapped the text, which a recipient should do",
            Self::PayloadComposed
            | Self::PayloadDecomposed
            | Self::SubjectComposed
            | Self::SubjectDecomposed => "something on the way normalized it",
            Self::PayloadNotCanonical => "its sender left out the canonical form",
            Self::SubjectEscaped => "the bash client signs local mail so",
            Self::SignatureRespelled => "this profile reads padded base64 in the standard alphabet",
            Self::From(_) => "the full registered address is what must be signed",
            Self::To(AddressSpelling::Normal) | Self::To(AddressSpelling::Known) => {
                "it was respelled on the way"
            }
            Self::To(_) => "a short address must be expanded before signing",
            Self::Priority(_) => "the priority was changed after signing",
            Self::WithoutPriority => "an absent priority is signed as normal",
            Self::WithoutInReplyTo | Self::ThreadAsInReplyTo => "it was changed after signing",
            Self::DigestSigned | Self::HexDigestSigned => "Ed25519 signs the string itself",
            Self::LineFeedSigned => "the string ends without one",
            Self::HashInHex | Self::HashInBase64Url => "it is padded base64 in the standard alphabet",
            Self::OtherKey
            | Self::OtherDialect(_)
            | Self::WithoutNullContext
            | Self::SubjectTrimmed
            | Self::InReplyToRespelled => "",
        }
    }

    /// The condition alone, as it stands after "when".
    pub(super) fn condition(self) -> impl fmt::Display {
        Condition(self)
    }
}

/// As it stands after "it verifies when".
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = self.cause();
        Condition(*self).fmt(f)?;
        if cause.is_empty() { Ok(()) } else { write!(f, ": {cause}") }
    }
}

struct Condition(Change);

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Change::OtherKey => "another key is taken",
            Change::OtherDialect(dialect) => return write!(f, "the payload is written as {dialect} does"),
            Change::SignatureRespelled => "the signature's text is spelled in another way",
            Change::WithoutEmptyAttachments => "\"attachments\": [] is left out",
            Change::WithoutNullContext => "\"context\": null is left out",
            Change::WithNullContext => "\"context\": null is put in",
            Change::WithoutSecurity => "the payload's \"security\" is left out",
            Change::Unwrapped => "the wrapper around the text is taken off",
            Change::PayloadComposed => "the payload is in composed Unicode (NFC)",
            Change::PayloadDecomposed => "the payload is in decomposed Unicode (NFD)",
            Change::PayloadNotCanonical => "the payload is hashed as it stands",
            Change::SubjectTrimmed => "the subject is trimmed",
            Change::SubjectEscaped => {
                "the subject is trimmed and its tabs, line ends and backslashes are escaped"
            }
            Change::SubjectComposed => "the subject is in composed Unicode (NFC)",
            Change::SubjectDecomposed => "the subject is in decomposed Unicode (NFD)",
            Change::From(spelling) => return write!(f, "from is {spelling}"),
            Change::To(spelling) => return write!(f, "to is {spelling}"),
            Change::Priority(priority) => return write!(f, "the priority is {}", priority.as_str()),
            Change::WithoutPriority => "the priority is empty",
            Change::WithoutInReplyTo => "in_reply_to is empty",
            Change::ThreadAsInReplyTo => "in_reply_to is the thread's id",
            Change::InReplyToRespelled => "in_reply_to begins with the other of msg_ and msg-",
            Change::DigestSigned => "SHA-256 of the signing string is signed in its place",
            Change::HexDigestSigned => "the hexadecimal SHA-256 of the signing string is signed in its place",
            Change::LineFeedSigned => "a line feed follows the signing string",
            Change::HashInHex => "the payload's hash is in hexadecimal",
            Change::HashInBase64Url => "the payload's hash is in unpadded base64url",
        })
    }
}

impl fmt::Display for AddressSpelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "in lower case",
            Self::Name => "the name alone",
            Self::NameAndScope => "the name and the scope alone",
            Self::WithoutInnerScope => "without the parts of the scope before the tenant",
            Self::Known => "in a spelling that the host knows",
        })
    }
}
