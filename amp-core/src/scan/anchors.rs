//! Where a rule is looked for first: the rarest sets that it requires, and how rare words are (guardrails, rules as data).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::compile::{Rule, SetId};
use super::dictionary::Entry;

/// A rule, and the places of the rarest sets that it requires beside the one that it is anchored at.
#[derive(Debug, Clone)]
pub(super) struct Anchored {
    pub(super) rule: u32,
    /// Its anchor's own place where there is no other.
    pub(super) others: [usize; OTHERS],
}

/// How many sets beside its anchor decide whether a rule is looked at.
const OTHERS: usize = 2;

/// The most words of a short match.
const SHORT: u32 = 16;

/// For each entry the deciding sets that it may be in, by their places.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// Where those of each entry begin, and where the last end.
    begins: Vec<u32>,
    places: Vec<u32>,
}

impl Places {
    /// Adds those of the next entry.
    pub(super) fn push(&mut self, places: impl Iterator<Item = u32>) {
        let before = self.places.len();
        self.begins.push(u32::try_from(before).unwrap_or(u32::MAX));
        self.places.extend(places);
        if let Some(new) = self.places.get_mut(before..) {
            new.sort_unstable();
        }
    }

    pub(super) fn of(&self, entry: Entry) -> &[u32] {
        let end = |at: usize| self.begins.get(at).map_or(self.places.len(), |begin| *begin as usize);
        let at = entry as usize;
        self.places.get(end(at)..end(at.saturating_add(1))).unwrap_or_default()
    }
}

pub(super) fn has(mask: &[u64], place: usize) -> bool {
    mask.get(place >> 6).is_some_and(|bits| bits & (1 << (place & 63)) != 0)
}

pub(super) fn insert(mask: &mut [u64], place: usize) {
    if let Some(bits) = mask.get_mut(place >> 6) {
        *bits |= 1 << (place & 63);
    }
}

/// The sets that decide whether a rule is looked at.
#[derive(Default)]
pub(super) struct Deciding {
    pub(super) places: BTreeMap<SetId, usize>,
    /// The rules with short matches, and the others, by the places of their anchors.
    pub(super) anchored: [Vec<Vec<Anchored>>; 2],
}

impl Deciding {
    fn place(&mut self, set: SetId) -> usize {
        let next = self.places.len();
        let place = *self.places.entry(set).or_insert(next);
        if place == next {
            self.anchored.iter_mut().for_each(|anchored| anchored.push(Vec::new()));
        }
        place
    }

    /// Anchors a rule at a set.
    pub(super) fn anchor(&mut self, anchor: SetId, id: u32, rule: &Rule) {
        let place = self.place(anchor);
        let mut others = [place; OTHERS];
        for (other, set) in others.iter_mut().zip(rule.required.iter().filter(|set| **set != anchor)) {
            *other = self.place(*set);
        }
        let [short, long] = &mut self.anchored;
        let anchored = if rule.span <= SHORT { short } else { long };
        if let Some(anchored) = anchored.get_mut(place) {
            anchored.push(Anchored { rule: id, others });
        }
    }
}

/// How often the most common words are met in 100,000.
pub(super) fn frequencies() -> BTreeMap<&'static str, u32> {
    let lines = include_str!("rules/frequent.txt").lines().filter_map(|line| line.split_once(": "));
    let listed =
        lines.filter_map(|(often, words)| Some((often.parse::<u32>().ok()?.saturating_mul(10), words)));
    listed.flat_map(|(often, words)| words.split(' ').map(move |word| (word, often))).collect()
}
