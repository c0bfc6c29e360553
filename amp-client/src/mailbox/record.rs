//! Records of the journal: sections under a checksum that knows its place (local mailbox).

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"AMPMAIL1";
const MARK: &[u8; 4] = b"AMPR";
const CHECK_BYTES: usize = 16;

/// `AMPMAIL1`, the generation, the length of what a journal begins with, a checksum.
pub(super) const HEADER_BYTES: usize = 48;

/// `AMPR`, the length of the payload, a checksum.
pub(super) const FRAME_BYTES: usize = 24;

/// A record is at most this long: a message and what the receiver remembers of it take a few mebibytes.
pub(super) const RECORD_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Tells the records of one journal file from those of every other.
pub(super) type Generation = [u8; 16];

/// Where a section's content lies in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    /// Which holder wrote the record.
    Writer = b'W',
    /// The names at which something is still to be done from before.
    Unfinished = b'K',
    /// The position that the effects from here on lead to.
    Position = b'A',
    /// What the receiver remembers.
    Effect = b'E',
    /// A file that is a message of the inbox.
    Message = b'F',
    /// A file of another program that was dealt with.
    Dismissed = b'D',
    /// Whose business a message is.
    Holder = b'U',
    /// A file that is to be made of the body that follows.
    Place = b'P',
    /// A held message's entry; the body follows.
    Held = b'H',
    /// The bytes that the section before is about.
    Body = b'm',
    /// A held message that is held no longer.
    Released = b'R',
    /// The program had the message.
    HandedOut = b'O',
    /// A file that is to be removed.
    Remove = b'X',
}

impl Tag {
    const ALL: [Self; 13] = [
        Self::Writer,
        Self::Unfinished,
        Self::Position,
        Self::Effect,
        Self::Message,
        Self::Dismissed,
        Self::Holder,
        Self::Place,
        Self::Held,
        Self::Body,
        Self::Released,
        Self::HandedOut,
        Self::Remove,
    ];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| *tag as u8 == byte)
    }
}

/// What a record says, being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Payload(Vec<u8>);

impl Payload {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn push(&mut self, tag: Tag, content: &[u8]) {
        self.0.push(tag as u8);
        // Longer ones are refused when the record is sealed.
        self.0.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend_from_slice(content);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The record that stands at an offset; none when it is too long.
    pub(super) fn seal(&self, generation: &Generation, offset: u64) -> Option<Vec<u8>> {
        if self.0.len() > RECORD_MAX_BYTES {
            return None;
        }
        let mut record = Vec::with_capacity(FRAME_BYTES + self.0.len());
        record.extend_from_slice(MARK);
        record.extend_from_slice(&u32::try_from(self.0.len()).ok()?.to_le_bytes());
        record.extend_from_slice(&check(generation, offset, &self.0));
        record.extend_from_slice(&self.0);
        Some(record)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The sections of a payload that begins at an offset of the journal; none when it is not made of sections.
pub(super) fn sections(payload: &[u8], offset: u64) -> Option<Vec<(Tag, &[u8], Extent)>> {
    let mut sections = Vec::new();
    let mut at = 0_usize;
    while let Some((&tag, rest)) = payload.get(at..)?.split_first() {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let content = rest.get(..length)?;
        let begin = at + 5;
        sections.push((Tag::of(tag)?, content, Extent { offset: offset + begin as u64, length }));
        at = begin + length;
    }
    Some(sections)
}

/// How long the payload is of a record that begins so.
pub(super) fn payload_length(frame: &[u8]) -> Option<usize> {
    let rest = frame.strip_prefix(MARK)?;
    let length = usize::try_from(u32::from_le_bytes(*rest.first_chunk::<4>()?)).ok()?;
    (length <= RECORD_MAX_BYTES).then_some(length)
}

/// The payload of the record that stands at an offset, and that the bytes begin with.
pub(super) fn unseal<'a>(generation: &Generation, offset: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let length = payload_length(bytes)?;
    let claimed = bytes.get(8..FRAME_BYTES)?;
    let payload = bytes.get(FRAME_BYTES..FRAME_BYTES.checked_add(length)?)?;
    (claimed == check(generation, offset, payload)).then_some(payload)
}

/// Whether a record stands anywhere in the bytes, the first of which is at an offset.
pub(super) fn any_record(generation: &Generation, offset: u64, bytes: &[u8]) -> bool {
    let marks = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    marks.into_iter().any(|(at, _)| {
        bytes.get(at..).is_some_and(|rest| unseal(generation, offset + at as u64, rest).is_some())
    })
}

/// The beginning of a journal, and how long the part is that was there when it was made.
pub(super) fn write_header(generation: &Generation, beginning: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let length = beginning.to_le_bytes();
    let check = check(generation, beginning, MAGIC);
    let parts = MAGIC.iter().chain(generation).chain(&length).chain(&check);
    for (place, byte) in header.iter_mut().zip(parts) {
        *place = *byte;
    }
    header
}

/// Reads what [`write_header`] wrote.
pub(super) fn read_header(header: &[u8; HEADER_BYTES]) -> Option<(Generation, u64)> {
    let rest = header.strip_prefix(MAGIC)?;
    let (generation, rest) = rest.split_first_chunk::<16>()?;
    let (length, claimed) = rest.split_first_chunk::<8>()?;
    let beginning = u64::from_le_bytes(*length);
    (claimed.get(..CHECK_BYTES)? == check(generation, beginning, MAGIC)).then_some((*generation, beginning))
}

fn check(generation: &Generation, offset: u64, payload: &[u8]) -> [u8; CHECK_BYTES] {
    let mut digest = Sha256::new();
    digest.update(generation);
    digest.update(offset.to_le_bytes());
    digest.update(payload);
    let mut check = [0; CHECK_BYTES];
    for (place, byte) in check.iter_mut().zip(digest.finalize()) {
        *place = byte;
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_at_its_place_and_in_its_journal_only() {
        let mut payload = Payload::default();
        payload.push(Tag::Writer, b"me");
        payload.push(Tag::Body, &[]);
        let record = payload.seal(&[1; 16], 48).unwrap();
        let read = unseal(&[1; 16], 48, &record).unwrap();
        let extent = Extent { offset: 72 + 5, length: 2 };
        assert_eq!(sections(read, 72).unwrap().first().unwrap(), &(Tag::Writer, &b"me"[..], extent));
        assert!(unseal(&[1; 16], 49, &record).is_none());
        assert!(unseal(&[2; 16], 48, &record).is_none());
        for cut in 0..record.len() {
            assert!(unseal(&[1; 16], 48, &record[..cut]).is_none());
        }
        let mut shifted = b"AMP".to_vec();
        shifted.extend(payload.seal(&[1; 16], 103).unwrap());
        assert!(any_record(&[1; 16], 100, &shifted));
        assert!(!any_record(&[1; 16], 101, &shifted));
    }

    #[test]
    fn a_header_is_read_back_and_not_when_a_bit_is_wrong() {
        let header = write_header(&[9; 16], 1234);
        assert_eq!(read_header(&header), Some(([9; 16], 1234)));
        for bit in 0..HEADER_BYTES * 8 {
            let mut wrong = header;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_header(&wrong), None);
        }
    }
}
