//! JSON that is kept as it came: members that this version does not know, and values that only the host reads
//! (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{JsonValue, MessageError, write_json};
use serde::Serialize;

use super::fault::Fault;
use super::member::Member;

/// One JSON value, byte for byte as it was received or as it was written.
///
/// ```
/// use amp_core::wire::RawJson;
///
/// let raw = RawJson::new(&[1.5, 2.0])?;
/// assert_eq!(raw.as_str(), "[1.5,2]");
/// # Ok::<(), amp_core::MessageError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Writes a value of the host's.
    ///
    /// # Errors
    /// `non_finite_number`, `too_deep`, and `invalid_json` for what JSON cannot say.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, MessageError> {
        write_json(value).map(|json| Self(json.into()))
    }

    /// The value's JSON text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// A view of the value when it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<JsonValue<'_>> {
        JsonValue::read_carrier(self.0.as_bytes(), usize::MAX).ok()
    }

    pub(crate) fn copy_of(value: JsonValue<'_>) -> Self {
        Self(value.raw().into())
    }
}

/// Contents stay out of logs.
impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}

impl Member for RawJson {
    const RULE: &'static str = "the value is JSON";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        Ok(Self::copy_of(value))
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// The members of an object that this version does not know, in their order, as they were received.
///
/// They come from outside and nothing is checked but their JSON.
///
/// ```
/// use amp_core::wire::Extra;
///
/// let mut extra = Extra::default();
/// extra.insert("x_region", "eu")?;
/// assert_eq!(extra.get("x_region"), Some("\"eu\""));
/// # Ok::<(), amp_core::MessageError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extra(Vec<(String, RawJson)>);

impl Extra {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text of the member of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(member, value)| (member == name).then_some(value.as_str()))
    }

    /// Adds a member, or replaces the one of this name. A member that the type itself has is not written twice: the
    /// type's own stands.
    ///
    /// # Errors
    /// As [`RawJson::new`].
    pub fn insert<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), MessageError> {
        let value = RawJson::new(value)?;
        match self.0.iter_mut().find(|(member, _)| member == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.into(), value)),
        }
        Ok(())
    }

    /// Names and JSON texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn push(&mut self, name: &str, value: JsonValue<'_>) {
        self.0.push((name.into(), RawJson::copy_of(value)));
    }
}

/// Names only: contents stay out of logs.
impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name.escape_debug().take(64).collect::<String>()))
            .finish()
    }
}
