//! A JSON object that others write too: what is not understood is kept as it was received (identity, records).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use core::str::FromStr;

use amp_envelope::{JsonKind, JsonValue, MessageError, write_json};
use zeroize::Zeroizing;

/// The text of an object that obeys the JSON profile. Wiped when dropped, since some of them hold keys.
#[derive(Clone)]
pub(super) struct Object(Zeroizing<String>);

/// A member that is absent, or does not obey its grammar.
pub(super) enum Fault {
    Missing(&'static str),
    Invalid(&'static str, &'static str),
}

impl Object {
    pub(super) fn empty() -> Self {
        Self(Zeroizing::new(String::from("{}")))
    }

    pub(super) fn read(json: &[u8]) -> Result<Self, MessageError> {
        Ok(Self(Zeroizing::new(String::from(JsonValue::read_object(json)?.raw()))))
    }

    pub(super) fn as_json(&self) -> &str {
        &self.0
    }

    /// The member of this name; one that is null counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        let object = JsonValue::read_object(self.0.as_bytes()).ok()?;
        object.get(name).filter(|value| !value.is_null())
    }

    /// The first of several spellings of a member that is there.
    pub(super) fn first_of(&self, names: &[&str]) -> Option<JsonValue<'_>> {
        names.iter().find_map(|name| self.get(name))
    }

    /// A member that must be text.
    pub(super) fn text(&self, name: &'static str) -> Result<Cow<'_, str>, Fault> {
        self.optional_text(name)?.ok_or(Fault::Missing(name))
    }

    /// A member that is text, null or absent.
    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<Cow<'_, str>>, Fault> {
        self.get(name)
            .map(|value| value.as_str().ok_or(Fault::Invalid(name, "the value is text")))
            .transpose()
    }

    /// A member that must be text of a grammar.
    pub(super) fn parsed<T: FromStr>(&self, name: &'static str, rule: &'static str) -> Result<T, Fault> {
        self.text(name)?.parse().map_err(|_| Fault::Invalid(name, rule))
    }

    /// The member as an object of its own; none when it is absent or of another kind.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        let value = self.get(name).filter(|value| value.kind() == JsonKind::Object)?;
        Some(Self(Zeroizing::new(String::from(value.raw()))))
    }

    /// Replaces the member where it stands, or appends it. `json` is the value's JSON text.
    pub(super) fn set(&mut self, name: &str, json: &str) {
        let mut written = Zeroizing::new(String::from("{"));
        let mut found = false;
        for (member, value) in self.members() {
            let is_it = member == name;
            found |= is_it;
            write_member(&member, if is_it { json } else { value.raw() }, &mut written);
        }
        if !found {
            write_member(name, json, &mut written);
        }
        written.push('}');
        self.0 = written;
    }

    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, &Zeroizing::new(quoted(text)));
    }

    pub(super) fn set_object(&mut self, name: &str, object: &Self) {
        self.set(name, object.as_json());
    }

    /// The object's text without one member.
    pub(super) fn without(&self, name: &str) -> Self {
        let mut written = Zeroizing::new(String::from("{"));
        for (member, value) in self.members().filter(|(member, _)| member != name) {
            write_member(&member, value.raw(), &mut written);
        }
        written.push('}');
        Self(written)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members().any(|(member, _)| member == name)
    }

    fn members(&self) -> impl Iterator<Item = (Cow<'_, str>, JsonValue<'_>)> {
        JsonValue::read_object(self.0.as_bytes()).ok().into_iter().flat_map(|object| object.members())
    }
}

fn write_member(name: &str, json: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push_str(&quoted(name));
    out.push(':');
    out.push_str(json);
}

/// A text as JSON. Text can always be written.
pub(super) fn quoted(text: &str) -> String {
    write_json(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_replaced_in_its_place_and_the_others_keep_their_spelling() {
        let mut object = Object::read(br#" { "a" : 1.50, "b\u0021":[ 1 ], "c":null } "#).unwrap();
        object.set_text("b!", "x\"\n");
        object.set("d", "{}");
        assert_eq!(object.as_json(), r#"{"a":1.50,"b!":"x\"\n","c":null,"d":{}}"#);
        assert!(object.get("c").is_none());
        assert!(object.has("c"));
        assert_eq!(object.without("a").as_json(), r#"{"b!":"x\"\n","c":null,"d":{}}"#);
        assert_eq!(Object::empty().without("a").as_json(), "{}");
    }

    #[test]
    fn a_value_that_looks_like_an_open_object_does_not_swallow_a_comma() {
        let mut object = Object::read(br#"{"a":"{"}"#).unwrap();
        object.set("b", "1");
        assert_eq!(object.as_json(), r#"{"a":"{","b":1}"#);
    }
}
