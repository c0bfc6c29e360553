//! Paths and queries: percent-encoding, and the templates of endpoints (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Percent-encodes all but the unreserved characters of RFC 3986, and `@`, which stands in addresses.
pub(crate) fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@') {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The text that a percent-encoded one stands for; none when an escape is broken or the text is not UTF-8.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = after else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
        out.push(u8::try_from(value).ok()?);
        rest = after;
    }
    String::from_utf8(out).ok()
}

/// The path of a template, with its placeholders filled in order.
pub(crate) fn filled(template: &str, values: &[&str]) -> String {
    let mut path = String::new();
    let mut values = values.iter();
    for segment in template.split('/').skip(1) {
        path.push('/');
        if segment.starts_with('{') {
            push_encoded(values.next().copied().unwrap_or_default(), &mut path);
        } else {
            path.push_str(segment);
        }
    }
    path
}

/// What stands at the placeholders of a template, decoded, if the path is one of it.
pub(crate) fn matched(template: &str, path: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with('{') {
            values.push(decoded(segment).filter(|value| !value.is_empty())?);
        } else if segment != wanted {
            return None;
        }
    }
    segments.next().is_none().then_some(values)
}

/// The names and values of a query, decoded. `+` stands for a space, as in forms.
#[cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "only the types of `http` hold a query as one text")
)]
pub(crate) fn read_query(query: &str) -> Option<Vec<(String, String)>> {
    let decode = |text: &str| decoded(&text.replace('+', " "));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// A query as text, without its question mark.
pub(crate) fn write_query(pairs: &[(String, String)], out: &mut String) {
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push('&');
        }
        push_encoded(name, out);
        out.push('=');
        push_encoded(value, out);
    }
}
