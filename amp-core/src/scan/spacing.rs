//! Letters with spaces or signs between them, and words without any (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::{Reading, View};

/// The least single letters in a row that are read as words.
pub(super) const LEAST_LETTERS: usize = 5;
/// The least letters of a word that may be several.
pub(super) const LEAST_JOINED: usize = 15;
/// The longest word that is looked for.
const MAX_WORD: usize = 20;
/// The most letters that follow a known beginning.
const MAX_ENDING: usize = 7;
/// Words kept on both sides, so that a match may reach out of the run.
const CONTEXT: usize = 24;

/// Each spaced-out run and what is around it, as words; where any word of it is known to the rules.
pub(super) fn views(reading: &Reading<'_>, views: &mut Vec<View>) {
    if !reading.evidence.spacing {
        return;
    }
    let mut open: Option<(Folded, bool)> = None;
    let mut copied = 0_usize;
    for run in runs(reading) {
        let context = run.start.saturating_sub(CONTEXT);
        if context > copied.saturating_add(CONTEXT) {
            finish(reading, open.take(), copied, views);
        }
        let from = if open.is_some() { copied } else { context };
        let (folded, telling) = open.get_or_insert_with(|| (reading.continued_at(from), false));
        for at in from..run.start {
            reading.copy_gap(at, folded);
            reading.copy_word(at, folded);
        }
        *telling |= spell(reading, run.clone(), folded);
        copied = run.end;
    }
    finish(reading, open, copied, views);
}

fn finish(reading: &Reading<'_>, open: Option<(Folded, bool)>, copied: usize, views: &mut Vec<View>) {
    let Some((mut folded, true)) = open else { return };
    for at in copied..copied.saturating_add(CONTEXT).min(reading.words.len()) {
        reading.copy_gap(at, &mut folded);
        reading.copy_word(at, &mut folded);
    }
    views.push(View::new(folded, Hiding::Spacing));
}

/// Rows of single letters, and single words that are long enough to be several.
fn runs(reading: &Reading<'_>) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for at in 0..=reading.words.len() {
        let single = at < reading.words.len() && is_single(reading, at);
        if single && reading.gap(at).len() <= 4 && start.is_some() {
            continue;
        }
        if let Some(from) = start.take()
            && at.saturating_sub(from) >= LEAST_LETTERS
        {
            runs.push(from..at);
        }
        if single {
            start = Some(at);
        } else if is_joined(reading, at) {
            runs.push(at..at.saturating_add(1));
        }
    }
    runs
}

fn is_single(reading: &Reading<'_>, at: usize) -> bool {
    matches!(reading.raw(at).as_bytes(), [byte] if byte.is_ascii_alphanumeric())
}

fn is_joined(reading: &Reading<'_>, at: usize) -> bool {
    let word = reading.raw(at).as_bytes();
    word.len() >= LEAST_JOINED
        && word.len() <= 400
        && !reading.is_known(at)
        && word.iter().all(u8::is_ascii_lowercase)
        && !is_name(reading.original(at))
}

/// Whether capitals inside a word say that programmers wrote it together.
fn is_name(original: &str) -> bool {
    let capitals = original.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    capitals > 0 && capitals < original.len().saturating_sub(1)
}

/// Appends the letters of a run as words; whether two of them are known to the rules.
fn spell(reading: &Reading<'_>, run: Range<usize>, out: &mut Folded) -> bool {
    let usual = usual_gap(reading, &run);
    let is_end = |at: &usize| *at > run.start && reading.original_gap(*at) != usual;
    let ends: Vec<usize> = run.clone().filter(is_end).chain([run.end]).collect();
    // Where every other gap is another one, none of them tells where words end.
    let by_words = ends.len().saturating_mul(2) <= run.len();
    let mut telling = 0_usize;
    let mut from = run.start;
    for end in ends {
        if !by_words && end < run.end {
            continue;
        }
        copy_boundary(reading, from, usual, out);
        let letters: Vec<(u8, usize)> = (from..end).flat_map(|at| placed_letters(reading, at)).collect();
        let words = if by_words && letters.len() < LEAST_JOINED {
            vec![letters.as_slice()]
        } else {
            segment(reading, &letters)
        };
        for (count, word) in words.into_iter().enumerate() {
            if count > 0 {
                let start = word.first().map_or(0, |letter| letter.1);
                let start = reading.folded.original(start..start).start;
                out.push(' ', start..start);
            }
            let bytes: Vec<u8> = word.iter().map(|letter| letter.0).collect();
            telling = telling.saturating_add(usize::from(reading.dictionary.is_telling(&bytes)));
            for (letter, place) in word {
                out.push(char::from(*letter), reading.folded.original(*place..place.saturating_add(1)));
            }
        }
        from = end;
    }
    // Words that are written together are often names; two words of rules in one are not.
    telling >= if run.len() == 1 { 2 } else { 1 }
}

fn placed_letters<'r>(reading: &Reading<'r>, at: usize) -> impl Iterator<Item = (u8, usize)> + 'r {
    let start = reading.words.get(at).map_or(0, |word| word.start as usize);
    reading.raw(at).bytes().zip(start..)
}

/// Appends what stands before a word of the run, without what stands between all its letters.
fn copy_boundary(reading: &Reading<'_>, at: usize, usual: &str, out: &mut Folded) {
    let gap = reading.original_gap(at);
    let rest = gap.strip_prefix(usual).unwrap_or(gap);
    let rest = rest.strip_suffix(usual).unwrap_or(rest);
    let start = reading.words.get(at).map_or(0, |word| word.start as usize);
    let place = reading.folded.original(start..start).start;
    for c in rest.chars().chain([' ']) {
        out.push(c, place..place);
    }
}

/// What stands between most letters of the run.
fn usual_gap<'a>(reading: &Reading<'a>, run: &Range<usize>) -> &'a str {
    let mut gaps: Vec<&str> =
        (run.start.saturating_add(1)..run.end).map(|at| reading.original_gap(at)).collect();
    gaps.sort_unstable();
    let most = gaps.chunk_by(|a, b| a == b).max_by_key(|group| group.len());
    most.and_then(|group| group.first()).copied().unwrap_or_default()
}

/// How a piece of letters is read: up to where, and at what cost.
#[derive(Clone, Copy)]
struct Best {
    cost: u32,
    from: usize,
    known: bool,
}

/// Letters as the words that cost least: known words are cheap, letters of no word dear.
fn segment<'l>(reading: &Reading<'_>, letters: &'l [(u8, usize)]) -> Vec<&'l [(u8, usize)]> {
    let bytes: Vec<u8> = letters.iter().map(|letter| letter.0).collect();
    let mut best = vec![Best { cost: u32::MAX, from: 0, known: false }; bytes.len().saturating_add(1)];
    if let Some(first) = best.first_mut() {
        first.cost = 0;
    }
    for from in 0..bytes.len() {
        let Some(base) = best.get(from).copied() else { break };
        // A letter of no word continues an unknown word, or begins one.
        let begin = if from > 0 && !base.known { base.from } else { from };
        let extra = if begin == from { 6 } else { 4 };
        improve(&mut best, from.saturating_add(1), base.cost.saturating_add(extra), begin, false);
        for length in 1..=MAX_WORD.min(bytes.len().saturating_sub(from)) {
            let end = from.saturating_add(length);
            let word = bytes.get(from..end).unwrap_or_default();
            let price = match length {
                1 => 5,
                2 => 3,
                _ => 2,
            };
            if reading.dictionary.exact(word).is_some() {
                improve(&mut best, end, base.cost.saturating_add(price), from, true);
            }
            if length >= 4 && reading.dictionary.prefix(word).is_some() {
                for ending in 0..=MAX_ENDING {
                    let cost =
                        base.cost.saturating_add(price).saturating_add(u32::try_from(ending).unwrap_or(0));
                    improve(&mut best, end.saturating_add(ending), cost, from, true);
                }
            }
        }
    }
    let mut words = Vec::new();
    let mut end = bytes.len();
    while end > 0 {
        let from = best.get(end).map_or(0, |best| best.from).min(end.saturating_sub(1));
        words.push(letters.get(from..end).unwrap_or_default());
        end = from;
    }
    words.reverse();
    words
}

fn improve(best: &mut [Best], end: usize, cost: u32, from: usize, known: bool) {
    if let Some(best) = best.get_mut(end)
        && cost < best.cost
    {
        *best = Best { cost, from, known };
    }
}
