//! The grammar of addresses: one pass over the bytes, no allocation, usable in constants.
//!
//! Protocol: addresses. A name is 1 to 63 of ASCII letters, digits, `-`, `_`; a label 1 to 63 of ASCII letters,
//! digits, `-`; the whole at most 254 characters.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::error::{AddressError, AddressPart, AddressRule};
use crate::profile::Profile;

/// The longest address, in characters (which are bytes: an address is ASCII).
pub(crate) const MAX_ADDRESS: usize = 254;
/// The longest name and the longest label, in characters.
const MAX_LABEL: u8 = 63;

/// Where the separators of an address stand. Every offset fits because the whole has at most 254 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The offset of the `@`, or `None` for a name by itself.
    pub(crate) at: Option<u8>,
    pub(crate) domain: Domain,
}

/// The dots of a run of labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Domain {
    pub(crate) labels: u8,
    last_dot: u8,
    dot_before_it: u8,
}

/// How the domain of a full address is split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) at: u8,
    /// The offset of the dot before the provider.
    pub(crate) dot: u8,
    /// The provider is a single label, which only the deployed profile reads.
    pub(crate) one_label: bool,
}

impl Layout {
    /// Reads the layout as that of a full address.
    pub(crate) const fn full(self, profile: Profile) -> Result<Split, AddressError> {
        let Some(at) = self.at else {
            return Err(AddressError::new(AddressPart::Whole, AddressRule::MissingAt, 0));
        };
        match (self.domain.labels, profile) {
            (3.., _) => Ok(Split { at, dot: self.domain.dot_before_it, one_label: false }),
            (2, Profile::Deployed) => Ok(Split { at, dot: self.domain.last_dot, one_label: true }),
            _ => Err(AddressError::new(AddressPart::Whole, AddressRule::TooFewLabels, at.saturating_add(1))),
        }
    }
}

/// Reads a full or a short address.
pub(crate) const fn scan(text: &[u8]) -> Result<Layout, AddressError> {
    if let Err(error) = check_length(text) {
        return Err(error);
    }
    let (at, rest) = match scan_name(text) {
        Ok(found) => found,
        Err(error) => return Err(error),
    };
    let Some(domain) = rest else {
        return Ok(Layout { at: None, domain: Domain { labels: 0, last_dot: 0, dot_before_it: 0 } });
    };
    match scan_labels(domain, at.saturating_add(1), None) {
        Ok(domain) => Ok(Layout { at: Some(at), domain }),
        Err(error) => Err(error),
    }
}

/// Refuses what is empty or too long, before anything walks it.
pub(crate) const fn check_length(text: &[u8]) -> Result<(), AddressError> {
    if text.is_empty() {
        return Err(AddressError::new(AddressPart::Whole, AddressRule::Empty, 0));
    }
    if text.len() > MAX_ADDRESS {
        return Err(AddressError::new(AddressPart::Whole, AddressRule::TooLong, 254));
    }
    Ok(())
}

/// Reads a name up to an `@` or the end, in at most 255 bytes. Returns its length and what follows the `@`.
pub(crate) const fn scan_name(text: &[u8]) -> Result<(u8, Option<&[u8]>), AddressError> {
    let rest = skip(text, NAME);
    let length = distance(text, rest);
    let after = match rest {
        [] => None,
        [b'@', after @ ..] => Some(after),
        _ => return Err(AddressError::new(AddressPart::Name, AddressRule::NameCharacter, length)),
    };
    match length {
        0 => Err(AddressError::new(AddressPart::Name, AddressRule::EmptyName, 0)),
        1..=MAX_LABEL => Ok((length, after)),
        _ => Err(AddressError::new(AddressPart::Name, AddressRule::NameTooLong, MAX_LABEL)),
    }
}

/// Reads dot-separated labels to the end, in at most 254 bytes; `start` is the offset of the first byte in the
/// text. Faults are laid to `part`, or where it is `None` to scope or provider by the labels that follow.
pub(crate) const fn scan_labels(
    text: &[u8],
    start: u8,
    part: Option<AddressPart>,
) -> Result<Domain, AddressError> {
    let mut label = text;
    let mut domain = Domain { labels: 1, last_dot: 0, dot_before_it: 0 };
    loop {
        let rest = skip(label, LABEL);
        let begin = start.saturating_add(distance(text, label));
        let end = start.saturating_add(distance(text, rest));
        let (rule, position) = match (rest, distance(label, rest)) {
            ([b'@', ..], _) => {
                return Err(AddressError::new(AddressPart::Whole, AddressRule::SecondAt, end));
            }
            ([] | [b'.', ..], 0) => (AddressRule::EmptyLabel, begin),
            ([], 1..=MAX_LABEL) => return Ok(domain),
            ([b'.', after @ ..], 1..=MAX_LABEL) => {
                label = after;
                domain = Domain {
                    labels: domain.labels.saturating_add(1),
                    last_dot: end,
                    dot_before_it: domain.last_dot,
                };
                continue;
            }
            ([] | [b'.', ..], _) => (AddressRule::LabelTooLong, begin.saturating_add(MAX_LABEL)),
            _ => (AddressRule::LabelCharacter, end),
        };
        return Err(AddressError::new(part_of(part, domain, rest), rule, position));
    }
}

/// What is left of the text after all leading bytes of the class.
const fn skip(mut text: &[u8], class: u8) -> &[u8] {
    while let [byte, rest @ ..] = text
        && class_of(*byte) & class != 0
    {
        text = rest;
    }
    text
}

/// How many bytes of `text` come before its ending `rest`; 255 stands for more, which is too long everywhere.
const fn distance(text: &[u8], rest: &[u8]) -> u8 {
    let bytes = text.len().saturating_sub(rest.len());
    if bytes < 255 { bytes as u8 } else { 255 }
}

#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
const fn class_of(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

/// The bytes that a name may hold.
const NAME: u8 = 1;
/// The bytes that a label may hold.
const LABEL: u8 = 2;

#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => NAME | LABEL,
            b'_' => NAME,
            _ => 0,
        };
        byte = byte.saturating_add(1);
    }
    classes
};

/// The part that a faulty label belongs to: one of the last two of several labels is the provider's.
const fn part_of(part: Option<AddressPart>, before: Domain, mut rest: &[u8]) -> AddressPart {
    if let Some(part) = part {
        return part;
    }
    let mut labels_after: u8 = 0;
    while let [byte, after @ ..] = rest {
        if *byte == b'.' {
            labels_after = labels_after.saturating_add(1);
        }
        rest = after;
    }
    match (before.labels, labels_after) {
        (1, 0) | (_, 2..) => AddressPart::Scope,
        _ => AddressPart::Provider,
    }
}
