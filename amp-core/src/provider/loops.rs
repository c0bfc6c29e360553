//! Conversations that go round in circles, noticed while messages are routed (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use amp_address::Address;
use amp_envelope::{MessageId, RouteBody, Timestamp};

use super::action::{Action, Notice};
use super::decision::Plan;
use super::engine::Provider;
use super::live::Change;
use crate::federation::ProvenForward;
use crate::guards::{LoopReport, LoopVerdict, RateClass, Turn};
use crate::wire::{ApiError, ApiErrorCode, RateStatus};

impl Provider {
    /// Refuses a message of a loop, for now. What is said against one that passes, the sender is told.
    pub(super) fn check_loop(
        &self,
        body: &RouteBody,
        (from, to): (&Address, &Address),
        id: &MessageId,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Option<String>, ApiError> {
        let turn = || {
            let turn = Turn::of_payload(from, to, id.as_str(), &body.payload()).subject(&body.subject());
            match body.in_reply_to() {
                Some(parent) => turn.in_reply_to(parent.as_str()),
                None => turn,
            }
        };
        self.check_turn(turn, (from, to), now, plan)
    }

    /// The same of a message that another provider forwards.
    pub(super) fn check_loop_of(
        &self,
        forward: &ProvenForward,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Option<String>, ApiError> {
        let message = forward.message();
        let turn = || Turn::of_message(message, &forward.id());
        self.check_turn(turn, (&message.from(), &message.to()), now, plan)
    }

    fn check_turn(
        &self,
        turn: impl FnOnce() -> Turn,
        (from, to): (&Address, &Address),
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Option<String>, ApiError> {
        let Some(guard) = &self.live.loops else { return Ok(None) };
        let step = guard.judge(&turn(), now);
        let verdict = *step.verdict();
        match verdict {
            LoopVerdict::Delay { until, report } => {
                plan.changes.push(Change::Deferred(Box::new(step), now));
                Err(later(until, &report, now))
            }
            LoopVerdict::Stop { until, report } => {
                plan.changes.push(Change::Said(Box::new(step), now));
                let (sender, recipient) = (from.clone(), to.clone());
                plan.actions.push(Action::Notify(Notice::LoopStopped { sender, recipient, until, report }));
                Err(later(until, &report, now))
            }
            LoopVerdict::Warn(report) => {
                plan.changes.push(Change::Said(Box::new(step), now));
                Ok(Some(format!("this conversation may be going round in circles: {report}")))
            }
            _ => {
                plan.changes.push(Change::Said(Box::new(step), now));
                Ok(None)
            }
        }
    }
}

/// The refusal of a message that may be sent again at a time, or as soon as it says something new.
fn later(until: Timestamp, report: &LoopReport, now: Timestamp) -> ApiError {
    let wait = until.duration_since(now).unwrap_or_default();
    let rule = format!("this conversation goes round in circles: {report}");
    let limit = RateClass::Route.limit().calls();
    ApiError::new(ApiErrorCode::RateLimited, &rule).with_rate(RateStatus::new(limit.into(), 0, until), wait)
}
