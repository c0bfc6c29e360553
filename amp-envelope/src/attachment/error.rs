//! Why an attachment is refused.

use super::{AfpRefError, DigestError};
use crate::error::{ErrorCode, MessageError};

/// Why an object is not an attachment, or why it may not stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AttachmentError {
    /// The value is not a JSON object.
    #[error("attachment is not an object")]
    NotAnObject,
    /// A member is absent that this kind of attachment must have.
    #[error("attachment lacks {field}")]
    Missing {
        /// The member's name in the specification.
        field: &'static str,
    },
    /// A member does not obey its grammar, or may not stand in this kind of attachment.
    #[error("attachment has a wrong {field}")]
    Invalid {
        /// The member's name in the specification.
        field: &'static str,
    },
    /// The digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The reference is none.
    #[error(transparent)]
    Reference(#[from] AfpRefError),
    /// More than 10 provider attachments.
    #[error("message has more than 10 provider attachments")]
    TooMany,
    /// A provider attachment is larger than 25 MiB.
    #[error("attachment is larger than 25 MiB")]
    TooLarge,
    /// The provider attachments are larger than 100 MiB together.
    #[error("attachments are larger than 100 MiB together")]
    TooLargeTogether,
    /// Its scan is not done, or found what may not be delivered.
    #[error("attachment has a scan_status with which it may not be delivered")]
    NotDeliverable,
    /// The file is a program or a script, or is declared as one.
    #[error("attachment is a program or a script")]
    Program,
    /// The file begins as files of another main type than the declared one do.
    #[error("attachment is not what its content_type says")]
    TypeMismatch,
}

impl AttachmentError {
    /// The protocol's code: `not_an_object`, `missing_field`, `invalid_field` or `too_large`.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::NotAnObject => ErrorCode::NotAnObject,
            Self::Missing { .. } => ErrorCode::MissingField,
            Self::Invalid { .. }
            | Self::Digest(_)
            | Self::Reference(_)
            | Self::NotDeliverable
            | Self::Program
            | Self::TypeMismatch => ErrorCode::InvalidField,
            Self::TooMany | Self::TooLarge | Self::TooLargeTogether => ErrorCode::TooLarge,
        }
    }

    /// The member at fault, by its name in the specification.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::Missing { field } | Self::Invalid { field } => Some(field),
            Self::Digest(_) => Some("digest"),
            Self::Reference(_) => Some("ref"),
            Self::TooLarge | Self::TooLargeTogether => Some("size"),
            Self::NotDeliverable => Some("scan_status"),
            Self::Program | Self::TypeMismatch => Some("content_type"),
            Self::NotAnObject | Self::TooMany => None,
        }
    }
}

impl From<AttachmentError> for MessageError {
    fn from(error: AttachmentError) -> Self {
        let rule = match error {
            AttachmentError::NotAnObject => "attachments are an array of objects",
            AttachmentError::Missing { .. } => "an attachment has every member of its kind",
            AttachmentError::Invalid { .. } => "an attachment's member obeys its grammar",
            AttachmentError::Digest(_) => "a digest is sha256: and 64 hex digits",
            AttachmentError::Reference(_) => "a reference is afp://<space>/<path>",
            AttachmentError::TooMany => "a message has at most 10 provider attachments",
            AttachmentError::TooLarge => "a provider attachment has at most 25 MiB",
            AttachmentError::TooLargeTogether => "provider attachments have at most 100 MiB together",
            AttachmentError::Program => "an attachment is no program and no script",
            AttachmentError::TypeMismatch => "an attachment is what its content_type says",
            AttachmentError::NotDeliverable => "an attachment is scanned before it is delivered",
        };
        Self::field_of(error.code(), error.field().unwrap_or("payload.attachments"), rule)
    }
}
