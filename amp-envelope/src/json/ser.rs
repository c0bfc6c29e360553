//! Writing a host's own type (`serde`) as compact JSON of the profile.
//!
//! What JSON cannot say is an error here, never silently something else: no infinity becomes `null`.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;
use core::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::{number, scan};
use crate::error::{ErrorCode, MessageError};
use crate::limits::DEPTH_MAX;

/// Writes `value` as compact JSON: members in the order given, strings escaped only where they must be, doubles as
/// ECMAScript writes them.
///
/// Whether the text obeys the rest of the profile (distinct names, integers within range, sizes) is for the reader
/// to say.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SerError> {
    let mut out = Vec::new();
    write_json(value, &mut out)?;
    Ok(out)
}

/// [`to_json`] behind what `out` holds already. On an error `out` is left as it was.
pub(crate) fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), SerError> {
    let len = out.len();
    value.serialize(Writer { out: &mut *out, depth: 0 }).inspect_err(|_| out.truncate(len))
}

/// Writes a string with its quotes, escaped only where it must be.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = scan::text_run(rest, 0);
        let Some((head, tail)) = rest.split_at_checked(plain) else { break };
        out.extend_from_slice(head);
        let [byte, after @ ..] = tail else { break };
        write_escape(*byte, out);
        rest = after;
    }
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0xf)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Why a value has no JSON text. Nothing of the value is repeated in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SerError {
    /// A float is infinite or not a number.
    #[error("a number is finite")]
    NonFinite,
    /// A map's key is neither text, nor a character, an integer, a boolean or a variant without content.
    #[error("a member name is text")]
    NameNotText,
    /// Containers nest too deep.
    #[error("containers nest at most 128 deep")]
    TooDeep,
    /// The type's own `Serialize` gave up.
    #[error("the value's type refuses to be written")]
    Refused,
}

impl ser::Error for SerError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        // The type's message may quote the value.
        Self::Refused
    }
}

impl From<SerError> for MessageError {
    fn from(error: SerError) -> Self {
        match error {
            SerError::NonFinite => Self::new(ErrorCode::NonFiniteNumber, "a number is finite"),
            SerError::NameNotText => Self::new(ErrorCode::InvalidJson, "a member name is text"),
            SerError::TooDeep => Self::new(ErrorCode::TooDeep, "containers nest at most 128 deep"),
            SerError::Refused => Self::new(ErrorCode::InvalidJson, "the value's type refuses to be written"),
        }
    }
}

/// Writes one value.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// How many containers stand around the value.
    depth: usize,
}

impl<'a> Writer<'a> {
    fn text(self, text: &str) -> Result<(), SerError> {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn display(self, value: impl fmt::Display) -> Result<(), SerError> {
        write_display(value, self.out);
        Ok(())
    }

    /// A double; `number` is its text as ECMAScript writes it.
    fn double(self, number: &str, is_safe: bool) -> Result<(), SerError> {
        if is_safe || number.contains('e') {
            return self.text(number);
        }
        // Bare digits would be an integer literal outside ±(2^53 − 1), which has no portable form.
        let digits = number.trim_end_matches('0');
        self.out.extend_from_slice(digits.as_bytes());
        self.out.push(b'e');
        write_display(number.len().saturating_sub(digits.len()), self.out);
        Ok(())
    }

    /// Opens a container; what is returned closes it with `close`.
    fn open(self, open: u8, close: &'static [u8]) -> Result<Items<'a>, SerError> {
        if self.depth >= DEPTH_MAX {
            return Err(SerError::TooDeep);
        }
        self.out.push(open);
        Ok(Items { out: self.out, depth: self.depth.saturating_add(1), first: true, close })
    }

    /// Opens the object around an enum's content.
    fn variant(self, name: &'static str) -> Result<Writer<'a>, SerError> {
        let Items { out, depth, .. } = self.open(b'{', b"}")?;
        write_string(name, out);
        out.push(b':');
        Ok(Writer { out, depth })
    }
}

fn write_display(value: impl fmt::Display, out: &mut Vec<u8>) {
    use fmt::Write;
    struct Ascii<'a>(&'a mut Vec<u8>);
    impl Write for Ascii<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    // Writing to a vector does not fail.
    let _ = write!(Ascii(out), "{value}");
}

macro_rules! display {
    ($($method:ident: $type:ty),* $(,)?) => { $(
        fn $method(self, value: $type) -> Result<(), SerError> {
            self.display(value)
        }
    )* };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    display! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_bool(self, value: bool) -> Result<(), SerError> {
        self.text(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, value: f32) -> Result<(), SerError> {
        if !value.is_finite() {
            return Err(SerError::NonFinite);
        }
        // The shortest digits of the narrow type: 0.1, not 0.10000000149011612.
        self.double(ryu_js::Buffer::new().format_finite(value), is_safe(f64::from(value)))
    }

    fn serialize_f64(self, value: f64) -> Result<(), SerError> {
        if !value.is_finite() {
            return Err(SerError::NonFinite);
        }
        self.double(ryu_js::Buffer::new().format_finite(value), is_safe(value))
    }

    fn serialize_char(self, value: char) -> Result<(), SerError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), SerError> {
        write_string(value, self.out);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), SerError> {
        self.text("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), SerError> {
        self.text("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), SerError> {
        self.text("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), SerError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        let Writer { out, depth } = self.variant(variant)?;
        value.serialize(Writer { out: &mut *out, depth })?;
        out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, SerError> {
        self.open(b'[', b"]")
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, SerError> {
        self.open(b'[', b"]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, SerError> {
        self.open(b'[', b"]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, SerError> {
        self.variant(variant)?.open(b'[', b"]}")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, SerError> {
        self.open(b'{', b"}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, SerError> {
        self.open(b'{', b"}")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, SerError> {
        self.variant(variant)?.open(b'{', b"}}")
    }
}

/// Whether the double lies within ±(2^53 − 1), where its digits read as the same number everywhere.
fn is_safe(value: f64) -> bool {
    value.abs() <= number::SAFE_INTEGER_MAX as f64
}

/// An array or object that is open.
struct Items<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    first: bool,
    close: &'static [u8],
}

impl Items<'_> {
    fn comma(&mut self) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        value.serialize(Writer { out: &mut *self.out, depth: self.depth })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.comma();
        self.value(value)
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), SerError> {
        self.comma();
        write_string(name, self.out);
        self.out.push(b':');
        self.value(value)
    }

    fn close(self) -> Result<(), SerError> {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident),* $(,)?) => { $(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = SerError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
                self.element(value)
            }

            fn end(self) -> Result<(), SerError> {
                self.close()
            }
        }
    )* };
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

macro_rules! members {
    ($($trait:ident),* $(,)?) => { $(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = SerError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), SerError> {
                self.member(name, value)
            }

            fn end(self) -> Result<(), SerError> {
                self.close()
            }
        }
    )* };
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = SerError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerError> {
        self.comma();
        key.serialize(NameWriter(&mut *self.out))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerError> {
        self.out.push(b':');
        self.value(value)
    }

    fn end(self) -> Result<(), SerError> {
        self.close()
    }
}

/// Writes a member name: a string, or what has one obvious spelling as text.
struct NameWriter<'a>(&'a mut Vec<u8>);

impl NameWriter<'_> {
    fn display(self, value: impl fmt::Display) -> Result<(), SerError> {
        self.0.push(b'"');
        write_display(value, self.0);
        self.0.push(b'"');
        Ok(())
    }
}

macro_rules! refused {
    ($($method:ident($($type:ty),*) -> $ok:ty),* $(,)?) => { $(
        fn $method(self, $(_: $type),*) -> Result<$ok, SerError> {
            Err(SerError::NameNotText)
        }
    )* };
}

impl Serializer for NameWriter<'_> {
    type Ok = ();
    type Error = SerError;
    type SerializeSeq = Impossible<(), SerError>;
    type SerializeTuple = Impossible<(), SerError>;
    type SerializeTupleStruct = Impossible<(), SerError>;
    type SerializeTupleVariant = Impossible<(), SerError>;
    type SerializeMap = Impossible<(), SerError>;
    type SerializeStruct = Impossible<(), SerError>;
    type SerializeStructVariant = Impossible<(), SerError>;

    display! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_bool: bool,
    }

    fn serialize_char(self, value: char) -> Result<(), SerError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), SerError> {
        write_string(value, self.0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), SerError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), SerError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), SerError> {
        Err(SerError::NameNotText)
    }

    refused! {
        serialize_f32(f32) -> (),
        serialize_f64(f64) -> (),
        serialize_bytes(&[u8]) -> (),
        serialize_none() -> (),
        serialize_unit() -> (),
        serialize_unit_struct(&'static str) -> (),
        serialize_seq(Option<usize>) -> Self::SerializeSeq,
        serialize_tuple(usize) -> Self::SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_struct(&'static str, usize) -> Self::SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant,
    }
}

#[cfg(test)]
mod tests;
