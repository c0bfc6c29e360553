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
use super::revocation::{Revocation, RevocationReason};
use crate::sealing::{AcceptedCard, Direction, PeerSealing};
use crate::trust::PinState;

/// Most pairs of addresses of one agent that are remembered.
const MOST_PAIRS: usize = 65_536;
/// Most keys that an address had before its present one and that are remembered. With more, no rotation is accepted: old
/// keys could not be told from new ones. A person's decision still is; it forgets the oldest.
const MOST_RETIRED: usize = 64;
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
    /// Whether a message was delivered that verified under it.
    used: bool,
    /// Whether it came from a key that was revoked afterwards.
    doubted: bool,
    retired: VecDeque<RetiredKey>,
    contender: Option<VerifyingKey>,
    sealing: PeerSealing,
}

/// A key that an address had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiredKey {
    key: VerifyingKey,
    until: Timestamp,
    used: bool,
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
        if self.contender.is_some() || self.doubted { PinState::Conflict } else { self.state }
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

    /// Whether the address rotated to this key from one that was revoked afterwards: whoever stole that one could have
    /// made this one too. Nothing is accepted from the address until a person has decided.
    #[must_use]
    pub const fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// What is known of how the agent at the address seals.
    #[must_use]
    pub const fn sealing(&self) -> &PeerSealing {
        &self.sealing
    }

    /// Whether a message of the address was ever delivered.
    pub(super) fn is_contact(&self) -> bool {
        self.used || self.retired.iter().any(|retired| retired.used)
    }

    /// Whether a message was delivered that verified under this key, when it was the address's.
    fn has_used(&self, key: &VerifyingKey) -> bool {
        let used_before = || self.retired.iter().any(|retired| retired.used && retired.key == *key);
        (self.used && self.key == *key) || used_before()
    }

    /// The keys that are this address's and no other's: those that it has used, since only who has the secret can, and
    /// the one that a person compared.
    fn held(&self) -> impl Iterator<Item = &VerifyingKey> {
        let retired = self.retired.iter().filter(|retired| retired.used).map(|retired| &retired.key);
        let holds = self.used || self.state == PinState::Confirmed;
        holds.then_some(&self.key).into_iter().chain(retired)
    }

    /// The keys that the address had before, the oldest first; at most 64.
    pub fn retired(&self) -> impl Iterator<Item = &RetiredKey> {
        self.retired.iter()
    }

    /// The keys under which messages of the address were delivered before its present one, the latest first.
    pub(super) fn used_before(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.retired.iter().rev().filter(|retired| retired.used).map(|retired| &retired.key)
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
        let keys = core::iter::once((&self.key, self.used))
            .chain(self.retired.iter().map(|retired| (&retired.key, retired.used)));
        let used = keys
            .filter(|(_, used)| *used)
            .map(|(key, _)| Effect::KeyUsed { address: address.clone(), key: key.clone() });
        let doubted = self.doubted.then(|| Effect::KeyDoubted { address: address.clone() });
        let used = retired.chain(used).collect::<Vec<_>>();
        let sealing = self.sealing.to_effects(address);
        core::iter::once(pinned).chain(used).chain(contender).chain(doubted).chain(sealing)
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
    /// The addresses that hold a key, by its fingerprint.
    by_key: BTreeMap<[u8; 32], BTreeSet<Address>>,
    /// The addresses in the order in which a new one is compared with them.
    by_weight: BTreeMap<Weight, BTreeSet<Address>>,
    /// How many addresses are known under each domain of two labels.
    by_domain: BTreeMap<Box<str>, usize>,
    /// The addresses that the host knows to be one agent's, each under the other.
    same_agent: BTreeMap<Address, BTreeSet<Address>>,
    /// How many pairs these are.
    pairs: usize,
}

/// How firmly a key is pinned, the firmest first, and since when.
type Weight = (Firmness, Timestamp);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Firmness {
    Confirmed,
    Pinned,
    FirstSeen,
}

impl KnownKey {
    const fn weight(&self) -> Weight {
        let firmness = match self.state {
            PinState::Confirmed => Firmness::Confirmed,
            PinState::Pinned => Firmness::Pinned,
            _ => Firmness::FirstSeen,
        };
        (firmness, self.since)
    }
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

    /// The addresses with which one is compared for likeness, and not all of a great many: those that a person
    /// confirmed first, then the pinned ones, then the oldest, and none that weighs less than the address itself.
    pub(super) fn contacts<'a>(&'a self, of: &'a Address) -> impl Iterator<Item = &'a Address> {
        let own = self.pins.get(of).map(KnownKey::weight);
        let weighty = move |weight: &Weight| own.is_none_or(|own| *weight <= own);
        let contacts = self.by_weight.iter().take_while(move |(weight, _)| weighty(weight));
        let contacts = contacts.flat_map(|(_, addresses)| addresses).take(MOST_COMPARED);
        contacts.filter(move |address| *address != of)
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

    /// Whether an address may have a key that this source names: no other one holds it, but for the same agent's. What
    /// a person says goes before what a person said before, and not before what was proven by use.
    pub(super) fn check_free(
        &self,
        address: &Address,
        key: &VerifyingKey,
        source: KeySource,
    ) -> Result<(), Refusal> {
        let others = self.by_key.get(Fingerprint::of(key).as_bytes()).into_iter().flatten();
        let is_foreign = |other: &Address| other != address && !self.is_same_agent(address, other);
        let counts = |other: &Address| source != KeySource::Confirmed || self.has_used(other, key);
        if others.into_iter().any(|other| is_foreign(other) && counts(other)) {
            return Err(Refusal::new(
                RefusalReason::KeyConflict,
                "envelope.from",
                "a key that is pinned to one address is not another's",
            ));
        }
        Ok(())
    }

    /// Whether a message of the address was delivered that verified under the key.
    pub(super) fn has_used(&self, address: &Address, key: &VerifyingKey) -> bool {
        self.pins.get(address).is_some_and(|known| known.has_used(key))
    }

    /// The addresses whose keys are pinned as firmly, the oldest first.
    pub(super) fn of_firmness(&self, firmness: Firmness) -> impl Iterator<Item = &Address> {
        let weights = (firmness, Timestamp::MIN)..=(firmness, Timestamp::MAX);
        self.by_weight.range(weights).flat_map(|(_, addresses)| addresses)
    }

    /// How many addresses are known under an address's domain of two labels.
    pub(super) fn of_domain(&self, address: &Address) -> usize {
        self.by_domain.get(last_two_labels(address)).copied().unwrap_or_default()
    }

    /// Forgets all about the key of an address.
    pub(super) fn forget(&mut self, address: &Address) {
        drop(self.take(address));
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

    /// The other addresses of the same agent.
    pub(super) fn same_agents(&self, address: &Address) -> impl Iterator<Item = &Address> {
        self.same_agent.get(address).into_iter().flatten()
    }

    pub(super) fn is_same_agent(&self, one: &Address, another: &Address) -> bool {
        self.same_agents(one).any(|same| same == another)
    }

    /// Whether a pair is remembered, or one more fits.
    pub(super) fn check_room_for_pair(&self) -> Result<(), Refusal> {
        if self.pairs >= MOST_PAIRS {
            return Err(Refusal::new(
                RefusalReason::MemoryFull,
                "address",
                "no more pairs can be remembered",
            ));
        }
        Ok(())
    }

    /// Whether a revocation is about an address that has a key.
    pub(super) fn knows(&self, record: &Revocation) -> bool {
        self.pins.contains_key(record.agent_address())
    }

    /// The addresses whose key descends, by rotations that could be a thief's, from the one that is revoked.
    pub(super) fn doubted_by<'a>(&'a self, record: &'a Revocation) -> impl Iterator<Item = &'a Address> {
        let address = record.agent_address();
        let addresses = core::iter::once(address).chain(self.same_agents(address));
        let is_doubted = |known: &KnownKey| known.is_doubted_by(record);
        addresses.filter(move |address| self.pins.get(*address).is_some_and(is_doubted))
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Address, &Address)> {
        let pairs = self.same_agent.iter().flat_map(|(one, same)| same.iter().map(move |other| (one, other)));
        pairs.filter(|(one, another)| one <= another)
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
        let known = match self.take(address) {
            Some(known) if known.key == *key => KnownKey { state, contender: None, doubted: false, ..known },
            Some(mut known) => {
                known.replace(key, at);
                KnownKey { state, source, ..known }
            }
            None => KnownKey {
                key: key.clone(),
                state,
                source,
                since: at,
                used: false,
                doubted: false,
                retired: VecDeque::new(),
                contender: None,
                sealing: PeerSealing::default(),
            },
        };
        self.put(address, known);
    }

    /// Replaces the key of an address by one that the old key's owner named.
    pub(super) fn rotate(&mut self, address: &Address, key: &VerifyingKey, at: Timestamp) {
        self.change(address, |known| {
            if known.key == *key {
                return;
            }
            known.replace(key, at);
            // A person compared the old key, not this one.
            if known.state == PinState::Confirmed {
                known.state = PinState::Pinned;
            }
        });
    }

    /// Notes that a message was delivered that verified under a key of the address.
    pub(super) fn note_use(&mut self, address: &Address, key: &VerifyingKey) {
        self.change(address, |known| {
            if known.key == *key {
                known.used = true;
            }
            known
                .retired
                .iter_mut()
                .filter(|retired| retired.key == *key)
                .for_each(|retired| retired.used = true);
        });
    }

    /// Notes that the key of an address came from one that was revoked afterwards.
    pub(super) fn doubt(&mut self, address: &Address) {
        self.change(address, |known| known.doubted = true);
    }

    fn change(&mut self, address: &Address, change: impl FnOnce(&mut KnownKey)) {
        if let Some(mut known) = self.take(address) {
            change(&mut known);
            self.put(address, known);
        }
    }

    /// Takes an address out, and out of every order in which it stands.
    fn take(&mut self, address: &Address) -> Option<KnownKey> {
        let known = self.pins.remove(address)?;
        for key in known.held() {
            let fingerprint = *Fingerprint::of(key).as_bytes();
            if let Some(addresses) = self.by_key.get_mut(&fingerprint) {
                addresses.remove(address);
                if addresses.is_empty() {
                    self.by_key.remove(&fingerprint);
                }
            }
        }
        if let Some(addresses) = self.by_weight.get_mut(&known.weight()) {
            addresses.remove(address);
            if addresses.is_empty() {
                self.by_weight.remove(&known.weight());
            }
        }
        let domain = last_two_labels(address);
        if let Some(of_domain) = self.by_domain.get_mut(domain) {
            *of_domain = of_domain.saturating_sub(1);
            if *of_domain == 0 {
                self.by_domain.remove(domain);
            }
        }
        Some(known)
    }

    fn put(&mut self, address: &Address, known: KnownKey) {
        for key in known.held() {
            self.by_key.entry(*Fingerprint::of(key).as_bytes()).or_default().insert(address.clone());
        }
        self.by_weight.entry(known.weight()).or_default().insert(address.clone());
        let of_domain = self.by_domain.entry(last_two_labels(address).into()).or_default();
        *of_domain = of_domain.saturating_add(1);
        self.pins.insert(address.clone(), known);
    }

    pub(super) fn raise_conflict(&mut self, address: &Address, contender: &VerifyingKey) {
        if let Some(known) = self.pins.get_mut(address)
            && known.key != *contender
            && known.contender.is_none()
        {
            known.contender = Some(contender.clone());
        }
    }

    /// Notes that a message was sealed, to an address or from it.
    pub(super) fn note_sealed(&mut self, address: &Address, direction: Direction, at: Timestamp) {
        if let Some(known) = self.pins.get_mut(address) {
            known.sealing.note(direction, at);
        }
    }

    /// Keeps what an address's card says about sealing, unless a newer one is kept.
    pub(super) fn accept_card(&mut self, address: &Address, card: &AcceptedCard) {
        if let Some(known) = self.pins.get_mut(address) {
            known.sealing.accept(card);
        }
    }

    pub(super) fn join(&mut self, one: &Address, another: &Address) {
        if self.same_agent.entry(one.clone()).or_default().insert(another.clone()) {
            self.same_agent.entry(another.clone()).or_default().insert(one.clone());
            self.pairs = self.pairs.saturating_add(1);
        }
    }

    /// Restores a key that an address had before; the oldest comes first.
    pub(super) fn retire(&mut self, address: &Address, key: &VerifyingKey, until: Timestamp) {
        if let Some(known) = self.pins.get_mut(address)
            && known.retired.iter().all(|retired| retired.key != *key)
            && known.retired.len() < MOST_RETIRED
        {
            known.retired.push_back(RetiredKey { key: key.clone(), until, used: false });
        }
    }
}

impl KnownKey {
    /// Whether a further rotation would make an old key forgotten.
    pub(super) fn is_full(&self) -> bool {
        self.retired.len() >= MOST_RETIRED
    }

    /// Puts a key in the place of the present one. When there are too many, the oldest is forgotten.
    fn replace(&mut self, key: &VerifyingKey, at: Timestamp) {
        let used = self.has_used(key);
        let old = core::mem::replace(&mut self.key, key.clone());
        self.retired.retain(|retired| retired.key != *key);
        self.retired.push_back(RetiredKey { key: old, until: at, used: self.used });
        self.since = at;
        self.used = used;
        self.contender = None;
        self.doubted = false;
        if self.retired.len() > MOST_RETIRED {
            self.retired.pop_front();
        }
    }

    /// Whether the record says that the key was made by whoever had stolen the one before. What a person compared was
    /// not, and what the record itself names as the successor was only if the key was stolen.
    fn is_doubted_by(&self, record: &Revocation) -> bool {
        let Some(retired) = self.retired.iter().find(|retired| record.names(&retired.key)) else {
            return false;
        };
        let names_this = record.superseded_by().is_some_and(|next| next.matches(&self.key).is_some());
        let is_doubtful = record.reason() == RevocationReason::KeyCompromise
            || (record.revoked_at() < retired.until && !names_this);
        is_doubtful && self.state != PinState::Confirmed && !self.doubted
    }
}

/// The end of a domain under which its owner names what it likes, wherever the provider begins.
pub(super) fn last_two_labels(address: &Address) -> &str {
    let domain = address.domain();
    let dot = domain.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at.saturating_add(1));
    domain.get(dot..).unwrap_or(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_labels_are_the_domains_whatever_is_known_of_providers() {
        let of = |text: &str| {
            last_two_labels(&Address::parse_with(text, amp_address::Profile::Deployed).unwrap()).len()
        };
        assert_eq!(of("x@a.b.evil.example"), "evil.example".len());
        assert_eq!(of("x@acme.local"), "acme.local".len());
    }
}
