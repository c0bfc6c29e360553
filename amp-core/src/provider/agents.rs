//! Who is registered, and whose API key it is (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;

use super::agent::{AgentRecord, ApiKeyHash, key_hash};
use super::codec::Sha256Hash;
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
    /// By the key that an agent signs with, and by those that it had.
    by_key: BTreeMap<Sha256Hash, AgentNumber>,
    by_tenant: BTreeMap<Box<str>, BTreeSet<AgentNumber>>,
    by_owner: BTreeMap<Box<str>, BTreeSet<AgentNumber>>,
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
        // A registration that was stored, and made again by a host that did not know: nobody holds the former one's key.
        if let Some(former) = self.by_address.get(record.address.as_str()).copied() {
            self.remove(former);
        }
        self.next = self.next.max(number.0.saturating_add(1));
        self.by_address.insert(record.address.as_str().into(), number);
        self.by_agent_id.insert(record.agent_id.as_str().into(), number);
        for hash in hashes(&record) {
            self.by_api_key.insert((hash.beginning(), number), ());
        }
        for key in keys(&record) {
            self.by_key.insert(key, number);
        }
        self.by_tenant.entry(record.tenant().into()).or_default().insert(number);
        if let Some(owner) = &record.owner {
            self.by_owner.entry(owner.as_str().into()).or_default().insert(number);
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
            self.by_api_key.remove(&(hash.beginning(), number));
        }
        for key in keys(&agent.record) {
            self.by_key.remove(&key);
        }
        leave(&mut self.by_tenant, agent.record.tenant(), number);
        leave(&mut self.by_owner, agent.record.owner.as_deref().unwrap_or_default(), number);
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

    /// Who signs with this key, or did.
    pub(super) fn with_key(&self, key: &VerifyingKey) -> Option<AgentNumber> {
        self.by_key.get(&key_hash(key)).copied()
    }

    /// The agents of a tenant in the order of their numbers, from this one on.
    pub(super) fn of_tenant(&self, tenant: &str, from: AgentNumber) -> impl Iterator<Item = &Agent> {
        let numbers = self.by_tenant.get(tenant).into_iter().flat_map(move |group| group.range(from..));
        numbers.filter_map(|number| self.get(*number))
    }

    /// How many agents a tenant has.
    pub(super) fn in_tenant(&self, tenant: &str) -> usize {
        self.by_tenant.get(tenant).map_or(0, BTreeSet::len)
    }

    /// The agents of an owner.
    pub(super) fn of_owner(&self, owner: &str) -> impl Iterator<Item = &Agent> {
        self.by_owner.get(owner).into_iter().flatten().filter_map(|number| self.get(*number))
    }

    /// Whose present API key this is.
    pub(super) fn present_holder_of(&self, api_key: &str, now: Timestamp) -> Option<AgentNumber> {
        match self.holder_of(api_key, now)? {
            KeyHolder::Present(number) => Some(number),
            KeyHolder::Former(_) | KeyHolder::Ended(_) => None,
        }
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
        let from = (hash.beginning(), AgentNumber(0));
        let to = (hash.beginning(), AgentNumber(u64::MAX));
        let mut found = None;
        for (_, number) in self.by_api_key.range(from..=to).map(|(key, ())| key) {
            let Some(agent) = self.agents.get(number) else { continue };
            let record = &agent.record;
            if record.api_key.is_some_and(|own| own.matches(&hash)) {
                found = Some(KeyHolder::Present(*number));
            }
            if let Some(former) = record.former_api_key.filter(|former| former.hash.matches(&hash)) {
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

/// The key of an agent and those that it had.
pub(super) fn keys(record: &AgentRecord) -> impl Iterator<Item = Sha256Hash> {
    record.retired_keys.iter().copied().chain([key_hash(&record.key)])
}

fn leave(groups: &mut BTreeMap<Box<str>, BTreeSet<AgentNumber>>, name: &str, number: AgentNumber) {
    let Some(group) = groups.get_mut(name) else { return };
    group.remove(&number);
    if group.is_empty() {
        groups.remove(name);
    }
}
