//! Why a stored record cannot be read (identity, records).

use amp_envelope::MessageError;

use super::object::Fault;

/// Why bytes are not the record that was asked for: the field and the rule, nothing of the input.
///
/// ```
/// use amp_core::identity::RotationRecord;
/// let error = RotationRecord::decode(b"{}").unwrap_err();
/// assert_eq!((error.code(), error.field()), ("missing_field", Some("address")));
/// assert_eq!(error.to_string(), "missing_field in address: the field is required");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are not a JSON object of the profile.
    #[error(transparent)]
    Json(#[from] MessageError),
    /// A member that the record needs is absent.
    #[error("missing_field in {field}: the field is required")]
    Missing {
        /// The member, as a dotted path.
        field: &'static str,
    },
    /// A member does not obey its grammar.
    #[error("invalid_field in {field}: {rule}")]
    Invalid {
        /// The member, as a dotted path.
        field: &'static str,
        /// The rule that it breaks, as a sentence for people.
        rule: &'static str,
    },
    /// A signature inside the record does not hold.
    #[error("signature_invalid in {field}: the record's proof does not verify")]
    Proof {
        /// The member, as a dotted path.
        field: &'static str,
    },
    /// The record states a key or fingerprint that is not the key's own.
    #[error("fingerprint_mismatch in {field}: the fingerprint is another key's")]
    Fingerprint {
        /// The member, as a dotted path.
        field: &'static str,
    },
}

impl RecordError {
    /// The protocol's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code().as_str(),
            Self::Missing { .. } => "missing_field",
            Self::Invalid { .. } => "invalid_field",
            Self::Proof { .. } => "signature_invalid",
            Self::Fingerprint { .. } => "fingerprint_mismatch",
        }
    }

    /// The field at fault, as a dotted path.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Json(error) => error.field(),
            Self::Missing { field }
            | Self::Invalid { field, .. }
            | Self::Proof { field }
            | Self::Fingerprint { field } => Some(field),
        }
    }
}

impl From<Fault> for RecordError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing(field) => Self::Missing { field },
            Fault::Invalid(field, rule) => Self::Invalid { field, rule },
        }
    }
}
