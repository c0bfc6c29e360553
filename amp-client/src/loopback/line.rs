//! The way from the provider to a socket: how much may wait there (provider API, WebSocket).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use amp_core::provider::Push;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// What a socket is to do.
pub(super) enum Order {
    Frame(String),
    Push { push: Box<Push>, text: String },
    Close(u16),
}

impl Order {
    const fn bytes(&self) -> usize {
        match self {
            Self::Frame(text) | Self::Push { text, .. } => text.len(),
            Self::Close(_) => 0,
        }
    }
}

/// How many orders wait for a socket, and how many bytes: more than the provider replays at once. A socket that does not
/// keep up is closed.
const ORDERS_MAX: usize = 1_024;
const ORDERS_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The way to a socket.
pub(super) struct Line {
    orders: mpsc::Sender<Order>,
    bytes: Arc<AtomicUsize>,
}

/// The other end of it.
pub(super) struct LineEnd {
    orders: mpsc::Receiver<Order>,
    bytes: Arc<AtomicUsize>,
}

impl Line {
    pub(super) fn new() -> (Self, LineEnd) {
        let (sender, receiver) = mpsc::channel(ORDERS_MAX);
        let bytes = Arc::new(AtomicUsize::new(0));
        (Self { orders: sender, bytes: Arc::clone(&bytes) }, LineEnd { orders: receiver, bytes })
    }

    /// Gives the order back when there is no room for it, or nobody who follows it.
    pub(super) fn give(&self, order: Order) -> Result<(), Order> {
        let bytes = order.bytes();
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let given = if before.saturating_add(bytes) > ORDERS_MAX_BYTES {
            Err(order)
        } else {
            self.orders.try_send(order).map_err(TrySendError::into_inner)
        };
        if given.is_err() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        given
    }
}

impl LineEnd {
    /// The next order; none when the provider has no more for this socket.
    pub(super) async fn next(&mut self) -> Option<Order> {
        let order = self.orders.recv().await?;
        self.bytes.fetch_sub(order.bytes(), Ordering::Relaxed);
        Some(order)
    }

    /// The next order, if one is there.
    pub(super) fn next_now(&mut self) -> Option<Order> {
        let order = self.orders.try_recv().ok()?;
        self.bytes.fetch_sub(order.bytes(), Ordering::Relaxed);
        Some(order)
    }

    /// Takes no more orders.
    pub(super) fn close(&mut self) {
        self.orders.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_takes_nothing_is_given_four_mebibytes_and_no_more() {
        let (line, mut end) = Line::new();
        let order = || Order::Frame("x".repeat(64 * 1024));
        let given = (0..1_000).take_while(|_| line.give(order()).is_ok()).count();
        assert_eq!(given, 64);
        assert!(matches!(end.next_now(), Some(Order::Frame(_))));
        assert!(line.give(order()).is_ok());
        assert!(line.give(order()).is_err());
    }
}
