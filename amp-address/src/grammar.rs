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

/// Reads a name up to an `@` or the end, in at most 254 bytes. Returns its length and what follows the `@`.
pub(crate) const fn scan_name(text: &[u8]) -> Result<(u8, Option<&[u8]>), AddressError> {
    let mut rest = text;
    let mut length: u8 = 0;
    let after = loop {
        match rest {
            [] => break None,
            [b'@', after @ ..] => break Some(after),
            [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_', after @ ..] => rest = after,
            _ => return Err(AddressError::new(AddressPart::Name, AddressRule::NameCharacter, length)),
        }
        length = length.saturating_add(1);
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
    let mut rest = text;
    let mut position = start;
    let mut length: u8 = 0;
    let mut domain = Domain { labels: 1, last_dot: 0, dot_before_it: 0 };
    loop {
        match rest {
            [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-', after @ ..] => {
                rest = after;
                length = length.saturating_add(1);
            }
            [] | [b'.', ..] => {
                let rule = match length {
                    0 => AddressRule::EmptyLabel,
                    1..=MAX_LABEL => {
                        let [_, after @ ..] = rest else { return Ok(domain) };
                        rest = after;
                        length = 0;
                        domain = Domain {
                            labels: domain.labels.saturating_add(1),
                            last_dot: position,
                            dot_before_it: domain.last_dot,
                        };
                        position = position.saturating_add(1);
                        continue;
                    }
                    _ => AddressRule::LabelTooLong,
                };
                let over = length.saturating_sub(MAX_LABEL);
                return Err(AddressError::new(
                    part_of(part, domain, rest),
                    rule,
                    position.saturating_sub(over),
                ));
            }
            [b'@', ..] => {
                return Err(AddressError::new(AddressPart::Whole, AddressRule::SecondAt, position));
            }
            _ => {
                let part = part_of(part, domain, rest);
                return Err(AddressError::new(part, AddressRule::LabelCharacter, position));
            }
        }
        position = position.saturating_add(1);
    }
}

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
