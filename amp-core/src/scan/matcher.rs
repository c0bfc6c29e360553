//! Runs rules over words, 64 starting places at a time, a bit each (guardrails, rules as data).
//!
//! A window holds 128 words: 16 for guards to look back on, 64 where matches may begin, 48 for them to end in. Each slot
//! has a bit for every word of the window, so a step of a rule is taken from all starting places at once, and no text
//! makes a rule cost more than its length.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use core::ops::Range;

use super::anchors::{has, insert};
use super::compile::{BLOB, Compiled, EMAIL, NUMBER, Program, QUOTE, Rule, SetId, Step, URL};
use super::dictionary::{Entry, Slot};
use super::language::Side;
use super::words::Word;

/// Words before the starting places.
const BACK: u32 = 16;
/// Starting places in a window.
const STRIDE: u32 = 64;
/// Words in a window.
const WINDOW: u32 = 128;
/// Words in a block: what occurs together is asked of blocks first.
const BLOCK: u32 = 16;
/// Blocks in which matches may begin.
const BEGIN: usize = (STRIDE / BLOCK) as usize;
/// Blocks that a short match of 16 words may reach into, and one of 48, with the sign behind its last word.
const REACH: [usize; 2] = [2, 4];
/// Blocks that are looked at together.
const BLOCKS: usize = BEGIN + REACH[1] - 1;
/// The starting places of a window.
const STARTS: u128 = ((1 << STRIDE) - 1) << BACK;

/// A rule that matched some words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) rule: u32,
    pub(super) words: Range<usize>,
}

/// A slot that is filled at a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) word: u32,
    pub(super) slot: Slot,
}

/// What matching found, and whether there was more than `most`.
#[derive(Debug, Default)]
pub(super) struct Hits {
    pub(super) hits: Vec<Hit>,
    pub(super) overflow: bool,
}

/// Where members of a set begin.
#[derive(Debug, Clone, Copy, Default)]
struct Starts {
    /// Those of one word.
    words: u128,
    /// Those of several, or of none.
    longer: u128,
}

/// Runs the rules of a scanner over the words of texts, one text after the other.
pub(super) struct Matcher<'a> {
    compiled: &'a Compiled,
    /// Which row an entry has, counted from 1; 0 for none yet.
    row_of: Vec<u32>,
    /// Where the words of an entry are.
    rows: Vec<u128>,
    /// The entries of which there are any in the window.
    entries: Vec<Entry>,
    /// Where literals and what is built in is: a slot, and its places.
    bits: Vec<(Slot, u128)>,
    /// The deciding sets of which each block may have members.
    blocks: Vec<Vec<u64>>,
    here: Vec<u64>,
    /// Where the members of each set begin, and the window for which that is known, counted from 1.
    known_sets: Vec<Cell<(u32, Starts)>>,
    stamp: u32,
    /// The rules of which each set that they require is present in the window.
    candidates: Vec<u32>,
    /// The last window, counted from 1, in which a rule was tried.
    tried: Vec<u32>,
    /// The word after the last match of a rule.
    ends: Vec<u32>,
    lines: u128,
    sentences: u128,
    clauses: u128,
    out: Hits,
    most: usize,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(compiled: &'a Compiled) -> Self {
        Self {
            compiled,
            row_of: vec![0; compiled.dictionary.meanings().len()],
            rows: Vec::new(),
            entries: Vec::new(),
            bits: Vec::new(),
            blocks: vec![vec![0; compiled.deciding.div_ceil(64)]; BLOCKS],
            here: vec![0; compiled.deciding.div_ceil(64)],
            known_sets: vec![Cell::default(); compiled.sets.len()],
            stamp: 0,
            candidates: Vec::new(),
            tried: vec![0; compiled.rules.len()],
            ends: vec![0; compiled.rules.len()],
            lines: 0,
            sentences: 0,
            clauses: 0,
            out: Hits::default(),
            most: 0,
        }
    }

    /// Finds the matches of all rules, at most `most`.
    ///
    /// `entries` are those of the words; `filled`, sorted by word, has the literals and what is built in.
    pub(super) fn find(
        &mut self,
        words: &[Word],
        entries: &[Option<Entry>],
        filled: &[Filled],
        most: usize,
    ) -> Hits {
        self.ends.fill(0);
        self.most = most;
        let mut rest = filled;
        let last = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let mut known = 0;
        for base in (0..=last).step_by(STRIDE as usize) {
            let from = base.saturating_sub(BACK);
            rest = rest.get(rest.partition_point(|filled| filled.word < from)..).unwrap_or_default();
            self.fill_blocks(base, known, entries, rest);
            known = BLOCKS.saturating_sub(BEGIN);
            self.find_candidates();
            if !self.candidates.is_empty() {
                let until = base.saturating_add(WINDOW).saturating_sub(BACK);
                let inside =
                    rest.get(..rest.partition_point(|filled| filled.word < until)).unwrap_or_default();
                self.window(base, words, entries, inside);
                if self.out.overflow {
                    break;
                }
            }
        }
        core::mem::take(&mut self.out)
    }

    /// Notes what the blocks from `base` on may have; the first `known` of them were the last ones of the window before.
    fn fill_blocks(&mut self, base: u32, known: usize, entries: &[Option<Entry>], filled: &[Filled]) {
        let compiled = self.compiled;
        self.blocks.rotate_left(if known == 0 { 0 } else { BEGIN });
        for (block, from) in self.blocks.iter_mut().zip((base..).step_by(BLOCK as usize)).skip(known) {
            block.fill(0);
            let words = entries.get(from as usize..).unwrap_or_default();
            for entry in words.iter().take(BLOCK as usize).flatten() {
                for place in compiled.places.of(*entry) {
                    insert(block, *place as usize);
                }
            }
            let until = from.saturating_add(BLOCK);
            let first = filled.partition_point(|filled| filled.word < from);
            let filled = filled.iter().skip(first).take_while(|filled| filled.word < until);
            for Filled { slot, .. } in filled {
                let places = compiled.places_of_slots.get(*slot as usize).into_iter().flatten();
                places.for_each(|place| insert(block, *place as usize));
            }
        }
    }

    /// Lists the rules whose rarest sets may all have members in the few blocks that a match reaches into.
    fn find_candidates(&mut self) {
        let compiled = self.compiled;
        self.stamp = self.stamp.wrapping_add(1);
        for (reach, (anchors, anchored)) in REACH.iter().zip(compiled.anchors.iter().zip(&compiled.anchored))
        {
            for begin in 0..BEGIN {
                let (first, more) = match self.blocks.get(begin..begin.saturating_add(*reach)) {
                    Some([first, more @ ..]) => (first, more),
                    _ => continue,
                };
                self.here.clone_from(first);
                for block in more {
                    for (here, more) in self.here.iter_mut().zip(block) {
                        *here |= more;
                    }
                }
                for (word, (here, anchors)) in self.here.iter().zip(anchors).enumerate() {
                    let mut bits = here & anchors;
                    while bits != 0 {
                        let place = (word << 6) | bits.trailing_zeros() as usize;
                        bits &= bits.wrapping_sub(1);
                        for anchored in anchored.get(place).into_iter().flatten() {
                            if !anchored.others.iter().all(|place| has(&self.here, *place)) {
                                continue;
                            }
                            let tried = self.tried.get_mut(anchored.rule as usize);
                            if let Some(tried) = tried.filter(|tried| **tried != self.stamp) {
                                *tried = self.stamp;
                                self.candidates.push(anchored.rule);
                            }
                        }
                    }
                }
            }
        }
    }

    fn window(&mut self, base: u32, words: &[Word], entries: &[Option<Entry>], filled: &[Filled]) {
        self.fill_rows(base, entries);
        for Filled { word, slot } in filled {
            match self.bits.iter_mut().find(|(known, _)| known == slot) {
                Some((_, bits)) => *bits |= bit(place(*word, base)),
                None => self.bits.push((*slot, bit(place(*word, base)))),
            }
        }
        let compiled = self.compiled;
        let mut has_edges = false;
        while let Some(id) = self.candidates.pop() {
            let Some(rule) = compiled.rules.get(id as usize) else { continue };
            if rule.required.iter().all(|set| self.starts_of(*set) != 0) {
                if !has_edges {
                    has_edges = true;
                    self.edges(base, words);
                }
                self.try_rule(id, rule, base);
            }
        }
        self.entries.clear();
        self.rows.fill(0);
        self.bits.clear();
    }

    /// Notes where the words of the window are, by their entries.
    fn fill_rows(&mut self, base: u32, entries: &[Option<Entry>]) {
        let from = base.saturating_sub(BACK);
        let until = base.saturating_add(WINDOW).saturating_sub(BACK);
        let until = (until as usize).min(entries.len());
        for (word, entry) in (from..).zip(entries.get(from as usize..until).unwrap_or_default()) {
            let Some(entry) = entry else { continue };
            let Some(row_of) = self.row_of.get_mut(*entry as usize) else { continue };
            if *row_of == 0 {
                self.rows.push(0);
                *row_of = u32::try_from(self.rows.len()).unwrap_or(0);
            }
            let Some(row) = self.rows.get_mut((*row_of as usize).wrapping_sub(1)) else { continue };
            if *row == 0 {
                self.entries.push(*entry);
            }
            *row |= bit(place(word, base));
        }
    }

    fn edges(&mut self, base: u32, words: &[Word]) {
        self.lines = 0;
        self.sentences = 0;
        self.clauses = 0;
        let from = base.saturating_sub(BACK);
        for at in from..base.saturating_add(WINDOW).saturating_sub(BACK) {
            let place = bit(place(at, base));
            match words.get(at as usize) {
                Some(word) => {
                    self.lines |= if word.begins_line() { place } else { 0 };
                    self.sentences |= if word.begins_sentence() { place } else { 0 };
                    self.clauses |= if word.begins_clause() { place } else { 0 };
                }
                None => self.lines |= place,
            }
        }
    }

    /// Adds the matches of a rule that begin in the window, one after the other.
    fn try_rule(&mut self, id: u32, rule: &Rule, base: u32) {
        let end = self.ends.get(id as usize).copied().unwrap_or(0);
        let mut starts = STARTS & from_place(place(end.max(base), base));
        for (side, words, set) in &rule.guards {
            if *side == Side::Before {
                starts &= !spread(self.starts_of(*set), *words, u128::unbounded_shl);
            }
        }
        while starts != 0 {
            let Some((start, end)) = self.first_match(rule, starts) else { break };
            if self.out.hits.len() >= self.most {
                self.out.overflow = true;
                break;
            }
            let word = |place: u32| base.saturating_add(place).saturating_sub(BACK);
            self.out.hits.push(Hit { rule: id, words: word(start) as usize..word(end) as usize });
            if let Some(known) = self.ends.get_mut(id as usize) {
                *known = word(end);
            }
            starts &= from_place(end.max(start.saturating_add(1)));
        }
    }

    /// The earliest start of `starts` from where the rule matches, and its nearest end.
    fn first_match(&self, rule: &Rule, starts: u128) -> Option<(u32, u32)> {
        match &rule.program {
            Program::Sequence(steps) => {
                let mut ends = self.ends_of(rule, steps, starts);
                if ends == 0 {
                    return None;
                }
                let mut starts = starts;
                while starts.count_ones() > 1 {
                    let half = lower_half(starts);
                    let of_half = self.ends_of(rule, steps, half);
                    if of_half == 0 {
                        starts &= !half;
                        ends = self.ends_of(rule, steps, starts);
                    } else {
                        starts = half;
                        ends = of_half;
                    }
                }
                Some((starts.trailing_zeros(), ends.trailing_zeros()))
            }
            Program::Near { words, sets } => self.near(rule, *words, sets, starts),
        }
    }

    fn ends_of(&self, rule: &Rule, steps: &[Step], starts: u128) -> u128 {
        let mut ends = self.run(steps, starts);
        if ends != 0 {
            for (side, words, set) in &rule.guards {
                if *side == Side::After {
                    ends &= !before(self.starts_of(*set), *words);
                }
            }
        }
        ends
    }

    /// Where the steps can end when they begin at `at`.
    fn run(&self, steps: &[Step], at: u128) -> u128 {
        let mut at = at;
        for step in steps {
            at = self.step(step, at);
            if at == 0 {
                break;
            }
        }
        at
    }

    fn step(&self, step: &Step, at: u128) -> u128 {
        match step {
            Step::Set(set) => self.take(*set, at),
            Step::Choice { sequences, optional } => {
                let ends = if *optional { at } else { 0 };
                sequences.iter().fold(ends, |ends, steps| ends | self.run(steps, at))
            }
            Step::Gap { words, free: true } => spread(at, *words, u128::unbounded_shl) | at,
            Step::Gap { words, free: false } => self.gap(at, *words),
            Step::Any => at << 1,
            Step::LineStart | Step::LineEnd => at & self.lines,
            Step::ClauseStart => at & self.clauses,
            Step::Not(set) => at & !self.starts_of(*set),
        }
    }

    /// Up to `words` words further, across the end of one sentence at most.
    fn gap(&self, at: u128, words: u32) -> u128 {
        let (mut none, mut one) = (at, 0_u128);
        for _ in 0..words {
            let next_none = none << 1;
            one |= ((one << 1) & !self.sentences) | (next_none & self.sentences);
            none |= next_none & !self.sentences;
        }
        none | one
    }

    /// Where members of the set end that begin at `at`.
    fn take(&self, set: SetId, at: u128) -> u128 {
        let starts = self.starts(set);
        let mut ends = (at & starts.words) << 1;
        let at = at & starts.longer;
        let Some(set) = self.compiled.sets.get(set).filter(|_| at != 0) else { return ends };
        for (slot, words) in set.single.iter().filter(|(_, words)| *words != 1) {
            ends |= (at & self.slot(*slot)).unbounded_shl(*words);
        }
        for phrase in &set.phrases {
            let words = u32::try_from(phrase.len()).unwrap_or(u32::MAX);
            ends |= self.in_a_row(phrase, at).unbounded_shl(words);
        }
        ends
    }

    /// Where members of the set begin.
    fn starts_of(&self, set: SetId) -> u128 {
        let starts = self.starts(set);
        starts.words | starts.longer
    }

    fn starts(&self, id: SetId) -> Starts {
        let (Some(known), Some(set)) = (self.known_sets.get(id), self.compiled.sets.get(id)) else {
            return Starts::default();
        };
        let (stamp, starts) = known.get();
        if stamp == self.stamp {
            return starts;
        }
        let mut starts = Starts::default();
        for (slot, words) in &set.single {
            *(if *words == 1 { &mut starts.words } else { &mut starts.longer }) |= self.slot(*slot);
        }
        for phrase in &set.phrases {
            starts.longer |= self.in_a_row(phrase, u128::MAX);
        }
        known.set((self.stamp, starts));
        starts
    }

    fn near(&self, rule: &Rule, words: u32, sets: &[SetId], starts: u128) -> Option<(u32, u32)> {
        let (mut all, mut any) = (starts, 0_u128);
        for set in sets {
            let members = self.starts_of(*set);
            any |= members;
            all &= before(members, words);
            if all == 0 {
                return None;
            }
        }
        let mut starts = all & any;
        while starts != 0 {
            let start = starts.trailing_zeros();
            let here = from_place(start);
            let end = sets.iter().map(|set| {
                let member = self.starts_of(*set) & here;
                let first = member & member.wrapping_neg();
                self.take(*set, first).trailing_zeros()
            });
            let end = end.max().unwrap_or(start).min(WINDOW.saturating_sub(1));
            let ends = bit(end);
            let guarded = rule.guards.iter().any(|(side, words, set)| {
                *side == Side::After && ends & before(self.starts_of(*set), *words) != 0
            });
            if !guarded {
                return Some((start, end));
            }
            starts &= starts.wrapping_sub(1);
        }
        None
    }

    /// At which of these places the slots of a phrase are filled one behind the other.
    fn in_a_row(&self, phrase: &[Slot], at: u128) -> u128 {
        let mut at = at;
        for (behind, slot) in (0_u32..).zip(phrase) {
            at &= self.slot(*slot).unbounded_shr(behind);
            if at == 0 {
                break;
            }
        }
        at
    }

    /// Where the slot is filled.
    fn slot(&self, slot: Slot) -> u128 {
        let words = self.compiled.entries_of.get(slot as usize).map_or(&[][..], Vec::as_slice);
        if words.is_empty() {
            return self.bits.iter().find(|(known, _)| *known == slot).map_or(0, |(_, bits)| *bits);
        }
        let row = |entry: Entry| {
            let row_of = self.row_of.get(entry as usize).copied().unwrap_or(0);
            self.rows.get((row_of as usize).wrapping_sub(1)).copied().unwrap_or(0)
        };
        // Classes have many words, and windows few.
        if words.len() <= self.entries.len() {
            return words.iter().fold(0, |bits, entry| bits | row(*entry));
        }
        let is_member = |entry: &&Entry| {
            let meaning = self.compiled.dictionary.meaning(**entry);
            meaning.is_some_and(|meaning| meaning.slots.binary_search(&slot).is_ok())
        };
        self.entries.iter().filter(is_member).fold(0, |bits, entry| bits | row(*entry))
    }
}

/// The place of a word in the window at `base`.
fn place(word: u32, base: u32) -> u32 {
    word.saturating_add(BACK).saturating_sub(base)
}

fn bit(place: u32) -> u128 {
    1_u128.unbounded_shl(place)
}

/// All places from this one on.
fn from_place(place: u32) -> u128 {
    u128::MAX.unbounded_shl(place)
}

/// The lower half of the bits that are set; more than one is.
fn lower_half(bits: u128) -> u128 {
    let low = bits.trailing_zeros();
    let high = WINDOW.saturating_sub(1).saturating_sub(bits.leading_zeros());
    let middle = low.saturating_add(high).saturating_div(2);
    bits & !from_place(middle.saturating_add(1))
}

/// The bits moved by 1 to `words` places.
fn spread(bits: u128, words: u32, shift: fn(u128, u32) -> u128) -> u128 {
    let mut out = 0;
    let mut one = bits;
    for _ in 0..words {
        one = shift(one, 1);
        out |= one;
    }
    out
}

/// The places from where one of the bits is among the next `words` words.
fn before(bits: u128, words: u32) -> u128 {
    bits | spread(bits, words.saturating_sub(1), u128::unbounded_shr)
}

/// The built-in classes of a word; `behind` is the text after it.
pub(super) fn builtin(word: &[u8], behind: &[u8], flags: &Word, mut fill: impl FnMut(Slot)) {
    if word.len() >= 20 {
        fill(BLOB);
    }
    if flags.is_number() {
        fill(NUMBER);
    }
    if flags.begins_quotation() {
        fill(QUOTE);
    }
    match behind {
        [b':', b'/', b'/', ..] => fill(URL),
        [b'@', letter, ..] if letter.is_ascii_alphanumeric() => fill(EMAIL),
        [b'.', rest @ ..] if word == b"www" || is_domain_end(rest) => fill(URL),
        _ => {}
    }
}

/// Whether a text begins with a common top-level domain that ends there.
fn is_domain_end(text: &[u8]) -> bool {
    const ENDS: [&[u8]; 22] = [
        b"ai", b"app", b"biz", b"cloud", b"cn", b"co", b"com", b"dev", b"eu", b"example", b"info",
        b"invalid", b"io", b"me", b"net", b"online", b"org", b"ru", b"site", b"test", b"top", b"xyz",
    ];
    let length = text.iter().take(8).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, rest) = text.split_at_checked(length).unwrap_or_default();
    let ends = match rest {
        [] => true,
        [b'.', next, ..] => *next == b' ',
        [next, ..] => !next.is_ascii_alphanumeric() && *next != b'(' && *next != b'_',
    };
    ends && ENDS.binary_search(&name).is_ok()
}
