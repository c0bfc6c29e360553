//! What the agent sent, read again by its sender (local mailbox; sealed messages).

use amp_core::Message;
use amp_core::envelope::{Dialect, OpenedMessage, OpeningError, Payload, Unopened, Verified};

use super::Client;
use crate::error::{Error, ErrorKind};
use crate::store::{Folder, MessageKey};

/// A message from the folder of sent ones, which a key of the agent's own signed.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use amp_client::store::{Folder, Query};
/// use amp_client::{Client, Draft, Loopback, Outgoing};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// # let provider = Loopback::start().await?;
/// # let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
/// # let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
/// let draft = Draft::request(bob.address(), "Hello", "For your eyes only.");
/// alice.send(Outgoing::from(draft).sealed()).await?;
///
/// let listed = alice.store().list(&Query::new(Folder::Sent)).await?;
/// let sent = alice.read_sent(&listed.messages[0].key).await?.ok_or("it is there")?;
/// assert_eq!(sent.verified().payload().text(), "This message is sealed end to end.");
/// assert_eq!(sent.payload().text(), "For your eyes only.");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SentMessage {
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Plain(Verified<Message>),
    Opened(OpenedMessage),
    Unopened(Unopened),
}

impl SentMessage {
    /// The message as it travelled.
    #[must_use]
    pub fn verified(&self) -> &Verified<Message> {
        match &self.content {
            Content::Plain(message) => message,
            Content::Opened(opened) => opened.verified(),
            Content::Unopened(unopened) => unopened.verified(),
        }
    }

    /// What was written: of a sealed message, what is inside. If that is [not open](Self::is_readable), what everybody can read.
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        match &self.content {
            Content::Opened(opened) => opened.payload(),
            _ => self.verified().payload(),
        }
    }

    /// What was inside a sealed message, with its files.
    #[must_use]
    pub const fn opened(&self) -> Option<&OpenedMessage> {
        match &self.content {
            Content::Opened(opened) => Some(opened),
            _ => None,
        }
    }

    /// Whether it was sealed.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        !matches!(self.content, Content::Plain(_))
    }

    /// Whether [`payload`](Self::payload) is what was written. Of a sealed message it is when the secret lies beside it that was
    /// kept when it was sent.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        !matches!(self.content, Content::Unopened(_))
    }
}

impl Client {
    /// Reads a message from the folder of sent ones, and opens it if it was sealed. None when there is no such message.
    ///
    /// # Errors
    /// [`ErrorKind::Message`] when none of the agent's keys signed it, neither one in force nor a former one that is still kept:
    /// the folder is shared, and whoever put it there is not known; [`ErrorKind::Store`].
    pub async fn read_sent(&self, key: &MessageKey) -> Result<Option<SentMessage>, Error> {
        let Some(stored) = self.shared.store.get(Folder::Sent, key).await? else { return Ok(None) };
        let mut identities = self.shared.account.opening_identities().await?.into_iter();
        let message = stored.message();
        let verified = identities.find_map(|(identity, _)| {
            message.clone().verify_with(identity.verifying_key(), &Dialect::ALL).ok()
        });
        let Some(verified) = verified else {
            return Err(Error::new(
                ErrorKind::Message,
                "reading a sent message: no key of the agent's signed it",
            ));
        };
        let opened = match stored.sealed_secret() {
            Some(secret) => verified.open_with_secret(secret),
            None => verified.open(&amp_core::envelope::OpeningKeys::new(), crate::clock::now()),
        };
        let content = match opened {
            Ok(opened) => Content::Opened(opened),
            Err(unopened) if *unopened.error() == OpeningError::NotSealed => {
                Content::Plain(unopened.into_verified())
            }
            Err(unopened) => Content::Unopened(unopened),
        };
        Ok(Some(SentMessage { content }))
    }
}
