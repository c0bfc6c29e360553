//! What the provider keeps of an agent (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec::{Sha256Hash, StoredSecret};
use super::number::AgentNumber;
use crate::stored;

/// A registered agent, as an effect has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRecord {
    pub(super) number: AgentNumber,
    /// The provider's id for it, `agt_…`, or the agent's own UUID.
    pub(super) agent_id: String,
    #[serde(with = "stored::address")]
    pub(super) address: Address,
    #[serde(with = "stored::key")]
    pub(super) key: VerifyingKey,
    pub(super) registered_at: Timestamp,
    pub(super) alias: Option<String>,
    pub(super) api_key: Option<ApiKeyHash>,
    /// The API key before the present one, and until when it is still taken.
    pub(super) former_api_key: Option<FormerApiKey>,
    pub(super) delivery: DeliverySettings,
    /// JSON objects as they were received.
    pub(super) policy: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) capabilities: alloc::vec::Vec<String>,
    pub(super) owner: Option<String>,
    /// The tenant, which the address alone does not tell from a provider of more than two labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    /// Whether the first API key was never used: its answer may have been lost.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) unclaimed: bool,
    /// SHA-256 of where the registration came from, as the host names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) registered_from: Option<Sha256Hash>,
    /// Whether the present API key replaced another one and was never used: its answer may have been lost.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) unused: bool,
    /// Keys that the address had before, by SHA-256 of their DER. They stay its own.
    #[serde(default, skip_serializing_if = "alloc::vec::Vec::is_empty")]
    pub(super) retired_keys: alloc::vec::Vec<Sha256Hash>,
}

/// Most keys that an address has had.
pub(super) const RETIRED_KEYS_MAX: usize = 64;

/// SHA-256 of an API key: the key itself is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyHash(pub(super) Sha256Hash);

impl ApiKeyHash {
    /// The hash of a key's text.
    pub(super) fn of(key: &str) -> Self {
        Self(Sha256Hash::of(&[key.as_bytes()]))
    }

    /// The first eight bytes, by which it is looked for.
    pub(super) fn beginning(&self) -> [u8; 8] {
        self.0.beginning()
    }

    /// Compares in constant time.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.matches(&other.0)
    }
}

/// An API key that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FormerApiKey {
    pub(super) hash: ApiKeyHash,
    pub(super) until: Timestamp,
}

/// How an agent wants to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeliverySettings {
    pub(super) webhook_url: Option<String>,
    pub(super) webhook_secret: Option<StoredSecret>,
    pub(super) prefer_websocket: bool,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self { webhook_url: None, webhook_secret: None, prefer_websocket: true }
    }
}

impl AgentRecord {
    /// An agent with its required parts.
    pub(super) fn new(
        number: AgentNumber,
        agent_id: String,
        address: Address,
        key: VerifyingKey,
        registered_at: Timestamp,
    ) -> Self {
        Self {
            number,
            agent_id,
            address,
            key,
            registered_at,
            alias: None,
            api_key: None,
            former_api_key: None,
            delivery: DeliverySettings::default(),
            policy: None,
            metadata: None,
            capabilities: alloc::vec::Vec::new(),
            owner: None,
            tenant: None,
            unclaimed: false,
            registered_from: None,
            unused: false,
            retired_keys: alloc::vec::Vec::new(),
        }
    }

    /// The tenant.
    pub(super) fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or_else(|| self.address.tenant())
    }

    /// Whether an API key is taken: the present one, or the one before it within its time.
    pub(super) fn takes(&self, key: &ApiKeyHash, now: Timestamp) -> bool {
        let former = self.former_api_key.filter(|former| now < former.until).map(|former| former.hash);
        self.api_key.into_iter().chain(former).any(|own| own.matches(key))
    }

    /// Goes over to another key.
    pub(super) fn retire_for(&mut self, key: &VerifyingKey) {
        self.retired_keys.push(key_hash(&self.key));
        self.key = key.clone();
    }

    /// The provider's number for the agent.
    #[must_use]
    pub const fn number(&self) -> AgentNumber {
        self.number
    }

    /// The provider's id for the agent.
    #[must_use]
    pub fn agent_id(&self) -> &str {
        &self.agent_id
    }

    /// The agent's address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The key under which the agent's messages verify.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// When the agent was registered.
    #[must_use]
    pub const fn registered_at(&self) -> Timestamp {
        self.registered_at
    }
}

/// What a key is looked for by.
pub(super) fn key_hash(key: &VerifyingKey) -> Sha256Hash {
    Sha256Hash::of(&[&key.to_spki_der()])
}
