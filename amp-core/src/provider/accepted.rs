//! First answers, so that a request may be repeated without being done twice (provider API, idempotency).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use amp_envelope::{IdempotencyKey, MessageId, Timestamp};

use super::codec::Sha256Hash;
use super::effect::Way;
use super::number::AgentNumber;
use super::outbox::ForwardEnd;

/// For how long the first answer is given again.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// What is younger is never forgotten to make room.
const GUARANTEED: Duration = Duration::from_secs(24 * 60 * 60);
/// How many answers are kept for one agent, about 200 bytes each. At 500 messages an hour a day takes 12,000.
pub(super) const ACCEPTED_MAX: usize = 16_384;

/// What was accepted under a key, and how that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) digest: Sha256Hash,
    pub(super) id: MessageId,
    pub(super) queued_at: Timestamp,
    /// How the message was handed over, if the answer said so.
    pub(super) handed_over: Option<(Way, Timestamp)>,
    /// Why it was given up, if it was to be forwarded.
    pub(super) given_up: Option<ForwardEnd>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct OfAgent {
    by_key: BTreeMap<IdempotencyKey, Accepted>,
    order: VecDeque<(Timestamp, IdempotencyKey)>,
}

/// The first answers of all agents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AcceptedKeys {
    agents: BTreeMap<AgentNumber, OfAgent>,
}

impl AcceptedKeys {
    /// What was accepted under the key in the last seven days.
    pub(super) fn get(&self, agent: AgentNumber, key: &IdempotencyKey, now: Timestamp) -> Option<&Accepted> {
        let accepted = self.agents.get(&agent)?.by_key.get(key)?;
        (!is_older(accepted.queued_at, KEPT, now)).then_some(accepted)
    }

    /// Whether there is room for another key of the agent's.
    pub(super) fn has_room(&self, agent: AgentNumber, now: Timestamp) -> bool {
        let Some(own) = self.agents.get(&agent) else { return true };
        let oldest = own.order.front();
        // A time ahead of the clock is one that a wrong clock gave: it guarantees nothing.
        let may_go = |at: Timestamp| is_older(at, GUARANTEED, now) || at > now;
        own.order.len() < ACCEPTED_MAX || oldest.is_none_or(|(at, _)| may_go(*at))
    }

    pub(super) fn insert(&mut self, agent: AgentNumber, key: IdempotencyKey, accepted: Accepted) {
        let own = self.agents.entry(agent).or_default();
        let now = accepted.queued_at;
        // Given again, as effects may be.
        if own.by_key.get(&key).is_some_and(|first| first.queued_at == now) {
            own.by_key.insert(key, accepted);
            return;
        }
        // A message that waits is told of again in a snapshot, with the key that it came under; by then the key may stand for
        // another one. While a younger answer is kept, no older one is given.
        if own.by_key.get(&key).is_some_and(|first| first.queued_at > now) {
            return;
        }
        while own
            .order
            .front()
            .is_some_and(|(at, _)| own.order.len() >= ACCEPTED_MAX || is_older(*at, KEPT, now))
        {
            let Some((at, key)) = own.order.pop_front() else { break };
            // A key that was accepted again after seven days has a younger entry.
            if own.by_key.get(&key).is_some_and(|accepted| accepted.queued_at == at) {
                own.by_key.remove(&key);
            }
        }
        own.order.push_back((now, key.clone()));
        own.by_key.insert(key, accepted);
    }

    pub(super) fn answered(&mut self, agent: AgentNumber, key: &IdempotencyKey, way: Way, at: Timestamp) {
        let own = self.agents.get_mut(&agent);
        if let Some(accepted) = own.and_then(|own| own.by_key.get_mut(key)) {
            accepted.handed_over = Some((way, at));
        }
    }

    /// Notes that a message was given up, of which the first answer said that it waits.
    pub(super) fn given_up(&mut self, agent: AgentNumber, id: &MessageId, how: ForwardEnd) {
        let Some(own) = self.agents.get_mut(&agent) else { return };
        // It was accepted minutes ago: it is among the last.
        let key = own.order.iter().rev().find(|(at, key)| {
            own.by_key.get(key).is_some_and(|accepted| accepted.queued_at == *at && accepted.id == *id)
        });
        if let Some(accepted) = key.and_then(|(_, key)| own.by_key.get_mut(key)) {
            accepted.given_up = Some(how);
        }
    }

    pub(super) fn remove(&mut self, agent: AgentNumber) {
        self.agents.remove(&agent);
    }

    /// Every key with what was accepted under it, oldest first for each agent.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AgentNumber, &IdempotencyKey, &Accepted)> {
        self.agents.iter().flat_map(|(agent, own)| {
            own.order.iter().filter_map(move |(at, key)| {
                let accepted = own.by_key.get(key).filter(|accepted| accepted.queued_at == *at)?;
                Some((*agent, key, accepted))
            })
        })
    }
}

fn is_older(at: Timestamp, age: Duration, now: Timestamp) -> bool {
    now.duration_since(at).is_some_and(|since| since > age)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(seconds))
    }

    fn key(number: usize) -> IdempotencyKey {
        let mut random = [0; 16];
        // The first bytes hold the version of the UUID.
        random[9..].copy_from_slice(&number.to_be_bytes()[1..]);
        IdempotencyKey::from_random(random)
    }

    fn accepted(queued_at: Timestamp) -> Accepted {
        let id = MessageId::from_parts(queued_at, [0; 8]);
        Accepted { digest: Sha256Hash::of(&[]), id, queued_at, handed_over: None, given_up: None }
    }

    #[test]
    fn an_older_answer_takes_no_younger_ones_place() {
        let (mut keys, agent, week) = (AcceptedKeys::default(), AgentNumber(0), 7 * 24 * 3_600);
        let (old, new) = (at(1_000), at(1_001 + week));
        keys.insert(agent, key(1), accepted(old));
        keys.insert(agent, key(1), accepted(new));
        keys.insert(agent, key(1), accepted(old)); // again, as a snapshot does
        assert_eq!(keys.get(agent, &key(1), new).map(|first| first.queued_at), Some(new));
        assert_eq!(keys.iter().count(), 1);
    }

    #[test]
    fn what_is_younger_than_a_day_is_never_forgotten_to_make_room() {
        let (mut keys, agent, day) = (AcceptedKeys::default(), AgentNumber(0), 24 * 3_600);
        for number in 0..ACCEPTED_MAX {
            assert!(keys.has_room(agent, at(1_000)));
            keys.insert(agent, key(number), accepted(at(1_000)));
        }
        assert!(!keys.has_room(agent, at(1_000 + day)));
        assert!(keys.has_room(AgentNumber(1), at(1_000)), "room is each agent's own");
        assert!(keys.has_room(agent, at(1_001 + day)));
        keys.insert(agent, key(ACCEPTED_MAX), accepted(at(1_001 + day)));
        assert_eq!(keys.iter().count(), ACCEPTED_MAX);
        assert!(keys.get(agent, &key(0), at(1_001 + day)).is_none(), "the oldest made room");
        assert!(keys.get(agent, &key(1), at(1_001 + day)).is_some());
    }

    #[test]
    fn keys_of_a_clock_that_was_ahead_lock_nobody_out() {
        let (mut keys, agent) = (AcceptedKeys::default(), AgentNumber(0));
        for number in 0..ACCEPTED_MAX {
            keys.insert(agent, key(number), accepted(at(1_000_000_000)));
        }
        assert!(keys.has_room(agent, at(1_000)));
    }

    #[test]
    fn a_key_that_is_used_again_after_its_time_is_kept_from_then_on() {
        let (mut keys, agent, week) = (AcceptedKeys::default(), AgentNumber(0), 7 * 24 * 3_600);
        keys.insert(agent, key(1), accepted(at(0)));
        assert!(keys.get(agent, &key(1), at(week)).is_some());
        assert!(keys.get(agent, &key(1), at(week + 1)).is_none());
        keys.insert(agent, key(1), accepted(at(week + 1)));
        keys.insert(agent, key(2), accepted(at(week + 2)));
        assert!(keys.get(agent, &key(1), at(week + 2)).is_some());
        assert_eq!(keys.iter().count(), 2);
    }
}
