//! What a provider decided, before and after the host has stored it (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use amp_envelope::{AttachmentId, Timestamp};

use super::action::Action;
use super::body::MessageBody;
use super::effect::{Departure, Effect};
use super::engine::Provider;
use super::files::FileBody;
use super::live::Change;
use super::number::{AgentNumber, MessageNumber};
use super::reply::Reply;

/// A decision that is not yet stored: the provider is as it was.
///
/// The host puts the [`effects`](Self::effects) and the [`bodies`](Self::bodies) into one transaction of its database,
/// and deletes the [`released`](Self::released) bodies in it. Once that holds, [`commit`](Self::commit) lets the provider
/// remember the effects, and hands out the answer and the actions.
///
/// If the transaction certainly failed, the decision is dropped, and it was never made: answer 500 then. Three things have
/// happened all the same: calls count against their limits, clocks have moved on, and the numbers that the decision gave to
/// agents and messages are not given again. If the transaction may have held (a lost connection, a timeout), this provider
/// does not know any more what is stored: let it go before the next call, and
/// [`restore`](super::ProviderBuilder::restore) another one from the log. One that goes on without that loses no message
/// and gives no number twice, but until it is restored it hands out nothing of that decision, and a snapshot of
/// it must not replace the log.
///
/// ```
/// use amp_core::provider::{Call, Effect, Moment, Provider, Reply};
/// use amp_core::wire::{Register, Request};
/// # fn transaction(lines: &[String], bodies: &[(u64, &[u8])], released: &[u64]) -> Result<(), std::io::Error> { Ok(()) }
///
/// let mut provider = Provider::builder("crabmail.ai".parse()?, "https://api.crabmail.ai/v1".parse()?).build();
/// let alice = amp_core::Identity::from_seed(&[7; 32]);
/// let request = Register::new("alice".parse()?, alice.verifying_key()).in_tenant("acme");
/// let moment = Moment::new("2026-01-31T10:00:00Z".parse()?, [7; 32]);
///
/// let decision = provider.handle(&Call::new(request.to_parts()), moment);
/// let lines: Vec<String> = decision.effects().iter().map(Effect::to_json).collect();
/// let bodies: Vec<_> = decision.bodies().iter().map(|body| (body.number().get(), body.as_bytes())).collect();
/// let released: Vec<u64> = decision.released().iter().map(|number| number.get()).collect();
/// transaction(&lines, &bodies, &released)?; // fails: the decision is dropped, and alice is not registered
/// let outcome = decision.commit();
/// let Some(Reply::Now(answer)) = outcome.reply else { return Err("no answer".into()) };
/// assert_eq!((answer.status, outcome.actions.len()), (201, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "store its effects and commit it: nothing is remembered, answered or done before"]
pub struct Decision<'p> {
    pub(super) provider: &'p mut Provider,
    pub(super) plan: Plan,
    pub(super) reply: Option<Reply>,
    pub(super) now: Timestamp,
}

/// A decision that is stored and remembered: what is left to do.
#[derive(Debug)]
#[must_use = "the request is not answered, and nothing is handed over, until the host does it"]
#[non_exhaustive]
pub struct Outcome {
    /// The answer to the request; none when the input was no request.
    pub reply: Option<Reply>,
    /// What is to be done, in this order.
    pub actions: Vec<Action>,
}

/// What follows from a decision.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) effects: Vec<Effect>,
    pub(super) bodies: Vec<MessageBody>,
    pub(super) released: Vec<MessageNumber>,
    pub(super) files: Vec<FileBody>,
    pub(super) released_files: Vec<AttachmentId>,
    /// What changes in memory alone.
    pub(super) changes: Vec<Change>,
    pub(super) actions: Vec<Action>,
}

impl Plan {
    /// A message leaves its queue, and its body the host's store.
    pub(super) fn leave(
        &mut self,
        agent: AgentNumber,
        message: MessageNumber,
        how: Departure,
        at: Timestamp,
    ) {
        self.effects.push(Effect::Left { agent, message, how, at });
        self.released.push(message);
    }

    /// How many messages leave an agent's queue.
    pub(super) fn leaving(&self, of: AgentNumber) -> usize {
        let leaves = |effect: &&Effect| matches!(effect, Effect::Left { agent, .. } if *agent == of);
        self.effects.iter().filter(leaves).count()
    }
}

impl Decision<'_> {
    /// What has to be made durable, in this order.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.plan.effects
    }

    /// The bodies that the host keeps from now on.
    #[must_use]
    pub fn bodies(&self) -> &[MessageBody] {
        &self.plan.bodies
    }

    /// The bodies that nobody will ask for again.
    #[must_use]
    pub fn released(&self) -> &[MessageNumber] {
        &self.plan.released
    }

    /// The files that the host keeps from now on.
    #[must_use]
    pub fn files(&self) -> &[FileBody] {
        &self.plan.files
    }

    /// The attachments whose files nobody will ask for again. The host may delete them later than in the transaction, if
    /// it notes there that it has to.
    #[must_use]
    pub fn released_files(&self) -> &[AttachmentId] {
        &self.plan.released_files
    }

    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.plan.effects.is_empty()
    }

    /// Remembers the decision, which the host has stored.
    pub fn commit(self) -> Outcome {
        let Self { provider, plan, reply, now } = self;
        let Plan { effects, changes, mut actions, .. } = plan;
        for effect in &effects {
            provider.state.apply(effect);
        }
        let mut due = Vec::new();
        for change in changes {
            if let Change::PollDue(ticket) = change {
                due.push(ticket);
            }
            provider.live.apply(change);
        }
        for effect in &effects {
            if let Effect::AgentRemoved { agent, .. } = effect {
                provider.live.forget(*agent);
            }
        }
        provider.wake(&effects, &due, now, &mut actions);
        provider.replay_on(&effects, now, &mut actions);
        Outcome { reply, actions }
    }
}

impl core::fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decision")
            .field("plan", &self.plan)
            .field("reply", &self.reply)
            .finish_non_exhaustive()
    }
}
