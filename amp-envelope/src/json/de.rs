//! Reading a JSON value into a host's own type (`serde`), from the bytes that were hashed.
//!
//! A second parser could read the same bytes differently; this one walks the text that the reader passed,
//! and turns number literals into correctly rounded doubles whatever features other crates switch on.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::value::{JsonKind, JsonValue, Walk, unescaped};

/// Why a value does not fit a host's type.
///
/// It says what the type expected. Of the value it shows the kind, and a name that the type does not know as far as
/// its first 64 characters. What the type's own `Deserialize` says is shown as far as its first 200, escaped.
///
/// ```
/// use amp_envelope::Payload;
///
/// let payload = Payload::from_json(br#"{"type":"request","message":"m","context":"not a list"}"#)?;
/// let error = payload.context::<Vec<u8>>().unwrap_err();
/// assert_eq!(error.to_string(), "the value does not fit the type: invalid type: a string, expected a sequence");
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value does not fit the type: {rule}")]
pub struct ViewError {
    rule: String,
}

impl de::Error for ViewError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { rule: printable(&alloc::format!("{message}"), 200) }
    }
}

/// A [`ViewError`] in serde's hands. serde's own words for what does not fit repeat the value; these do not. A type of
/// its own, so that what serde calls its parts stays out of the public API.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Misfit(ViewError);

impl Misfit {
    const fn new(rule: String) -> Self {
        Self(ViewError { rule })
    }
}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(de::Error::custom(message))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(alloc::format!("invalid type: {}, expected {expected}", kind_of(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(alloc::format!("invalid value: {}, expected {expected}", kind_of(found)))
    }

    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(alloc::format!("unknown variant `{}`, expected one of {expected:?}", printable(name, 64)))
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(alloc::format!("unknown member `{}`, expected one of {expected:?}", printable(name, 64)))
    }
}

/// What was found, without its text: serde's own words repeat a string of any length.
fn kind_of(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(_) | Unexpected::Char(_) => String::from("a string"),
        Unexpected::Bytes(_) => String::from("bytes"),
        Unexpected::Other(_) => String::from("a value"),
        other => alloc::format!("{other}"),
    }
}

/// The text's beginning, at most `length` characters, none that a terminal would obey.
fn printable(text: &str, length: usize) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        let escaped: String = match character {
            ' '..='~' => String::from(character),
            _ => character.escape_default().collect(),
        };
        if shown.len().saturating_add(escaped.len()) > length {
            break;
        }
        shown.push_str(&escaped);
    }
    shown
}

impl<'de> Deserializer<'de> for JsonValue<'de> {
    type Error = ViewError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        let fitted: Result<V::Value, Misfit> = match self.kind() {
            JsonKind::Null => visitor.visit_unit(),
            JsonKind::Bool => visitor.visit_bool(self.as_bool().unwrap_or_default()),
            JsonKind::Number => self.visit_number(visitor),
            JsonKind::String => match self.as_str().unwrap_or_default() {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            JsonKind::Array => visitor.visit_seq(Elements(Walk::into(self.bytes(), b'['))),
            JsonKind::Object => visitor.visit_map(Members(Walk::into(self.bytes(), b'{'))),
        };
        fitted.map_err(|Misfit(error)| error)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ViewError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ViewError> {
        match self.kind() {
            JsonKind::String => {
                visitor.visit_enum(Variant { name: self, content: None }).map_err(|Misfit(error)| error)
            }
            JsonKind::Object => {
                let mut walk = Walk::into(self.bytes(), b'{');
                let (Some(name), Some(content), None) = (walk.quoted_name(), walk.value(), walk.name())
                else {
                    return Err(de::Error::custom("an enum is a string or an object with one member"));
                };
                visitor.visit_enum(Variant { name, content: Some(content) }).map_err(|Misfit(error)| error)
            }
            _ => Err(de::Error::custom("an enum is a string or an object with one member")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ViewError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

impl<'de> JsonValue<'de> {
    fn visit_number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if let Some(value) = self.as_u64() {
            visitor.visit_u64(value)
        } else if let Some(value) = self.as_i64() {
            visitor.visit_i64(value)
        } else {
            visitor.visit_f64(self.as_f64().unwrap_or_default())
        }
    }
}

struct Elements<'de>(Walk<'de>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.0.value().map(|value| seed.deserialize(value).map_err(Misfit)).transpose()
    }
}

struct Members<'de>(Walk<'de>);

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some(name) = self.0.name() else { return Ok(None) };
        match unescaped(name) {
            Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            Cow::Owned(name) => seed.deserialize(de::value::StringDeserializer::new(name)),
        }
        .map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let value = self.0.value().ok_or_else(|| de::Error::custom("a member has a value"))?;
        seed.deserialize(value).map_err(Misfit)
    }
}

struct Variant<'de> {
    name: JsonValue<'de>,
    content: Option<JsonValue<'de>>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Misfit;
    type Variant = Content<'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Content<'de>), Misfit> {
        Ok((seed.deserialize(self.name).map_err(Misfit)?, Content(self.content)))
    }
}

struct Content<'de>(Option<JsonValue<'de>>);

impl<'de> Content<'de> {
    fn value(self) -> Result<JsonValue<'de>, Misfit> {
        self.0.ok_or_else(|| de::Error::custom("the variant has content"))
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.0 {
            Some(value) if !value.is_null() => Err(de::Error::custom("the variant has no content")),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self.value()?).map_err(Misfit)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.value()?.deserialize_any(visitor).map_err(Misfit)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.value()?.deserialize_any(visitor).map_err(Misfit)
    }
}
