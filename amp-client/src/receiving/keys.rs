//! Whose key a sender's is: asked for at one's own provider, pinned by the receiver (trust, known keys).

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use amp_core::Timestamp;
use amp_core::address::Address;
use amp_core::crypto::VerifyingKey;
use amp_core::envelope::OpeningKeys;
use amp_core::receive::SenderKey;
use amp_core::trust::PinState;

use super::Receiving;
use crate::error::{Error, ErrorKind};

/// How long a look-up may take, whoever does it.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(15);
/// The provider is asked so many times in a minute about a sender whose signature did not hold.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
const AGAIN_MOST: u32 = 8;
/// After which time it is asked again about a key that was only first seen.
const FIRM_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Senders of whom it is remembered when they were asked about.
const ASKED_MAX: usize = 4_096;

/// Answers that are kept.
const ANSWERS_MAX: usize = 256;

/// A future of a look-up.
pub(crate) type LookUpFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<SenderKey>, Error>> + Send + 'a>>;

/// A future of the agent's own keys.
pub(crate) type OpeningFuture<'a> = Pin<Box<dyn Future<Output = Result<OpeningKeys, Error>> + Send + 'a>>;

/// Asks an authenticated source for the key of an address, and where the agent's own are kept for those that open mail.
pub(crate) trait LookUp: Send + Sync + 'static {
    /// The key that the source names. None when the source answered, and knows none; an error when it could not be
    /// asked.
    fn look_up<'a>(&'a self, address: &'a Address) -> LookUpFuture<'a>;

    /// The keys that open what is sealed to the agent, as they are kept now: another program may have changed them.
    fn opening_keys(&self) -> OpeningFuture<'_>;
}

/// For how long an answer about an unknown sender is believed: whoever forges mail makes nobody ask for every message.
const ANSWER_LASTS: Duration = Duration::from_secs(30);

/// When senders were last asked about.
#[derive(Default)]
pub(super) struct Asked {
    asked: Mutex<HashMap<Address, (Timestamp, u32)>>,
    answers: Mutex<HashMap<Address, (Timestamp, Option<SenderKey>)>>,
}

impl Asked {
    /// Whether a sender may be asked about again, so many times in this span; if so, that counts as done.
    fn may_ask(&self, address: &Address, most: u32, span: Duration, now: Timestamp) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, times)) = asked.get_mut(address)
            && now.abs_diff(*since) < span
        {
            *times = times.saturating_add(1);
            return *times <= most;
        }
        if asked.len() >= ASKED_MAX {
            asked.retain(|_, (since, _)| now.abs_diff(*since) < AGAIN_AFTER);
        }
        if asked.len() >= ASKED_MAX {
            asked.clear();
        }
        asked.insert(address.clone(), (now, 1));
        true
    }

    /// What was answered about a sender a short while ago.
    fn answer(&self, address: &Address, now: Timestamp) -> Option<Option<SenderKey>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, key) = answers.get(address)?;
        (now.abs_diff(*at) < ANSWER_LASTS).then(|| key.clone())
    }

    fn keep_answer(&self, address: &Address, key: Option<SenderKey>, now: Timestamp) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ANSWERS_MAX {
            answers.clear();
        }
        answers.insert(address.clone(), (now, key));
    }
}

/// What is known about a sender's key before its message is judged.
pub(super) enum Known {
    /// It is pinned, and need not be asked for.
    Pinned,
    /// An authenticated source names this one.
    Named(Box<SenderKey>),
    /// An authenticated source was asked, and knows none.
    Unnamed,
    /// It is not pinned, and nobody could be asked.
    NotAsked(Error),
}

impl Receiving {
    /// What is known about a sender's key, asking for it where it has to be.
    pub(super) async fn key_of(&self, sender: &Address, now: Timestamp) -> Result<Known, Error> {
        let (is_known, is_old) = {
            let state = self.state().await?;
            let known = state.receiver()?.memory().keys().get(sender);
            let is_old = known.is_some_and(|known| {
                known.state() == PinState::FirstSeen && now.abs_diff(known.since()) >= FIRM_AFTER
            });
            (known.is_some(), is_old)
        };
        if is_known && !(is_old && self.inner.asked.may_ask(sender, 1, FIRM_AFTER, now)) {
            return Ok(Known::Pinned);
        }
        let kept = if is_known { None } else { self.inner.asked.answer(sender, now) };
        let answer = match kept {
            Some(kept) => Ok(kept),
            None => self.look_up(sender).await,
        };
        if let Ok(answer) = &answer
            && !is_known
        {
            self.inner.asked.keep_answer(sender, answer.clone(), now);
        }
        Ok(match answer {
            Ok(Some(key)) => Known::Named(Box::new(key)),
            Ok(None) | Err(_) if is_known => Known::Pinned,
            Ok(None) => Known::Unnamed,
            Err(error) => Known::NotAsked(error),
        })
    }

    /// What the source says now about a sender whose pinned key did not sign. An error when it was asked too often of late:
    /// what it said before the message came is no reason to give the message up.
    pub(super) async fn key_of_again(
        &self,
        sender: &Address,
        now: Timestamp,
    ) -> Result<Option<SenderKey>, Error> {
        if self.inner.asked.may_ask(sender, AGAIN_MOST, AGAIN_AFTER, now) {
            return self.look_up(sender).await;
        }
        Err(Error::new(ErrorKind::Key, "looking up the sender's key: asked too often in this minute"))
    }

    async fn look_up(&self, sender: &Address) -> Result<Option<SenderKey>, Error> {
        let asked = tokio::time::timeout(LOOK_UP_WITHIN, self.inner.keys.look_up(sender)).await;
        asked.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "looking up the sender's key")))
    }

    /// Takes note of a key that an authenticated source names: pins it, or raises a conflict.
    pub(crate) async fn name_key(&self, address: &Address, key: &SenderKey) -> Result<(), Error> {
        let (address, key) = (address.clone(), key.clone());
        self.change("pinning a key", move |receiver, now| receiver.name_key(&address, &key, now)).await
    }

    /// Pins a key because a person compared it.
    pub(crate) async fn confirm_key(&self, address: &Address, key: &VerifyingKey) -> Result<(), Error> {
        let (address, key) = (address.clone(), key.clone());
        self.change("confirming a key", move |receiver, now| receiver.confirm_key(&address, &key, now)).await
    }

    /// The key of an address, and how firmly it is known. A conflict is told as such.
    pub(crate) async fn known_key(
        &self,
        address: &Address,
    ) -> Result<Option<(VerifyingKey, PinState)>, Error> {
        let state = self.state().await?;
        let known = state.receiver()?.memory().keys().get(address);
        Ok(known.map(|known| (known.key().clone(), known.state())))
    }
}
