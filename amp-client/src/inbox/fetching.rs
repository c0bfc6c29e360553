//! One look at everything that waits, for programs that run and end (delivery, pick-up; local mailbox).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use amp_core::envelope::MessageId;
use amp_core::receive::{Refusal, Via};
use amp_core::wire::{CarriedKey, GetPending, Pending, PendingMessage};
use sha2::{Digest as _, Sha256};

use crate::client::Client;
use crate::error::Error;
use crate::receiving::{Incoming, TakenIn};
use crate::store::MessageKey;

/// How many messages are asked for at once, beside those that stay.
const PAGE: usize = 50;
/// Most pages of one look: a queue has 1,000 messages.
const PAGES_MAX: usize = 100;
/// The most that can be asked for.
const LIMIT_MAX: usize = 1_000;
/// How many messages of other programs are looked at in one go.
const FOREIGN_MAX: usize = 1_000;

/// What came of one look at everything that waits: see [`Client::fetch`].
#[derive(Debug, Default)]
pub struct Fetched {
    delivered: Vec<MessageKey>,
    untrusted: usize,
    held: usize,
    refused: Vec<(Option<MessageId>, Refusal)>,
    put_off: usize,
}

/// What was seen in a queue. Two entries may have one id: what they say decides whether they are one.
#[derive(Default)]
struct Seen(BTreeMap<MessageId, BTreeSet<[u8; 32]>>);

impl Seen {
    fn is_new(&mut self, id: &MessageId, bytes: &[u8]) -> bool {
        self.0.entry(id.clone()).or_default().insert(Sha256::digest(bytes).into())
    }
}

impl Fetched {
    /// The messages that are in the store now, unread, in the order in which they came.
    #[must_use]
    pub fn delivered(&self) -> &[MessageKey] {
        &self.delivered
    }

    /// How many messages were stored that nothing vouches for, because the host wants to see such messages.
    #[must_use]
    pub const fn untrusted(&self) -> usize {
        self.untrusted
    }

    /// How many messages are held until a person has decided: see [`Client::held`].
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Messages that were refused, with the id under which the provider had them, if they came from there.
    #[must_use]
    pub fn refused(&self) -> &[(Option<MessageId>, Refusal)] {
        &self.refused
    }

    /// How many messages could not be decided about, because their senders' keys could not be asked for. They stay where
    /// they are.
    #[must_use]
    pub const fn put_off(&self) -> usize {
        self.put_off
    }

    fn add(&mut self, taken: TakenIn, id: Option<MessageId>) {
        let count = |number: &mut usize| *number = number.saturating_add(1);
        match taken {
            TakenIn::Delivered(key) => self.delivered.push(key),
            TakenIn::Untrusted(_) => count(&mut self.untrusted),
            TakenIn::Held(_) => count(&mut self.held),
            TakenIn::Refused(refusal) | TakenIn::RefusedForNow(refusal) => self.refused.push((id, refusal)),
            TakenIn::PutOff(_) => count(&mut self.put_off),
            TakenIn::Duplicate => {}
        }
    }
}

impl Client {
    /// Takes in everything that waits, once: what other programs put into the store, and the queue of each registration.
    ///
    /// Nothing is handed out: the messages are in the [store](Self::store), unread, and come out of the client's next
    /// [`Inbox`](crate::Inbox), or of that of the next process. They are stored before they are acknowledged.
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
    /// let fetched = bob.fetch().await?;
    /// assert_eq!(fetched.delivered().len(), 1);
    /// assert_eq!(bob.store().unread().await?, 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "loopback"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// When the store fails, or a provider cannot be asked. What was taken in until then stays taken in.
    pub async fn fetch(&self) -> Result<Fetched, Error> {
        let mut fetched = self.take_in_local().await?;
        for registration in self.registrations() {
            self.at_registration(&registration)?.pick_up(&mut fetched).await?;
        }
        Ok(fetched)
    }

    /// Takes in what other programs put into the store, once. Nothing is asked for over the network but senders' keys.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn take_in_local(&self) -> Result<Fetched, Error> {
        let (mut fetched, mut seen) = (Fetched::default(), BTreeSet::new());
        loop {
            let foreign = self.shared().store.foreign(FOREIGN_MAX).await?;
            let is_new = |name: &str| !seen.contains(name);
            let fresh: Vec<_> = foreign.into_iter().filter(|message| is_new(&message.name)).collect();
            if fresh.is_empty() {
                return Ok(fetched);
            }
            for message in fresh {
                seen.insert(message.name.clone());
                let taken = self.shared().receiving.take_in(Incoming::foreign(message)).await?;
                fetched.add(taken, None);
            }
        }
    }

    /// Picks the queue of this registration up to its end.
    async fn pick_up(&self, fetched: &mut Fetched) -> Result<(), Error> {
        let mut seen = Seen::default();
        let mut staying = 0_usize;
        for _ in 0..PAGES_MAX {
            // What stays stands before everything new.
            let limit = PAGE.saturating_add(staying).min(LIMIT_MAX);
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            let page = self.call(&GetPending::new().with_limit(limit)).await?;
            let has_more = page.remaining != Some(0);
            let (news, done) = self.take_in_page(page, &mut seen, fetched).await?;
            staying = staying.saturating_add(news.saturating_sub(done.len()));
            self.acknowledge_all(&done).await?;
            if news == 0 || !has_more {
                break;
            }
        }
        Ok(())
    }

    /// How many entries of a page were not seen before, and which the provider may forget.
    async fn take_in_page(
        &self,
        page: Pending,
        seen: &mut Seen,
        fetched: &mut Fetched,
    ) -> Result<(usize, Vec<MessageId>), Error> {
        let (mut news, mut done) = (0_usize, Vec::new());
        for message in page.messages {
            if !seen.is_new(&message.id, message.message.as_bytes()) {
                continue;
            }
            news = news.saturating_add(1);
            let id = message.id.clone();
            let taken = self.shared().receiving.take_in(incoming(message)).await?;
            if taken.may_be_acknowledged() {
                done.push(id.clone());
            }
            fetched.add(taken, Some(id));
        }
        for id in page.unreadable.into_iter().filter_map(|entry| entry.id) {
            if seen.is_new(&id, &[]) {
                news = news.saturating_add(1);
                done.push(id);
            }
        }
        Ok((news, done))
    }

    /// One by one, where batches are not understood.
    async fn acknowledge_all(&self, ids: &[MessageId]) -> Result<(), Error> {
        let Err(error) = self.acknowledge(ids).await else { return Ok(()) };
        if !error.api().is_some_and(|api| matches!(api.status, 400 | 404 | 405 | 501)) {
            return Err(error);
        }
        for id in ids {
            self.acknowledge(core::slice::from_ref(id)).await?;
        }
        Ok(())
    }
}

fn incoming(message: PendingMessage) -> Incoming {
    let via = message.queued_at.map_or(Via::Store, |queued_at| Via::Relay { queued_at });
    let carried = message.sender_public_key.as_ref().and_then(CarriedKey::key);
    Incoming { bytes: message.message.into_bytes(), via, carried, about: None }
}
