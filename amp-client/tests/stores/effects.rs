//! What the receiver remembers: positions, order, compaction, and appending at once.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Waker};

use amp_client::crypto::Identity;
use amp_client::envelope::{Draft, QuarantineId};
use amp_client::receive::{Context, Disposition, Effect, FirstOutcome, Receiver, SenderKey, Via};
use amp_client::store::{Appended, Entry, Folder, MessageKey, Position, Query, Store};

use super::messages::{ALICE, BOB, Letter, address, at, effect, held, numbers};
use super::{Place, append};

pub async fn an_empty_store_has_nothing(place: &Place) {
    let store = place.open();
    let loaded = store.load(Position::START).await.unwrap();
    assert!(loaded.effects.is_empty() && loaded.is_whole);
    assert_eq!(loaded.position, Position::START);
    for folder in [Folder::Inbox, Folder::Sent] {
        let page = store.list(&Query::new(folder)).await.unwrap();
        assert!(page.messages.is_empty() && page.next.is_none());
    }
    assert_eq!(store.unread().await.unwrap(), 0);
    assert!(store.held().await.unwrap().is_empty());
    assert!(store.take_abandoned(10).await.unwrap().is_empty());
}

pub async fn effects_are_loaded_in_the_order_of_their_appending(place: &Place) {
    let store = place.open();
    append(&*store, |at| Entry::new(at, vec![effect(3), effect(1)])).await;
    append(&*store, |at| Entry::new(at, vec![effect(2)])).await;
    append(&*store, |at| Entry::new(at, vec![effect(1), effect(1), effect(5)])).await;
    let loaded = store.load(Position::START).await.unwrap();
    assert_eq!(numbers(&loaded.effects), [3, 1, 2, 1, 1, 5]);
}

pub async fn loading_from_a_position_gives_what_came_after_it(place: &Place) {
    let (one, other) = (place.open(), place.open());
    let first = append(&*one, |at| Entry::new(at, vec![effect(1), effect(2)])).await;
    let second = append(&*other, |at| Entry::new(at, vec![effect(3)])).await;
    let message = Letter::number(1).received(0);
    let third = append(&*one, |at| Entry::new(at, vec![]).with_message(message.clone())).await;
    assert!(Position::START < first && first < second && second < third);
    for store in [one, other] {
        let loaded = store.load(first).await.unwrap();
        assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![3], third, false));
        let loaded = store.load(second).await.unwrap();
        assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![], third, false));
        let loaded = store.load(Position::START).await.unwrap();
        assert_eq!(
            (numbers(&loaded.effects), loaded.position, loaded.is_whole),
            (vec![1, 2, 3], third, true)
        );
    }
}

pub async fn a_position_that_the_store_does_not_know_gives_everything(place: &Place) {
    let store = place.open();
    let position = append(&*store, |at| Entry::new(at, vec![effect(1)])).await;
    let loaded = store.load(Position::new(position.get() + 7)).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![1], position, true));
}

pub async fn an_entry_at_an_old_position_is_behind_and_changes_nothing(place: &Place) {
    let (one, other) = (place.open(), place.open());
    let entry = |at, number| {
        Entry::new(at, vec![effect(number)])
            .with_message(Letter::number(number).received(number))
            .with_held(held(number))
    };
    let Appended::Stored(position) = one.append(entry(Position::START, 1)).await.unwrap() else { panic!() };
    assert_eq!(other.append(entry(Position::START, 2)).await.unwrap(), Appended::Behind);
    let loaded = other.load(Position::START).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position), (vec![1], position));
    assert_eq!(other.unread().await.unwrap(), 1);
    assert_eq!(other.held().await.unwrap().len(), 1);
    assert!(matches!(other.append(entry(position, 2)).await.unwrap(), Appended::Stored(_)));
    assert_eq!(one.append(entry(position, 3)).await.unwrap(), Appended::Behind);
    assert_eq!(one.unread().await.unwrap(), 2);
}

pub async fn an_entry_at_a_position_that_was_never_given_is_behind(place: &Place) {
    let store = place.open();
    let entry = Entry::new(Position::new(5), vec![effect(1)]);
    assert_eq!(store.append(entry).await.unwrap(), Appended::Behind);
    assert_eq!(store.load(Position::START).await.unwrap().position, Position::START);
}

pub async fn effects_that_are_not_durable_are_not_kept(place: &Place) {
    let note = r#"{"v":1,"effect":"risk_counted","sender":"alice@acme.crabmail.ai","outcome":"flagged","at":"2026-01-31T10:00:00Z"}"#;
    let note = Effect::from_json(note.as_bytes()).unwrap();
    assert!(!note.is_durable());
    let store = place.open();
    let effects = vec![note.clone(), effect(1), note.clone()];
    append(&*store, |at| Entry::new(at, effects.clone())).await;
    assert_eq!(numbers(&store.load(Position::START).await.unwrap().effects), [1]);
    let position = store.load(Position::START).await.unwrap().position;
    assert!(store.compact(position, vec![effect(4), note]).await.unwrap());
    assert_eq!(numbers(&store.load(Position::START).await.unwrap().effects), [4]);
}

pub async fn compaction_at_an_old_position_does_nothing(place: &Place) {
    let (one, other) = (place.open(), place.open());
    let first = append(&*one, |at| Entry::new(at, vec![effect(1)])).await;
    append(&*other, |at| Entry::new(at, vec![effect(2)])).await;
    assert!(!one.compact(first, vec![effect(9)]).await.unwrap());
    assert!(!one.compact(Position::START, vec![]).await.unwrap());
    assert!(!one.compact(Position::new(99), vec![]).await.unwrap());
    assert_eq!(numbers(&one.load(Position::START).await.unwrap().effects), [1, 2]);
}

pub async fn who_has_read_all_goes_on_after_a_compaction_and_who_has_not_begins_anew(place: &Place) {
    let (one, other) = (place.open(), place.open());
    let first = append(&*one, |at| Entry::new(at, vec![effect(1), effect(2)])).await;
    let second = append(&*one, |at| Entry::new(at, vec![effect(3)])).await;
    assert!(other.compact(second, vec![effect(4), effect(5)]).await.unwrap());
    let loaded = one.load(second).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![], second, false));
    let loaded = one.load(first).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![4, 5], second, true));

    let third = append(&*one, |at| Entry::new(at, vec![effect(6)])).await;
    assert!(second < third);
    let loaded = other.load(second).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![6], third, false));
    let loaded = other.load(first).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![4, 5, 6], third, true));
    drop((one, other));
    let loaded = place.open().load(Position::START).await.unwrap();
    assert_eq!((numbers(&loaded.effects), loaded.position, loaded.is_whole), (vec![4, 5, 6], third, true));
}

pub async fn compaction_leaves_messages_and_what_is_held(place: &Place) {
    let store = place.open();
    let entry =
        |at| Entry::new(at, vec![effect(1)]).with_message(Letter::number(1).received(1)).with_held(held(2));
    let position = append(&*store, entry).await;
    assert!(store.compact(position, vec![]).await.unwrap());
    drop(store);
    let store = place.open();
    assert!(store.load(Position::START).await.unwrap().effects.is_empty());
    assert_eq!(store.unread().await.unwrap(), 1);
    assert_eq!(store.held().await.unwrap().len(), 1);
    assert_eq!(store.take_abandoned(10).await.unwrap().len(), 1);
}

/// What a receiver takes in, stored as the inbox stores it.
pub async fn a_receiver_restored_after_a_compaction_remembers_the_same(place: &Place) {
    let alice = Identity::from_seed(&[7; 32]);
    let key = SenderKey::resolved(alice.verifying_key().clone());
    let context = |number| Context::new(at(number), Via::Direct).with_key(key.clone());
    let letter = |number: u64| {
        let draft = Draft::request(address(BOB), "Hi", &format!("letter {number}")).from(&address(ALICE));
        draft.sign(&alice, at(number)).unwrap().to_json()
    };
    let store = place.open();
    let mut receiver = Receiver::builder(address(BOB)).build();
    let mut position = Position::START;
    let letters: Vec<String> = (0..20).map(letter).collect();
    for (number, bytes) in letters.iter().enumerate() {
        let reception = receiver.receive(bytes.as_bytes(), &context(number as u64));
        let mut entry = Entry::new(position, reception.effects().to_vec());
        entry.message = reception.stored();
        let Appended::Stored(now) = store.append(entry).await.unwrap() else { panic!() };
        position = now;
        assert!(matches!(reception.commit(), Disposition::Deliver(_)));
        if number == 9 {
            assert!(store.compact(position, receiver.memory().to_effects()).await.unwrap());
        }
    }
    drop(store);
    let loaded = place.open().load(Position::START).await.unwrap();
    let mut restored = Receiver::builder(address(BOB)).build();
    loaded.effects.iter().for_each(|effect| restored.apply(effect));
    assert_eq!(restored.memory().to_effects(), receiver.memory().to_effects());
    for bytes in &letters {
        let again = restored.receive(bytes.as_bytes(), &context(30)).commit();
        assert!(matches!(again, Disposition::Duplicate(FirstOutcome::Delivered)), "{again:?}");
    }
}

pub async fn a33_tasks_that_append_at_once_take_each_message_in_exactly_once(place: &Place) {
    const TASKS: u64 = 6;
    const LETTERS: u64 = 24;
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let store = place.open();
        tasks.push(tokio::spawn(async move {
            // Each begins elsewhere, and each finds every letter.
            for turn in 0..LETTERS {
                take_in(&store, (turn + task * LETTERS / TASKS) % LETTERS).await;
            }
            store
        }));
    }
    let mut stores = Vec::new();
    for task in tasks {
        stores.push(task.await.unwrap());
    }
    let loaded = stores[0].load(Position::START).await.unwrap();
    let mut times = BTreeMap::<u64, u64>::new();
    for number in numbers(&loaded.effects) {
        *times.entry(number).or_default() += 1;
    }
    assert_eq!(times, (0..LETTERS).map(|number| (number, 1)).collect());
    assert_eq!(stores[0].unread().await.unwrap(), LETTERS);
    drop(stores);
    let abandoned = place.open().take_abandoned(1_000).await.unwrap();
    assert_eq!(abandoned.len() as u64, LETTERS);
}

/// As the receiving path does: what others appended is loaded first, and decides.
async fn take_in(store: &Arc<dyn Store>, number: u64) {
    let mut position = Position::START;
    loop {
        let loaded = store.load(position).await.unwrap();
        if position == Position::START && numbers(&loaded.effects).contains(&number) {
            return;
        }
        if position != Position::START && !loaded.effects.is_empty() {
            position = Position::START;
            continue;
        }
        position = loaded.position;
        let entry =
            Entry::new(position, vec![effect(number)]).with_message(Letter::number(number).received(number));
        if matches!(store.append(entry).await.unwrap(), Appended::Stored(_)) {
            return;
        }
        position = Position::START;
    }
}

pub async fn a34_effects_and_message_are_stored_together_or_not_at_all(place: &Place) {
    let store = place.open();
    let too_large = oversized(7);
    let entry = Entry::new(Position::START, vec![effect(7)]).with_message(too_large).with_held(held(7));
    store.append(entry).await.unwrap_err();
    let loaded = store.load(Position::START).await.unwrap();
    assert_eq!((loaded.effects.len(), loaded.position), (0, Position::START));
    assert_eq!(store.unread().await.unwrap(), 0);
    assert!(store.held().await.unwrap().is_empty());
    let entry = Entry::new(Position::START, vec![effect(7)]).with_message(Letter::number(7).received(0));
    assert!(matches!(store.append(entry).await.unwrap(), Appended::Stored(_)));
}

/// A message whose stored form nobody could read again.
pub fn oversized(number: u64) -> amp_client::envelope::StoredMessage {
    let mut stored = Letter::number(number).text(&"x".repeat(60_000)).received(number);
    stored.set_delivery_method(&"y".repeat(1_000_000));
    stored
}

pub async fn a_future_that_is_dropped_has_happened_or_has_not(place: &Place) {
    let store = place.open();
    for number in 0..20 {
        let position = store.load(Position::START).await.unwrap().position;
        let entry =
            Entry::new(position, vec![effect(number)]).with_message(Letter::number(number).received(number));
        {
            let mut context = TaskContext::from_waker(Waker::noop());
            let mut future = pin!(store.append(entry));
            for _ in 0..number % 3 {
                if future.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
        if number % 4 == 0 {
            tokio::task::yield_now().await;
        }
    }
    // What was begun may still be under way: it is over once an entry of ours was taken.
    append(&*store, |at| Entry::new(at, vec![effect(99)])).await;
    let effects = numbers(&store.load(Position::START).await.unwrap().effects);
    let mut query = Query::new(Folder::Inbox);
    query.limit = 1_000;
    let listed = store.list(&query).await.unwrap().messages;
    assert_eq!(listed.len(), effects.len() - 1);
    for number in effects.iter().filter(|number| **number != 99) {
        let key = MessageKey::of(&Letter::number(*number).message());
        assert!(listed.iter().any(|summary| summary.key == key));
    }
    assert!(
        store
            .get_held(&QuarantineId::parse("qtn_1769853600_0000000000000000").unwrap())
            .await
            .unwrap()
            .is_none()
    );
}
