//! Lists: order, pages, and what is searched for.

use amp_client::envelope::{Status, StoredMessage};
use amp_client::store::{Entry, Folder, MessageKey, Page, Query, Store, Summary};

use super::messages::{ALICE, BOB, Letter, address, at, id};
use super::{Place, append};

async fn keep(store: &dyn Store, stored: StoredMessage) {
    append(store, |at| Entry::new(at, vec![]).with_message(stored.clone())).await;
}

fn ids(page: &Page) -> Vec<String> {
    page.messages.iter().map(|summary| summary.key.id().to_string()).collect()
}

fn ids_of(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| Letter::number(number).id).collect()
}

pub async fn the_newest_message_is_listed_first(place: &Place) {
    let store = place.open();
    for (number, received) in [(1, 10), (2, 30), (3, 20), (4, 5)] {
        keep(&*store, Letter::number(number).received(received)).await;
    }
    let page = store.list(&Query::new(Folder::Inbox)).await.unwrap();
    assert_eq!(ids(&page), ids_of([2, 3, 1, 4]));
    assert!(page.next.is_none());
    let Summary { key, subject, sent_at, received_at, status, thread, .. } = &page.messages[0];
    assert_eq!(key, &MessageKey::of(&Letter::number(2).message()));
    assert_eq!(
        (subject.as_str(), *sent_at, *received_at, *status),
        ("Hi", at(0), Some(at(30)), Status::Unread)
    );
    assert_eq!(thread.as_str(), Letter::number(2).thread);
}

pub async fn a_message_without_a_note_of_its_coming_is_listed_by_its_stamp(place: &Place) {
    let store = place.open();
    keep(&*store, Letter::number(1).received(10)).await;
    let bare = Letter::number(2).stamp("2026-01-31T10:00:20Z").message();
    keep(&*store, StoredMessage::decode(bare.to_json().as_bytes()).unwrap()).await;
    keep(&*store, Letter::number(3).received(30)).await;
    let page = store.list(&Query::new(Folder::Inbox)).await.unwrap();
    assert_eq!(ids(&page), ids_of([3, 2, 1]));
}

pub async fn pages_go_on_where_the_last_one_ended(place: &Place) {
    let store = place.open();
    for number in 0..23 {
        keep(&*store, Letter::number(number).received(number)).await;
    }
    for limit in [1, 5, 22, 23, 24] {
        let mut query = Query::new(Folder::Inbox);
        query.limit = limit;
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = store.list(&query).await.unwrap();
            assert!(!page.messages.is_empty() && page.messages.len() <= limit);
            seen.extend(ids(&page));
            pages += 1;
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, ids_of((0..23).rev()));
        assert_eq!(pages, 23_usize.div_ceil(limit));
    }
}

pub async fn a_page_goes_on_though_messages_come_and_go(place: &Place) {
    let store = place.open();
    for number in 0..10 {
        keep(&*store, Letter::number(number).received(number)).await;
    }
    let mut query = Query::new(Folder::Inbox);
    query.limit = 4;
    let first = store.list(&query).await.unwrap();
    assert_eq!(ids(&first), ids_of([9, 8, 7, 6]));
    // The last one of the page goes, the next one too, and a new one comes.
    for summary in [&first.messages[3].key, &MessageKey::of(&Letter::number(5).message())] {
        assert!(store.delete(Folder::Inbox, summary).await.unwrap());
    }
    keep(&*store, Letter::number(11).received(11)).await;
    query.after = first.next;
    let second = store.list(&query).await.unwrap();
    assert_eq!(ids(&second), ids_of([4, 3, 2, 1]));
    query.after = second.next;
    assert_eq!(ids(&store.list(&query).await.unwrap()), ids_of([0]));
}

pub async fn messages_of_one_moment_are_listed_in_the_order_of_their_keys(place: &Place) {
    let store = place.open();
    let letters: Vec<Letter> = [
        Letter::number(3),
        Letter::number(1).from("zoe@acme.crabmail.ai"),
        Letter::number(1),
        Letter::number(1).text("other"),
        Letter::number(2).from("a-b@acme.crabmail.ai"),
        Letter::number(2).from("a_b@acme.crabmail.ai"),
        Letter::number(4).id("msg_1_B"),
        Letter::number(4).id("msg_1_a"),
    ]
    .into();
    for letter in &letters {
        keep(&*store, letter.received(1)).await;
    }
    let mut keys: Vec<_> = letters.iter().map(|letter| MessageKey::of(&letter.message())).collect();
    keys.sort();
    keys.reverse();
    let mut query = Query::new(Folder::Inbox);
    query.limit = 1;
    for key in keys {
        let page = store.list(&query).await.unwrap();
        assert_eq!(page.messages[0].key, key);
        query.after = page.next;
    }
    assert!(query.after.is_none());
}

pub async fn messages_are_found_by_status_peer_thread_and_id(place: &Place) {
    let store = place.open();
    let (carol, thread) = ("carol@acme.crabmail.ai", Letter::number(0).id);
    for number in 0..12 {
        let mut letter = Letter::number(number);
        if number % 2 == 1 {
            letter = letter.from(carol);
        }
        if number % 3 == 0 {
            letter = letter.thread(&thread);
        }
        keep(&*store, letter.received(number)).await;
        if number >= 8 {
            store.mark(&MessageKey::of(&letter.message()), Status::Read, at(90)).await.unwrap();
        }
    }
    let ask = async |set: &dyn Fn(&mut Query)| {
        let mut query = Query::new(Folder::Inbox);
        set(&mut query);
        ids(&store.list(&query).await.unwrap())
    };
    let all = || (0..12).rev();
    assert_eq!(ask(&|query| query.status = Some(Status::Unread)).await, ids_of((0..8).rev()));
    assert_eq!(ask(&|query| query.status = Some(Status::Archived)).await, ids_of([]));
    assert_eq!(ask(&|query| query.peer = Some(address(carol))).await, ids_of(all().filter(|n| n % 2 == 1)));
    assert_eq!(ask(&|query| query.peer = Some(address("nobody@acme.crabmail.ai"))).await, ids_of([]));
    assert_eq!(ask(&|query| query.thread = Some(id(&thread))).await, ids_of([9, 6, 3, 0]));
    assert_eq!(ask(&|query| query.id = Some(id(&Letter::number(4).id))).await, ids_of([4]));
    let both = |query: &mut Query| {
        query.thread = Some(id(&thread));
        query.peer = Some(address(ALICE));
        query.status = Some(Status::Unread);
    };
    assert_eq!(ask(&both).await, ids_of([6, 0]));
    let paged = |query: &mut Query| {
        query.thread = Some(id(&thread));
        query.limit = 3;
    };
    let mut query = Query::new(Folder::Inbox);
    paged(&mut query);
    let page = store.list(&query).await.unwrap();
    assert_eq!(ids(&page), ids_of([9, 6, 3]));
    query.after = page.next;
    let page = store.list(&query).await.unwrap();
    assert_eq!(ids(&page), ids_of([0]));
    assert!(page.next.is_none());

    store.keep_sent(Letter::number(30).from(BOB).to(carol).thread(&thread).received(1)).await.unwrap();
    store.keep_sent(Letter::number(31).from(BOB).to(ALICE).received(2)).await.unwrap();
    let mut query = Query::new(Folder::Sent);
    query.peer = Some(address(carol));
    assert_eq!(ids(&store.list(&query).await.unwrap()), ids_of([30]));
    let mut query = Query::new(Folder::Sent);
    query.thread = Some(id(&thread));
    assert_eq!(ids(&store.list(&query).await.unwrap()), ids_of([30]));
    query = Query::new(Folder::Sent);
    query.status = Some(Status::Unread);
    assert!(store.list(&query).await.unwrap().messages.is_empty());
    query.status = Some(Status::Read);
    assert_eq!(ids(&store.list(&query).await.unwrap()), ids_of([31, 30]));
}

pub async fn a_limit_outside_its_range_is_the_nearer_end(place: &Place) {
    let store = place.open();
    for number in 0..3 {
        keep(&*store, Letter::number(number).received(number)).await;
    }
    let mut query = Query::new(Folder::Inbox);
    query.limit = 0;
    assert_eq!(ids(&store.list(&query).await.unwrap()), ids_of([2]));
    query.limit = usize::MAX;
    assert_eq!(ids(&store.list(&query).await.unwrap()), ids_of([2, 1, 0]));
    store.foreign(0).await.unwrap();
    store.foreign(usize::MAX).await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.take_abandoned(0).await.unwrap().len(), 1);
    assert_eq!(store.take_abandoned(usize::MAX).await.unwrap().len(), 2);
}
