//! Where a JSON string ends, eight bytes at a time, and what stands on the way.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

const ONES: u64 = 0x0101_0101_0101_0101;
/// The high bit of every byte of a word.
pub(super) const HIGH: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = ONES.wrapping_mul(b'"' as u64);
const BACKSLASHES: u64 = ONES.wrapping_mul(b'\\' as u64);
const SPACES: u64 = ONES.wrapping_mul(b' ' as u64);

/// The offset of the first byte from `start` on that is not plain ASCII inside a string: `"`, `\`, a control or a
/// byte of 0x80 or more; or of the end.
#[inline(always)]
pub(super) fn ascii_run(bytes: &[u8], start: usize) -> usize {
    // A subtraction marks the high bit of a byte that is a stop. It borrows from the next byte at stops only, so the
    // lowest mark is exact.
    run(bytes, start, |word| {
        (word ^ QUOTES).wrapping_sub(ONES)
            | (word ^ BACKSLASHES).wrapping_sub(ONES)
            | word.wrapping_sub(SPACES)
            | word
    })
}

/// The offset of the first `"`, `\` or control from `start` on, or of the end.
pub(super) fn text_run(bytes: &[u8], start: usize) -> usize {
    run(bytes, start, |word| {
        let is_zero = |x: u64| x.wrapping_sub(ONES) & !x;
        is_zero(word ^ QUOTES) | is_zero(word ^ BACKSLASHES) | (word.wrapping_sub(SPACES) & !word)
    })
}

/// Scans eight bytes at a time. `marks` sets the high bits of stops; marks above the lowest may be spurious.
#[inline(always)]
fn run(bytes: &[u8], start: usize, marks: impl Fn(u64) -> u64) -> usize {
    let (words, tail) = bytes.get(start..).unwrap_or_default().as_chunks::<8>();
    let mut at = start;
    for word in words {
        let stop = marks(u64::from_le_bytes(*word)) & HIGH;
        if stop != 0 {
            return at.wrapping_add(lowest_byte(stop));
        }
        at = at.wrapping_add(8);
    }
    // The last bytes, filled up with stops.
    let mut last = [0_u8; 8];
    for (slot, byte) in last.iter_mut().zip(tail) {
        *slot = *byte;
    }
    at.wrapping_add(lowest_byte(marks(u64::from_le_bytes(last)) & HIGH))
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
        at = text_run(bytes, at);
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

#[cfg(test)]
#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test may panic")]
mod tests {
    use super::*;

    fn naive(bytes: &[u8], start: usize, is_stop: impl Fn(u8) -> bool) -> usize {
        start + bytes[start..].iter().position(|byte| is_stop(*byte)).unwrap_or(bytes.len() - start)
    }

    fn ends_text(byte: u8) -> bool {
        byte == b'"' || byte == b'\\' || byte < 0x20
    }

    proptest::proptest! {
        #[test]
        fn a_run_ends_where_a_byte_by_byte_search_says(
            bytes in proptest::collection::vec(proptest::prop_oneof![
                8 => 0x20_u8..0x7f,
                1 => proptest::num::u8::ANY,
                1 => proptest::sample::select(&b"\"\\\x00\x1f\x20\x21\x7f\x80\xa2\xff"[..]),
            ], 0..200),
            start in 0_usize..200,
        ) {
            let start = start.min(bytes.len());
            proptest::prop_assert_eq!(text_run(&bytes, start), naive(&bytes, start, ends_text));
            let ends_ascii = |byte| ends_text(byte) || byte >= 0x80;
            proptest::prop_assert_eq!(ascii_run(&bytes, start), naive(&bytes, start, ends_ascii));
        }

        #[test]
        fn a_short_integer_is_what_the_grammar_reads(text in "-?[0-9]{0,9}[.eE,\\]} ]?[0-9a]{0,9}", at in 0_usize..3) {
            let text = [&"xyz"[..at], &text].concat();
            let grammar = crate::json::read_number(&text.as_bytes()[at..]);
            if let Some(len) = short_integer(text.as_bytes(), at) {
                proptest::prop_assert_eq!(grammar, Ok((len, crate::json::Literal::Integer)));
            }
        }
    }
}
