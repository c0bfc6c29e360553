//! Audit events that cannot be taken out of a log unseen (guardrails, audit).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use amp_envelope::{Dialect, JsonKind, JsonValue, canonicalize, write_json};
use sha2::{Digest, Sha256};

use super::AdmissionError;

/// First in what is hashed, so that no other hash of this protocol is one of a chain.
const DOMAIN: &[u8] = b"amp-audit-v1\n";
const REDACTED: &str = "\"[redacted]\"";

/// Names whose values are credentials wherever they stand; compared without case, `_` and `-`.
const SECRET_NAMES: [&str; 17] = [
    "accesstoken",
    "adminjwt",
    "apikey",
    "authorization",
    "bearer",
    "clientsecret",
    "cookie",
    "credential",
    "credentials",
    "password",
    "passwd",
    "privatekey",
    "proof",
    "refreshtoken",
    "secret",
    "token",
    "webhooksecret",
];

/// How credentials begin whatever they are called.
const SECRET_STARTS: [&str; 6] =
    ["amp_live_sk_", "amp_test_sk_", "uk_", "Bearer ", "-----BEGIN PRIVATE KEY-----", "eyJ"];

/// One audit event as it is stored: JSON in canonical form (RFC 8785), with credentials redacted.
///
/// The value of every member that is named as a credential (`api_key`, `password`, `access_token` and the like), and
/// every string that begins as one, is `"[redacted]"`. A secret inside a sentence is not recognized.
///
/// ```
/// use amp_core::admission::AuditRecord;
///
/// let record = AuditRecord::new(br#"{"event":"login", "api_key":"amp_live_sk_1"}"#)?;
/// assert_eq!(record.as_str(), r#"{"api_key":"[redacted]","event":"login"}"#);
/// # Ok::<(), amp_core::admission::AdmissionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AuditRecord(String);

impl AuditRecord {
    /// Makes a record of an event, such as what [`GrantEvent::to_json`](super::GrantEvent::to_json) writes.
    ///
    /// # Errors
    /// A code of the JSON profile when the event is not a JSON object of it, or has no canonical form.
    pub fn new(event: &[u8]) -> Result<Self, AdmissionError> {
        let mut redacted = String::with_capacity(event.len());
        write(JsonValue::read_object(event)?, &mut redacted);
        let canonical = canonicalize(redacted.as_bytes(), Dialect::Jcs)?;
        // Canonical form is UTF-8.
        Ok(Self(String::from_utf8(canonical).unwrap_or_default()))
    }

    /// The JSON text to store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Copies a value, credentials left out. Nesting is at most 128 deep: the reader has seen to it.
fn write(value: JsonValue<'_>, out: &mut String) {
    match value.kind() {
        JsonKind::Object => {
            out.push('{');
            for (index, (name, member)) in value.members().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&write_json(&*name).unwrap_or_default());
                out.push(':');
                if is_secret_name(&name) && !member.is_null() {
                    out.push_str(REDACTED);
                } else {
                    write(member, out);
                }
            }
            out.push('}');
        }
        JsonKind::Array => {
            out.push('[');
            for (index, element) in value.elements().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(element, out);
            }
            out.push(']');
        }
        JsonKind::String if value.as_str().is_some_and(|text| is_secret(&text)) => out.push_str(REDACTED),
        _ => out.push_str(value.raw()),
    }
}

fn is_secret_name(name: &str) -> bool {
    let plain = name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase());
    SECRET_NAMES.iter().any(|secret| secret.chars().eq(plain.clone()))
}

fn is_secret(text: &str) -> bool {
    let text = text.trim_start();
    SECRET_STARTS
        .iter()
        .any(|start| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)))
}

/// The link of a chain: SHA-256 over everything up to and including one record. Printed as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// The link before the first record: 32 zero bytes.
    pub const START: Self = Self([0; 32]);

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditHash({self})")
    }
}

impl FromStr for AuditHash {
    type Err = AdmissionError;

    /// Reads 64 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, AdmissionError> {
        const ERROR: AdmissionError = AdmissionError::invalid("hash", "a link is 64 lower-case hex digits");
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte.wrapping_sub(b'0')),
            b'a'..=b'f' => Ok(byte.wrapping_sub(b'a').wrapping_add(10)),
            _ => Err(ERROR),
        };
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(ERROR);
        }
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

/// The head of a chain of audit records: how many there are, and the link to the last.
///
/// Each link is over the link before it, the record's number and the record's text, so a record that was changed, moved,
/// inserted or removed breaks every link behind it. Records cut off at the end are only missed by whoever kept the
/// head: keep it, or publish it, apart from the log.
///
/// ```
/// use amp_core::admission::{AuditChain, AuditRecord};
///
/// let events = [r#"{"n":1}"#, r#"{"n":2}"#];
/// let mut chain = AuditChain::new();
/// let mut log = Vec::new();
/// for event in events {
///     let record = AuditRecord::new(event.as_bytes())?;
///     let link = chain.append(&record);
///     log.push((record.as_str().to_owned(), link)); // what the host stores
/// }
///
/// let stored = log.iter().map(|(record, link)| (record.as_str(), *link));
/// assert_eq!(AuditChain::verify(stored)?, chain);
/// assert_eq!(AuditChain::verify([(events[1], log[1].1)]).unwrap_err().number(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditChain {
    length: u64,
    head: AuditHash,
}

/// Where a stored chain stops being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit record {number} does not follow from those before it")]
#[non_exhaustive]
pub struct AuditBreak {
    number: u64,
}

impl AuditBreak {
    /// The number of the first record whose link does not hold, from 1.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Default for AuditChain {
    fn default() -> Self {
        Self::resume(0, AuditHash::START)
    }
}

impl AuditChain {
    /// A chain without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The chain that a host left off at: how many records it has, and the link to the last.
    #[must_use]
    pub const fn resume(length: u64, head: AuditHash) -> Self {
        Self { length, head }
    }

    /// Adds a record, and returns the link to store beside it.
    pub fn append(&mut self, record: &AuditRecord) -> AuditHash {
        self.link(record.as_str());
        self.head
    }

    /// Walks a stored log from its first record, and returns the head that it ends at.
    ///
    /// Compare it with the head that was kept: a log that was cut short verifies, and ends elsewhere.
    ///
    /// # Errors
    /// [`AuditBreak`] with the number of the first record whose link does not hold.
    pub fn verify<'r>(stored: impl IntoIterator<Item = (&'r str, AuditHash)>) -> Result<Self, AuditBreak> {
        let mut chain = Self::new();
        for (record, link) in stored {
            chain.link(record);
            if chain.head != link {
                return Err(AuditBreak { number: chain.length });
            }
        }
        Ok(chain)
    }

    /// How many records there are.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The link to the last record.
    #[must_use]
    pub const fn head(&self) -> AuditHash {
        self.head
    }

    /// Text as stored, byte for byte: the fields before it have fixed lengths, so no two inputs hash alike.
    fn link(&mut self, record: &str) {
        self.length = self.length.saturating_add(1);
        let mut hash = Sha256::new();
        for part in [DOMAIN, &self.head.0, &self.length.to_be_bytes(), record.as_bytes()] {
            hash.update(part);
        }
        self.head = AuditHash(hash.finalize().into());
    }
}
