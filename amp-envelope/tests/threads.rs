//! Threads: the vectors, and what holds for any messages in any order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

extern crate alloc;

use alloc::collections::BTreeSet;

use amp_address::Profile;
use amp_envelope::{MessageId, ThreadEntry, ThreadView, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

fn id(text: &str) -> MessageId {
    MessageId::parse_with(text, Profile::Deployed).unwrap()
}

fn texts<'a>(ids: impl Iterator<Item = &'a MessageId>) -> Vec<&'a str> {
    ids.map(MessageId::as_str).collect()
}

fn read(message: &Value) -> ThreadEntry {
    let parent = message.get("in_reply_to").map(|parent| id(parent.as_str().unwrap()));
    ThreadEntry::new(
        id(message["id"].as_str().unwrap()),
        parent,
        message["timestamp"].as_str().unwrap().parse().unwrap(),
    )
}

// rule: THREAD-1, THREAD-2, THREAD-3, THREAD-4, THREAD-5, THREAD-6, THREAD-7
#[test]
fn the_vectors_hold_in_any_arrival_order() {
    for file in [include_str!("../../vectors/thread.json"), include_str!("../../vectors/own/thread.json")] {
        let suite: Value = serde_json::from_str(file).unwrap();
        for case in suite["cases"].as_array().unwrap() {
            let mut entries: Vec<_> =
                case["input"]["messages"].as_array().unwrap().iter().map(read).collect();
            for _ in 0..entries.len().max(1) {
                let view = ThreadView::build(entries.iter().cloned());
                assert_eq!(serde_json::json!(texts(view.roots())), case["expect"]["roots"], "{}", case["id"]);
                assert_eq!(serde_json::json!(texts(view.order())), case["expect"]["order"], "{}", case["id"]);
                if let Some(first) = entries.pop() {
                    entries.insert(0, first);
                }
            }
        }
    }
}

// rule: THREAD-8
#[test]
fn a_star_a_chain_and_a_circle_of_a_hundred_thousand_are_arranged() {
    const LEN: usize = 100_000;
    let name = |n: usize| id(&format!("msg_{n}_a"));
    let at = Timestamp::UNIX_EPOCH;
    let star = ThreadView::build((0..LEN).map(|n| ThreadEntry::new(name(n), (n > 0).then(|| name(0)), at)));
    assert_eq!(star.children(&name(0)).count(), LEN - 1);
    let chain =
        ThreadView::build((0..LEN).map(|n| ThreadEntry::new(name(n), (n > 0).then(|| name(n - 1)), at)));
    assert_eq!(chain.depth(&name(LEN - 1)), Some(LEN - 1));
    let circle =
        ThreadView::build((0..LEN).map(|n| ThreadEntry::new(name(n), Some(name((n + 1) % LEN)), at)));
    assert_eq!(circle.cycles().map(<[_]>::len).collect::<Vec<_>>(), [LEN]);
    assert_eq!(circle.order().count(), LEN);
}

/// Few ids, so that parents, circles and duplicates are common; both spellings.
fn any_entry() -> impl Strategy<Value = ThreadEntry> {
    let any_id = || {
        (0..12_u32, prop_oneof![Just('_'), Just('-')])
            .prop_map(|(n, sign)| id(&format!("msg{sign}{n}{sign}a")))
    };
    (any_id(), proptest::option::weighted(0.8, any_id()), 0..6_i64).prop_map(|(name, parent, second)| {
        ThreadEntry::new(name, parent, Timestamp::from_unix_seconds(second).unwrap())
    })
}

fn entries() -> impl Strategy<Value = (Vec<ThreadEntry>, Vec<ThreadEntry>)> {
    proptest::collection::vec(any_entry(), 0..24)
        .prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle()))
}

proptest! {
    // rule: THREAD-2
    #[test]
    fn the_order_of_arrival_does_not_matter((entries, shuffled) in entries()) {
        prop_assert_eq!(ThreadView::build(entries), ThreadView::build(shuffled));
    }

    // rule: THREAD-5
    #[test]
    fn every_message_stands_once_or_is_a_duplicate((entries, _) in entries()) {
        let view = ThreadView::build(entries.clone());
        let key = |id: &MessageId| id.as_str().replace('-', "_");
        let distinct: BTreeSet<_> = entries.iter().map(|entry| key(entry.id())).collect();
        let arranged: Vec<_> = view.order().map(key).collect();
        prop_assert_eq!(arranged.len(), distinct.len());
        prop_assert_eq!(arranged.into_iter().collect::<BTreeSet<_>>(), distinct);
        prop_assert_eq!(view.len() + view.duplicates().len(), entries.len());
        for kept in view.entries() {
            let earliest = entries.iter().filter(|e| e.id().same_message(kept.id())).map(ThreadEntry::timestamp).min();
            prop_assert_eq!(Some(kept.timestamp()), earliest);
        }
    }

    // rule: THREAD-6
    #[test]
    fn parents_come_first_and_siblings_by_time((entries, _) in entries()) {
        let view = ThreadView::build(entries);
        let by_time = |ids: Vec<&MessageId>| {
            let keys: Vec<_> = ids.iter().map(|id| {
                let entry = view.entries().find(|entry| entry.id() == *id).unwrap();
                (entry.timestamp(), entry.id().as_str().to_owned())
            }).collect();
            keys.is_sorted()
        };
        prop_assert!(by_time(view.roots().collect()));
        let order: Vec<_> = view.order().collect();
        let position = |id: &MessageId| order.iter().position(|other| *other == id);
        for id in &order {
            prop_assert!(by_time(view.children(id).collect()));
            match view.parent(id) {
                None => prop_assert!(view.roots().any(|root| root == *id) && view.depth(id) == Some(0)),
                Some(parent) => {
                    prop_assert!(position(parent) < position(id));
                    prop_assert_eq!(view.depth(id), view.depth(parent).map(|depth| depth + 1));
                    prop_assert!(view.children(parent).any(|child| child == *id));
                }
            }
        }
    }

    // rule: THREAD-3, THREAD-4
    #[test]
    fn only_a_missing_parent_or_a_circle_makes_a_root_of_an_answer((entries, _) in entries()) {
        let view = ThreadView::build(entries);
        for entry in view.entries() {
            let cut = view.cycles().any(|cycle| cycle.first() == Some(entry.id()));
            let claimed = entry.in_reply_to().filter(|parent| view.depth(parent).is_some());
            match view.parent(entry.id()) {
                Some(parent) => prop_assert!(parent.same_message(claimed.unwrap()) && !cut),
                None => prop_assert_eq!(claimed.is_some(), cut),
            }
        }
        for cycle in view.cycles() {
            let time = |id: &MessageId| {
                let entry = view.entries().find(|entry| entry.id() == id).unwrap();
                (entry.timestamp(), entry.id().as_str().to_owned())
            };
            prop_assert!(cycle.iter().all(|member| time(&cycle[0]) <= time(member)));
        }
    }
}
