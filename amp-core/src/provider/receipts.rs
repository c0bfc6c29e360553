//! What a sender is told of its message later: that it was delivered, that it was read (delivery, receipts).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_envelope::{MessageId, Timestamp};

use super::action::Action;
use super::decision::Plan;
use super::effect::{Effect, Way};
use super::engine::Provider;
use super::mail::Entry;
use super::number::AgentNumber;
use super::reply::Reply;
use crate::wire::{
    Answer as _, ApiError, ApiErrorCode, DeliveredFrame, MarkRead, ReadFrame, ReadReceipt, ReceiptOutcome,
    ServerFrame,
};

impl Provider {
    /// Tells the sender that its message was delivered, if it asked for that and is connected.
    pub(super) fn tell_delivered(
        &self,
        agent: AgentNumber,
        entry: &Entry,
        way: Way,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let Some(sender) = entry.sender.filter(|_| entry.receipt) else { return };
        let mut frame = DeliveredFrame::new(entry.id.clone());
        frame.to = self.state.agents.get(agent).map(|agent| agent.record.address.clone());
        frame.delivered_at = Some(now);
        frame.method = Some(super::routed::method(way));
        frame.basis = super::routed::basis(way);
        self.send_to_all(sender, &ServerFrame::MessageDelivered(frame), plan);
    }

    /// Tells the true sender of a message that it was read. That acknowledges nothing.
    pub(super) fn mark_read(
        &self,
        request: &MarkRead,
        caller: AgentNumber,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Result<Reply, ApiError> {
        let unknown = || ApiError::new(ApiErrorCode::NotFound, "no such message came").with_field("id");
        let queue = self.state.mail.queue(caller).ok_or_else(unknown)?;
        let (sender, was_read) = queue.sender_of(&request.id).ok_or_else(unknown)?;
        let is_sent = match sender {
            Some(sender) if !was_read => self.tell_read(sender, &request.id, now, plan),
            _ => was_read,
        };
        if is_sent && !was_read {
            plan.effects.push(Effect::Read { agent: caller, id: request.id.clone(), at: now });
        }
        let outcome = if is_sent { ReceiptOutcome::Sent } else { ReceiptOutcome::NotSent };
        Ok(Reply::Now(ReadReceipt::new(outcome).to_parts()))
    }

    fn tell_read(&self, sender: AgentNumber, id: &MessageId, now: Timestamp, plan: &mut Plan) -> bool {
        let mut frame = ReadFrame::new(id.clone());
        frame.read_at = Some(now);
        self.send_to_all(sender, &ServerFrame::MessageRead(frame), plan)
    }

    /// Sends a frame to every socket of an agent; whether there is one.
    pub(super) fn send_to_all(&self, agent: AgentNumber, frame: &ServerFrame, plan: &mut Plan) -> bool {
        let text = frame.encode(self.settings.frame_shape);
        let before = plan.actions.len();
        let sockets = self.served_sockets(agent);
        plan.actions.extend(sockets.map(|socket| Action::SendFrame { socket, text: text.clone() }));
        plan.actions.len() > before
    }
}
