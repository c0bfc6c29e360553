//! Why an attachment is not downloaded (attachments, receiving).

use amp_envelope::AttachmentError;

use super::file_check::FileRefusal;
use crate::webhook::TargetError;

/// Why an attachment is not downloaded. What was written so far is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The attachment lacks its size, its digest or its URL: nothing could be compared, or fetched.
    #[error("missing_field in {field}: the attachment cannot be downloaded without it")]
    Missing {
        /// The member.
        field: &'static str,
    },
    /// The attachment is larger than what is taken here.
    #[error("attachment_too_large in size: the attachment is larger than what is taken here")]
    TooLarge,
    /// Its scan is not done, or it was rejected; or it is declared as a program.
    #[error("attachment_rejected: {0}")]
    NotDeliverable(AttachmentError),
    /// The URL, or one that it redirects to, is not called.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// More than two redirects.
    #[error("invalid_field in url: at most 2 redirects are followed")]
    TooManyRedirects,
    /// The server does not hand the file out.
    #[error("not_found: the server answered {status} for the file")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is compressed: what comes out of that has no bound.
    #[error("invalid_request: the file comes in an encoding that was not asked for")]
    Encoded,
    /// A header of the answer stands there twice, or is not what HTTP has.
    #[error("invalid_request: the answer's headers contradict each other")]
    Head,
    /// The server sends more bytes than the attachment has, or announces another number.
    #[error("invalid_field in size: the server sends another number of bytes than the attachment has")]
    Size,
    /// The whole file is not what the sender signed, or is none that may be an attachment.
    #[error(transparent)]
    File(#[from] FileRefusal),
    /// A sealed file arrived as it was signed, and is not what the key in its message opens: it lacks a chunk, has one too
    /// many or in another place, or was sealed under another key.
    #[error("not_opened: the sealed file does not open with the key that its message has for it")]
    NotOpened,
    /// Too many attempts broke off, or it took too long.
    #[error("internal_error: the file did not arrive within the attempts and the time that it has")]
    GaveUp,
}

impl DownloadError {
    /// The protocol's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing_field",
            Self::TooLarge => "attachment_too_large",
            Self::NotDeliverable(_) | Self::File(_) => "attachment_rejected",
            Self::Target(_) | Self::TooManyRedirects | Self::Size => "invalid_field",
            Self::Refused { .. } => "not_found",
            Self::Encoded | Self::Head => "invalid_request",
            Self::NotOpened => "not_opened",
            Self::GaveUp => "internal_error",
        }
    }
}
