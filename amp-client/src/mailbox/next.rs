//! Writing a journal anew (local mailbox).

use amp_core::receive::Effect;

use super::disk::{Disk, DiskResult, Errno, write_all};
use super::failure::Step;
use super::journal::DAMAGED;
use super::ledger::Content;
use super::record::{Generation, HEADER_BYTES, Payload, Tag, sections, write_header};
use super::window::read_extent;
use crate::store::StoreError;

/// A record of a new journal is about this long, since it is read and checked as a whole.
const CHUNK_BYTES: usize = 256 * 1024;

/// A journal that is being written.
pub(super) struct Out<'a, D: Disk> {
    disk: &'a D,
    file: D::File,
    generation: Generation,
    offset: u64,
    payload: Payload,
}

impl<'a, D: Disk> Out<'a, D> {
    /// Begins behind where the header will stand.
    pub(super) const fn new(disk: &'a D, file: D::File, generation: Generation) -> Self {
        Self { disk, file, generation, offset: HEADER_BYTES as u64, payload: Payload::new() }
    }

    /// Writes what is left and the header, and makes all of it durable.
    pub(super) fn seal(mut self) -> DiskResult<()> {
        self.flush()?;
        let header = write_header(&self.generation, self.offset);
        write_all(self.disk, &self.file, 0, &header)?;
        self.disk.sync(&self.file)
    }

    pub(super) fn section(&mut self, tag: Tag, content: Content<'_>, old: &D::File) -> DiskResult<()> {
        let read;
        let content = match content {
            Content::Bytes(bytes) => bytes,
            Content::At(extent) => {
                read = read_extent(self.disk, old, extent)?;
                &read
            }
        };
        // A body belongs to the section before it.
        if tag != Tag::Body && self.payload.len() > CHUNK_BYTES {
            self.flush()?;
        }
        self.payload.push(tag, content);
        Ok(())
    }

    pub(super) fn copy_effects(&mut self, payload: &[u8], offset: u64) -> Result<(), StoreError> {
        for (tag, content, _) in sections(payload, offset).ok_or(DAMAGED)? {
            if matches!(tag, Tag::Position | Tag::Effect) {
                self.push_effect(tag, content)?;
            }
        }
        Ok(())
    }

    pub(super) fn effects(&mut self, position: u64, effects: &[Effect]) -> Result<(), StoreError> {
        self.push_effect(Tag::Position, &position.to_le_bytes())?;
        let durable = effects.iter().filter(|effect| effect.is_durable());
        durable.into_iter().try_for_each(|effect| self.push_effect(Tag::Effect, effect.to_json().as_bytes()))
    }

    fn push_effect(&mut self, tag: Tag, content: &[u8]) -> Result<(), StoreError> {
        if self.payload.len() > CHUNK_BYTES {
            self.flush().step("writing a journal")?;
        }
        self.payload.push(tag, content);
        Ok(())
    }

    pub(super) fn add(&mut self, payload: Payload) -> DiskResult<()> {
        self.flush()?;
        self.payload = payload;
        self.flush()
    }

    fn flush(&mut self) -> DiskResult<()> {
        if self.payload.len() > 0 {
            let record = self.payload.seal(&self.generation, self.offset).ok_or(Errno::FBIG)?;
            write_all(self.disk, &self.file, self.offset, &record)?;
            self.offset += record.len() as u64;
            self.payload = Payload::default();
        }
        Ok(())
    }
}
