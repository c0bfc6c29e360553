//! Text in escapes: HTML entities, percent encoding, backslash escapes; and words cut by markup (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::{FILLER, View};

/// The longest markup that is taken out of a word.
const MAX_MARKUP: usize = 120;

/// Bytes around an escape that are read with it: more than a match spans, as a rule.
const CONTEXT: usize = 320;

/// The stretches of the text that have escapes which stand for text, with these undone.
pub(super) fn views(text: &str, views: &mut Vec<View>) {
    let mut open: Option<Range<usize>> = None;
    let mut from = 0_usize;
    while let Some(at) = next_escape(text, from) {
        let around = at.saturating_sub(CONTEXT)..at.saturating_add(CONTEXT);
        open = match open.take() {
            Some(before) if around.start <= before.end => Some(before.start..around.end),
            before => {
                views.extend(before.map(|range| undone(text, range)));
                Some(around)
            }
        };
        // What is near is read with it in any case.
        from = at.saturating_add(1);
    }
    views.extend(open.map(|range| undone(text, range)));
}

/// A stretch of the text, from a space to a space where there is one, with its escapes undone.
fn undone(text: &str, range: Range<usize>) -> View {
    let bytes = text.as_bytes();
    let space = |byte: &u8| byte.is_ascii_whitespace();
    let before = bytes.get(..range.start).unwrap_or_default().iter().rev().take(CONTEXT);
    let mut start = range.start.saturating_sub(before.clone().position(space).unwrap_or(0));
    while !text.is_char_boundary(start) {
        start = start.saturating_sub(1);
    }
    let behind = bytes.get(range.end..).unwrap_or_default().iter().take(CONTEXT);
    let mut end = range.end.min(text.len()).saturating_add(behind.clone().position(space).unwrap_or(0));
    while !text.is_char_boundary(end) {
        end = end.saturating_add(1);
    }
    let mut folded = Folded::default();
    if start > 0 {
        // A word that no rule names: what follows begins no line.
        folded.push(FILLER, start..start);
        folded.push(' ', start..start);
    }
    let mut before = ' ';
    let mut at = start;
    while let Some(rest) = text.get(at..).filter(|_| at < end) {
        let Some(c) = rest.chars().next() else { break };
        // Most characters begin no escape.
        if c.is_ascii() && !u8::try_from(c).is_ok_and(begins_escape) {
            folded.push(c, at..at.saturating_add(1));
            before = c;
            at = at.saturating_add(1);
            continue;
        }
        if let Some((bytes, length)) = escaped_bytes(rest) {
            let range = at..at.saturating_add(length);
            String::from_utf8_lossy(&bytes).chars().for_each(|c| folded.push(c, range.clone()));
            at = range.end;
            before = ' ';
        } else if let Some((decoded, length)) = escaped_char(rest) {
            folded.push(decoded, at..at.saturating_add(length));
            at = at.saturating_add(length);
            before = decoded;
        } else if let Some(length) = markup(rest).filter(|_| before.is_alphanumeric()) {
            at = at.saturating_add(length);
        } else {
            folded.push(c, at..at.saturating_add(c.len_utf8()));
            before = c;
            at = at.saturating_add(c.len_utf8());
        }
    }
    View::new(folded, Hiding::Escapes)
}

/// The next place from `from` on where an escape stands for text.
fn next_escape(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(next) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| begins_escape(*byte)))
    {
        at = at.saturating_add(next);
        let rest = text.get(at..).unwrap_or_default();
        let tells = escaped_bytes(rest).is_some_and(|(bytes, _)| bytes.iter().any(tells_byte))
            || escaped_char(rest).is_some_and(|(c, _)| tells_char(c))
            || (at
                .checked_sub(1)
                .and_then(|before| bytes.get(before))
                .is_some_and(u8::is_ascii_alphanumeric)
                && markup(rest).is_some());
        if tells {
            return Some(at);
        }
        at = at.saturating_add(1);
    }
    None
}

const fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'&' | b'%' | b'\\' | b'<' | b'=')
}

fn tells_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn tells_char(c: char) -> bool {
    c.is_alphanumeric() || c == '<'
}

/// A run of `%69%67`, `=69=67` (two at least) or `\x69\x67`: its bytes and its length.
fn escaped_bytes(text: &str) -> Option<(Vec<u8>, usize)> {
    let (lead, least) = match text.as_bytes() {
        [b'%', ..] => ("%", 1_usize),
        [b'=', ..] => ("=", 2),
        [b'\\', b'x', ..] => ("\\x", 1),
        [b'\\', b'0'..=b'3', ..] => return octal(text),
        _ => return None,
    };
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(byte) = rest.strip_prefix(lead).and_then(|digits| digits.get(..2)).and_then(hex) {
        bytes.push(u8::try_from(byte).ok()?);
        rest = rest.get(lead.len().saturating_add(2)..)?;
    }
    (bytes.len() >= least).then_some((bytes, text.len().saturating_sub(rest.len())))
}

/// A run of `\151\147`.
fn octal(text: &str) -> Option<(Vec<u8>, usize)> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(digits) = rest.strip_prefix('\\').and_then(|digits| digits.get(..3)) {
        let Ok(byte) = u8::from_str_radix(digits, 8) else { break };
        bytes.push(byte);
        rest = rest.get(4..)?;
    }
    (bytes.len() >= 2).then_some((bytes, text.len().saturating_sub(rest.len())))
}

/// One HTML entity or `\u0069`: its character and its length.
fn escaped_char(text: &str) -> Option<(char, usize)> {
    let (code, length) = if let Some(digits) = text.strip_prefix("&#x").or_else(|| text.strip_prefix("&#X")) {
        let count = digits.bytes().take(7).take_while(u8::is_ascii_hexdigit).count();
        (hex(digits.get(..count)?)?, count.saturating_add(3))
    } else if let Some(digits) = text.strip_prefix("&#") {
        let count = digits.bytes().take(8).take_while(u8::is_ascii_digit).count();
        (digits.get(..count)?.parse().ok()?, count.saturating_add(2))
    } else if let Some(digits) = text.strip_prefix("\\u{") {
        let count = digits.find('}').filter(|count| (1..=6).contains(count))?;
        (hex(digits.get(..count)?)?, count.saturating_add(4))
    } else if let Some(digits) = text.strip_prefix("\\u").or_else(|| text.strip_prefix("%u")) {
        (hex(digits.get(..4)?)?, 6)
    } else {
        return named(text);
    };
    let ends = text.get(length..).is_some_and(|rest| rest.starts_with(';'));
    let length = if ends && text.starts_with('&') { length.saturating_add(1) } else { length };
    Some((char::from_u32(code)?, length))
}

fn named(text: &str) -> Option<(char, usize)> {
    const NAMES: [(&str, char); 14] = [
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&quot;", '"'),
        ("&apos;", '\''),
        ("&nbsp;", ' '),
        ("&shy;", '\u{AD}'),
        ("&zwnj;", '\u{200C}'),
        ("&zwj;", '\u{200D}'),
        ("&ZeroWidthSpace;", '\u{200B}'),
        ("&Tab;", ' '),
        ("&NewLine;", '\n'),
        ("\\n", '\n'),
        ("\\t", ' '),
    ];
    NAMES.into_iter().find(|(name, _)| text.starts_with(name)).map(|(name, c)| (c, name.len()))
}

fn hex(digits: &str) -> Option<u32> {
    let all = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// The length of tags and comments that a letter follows.
fn markup(text: &str) -> Option<usize> {
    let mut rest = text;
    while rest.starts_with('<') {
        let opens = rest
            .as_bytes()
            .get(1)
            .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!'));
        let end = rest.bytes().take(MAX_MARKUP).position(|byte| byte == b'>').filter(|_| opens)?;
        rest = rest.get(end.saturating_add(1)..)?;
    }
    let taken = text.len().saturating_sub(rest.len());
    (taken > 0 && rest.chars().next().is_some_and(char::is_alphanumeric)).then_some(taken)
}
