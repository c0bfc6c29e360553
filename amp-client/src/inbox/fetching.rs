//! Taking in what waits, once, for programs that look now and then instead of listening (delivery).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use amp_core::connection::{PickUp, PickUpEvent, PickUpSettings};
use amp_core::envelope::{MessageId, StoredMessage};
use amp_core::receive::Refusal;
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, Registration};
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::receiving::{Incoming, TakenIn};
use crate::store::MessageKey;

/// Messages of other programs that are looked at at once, and at most.
const FOREIGN: (usize, usize) = (100, 1_000);
/// Nothing is looked at twice.
const NEVER_AGAIN: Duration = Duration::from_secs(3_600);

/// What was taken in by [`Client::fetch`] or [`Client::take_in_local`].
#[derive(Debug, Default)]
pub struct Fetched {
    delivered: Vec<MessageKey>,
    held: usize,
    refused: Vec<(Option<MessageId>, Refusal)>,
    put_off: usize,
}

impl Fetched {
    /// The messages that are new in the store's inbox, in the order of their coming.
    #[must_use]
    pub fn delivered(&self) -> &[MessageKey] {
        &self.delivered
    }

    /// How many are held until a person has decided.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// What was refused, with the provider's ids where they came from one. Final refusals do not come again.
    #[must_use]
    pub fn refused(&self) -> &[(Option<MessageId>, Refusal)] {
        &self.refused
    }

    /// About how many nothing was decided, because their senders' keys could not be asked for. They come again.
    #[must_use]
    pub const fn put_off(&self) -> usize {
        self.put_off
    }

    fn note(&mut self, key: Option<MessageKey>, id: Option<&MessageId>, taken: TakenIn) {
        match taken {
            TakenIn::Delivered | TakenIn::Untrusted(_) => self.delivered.extend(key),
            TakenIn::Held(_) => self.held = self.held.saturating_add(1),
            TakenIn::Refused(refusal) | TakenIn::RefusedForNow(refusal) => {
                self.refused.push((id.cloned(), refusal));
            }
            TakenIn::Duplicate => {}
            TakenIn::PutOff(_) => self.put_off = self.put_off.saturating_add(1),
        }
    }
}

impl Client {
    /// Takes in what waits now: in the store, where other programs put it, and in the queue of each registration. What is stored
    /// is acknowledged, and nothing else is. The messages stay unread, for [`Store::list`](crate::store::Store::list) and
    /// [`read_stored`](Self::read_stored); an [`Inbox`](crate::Inbox) that is opened later hands them out.
    ///
    /// Each queue may take as long as a call. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]; as [`call`](Self::call) when a provider cannot be asked: what came before is stored.
    pub async fn fetch(&self) -> Result<Fetched, Error> {
        let mut fetched = self.take_in_local().await?;
        for registration in self.registrations() {
            self.fetch_at(&registration, &mut fetched).await?;
        }
        Ok(fetched)
    }

    /// Takes in what other programs put into the store. Providers are asked for senders' keys at most.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub async fn take_in_local(&self) -> Result<Fetched, Error> {
        let (mut fetched, mut seen) = (Fetched::default(), BTreeSet::new());
        loop {
            let (step, most) = FOREIGN;
            let limit = seen.len().saturating_add(step).min(most);
            let foreign = self.shared().store.foreign(limit).await?;
            let new: Vec<_> = foreign.into_iter().filter(|one| seen.insert(one.name.clone())).collect();
            if new.is_empty() {
                return Ok(fetched);
            }
            for message in new {
                let key = key_of(&message.bytes);
                let taken = self.shared().receiving.take_in(Incoming::foreign(message)).await?;
                fetched.note(key, None, taken);
            }
        }
    }

    async fn fetch_at(&self, at: &Registration, fetched: &mut Fetched) -> Result<(), Error> {
        let settings = PickUpSettings::new(clock::seed()).with_interval(NEVER_AGAIN).with_wait(Duration::ZERO);
        let mut pickup = PickUp::new(settings);
        let deadline = Instant::now() + self.shared().account.timeout();
        let too_late = |_| Error::new(ErrorKind::TimedOut, "picking up");
        loop {
            let Some(call) = pickup.poll_call(clock::now()) else {
                if self.take_in_picked_up(&mut pickup, fetched).await? {
                    continue;
                }
                // What is not called for now is not called for within the hour.
                return Ok(());
            };
            let (ticket, limit) = (call.ticket(), call.timeout());
            let (account, key) = (&self.shared().account, at.key());
            let answer = account.http.call(at.api(), Some(&key), call.into_parts(), limit);
            match timeout_at(deadline, answer).await.map_err(too_late)? {
                Ok(answer) => pickup.handle_answer(ticket, &answer, clock::now()),
                Err(error) => return Err(error.at("picking up")),
            }
        }
    }

    /// Takes in what was picked up. False when there is nothing.
    async fn take_in_picked_up(&self, pickup: &mut PickUp, fetched: &mut Fetched) -> Result<bool, Error> {
        let mut is_any = false;
        while let Some(event) = pickup.poll_event() {
            is_any = true;
            match event {
                PickUpEvent::Arrived(arrived) => {
                    let (incoming, key) = (Incoming::arrived(&arrived), key_of(arrived.bytes()));
                    let taken = self.shared().receiving.take_in(incoming).await?;
                    let is_done = taken.may_be_acknowledged();
                    fetched.note(key, Some(arrived.id()), taken);
                    if is_done {
                        pickup.acknowledge(arrived);
                    }
                }
                PickUpEvent::Unreadable(entry) => pickup.discard(entry),
                PickUpEvent::Unauthorized => {
                    return Err(Error::new(ErrorKind::Refused, "picking up: the API key is refused"));
                }
                PickUpEvent::Forbidden(error) | PickUpEvent::Failed(error) => {
                    return Err(Error::refused("picking up", error));
                }
                _ => {}
            }
        }
        Ok(is_any)
    }
}

/// What names a message, if the bytes are one.
fn key_of(bytes: &[u8]) -> Option<MessageKey> {
    StoredMessage::decode(bytes).ok().map(|stored| MessageKey::of(stored.message()))
}
