//! What a provider remembers durably, and the one way in which it changes: effects.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_envelope::Timestamp;

use super::accepted::{Accepted, AcceptedKeys};
use super::agents::Agents;
use super::attachment::Attachments;
use super::departed::Departed;
use super::effect::{Effect, FirstAnswer, HeldMessage, QueuedMessage};
use super::federation::PeerState;
use super::held::Held;
use super::mail::{Entry, Mail, Settled};
use super::number::{AgentNumber, MessageNumber};
use super::outbox::QueuedForward;
use super::owners::OwnerKeys;
use crate::guards::{RiskLedger, Suspension, Suspensions};
use crate::receive::RiskOutcome;

/// Agents, queues and first answers.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) agents: Agents,
    pub(super) mail: Mail,
    pub(super) accepted: AcceptedKeys,
    pub(super) attachments: Attachments,
    pub(super) owner_keys: OwnerKeys,
    pub(super) peers: PeerState,
    pub(super) held: Held,
    pub(super) suspensions: Suspensions,
    pub(super) departed: Departed,
    pub(super) risk: RiskLedger<AgentNumber>,
}

impl State {
    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::AgentSet { agent } => {
                if self.agents.get(agent.number).is_none() {
                    self.burden(agent);
                }
                self.agents.set((**agent).clone());
            }
            Effect::AgentRemoved { agent, at } => {
                self.remember_departed(*agent, *at);
                self.held.remove(*agent);
                self.agents.remove(*agent);
                self.mail.remove(*agent);
                self.accepted.remove(*agent);
            }
            Effect::OwnerKeySet { owner, key, .. } => self.owner_keys.set(owner, *key),
            Effect::Queued { message } => self.queued(message),
            Effect::HandedOver { agent, message, way, answers, at } => {
                self.mail.handed_over(*agent, *message, *way);
                if let Some(answered) = answers {
                    self.accepted.answered(answered.agent, &answered.key, *way, *at);
                }
            }
            Effect::Posting { agent, message, attempts, due } => {
                self.mail.posting(*agent, *message, (*attempts, *due));
            }
            Effect::Left { agent, message, how, .. } => self.mail.left(*agent, *message, *how),
            Effect::Read { agent, id, .. } => self.mail.read(*agent, id),
            Effect::Settled { agent, id, sender, how, read } => {
                let settled = Settled { sender: *sender, how: *how, read: *read };
                self.mail.settled(*agent, id.clone(), settled);
            }
            Effect::Accepted { answer } => {
                self.accepted.insert(answer.agent, answer.key.clone(), accepted(answer))
            }
            Effect::AttachmentSet { attachment } => self.attachments.set((**attachment).clone()),
            Effect::AttachmentForgotten { id } => self.attachments.remove(id),
            Effect::PeerKnown { .. }
            | Effect::PeerForgotten { .. }
            | Effect::PeerKeyRevoked { .. }
            | Effect::ForwardTaken { .. }
            | Effect::ForwardQueued { .. }
            | Effect::ForwardTried { .. }
            | Effect::ForwardEnded { .. } => self.apply_federation(effect),
            Effect::Held { held } => self.hold(held),
            Effect::Reviewed { entry, at } => self.held.settle(entry, *at),
            Effect::Departed { agent } => self.departed.insert((**agent).clone()),
            Effect::Suspended { record } => self.suspensions.suspend((**record).clone()),
            Effect::SuspensionLifted { agent_id, .. } => drop(self.suspensions.lift(agent_id)),
            Effect::RiskCounted { agent, hour, counts, at } => self.risk.set(agent, *hour, *counts, *at),
            Effect::RiskClock { mark, at } => self.risk = RiskLedger::at_clock(*mark, *at),
            Effect::NumbersFrom { agent, message } => {
                self.agents.numbers_from(*agent);
                self.mail.numbers_from(*message);
            }
        }
    }

    fn hold(&mut self, held: &HeldMessage) {
        self.held.hold(held);
        if let Some(message) = &held.message {
            self.mail.numbers_from(message.number.0.saturating_add(1));
            self.accept(message);
        }
        if let Some(forward) = &held.forward {
            self.mail.numbers_from(forward.number.0.saturating_add(1));
            self.accept_forward(forward);
        }
    }

    fn queued(&mut self, message: &QueuedMessage) {
        if self.held.hand_out(message.number) {
            // It was counted, and its key remembered, when it was held.
            return self.mail.insert(message);
        }
        if message.number < self.mail.next_number() {
            return;
        }
        self.mail.queued(message);
        if let Some(sender) = message.sender {
            self.risk.count(&sender, RiskOutcome::Delivered, message.queued_at);
        }
        self.accept(message);
    }

    fn accept(&mut self, message: &QueuedMessage) {
        if let (Some(sender), Some(accepted_as)) = (message.sender, &message.accepted_as) {
            let accepted = Accepted {
                digest: accepted_as.digest,
                id: message.id.clone(),
                queued_at: message.queued_at,
                handed_over: None,
                given_up: None,
            };
            self.accepted.insert(sender, accepted_as.key.clone(), accepted);
        }
    }

    pub(super) fn forward_queued(&mut self, forward: &QueuedForward) {
        let was_held = self.held.hand_out(forward.number);
        self.mail.numbers_from(forward.number.0.saturating_add(1));
        if !self.peers.outbox.insert(forward.clone()) || was_held {
            return;
        }
        self.risk.count(&forward.sender, RiskOutcome::Delivered, forward.queued_at);
        self.accept_forward(forward);
    }

    fn accept_forward(&mut self, forward: &QueuedForward) {
        if let Some(own) = &forward.accepted_as {
            let accepted = Accepted {
                digest: own.digest,
                id: forward.id.clone(),
                queued_at: forward.queued_at,
                handed_over: None,
                given_up: None,
            };
            self.accepted.insert(forward.sender, own.key.clone(), accepted);
        }
    }

    /// Effects that make this state of an empty one.
    pub(super) fn snapshot(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = Vec::new();
        effects.extend(
            self.agents.iter().map(|agent| Effect::AgentSet { agent: Box::new(agent.record.clone()) }),
        );
        effects.extend(self.owner_keys.iter().map(|(owner, key)| Effect::OwnerKeySet {
            owner: owner.into(),
            key,
            at: Timestamp::UNIX_EPOCH,
        }));
        let suspended = |record: &Suspension| Effect::Suspended { record: Box::new(record.clone()) };
        effects.extend(self.suspensions.iter().map(suspended));
        effects.extend(self.departed.iter().map(|agent| Effect::Departed { agent: Box::new(agent.clone()) }));
        let mut waiting: Vec<(MessageNumber, AgentNumber, &Entry)> = Vec::new();
        for (agent, queue) in self.mail.queues() {
            waiting.extend(queue.entries.iter().map(|(number, entry)| (*number, agent, entry)));
            effects.extend(queue.all_settled().map(|(id, settled)| Effect::Settled {
                agent,
                id: id.clone(),
                sender: settled.sender,
                how: settled.how,
                read: settled.read,
            }));
        }
        waiting.sort_unstable_by_key(|(number, ..)| *number);
        for (number, agent, entry) in waiting {
            effects.push(Effect::Queued { message: Box::new(queued_message(number, agent, entry)) });
            effects.extend(entry.handed_over.map(|way| Effect::HandedOver {
                agent,
                message: number,
                way,
                answers: None,
                at: entry.queued_at,
            }));
            effects.extend(entry.posting.map(|(attempts, due)| Effect::Posting {
                agent,
                message: number,
                attempts,
                due,
            }));
            let read = || Effect::Read { agent, id: entry.id.clone(), at: entry.queued_at };
            effects.extend(entry.read.then(read));
        }
        effects.extend(self.accepted.iter().map(|(agent, key, accepted)| {
            let answer = FirstAnswer {
                agent,
                key: key.clone(),
                digest: accepted.digest,
                id: accepted.id.clone(),
                queued_at: accepted.queued_at,
                handed_over: accepted.handed_over,
                given_up: accepted.given_up,
            };
            Effect::Accepted { answer: Box::new(answer) }
        }));
        let attachments = self.attachments.iter();
        effects
            .extend(attachments.map(|record| Effect::AttachmentSet { attachment: Box::new(record.clone()) }));
        self.peers.snapshot(&mut effects);
        effects.extend(self.held.iter().map(|held| Effect::Held { held: Box::new(held) }));
        // Behind the messages, which count as well.
        if let Some((mark, at)) = self.risk.clock() {
            effects.push(Effect::RiskClock { mark, at });
            let at = Timestamp::from_unix_milliseconds(mark).unwrap_or(Timestamp::UNIX_EPOCH);
            let counted = |(agent, hour, counts): (&AgentNumber, _, _)| Effect::RiskCounted {
                agent: *agent,
                hour,
                counts,
                at,
            };
            effects.extend(self.risk.entries().map(counted));
        }
        effects.push(Effect::NumbersFrom {
            agent: self.agents.next_number().get(),
            message: self.mail.next_number().get(),
        });
        effects
    }
}

fn accepted(answer: &FirstAnswer) -> Accepted {
    Accepted {
        digest: answer.digest,
        id: answer.id.clone(),
        queued_at: answer.queued_at,
        handed_over: answer.handed_over,
        given_up: answer.given_up,
    }
}

fn queued_message(number: MessageNumber, agent: AgentNumber, entry: &Entry) -> QueuedMessage {
    QueuedMessage {
        number,
        id: entry.id.clone(),
        agent,
        sender: entry.sender,
        queued_at: entry.queued_at,
        expires_at: entry.expires_at,
        bytes: entry.bytes,
        receipt: entry.receipt,
        accepted_as: None,
    }
}
