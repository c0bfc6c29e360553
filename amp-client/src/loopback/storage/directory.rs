//! A storage in a directory: a journal of decisions, and the files of attachments (provider API).
//!
//! `journal` holds all that is remembered, `files/` what was uploaded, `lock` keeps a second provider out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use amp_core::envelope::AttachmentId;
use amp_core::provider::{Decision, Effect, MessageNumber};

use super::journal::{self, BEGINNING, Transaction};
use super::{Files, Storage};

/// A journal of fewer bytes is not written anew.
const SHORT: u64 = 4 * 1024 * 1024;

/// A directory that this provider has for itself.
pub(super) struct Directory {
    path: PathBuf,
    journal: File,
    /// Up to where the journal is durable.
    length: u64,
    /// What follows there.
    pending: Vec<u8>,
    /// Where each body is, and how long it is.
    bodies: BTreeMap<u64, (u64, usize)>,
    files: Files,
    /// A file that could not be kept: what speaks of it must not become durable.
    failed: Option<io::Error>,
    _lock: File,
}

impl Directory {
    /// Opens a directory, or makes it, and reads what is in it.
    ///
    /// # Errors
    /// When it cannot be read or written, another provider has it, or it was written by a later version; when it is another
    /// user's or others may write in it, or something else lies in it than what a provider keeps.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Effect>)> {
        create_private(path)?;
        check_own(&fs::metadata(path)?)?;
        if !begins_like_ours(&path.join("journal"))? {
            check_empty(path)?;
        }
        let lock = private().write(true).create(true).truncate(false).open(path.join("lock"))?;
        lock_whole(&lock)?;
        let journal =
            private().read(true).write(true).create(true).truncate(false).open(path.join("journal"))?;
        let files = path.join("files");
        create_private(&files)?;
        check_own(&fs::symlink_metadata(&files)?)?;
        let mut directory = Self {
            path: path.to_path_buf(),
            journal,
            length: 0,
            pending: Vec::new(),
            bodies: BTreeMap::new(),
            files: Files::on_disk(files),
            failed: None,
            _lock: lock,
        };
        let effects = directory.read()?;
        let effects = directory.shorten(effects)?;
        directory.forget_strays(&effects)?;
        Ok((directory, effects))
    }

    /// Reads the journal to the end of its last whole transaction. What follows was never committed; it is put aside.
    fn read(&mut self) -> io::Result<Vec<Effect>> {
        (self.pending, self.bodies) = (Vec::new(), BTreeMap::new());
        let size = self.journal.metadata()?.len();
        self.journal.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&self.journal);
        let mut beginning = Vec::new();
        reader.by_ref().take(length(BEGINNING)).read_to_end(&mut beginning)?;
        if beginning != BEGINNING {
            // Cut off within its first line, or not a journal of ours.
            if !BEGINNING.starts_with(&beginning) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the journal is of another version"));
            }
            self.journal.set_len(0)?;
            self.journal.seek(SeekFrom::Start(0))?;
            self.journal.write_all(BEGINNING)?;
            self.journal.sync_all()?;
            sync_directory(&self.path)?;
            self.length = length(BEGINNING);
            return Ok(Vec::new());
        }
        let (mut effects, mut end) = (Vec::new(), length(BEGINNING));
        while let Some(entry) = journal::read(&mut reader, end)? {
            end = entry.end;
            effects.extend(entry.effects);
            for (number, at, bytes) in entry.bodies {
                self.bodies.insert(number, (at, bytes));
            }
            for number in entry.released {
                self.bodies.remove(&number);
            }
        }
        drop(reader);
        if end < size {
            self.put_aside(end)?;
        }
        self.length = end;
        Ok(effects)
    }

    /// Moves what cannot be read at the journal's end into a file of its own.
    fn put_aside(&mut self, end: u64) -> io::Result<()> {
        self.journal.seek(SeekFrom::Start(end))?;
        let mut rest =
            private().write(true).create(true).truncate(true).open(self.path.join("journal.rest"))?;
        let bytes = io::copy(&mut self.journal, &mut rest)?;
        rest.sync_all()?;
        self.journal.set_len(end)?;
        self.journal.sync_all()?;
        tracing::warn!(bytes, "the end of the provider's journal was not whole and is put aside");
        Ok(())
    }

    /// Writes the journal anew when most of it is about what is gone.
    fn shorten(&mut self, effects: Vec<Effect>) -> io::Result<Vec<Effect>> {
        let kept: u64 = self.bodies.values().map(|(_, bytes)| u64::try_from(*bytes).unwrap_or(0)).sum();
        if self.length < SHORT || self.length / 2 < kept {
            return Ok(effects);
        }
        let effects = super::super::settings::in_short(effects)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the journal contradicts itself"))?;
        let new = self.path.join("journal.new");
        let mut file = private().write(true).create(true).truncate(true).open(&new)?;
        file.write_all(BEGINNING)?;
        let mut transaction = Transaction::default();
        for effect in &effects {
            transaction.effect(effect);
        }
        for number in self.bodies.keys() {
            let body = self.read_body(*number)?;
            transaction.body(*number, &body);
        }
        file.write_all(&transaction.end().0)?;
        file.sync_all()?;
        fs::rename(&new, self.path.join("journal"))?;
        sync_directory(&self.path)?;
        self.journal = private().read(true).write(true).open(self.path.join("journal"))?;
        self.read()
    }

    /// Deletes files that no attachment is remembered of: their decision was never stored.
    fn forget_strays(&self, effects: &[Effect]) -> io::Result<()> {
        let known: BTreeSet<&str> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::AttachmentSet { attachment } => Some(attachment.id().as_str()),
                _ => None,
            })
            .collect();
        for entry in fs::read_dir(self.path.join("files"))? {
            let entry = entry?;
            let name = entry.file_name();
            let is_stray = |name: &str| !known.contains(name) && is_name_of_ours(name);
            if entry.file_type()?.is_file() && name.to_str().is_some_and(is_stray) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn read_body(&self, number: u64) -> io::Result<Vec<u8>> {
        let none = || io::Error::from(io::ErrorKind::NotFound);
        let (at, bytes) = self.bodies.get(&number).copied().ok_or_else(none)?;
        let mut body = alloc::vec![0; bytes];
        read_at(&self.journal, at, &mut body)?;
        Ok(body)
    }
}

impl Storage for Directory {
    fn write(&mut self, decision: &Decision<'_>) {
        for file in decision.files() {
            // Before the transaction: a file without a record is a stray, a record without a file would be a lie.
            if let Err(error) = self.files.keep(file.id(), file.as_bytes()) {
                self.failed = Some(error);
            }
        }
        if decision.is_unchanged() {
            return;
        }
        let begins = self.length.saturating_add(length(&self.pending));
        let (bytes, bodies) = Transaction::of(decision).end();
        self.pending.extend_from_slice(&bytes);
        for (number, at, bytes) in bodies {
            let at = begins.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
            self.bodies.insert(number, (at, bytes));
        }
        for number in decision.released() {
            self.bodies.remove(&number.get());
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let pending = core::mem::take(&mut self.pending);
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if pending.is_empty() {
            return Ok(());
        }
        let written = self
            .journal
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.journal.write_all(&pending))
            .and_then(|()| self.journal.sync_data());
        match written {
            Ok(()) => self.length = self.length.saturating_add(length(&pending)),
            Err(error) => {
                self.journal.set_len(self.length)?;
                return Err(error);
            }
        }
        Ok(())
    }

    fn body(&self, number: MessageNumber) -> Option<Vec<u8>> {
        self.read_body(number.get()).ok()
    }

    fn begin_anew(&mut self, _memory: Vec<Effect>) -> io::Result<Vec<Effect>> {
        let effects = self.read()?;
        self.shorten(effects)
    }

    fn files(&self) -> Files {
        self.files.clone()
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

/// Whether a journal of a provider is there. One that was cut off in its first line is as good as none.
fn begins_like_ours(journal: &Path) -> io::Result<bool> {
    let file = match private().read(true).open(journal) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    let mut beginning = Vec::new();
    file.take(length(BEGINNING)).read_to_end(&mut beginning)?;
    Ok(beginning == BEGINNING)
}

/// A directory without a journal has nothing in it but what a start that was cut off has left.
fn check_empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let is_left = match name.to_str() {
            Some("lock" | "journal") => kind.is_file(),
            Some("files") => kind.is_dir() && fs::read_dir(entry.path())?.next().is_none(),
            _ => false,
        };
        if !is_left {
            let rule = "the directory holds something else: a provider wants one of its own";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, rule));
        }
    }
    Ok(())
}

/// A directory, and no link to one, of this user, in which nobody else may write.
fn check_own(metadata: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    let is_own = {
        use std::os::unix::fs::MetadataExt as _;
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
    };
    #[cfg(not(unix))]
    let is_own = true;
    if metadata.is_dir() && is_own {
        return Ok(());
    }
    let rule = "not a directory of this user alone: it is a link, another user's, or others may write in it";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, rule))
}

/// The name of an uploaded file, or of one that is being taken in.
fn is_name_of_ours(name: &str) -> bool {
    name.starts_with("part-") || name.parse::<AttachmentId>().is_ok()
}

/// Files that others do not read: API keys' hashes and tokens are in them. No link is followed.
pub(super) fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "changed where there are modes")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options
}

fn create_private(path: &Path) -> io::Result<()> {
    #[allow(unused_mut, reason = "changed where there are modes")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

#[cfg(unix)]
fn lock_whole(file: &File) -> io::Result<()> {
    let operation = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    rustix::fs::flock(file, operation)
        .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another provider has the directory"))
}

#[cfg(not(unix))]
fn lock_whole(_: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
