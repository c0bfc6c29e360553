//! Punycode (RFC 3492): the letters that an `xn--` label stands for. Reading only.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;

/// What a label says after `xn--`; `None` if it is none or longer than a label.
pub(super) fn decode(text: &str) -> Option<String> {
    if text.len() > 63 {
        return None;
    }
    let (basic, digits) = text.rsplit_once('-').unwrap_or(("", text));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (0x80_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let before = i;
        let mut weight = 1_u32;
        let mut k = BASE;
        loop {
            let digit = value(digits.next()?)?;
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE.checked_sub(threshold)?)?;
            k = k.checked_add(BASE)?;
        }
        let length = u32::try_from(out.len()).ok()?.checked_add(1)?;
        bias = adapt(i.checked_sub(before)?, length, before == 0)?;
        n = n.checked_add(i.checked_div(length)?)?;
        i = i.checked_rem(length)?;
        out.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i = i.checked_add(1)?;
    }
    Some(out.into_iter().collect())
}

fn value(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(BASE).map(|value| match value {
        // Punycode counts letters before digits.
        0..10 => value.saturating_add(26),
        _ => value.saturating_sub(10),
    })
}

fn adapt(delta: u32, length: u32, is_first: bool) -> Option<u32> {
    let mut delta = delta.checked_div(if is_first { DAMP } else { 2 })?;
    delta = delta.checked_add(delta.checked_div(length)?)?;
    let mut k = 0_u32;
    while delta > 455 {
        delta = delta.checked_div(35)?;
        k = k.checked_add(BASE)?;
    }
    delta.checked_mul(36)?.checked_div(delta.checked_add(SKEW)?)?.checked_add(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read() {
        assert_eq!(decode("mnchen-3ya").as_deref(), Some("münchen"));
        assert_eq!(decode("80ak6aa92e").as_deref(), Some("аррӏе"));
        assert_eq!(decode("ihqwcrb4cv8a8dqg056pqjye").as_deref(), Some("他们为什么不说中文"));
        for text in ["99999999", "a-9", "é", "zzzzzzzzzzzzzz"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
