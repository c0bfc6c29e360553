//! What arrives, as a stream: pushed, picked up, posted and found in the mailbox, each message once, stored before it is
//! acknowledged (delivery).

mod driver;
mod event;
mod fetching;
mod handling;
mod held;
mod lane;
mod settings;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use amp_core::receive::Received;
use futures_core::Stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use event::{InboxEvent, InboxEvents};
pub use fetching::Fetched;
pub use handling::Reply;
pub use settings::InboxSettings;

use self::driver::{Driver, Order};
use self::event::EventQueue;
use crate::client::{Client, Shared};
use crate::error::{Error, ErrorKind};
use crate::receiving::{Stored, Turn, Waiting};
use crate::store::MessageKey;

/// How long a shutdown waits for acknowledgements to be sent.
const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(15);
/// How long a program waits for a store that fails before it is told once more.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What arrives for a client: a stream of received messages, each of them verified, judged and stored.
///
/// It merges what is pushed over a socket, what waits in the provider's queue, what webhooks bring and what other
/// programs put into a shared mailbox. A message that comes on two of these ways is handed out once. The provider is told
/// to forget a message when the store has it, and not before: neither a crash nor a slow program loses any.
///
/// # What counts as had
///
/// A message counts as had when the program asks for the next one, when the handler of [`handle`](Self::handle) has
/// returned `Ok`, or when the inbox is [shut down](Self::shut_down). What was handed out and does not count as had when the
/// process ends is handed out again by the next one: [`last_was_redelivered`](Self::last_was_redelivered) tells. Programs
/// whose deeds must not happen twice note the message's id with the deed.
///
/// # When the program is slow
///
/// Messages are stored and acknowledged all the same, and wait in the store; in memory, 1 MiB of them at most. When
/// 65,536 wait, the rest is left with the provider.
///
/// # What ends it
///
/// Dropping it closes the connections at once; what was stored and not handed out comes with the next inbox of the client.
/// A client has one inbox at a time.
///
/// ```
/// # #[cfg(feature = "loopback")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use amp_client::{Client, Draft, Loopback};
///
/// let provider = Loopback::start().await?;
/// let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
/// let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
/// let mut inbox = bob.inbox().await?;
/// alice.send(Draft::request(bob.address(), "Hello", "Are you there?")).await?;
///
/// if let Some(received) = inbox.next().await {
///     let received = received?;
///     println!("{} [{}] {}", received.from(), received.trust(), received.for_prompt());
///     bob.send(received.reply("Yes.")).await?;
/// }
/// inbox.shut_down().await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "loopback"))]
/// # fn main() {}
/// ```
pub struct Inbox {
    client: Client,
    settings: InboxSettings,
    events: Arc<EventQueue>,
    order: watch::Sender<Order>,
    driver: JoinHandle<()>,
    /// The message that the program has, and that does not count as had.
    in_hand: Option<MessageKey>,
    step: Option<Step>,
    was_redelivered: bool,
}

/// What has to be done before the next message can be handed out.
enum Step {
    /// The store notes that the program has had one.
    Marking(Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>),
    /// A stored message is read and judged again; what names it, so that it is not lost.
    Turning(Stored, Pin<Box<dyn Future<Output = Result<Turn, Error>> + Send>>),
}

impl Client {
    /// Begins to receive, at all registrations of the agent: what waits and what comes.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when the client has an inbox already; [`ErrorKind::Store`] when its store cannot be read.
    pub async fn inbox(&self) -> Result<Inbox, Error> {
        self.inbox_with(InboxSettings::new()).await
    }

    /// Begins to receive, as the settings say.
    ///
    /// # Errors
    /// As [`inbox`](Self::inbox).
    pub async fn inbox_with(&self, settings: InboxSettings) -> Result<Inbox, Error> {
        Inbox::open(self.clone(), settings).await
    }
}

impl Inbox {
    /// Begins to look for messages.
    pub(crate) async fn open(client: Client, settings: InboxSettings) -> Result<Self, Error> {
        let shared = Arc::clone(client.shared());
        if !shared.receiving.ready().take() {
            return Err(Error::new(ErrorKind::Setup, "opening a second inbox of a client"));
        }
        let events = Arc::new(EventQueue::default());
        let (order, orders) = watch::channel(Order::default());
        let driver = Driver::new(Arc::clone(&shared), settings.clone(), Arc::clone(&events), orders);
        let driver = tokio::spawn(driver.run());
        let (in_hand, step, was_redelivered) = (None, None, false);
        let inbox = Self { client, settings, events, order, driver, in_hand, step, was_redelivered };
        // A store that cannot be read is told at once.
        shared.receiving.prepare().await?;
        Ok(inbox)
    }

    /// The next message. None when the inbox was told to stop.
    ///
    /// The one before counts as had. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the store fails. Asking again makes sense.
    pub async fn next(&mut self) -> Option<Result<Received, Error>> {
        core::future::poll_fn(|cx| self.poll(cx)).await
    }

    /// Whether the last message may have been handed out before, by a process that ended before it counted as had.
    #[must_use]
    pub const fn last_was_redelivered(&self) -> bool {
        self.was_redelivered
    }

    /// What happens beside the messages: connections, refusals, receipts. Events from before the call are not told.
    #[must_use]
    pub fn events(&self) -> InboxEvents {
        InboxEvents::new(&self.events)
    }

    /// Looks at the queue and into the store soon, whatever the intervals say.
    pub fn look_now(&self) {
        self.order.send_modify(|order| order.looks = order.looks.wrapping_add(1));
    }

    /// Something that stops this inbox from elsewhere.
    #[must_use]
    pub fn stopper(&self) -> InboxStopper {
        InboxStopper { order: self.order.clone() }
    }

    /// Ends the inbox in good order: the last message counts as had, what is stored is acknowledged, and the sockets are
    /// closed. Messages that were stored and not handed out come with the next inbox.
    ///
    /// It takes 15 seconds at most. What could not be acknowledged by then comes again, and is recognized.
    ///
    /// # Errors
    /// When the store cannot note that the last message was had.
    pub async fn shut_down(mut self) -> Result<(), Error> {
        self.stopper().stop();
        let marked = match (self.step.take(), self.in_hand.take()) {
            (Some(Step::Marking(marking)), _) => marking.await,
            (Some(Step::Turning(stored, _)), _) => {
                self.client.shared().receiving.ready().put_back(stored);
                Ok(())
            }
            (None, Some(key)) => self.mark(key).await,
            (None, None) => Ok(()),
        };
        let _ = tokio::time::timeout(SHUT_DOWN_WITHIN, &mut self.driver).await;
        marked
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        loop {
            if let Some(outcome) = ready!(self.poll_step(cx)) {
                return Poll::Ready(Some(outcome));
            }
            if self.step.is_some() {
                continue;
            }
            if let Some(key) = self.in_hand.take() {
                self.step = Some(Step::Marking(self.mark(key)));
                continue;
            }
            let Some(waiting) = ready!(self.client.shared().receiving.ready().poll(cx)) else {
                return Poll::Ready(None);
            };
            let stored = waiting.as_stored();
            if let Waiting::Received(_, received) = waiting {
                return Poll::Ready(Some(Ok(self.hand_out(stored, *received))));
            }
            let shared = Arc::clone(self.client.shared());
            self.step = Some(Step::Turning(stored, Box::pin(async move { turn(&shared, waiting).await })));
        }
    }

    /// Goes on with what has to be done first. An outcome if that gives one.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        let Some(step) = &mut self.step else { return Poll::Ready(None) };
        match step {
            Step::Marking(marking) => {
                let marked = ready!(marking.as_mut().poll(cx));
                self.step = None;
                Poll::Ready(marked.err().map(Err))
            }
            Step::Turning(stored, turning) => {
                let turned = ready!(turning.as_mut().poll(cx));
                let stored = stored.clone();
                self.step = None;
                Poll::Ready(self.turned(stored, turned))
            }
        }
    }

    /// What comes of a stored message that was read again.
    fn turned(&mut self, stored: Stored, turned: Result<Turn, Error>) -> Option<Result<Received, Error>> {
        match turned {
            Ok(Turn::Received(received)) => Some(Ok(self.hand_out(stored, *received))),
            Ok(Turn::Gone(refusal)) => {
                if let Some(refusal) = refusal {
                    let id = Some(stored.key.id().clone());
                    self.events.push(InboxEvent::Refused { id, refusal, is_final: true });
                }
                self.step = Some(Step::Marking(self.mark(stored.key)));
                None
            }
            Err(error) => {
                self.client.shared().receiving.ready().put_back(stored);
                Some(Err(error))
            }
        }
    }

    fn hand_out(&mut self, stored: Stored, received: Received) -> Received {
        self.in_hand = Some(stored.key);
        self.was_redelivered = stored.is_again;
        received
    }

    fn mark(&self, key: MessageKey) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> {
        let shared = Arc::clone(self.client.shared());
        Box::pin(async move { Ok(shared.store.handed_out(&key).await?) })
    }
}

/// Reads a stored message. A store that fails is not asked again at once.
async fn turn(shared: &Shared, waiting: Waiting) -> Result<Turn, Error> {
    let turned = shared.receiving.turn(waiting).await;
    if turned.is_err() {
        tokio::time::sleep(STORE_PAUSE).await;
    }
    turned
}

impl Stream for Inbox {
    type Item = Result<Received, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.driver.abort();
        self.events.close();
        let ready = self.client.shared().receiving.ready();
        if let Some(Step::Turning(stored, _)) = self.step.take() {
            ready.put_back(stored);
        }
        ready.give_back();
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Stops an inbox from elsewhere: a signal handler, another task.
///
/// ```
/// # #[cfg(feature = "loopback")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use amp_client::{Client, Loopback};
/// # let provider = Loopback::start().await?;
/// # let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
/// let mut inbox = bob.inbox().await?;
/// let stopper = inbox.stopper();
/// tokio::spawn(async move { stopper.stop() });
/// assert!(inbox.next().await.is_none());
/// inbox.shut_down().await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "loopback"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct InboxStopper {
    order: watch::Sender<Order>,
}

impl InboxStopper {
    /// Takes nothing more in, acknowledges what is stored, and closes the sockets. The stream ends, and
    /// [`Inbox::handle`] returns when what it has in hand is done.
    pub fn stop(&self) {
        self.order.send_modify(|order| order.is_stop = true);
    }
}

impl fmt::Debug for InboxStopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboxStopper")
    }
}
