//! Which words mean something to a rule (guardrails, rules as data).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A place for one bit a word: which words of a text belong to one class, or are one word.
pub(super) type Slot = u32;

/// Index of a list of slots; what a known word has in a dictionary.
pub(super) type Entry = u32;

/// Prefixes are looked up by their length; longer ones are looked up as if they had this many bytes.
const MAX_PREFIX: usize = 31;

/// Known words and prefixes, and the slots that each fills.
#[derive(Debug, Clone, Default)]
pub(super) struct Dictionary {
    table: Vec<Cell>,
    mask: u64,
    entries: Vec<Vec<Slot>>,
    /// Which lengths of prefixes begin with a byte, a bit each.
    prefix_lengths: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// 0 in an empty cell.
    hash: u64,
    entry: Entry,
}

/// The words of a dictionary while it is being made; `true` for prefixes.
pub(super) type Words = BTreeMap<(String, bool), Vec<Slot>>;

impl Dictionary {
    pub(super) fn new(words: &Words) -> Self {
        let size = words.len().saturating_mul(4).next_power_of_two().max(16);
        let mut dictionary = Self {
            table: vec![Cell::default(); size],
            mask: (size as u64).saturating_sub(1),
            entries: Vec::new(),
            prefix_lengths: vec![0; 256],
        };
        for ((word, is_prefix), slots) in words {
            let mut slots = slots.clone();
            // A known word fills also what its prefixes fill: one entry is all that a look-up gives.
            for cut in 1..=word.len() {
                let Some(prefix) = word.get(..cut) else { continue };
                if let Some(more) = words.get(&(String::from(prefix), true)) {
                    slots.extend_from_slice(more);
                }
            }
            slots.sort_unstable();
            slots.dedup();
            dictionary.insert(word.as_bytes(), *is_prefix, slots);
        }
        dictionary
    }

    fn insert(&mut self, word: &[u8], is_prefix: bool, slots: Vec<Slot>) {
        let hash = if is_prefix {
            let length = word.len().min(MAX_PREFIX);
            let lengths = word.first().and_then(|first| self.prefix_lengths.get_mut(usize::from(*first)));
            if let Some(lengths) = lengths {
                *lengths |= 1_u32.unbounded_shl(u32::try_from(length).unwrap_or(0));
            }
            prefix_hash(word.get(..length).unwrap_or(word))
        } else {
            word_hash(word)
        };
        let entry = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(slots);
        let mut at = hash & self.mask;
        // A quarter of the table is filled at most, so there is an empty cell.
        while let Some(cell) = self.table.get_mut(usize::try_from(at).unwrap_or(0)) {
            if cell.hash == 0 {
                *cell = Cell { hash, entry };
                return;
            }
            at = at.wrapping_add(1) & self.mask;
        }
    }

    /// The entry of a folded word: its own, or that of the longest prefix that it begins with.
    pub(super) fn find(&self, word: &[u8]) -> Option<Entry> {
        if let Some(entry) = self.at(word_hash(word)) {
            return Some(entry);
        }
        let mut lengths = *self.prefix_lengths.get(usize::from(*word.first()?))?;
        while lengths != 0 {
            let length = 31_u32.saturating_sub(lengths.leading_zeros());
            lengths &= !1_u32.unbounded_shl(length);
            let Some(prefix) = word.get(..length as usize) else { continue };
            if let Some(entry) = self.at(prefix_hash(prefix)) {
                return Some(entry);
            }
        }
        None
    }

    /// The slots that an entry fills.
    pub(super) fn slots(&self, entry: Entry) -> &[Slot] {
        self.entries.get(entry as usize).map_or(&[], Vec::as_slice)
    }

    fn at(&self, hash: u64) -> Option<Entry> {
        let mut at = hash & self.mask;
        loop {
            let cell = self.table.get(usize::try_from(at).ok()?)?;
            if cell.hash == hash {
                return Some(cell.entry);
            }
            if cell.hash == 0 {
                return None;
            }
            at = at.wrapping_add(1) & self.mask;
        }
    }
}

fn word_hash(word: &[u8]) -> u64 {
    hash(word, 0x9E37_79B9_7F4A_7C15)
}

fn prefix_hash(word: &[u8]) -> u64 {
    hash(word, 0xC2B2_AE3D_27D4_EB4F)
}

fn hash(word: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ word.len() as u64;
    let (eights, rest) = word.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    for chunk in eights.iter().chain([&last]) {
        hash = (hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        hash ^= hash >> 32;
    }
    // 0 marks an empty cell.
    hash | 1
}
