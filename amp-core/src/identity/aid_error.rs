//! Why an Agent Identity document, proof or answer is refused (agent identity).

use amp_crypto::KeyError;
use amp_envelope::{ErrorCode, MessageError};

use super::object::Fault;

/// Why bytes are no Agent Identity document, proof or answer, or one is not to be believed: the code, the field, the rule.
///
/// Nothing of the input is repeated.
///
/// ```
/// use amp_core::identity::AidDocument;
///
/// let error = AidDocument::decode(br#"{"aid_version":"2.0"}"#).unwrap_err();
/// assert_eq!((error.code(), error.field()), ("unsupported_version", Some("aid_version")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AidError {
    /// The bytes are not a JSON object of the profile.
    #[error(transparent)]
    Json(#[from] MessageError),
    /// The text is longer than such a text may be.
    #[error("too_large: {rule}")]
    TooLarge {
        /// The limit.
        rule: &'static str,
    },
    /// The format's major version is not 1.
    #[error("unsupported_version in aid_version: documents of version 1 are read")]
    UnsupportedVersion,
    /// A required member is absent.
    #[error("missing_field in {field}: the field is required")]
    Missing {
        /// The member.
        field: &'static str,
    },
    /// A member does not obey its grammar.
    #[error("invalid_field in {field}: {rule}")]
    Invalid {
        /// The member.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The key is not fit to verify with, or the stated algorithm is not the key's own.
    #[error("{} in {field}: {error}", error.code())]
    Key {
        /// The member.
        field: &'static str,
        /// What is wrong with the key.
        error: KeyError,
    },
    /// The document is not signed.
    #[error("signature_missing in signature: the document is not signed")]
    SignatureMissing,
    /// The signature is not the key's over what it should be over.
    #[error("signature_invalid in {field}: the key did not sign this")]
    SignatureInvalid {
        /// `signature` of a document, or `proof`.
        field: &'static str,
    },
    /// The stated fingerprint is another key's.
    #[error("fingerprint_mismatch in fingerprint: the fingerprint is not the key's")]
    FingerprintMismatch,
    /// The document has expired.
    #[error("expired in expires_at: the document has expired")]
    Expired,
    /// The proof is older than five minutes.
    #[error("timestamp_expired in proof: the proof is more than 5 minutes old")]
    ProofExpired,
    /// A time lies more than five minutes ahead.
    #[error("timestamp_future in {field}: the time is more than 5 minutes ahead")]
    InFuture {
        /// `issued_at` of a document, or `proof`.
        field: &'static str,
    },
    /// The proof was used before.
    #[error("content_replay in proof: a proof is used once")]
    ProofReused,
    /// A proof for this issuer was made in this second, or a later one, already. The next second has another.
    #[error("proof_too_soon: one proof is made for an issuer in a second")]
    ProofTooSoon,
    /// The memory of proofs has no room left, so that a second use could not be recognized.
    #[error("proof_memory_full: the memory of proofs has no room")]
    MemoryFull,
    /// The answer lets the token do more than was asked for.
    #[error("invalid_scope in scope: the answer holds a scope that was not asked for")]
    ScopeWidened,
    /// The answer is for another agent.
    #[error("key_mismatch in agent_address: the answer is for another agent")]
    OtherAgent,
}

impl AidError {
    /// The protocol's code; `proof_too_soon` and `proof_memory_full` are this library's own.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code().as_str(),
            Self::TooLarge { .. } => ErrorCode::TooLarge.as_str(),
            Self::UnsupportedVersion => ErrorCode::UnsupportedVersion.as_str(),
            Self::Missing { .. } => ErrorCode::MissingField.as_str(),
            Self::Invalid { .. } => ErrorCode::InvalidField.as_str(),
            Self::Key { error, .. } => error.code(),
            Self::SignatureMissing => ErrorCode::SignatureMissing.as_str(),
            Self::SignatureInvalid { .. } => ErrorCode::SignatureInvalid.as_str(),
            Self::FingerprintMismatch => "fingerprint_mismatch",
            Self::Expired => "expired",
            Self::ProofExpired => "timestamp_expired",
            Self::InFuture { .. } => "timestamp_future",
            Self::ProofReused => "content_replay",
            Self::ProofTooSoon => "proof_too_soon",
            Self::MemoryFull => "proof_memory_full",
            Self::ScopeWidened => "invalid_scope",
            Self::OtherAgent => "key_mismatch",
        }
    }

    /// The member at fault, where one is.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Json(error) => error.field(),
            Self::Missing { field }
            | Self::Invalid { field, .. }
            | Self::Key { field, .. }
            | Self::SignatureInvalid { field }
            | Self::InFuture { field } => Some(field),
            Self::UnsupportedVersion => Some("aid_version"),
            Self::SignatureMissing => Some("signature"),
            Self::FingerprintMismatch => Some("fingerprint"),
            Self::Expired => Some("expires_at"),
            Self::ProofExpired | Self::ProofReused => Some("proof"),
            Self::ScopeWidened => Some("scope"),
            Self::OtherAgent => Some("agent_address"),
            Self::TooLarge { .. } | Self::ProofTooSoon | Self::MemoryFull => None,
        }
    }

    pub(super) const fn invalid(field: &'static str, rule: &'static str) -> Self {
        Self::Invalid { field, rule }
    }
}

impl From<Fault> for AidError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing(field) => Self::Missing { field },
            Fault::Invalid(field, rule) => Self::Invalid { field, rule },
        }
    }
}
