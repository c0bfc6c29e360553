//! A reader of strict DER, as much of it as SPKI and PKCS#8 need.
//!
//! One spelling for every value: lengths in their shortest form, integers without spare zeros, no indefinite lengths.
//! BER that DER forbids is refused, so one key has one encoding and one fingerprint.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// What is left to read of one constructed value.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next value, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let [first, rest @ ..] = self.0 else { return None };
        if *first != tag {
            return None;
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The content of the next value if it has this tag; a value with another tag stays unread.
    pub(crate) fn take_if(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Some(None) }
    }

    /// A nested sequence.
    pub(crate) fn sequence(&mut self) -> Option<Der<'a>> {
        self.take(SEQUENCE).map(Der)
    }

    /// The big-endian bytes of a non-negative integer, without leading zeros (zero itself is empty).
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.take(INTEGER)? {
            [0] => Some(&[]),
            [0, magnitude @ ..] if magnitude.first() >= Some(&0x80) => Some(magnitude),
            magnitude @ [0x01..=0x7f, ..] => Some(magnitude),
            _ => None,
        }
    }

    /// The bytes of a bit string that fills whole bytes.
    pub(crate) fn bit_string(&mut self) -> Option<&'a [u8]> {
        whole_bytes(self.take(BIT_STRING)?)
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The bytes of a bit string's content that has no unused bits.
pub(crate) fn whole_bytes(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [length @ 0..=0x7f, rest @ ..] => Some((usize::from(*length), rest)),
        [0x81, length @ 0x80..=0xff, rest @ ..] => Some((usize::from(*length), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_spelling() {
        assert_eq!(length(&[0x7f]), Some((0x7f, &[][..])));
        assert_eq!(length(&[0x81, 0x80]), Some((0x80, &[][..])));
        assert_eq!(length(&[0x82, 1, 0]), Some((0x100, &[][..])));
        for long in [&[0x80][..], &[0x81, 0x7f], &[0x82, 0, 0x80], &[0x83, 0, 1, 0], &[0x81], &[]] {
            assert_eq!(length(long), None, "{long:?}");
        }
    }

    #[test]
    fn integers_have_one_spelling_and_no_sign() {
        let read = |bytes: &'static [u8]| Der::new(bytes).unsigned();
        assert_eq!(read(&[2, 1, 0]), Some(&[][..]));
        assert_eq!(read(&[2, 1, 3]), Some(&[3][..]));
        assert_eq!(read(&[2, 2, 0, 0x80]), Some(&[0x80][..]));
        for bad in [&[2, 0][..], &[2, 2, 0, 1], &[2, 1, 0x80], &[2, 2, 0, 0]] {
            assert_eq!(Der::new(bad).unsigned(), None, "{bad:?}");
        }
    }
}
