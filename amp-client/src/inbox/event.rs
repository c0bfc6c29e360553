//! What happens at an inbox beside the messages that it hands out (delivery).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::sync::{Mutex, PoisonError};

use amp_core::address::Address;
use amp_core::connection::{Disconnected, Oddity};
use amp_core::envelope::MessageId;
use amp_core::receive::{QuarantineEntry, Refusal, UntrustedMessage};
use amp_core::wire::{DeliveredFrame, ReadFrame};
use futures_core::Stream;
use futures_util::task::AtomicWaker;

use crate::error::Error;
use crate::store::MessageKey;

/// Events that wait for a program that is slow to look.
const EVENTS_MAX: usize = 256;

/// Something that happened at an inbox.
#[derive(Debug)]
#[non_exhaustive]
pub enum InboxEvent {
    /// The provider accepted the API key: messages are pushed from now on.
    Connected {
        /// The address at which.
        address: Address,
    },
    /// The connection ended, or none came about. It is tried again by itself.
    Disconnected {
        /// The address at which.
        address: Address,
        /// Why, and when it is tried again.
        disconnected: Disconnected,
    },
    /// A message was refused.
    Refused {
        /// The id under which the provider had it, if it came from there.
        id: Option<MessageId>,
        /// Why.
        refusal: Refusal,
        /// Whether that is final: the provider has been told to forget it. Else it may come again.
        is_final: bool,
    },
    /// A message is held until a person has decided.
    Held(Box<QuarantineEntry>),
    /// A message that nothing vouches for was stored, because the host wants to see such messages.
    Untrusted(Box<UntrustedMessage>),
    /// The queue held an entry that is no message. It was removed.
    Unreadable {
        /// The id that the provider gave it.
        id: MessageId,
    },
    /// A message that was sent is delivered, as far as the provider's word goes.
    Delivered(DeliveredFrame),
    /// A message that was sent is read, by the recipient's word.
    Read(ReadFrame),
    /// The provider refuses the API key, and no newer one is known. It is tried again every 5 minutes.
    Unauthorized {
        /// The address at which.
        address: Address,
    },
    /// The provider behaves as none should; what was done about it.
    Odd {
        /// The address at which.
        address: Address,
        /// What it does.
        oddity: Oddity,
    },
    /// Something failed, and is tried again: the store, the queue, or a look-up of a sender's key. Nothing is acknowledged
    /// meanwhile.
    Failed(Error),
    /// A handler returned an error, or its reply could not be sent: the message counts as not handed out.
    NotHandled {
        /// The message.
        key: MessageKey,
        /// Why its reply was not sent; none when the handler failed.
        error: Option<Error>,
    },
}

/// What happens at an inbox beside the messages that it hands out: a stream that ends with the inbox.
///
/// At most 256 events wait; of more, the oldest are lost. Messages are never lost with them.
#[derive(Debug)]
pub struct InboxEvents {
    queue: Arc<EventQueue>,
}

impl InboxEvents {
    pub(super) fn new(queue: &Arc<EventQueue>) -> Self {
        queue.is_wanted.store(true, Ordering::Release);
        Self { queue: Arc::clone(queue) }
    }

    /// The next event; none when the inbox is gone.
    pub async fn next(&mut self) -> Option<InboxEvent> {
        core::future::poll_fn(|cx| self.queue.poll(cx)).await
    }
}

impl Stream for InboxEvents {
    type Item = InboxEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<InboxEvent>> {
        self.queue.poll(cx)
    }
}

/// Events that wait for the program, if it wants any.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    events: Mutex<VecDeque<InboxEvent>>,
    waker: AtomicWaker,
    is_wanted: AtomicBool,
    is_closed: AtomicBool,
}

impl EventQueue {
    pub(super) fn push(&self, event: InboxEvent) {
        if !self.is_wanted.load(Ordering::Acquire) {
            return;
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(event);
        drop(events);
        self.waker.wake();
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<InboxEvent>> {
        self.waker.register(cx.waker());
        let event = self.events.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match event {
            Some(event) => Poll::Ready(Some(event)),
            None if self.is_closed.load(Ordering::Acquire) => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
