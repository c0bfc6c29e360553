//! The messages of a folder by place, and by what is asked of them: status, peer, thread, id (local mailbox).

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::hash::BuildHasher as _;
use core::ops::Bound;
use std::collections::hash_map::RandomState;

use amp_core::address::Address;
use amp_core::envelope::{MessageId, Status};

use crate::store::{Cursor, Query, Summary};

/// The messages of a folder in their order, oldest first.
#[derive(Default)]
pub(super) struct Order {
    all: BTreeSet<Arc<Place>>,
    /// Under the hash of each of a message's marks. Marks that share a hash are found together.
    marked: BTreeSet<(u64, Arc<Place>)>,
    hasher: RandomState,
}

/// Where a message lies in the order. Its summary takes no part in that.
struct Place {
    cursor: Cursor,
    name: Arc<str>,
    summary: Option<Arc<Summary>>,
}

impl Place {
    fn order(&self) -> (&Cursor, &str) {
        (&self.cursor, &self.name)
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// What messages are searched by.
#[derive(Hash)]
enum Mark<'a> {
    Status(Status),
    Peer(&'a Address),
    Thread(&'a MessageId),
    Id(&'a MessageId),
}

impl<'a> Mark<'a> {
    fn all_of(summary: &'a Summary) -> [Self; 4] {
        [
            Self::Status(summary.status),
            Self::Peer(summary.key.peer()),
            Self::Thread(&summary.thread),
            Self::Id(summary.key.id()),
        ]
    }

    /// The one that the fewest messages are likely to have.
    fn of(query: &'a Query) -> Option<Self> {
        let by_id = query.id.as_ref().map(Self::Id);
        let by_thread = || query.thread.as_ref().map(Self::Thread);
        let by_peer = || query.peer.as_ref().map(Self::Peer);
        by_id.or_else(by_thread).or_else(by_peer).or_else(|| query.status.map(Self::Status))
    }
}

impl Order {
    pub(super) fn insert(&mut self, name: &Arc<str>, summary: &Arc<Summary>) {
        let (cursor, name) = (summary.cursor(), Arc::clone(name));
        let place = Arc::new(Place { cursor, name, summary: Some(Arc::clone(summary)) });
        for mark in Mark::all_of(summary) {
            self.marked.insert((self.hasher.hash_one(mark), Arc::clone(&place)));
        }
        self.all.insert(place);
    }

    pub(super) fn remove(&mut self, name: &str, summary: &Summary) {
        let place = Arc::new(Place { cursor: summary.cursor(), name: Arc::from(name), summary: None });
        for mark in Mark::all_of(summary) {
            self.marked.remove(&(self.hasher.hash_one(mark), Arc::clone(&place)));
        }
        self.all.remove(&place);
    }

    /// The messages that a query may want, newest first, from a place on. All that it wants are among them.
    pub(super) fn newest<'a>(
        &'a self,
        query: &Query,
        after: Option<&Cursor>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Summary)> + use<'a> {
        let after = after.map(|after| {
            // Nothing has this name: the place lies before all messages of its cursor.
            Arc::new(Place { cursor: after.clone(), name: Arc::from(""), summary: None })
        });
        let (all, marked) = match Mark::of(query) {
            Some(mark) => (None, self.marked(self.hasher.hash_one(mark), after)),
            None => (Some(self.before(after)), None),
        };
        let marked = marked.into_iter().flatten();
        let found = all.into_iter().flatten().rev().chain(marked.rev());
        found.filter_map(|place| Some((&place.name, &**place.summary.as_ref()?)))
    }

    fn before(&self, end: Option<Arc<Place>>) -> impl DoubleEndedIterator<Item = &Arc<Place>> + use<'_> {
        self.all.range((Bound::Unbounded, end.map_or(Bound::Unbounded, Bound::Excluded)))
    }

    fn marked(
        &self,
        mark: u64,
        end: Option<Arc<Place>>,
    ) -> Option<impl DoubleEndedIterator<Item = &Arc<Place>> + use<'_>> {
        // Nothing that is marked lies outside of these two.
        let (first, last) = (self.all.first()?, self.all.last()?);
        let first = (mark, Arc::clone(first));
        let end = match end {
            // A range must not end before it begins.
            Some(end) if *end <= *first.1 => return None,
            Some(end) => Bound::Excluded((mark, end)),
            None => Bound::Included((mark, Arc::clone(last))),
        };
        Some(self.marked.range((Bound::Included(first), end)).map(|(_, place)| place))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use amp_core::envelope::{Message, StoredMessage};

    use super::*;
    use crate::store::Folder;

    fn summary(number: usize, thread: usize) -> Arc<Summary> {
        let json = alloc::format!(
            r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1_{number:04x}","from":"agent{}@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1_{thread:04x}","signature":null}},"payload":{{"type":"notification","message":"Hello","context":null}}}}"#,
            number % 3
        );
        let message = Message::decode(json.as_bytes()).unwrap();
        let at = alloc::format!("2026-01-31T10:{:02}:00Z", number % 50).parse().unwrap();
        let mut stored = StoredMessage::new(message, at);
        stored.set_status(if number.is_multiple_of(4) { Status::Unread } else { Status::Read });
        Arc::new(Summary::of(Folder::Inbox, &stored))
    }

    fn found(order: &Order, query: &Query, after: Option<&Cursor>) -> Vec<Arc<str>> {
        let found = order.newest(query, after).filter(|(_, summary)| query.matches(summary));
        found.map(|(name, _)| Arc::clone(name)).collect()
    }

    #[test]
    fn every_search_from_every_place_finds_what_a_pass_over_all_finds() {
        let mut order = Order::default();
        let summaries: Vec<_> = (0..60).map(|number| summary(number, number / 10 * 10)).collect();
        let name = |number: usize| Arc::<str>::from(alloc::format!("a/{number}.json"));
        for (number, summary) in summaries.iter().enumerate() {
            order.insert(&name(number), summary);
        }
        for (number, summary) in summaries.iter().enumerate().filter(|(number, _)| number % 7 == 0) {
            order.remove(&name(number), summary);
        }
        let everything = Query::new(Folder::Inbox);
        assert_eq!(found(&order, &everything, None).len(), 51);
        let places = summaries.iter().map(|summary| Some(summary.cursor())).chain([None]);
        for after in places.collect::<Vec<_>>() {
            for wanted in &summaries {
                for filters in 0..16 {
                    let mut query = everything.clone();
                    query.status = (filters & 1 != 0).then_some(wanted.status);
                    query.peer = (filters & 2 != 0).then(|| wanted.key.peer().clone());
                    query.thread = (filters & 4 != 0).then(|| wanted.thread.clone());
                    query.id = (filters & 8 != 0).then(|| wanted.key.id().clone());
                    let pass = order.newest(&everything, after.as_ref());
                    let pass = pass.filter(|(_, summary)| query.matches(summary));
                    let pass: Vec<_> = pass.map(|(name, _)| Arc::clone(name)).collect();
                    assert_eq!(found(&order, &query, after.as_ref()), pass, "{query:?} after {after:?}");
                }
            }
        }
    }

    #[test]
    fn a_search_passes_over_nothing_but_what_is_in_the_thread() {
        let mut order = Order::default();
        for number in 0..500 {
            order.insert(&Arc::from(alloc::format!("a/{number}.json")), &summary(number, number / 10 * 10));
        }
        let mut query = Query::new(Folder::Inbox);
        query.thread = Some(summary(0, 120).thread.clone());
        assert_eq!(order.newest(&query, None).count(), 10);
        query.id = Some(summary(125, 0).key.id().clone());
        assert_eq!(order.newest(&query, None).count(), 1);
        query.id = Some(summary(1_000, 0).key.id().clone());
        assert_eq!(order.newest(&query, None).count(), 0);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut order = Order::default();
        for number in 0..20 {
            order.insert(&Arc::from("a.json"), &summary(number, 0));
            order.remove("a.json", &summary(number, 0));
        }
        assert!(order.all.is_empty() && order.marked.is_empty());
    }
}
