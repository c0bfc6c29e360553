//! Signing contexts: what a signature may be over, and how the nine are told apart.
//!
//! The signing string of a message has no domain separator, and the other signed texts were not designed against each
//! other. Every signature is therefore made and checked in a context whose grammar shares no byte string with any
//! other's; the first bytes decide:
//!
//! | context | begins with |
//! |---|---|
//! | message | 1 to 63 of `A-Z a-z 0-9 _ -`, then `@` |
//! | rotation, hex | 64 of `0-9 a-f`, and ends |
//! | rotation, PEM | `-----BEGIN PUBLIC KEY-----` (a space before any `@`) |
//! | rotation, DER | `30`, a length, `30`, a length, `06`: a control byte before the third field |
//! | agent card | `amp-agent-card-v1` LF |
//! | AID document | `{` |
//! | AID token exchange | `aid-token-exchange` LF |
//! | AID registration status | `aid-registration-status` LF |
//! | federation | digits, then `.{` |
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use crate::{pem, spki};

/// What a signature is over. A closed set: no byte string belongs to two of them.
///
/// ```
/// use amp_crypto::SigningContext;
///
/// let string = b"alice@acme.crabmail.ai|bob@acme.crabmail.ai|Hello|normal||4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=";
/// let owners = SigningContext::ALL.iter().filter(|context| context.accepts(string));
/// assert!(owners.eq([&SigningContext::Message]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the set is closed: a tenth context is a change of protocol")]
pub enum SigningContext {
    /// The signing string of a message: `from|to|subject|priority|in_reply_to|payload_hash`.
    Message,
    /// The 64 lower-case hex digits of a new key.
    RotationHex,
    /// The PEM text of a new key. Verified, never written.
    RotationPem,
    /// The SPKI DER of a new key. Verified, never written.
    RotationDer,
    /// `amp-agent-card-v1`, LF, and the card's JSON object.
    AgentCard,
    /// The JSON object of an Agent Identity document, known by its member `aid_version`.
    AidDocument,
    /// `aid-token-exchange`, LF, unix seconds, LF, and the issuer's URL.
    AidTokenExchange,
    /// `aid-registration-status`, LF, unix seconds, LF, and a URL.
    AidRegistrationStatus,
    /// A provider's forward: unix seconds, `.`, and the body's JSON object.
    Federation,
}

impl SigningContext {
    /// All nine.
    pub const ALL: [Self; 9] = [
        Self::Message,
        Self::RotationHex,
        Self::RotationPem,
        Self::RotationDer,
        Self::AgentCard,
        Self::AidDocument,
        Self::AidTokenExchange,
        Self::AidRegistrationStatus,
        Self::Federation,
    ];

    /// Whether the bytes are in this context's grammar. Allocates in [`RotationPem`](Self::RotationPem) only.
    #[must_use]
    pub fn accepts(self, bytes: &[u8]) -> bool {
        match self {
            Self::Message => is_signing_string(bytes).is_some(),
            Self::RotationHex => {
                bytes.len() == 64 && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
            Self::RotationPem => is_public_pem(bytes),
            Self::RotationDer => spki::parse(bytes).is_ok(),
            Self::AgentCard => bytes.strip_prefix(b"amp-agent-card-v1\n").is_some_and(is_object_shaped),
            Self::AidDocument => is_object_shaped(bytes) && has_member(bytes, b"aid_version"),
            Self::AidTokenExchange => is_stamped_url(bytes.strip_prefix(b"aid-token-exchange\n")),
            Self::AidRegistrationStatus => is_stamped_url(bytes.strip_prefix(b"aid-registration-status\n")),
            Self::Federation => is_forward(bytes).is_some(),
        }
    }

    /// Read for the sake of deployed implementations, never written.
    pub(crate) fn is_verify_only(self) -> bool {
        matches!(self, Self::RotationPem | Self::RotationDer)
    }

    pub(crate) fn is_rotation(self) -> bool {
        matches!(self, Self::RotationHex | Self::RotationPem | Self::RotationDer)
    }
}

/// Reads on after "the bytes are not".
impl fmt::Display for SigningContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "a message's signing string",
            Self::RotationHex => "a rotation's hexadecimal key",
            Self::RotationPem => "a rotation's PEM key",
            Self::RotationDer => "a rotation's DER key",
            Self::AgentCard => "an agent card",
            Self::AidDocument => "an Agent Identity document",
            Self::AidTokenExchange => "a token exchange proof",
            Self::AidRegistrationStatus => "a registration status proof",
            Self::Federation => "a federated forward",
        })
    }
}

/// Two fields from the left, three from the right; what is left over is the subject, which alone may hold `|`.
fn is_signing_string(bytes: &[u8]) -> Option<()> {
    let text = core::str::from_utf8(bytes).ok()?;
    let (from, rest) = text.split_once('|')?;
    let (to, rest) = rest.split_once('|')?;
    let (rest, hash) = rest.rsplit_once('|')?;
    let (rest, _in_reply_to) = rest.rsplit_once('|')?;
    let (_subject, priority) = rest.rsplit_once('|')?;
    (is_address(from) && !to.is_empty() && !priority.is_empty() && is_sha256_base64(hash)).then_some(())
}

/// `name@label.label...`, in either case: the full address or the deployed two-label form, never a short one.
fn is_address(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    text.len() <= 254
        && (1..=63).contains(&name.len())
        && name.bytes().all(is_name)
        && domain.contains('.')
        && domain.as_bytes().split(|byte| *byte == b'.').all(is_label)
}

/// 32 bytes in padded base64: 42 digits, one that has two spare bits, `=`.
fn is_sha256_base64(text: &str) -> bool {
    let [digits @ .., last, b'='] = text.as_bytes() else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.len() == 42 && digits.iter().all(is_digit) && b"AEIMQUYcgkosw048".contains(last)
}

fn is_public_pem(bytes: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(bytes) else { return false };
    text.starts_with("-----BEGIN ")
        && pem::decode(text, pem::PUBLIC).is_ok_and(|der| spki::parse(&der).is_ok())
}

fn is_object_shaped(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_end(), [b'{', .., b'}'])
}

/// Unix seconds: what is written in digits alone and fits 64 bits.
fn is_seconds(digits: &[u8]) -> bool {
    (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

fn is_stamped_url(rest: Option<&[u8]>) -> bool {
    let mut lines = rest.unwrap_or_default().splitn(2, |byte| *byte == b'\n');
    let (Some(seconds), Some(url)) = (lines.next(), lines.next()) else { return false };
    let has_scheme = url.starts_with(b"https://") || url.starts_with(b"http://");
    is_seconds(seconds) && has_scheme && url.len() <= 2048 && url.iter().all(u8::is_ascii_graphic)
}

fn is_forward(bytes: &[u8]) -> Option<()> {
    let dot = bytes.iter().take(20).position(|byte| *byte == b'.')?;
    let (seconds, rest) = bytes.split_at_checked(dot)?;
    (is_seconds(seconds) && rest.starts_with(b".{")).then_some(())
}

/// Whether the outermost object has a member of this name, spelled without escapes.
///
/// Strings are skipped whole, so a name inside a value does not count. What is no JSON is left to the reader of the
/// document: here it only matters which kind of text it is.
fn has_member(bytes: &[u8], name: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some((string, after)) = split_string(after) else { return false };
                rest = after;
                if depth == 1 && string == name && after.trim_ascii_start().starts_with(b":") {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The raw content of a string whose opening quote has been read, and what follows its closing quote.
fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let close = bytes.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })?;
    let (string, rest) = bytes.split_at_checked(close)?;
    Some((string, rest.strip_prefix(b"\"")?))
}
