//! Number literals: grammar (RFC 8259, section 6) and what a double can hold of them.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault::Fault;
use crate::limits::NUMBER_LITERAL_MAX_BYTES;

/// 2^53 − 1: integers up to here have one double and one canonical form.
pub(crate) const SAFE_INTEGER_MAX: u64 = 9_007_199_254_740_991;

/// What kind of number a literal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Literal {
    /// An integer within ±(2^53 − 1), written canonically.
    Integer,
    /// `-0`.
    NegativeZero,
    /// An integer literal outside ±(2^53 − 1) that a double does not overflow on.
    BigInteger,
    /// A literal with a point that every dialect writes just so.
    PlainFraction,
    /// Any other literal with a point or an exponent.
    Fraction,
}

/// Reads the literal at the start of `rest`: its length in bytes and its kind.
pub(crate) fn read(rest: &[u8]) -> Result<(usize, Literal), Fault> {
    let unsigned = rest.strip_prefix(b"-").unwrap_or(rest);
    let sign = rest.len().saturating_sub(unsigned.len());
    let digits = digits(unsigned);
    let after = match (unsigned.first(), digits) {
        (_, 0) | (Some(b'0'), 2..) => return Err(Fault::Number),
        _ => unsigned.get(digits..).unwrap_or_default(),
    };
    if !matches!(after.first(), Some(b'.' | b'e' | b'E')) {
        let len = sign.saturating_add(digits);
        return Ok((within_limit(len)?, integer(unsigned.get(..digits).unwrap_or_default(), sign > 0)?));
    }
    if let Some(len) = plain_fraction(unsigned, digits) {
        return Ok((sign.saturating_add(len), Literal::PlainFraction));
    }
    let mut tail = after;
    if let Some(fraction) = tail.strip_prefix(b".") {
        tail = skip_digits(fraction)?;
    }
    let mut scale = 0;
    if let [b'e' | b'E', exponent @ ..] = tail {
        let (exponent, negative) = match exponent {
            [b'+', rest @ ..] => (rest, false),
            [b'-', rest @ ..] => (rest, true),
            _ => (exponent, false),
        };
        tail = skip_digits(exponent)?;
        let count = exponent.len().saturating_sub(tail.len());
        scale = if negative { 0 } else { magnitude(exponent.get(..count).unwrap_or_default()) };
    }
    let len = within_limit(rest.len().saturating_sub(tail.len()))?;
    // Below 10^308 nothing overflows, and long literals are slow to parse.
    let may_overflow = digits.saturating_add(scale) > 308;
    if may_overflow && double(rest.get(..len).unwrap_or_default()).is_none() {
        return Err(Fault::Overflow);
    }
    Ok((len, Literal::Fraction))
}

/// The length of a fraction that every dialect writes just so, if `unsigned` begins with one whose whole part has
/// `whole` digits.
///
/// Doubles tell all decimals of up to 15 digits apart, so such a one, without a zero at its end, is the shortest that
/// names its double. From 0.0001 on no dialect writes it with an exponent.
fn plain_fraction(unsigned: &[u8], whole: usize) -> Option<usize> {
    const DIGITS_MAX: usize = 15;
    let (integer, rest) = unsigned.split_at_checked(whole)?;
    let fraction = rest.strip_prefix(b".")?;
    let (fraction, after) = fraction.split_at_checked(digits(fraction))?;
    let zeros = if integer == b"0" { fraction.iter().take_while(|digit| **digit == b'0').count() } else { 0 };
    let plain = fraction.last().is_some_and(|digit| *digit != b'0')
        && whole.saturating_add(fraction.len()) <= DIGITS_MAX
        && zeros <= 3
        && !matches!(after.first(), Some(b'e' | b'E'));
    plain.then(|| whole.saturating_add(1).saturating_add(fraction.len()))
}

fn integer(digits: &[u8], negative: bool) -> Result<Literal, Fault> {
    match digits.len() {
        1 if negative && digits == b"0" => Ok(Literal::NegativeZero),
        0..=15 => Ok(Literal::Integer),
        16 => {
            let value =
                digits.iter().fold(0_u64, |n, &d| n.wrapping_mul(10).wrapping_add(u64::from(d & 0x0f)));
            Ok(if value <= SAFE_INTEGER_MAX { Literal::Integer } else { Literal::BigInteger })
        }
        17..=308 => Ok(Literal::BigInteger),
        _ if double(digits).is_none() => Err(Fault::Overflow),
        _ => Ok(Literal::BigInteger),
    }
}

/// The value of an exponent's digits, saturating.
fn magnitude(digits: &[u8]) -> usize {
    digits.iter().fold(0, |n: usize, digit| n.saturating_mul(10).saturating_add(usize::from(digit & 0x0f)))
}

/// The double that a literal names; `None` if it overflows.
pub(crate) fn double(literal: &[u8]) -> Option<f64> {
    // `str::parse` is correctly rounded; it does not depend on any feature of a JSON library.
    let value = core::str::from_utf8(literal).ok()?.parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn skip_digits(bytes: &[u8]) -> Result<&[u8], Fault> {
    match digits(bytes) {
        0 => Err(Fault::Number),
        n => Ok(bytes.get(n..).unwrap_or_default()),
    }
}

fn within_limit(len: usize) -> Result<usize, Fault> {
    if len > NUMBER_LITERAL_MAX_BYTES { Err(Fault::LongNumber) } else { Ok(len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_plain_fraction_is_spelled_alike_under_every_dialect(
            text in "-?(0|[1-9][0-9]{0,8})\\.0{0,7}[0-9]{1,9}(e1)?",
        ) {
            if let Ok((len, Literal::PlainFraction)) = read(text.as_bytes()) {
                proptest::prop_assert_eq!(len, text.len());
                let value = text.parse::<f64>().unwrap();
                let mut buffer = ryu_js::Buffer::new();
                proptest::prop_assert_eq!(buffer.format_finite(value), text);
            }
        }
    }
}
