//! Whose key is whose: pins, their states and their history (trust, known keys).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use amp_address::Address;
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::Timestamp;

use super::context::KeySource;
use super::effects::Effect;
use super::refusal::{Refusal, RefusalReason};
use super::revocation::Revocation;
use crate::trust::PinState;

/// Most addresses whose keys are remembered.
pub(super) const MOST_ADDRESSES: usize = 65_536;
/// Most addresses under one domain whose keys are remembered without a person's word: whoever runs a provider can make
/// up any number of agents.
pub(super) const MOST_OF_A_DOMAIN: usize = 16_384;
/// Most keys that an address had before its present one and that are remembered. Older ones are forgotten.
const MOST_RETIRED: usize = 16;
/// Most addresses with which a new one is compared: a stranger's first message must not cost much.
const MOST_COMPARED: usize = 4096;
/// A key that is named again so much later is pinned: it has stayed the same.
const STAYED: Duration = Duration::from_secs(86_400);
/// For so long after a rotation a message is marked.
const COOL_OFF: Duration = Duration::from_secs(86_400);

/// What is known about the key of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    key: VerifyingKey,
    /// Never `Candidate` or `Conflict`: those are not written.
    state: PinState,
    source: KeySource,
    since: Timestamp,
    retired: VecDeque<RetiredKey>,
    contender: Option<VerifyingKey>,
}

/// A key that an address had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    key: VerifyingKey,
    until: Timestamp,
}

impl RetiredKey {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// When another took its place.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

impl KnownKey {
    /// The pinned key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// How firmly it is connected to the address.
    #[must_use]
    pub const fn state(&self) -> PinState {
        if self.contender.is_some() { PinState::Conflict } else { self.state }
    }

    /// Who named it first.
    #[must_use]
    pub const fn source(&self) -> KeySource {
        self.source
    }

    /// Since when it is the address's key.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The key that an authenticated source named later, while the conflict lasts.
    #[must_use]
    pub const fn contender(&self) -> Option<&VerifyingKey> {
        self.contender.as_ref()
    }

    /// The keys that the address had before, the oldest first; at most 16.
    pub fn retired(&self) -> impl Iterator<Item = &RetiredKey> {
        self.retired.iter()
    }

    /// Effects that write all this again.
    pub(super) fn to_effects(&self, address: &Address) -> impl Iterator<Item = Effect> {
        let pinned = Effect::KeyPinned {
            address: address.clone(),
            key: self.key.clone(),
            state: self.state,
            source: self.source,
            at: self.since,
        };
        let retired = self.retired.iter().map(|retired| Effect::KeyRetired {
            address: address.clone(),
            key: retired.key.clone(),
            until: retired.until,
        });
        let contender = self.contender.as_ref().map(|contender| Effect::ConflictRaised {
            address: address.clone(),
            contender: contender.clone(),
            at: self.since,
        });
        core::iter::once(pinned).chain(retired.collect::<Vec<_>>()).chain(contender)
    }

    /// Whether the key took another's place within the last day.
    pub(super) fn is_fresh_rotation(&self, now: Timestamp) -> bool {
        self.retired.back().is_some_and(|retired| now <= retired.until.saturating_add(COOL_OFF))
    }
}

/// What a key is to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The address has no key yet.
    Unknown,
    /// The address has this key.
    Pinned,
    /// The address has another key.
    Other,
    /// The address had this key, and has another.
    Retired,
}

/// The keys of all addresses that the receiver knows.
///
/// Read only: what changes it goes through the [`Receiver`](super::Receiver), as effects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownKeys {
    pins: BTreeMap<Address, KnownKey>,
    /// The addresses at which a key stands or stood, by either form of its fingerprint.
    by_key: BTreeMap<[u8; 32], BTreeSet<Address>>,
    /// How many addresses are known under each domain of two labels.
    by_domain: BTreeMap<Box<str>, usize>,
    /// Pairs of addresses that the host knows to be one agent, the lesser first.
    same_agent: BTreeSet<(Address, Address)>,
}

impl KnownKeys {
    /// What is known about the key of an address.
    #[must_use]
    pub fn get(&self, address: &Address) -> Option<&KnownKey> {
        self.pins.get(address)
    }

    /// How many addresses are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pins.len()
    }

    /// Whether no address is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }

    /// The addresses with which a new one is compared for likeness: those whose keys are pinned firmly first, and not
    /// all of a great many.
    pub(super) fn contacts(&self) -> impl Iterator<Item = &Address> {
        let of = |wanted: bool| {
            let pins =
                self.pins.iter().filter(move |(_, known)| (known.state != PinState::FirstSeen) == wanted);
            pins.map(|(address, _)| address)
        };
        of(true).chain(of(false)).take(MOST_COMPARED)
    }

    /// The known addresses and their keys, in the order of the addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Address, &KnownKey)> {
        self.pins.iter()
    }

    pub(super) fn standing(&self, address: &Address, key: &VerifyingKey) -> Standing {
        match self.pins.get(address) {
            None => Standing::Unknown,
            Some(known) if known.key == *key => Standing::Pinned,
            Some(known) if known.retired.iter().any(|retired| retired.key == *key) => Standing::Retired,
            Some(_) => Standing::Other,
        }
    }

    /// Whether an address may have a key: no other one has or had it, but for the same agent's.
    pub(super) fn check_free(&self, address: &Address, key: &VerifyingKey) -> Result<(), Refusal> {
        let others = self.by_key.get(Fingerprint::of(key).as_bytes()).into_iter().flatten();
        let is_foreign = |other: &Address| other != address && !self.is_same_agent(address, other);
        if others.into_iter().any(is_foreign) {
            return Err(Refusal::new(
                RefusalReason::KeyConflict,
                "envelope.from",
                "a key that is pinned to one address is not another's",
            ));
        }
        Ok(())
    }

    /// Whether one more address fits.
    pub(super) fn check_room(&self, address: &Address) -> Result<(), Refusal> {
        if self.pins.len() >= MOST_ADDRESSES && !self.pins.contains_key(address) {
            return Err(Refusal::new(
                RefusalReason::MemoryFull,
                "envelope.from",
                "no more keys can be remembered",
            ));
        }
        Ok(())
    }

    /// Whether one more address fits that no person has spoken for.
    pub(super) fn check_room_of_domain(&self, address: &Address) -> Result<(), Refusal> {
        let known = self.by_domain.get(last_two_labels(address)).copied().unwrap_or_default();
        if known >= MOST_OF_A_DOMAIN && !self.pins.contains_key(address) {
            return Err(Refusal::new(
                RefusalReason::SenderQuota,
                "envelope.from",
                "no more keys of this domain can be remembered",
            ));
        }
        self.check_room(address)
    }

    /// The state in which a key is to be written that an authenticated source names now; none when nothing changes.
    pub(super) fn named(&self, address: &Address, source: KeySource, now: Timestamp) -> Option<PinState> {
        let known = self.pins.get(address);
        match (source, known.map(|known| (known.state(), known.since))) {
            (KeySource::Carried, _) | (_, Some((PinState::Confirmed, _))) => None,
            (KeySource::Confirmed, _) => Some(PinState::Confirmed),
            (_, None) => Some(PinState::FirstSeen),
            (_, Some((PinState::FirstSeen, since))) if now >= since.saturating_add(STAYED) => {
                Some(PinState::Pinned)
            }
            // A conflict does not end because a provider changes its mind.
            (_, Some(_)) => None,
        }
    }

    pub(super) fn is_same_agent(&self, one: &Address, another: &Address) -> bool {
        self.same_agent.contains(&in_order(one, another))
    }

    /// Whether a pair is remembered, or one more fits.
    pub(super) fn check_room_for_pair(&self) -> Result<(), Refusal> {
        if self.same_agent.len() >= MOST_ADDRESSES {
            return Err(Refusal::new(
                RefusalReason::MemoryFull,
                "address",
                "no more pairs can be remembered",
            ));
        }
        Ok(())
    }

    /// Whether a revocation is about a key that stands or stood at an address, or about an address that has a key.
    pub(super) fn knows(&self, record: &Revocation) -> bool {
        self.pins.contains_key(record.agent_address())
            || self.by_key.contains_key(record.fingerprint().as_bytes())
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = &(Address, Address)> {
        self.same_agent.iter()
    }

    /// Writes a pin. A key that was pinned before and is no longer is retired.
    pub(super) fn pin(
        &mut self,
        address: &Address,
        key: &VerifyingKey,
        state: PinState,
        source: KeySource,
        at: Timestamp,
    ) {
        self.link(address, key);
        match self.pins.get_mut(address) {
            Some(known) if known.key == *key => {
                known.state = state;
                known.contender = None;
            }
            Some(known) => {
                let dropped = known.replace(key, at);
                known.state = state;
                known.source = source;
                self.unlink(address, dropped);
            }
            None => {
                let known = KnownKey {
                    key: key.clone(),
                    state,
                    source,
                    since: at,
                    retired: VecDeque::new(),
                    contender: None,
                };
                self.pins.insert(address.clone(), known);
                let of_domain = self.by_domain.entry(last_two_labels(address).into()).or_default();
                *of_domain = of_domain.saturating_add(1);
            }
        }
    }

    /// Replaces the key of an address by one that the old key's owner named.
    pub(super) fn rotate(&mut self, address: &Address, key: &VerifyingKey, at: Timestamp) {
        let Some(known) = self.pins.get_mut(address) else { return };
        if known.key == *key {
            return;
        }
        let dropped = known.replace(key, at);
        // A person compared the old key, not this one.
        if known.state == PinState::Confirmed {
            known.state = PinState::Pinned;
        }
        self.link(address, key);
        self.unlink(address, dropped);
    }

    fn link(&mut self, address: &Address, key: &VerifyingKey) {
        for fingerprint in both_forms(key) {
            self.by_key.entry(fingerprint).or_default().insert(address.clone());
        }
    }

    /// Forgets that a key stood at an address.
    fn unlink(&mut self, address: &Address, key: Option<VerifyingKey>) {
        for fingerprint in key.iter().flat_map(both_forms) {
            if let Some(addresses) = self.by_key.get_mut(&fingerprint) {
                addresses.remove(address);
                if addresses.is_empty() {
                    self.by_key.remove(&fingerprint);
                }
            }
        }
    }

    pub(super) fn raise_conflict(&mut self, address: &Address, contender: &VerifyingKey) {
        if let Some(known) = self.pins.get_mut(address)
            && known.key != *contender
            && known.contender.is_none()
        {
            known.contender = Some(contender.clone());
        }
    }

    pub(super) fn join(&mut self, one: &Address, another: &Address) {
        self.same_agent.insert(in_order(one, another));
    }

    /// Restores a key that an address had before; the oldest comes first.
    pub(super) fn retire(&mut self, address: &Address, key: &VerifyingKey, until: Timestamp) {
        let Some(known) = self.pins.get_mut(address) else { return };
        let retired = RetiredKey { key: key.clone(), until };
        if !known.retired.contains(&retired) && known.retired.len() < MOST_RETIRED {
            known.retired.push_back(retired);
            self.link(address, key);
        }
    }
}

impl KnownKey {
    /// Puts a key in the place of the present one; gives the oldest one back when there are too many.
    fn replace(&mut self, key: &VerifyingKey, at: Timestamp) -> Option<VerifyingKey> {
        let old = core::mem::replace(&mut self.key, key.clone());
        self.retired.retain(|retired| retired.key != *key);
        self.retired.push_back(RetiredKey { key: old, until: at });
        self.since = at;
        self.contender = None;
        if self.retired.len() > MOST_RETIRED {
            self.retired.pop_front().map(|oldest| oldest.key)
        } else {
            None
        }
    }
}

fn in_order(one: &Address, another: &Address) -> (Address, Address) {
    if one <= another { (one.clone(), another.clone()) } else { (another.clone(), one.clone()) }
}

/// The end of a domain under which its owner names what it likes, wherever the provider begins.
fn last_two_labels(address: &Address) -> &str {
    let domain = address.domain();
    let dot = domain.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at.saturating_add(1));
    domain.get(dot..).unwrap_or(domain)
}

/// Either fingerprint of a key: records name keys by both.
fn both_forms(key: &VerifyingKey) -> [[u8; 32]; 2] {
    [*Fingerprint::of(key).as_bytes(), *Fingerprint::of_spki_der(key).as_bytes()]
}

#[cfg(test)]
mod tests {
    use amp_crypto::Identity;

    use super::*;

    #[test]
    fn one_domain_does_not_fill_the_memory_of_keys() {
        let mut keys = KnownKeys::default();
        let key = Identity::from_seed(&[1; 32]).verifying_key().clone();
        let now = Timestamp::UNIX_EPOCH;
        let address = |text: &str| Address::parse(text).unwrap();
        for n in 0..MOST_OF_A_DOMAIN {
            let made_up = address(&alloc::format!("a{n}@s{}.evil.example", n % 7));
            keys.check_room_of_domain(&made_up).unwrap();
            keys.pin(&made_up, &key, PinState::FirstSeen, KeySource::Resolved, now);
        }
        let next = address("next@s.evil.example");
        assert_eq!(keys.check_room_of_domain(&next).unwrap_err().reason(), RefusalReason::SenderQuota);
        // A person may add it, those that are known stay, and other domains have their room.
        assert!(keys.check_room(&next).is_ok());
        assert!(keys.check_room_of_domain(&address("a0@s0.evil.example")).is_ok());
        assert!(keys.check_room_of_domain(&address("alice@acme.crabmail.ai")).is_ok());
    }

    #[test]
    fn the_last_two_labels_are_the_domains_whatever_is_known_of_providers() {
        let of = |text: &str| {
            last_two_labels(&Address::parse_with(text, amp_address::Profile::Deployed).unwrap()).len()
        };
        assert_eq!(of("x@a.b.evil.example"), "evil.example".len());
        assert_eq!(of("x@acme.local"), "acme.local".len());
    }
}
