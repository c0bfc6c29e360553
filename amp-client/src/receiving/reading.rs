//! Stored messages on their way to the program: judged once more, by what is known now (trust, levels; quarantine).

use alloc::boxed::Box;
use alloc::sync::Arc;

use amp_core::SecretText;
use amp_core::envelope::{OpeningKeys, QuarantineId, SecurityPlacement, StoredMessage};
use amp_core::receive::{Context, Disposition, Reading, Received, Refusal, Via};

use super::incoming::TakenIn;
use super::opening::lacks_key;
use super::ready::Waiting;
use super::state::{State, durable};
use super::{Inner, Receiving, TRIES_MAX, crowded, ended};
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::store::{Appended, Entry, Folder, HeldMessage, MessageKey};

/// How many abandoned messages are taken on at once.
const ABANDONED_AT_ONCE: usize = 32;

/// A message whose turn it is.
pub(crate) enum Turn {
    /// It is for the program.
    Received(Box<Received>),
    /// It is not there any more, or is refused by now.
    Gone(Option<Refusal>),
}

impl Receiving {
    /// Judges a stored message once more. What was noted beside it is not believed.
    pub(crate) async fn read_again(&self, stored: &StoredMessage) -> Result<Result<Reading, Refusal>, Error> {
        // What opens a sealed message may stand beside it.
        let json = SecretText::new(stored.to_json(SecurityPlacement::TopLevel));
        let json = json.expose();
        let mut opening = self.opening_keys(json.as_bytes()).await?;
        if stored.sealed_secret().is_none() && lacks_key(json.as_bytes(), &opening) {
            opening = self.opening_keys_again().await?;
        }
        let mut state = self.state().await?;
        state.catch_up(&self.inner.store).await?;
        Ok(state.receiver()?.read_again(json.as_bytes(), &context(&opening)))
    }

    /// Reads the store, if that has not been done.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        self.state().await.map(drop)
    }

    /// Makes a message out of what waits.
    pub(crate) async fn turn(&self, waiting: Waiting) -> Result<Turn, Error> {
        let stored = match waiting {
            Waiting::Received(_, received) => return Ok(Turn::Received(received)),
            Waiting::Stored(stored) => self.inner.store.get(Folder::Inbox, &stored.key).await?,
            Waiting::Abandoned(stored) => Some(*stored),
        };
        let Some(stored) = stored else { return Ok(Turn::Gone(None)) };
        Ok(match self.read_again(&stored).await? {
            Ok(Reading::Proven(received)) => Turn::Received(received),
            Ok(_) => Turn::Gone(None),
            Err(refusal) => Turn::Gone(Some(refusal)),
        })
    }

    /// Takes on some of what a process left that ended before its program had it. Tells whether there may be more.
    pub(crate) async fn take_abandoned(&self) -> Result<bool, Error> {
        if !self.inner.ready.is_short() {
            return Ok(true);
        }
        let abandoned = self.inner.store.take_abandoned(ABANDONED_AT_ONCE).await?;
        let may_be_more = abandoned.len() >= ABANDONED_AT_ONCE;
        for stored in abandoned {
            let bytes = stored.message().to_json().len();
            self.inner.ready.push(Waiting::Abandoned(Box::new(stored)), bytes);
        }
        Ok(may_be_more)
    }

    /// Hands out a held message that a person has approved. The entry in the store says so: see
    /// [`Store::decide_held`](crate::store::Store::decide_held).
    pub(crate) async fn release(&self, id: &QuarantineId) -> Result<TakenIn, Error> {
        let Some(held) = self.inner.store.get_held(id).await? else {
            return Err(Error::new(ErrorKind::Message, "releasing a message that is not held"));
        };
        let mut opening = self.opening_keys(&held.message).await?;
        if lacks_key(&held.message, &opening) {
            opening = self.opening_keys_again().await?;
        }
        let mut state = self.state().await?;
        let inner = Arc::clone(&self.inner);
        let task = tokio::spawn(async move { inner.release(&mut state, &held, &opening).await });
        task.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Inner {
    async fn release(
        &self,
        state: &mut State,
        held: &HeldMessage,
        opening: &OpeningKeys,
    ) -> Result<TakenIn, Error> {
        for _ in 0..TRIES_MAX {
            let (receiver, position) = state.parts()?;
            let reception = receiver.release(&held.message, &held.entry, &context(opening));
            let mut entry = Entry::new(*position, durable(reception.effects()));
            let Some(stored) = reception.stored() else {
                let Disposition::Reject(refusal) = reception.commit() else { return Err(ended()) };
                if state.catch_up(&self.store).await? {
                    continue;
                }
                return Ok(TakenIn::Refused(refusal));
            };
            let key = MessageKey::of(stored.message());
            entry = entry.with_message(stored).releasing(held.entry.id().clone());
            match self.store.append(entry).await {
                Ok(Appended::Stored(at)) => {
                    *position = at;
                    let Disposition::Deliver(received) = reception.commit() else { return Err(ended()) };
                    return Ok(self.deliver(received, held.message.len()));
                }
                Ok(Appended::Behind) => {
                    drop(reception);
                    state.catch_up(&self.store).await?;
                }
                Err(error) => {
                    drop(reception);
                    state.unsure_of(key);
                    return Err(error.into());
                }
            }
        }
        Err(crowded())
    }
}

fn context(opening: &OpeningKeys) -> Context<'_> {
    Context::new(clock::now(), Via::Store).with_opening_keys(opening)
}
