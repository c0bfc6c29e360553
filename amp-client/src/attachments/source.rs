//! The file that is uploaded: read twice, in pieces (attachments, sending).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::File;
use std::io;
use std::path::Path;

use amp_core::connection::{ContentHasher, ContentSum};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::Notify;

use super::progress::{Listener, Progress};
use crate::error::{Error, ErrorKind};
use crate::http::FileBody;

/// How much of a file is in memory at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// A file to upload.
///
/// It is read twice, for its digest and to send it, and at most 64 KiB of it are in memory at once.
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

#[derive(Clone)]
enum Source {
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

    pub(super) fn into_parts(self) -> (String, String, Reading, Listener) {
        (self.filename, self.content_type, Reading { source: self.source }, self.listener)
    }
}

/// Shows neither name nor content.
impl fmt::Debug for UploadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadFile").field("listener", &self.listener).finish_non_exhaustive()
    }
}

/// The file while it is sent, as often as that takes.
pub(super) struct Reading {
    source: Source,
}

/// How much of a body the connection has taken.
#[derive(Clone, Default)]
pub(super) struct Sent {
    shared: Arc<(AtomicU64, Notify)>,
}

impl Sent {
    /// Waits until the number changes, unless it has.
    pub(super) async fn changed(&self) -> u64 {
        self.shared.1.notified().await;
        self.shared.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.shared.0.fetch_add(bytes as u64, Ordering::Relaxed);
        self.shared.1.notify_one();
    }
}

impl Reading {
    /// Size and digest. What is larger than `most` is refused by its size, and not read to its end for that.
    pub(super) async fn sum(&self, most: u64) -> io::Result<ContentSum> {
        let mut hasher = ContentHasher::new();
        while let Some(piece) = read_at(self.source.clone(), hasher.size()).await? {
            hasher.update(&piece);
            if hasher.size() > most {
                break;
            }
        }
        Ok(hasher.finish())
    }

    /// A body of what stands before the file, `size` bytes of it, and what stands after it. A file that has become
    /// shorter breaks the body off.
    pub(super) fn body(&self, before: Bytes, size: u64, after: Bytes, sent: &Sent) -> FileBody {
        let parts =
            Parts { before: Some(before), source: self.source.clone(), at: 0, size, after: Some(after) };
        let sent = sent.clone();
        let pieces = stream::try_unfold((parts, sent), |(mut parts, sent)| async move {
            let piece = parts.next().await?;
            Ok(piece.map(|piece| {
                sent.add(piece.len());
                (piece, (parts, sent))
            }))
        });
        Box::pin(pieces)
    }
}

struct Parts {
    before: Option<Bytes>,
    source: Source,
    at: u64,
    size: u64,
    after: Option<Bytes>,
}

impl Parts {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(before) = self.before.take().filter(|before| !before.is_empty()) {
            return Ok(Some(before));
        }
        let left = self.size.saturating_sub(self.at);
        if left == 0 {
            return Ok(self.after.take().filter(|after| !after.is_empty()));
        }
        let piece = read_at(self.source.clone(), self.at).await?;
        let mut piece = piece.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.at = self.at.saturating_add(piece.len() as u64);
        Ok(Some(piece))
    }
}

/// The next piece from here on; none at the end.
async fn read_at(source: Source, at: u64) -> io::Result<Option<Bytes>> {
    match source {
        Source::Bytes(bytes) => {
            let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            let rest = bytes.slice(from..);
            let piece = rest.slice(..rest.len().min(PIECE_BYTES));
            Ok(Some(piece).filter(|piece| !piece.is_empty()))
        }
        Source::File(file) => {
            let reading = tokio::task::spawn_blocking(move || read_file_at(&file, at));
            reading.await.map_err(|_| io::Error::from(io::ErrorKind::Interrupted))?
        }
    }
}

fn read_file_at(file: &File, at: u64) -> io::Result<Option<Bytes>> {
    let mut buffer = alloc::vec![0; PIECE_BYTES];
    loop {
        // Says where it reads, so that two bodies of one file do not move each other.
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut buffer, at);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer, at);
        match read {
            Ok(0) => return Ok(None),
            Ok(read) => {
                buffer.truncate(read);
                return Ok(Some(buffer.into()));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
