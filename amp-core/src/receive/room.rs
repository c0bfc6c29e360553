//! Room for one more address, and who makes it (trust, known keys).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::time::Duration;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::keys::{Firmness, KnownKey, KnownKeys, last_two_labels};
use super::refusal::{Refusal, RefusalReason};

/// Most addresses whose keys are remembered.
pub(super) const MOST_ADDRESSES: usize = 65_536;
/// So many of them are not for strangers.
const RESERVED: usize = MOST_ADDRESSES / 4;
/// Most addresses under one domain whose keys are remembered without a person's word: whoever runs a provider can make
/// up any number of agents.
const MOST_OF_A_DOMAIN: usize = 16_384;
/// A key that was first seen so long ago, and not named again, makes room.
const STALE: Duration = Duration::from_secs(90 * 86_400);
/// How many addresses are looked through for a stale one of a domain.
const MOST_LOOKED_AT: usize = 4096;

/// Who is to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newcomer {
    /// Somebody for whom a person has spoken.
    Confirmed,
    /// An agent of the receiver's own tenant.
    Colleague,
    /// Anybody else.
    Stranger,
}

impl KnownKeys {
    /// Who has to be forgotten for one more address: never one that `may_go` spares.
    pub(super) fn room_for(
        &self,
        (address, newcomer): (&Address, Newcomer),
        now: Timestamp,
        may_go: impl Fn(&Address, &KnownKey) -> bool,
    ) -> Result<Option<Address>, Refusal> {
        if self.get(address).is_some() {
            return Ok(None);
        }
        let may_go = |other: &&Address| self.get(other).is_some_and(|known| may_go(other, known));
        let first_seen = || self.of_firmness(Firmness::FirstSeen).filter(may_go);
        let stale = || first_seen().take_while(|other| self.is_stale(other, now));
        let (most, found) = match newcomer {
            Newcomer::Confirmed if self.len() >= MOST_ADDRESSES => {
                let pinned = || self.of_firmness(Firmness::Pinned).find(may_go);
                (MOST_ADDRESSES, self.of_fullest_domain(first_seen()).or_else(pinned))
            }
            Newcomer::Confirmed => return Ok(None),
            Newcomer::Stranger if self.of_domain(address) >= MOST_OF_A_DOMAIN => {
                let domain = last_two_labels(address);
                let found = stale().take(MOST_LOOKED_AT).find(|other| last_two_labels(other) == domain);
                return found.cloned().map(Some).ok_or(DOMAIN_FULL);
            }
            Newcomer::Stranger => (MOST_ADDRESSES.saturating_sub(RESERVED), stale().next()),
            Newcomer::Colleague => (MOST_ADDRESSES, stale().next()),
        };
        if self.len() < most {
            return Ok(None);
        }
        found.cloned().map(Some).ok_or(FULL)
    }

    fn is_stale(&self, address: &Address, now: Timestamp) -> bool {
        self.get(address).is_some_and(|known| known.since().saturating_add(STALE) < now)
    }

    /// The oldest of those that share their domain with most.
    fn of_fullest_domain<'a>(&self, addresses: impl Iterator<Item = &'a Address>) -> Option<&'a Address> {
        let mut fullest: Option<(&Address, usize)> = None;
        for address in addresses {
            let known = self.of_domain(address);
            if fullest.is_none_or(|(_, most)| known > most) {
                fullest = Some((address, known));
            }
        }
        fullest.map(|(address, _)| address)
    }
}

const FULL: Refusal =
    Refusal::new(RefusalReason::MemoryFull, "envelope.from", "no more keys can be remembered");
const DOMAIN_FULL: Refusal = Refusal::new(
    RefusalReason::SenderQuota,
    "envelope.from",
    "no more keys of this domain can be remembered",
);

#[cfg(test)]
mod tests {
    use alloc::format;

    use amp_crypto::Identity;

    use super::super::context::KeySource;
    use super::*;
    use crate::trust::PinState;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn days_after(days: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_secs(days.saturating_mul(86_400)))
    }

    fn room(
        keys: &KnownKeys,
        name: &str,
        newcomer: Newcomer,
        days: u64,
    ) -> Result<Option<Address>, RefusalReason> {
        let spared = |_: &Address, known: &KnownKey| known.state() != PinState::Conflict;
        keys.room_for((&address(name), newcomer), days_after(days), spared)
            .map_err(|refusal| refusal.reason())
    }

    fn fill(keys: &mut KnownKeys, domain: &str, count: usize, state: PinState) {
        let key = Identity::from_seed(&[1; 32]).verifying_key().clone();
        for n in 0..count {
            let made_up = address(&format!("a{n}@s{}.{domain}", n % 7));
            keys.pin(&made_up, &key, state, KeySource::Resolved, NOW);
        }
    }

    #[test]
    fn one_domain_does_not_fill_the_memory_of_keys() {
        let mut keys = KnownKeys::default();
        fill(&mut keys, "evil.example", MOST_OF_A_DOMAIN, PinState::FirstSeen);
        let next = "next@s.evil.example";
        assert_eq!(room(&keys, next, Newcomer::Stranger, 90), Err(RefusalReason::SenderQuota));
        // A person may add it, those that are known stay, and other domains have their room.
        assert_eq!(room(&keys, next, Newcomer::Confirmed, 0), Ok(None));
        assert_eq!(room(&keys, next, Newcomer::Colleague, 0), Ok(None));
        assert_eq!(room(&keys, "a0@s0.evil.example", Newcomer::Stranger, 0), Ok(None));
        assert_eq!(room(&keys, "alice@acme.crabmail.ai", Newcomer::Stranger, 0), Ok(None));
        // What was not named again for 90 days makes room.
        assert_eq!(room(&keys, next, Newcomer::Stranger, 91), Ok(Some(address("a0@s0.evil.example"))));
    }

    #[test]
    fn many_domains_leave_room_for_colleagues_and_for_whom_a_person_confirms() {
        let mut keys = KnownKeys::default();
        fill(&mut keys, "pinned.example", 5, PinState::Pinned);
        for n in 0..3 {
            fill(&mut keys, &format!("evil{n}.example"), MOST_OF_A_DOMAIN - 5, PinState::FirstSeen);
        }
        fill(&mut keys, "good.example", 10, PinState::FirstSeen);
        let next = "next@acme.new.example";
        assert_eq!(keys.len(), MOST_ADDRESSES - RESERVED);
        assert_eq!(room(&keys, next, Newcomer::Stranger, 90), Err(RefusalReason::MemoryFull));
        assert!(room(&keys, next, Newcomer::Stranger, 91).unwrap().is_some());
        assert_eq!(room(&keys, next, Newcomer::Colleague, 0), Ok(None));

        fill(&mut keys, "evil0.example", MOST_OF_A_DOMAIN + 100, PinState::FirstSeen);
        let left = MOST_ADDRESSES - keys.len();
        fill(&mut keys, "own.example", left, PinState::Pinned);
        assert_eq!(room(&keys, next, Newcomer::Colleague, 0), Err(RefusalReason::MemoryFull));
        // A person always finds room: where most of one domain are first seen, the oldest of them goes.
        let oldest = address("a0@s0.evil0.example");
        assert_eq!(room(&keys, next, Newcomer::Confirmed, 0), Ok(Some(oldest.clone())));
        // One that is disputed stays so until a person decides about it.
        keys.raise_conflict(&oldest, Identity::from_seed(&[2; 32]).verifying_key());
        assert_eq!(room(&keys, next, Newcomer::Confirmed, 0), Ok(Some(address("a10000@s4.evil0.example"))));
        keys.forget(&oldest);
        assert_eq!((keys.len(), keys.get(&oldest)), (MOST_ADDRESSES - 1, None));
        assert_eq!(room(&keys, next, Newcomer::Confirmed, 0), Ok(None));
    }
}
