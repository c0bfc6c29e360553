//! Base58 in the Bitcoin alphabet, for the 34 bytes of an Ed25519 `did:key`.
//!
//! Quadratic like every base conversion, so both directions are bounded by the size of a key.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::{string::String, vec::Vec};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Longer text than this is not read: a key of 128 bytes needs 175 digits.
const MAX_DIGITS: usize = 180;

pub(crate) fn encode(bytes: &[u8]) -> String {
    let digits = convert(bytes.iter().copied(), 256, 58);
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    core::iter::repeat_n(0, zeros)
        .chain(digits.into_iter().rev())
        .filter_map(|digit| ALPHABET.get(usize::from(digit)))
        .copied()
        .map(char::from)
        .collect()
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_DIGITS {
        return None;
    }
    let digits = text.bytes().map(digit).collect::<Option<Vec<u8>>>()?;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let bytes = convert(digits.into_iter(), 58, 256);
    Some(core::iter::repeat_n(0, zeros).chain(bytes.into_iter().rev()).collect())
}

fn digit(character: u8) -> Option<u8> {
    ALPHABET.iter().position(|known| *known == character).and_then(|at| u8::try_from(at).ok())
}

/// The digits of a number in another base, least significant first, without leading zeros.
///
/// `carry` stays below `from * to` (at most 256 * 58), so the arithmetic cannot leave 32 bits.
fn convert(digits: impl Iterator<Item = u8>, from: u32, to: u32) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for digit in digits {
        let mut carry = u32::from(digit);
        for place in &mut out {
            carry = carry.wrapping_add(u32::from(*place).wrapping_mul(from));
            *place = low_digit(&mut carry, to);
        }
        while carry != 0 {
            let place = low_digit(&mut carry, to);
            out.push(place);
        }
    }
    out
}

/// Splits off the lowest digit; `base` is 58 or 256.
fn low_digit(carry: &mut u32, base: u32) -> u8 {
    let digit = carry.checked_rem(base).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
    *carry = carry.checked_div(base).unwrap_or_default();
    digit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_published_examples() {
        // draft-msporny-base58, section 5
        assert_eq!(encode(b"Hello World!"), "2NEpo7TZRRrLZSi2U");
        assert_eq!(
            encode(b"The quick brown fox jumps over the lazy dog."),
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"
        );
        assert_eq!(encode(&[0, 0, 0x28, 0x7f, 0xb4, 0xcd]), "11233QC4");
        assert_eq!(decode("11233QC4"), Some(alloc::vec![0, 0, 0x28, 0x7f, 0xb4, 0xcd]));
    }

    #[test]
    fn look_alike_digits_are_refused() {
        for text in ["0", "O", "I", "l", "é", " 1"] {
            assert_eq!(decode(text), None);
        }
    }
}
