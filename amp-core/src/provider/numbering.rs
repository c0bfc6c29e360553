//! Numbers are given once: while a provider runs, and in the log that it is restored from (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use super::codec::Sha256Hash;
use super::effect::Effect;
use super::engine::Provider;
use super::number::{AgentNumber, MessageNumber};

/// From where on numbers were not given yet, not even by a decision that was dropped: the host may have stored it all the
/// same.
#[derive(Debug, Default)]
pub(super) struct Unused {
    agents: u64,
    messages: u64,
}

/// An effect that gives a number, and what it gives it to.
enum Numbered<'e> {
    Agent(AgentNumber, [&'e str; 2]),
    Message(MessageNumber, [&'e str; 1]),
}

impl Unused {
    /// The numbers in these effects are not given again.
    pub(super) fn use_up(&mut self, effects: &[Effect]) {
        for numbered in effects.iter().filter_map(numbered) {
            let (next, number) = match numbered {
                Numbered::Agent(number, _) => (&mut self.agents, number.0),
                Numbered::Message(number, _) => (&mut self.messages, number.0),
            };
            *next = (*next).max(number.saturating_add(1));
        }
    }
}

impl Provider {
    /// The number of the next agent.
    pub(super) fn next_agent(&self) -> AgentNumber {
        AgentNumber(self.live.unused.agents).max(self.state.agents.next_number())
    }

    /// The number of the next message.
    pub(super) fn next_message(&self) -> MessageNumber {
        MessageNumber(self.live.unused.messages).max(self.state.mail.next_number())
    }
}

/// What the numbers in a log belong to: the beginning of a hash of what it is known by. About 24 bytes for each, as long as a provider
/// is restored.
#[derive(Debug, Default)]
pub(super) struct Given {
    agents: BTreeMap<u64, [u8; 8]>,
    messages: BTreeMap<u64, [u8; 8]>,
}

impl Given {
    /// Takes note of an effect, unless its number belongs to something else.
    pub(super) fn take(&mut self, effect: &Effect) -> Result<(), RestoreError> {
        let Some(numbered) = numbered(effect) else { return Ok(()) };
        let (given, number, hash, error) = match numbered {
            Numbered::Agent(number, ids) => {
                let hash = Sha256Hash::of(&ids.map(str::as_bytes));
                (&mut self.agents, number.0, hash, RestoreError::Agent(number))
            }
            Numbered::Message(number, ids) => {
                let hash = Sha256Hash::of(&ids.map(str::as_bytes));
                (&mut self.messages, number.0, hash, RestoreError::Message(number))
            }
        };
        let mark = hash.beginning();
        match given.entry(number) {
            Entry::Occupied(other) if *other.get() != mark => Err(error),
            Entry::Occupied(_) => Ok(()),
            Entry::Vacant(free) => {
                free.insert(mark);
                Ok(())
            }
        }
    }
}

fn numbered(effect: &Effect) -> Option<Numbered<'_>> {
    Some(match effect {
        Effect::AgentSet { agent } => {
            Numbered::Agent(agent.number, [&agent.agent_id, agent.address.as_str()])
        }
        Effect::Queued { message } => Numbered::Message(message.number, [message.id.as_str()]),
        Effect::Held { held } => match (&held.message, &held.forward) {
            (Some(message), _) => Numbered::Message(message.number, [message.id.as_str()]),
            (None, forward) => {
                let forward = forward.as_ref()?;
                Numbered::Message(forward.number, [forward.id.as_str()])
            }
        },
        Effect::ForwardQueued { forward } => Numbered::Message(forward.number, [forward.id.as_str()]),
        _ => return None,
    })
}

/// A log that is not the memory of one provider: a number in it is used for two different things.
///
/// Two providers wrote into one log, or a host went on with a provider although it did not know whether its last decision
/// was stored (see [`Decision`](super::Decision)). Restoring from it would lose what the number was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The number of two agents.
    #[error("internal_error: the log gives the number {} to two agents", .0.get())]
    Agent(AgentNumber),
    /// The number of two messages.
    #[error("internal_error: the log gives the number {0} to two messages")]
    Message(MessageNumber),
}

impl RestoreError {
    /// The protocol's code: `internal_error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "internal_error"
    }
}
