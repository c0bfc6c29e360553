//! The secret that an agent and its provider share for webhooks (webhooks).

use alloc::string::String;
use core::fmt;

use amp_crypto::{MacTag, SecretText, hmac_sha256};

use super::WebhookError;

/// The secret with which webhook deliveries to one URL are signed. Zeroized on drop, and shown by nothing but
/// [`expose`](Self::expose).
///
/// **One endpoint, one secret.** The signature names no endpoint: a delivery to one of two endpoints with the same
/// secret is valid at the other.
///
/// ```
/// use amp_core::webhook::WebhookSecret;
///
/// let secret = WebhookSecret::new("whsec_4f1c9a6be2d07358")?;
/// assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
/// assert!(WebhookSecret::new("whsec_abc").is_err()); // nine bytes can be guessed
/// # Ok::<(), amp_core::webhook::WebhookError>(())
/// ```
pub struct WebhookSecret(SecretText);

impl WebhookSecret {
    /// Shortest secret of a new registration, in bytes.
    pub const MIN_BYTES: usize = 16;

    /// Longest secret, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a secret of 16 to 1,024 bytes of UTF-8.
    ///
    /// # Errors
    /// `invalid_field` in `webhook_secret` for another length.
    pub fn new(secret: impl Into<String>) -> Result<Self, WebhookError> {
        Self::checked(secret.into(), Self::MIN_BYTES)
    }

    /// Takes a secret that is in use already and may be shorter, of 1 byte at least: what deployed programs agreed on.
    /// New ones are made with [`new`](Self::new).
    ///
    /// # Errors
    /// `invalid_field` in `webhook_secret` for an empty one, which would let anybody sign, and for more than 1,024 bytes.
    pub fn deployed(secret: impl Into<String>) -> Result<Self, WebhookError> {
        Self::checked(secret.into(), 1)
    }

    fn checked(secret: String, min_bytes: usize) -> Result<Self, WebhookError> {
        let bytes = secret.len();
        // Also what is refused is wiped.
        let secret = SecretText::new(secret);
        if (min_bytes..=Self::MAX_BYTES).contains(&bytes) {
            Ok(Self(secret))
        } else {
            Err(WebhookError::SecretLength)
        }
    }

    /// The secret itself, for the record in which the provider keeps it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    pub(super) fn tag(&self, parts: &[&[u8]]) -> MacTag {
        hmac_sha256(self.0.expose().as_bytes(), parts)
    }
}

/// The same secret once more.
impl Clone for WebhookSecret {
    fn clone(&self) -> Self {
        Self(SecretText::new(self.0.expose().into()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}
