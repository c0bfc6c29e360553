//! Which words mean something to a rule (guardrails, rules as data).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A place for one bit a word: which words of a text belong to one class, or are one word.
pub(super) type Slot = u32;

/// Index of what a known word has in a dictionary.
pub(super) type Entry = u32;

/// Prefixes are looked up by their length; longer ones are looked up as if they had this many bytes.
const MAX_PREFIX: usize = 31;
/// Words and prefixes of this length or more are looked up only if one begins with their first bytes.
const HEAD: usize = 4;
/// The shortest word that may be misspelt, in bytes.
const MIN_FUZZY: usize = 8;

/// What the rules make of a word.
#[derive(Debug, Clone, Default)]
pub(super) struct Meaning {
    /// What it fills.
    pub(super) slots: Vec<Slot>,
    /// Literals that may begin with it.
    pub(super) literals: Vec<u32>,
    /// It is a word of a rule, moved by thirteen.
    pub(super) gives_rot13: bool,
    /// It is a word of a rule, backwards.
    pub(super) gives_reversal: bool,
}

/// The words of a dictionary while it is being made; `true` for prefixes.
pub(super) type Words = BTreeMap<(String, bool), Meaning>;

/// Known words and prefixes, and what each means.
#[derive(Debug, Clone, Default)]
pub(super) struct Dictionary {
    table: Vec<Cell>,
    mask: u64,
    meanings: Vec<Meaning>,
    heads: Filter,
    /// Which lengths of prefixes begin with a byte, a bit each.
    prefix_lengths: Vec<u32>,
    /// Words that also count with one letter more, less, other or swapped, by their first and by their last four
    /// letters: a slip leaves one of the two whole.
    fuzzy_heads: Vec<([u8; HEAD], Vec<u8>, Entry)>,
    fuzzy_tails: Vec<([u8; HEAD], Vec<u8>, Entry)>,
    fuzzy: Filter,
    /// Beginnings of words that rules ask for.
    stems: Stems,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// 0 in an empty cell.
    hash: u64,
    entry: Entry,
}

/// Four-byte keys that may be in a set; what it denies is not.
#[derive(Debug, Clone, Default)]
struct Filter {
    bits: Vec<u64>,
}

impl Filter {
    const WORDS: usize = 1024;

    fn place(key: [u8; HEAD]) -> (usize, u64) {
        let hash = u32::from_le_bytes(key).wrapping_mul(0x9E37_79B1) >> 16;
        ((hash >> 6) as usize, 1_u64.unbounded_shl(hash & 63))
    }

    fn insert(&mut self, key: [u8; HEAD]) {
        self.bits.resize(Self::WORDS, 0);
        let (word, bit) = Self::place(key);
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= bit;
        }
    }

    fn may_have(&self, key: [u8; HEAD]) -> bool {
        let (word, bit) = Self::place(key);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

/// All beginnings of some words; what it denies begins none.
#[derive(Debug, Clone, Default)]
struct Stems {
    bits: Vec<u64>,
}

impl Stems {
    const WORDS: u64 = 1 << 13;

    fn place(beginning: &[u8]) -> (usize, u64) {
        let hash = hash(beginning, 0) >> 20;
        (usize::try_from((hash >> 6) & Self::WORDS.wrapping_sub(1)).unwrap_or(0), 1_u64 << (hash & 63))
    }

    fn insert(&mut self, word: &[u8]) {
        self.bits.resize(usize::try_from(Self::WORDS).unwrap_or(0), 0);
        for length in 1..=word.len() {
            let (place, bit) = Self::place(word.get(..length).unwrap_or_default());
            if let Some(bits) = self.bits.get_mut(place) {
                *bits |= bit;
            }
        }
    }

    fn may_have(&self, beginning: &[u8]) -> bool {
        let (place, bit) = Self::place(beginning);
        self.bits.get(place).is_some_and(|bits| bits & bit != 0)
    }
}

impl Dictionary {
    pub(super) fn new(words: &Words, fuzzy: &BTreeMap<String, Vec<Slot>>) -> Self {
        let size = words.len().saturating_mul(3).next_power_of_two().max(16);
        let mut dictionary = Self {
            table: vec![Cell::default(); size],
            mask: (size as u64).saturating_sub(1),
            prefix_lengths: vec![0; 256],
            ..Self::default()
        };
        let prefixes: BTreeMap<&str, &Meaning> = words
            .iter()
            .filter(|((_, is_prefix), _)| *is_prefix)
            .map(|((word, _), meaning)| (word.as_str(), meaning))
            .collect();
        for ((word, is_prefix), meaning) in words {
            let mut meaning = meaning.clone();
            // A known word fills also what its prefixes fill: one entry is all that a look-up gives.
            for cut in 1..=word.len() {
                let Some(prefix) = word.get(..cut) else { continue };
                if let Some(more) = prefixes.get(prefix) {
                    meaning.slots.extend_from_slice(&more.slots);
                    meaning.gives_rot13 |= more.gives_rot13;
                }
            }
            meaning.slots.sort_unstable();
            meaning.slots.dedup();
            dictionary.insert(word.as_bytes(), *is_prefix, meaning);
        }
        for (word, slots) in fuzzy {
            dictionary.insert_fuzzy(word.as_bytes(), Meaning { slots: slots.clone(), ..Meaning::default() });
        }
        dictionary.fuzzy_heads.sort_unstable();
        dictionary.fuzzy_tails.sort_unstable();
        dictionary
    }

    fn insert(&mut self, word: &[u8], is_prefix: bool, meaning: Meaning) {
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
        if let Some(head) = word.first_chunk() {
            self.heads.insert(*head);
        }
        if !meaning.slots.is_empty() {
            self.stems.insert(word);
        }
        let entry = self.add_meaning(meaning);
        let mut at = hash & self.mask;
        // A third of the table is filled at most, so there is an empty cell.
        while let Some(cell) = self.table.get_mut(usize::try_from(at).unwrap_or(0)) {
            if cell.hash == 0 {
                *cell = Cell { hash, entry };
                return;
            }
            at = at.wrapping_add(1) & self.mask;
        }
    }

    fn insert_fuzzy(&mut self, word: &[u8], meaning: Meaning) {
        let (Some(head), Some(tail)) = (word.first_chunk(), word.last_chunk()) else { return };
        if word.len() < MIN_FUZZY {
            return;
        }
        let entry = self.add_meaning(meaning);
        self.fuzzy.insert(*head);
        self.fuzzy.insert(*tail);
        self.fuzzy_heads.push((*head, word.to_vec(), entry));
        self.fuzzy_tails.push((*tail, word.to_vec(), entry));
    }

    fn add_meaning(&mut self, meaning: Meaning) -> Entry {
        self.meanings.push(meaning);
        u32::try_from(self.meanings.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    /// The entry of a folded word: its own, or that of the longest prefix that it begins with.
    pub(super) fn find(&self, word: &[u8]) -> Option<Entry> {
        self.find_sound(word).or_else(|| self.find_fuzzy(word))
    }

    /// The same, without slips of the pen.
    pub(super) fn find_sound(&self, word: &[u8]) -> Option<Entry> {
        let mut lengths = *self.prefix_lengths.get(usize::from(*word.first()?))?;
        let head = word.first_chunk::<HEAD>();
        if head.is_some_and(|head| !self.heads.may_have(*head)) {
            // Only what is shorter than a head may still fit.
            lengths &= (1 << HEAD) - 1;
        } else if let Some(entry) = self.at(word_hash(word)) {
            return Some(entry);
        }
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

    /// The entry of a word that is one slip away from one of the words that allow it.
    fn find_fuzzy(&self, word: &[u8]) -> Option<Entry> {
        if word.len().saturating_add(1) < MIN_FUZZY {
            return None;
        }
        let head = word.first_chunk().filter(|head| self.fuzzy.may_have(**head));
        let by_head = head.and_then(|head| one_slip_away(&self.fuzzy_heads, *head, word));
        by_head.or_else(|| {
            let tail = word.last_chunk().filter(|tail| self.fuzzy.may_have(**tail));
            tail.and_then(|tail| one_slip_away(&self.fuzzy_tails, *tail, word))
        })
    }

    /// Whether a word that some rule asks for may begin like this.
    pub(super) fn may_go_on(&self, beginning: &[u8]) -> bool {
        self.stems.may_have(beginning)
    }

    /// The entry of exactly this word.
    pub(super) fn exact(&self, word: &[u8]) -> Option<Entry> {
        self.at(word_hash(word))
    }

    /// The entry of exactly this prefix.
    pub(super) fn prefix(&self, word: &[u8]) -> Option<Entry> {
        if word.len() > MAX_PREFIX { None } else { self.at(prefix_hash(word)) }
    }

    /// Whether some rule asks for a word of four letters or more that this one is.
    pub(super) fn is_telling(&self, word: &[u8]) -> bool {
        word.len() >= 4 && self.find_sound(word).is_some_and(|entry| self.asks_for(entry))
    }

    /// Whether some rule asks for the word.
    pub(super) fn asks_for(&self, entry: Entry) -> bool {
        self.meaning(entry).is_some_and(|meaning| !meaning.slots.is_empty())
    }

    /// What the words mean, by their entries.
    pub(super) fn meanings(&self) -> &[Meaning] {
        &self.meanings
    }

    /// What a word means.
    pub(super) fn meaning(&self, entry: Entry) -> Option<&Meaning> {
        self.meanings.get(entry as usize)
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

fn one_slip_away(index: &[([u8; HEAD], Vec<u8>, Entry)], key: [u8; HEAD], word: &[u8]) -> Option<Entry> {
    let from = index.partition_point(|known| known.0 < key);
    let mut same = index.get(from..)?.iter().take_while(|known| known.0 == key);
    same.find(|known| is_one_slip(&known.1, word)).map(|known| known.2)
}

/// Whether one letter more, less, other, or two swapped make `a` of `b`.
fn is_one_slip(a: &[u8], b: &[u8]) -> bool {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let a = a.get(..a.len().saturating_sub(tail)).unwrap_or_default();
    let b = b.get(..b.len().saturating_sub(tail)).unwrap_or_default();
    match (a, b) {
        ([] | [_], [] | [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
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
