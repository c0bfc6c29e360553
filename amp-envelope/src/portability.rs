//! Which deployed programs would hash a payload alike, and where it leaves common ground (portability of what is
//! signed).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt::{self, Write};

use crate::canonical::{Dialect, array_index, write_number};
use crate::error::{ErrorCode, MessageError};
use crate::json::{
    JsonKind, JsonValue, Literal, read_number, skip_string, skip_white_space, unescaped, utf16,
};

/// How a payload fares with the deployed programs that verify it: which of them compute the reference's hash.
///
/// ```
/// use amp_envelope::{Dialect, Payload, PortabilityKind};
/// let payload = Payload::from_json(br#"{"type":"status","message":"m","context":{"load":1.0,"tags":["\u00e9"]}}"#)?;
/// let portability = payload.portability()?;
/// assert!(!portability.is_portable());
/// let load = &portability.notes()[0];
/// assert_eq!(load.kind(), PortabilityKind::NonIntegerNumber);
/// assert_eq!(load.pointer(), "/context/load");
/// assert_eq!(load.dialects(), [Dialect::Jq17, Dialect::PythonUtf8, Dialect::PythonAscii]);
/// assert!(portability.agreeing_dialects().eq([Dialect::Jcs, Dialect::Maestro, Dialect::Jq16]));
/// # Ok::<(), amp_envelope::MessageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portability {
    notes: Vec<PortabilityNote>,
}

impl Portability {
    /// Whether every dialect writes the payload as RFC 8785 does.
    ///
    /// There may be notes all the same: `2.5` is no integer, yet all dialects write it alike.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        self.notes.iter().all(|note| note.dialects.is_empty())
    }

    /// What leaves common ground, one note of each kind, in the order in which the kinds first occur.
    #[must_use]
    pub fn notes(&self) -> &[PortabilityNote] {
        &self.notes
    }

    /// The dialects that write the payload as RFC 8785 does, itself the first.
    pub fn agreeing_dialects(&self) -> impl Iterator<Item = Dialect> + '_ {
        Dialect::ALL
            .into_iter()
            .filter(|dialect| self.notes.iter().all(|note| !note.dialects.contains(dialect)))
    }
}

/// One way in which a payload leaves the ground that all programs have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortabilityNote {
    kind: PortabilityKind,
    pointer: String,
    count: usize,
    dialects: Vec<Dialect>,
}

impl PortabilityNote {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> PortabilityKind {
        self.kind
    }

    /// The first place where it occurs: a JSON pointer (RFC 6901) into the payload, at most 64 characters of
    /// printable ASCII. What is longer ends in `...`; other characters are escaped.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// At how many places it occurs, at least 1.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The dialects that would compute another hash for it, in the order of [`Dialect::ALL`].
    #[must_use]
    pub fn dialects(&self) -> &[Dialect] {
        &self.dialects
    }
}

impl fmt::Display for PortabilityNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.kind, self.pointer)?;
        if let Some(more) = self.count.checked_sub(1).filter(|more| *more > 0) {
            write!(f, " and {more} more")?;
        }
        for (n, dialect) in self.dialects.iter().enumerate() {
            write!(f, "{}{dialect}", if n == 0 { ": differs under " } else { ", " })?;
        }
        Ok(())
    }
}

/// What programs write differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortabilityKind {
    /// A number with a point or an exponent, or `-0`. Programs lay its digits out differently, and one keeps the
    /// literal. An integral one of 2^53 or more may also come back from a relay as an integer literal that is refused.
    NonIntegerNumber,
    /// Member names that are array indices, where their numeric order is not their order as text (`"9"`, `"10"`), or
    /// where other names sort before digits.
    IntegerLikeNames,
    /// Member names outside the Basic Multilingual Plane beside names above U+D7FF: their orders by UTF-16 code unit
    /// and by code point differ.
    NameOrder,
    /// U+007F in a string or a name: some programs escape it.
    DeleteCharacter,
    /// A character beyond ASCII in a string or a name: Python's default escapes it.
    NonAsciiText,
}

impl PortabilityKind {
    /// The kind as a word for logs and tables: `non_integer_number`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NonIntegerNumber => "non_integer_number",
            Self::IntegerLikeNames => "integer_like_names",
            Self::NameOrder => "name_order",
            Self::DeleteCharacter => "delete_character",
            Self::NonAsciiText => "non_ascii_text",
        }
    }
}

impl fmt::Display for PortabilityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Judges a payload that has passed the reader. Refuses what [`check`] refuses.
pub(crate) fn of(payload: JsonValue<'_>) -> Result<Portability, MessageError> {
    check(payload)?;
    let mut survey = Survey::default();
    survey.value(payload);
    Ok(Portability { notes: survey.notes })
}

/// Refuses what has no portable form at all, in one pass over a payload that has passed the reader:
/// `unportable_number` for an integer literal outside ±(2^53 − 1), `unportable_payload` for a member `__proto__`.
///
/// The reader itself refuses the rest: lone surrogates, numbers too large for a double, nesting too deep.
pub(crate) fn check(payload: JsonValue<'_>) -> Result<(), MessageError> {
    let bytes = payload.bytes();
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => {
                at = skip_string(bytes, start);
                let is_name = bytes.get(skip_white_space(bytes, at)) == Some(&b':');
                if let (true, Some([b'"', contents @ .., b'"'])) = (is_name, bytes.get(start..at)) {
                    check_name(&unescaped(contents))?;
                }
            }
            b'-' | b'0'..=b'9' => {
                let (len, kind) = read_number(bytes.get(start..).unwrap_or_default())?;
                check_number(kind)?;
                at = start.saturating_add(len);
            }
            _ => at = start.saturating_add(1),
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), MessageError> {
    if name != "__proto__" {
        return Ok(());
    }
    Err(MessageError::new(
        ErrorCode::UnportablePayload,
        "no member is named __proto__, which the dialect `maestro` loses",
    ))
}

fn check_number(kind: Literal) -> Result<(), MessageError> {
    if kind != Literal::BigInteger {
        return Ok(());
    }
    Err(MessageError::new(ErrorCode::UnportableNumber, "an integer literal lies within ±(2^53 − 1)"))
}

#[derive(Default)]
struct Survey<'a> {
    notes: Vec<PortabilityNote>,
    path: Vec<Step<'a>>,
    reference: Vec<u8>,
    other: Vec<u8>,
}

/// One step from a container to what it holds.
enum Step<'a> {
    Name(Cow<'a, str>),
    Element(usize),
}

impl<'a> Survey<'a> {
    /// Recursion is bounded by the reader's limit on depth.
    fn value(&mut self, value: JsonValue<'a>) {
        match value.kind() {
            JsonKind::Null | JsonKind::Bool => {}
            JsonKind::Number => self.number(value.bytes()),
            JsonKind::String => self.text(&value.as_str().unwrap_or_default()),
            JsonKind::Array => {
                for (n, element) in value.elements().enumerate() {
                    self.path.push(Step::Element(n));
                    self.value(element);
                    self.path.pop();
                }
            }
            JsonKind::Object => {
                self.names(value);
                for (name, member) in value.members() {
                    self.path.push(Step::Name(name));
                    self.value(member);
                    self.path.pop();
                }
            }
        }
    }

    fn number(&mut self, literal: &[u8]) {
        if matches!(read_number(literal), Ok((_, Literal::Integer))) {
            return;
        }
        self.reference.clear();
        // The reader let only numbers pass that RFC 8785 can write.
        if write_number(literal, Dialect::Jcs, &mut self.reference).is_err() {
            return;
        }
        let note = self.note(PortabilityKind::NonIntegerNumber);
        for dialect in Dialect::ALL {
            if self.notes.get(note).is_some_and(|note| note.dialects.contains(&dialect)) {
                continue;
            }
            self.other.clear();
            // A dialect that cannot write the number does not agree either.
            if write_number(literal, dialect, &mut self.other).is_err() || self.other != self.reference {
                self.differs(note, &[dialect]);
            }
        }
    }

    fn text(&mut self, text: &str) {
        if text.contains('\u{7f}') {
            let note = self.note(PortabilityKind::DeleteCharacter);
            self.differs(note, &[Dialect::Jq16, Dialect::Jq17, Dialect::PythonAscii]);
        }
        if !text.is_ascii() {
            let note = self.note(PortabilityKind::NonAsciiText);
            self.differs(note, &[Dialect::PythonAscii]);
        }
    }

    /// Looks at the names of one object, each by itself and their order.
    fn names(&mut self, object: JsonValue<'a>) {
        let mut names: Vec<_> = object.members().map(|(name, _)| name).collect();
        for name in &names {
            self.text(name);
        }
        names.sort_unstable_by(|a, b| utf16(a.as_bytes(), b.as_bytes()));
        if !names.is_sorted_by(|a, b| indices_first(a, b).is_lt()) {
            let note = self.note(PortabilityKind::IntegerLikeNames);
            self.differs(note, &[Dialect::Maestro]);
        }
        if !names.is_sorted() {
            let note = self.note(PortabilityKind::NameOrder);
            self.differs(note, &[Dialect::Jq16, Dialect::Jq17, Dialect::PythonUtf8, Dialect::PythonAscii]);
        }
    }

    /// Counts one more place for the kind's note, which the first place begins; tells which note it is.
    fn note(&mut self, kind: PortabilityKind) -> usize {
        if let Some(n) = self.notes.iter().position(|note| note.kind == kind) {
            if let Some(note) = self.notes.get_mut(n) {
                note.count = note.count.saturating_add(1);
            }
            return n;
        }
        let pointer = self.pointer();
        self.notes.push(PortabilityNote { kind, pointer, count: 1, dialects: Vec::new() });
        self.notes.len().saturating_sub(1)
    }

    fn differs(&mut self, note: usize, dialects: &[Dialect]) {
        let Some(note) = self.notes.get_mut(note) else { return };
        note.dialects.extend_from_slice(dialects);
        note.dialects.sort_unstable();
        note.dialects.dedup();
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            // The rest would be cut off anyway.
            if pointer.len() > POINTER_MAX_CHARS {
                break;
            }
            pointer.push('/');
            match step {
                Step::Element(n) => {
                    // Writing to a string does not fail.
                    let _ = write!(pointer, "{n}");
                }
                Step::Name(name) => {
                    name.chars().take(POINTER_MAX_CHARS).for_each(|c| push_escaped(c, &mut pointer))
                }
            }
        }
        if pointer.len() > POINTER_MAX_CHARS {
            pointer.truncate(POINTER_MAX_CHARS.saturating_sub(3));
            pointer.push_str("...");
        }
        pointer
    }
}

/// Longest pointer in a note, in characters.
const POINTER_MAX_CHARS: usize = 64;

/// Appends a character of a name in ASCII: `~` and `/` as RFC 6901 has it, what is not printable as an escape.
fn push_escaped(character: char, pointer: &mut String) {
    match character {
        '~' => pointer.push_str("~0"),
        '/' => pointer.push_str("~1"),
        ' '..='~' => pointer.push(character),
        _ => pointer.extend(character.escape_default()),
    }
}

/// The order in which a JavaScript object lists its members.
fn indices_first(a: &str, b: &str) -> Ordering {
    match (array_index(a.as_bytes()), array_index(b.as_bytes())) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => utf16(a.as_bytes(), b.as_bytes()),
    }
}
