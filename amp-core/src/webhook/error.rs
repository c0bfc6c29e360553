//! Why a webhook delivery is refused (webhooks).

use amp_envelope::{ErrorCode, MessageError};

use super::headers::{SIGNATURE, TIMESTAMP};

/// Why a delivery is not believed, or a secret not taken: the code, the field, the rule.
///
/// Nothing of the delivery is repeated. Whoever is refused is answered with a status from 400 to 499: the provider does
/// not try again, and the message waits in its queue.
///
/// ```
/// use amp_core::webhook::{Scheme, WebhookSecret, verify};
///
/// let secrets = [WebhookSecret::new("whsec_4f1c9a6be2d07358")?];
/// let headers = [("X-AMP-Timestamp", "1769853600")];
/// let error = verify(headers, b"{}", &secrets, "2026-01-31T10:00:00Z".parse()?, Scheme::Standard).unwrap_err();
/// assert_eq!((error.code(), error.field()), ("signature_missing", Some("X-AMP-Signature")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// More than 1 MiB.
    #[error("too_large: a delivery has at most 1 MiB")]
    TooLarge,
    /// There is no signature.
    #[error("signature_missing in X-AMP-Signature: the delivery is not signed")]
    SignatureMissing,
    /// There is no time.
    #[error("missing_field in X-AMP-Timestamp: the header is required")]
    TimestampMissing,
    /// A header stands there more than once: two readers would each take another one.
    #[error("invalid_field in {header}: the header stands there once")]
    Repeated {
        /// The header's name.
        header: &'static str,
    },
    /// The time is no number of seconds.
    #[error("invalid_field in X-AMP-Timestamp: the time is written in decimal digits, seconds since 1970")]
    Timestamp,
    /// The time is more than five minutes ago.
    #[error("timestamp_expired in X-AMP-Timestamp: the delivery is more than 5 minutes old")]
    Expired,
    /// The time is more than five minutes ahead.
    #[error("timestamp_future in X-AMP-Timestamp: the delivery's time is more than 5 minutes ahead")]
    InFuture,
    /// The signature is not that of any of the secrets over this time and body.
    #[error("signature_invalid in X-AMP-Signature: no known secret signed this body at this time")]
    SignatureInvalid,
    /// The body is no JSON of the protocol's profile.
    #[error(transparent)]
    Json(#[from] MessageError),
    /// The body holds no message.
    #[error("invalid_field in body: the body is an object with the objects envelope and payload")]
    NoMessage,
    /// A secret that is too short or too long.
    #[error("invalid_field in webhook_secret: a secret has 16 to 1,024 bytes")]
    SecretLength,
}

impl WebhookError {
    /// The protocol's code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => ErrorCode::TooLarge.as_str(),
            Self::SignatureMissing => ErrorCode::SignatureMissing.as_str(),
            Self::TimestampMissing => ErrorCode::MissingField.as_str(),
            Self::Repeated { .. } | Self::Timestamp | Self::NoMessage | Self::SecretLength => {
                ErrorCode::InvalidField.as_str()
            }
            Self::Expired => "timestamp_expired",
            Self::InFuture => "timestamp_future",
            Self::SignatureInvalid => ErrorCode::SignatureInvalid.as_str(),
            Self::Json(error) => error.code().as_str(),
        }
    }

    /// The header or member at fault, where one is.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::SignatureMissing | Self::SignatureInvalid => Some(SIGNATURE),
            Self::TimestampMissing | Self::Timestamp | Self::Expired | Self::InFuture => Some(TIMESTAMP),
            Self::Repeated { header } => Some(header),
            Self::NoMessage => Some("body"),
            Self::SecretLength => Some("webhook_secret"),
            Self::Json(error) => error.field(),
            Self::TooLarge => None,
        }
    }
}
