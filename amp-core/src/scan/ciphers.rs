//! Letters moved along the alphabet, and text written backwards (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::ops::Range;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::{Reading, View};

/// The shortest word that gives away rot13 or reversal.
pub(super) const LEAST_LETTERS: usize = 5;
/// The least words of a line that is tried for other shifts.
const LEAST_WORDS: usize = 4;

/// The views for which the words speak: some are words of rules, moved by thirteen or backwards.
pub(super) fn views(reading: &Reading<'_>, views: &mut Vec<View>) {
    let evidence = reading.evidence;
    if evidence.rot13 {
        views.push(shifted(reading, 0..reading.words.len(), 13));
    }
    if evidence.reversed {
        views.push(reversed(reading));
        views.push(reversed_words(reading));
    }
    let few = evidence.known.saturating_mul(5) < reading.words.len();
    if few && !evidence.rot13 && reading.words.len() >= LEAST_WORDS {
        other_shifts(reading, views);
    }
}

/// The letter, moved back by `shift`.
pub(super) const fn shift_back(letter: u8, shift: u8) -> u8 {
    if letter.is_ascii_lowercase() {
        b'a'.wrapping_add(letter.wrapping_sub(b'a').wrapping_add(26).wrapping_sub(shift) % 26)
    } else {
        letter
    }
}

fn shifted(reading: &Reading<'_>, words: Range<usize>, shift: u8) -> View {
    let mut out = Folded::default();
    for at in words {
        reading.copy_gap(at, &mut out);
        let start = reading.words.get(at).map_or(0, |word| word.start as usize);
        for (offset, c) in reading.raw(at).char_indices() {
            let place = start.saturating_add(offset);
            let moved = u8::try_from(c).map_or(c, |letter| char::from(shift_back(letter, shift)));
            out.push(moved, reading.folded.original(place..place.saturating_add(c.len_utf8())));
        }
    }
    View::new(out, Hiding::Rot13)
}

/// Lines of which hardly any word is known are tried at the shift that makes their letters most like English.
fn other_shifts(reading: &Reading<'_>, views: &mut Vec<View>) {
    let mut start = 0_usize;
    for at in 1..=reading.words.len() {
        let ends = reading.words.get(at).is_none_or(|word| word.begins_line());
        if !ends {
            continue;
        }
        let line = start..at;
        start = at;
        let known = line.clone().filter(|at| reading.is_known(*at)).count();
        if line.len() < LEAST_WORDS || known.saturating_mul(5) >= line.len() {
            continue;
        }
        if let Some(shift) = likely_shift(reading, line.clone()) {
            views.push(shifted(reading, line, shift));
        }
    }
}

/// How often the letters a to z occur in English, in thousandths.
const ENGLISH: [u32; 26] =
    [82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1];

fn likely_shift(reading: &Reading<'_>, line: Range<usize>) -> Option<u8> {
    let mut counts = [0_u32; 26];
    let mut all = 0_u32;
    for at in line {
        for letter in reading.raw(at).bytes().filter(u8::is_ascii_lowercase) {
            if let Some(count) = counts.get_mut(usize::from(letter.wrapping_sub(b'a'))) {
                *count = count.saturating_add(1);
                all = all.saturating_add(1);
            }
        }
    }
    let score = |shift: usize| {
        let letters = counts.iter().cycle().skip(shift).zip(ENGLISH);
        letters.map(|(count, often)| count.saturating_mul(often)).fold(0, u32::saturating_add)
    };
    // English scores about 65 a letter, and what is no English scores less at every shift.
    if all < 16 || score(0) > all.saturating_mul(55) {
        return None;
    }
    let (shift, best) = (1..26).map(|shift| (shift, score(shift))).max_by_key(|(_, score)| *score)?;
    // English scores about 65 a letter, and what is no English scores less at every shift.
    let good =
        all >= 16 && best > all.saturating_mul(52) && best > score(0).saturating_mul(5).saturating_div(4);
    u8::try_from(shift).ok().filter(|_| good)
}

fn reversed(reading: &Reading<'_>) -> View {
    let mut out = Folded::default();
    for (at, c) in reading.folded.text.char_indices().rev() {
        out.push(c, reading.folded.original(at..at.saturating_add(c.len_utf8())));
    }
    View::new(out, Hiding::Reversed)
}

/// Each word backwards, in the order they stand in.
fn reversed_words(reading: &Reading<'_>) -> View {
    let mut out = Folded::default();
    for at in 0..reading.words.len() {
        reading.copy_gap(at, &mut out);
        let start = reading.words.get(at).map_or(0, |word| word.start as usize);
        for (offset, c) in reading.raw(at).char_indices().rev() {
            let place = start.saturating_add(offset);
            out.push(c, reading.folded.original(place..place.saturating_add(c.len_utf8())));
        }
    }
    View::new(out, Hiding::Reversed)
}
