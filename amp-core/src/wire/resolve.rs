//! `GET /agents/resolve/{address}`: who has an address (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use amp_address::Address;
use amp_crypto::{Fingerprint, KeyAlgorithm, VerifyingKey};

use super::fault::Fault;
use super::{Answer, AnswerParts, ApiError, Endpoint, Extra, Request, RequestParts};

/// Asks for the key of an address.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::wire::{Answer, Request, Resolve, Resolved};
///
/// let request = Resolve::new("bob@acme.crabmail.ai".parse()?);
/// let eve = Identity::from_seed(&[7; 32]);
/// // A deployed provider looks at the name alone, and answers with another provider's agent of that name.
/// let answer = Resolved::new("bob@acme.evil.example".parse()?, eve.verifying_key()).to_parts();
/// let error = request.read_answer(&answer).unwrap_err();
/// assert_eq!(error.to_string(), "200 in address: the answer is for the address that was asked for");
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolve {
    /// The address in question.
    pub address: Address,
}

impl Resolve {
    /// Asks for the key of this address.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address }
    }
}

impl Request for Resolve {
    const ENDPOINT: Endpoint = Endpoint::Resolve;
    type Answer = Resolved;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[self.address.as_str()])
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        Ok(Self::new(parts.arrive_with(Self::ENDPOINT, "address")?))
    }

    fn check(&self, answer: &Resolved) -> Result<(), (&'static str, &'static str)> {
        if answer.address == self.address {
            Ok(())
        } else {
            Err(("address", "the answer is for the address that was asked for"))
        }
    }
}

object! {
    /// Whose key it is, as the provider says. The key, its algorithm, its fingerprint and its DID agree.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Resolved {
        /// The address.
        pub address: Address,
        /// What people call the agent. From outside.
        pub alias: Option<String>,
        public_key: VerifyingKey,
        key_algorithm: Option<KeyAlgorithm>,
        fingerprint: Option<Fingerprint>,
        did: Option<String>,
        /// Whether it is connected.
        pub online: Option<bool>,
        /// What it says it can do. From outside.
        pub capabilities: Option<Vec<String>>,
    }
}

impl Resolved {
    /// This address has this key.
    #[must_use]
    pub fn new(address: Address, key: &VerifyingKey) -> Self {
        Self {
            address,
            alias: None,
            public_key: key.clone(),
            key_algorithm: Some(key.algorithm()),
            fingerprint: Some(key.fingerprint()),
            did: key.did().map(|did| did.to_string()),
            online: None,
            capabilities: None,
            extra: Extra::default(),
        }
    }

    /// The key.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.public_key
    }

    fn check_key(&self) -> Result<(), Fault> {
        let key = &self.public_key;
        if self.key_algorithm.as_ref().is_some_and(|stated| key.check_algorithm(stated).is_err()) {
            return Err(Fault::invalid("key_algorithm", "the stated algorithm is the key's own"));
        }
        if self.fingerprint.is_some_and(|stated| stated.matches(key).is_none()) {
            return Err(Fault::invalid("fingerprint", "the stated fingerprint is the key's own"));
        }
        if self.did.as_ref().is_some_and(|stated| key.check_did(stated).is_err()) {
            return Err(Fault::invalid("did", "the stated DID is the key's own"));
        }
        Ok(())
    }
}

impl Answer for Resolved {
    fn to_parts(&self) -> AnswerParts {
        AnswerParts::new(200).with_object(self)
    }

    fn from_parts(parts: &AnswerParts) -> Result<Self, ApiError> {
        let read: Self = parts.read_object()?;
        read.check_key().map_err(|fault| parts.unreadable(fault))?;
        Ok(read)
    }
}
