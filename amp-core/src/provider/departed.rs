//! Agents that left while something was held against them (guardrails, suspension and risk).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::Timestamp;
use serde::{Deserialize, Serialize};

use super::agent::{AgentRecord, key_hash};
use super::agents::keys;
use super::codec::Sha256Hash;
use super::number::AgentNumber;
use super::state::State;
use crate::stored;

/// The most that are remembered, of about 400 bytes each, and up to 3 KiB with every key that an address may have.
const DEPARTED_MAX: usize = 10_000;

/// What an agent that left is known again by. Its suspension and its risk are kept under its id and number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepartedAgent {
    agent: AgentNumber,
    agent_id: String,
    #[serde(with = "stored::address")]
    address: Address,
    keys: Vec<Sha256Hash>,
}

/// By number, address and key.
#[derive(Debug, Default)]
pub(super) struct Departed {
    agents: BTreeMap<AgentNumber, DepartedAgent>,
    by_address: BTreeMap<Box<str>, AgentNumber>,
    by_key: BTreeMap<Sha256Hash, AgentNumber>,
}

impl DepartedAgent {
    fn of(record: &AgentRecord) -> Self {
        Self {
            agent: record.number,
            agent_id: record.agent_id.clone(),
            address: record.address.clone(),
            keys: keys(record).collect(),
        }
    }
}

impl Departed {
    pub(super) fn insert(&mut self, left: DepartedAgent) {
        self.by_address.insert(left.address.as_str().into(), left.agent);
        self.by_key.extend(left.keys.iter().map(|key| (*key, left.agent)));
        self.agents.insert(left.agent, left);
    }

    fn remove(&mut self, agent: AgentNumber) -> Option<DepartedAgent> {
        let left = self.agents.remove(&agent)?;
        if self.by_address.get(left.address.as_str()) == Some(&agent) {
            self.by_address.remove(left.address.as_str());
        }
        for key in &left.keys {
            if self.by_key.get(key) == Some(&agent) {
                self.by_key.remove(key);
            }
        }
        Some(left)
    }

    /// Those who had the address or the key of an agent that is new.
    fn take(&mut self, record: &AgentRecord) -> Vec<DepartedAgent> {
        let at = self.by_address.get(record.address.as_str());
        let with = self.by_key.get(&key_hash(&record.key));
        let found: BTreeSet<AgentNumber> = at.into_iter().chain(with).copied().collect();
        found.into_iter().filter_map(|agent| self.remove(agent)).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &DepartedAgent> {
        self.agents.values()
    }
}

impl State {
    /// Whether something is held against an agent, so that it is remembered when it leaves.
    fn is_marked(&self, agent: AgentNumber, agent_id: &str, at: Timestamp) -> bool {
        self.suspensions.get(agent_id, at).is_some() || !self.risk.counts(&agent, at).is_clean()
    }

    /// Whether an agent may leave: there is nothing against it, or room to remember it.
    pub(super) fn may_leave(&self, record: &AgentRecord, now: Timestamp) -> bool {
        let count = || {
            let marked = self.departed.iter().filter(|left| self.is_marked(left.agent, &left.agent_id, now));
            marked.count()
        };
        self.departed.agents.len() < DEPARTED_MAX
            || !self.is_marked(record.number, &record.agent_id, now)
            || count() < DEPARTED_MAX
    }

    /// An agent leaves. What is held against it waits for whoever comes with its address or its key.
    pub(super) fn remember_departed(&mut self, agent: AgentNumber, at: Timestamp) {
        let Some(gone) = self.agents.get(agent) else { return };
        let left = DepartedAgent::of(&gone.record);
        if !self.is_marked(agent, &left.agent_id, at) {
            return self.clear(&left);
        }
        if self.departed.agents.len() >= DEPARTED_MAX {
            let is_over = |left: &&DepartedAgent| !self.is_marked(left.agent, &left.agent_id, at);
            let over: Vec<AgentNumber> =
                self.departed.iter().filter(is_over).map(|left| left.agent).collect();
            for agent in over {
                if let Some(left) = self.departed.remove(agent) {
                    self.clear(&left);
                }
            }
        }
        self.departed.insert(left);
    }

    /// An agent is new: it takes over what is held against those whose address or key it has.
    pub(super) fn burden(&mut self, record: &AgentRecord) {
        let at = record.registered_at;
        for left in self.departed.take(record) {
            let suspension = self.suspensions.get(&left.agent_id, at);
            let suspension = suspension.map(|suspension| suspension.passed_to(&record.agent_id));
            if let Some(suspension) = suspension.filter(|record| self.suspensions.would_extend(record, at)) {
                self.suspensions.suspend(suspension);
            }
            self.risk.pass_on(&left.agent, &record.number);
            if left.agent_id != record.agent_id {
                self.clear(&left);
            }
        }
    }

    /// Forgets what was held against an agent that left, unless another one has its id meanwhile.
    fn clear(&mut self, left: &DepartedAgent) {
        self.risk.forget(&left.agent);
        let holder = self.agents.with_id(&left.agent_id);
        if holder.is_none_or(|agent| agent.record.number == left.agent) {
            self.suspensions.lift(&left.agent_id);
        }
    }
}
