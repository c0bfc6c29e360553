//! Whose business a message is: holders that live and holders that are gone.

use amp_client::envelope::{Status, StoredMessage};
use amp_client::store::{Entry, Folder, MessageKey, Store};

use super::messages::{Letter, at};
use super::{Place, append};

async fn keep(store: &dyn Store, number: u64) -> MessageKey {
    let letter = Letter::number(number);
    append(store, |at| Entry::new(at, vec![]).with_message(letter.received(100 - number))).await;
    MessageKey::of(&letter.message())
}

fn ids(messages: &[StoredMessage]) -> Vec<String> {
    messages.iter().map(|stored| stored.message().unsigned().id().to_string()).collect()
}

fn ids_of(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| Letter::number(number).id).collect()
}

pub async fn a_message_of_a_living_holder_is_not_abandoned(place: &Place) {
    let (one, other) = (place.open(), place.open());
    keep(&*one, 1).await;
    assert!(other.take_abandoned(10).await.unwrap().is_empty());
    assert!(one.take_abandoned(10).await.unwrap().is_empty());
}

pub async fn a_message_of_a_holder_that_is_gone_is_taken_once(place: &Place) {
    let (one, other, third) = (place.open(), place.open(), place.open());
    let key = keep(&*one, 1).await;
    drop(one);
    let taken = other.take_abandoned(10).await.unwrap();
    assert_eq!(ids(&taken), ids_of([1]));
    assert_eq!(taken[0].message().to_json(), Letter::number(1).message().to_json());
    assert!(third.take_abandoned(10).await.unwrap().is_empty());
    assert!(other.take_abandoned(10).await.unwrap().is_empty());
    other.handed_out(&key).await.unwrap();
    drop(other);
    assert!(third.take_abandoned(10).await.unwrap().is_empty());
    // It is in the inbox as before.
    assert_eq!(third.unread().await.unwrap(), 1);
}

pub async fn a_message_that_was_handed_out_is_not_abandoned(place: &Place) {
    let store = place.open();
    let key = keep(&*store, 1).await;
    keep(&*store, 2).await;
    store.handed_out(&key).await.unwrap();
    store.handed_out(&key).await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(ids(&store.take_abandoned(10).await.unwrap()), ids_of([2]));
    assert_eq!(store.unread().await.unwrap(), 2);
}

pub async fn a_message_that_was_read_or_deleted_is_not_abandoned(place: &Place) {
    let store = place.open();
    let keys =
        [keep(&*store, 1).await, keep(&*store, 2).await, keep(&*store, 3).await, keep(&*store, 4).await];
    let marker = place.open();
    assert!(marker.mark(&keys[0], Status::Read, at(200)).await.unwrap());
    assert!(marker.mark(&keys[1], Status::Archived, at(200)).await.unwrap());
    assert!(marker.delete(Folder::Inbox, &keys[2]).await.unwrap());
    // Once read, it stays handed out.
    assert!(marker.mark(&keys[0], Status::Unread, at(200)).await.unwrap());
    drop(store);
    assert_eq!(ids(&marker.take_abandoned(10).await.unwrap()), ids_of([4]));
}

pub async fn abandoned_messages_come_in_the_order_of_their_keeping_and_by_the_limit(place: &Place) {
    let (one, other) = (place.open(), place.open());
    for number in 0..9 {
        keep(if number % 2 == 0 { &*one } else { &*other }, number).await;
    }
    drop((one, other));
    let store = place.open();
    assert_eq!(ids(&store.take_abandoned(4).await.unwrap()), ids_of(0..4));
    assert_eq!(ids(&store.take_abandoned(4).await.unwrap()), ids_of(4..8));
    assert_eq!(ids(&store.take_abandoned(4).await.unwrap()), ids_of([8]));
    assert!(store.take_abandoned(4).await.unwrap().is_empty());
}

pub async fn what_was_taken_on_and_not_handed_out_is_abandoned_again(place: &Place) {
    let store = place.open();
    keep(&*store, 1).await;
    keep(&*store, 2).await;
    drop(store);
    for _ in 0..3 {
        let store = place.open();
        assert_eq!(ids(&store.take_abandoned(10).await.unwrap()), ids_of([1, 2]));
    }
    let (store, witness) = (place.open(), place.open());
    for stored in store.take_abandoned(10).await.unwrap() {
        store.handed_out(&MessageKey::of(stored.message())).await.unwrap();
    }
    drop(store);
    assert!(witness.take_abandoned(10).await.unwrap().is_empty());
}

pub async fn nothing_foreign_is_in_an_empty_store(place: &Place) {
    let store = place.open();
    assert!(store.foreign(10).await.unwrap().is_empty());
    keep(&*store, 1).await;
    assert!(store.foreign(10).await.unwrap().is_empty(), "what the store has written itself is not foreign");
    drop(store);
    assert!(place.open().foreign(10).await.unwrap().is_empty());
}

pub async fn of_two_holders_one_takes_an_abandoned_message(place: &Place) {
    let store = place.open();
    for number in 0..12 {
        keep(&*store, number).await;
    }
    drop(store);
    let (one, other) = (place.open(), place.open());
    let take = |store: std::sync::Arc<dyn Store>| async move {
        let mut taken = Vec::new();
        loop {
            let some = store.take_abandoned(2).await.unwrap();
            if some.is_empty() {
                break (store, taken);
            }
            taken.extend(ids(&some));
        }
    };
    let (one, other) = (tokio::spawn(take(one)), tokio::spawn(take(other)));
    let ((_one, first), (_other, second)) = (one.await.unwrap(), other.await.unwrap());
    let mut all = [first, second].concat();
    all.sort();
    assert_eq!(all, ids_of(0..12));
}
