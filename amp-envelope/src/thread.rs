//! Threads, derived from `in_reply_to` alone (topic: threads).

use alloc::vec::Vec;

use crate::id::MessageId;
use crate::message::Message;
use crate::timestamp::Timestamp;

/// What a thread needs to know of one message.
///
/// `thread_id` is not asked for: it is not signed, so it decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreadEntry {
    id: MessageId,
    in_reply_to: Option<MessageId>,
    timestamp: Timestamp,
}

impl ThreadEntry {
    /// A message, the message that it says it answers, and when it was sent.
    #[must_use]
    pub const fn new(id: MessageId, in_reply_to: Option<MessageId>, timestamp: Timestamp) -> Self {
        Self { id, in_reply_to, timestamp }
    }

    /// What a decoded message says of itself. Its id and time are unsigned: a provider assigned them.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self::new(message.unsigned().id(), message.in_reply_to(), message.unsigned().timestamp())
    }

    /// The message.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    /// The message that it says it answers.
    #[must_use]
    pub const fn in_reply_to(&self) -> Option<&MessageId> {
        self.in_reply_to.as_ref()
    }

    /// When it was sent.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The order of messages that stand side by side.
    fn by_time(&self) -> (Timestamp, &str) {
        (self.timestamp, self.id.as_str())
    }
}

/// Messages arranged as the answers they are.
///
/// Any arrival order gives the same view. A message whose parent is missing is a root. Messages that answer each other
/// in a circle are cut at the earliest, which becomes a root, and are reported by [`ThreadView::cycles`]. Of several
/// messages with one id the earliest is kept and the rest are reported by [`ThreadView::duplicates`]. The two spellings
/// of an id that [`MessageId::same_message`] knows are one id. Roots and siblings stand by timestamp, then id.
///
/// Building sorts twice, by id and by time; everything else is one step a message, and no step recurses or hashes, so
/// neither a chain of any length nor chosen ids can hurt.
///
/// ```
/// use amp_envelope::{ThreadEntry, ThreadView};
///
/// let question = ThreadEntry::new("msg_1_aa".parse()?, None, "2026-01-01T10:00:00Z".parse()?);
/// let answer = ThreadEntry::new("msg_2_bb".parse()?, Some("msg_1_aa".parse()?), "2026-01-01T10:05:00Z".parse()?);
///
/// let view = ThreadView::build([answer, question]);
/// let lines: Vec<_> = view.order().map(|id| format!("{:1$}{id}", "", view.depth(id).unwrap_or(0) * 2)).collect();
/// assert_eq!(lines, ["msg_1_aa", "  msg_2_bb"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadView {
    /// One a message, sorted by the key of its id, so that it is found by binary search.
    nodes: Vec<Node>,
    roots: Vec<usize>,
    /// Depth first.
    order: Vec<usize>,
    cycles: Vec<Vec<MessageId>>,
    duplicates: Vec<ThreadEntry>,
}

/// A message and its neighbours, as positions in [`ThreadView::nodes`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    entry: ThreadEntry,
    parent: Option<usize>,
    first_child: Option<usize>,
    next_sibling: Option<usize>,
    depth: usize,
}

impl ThreadView {
    /// Arranges messages that may come in any order, more than once, and with parents that are not among them.
    #[must_use]
    pub fn build(entries: impl IntoIterator<Item = ThreadEntry>) -> Self {
        let (mut nodes, duplicates) = distinct(entries.into_iter().collect());
        link_parents(&mut nodes);

        let mut by_time: Vec<usize> = (0..nodes.len()).collect();
        by_time.sort_by(|a, b| nodes[*a].entry.by_time().cmp(&nodes[*b].entry.by_time()));

        let cycles = cut_cycles(&mut nodes, &by_time);
        let roots = link_children(&mut nodes, &by_time);
        let order = depth_first(&mut nodes, &roots);
        Self { nodes, roots, order, cycles, duplicates }
    }

    /// The messages that answer no message of this view, by timestamp, then id.
    pub fn roots(&self) -> impl Iterator<Item = &MessageId> {
        self.roots.iter().map(|at| &self.nodes[*at].entry.id)
    }

    /// Every message once, each root followed by its answers, theirs included, before the next.
    pub fn order(&self) -> impl Iterator<Item = &MessageId> {
        self.entries().map(ThreadEntry::id)
    }

    /// As [`ThreadView::order`], with all that was given about each message.
    pub fn entries(&self) -> impl Iterator<Item = &ThreadEntry> {
        self.order.iter().map(|at| &self.nodes[*at].entry)
    }

    /// The direct answers to a message, by timestamp, then id; none for a message that is not in this view.
    pub fn children<'a>(&'a self, id: &MessageId) -> impl Iterator<Item = &'a MessageId> + use<'a> {
        let first = self.find(id).and_then(|at| self.nodes[at].first_child);
        core::iter::successors(first, |at| self.nodes[*at].next_sibling).map(|at| &self.nodes[at].entry.id)
    }

    /// The message of this view that a message answers; none for a root, also where a cycle was cut.
    #[must_use]
    pub fn parent(&self, id: &MessageId) -> Option<&MessageId> {
        self.nodes[self.find(id)?].parent.map(|at| &self.nodes[at].entry.id)
    }

    /// How many answers deep a message stands: 0 for a root. None for a message that is not in this view.
    #[must_use]
    pub fn depth(&self, id: &MessageId) -> Option<usize> {
        self.find(id).map(|at| self.nodes[at].depth)
    }

    /// The cycles that were cut, each from its earliest message on along `in_reply_to`.
    ///
    /// A message that answers itself is a cycle of one.
    pub fn cycles(&self) -> impl Iterator<Item = &[MessageId]> {
        self.cycles.iter().map(Vec::as_slice)
    }

    /// The messages set aside because an earlier one has the same id.
    ///
    /// Whether they are copies or an attempt to pass for another message is for the caller to judge.
    #[must_use]
    pub fn duplicates(&self) -> &[ThreadEntry] {
        &self.duplicates
    }

    /// How many messages are arranged.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no message at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn find(&self, id: &MessageId) -> Option<usize> {
        find(&self.nodes, id)
    }
}

fn find(nodes: &[Node], id: &MessageId) -> Option<usize> {
    let key = id.alias_key();
    nodes.binary_search_by(|node| node.entry.id.alias_key().cmp(&key)).ok()
}

/// A node for each id, sorted by its key, and the entries whose id was taken by an earlier one.
fn distinct(mut entries: Vec<ThreadEntry>) -> (Vec<Node>, Vec<ThreadEntry>) {
    // All members take part, so that the result does not depend on the order of arrival.
    entries.sort_by(|a, b| {
        let by_key = a.id.alias_key().cmp(&b.id.alias_key());
        by_key.then_with(|| a.by_time().cmp(&b.by_time())).then_with(|| a.in_reply_to.cmp(&b.in_reply_to))
    });
    let mut nodes: Vec<Node> = Vec::with_capacity(entries.len());
    let mut duplicates = Vec::new();
    for entry in entries {
        if nodes.last().is_some_and(|last| last.entry.id.same_message(&entry.id)) {
            duplicates.push(entry);
        } else {
            nodes.push(Node { entry, parent: None, first_child: None, next_sibling: None, depth: 0 });
        }
    }
    (nodes, duplicates)
}

fn link_parents(nodes: &mut [Node]) {
    for at in 0..nodes.len() {
        nodes[at].parent = nodes[at].entry.in_reply_to.as_ref().and_then(|parent| find(nodes, parent));
    }
}

/// Makes a root of the earliest message of each cycle, and lists the cycles.
fn cut_cycles(nodes: &mut [Node], by_time: &[usize]) -> Vec<Vec<MessageId>> {
    let mut cycles = Vec::new();
    // The walk that came by, by its number: a walk that meets itself has gone around a cycle.
    let mut seen_by: Vec<Option<usize>> = alloc::vec![None; nodes.len()];
    for (walk, start) in by_time.iter().enumerate() {
        let mut next = Some(*start);
        while let Some(at) = next.filter(|at| seen_by[*at].is_none()) {
            seen_by[at] = Some(walk);
            next = nodes[at].parent;
        }
        if let Some(member) = next.filter(|at| seen_by[*at] == Some(walk)) {
            cycles.push(cut_cycle(nodes, member));
        }
    }
    cycles
}

fn cut_cycle(nodes: &mut [Node], member: usize) -> Vec<MessageId> {
    let earliest = around(nodes, member).min_by_key(|at| nodes[*at].entry.by_time()).unwrap_or(member);
    let ids = around(nodes, earliest).map(|at| nodes[at].entry.id.clone()).collect();
    nodes[earliest].parent = None;
    ids
}

/// The members of a cycle, once each.
fn around(nodes: &[Node], from: usize) -> impl Iterator<Item = usize> {
    core::iter::successors(Some(from), move |at| nodes[*at].parent.filter(|next| *next != from))
}

/// Chains siblings in the order of `by_time`, and lists the roots in that order.
fn link_children(nodes: &mut [Node], by_time: &[usize]) -> Vec<usize> {
    // Each goes to the front of its chain, so the latest has to come first.
    for at in by_time.iter().rev() {
        if let Some(parent) = nodes[*at].parent {
            nodes[*at].next_sibling = nodes[parent].first_child.replace(*at);
        }
    }
    by_time.iter().copied().filter(|at| nodes[*at].parent.is_none()).collect()
}

fn depth_first(nodes: &mut [Node], roots: &[usize]) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut waiting: Vec<usize> = roots.iter().rev().copied().collect();
    while let Some(at) = waiting.pop() {
        nodes[at].depth = nodes[at].parent.map_or(0, |parent| nodes[parent].depth + 1);
        order.push(at);
        waiting.extend(nodes[at].next_sibling);
        waiting.extend(nodes[at].first_child);
    }
    order
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use amp_address::Profile;

    use super::*;

    fn id(text: &str) -> MessageId {
        MessageId::parse_with(text, Profile::Deployed).unwrap()
    }

    fn entry(name: &str, parent: &str, second: i64) -> ThreadEntry {
        let parent = if parent.is_empty() { None } else { Some(id(parent)) };
        ThreadEntry::new(id(name), parent, Timestamp::from_unix_seconds(second).unwrap())
    }

    fn texts<'a>(ids: impl IntoIterator<Item = &'a MessageId>) -> Vec<&'a str> {
        ids.into_iter().map(MessageId::as_str).collect()
    }

    #[test]
    fn answers_follow_their_question_before_the_next_root() {
        let view = ThreadView::build([
            entry("msg_6_f", "", 6),
            entry("msg_4_d", "msg_1_a", 4),
            entry("msg_3_c", "msg_2_b", 5),
            entry("msg_2_b", "msg_1_a", 2),
            entry("msg_1_a", "", 1),
        ]);
        assert_eq!(texts(view.order()), ["msg_1_a", "msg_2_b", "msg_3_c", "msg_4_d", "msg_6_f"]);
        assert_eq!(texts(view.roots()), ["msg_1_a", "msg_6_f"]);
        assert_eq!(texts(view.children(&id("msg_1_a"))), ["msg_2_b", "msg_4_d"]);
        assert_eq!(view.depth(&id("msg_3_c")), Some(2));
        assert_eq!(view.parent(&id("msg_3_c")), Some(&id("msg_2_b")));
        assert_eq!(view.depth(&id("msg_9_9")), None);
    }

    #[test]
    fn a_message_whose_parent_is_missing_is_a_root() {
        let view = ThreadView::build([entry("msg_2_b", "msg_1_a", 2)]);
        assert_eq!(texts(view.roots()), ["msg_2_b"]);
        assert_eq!(view.cycles().count(), 0);
    }

    #[test]
    fn a_cycle_is_cut_at_its_earliest_message_and_reported() {
        let view = ThreadView::build([
            entry("msg_1_a", "msg_3_c", 3),
            entry("msg_2_b", "msg_1_a", 1),
            entry("msg_3_c", "msg_2_b", 2),
            entry("msg_4_d", "msg_1_a", 0),
        ]);
        assert_eq!(texts(view.order()), ["msg_2_b", "msg_3_c", "msg_1_a", "msg_4_d"]);
        let cycles: Vec<_> = view.cycles().map(texts).collect();
        assert_eq!(cycles, [["msg_2_b", "msg_1_a", "msg_3_c"]]);
    }

    #[test]
    fn a_message_that_answers_itself_is_a_root_and_a_cycle_of_one() {
        let view = ThreadView::build([entry("msg_1_a", "msg-1-a", 1), entry("msg_2_b", "msg_1_a", 2)]);
        assert_eq!(texts(view.order()), ["msg_1_a", "msg_2_b"]);
        assert_eq!(view.cycles().map(<[_]>::len).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn of_two_messages_with_one_id_the_earliest_is_kept() {
        let view =
            ThreadView::build([entry("msg-1-a", "", 2), entry("msg_1_a", "", 1), entry("msg_1_a", "", 3)]);
        assert_eq!(texts(view.order()), ["msg_1_a"]);
        assert_eq!(
            view.duplicates().iter().map(|e| e.timestamp().unix_seconds()).collect::<Vec<_>>(),
            [2, 3]
        );
    }

    #[test]
    fn both_spellings_of_an_id_name_one_parent() {
        let view = ThreadView::build([entry("msg-1-a", "", 1), entry("msg_2_b", "msg_1_a", 2)]);
        assert_eq!(view.depth(&id("msg_2_b")), Some(1));
        assert_eq!(texts(view.children(&id("msg_1_a"))), ["msg_2_b"]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_needs_no_deep_stack() {
        let name = |n: usize| format!("msg_{n}_a");
        let chain = (0..100_000).map(|n| entry(&name(n), &if n == 0 { "".into() } else { name(n - 1) }, 0));
        let view = ThreadView::build(chain);
        assert_eq!(view.depth(&id(&name(99_999))), Some(99_999));
        assert_eq!(view.roots().count(), 1);
    }

    #[test]
    fn a_circle_of_a_hundred_thousand_is_one_cycle() {
        const LEN: usize = 100_000;
        let name = |n: usize| format!("msg_{}_a", n % LEN);
        let view = ThreadView::build((0..LEN).map(|n| entry(&name(n + 1), &name(n), 0)));
        assert_eq!(view.cycles().map(<[_]>::len).collect::<Vec<_>>(), [LEN]);
        assert_eq!(texts(view.roots()), ["msg_0_a"]);
    }
}
