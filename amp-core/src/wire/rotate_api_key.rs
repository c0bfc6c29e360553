//! `POST /auth/rotate-key`: a new API key (provider API).

use amp_envelope::Timestamp;

use super::Extra;
use crate::identity::ApiKey;

/// Asks for a new API key. The one it is asked with stays valid for a while: 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RotateApiKey;

bare_request!(RotateApiKey => ApiKeyRotated);

object! {
    /// A new API key, shown once.
    #[derive(Debug)]
    pub struct ApiKeyRotated {
        /// The new key.
        pub api_key: ApiKey,
        /// Until when the old one is valid.
        pub previous_key_valid_until: Option<Timestamp>,
        /// Until when the new one is valid; none when it has no end.
        pub expires_at: Option<Timestamp>,
    }
}

json_answer!(ApiKeyRotated, 200);

impl ApiKeyRotated {
    /// A new key, and until when the old one is valid.
    #[must_use]
    pub fn new(api_key: ApiKey, previous_key_valid_until: Timestamp) -> Self {
        Self {
            api_key,
            previous_key_valid_until: Some(previous_key_valid_until),
            expires_at: None,
            extra: Extra::default(),
        }
    }
}
