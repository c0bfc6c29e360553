//! Messages: bytes, keys, status, folders.

use amp_client::envelope::{Message, SecurityPlacement, Status, StoredMessage};
use amp_client::store::{Entry, Folder, MessageKey, Query, Store, StoreErrorKind};

use super::effects::oversized;
use super::messages::{ALICE, BOB, Letter, address, at, effect, held, numbers};
use super::{Place, append};

async fn keep(store: &dyn Store, stored: &StoredMessage) -> MessageKey {
    append(store, |at| Entry::new(at, vec![effect(1)]).with_message(stored.clone())).await;
    MessageKey::of(stored.message())
}

fn decoded(json: &str) -> StoredMessage {
    StoredMessage::decode(json.as_bytes()).unwrap()
}

fn json(stored: &StoredMessage) -> String {
    stored.to_json(SecurityPlacement::TopLevel)
}

pub async fn a_message_comes_out_byte_for_byte(place: &Place) {
    let texts = [
        "\u{1b}]0;owned\u{7}\u{9b}31m\r\n\u{0}\u{202e}\u{200b}",
        "'; DROP TABLE messages; --",
        "\u{fffd}\u{ffff}\u{10ffff}\u{e0041}\u{fe0f}",
        "../../etc/passwd\\..\\%2e%2e/",
        "e\u{301} is not \u{e9}",
    ];
    let store = place.open();
    let mut kept = Vec::new();
    for (number, text) in texts.into_iter().enumerate() {
        let stored = Letter::number(number as u64).text(text).received(number as u64);
        kept.push((keep(&*store, &stored).await, stored));
    }
    let spelled = decoded(concat!(
        "{ \"payload\" : {\"message\":\"\\u0041\\/\\ud83d\\ude00\" , \"type\":\"x-odd\",\n\t\"context\":{\"z\":1.50,\"a\":-0,",
        "\"big\":123456789012345678901234567890,\"e\":1E+2,\"nested\":[[],{}]}},\r\n \"envelope\":{\"version\":\"amp/0.1\",",
        "\"id\":\"msg_1_odd\",\"from\":\"Alice@ACME.crabmail.ai\",\"to\":\"bob@acme.crabmail.ai\",\"subject\":\"S|u|b\",",
        "\"priority\":\"high\",\"timestamp\":\"2026-01-31T11:00:00+01:00\",\"thread_id\":\"msg_1_odd\",\"signature\":\"AAAA\",",
        "\"unheard_of\":[1,2]} , \"local\":{\"received_at\":\"2026-01-31T10:00:05Z\"}}",
    ));
    kept.push((keep(&*store, &spelled).await, spelled));
    drop(store);
    let store = place.open();
    for (key, stored) in &kept {
        let found = store.get(Folder::Inbox, key).await.unwrap().unwrap();
        assert_eq!(found.message().to_json(), stored.message().to_json());
        assert!(store.mark(key, Status::Read, at(100)).await.unwrap());
        let found = store.get(Folder::Inbox, key).await.unwrap().unwrap();
        assert_eq!(found.message().to_json(), stored.message().to_json());
    }
}

pub async fn the_owners_notes_survive(place: &Place) {
    let letter = Letter::number(1).received(1);
    let with_notes = json(&letter).replace(
        r#""status":"unread""#,
        r#""status":"unread","fetched_from":"crabmail.ai","delivery_method":"websocket""#,
    );
    let stored = decoded(&with_notes.replacen('{', r#"{"x_other":{"kept":[1,2]},"#, 1));
    let store = place.open();
    let key = keep(&*store, &stored).await;
    assert!(store.mark(&key, Status::Archived, at(5)).await.unwrap());
    drop(store);
    let found = place.open().get(Folder::Inbox, &key).await.unwrap().unwrap();
    assert_eq!(found.local().received_at(), Some(at(1)));
    assert_eq!(found.local().status(), Status::Archived);
    assert_eq!(found.local().delivery_method().as_deref(), Some("websocket"));
    assert_eq!(found.local().get("fetched_from").unwrap().as_str().as_deref(), Some("crabmail.ai"));
    assert_eq!(found.get("x_other").unwrap().raw(), r#"{"kept":[1,2]}"#);
}

/// 512 KiB of message, most of it a text that was escaped letter by letter.
pub async fn the_largest_message_is_kept(place: &Place) {
    let small = Letter::number(1).text("").message().to_json();
    let spelled =
        small.replace(r#""message":"""#, &format!(r#""message":"{}""#, r"\u0041".repeat(64 * 1024)));
    let room = 512 * 1024 - spelled.len() - r#"{"a":""}"#.len() + "null".len();
    let large = spelled.replace(r#""context":null"#, &format!(r#""context":{{"a":"{}"}}"#, "x".repeat(room)));
    assert_eq!(large.len(), 512 * 1024);
    let stored = StoredMessage::new(Message::decode(large.as_bytes()).unwrap(), at(1));
    let store = place.open();
    let key = keep(&*store, &stored).await;
    drop(store);
    let found = place.open().get(Folder::Inbox, &key).await.unwrap().unwrap();
    assert_eq!(found.message().to_json(), stored.message().to_json());
}

pub async fn a_stored_form_that_could_not_be_read_again_is_refused(place: &Place) {
    let store = place.open();
    let position = store.load(Default::default()).await.unwrap().position;
    let error = store.append(Entry::new(position, vec![]).with_message(oversized(1))).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    let error = store.keep_sent(oversized(1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert_eq!(store.load(Default::default()).await.unwrap().position, position);
    assert!(store.list(&Query::new(Folder::Sent)).await.unwrap().messages.is_empty());
}

pub async fn a_message_that_is_there_is_left_as_it_is(place: &Place) {
    let store = place.open();
    let key = keep(&*store, &Letter::number(1).received(1)).await;
    assert!(store.mark(&key, Status::Read, at(5)).await.unwrap());
    append(&*store, |at| Entry::new(at, vec![effect(2)]).with_message(Letter::number(1).received(9))).await;
    assert_eq!(numbers(&store.load(Default::default()).await.unwrap().effects), [1, 2]);
    let page = store.list(&Query::new(Folder::Inbox)).await.unwrap();
    assert_eq!(page.messages.len(), 1);
    assert_eq!(page.messages[0].status, Status::Read);
    assert_eq!(page.messages[0].received_at, Some(at(1)));
    assert_eq!(store.unread().await.unwrap(), 0);
    drop(store);
    assert!(place.open().take_abandoned(10).await.unwrap().is_empty());
}

async fn all_are_kept(place: &Place, letters: &[Letter]) {
    let store = place.open();
    let mut keys = Vec::new();
    for (number, letter) in letters.iter().enumerate() {
        keys.push(keep(&*store, &letter.received(number as u64)).await);
    }
    drop(store);
    let store = place.open();
    assert_eq!(store.unread().await.unwrap(), letters.len() as u64);
    let page = store.list(&Query::new(Folder::Inbox)).await.unwrap();
    let listed: Vec<_> = page.messages.into_iter().rev().map(|summary| summary.key).collect();
    assert_eq!(listed, keys);
    for (number, (key, letter)) in keys.iter().zip(letters).enumerate() {
        let found = store.get(Folder::Inbox, key).await.unwrap().unwrap();
        assert_eq!(found.message().to_json(), letter.message().to_json());
        assert_eq!(found.local().received_at(), Some(at(number as u64)));
    }
    // Each stands for itself.
    assert!(store.mark(&keys[0], Status::Read, at(50)).await.unwrap());
    assert_eq!(store.unread().await.unwrap(), letters.len() as u64 - 1);
    assert!(store.delete(Folder::Inbox, &keys[0]).await.unwrap());
    assert!(store.get(Folder::Inbox, &keys[0]).await.unwrap().is_none());
    for (key, letter) in keys.iter().zip(letters).skip(1) {
        let found = store.get(Folder::Inbox, key).await.unwrap().unwrap();
        assert_eq!(found.message().to_json(), letter.message().to_json());
    }
}

pub async fn a32_one_id_of_two_senders_names_two_messages(place: &Place) {
    let letter = Letter::number(1);
    all_are_kept(place, &[letter.clone().from("mallory@acme.crabmail.ai"), letter]).await;
}

pub async fn a32_two_contents_under_one_id_are_both_kept(place: &Place) {
    let letter = Letter::number(1);
    all_are_kept(place, &[letter.clone(), letter.clone().text("something else"), letter.text("a third")])
        .await;
}

pub async fn a37_addresses_that_one_directory_name_stands_for_stay_apart(place: &Place) {
    let letter = Letter::number(1);
    let senders = ["alice@acme.x.y.io", "alice_acme@x.y.io", "alice-acme@x.y.io"];
    all_are_kept(place, &senders.map(|sender| letter.clone().from(sender))).await;
}

pub async fn a37_ids_that_differ_by_case_or_hyphen_stay_apart(place: &Place) {
    let ids = ["msg_1_abc", "msg_1_ABC", "msg_1_Abc", "msg-1-abc", "MSG_1_abc"];
    let letters: Vec<_> = ids.into_iter().map(|id| Letter::number(1).id(id).thread(id)).collect();
    all_are_kept(place, &letters).await;
}

pub async fn a_message_keeps_its_key_when_its_spaces_change(place: &Place) {
    let letter = Letter::number(1);
    let pretty: serde_json::Value = serde_json::from_str(&letter.message().to_json()).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    let other = StoredMessage::new(Message::decode(pretty.as_bytes()).unwrap(), at(9));
    assert_ne!(other.message().to_json(), letter.message().to_json());
    let store = place.open();
    let key = keep(&*store, &letter.received(1)).await;
    assert_eq!(keep(&*store, &other).await, key);
    assert_eq!(store.unread().await.unwrap(), 1);
}

pub async fn reading_a_message_sets_its_status_and_the_first_time(place: &Place) {
    let store = place.open();
    let key = keep(&*store, &Letter::number(1).received(1)).await;
    assert_eq!(store.unread().await.unwrap(), 1);
    for (status, seconds) in [
        (Status::Read, 10),
        (Status::Unread, 20),
        (Status::Read, 30),
        (Status::Read, 40),
        (Status::Archived, 50),
    ] {
        assert!(store.mark(&key, status, at(seconds)).await.unwrap());
        let found = place.open().get(Folder::Inbox, &key).await.unwrap().unwrap();
        assert_eq!(found.local().status(), status);
        assert_eq!(found.local().read_at(), Some(at(10)));
        assert_eq!(store.unread().await.unwrap(), u64::from(status == Status::Unread));
        let page = store.list(&Query::new(Folder::Inbox)).await.unwrap();
        assert_eq!(page.messages[0].status, status);
    }
}

pub async fn what_is_not_there_is_neither_marked_nor_deleted(place: &Place) {
    let store = place.open();
    keep(&*store, &Letter::number(1).received(1)).await;
    let letters = [Letter::number(2), Letter::number(1).text("other"), Letter::number(1).from(BOB)];
    for letter in letters {
        let key = MessageKey::of(&letter.message());
        assert!(!store.mark(&key, Status::Read, at(1)).await.unwrap());
        assert!(!store.delete(Folder::Inbox, &key).await.unwrap());
        assert!(store.get(Folder::Inbox, &key).await.unwrap().is_none());
        store.handed_out(&key).await.unwrap();
    }
    let key = MessageKey::of(&Letter::number(1).message());
    assert!(!store.delete(Folder::Sent, &key).await.unwrap());
    assert!(store.get(Folder::Sent, &key).await.unwrap().is_none());
    assert_eq!(store.unread().await.unwrap(), 1);
}

pub async fn a_deleted_message_is_gone_and_can_come_again(place: &Place) {
    let store = place.open();
    let letter = Letter::number(1);
    let key = keep(&*store, &letter.received(1)).await;
    assert!(store.delete(Folder::Inbox, &key).await.unwrap());
    assert!(!store.delete(Folder::Inbox, &key).await.unwrap());
    assert_eq!(store.unread().await.unwrap(), 0);
    assert!(store.list(&Query::new(Folder::Inbox)).await.unwrap().messages.is_empty());
    // What is remembered of it stays.
    assert_eq!(numbers(&store.load(Default::default()).await.unwrap().effects), [1]);
    keep(&*store, &letter.received(2)).await;
    drop(store);
    let store = place.open();
    assert_eq!(store.unread().await.unwrap(), 1);
    assert_eq!(store.get(Folder::Inbox, &key).await.unwrap().unwrap().local().received_at(), Some(at(2)));
}

pub async fn a_sent_message_is_kept_apart_from_the_inbox(place: &Place) {
    let store = place.open();
    // To oneself: the same key in both folders.
    let letter = Letter::number(1).from(BOB);
    let (received, sent) = (MessageKey::of(&letter.message()), MessageKey::of_sent(&letter.message()));
    assert_eq!(received, sent);
    store.keep_sent(letter.received(1)).await.unwrap();
    store.keep_sent(letter.received(5)).await.unwrap();
    store.keep_sent(Letter::number(2).from(BOB).to(ALICE).received(2)).await.unwrap();
    assert_eq!(store.unread().await.unwrap(), 0);
    assert!(store.get(Folder::Inbox, &received).await.unwrap().is_none());
    keep(&*store, &letter.received(3)).await;
    assert!(store.mark(&received, Status::Archived, at(9)).await.unwrap());
    drop(store);
    let store = place.open();
    let page = store.list(&Query::new(Folder::Sent)).await.unwrap();
    let peers: Vec<_> = page.messages.iter().map(|summary| summary.key.peer().clone()).collect();
    assert_eq!(peers, [address(ALICE), address(BOB)]);
    assert!(page.messages.iter().all(|summary| summary.status == Status::Read));
    assert_eq!(page.messages[1].received_at, Some(at(1)));
    assert!(store.delete(Folder::Inbox, &received).await.unwrap());
    assert!(store.get(Folder::Sent, &sent).await.unwrap().is_some());
    assert!(store.delete(Folder::Sent, &sent).await.unwrap());
    assert_eq!(store.list(&Query::new(Folder::Sent)).await.unwrap().messages.len(), 1);
    assert!(store.take_abandoned(10).await.unwrap().is_empty());
}

pub async fn everything_is_there_when_the_store_is_opened_again(place: &Place) {
    let store = place.open();
    for number in 0..10 {
        let entry =
            |at| Entry::new(at, vec![effect(number)]).with_message(Letter::number(number).received(number));
        append(&*store, entry).await;
    }
    append(&*store, |at| Entry::new(at, vec![effect(10)]).with_held(held(10))).await;
    store.keep_sent(Letter::number(20).from(BOB).to(ALICE).received(20)).await.unwrap();
    let read = MessageKey::of(&Letter::number(3).message());
    store.mark(&read, Status::Read, at(30)).await.unwrap();
    let before = (
        store.load(Default::default()).await.unwrap(),
        store.list(&Query::new(Folder::Inbox)).await.unwrap().messages,
        store.list(&Query::new(Folder::Sent)).await.unwrap().messages,
    );
    drop(store);
    let store = place.open();
    let loaded = store.load(Default::default()).await.unwrap();
    assert_eq!((loaded.position, &loaded.effects), (before.0.position, &before.0.effects));
    assert_eq!(store.list(&Query::new(Folder::Inbox)).await.unwrap().messages, before.1);
    assert_eq!(store.list(&Query::new(Folder::Sent)).await.unwrap().messages, before.2);
    assert_eq!(store.held().await.unwrap(), [held(10).entry]);
    assert_eq!(store.unread().await.unwrap(), 9);
}
