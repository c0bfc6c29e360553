//! The one-pass reader: grammar, limits, duplicate names, and what canonical form will need.
//!
//! Every byte is looked at once. While a container is open its members wait on a stack; when it closes,
//! its names are known to be distinct (either each was greater than the one before, or they were sorted and
//! neighbours compared). A container whose bytes are already canonical is forgotten: its parent copies it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::cmp::Ordering;

use super::fault::Fault;
use super::index::{Container, Index, Item, NameAt, Node, Span};
use super::number::{self, Literal};
use super::{order, scan, string};
use crate::error::{ErrorCode, MessageError};
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
        return Err(Fault::TooLarge.into());
    }
    let kept_levels = match keep {
        Keep::Levels(levels) => usize::from(levels),
        Keep::All => usize::MAX,
    };
    let depth_max = DEPTH_MAX.saturating_add(usize::from(outer));
    let mut reader = Reader { bytes, at: 0, all: keep == Keep::All, kept_levels, big, depth_max, index };
    let result = reader.text();
    let at = reader.at;
    result.map_err(|fault| blame_encoding(bytes, fault, at))
}

/// A byte that is not UTF-8 looks like bad JSON to the reader outside of strings; say what it is.
fn blame_encoding(bytes: &[u8], fault: Fault, at: usize) -> MessageError {
    if fault.code() == ErrorCode::InvalidJson
        && let Err(utf8) = core::str::from_utf8(bytes)
        && utf8.valid_up_to() <= at
    {
        return MessageError::from(Fault::InvalidUtf8).at(utf8.valid_up_to());
    }
    MessageError::from(fault).at(at.min(bytes.len()))
}

struct Reader<'a, 'i> {
    bytes: &'a [u8],
    /// Where the reader stands; after a fault, where the fault is.
    at: usize,
    /// Nothing counts as canonical.
    all: bool,
    /// Objects of this many outer levels are kept though they are canonical.
    kept_levels: usize,
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

/// The contents of a string.
#[derive(Clone, Copy)]
struct Contents {
    span: Span,
    /// Whether it is spelled as RFC 8785 spells it.
    canonical: bool,
    escaped: bool,
}

impl Reader<'_, '_> {
    fn text(&mut self) -> Result<Container, Fault> {
        if self.bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(Fault::ByteOrderMark);
        }
        self.white_space();
        let start = self.at;
        let value = self.value(0)?;
        self.white_space();
        if self.at < self.bytes.len() {
            return Err(Fault::Trailing);
        }
        if self.bytes.get(start) != Some(&b'{') {
            self.at = start;
            return Err(Fault::NotAnObject);
        }
        // A clean object may have been forgotten: it is copied whole.
        let forgotten = Container { first: 0, len: 0, object: true, clean: true };
        Ok(value.node.container_id().and_then(|id| self.index.container(id)).unwrap_or(forgotten))
    }

    #[inline(always)]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn bump(&mut self) {
        self.at = self.at.wrapping_add(1);
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips white space; tells whether there was none.
    #[inline(always)]
    fn no_white_space(&mut self) -> bool {
        self.peek() > b' ' || !self.white_space()
    }

    /// Skips white space; tells whether there was any.
    fn white_space(&mut self) -> bool {
        let start = self.at;
        while let b' ' | b'\n' | b'\t' | b'\r' = self.peek() {
            self.bump();
        }
        self.at != start
    }

    #[inline(always)]
    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(Fault::Value),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<Value, Fault> {
        if !self.rest().starts_with(word) {
            return Err(Fault::Word);
        }
        self.at = self.at.wrapping_add(word.len());
        Ok(self.scalar(true))
    }

    #[inline(always)]
    fn scalar(&self, canonical: bool) -> Value {
        let clean = canonical && !self.all;
        Value { node: if clean { Node::CLEAN } else { Node::SCALAR }, clean }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<Value, Fault> {
        if let Some(len) = scan::short_integer(self.bytes, self.at) {
            self.at = self.at.wrapping_add(len);
            return Ok(self.scalar(true));
        }
        self.any_number()
    }

    fn any_number(&mut self) -> Result<Value, Fault> {
        let (len, literal) = number::read(self.rest())?;
        let canonical = match literal {
            Literal::Integer => true,
            Literal::BigInteger if self.big == BigIntegers::Refuse => return Err(Fault::BigInteger),
            Literal::NegativeZero | Literal::BigInteger => false,
            Literal::Fraction => is_ecmascript(self.rest().get(..len).unwrap_or_default()),
        };
        self.at = self.at.wrapping_add(len);
        Ok(self.scalar(canonical))
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Value, Fault> {
        self.bump();
        let contents = self.contents()?;
        Ok(self.scalar(contents.canonical))
    }

    /// Reads a string's contents and its closing quote.
    #[inline(always)]
    fn contents(&mut self) -> Result<Contents, Fault> {
        let start = self.at;
        let run = scan::plain_run(self.bytes, start);
        if !run.non_ascii && self.bytes.get(run.end) == Some(&b'"') {
            self.at = run.end;
            let span = self.span_from(start);
            self.bump();
            return Ok(Contents { span, canonical: true, escaped: false });
        }
        self.contents_after(start, run)
    }

    /// Reads on behind the first run of a string that is not plain ASCII.
    fn contents_after(&mut self, start: usize, first: scan::Run) -> Result<Contents, Fault> {
        let mut run = first;
        let mut non_ascii = run.non_ascii;
        let mut canonical = true;
        let mut escaped = false;
        loop {
            self.at = run.end;
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let escape = string::escape(self.rest())?;
                    canonical &= escape.canonical;
                    escaped = true;
                    self.at = self.at.wrapping_add(escape.len);
                    run = scan::plain_run(self.bytes, self.at);
                    non_ascii |= run.non_ascii;
                }
                Some(_) => return Err(Fault::Control),
                None => return Err(Fault::UnfinishedString),
            }
        }
        let span = self.span_from(start);
        if non_ascii && let Err(error) = core::str::from_utf8(span.of(self.bytes)) {
            self.at = start.wrapping_add(error.valid_up_to());
            return Err(Fault::InvalidUtf8);
        }
        self.bump();
        Ok(Contents { span, canonical, escaped })
    }

    fn span_from(&self, start: usize) -> Span {
        // Offsets fit: `read` refuses longer texts.
        Span::new(start, self.at)
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = self.deeper(depth)?;
        let base = self.index.open.len();
        let names = self.index.names.len();
        self.bump();
        let mut clean = self.no_white_space();
        let mut sorted = true;
        if self.peek() == b'}' {
            self.bump();
        } else {
            let mut last_prefix = 0;
            let mut count = 0_usize;
            loop {
                let (member, member_clean) = self.member(depth)?;
                clean &= member_clean;
                sorted = sorted && (member.prefix > last_prefix || self.follows(base, &member));
                last_prefix = member.prefix;
                count = count.wrapping_add(1);
                if count > KEYS_PER_OBJECT_MAX {
                    return Err(Fault::TooManyMembers);
                }
                self.index.open.push(member);
                clean &= self.no_white_space();
                match self.peek() {
                    b',' => self.bump(),
                    b'}' => {
                        self.bump();
                        break;
                    }
                    _ => return Err(Fault::AfterMember),
                }
                clean &= self.no_white_space();
            }
        }
        if !sorted {
            self.sort(base)?;
        }
        Ok(self.close(depth, base, names, true, clean && sorted))
    }

    #[inline(always)]
    fn member(&mut self, depth: usize) -> Result<(Item, bool), Fault> {
        if self.peek() != b'"' {
            return Err(Fault::Name);
        }
        self.bump();
        let word = scan::word_at(self.bytes, self.at);
        let contents = self.contents()?;
        let (name, name_at, prefix) = match word {
            Some(word) if !contents.escaped && word & scan::HIGH == 0 => {
                (contents.span, NameAt::Received, order::ascii_prefix(word, contents.span.len()))
            }
            _ => self.name(contents),
        };
        let mut clean = contents.canonical && self.no_white_space();
        if self.peek() != b':' {
            self.white_space();
            if self.peek() != b':' {
                return Err(Fault::Colon);
            }
        }
        self.bump();
        clean &= self.no_white_space();
        let start = self.at;
        let value = self.value(depth)?;
        let item = Item { prefix, name, value: self.span_from(start), node: value.node, name_at };
        Ok((item, clean && value.clean))
    }

    /// Where the text of a name stands, and its prefix; a name with escapes is unescaped.
    fn name(&mut self, contents: Contents) -> (Span, NameAt, u64) {
        let Contents { span, escaped, .. } = contents;
        if !escaped {
            return (span, NameAt::Received, order::prefix(span.of(self.bytes)));
        }
        let start = self.index.names.len();
        string::unescape(span.of(self.bytes), &mut self.index.names);
        let name = Span::new(start, self.index.names.len());
        (name, NameAt::Unescaped, order::prefix(name.of(&self.index.names)))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = self.deeper(depth)?;
        let base = self.index.open.len();
        let names = self.index.names.len();
        self.bump();
        let mut clean = self.no_white_space();
        if self.peek() == b']' {
            self.bump();
        } else {
            loop {
                let start = self.at;
                let value = self.value(depth)?;
                clean &= value.clean;
                // When all is kept the writer knows that every scalar must be written anew.
                if value.node != Node::CLEAN && !(self.all && value.node == Node::SCALAR) {
                    let value_span = self.span_from(start);
                    self.index.open.push(Item {
                        prefix: 0,
                        name: Span::default(),
                        value: value_span,
                        node: value.node,
                        name_at: NameAt::Received,
                    });
                }
                clean &= self.no_white_space();
                match self.peek() {
                    b',' => self.bump(),
                    b']' => {
                        self.bump();
                        break;
                    }
                    _ => return Err(Fault::AfterElement),
                }
                clean &= self.no_white_space();
            }
        }
        Ok(self.close(depth, base, names, false, clean))
    }

    fn deeper(&self, depth: usize) -> Result<usize, Fault> {
        if depth >= self.depth_max { Err(Fault::TooDeep) } else { Ok(depth.wrapping_add(1)) }
    }

    /// Forgets a clean container; moves the items of any other from the stack to the index.
    fn close(&mut self, depth: usize, base: usize, names: usize, object: bool, clean: bool) -> Value {
        let clean = clean && !self.all;
        if clean && !(object && depth <= self.kept_levels) {
            self.index.open.truncate(base);
            self.index.names.truncate(names);
            return Value { node: Node::CLEAN, clean: true };
        }
        let first = self.index.items.len();
        let open = self.index.open.get(base..).unwrap_or_default();
        let container = Container { first: first as u32, len: open.len() as u32, object, clean };
        self.index.items.extend_from_slice(open);
        self.index.open.truncate(base);
        let node = Node::container(self.index.containers.len());
        self.index.containers.push(container);
        Value { node, clean }
    }

    /// Whether a member's name is greater than that of the member before it, if there is one.
    fn follows(&self, base: usize, member: &Item) -> bool {
        let names = &self.index.names;
        self.index
            .open
            .get(base..)
            .and_then(<[Item]>::last)
            .is_none_or(|before| by_name(before, member, self.bytes, names).is_lt())
    }

    /// Sorts the members of the object that is closing, and refuses two of one name.
    fn sort(&mut self, base: usize) -> Result<(), Fault> {
        let Index { open, names, .. } = &mut *self.index;
        let members = open.get_mut(base..).unwrap_or_default();
        let bytes = self.bytes;
        members.sort_unstable_by(|a, b| by_name(a, b, bytes, names));
        for (a, b) in members.iter().zip(members.iter().skip(1)) {
            if a.prefix == b.prefix && a.name(bytes, names) == b.name(bytes, names) {
                self.at = a.value.start.max(b.value.start) as usize;
                return Err(Fault::DuplicateName);
            }
        }
        Ok(())
    }
}

fn by_name(a: &Item, b: &Item, bytes: &[u8], names: &[u8]) -> Ordering {
    a.prefix.cmp(&b.prefix).then_with(|| order::utf16(a.name(bytes, names), b.name(bytes, names)))
}

/// Whether a literal with a point or an exponent is spelled as ECMAScript spells its double.
fn is_ecmascript(literal: &[u8]) -> bool {
    number::double(literal)
        .is_some_and(|value| ryu_js::Buffer::new().format_finite(value).as_bytes() == literal)
}
