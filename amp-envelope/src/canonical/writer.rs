//! The writer: walks the containers that must be rewritten, copies everything else.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::dialect::{Dialect, Form, NameOrder};
use super::{number, string};
use crate::error::{ErrorCode, MessageError};
use crate::json::{self, Container, Index, Item, Node, Span};

/// Member lists that are being sorted for a dialect; kept to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    sorted: Vec<Item>,
}

/// A member of the outermost object that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    Nothing,
    /// `attachments`.
    Attachments,
}

/// Writes the object `root` of `bytes` in the form of `dialect`.
///
/// Under any dialect but JCS the index must have been made with `Keep::Uncommon`.
pub(crate) fn write_object(
    bytes: &[u8],
    index: &Index,
    root: Container,
    dialect: Dialect,
    skip: Skip,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), MessageError> {
    scratch.sorted.clear();
    out.reserve(bytes.len());
    Writer { bytes, index, form: dialect.form(), sorted: &mut scratch.sorted, out }.object(root, skip)
}

struct Writer<'a> {
    bytes: &'a [u8],
    index: &'a Index,
    form: Form,
    sorted: &'a mut Vec<Item>,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn container(&mut self, id: u32, span: Span) -> Result<(), MessageError> {
        match self.index.container(id) {
            Some(container) if container.clean => {
                self.out.extend_from_slice(span.of(self.bytes));
                Ok(())
            }
            Some(container) if container.object => self.object(container, Skip::Nothing),
            Some(container) => self.array(container, span),
            None => Ok(()),
        }
    }

    fn object(&mut self, container: Container, skip: Skip) -> Result<(), MessageError> {
        self.out.push(b'{');
        let items = self.index.items(container);
        // One member is in order, but `maestro` may lose it.
        let is_single = items.len() < 2 && self.form.names == NameOrder::CodePoint;
        if is_single || self.form.names == NameOrder::Utf16 || items.iter().all(Item::has_common_name) {
            // The reader left the members in this order.
            let mut comma = false;
            for item in items {
                comma |= self.member(comma, item, skip)?;
            }
        } else {
            self.members_sorted(items, skip)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn members_sorted(&mut self, items: &[Item], skip: Skip) -> Result<(), MessageError> {
        let base = self.sorted.len();
        self.sorted.extend_from_slice(items);
        let (bytes, names) = (self.bytes, self.index.names());
        let members = self.sorted.get_mut(base..).unwrap_or_default();
        match self.form.names {
            NameOrder::Utf16 => {}
            NameOrder::CodePoint => {
                members.sort_unstable_by(|a, b| a.name(bytes, names).cmp(b.name(bytes, names)))
            }
            NameOrder::IndicesFirst => {
                if members.iter().any(|item| item.name(bytes, names) == b"__proto__") {
                    return Err(MessageError::new(
                        ErrorCode::UnportablePayload,
                        "the dialect `maestro` loses a member named __proto__",
                    ));
                }
                let key = |item: &Item| array_index(item.name(bytes, names)).unwrap_or(u32::MAX);
                members.sort_unstable_by(|a, b| {
                    key(a).cmp(&key(b)).then_with(|| json::utf16(a.name(bytes, names), b.name(bytes, names)))
                });
            }
        }
        let count = members.len();
        let mut comma = false;
        for n in 0..count {
            // Items are copied out: members nested below use the same scratch.
            let Some(item) = self.sorted.get(base.wrapping_add(n)).copied() else { break };
            comma |= self.member(comma, &item, skip)?;
        }
        self.sorted.truncate(base);
        Ok(())
    }

    /// Writes a member unless it is skipped; tells whether it was written.
    fn member(&mut self, comma: bool, item: &Item, skip: Skip) -> Result<bool, MessageError> {
        let name = item.name(self.bytes, self.index.names());
        if skip == Skip::Attachments && name == b"attachments" {
            return Ok(false);
        }
        if comma {
            self.out.push(b',');
        }
        if item.is_compact() {
            self.compact_member(item)?;
        } else {
            string::write_text(name, self.form.strings, self.out);
            self.out.push(b':');
            self.value(item.node, item.value)?;
        }
        Ok(true)
    }

    /// Writes a member that stands as `"name":value` in the received bytes, copying as much as is canonical.
    fn compact_member(&mut self, item: &Item) -> Result<(), MessageError> {
        let start = item.name.start.saturating_sub(1);
        if item.node == Node::CLEAN {
            self.out.extend_from_slice(Span { start, end: item.value.end }.of(self.bytes));
            return Ok(());
        }
        self.out.extend_from_slice(Span { start, end: item.value.start }.of(self.bytes));
        self.value(item.node, item.value)
    }

    fn value(&mut self, node: Node, span: Span) -> Result<(), MessageError> {
        match node.container_id() {
            Some(id) => self.container(id, span),
            None if node == Node::CLEAN => {
                self.out.extend_from_slice(span.of(self.bytes));
                Ok(())
            }
            None => self.scalar(span.of(self.bytes)).map_err(|error| error.at(span.start as usize)),
        }
    }

    fn scalar(&mut self, text: &[u8]) -> Result<(), MessageError> {
        match text {
            [b'"', contents @ .., b'"'] => {
                string::write_received(contents, self.form.strings, self.out);
                Ok(())
            }
            [b't' | b'f' | b'n', ..] => {
                self.out.extend_from_slice(text);
                Ok(())
            }
            _ => number::write(text, self.form.numbers, self.out),
        }
    }

    /// Writes an array: its items are the elements that are not clean, in order; the rest is found by walking.
    fn array(&mut self, container: Container, span: Span) -> Result<(), MessageError> {
        self.out.push(b'[');
        let mut items = self.index.items(container).iter();
        let mut next = items.next();
        let bytes = self.bytes.get(..span.end.saturating_sub(1) as usize).unwrap_or_default();
        let mut at = json::skip_white_space(bytes, span.start.saturating_add(1) as usize);
        let mut comma = false;
        while at < bytes.len() {
            if comma {
                self.out.push(b',');
            }
            comma = true;
            let end = match next {
                Some(item) if item.value.start as usize == at => {
                    next = items.next();
                    self.value(item.node, item.value)?;
                    item.value.end as usize
                }
                _ => {
                    let end = json::skip_value(bytes, at);
                    self.out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
                    end
                }
            };
            at = json::skip_white_space(bytes, end);
            // Behind an element stands a comma, or the closing bracket that `bytes` leaves out.
            at = json::skip_white_space(bytes, at.saturating_add(1));
        }
        self.out.push(b']');
        Ok(())
    }
}

/// The array index that a name spells (ECMA-262, section 6.1.7): 0 to 2^32 − 2, without leading zeros.
pub(crate) fn array_index(name: &[u8]) -> Option<u32> {
    match name {
        b"0" => return Some(0),
        [b'1'..=b'9', ..] if name.len() <= 10 && name.iter().all(u8::is_ascii_digit) => {}
        _ => return None,
    }
    let value = name.iter().fold(0_u64, |n, digit| n.wrapping_mul(10).wrapping_add(u64::from(digit & 0x0f)));
    u32::try_from(value).ok().filter(|index| *index < u32::MAX)
}
