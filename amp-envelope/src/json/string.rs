//! String contents: escapes, their meaning, and whether they are spelled canonically.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::fault::Fault;

/// One escape sequence: the character it stands for and its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Escape {
    pub(crate) character: char,
    pub(crate) len: usize,
    /// Whether RFC 8785 would write the character with just this escape.
    pub(crate) canonical: bool,
}

/// Reads the escape at the start of `rest`, which begins with a backslash.
pub(crate) fn escape(rest: &[u8]) -> Result<Escape, Fault> {
    let short = |character, canonical| Ok(Escape { character, len: 2, canonical });
    match rest {
        [_, b'"', ..] => short('"', true),
        [_, b'\\', ..] => short('\\', true),
        [_, b'/', ..] => short('/', false),
        [_, b'b', ..] => short('\u{8}', true),
        [_, b'f', ..] => short('\u{c}', true),
        [_, b'n', ..] => short('\n', true),
        [_, b'r', ..] => short('\r', true),
        [_, b't', ..] => short('\t', true),
        [_, b'u', hex @ ..] => unicode(hex),
        _ => Err(Fault::Escape),
    }
}

fn unicode(hex: &[u8]) -> Result<Escape, Fault> {
    let first = unit(hex)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        // Controls without a short form are the only characters that RFC 8785 writes as \u escapes.
        let canonical = first < 0x20
            && !matches!(first, 0x8 | 0x9 | 0xa | 0xc | 0xd)
            && hex.iter().take(4).all(|digit| !digit.is_ascii_uppercase());
        return Ok(Escape { character, len: 6, canonical });
    }
    let second = match hex.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")) {
        Some(rest) => unit(rest)?,
        None => return Err(Fault::LoneSurrogate),
    };
    match char::decode_utf16([first, second]).next() {
        Some(Ok(character)) => Ok(Escape { character, len: 12, canonical: false }),
        _ => Err(Fault::LoneSurrogate),
    }
}

fn unit(hex: &[u8]) -> Result<u16, Fault> {
    let mut unit = 0_u16;
    let mut digits = hex.iter();
    for _ in 0..4 {
        let digit = digits
            .next()
            .and_then(|digit| char::from(*digit).to_digit(16))
            .and_then(|digit| u16::try_from(digit).ok())
            .ok_or(Fault::HexDigits)?;
        unit = (unit << 4) | digit;
    }
    Ok(unit)
}

/// Appends the text that a string's contents stand for. The contents have passed the reader.
pub(crate) fn unescape(contents: &[u8], out: &mut Vec<u8>) {
    for piece in pieces(contents) {
        match piece {
            Piece::Plain(bytes) => out.extend_from_slice(bytes),
            Piece::Escaped(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// The length in bytes of the text that a string's contents stand for.
pub(crate) fn unescaped_len(contents: &[u8]) -> usize {
    pieces(contents).fold(0, |sum, piece| {
        sum.saturating_add(match piece {
            Piece::Plain(bytes) => bytes.len(),
            Piece::Escaped(character) => character.len_utf8(),
        })
    })
}

/// A stretch of a string's contents.
pub(crate) enum Piece<'a> {
    /// Bytes that stand for themselves.
    Plain(&'a [u8]),
    /// A character that was escaped.
    Escaped(char),
}

/// Splits contents that have passed the reader into plain stretches and escapes.
pub(crate) fn pieces(contents: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = contents;
    core::iter::from_fn(move || {
        if let [b'\\', ..] = rest {
            // The reader let only well-formed escapes pass.
            let escape = escape(rest).ok()?;
            rest = rest.get(escape.len..)?;
            return Some(Piece::Escaped(escape.character));
        }
        let plain = rest.iter().position(|byte| *byte == b'\\').unwrap_or(rest.len());
        let (head, tail) = rest.split_at_checked(plain)?;
        rest = tail;
        (!head.is_empty()).then_some(Piece::Plain(head))
    })
}
