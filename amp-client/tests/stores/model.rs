//! Random histories, beside a model that is too simple to be wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use amp_client::envelope::{Status, StoredMessage, Timestamp};
use amp_client::receive::Effect;
use amp_client::store::{
    Appended, Cursor, Entry, Folder, HeldMessage, MessageKey, Position, Query, Store, Summary,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::Place;
use super::messages::{ALICE, BOB, Letter, at, effect, held, id};

const HOLDERS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Append {
        holder: usize,
        stale: bool,
        effects: Vec<u64>,
        letter: Option<u64>,
        held: Option<u64>,
        released: Option<u64>,
    },
    Compact {
        holder: usize,
        stale: bool,
        effects: Vec<u64>,
    },
    Load {
        holder: usize,
        back: u64,
    },
    Mark {
        holder: usize,
        letter: u64,
        status: Status,
    },
    Delete {
        holder: usize,
        folder: Folder,
        letter: u64,
    },
    KeepSent {
        holder: usize,
        letter: u64,
    },
    HandedOut {
        holder: usize,
        letter: u64,
    },
    Decide {
        holder: usize,
        held: u64,
        approve: bool,
    },
    RemoveHeld {
        holder: usize,
        held: u64,
    },
    TakeAbandoned {
        holder: usize,
        limit: usize,
    },
    List {
        holder: usize,
        folder: Folder,
        limit: usize,
        status: Option<Status>,
        by_thread: Option<u64>,
    },
    Reopen {
        holder: usize,
    },
}

/// Letters under few ids, of two senders and two contents.
fn letter(number: u64) -> Letter {
    let letter = Letter::number(number % 3).thread(&Letter::number(number % 2).id);
    let letter = if number & 4 == 0 { letter } else { letter.from("carol@acme.crabmail.ai") };
    if number & 8 == 0 { letter } else { letter.text("another content") }
}

fn sent_letter(number: u64) -> Letter {
    letter(number).from(BOB).to(if number & 4 == 0 { ALICE } else { "carol@acme.crabmail.ai" })
}

fn step() -> impl Strategy<Value = Step> {
    let holder = || 0..HOLDERS;
    let letter = || 0..16_u64;
    let number = || 0..4_u64;
    let effects = || prop::collection::vec(0..1_000_u64, 0..3);
    let folder = || prop_oneof![3 => Just(Folder::Inbox), 1 => Just(Folder::Sent)];
    let status = || prop_oneof![Just(Status::Unread), Just(Status::Read), Just(Status::Archived)];
    let rare = || prop::bool::weighted(0.15);
    prop_oneof![
        8 => (holder(), rare(), effects(), prop::option::of(letter()), prop::option::weighted(0.2, number()), prop::option::weighted(0.2, number()))
            .prop_map(|(holder, stale, effects, letter, held, released)| Step::Append { holder, stale, effects, letter, held, released }),
        1 => (holder(), rare(), effects()).prop_map(|(holder, stale, effects)| Step::Compact { holder, stale, effects }),
        2 => (holder(), 0..6_u64).prop_map(|(holder, back)| Step::Load { holder, back }),
        2 => (holder(), letter(), status()).prop_map(|(holder, letter, status)| Step::Mark { holder, letter, status }),
        2 => (holder(), folder(), letter()).prop_map(|(holder, folder, letter)| Step::Delete { holder, folder, letter }),
        1 => (holder(), letter()).prop_map(|(holder, letter)| Step::KeepSent { holder, letter }),
        2 => (holder(), letter()).prop_map(|(holder, letter)| Step::HandedOut { holder, letter }),
        1 => (holder(), number(), any::<bool>()).prop_map(|(holder, held, approve)| Step::Decide { holder, held, approve }),
        1 => (holder(), number()).prop_map(|(holder, held)| Step::RemoveHeld { holder, held }),
        2 => (holder(), 1..4_usize).prop_map(|(holder, limit)| Step::TakeAbandoned { holder, limit }),
        3 => (holder(), folder(), 1..5_usize, prop::option::of(status()), prop::option::weighted(0.3, 0..2_u64))
            .prop_map(|(holder, folder, limit, status, by_thread)| Step::List { holder, folder, limit, status, by_thread }),
        2 => holder().prop_map(|holder| Step::Reopen { holder }),
    ]
}

/// As many random histories of at most 40 steps, or as many as `PROPTEST_CASES` says.
pub fn run(place: &dyn Fn() -> Place, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(cases, |_| Config::default().cases);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..40), |steps| {
            runtime.block_on(async {
                let place = place();
                let mut history = History::new(&place);
                for (time, step) in steps.iter().enumerate() {
                    history.take(step, at(1_000 + time as u64)).await;
                }
                history.compare().await;
            });
            Ok(())
        })
        .unwrap();
}

/// What the model keeps of a message.
#[derive(Clone, Debug)]
struct Kept {
    folder: Folder,
    key: MessageKey,
    stored: StoredMessage,
    status: Status,
    /// The life of the holder whose business it is.
    holder: Option<u64>,
}

struct Model {
    position: u64,
    compacted_at: u64,
    effects: Vec<(u64, Effect)>,
    /// In the order of their keeping.
    kept: Vec<Kept>,
    held: Vec<(HeldMessage, bool)>,
    living: BTreeSet<u64>,
}

struct History<'p> {
    place: &'p Place,
    holders: Vec<(Arc<dyn Store>, u64)>,
    lives: u64,
    /// Positions of the store, by those of the model.
    positions: Vec<Position>,
    model: Model,
}

impl<'p> History<'p> {
    fn new(place: &'p Place) -> Self {
        let holders: Vec<_> = (0..HOLDERS as u64).map(|life| (place.open(), life)).collect();
        let living = holders.iter().map(|(_, life)| *life).collect();
        let model = Model {
            position: 0,
            compacted_at: 0,
            effects: Vec::new(),
            kept: Vec::new(),
            held: Vec::new(),
            living,
        };
        Self { place, holders, lives: HOLDERS as u64, positions: vec![Position::START], model }
    }

    fn position(&self, stale: bool) -> Position {
        let back = usize::from(stale && self.positions.len() > 1);
        self.positions[self.positions.len() - 1 - back]
    }

    async fn take(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Append { holder, stale, effects, letter, held, released } => {
                let stored = letter.map(|number| StoredMessage::new(self::letter(number).message(), now));
                let held = held.map(self::held);
                let released = released.map(|number| self::held(number).entry.id().clone());
                let mut entry =
                    Entry::new(self.position(*stale), effects.iter().copied().map(effect).collect());
                entry.message.clone_from(&stored);
                entry.held.clone_from(&held);
                entry.released.clone_from(&released);
                let is_stale = entry.at != self.position(false);
                let (store, life) = &self.holders[*holder];
                match store.append(entry).await.unwrap() {
                    Appended::Behind => assert!(is_stale),
                    Appended::Stored(position) => {
                        assert!(!is_stale && position > self.position(false));
                        self.positions.push(position);
                        self.model.append(*life, effects, stored, held, released.as_ref());
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Compact { holder, stale, effects } => {
                let at = self.position(*stale);
                let new: Vec<Effect> = effects.iter().copied().map(effect).collect();
                let is_done = self.holders[*holder].0.compact(at, new.clone()).await.unwrap();
                assert_eq!(is_done, at == self.position(false));
                if is_done {
                    let at = self.model.position;
                    self.model.compacted_at = at;
                    self.model.effects = new.into_iter().map(|effect| (at, effect)).collect();
                }
            }
            Step::Load { holder, back } => {
                let after = self.model.position.saturating_sub(*back);
                let loaded = self.holders[*holder].0.load(self.positions[after as usize]).await.unwrap();
                let is_whole = after == 0 || after < self.model.compacted_at;
                let since = if is_whole { None } else { Some(after) };
                let expected =
                    self.model.effects.iter().filter(|(at, _)| since.is_none_or(|since| *at > since));
                let expected: Vec<_> = expected.map(|(_, effect)| effect.clone()).collect();
                assert_eq!(loaded.effects, expected);
                assert_eq!((loaded.is_whole, loaded.position), (is_whole, self.position(false)));
            }
            Step::Mark { holder, letter, status } => {
                let key = MessageKey::of(&self::letter(*letter).message());
                let is_done = self.holders[*holder].0.mark(&key, *status, now).await.unwrap();
                let kept = self.model.find(Folder::Inbox, &key);
                assert_eq!(is_done, kept.is_some());
                if let Some(kept) = kept {
                    kept.status = *status;
                    if *status != Status::Unread {
                        kept.holder = None;
                    }
                }
            }
            Step::Delete { holder, folder, letter } => {
                let key = match folder {
                    Folder::Inbox => MessageKey::of(&self::letter(*letter).message()),
                    _ => MessageKey::of_sent(&sent_letter(*letter).message()),
                };
                let is_done = self.holders[*holder].0.delete(*folder, &key).await.unwrap();
                assert_eq!(is_done, self.model.find(*folder, &key).is_some());
                self.model.kept.retain(|kept| (kept.folder, &kept.key) != (*folder, &key));
            }
            Step::KeepSent { holder, letter } => {
                let stored = StoredMessage::new(sent_letter(*letter).message(), now);
                self.holders[*holder].0.keep_sent(stored.clone()).await.unwrap();
                self.model.keep(Folder::Sent, stored, None);
            }
            Step::HandedOut { holder, letter } => {
                let key = MessageKey::of(&self::letter(*letter).message());
                self.holders[*holder].0.handed_out(&key).await.unwrap();
                if let Some(kept) = self.model.find(Folder::Inbox, &key) {
                    kept.holder = None;
                }
            }
            Step::Decide { holder, held, approve } => {
                let mut entry = self::held(*held).entry;
                if *approve {
                    entry.approve(at(1)).unwrap()
                } else {
                    entry.reject(at(1)).unwrap()
                }
                let is_done = self.holders[*holder].0.decide_held(&entry).await.unwrap();
                let held = self.model.held.iter_mut().find(|(held, _)| held.entry.id() == entry.id());
                assert_eq!(is_done, held.as_ref().is_some_and(|(_, is_decided)| !is_decided));
                if let Some((held, is_decided)) = held.filter(|_| is_done) {
                    held.entry = entry;
                    *is_decided = true;
                }
            }
            Step::RemoveHeld { holder, held } => {
                let id = self::held(*held).entry.id().clone();
                let is_done = self.holders[*holder].0.remove_held(&id).await.unwrap();
                let before = self.model.held.len();
                self.model.held.retain(|(held, _)| *held.entry.id() != id);
                assert_eq!(is_done, self.model.held.len() < before);
            }
            Step::TakeAbandoned { holder, limit } => {
                let (store, life) = &self.holders[*holder];
                let taken = store.take_abandoned(*limit).await.unwrap();
                let expected = self.model.take_abandoned(*life, *limit);
                let keys = taken.iter().map(|stored| MessageKey::of(stored.message())).collect::<Vec<_>>();
                assert_eq!(keys, expected);
            }
            Step::List { holder, folder, limit, status, by_thread } => {
                let mut query = Query::new(*folder);
                query.limit = *limit;
                query.status = *status;
                query.thread = by_thread.map(|number| id(&Letter::number(number).id));
                let listed = list(&*self.holders[*holder].0, query.clone()).await;
                assert_eq!(listed, self.model.list(&query));
            }
            Step::Reopen { holder } => {
                let (store, life) = &mut self.holders[*holder];
                // The old one is gone before the new one comes.
                *store = Arc::new(amp_client::store::MemoryStore::with_capacity(0));
                self.model.living.remove(life);
                (*store, *life) = (self.place.open(), self.lives);
                self.model.living.insert(self.lives);
                self.lives += 1;
            }
        }
    }

    async fn compare(&mut self) {
        let store = self.place.open();
        for folder in [Folder::Inbox, Folder::Sent] {
            let query = Query::new(folder);
            assert_eq!(list(&*store, query.clone()).await, self.model.list(&query));
        }
        for kept in &self.model.kept {
            let found = store.get(kept.folder, &kept.key).await.unwrap().unwrap();
            assert_eq!(found.message().to_json(), kept.stored.message().to_json());
            assert_eq!(found.local().received_at(), kept.stored.local().received_at());
        }
        let unread = self
            .model
            .kept
            .iter()
            .filter(|kept| kept.folder == Folder::Inbox && kept.status == Status::Unread);
        assert_eq!(store.unread().await.unwrap(), unread.count() as u64);
        let expected: Vec<_> = self.model.held.iter().map(|(held, _)| held.entry.clone()).collect();
        assert_eq!(store.held().await.unwrap(), expected);
        let effects: Vec<_> = self.model.effects.iter().map(|(_, effect)| effect.clone()).collect();
        assert_eq!(store.load(Position::START).await.unwrap().effects, effects);
        // All are gone, and what they had not handed out is there.
        self.holders.clear();
        self.model.living.clear();
        let taken = store.take_abandoned(1_000).await.unwrap();
        let keys = taken.iter().map(|stored| MessageKey::of(stored.message())).collect::<Vec<_>>();
        assert_eq!(keys, self.model.take_abandoned(u64::MAX, 1_000));
    }
}

/// All pages.
async fn list(store: &dyn Store, mut query: Query) -> Vec<Summary> {
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        all.extend(page.messages);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
    }
}

impl Model {
    fn find(&mut self, folder: Folder, key: &MessageKey) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| (kept.folder, &kept.key) == (folder, key))
    }

    fn keep(&mut self, folder: Folder, stored: StoredMessage, holder: Option<u64>) {
        let Summary { key, status, .. } = Summary::of(folder, &stored);
        if self.find(folder, &key).is_none() {
            self.kept.push(Kept { folder, key, stored, status, holder });
        }
    }

    fn append(
        &mut self,
        life: u64,
        effects: &[u64],
        stored: Option<StoredMessage>,
        held: Option<HeldMessage>,
        released: Option<&amp_client::envelope::QuarantineId>,
    ) {
        self.position += 1;
        self.effects.extend(effects.iter().map(|number| (self.position, effect(*number))));
        if let Some(stored) = stored {
            self.keep(Folder::Inbox, stored, Some(life));
        }
        if let Some(id) = released {
            self.held.retain(|(held, _)| held.entry.id() != id);
        }
        let is_held = |id: &_, all: &[(HeldMessage, bool)]| all.iter().any(|(held, _)| held.entry.id() == id);
        if let Some(held) = held.filter(|held| !is_held(held.entry.id(), &self.held)) {
            self.held.push((held, false));
        }
    }

    fn take_abandoned(&mut self, life: u64, limit: usize) -> Vec<MessageKey> {
        let living = &self.living;
        let abandoned = self.kept.iter_mut().filter(|kept| {
            kept.status == Status::Unread && kept.holder.is_some_and(|holder| !living.contains(&holder))
        });
        let taken = abandoned.take(limit).map(|kept| {
            kept.holder = Some(life);
            kept.key.clone()
        });
        taken.collect()
    }

    fn list(&self, query: &Query) -> Vec<Summary> {
        let kept = self.kept.iter().filter(|kept| kept.folder == query.folder);
        let mut all: Vec<(Cursor, Summary)> = kept
            .map(|kept| {
                let mut summary = Summary::of(kept.folder, &kept.stored);
                summary.status = kept.status;
                (summary.cursor(), summary)
            })
            .filter(|(_, summary)| query.matches(summary))
            .collect();
        all.sort_by(|(one, _), (other, _)| other.cmp(one));
        all.into_iter().map(|(_, summary)| summary).collect()
    }
}
