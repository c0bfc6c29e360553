//! Making an agent card (cards).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use amp_address::Address;
use amp_crypto::seal::EncryptionKey;
use amp_crypto::{Identity, SigningContext};
use amp_envelope::{JsonValue, Timestamp, write_json};
use serde::Serialize;

use super::agent_id::AgentId;
use super::capability::Capability;
use super::card::{AgentCard, MEMBERS, check_endpoint, check_lifetime, signed_text};
use super::card_error::CardError;
use super::object::Object;

/// A card in the making. It lives 180 days unless another time is asked for.
///
/// ```
/// use amp_core::identity::{Capability, CardBuilder};
/// use amp_core::{Identity, Timestamp};
/// use core::time::Duration;
///
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let card = CardBuilder::new("alice@acme.crabmail.ai".parse()?)
///     .alias("Alice")
///     .capability(Capability::Threading)
///     .capability(Capability::from_wire("github:code_review"))
///     .valid_for(Duration::from_secs(30 * 24 * 60 * 60))
///     .sign(&Identity::from_seed(&[7; 32]), now)?;
/// assert_eq!(card.expires_at().to_string(), "2026-03-02T10:00:00Z");
/// assert!(card.verify(now).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CardBuilder {
    address: Address,
    id: Option<AgentId>,
    alias: Option<String>,
    provider_endpoint: Option<String>,
    capabilities: Vec<Capability>,
    encryption_key: Option<EncryptionKey>,
    valid_for: Duration,
    others: Vec<(String, String)>,
}

impl CardBuilder {
    /// A card of this address.
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            id: None,
            alias: None,
            provider_endpoint: None,
            capabilities: Vec::new(),
            encryption_key: None,
            valid_for: Duration::from_secs(180 * 24 * 60 * 60),
            others: Vec::new(),
        }
    }

    /// The agent's own identifier.
    pub fn id(mut self, id: AgentId) -> Self {
        self.id = Some(id);
        self
    }

    /// A name for people.
    pub fn alias(mut self, alias: &str) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// The provider's base URL.
    pub fn provider_endpoint(mut self, url: &str) -> Self {
        self.provider_endpoint = Some(url.into());
        self
    }

    /// One more capability. It is known, or it is namespaced.
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// The key that messages are to be sealed to.
    pub const fn encryption_key(mut self, key: EncryptionKey) -> Self {
        self.encryption_key = Some(key);
        self
    }

    /// How long the card lives, at most 184 days.
    pub const fn valid_for(mut self, life: Duration) -> Self {
        self.valid_for = life;
        self
    }

    /// A member of one's own. It is signed like the others.
    ///
    /// # Errors
    /// `invalid_field` for a name that the format has a meaning for, or that was given before; a code of the JSON profile
    /// for a value that JSON cannot hold.
    pub fn member<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Result<Self, CardError> {
        if MEMBERS.contains(&name) || self.others.iter().any(|(given, _)| given == name) {
            return Err(CardError::NotSignable);
        }
        self.others.push((name.into(), write_json(value)?));
        Ok(self)
    }

    /// Signs the card with the key that it is about.
    ///
    /// # Errors
    /// `invalid_field` for a life beyond 184 days or of none, a capability that is neither known nor namespaced, or an
    /// endpoint that is no URL; `too_large`; a code of the JSON profile for members that have no canonical form.
    pub fn sign(self, identity: &Identity, now: Timestamp) -> Result<AgentCard, CardError> {
        let expires_at = now.checked_add(self.valid_for).ok_or(CardError::NotSignable)?;
        check_lifetime(now, expires_at)?;
        if let Some(url) = &self.provider_endpoint {
            check_endpoint(url)?;
        }
        let mut card = self.unsigned(identity, now, expires_at)?;
        // What is read back is what was written: the profile's limits hold for our own members too.
        JsonValue::read_object(card.as_json().as_bytes())?;
        let signature = identity
            .sign(SigningContext::AgentCard, &signed_text(&card)?)
            .map_err(|_| CardError::NotSignable)?;
        card.set_text("signature", &signature.to_base64());
        AgentCard::decode(card.as_json().as_bytes())
    }

    fn unsigned(
        &self,
        identity: &Identity,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Object, CardError> {
        let key = identity.verifying_key();
        let mut card = Object::empty();
        card.set_text("amp_agent_card", "1.0");
        if let Some(id) = &self.id {
            card.set_text("id", id.as_str());
        }
        card.set_text("address", self.address.as_str());
        if let Some(alias) = &self.alias {
            card.set_text("alias", alias);
        }
        card.set_text("public_key", &key.to_pem());
        card.set_text("key_algorithm", key.algorithm().as_str());
        card.set_text("fingerprint", &key.fingerprint().to_string());
        if let Some(url) = &self.provider_endpoint {
            card.set_text("provider_endpoint", url);
        }
        if !self.capabilities.is_empty() {
            card.set("capabilities", &write_json(&capability_names(&self.capabilities)?)?);
        }
        if let Some(encryption_key) = &self.encryption_key {
            card.set_text("encryption_key", &encryption_key.to_string());
        }
        card.set_text("issued_at", &now.to_string());
        card.set_text("expires_at", &expires_at.to_string());
        for (name, json) in &self.others {
            card.set(name, json);
        }
        Ok(card)
    }
}

fn capability_names(capabilities: &[Capability]) -> Result<Vec<&str>, CardError> {
    let rule = "a capability is one of the protocol's, or namespace:name";
    let is_ours =
        |capability: &Capability| !matches!(capability, Capability::Other(_)) || capability.is_namespaced();
    if capabilities.iter().all(is_ours) {
        Ok(capabilities.iter().map(Capability::as_str).collect())
    } else {
        Err(CardError::Invalid { field: "capabilities", rule })
    }
}
