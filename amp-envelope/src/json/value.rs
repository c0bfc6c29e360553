//! A view of a JSON value inside a text that has passed the reader.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{BigIntegers, Index, Keep, number, scan, string};
use crate::error::{ErrorCode, MessageError};
use crate::limits::MESSAGE_JSON_MAX_BYTES;

/// What stands around a message in an answer or a frame: `{"data":{"messages":[{"payload":...}]}}`.
const CARRIER_LEVELS: u8 = 4;

/// A JSON value as it was received: a view of its bytes, parsed on demand.
///
/// Only what was decoded hands one out, so its text obeys the JSON profile: no duplicate names, no lone
/// surrogates, no number that a double cannot hold. Nothing is copied until text with escapes is asked for. It is also
/// a serde deserializer: `T::deserialize(value)` makes a type of the host's of it.
///
/// A signature covers what canonical form keeps. The order of members, white space and the spelling of numbers and
/// escapes (`42` or `42.0`) are not signed, so nothing may depend on them: read numbers with [`as_f64`](Self::as_f64)
/// where a relay must not make the difference.
///
/// ```
/// use amp_envelope::Payload;
/// let payload = Payload::from_json(br#"{"type":"task","message":"m","context":{"pr":42,"tags":["a","b\u0021"]}}"#)?;
/// let context = payload.get("context").unwrap();
/// assert_eq!(context.get("pr").and_then(|pr| pr.as_u64()), Some(42));
/// let tags: Vec<_> = context.get("tags").unwrap().elements().filter_map(|tag| tag.as_str()).collect();
/// assert_eq!(tags, ["a", "b!"]);
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JsonValue<'a> {
    text: &'a [u8],
}

/// What kind of value stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "JSON has these kinds of values and no others")]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> JsonValue<'a> {
    /// `text` is one value without white space around it, taken from a text that passed the reader.
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// Reads an object on its own: a card, an identity document, a record. White space around it is left out.
    ///
    /// The whole JSON profile holds: distinct names, UTF-8, no lone surrogates, finite numbers, nesting at most
    /// [`DEPTH_MAX`](crate::limits::DEPTH_MAX), and at most 512 KiB of text.
    ///
    /// # Errors
    /// [`MessageError`] with a code of the JSON profile, or `too_large`.
    pub fn read_object(json: &'a [u8]) -> Result<Self, MessageError> {
        if json.len() > MESSAGE_JSON_MAX_BYTES {
            return Err(MessageError::new(ErrorCode::TooLarge, "a document has at most 512 KiB of JSON"));
        }
        super::read(json, Keep::Levels(0), BigIntegers::Keep, 0, &mut Index::default())?;
        Ok(Self::new(json.trim_ascii()))
    }

    /// Reads an object that carries messages: an answer, a body or a frame of a provider. White space around it is
    /// left out.
    ///
    /// As [`read_object`](Self::read_object), with two differences: the caller says how many bytes there may be, and
    /// nesting may be four levels deeper, so that a message of the greatest depth fits inside.
    ///
    /// ```
    /// use amp_envelope::{JsonValue, limits};
    /// let deepest = "[".repeat(limits::DEPTH_MAX) + &"]".repeat(limits::DEPTH_MAX);
    /// let page = format!(r#"{{"messages":[{{"payload":{deepest}}}]}}"#);
    /// assert!(JsonValue::read_object(page.as_bytes()).is_err());
    /// assert!(JsonValue::read_carrier(page.as_bytes(), limits::HTTP_BODY_MAX_BYTES)?.get("messages").is_some());
    /// # Ok::<(), amp_envelope::MessageError>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`] with a code of the JSON profile, or `too_large`.
    pub fn read_carrier(json: &'a [u8], bytes_max: usize) -> Result<Self, MessageError> {
        if json.len() > bytes_max {
            return Err(MessageError::new(
                ErrorCode::TooLarge,
                "the text has more bytes than are taken here",
            ));
        }
        super::read(json, Keep::Levels(0), BigIntegers::Keep, CARRIER_LEVELS, &mut Index::default())?;
        Ok(Self::new(json.trim_ascii()))
    }

    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.text
    }

    /// The value's JSON text, byte for byte as received.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        // The reader let only UTF-8 pass.
        core::str::from_utf8(self.text).unwrap_or_default()
    }

    /// The kind of value.
    #[must_use]
    pub fn kind(&self) -> JsonKind {
        match self.text.first() {
            Some(b'"') => JsonKind::String,
            Some(b'{') => JsonKind::Object,
            Some(b'[') => JsonKind::Array,
            Some(b't' | b'f') => JsonKind::Bool,
            Some(b'-' | b'0'..=b'9') => JsonKind::Number,
            _ => JsonKind::Null,
        }
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind() == JsonKind::Null
    }

    /// The text of a string, borrowed when it holds no escapes.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match self.text {
            [b'"', contents @ .., b'"'] => Some(unescaped(contents)),
            _ => None,
        }
    }

    /// The boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.text {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The number as the double that its literal names, correctly rounded.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        if self.kind() != JsonKind::Number {
            return None;
        }
        number::double(self.text)
    }

    /// The integer, if the literal has neither point nor exponent and fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.raw().parse().ok().filter(|_| self.kind() == JsonKind::Number)
    }

    /// The integer, if the literal has neither point nor exponent and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.raw().parse().ok().filter(|_| self.kind() == JsonKind::Number)
    }

    /// The elements of an array, in order; nothing for any other kind.
    pub fn elements(&self) -> impl Iterator<Item = JsonValue<'a>> + use<'a> {
        let mut walk = Walk::into(self.text, b'[');
        core::iter::from_fn(move || walk.value())
    }

    /// The members of an object, in the order received; nothing for any other kind.
    pub fn members(&self) -> impl Iterator<Item = (Cow<'a, str>, JsonValue<'a>)> + use<'a> {
        let mut walk = Walk::into(self.text, b'{');
        core::iter::from_fn(move || {
            let name = walk.name()?;
            Some((unescaped(name), walk.value()?))
        })
    }

    /// The member of an object with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        self.members().find_map(|(member, value)| (member == name).then_some(value))
    }
}

impl fmt::Debug for JsonValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Contents stay out of logs.
        write!(f, "JsonValue({:?}, {} bytes)", self.kind(), self.text.len())
    }
}

/// The text that a string's contents stand for.
pub(crate) fn unescaped(contents: &[u8]) -> Cow<'_, str> {
    // The reader let only UTF-8 pass, and unescaping adds whole characters.
    if contents.contains(&b'\\') {
        let mut text = Vec::with_capacity(contents.len());
        string::unescape(contents, &mut text);
        Cow::Owned(String::from_utf8(text).unwrap_or_default())
    } else {
        Cow::Borrowed(core::str::from_utf8(contents).unwrap_or_default())
    }
}

/// Walks the names and values of one container, without recursion and without allocating.
pub(super) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// Enters the container if it opens with `open`; else walks nothing.
    pub(super) fn into(text: &'a [u8], open: u8) -> Self {
        let inner = match text {
            [first, inner @ .., _] if *first == open => inner,
            _ => &[],
        };
        Self { text: inner, at: scan::skip_white_space(inner, 0) }
    }

    /// The contents of the next member's name; the colon is passed.
    pub(super) fn name(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if start >= self.text.len() {
            return None;
        }
        let end = scan::skip_string(self.text, start);
        let [b'"', contents @ .., b'"'] = self.text.get(start..end)? else { return None };
        self.step(end);
        Some(contents)
    }

    /// The next member's name as a value, quotes included; the colon is passed.
    pub(super) fn quoted_name(&mut self) -> Option<JsonValue<'a>> {
        let start = self.at;
        let contents = self.name()?;
        let end = start.saturating_add(contents.len()).saturating_add(2);
        self.text.get(start..end).map(JsonValue::new)
    }

    /// The next value; the comma is passed.
    pub(super) fn value(&mut self) -> Option<JsonValue<'a>> {
        let start = self.at;
        if start >= self.text.len() {
            return None;
        }
        let end = scan::skip_value(self.text, start);
        let value = self.text.get(start..end).map(JsonValue::new)?;
        self.step(end);
        Some(value)
    }

    /// Passes one separator and the white space around it.
    fn step(&mut self, end: usize) {
        let separator = scan::skip_white_space(self.text, end);
        self.at = scan::skip_white_space(self.text, separator.saturating_add(1));
    }
}
