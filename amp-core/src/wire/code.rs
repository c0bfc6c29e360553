//! The codes of the provider's API, and the HTTP status that goes with each (provider API, errors).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::fmt;

use crate::trust::Printable;

macro_rules! codes {
    ($( $(#[$meta:meta])* $variant:ident = $text:literal $status:literal, )*) => {
        /// Why a provider refuses a request.
        ///
        /// The list is open: a code that this version does not know is kept as text.
        ///
        /// ```
        /// use amp_core::wire::ApiErrorCode;
        ///
        /// assert_eq!(ApiErrorCode::read("name_taken"), ApiErrorCode::NameTaken);
        /// assert_eq!(ApiErrorCode::NameTaken.http_status(), 409);
        /// assert_eq!(ApiErrorCode::read("on_holiday").as_str(), "on_holiday");
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ApiErrorCode {
            $( $(#[$meta])* $variant, )*
            /// Any other code. Its text is [`ApiErrorCode::as_str`].
            Other(OtherApiError),
        }

        impl ApiErrorCode {
            #[cfg(test)]
            pub(crate) const NAMED: &'static [Self] = &[$(Self::$variant),*];

            /// Reads a code; what is unknown is kept.
            #[must_use]
            pub fn read(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )*
                    _ => Self::Other(OtherApiError(text.chars().take(64).collect())),
                }
            }

            /// The code on the wire. Text from outside when it is [`ApiErrorCode::Other`].
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(code) => &code.0,
                }
            }

            /// The HTTP status that a provider answers with; 400 for a code that is not known.
            #[must_use]
            pub const fn http_status(&self) -> u16 {
                match self {
                    $( Self::$variant => $status, )*
                    Self::Other(_) => 400,
                }
            }
        }
    };
}

codes! {
    /// The request is not what the endpoint takes.
    InvalidRequest = "invalid_request" 400,
    /// A required member is absent.
    MissingField = "missing_field" 400,
    /// A member does not obey its grammar.
    InvalidField = "invalid_field" 400,
    /// A message has more attachments than are allowed.
    TooManyAttachments = "too_many_attachments" 400,
    /// A time lies too far in the future.
    TimestampFuture = "timestamp_future" 400,
    /// The sender's provider said nothing of who sent it, as a deployed provider spells it.
    MissingHeader = "missing_header" 400,
    /// The API key is absent, unknown or revoked.
    Unauthorized = "unauthorized" 401,
    /// The caller may not do this.
    Forbidden = "forbidden" 403,
    /// The signature does not verify.
    SignatureInvalid = "signature_invalid" 403,
    /// The signature does not verify, as a deployed provider spells it.
    InvalidSignature = "invalid_signature" 403,
    /// The key is not the one that is registered.
    KeyMismatch = "key_mismatch" 403,
    /// The key was revoked.
    KeyRevoked = "key_revoked" 403,
    /// The caller is suspended.
    AgentSuspended = "agent_suspended" 403,
    /// The recipient is suspended.
    RecipientSuspended = "recipient_suspended" 403,
    /// The sender's policy does not allow the recipient, or the recipient's the sender.
    RecipientNotAllowed = "recipient_not_allowed" 403,
    /// The caller may not register in this tenant.
    TenantAccessDenied = "tenant_access_denied" 403,
    /// The provider has not been given its organization, as a deployed provider spells it.
    OrganizationNotSet = "organization_not_set" 400,
    /// There is nothing at this path, or nobody at this address.
    NotFound = "not_found" 404,
    /// Nobody is at this address, as a deployed provider spells it.
    AgentNotFound = "agent_not_found" 404,
    /// The key is not known.
    KeyNotFound = "key_not_found" 404,
    /// The attachment is not known.
    AttachmentNotFound = "attachment_not_found" 404,
    /// The name belongs to another agent. Suggestions come with it.
    NameTaken = "name_taken" 409,
    /// The key belongs to another agent.
    KeyAlreadyRegistered = "key_already_registered" 409,
    /// The address belongs to another agent.
    AddressAlreadyRegistered = "address_already_registered" 409,
    /// The attachment is still being checked.
    AttachmentPending = "attachment_pending" 409,
    /// The attachment belongs to another message.
    AttachmentAlreadyUsed = "attachment_already_used" 409,
    /// Two keys are claimed for one address.
    KeyConflict = "key_conflict" 409,
    /// The idempotency key was used with another body.
    DuplicateIdempotencyKey = "duplicate_idempotency_key" 409,
    /// The message is known already.
    DuplicateMessage = "duplicate_message" 409,
    /// The attachment is no longer kept.
    AttachmentExpired = "attachment_expired" 410,
    /// The quarantined message is no longer kept.
    QuarantineExpired = "quarantine_expired" 410,
    /// The cursor is no longer known: begin without it.
    CursorExpired = "cursor_expired" 410,
    /// The attachment is too large.
    AttachmentTooLarge = "attachment_too_large" 413,
    /// The body is too large.
    RequestTooLarge = "request_too_large" 413,
    /// The body is too large, as a deployed provider spells it.
    PayloadTooLarge = "payload_too_large" 413,
    /// The message is not signed.
    SignatureMissing = "signature_missing" 422,
    /// The attachment did not pass its checks.
    AttachmentRejected = "attachment_rejected" 422,
    /// The digest is not SHA-256.
    InvalidDigestAlgorithm = "invalid_digest_algorithm" 422,
    /// The provider carries no attachments.
    AttachmentsNotSupported = "attachments_not_supported" 422,
    /// The recipient is at another provider, and this one does not forward, as a deployed provider spells it.
    ExternalProvider = "external_provider" 422,
    /// A limit is reached.
    RateLimited = "rate_limited" 429,
    /// The provider failed.
    InternalError = "internal_error" 500,
    /// The message waits for a person of the provider's.
    MessageQuarantined = "message_quarantined" 202,
}

/// The text of a code that this version does not know, at most 64 characters of it. From outside.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OtherApiError(Box<str>);

/// Shown escaped.
impl fmt::Debug for OtherApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Printable::name(&self.0))
    }
}

/// Unknown codes are shown escaped.
impl fmt::Display for ApiErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Printable::name(self.as_str()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_as_it_is_written() {
        for code in ApiErrorCode::NAMED {
            assert_eq!(ApiErrorCode::read(code.as_str()), *code);
            assert!(code.http_status() >= 400 || *code == ApiErrorCode::MessageQuarantined, "{code}");
        }
    }
}
