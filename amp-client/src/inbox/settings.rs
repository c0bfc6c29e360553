//! How an inbox looks for messages (delivery).

use core::time::Duration;

/// How an inbox looks for messages.
///
/// ```
/// use core::time::Duration;
/// use amp_client::InboxSettings;
///
/// // A program that may not keep sockets open looks every ten seconds, and lets the provider hold its requests.
/// let settings = InboxSettings::new().without_push().interval(Duration::from_secs(10));
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct InboxSettings {
    pub(super) push: bool,
    pub(super) poll: bool,
    pub(super) interval: Duration,
    pub(super) beside_push: Duration,
    pub(super) wait: Duration,
    pub(super) store_interval: Duration,
    pub(super) concurrency: usize,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl InboxSettings {
    /// Messages are pushed over a socket. Beside it, the queue is looked at every 30 seconds, and every 5 minutes where the
    /// provider pushes what comes. What other programs put into a shared mailbox is looked for every 2 seconds. At most
    /// 16 messages are handled at once.
    pub const fn new() -> Self {
        Self {
            push: true,
            poll: true,
            interval: Duration::from_secs(30),
            beside_push: Duration::from_secs(5 * 60),
            wait: Duration::from_secs(25),
            store_interval: Duration::from_secs(2),
            concurrency: 16,
        }
    }

    /// Opens no socket: messages are picked up from the queue. A provider that can holds each request until a message
    /// comes.
    pub const fn without_push(mut self) -> Self {
        self.push = false;
        self
    }

    /// Does not look at the queue: messages come over the socket, by webhook, or through the store. What is lost on the
    /// way there stays lost until somebody looks.
    pub const fn without_polling(mut self) -> Self {
        self.poll = false;
        self
    }

    /// The longest time between two looks at the queue: 1 second to 1 hour.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The longest time between two looks at the queue while a socket is open over which the provider pushes: 1 second to
    /// 1 hour.
    pub const fn interval_beside_push(mut self, interval: Duration) -> Self {
        self.beside_push = interval;
        self
    }

    /// For how long the provider may hold a request when there is no socket: up to 30 seconds, zero for not at all.
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// How often the store is asked for messages that other programs put into it, and for such as a process left that
    /// ended: 100 milliseconds to 1 hour.
    pub const fn store_interval(mut self, interval: Duration) -> Self {
        self.store_interval = interval;
        self
    }

    /// How many messages [`Inbox::handle`](super::Inbox::handle) has in hand at once: 1 to 1,024.
    pub const fn concurrency(mut self, messages: usize) -> Self {
        self.concurrency = messages;
        self
    }
}
