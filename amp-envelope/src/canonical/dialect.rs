//! The canonical forms that deployed programs write: three switches, one writer.

use core::fmt;
use core::str::FromStr;

use crate::json::Features;

/// A canonical form: RFC 8785, or what a deployed program writes in its place.
///
/// Messages are signed under [`Dialect::Jcs`] only. A verifier may try others after it; a match under one
/// is a valid signature over the same parsed payload, and is reported as such.
///
/// ```
/// use amp_envelope::{canonicalize, Dialect};
/// let payload = br#"{ "b": 1.0, "10": true, "9": "\u00e9" }"#;
/// assert_eq!(canonicalize(payload, Dialect::Jcs)?, r#"{"10":true,"9":"é","b":1}"#.as_bytes());
/// assert_eq!(canonicalize(payload, Dialect::Maestro)?, r#"{"9":"é","10":true,"b":1}"#.as_bytes());
/// assert_eq!(canonicalize(payload, Dialect::Jq17)?, r#"{"10":true,"9":"é","b":1.0}"#.as_bytes());
/// assert_eq!(canonicalize(payload, Dialect::PythonAscii)?, br#"{"10":true,"9":"\u00e9","b":1.0}"#);
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dialect {
    /// RFC 8785, the JSON Canonicalization Scheme: the reference.
    Jcs,
    /// The reference provider: names that are array indices (0 to 4294967294) come first, in numeric order.
    Maestro,
    /// `jq -cS` of jq 1.6: names by code point, U+007F escaped, doubles in jq's exponent style, `-0` kept.
    Jq16,
    /// `jq -cS` of jq 1.7 and later: as 1.6, with number literals kept.
    Jq17,
    /// Python's `json.dumps` with sorted keys and raw UTF-8: names by code point, Python's number text.
    PythonUtf8,
    /// Python's `json.dumps` as it is by default: the same, with every character beyond ASCII escaped.
    PythonAscii,
}

impl Dialect {
    /// Every dialect, the reference first.
    pub const ALL: [Self; 6] =
        [Self::Jcs, Self::Maestro, Self::Jq16, Self::Jq17, Self::PythonUtf8, Self::PythonAscii];

    /// The dialect's name, as test vectors spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jcs => "jcs",
            Self::Maestro => "maestro",
            Self::Jq16 => "jq-1.6",
            Self::Jq17 => "jq-1.7",
            Self::PythonUtf8 => "python-utf8",
            Self::PythonAscii => "python-ascii",
        }
    }

    pub(crate) const fn form(self) -> Form {
        let (names, numbers, strings) = match self {
            Self::Jcs => (NameOrder::Utf16, NumberForm::EcmaScript, StringForm::Minimal),
            Self::Maestro => (NameOrder::IndicesFirst, NumberForm::EcmaScript, StringForm::Minimal),
            Self::Jq16 => (NameOrder::CodePoint, NumberForm::Jq16, StringForm::DeleteEscaped),
            Self::Jq17 => (NameOrder::CodePoint, NumberForm::Jq17, StringForm::DeleteEscaped),
            Self::PythonUtf8 => (NameOrder::CodePoint, NumberForm::Python, StringForm::Minimal),
            Self::PythonAscii => (NameOrder::CodePoint, NumberForm::Python, StringForm::AsciiOnly),
        };
        Form { names, numbers, strings }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no dialect's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a dialect is jcs, maestro, jq-1.6, jq-1.7, python-utf8 or python-ascii")]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|dialect| dialect.as_str() == text).ok_or(UnknownDialect)
    }
}

/// The three switches in which dialects differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(super) names: NameOrder,
    pub(super) numbers: NumberForm,
    pub(super) strings: StringForm,
}

impl Form {
    /// The simplest form that writes a text with these features alike.
    pub(crate) const fn reduced(self, features: Features) -> Self {
        let names = match self.names {
            NameOrder::IndicesFirst if !features.indices => NameOrder::Utf16,
            NameOrder::CodePoint if !features.high_names => NameOrder::Utf16,
            names => names,
        };
        let numbers = if features.numbers { self.numbers } else { NumberForm::EcmaScript };
        let strings = match self.strings {
            StringForm::AsciiOnly if features.non_ascii => StringForm::AsciiOnly,
            StringForm::AsciiOnly | StringForm::DeleteEscaped if features.delete => StringForm::DeleteEscaped,
            _ => StringForm::Minimal,
        };
        Self { names, numbers, strings }
    }
}

/// How the members of an object are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameOrder {
    /// By UTF-16 code unit.
    Utf16,
    /// Array indices first and in numeric order, as a JavaScript object lists them; then by UTF-16 code unit.
    IndicesFirst,
    /// By code point.
    CodePoint,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberForm {
    /// `Number::toString` of ECMAScript (RFC 8785, section 3.2.2.3).
    EcmaScript,
    /// Shortest digits in jq's exponent style.
    Jq16,
    /// The literal's decimal as a to-scientific-string (General Decimal Arithmetic).
    Jq17,
    /// Integers exactly, other numbers as Python's `repr`.
    Python,
}

/// Which characters of a string are escaped beyond `"`, `\` and controls below U+0020.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringForm {
    Minimal,
    /// U+007F too.
    DeleteEscaped,
    /// Everything outside U+0020 to U+007E.
    AsciiOnly,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, BigIntegers, Index, Keep};
    use alloc::string::String;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const NAMES: [&str; 11] =
        ["a", "ab", "10", "2", "_x", "__proto__", "\u{7f}", "é", "\u{fb33}", "\u{1f600}", r"\u0031"];
    const VALUES: [&str; 14] = [
        "1",
        "-0",
        "1.0",
        "2.5",
        "1e2",
        "null",
        "\"x\"",
        "\"\u{7f}\"",
        "\"é\"",
        r#""\u00e9""#,
        r#""\u007f\n""#,
        "9007199254740993",
        r#"{"9":1,"10":2}"#,
        r#"[ "b" , {} ]"#,
    ];

    proptest! {
        #[test]
        fn dialects_of_one_form_write_one_text(
            members in proptest::collection::btree_map(0..NAMES.len(), 0..VALUES.len(), 0..5),
        ) {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| alloc::format!(r#""{}":{}"#, NAMES[*name], VALUES[*value]))
                .collect();
            let text = ["{", &members.join(","), "}"].concat();
            let mut index = Index::default();
            json::read(text.as_bytes(), Keep::Uncommon, BigIntegers::Keep, 0, &mut index).unwrap();
            let written = Dialect::ALL.map(|dialect| {
                (dialect.form().reduced(index.features()), crate::canonicalize(text.as_bytes(), dialect).ok())
            });
            for (form, output) in &written {
                for (other_form, other) in &written {
                    prop_assert!(form != other_form || output == other, "{text}: {form:?}");
                }
            }
        }
    }
}
