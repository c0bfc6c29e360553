//! Where a JSON string ends, eight bytes at a time, and what stands on the way.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of every byte of a word.
pub(super) const HIGH: u64 = 0x8080_8080_8080_8080;

/// The first byte of a run that is not plain string content, and whether the run left ASCII.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Offset of the first `"`, `\` or control byte, or of the end of the input.
    pub(super) end: usize,
    /// Whether a byte of 0x80 or more stands before it.
    pub(super) non_ascii: bool,
}

/// Scans from `start` to the first `"`, `\` or byte below 0x20.
#[inline(always)]
pub(super) fn plain_run(bytes: &[u8], start: usize) -> Run {
    // Most strings end within the first words.
    let mut at = start;
    let mut high = 0_u64;
    for _ in 0..4 {
        let Some(word) = word_at(bytes, at) else { break };
        let stop = stops(word);
        if stop != 0 {
            return stopped(word, stop, at, high);
        }
        high |= word & HIGH;
        at = at.wrapping_add(8);
    }
    long_run(bytes, at, high)
}

fn long_run(bytes: &[u8], start: usize, high: u64) -> Run {
    let mut high = high;
    let mut at = skip_plain_blocks(bytes, start, &mut high);
    while let Some(word) = word_at(bytes, at) {
        let stop = stops(word);
        if stop != 0 {
            return stopped(word, stop, at, high);
        }
        high |= word & HIGH;
        at = at.wrapping_add(8);
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        high |= u64::from(byte & 0x80);
        at = at.wrapping_add(1);
    }
    Run { end: at, non_ascii: high != 0 }
}

/// The run that ends in `word`, which stands at `at`.
#[inline(always)]
fn stopped(word: u64, stop: u64, at: usize, high: u64) -> Run {
    // The lowest marked byte is exact: borrows only ever run upwards.
    let below = (stop & stop.wrapping_neg()).wrapping_sub(1);
    let high = high | (word & HIGH & below);
    Run { end: at.wrapping_add(lowest_byte(stop)), non_ascii: high != 0 }
}

/// Skips whole blocks of 32 bytes without a stop in them; the compiler turns the fold into vector code.
fn skip_plain_blocks(bytes: &[u8], start: usize, high: &mut u64) -> usize {
    let (blocks, _) = bytes.get(start..).unwrap_or_default().as_chunks::<32>();
    let mut at = start;
    for block in blocks {
        let mut stop = 0_u8;
        let mut all = 0_u8;
        for &byte in block {
            stop |= u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
            all |= byte;
        }
        if stop != 0 {
            break;
        }
        *high |= u64::from(all & 0x80);
        at = at.wrapping_add(32);
    }
    at
}

/// The length of an integer without a sign and with at most seven digits, if just that stands at `at`.
#[inline(always)]
pub(super) fn short_integer(bytes: &[u8], at: usize) -> Option<usize> {
    let word = word_at(bytes, at)?;
    // Bytes that are no digits keep a bit here: digits are 0x30 to 0x39.
    let nibbles = word ^ ONES.wrapping_mul(0x30);
    let other = (nibbles.wrapping_add(ONES.wrapping_mul(0x76)) | nibbles) & HIGH;
    let digits = lowest_byte(other);
    let first = word & 0xff;
    if other == 0 || digits == 0 || (first == 0x30 && digits > 1) {
        return None;
    }
    let next = (word >> (digits << 3)) & 0xff;
    (!matches!(next as u8, b'.' | b'e' | b'E')).then_some(digits)
}

/// The offset of the first byte at or after `at` that is not white space.
pub(crate) fn skip_white_space(bytes: &[u8], at: usize) -> usize {
    let spaces = bytes.get(at..).unwrap_or_default().iter();
    at.wrapping_add(spaces.take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count())
}

/// The offset behind the value that begins at `at`, in a text that has passed the reader.
pub(crate) fn skip_value(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => skip_string(bytes, at),
        Some(b'{' | b'[') => skip_container(bytes, at),
        _ => {
            let rest = bytes.get(at..).unwrap_or_default().iter();
            let len = rest
                .take_while(|byte| !matches!(byte, b',' | b']' | b'}' | b':' | b' ' | b'\n' | b'\t' | b'\r'));
            at.wrapping_add(len.count())
        }
    }
}

/// The offset behind the string that begins at `at`.
pub(crate) fn skip_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at.wrapping_add(1);
    loop {
        at = plain_run(bytes, at).end;
        match bytes.get(at) {
            Some(b'"') => return at.wrapping_add(1),
            Some(b'\\') => at = at.wrapping_add(2),
            Some(_) => at = at.wrapping_add(1),
            None => return bytes.len(),
        }
    }
}

fn skip_container(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = skip_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth = depth.wrapping_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.wrapping_add(1);
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

#[inline(always)]
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

#[inline(always)]
fn lowest_byte(mask: u64) -> usize {
    (mask.trailing_zeros() >> 3) as usize
}

#[inline(always)]
/// Marks the high bit of every byte that is `"`, `\` or below 0x20; marks above the lowest may be spurious.
fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES.wrapping_mul(b'"' as u64));
    let backslash = word ^ (ONES.wrapping_mul(b'\\' as u64));
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let control = word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word;
    (zero(quote) | zero(backslash) | control) & HIGH
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests {
    use super::*;

    fn naive(bytes: &[u8], start: usize) -> (usize, bool) {
        let rest = &bytes[start..];
        let n = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
        (start + n, rest[..n].iter().any(|b| *b >= 0x80))
    }

    proptest::proptest! {
        #[test]
        fn a_run_ends_where_a_byte_by_byte_search_says(
            bytes in proptest::collection::vec(proptest::prop_oneof![
                8 => 0x20_u8..0x7f, 1 => proptest::num::u8::ANY, 1 => proptest::sample::select(&b"\"\\\x00\x1f\x20\x21\x80\xff"[..]),
            ], 0..200),
            start in 0_usize..200,
        ) {
            let start = start.min(bytes.len());
            let run = plain_run(&bytes, start);
            proptest::prop_assert_eq!((run.end, run.non_ascii), naive(&bytes, start));
        }
    }
}
