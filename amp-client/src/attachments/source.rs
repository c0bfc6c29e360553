//! The file that is uploaded, and where it is read from, in pieces (attachments, sending).

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::progress::{Listener, Progress};
use crate::error::{Error, ErrorKind};

/// How much of a file is in memory at once, in bytes.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// A file to upload.
///
/// It is read twice, for its digest and to send it, and at most 64 KiB of it are in memory at once; three times that
/// while it is sealed.
///
/// ```
/// use amp_client::attachments::UploadFile;
///
/// # let directory = std::env::temp_dir();
/// # let path = directory.join(format!("amp-client-doc-{}.csv", std::process::id()));
/// # std::fs::write(&path, "a,b\n")?;
/// let table = UploadFile::open(&path, "text/csv")?
///     .on_progress(|progress| println!("{} of {} bytes", progress.bytes(), progress.total()));
/// let note = UploadFile::from_bytes("note.txt", "text/plain", b"All is well.".to_vec());
/// # std::fs::remove_file(&path)?;
/// # let _ = (table, note);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct UploadFile {
    filename: String,
    content_type: String,
    source: Source,
    listener: Listener,
}

/// Where a file is read from.
#[derive(Clone)]
pub(super) enum Source {
    Bytes(Bytes),
    File(Arc<File>),
}

impl UploadFile {
    /// The file at a path, under its own name.
    ///
    /// # Errors
    /// [`ErrorKind::File`]: it cannot be opened, or is no regular file.
    pub fn open(path: impl AsRef<Path>, content_type: &str) -> Result<Self, Error> {
        let path = path.as_ref();
        let refused = || Error::new(ErrorKind::File, "opening the file to upload: it is no regular file");
        let name = path.file_name().ok_or_else(refused)?.to_string_lossy();
        let opened =
            |error: io::Error| Error::new(ErrorKind::File, "opening the file to upload").because(error);
        // Opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(opened)?.is_file() {
            return Err(refused());
        }
        Ok(Self::from_file(&name, content_type, File::open(path).map_err(opened)?))
    }

    /// A file that is open, from its beginning, whatever was read of it. It must be one that can be read twice.
    pub fn from_file(filename: &str, content_type: &str, file: File) -> Self {
        Self::new(filename, content_type, Source::File(Arc::new(file)))
    }

    /// Bytes that are in memory.
    pub fn from_bytes(filename: &str, content_type: &str, bytes: Vec<u8>) -> Self {
        Self::new(filename, content_type, Source::Bytes(bytes.into()))
    }

    fn new(filename: &str, content_type: &str, source: Source) -> Self {
        let listener = Listener::default();
        Self { filename: filename.to_string(), content_type: content_type.to_string(), source, listener }
    }

    /// Has this called with the progress of the upload, on whatever thread it runs. It must not block.
    pub fn on_progress(mut self, listener: impl FnMut(Progress) + Send + 'static) -> Self {
        self.listener = Listener::new(listener);
        self
    }

    pub(super) fn into_parts(self) -> (String, String, Source, Listener) {
        (self.filename, self.content_type, self.source, self.listener)
    }
}

/// Shows neither name nor content.
impl fmt::Debug for UploadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadFile").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Source {
    /// The size in bytes, as of now.
    pub(super) async fn size(&self) -> io::Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => {
                let file = Arc::clone(file);
                blocking(move || Ok(file.metadata()?.len())).await
            }
        }
    }

    /// The next piece from here on; none at the end.
    pub(super) async fn read_at(&self, at: u64) -> io::Result<Option<Bytes>> {
        let piece = match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let rest = bytes.slice(from..);
                rest.slice(..rest.len().min(PIECE_BYTES))
            }
            Self::File(file) => {
                let file = Arc::clone(file);
                let mut buffer = alloc::vec![0; PIECE_BYTES];
                let reading = move || {
                    let read = read_file_at(&file, &mut buffer, at)?;
                    buffer.truncate(read);
                    Ok(buffer)
                };
                blocking(reading).await?.into()
            }
        };
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

/// Says where it reads, so that two bodies of one file do not move each other.
pub(super) fn read_file_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buffer, at);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, at);
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?
}
