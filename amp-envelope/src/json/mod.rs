//! The JSON profile: a one-pass reader with limits, over the received bytes.
//!
//! One parser decides what a message says. It keeps no tree: it notes what canonical form needs and
//! which containers can be copied as they are, and every view reads the same bytes again.

mod de;
mod fault;
mod index;
mod number;
mod order;
mod reader;
mod scan;
mod ser;
mod string;
mod value;

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::error::MessageError;

pub use de::ViewError;
pub use value::{JsonKind, JsonValue};

pub(crate) use index::{Container, Features, Index, Item, Node, Span};
pub(crate) use number::{Literal, double, read as read_number};
pub(crate) use order::utf16;
pub(crate) use reader::{BigIntegers, Keep, read};
pub(crate) use scan::{skip_string, skip_value, skip_white_space};
pub(crate) use ser::{to_json, write_string};
pub(crate) use string::{Piece, pieces, unescaped_len};
pub(crate) use value::unescaped;

/// A text as a JSON string, quotes included. What is written is the only copy that is made.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(quoted_len_max(text));
    write_string(text, &mut out);
    // Only text was written.
    String::from_utf8(out).unwrap_or_default()
}

/// No fewer bytes than a text has as a JSON string.
pub(crate) fn quoted_len_max(text: &str) -> usize {
    let is_escaped = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    let escapes = text.bytes().filter(is_escaped).count();
    text.len().saturating_add(escapes.saturating_mul(5)).saturating_add(2)
}

/// Writes a value as compact JSON: members in the order given, strings escaped only where they must be, doubles as
/// ECMAScript writes them.
///
/// ```
/// use amp_envelope::write_json;
/// use std::collections::BTreeMap;
/// assert_eq!(write_json(&BTreeMap::from([("pr", 42.0), ("share", 0.5)]))?, r#"{"pr":42,"share":0.5}"#);
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
///
/// # Errors
/// `non_finite_number` for an infinity or NaN, `too_deep`, and `invalid_json` for what JSON cannot say.
pub fn write_json<T: Serialize + ?Sized>(value: &T) -> Result<String, MessageError> {
    let json = to_json(value)?;
    // The writer copies whole strings, so its text is UTF-8.
    Ok(String::from_utf8(json).unwrap_or_default())
}
