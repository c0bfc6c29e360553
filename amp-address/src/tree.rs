//! A tree of text endings, read from the last byte backwards.
//!
//! Finding the endings of a text costs one step a byte of that text, each over at most one branch for every
//! character of the address alphabet, however many endings the tree holds. There is no hash, so there is none
//! to flood.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

/// Endings with a value each.
#[derive(Clone, Debug)]
pub(crate) struct EndingTree<V> {
    /// The value of the empty ending.
    root: Option<V>,
    /// The first branch at the root, if there is any.
    first: Option<usize>,
    nodes: Vec<Node<V>>,
}

#[derive(Clone, Debug)]
struct Node<V> {
    byte: u8,
    /// The first of the branches that begin here.
    first: Option<usize>,
    /// The next branch beside this one.
    next: Option<usize>,
    value: Option<V>,
}

impl<V> Default for EndingTree<V> {
    fn default() -> Self {
        Self { root: None, first: None, nodes: Vec::new() }
    }
}

impl<V> EndingTree<V> {
    /// Whether exactly this ending is held.
    pub(crate) fn contains(&self, ending: &str) -> bool {
        self.endings(ending).any(|(length, _)| length == ending.len())
    }

    /// Adds an ending, or replaces its value.
    pub(crate) fn insert(&mut self, ending: &str, value: V) {
        let mut at = None;
        for &byte in ending.as_bytes().iter().rev() {
            at = Some(match self.branch(at, byte) {
                Some(found) => found,
                None => self.grow(at, byte),
            });
        }
        match at.map(|index| self.nodes.get_mut(index)) {
            None => self.root = Some(value),
            Some(Some(node)) => node.value = Some(value),
            Some(None) => {}
        }
    }

    /// The endings of `text` that are held, with their lengths in bytes, from the shortest to the longest.
    pub(crate) fn endings<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, &'a V)> {
        let mut at = None;
        let walk = text.as_bytes().iter().rev().map_while(move |&byte| {
            at = self.branch(at, byte);
            at.and_then(|index| self.nodes.get(index)).map(|node| node.value.as_ref())
        });
        core::iter::once(self.root.as_ref())
            .chain(walk)
            .enumerate()
            .filter_map(|(length, value)| value.map(|value| (length, value)))
    }

    fn branch(&self, from: Option<usize>, byte: u8) -> Option<usize> {
        let mut next = match from {
            None => self.first,
            Some(index) => self.nodes.get(index)?.first,
        };
        while let Some(index) = next {
            let node = self.nodes.get(index)?;
            if node.byte == byte {
                return Some(index);
            }
            next = node.next;
        }
        None
    }

    fn grow(&mut self, from: Option<usize>, byte: u8) -> usize {
        let index = self.nodes.len();
        let first = match from.and_then(|parent| self.nodes.get_mut(parent)) {
            None => &mut self.first,
            Some(parent) => &mut parent.first,
        };
        let next = first.replace(index);
        self.nodes.push(Node { byte, first: None, next, value: None });
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_come_from_the_shortest_to_the_longest() {
        let mut tree = EndingTree::default();
        for (value, ending) in ["corp.io", "io", "", "s.corp.io", "corp.iq"].into_iter().enumerate() {
            tree.insert(ending, value);
        }
        let found: Vec<_> = tree.endings("agents.corp.io").collect();
        assert_eq!(found, [(0, &2), (2, &1), (7, &0), (9, &3)]);
        assert!(tree.contains("io") && !tree.contains("o") && !tree.contains("x.io"));
    }
}
