//! The answer to a registration: an address, and the key to call the provider with (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

use amp_address::{Address, KnownProviders, Provider};
use amp_crypto::Fingerprint;
use amp_envelope::Timestamp;

use super::fault::WireError;
use super::{ApiUrl, Endpoint, Extra, RequestParts};
use crate::identity::ApiKey;

object! {
    /// What a registration gives. It holds the API key, which is shown once.
    ///
    /// ```
    /// use amp_core::Identity;
    /// use amp_core::wire::{Answer, AnswerParts, ApiUrl, Registered, WireError};
    /// # let fingerprint = Identity::from_seed(&[7; 32]).verifying_key().fingerprint();
    /// # let body = format!(r#"{{"address":"alice@acme.crabmail.ai","api_key":"amp_live_sk_7f53efb3fb6588af",
    /// #   "provider":{{"name":"crabmail.ai","endpoint":"https://api.crabmail.ai/v1","route_url":"https://evil.example/v1/route"}},
    /// #   "fingerprint":"{fingerprint}","registered_at":"2026-01-31T10:00:00Z"}}"#);
    ///
    /// let answer = AnswerParts::new(201).with_body(body.into_bytes());
    /// let registered = Registered::from_parts(&answer)?;
    /// // The API key goes to the site that the agent registered with, wherever the answer points.
    /// let api: ApiUrl = "https://api.crabmail.ai/v1".parse()?;
    /// assert_eq!(registered.route_url(&api), Err(WireError::ForeignRouteUrl));
    /// assert!(!format!("{registered:?}").contains("amp_live"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug)]
    pub struct Registered {
        /// The agent's address, as it has to stand in what it signs.
        pub address: Address,
        /// The address without its scope.
        pub short_address: Option<String>,
        /// The name alone.
        pub local_name: Option<String>,
        /// The provider's identifier of the agent.
        pub agent_id: Option<String>,
        /// The provider's identifier of the tenant.
        pub tenant_id: Option<String>,
        /// The tenant.
        pub tenant: Option<String>,
        /// The key to call the provider with.
        pub api_key: ApiKey,
        /// Where the provider is.
        pub provider: RegisteredProvider,
        /// The fingerprint of the key that is registered.
        pub fingerprint: Fingerprint,
        /// Since when.
        pub registered_at: Timestamp,
        /// Whose agent it is, where an owner registered it.
        pub owner_id: Option<String>,
    }
}

json_answer!(Registered, 201);

object! {
    /// Where the provider is that an agent registered with, in the provider's words.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RegisteredProvider {
        /// Its name: the last part of its agents' addresses.
        pub name: Provider,
        /// The base URL of its API.
        pub endpoint: Option<ApiUrl>,
        /// Where messages go. Use [`Registered::route_url`], which does not follow it to another site.
        pub route_url: Option<ApiUrl>,
    }
}

impl Registered {
    /// The answer of a provider to a new agent.
    #[must_use]
    pub fn new(
        address: Address,
        api_key: ApiKey,
        provider: RegisteredProvider,
        fingerprint: Fingerprint,
        registered_at: Timestamp,
    ) -> Self {
        let mut answer = Self {
            short_address: None,
            local_name: Some(address.name().into()),
            agent_id: None,
            tenant_id: None,
            tenant: None,
            address,
            api_key,
            provider,
            fingerprint,
            registered_at,
            owner_id: None,
            extra: Extra::default(),
        };
        answer.tenant = Some(answer.settled_address().tenant().into());
        answer
    }

    /// The address, split where the provider's own name begins.
    #[must_use]
    pub fn settled_address(&self) -> Address {
        let mut known = KnownProviders::new();
        known.insert(self.provider.name.clone());
        self.address.clone().with_known_providers(&known)
    }

    /// Where messages go, for an agent that registered at `api`: what the provider named if it is on the same site, else
    /// `/route` below `api`.
    ///
    /// # Errors
    /// [`WireError::ForeignRouteUrl`] when the provider named a place on another site. A host that was told that place
    /// by a person may use it all the same: it is `provider.route_url`.
    pub fn route_url(&self, api: &ApiUrl) -> Result<ApiUrl, WireError> {
        match &self.provider.route_url {
            Some(url) if url.same_site(api) => Ok(url.clone()),
            Some(_) => Err(WireError::ForeignRouteUrl),
            None => api.join(&RequestParts::to(Endpoint::Route, &[])).parse(),
        }
    }
}

impl RegisteredProvider {
    /// A provider and where its API is.
    #[must_use]
    pub fn new(name: Provider, endpoint: ApiUrl) -> Self {
        let route_url = endpoint.join(&RequestParts::to(Endpoint::Route, &[])).parse().ok();
        Self { name, endpoint: Some(endpoint), route_url, extra: Extra::default() }
    }
}
