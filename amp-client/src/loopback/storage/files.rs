//! The bytes of uploaded files: taken in, served, deleted (attachments).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use amp_core::envelope::AttachmentId;
use bytes::Bytes;

use super::directory::{private, sync_directory};

/// Where files are. A copy is the same place.
#[derive(Clone)]
pub(in super::super) struct Files {
    place: Place,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<Mutex<HashMap<AttachmentId, Bytes>>>),
    Disk(Arc<Path>),
}

impl Default for Files {
    fn default() -> Self {
        Self { place: Place::Memory(Arc::default()) }
    }
}

impl Files {
    pub(super) fn on_disk(path: PathBuf) -> Self {
        Self { place: Place::Disk(path.into()) }
    }

    /// Keeps a whole file.
    pub(in super::super) fn keep(&self, id: &AttachmentId, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.begin()?;
        writer.write(bytes)?;
        writer.finish(id)
    }

    /// Begins a file that nobody sees before it is finished.
    pub(in super::super) fn begin(&self) -> io::Result<FileWriter> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let part = match &self.place {
            Place::Memory(_) => Part::Memory(Vec::new()),
            Place::Disk(path) => {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let path = path.join(alloc::format!("part-{}-{number}", std::process::id()));
                let file = private().write(true).create_new(true).open(&path)?;
                Part::Disk { file, path }
            }
        };
        Ok(FileWriter { files: self.clone(), part: Some(part) })
    }

    /// A file, from a byte on.
    pub(in super::super) fn open(&self, id: &AttachmentId, from: u64) -> io::Result<FileReader> {
        match &self.place {
            Place::Memory(files) => {
                let files = files.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = files.get(id).ok_or(io::ErrorKind::NotFound)?;
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                Ok(FileReader::Memory(bytes.slice(from..)))
            }
            Place::Disk(path) => {
                let mut file = File::open(path.join(id.as_str()))?;
                file.seek(SeekFrom::Start(from))?;
                Ok(FileReader::Disk(file))
            }
        }
    }

    /// Deletes a file, if it is there.
    pub(in super::super) fn remove(&self, id: &AttachmentId) -> io::Result<()> {
        match &self.place {
            Place::Memory(files) => {
                files.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                Ok(())
            }
            Place::Disk(path) => match fs::remove_file(path.join(id.as_str())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }
}

/// A file that is being written. One that is dropped unfinished is gone.
pub(in super::super) struct FileWriter {
    files: Files,
    part: Option<Part>,
}

enum Part {
    Memory(Vec<u8>),
    Disk { file: File, path: PathBuf },
}

impl FileWriter {
    pub(in super::super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.part {
            Some(Part::Memory(buffer)) => {
                buffer.extend_from_slice(bytes);
                Ok(())
            }
            Some(Part::Disk { file, .. }) => file.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Makes it durable under an id.
    pub(in super::super) fn finish(mut self, id: &AttachmentId) -> io::Result<()> {
        match (&self.files.place, &mut self.part) {
            (Place::Memory(files), Some(Part::Memory(buffer))) => {
                let bytes = Bytes::from(core::mem::take(buffer));
                files.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), bytes);
            }
            (Place::Disk(directory), Some(Part::Disk { file, path })) => {
                file.sync_all()?;
                fs::rename(path, directory.join(id.as_str()))?;
                sync_directory(directory)?;
            }
            _ => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        self.part = None;
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Some(Part::Disk { path, .. }) = &self.part {
            // What stays is deleted at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// A file that is being read.
pub(in super::super) enum FileReader {
    Memory(Bytes),
    Disk(File),
}

impl FileReader {
    /// The next piece, of at most so many bytes; empty at the end.
    pub(in super::super) fn read(&mut self, most: usize) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.split_to(most.min(bytes.len()))),
            Self::Disk(file) => {
                let mut piece = alloc::vec![0; most];
                let read = file.read(&mut piece)?;
                piece.truncate(read);
                Ok(piece.into())
            }
        }
    }
}
