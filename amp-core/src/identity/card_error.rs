//! Why a card is refused (cards).

use amp_crypto::KeyError;
use amp_envelope::{MessageError, Timestamp};

use super::object::Fault;

/// Why bytes are not a card, or a card is not to be believed: the code, the field, the rule; nothing of the input.
///
/// ```
/// use amp_core::identity::AgentCard;
/// let error = AgentCard::decode(br#"{"amp_agent_card":"1.0"}"#).unwrap_err();
/// assert_eq!((error.code(), error.field()), ("missing_field", Some("address")));
/// assert_eq!(error.to_string(), "missing_field in address: the field is required");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// The bytes are not a JSON object of the profile, or hold a number that canonical form cannot keep.
    #[error(transparent)]
    Json(#[from] MessageError),
    /// The card is longer than [`AgentCard::MAX_BYTES`](super::AgentCard::MAX_BYTES).
    #[error("too_large: a card has at most 64 KiB of JSON")]
    TooLarge,
    /// The format's major version is not 1.
    #[error("unsupported_version in amp_agent_card: cards of version 1 are read")]
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
        /// The rule that it breaks, as a sentence for people.
        rule: &'static str,
    },
    /// The key is not fit to verify with, or a stated algorithm or DID is not the key's own.
    #[error("{} in {field}: {error}", error.code())]
    Key {
        /// The member.
        field: &'static str,
        /// What is wrong with the key.
        error: KeyError,
    },
    /// The card is not signed.
    #[error("signature_missing in signature: the card is not signed")]
    SignatureMissing,
    /// The signature is not the card's own key's over the card.
    #[error("signature_invalid in signature: the card's key did not sign this card")]
    SignatureInvalid,
    /// The card is dated more than 60 seconds ahead.
    #[error("timestamp_future in issued_at: the card is issued more than 60 s ahead")]
    IssuedInFuture,
    /// The card has expired.
    #[error("expired in expires_at: the card has expired")]
    Expired,
    /// The stated fingerprint is not the key's.
    #[error("fingerprint_mismatch in fingerprint: the fingerprint is not the key's")]
    FingerprintMismatch,
    /// The card is another agent's than the one that was asked about.
    #[error("key_mismatch in address: the card is another agent's")]
    AddressMismatch,
    /// Another key is pinned to the address.
    #[error("key_conflict in public_key: another key is pinned to the address")]
    KeyConflict,
    /// No key is pinned to the address, or it is revoked or disputed: a card is held against nothing less.
    #[error("key_not_found in address: a card is held against the key that is pinned to its address")]
    NotPinned,
    /// A newer card of the address was seen.
    #[error("card_rolled_back in issued_at: a card issued at {newest} was seen")]
    RolledBack {
        /// When the newest card that was seen was issued.
        newest: Timestamp,
    },
    /// The memory has no room for another address, so that an older card could not be recognized.
    #[error("card_memory_full: the memory of cards has no room for another address")]
    MemoryFull,
    /// The builder was given what a card cannot hold. Only writing ends in this.
    #[error("invalid_field: the card cannot be signed in this form")]
    NotSignable,
}

impl CardError {
    /// The protocol's code; `card_rolled_back` and `card_memory_full` are this library's own.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code().as_str(),
            Self::TooLarge => "too_large",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Missing { .. } => "missing_field",
            Self::Invalid { .. } | Self::NotSignable => "invalid_field",
            Self::Key { error, .. } => error.code(),
            Self::SignatureMissing => "signature_missing",
            Self::SignatureInvalid => "signature_invalid",
            Self::IssuedInFuture => "timestamp_future",
            Self::Expired => "expired",
            Self::FingerprintMismatch => "fingerprint_mismatch",
            Self::AddressMismatch => "key_mismatch",
            Self::KeyConflict => "key_conflict",
            Self::NotPinned => "key_not_found",
            Self::RolledBack { .. } => "card_rolled_back",
            Self::MemoryFull => "card_memory_full",
        }
    }

    /// The member at fault, where one is.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Json(error) => error.field(),
            Self::Missing { field } | Self::Invalid { field, .. } | Self::Key { field, .. } => Some(field),
            Self::UnsupportedVersion => Some("amp_agent_card"),
            Self::SignatureMissing | Self::SignatureInvalid => Some("signature"),
            Self::IssuedInFuture | Self::RolledBack { .. } => Some("issued_at"),
            Self::Expired => Some("expires_at"),
            Self::FingerprintMismatch => Some("fingerprint"),
            Self::AddressMismatch | Self::NotPinned => Some("address"),
            Self::KeyConflict => Some("public_key"),
            Self::TooLarge | Self::MemoryFull | Self::NotSignable => None,
        }
    }
}

impl From<Fault> for CardError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing(field) => Self::Missing { field },
            Fault::Invalid(field, rule) => Self::Invalid { field, rule },
        }
    }
}
