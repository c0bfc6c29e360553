//! The way from connections to the thread that owns the provider (provider API).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::mpsc::Sender;

use amp_core::connection::{CheckedFile, FileRefusal};
use amp_core::envelope::AttachmentId;
use amp_core::federation::Learned;
use amp_core::provider::{Call, ExpectedFile, Performed, ServedFile, SocketId, Ticket};
use amp_core::wire::{AnswerParts, ApiError, ApiErrorCode};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::line::Line;

/// How long a caller waits at most: a request for messages waits for 30 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// What comes in.
pub(super) enum Input {
    Called { ticket: Ticket, call: Box<Call>, answer: oneshot::Sender<AnswerParts> },
    CallDropped(Ticket),
    SocketOpened { socket: SocketId, line: Line },
    SocketSaid { socket: SocketId, frame: Vec<u8>, room: Option<OwnedSemaphorePermit> },
    SocketAlive(SocketId),
    SocketClosed(SocketId),
    Performed(Performed),
    Learned(Box<Learned>),
    FileWanted { id: AttachmentId, token: String, answer: oneshot::Sender<Option<ExpectedFile>> },
    FileReceived { ticket: Ticket, file: Box<ReceivedFile>, answer: oneshot::Sender<AnswerParts> },
    FileAsked { id: AttachmentId, token: String, answer: oneshot::Sender<Option<ServedFile>> },
    Restart(oneshot::Sender<bool>),
    Stop(oneshot::Sender<()>),
}

/// A file that was put at its upload URL, and what its check said.
pub(super) struct ReceivedFile {
    pub(super) id: AttachmentId,
    pub(super) token: String,
    pub(super) checked: Result<CheckedFile, FileRefusal>,
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Handle {
    inputs: Sender<Input>,
    numbers: Arc<AtomicU64>,
}

impl Handle {
    pub(super) fn new(inputs: Sender<Input>) -> Self {
        Self { inputs, numbers: Arc::default() }
    }

    /// A number that no socket and no call had before.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the thread something. When it is gone, so is whatever this is about.
    pub(super) fn tell(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// Asks the thread for something.
    pub(super) async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.tell(input(answer));
        tokio::time::timeout(ANSWER_WITHIN, answered).await.ok()?.ok()
    }

    /// What the provider answers to a call. When the caller is gone before, the provider learns of it.
    pub(super) async fn call(&self, call: Call) -> AnswerParts {
        let ticket = Ticket(self.number());
        let call = Box::new(call.with_ticket(ticket));
        let mut waiting = Waiting { handle: self, ticket: Some(ticket) };
        let answer = self.ask(|answer| Input::Called { ticket, call, answer }).await;
        if answer.is_some() {
            waiting.ticket = None;
        }
        answer.unwrap_or_else(not_carried_out)
    }
}

/// A call that waits for its answer.
struct Waiting<'h> {
    handle: &'h Handle,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.handle.tell(Input::CallDropped(ticket));
        }
    }
}

/// What is answered to a call whose decision was not stored.
pub(super) fn not_carried_out() -> AnswerParts {
    ApiError::new(ApiErrorCode::InternalError, "the request was not carried out").to_parts()
}
