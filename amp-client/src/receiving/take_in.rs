//! Taking a message in: judged, appended to the store, and only then remembered and handed on (trust; local mailbox).

use alloc::boxed::Box;
use alloc::sync::Arc;

use amp_core::address::{Address, Profile};
use amp_core::envelope::{ErrorCode, JsonValue, Message, OpeningKeys, StoredMessage, limits};
use amp_core::receive::{
    Context, Disposition, Effect, FirstOutcome, Received, Reception, Refusal, RefusalReason, SenderKey,
};

use super::incoming::{Incoming, TakenIn};
use super::keys::Known;
use super::opening::lacks_key;
use super::ready::{Stored, Waiting};
use super::state::{State, durable};
use super::{Inner, Receiving, TRIES_MAX, crowded, ended};
use crate::clock;
use crate::error::Error;
use crate::store::{Appended, Entry, HeldMessage, MessageKey};

/// A message on its way in, and the keys that open it if it is sealed.
#[derive(Clone)]
struct Sealable {
    incoming: Arc<Incoming>,
    opening: Arc<OpeningKeys>,
    /// Whether the keys were read for this message.
    is_renewed: bool,
}

/// What is known about the sender's key.
#[derive(Clone)]
struct Asked {
    key: Option<SenderKey>,
    then: Then,
}

/// What follows when the message does not verify.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The pinned key did not sign it: another one may be named by now.
    AskAgain,
    /// Nobody could be asked for the key.
    PutOff,
    /// What is known is all there is to know.
    Decide,
}

/// What came of one attempt.
enum Step {
    Done(TakenIn),
    AskAgain,
    PutOff,
    /// It is authentic, and sealed to a key that is not held: another program may have made it.
    ReadKeys,
}

impl Receiving {
    /// Takes a message in: looks the sender's key up where that is needed, judges, stores. What is delivered waits in
    /// [`ready`](Self::ready).
    ///
    /// When this returns `Ok`, what it says is durable. The store's part is not given up halfway when the future is dropped.
    pub(crate) async fn take_in(&self, incoming: Incoming) -> Result<TakenIn, Error> {
        let carrier = JsonValue::read_carrier(&incoming.bytes, limits::HTTP_BODY_MAX_BYTES).ok();
        let sender = carrier.and_then(sender_of);
        let opening = match carrier {
            Some(carrier) => self.opening_keys_of(carrier).await,
            None => Ok(Arc::default()),
        };
        let opening = match opening {
            Ok(opening) => opening,
            // Sealed mail that nobody can open now would be shown as such.
            Err(error) => return Ok(TakenIn::PutOff(error)),
        };
        let incoming = Sealable { incoming: Arc::new(incoming), opening, is_renewed: false };
        let known = match &sender {
            Some(sender) => self.key_of(sender, clock::now()).await?,
            None => Known::Unnamed,
        };
        let (asked, failure) = match known {
            Known::Pinned => (Asked { key: None, then: Then::AskAgain }, None),
            Known::Named(key) => (Asked { key: Some(*key), then: Then::Decide }, None),
            Known::Unnamed => (Asked { key: None, then: Then::Decide }, None),
            Known::NotAsked(error) => (Asked { key: None, then: Then::PutOff }, Some(error)),
        };
        match (self.attempt(incoming.clone(), asked).await?, failure, sender) {
            (Step::Done(taken), ..) => Ok(taken),
            (Step::PutOff, Some(error), _) => Ok(TakenIn::PutOff(error)),
            (_, _, Some(sender)) => self.take_in_again(incoming, &sender).await,
            (Step::AskAgain | Step::PutOff | Step::ReadKeys, _, None) => Err(ended()),
        }
    }

    /// The key that is pinned did not sign.
    async fn take_in_again(&self, incoming: Sealable, sender: &Address) -> Result<TakenIn, Error> {
        let key = match self.key_of_again(sender, clock::now()).await {
            Ok(key) => key,
            Err(error) => return Ok(TakenIn::PutOff(error)),
        };
        match self.attempt(incoming, Asked { key, then: Then::Decide }).await? {
            Step::Done(taken) => Ok(taken),
            Step::AskAgain | Step::PutOff | Step::ReadKeys => Err(ended()),
        }
    }

    async fn attempt(&self, incoming: Sealable, asked: Asked) -> Result<Step, Error> {
        match self.attempt_with(incoming.clone(), asked.clone()).await? {
            Step::ReadKeys => {}
            step => return Ok(step),
        }
        let opening = match self.opening_keys_again().await {
            Ok(opening) => opening,
            Err(error) => return Ok(Step::Done(TakenIn::PutOff(error))),
        };
        self.attempt_with(Sealable { opening, is_renewed: true, ..incoming }, asked).await
    }

    async fn attempt_with(&self, incoming: Sealable, asked: Asked) -> Result<Step, Error> {
        let mut state = self.state().await?;
        let inner = Arc::clone(&self.inner);
        // What is being appended is not given up halfway, whoever stops waiting for it: it would be stored, and shown to
        // nobody.
        let task = tokio::spawn(async move { inner.take_in(&mut state, &incoming, &asked).await });
        task.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Inner {
    async fn take_in(&self, state: &mut State, sealable: &Sealable, asked: &Asked) -> Result<Step, Error> {
        let Sealable { incoming, opening, is_renewed } = sealable;
        for _ in 0..TRIES_MAX {
            let (receiver, position) = state.parts()?;
            let at = *position;
            let reception = receiver.receive(&incoming.bytes, &context(incoming, asked, opening));
            let entry = entry(&reception, at, incoming);
            if entry.message.as_ref().is_some_and(is_doubtful)
                && let Some(step) = asked.then.instead()
            {
                return Ok(step);
            }
            let is_kept = entry.held.is_some() || entry.message.as_ref().is_some_and(|one| !is_doubtful(one));
            let is_authentic = is_kept || reception.effects().iter().any(is_not_granted);
            if is_authentic && !is_renewed && lacks_key(&incoming.bytes, opening) {
                return Ok(Step::ReadKeys);
            }
            if entry.effects.is_empty() && entry.message.is_none() && entry.held.is_none() {
                // Nothing is remembered of it. What others have stored may change that.
                let disposition = reception.commit();
                if let Some(step) = self.without_trace(state, disposition, incoming, asked).await? {
                    return Ok(step);
                }
                continue;
            }
            let effects = entry.effects.len();
            let has_message = entry.message.is_some();
            match self.store.append(entry).await {
                Ok(Appended::Stored(after)) => {
                    note(reception.effects());
                    let disposition = reception.commit();
                    *position = after;
                    let taken = self.stored(disposition, incoming);
                    state.appended(effects, &self.store).await;
                    return Ok(Step::Done(taken));
                }
                Ok(Appended::Behind) => {
                    drop(reception);
                    state.catch_up(&self.store).await?;
                }
                Err(error) => {
                    drop(reception);
                    let key = key_of(&incoming.bytes).filter(|_| has_message);
                    key.into_iter().for_each(|key| state.unsure_of(key));
                    return Err(error.into());
                }
            }
        }
        Err(crowded())
    }

    /// A decision that leaves nothing to store: a refusal, or a message that came before. None when it has to be made
    /// anew, because others have stored something.
    async fn without_trace(
        &self,
        state: &mut State,
        disposition: Disposition,
        incoming: &Incoming,
        asked: &Asked,
    ) -> Result<Option<Step>, Error> {
        let taken = match disposition {
            Disposition::Reject(refusal) => {
                if state.catch_up(&self.store).await? {
                    return Ok(None);
                }
                match asked.then.instead_of(&refusal) {
                    Some(step) => return Ok(Some(step)),
                    None => refused(refusal, incoming),
                }
            }
            Disposition::Duplicate(first) => {
                self.show_if_unsure(state, &first, incoming);
                TakenIn::Duplicate
            }
            other => self.stored(other, incoming),
        };
        if taken.may_be_acknowledged()
            && let Some(message) = &incoming.about
        {
            let (_, position) = state.parts()?;
            let entry = Entry::new(*position, alloc::vec::Vec::new()).about_foreign(message.clone());
            match self.store.append(entry).await? {
                Appended::Stored(at) => *position = at,
                Appended::Behind => {
                    state.catch_up(&self.store).await?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(Step::Done(taken)))
    }

    /// What became of a message, now that it is durable.
    fn stored(&self, disposition: Disposition, incoming: &Incoming) -> TakenIn {
        match disposition {
            Disposition::Deliver(received) => self.deliver(received, incoming.bytes.len()),
            Disposition::Untrusted(message) => TakenIn::Untrusted(message),
            Disposition::Quarantine(entry) => TakenIn::Held(entry),
            Disposition::Duplicate(_) => TakenIn::Duplicate,
            Disposition::Reject(refusal) => refused(refusal, incoming),
            // A disposition of a later version: nothing is known of it but that it is decided.
            _ => TakenIn::Duplicate,
        }
    }

    pub(super) fn deliver(&self, received: Box<Received>, bytes: usize) -> TakenIn {
        let key = MessageKey::of(received.verified());
        self.ready.push(Waiting::Received(key.clone(), received), bytes);
        TakenIn::Delivered(key)
    }

    /// The store failed when this message was appended first, and it is there all the same: nobody has shown it.
    fn show_if_unsure(&self, state: &mut State, first: &FirstOutcome, incoming: &Incoming) {
        if first.is_delivered()
            && let Some(key) = key_of(&incoming.bytes)
            && state.was_unsure_of(&key)
        {
            self.ready.push(Waiting::Stored(Stored::new(key)), 0);
        }
    }
}

impl Then {
    const fn instead(self) -> Option<Step> {
        match self {
            Self::AskAgain => Some(Step::AskAgain),
            Self::PutOff => Some(Step::PutOff),
            Self::Decide => None,
        }
    }

    /// What is done in place of a refusal that another key might avert.
    fn instead_of(self, refusal: &Refusal) -> Option<Step> {
        let is_of_the_key = matches!(
            refusal.reason(),
            RefusalReason::KeyNotFound
                | RefusalReason::KeyMismatch
                | RefusalReason::Message(ErrorCode::SignatureInvalid)
        );
        if is_of_the_key { self.instead() } else { None }
    }
}

fn context<'k>(incoming: &Incoming, asked: &Asked, opening: &'k OpeningKeys) -> Context<'k> {
    let context = Context::new(clock::now(), incoming.via).with_opening_keys(opening);
    let carried = || incoming.carried.clone().map(SenderKey::carried);
    match asked.key.clone().or_else(carried) {
        Some(key) => context.with_key(key),
        None => context,
    }
}

fn entry(reception: &Reception<'_>, at: crate::store::Position, incoming: &Incoming) -> Entry {
    let mut entry = Entry::new(at, durable(reception.effects()));
    if let Some(stored) = reception.stored() {
        entry = entry.with_message(stored);
    }
    if let Some((held, message)) = reception.held() {
        entry = entry.with_held(HeldMessage::new(held.clone(), message.to_json().into_bytes()));
    }
    match &incoming.about {
        Some(message) => entry.about_foreign(message.clone()),
        None => entry,
    }
}

/// Whether an authentic message was refused for a grant that its sender lacks: what is inside may need another one.
fn is_not_granted(effect: &Effect) -> bool {
    matches!(effect, Effect::Audit(audit) if audit.code() == Some(RefusalReason::NotGranted.code()))
}

/// Whether nothing vouches for what would be stored.
fn is_doubtful(stored: &StoredMessage) -> bool {
    stored.local().claimed_verified() == Some(false)
}

/// What only the time, the room or an unknown key was against is left with the provider. A file stays where it is anyway,
/// and is not looked at again for its time or its key: whoever can write files could make everybody look for ever.
fn refused(refusal: Refusal, incoming: &Incoming) -> TakenIn {
    let is_settled = incoming.about.is_some()
        && matches!(
            refusal.reason(),
            RefusalReason::TimestampExpired | RefusalReason::KeyNotFound | RefusalReason::KeyConflict
        );
    if refusal.is_final() || is_settled { TakenIn::Refused(refusal) } else { TakenIn::RefusedForNow(refusal) }
}

/// Notes for the host's records: what happened, by which code, and no text.
fn note(effects: &[Effect]) {
    for effect in effects {
        if let Effect::Audit(audit) = effect {
            tracing::debug!(event = ?audit.event(), code = audit.code(), "received");
        }
    }
}

/// Whom a message says it is from.
fn sender_of(carrier: JsonValue<'_>) -> Option<Address> {
    let from = carrier.get("envelope")?.get("from")?.as_str()?;
    Address::parse_with(&from, Profile::Deployed).ok()
}

fn key_of(bytes: &[u8]) -> Option<MessageKey> {
    Message::decode_with(bytes, Profile::Deployed).ok().as_ref().map(MessageKey::of)
}
