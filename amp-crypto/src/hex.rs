//! Hexadecimal (RFC 4648 section 8): written in lower case, read in either.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;

/// Reads exactly 64 hex digits.
pub(crate) fn decode_32(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = nibble(*high)?.checked_shl(4)? | nibble(*low)?;
    }
    Some(out)
}

/// The 64 lower-case hex digits of 32 bytes.
pub(crate) fn encode_32(bytes: &[u8; 32]) -> [u8; 64] {
    let mut out = [0; 64];
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    out
}

pub(crate) fn encode_32_string(bytes: &[u8; 32]) -> String {
    encode_32(bytes).iter().copied().map(char::from).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn digit(nibble: u8) -> u8 {
    char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| u8::try_from(digit).unwrap_or(b'0'))
}
