//! The order of member names: by UTF-16 code unit (RFC 8785, section 3.2.3), read off UTF-8 bytes.

use core::cmp::Ordering;

/// Compares as UTF-16 code units would.
///
/// UTF-8 bytes sort by code point. The two orders differ only where a character above U+FFFF (first byte
/// 0xF0 or more, written with surrogates below U+E000 in UTF-16) meets one of U+E000 to U+FFFF (first byte
/// 0xEE or 0xEF), so it is enough to look at the first byte that differs.
pub(crate) fn utf16(a: &[u8], b: &[u8]) -> Ordering {
    for (&x, &y) in a.iter().zip(b) {
        if x != y {
            return rank(x).cmp(&rank(y));
        }
    }
    a.len().cmp(&b.len())
}

/// A byte's place in UTF-16 order: 0xEE and 0xEF move behind 0xF0 to 0xF4.
const fn rank(byte: u8) -> u8 {
    match byte {
        0xEE => 0xFE,
        0xEF => 0xFF,
        other => other,
    }
}

/// The first eight bytes of a name as a number: if two of these differ, they order the names.
pub(crate) fn prefix(name: &[u8]) -> u64 {
    let mut ranked = [0_u8; 8];
    for (slot, &byte) in ranked.iter_mut().zip(name) {
        *slot = rank(byte);
    }
    u64::from_be_bytes(ranked)
}

/// [`prefix`] of the `len` plain ASCII bytes at the start of a little-endian word.
pub(crate) const fn ascii_prefix(word: u64, len: usize) -> u64 {
    let big = word.swap_bytes();
    match len {
        0 => 0,
        1..=7 => big & (u64::MAX << (64 - 8 * len)),
        _ => big,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    proptest::proptest! {
        #[test]
        fn order_is_that_of_utf16_code_units(a: String, b: String, tail: String) {
            for (a, b) in [(a.clone(), b.clone()), (a.clone(), alloc::format!("{a}{tail}")), (alloc::format!("\u{ffff}{a}"), alloc::format!("\u{10000}{b}"))] {
                let wanted = a.encode_utf16().collect::<Vec<_>>().cmp(&b.encode_utf16().collect::<Vec<_>>());
                proptest::prop_assert_eq!(utf16(a.as_bytes(), b.as_bytes()), wanted);
                let by_prefix = prefix(a.as_bytes()).cmp(&prefix(b.as_bytes()));
                proptest::prop_assert!(by_prefix == Ordering::Equal || by_prefix == wanted);
            }
        }

        #[test]
        fn the_prefix_of_a_word_is_the_prefix_of_its_bytes(name in "[ -~]{0,12}") {
            let mut padded = name.clone().into_bytes();
            padded.extend_from_slice(b"\"zzzzzzzz");
            let word = u64::from_le_bytes(padded[..8].try_into().unwrap());
            proptest::prop_assert_eq!(ascii_prefix(word, name.len()), prefix(name.as_bytes()));
        }
    }
}
