//! `DELETE /auth/revoke-key`: the end of an API key (provider API).

use amp_envelope::Timestamp;

use super::Extra;

/// Ends the API key that the call is made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevokeApiKey;

bare_request!(RevokeApiKey => ApiKeyRevoked);

object! {
    /// The API key is no longer valid.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ApiKeyRevoked {
        /// Whether it is so.
        pub revoked: bool,
        /// Since when.
        pub revoked_at: Option<Timestamp>,
    }
}

json_answer!(ApiKeyRevoked, 200);

impl ApiKeyRevoked {
    /// The key is no longer valid from this time on.
    #[must_use]
    pub fn new(revoked_at: Timestamp) -> Self {
        Self { revoked: true, revoked_at: Some(revoked_at), extra: Extra::default() }
    }
}
