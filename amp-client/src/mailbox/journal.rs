//! The journal: one file that says what happened, and the only place where it is decided that it did (local mailbox).

use alloc::vec::Vec;

use amp_core::receive::Effect;

use super::disk::{Access, Disk, DiskResult, Errno, Kind, read_full, write_all};
use super::failure::{Step, failure};
use super::holders::Holders;
use super::ledger::{Content, Ledger};
use super::record::{
    Extent, FRAME_BYTES, Generation, HEADER_BYTES, Payload, RECORD_MAX_BYTES, Tag, any_record,
    payload_length, read_header, sections, unseal, write_header,
};
use crate::store::{StoreError, StoreErrorKind};

const NAME: &str = "journal";
const NEXT: &str = "journal.next";

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Below that, a journal is not written anew to get rid of what nobody needs.
const SLIM_BYTES: u64 = 4 * 1024 * 1024;

/// The journal, as far as it was read.
pub(super) struct Journal<D: Disk> {
    open: Option<Open<D>>,
    poisoned: bool,
    /// What was read cannot be relied on before it was written anew.
    doubtful: bool,
    slim_at: u64,
}

struct Open<D: Disk> {
    file: D::File,
    node: (u64, u64),
    generation: Generation,
    /// What was there when the file was made.
    beginning: u64,
    /// Where the next record goes.
    end: u64,
    /// Something stands behind the end that is no record.
    torn: bool,
    ledger: Ledger,
    base: Option<u64>,
    /// The position before, and the offset of each record that leads further or holds effects.
    marks: Vec<(u64, u64)>,
}

/// Where the journal is, and for whom.
pub(super) struct Site<'a, D: Disk> {
    pub(super) disk: &'a D,
    pub(super) state: &'a D::Dir,
    pub(super) holders: &'a Holders<D>,
}

impl<D: Disk> Journal<D> {
    pub(super) const fn new() -> Self {
        Self { open: None, poisoned: false, doubtful: false, slim_at: SLIM_BYTES }
    }

    pub(super) const fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Whatever is there has to be written anew before anything is added.
    pub(super) const fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// What it adds up to.
    pub(super) fn ledger(&mut self) -> Result<&mut Ledger, StoreError> {
        self.open.as_mut().map(|open| &mut open.ledger).ok_or(NOT_OPEN)
    }

    /// Reads what others have added.
    pub(super) fn refresh(&mut self, site: &Site<'_, D>) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::new(StoreErrorKind::Poisoned, "an earlier failure"));
        }
        let stat = match site.disk.stat_at(site.state, NAME) {
            Ok(stat) => stat,
            Err(Errno::NOENT) if self.open.is_none() => return self.create(site),
            Err(error) => return Err(failure("finding the journal", error)),
        };
        if stat.kind != Kind::File || stat.owner != site.disk.owner() || stat.mode & 0o077 != 0 {
            return Err(StoreError::new(StoreErrorKind::Unsafe, "looking at the journal"));
        }
        match &mut self.open {
            Some(open) if open.node == stat.node => open.read_on(site.disk, stat.size),
            _ => self.load(site),
        }
    }

    fn create(&mut self, site: &Site<'_, D>) -> Result<(), StoreError> {
        let mut payload = Ledger::default().begin(site.holders.id());
        payload.push(Tag::Position, &0_u64.to_le_bytes());
        self.replace(site, |out| out.add(payload).step("writing a journal"))
    }

    fn load(&mut self, site: &Site<'_, D>) -> Result<(), StoreError> {
        self.open = None;
        let file = site.disk.open(site.state, NAME, Access::ReadWrite).step("opening the journal")?;
        let stat = site.disk.stat(&file).step("looking at the journal")?;
        let mut header = [0; HEADER_BYTES];
        let read = read_full(site.disk, &file, 0, &mut header).step("reading the journal")?;
        let (generation, beginning) = read_header(&header).filter(|_| read == HEADER_BYTES).ok_or(DAMAGED)?;
        let mut open = Open {
            file,
            node: stat.node,
            generation,
            beginning,
            end: HEADER_BYTES as u64,
            torn: false,
            ledger: Ledger::default(),
            base: None,
            marks: Vec::new(),
        };
        open.read_on(site.disk, stat.size)?;
        self.slim_at = SLIM_BYTES.max(beginning.saturating_mul(3));
        self.open = Some(open);
        Ok(())
    }

    /// Adds a record. Afterwards it is durable; after an error it is not there, or nobody can say.
    pub(super) fn append(&mut self, site: &Site<'_, D>, payload: &Payload) -> Result<(), StoreError> {
        let open = self.open.as_ref().ok_or(NOT_OPEN)?;
        if open.torn || self.doubtful {
            self.rewrite(site, None)?;
        }
        let open = self.open.as_mut().ok_or(NOT_OPEN)?;
        let record = payload
            .seal(&open.generation, open.end)
            .ok_or(StoreError::new(StoreErrorKind::Refused, "an entry that is too large"))?;
        if let Err(error) = write_all(site.disk, &open.file, open.end, &record) {
            if site.disk.truncate(&open.file, open.end).is_err() {
                self.recover(site)?;
            }
            return Err(failure("writing to the journal", error));
        }
        if let Err(error) = site.disk.sync(&open.file) {
            // What the system has in memory is no longer what will be on disk: only another file helps.
            self.recover(site)?;
            return Err(failure("syncing the journal", error));
        }
        open.take(payload.bytes(), open.end)?;
        open.end += record.len() as u64;
        Ok(())
    }

    /// After a failure: a new file without what failed, else nobody can say what is there.
    fn recover(&mut self, site: &Site<'_, D>) -> Result<(), StoreError> {
        let Err(error) = self.rewrite(site, None) else { return Ok(()) };
        if let Some(open) = &self.open {
            let _ = site.disk.truncate(&open.file, open.end);
        }
        self.poison(site);
        Err(StoreError::new(StoreErrorKind::Poisoned, "recovering the journal").because(error))
    }

    fn poison(&mut self, site: &Site<'_, D>) {
        self.poisoned = true;
        site.holders.set_troubled(site.disk, true);
    }

    /// Gets rid of the bytes of messages that have files by now, when there are many.
    pub(super) fn slim(&mut self, site: &Site<'_, D>) {
        let Some(end) = self.open.as_ref().map(|open| open.end).filter(|end| *end > self.slim_at) else {
            return;
        };
        if self.rewrite(site, None).is_err() {
            self.slim_at = end.saturating_mul(2);
        }
    }

    /// Writes a new journal that adds up to the same, and puts it into the place of the old one.
    ///
    /// With effects: these take the place of all that were there.
    pub(super) fn rewrite(
        &mut self,
        site: &Site<'_, D>,
        effects: Option<&[Effect]>,
    ) -> Result<(), StoreError> {
        let old = self.open.take().ok_or(NOT_OPEN)?;
        let done = self.replace(site, |out| {
            match effects {
                Some(effects) => out.effects(old.ledger.position, effects)?,
                None => old.walk(site.disk, HEADER_BYTES as u64, |payload, offset| {
                    out.copy_effects(payload, offset)
                })?,
            }
            let copied = old.ledger.write(|tag, content| out.section(tag, content, &old.file));
            copied.step("writing a journal")?;
            out.add(old.ledger.begin(site.holders.id())).step("writing a journal")
        });
        if done.is_err() && self.open.is_none() {
            self.open = Some(old);
        }
        done
    }

    fn replace(
        &mut self,
        site: &Site<'_, D>,
        write: impl FnOnce(&mut Out<'_, D>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let prepared = Self::write_next(site, write);
        if let Err(error) = prepared {
            let _ = site.disk.unlink(site.state, NEXT);
            return Err(error);
        }
        let renamed = site.disk.rename(site.state, NEXT, NAME);
        if let Err(error) = renamed.and_then(|()| site.disk.sync_dir(site.state)) {
            // Which of the two files is the journal after a power cut, nobody can say.
            self.poison(site);
            return Err(
                StoreError::new(StoreErrorKind::Poisoned, "putting a journal in place").because(io(error))
            );
        }
        self.doubtful = false;
        self.load(site)
    }

    fn write_next(
        site: &Site<'_, D>,
        write: impl FnOnce(&mut Out<'_, D>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match site.disk.unlink(site.state, NEXT) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failure("removing an unfinished journal", error)),
        }
        let file = site.disk.create(site.state, NEXT).step("making a journal")?;
        let generation = site.disk.random().step("making a journal")?;
        let payload = Payload::default();
        let mut out = Out { disk: site.disk, file, generation, offset: HEADER_BYTES as u64, payload };
        write(&mut out)?;
        out.flush().step("writing a journal")?;
        let header = write_header(&out.generation, out.offset);
        write_all(site.disk, &out.file, 0, &header).step("writing a journal")?;
        site.disk.sync(&out.file).step("syncing a journal")
    }

    /// The effects after a position; none when they are no longer kept one by one.
    pub(super) fn effects_after(
        &self,
        site: &Site<'_, D>,
        after: u64,
    ) -> Result<Option<Vec<Effect>>, StoreError> {
        let open = self.open.as_ref().ok_or(NOT_OPEN)?;
        if after == 0 || after > open.ledger.position || open.base.is_none_or(|base| after < base) {
            return Ok(None);
        }
        let first = open.marks.partition_point(|(position, _)| *position <= after).saturating_sub(1);
        let Some((position, offset)) = open.marks.get(first) else { return Ok(Some(Vec::new())) };
        open.effects(site.disk, *position, *offset, Some(after)).map(Some)
    }

    /// All effects.
    pub(super) fn effects(&self, site: &Site<'_, D>) -> Result<Vec<Effect>, StoreError> {
        self.open.as_ref().ok_or(NOT_OPEN)?.effects(site.disk, 0, HEADER_BYTES as u64, None)
    }

    /// What a section holds.
    pub(super) fn body(&self, site: &Site<'_, D>, extent: Extent) -> Result<Vec<u8>, StoreError> {
        let open = self.open.as_ref().ok_or(NOT_OPEN)?;
        read_extent(site.disk, &open.file, extent).step("reading the journal")
    }
}

impl<D: Disk> Open<D> {
    fn read_on(&mut self, disk: &D, size: u64) -> Result<(), StoreError> {
        if size < self.end || size < self.beginning {
            return Err(DAMAGED);
        }
        self.torn = false;
        let mut window = Window::new(self.end, size);
        while let Some(payload) =
            window.record(disk, &self.file, &self.generation).step("reading the journal")?
        {
            self.take(&payload, window.offset)?;
            window.skip(FRAME_BYTES + payload.len());
            self.end = window.offset;
        }
        if self.end < size { self.look_behind(disk, size) } else { Ok(()) }
    }

    /// What is no record is the torn end of the last one, or damage.
    fn look_behind(&mut self, disk: &D, size: u64) -> Result<(), StoreError> {
        if self.end < self.beginning {
            return Err(DAMAGED);
        }
        let length = usize::try_from(size - self.end).map_err(|_| DAMAGED)?;
        if length > RECORD_MAX_BYTES + FRAME_BYTES {
            return Err(DAMAGED);
        }
        let rest = read_extent(disk, &self.file, Extent { offset: self.end, length });
        if any_record(&self.generation, self.end, &rest.step("reading the journal")?) {
            return Err(DAMAGED);
        }
        self.torn = true;
        Ok(())
    }

    /// Takes in a record that stands at an offset.
    fn take(&mut self, payload: &[u8], offset: u64) -> Result<(), StoreError> {
        let before = self.ledger.position;
        let begin = offset + FRAME_BYTES as u64;
        self.ledger.apply(payload, begin).map_err(|_| DAMAGED)?;
        let sections = sections(payload, begin).ok_or(DAMAGED)?;
        if sections.iter().any(|(tag, ..)| matches!(tag, Tag::Position | Tag::Effect)) {
            if self.base.is_none() {
                self.base = positions(&sections).next();
            }
            self.marks.push((before, offset));
        }
        Ok(())
    }

    fn effects(
        &self,
        disk: &D,
        mut position: u64,
        offset: u64,
        after: Option<u64>,
    ) -> Result<Vec<Effect>, StoreError> {
        let mut effects = Vec::new();
        self.walk(disk, offset, |payload, offset| {
            for (tag, content, _) in sections(payload, offset).ok_or(DAMAGED)? {
                match tag {
                    Tag::Position => position = read_position(content).unwrap_or(position),
                    Tag::Effect if after.is_none_or(|after| position > after) => {
                        effects.push(Effect::from_json(content).map_err(|_| DAMAGED)?);
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
        Ok(effects)
    }

    /// Gives the payloads from an offset on, and where they begin.
    fn walk(
        &self,
        disk: &D,
        offset: u64,
        mut give: impl FnMut(&[u8], u64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut window = Window::new(offset, self.end);
        while window.offset < self.end {
            let record = window
                .record(disk, &self.file, &self.generation)
                .step("reading the journal")?
                .ok_or(DAMAGED)?;
            give(&record, window.offset + FRAME_BYTES as u64)?;
            window.skip(FRAME_BYTES + record.len());
        }
        Ok(())
    }
}

fn positions<'a>(sections: &'a [(Tag, &'a [u8], Extent)]) -> impl Iterator<Item = u64> + 'a {
    let positions = sections.iter().filter(|(tag, ..)| *tag == Tag::Position);
    positions.filter_map(|(_, content, _)| read_position(content))
}

fn read_position(content: &[u8]) -> Option<u64> {
    content.try_into().ok().map(u64::from_le_bytes)
}

/// The part of a journal that is in memory while it is read.
struct Window {
    offset: u64,
    /// Where the file ends, as far as is known.
    end: u64,
    bytes: Vec<u8>,
    /// Where the byte at the offset is.
    at: usize,
}

impl Window {
    const fn new(offset: u64, end: u64) -> Self {
        Self { offset, end, bytes: Vec::new(), at: 0 }
    }

    /// The payload of the record at the offset; none when there is none.
    fn record<D: Disk>(
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

    fn skip(&mut self, count: usize) {
        self.at = self.bytes.len().min(self.at + count);
        self.offset += count as u64;
    }
}

/// A journal that is being written.
struct Out<'a, D: Disk> {
    disk: &'a D,
    file: D::File,
    generation: Generation,
    offset: u64,
    payload: Payload,
}

impl<D: Disk> Out<'_, D> {
    fn section(&mut self, tag: Tag, content: Content<'_>, old: &D::File) -> DiskResult<()> {
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

    fn copy_effects(&mut self, payload: &[u8], offset: u64) -> Result<(), StoreError> {
        for (tag, content, _) in sections(payload, offset).ok_or(DAMAGED)? {
            if matches!(tag, Tag::Position | Tag::Effect) {
                self.push_effect(tag, content)?;
            }
        }
        Ok(())
    }

    fn effects(&mut self, position: u64, effects: &[Effect]) -> Result<(), StoreError> {
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

    fn add(&mut self, payload: Payload) -> DiskResult<()> {
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

fn read_extent<D: Disk>(disk: &D, file: &D::File, extent: Extent) -> DiskResult<Vec<u8>> {
    let mut bytes = alloc::vec![0; extent.length];
    match read_full(disk, file, extent.offset, &mut bytes)? {
        read if read == extent.length => Ok(bytes),
        _ => Err(Errno::IO),
    }
}

fn io(error: Errno) -> std::io::Error {
    error.into()
}

const DAMAGED: StoreError = StoreError::new(StoreErrorKind::Damaged, "reading the journal");
const NOT_OPEN: StoreError = StoreError::new(StoreErrorKind::Poisoned, "using a journal that is not open");
