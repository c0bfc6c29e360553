//! The one-pass reader: grammar, limits, duplicate names, and what canonical form will need.
//!
//! Every byte is looked at once. While a container is open its members wait on a stack; when it closes,
//! its names are known to be distinct (either each was greater than the one before, or they were sorted and
//! neighbours compared). A container whose bytes are already canonical is forgotten: its parent copies it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::{ErrorCode, MessageError};
use crate::json::index::{Container, Index, Item, NameAt, Node, Span};
use crate::json::number::{self, Literal};
use crate::json::{order, scan, string};
use crate::limits::{DEPTH_MAX, KEYS_PER_OBJECT_MAX};

/// Which containers the reader keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those that are not canonical, and the objects of the given number of outer levels.
    Levels(u8),
    /// All: for dialects under which nothing is known to be canonical.
    All,
}

/// How integer literals outside ±(2^53 − 1) are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BigIntegers {
    Keep,
    Refuse,
}

/// Reads one JSON object that fills `bytes` into `index`; returns its container.
///
/// `outer` is how many levels stand outside the value whose depth is limited.
pub(crate) fn read(
    bytes: &[u8],
    keep: Keep,
    big: BigIntegers,
    outer: u8,
    index: &mut Index,
) -> Result<Container, MessageError> {
    index.clear();
    if u32::try_from(bytes.len()).is_err() {
        return Err(MessageError::new(ErrorCode::TooLarge, "a text has at most 4 GiB"));
    }
    let mut reader =
        Reader { bytes, at: 0, keep, big, depth_max: DEPTH_MAX.saturating_add(usize::from(outer)), index };
    let result = reader.text();
    result.map_err(|error| blame_encoding(bytes, error))
}

/// A byte that is not UTF-8 looks like bad JSON to the reader outside of strings; say what it is.
fn blame_encoding(bytes: &[u8], error: MessageError) -> MessageError {
    if error.code() != ErrorCode::InvalidJson {
        return error;
    }
    match core::str::from_utf8(bytes) {
        Err(utf8) if error.at_byte().is_some_and(|at| utf8.valid_up_to() <= at as usize) => {
            invalid_utf8().at(utf8.valid_up_to())
        }
        _ => error,
    }
}

struct Reader<'a, 'i> {
    bytes: &'a [u8],
    at: usize,
    keep: Keep,
    big: BigIntegers,
    depth_max: usize,
    index: &'i mut Index,
}

/// What became of a value.
#[derive(Clone, Copy)]
struct Value {
    node: Node,
    clean: bool,
}

impl Reader<'_, '_> {
    fn text(&mut self) -> Result<Container, MessageError> {
        if self.bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(MessageError::new(
                ErrorCode::ByteOrderMark,
                "a text begins without a byte order mark",
            )
            .at(0));
        }
        self.white_space();
        if self.peek() != b'{' {
            // Tell another JSON value from something that is not JSON at all.
            self.value(0)?;
            self.white_space();
            return Err(match self.bytes.get(self.at) {
                None => MessageError::new(ErrorCode::NotAnObject, "the value is an object").at(0),
                Some(_) => self.malformed("nothing but white space follows the value"),
            });
        }
        let value = self.object(0)?;
        self.white_space();
        if self.at < self.bytes.len() {
            return Err(self.malformed("nothing but white space follows the value"));
        }
        match value.node {
            Node::Container(id) => self.index.container(id),
            // An object that was clean and forgotten: an empty list of items, copied whole.
            Node::Clean | Node::Scalar => Some(Container { first: 0, len: 0, object: true, clean: true }),
        }
        .ok_or(MessageError::new(ErrorCode::NotAnObject, "the value is an object"))
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn bump(&mut self) {
        self.at = self.at.wrapping_add(1);
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips white space; tells whether there was any.
    fn white_space(&mut self) -> bool {
        if self.peek() > b' ' {
            return false;
        }
        let start = self.at;
        while let b' ' | b'\n' | b'\t' | b'\r' = self.peek() {
            self.bump();
        }
        self.at != start
    }

    fn value(&mut self, depth: usize) -> Result<Value, MessageError> {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => Err(self.malformed("a value is an object, array, string, number, true, false or null")),
        }
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<Value, MessageError> {
        if !self.rest().starts_with(word) {
            return Err(self.malformed("a bare word is true, false or null"));
        }
        self.at = self.at.wrapping_add(word.len());
        Ok(self.scalar(true))
    }

    fn scalar(&self, canonical: bool) -> Value {
        let clean = canonical && self.keep != Keep::All;
        Value { node: if clean { Node::Clean } else { Node::Scalar }, clean }
    }

    fn number(&mut self) -> Result<Value, MessageError> {
        let (len, literal) = number::read(self.rest()).map_err(|error| error.at(self.at))?;
        let canonical = match literal {
            Literal::Integer => true,
            Literal::NegativeZero => false,
            Literal::BigInteger if self.big == BigIntegers::Refuse => {
                return Err(MessageError::new(
                    ErrorCode::UnportableNumber,
                    "an integer literal lies within ±(2^53 − 1)",
                )
                .at(self.at));
            }
            Literal::BigInteger => false,
            Literal::Fraction => is_ecmascript(self.rest().get(..len).unwrap_or_default()),
        };
        self.at = self.at.wrapping_add(len);
        Ok(self.scalar(canonical))
    }

    fn string(&mut self) -> Result<Value, MessageError> {
        self.bump();
        let (_, canonical, _) = self.contents()?;
        Ok(self.scalar(canonical))
    }

    /// Reads a string's contents and its closing quote: where they stand, whether they are canonical and
    /// whether they hold escapes.
    fn contents(&mut self) -> Result<(Span, bool, bool), MessageError> {
        let start = self.at;
        let mut run = scan::plain_run(self.bytes, start);
        let mut non_ascii = run.non_ascii;
        let mut canonical = true;
        let mut escaped = false;
        loop {
            self.at = run.end;
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let escape = string::escape(self.rest()).map_err(|error| error.at(self.at))?;
                    canonical &= escape.canonical;
                    escaped = true;
                    self.at = self.at.wrapping_add(escape.len);
                    run = scan::plain_run(self.bytes, self.at);
                    non_ascii |= run.non_ascii;
                }
                Some(_) => return Err(self.malformed("a control character in a string is escaped")),
                None => return Err(self.malformed("a string ends with a quotation mark")),
            }
        }
        let span = self.span_from(start);
        if non_ascii {
            if let Err(error) = core::str::from_utf8(span.of(self.bytes)) {
                return Err(invalid_utf8().at(start.wrapping_add(error.valid_up_to())));
            }
        }
        self.bump();
        Ok((span, canonical, escaped))
    }

    fn span_from(&self, start: usize) -> Span {
        // Offsets fit: `read` refuses longer texts.
        Span { start: start as u32, end: self.at as u32 }
    }

    fn object(&mut self, depth: usize) -> Result<Value, MessageError> {
        let depth = self.deeper(depth)?;
        let base = self.index.open.len();
        let names = self.index.names.len();
        self.bump();
        let mut clean = !self.white_space();
        let mut sorted = true;
        if self.peek() == b'}' {
            self.bump();
        } else {
            loop {
                let (member, member_clean) = self.member(depth)?;
                clean &= member_clean;
                if let Some(before) = self.index.open.get(base..).and_then(<[Item]>::last) {
                    sorted = sorted && self.is_less(before, &member);
                }
                if self.index.open.len().wrapping_sub(base) >= KEYS_PER_OBJECT_MAX {
                    return Err(MessageError::new(
                        ErrorCode::TooManyKeys,
                        "an object has at most 10,000 members",
                    )
                    .at(self.at));
                }
                self.index.open.push(member);
                clean &= !self.white_space();
                match self.peek() {
                    b',' => self.bump(),
                    b'}' => {
                        self.bump();
                        break;
                    }
                    _ => return Err(self.malformed("a member is followed by a comma or a closing brace")),
                }
                clean &= !self.white_space();
            }
        }
        if !sorted {
            self.sort(base)?;
        }
        Ok(self.close(depth, base, names, true, clean && sorted))
    }

    fn member(&mut self, depth: usize) -> Result<(Item, bool), MessageError> {
        if self.peek() != b'"' {
            return Err(self.malformed("a member begins with its name, a string"));
        }
        self.bump();
        let word = scan::word_at(self.bytes, self.at);
        let (span, mut clean, escaped) = self.contents()?;
        let (name, name_at, prefix) = if escaped {
            let start = self.index.names.len();
            string::unescape(span.of(self.bytes), &mut self.index.names);
            let name = Span { start: start as u32, end: self.index.names.len() as u32 };
            (name, NameAt::Unescaped, order::prefix(name.of(&self.index.names)))
        } else {
            let prefix = match word {
                Some(word) if word & 0x8080_8080_8080_8080 == 0 => order::ascii_prefix(word, span.len()),
                _ => order::prefix(span.of(self.bytes)),
            };
            (span, NameAt::Received, prefix)
        };
        clean &= !self.white_space();
        if self.peek() != b':' {
            return Err(self.malformed("a member's name is followed by a colon"));
        }
        self.bump();
        clean &= !self.white_space();
        let start = self.at;
        let value = self.value(depth)?;
        Ok((
            Item { prefix, name, value: self.span_from(start), node: value.node, name_at },
            clean && value.clean,
        ))
    }

    fn array(&mut self, depth: usize) -> Result<Value, MessageError> {
        let depth = self.deeper(depth)?;
        let base = self.index.open.len();
        let names = self.index.names.len();
        self.bump();
        let mut clean = !self.white_space();
        if self.peek() == b']' {
            self.bump();
        } else {
            loop {
                let start = self.at;
                let value = self.value(depth)?;
                clean &= value.clean;
                // When all is kept the writer knows that every scalar must be written anew.
                if value.node != Node::Clean && (value.node != Node::Scalar || self.keep != Keep::All) {
                    let value_span = self.span_from(start);
                    self.index.open.push(Item {
                        prefix: 0,
                        name: Span::default(),
                        value: value_span,
                        node: value.node,
                        name_at: NameAt::Received,
                    });
                }
                clean &= !self.white_space();
                match self.peek() {
                    b',' => self.bump(),
                    b']' => {
                        self.bump();
                        break;
                    }
                    _ => return Err(self.malformed("an element is followed by a comma or a closing bracket")),
                }
                clean &= !self.white_space();
            }
        }
        Ok(self.close(depth, base, names, false, clean))
    }

    fn deeper(&self, depth: usize) -> Result<usize, MessageError> {
        if depth >= self.depth_max {
            return Err(MessageError::new(ErrorCode::TooDeep, "containers nest at most 128 deep").at(self.at));
        }
        Ok(depth.wrapping_add(1))
    }

    /// Forgets a clean container; moves the items of any other from the stack to the index.
    fn close(&mut self, depth: usize, base: usize, names: usize, object: bool, clean: bool) -> Value {
        let clean = clean && self.keep != Keep::All;
        let kept = match self.keep {
            Keep::Levels(levels) => object && depth <= usize::from(levels),
            Keep::All => true,
        };
        if clean && !kept {
            self.index.open.truncate(base);
            self.index.names.truncate(names);
            return Value { node: Node::Clean, clean: true };
        }
        let first = self.index.items.len();
        let open = self.index.open.get(base..).unwrap_or_default();
        let container = Container { first: first as u32, len: open.len() as u32, object, clean };
        self.index.items.extend_from_slice(open);
        self.index.open.truncate(base);
        let id = self.index.containers.len() as u32;
        self.index.containers.push(container);
        Value { node: Node::Container(id), clean }
    }

    fn is_less(&self, a: &Item, b: &Item) -> bool {
        match a.prefix.cmp(&b.prefix) {
            core::cmp::Ordering::Less => true,
            core::cmp::Ordering::Greater => false,
            core::cmp::Ordering::Equal => {
                let names = &self.index.names;
                order::utf16(a.name(self.bytes, names), b.name(self.bytes, names)).is_lt()
            }
        }
    }

    /// Sorts the members of the object that is closing, and refuses two of one name.
    fn sort(&mut self, base: usize) -> Result<(), MessageError> {
        let Index { open, names, .. } = &mut *self.index;
        let members = open.get_mut(base..).unwrap_or_default();
        let bytes = self.bytes;
        members.sort_unstable_by(|a, b| {
            a.prefix.cmp(&b.prefix).then_with(|| order::utf16(a.name(bytes, names), b.name(bytes, names)))
        });
        for (a, b) in members.iter().zip(members.iter().skip(1)) {
            if a.prefix == b.prefix && a.name(bytes, names) == b.name(bytes, names) {
                let second = a.value.start.max(b.value.start);
                return Err(MessageError::new(
                    ErrorCode::DuplicateKey,
                    "a member name stands twice in one object",
                )
                .at(second as usize));
            }
        }
        Ok(())
    }

    fn malformed(&self, rule: &'static str) -> MessageError {
        MessageError::new(ErrorCode::InvalidJson, rule).at(self.at.min(self.bytes.len()))
    }
}

const fn invalid_utf8() -> MessageError {
    MessageError::new(ErrorCode::InvalidUtf8, "the text is UTF-8")
}

/// Whether a literal with a point or an exponent is spelled as ECMAScript spells its double.
fn is_ecmascript(literal: &[u8]) -> bool {
    number::double(literal)
        .is_some_and(|value| ryu_js::Buffer::new().format_finite(value).as_bytes() == literal)
}
