//! Text in escapes: HTML entities, percent encoding, backslash escapes; and words cut by markup (guardrails, hidden text).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use super::normalize::Folded;
use super::report::Hiding;
use super::view::View;

/// The longest markup that is taken out of a word.
const MAX_MARKUP: usize = 120;

/// The text with its escapes undone, if it has any that stand for text.
pub(super) fn view(text: &str) -> Option<View> {
    if !is_escaped(text) {
        return None;
    }
    let mut folded = Folded::default();
    let mut undone = false;
    let mut before = ' ';
    let mut rest = text;
    let at = |rest: &str| text.len().saturating_sub(rest.len());
    while let Some(c) = rest.chars().next() {
        let start = at(rest);
        if let Some((bytes, length)) = escaped_bytes(rest) {
            let range = start..start.saturating_add(length);
            String::from_utf8_lossy(&bytes).chars().for_each(|c| folded.push(c, range.clone()));
            undone |= bytes.iter().any(tells_byte);
            rest = rest.get(length..).unwrap_or_default();
            before = ' ';
            continue;
        }
        if let Some((decoded, length)) = escaped_char(rest) {
            folded.push(decoded, start..start.saturating_add(length));
            undone |= tells_char(decoded);
            rest = rest.get(length..).unwrap_or_default();
            before = decoded;
            continue;
        }
        if before.is_alphanumeric()
            && let Some(length) = markup(rest)
        {
            undone = true;
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        folded.push(c, start..start.saturating_add(c.len_utf8()));
        before = c;
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    undone.then(|| View::new(folded, Hiding::Escapes))
}

/// Whether an escape stands for text anywhere.
fn is_escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0_usize;
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
            return true;
        }
        at = at.saturating_add(1);
    }
    false
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
