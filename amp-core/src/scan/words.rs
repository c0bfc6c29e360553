//! Folded text as words, with lines and sentences (guardrails, normalization).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::fold::stands_alone;
use super::normalize::Folded;
use super::report::Hiding;

/// One word of a folded text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// Its bytes in the folded text. Apostrophes that are left out lie between.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The first word of a line.
    pub(super) begins_line: bool,
    /// The first word after the end of a sentence.
    pub(super) begins_sentence: bool,
    /// The first word of a line or sentence, or after `: ; , ( [ > - * #` or a quotation mark.
    pub(super) begins_clause: bool,
    /// The first word after a quotation mark.
    pub(super) begins_quotation: bool,
    /// What folding undid inside it, if the result is ASCII.
    pub(super) hiding: Option<Hiding>,
}

/// The words of a folded text.
pub(super) fn words(folded: &Folded) -> Vec<Word> {
    let text = folded.text.as_str();
    let mut words = Vec::with_capacity(text.len() / 5);
    let mut open: Option<usize> = None;
    let mut gap = Gap::start();
    let mut tricks = folded.tricks.iter().peekable();
    let mut close = |start: usize, end: usize, gap: Gap| {
        let ascii = text.get(start..end).is_some_and(str::is_ascii);
        let mut hiding = None;
        while let Some(trick) = tricks.peek().filter(|trick| (trick.at as usize) < end) {
            let at = trick.at as usize;
            let inside = match trick.hiding {
                Hiding::LookAlikes => at >= start,
                _ => at > start,
            };
            if ascii && inside {
                hiding = Some(trick.hiding);
            }
            tricks.next();
        }
        words.push(Word {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
            begins_line: gap.line,
            begins_sentence: gap.sentence,
            begins_clause: gap.clause || gap.line || gap.sentence,
            begins_quotation: gap.quotation,
            hiding,
        });
    };
    let mut breaks = folded.breaks.iter().peekable();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if stands_alone(c) {
            if let Some(start) = open.take() {
                close(start, at, gap);
                gap = Gap::none();
            }
            if c.is_alphanumeric() || !c.is_ascii() {
                close(at, at.saturating_add(c.len_utf8()), gap);
                gap = Gap::none();
            }
        } else if c.is_alphanumeric() || (open.is_some() && is_mark(c)) {
            if open.is_none() {
                open = Some(at);
            }
        } else if c == '\'' && open.is_some() && joins(text.get(at.saturating_add(1)..)) {
            // The apostrophe belongs to the word.
        } else {
            if let Some(start) = open.take() {
                close(start, at, gap);
                gap = Gap::none();
            }
            let is_break = breaks.next_if(|place| (**place as usize) <= at).is_some();
            gap.see(if is_break { '\n' } else { c }, chars.peek().map(|next| next.1));
        }
    }
    if let Some(start) = open {
        close(start, text.len(), gap);
    }
    words
}

/// What lies between two words.
#[derive(Debug, Clone, Copy)]
struct Gap {
    line: bool,
    sentence: bool,
    clause: bool,
    quotation: bool,
}

impl Gap {
    const fn start() -> Self {
        Self { line: true, sentence: false, clause: true, quotation: false }
    }

    const fn none() -> Self {
        Self { line: false, sentence: false, clause: false, quotation: false }
    }

    fn see(&mut self, c: char, next: Option<char>) {
        match c {
            '\n' => {
                self.sentence |= self.line;
                self.line = true;
            }
            '.' | '!' | '?' => self.sentence |= next.is_none_or(|next| !next.is_alphanumeric()),
            '\u{3002}' | '\u{964}' | '\u{61F}' | '\u{6D4}' => self.sentence = true,
            '"' | '\'' | '`' | '«' | '»' | '\u{300C}' | '\u{300E}' => {
                self.clause = true;
                self.quotation = true;
            }
            ':' | ';' | ',' | '(' | '[' | '{' | '<' | '>' | '*' | '#' | '|' | '/' | '=' | '\u{3001}'
            | '\u{2022}' => self.clause = true,
            '-' => self.clause |= next == Some(' '),
            _ => {}
        }
    }
}

/// Whether at most two letters follow before the word ends: `don't`, `you're`.
fn joins(rest: Option<&str>) -> bool {
    let mut letters = rest.unwrap_or_default().chars();
    let first = letters.next().is_some_and(char::is_alphabetic);
    let mut behind = letters.skip_while({
        let mut left = 1_u8;
        move |c| {
            let take = left > 0 && c.is_alphabetic();
            left = left.saturating_sub(1);
            take
        }
    });
    first && behind.next().is_none_or(|c| !c.is_alphanumeric())
}

/// Vowel signs and viramas: no letters, but no ends of words either.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{963}' | '\u{966}'..='\u{DFF}' | '\u{3099}' | '\u{309A}' | '\u{6D6}'..='\u{6ED}')
}

/// The letters of a word without the apostrophes, and without the `s` that one of them leads.
pub(super) fn letters<'a>(text: &'a str, word: &Word, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    let raw = text.as_bytes().get(word.start as usize..word.end as usize).unwrap_or_default();
    if !raw.contains(&b'\'') {
        return raw;
    }
    let raw = raw.strip_suffix(b"'s").unwrap_or(raw);
    buffer.clear();
    buffer.extend(raw.iter().filter(|byte| **byte != b'\''));
    buffer
}
