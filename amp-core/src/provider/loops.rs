//! Conversations that go round in circles, noticed while messages are routed (guardrails, loops).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use amp_envelope::{MessageId, RouteBody, Timestamp, Verified};

use super::action::{Action, Notice};
use super::agents::Agent;
use super::decision::Plan;
use super::engine::Provider;
use super::live::Change;
use crate::guards::{LoopReport, LoopVerdict, RateClass, Turn};
use crate::wire::{ApiError, ApiErrorCode, RateStatus};

impl Provider {
    /// Refuses a message of a loop, for now. What is said against one that passes, the sender is told.
    pub(super) fn check_loop(
        &self,
        body: &Verified<RouteBody>,
        (sender, recipient): (&Agent, &Agent),
        id: &MessageId,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Option<String>, ApiError> {
        let Some(guard) = &self.live.loops else { return Ok(None) };
        let (from, to) = (&sender.record.address, &recipient.record.address);
        let mut turn = Turn::of_payload(from, to, id.as_str(), &body.payload()).subject(&body.subject());
        if let Some(parent) = body.in_reply_to() {
            turn = turn.in_reply_to(parent.as_str());
        }
        let step = guard.judge(&turn, now);
        let verdict = *step.verdict();
        match verdict {
            LoopVerdict::Delay { until, report } => {
                plan.changes.push(Change::Deferred(Box::new(step), now));
                Err(later(until, &report, now))
            }
            LoopVerdict::Stop { until, report } => {
                plan.changes.push(Change::Said(Box::new(step), now));
                let (sender, recipient) = (sender.record.number, recipient.record.number);
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
