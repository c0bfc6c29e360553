//! `POST /auth/rotate-keys`: a new signing key, which the old one vouches for (provider API; rotation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_address::Address;
use amp_crypto::{Fingerprint, KeyAlgorithm, VerifyingKey};

use super::fault::Fault;
use super::{ApiError, Endpoint, Extra, Request, RequestParts};
use crate::identity::{RecordError, RotationRequest};

/// Asks that the caller's address go over to a new key.
///
/// It cannot be made without a key and a proof: to an empty body a deployed provider answers with a key of its own
/// making, and keeps it.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::identity::RotationRequest;
/// use amp_core::wire::{Request, RotateKeys};
///
/// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
/// let request = RotateKeys::new(RotationRequest::prove(&old, &new)?);
/// let read = RotateKeys::from_parts(&request.to_parts())?;
/// assert_eq!(read.rotation().new_key(), new.verifying_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotateKeys {
    rotation: RotationRequest,
}

impl RotateKeys {
    /// Asks for a rotation that was proven.
    #[must_use]
    pub const fn new(rotation: RotationRequest) -> Self {
        Self { rotation }
    }

    /// The new key, and the proof that has still to be checked.
    #[must_use]
    pub const fn rotation(&self) -> &RotationRequest {
        &self.rotation
    }
}

impl Request for RotateKeys {
    const ENDPOINT: Endpoint = Endpoint::RotateKeys;
    type Answer = KeysRotated;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[]).with_json(self.rotation.to_json())
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let rotation = RotationRequest::decode(&parts.body).map_err(|error| fault_of(error).of_request())?;
        Ok(Self { rotation })
    }

    fn check(&self, answer: &KeysRotated) -> Result<(), (&'static str, &'static str)> {
        let new_key = self.rotation.new_key();
        if answer.fingerprint.matches(new_key).is_none() {
            return Err(("fingerprint", "the fingerprint is that of the new key"));
        }
        if answer.public_key.as_ref().is_some_and(|key| key != new_key) {
            return Err(("public_key", "the key is the new key"));
        }
        Ok(())
    }
}

fn fault_of(error: RecordError) -> Fault {
    match error {
        RecordError::Json(error) => error.into(),
        RecordError::Missing { field } => Fault::missing(field),
        RecordError::Invalid { field, rule } => Fault::invalid(field, rule),
        RecordError::Proof { field } | RecordError::Fingerprint { field } => {
            Fault::invalid(field, "the value agrees with the key")
        }
    }
}

object! {
    /// The address has its new key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct KeysRotated {
        /// Whether it has.
        pub rotated: bool,
        /// The fingerprint of the new key.
        pub fingerprint: Fingerprint,
        /// The address.
        pub address: Option<Address>,
        /// The new key.
        pub public_key: Option<VerifyingKey>,
        /// Its algorithm.
        pub key_algorithm: Option<KeyAlgorithm>,
    }
}

json_answer!(KeysRotated, 200);

impl KeysRotated {
    /// This address has this key now.
    #[must_use]
    pub fn new(address: Address, key: &VerifyingKey) -> Self {
        Self {
            rotated: true,
            fingerprint: key.fingerprint(),
            address: Some(address),
            public_key: Some(key.clone()),
            key_algorithm: Some(key.algorithm()),
            extra: Extra::default(),
        }
    }
}
