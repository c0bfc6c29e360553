//! What the host does once a decision is stored (provider API, WebSocket; delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::Address;
use amp_envelope::{AttachmentId, MessageId, QuarantineId, Timestamp};

use super::body::{self, BodyError};
use super::forwarding::{ForwardOutcome, Forwarding};
use super::handing_on::HandingOn;
use super::number::{AgentNumber, MessageNumber, SocketId, Ticket};
use super::reply::Reply;
use super::webhook::WebhookPost;
use crate::federation::{FederationEvent, LookUp};
use crate::guards::{LoopReport, RiskLevel};
use crate::webhook::PostOutcome;
use crate::wire::{FrameShape, MessageFrame, ServerFrame};

/// Something that the host does, after the effects of its decision are stored and the decision is committed.
///
/// An action that is lost, because the host stopped, loses no message: whatever was to be handed over is in the queue.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Writes a text frame to a socket.
    SendFrame {
        /// The socket.
        socket: SocketId,
        /// The frame's text.
        text: String,
    },
    /// Writes a message to a socket, and tells [`Provider::performed`](super::Provider::performed) how that went.
    PushMessage(Push),
    /// Posts a message to a webhook, and tells [`Provider::performed`](super::Provider::performed) how that went.
    PostWebhook(Box<WebhookPost>),
    /// Asks about another provider, and tells [`Provider::learned`](super::Provider::learned) the answer.
    LookUp(Box<LookUp>),
    /// Posts a message to another provider, and tells [`Provider::performed`](super::Provider::performed) how that went.
    Forward(Box<Forwarding>),
    /// Hands a message on to another host of this provider, and tells [`Provider::performed`](super::Provider::performed)
    /// how that went.
    HandOn(Box<HandingOn>),
    /// Writes a note on a forward to the host's records.
    Note(Box<FederationEvent>),
    /// Closes a socket.
    CloseSocket {
        /// The socket.
        socket: SocketId,
        /// The close code, 1000 to 4999.
        code: u16,
    },
    /// Checks the file of an attachment, and tells
    /// [`Provider::attachment_checked`](super::Provider::attachment_checked) what came out.
    CheckFile {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// Tells whoever looks after the provider and its agents.
    Notify(Notice),
    /// Answers a request that waits.
    Answer {
        /// The request.
        ticket: Ticket,
        /// Its answer; never [`Reply::Later`].
        reply: Box<Reply>,
    },
}

/// Something that a person should know. Nothing has to be done for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An agent's risk became graver. At [`RiskLevel::Critical`] it is suspended as well.
    RiskRaised {
        /// The agent.
        agent: AgentNumber,
        /// Its level now.
        level: RiskLevel,
    },
    /// A message is held for review. Its recipient is told that something is held: the host passes that on.
    MessageHeld {
        /// Whom it is for; none when it was to be forwarded.
        recipient: Option<AgentNumber>,
        /// The entry.
        id: QuarantineId,
    },
    /// A conversation went round in circles, and was stopped.
    LoopStopped {
        /// Who sent the message that was stopped.
        sender: Address,
        /// Whom it was for.
        recipient: Address,
        /// Until when.
        until: Timestamp,
        /// Why.
        report: LoopReport,
    },
}

/// A message for a socket: which one, and as what.
///
/// ```
/// # use amp_core::provider::{Action, BodyError, MessageNumber, Performed};
/// # fn body_of(number: MessageNumber) -> Vec<u8> { Vec::new() }
/// # fn write_frame(text: &str) -> bool { true }
/// fn perform(action: &Action) -> Result<Option<Performed>, BodyError> {
///     let Action::PushMessage(push) = action else { return Ok(None) };
///     let frame = push.frame(&body_of(push.message()))?; // from the host's store
///     Ok(Some(if write_frame(&frame) { push.written() } else { push.failed() }))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub(super) socket: SocketId,
    pub(super) agent: AgentNumber,
    pub(super) message: MessageNumber,
    pub(super) id: MessageId,
    pub(super) replay: bool,
    pub(super) shape: FrameShape,
}

impl Push {
    /// The socket.
    #[must_use]
    pub const fn socket(&self) -> SocketId {
        self.socket
    }

    /// The message whose body is wanted.
    #[must_use]
    pub const fn message(&self) -> MessageNumber {
        self.message
    }

    /// Whether the message lay in the queue before.
    #[must_use]
    pub const fn is_replay(&self) -> bool {
        self.replay
    }

    /// The text of the frame, made of the body that the host keeps.
    ///
    /// # Errors
    /// When the body is not the one that was stored: tell [`failed`](Self::failed) then. The message stays in the queue.
    pub fn frame(&self, body: &[u8]) -> Result<String, BodyError> {
        let (message, key) = body::read(self.message, &self.id, body)?;
        let mut frame = MessageFrame::new(self.id.clone(), message);
        frame.replay = self.replay;
        frame.sender_public_key = key;
        Ok(ServerFrame::MessageNew(frame).encode(self.shape))
    }

    /// The frame was written to the socket, whole.
    #[must_use]
    pub const fn written(&self) -> Performed {
        Performed { kind: PerformedKind::Pushed { agent: self.agent, message: self.message } }
    }

    /// The frame was not written, or nobody knows.
    #[must_use]
    pub const fn failed(&self) -> Performed {
        let (agent, message) = (self.agent, self.message);
        Performed { kind: PerformedKind::PushFailed { agent, message, is_new: !self.replay } }
    }
}

/// How an action went: what the methods of the action give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Performed {
    pub(super) kind: PerformedKind,
}

/// Which action, and how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PerformedKind {
    /// A message was written to a socket.
    Pushed { agent: AgentNumber, message: MessageNumber },
    /// A message was not written to a socket, or nobody knows.
    PushFailed { agent: AgentNumber, message: MessageNumber, is_new: bool },
    /// A message was posted to another provider, or was not.
    Forwarded { message: MessageNumber, attempt: u8, outcome: ForwardOutcome },
    /// A message was posted to a webhook, or was not.
    Posted { agent: AgentNumber, message: MessageNumber, attempt: u8, outcome: PostOutcome },
}
