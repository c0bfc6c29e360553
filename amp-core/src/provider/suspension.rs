//! Suspended agents, and the risk that suspends them (guardrails, suspension and risk).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use amp_envelope::Timestamp;

use super::action::{Action, Notice};
use super::agents::Agent;
use super::decision::Plan;
use super::effect::Effect;
use super::engine::Provider;
use super::live::Change;
use super::number::AgentNumber;
use super::reply::Reply;
use crate::guards::{RateShare, RiskCounts, RiskLevel, Suspension};
use crate::receive::RiskOutcome;
use crate::wire::{
    Answer as _, ApiError, ApiErrorCode, Endpoint, GetRisk, OpaqueId, Risk, RiskBand, RiskScore, Suspend,
    Suspended, Unsuspend, Unsuspended,
};

/// The agent was suspended.
pub(super) const CLOSE_SUSPENDED: u16 = 4003;
/// So many messages say something about an agent. Before that, nothing follows from its risk: a single refused message
/// would be all that it ever sent.
const TELLING: u32 = 10;

impl Provider {
    /// Refuses a call of a suspended agent. It may look at itself, and see to its keys.
    pub(super) fn check_standing(
        &self,
        caller: AgentNumber,
        endpoint: Endpoint,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<(), ApiError> {
        let is_open = matches!(
            endpoint,
            Endpoint::GetMe
                | Endpoint::GetCard
                | Endpoint::RotateApiKey
                | Endpoint::RotateKeys
                | Endpoint::RevokeApiKey
        );
        if !is_open && self.is_suspended(self.agent(caller)?, now, plan) { Err(suspended()) } else { Ok(()) }
    }

    /// Whether an agent is suspended. What is over is lifted, so that no clock brings it back; what began in a future
    /// that never came begins now.
    pub(super) fn is_suspended(&self, agent: &Agent, now: Timestamp, plan: &mut Plan) -> bool {
        let agent_id = agent.record.agent_id.as_str();
        let Some(record) = self.state.suspensions.record(agent_id) else { return false };
        if self.state.suspensions.get(agent_id, now).is_none() {
            plan.effects.push(Effect::SuspensionLifted { agent_id: agent_id.into(), at: now });
            return false;
        }
        if record.suspended_at() > now && record.expires_at().is_some() {
            plan.effects.push(Effect::Suspended { record: Box::new(record.from(now)) });
        }
        true
    }

    /// Whether an agent is suspended; nothing is noted.
    pub(super) fn seems_suspended(&self, agent: &Agent, now: Timestamp) -> bool {
        self.state.suspensions.get(&agent.record.agent_id, now).is_some()
    }

    pub(super) fn suspend(
        &self,
        request: &Suspend,
        admin: &str,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let agent = self.agent_named(&request.agent_id)?;
        let record = Suspension::new(&agent.record.agent_id, &request.reason, admin, now);
        let record = match request.duration {
            Some(duration) => record.lasting(duration),
            None => record,
        };
        let mut answer = Suspended::new(request.agent_id.clone(), record.suspended_at(), record.reason());
        answer.suspended_by = Some(record.suspended_by().into());
        answer.expires_at = record.expires_at();
        self.carry_out(agent.record.number, record, plan);
        Ok(Reply::Now(answer.to_parts()))
    }

    pub(super) fn unsuspend(
        &self,
        request: &Unsuspend,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let agent = self.agent_named(&request.agent_id)?;
        let agent_id = &agent.record.agent_id;
        let was_suspended = self.seems_suspended(agent, now);
        if self.state.suspensions.record(agent_id).is_some() {
            plan.effects.push(Effect::SuspensionLifted { agent_id: agent_id.clone(), at: now });
        }
        let id = request.agent_id.clone();
        let answer = if was_suspended { Unsuspended::now(id) } else { Unsuspended::before(id) };
        Ok(Reply::Now(answer.to_parts()))
    }

    pub(super) fn get_risk(&self, request: &GetRisk, now: Timestamp) -> Result<Reply, ApiError> {
        let agent = self.agent_named(&request.agent_id)?;
        let counts = self.state.risk.counts(&agent.record.number, now);
        let score = counts.score();
        let level = match self.state.risk.level(&agent.record.number, now) {
            RiskLevel::Low => RiskBand::Low,
            RiskLevel::Medium => RiskBand::Medium,
            RiskLevel::High => RiskBand::High,
            RiskLevel::Critical => RiskBand::Critical,
        };
        let score = RiskScore::new(score.as_f64())
            .ok_or_else(|| ApiError::new(ApiErrorCode::InternalError, "the risk is out of range"))?;
        let mut answer = Risk::new(request.agent_id.clone(), score, level);
        answer.blocked = Some(counts.blocked().into());
        answer.quarantined = Some(counts.quarantined().into());
        answer.flagged = Some(counts.flagged().into());
        answer.total = Some(counts.total().into());
        Ok(Reply::Now(answer.to_parts()))
    }

    fn agent_named(&self, agent_id: &OpaqueId) -> Result<&Agent, ApiError> {
        let agent = self.state.agents.with_id(agent_id.as_str());
        agent.ok_or_else(|| ApiError::new(ApiErrorCode::NotFound, "no such agent").with_field("id"))
    }

    /// How much of its limits an agent has.
    pub(super) fn rate_share(&self, agent: AgentNumber, now: Timestamp) -> RateShare {
        let counts = self.state.risk.counts(&agent, now);
        if counts.total() < TELLING { RateShare::Full } else { self.state.risk.level(&agent, now).share() }
    }

    /// Counts what became of a message that is not queued, or that is queued with a flag: then after its own effect, which
    /// counts it as delivered. When that makes its sender's risk graver, its owner is told, and an agent of critical risk
    /// is suspended.
    pub(super) fn count_risk(
        &self,
        sender: AgentNumber,
        outcome: RiskOutcome,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let risk = &self.state.risk;
        let hour = risk.hour(now);
        let mut counts = risk.of_hour(&sender, hour);
        let mut day = risk.counts(&sender, now);
        let before = consequence(&day);
        day.add(outcome);
        counts.add(outcome);
        plan.effects.push(Effect::RiskCounted { agent: sender, hour, counts, at: now });
        let after = consequence(&day);
        if after <= before {
            return;
        }
        plan.actions.push(Action::Notify(Notice::RiskRaised { agent: sender, level: after }));
        if let Some(agent) = self.state.agents.get(sender).filter(|_| after.suspends()) {
            let record = Suspension::automatic(&agent.record.agent_id, now);
            if self.state.suspensions.would_extend(&record, now) {
                self.carry_out(sender, record, plan);
            }
        }
    }

    /// Suspends an agent: its sockets are closed and its waiting requests refused. Its queue is kept.
    fn carry_out(&self, agent: AgentNumber, record: Suspension, plan: &mut Plan) {
        plan.effects.push(Effect::Suspended { record: Box::new(record) });
        self.close_all(agent, CLOSE_SUSPENDED, plan);
        for ticket in self.live.polls_of(agent) {
            let reply = Box::new(Reply::Now(suspended().to_parts()));
            plan.actions.push(Action::Answer { ticket, reply });
            plan.changes.push(Change::PollEnded(ticket));
        }
    }
}

/// The level from which something follows.
fn consequence(counts: &RiskCounts) -> RiskLevel {
    if counts.total() < TELLING { RiskLevel::Low } else { counts.score().level() }
}

/// What a suspended agent is told.
pub(super) fn suspended() -> ApiError {
    ApiError::new(ApiErrorCode::AgentSuspended, "the agent is suspended")
}
