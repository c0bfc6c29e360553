//! Words cut into pieces: by line ends, by string concatenation, by signs (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::ops::Range;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::{Reading, View};

/// Words kept around a cut one: as many as a match spans.
const CONTEXT: usize = 48;
/// The most pieces that a word is put together from.
const MAX_PIECES: usize = 5;
const MAX_WORD: usize = 20;
/// The shortest word that is put together.
const MIN_WORD: usize = 4;
/// The longest that may stand between two pieces, in bytes.
const MAX_CUT: usize = 12;

/// The text with cut words put together, where that makes words that the rules know, and what is around them.
pub(super) fn views(reading: &Reading<'_>, views: &mut Vec<View>) {
    let mut out: Option<Folded> = None;
    let mut copied = 0_usize;
    let mut at = 0_usize;
    let mut word = Vec::new();
    while at < reading.words.len() {
        let Some(pieces) = pieces(reading, at, &mut word) else {
            at = at.saturating_add(1);
            continue;
        };
        // What is farther from a cut word than a match spans was looked at already.
        let context = at.saturating_sub(CONTEXT);
        if context > copied.saturating_add(CONTEXT) {
            finish(reading, out.take(), copied, views);
        }
        let from = if out.is_some() { copied } else { context };
        let folded = out.get_or_insert_with(|| reading.continued_at(from));
        copy_words(reading, from..at, folded);
        reading.copy_gap(at, folded);
        for piece in at..at.saturating_add(pieces) {
            reading.copy_word(piece, folded);
        }
        at = at.saturating_add(pieces);
        copied = at;
    }
    finish(reading, out, copied, views);
}

fn finish(reading: &Reading<'_>, out: Option<Folded>, copied: usize, views: &mut Vec<View>) {
    let Some(mut out) = out else { return };
    // One more than there are words: what stands behind the last one.
    let end = reading.words.len().saturating_add(1);
    copy_words(reading, copied..copied.saturating_add(CONTEXT).min(end), &mut out);
    views.push(View::new(out, Hiding::Split));
}

fn copy_words(reading: &Reading<'_>, words: Range<usize>, out: &mut Folded) {
    for at in words {
        reading.copy_gap(at, out);
        reading.copy_word(at, out);
    }
}

/// How many words from `at` on are the pieces of one that the rules know; the most, if several are.
fn pieces(reading: &Reading<'_>, at: usize, word: &mut Vec<u8>) -> Option<usize> {
    let first = reading.raw(at).as_bytes();
    if first.len() >= MAX_WORD
        || !reading.dictionary.may_go_on(first)
        || !first.iter().all(u8::is_ascii_alphabetic)
    {
        return None;
    }
    word.clear();
    word.extend_from_slice(first);
    let mut all_known = reading.is_known(at);
    let mut cut = Cut::Space;
    let mut found = None;
    for more in 1..MAX_PIECES {
        let next = at.saturating_add(more);
        let piece = reading.raw(next).as_bytes();
        let length = word.len().saturating_add(piece.len());
        if next >= reading.words.len() || length > MAX_WORD || !piece.iter().all(u8::is_ascii_alphabetic) {
            break;
        }
        let Some(this) = cut_before(reading, next) else { break };
        cut = cut.max(this);
        all_known &= reading.is_known(next);
        let crossing = word.len().saturating_add(piece.len().min(2));
        word.extend_from_slice(piece);
        // A beginning that goes past the cut: what is known without the rest needs no putting together.
        if !reading.dictionary.may_go_on(word.get(..crossing).unwrap_or_default()) {
            break;
        }
        // Two words with a space or line end between are two words; with a hyphen at the line end, or quotation marks and
        // a plus sign, they may be one.
        let least = if cut == Cut::Quotes { 2 } else { MIN_WORD };
        let plausible = length >= least && (cut != Cut::Space || !all_known);
        if plausible && names_word(reading, word) {
            found = Some(more.saturating_add(1));
        }
    }
    found
}

/// What cuts a word, the least telling first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Space,
    Sign,
    /// The end of one string and the beginning of the next.
    Quotes,
}

fn cut_before(reading: &Reading<'_>, at: usize) -> Option<Cut> {
    let gap = reading.gap(at);
    if gap.len() > MAX_CUT || !gap.bytes().all(|byte| b" '\"`+.-_\\|/~*&,()=<>".contains(&byte)) {
        return None;
    }
    let quotes = gap.bytes().filter(|byte| matches!(byte, b'"' | b'\'' | b'`')).count();
    Some(if gap.trim().is_empty() {
        Cut::Space
    } else if quotes == 2 {
        Cut::Quotes
    } else {
        Cut::Sign
    })
}

/// Whether the rules ask for just this word, or for words that begin with most of it.
fn names_word(reading: &Reading<'_>, word: &[u8]) -> bool {
    let asks = |entry| reading.dictionary.asks_for(entry);
    if reading.dictionary.exact(word).is_some_and(asks) {
        return true;
    }
    let least = word.len().saturating_sub(7).max(5);
    (least..=word.len()).any(|length| {
        let prefix = word.get(..length).unwrap_or_default();
        reading.dictionary.prefix(prefix).is_some_and(asks)
    })
}
