//! What stands in the headers of a delivery: made by the provider (webhooks).

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use amp_envelope::{MessageId, Timestamp};

use super::WebhookSecret;

/// `sha256=` and 64 lower-case hex digits.
pub(super) const SIGNATURE: &str = "X-AMP-Signature";
/// Seconds since 1970, in decimal digits.
pub(super) const TIMESTAMP: &str = "X-AMP-Timestamp";
const MESSAGE_ID: &str = "X-AMP-Message-Id";
const ATTEMPT: &str = "X-AMP-Delivery-Attempt";

/// What the signature's value begins with.
pub(super) const ALGORITHM: &str = "sha256=";

/// Signs a delivery: what its headers are, for this body as it goes over the wire.
///
/// The signature is HMAC-SHA256 of the secret over the time, a dot and the body. Each attempt is signed anew, for the
/// receiver looks at the time; the id stays the same. `attempt` counts from 1.
///
/// ```
/// use amp_core::webhook::{Scheme, WebhookSecret, sign, verify};
///
/// let secret = WebhookSecret::new("whsec_4f1c9a6be2d07358")?;
/// let body = br#"{"envelope":{"id":"msg_1769853600_abc123"},"payload":{}}"#;
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let headers = sign(&secret, &"msg_1769853600_abc123".parse()?, 1, body, now);
/// assert!(headers.iter().any(|header| header == ("X-AMP-Timestamp", "1769853600")));
///
/// assert!(verify(headers.iter(), body, &[secret], now, Scheme::Standard).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn sign(
    secret: &WebhookSecret,
    message_id: &MessageId,
    attempt: u8,
    body: &[u8],
    now: Timestamp,
) -> WebhookHeaders {
    let timestamp = now.unix_seconds().max(0).to_string();
    let tag = secret.tag(&[timestamp.as_bytes(), b".", body]);
    WebhookHeaders {
        signature: format!("{ALGORITHM}{}", tag.to_hex()),
        timestamp,
        message_id: message_id.as_str().into(),
        attempt: attempt.to_string(),
    }
}

/// The headers of one delivery attempt, beside `Content-Type: application/json`.
#[derive(Clone)]
pub struct WebhookHeaders {
    signature: String,
    timestamp: String,
    message_id: String,
    attempt: String,
}

impl WebhookHeaders {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let pairs = [
            (SIGNATURE, self.signature.as_str()),
            (TIMESTAMP, self.timestamp.as_str()),
            (MESSAGE_ID, self.message_id.as_str()),
            (ATTEMPT, self.attempt.as_str()),
        ];
        pairs.into_iter()
    }
}

/// Shows no signature.
impl fmt::Debug for WebhookHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookHeaders")
            .field("timestamp", &self.timestamp)
            .field("message_id", &self.message_id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
