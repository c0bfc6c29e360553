//! The reader: grammar, limits, duplicate names, and what canonical form will need (JSON profile). Its contract is held
//! by `tests/canonical_properties.rs` and `tests/hostile_sizes.rs`.
//!
//! A canonical payload is read once, without notes. A member that turns out not to be canonical is read once more, with
//! notes, by the same code: no byte is read more than twice. While a container is open its members wait on a stack;
//! when it closes, its names are known to be distinct (either each was greater than the one before, or they were sorted
//! and neighbours compared). A container whose bytes are already canonical is forgotten: its parent copies it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::cmp::Ordering;
use core::num::NonZeroU32;

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
    /// Those that are not spelled alike under every dialect.
    Uncommon,
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
        // The outermost object is kept: a member of it may have to be left out.
        Keep::Uncommon => 1,
    };
    let depth_max = DEPTH_MAX.saturating_add(usize::from(outer));
    let mut reader = Reader {
        bytes,
        fault: Fault::Value,
        fault_at: 0,
        common: keep == Keep::Uncommon,
        kept_levels,
        big,
        depth_max,
        index,
    };
    reader.text().ok_or_else(|| blame_encoding(bytes, reader.fault, reader.fault_at))
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
    /// The first fault, and where it is.
    fault: Fault,
    fault_at: usize,
    /// Only what every dialect spells alike counts as clean.
    common: bool,
    /// Objects of this many outer levels are kept though they are canonical.
    kept_levels: usize,
    big: BigIntegers,
    depth_max: usize,
    index: &'i mut Index,
}

/// A value that was read: where it ends, and what became of it. Small enough to be returned in a register;
/// the steps below return none after a fault, which the reader then holds.
#[derive(Clone, Copy)]
struct Value {
    end: NonZeroU32,
    node: Node,
}

/// The contents of a string: where they end, which is at the closing quote.
#[derive(Clone, Copy)]
struct Contents {
    end: NonZeroU32,
    /// Whether they are spelled as RFC 8785 spells them.
    canonical: bool,
    escaped: bool,
}

impl Value {
    #[inline(always)]
    const fn end(self) -> usize {
        self.end.get() as usize
    }
}

impl Contents {
    #[inline(always)]
    const fn end(self) -> usize {
        self.end.get() as usize
    }
}

/// An offset behind something: never zero, and `read` refuses texts in which it would not fit.
#[inline(always)]
const fn offset(at: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(at as u32)
}

impl Reader<'_, '_> {
    fn text(&mut self) -> Option<Container> {
        if self.bytes.starts_with(b"\xEF\xBB\xBF") {
            return self.fail(Fault::ByteOrderMark, 0);
        }
        let start = self.behind_space(0);
        let value =
            if self.kept_levels == 0 { self.value_by_trial(start, 0) } else { self.value::<true>(start, 0) }?;
        let end = self.behind_space(value.end());
        if end < self.bytes.len() {
            return self.fail(Fault::Trailing, end);
        }
        if self.byte(start) != b'{' {
            return self.fail(Fault::NotAnObject, start);
        }
        // A clean object may have been forgotten: it is copied whole.
        let forgotten = Container { first: 0, len: 0, object: true, clean: true };
        Some(value.node.container_id().and_then(|id| self.index.container(id)).unwrap_or(forgotten))
    }

    #[cold]
    fn fail<T>(&mut self, fault: Fault, at: usize) -> Option<T> {
        self.fault = fault;
        self.fault_at = at;
        None
    }

    /// The byte at an offset; zero, which stands nowhere in JSON, behind the end.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The offset of the first byte from `at` on that is not white space.
    #[inline(always)]
    fn behind_space(&self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { scan::skip_white_space(self.bytes, at) }
    }

    /// Reads a value that is likely to be canonical: without taking notes, and again with notes if it is not.
    fn value_by_trial(&mut self, at: usize, depth: usize) -> Option<Value> {
        if let Some(value) = self.value::<false>(at, depth) {
            return Some(value);
        }
        self.value::<true>(at, depth)
    }

    /// Reads a value. Without `NOTES` nothing is written to the index, and whatever is not canonical is a fault.
    #[inline(always)]
    fn value<const NOTES: bool>(&mut self, at: usize, depth: usize) -> Option<Value> {
        let value = match self.byte(at) {
            b'"' => self.string(at),
            b'{' => return self.object::<NOTES>(at, depth),
            b'[' => return self.array::<NOTES>(at, depth),
            b'-' | b'0'..=b'9' => self.number(at),
            b't' => self.word(at, b"true"),
            b'f' => self.word(at, b"false"),
            b'n' => self.word(at, b"null"),
            _ => self.fail(Fault::Value, at),
        }?;
        if !NOTES && !value.node.is_clean() {
            return self.fail(Fault::NotCanonical, at);
        }
        Some(value)
    }

    #[inline(always)]
    fn word<const LEN: usize>(&mut self, at: usize, word: &[u8; LEN]) -> Option<Value> {
        if self.rest(at).first_chunk::<LEN>() != Some(word) {
            return self.fail(Fault::Word, at);
        }
        self.scalar(at.wrapping_add(LEN), true)
    }

    #[inline(always)]
    fn scalar(&self, end: usize, clean: bool) -> Option<Value> {
        Some(Value { end: offset(end)?, node: if clean { Node::CLEAN } else { Node::SCALAR } })
    }

    #[inline(always)]
    fn number(&mut self, at: usize) -> Option<Value> {
        match scan::short_integer(self.bytes, at) {
            Some(len) => self.scalar(at.wrapping_add(len), true),
            None => self.any_number(at),
        }
    }

    fn any_number(&mut self, at: usize) -> Option<Value> {
        let (len, literal) = match number::read(self.rest(at)) {
            Ok(read) => read,
            Err(fault) => return self.fail(fault, at),
        };
        let canonical = match literal {
            Literal::Integer | Literal::PlainFraction => true,
            Literal::BigInteger if self.big == BigIntegers::Refuse => {
                return self.fail(Fault::BigInteger, at);
            }
            Literal::NegativeZero | Literal::BigInteger => false,
            Literal::Fraction => !self.common && is_ecmascript(self.rest(at).get(..len).unwrap_or_default()),
        };
        self.index.features.numbers |= !matches!(literal, Literal::Integer | Literal::PlainFraction);
        self.scalar(at.wrapping_add(len), canonical)
    }

    #[inline(always)]
    fn string(&mut self, at: usize) -> Option<Value> {
        let contents = self.contents(at.wrapping_add(1))?;
        self.scalar(contents.end().wrapping_add(1), contents.canonical)
    }

    /// Reads the contents of the string that begins before `start`, up to its closing quote.
    #[inline(always)]
    fn contents(&mut self, start: usize) -> Option<Contents> {
        let end = scan::ascii_run(self.bytes, start);
        if self.byte(end) == b'"' && !(self.common && self.holds_delete(start, end)) {
            return Some(Contents { end: offset(end)?, canonical: true, escaped: false });
        }
        self.contents_after(start, end)
    }

    /// Whether U+007F stands in a range.
    fn holds_delete(&self, start: usize, end: usize) -> bool {
        Span::new(start, end).of(self.bytes).iter().fold(false, |found, byte| found | (*byte == 0x7f))
    }

    /// Notes which characters from U+007F on stand in a range; tells whether there are any.
    fn note_beyond(&mut self, start: usize, end: usize) -> bool {
        let delete = self.holds_delete(start, end);
        let bytes = Span::new(start, end).of(self.bytes);
        let non_ascii = bytes.iter().fold(false, |found, byte| found | (*byte >= 0x80));
        self.index.features.delete |= delete;
        self.index.features.non_ascii |= non_ascii;
        delete || non_ascii
    }

    /// Reads on in a string whose plain ASCII ends at `end`.
    fn contents_after(&mut self, start: usize, end: usize) -> Option<Contents> {
        let mut end = scan::text_run(self.bytes, end);
        let mut canonical = true;
        let mut escaped = false;
        loop {
            match self.bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let escape = match string::escape(self.rest(end)) {
                        Ok(escape) => escape,
                        Err(fault) => return self.fail(fault, end),
                    };
                    canonical &= escape.canonical;
                    self.index.features.delete |= escape.character == '\u{7f}';
                    self.index.features.non_ascii |= escape.character > '\u{7f}';
                    escaped = true;
                    end = scan::text_run(self.bytes, end.wrapping_add(escape.len));
                }
                Some(_) => return self.fail(Fault::Control, end),
                None => return self.fail(Fault::UnfinishedString, end),
            }
        }
        if let Err(error) = core::str::from_utf8(Span::new(start, end).of(self.bytes)) {
            return self.fail(Fault::InvalidUtf8, start.wrapping_add(error.valid_up_to()));
        }
        // Dialects differ in what they escape from U+007F on; the escapes that must be they all spell alike.
        let canonical = !(self.common && self.note_beyond(start, end)) && canonical;
        Some(Contents { end: offset(end)?, canonical, escaped })
    }

    fn object<const NOTES: bool>(&mut self, start: usize, depth: usize) -> Option<Value> {
        let depth = self.deeper(start, depth)?;
        let base = self.index.open.len();
        let names = self.index.names.len();
        let mut at = self.behind_space(start.wrapping_add(1));
        let mut clean = at == start.wrapping_add(1);
        let mut sorted = true;
        if self.byte(at) != b'}' {
            let mut last_prefix = 0_u64;
            let mut last = (Span::default(), NameAt::Received);
            let mut count = 0_usize;
            loop {
                let (member, member_clean) = self.member::<NOTES>(at, depth)?;
                clean &= member_clean;
                sorted = sorted && (member.prefix > last_prefix || count == 0 || self.follows(last, &member));
                (last_prefix, last) = (member.prefix, (member.name, member.name_at));
                count = count.wrapping_add(1);
                if count > KEYS_PER_OBJECT_MAX {
                    return self.fail(Fault::TooManyMembers, at);
                }
                if !(NOTES || clean && sorted) {
                    return self.fail(Fault::NotCanonical, at);
                }
                let end = member.value.end as usize;
                if NOTES {
                    self.index.open.push(member);
                }
                at = self.behind_space(end);
                clean &= at == end;
                match self.byte(at) {
                    b',' => {}
                    b'}' => break,
                    _ => return self.fail(Fault::AfterMember, at),
                }
                let next = at.wrapping_add(1);
                at = self.behind_space(next);
                clean &= at == next;
            }
        }
        if !NOTES {
            return self.clean_end(at, clean);
        }
        if !sorted {
            self.sort(base)?;
        }
        let node = self.close(depth, base, names, true, clean && sorted);
        Some(Value { end: offset(at.wrapping_add(1))?, node })
    }

    #[inline(always)]
    fn member<const NOTES: bool>(&mut self, at: usize, depth: usize) -> Option<(Item, bool)> {
        if self.byte(at) != b'"' {
            return self.fail(Fault::Name, at);
        }
        let start = at.wrapping_add(1);
        let word = scan::word_at(self.bytes, start);
        let contents = self.contents(start)?;
        let span = Span::new(start, contents.end());
        let (name, name_at, prefix) = match word {
            Some(word) if !contents.escaped && word & scan::HIGH == 0 => {
                (span, NameAt::Received, order::ascii_prefix(word, span.len()))
            }
            _ if !NOTES && contents.escaped => return self.fail(Fault::NotCanonical, at),
            _ => self.name(span, contents.escaped),
        };
        let is_uncommon = self.common && (self.note_name(name, name_at) || !contents.canonical);
        let name_at =
            if is_uncommon && name_at == NameAt::Received { NameAt::ReceivedUncommon } else { name_at };
        let end = contents.end().wrapping_add(1);
        let colon = self.behind_space(end);
        if self.byte(colon) != b':' {
            return self.fail(Fault::Colon, colon);
        }
        let next = colon.wrapping_add(1);
        let start = self.behind_space(next);
        let clean = contents.canonical && !is_uncommon && colon == end && start == next;
        // The values in a kept object are tried once each: a text is read at most twice.
        let value = if NOTES && depth == self.kept_levels {
            self.value_by_trial(start, depth)
        } else {
            self.value::<NOTES>(start, depth)
        }?;
        let item = Item { prefix, name, value: Span::new(start, value.end()), node: value.node, name_at };
        Some((item, clean && value.node.is_clean()))
    }

    /// Notes whether dialects may put a name elsewhere or lose it; tells whether they may.
    fn note_name(&mut self, name: Span, name_at: NameAt) -> bool {
        let text = match name_at {
            NameAt::Unescaped => name.of(&self.index.names),
            NameAt::Received | NameAt::ReceivedUncommon => name.of(self.bytes),
        };
        let index = matches!(text, [b'0'..=b'9' | b'_', ..]);
        let high = text.iter().any(|byte| *byte >= 0xEE);
        self.index.features.indices |= index;
        self.index.features.high_names |= high;
        index || high
    }

    /// Where the text of a name stands, and its prefix; a name with escapes is unescaped.
    fn name(&mut self, span: Span, escaped: bool) -> (Span, NameAt, u64) {
        if !escaped {
            return (span, NameAt::Received, order::prefix(span.of(self.bytes)));
        }
        let start = self.index.names.len();
        string::unescape(span.of(self.bytes), &mut self.index.names);
        let name = Span::new(start, self.index.names.len());
        (name, NameAt::Unescaped, order::prefix(name.of(&self.index.names)))
    }

    fn array<const NOTES: bool>(&mut self, start: usize, depth: usize) -> Option<Value> {
        let depth = self.deeper(start, depth)?;
        let base = self.index.open.len();
        let names = self.index.names.len();
        let mut at = self.behind_space(start.wrapping_add(1));
        let mut clean = at == start.wrapping_add(1);
        if self.byte(at) != b']' {
            loop {
                let value = self.value::<NOTES>(at, depth)?;
                clean &= value.node.is_clean();
                if NOTES && value.node != Node::CLEAN {
                    self.index.open.push(Item::element(Span::new(at, value.end()), value.node));
                }
                at = self.behind_space(value.end());
                clean &= at == value.end();
                match self.byte(at) {
                    b',' => {}
                    b']' => break,
                    _ => return self.fail(Fault::AfterElement, at),
                }
                let next = at.wrapping_add(1);
                at = self.behind_space(next);
                clean &= at == next;
            }
        }
        if !NOTES {
            return self.clean_end(at, clean);
        }
        let node = self.close(depth, base, names, false, clean);
        Some(Value { end: offset(at.wrapping_add(1))?, node })
    }

    fn deeper(&mut self, at: usize, depth: usize) -> Option<usize> {
        if depth >= self.depth_max {
            return self.fail(Fault::TooDeep, at);
        }
        Some(depth.wrapping_add(1))
    }

    /// Forgets a clean container; moves the items of any other from the stack to the index.
    fn close(&mut self, depth: usize, base: usize, names: usize, object: bool, clean: bool) -> Node {
        if clean && !(object && depth <= self.kept_levels) {
            self.index.open.truncate(base);
            self.index.names.truncate(names);
            return Node::CLEAN;
        }
        let first = self.index.items.len();
        let open = self.index.open.get(base..).unwrap_or_default();
        let container = Container { first: first as u32, len: open.len() as u32, object, clean };
        self.index.items.extend_from_slice(open);
        self.index.open.truncate(base);
        let node = Node::container(self.index.containers.len(), clean);
        self.index.containers.push(container);
        node
    }

    /// The end of a container that was read without notes.
    #[inline(always)]
    fn clean_end(&mut self, at: usize, clean: bool) -> Option<Value> {
        if !clean {
            return self.fail(Fault::NotCanonical, at);
        }
        Some(Value { end: offset(at.wrapping_add(1))?, node: Node::CLEAN })
    }

    /// Whether a member's name is greater than that of the member before it, whose prefix is not less.
    #[cold]
    fn follows(&self, (name, name_at): (Span, NameAt), member: &Item) -> bool {
        let names = &self.index.names;
        let before = Item { name, name_at, ..*member };
        order::utf16(before.name(self.bytes, names), member.name(self.bytes, names)).is_lt()
    }

    /// Sorts the members of the object that is closing, and refuses two of one name.
    fn sort(&mut self, base: usize) -> Option<()> {
        let Index { open, names, .. } = &mut *self.index;
        let members = open.get_mut(base..).unwrap_or_default();
        let bytes = self.bytes;
        members.sort_unstable_by(|a, b| by_name(a, b, bytes, names));
        for (a, b) in members.iter().zip(members.iter().skip(1)) {
            if a.prefix == b.prefix && a.name(bytes, names) == b.name(bytes, names) {
                let second = a.value.start.max(b.value.start) as usize;
                return self.fail(Fault::DuplicateName, second);
            }
        }
        Some(())
    }
}

fn by_name(a: &Item, b: &Item, bytes: &[u8], names: &[u8]) -> Ordering {
    a.prefix.cmp(&b.prefix).then_with(|| order::utf16(a.name(bytes, names), b.name(bytes, names)))
}

/// Whether a literal with a point or an exponent is spelled as ECMAScript spells its double.
fn is_ecmascript(literal: &[u8]) -> bool {
    literal.len() <= ECMASCRIPT_MAX_BYTES
        && number::double(literal)
            .is_some_and(|value| ryu_js::Buffer::new().format_finite(value).as_bytes() == literal)
}

/// No double takes more: a sign, `0.` with five zeros, and 17 digits. What is longer is slow to parse.
const ECMASCRIPT_MAX_BYTES: usize = 25;
