//! `GET /agents/me`: what a provider has registered of its caller (provider API).

use alloc::string::String;

use amp_address::Address;
use amp_crypto::Fingerprint;
use amp_envelope::Timestamp;

use super::Extra;
use super::delivery::Delivery;

/// Asks what is registered of the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetMe;

bare_request!(GetMe => Me);

object! {
    /// What is registered of an agent.
    #[derive(Debug)]
    pub struct Me {
        /// Its address. A deployed provider names scoped agents by a short one here: what registration answered stands.
        pub address: Address,
        /// What people call it.
        pub alias: Option<String>,
        /// How it wants its messages.
        pub delivery: Option<Delivery>,
        /// The fingerprint of its key.
        pub fingerprint: Option<Fingerprint>,
        /// Since when it is registered.
        pub registered_at: Option<Timestamp>,
        /// When it was last heard of.
        pub last_seen_at: Option<Timestamp>,
    }
}

json_answer!(Me, 200);

impl Me {
    /// What is registered at the least.
    #[must_use]
    pub fn new(address: Address, fingerprint: Fingerprint, registered_at: Timestamp) -> Self {
        Self {
            address,
            alias: None,
            delivery: None,
            fingerprint: Some(fingerprint),
            registered_at: Some(registered_at),
            last_seen_at: None,
            extra: Extra::default(),
        }
    }
}
