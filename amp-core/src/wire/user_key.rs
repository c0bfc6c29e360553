//! `GET /auth/user-key`: an owner's key, with which their agents register (provider API).

use super::Extra;
use crate::identity::ApiKey;

/// Asks for the key of the owner whose session this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetUserKey;

bare_request!(GetUserKey => UserKey);

object! {
    /// An owner's key.
    #[derive(Debug)]
    pub struct UserKey {
        /// The key: the API key of a registration.
        pub user_key: ApiKey,
    }
}

json_answer!(UserKey, 200);

impl UserKey {
    /// This is the owner's key.
    #[must_use]
    pub fn new(user_key: ApiKey) -> Self {
        Self { user_key, extra: Extra::default() }
    }
}
