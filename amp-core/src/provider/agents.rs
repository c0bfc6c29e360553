//! Who is registered, and whose API key it is (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::agent::{AgentRecord, ApiKeyHash};
use super::number::AgentNumber;
use crate::admission::CommunicationPolicy;
use crate::guards::RateKey;

/// A registered agent, with what is read of its record once.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) record: AgentRecord,
    /// To whom it may write. A policy that cannot be read allows nobody.
    pub(super) policy: CommunicationPolicy,
}

impl Agent {
    /// Whose calls the agent's are counted as.
    pub(super) fn rate_key(&self) -> RateKey {
        RateKey::of(self.record.address.as_str()).within(self.record.address.domain())
    }
}

/// Whose API key a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyHolder {
    /// The agent's present key.
    Present(AgentNumber),
    /// The key before it, within its last 24 hours.
    Former(AgentNumber),
    /// The key before it, which is not taken any more.
    Ended(AgentNumber),
}

/// All registered agents, by number, address, id and API key.
#[derive(Debug, Default)]
pub(super) struct Agents {
    agents: BTreeMap<AgentNumber, Agent>,
    by_address: BTreeMap<Box<str>, AgentNumber>,
    by_agent_id: BTreeMap<Box<str>, AgentNumber>,
    /// By the first eight bytes of the hash of the API key, so that the rest is compared in constant time.
    by_api_key: BTreeMap<([u8; 8], AgentNumber), ()>,
    next: u64,
}

impl Agents {
    /// The number that the next agent is given.
    pub(super) const fn next_number(&self) -> AgentNumber {
        AgentNumber(self.next)
    }

    pub(super) fn numbers_from(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// Takes in a new agent, or what an agent's record is now.
    pub(super) fn set(&mut self, record: AgentRecord) {
        let number = record.number;
        self.remove(number);
        self.next = self.next.max(number.0.saturating_add(1));
        self.by_address.insert(record.address.as_str().into(), number);
        self.by_agent_id.insert(record.agent_id.as_str().into(), number);
        for hash in hashes(&record) {
            self.by_api_key.insert((beginning(&hash), number), ());
        }
        let policy = record.policy.as_deref().map_or_else(CommunicationPolicy::open, |json| {
            CommunicationPolicy::from_json(json.as_bytes())
                .unwrap_or_else(|_| CommunicationPolicy::from_parts("unreadable", []))
        });
        self.agents.insert(number, Agent { record, policy });
    }

    /// Lets an agent go. Its number is not given again.
    pub(super) fn remove(&mut self, number: AgentNumber) {
        let Some(agent) = self.agents.remove(&number) else { return };
        self.by_address.remove(agent.record.address.as_str());
        self.by_agent_id.remove(agent.record.agent_id.as_str());
        for hash in hashes(&agent.record) {
            self.by_api_key.remove(&(beginning(&hash), number));
        }
    }

    pub(super) fn get(&self, number: AgentNumber) -> Option<&Agent> {
        self.agents.get(&number)
    }

    pub(super) fn at(&self, address: &Address) -> Option<&Agent> {
        self.get(*self.by_address.get(address.as_str())?)
    }

    pub(super) fn with_id(&self, agent_id: &str) -> Option<&Agent> {
        self.get(*self.by_agent_id.get(agent_id)?)
    }

    /// The agents in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    pub(super) fn len(&self) -> usize {
        self.agents.len()
    }

    /// Whose API key this is. Every candidate's whole hash is compared, each in constant time.
    pub(super) fn holder_of(&self, api_key: &str, now: Timestamp) -> Option<KeyHolder> {
        let hash = ApiKeyHash::of(api_key);
        let from = (beginning(&hash), AgentNumber(0));
        let to = (beginning(&hash), AgentNumber(u64::MAX));
        let mut found = None;
        for (_, number) in self.by_api_key.range(from..=to).map(|(key, ())| key) {
            let Some(agent) = self.agents.get(number) else { continue };
            let record = &agent.record;
            if record.api_key.is_some_and(|own| own.0.matches(&hash.0)) {
                found = Some(KeyHolder::Present(*number));
            }
            if let Some(former) = record.former_api_key.filter(|former| former.hash.0.matches(&hash.0)) {
                let holder = if now < former.until { KeyHolder::Former } else { KeyHolder::Ended };
                found = Some(holder(*number));
            }
        }
        found
    }
}

fn hashes(record: &AgentRecord) -> impl Iterator<Item = ApiKeyHash> {
    record.api_key.into_iter().chain(record.former_api_key.map(|former| former.hash))
}

fn beginning(hash: &ApiKeyHash) -> [u8; 8] {
    hash.0.0.first_chunk().copied().unwrap_or_default()
}
