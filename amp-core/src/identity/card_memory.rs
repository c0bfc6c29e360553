//! Cards held against pinned keys, and against the newest card that was seen (cards; attacks, card rollback).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::ops::Deref;

use amp_address::{Address, Profile};
use amp_crypto::VerifyingKey;
use amp_crypto::seal::EncryptionKey;
use amp_envelope::Timestamp;

use super::card::{MAX_LIFETIME, VerifiedCard};
use super::card_error::CardError;
use super::object::{Fault, Object};
use super::record_error::RecordError;

/// When the newest card of each address was issued, so that an older one is not offered in its place.
///
/// Only cards of the pinned key are remembered: else anybody could make every card of an agent look old. It holds a
/// stated number of addresses and then takes no further one, since what it forgot could be rolled back.
///
/// ```
/// use amp_core::identity::{CardBuilder, CardError, CardMemory};
/// use amp_core::{Address, Identity, Timestamp};
///
/// let alice = Identity::from_seed(&[7; 32]);
/// let address: Address = "alice@acme.crabmail.ai".parse()?;
/// let (january, march): (Timestamp, Timestamp) = ("2026-01-31T10:00:00Z".parse()?, "2026-03-01T10:00:00Z".parse()?);
/// let old = CardBuilder::new(address.clone()).sign(&alice, january)?;
/// let new = CardBuilder::new(address.clone()).sign(&alice, march)?;
///
/// let mut memory = CardMemory::new(1000);
/// let current = new.verify(march)?.check_against(&address, alice.verifying_key(), &memory)?;
/// memory.apply(&current.seen()); // when the host has stored it
///
/// let rolled_back = old.verify(march)?.check_against(&address, alice.verifying_key(), &memory);
/// assert_eq!(rolled_back.unwrap_err(), CardError::RolledBack { newest: march });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardMemory {
    newest: BTreeMap<Address, Timestamp>,
    max_addresses: usize,
}

impl CardMemory {
    /// A memory of at most `max_addresses` addresses.
    #[must_use]
    pub const fn new(max_addresses: usize) -> Self {
        Self { newest: BTreeMap::new(), max_addresses }
    }

    /// When the newest card of an address was issued.
    #[must_use]
    pub fn newest(&self, address: &Address) -> Option<Timestamp> {
        self.newest.get(address).copied()
    }

    /// Remembers a card. An older one changes nothing, so effects may be replayed in any order, and more than once.
    pub fn apply(&mut self, seen: &CardSeen) {
        if let Some(newest) = self.newest.get_mut(&seen.address) {
            *newest = (*newest).max(seen.issued_at);
        } else if self.newest.len() < self.max_addresses {
            self.newest.insert(seen.address.clone(), seen.issued_at);
        }
    }

    /// Forgets addresses whose newest card was issued more than 184 days ago: every older card has expired by then.
    ///
    /// The clock must be one that only goes forward, else what was forgotten can come back.
    pub fn forget_lapsed(&mut self, now: Timestamp) {
        self.newest.retain(|_, issued_at| issued_at.saturating_add(MAX_LIFETIME) > now);
    }

    fn check(&self, card: &VerifiedCard) -> Result<(), CardError> {
        match self.newest(card.address()) {
            Some(newest) if card.issued_at() < newest => Err(CardError::RolledBack { newest }),
            None if self.newest.len() >= self.max_addresses => Err(CardError::MemoryFull),
            _ => Ok(()),
        }
    }
}

/// What is to be made durable when a card was accepted: that the address has a card of this age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardSeen {
    address: Address,
    issued_at: Timestamp,
}

impl CardSeen {
    /// Whose card it is.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// When the card was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The effect as JSON: `address`, `issued_at`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut seen = Object::empty();
        seen.set_text("address", self.address.as_str());
        seen.set_text("issued_at", &self.issued_at.to_string());
        seen.as_json().into()
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`RecordError`] for anything else.
    pub fn decode(json: &[u8]) -> Result<Self, RecordError> {
        let seen = Object::read(json)?;
        let address = Address::parse_with(&seen.text("address")?, Profile::Deployed)
            .map_err(|_| Fault::Invalid("address", "the value is a full address"))?;
        let issued_at = seen.parsed("issued_at", "a time is RFC 3339, such as 2026-01-31T10:00:00Z")?;
        Ok(Self { address, issued_at })
    }
}

/// A verified card of the key that is pinned to its address, and no older than any that was seen.
///
/// Only such a card offers a key to seal to.
#[derive(Clone, Debug)]
pub struct CurrentCard(VerifiedCard);

impl VerifiedCard {
    /// Holds the card against what is known of the agent: the address that was asked about and the key pinned to it.
    ///
    /// The pinned key is [`Memory::key_to_send_to`](crate::receive::Memory::key_to_send_to)'s, which has none for an
    /// address whose key is revoked or disputed: such an agent has no current card.
    ///
    /// Changes nothing: [`CardMemory::apply`] takes the effect when the host has stored it.
    ///
    /// # Errors
    /// `key_mismatch` for the card of another address, `key_conflict` for another key, `card_rolled_back` when a newer
    /// card was seen, `card_memory_full` when that could not be told later. A card raises no conflict by itself: anybody
    /// can make one.
    pub fn check_against(
        self,
        address: &Address,
        pinned: &VerifyingKey,
        memory: &CardMemory,
    ) -> Result<CurrentCard, CardError> {
        if self.address() != address {
            return Err(CardError::AddressMismatch);
        }
        if self.public_key() != pinned {
            return Err(CardError::KeyConflict);
        }
        memory.check(&self)?;
        Ok(CurrentCard(self))
    }
}

impl CurrentCard {
    /// The key that messages to this agent are to be sealed to.
    #[must_use]
    pub fn encryption_key(&self) -> Option<EncryptionKey> {
        self.0.stated_encryption_key()
    }

    /// What is to be made durable.
    #[must_use]
    pub fn seen(&self) -> CardSeen {
        CardSeen { address: self.0.address().clone(), issued_at: self.0.issued_at() }
    }
}

impl Deref for CurrentCard {
    type Target = VerifiedCard;

    fn deref(&self) -> &VerifiedCard {
        &self.0
    }
}
