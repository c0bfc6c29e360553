//! Why bytes are not a frame (provider API, WebSocket).

use amp_envelope::MessageError;

/// Why bytes are not a frame: the code, the field at fault and the rule. Nothing of the input is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The text is not JSON of the profile, or too long.
    #[error("{0}")]
    Json(#[source] MessageError),
    /// A member is absent.
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
    /// Frames are text; this one is not.
    #[error("invalid_request: frames are text")]
    Binary,
}

impl FrameError {
    pub(super) const fn invalid(field: &'static str, rule: &'static str) -> Self {
        Self::Invalid { field, rule }
    }

    /// The protocol's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code().as_str(),
            Self::Missing { .. } => "missing_field",
            Self::Invalid { .. } => "invalid_field",
            Self::Binary => "invalid_request",
        }
    }

    /// The member at fault, where there is one.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing { field } | Self::Invalid { field, .. } => Some(field),
            Self::Json(error) => error.field(),
            Self::Binary => None,
        }
    }
}
