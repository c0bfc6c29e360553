//! What is stored and waits for the program (delivery).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::sync::{Mutex, PoisonError};

use amp_core::envelope::StoredMessage;
use amp_core::receive::Received;
use futures_util::task::AtomicWaker;

use crate::store::MessageKey;

/// Messages that are kept whole; of those behind them, only what names them is.
const WHOLE_MAX: usize = 32;
const WHOLE_BYTES_MAX: usize = 1024 * 1024;
/// Messages that may wait altogether.
const WAITING_MAX: usize = 65_536;

/// What names a stored message that waits.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) key: MessageKey,
    /// Whether a program may have had it before.
    pub(crate) is_again: bool,
}

/// A stored message on its way to the program.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// It has just been received.
    Received(MessageKey, Box<Received>),
    /// It is read from the store when its turn comes.
    Stored(Stored),
    /// It was stored by a process that ended before its program had had it, or may have had it.
    Abandoned(Box<StoredMessage>),
}

impl Waiting {
    pub(crate) fn as_stored(&self) -> Stored {
        match self {
            Self::Received(key, _) => Stored::new(key.clone()),
            Self::Stored(stored) => stored.clone(),
            Self::Abandoned(stored) => Stored { key: MessageKey::of(stored.message()), is_again: true },
        }
    }
}

impl Stored {
    pub(crate) const fn new(key: MessageKey) -> Self {
        Self { key, is_again: false }
    }
}

/// The messages that are stored and wait for the program, oldest first.
#[derive(Default)]
pub(crate) struct Ready {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    is_taken: AtomicBool,
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Waiting, usize)>,
    whole: usize,
    bytes: usize,
}

impl Ready {
    /// Whether there is room for one more. Without it, nothing more is taken in, and the provider keeps it.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().waiting.len() < WAITING_MAX
    }

    /// Whether so few wait that more may be fetched from the store.
    pub(crate) fn is_short(&self) -> bool {
        self.lock().waiting.len() < WHOLE_MAX
    }

    /// Adds a message, which is stored, and has so many bytes.
    pub(crate) fn push(&self, waiting: Waiting, bytes: usize) {
        self.lock().push(waiting, bytes);
        self.waker.wake();
    }

    /// Takes the oldest message out. None when handing out was ended.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<Waiting>> {
        self.waker.register(cx.waker());
        if self.is_closed.load(Ordering::Acquire) {
            return Poll::Ready(None);
        }
        self.lock().pop().map_or(Poll::Pending, |waiting| Poll::Ready(Some(waiting)))
    }

    /// Puts a message back that the program did not get, to come first.
    pub(crate) fn put_back(&self, stored: Stored) {
        self.lock().waiting.push_front((Waiting::Stored(stored), 0));
        self.waker.wake();
    }

    /// Begins to hand out. False when somebody does so already.
    pub(crate) fn take(&self) -> bool {
        let is_free = !self.is_taken.swap(true, Ordering::AcqRel);
        if is_free {
            self.is_closed.store(false, Ordering::Release);
        }
        is_free
    }

    /// Somebody else may hand out.
    pub(crate) fn give_back(&self) {
        self.is_taken.store(false, Ordering::Release);
    }

    /// Nothing more is handed out until somebody begins anew: whoever waits is told.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, waiting: Waiting, bytes: usize) {
        let is_whole = !matches!(waiting, Waiting::Stored(_));
        let fits = self.whole < WHOLE_MAX && self.bytes.saturating_add(bytes) <= WHOLE_BYTES_MAX;
        // An abandoned message was given out whole, and is marked as such until the program has it.
        if is_whole && (fits || matches!(waiting, Waiting::Abandoned(_))) {
            self.whole = self.whole.saturating_add(1);
            self.bytes = self.bytes.saturating_add(bytes);
            self.waiting.push_back((waiting, bytes));
        } else {
            self.waiting.push_back((Waiting::Stored(waiting.as_stored()), 0));
        }
    }

    fn pop(&mut self) -> Option<Waiting> {
        let (waiting, bytes) = self.waiting.pop_front()?;
        if !matches!(waiting, Waiting::Stored(_)) {
            self.whole = self.whole.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        Some(waiting)
    }
}
