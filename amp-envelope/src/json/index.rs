//! What the reader remembers of a text: the containers that must be rewritten, their members in order.

use alloc::vec::Vec;

/// A half-open range of bytes. Texts are at most 4 GiB, so offsets fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// Offsets inside a text that passed the reader's size check.
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        // Spans are made by the reader from offsets inside the same bytes.
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub(crate) fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }
}

/// What a value needs in order to stand in canonical form: nothing, to be rewritten, or what a container says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(u32);

impl Node {
    /// Its bytes are canonical as they are.
    pub(crate) const CLEAN: Self = Self(u32::MAX);
    /// A string or number that must be rewritten.
    pub(crate) const SCALAR: Self = Self(u32::MAX - 1);
    /// Marks a container that is kept though its bytes are canonical.
    const KEPT_CLEAN: u32 = 1 << 31;

    /// The container of this number in [`Index::containers`]. A text has fewer than 2^31 of them.
    pub(super) const fn container(id: usize, clean: bool) -> Self {
        Self(if clean { id as u32 | Self::KEPT_CLEAN } else { id as u32 })
    }

    /// The container's number, if it is one.
    pub(crate) const fn container_id(self) -> Option<u32> {
        match self {
            Self::CLEAN | Self::SCALAR => None,
            Self(id) => Some(id & !Self::KEPT_CLEAN),
        }
    }

    /// Whether the bytes are canonical as they are.
    pub(super) const fn is_clean(self) -> bool {
        self.0 & Self::KEPT_CLEAN != 0 && self.0 != Self::SCALAR.0
    }
}

/// Where the text of a member name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameAt {
    /// In the received bytes, between its quotes: it has no escapes.
    Received,
    /// There too, but dialects spell or order it differently. Only noted where dialects matter.
    ReceivedUncommon,
    /// In [`Index::names`], unescaped.
    Unescaped,
}

/// A member of an object, or an element of an array that is not clean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// First eight bytes of the name, mapped so that their order is the order of UTF-16 code units.
    pub(crate) prefix: u64,
    /// The name's text: in the received bytes or in [`Index::names`].
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) node: Node,
    pub(crate) name_at: NameAt,
}

impl Item {
    /// An array's element.
    pub(super) const fn element(value: Span, node: Node) -> Self {
        Self { prefix: 0, name: Span { start: 0, end: 0 }, value, node, name_at: NameAt::Received }
    }

    /// Whether every dialect spells the name as received and sorts it by its bytes.
    pub(crate) fn has_common_name(&self) -> bool {
        self.name_at == NameAt::Received
    }

    /// Whether the member stands as `"name":value` in the received bytes, in a spelling that is kept,
    /// without white space.
    pub(crate) fn is_compact(&self) -> bool {
        self.name_at == NameAt::Received && self.value.start == self.name.end.wrapping_add(2)
    }

    pub(crate) fn name<'a>(&self, bytes: &'a [u8], names: &'a [u8]) -> &'a [u8] {
        match self.name_at {
            NameAt::Received | NameAt::ReceivedUncommon => self.name.of(bytes),
            NameAt::Unescaped => self.name.of(names),
        }
    }
}

/// An object or array that is kept: its items are `items[first..first + len]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container {
    pub(crate) first: u32,
    pub(crate) len: u32,
    pub(crate) object: bool,
    pub(crate) clean: bool,
}

/// What a text holds that dialects write differently. Noted only where dialects matter.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    /// Numbers that are no integers within ±(2^53 − 1), or `-0`.
    pub(crate) numbers: bool,
    /// U+007F in a string or name.
    pub(crate) delete: bool,
    /// Characters beyond ASCII in a string or name.
    pub(crate) non_ascii: bool,
    /// Names that may be array indices, or `__proto__`.
    pub(crate) indices: bool,
    /// Names in which a character from U+E000 on stands: UTF-16 and code points may order them differently.
    pub(crate) high_names: bool,
}

/// The reader's notes on one text, with buffers that can be used again for the next.
#[derive(Debug, Default, Clone)]
pub(crate) struct Index {
    pub(super) items: Vec<Item>,
    pub(super) containers: Vec<Container>,
    pub(super) names: Vec<u8>,
    pub(super) features: Features,
    /// Members of containers that are still open while reading.
    pub(super) open: Vec<Item>,
}

impl Index {
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.containers.clear();
        self.names.clear();
        self.features = Features::default();
        self.open.clear();
    }

    /// Gives back the memory that only reading needs, where there is much of it.
    pub(crate) fn trim(&mut self) {
        const MUCH: usize = 1024;
        if self.open.capacity() > MUCH {
            self.open = Vec::new();
        }
        if self.items.capacity() > MUCH {
            self.items.shrink_to_fit();
        }
    }

    pub(crate) fn container(&self, id: u32) -> Option<Container> {
        self.containers.get(id as usize).copied()
    }

    pub(crate) fn items(&self, container: Container) -> &[Item] {
        let first = container.first as usize;
        self.items.get(first..first.saturating_add(container.len as usize)).unwrap_or_default()
    }

    /// The members of an object that have the given names, which stand in ascending order.
    pub(crate) fn members<const N: usize>(
        &self,
        bytes: &[u8],
        object: Container,
        names: [&'static str; N],
    ) -> [Option<Item>; N] {
        // The reader left the items in the order of their names, so one walk finds all.
        let mut items = self.items(object).iter().peekable();
        names.map(|name| {
            let name = name.as_bytes();
            while items.next_if(|item| item.name(bytes, &self.names) < name).is_some() {}
            items.next_if(|item| item.name(bytes, &self.names) == name).copied()
        })
    }

    /// What dialects write differently.
    pub(crate) const fn features(&self) -> Features {
        self.features
    }

    /// Unescaped member names.
    pub(crate) fn names(&self) -> &[u8] {
        &self.names
    }
}
