//! Reading a journal piece by piece (local mailbox).

use alloc::vec::Vec;

use super::disk::{Disk, DiskResult, Errno, read_full};
use super::record::{Extent, FRAME_BYTES, Generation, payload_length, unseal};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The part of a journal that is in memory while it is read.
pub(super) struct Window {
    pub(super) offset: u64,
    /// Where the file ends, as far as is known.
    end: u64,
    bytes: Vec<u8>,
    /// Where the byte at the offset is.
    at: usize,
}

impl Window {
    pub(super) const fn new(offset: u64, end: u64) -> Self {
        Self { offset, end, bytes: Vec::new(), at: 0 }
    }

    /// The payload of the record at the offset; none when there is none.
    pub(super) fn record<D: Disk>(
        &mut self,
        disk: &D,
        file: &D::File,
        generation: &Generation,
    ) -> DiskResult<Option<Vec<u8>>> {
        let Some(length) = payload_length(self.fill(disk, file, FRAME_BYTES)?) else { return Ok(None) };
        let offset = self.offset;
        let bytes = self.fill(disk, file, FRAME_BYTES + length)?;
        Ok(unseal(generation, offset, bytes).map(Vec::from))
    }

    /// As many bytes as wanted, or more; fewer at the end of the file.
    fn fill<D: Disk>(&mut self, disk: &D, file: &D::File, wanted: usize) -> DiskResult<&[u8]> {
        let have = self.bytes.len() - self.at;
        if have < wanted {
            self.bytes.drain(..self.at);
            self.at = 0;
            let from = self.offset + have as u64;
            let left = usize::try_from(self.end.saturating_sub(from)).unwrap_or(usize::MAX);
            let mut read = alloc::vec![0; (wanted - have).max(CHUNK_BYTES).min(left)];
            let count = read_full(disk, file, from, &mut read)?;
            self.bytes.extend_from_slice(read.get(..count).unwrap_or_default());
        }
        Ok(self.bytes.get(self.at..).unwrap_or_default())
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at = self.bytes.len().min(self.at + count);
        self.offset += count as u64;
    }
}

/// What stands at a place.
pub(super) fn read_extent<D: Disk>(disk: &D, file: &D::File, extent: Extent) -> DiskResult<Vec<u8>> {
    let mut bytes = alloc::vec![0; extent.length];
    match read_full(disk, file, extent.offset, &mut bytes)? {
        read if read == extent.length => Ok(bytes),
        _ => Err(Errno::IO),
    }
}
