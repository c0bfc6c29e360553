//! What a scan makes of a message on its way, and the review of what is held (guardrails, quarantine).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use amp_address::Address;
use amp_envelope::{MessageId, QuarantineId, RouteBody, Timestamp};

use super::action::{Action, Notice};
use super::agents::Agent;
use super::body::MessageBody;
use super::decision::Plan;
use super::effect::{Effect, HeldMessage, QueuedMessage};
use super::engine::Provider;
use super::held::Waiting;
use super::moment::Moment;
use super::outbox::QueuedForward;
use super::queueing::{Arrival, RELAY_FOR};
use super::reply::Reply;
use crate::federation::ProvenForward;
use crate::guards::{QuarantineError, Review};
use crate::receive::{Content, QuarantineEntry, QuarantineReason, QuarantineStatus, RiskOutcome};
use crate::scan::{Overrides, ScanReport, Severity, Verdict};
use crate::wire::{
    Answer as _, ApiError, ApiErrorCode, Cursor, HeldMessages, HoldReason, ListQuarantine, ReviewStatus,
    Reviewed,
};

/// The most entries of one page.
const PAGE_MAX: usize = 100;

impl Provider {
    /// What the scan says about a message, if the provider scans.
    pub(super) fn scan(&self, body: &RouteBody) -> Option<(Verdict, ScanReport)> {
        self.scan_content(|| Content::of_payload(body.subject(), &body.payload()))
    }

    /// The same of a message that another provider forwards.
    pub(super) fn scan_forward(&self, forward: &ProvenForward) -> Option<(Verdict, ScanReport)> {
        let message = forward.message();
        self.scan_content(|| Content::of_payload(message.subject(), &message.payload()))
    }

    fn scan_content<'c>(&self, content: impl FnOnce() -> Content<'c>) -> Option<(Verdict, ScanReport)> {
        let scanner = self.settings.scanner.as_deref()?;
        let report = content().scan(scanner);
        Some((report.verdict(&Overrides::new()), report))
    }

    /// Holds a message instead of queueing it. Its sender is told that, and not by which rule.
    pub(super) fn hold(
        &self,
        arrival: Arrival,
        (sender, digest): (&Address, [u8; 32]),
        report: &ScanReport,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let now = moment.now();
        let recipient = self.state.agents.get(arrival.recipient).ok_or_else(super::engine::unauthorized)?;
        self.state.held.queue().check_room(&recipient.record.address).map_err(full)?;
        let number = self.next_message();
        let body = MessageBody::new(number, &arrival.envelope, &arrival.payload, arrival.key.as_ref());
        let latest = now.saturating_add(RELAY_FOR);
        let message = QueuedMessage {
            number,
            id: arrival.id.clone(),
            agent: arrival.recipient,
            sender: arrival.sender,
            queued_at: now,
            expires_at: arrival.expires_at.map_or(latest, |at| at.min(latest)),
            bytes: u32::try_from(body.as_bytes().len()).unwrap_or(u32::MAX),
            receipt: arrival.receipt,
            accepted_as: arrival.accepted_as,
        };
        let entry = entry((sender.clone(), arrival.id.clone(), digest), report, moment);
        plan.bodies.push(body);
        plan.actions.push(Action::Notify(Notice::MessageHeld {
            recipient: Some(arrival.recipient),
            id: entry.id().clone(),
        }));
        let recipient = recipient.record.address.clone();
        let held = HeldMessage { recipient, message: Some(message), forward: None, entry };
        plan.effects.push(Effect::Held { held: Box::new(held) });
        Ok(Reply::Now(super::routed::quarantined(&arrival.id).to_parts()))
    }

    /// Holds a message instead of forwarding it.
    pub(super) fn hold_forward(
        &self,
        (forward, body): (QueuedForward, MessageBody),
        (sender, digest): (&Address, [u8; 32]),
        report: &ScanReport,
        moment: &Moment,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        self.state.held.queue().check_room(&forward.to).map_err(full)?;
        let entry = entry((sender.clone(), forward.id.clone(), digest), report, moment);
        plan.bodies.push(body);
        plan.actions.push(Action::Notify(Notice::MessageHeld { recipient: None, id: entry.id().clone() }));
        let reply = super::routed::quarantined(&forward.id).to_parts();
        let held =
            HeldMessage { recipient: forward.to.clone(), message: None, forward: Some(forward), entry };
        plan.effects.push(Effect::Held { held: Box::new(held) });
        Ok(Reply::Now(reply))
    }

    /// Lets go of the bodies of messages on which nobody has decided in time.
    pub(super) fn expire_held(&self, most: usize, now: Timestamp, plan: &mut Plan) {
        for (id, number) in self.state.held.overdue(now, most) {
            let Some((_, entry, _)) = self.state.held.queue().get(&id, now) else { continue };
            plan.effects.push(Effect::Reviewed { entry: Box::new(entry.clone()), at: now });
            plan.released.push(number);
        }
    }

    pub(super) fn list_quarantine(
        &self,
        request: &ListQuarantine,
        now: Timestamp,
    ) -> Result<Reply, ApiError> {
        let limit = request.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        let limit = limit.unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let after = match &request.cursor {
            None => None,
            Some(cursor) => Some(cursor.as_str().parse::<QuarantineId>().map_err(|_| {
                ApiError::new(ApiErrorCode::CursorExpired, "the cursor is not known: begin without it")
            })?),
        };
        let mut wanted = self
            .state
            .held
            .queue()
            .all(after.as_ref())
            .map(|(recipient, entry)| self.told(recipient, entry, now))
            .filter(|told| request.status.as_ref().is_none_or(|status| *status == told.status))
            .peekable();
        let entries: Vec<crate::wire::HeldMessage> = wanted.by_ref().take(limit).collect();
        let has_more = wanted.peek().is_some();
        let last = entries.last().map(|told| told.quarantine_id.to_string());
        let mut page = HeldMessages::new(entries);
        page.cursor = last.filter(|_| has_more).and_then(|last| Cursor::new(&last));
        page.has_more = Some(has_more);
        Ok(Reply::Now(page.to_parts()))
    }

    pub(super) fn get_quarantine(&self, id: &QuarantineId, now: Timestamp) -> Result<Reply, ApiError> {
        let entry = self.state.held.queue().get(id, now);
        let (recipient, entry, _) = entry.ok_or_else(|| refused(QuarantineError::NotFound))?;
        Ok(Reply::Now(self.told(recipient, entry, now).to_parts()))
    }

    /// Decides about a message that is held: it is queued now, or its body is let go.
    pub(super) fn review(
        &self,
        id: &QuarantineId,
        review: Review,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let entry = self.state.held.queue().review(id, review, now).map_err(refused)?;
        if now >= entry.expires_at() {
            return Err(refused(QuarantineError::Decided));
        }
        let message = self.state.held.waiting(id).ok_or_else(|| refused(QuarantineError::Decided))?;
        match review {
            Review::Reject => plan.released.push(message.number()),
            Review::Approve => match message {
                Waiting::Message(message) => self.let_through(message, now, plan)?,
                Waiting::Forward(forward) => self.let_onward(forward, now, plan)?,
            },
        }
        let status = status(entry.status(now));
        plan.effects.push(Effect::Reviewed { entry: Box::new(entry), at: now });
        Ok(Reply::Now(Reviewed::new(id.clone(), status).to_parts()))
    }

    fn let_through(&self, message: &QueuedMessage, now: Timestamp, plan: &mut Plan) -> Result<(), ApiError> {
        if now >= message.expires_at {
            return Err(refused(QuarantineError::Decided));
        }
        let queue = self.state.mail.queue(message.agent);
        if queue.is_some_and(|queue| queue.entries.len() >= self.settings.relay_max) {
            return Err(queue_full("the recipient's queue is full"));
        }
        let message = QueuedMessage { queued_at: now, accepted_as: None, ..message.clone() };
        plan.effects.push(Effect::Queued { message: Box::new(message.clone()) });
        self.hand_over(&message, now, plan);
        Ok(())
    }

    fn let_onward(&self, forward: &QueuedForward, now: Timestamp, plan: &mut Plan) -> Result<(), ApiError> {
        if forward.expires_at.is_some_and(|at| now >= at) {
            return Err(refused(QuarantineError::Decided));
        }
        if self.state.peers.outbox.count_of(forward.sender) >= self.settings.relay_max {
            return Err(queue_full("too many messages of the sender wait to be forwarded"));
        }
        self.send_onward(QueuedForward { queued_at: now, accepted_as: None, ..forward.clone() }, now, plan);
        Ok(())
    }

    /// An entry as a person reads it.
    fn told(&self, recipient: &Address, entry: &QuarantineEntry, now: Timestamp) -> crate::wire::HeldMessage {
        let reason = match entry.reason() {
            QuarantineReason::InjectionDetected => HoldReason::InjectionDetected,
            QuarantineReason::RiskThreshold => HoldReason::RiskThreshold,
        };
        let (since, until) = (entry.quarantined_at(), entry.expires_at());
        let mut told = crate::wire::HeldMessage::new(entry.id().clone(), reason, since, until);
        told.rules_triggered = Some(entry.rules().map(Into::into).collect());
        told.severity = Some(entry.severity().as_str().into());
        told.status = status(self.state.held.status(entry.id(), entry.status(now)));
        told.message_id = Some(entry.message_id().clone());
        told.sender = Some(entry.sender().clone());
        told.recipient = Some(recipient.clone());
        told
    }

    /// What becomes of an agent's message by its scan.
    pub(super) fn inspect(
        &self,
        body: &RouteBody,
        sender: &Agent,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Inspected, ApiError> {
        match self.scan(body) {
            Some((Verdict::Block, _)) => {
                self.count_risk(sender.record.number, RiskOutcome::Blocked, now, plan);
                Err(ApiError::new(ApiErrorCode::Forbidden, "the message is refused"))
            }
            Some((Verdict::Quarantine, report)) => Ok(Inspected::Held(report)),
            Some((Verdict::Flag, _)) => Ok(Inspected::Flagged),
            _ => Ok(Inspected::Clean),
        }
    }
}

/// What a scan makes of a message that is not refused.
pub(super) enum Inspected {
    Clean,
    /// It is delivered, and counts as a risk once it is queued.
    Flagged,
    /// It waits for a decision.
    Held(ScanReport),
}

/// The entry of a message: its sender, id and digest.
fn entry(about: (Address, MessageId, [u8; 32]), report: &ScanReport, moment: &Moment) -> QuarantineEntry {
    let now = moment.now();
    let id = QuarantineId::from_parts(now, moment.bytes("quarantine"));
    let severity = report.severity().unwrap_or(Severity::High);
    QuarantineEntry::new(id, QuarantineReason::InjectionDetected, severity, now, about)
        .with_rules(report.rules())
}

fn full(_: QuarantineError) -> ApiError {
    ApiError::new(ApiErrorCode::RateLimited, "too many messages are held")
}

fn queue_full(rule: &str) -> ApiError {
    ApiError::new(ApiErrorCode::read("queue_full"), rule)
}

const fn status(status: QuarantineStatus) -> ReviewStatus {
    match status {
        QuarantineStatus::Pending => ReviewStatus::Pending,
        QuarantineStatus::Approved => ReviewStatus::Approved,
        QuarantineStatus::Rejected => ReviewStatus::Rejected,
        QuarantineStatus::Expired => ReviewStatus::Expired,
    }
}

fn refused(error: QuarantineError) -> ApiError {
    ApiError::new(ApiErrorCode::read(error.code()), &error.to_string())
}
