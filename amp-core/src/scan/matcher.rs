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

use super::compile::{BLOB, Compiled, EMAIL, NUMBER, Program, QUOTE, Rule, SetId, SetMask, Step, URL};
use super::dictionary::{Entry, Slot};
use super::language::Side;
use super::words::Word;

/// Words before the starting places.
const BACK: u32 = 16;
/// Starting places in a window.
const STRIDE: u32 = 64;
/// Words in a window.
const WINDOW: u32 = 128;
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
    /// The entries of which there are any.
    entries: Vec<Entry>,
    /// The sets of which the window has words or literals.
    mask: SetMask,
    /// The sets of which it may have phrases.
    phrasal: SetMask,
    /// The sets in either.
    here: SetMask,
    /// Where literals and what is built in is: a slot, and its places.
    bits: Vec<(Slot, u128)>,
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
            row_of: vec![0; compiled.masks.len()],
            mask: SetMask::new(compiled.sets.len()),
            phrasal: SetMask::new(compiled.sets.len()),
            here: SetMask::new(compiled.sets.len()),
            rows: Vec::new(),
            entries: Vec::new(),
            bits: Vec::new(),
            known_sets: (0..compiled.sets.len()).map(|_| Cell::new((0, Starts::default()))).collect(),
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
        for base in (0..=last).step_by(STRIDE as usize) {
            let from = base.saturating_sub(BACK);
            let until = base.saturating_add(WINDOW).saturating_sub(BACK);
            rest = rest.get(rest.partition_point(|filled| filled.word < from)..).unwrap_or_default();
            let inside = rest.get(..rest.partition_point(|filled| filled.word < until)).unwrap_or_default();
            self.window(base, words, entries, inside);
            if self.out.overflow {
                break;
            }
        }
        core::mem::take(&mut self.out)
    }

    fn window(&mut self, base: u32, words: &[Word], entries: &[Option<Entry>], filled: &[Filled]) {
        self.stamp = self.stamp.wrapping_add(1);
        self.fill_rows(base, entries);
        for Filled { word, slot } in filled {
            match self.bits.iter_mut().find(|(known, _)| known == slot) {
                Some((_, bits)) => *bits |= bit(place(*word, base)),
                None => self.bits.push((*slot, bit(place(*word, base)))),
            }
        }
        self.find_candidates();
        if !self.candidates.is_empty() {
            self.edges(base, words);
            let compiled = self.compiled;
            while let Some(id) = self.candidates.pop() {
                if let Some(rule) = compiled.rules.get(id as usize) {
                    self.try_rule(id, rule, base);
                }
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

    /// Lists the rules that have a member of each set that they require in the window.
    fn find_candidates(&mut self) {
        let compiled = self.compiled;
        self.mask.clear();
        self.phrasal.clear();
        for entry in &self.entries {
            if let Some(mask) = compiled.masks.get(*entry as usize) {
                self.mask.add(mask);
            }
            if let Some(mask) = compiled.phrase_masks.get(*entry as usize) {
                self.phrasal.add(mask);
            }
        }
        for (slot, _) in &self.bits {
            let sets = compiled.sets_of_slots.get(*slot as usize).into_iter().flatten();
            sets.for_each(|set| self.mask.insert(*set));
        }
        let mut here = core::mem::take(&mut self.here);
        here.clear();
        here.add(&self.mask);
        here.add(&self.phrasal);
        here.each_common(&compiled.anchors, |set| {
            for id in compiled.anchored.get(set).into_iter().flatten() {
                let tried = self.tried.get_mut(*id as usize).filter(|tried| **tried != self.stamp);
                let Some(tried) = tried else { continue };
                *tried = self.stamp;
                let required = compiled.rules.get(*id as usize).map_or(&[][..], |rule| &rule.required);
                // What is not here is not there; what is may be a phrase that is not there either.
                if required.iter().all(|set| here.has(*set)) {
                    self.candidates.push(*id);
                }
            }
        });
        self.here = here;
        let mut candidates = core::mem::take(&mut self.candidates);
        candidates.retain(|id| {
            let required = compiled.rules.get(*id as usize).map_or(&[][..], |rule| &rule.required);
            required.iter().all(|set| self.starts_of(*set) != 0)
        });
        self.candidates = candidates;
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
            ends |= self.phrase(phrase, at).unbounded_shl(words);
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
        for (slot, words) in set.single.iter().filter(|_| self.mask.has(id)) {
            *(if *words == 1 { &mut starts.words } else { &mut starts.longer }) |= self.slot(*slot);
        }
        for phrase in set.phrases.iter().filter(|_| self.phrasal.has(id)) {
            starts.longer |= self.phrase(phrase, u128::MAX);
        }
        known.set((self.stamp, starts));
        starts
    }

    /// At which of these places the phrase begins.
    fn phrase(&self, phrase: &[Slot], at: u128) -> u128 {
        let mut at = at;
        for (behind, slot) in (0_u32..).zip(phrase) {
            at &= self.slot(*slot).unbounded_shr(behind);
            if at == 0 {
                break;
            }
        }
        at
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

    /// Where the slot is filled.
    fn slot(&self, slot: Slot) -> u128 {
        let direct = self.bits.iter().find(|(known, _)| *known == slot).map_or(0, |(_, bits)| *bits);
        let entries = self.compiled.entries_of.get(slot as usize).into_iter().flatten();
        let row = |entry: &Entry| {
            let row_of = self.row_of.get(*entry as usize).copied().unwrap_or(0);
            self.rows.get((row_of as usize).wrapping_sub(1)).copied().unwrap_or(0)
        };
        entries.fold(direct, |bits, entry| bits | row(entry))
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
