//! Digits and signs in place of letters (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::ops::Range;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::{Reading, Suspect, View};

/// How many signs of a word are tried in both of their readings.
const BOTH_READINGS: usize = 3;
/// The longest word that is tried.
const MAX_WORD: usize = 24;
/// How far a number may be from a word that is leetspeak for itself, in words.
const NEAR: u32 = 8;
/// Words kept around leetspeak: as many as a match spans.
const CONTEXT: usize = 48;

/// The text with leetspeak written out, where that makes words that the rules know, and what is around them.
pub(super) fn views(reading: &Reading<'_>, views: &mut Vec<View>) {
    let text = reading.folded.text.as_bytes();
    let mut open: Option<(Folded, bool)> = None;
    let mut copied = 0_usize;
    let suspects = &reading.evidence.leetspeak;
    for (place, suspect) in suspects.iter().enumerate() {
        if !suspect.strong && !is_near_strong(suspects, place) {
            continue;
        }
        let Some(chunk) = chunk(reading, suspect.at as usize) else { continue };
        let first = reading.words.partition_point(|word| (word.start as usize) < chunk.start);
        if first < copied {
            continue;
        }
        let Some(word) = written_out_or_trimmed(reading, text.get(chunk.clone()).unwrap_or_default()) else {
            continue;
        };
        let context = first.saturating_sub(CONTEXT);
        if context > copied.saturating_add(CONTEXT) {
            finish(reading, open.take(), copied, views);
        }
        let from = if open.is_some() { copied } else { context };
        let (out, telling) = open.get_or_insert_with(|| (reading.continued_at(from), false));
        for at in from..first {
            reading.copy_gap(at, out);
            reading.copy_word(at, out);
        }
        reading.copy_gap(first, out);
        for (letter, place) in word.iter().zip(chunk.start..) {
            out.push(char::from(*letter), reading.folded.original(place..place.saturating_add(1)));
        }
        *telling |= reading.dictionary.is_telling(&word);
        let end = chunk.start.saturating_add(word.len());
        copied = reading.words.partition_point(|word| (word.start as usize) < end);
    }
    finish(reading, open, copied, views);
}

/// Whether a word that is leetspeak for itself is near: a number is one only among them.
fn is_near_strong(suspects: &[Suspect], place: usize) -> bool {
    let Some(here) = suspects.get(place) else { return false };
    let near = |other: &&Suspect| other.at.abs_diff(here.at) <= NEAR;
    let behind = suspects.iter().skip(place.saturating_add(1)).take_while(near);
    let before = suspects.iter().take(place).rev().take_while(near);
    behind.chain(before).any(|other| other.strong)
}

fn finish(reading: &Reading<'_>, open: Option<(Folded, bool)>, copied: usize, views: &mut Vec<View>) {
    let Some((mut out, true)) = open else { return };
    for at in copied..copied.saturating_add(CONTEXT).min(reading.words.len()) {
        reading.copy_gap(at, &mut out);
        reading.copy_word(at, &mut out);
    }
    views.push(View::new(out, Hiding::Leetspeak));
}

/// The word that the chunk stands for, with the signs at its end or without.
fn written_out_or_trimmed(reading: &Reading<'_>, chunk: &[u8]) -> Option<Vec<u8>> {
    written_out(reading, chunk).or_else(|| {
        let last = chunk.iter().rposition(|byte| !is_sign(*byte))?;
        let trimmed = chunk.get(..=last).filter(|trimmed| trimmed.len() < chunk.len())?;
        written_out(reading, trimmed)
    })
}

/// The letters, digits and signs around a word.
fn chunk(reading: &Reading<'_>, at: usize) -> Option<Range<usize>> {
    let word = reading.words.get(at)?;
    let bytes = reading.folded.text.as_bytes();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || is_sign(**byte);
    let before = bytes.get(..word.start as usize)?.iter().rev().take(MAX_WORD).take_while(is_part).count();
    let behind = bytes.get(word.end as usize..)?.iter().take(MAX_WORD).take_while(is_part).count();
    Some((word.start as usize).saturating_sub(before)..(word.end as usize).saturating_add(behind))
}

/// Whether a sign that separates words may stand for a letter.
pub(super) const fn is_sign(byte: u8) -> bool {
    matches!(byte, b'@' | b'$' | b'!' | b'|' | b'+')
}

/// The letters that a sign may stand for.
const fn letter_for(sign: u8) -> Option<(u8, u8)> {
    Some(match sign {
        b'0' => (b'o', b'o'),
        b'1' | b'!' | b'|' => (b'i', b'l'),
        b'2' => (b'z', b'z'),
        b'3' => (b'e', b'e'),
        b'4' | b'@' => (b'a', b'a'),
        b'5' | b'$' => (b's', b's'),
        b'6' => (b'g', b'b'),
        b'7' | b'+' => (b't', b't'),
        b'8' => (b'b', b'b'),
        b'9' => (b'g', b'q'),
        _ => return None,
    })
}

/// The word that the rules know, of those that the signs may stand for.
fn written_out(reading: &Reading<'_>, core: &[u8]) -> Option<Vec<u8>> {
    let telling = |byte: &u8| letter_for(*byte).is_some();
    if core.len() > MAX_WORD || !core.iter().any(telling) || !core.is_ascii() {
        return None;
    }
    // A number is a number.
    if core.iter().all(u8::is_ascii_digit) && core.len() > 3 {
        return None;
    }
    for choice in 0..1_u32.unbounded_shl(u32::try_from(BOTH_READINGS).unwrap_or(0)) {
        let mut doubtful = 0_u32;
        let word: Vec<u8> = core
            .iter()
            .map(|byte| match letter_for(*byte) {
                None => *byte,
                Some((first, second)) if first == second => first,
                Some((first, second)) => {
                    let other = choice.unbounded_shr(doubtful) & 1 == 1;
                    doubtful = doubtful.saturating_add(1);
                    if other { second } else { first }
                }
            })
            .collect();
        if reading.dictionary.find_sound(&word).is_some() {
            return Some(word);
        }
        if choice.saturating_add(1) >= 1_u32.unbounded_shl(doubtful) {
            break;
        }
    }
    None
}
