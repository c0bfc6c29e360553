//! The journal: one file that says what happened, and the only place where it is decided that it did (local mailbox).

use alloc::vec::Vec;

use amp_core::receive::Effect;

use super::disk::{Access, Disk, Errno, Kind, read_full, write_all};
use super::failure::{Step, failure};
use super::holders::Holders;
use super::ledger::Ledger;
use super::next::Out;
use super::record::{
    Extent, FRAME_BYTES, Generation, HEADER_BYTES, Payload, RECORD_MAX_BYTES, Tag, any_record, read_header,
    sections,
};
use super::window::{Window, read_extent};
use crate::store::{StoreError, StoreErrorKind};

const NAME: &str = "journal";
const NEXT: &str = "journal.next";

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
        // What failed stays behind the end: whoever comes next sees whose it is, or that it is torn.
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
        let mut out = Out::new(site.disk, file, generation);
        write(&mut out)?;
        out.seal().step("writing a journal")
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

fn io(error: Errno) -> std::io::Error {
    error.into()
}

/// The journal does not say what it should.
pub(super) const DAMAGED: StoreError = StoreError::new(StoreErrorKind::Damaged, "reading the journal");
const NOT_OPEN: StoreError = StoreError::new(StoreErrorKind::Poisoned, "using a journal that is not open");
