//! Folded text as words, with lines and sentences (guardrails, normalization).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::fold::stands_alone;
use super::normalize::Folded;
use super::report::Hiding;

/// One word of a folded text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// Its bytes in the folded text, apostrophes included.
    pub(super) start: u32,
    pub(super) end: u32,
    flags: u8,
    /// What folding undid inside it, if the result is ASCII.
    pub(super) hiding: Option<Hiding>,
}

const LINE: u8 = 1;
const SENTENCE: u8 = 2;
const CLAUSE: u8 = 4;
const QUOTATION: u8 = 8;
const APOSTROPHE: u8 = 16;
const LETTER: u8 = 32;
const DIGIT: u8 = 64;

impl Word {
    /// The first word of a line.
    pub(super) const fn begins_line(&self) -> bool {
        self.flags & LINE != 0
    }

    /// The first word after the end of a sentence.
    pub(super) const fn begins_sentence(&self) -> bool {
        self.flags & SENTENCE != 0
    }

    /// The first word of a line or sentence, or behind `: ; , ( [ { < > = / * # |`, a dash with a space or a quotation mark.
    pub(super) const fn begins_clause(&self) -> bool {
        self.flags & (LINE | SENTENCE | CLAUSE) != 0
    }

    /// The first word after a quotation mark.
    pub(super) const fn begins_quotation(&self) -> bool {
        self.flags & QUOTATION != 0
    }

    /// Whether it has letters and ASCII digits.
    pub(super) const fn is_mixed(&self) -> bool {
        self.flags & (LETTER | DIGIT) == LETTER | DIGIT
    }

    /// Whether it has ASCII digits only.
    pub(super) const fn is_number(&self) -> bool {
        self.flags & (LETTER | DIGIT | APOSTROPHE) == DIGIT
    }
}

/// The words of a folded text.
pub(super) fn words(folded: &Folded) -> Vec<Word> {
    let text = folded.text.as_str();
    let mut reader = Reader {
        text,
        words: Vec::with_capacity(text.len().saturating_div(5)),
        tricks: folded.tricks.iter().map(|trick| (trick.at as usize, trick.hiding)).collect(),
        gap: LINE,
    };
    reader.tricks.reverse();
    let mut breaks = folded.breaks.iter().map(|place| *place as usize).peekable();
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        if *byte == b' ' {
            if breaks.next_if(|place| *place <= at).is_some() {
                reader.gap |= if reader.gap & LINE == 0 { LINE } else { SENTENCE };
            }
            at = at.saturating_add(1);
        } else if class(*byte) == 0 && byte.is_ascii() {
            let next = at.saturating_add(1);
            reader.sign(char::from(*byte), bytes.get(next).copied());
            at = next;
        } else {
            at = reader.word(at);
        }
    }
    reader.words
}

struct Reader<'a> {
    text: &'a str,
    words: Vec<Word>,
    /// The last first.
    tricks: Vec<(usize, Hiding)>,
    /// What was seen since the last word.
    gap: u8,
}

/// `LETTER`, `DIGIT` or neither.
const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => LETTER,
        b'0'..=b'9' => DIGIT,
        _ => 0,
    }
}

impl Reader<'_> {
    /// Reads a word, or a sign that is not ASCII, and returns where it ends.
    fn word(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = start;
        let mut seen = 0_u8;
        loop {
            let rest = bytes.get(end..).unwrap_or_default();
            let ascii = rest.iter().take_while(|byte| class(**byte) != 0);
            let (count, classes) =
                ascii.fold((0_usize, 0_u8), |(count, all), byte| (count.wrapping_add(1), all | class(*byte)));
            end = end.saturating_add(count);
            seen |= classes;
            let next = rest.get(count).copied().unwrap_or(b' ');
            if next == b'\'' && end > start && joins(self.text.get(end.saturating_add(1)..)) {
                seen |= APOSTROPHE;
                end = end.saturating_add(1);
                continue;
            }
            if next.is_ascii() {
                break;
            }
            let Some(c) = self.text.get(end..).and_then(|rest| rest.chars().next()) else { break };
            if stands_alone(c) {
                if end > start {
                    break;
                }
                let end = end.saturating_add(c.len_utf8());
                if c.is_alphanumeric() || is_mark(c) || c == '\u{3005}' {
                    self.close(start, end, LETTER);
                } else {
                    self.sign(c, None);
                }
                return end;
            }
            if !(c.is_alphanumeric() || (end > start && is_mark(c))) {
                break;
            }
            seen |= LETTER;
            end = end.saturating_add(c.len_utf8());
        }
        if end == start {
            let c = self.text.get(start..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
            self.sign(c, None);
            return start.saturating_add(c.len_utf8());
        }
        self.close(start, end, seen);
        end
    }

    fn close(&mut self, start: usize, end: usize, seen: u8) {
        let hiding = if self.tricks.is_empty() { None } else { self.undone(start, end) };
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.words.push(Word { start: short(start), end: short(end), flags: self.gap | seen, hiding });
        self.gap = 0;
    }

    fn undone(&mut self, start: usize, end: usize) -> Option<Hiding> {
        let ascii = self.text.get(start..end).is_some_and(str::is_ascii);
        let mut hiding = None;
        while let Some((at, trick)) = self.tricks.pop_if(|(at, _)| *at < end) {
            let inside = if trick == Hiding::LookAlikes { at >= start } else { at > start };
            if ascii && inside {
                hiding = Some(trick);
            }
        }
        hiding
    }

    /// A character between words that is no ASCII space.
    fn sign(&mut self, c: char, next: Option<u8>) {
        self.gap |= match c {
            '.' | '!' | '?' if next.is_none_or(|next| class(next) == 0 && next.is_ascii()) => SENTENCE,
            '\u{3002}' | '\u{964}' | '\u{61F}' | '\u{6D4}' => SENTENCE,
            '"' | '\'' | '`' | '\u{AB}' | '\u{BB}' | '\u{300C}' | '\u{300E}' => CLAUSE | QUOTATION,
            ':' | ';' | ',' | '(' | '[' | '{' | '<' | '>' | '*' | '#' | '|' | '/' | '=' | '\u{3001}'
            | '\u{2022}' => CLAUSE,
            '-' if next == Some(b' ') => CLAUSE,
            _ => 0,
        };
    }
}

/// Whether at most two letters follow before the word ends: `don't`, `you're`.
fn joins(rest: Option<&str>) -> bool {
    let mut letters = rest.unwrap_or_default().chars();
    let first = letters.next().is_some_and(char::is_alphabetic);
    let mut behind = letters.next();
    if behind.is_some_and(char::is_alphabetic) {
        behind = letters.next();
    }
    first && behind.is_none_or(|c| !c.is_alphanumeric())
}

/// Vowel signs and viramas: no letters, but no ends of words either.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{963}' | '\u{966}'..='\u{DFF}' | '\u{E31}' | '\u{E34}'..='\u{E3A}' | '\u{E47}'..='\u{E4E}'
        | '\u{3099}' | '\u{309A}' | '\u{6D6}'..='\u{6ED}')
}

/// The letters of a word without the apostrophes, and without the `s` that one of them leads.
pub(super) fn letters<'a>(text: &'a str, word: &Word, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    let raw = text.as_bytes().get(word.start as usize..word.end as usize).unwrap_or_default();
    if word.flags & APOSTROPHE == 0 {
        return raw;
    }
    let raw = raw.strip_suffix(b"'s").unwrap_or(raw);
    buffer.clear();
    buffer.extend(raw.iter().filter(|byte| **byte != b'\''));
    buffer
}
