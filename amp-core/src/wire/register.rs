//! `POST /register`: a new agent (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::AgentName;
use amp_crypto::{KeyAlgorithm, SecretText, VerifyingKey};

use super::delivery::{AgentScope, Delivery};
use super::fault::{Fault, WireError};
use super::registered::Registered;
use super::{ApiError, Endpoint, Extra, RawJson, Request, RequestParts};
use crate::admission::CommunicationPolicy;
use crate::identity::AgentId;

object! {
    /// Asks for an address.
    ///
    /// With an owner's key beside it (as the API key of the call) the owner's tenant is meant, and none is named.
    ///
    /// ```
    /// use amp_core::Identity;
    /// use amp_core::wire::{Delivery, Register, Request};
    ///
    /// let alice = Identity::from_seed(&[7; 32]);
    /// let mut request = Register::new("alice".parse()?, alice.verifying_key()).in_tenant("acme");
    /// request.alias = Some("Alice A.".into());
    /// let parts = request.to_parts();
    /// assert!(parts.body.starts_with(br#"{"tenant":"acme","name":"alice","public_key":"-----BEGIN PUBLIC KEY-----"#));
    /// assert_eq!(Register::from_parts(&parts)?.public_key(), alice.verifying_key());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug)]
    pub struct Register {
        /// The tenant, where no owner's key says it.
        pub tenant: Option<String>,
        /// The wanted name.
        pub name: AgentName,
        public_key: VerifyingKey,
        key_algorithm: Option<KeyAlgorithm>,
        /// What people call the agent.
        pub alias: Option<String>,
        /// Where below the tenant it belongs.
        pub scope: Option<AgentScope>,
        /// How it wants its messages.
        pub delivery: Option<Delivery>,
        metadata: Option<RawJson>,
        /// What lets it into a closed tenant.
        pub invite_code: Option<SecretText>,
        /// What it can do.
        pub capabilities: Option<Vec<String>>,
        /// To whom it may write.
        pub communication_policy: Option<CommunicationPolicy>,
        /// The identifier that it gave itself.
        pub agent_id: Option<AgentId>,
    }
}

impl Register {
    /// A registration under a name, with the key that the agent signs with.
    #[must_use]
    pub fn new(name: AgentName, key: &VerifyingKey) -> Self {
        Self {
            tenant: None,
            name,
            public_key: key.clone(),
            key_algorithm: Some(key.algorithm()),
            alias: None,
            scope: None,
            delivery: None,
            metadata: None,
            invite_code: None,
            capabilities: None,
            communication_policy: None,
            agent_id: None,
            extra: Extra::default(),
        }
    }

    /// The same in a tenant.
    #[must_use]
    pub fn in_tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The same with whatever the host wants to be kept beside.
    ///
    /// # Errors
    /// As [`UpdateMe::with_metadata`](super::UpdateMe::with_metadata).
    pub fn with_metadata(mut self, metadata: RawJson) -> Result<Self, WireError> {
        self.metadata = Some(checked_metadata(metadata)?);
        Ok(self)
    }

    /// The key that is to be registered.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.public_key
    }

    /// What the host wants to be kept beside: an object.
    #[must_use]
    pub const fn metadata(&self) -> Option<&RawJson> {
        self.metadata.as_ref()
    }
}

/// Metadata that is an object without the member in which deployed providers keep their own record.
pub(super) fn checked_metadata(metadata: RawJson) -> Result<RawJson, WireError> {
    let rule = "metadata is an object without the member amp, which is the provider's own";
    match metadata.as_object() {
        Some(object) if object.get("amp").is_none() => Ok(metadata),
        _ => Err(WireError::Field { field: "metadata", rule }),
    }
}

/// The same for what was read.
pub(super) fn check_read_metadata(metadata: Option<&RawJson>) -> Result<(), ApiError> {
    let rule = "metadata is an object without the member amp, which is the provider's own";
    let is_fit = |metadata: &RawJson| metadata.as_object().is_some_and(|object| object.get("amp").is_none());
    if metadata.is_none_or(is_fit) { Ok(()) } else { Err(Fault::invalid("metadata", rule).of_request()) }
}

impl Request for Register {
    const ENDPOINT: Endpoint = Endpoint::Register;
    type Answer = Registered;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[]).with_object(self)
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let request: Self = parts.read_object()?;
        if let Some(stated) = &request.key_algorithm
            && request.public_key.check_algorithm(stated).is_err()
        {
            return Err(Fault::invalid("key_algorithm", "the stated algorithm is the key's own").of_request());
        }
        check_read_metadata(request.metadata.as_ref())?;
        Ok(request)
    }

    fn check(&self, answer: &Registered) -> Result<(), (&'static str, &'static str)> {
        if answer.fingerprint.matches(&self.public_key).is_none() {
            return Err(("fingerprint", "the fingerprint is that of the key that was sent"));
        }
        if answer.address.name() != self.name.as_str() {
            return Err(("address", "the address has the name that was asked for"));
        }
        // A deployed provider puts the tenant into its own name, behind which a scope would be taken for the tenant.
        let addresses = [answer.settled_address(), answer.address.clone()];
        let is_in = |tenant: &String| addresses.iter().any(|one| one.tenant().eq_ignore_ascii_case(tenant));
        if !self.tenant.as_ref().is_none_or(is_in) {
            return Err(("address", "the address is in the tenant that was asked for"));
        }
        Ok(())
    }
}
