//! A tree of text endings, read from the last byte backwards.
//!
//! Finding the endings of a text costs one step a byte of that text, each over at most one branch for every
//! character of the address alphabet, however many endings the tree holds. There is no hash, so there is none
//! to flood.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::num::NonZeroUsize;

/// Endings with a value each.
#[derive(Clone, Debug)]
pub(crate) struct EndingTree<V> {
    /// The value of the empty ending.
    root: Option<V>,
    /// The first branch at the root, if there is any.
    first: Link,
    nodes: Vec<Node<V>>,
}

/// The place of a node, counted from one, which keeps a node small.
type Link = Option<NonZeroUsize>;

#[derive(Clone, Debug)]
struct Node<V> {
    byte: u8,
    /// The first of the branches that begin here.
    first: Link,
    /// The next branch beside this one.
    next: Link,
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
            at = self.branch(at, byte).or_else(|| self.grow(at, byte));
        }
        match self.node_mut(at) {
            Some(node) => node.value = Some(value),
            None => self.root = Some(value),
        }
    }

    /// The endings of `text` that are held, with their lengths in bytes, from the shortest to the longest.
    pub(crate) fn endings<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (usize, &'a V)> {
        let mut at = None;
        let walk = text.as_bytes().iter().rev().map_while(move |&byte| {
            at = self.branch(at, byte);
            self.node(at).map(|node| node.value.as_ref())
        });
        core::iter::once(self.root.as_ref())
            .chain(walk)
            .enumerate()
            .filter_map(|(length, value)| value.map(|value| (length, value)))
    }

    /// The branch for a byte at a node, or at the root for `None`.
    fn branch(&self, from: Link, byte: u8) -> Link {
        let mut branch = match from {
            None => self.first,
            from => self.node(from)?.first,
        };
        while let Some(node) = self.node(branch) {
            if node.byte == byte {
                break;
            }
            branch = node.next;
        }
        branch
    }

    fn grow(&mut self, from: Link, byte: u8) -> Link {
        let next = self.node(from).map_or(self.first, |parent| parent.first);
        self.nodes.push(Node { byte, first: None, next, value: None });
        let grown = NonZeroUsize::new(self.nodes.len());
        match self.node_mut(from) {
            None => self.first = grown,
            Some(parent) => parent.first = grown,
        }
        grown
    }

    fn node(&self, link: Link) -> Option<&Node<V>> {
        self.nodes.get(link?.get().checked_sub(1)?)
    }

    fn node_mut(&mut self, link: Link) -> Option<&mut Node<V>> {
        self.nodes.get_mut(link?.get().checked_sub(1)?)
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

    // rule: ADDR-28
    #[test]
    fn a_step_goes_over_no_more_branches_than_the_alphabet_has_characters() {
        let alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-_.@";
        let mut tree = EndingTree::default();
        for a in alphabet.chars() {
            for b in alphabet.chars() {
                for c in alphabet.chars() {
                    tree.insert(&alloc::format!("{a}{b}{c}"), ());
                }
            }
        }
        let beside =
            |first: Link| core::iter::successors(tree.node(first), |node| tree.node(node.next)).count();
        assert_eq!(beside(tree.first), alphabet.len());
        assert!(tree.nodes.iter().all(|node| beside(node.first) <= alphabet.len()));
    }
}
