//! Text in characters that no screen shows: Unicode tags and variation selectors (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::View;

/// Flags of regions spell up to six tags behind a black flag.
const FLAG: char = '\u{1F3F4}';
const MOST_IN_A_FLAG: usize = 6;
/// Emoji and ideographs take one selector each; a text in selectors takes one a byte.
const LEAST_SELECTORS: usize = 4;

/// What tags and selectors spell, where there are any.
pub(super) fn views(text: &str, folded: &Folded) -> Vec<View> {
    // Both kinds were dropped while folding, which left a mark.
    if folded.tricks.is_empty() {
        return Vec::new();
    }
    [spelled(text, tag, MOST_IN_A_FLAG), spelled(text, selector, LEAST_SELECTORS.saturating_sub(1))]
        .into_iter()
        .flatten()
        .collect()
}

/// The runs of more than `ordinary` hidden characters, as one text.
fn spelled(text: &str, hidden: fn(char) -> Option<char>, ordinary: usize) -> Option<View> {
    let mut folded = Folded::default();
    let mut run: Vec<(usize, char, char)> = Vec::new();
    let mut before = ' ';
    let mut long = false;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if let Some(letter) = hidden(c) {
            run.push((at, c, letter));
            continue;
        }
        let in_flag = before == FLAG && run.len() <= MOST_IN_A_FLAG.saturating_add(1);
        if !in_flag && !run.is_empty() {
            long |= run.len() > ordinary;
            for (at, c, letter) in run.drain(..) {
                folded.push(letter, at..at.saturating_add(c.len_utf8()));
            }
        }
        run.clear();
        before = c;
    }
    let mut view = View::new(folded, Hiding::Tags);
    view.suspicious = long;
    (!view.folded.text.is_empty()).then_some(view)
}

fn tag(c: char) -> Option<char> {
    let code = u32::from(c).checked_sub(0xE_0000)?;
    (0x20..0x7F).contains(&code).then(|| char::from_u32(code)).flatten()
}

/// Selectors 1 to 16 and 17 to 256 spell a byte each.
fn selector(c: char) -> Option<char> {
    let byte = match c {
        '\u{FE00}'..='\u{FE0F}' => u32::from(c).checked_sub(0xFE00)?,
        '\u{E0100}'..='\u{E01EF}' => u32::from(c).checked_sub(0xE_0100)?.checked_add(16)?,
        _ => return None,
    };
    char::from_u32(byte)
}
