//! `GET /agents/owned`: the agents of an owner (provider API).

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::{Extra, OpaqueId};

/// Asks for the agents of the owner whose session this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOwned;

bare_request!(ListOwned => OwnedAgents);

object! {
    /// The agents of an owner.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct OwnedAgents {
        /// The agents.
        pub agents: Vec<OwnedAgent>,
        /// How many there are.
        pub total: Option<u64>,
    }
}

json_answer!(OwnedAgents, 200);

object! {
    /// An agent of an owner.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OwnedAgent {
        /// The provider's identifier of it.
        pub agent_id: OpaqueId,
        /// Its address.
        pub address: Address,
        /// What people call it. From outside.
        pub alias: Option<String>,
        /// Since when it is registered.
        pub registered_at: Option<Timestamp>,
    }
}

impl OwnedAgent {
    /// An agent of this identifier and address.
    #[must_use]
    pub fn new(agent_id: OpaqueId, address: Address) -> Self {
        Self { agent_id, address, alias: None, registered_at: None, extra: Extra::default() }
    }
}
