//! Threads: every message stands once, answers hang where `in_reply_to` says, and arrival order does not matter.

use std::collections::{BTreeMap, BTreeSet};

use amp_address::Profile;
use amp_envelope::{MessageId, ThreadEntry, ThreadView, Timestamp};

/// Four bytes a message: which of the ids it has and how that is spelled, which it answers, when it was sent.
pub fn thread(data: &[u8]) {
    let (chunks, _) = data.as_chunks::<4>();
    let mut entries: Vec<ThreadEntry> = chunks.iter().take(64).map(entry).collect();
    let view = ThreadView::build(entries.iter().cloned());
    everyone_stands_once(&entries, &view);
    answers_hang_below_what_they_answer(&view);
    cycles_are_cut_and_reported(&view);

    entries.reverse();
    assert_eq!(ThreadView::build(entries.iter().cloned()), view);
    let middle = data.len() % entries.len().max(1);
    entries.rotate_left(middle);
    assert_eq!(ThreadView::build(entries.iter().cloned()), view);
    entries.sort_by_key(|entry| (entry.id().as_str().len(), entry.in_reply_to().cloned()));
    assert_eq!(ThreadView::build(entries), view);
}

fn entry(&[name, parent, spelling, time]: &[u8; 4]) -> ThreadEntry {
    let parent = (parent < 0xf0).then(|| id(parent, spelling >> 4));
    // Few moments, so that many messages share one.
    let seconds = i64::from(time & 0x0f) - 4;
    let time = Timestamp::from_unix_milliseconds(seconds * 1000 + i64::from(time >> 6)).unwrap();
    ThreadEntry::new(id(name, spelling & 0x0f), parent, time)
}

fn id(number: u8, spelling: u8) -> MessageId {
    let text = match spelling {
        0..8 => format!("msg_{number}_a"),
        8..12 => format!("msg-{number}-a"),
        12..14 => format!("msg_{number}-a"),
        14 => format!("note_{number}_a"),
        _ => format!("note-{number}-a"),
    };
    MessageId::parse_with(&text, Profile::Deployed).unwrap()
}

fn key(id: &MessageId) -> String {
    let text = id.as_str();
    if text.starts_with("msg") { text.replace('-', "_") } else { text.to_owned() }
}

fn by_time(entry: &ThreadEntry) -> (Timestamp, &str) {
    (entry.timestamp(), entry.id().as_str())
}

fn everyone_stands_once(entries: &[ThreadEntry], view: &ThreadView) {
    let wanted: BTreeSet<_> = entries.iter().map(|entry| key(entry.id())).collect();
    let arranged: Vec<_> = view.order().map(key).collect();
    assert_eq!(arranged.len(), wanted.len());
    assert_eq!(arranged.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    assert_eq!((view.len(), view.is_empty()), (wanted.len(), wanted.is_empty()));

    // What is arranged and what was set aside is together what was given.
    let mut given: Vec<_> = entries.iter().collect();
    let mut kept: Vec<_> = view.entries().chain(view.duplicates()).collect();
    for list in [&mut given, &mut kept] {
        list.sort_by_key(|entry| (by_time(entry), entry.in_reply_to()));
    }
    assert_eq!(given, kept);
    let kept: BTreeMap<_, _> = view.entries().map(|entry| (key(entry.id()), entry)).collect();
    for duplicate in view.duplicates() {
        assert!(by_time(kept[&key(duplicate.id())]) <= by_time(duplicate));
    }
}

fn answers_hang_below_what_they_answer(view: &ThreadView) {
    let order: Vec<_> = view.entries().collect();
    let mut below = Vec::new();
    walk(view, view.roots(), 0, &mut below);
    // Depth first, each root before its answers: the same order, found another way.
    assert!(below.iter().copied().eq(view.order()));

    let by_key: BTreeMap<_, _> = order.iter().map(|entry| (key(entry.id()), *entry)).collect();
    assert!(view.roots().map(|id| by_time(by_key[&key(id)])).is_sorted());
    for entry in order {
        assert!(view.children(entry.id()).map(|id| by_time(by_key[&key(id)])).is_sorted());
        match view.parent(entry.id()) {
            Some(parent) => assert!(entry.in_reply_to().unwrap().same_message(parent)),
            None => assert_eq!(view.depth(entry.id()), Some(0)),
        }
    }
}

fn walk<'a>(
    view: &'a ThreadView,
    ids: impl Iterator<Item = &'a MessageId>,
    depth: usize,
    out: &mut Vec<&'a MessageId>,
) {
    for id in ids {
        assert_eq!(view.depth(id), Some(depth));
        out.push(id);
        assert!(out.len() <= view.len(), "a message stands twice");
        walk(view, view.children(id), depth + 1, out);
    }
}

fn cycles_are_cut_and_reported(view: &ThreadView) {
    let by_key: BTreeMap<_, _> = view.entries().map(|entry| (key(entry.id()), entry)).collect();
    let answered = |entry: &ThreadEntry| by_key.get(&key(entry.in_reply_to()?)).copied();

    // Cycles, found by walking from every message as far as there are messages.
    let mut wanted = BTreeSet::new();
    for start in by_key.values() {
        let mut at = answered(start);
        for _ in 0..by_key.len() {
            match at {
                Some(entry) if entry.id() == start.id() => {
                    wanted.insert(key(start.id()));
                    break;
                }
                Some(entry) => at = answered(entry),
                None => break,
            }
        }
    }
    let reported: Vec<_> = view.cycles().flatten().map(key).collect();
    assert_eq!(reported.len(), wanted.len());
    assert_eq!(reported.into_iter().collect::<BTreeSet<_>>(), wanted);

    let mut cut = BTreeSet::new();
    for cycle in view.cycles() {
        let members: Vec<_> = cycle.iter().map(|id| by_key[&key(id)]).collect();
        let next = members.iter().cycle().skip(1);
        assert!(members.iter().zip(next).all(|(entry, next)| answered(entry).unwrap().id() == next.id()));
        assert!(members.iter().all(|member| by_time(members[0]) <= by_time(member)));
        cut.insert(key(&cycle[0]));
    }
    for entry in by_key.values() {
        let is_cut = cut.contains(&key(entry.id()));
        assert_eq!(view.parent(entry.id()).is_none(), answered(entry).is_none() || is_cut);
    }
}
