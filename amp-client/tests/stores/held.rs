//! What is held for review.

use amp_client::envelope::Message;
use amp_client::receive::QuarantineStatus;
use amp_client::store::{Entry, HeldMessage, MessageKey, Position, Store};

use super::messages::{Letter, at, effect, held, numbers};
use super::{Place, append};

async fn hold(store: &dyn Store, held: &HeldMessage) {
    append(store, |at| Entry::new(at, vec![effect(1)]).with_held(held.clone())).await;
}

pub async fn a_held_message_waits_for_its_decision(place: &Place) {
    let store = place.open();
    let (one, other) = (held(2), held(1));
    hold(&*store, &one).await;
    hold(&*store, &other).await;
    assert_eq!(store.unread().await.unwrap(), 0);
    drop(store);
    let store = place.open();
    assert_eq!(store.held().await.unwrap(), [one.entry.clone(), other.entry.clone()]);
    let found = store.get_held(one.entry.id()).await.unwrap().unwrap();
    assert_eq!((&found.entry, &found.message), (&one.entry, &one.message));
    Message::decode(&found.message).unwrap();
    assert!(store.get_held(held(3).entry.id()).await.unwrap().is_none());

    let mut decided = one.entry.clone();
    decided.approve(at(60)).unwrap();
    assert!(store.decide_held(&decided).await.unwrap());
    drop(store);
    let store = place.open();
    assert_eq!(store.held().await.unwrap(), [decided.clone(), other.entry.clone()]);
    let found = store.get_held(one.entry.id()).await.unwrap().unwrap();
    assert_eq!((&found.entry, &found.message), (&decided, &one.message));

    assert!(store.remove_held(one.entry.id()).await.unwrap());
    assert!(!store.remove_held(one.entry.id()).await.unwrap());
    assert!(!store.decide_held(&decided).await.unwrap());
    drop(store);
    assert_eq!(place.open().held().await.unwrap(), [other.entry]);
}

pub async fn an_entry_is_decided_once(place: &Place) {
    let store = place.open();
    let held = held(1);
    hold(&*store, &held).await;
    let (mut approved, mut rejected) = (held.entry.clone(), held.entry);
    approved.approve(at(1)).unwrap();
    rejected.reject(at(1)).unwrap();
    assert!(store.decide_held(&rejected).await.unwrap());
    assert!(!place.open().decide_held(&approved).await.unwrap());
    assert_eq!(store.held().await.unwrap()[0].status(at(2)), QuarantineStatus::Rejected);
}

pub async fn of_two_decisions_at_once_one_counts(place: &Place) {
    for number in 0..8 {
        let held = held(number);
        hold(&*place.open(), &held).await;
        let (mut approved, mut rejected) = (held.entry.clone(), held.entry.clone());
        approved.approve(at(1)).unwrap();
        rejected.reject(at(1)).unwrap();
        let (one, other) = (place.open(), place.open());
        let yes = tokio::spawn(async move { one.decide_held(&approved).await.unwrap() });
        let no = tokio::spawn(async move { other.decide_held(&rejected).await.unwrap() });
        let (yes, no) = (yes.await.unwrap(), no.await.unwrap());
        assert!(yes != no);
        let status = place.open().get_held(held.entry.id()).await.unwrap().unwrap().entry.status(at(2));
        assert_eq!(status, if yes { QuarantineStatus::Approved } else { QuarantineStatus::Rejected });
    }
}

pub async fn a_held_message_is_handed_out_and_removed_in_one_entry(place: &Place) {
    let store = place.open();
    let held = held(1);
    hold(&*store, &held).await;
    let id = held.entry.id().clone();
    let entry = |at| {
        Entry::new(at, vec![effect(2)]).with_message(Letter::number(1).received(5)).releasing(id.clone())
    };
    store.append(entry(Position::START)).await.unwrap();
    assert_eq!(store.held().await.unwrap().len(), 1, "an entry that is behind releases nothing");
    append(&*store, entry).await;
    assert!(store.held().await.unwrap().is_empty());
    let key = MessageKey::of(&Letter::number(1).message());
    assert!(store.get(amp_client::store::Folder::Inbox, &key).await.unwrap().is_some());
    // Thrown away, and what is not there.
    hold(&*store, &super::messages::held(4)).await;
    append(&*store, |at| Entry::new(at, vec![]).releasing(super::messages::held(4).entry.id().clone())).await;
    append(&*store, |at| Entry::new(at, vec![]).releasing(id.clone())).await;
    drop(store);
    let store = place.open();
    assert!(store.held().await.unwrap().is_empty());
    assert_eq!(numbers(&store.load(Position::START).await.unwrap().effects), [1, 2, 1]);
}

pub async fn a_held_message_that_is_there_is_left_as_it_is(place: &Place) {
    let store = place.open();
    let held = held(1);
    hold(&*store, &held).await;
    let mut decided = held.entry.clone();
    decided.reject(at(1)).unwrap();
    assert!(store.decide_held(&decided).await.unwrap());
    hold(&*store, &held).await;
    assert_eq!(store.held().await.unwrap(), [decided]);
}
