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
