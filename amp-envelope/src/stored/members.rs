//! The members of an object that others write too: what is not understood is kept as it was received.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::json::{JsonKind, JsonValue, write_string};

/// Members in the order received: a name, and its value's JSON text.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Members(Vec<(String, String)>);

impl Members {
    /// The members of an object that has passed the reader.
    pub(super) fn of(object: JsonValue<'_>) -> Self {
        Self(object.members().map(|(name, value)| (name.into_owned(), value.raw().into())).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        let (_, value) = self.0.iter().find(|(member, _)| member == name)?;
        Some(JsonValue::new(value.as_bytes()))
    }

    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name)?.as_str()
    }

    /// The value of a member that is text and parses.
    pub(super) fn parsed<T: core::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Replaces the member's value, or appends the member. `json` is the value's JSON text.
    pub(super) fn set(&mut self, name: &str, json: String) {
        match self.0.iter_mut().find(|(member, _)| member == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.into(), json)),
        }
    }

    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, quoted(text));
    }

    /// Takes the member out.
    pub(super) fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(member, _)| member == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes a member that is an object out; one that is null goes too. Any other value is an error and stays.
    pub(super) fn remove_object(&mut self, name: &str) -> Result<Option<Self>, NotAnObject> {
        match self.get(name).map(|value| (value.kind(), value)) {
            None => return Ok(None),
            Some((JsonKind::Object | JsonKind::Null, _)) => {}
            Some(_) => return Err(NotAnObject),
        }
        let value = self.remove(name).unwrap_or_default();
        let value = JsonValue::new(value.as_bytes());
        Ok((!value.is_null()).then(|| Self::of(value)))
    }

    pub(super) fn to_json(&self) -> String {
        let mut json = String::from("{");
        self.write_into(&mut json);
        json.push('}');
        json
    }

    /// Appends the members, each behind a comma unless it opens the object.
    pub(super) fn write_into(&self, json: &mut String) {
        for (name, value) in &self.0 {
            write_member(name, value, json);
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Contents stay out of logs.
        write!(f, "{} members", self.0.len())
    }
}

/// Where an object was wanted stands something else.
pub(super) struct NotAnObject;

/// Appends a member to an object that is being written.
pub(super) fn write_member(name: &str, value: &str, json: &mut String) {
    if !json.ends_with('{') {
        json.push(',');
    }
    json.push_str(&quoted(name));
    json.push(':');
    json.push_str(value);
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    write_string(text, &mut out);
    // Only text was written.
    String::from_utf8(out).unwrap_or_default()
}
