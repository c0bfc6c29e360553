//! The sealed form of a file that is uploaded: made anew each time the file is read, and never differently (sealed
//! messages, attachments).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;

use amp_core::connection::{ContentHasher, ContentSum};
use amp_core::crypto::seal::{CHUNK_BYTES, Closing, FileKey, FileSealer, TAG_BYTES};
use amp_core::envelope::SealedFile;
use bytes::Bytes;
use zeroize::Zeroizing;

use super::source::{PIECE_BYTES, Source, blocking, read_file_at};

const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// How much of a file's beginning is kept to tell what it is.
const HEAD_BYTES: usize = 512;

/// The tag of a chunk says what is in it: under one key, two contents have one tag by chance alone.
type Tag = [u8; TAG_BYTES];

/// What the first reading of a file found, to which each later one is held. Under one key two contents would give away
/// what they differ in.
pub(super) struct Sealing {
    file: SealedFile,
    sum: ContentSum,
    tags: Arc<[Tag]>,
    changed: Arc<AtomicBool>,
}

/// A file that has been read once.
pub(super) struct FirstReading {
    pub(super) sealing: Sealing,
    /// The first bytes of its content.
    pub(super) head: Zeroizing<Vec<u8>>,
}

impl Sealing {
    /// Reads `size` bytes, which have to be all. Nothing of what is sealed stays but its digest and its tags.
    pub(super) async fn first(
        (filename, content_type): (&str, &str),
        source: &Source,
        size: u64,
        key: FileKey,
    ) -> io::Result<FirstReading> {
        let mut chunks = Chunks::new(source, &key, size)?;
        let (mut content, mut sealed) = (ContentHasher::new(), ContentHasher::new());
        let mut head = Zeroizing::new(Vec::with_capacity(HEAD_BYTES));
        let mut tags = Vec::new();
        let mut look = |piece: &[u8]| {
            content.update(piece);
            let wanted = HEAD_BYTES.saturating_sub(head.len()).min(piece.len());
            head.extend_from_slice(piece.get(..wanted).unwrap_or_default());
        };
        while let Some(chunk) = chunks.next(&mut look).await? {
            sealed.update(&chunk);
            tags.extend(chunk.chunks(SEALED_CHUNK_BYTES).filter_map(|chunk| chunk.last_chunk::<TAG_BYTES>()));
        }
        if !chunks.is_end().await? {
            return Err(Changed::error());
        }
        let digest = content.finish().digest();
        let file = SealedFile::new(filename, content_type, size, digest, key);
        let (sum, tags) = (sealed.finish(), tags.into());
        Ok(FirstReading { sealing: Self { file, sum, tags, changed: Arc::default() }, head })
    }

    /// What its recipient is told of it.
    pub(super) const fn file(&self) -> &SealedFile {
        &self.file
    }

    /// Size and digest of the ciphertext.
    pub(super) const fn sum(&self) -> ContentSum {
        self.sum
    }

    /// Whether a later reading found another file.
    pub(super) fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// The same once more.
    pub(super) fn again(&self, source: &Source) -> io::Result<Resealed> {
        let chunks = Chunks::new(source, self.file.key(), self.file.size())?;
        let (tags, changed) = (Arc::clone(&self.tags), Arc::clone(&self.changed));
        Ok(Resealed { chunks, tags, at: 0, changed })
    }
}

/// Another reading of a file that was sealed before.
pub(super) struct Resealed {
    chunks: Chunks,
    tags: Arc<[Tag]>,
    /// The number of the next chunk.
    at: usize,
    changed: Arc<AtomicBool>,
}

impl Resealed {
    /// The next chunks; none at the end. A chunk that is not what it was is not given out, nor is any after it.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let sealed = self.compared().await;
        if sealed.as_ref().is_err_and(Changed::is) {
            self.changed.store(true, Ordering::Relaxed);
        }
        sealed
    }

    async fn compared(&mut self) -> io::Result<Option<Bytes>> {
        let Some(sealed) = self.chunks.next(|_| ()).await? else { return Ok(None) };
        for chunk in sealed.chunks(SEALED_CHUNK_BYTES) {
            let tag = chunk.last_chunk::<TAG_BYTES>().ok_or_else(Changed::error)?;
            if self.tags.get(self.at) != Some(tag) {
                return Err(Changed::error());
            }
            self.at = self.at.saturating_add(1);
        }
        Ok(Some(sealed.into()))
    }
}

/// The chunks of a sealed file, in order.
struct Chunks {
    pieces: Pieces,
    sealer: FileSealer,
    at: u64,
    size: u64,
    is_whole: bool,
}

impl Chunks {
    fn new(source: &Source, key: &FileKey, size: u64) -> io::Result<Self> {
        let sealer = FileSealer::new(key, size).map_err(io::Error::other)?;
        let pieces = Pieces { source: source.clone(), buffer: Zeroizing::default() };
        Ok(Self { pieces, sealer, at: 0, size, is_whole: false })
    }

    /// One chunk, or two at the end; none after them. `look` sees the content of each.
    async fn next(&mut self, mut look: impl FnMut(&[u8])) -> io::Result<Option<Vec<u8>>> {
        let mut sealed = Vec::with_capacity(SEALED_CHUNK_BYTES);
        while sealed.is_empty() && !self.is_whole {
            let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
            if left == 0 {
                self.is_whole = self.sealer.close(&mut sealed).map_err(io::Error::other)? == Closing::Done;
                continue;
            }
            let piece = self.pieces.at(self.at).await?;
            let piece = piece.get(..left).unwrap_or(piece);
            if piece.is_empty() {
                return Err(Changed::error());
            }
            look(piece);
            self.at = self.at.saturating_add(piece.len() as u64);
            self.sealer.update(piece, &mut sealed).map_err(io::Error::other)?;
        }
        Ok(Some(sealed).filter(|sealed| !sealed.is_empty()))
    }

    /// Whether nothing follows what was stated to be all.
    async fn is_end(&mut self) -> io::Result<bool> {
        Ok(self.pieces.at(self.size).await?.is_empty())
    }
}

/// A source, and what was read of a file last.
struct Pieces {
    source: Source,
    buffer: Zeroizing<Vec<u8>>,
}

impl Pieces {
    /// The content from here on, at most 64 KiB of it; none at the end.
    async fn at(&mut self, at: u64) -> io::Result<&[u8]> {
        match &self.source {
            Source::Bytes(bytes) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                let rest = bytes.get(from..).unwrap_or_default();
                Ok(rest.get(..PIECE_BYTES).unwrap_or(rest))
            }
            Source::File(file) => {
                let (file, mut buffer) = (Arc::clone(file), core::mem::take(&mut self.buffer));
                let reading = move || {
                    buffer.resize(PIECE_BYTES, 0);
                    let read = read_file_at(&file, &mut buffer, at)?;
                    Ok((buffer, read))
                };
                let (buffer, read) = blocking(reading).await?;
                self.buffer = buffer;
                Ok(self.buffer.get(..read).unwrap_or_default())
            }
        }
    }
}

/// A file is not what it was before.
#[derive(Debug, thiserror::Error)]
#[error("the file changed while it was read, and what it became is not sent")]
pub(super) struct Changed;

impl Changed {
    fn error() -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self)
    }

    fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}
