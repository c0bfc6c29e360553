//! The disguises that are undone before the rules look again (guardrails, hidden text).
//!
//! A view is the text, or a part of it, as it reads without one disguise; it knows the way back to the original bytes.
//! Each is made only where something speaks for it, and none is made from another: one level deep.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::dictionary::{Dictionary, Entry, Meaning};
use super::normalize::Folded;
use super::report::Hiding;
use super::words::Word;
use super::{ciphers, encoded, escapes, leetspeak, spacing, split, tags};

/// A letter that is in no word of any living language.
pub(super) const FILLER: char = '\u{A66E}';

/// A text without one of its disguises.
#[derive(Debug)]
pub(super) struct View {
    pub(super) folded: Folded,
    pub(super) hiding: Hiding,
    /// Bytes of the original that hide text whatever it says.
    pub(super) suspicious: bool,
}

impl View {
    pub(super) const fn new(folded: Folded, hiding: Hiding) -> Self {
        Self { folded, hiding, suspicious: false }
    }
}

/// A folded text, its words and what the dictionary says of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    pub(super) folded: &'a Folded,
    pub(super) words: &'a [Word],
    pub(super) entries: &'a [Option<Entry>],
    pub(super) dictionary: &'a Dictionary,
    pub(super) evidence: &'a Evidence,
}

/// What speaks for disguises, seen while the words were looked up.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// How many words are known for what they are.
    pub(super) known: usize,
    pub(super) rot13: bool,
    pub(super) reversed: bool,
    /// Enough single letters in a row, or a word long enough to be several.
    pub(super) spacing: bool,
    /// Enough numbers in a row.
    pub(super) codes: bool,
    /// Words with digits or signs in place of letters, perhaps.
    pub(super) leetspeak: Vec<Suspect>,
    singles: usize,
    numbers: usize,
}

/// A word that may be leetspeak: for itself, or where others are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspect {
    pub(super) at: u32,
    pub(super) strong: bool,
}

impl Evidence {
    /// Takes note of a word and of what is before it.
    pub(super) fn see(
        &mut self,
        word: &Word,
        letters: &[u8],
        gap: &[u8],
        meaning: Option<&Meaning>,
        at: u32,
    ) {
        match meaning {
            Some(meaning) if meaning.gives_rot13 => self.rot13 = true,
            Some(meaning) if meaning.gives_reversal => self.reversed = true,
            Some(_) => self.known = self.known.wrapping_add(1),
            None => self.spacing |= letters.len() >= spacing::LEAST_JOINED,
        }
        self.singles = if letters.len() == 1 { self.singles.wrapping_add(1) } else { 0 };
        self.spacing |= self.singles >= spacing::LEAST_LETTERS;
        self.numbers =
            if encoded::is_code(letters, word.is_number()) { self.numbers.wrapping_add(1) } else { 0 };
        self.codes |= self.numbers >= encoded::LEAST_CODES;
        let strong = word.is_mixed() || gap.last().is_some_and(|sign| leetspeak::is_sign(*sign));
        if strong || (word.is_number() && letters.len() <= 3) {
            self.leetspeak.push(Suspect { at, strong });
        }
    }
}

impl<'a> Reading<'a> {
    /// The folded bytes of a word, apostrophes and all.
    pub(super) fn raw(&self, at: usize) -> &'a str {
        let range = self.words.get(at).map_or(0..0, |word| word.start as usize..word.end as usize);
        self.folded.text.get(range).unwrap_or_default()
    }

    /// What stands between a word and the one before it.
    pub(super) fn gap(&self, at: usize) -> &'a str {
        let before =
            at.checked_sub(1).and_then(|before| self.words.get(before)).map_or(0, |word| word.end as usize);
        let until = self.words.get(at).map_or(self.folded.text.len(), |word| word.start as usize);
        self.folded.text.get(before..until).unwrap_or_default()
    }

    /// A word as it was written.
    pub(super) fn original(&self, at: usize) -> &'a str {
        let range = self.words.get(at).map_or(0..0, |word| word.start as usize..word.end as usize);
        self.text.get(self.folded.original(range)).unwrap_or_default()
    }

    /// What stands between a word and the one before it, as it was written.
    pub(super) fn original_gap(&self, at: usize) -> &'a str {
        let before = at.checked_sub(1).and_then(|before| self.words.get(before));
        let from = before.map_or(0, |word| self.folded.original(word.start as usize..word.end as usize).end);
        let until = self.words.get(at).map_or(self.text.len(), |word| {
            self.folded.original(word.start as usize..word.end as usize).start
        });
        self.text.get(from..until).unwrap_or_default()
    }

    /// Whether the rules, or any text, know the word.
    pub(super) fn is_known(&self, at: usize) -> bool {
        self.entries.get(at).is_some_and(Option::is_some)
    }

    /// An empty text that goes on to the word at this place.
    pub(super) fn continued_at(&self, at: usize) -> Folded {
        let mut out = Folded::default();
        if at > 0 {
            // A word that no rule names: what follows begins no line.
            let place = self.words.get(at).map_or(0, |word| word.start as usize);
            let place = self.folded.original(place..place).start;
            out.push(FILLER, place..place);
            out.push(' ', place..place);
        }
        out
    }

    /// Appends a piece of the folded text to `out`, each character with its own place.
    pub(super) fn copy(&self, range: core::ops::Range<usize>, out: &mut Folded) {
        let text = self.folded.text.get(range.clone()).unwrap_or_default();
        for (at, c) in text.char_indices() {
            let start = range.start.saturating_add(at);
            out.push(c, self.folded.original(start..start.saturating_add(c.len_utf8())));
        }
    }

    /// Appends a word.
    pub(super) fn copy_word(&self, at: usize, out: &mut Folded) {
        if let Some(word) = self.words.get(at) {
            self.copy(word.start as usize..word.end as usize, out);
        }
    }

    /// Appends what stands before a word, with its line breaks.
    pub(super) fn copy_gap(&self, at: usize, out: &mut Folded) {
        let until = self.words.get(at).map_or(self.folded.text.len(), |word| word.start as usize);
        let gap = self.gap(at);
        let from = until.saturating_sub(gap.len());
        for (offset, c) in gap.char_indices() {
            let start = from.saturating_add(offset);
            let is_break = self.folded.is_break(start);
            out.push(
                if is_break { '\n' } else { c },
                self.folded.original(start..start.saturating_add(c.len_utf8())),
            );
        }
    }
}

/// All views that something speaks for.
pub(super) fn views(text: &str, reading: &Reading<'_>) -> Vec<View> {
    let mut views = Vec::new();
    views.extend(tags::views(text, reading.folded));
    escapes::views(text, &mut views);
    encoded::views(text, reading, &mut views);
    leetspeak::views(reading, &mut views);
    spacing::views(reading, &mut views);
    split::views(reading, &mut views);
    ciphers::views(reading, &mut views);
    views
}
