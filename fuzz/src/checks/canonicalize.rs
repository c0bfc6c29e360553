//! Canonical form: equal to an independent writer's on its domain, stable, and readable back to the same value.

use std::cell::RefCell;

use amp_envelope::{Canonicalizer, Dialect, ErrorCode, MessageError, canonicalize as write};
use serde_json::Value;

use super::assert_fit_to_show;

thread_local! {
    /// Used again for every input, so that what one leaves behind would show in the next.
    static USED: RefCell<Canonicalizer> = RefCell::default();
}

/// The bytes are a JSON text.
pub fn canonicalize(data: &[u8]) {
    let oracle: Result<Value, _> = serde_json::from_slice(data);
    for dialect in Dialect::ALL {
        let form = write(data, dialect);
        with_used_buffers(data, dialect, &form);
        match &form {
            Ok(form) => {
                let value = oracle.as_ref().ok();
                readable(form, value, depth(data));
                stable(form, dialect);
                if dialect == Dialect::Jcs {
                    reference(form, value);
                }
            }
            Err(error) => {
                refusal(error, &oracle);
                assert!(error.code() != ErrorCode::TooDeep || depth(data) > 128);
            }
        }
    }
    canonical_or_not(data);
}

/// Buffers that were used before change nothing; what stands in `out` stays.
fn with_used_buffers(data: &[u8], dialect: Dialect, fresh: &Result<Vec<u8>, MessageError>) {
    let mut out = b"before".to_vec();
    let used = USED.with_borrow_mut(|used| used.canonicalize_into(data, dialect, &mut out));
    let (before, form) = out.split_at(6);
    assert_eq!(before, b"before");
    match fresh {
        Ok(fresh) => assert!(used.is_ok() && form == fresh),
        Err(error) => {
            assert_eq!(used, Err(*error));
            assert!(form.is_empty());
        }
    }
}

/// A form from which the value can be read back belongs to no other value.
fn readable(form: &[u8], value: Option<&Value>, depth: usize) {
    assert!(depth <= 128);
    // The other reader stops at 127 levels.
    let Some(value) = value else { return assert_eq!(depth, 128, "only one reader takes this") };
    let read: Value = serde_json::from_slice(form).unwrap();
    assert!(is_same(value, &read), "{}", String::from_utf8_lossy(form));
}

/// Canonicalizing what is canonical gives itself, where the numbers still obey the profile.
fn stable(form: &[u8], dialect: Dialect) {
    match write(form, dialect) {
        Ok(again) => assert_eq!(again, form),
        // An integral double from 2^53 on is written in bare digits, which read as an integer literal.
        Err(error) if error.code() == ErrorCode::UnportableNumber => assert!(has_digits(form, 16)),
        // A literal of almost the longest length grows when its exponent is written out.
        Err(error) => assert!(error.code() == ErrorCode::TooLarge && has_digits(form, 1_000), "{error}"),
    }
}

/// RFC 8785, as another library writes it.
fn reference(form: &[u8], value: Option<&Value>) {
    if let Some(value) = value {
        let wanted = serde_json_canonicalizer::to_vec(value).unwrap();
        assert_eq!(String::from_utf8_lossy(form), String::from_utf8_lossy(&wanted));
    }
}

/// What another reader takes is refused only for a rule that JSON itself does not have.
fn refusal(error: &MessageError, oracle: &Result<Value, serde_json::Error>) {
    assert_fit_to_show(error);
    if oracle.is_ok() {
        let of_the_profile = matches!(
            error.code(),
            ErrorCode::DuplicateKey
                | ErrorCode::TooDeep
                | ErrorCode::TooLarge
                | ErrorCode::TooManyKeys
                | ErrorCode::NotAnObject
                | ErrorCode::UnportableNumber
                | ErrorCode::UnportablePayload
        );
        assert!(of_the_profile, "{error}");
    }
}

fn canonical_or_not(data: &[u8]) {
    let form = write(data, Dialect::Jcs);
    let used = USED.with_borrow_mut(|used| used.is_canonical(data));
    assert_eq!(Canonicalizer::new().is_canonical(data), used);
    match (form, used) {
        (Ok(form), Ok(is_canonical)) => {
            assert_eq!(is_canonical, form == data);
            if !has_digits(&form, 16) {
                assert_eq!(Canonicalizer::new().is_canonical(&form), Ok(true));
            }
        }
        (Err(_), Err(_)) => {}
        (form, used) => panic!("{form:?} against {used:?}"),
    }
}

/// Equal as JSON values, numbers as doubles.
pub(super) fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

/// Whether a run of so many digits stands anywhere.
fn has_digits(text: &[u8], count: usize) -> bool {
    text.split(|byte| !byte.is_ascii_digit()).any(|run| run.len() >= count)
}

/// The deepest nesting of a JSON text.
pub(super) fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
