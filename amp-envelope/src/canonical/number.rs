//! Numbers in canonical form: ECMAScript's text, and those of the deployed programs.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::dialect::NumberForm;
use crate::error::{ErrorCode, MessageError};
use crate::json::{Literal, double, read_number};

/// Writes the number that `literal` names.
pub(super) fn write(literal: &[u8], form: NumberForm, out: &mut Vec<u8>) -> Result<(), MessageError> {
    let (_, kind) = read_number(literal)?;
    match (form, kind) {
        (NumberForm::Jq17, _) => return write_decimal(literal, out),
        (NumberForm::Python, Literal::Integer | Literal::BigInteger) => out.extend_from_slice(literal),
        (_, Literal::Integer | Literal::PlainFraction) => out.extend_from_slice(literal),
        (_, Literal::BigInteger) => return Err(unportable("an integer literal lies within ±(2^53 − 1)")),
        (NumberForm::EcmaScript | NumberForm::Python, Literal::NegativeZero) => out.push(b'0'),
        (NumberForm::Jq16, Literal::NegativeZero) => out.extend_from_slice(b"-0"),
        (_, Literal::Fraction) => {
            let value = double(literal).ok_or(MessageError::new(
                ErrorCode::NonFiniteNumber,
                "a number is at most as large as the largest double",
            ))?;
            write_double(value, form, out);
        }
    }
    Ok(())
}

const fn unportable(rule: &'static str) -> MessageError {
    MessageError::new(ErrorCode::UnportableNumber, rule)
}

fn write_double(value: f64, form: NumberForm, out: &mut Vec<u8>) {
    let mut buffer = ryu_js::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    if form == NumberForm::EcmaScript {
        out.extend_from_slice(text);
        return;
    }
    // ECMAScript drops the sign of zero; the others keep it.
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let mut digits = [0_u8; 32];
    let decimal = Decimal::of_ecmascript(text.strip_prefix(b"-").unwrap_or(text), &mut digits);
    match form {
        NumberForm::Python => decimal.write_python(out),
        _ => decimal.write_jq16(out),
    }
}

/// Shortest digits that name a double, and where its decimal point stands.
struct Decimal<'a> {
    /// Without leading or trailing zeros; `0` for zero.
    digits: &'a [u8],
    /// How many digits stand before the point; negative: zeros after it.
    point: i32,
}

impl<'a> Decimal<'a> {
    /// Takes apart what ECMAScript wrote: `123`, `1.5`, `0.001`, `1e+21`, `1.2e-7`.
    fn of_ecmascript(text: &[u8], buffer: &'a mut [u8; 32]) -> Self {
        let (mantissa, exponent) = match text.iter().position(|byte| *byte == b'e') {
            Some(e) => (
                text.get(..e).unwrap_or_default(),
                exponent(text.get(e.wrapping_add(1)..).unwrap_or_default()),
            ),
            None => (text, 0),
        };
        let before_point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let all = mantissa.iter().filter(|byte| **byte != b'.');
        let zeros = all.clone().take_while(|byte| **byte == b'0').count();
        let mut len = 0_usize;
        for (slot, digit) in buffer.iter_mut().zip(all.skip(zeros)) {
            *slot = *digit;
            len = len.wrapping_add(1);
        }
        let digits = buffer.get(..len).unwrap_or_default();
        let significant =
            digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last.wrapping_add(1));
        let point = to_i32(before_point).saturating_sub(to_i32(zeros)).saturating_add(exponent);
        match digits.get(..significant) {
            Some(digits) if !digits.is_empty() => Self { digits, point },
            _ => Self { digits: b"0", point: 1 },
        }
    }

    /// Python's `repr`: an exponent below 1e-4 and from 1e16 on; integral floats end in `.0`.
    fn write_python(&self, out: &mut Vec<u8>) {
        if self.point < -3 || self.point > 16 {
            self.write_scientific(out);
            return;
        }
        self.write_plain(out);
        if self.point >= to_i32(self.digits.len()) {
            out.extend_from_slice(b".0");
        }
    }

    /// jq 1.6: an exponent when the point stands far outside the digits.
    fn write_jq16(&self, out: &mut Vec<u8>) {
        if self.point < -3 || self.point > to_i32(self.digits.len()).saturating_add(15) {
            self.write_scientific(out);
        } else {
            self.write_plain(out);
        }
    }

    /// `1e-05`, `1.2e+17`: a sign and at least two digits in the exponent.
    fn write_scientific(&self, out: &mut Vec<u8>) {
        if let [first, rest @ ..] = self.digits {
            out.push(*first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
        }
        let exponent = self.point.saturating_sub(1);
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.unsigned_abs() < 10 {
            out.push(b'0');
        }
        write_decimal_digits(u64::from(exponent.unsigned_abs()), out);
    }

    fn write_plain(&self, out: &mut Vec<u8>) {
        if self.point <= 0 {
            out.extend_from_slice(b"0.");
            write_zeros(self.point.unsigned_abs() as usize, out);
            out.extend_from_slice(self.digits);
            return;
        }
        let point = self.point.unsigned_abs() as usize;
        match self.digits.split_at_checked(point) {
            Some((whole, fraction)) => {
                out.extend_from_slice(whole);
                if !fraction.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(fraction);
                }
            }
            None => {
                out.extend_from_slice(self.digits);
                write_zeros(point.saturating_sub(self.digits.len()), out);
            }
        }
    }
}

/// jq 1.7: the literal's coefficient and exponent as a to-scientific-string.
///
/// The coefficient keeps its trailing zeros; it stands plain when the exponent is at most 0 and the adjusted
/// exponent at least −6.
fn write_decimal(literal: &[u8], out: &mut Vec<u8>) -> Result<(), MessageError> {
    let unsigned = literal.strip_prefix(b"-").unwrap_or(literal);
    if unsigned.len() < literal.len() {
        out.push(b'-');
    }
    let split = unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(unsigned.len());
    let (mantissa, tail) = unsigned.split_at_checked(split).unwrap_or((unsigned, b""));
    let stated = exponent(tail.get(1..).unwrap_or_default());
    if stated.unsigned_abs() > 999_999_999 {
        return Err(unportable("an exponent has at most nine digits"));
    }
    let fraction = mantissa
        .iter()
        .position(|byte| *byte == b'.')
        .map_or(0, |point| mantissa.len().saturating_sub(point).saturating_sub(1));
    let digits = mantissa.iter().copied().filter(|byte| *byte != b'.');
    // Leading zeros are no part of a coefficient; a zero coefficient is one digit.
    let count = digits.clone().count();
    let zeros = digits.clone().take_while(|digit| *digit == b'0').count().min(count.saturating_sub(1));
    let len = count.saturating_sub(zeros);
    let coefficient = digits.skip(zeros);
    let exponent = stated.saturating_sub(to_i32(fraction));
    let adjusted = exponent.saturating_add(to_i32(len)).saturating_sub(1);
    if exponent > 0 || adjusted < -6 {
        for (n, digit) in coefficient.enumerate() {
            if n == 1 {
                out.push(b'.');
            }
            out.push(digit);
        }
        if adjusted != 0 {
            out.extend_from_slice(if adjusted < 0 { b"E-" } else { b"E+" });
            write_decimal_digits(u64::from(adjusted.unsigned_abs()), out);
        }
        return Ok(());
    }
    let after_point = exponent.unsigned_abs() as usize;
    let before_point = len.saturating_sub(after_point);
    if before_point == 0 {
        out.extend_from_slice(b"0.");
        write_zeros(after_point.saturating_sub(len), out);
    }
    for (n, digit) in coefficient.enumerate() {
        if n == before_point && n > 0 {
            out.push(b'.');
        }
        out.push(digit);
    }
    Ok(())
}

/// The value of `+21`, `-7` or `07`, saturating.
fn exponent(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let value =
        digits.iter().fold(0_i32, |n, digit| n.saturating_mul(10).saturating_add(i32::from(digit & 0x0f)));
    if negative { value.saturating_neg() } else { value }
}

fn write_zeros(count: usize, out: &mut Vec<u8>) {
    out.extend(core::iter::repeat_n(b'0', count));
}

fn write_decimal_digits(value: u64, out: &mut Vec<u8>) {
    use core::fmt::Write;
    struct Ascii<'a>(&'a mut Vec<u8>);
    impl Write for Ascii<'_> {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Writing to a vector does not fail.
    let _ = write!(Ascii(out), "{value}");
}

fn to_i32(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
