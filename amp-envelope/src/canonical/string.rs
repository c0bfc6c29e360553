//! Strings in canonical form.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::dialect::StringForm;
use crate::json::{Piece, pieces};

/// Writes a string, quotes included, from its received contents, escapes and all.
pub(super) fn write_received(contents: &[u8], form: StringForm, out: &mut Vec<u8>) {
    out.push(b'"');
    for piece in pieces(contents) {
        match piece {
            Piece::Plain(bytes) => write_plain(bytes, form, out),
            Piece::Escaped(character) => {
                write_plain(character.encode_utf8(&mut [0; 4]).as_bytes(), form, out)
            }
        }
    }
    out.push(b'"');
}

/// Writes a string, quotes included, from its text.
pub(super) fn write_text(text: &[u8], form: StringForm, out: &mut Vec<u8>) {
    out.push(b'"');
    write_plain(text, form, out);
    out.push(b'"');
}

fn write_plain(text: &[u8], form: StringForm, out: &mut Vec<u8>) {
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = match byte {
            _ if !is_special(*byte, form) => {
                let Some((plain, tail)) = rest.split_at_checked(plain_len(rest, form)) else { return };
                out.extend_from_slice(plain);
                tail
            }
            b'"' => short(b"\\\"", after, out),
            b'\\' => short(b"\\\\", after, out),
            0x08 => short(b"\\b", after, out),
            0x09 => short(b"\\t", after, out),
            0x0a => short(b"\\n", after, out),
            0x0c => short(b"\\f", after, out),
            0x0d => short(b"\\r", after, out),
            0x7f => short(b"\\u007f", after, out),
            0..0x80 => {
                write_unit(u16::from(*byte), out);
                after
            }
            _ => write_escaped_character(rest, out),
        };
    }
}

/// How many bytes stand for themselves, up to the first special one.
fn plain_len(text: &[u8], form: StringForm) -> usize {
    let (blocks, _) = text.as_chunks::<16>();
    // The compiler turns the fold into vector code.
    let is_plain =
        |block: &&[u8; 16]| !block.iter().fold(false, |found, byte| found | is_special(*byte, form));
    let len = blocks.iter().take_while(is_plain).count().saturating_mul(16);
    let rest = text.get(len..).unwrap_or_default();
    len.saturating_add(rest.iter().take_while(|byte| !is_special(**byte, form)).count())
}

#[inline(always)]
fn is_special(byte: u8, form: StringForm) -> bool {
    byte < 0x20
        || byte == b'"'
        || byte == b'\\'
        || match form {
            StringForm::Minimal => false,
            StringForm::DeleteEscaped => byte == 0x7f,
            StringForm::AsciiOnly => byte >= 0x7f,
        }
}

fn short<'a>(escape: &[u8], after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    out.extend_from_slice(escape);
    after
}

/// Escapes the run of characters beyond ASCII at the start of `text`.
fn write_escaped_character<'a>(text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let len = text.iter().take_while(|byte| **byte >= 0x80).count();
    let Some((run, after)) = text.split_at_checked(len) else { return &[] };
    // The reader checked that strings are UTF-8, so a run of bytes beyond ASCII is whole characters.
    for unit in core::str::from_utf8(run).unwrap_or_default().encode_utf16() {
        write_unit(unit, out);
    }
    after
}

fn write_unit(unit: u16, out: &mut Vec<u8>) {
    let digit = |shift: u16| {
        let value = (unit >> shift & 0xf) as u8;
        value.wrapping_add(if value < 10 { b'0' } else { b'a'.wrapping_sub(10) })
    };
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}
