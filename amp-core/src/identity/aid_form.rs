//! What is signed of an Agent Identity document: canonical form, or the text that jq prints (agent identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_envelope::{Dialect, JsonKind, JsonValue, MessageError, canonicalize};

use super::object::quoted;

/// Which text of an Agent Identity document was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AidForm {
    /// Canonical form: RFC 8785, which is what is written, or that of `jq -cS`.
    Canonical(Dialect),
    /// The text that jq prints for people: two spaces a level, members in the order in which they stand.
    Pretty,
}

/// The forms in the order in which they are tried. The last two are one unless a number is spelled unusually.
const FORMS: [(AidForm, Dialect); 5] = [
    (AidForm::Canonical(Dialect::Jcs), Dialect::Jcs),
    (AidForm::Canonical(Dialect::Jq17), Dialect::Jq17),
    (AidForm::Canonical(Dialect::Jq16), Dialect::Jq16),
    (AidForm::Pretty, Dialect::Jq17),
    (AidForm::Pretty, Dialect::Jq16),
];

/// The first form whose text is accepted; equal texts are offered once.
pub(super) fn find(object: &str, accepts: impl Fn(&[u8]) -> bool) -> Option<AidForm> {
    let mut tried: Vec<Vec<u8>> = Vec::new();
    for (form, dialect) in FORMS {
        let Ok(text) = signed_text(object, form, dialect) else { continue };
        if tried.contains(&text) {
            continue;
        }
        if accepts(&text) {
            return Some(form);
        }
        tried.push(text);
    }
    None
}

fn signed_text(object: &str, form: AidForm, dialect: Dialect) -> Result<Vec<u8>, MessageError> {
    match form {
        AidForm::Canonical(dialect) => canonicalize(object.as_bytes(), dialect),
        AidForm::Pretty => {
            let mut out = Vec::new();
            print(JsonValue::read_object(object.as_bytes())?, dialect, 0, &mut out)?;
            Ok(out)
        }
    }
}

/// Prints a value as `jq .` does. Nesting is at most 128 deep: the reader has seen to it.
fn print(
    value: JsonValue<'_>,
    dialect: Dialect,
    level: usize,
    out: &mut Vec<u8>,
) -> Result<(), MessageError> {
    let inner = level.saturating_add(1);
    match value.kind() {
        JsonKind::Object if value.members().next().is_some() => {
            for (index, (name, member)) in value.members().enumerate() {
                out.extend_from_slice(if index == 0 { b"{" } else { b"," });
                line(inner, out);
                scalar(&quoted(&name), dialect, out)?;
                out.extend_from_slice(b": ");
                print(member, dialect, inner, out)?;
            }
            line(level, out);
            out.push(b'}');
        }
        JsonKind::Array if value.elements().next().is_some() => {
            for (index, element) in value.elements().enumerate() {
                out.extend_from_slice(if index == 0 { b"[" } else { b"," });
                line(inner, out);
                print(element, dialect, inner, out)?;
            }
            line(level, out);
            out.push(b']');
        }
        JsonKind::Object => out.extend_from_slice(b"{}"),
        JsonKind::Array => out.extend_from_slice(b"[]"),
        _ => scalar(value.raw(), dialect, out)?,
    }
    Ok(())
}

fn line(level: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    for _ in 0..level {
        out.extend_from_slice(b"  ");
    }
}

/// A string, number, boolean or null as the dialect writes it.
fn scalar(json: &str, dialect: Dialect, out: &mut Vec<u8>) -> Result<(), MessageError> {
    let object: String = ["{\"\":", json, "}"].concat();
    let canonical = canonicalize(object.as_bytes(), dialect)?;
    let value = canonical.strip_prefix(b"{\"\":").and_then(|rest| rest.strip_suffix(b"}"));
    out.extend_from_slice(value.unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pretty(object: &str, dialect: Dialect) -> String {
        String::from_utf8(signed_text(object, AidForm::Pretty, dialect).unwrap()).unwrap()
    }

    #[test]
    fn pretty_text_is_what_jq_prints() {
        // As `jq .` of jq 1.6 prints it, and 1.7 alike.
        let object = r#"{"b":[1,{"x":[],"y":{}}],"a":"\u00e9\u007f\/\n","c":{"n":null,"t":true}}"#;
        let printed = r#"{
  "b": [
    1,
    {
      "x": [],
      "y": {}
    }
  ],
  "a": "é\u007f/\n",
  "c": {
    "n": null,
    "t": true
  }
}"#;
        assert_eq!(pretty(object, Dialect::Jq16), printed);
        assert_eq!(pretty(object, Dialect::Jq17), printed);
    }

    #[test]
    fn numbers_are_printed_as_each_version_of_jq_prints_them() {
        assert_eq!(pretty(r#"{"a":1.0}"#, Dialect::Jq16), "{\n  \"a\": 1\n}");
        assert_eq!(pretty(r#"{"a":1.0}"#, Dialect::Jq17), "{\n  \"a\": 1.0\n}");
    }

    // rule: AID-2
    #[test]
    fn each_version_of_jq_is_recognized_by_its_numbers() {
        for (printed, form) in [
            ("{\n  \"b\": 1,\n  \"a\": 1e-07\n}", AidForm::Pretty),
            ("{\n  \"b\": 1.0,\n  \"a\": 1E-7\n}", AidForm::Pretty),
            (r#"{"a":1e-07,"b":1}"#, AidForm::Canonical(Dialect::Jq16)),
            (r#"{"a":1E-7,"b":1.0}"#, AidForm::Canonical(Dialect::Jq17)),
            (r#"{"a":1e-7,"b":1}"#, AidForm::Canonical(Dialect::Jcs)),
        ] {
            let found = find(r#"{"b":1.0,"a":1e-7}"#, |text| text == printed.as_bytes());
            assert_eq!(found, Some(form), "{printed}");
        }
    }

    #[test]
    fn every_text_is_tried_once() {
        let tried = core::cell::RefCell::new(Vec::new());
        assert_eq!(
            find(r#"{"b":"1","a":"2"}"#, |text| {
                tried.borrow_mut().push(text.to_vec());
                false
            }),
            None
        );
        assert_eq!(tried.into_inner().len(), 2);
    }
}
