//! What a provider says of an agent without the agent's signature (cards).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use amp_address::Address;
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonValue, Timestamp};

use super::capability::Capability;
use super::card::{AgentCard, read_address, read_capabilities, read_key};
use super::card_error::CardError;
use super::object::Object;

/// A card with `provider_asserted` true and no signature: readable, never verified.
///
/// It is worth what its source is worth. From one's own provider, over TLS, it answers who has which key like any
/// look-up does; from anywhere else it is a claim.
///
/// ```
/// use amp_core::identity::ProviderAssertedCard;
/// # let key = amp_core::Identity::from_seed(&[7; 32]).verifying_key().clone();
/// # let json = format!(r#"{{"address":"alice@acme.aimaestro.local","alias":"Alice A.","public_key":"{}",
/// #   "key_algorithm":"Ed25519","fingerprint":"{}","capabilities":["messaging"],
/// #   "signed_at":"2026-11-20T08:47:21.839Z","signature":null,"provider_asserted":true}}"#, key.to_hex().unwrap(), key.fingerprint());
/// let card = ProviderAssertedCard::decode(json.as_bytes())?;
/// assert_eq!(card.address().as_str(), "alice@acme.aimaestro.local");
/// # Ok::<(), amp_core::identity::CardError>(())
/// ```
///
/// ```compile_fail,E0599
/// fn verify(card: amp_core::identity::ProviderAssertedCard, now: amp_core::Timestamp) { card.verify(now); }
/// ```
#[derive(Clone)]
pub struct ProviderAssertedCard {
    object: Object,
    address: Address,
    key: VerifyingKey,
    capabilities: Vec<Capability>,
}

impl ProviderAssertedCard {
    /// Reads such a card, also in the deployed form without version and times.
    ///
    /// # Errors
    /// [`CardError`]: `invalid_field` for a card that is signed or that no provider asserts; `missing_field`,
    /// `invalid_field`, `invalid_key`, `key_mismatch` and `fingerprint_mismatch` for statements that do not hold
    /// together.
    pub fn decode(json: &[u8]) -> Result<Self, CardError> {
        if json.len() > AgentCard::MAX_BYTES {
            return Err(CardError::TooLarge);
        }
        let object = Object::read(json)?;
        if object.get("signature").is_some() {
            let rule = "a card that a provider asserts is not signed";
            return Err(CardError::Invalid { field: "signature", rule });
        }
        if object.get("provider_asserted").and_then(|value| value.as_bool()) != Some(true) {
            let rule = "a card without a signature is asserted by a provider";
            return Err(CardError::Invalid { field: "provider_asserted", rule });
        }
        let (address, key) = (read_address(&object)?, read_key(&object)?);
        let stated = Fingerprint::parse(&object.text("fingerprint")?).ok();
        if stated.and_then(|stated| stated.matches(&key)).is_none() {
            return Err(CardError::FingerprintMismatch);
        }
        let capabilities = read_capabilities(&object)?;
        Ok(Self { object, address, key, capabilities })
    }

    /// The address, as the provider says.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The agent's key, as the provider says.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The agent's name for people: text from outside, of any characters.
    #[must_use]
    pub fn alias(&self) -> Option<Cow<'_, str>> {
        self.object.get("alias")?.as_str()
    }

    /// What the agent can do, as the provider says.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// When the provider made the card (`issued_at`, deployed: `signed_at`).
    #[must_use]
    pub fn asserted_at(&self) -> Option<Timestamp> {
        self.object.first_of(&["issued_at", "signed_at"])?.as_str()?.parse().ok()
    }

    /// A member by name, whatever it means.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        self.object.get(name)
    }
}

/// Shows whose card it says to be, and nothing else.
impl fmt::Debug for ProviderAssertedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderAssertedCard({}, {})", self.address, self.key.fingerprint())
    }
}
