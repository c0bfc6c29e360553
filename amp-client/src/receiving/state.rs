//! The receiver of a client, and up to where it knows the store (local mailbox; trust, replay).

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::OnceLock;

use amp_core::address::Address;
use amp_core::receive::{Effect, Receiver};
use amp_core::scan::Scanner;

use super::Prepare;
use crate::error::{Error, ErrorKind};
use crate::store::{MessageKey, Position, Store};

/// After so many effects at least, the store is asked to replace them by fewer.
const COMPACT_AFTER: usize = 8_192;
/// Messages of which it is not known whether they were stored.
const UNSURE_MAX: usize = 1_024;

/// The receiver, and up to where it knows the store.
pub(super) struct State {
    addresses: Vec<Address>,
    prepare: Prepare,
    receiver: Option<Receiver>,
    position: Position,
    /// Effects since the store was compacted, as far as this process knows.
    effects: usize,
    /// How many there are when it is looked at next whether fewer would do.
    compact_at: usize,
    /// The store failed when these were appended: they may be there all the same, and nobody has shown them.
    unsure: Vec<MessageKey>,
}

impl State {
    pub(super) const fn new(addresses: Vec<Address>, prepare: Prepare) -> Self {
        let (position, effects, compact_at) = (Position::START, 0, COMPACT_AFTER);
        Self { addresses, prepare, receiver: None, position, effects, compact_at, unsure: Vec::new() }
    }

    pub(super) fn serve_also(&mut self, address: Address) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
            self.forget();
        }
    }

    pub(super) fn parts(&mut self) -> Result<(&mut Receiver, &mut Position), Error> {
        let Self { receiver, position, .. } = self;
        let receiver = receiver.as_mut().ok_or_else(|| Error::new(ErrorKind::Setup, "receiving"))?;
        Ok((receiver, position))
    }

    pub(super) fn receiver(&self) -> Result<&Receiver, Error> {
        self.receiver.as_ref().ok_or_else(|| Error::new(ErrorKind::Setup, "receiving"))
    }

    /// Reads the store if that has not been done.
    pub(super) async fn restore(&mut self, store: &Arc<dyn Store>) -> Result<(), Error> {
        if self.receiver.is_none() {
            self.catch_up(store).await?;
        }
        Ok(())
    }

    /// Takes in what others have appended. False when they have appended nothing.
    pub(super) async fn catch_up(&mut self, store: &Arc<dyn Store>) -> Result<bool, Error> {
        let from = if self.receiver.is_some() { self.position } else { Position::START };
        let loaded = store.load(from).await?;
        if self.receiver.is_some() && loaded.position == self.position {
            return Ok(false);
        }
        match &mut self.receiver {
            Some(receiver) if !loaded.is_whole => {
                self.effects = self.effects.saturating_add(loaded.effects.len());
                loaded.effects.iter().for_each(|effect| receiver.apply(effect));
            }
            receiver => {
                self.effects = loaded.effects.len();
                *receiver = Some(build(&self.addresses, &self.prepare, &loaded.effects)?);
            }
        }
        self.position = loaded.position;
        Ok(true)
    }

    /// Notes that so many effects were appended, and has them replaced by fewer when they are many.
    pub(super) async fn appended(&mut self, effects: usize, store: &Arc<dyn Store>) {
        self.effects = self.effects.saturating_add(effects);
        if self.effects < self.compact_at {
            return;
        }
        let Ok(receiver) = self.receiver() else { return };
        let fewer = receiver.memory().to_effects();
        let left = fewer.len();
        // Where little would be saved, it is not tried at every message.
        self.compact_at = left.saturating_mul(2).saturating_add(COMPACT_AFTER);
        if self.effects < self.compact_at {
            return;
        }
        match store.compact(self.position, fewer).await {
            Ok(true) => self.effects = left,
            // Somebody else appended just now.
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the store was not compacted"),
        }
        self.compact_at = self.compact_at.max(self.effects.saturating_add(COMPACT_AFTER));
    }

    /// Everything is read again when it is needed.
    fn forget(&mut self) {
        self.receiver = None;
        self.position = Position::START;
    }

    pub(super) fn unsure_of(&mut self, key: MessageKey) {
        if self.unsure.len() < UNSURE_MAX && !self.unsure.contains(&key) {
            self.unsure.push(key);
        }
    }

    /// Whether it was not known of a message whether it was stored. It is from now on.
    pub(super) fn was_unsure_of(&mut self, key: &MessageKey) -> bool {
        let before = self.unsure.len();
        self.unsure.retain(|known| known != key);
        self.unsure.len() < before
    }
}

/// What a receiver has to be given again.
pub(super) fn durable(effects: &[Effect]) -> Vec<Effect> {
    effects.iter().filter(|effect| effect.is_durable()).cloned().collect()
}

fn build(addresses: &[Address], prepare: &Prepare, effects: &[Effect]) -> Result<Receiver, Error> {
    let mut addresses = addresses.iter().cloned();
    let Some(first) = addresses.next() else {
        return Err(Error::new(ErrorKind::Setup, "receiving: the agent has no address"));
    };
    let builder = Receiver::builder(first).scanner(scanner());
    let builder = addresses.fold(builder, amp_core::receive::ReceiverBuilder::also);
    Ok(prepare(builder).restore(effects).build())
}

/// One scanner for all clients of the process: it takes a tenth of a second to build.
pub(crate) fn scanner() -> Arc<Scanner> {
    static SCANNER: OnceLock<Arc<Scanner>> = OnceLock::new();
    Arc::clone(SCANNER.get_or_init(Arc::default))
}

#[cfg(test)]
mod tests {
    use amp_core::receive::SenderKey;
    use amp_core::{Identity, Timestamp};

    use super::*;
    use crate::store::{Appended, Entry, MemoryStore};

    fn state() -> State {
        State::new(Vec::from(["bob@acme.crabmail.ai".parse().unwrap()]), Arc::new(|builder| builder))
    }

    #[tokio::test]
    async fn many_effects_are_replaced_by_few_that_amount_to_the_same() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut state = state();
        state.restore(&store).await.unwrap();
        let now: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
        for minute in 0..50 {
            let (receiver, position) = state.parts().unwrap();
            let at = now.saturating_add(core::time::Duration::from_secs(minute * 60));
            let alice = "alice@acme.crabmail.ai".parse().unwrap();
            let change = receiver.name_key(&alice, &SenderKey::resolved(key.clone()), at).unwrap();
            let mut effects = change.effects().to_vec();
            effects.push(Effect::ClockSet { to: at });
            let Appended::Stored(after) = store.append(Entry::new(*position, effects)).await.unwrap() else {
                panic!("nobody else appends")
            };
            *position = after;
            change.commit();
            receiver.apply(&Effect::ClockSet { to: at });
        }
        let before = store.load(Position::START).await.unwrap().effects.len();
        state.appended(COMPACT_AFTER / 2, &store).await;
        assert_eq!(
            store.load(Position::START).await.unwrap().effects.len(),
            before,
            "it is not worth it yet"
        );
        state.appended(COMPACT_AFTER, &store).await;
        let after = store.load(Position::START).await.unwrap();
        assert!(after.effects.len() < before / 2, "{} of {before}", after.effects.len());
        assert_eq!((after.position, state.effects), (state.position, after.effects.len()));
        let restored = build(&state.addresses, &state.prepare, &after.effects).unwrap();
        assert_eq!(restored.memory(), state.receiver().unwrap().memory());
        assert!(!state.catch_up(&store).await.unwrap(), "nothing is news");
    }

    #[tokio::test]
    async fn what_others_appended_is_taken_in_and_what_they_compacted_too() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let (mut one, mut other) = (state(), state());
        one.restore(&store).await.unwrap();
        other.restore(&store).await.unwrap();
        let at: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        let (_, position) = one.parts().unwrap();
        let entry = Entry::new(*position, Vec::from([Effect::ClockSet { to: at }]));
        assert!(matches!(store.append(entry).await.unwrap(), Appended::Stored(_)));
        assert!(one.catch_up(&store).await.unwrap());
        one.appended(COMPACT_AFTER, &store).await;
        assert!(other.catch_up(&store).await.unwrap());
        assert!(!other.catch_up(&store).await.unwrap());
        assert_eq!(other.receiver().unwrap().memory().replay().clock(), Some(at));
        assert_eq!(other.receiver().unwrap().memory(), one.receiver().unwrap().memory());
    }
}
