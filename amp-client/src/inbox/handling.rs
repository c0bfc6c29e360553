//! Handling messages one by one, several at once, and replying (delivery).

use alloc::boxed::Box;
use core::future::Future;

use amp_core::Draft;
use amp_core::receive::Received;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Inbox;
use super::event::InboxEvent;
use crate::error::Error;
use crate::store::MessageKey;

/// What a handler wants sent back: nothing, or a draft that [`Received::reply`] began.
#[derive(Debug, Default)]
pub struct Reply {
    draft: Option<Box<Draft>>,
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<Draft> for Reply {
    fn from(draft: Draft) -> Self {
        Some(draft).into()
    }
}

impl From<Option<Draft>> for Reply {
    fn from(draft: Option<Draft>) -> Self {
        Self { draft: draft.map(Box::new) }
    }
}

/// What became of a message that a handler had.
struct Handled {
    key: MessageKey,
    outcome: Result<(), Option<Error>>,
}

impl Inbox {
    /// Gives each message to a handler, several at once ([`InboxSettings::concurrency`](super::InboxSettings::concurrency)),
    /// and sends what it replies. Returns when the inbox is told to stop ([`stopper`](Self::stopper)) and the handlers have
    /// ended.
    ///
    /// A message counts as had when its handler has returned `Ok` and its reply is sent. One whose handler returned an
    /// error comes again when the program is started anew; the error is the handler's to report
    /// ([`InboxEvent::NotHandled`] tells which message it was). Dropping the future drops the handlers: what they had comes
    /// again too.
    ///
    /// ```
    /// # #[cfg(feature = "loopback")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use amp_client::{Client, Draft, Loopback};
    /// # let provider = Loopback::start().await?;
    /// # let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
    /// # let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
    /// # alice.send(Draft::request(bob.address(), "Hello", "Are you there?")).await?;
    /// let mut inbox = bob.inbox().await?;
    /// let stopper = inbox.stopper();
    /// inbox
    ///     .handle(|received| {
    ///         let stopper = stopper.clone();
    ///         async move {
    ///             stopper.stop(); // one is enough here
    ///             Ok::<_, core::convert::Infallible>(received.reply("Yes."))
    ///         }
    ///     })
    ///     .await;
    /// inbox.shut_down().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "loopback"))]
    /// # fn main() {}
    /// ```
    pub async fn handle<H, F, R, E>(&mut self, mut handler: H)
    where
        H: FnMut(Received) -> F,
        F: Future<Output = Result<R, E>>,
        R: Into<Reply>,
    {
        let most = self.settings.concurrency.clamp(1, 1_024);
        let client = self.client.clone();
        let mut in_hand = FuturesUnordered::new();
        let mut is_open = true;
        while is_open || !in_hand.is_empty() {
            tokio::select! {
                Some(handled) = in_hand.next() => self.handled(handled).await,
                next = self.next(), if is_open && in_hand.len() < most => match next {
                    None => is_open = false,
                    Some(Err(error)) => self.failed(error),
                    Some(Ok(received)) => {
                        let Some(key) = self.in_hand.take() else { continue };
                        let handling = handler(received);
                        let client = client.clone();
                        in_hand.push(async move {
                            let outcome = match handling.await.map(|reply| reply.into().draft) {
                                Ok(None) => Ok(()),
                                Ok(Some(draft)) => client.send(*draft).await.map(drop).map_err(Some),
                                Err(_) => Err(None),
                            };
                            Handled { key, outcome }
                        });
                    }
                },
            }
        }
    }

    async fn handled(&self, handled: Handled) {
        let Handled { key, outcome } = handled;
        match outcome {
            Ok(()) => {
                if let Err(error) = self.mark(key).await {
                    self.failed(error);
                }
            }
            Err(error) => {
                tracing::warn!(id = %key.id(), "a message was not handled");
                self.events.push(InboxEvent::NotHandled { key, error });
            }
        }
    }

    fn failed(&self, error: Error) {
        tracing::warn!(%error, "inbox");
        self.events.push(InboxEvent::Failed(error));
    }
}
