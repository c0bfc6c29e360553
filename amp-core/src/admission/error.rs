//! Why a policy, a grant or a manifest could not be read (guardrails).

use amp_envelope::{ErrorCode, MessageError};

/// Why a text is no policy, event or manifest, or a value cannot be put into one.
///
/// It names the field and the rule; nothing of the input is repeated.
///
/// ```
/// use amp_core::admission::CommunicationPolicy;
///
/// let error = CommunicationPolicy::from_json(br#"{"mode":7}"#).unwrap_err();
/// assert_eq!((error.code(), error.field()), ("invalid_field", Some("mode")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct AdmissionError(#[from] Fault);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Json(MessageError),
    #[error("{code} in {field}: {rule}")]
    Field { code: ErrorCode, field: &'static str, rule: &'static str },
}

impl AdmissionError {
    pub(super) const fn invalid(field: &'static str, rule: &'static str) -> Self {
        Self(Fault::Field { code: ErrorCode::InvalidField, field, rule })
    }

    pub(super) const fn missing(field: &'static str) -> Self {
        Self(Fault::Field { code: ErrorCode::MissingField, field, rule: "the field is required" })
    }

    /// The protocol's code: `missing_field`, `invalid_field` or a code of the JSON profile.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match &self.0 {
            Fault::Json(error) => error.code().as_str(),
            Fault::Field { code, .. } => code.as_str(),
        }
    }

    /// The field at fault.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match &self.0 {
            Fault::Json(error) => error.field(),
            Fault::Field { field, .. } => Some(field),
        }
    }
}

impl From<MessageError> for AdmissionError {
    fn from(error: MessageError) -> Self {
        Self(Fault::Json(error))
    }
}
