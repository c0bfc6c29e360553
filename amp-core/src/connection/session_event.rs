//! What happens on a session, for the host, and the bounded queue in which it waits (delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::VecDeque;

use amp_address::Address;
use amp_envelope::Timestamp;

use super::arrived::Arrived;
use super::closing::EndReason;
use crate::wire::{DeliveredFrame, ErrorFrame, OtherFrame, ReadFrame};

/// Most events that wait for the host.
const EVENTS_MAX: usize = 256;
/// Most bytes of messages that wait for the host, one message more not counted.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Something that happened on a session.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The provider accepted the key.
    Connected(Connected),
    /// A message was pushed. Nothing in it is verified: it is for the receiver, and the value for
    /// [`Session::acknowledge`](super::Session::acknowledge) once the host has stored what becomes of it.
    Message(Arrived),
    /// A message that was sent is delivered, as far as the frame's basis says.
    Delivered(DeliveredFrame),
    /// A message that was sent is read.
    Read(ReadFrame),
    /// The provider refuses something.
    Error(ErrorFrame),
    /// An attachment was scanned. Reserved.
    AttachmentScanned(OtherFrame),
    /// The connection ended, or none came about; the session will ask for another.
    Disconnected(Disconnected),
}

/// The provider accepted the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// As whom the provider addresses the agent.
    pub naming: Naming,
    /// How many messages wait in the queue, as the provider says. Nothing follows from it.
    pub pending_count: Option<u64>,
}

/// How the address that the provider states compares with the agent's own.
///
/// The agent's own stays what it is: it is signed, and deployed providers name agents with a scope by a shorter one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// It is the agent's own, or another name that the host gave for it.
    Own,
    /// It is the agent's own without the scope between name and tenant.
    Short(Address),
    /// The provider states none.
    Unstated,
}

impl Naming {
    /// None when the address is another agent's.
    pub(super) fn of(stated: Option<Address>, own: &Address, others: &[Address]) -> Option<Self> {
        let Some(stated) = stated else { return Some(Self::Unstated) };
        if stated == *own || others.contains(&stated) {
            return Some(Self::Own);
        }
        let cut = own.domain().strip_suffix(stated.domain()).unwrap_or_default();
        let is_short = stated.name() == own.name() && cut.ends_with('.');
        is_short.then_some(Self::Short(stated))
    }
}

/// The connection ended, or none came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnected {
    /// Why.
    pub reason: EndReason,
    /// When the session asks for another connection.
    pub retry_at: Timestamp,
}

/// Events that wait for the host, oldest first.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: VecDeque<SessionEvent>,
    bytes: usize,
}

impl Events {
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= EVENTS_MAX || self.bytes >= BYTES_MAX
    }

    pub(super) fn push(&mut self, event: SessionEvent) {
        self.bytes = self.bytes.saturating_add(weight(&event));
        self.waiting.push_back(event);
    }

    /// A host that does not look finds the last end only: with a full queue nothing else happens in between.
    pub(super) fn push_end(&mut self, end: Disconnected) {
        match self.waiting.back_mut() {
            Some(SessionEvent::Disconnected(last)) => *last = end,
            _ => self.waiting.push_back(SessionEvent::Disconnected(end)),
        }
    }

    pub(super) fn pop(&mut self) -> Option<SessionEvent> {
        let event = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(weight(&event));
        Some(event)
    }
}

fn weight(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Message(arrived) => arrived.bytes().len(),
        SessionEvent::AttachmentScanned(frame) => frame.as_json().len(),
        _ => 0,
    }
}
