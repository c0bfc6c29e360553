//! What a receiver remembers: the sum of its effects (trust, known keys and replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;

use super::clock::ClockPolicy;
use super::effects::Effect;
use super::keys::{KnownKey, KnownKeys};
use super::refusal::Refusal;
use super::replay::ReplayMemory;
use super::replay_limits::ReplayLimits;
use super::revocation::{Revocation, Revocations};
use super::room::Newcomer;
use crate::admission::PairGrants;
use crate::sealing::PeerSealing;
use crate::trust::PinState;

/// What a receiver remembers, apart from its settings. It changes by effects alone.
///
/// ```
/// use amp_core::receive::{Effect, Memory};
/// let effect = Effect::from_json(br#"{"v":1,"effect":"clock_set","to":"2026-01-31T10:00:00Z"}"#)?;
/// let mut memory = Memory::default();
/// memory.apply(&effect);
///
/// // Now and then a host may replace all effects but those of grants by a shorter list with the same sum.
/// let mut again = Memory::default();
/// memory.to_effects().iter().for_each(|effect| again.apply(effect));
/// assert_eq!(again, memory);
/// # Ok::<(), amp_core::receive::EffectError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub(super) keys: KnownKeys,
    pub(super) revocations: Revocations,
    pub(super) replay: ReplayMemory,
    pub(super) grants: PairGrants,
}

impl Memory {
    pub(super) fn with_settings(self, clock: ClockPolicy, limits: ReplayLimits) -> Self {
        Self { replay: self.replay.with_settings(clock, limits), ..self }
    }

    /// The keys of the addresses that are known.
    #[must_use]
    pub const fn keys(&self) -> &KnownKeys {
        &self.keys
    }

    /// The key with which the agent at an address can be reached: what its cards are held against, what is sealed to.
    /// None when no key is pinned, when it is revoked, and while it is disputed.
    #[must_use]
    pub fn key_to_send_to(&self, address: &Address) -> Option<&VerifyingKey> {
        let known = self.keys.get(address).filter(|known| known.state() != PinState::Conflict)?;
        (!self.is_revoked(address, known.key())).then(|| known.key())
    }

    /// What is known of how a peer seals.
    pub(super) fn sealing_of(&self, peer: &Address) -> Option<&PeerSealing> {
        self.keys.get(peer).map(KnownKey::sealing)
    }

    /// Effects that make room for one more address: the loss of one that nobody has missed. Never of one that is
    /// disputed or revoked, or to which mail was sealed.
    pub(super) fn make_room(
        &self,
        newcomer: (&Address, Newcomer),
        now: Timestamp,
    ) -> Result<Option<Effect>, Refusal> {
        let now = self.replay.judged_at(now);
        let may_go = |address: &Address, known: &KnownKey| {
            known.state() != PinState::Conflict
                && !known.sealing().is_kept(known.state(), now)
                && !self.is_revoked(address, known.key())
        };
        let forgotten = self.keys.room_for(newcomer, now, may_go)?;
        Ok(forgotten.map(|address| Effect::AddressForgotten { address }))
    }

    /// Whether the key of an address is revoked.
    pub(super) fn is_revoked(&self, address: &Address, key: &VerifyingKey) -> bool {
        self.revocations.is_revoked(address, key, &self.keys)
    }

    /// The messages that were seen.
    #[must_use]
    pub const fn replay(&self) -> &ReplayMemory {
        &self.replay
    }

    /// The records of revoked keys, in the order of their fingerprints.
    pub fn revocations(&self) -> impl Iterator<Item = &Revocation> {
        self.revocations.iter().map(|(record, _)| record)
    }

    /// Who was allowed to write, and who asks to be.
    #[must_use]
    pub const fn grants(&self) -> &PairGrants {
        &self.grants
    }

    /// Adds an effect. Effects that are for the host's records change nothing.
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Seen(seen) => self.replay.record(seen),
            Effect::Released(released) => self.replay.release(released),
            Effect::ClockSet { to } => self.replay.set_clock(*to),
            Effect::KeyPinned { address, key, state, source, at } => {
                self.keys.pin(address, key, *state, *source, *at);
            }
            Effect::KeyRotated { address, to, at, .. } => self.keys.rotate(address, to, *at),
            Effect::KeyRetired { address, key, until } => self.keys.retire(address, key, *until),
            Effect::KeyUsed { address, key } => self.keys.note_use(address, key),
            Effect::AddressForgotten { address } => self.keys.forget(address),
            Effect::KeyDoubted { address } => self.keys.doubt(address),
            Effect::ConflictRaised { address, contender, .. } => {
                self.keys.raise_conflict(address, contender);
            }
            Effect::SameAgent { one, another } => self.keys.join(one, another),
            Effect::Revoked { record, at } => self.revocations.record(record, *at, &self.keys),
            Effect::Sealed { address, direction, at } => self.keys.note_sealed(address, *direction, *at),
            Effect::CardAccepted { address, card } => self.keys.accept_card(address, card),
            // An event that was applied before does not follow from the state it led to.
            Effect::Grant { event } => drop(self.grants.apply(event)),
            Effect::RiskCounted { .. } | Effect::Audit(_) => {}
        }
    }

    /// Effects whose sum is this memory, but for the grants: at most a few for each thing that is remembered. The
    /// events of grants are their own record and are kept as they are.
    #[must_use]
    pub fn to_effects(&self) -> Vec<Effect> {
        let clock = self.replay.clock().map(|to| Effect::ClockSet { to });
        let pairs = self
            .keys
            .pairs()
            .map(|(one, another)| Effect::SameAgent { one: one.clone(), another: another.clone() });
        let keys = self.keys.iter().flat_map(|(address, known)| known.to_effects(address));
        let revoked =
            self.revocations.iter().map(|(record, at)| Effect::Revoked { record: record.clone(), at });
        let seen = self.replay.entries().map(Effect::Seen);
        clock.into_iter().chain(pairs).chain(keys).chain(revoked).chain(seen).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::format;
    use core::time::Duration;

    use amp_crypto::Identity;

    use super::super::context::KeySource;
    use super::super::receiver::pinned;
    use super::*;
    use crate::identity::{Capability, CardBuilder};
    use crate::sealing::{AcceptedCard, Direction};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn named(n: usize) -> Address {
        Address::parse(&format!("a{n:05}@acme.evil.example")).unwrap()
    }

    fn after_days(days: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_secs(days.saturating_mul(86_400)))
    }

    // rule: SEAL-36
    #[test]
    fn a31_a_peer_to_which_mail_was_sealed_is_not_forgotten_to_make_room() {
        let alice = Identity::from_seed(&[1; 32]);
        let mut memory = Memory::default();
        // As many as one domain may have, so that each further one needs room.
        for n in 0..16_384 {
            let key = alice.verifying_key();
            memory.apply(&pinned(&named(n), key, PinState::FirstSeen, KeySource::Resolved, NOW));
        }
        let next = named(16_384);
        let makes_room = |memory: &Memory, days: u64| {
            let forgotten = memory.make_room((&next, Newcomer::Stranger), after_days(days)).unwrap();
            let Some(Effect::AddressForgotten { address }) = forgotten else { panic!("room was needed") };
            address
        };
        assert_eq!(makes_room(&memory, 91), named(0));
        memory.apply(&Effect::Sealed { address: named(0), direction: Direction::To, at: NOW });
        assert_eq!(makes_room(&memory, 91), named(1));
        // Nor is one whose older cards may still be of age; what it sealed itself keeps nobody.
        let card = CardBuilder::new(named(1)).capability(Capability::Sealed).sign(&alice, NOW).unwrap();
        let card = Box::new(AcceptedCard::of(&card.verify(NOW).unwrap()));
        memory.apply(&Effect::CardAccepted { address: named(1), card });
        memory.apply(&Effect::Sealed { address: named(2), direction: Direction::From, at: NOW });
        assert_eq!(makes_room(&memory, 91), named(2));
        assert_eq!(makes_room(&memory, 184), named(1));
        assert_eq!(makes_room(&memory, 365), named(1));
        // Strangers whom one has answered fill the memory for a year at most; those that are pinned are kept for good.
        assert_eq!(makes_room(&memory, 366), named(0));
        memory.apply(&pinned(&named(0), alice.verifying_key(), PinState::Pinned, KeySource::Resolved, NOW));
        assert_eq!(makes_room(&memory, 4_000), named(1));
    }
}
