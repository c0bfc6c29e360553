//! Files sealed and opened chunk by chunk in constant memory: STREAM (sealed attachments; Hoang, Reyhanitabar, Rogaway,
//! Vizár, CRYPTO 2015).
//!
//! Content and padding are cut into chunks of 64 KiB, the last of which may be shorter. Each is sealed with
//! XChaCha20-Poly1305 under the nonce prefix (19 bytes), counter (32 bits, big-endian), last (1 byte), and its tag
//! follows it. No header; an empty file is one empty last chunk.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use zeroize::{Zeroize, Zeroizing};

use super::{
    FileError, FileKey, padded_len,
    primitive::{Aead, TAG, XChaCha},
};

/// Bytes of content and padding in a chunk of a sealed file, its tag not counted. The last chunk may be shorter.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of the tag that follows each chunk.
pub const TAG_BYTES: usize = TAG;
const CHUNK_LENGTH: u64 = CHUNK_BYTES as u64;
const TAG_LENGTH: u64 = TAG as u64;

/// The largest file in bytes: 2^48, as many as the chunk counter reaches.
pub const MAX_FILE_SIZE: u64 = 1 << 48;

/// The length in bytes of a sealed file of `size` bytes. It is the same for all sizes in a bucket of
/// [`padded_len`].
///
/// ```
/// assert_eq!(amp_crypto::seal::sealed_len(0), Ok(16));
/// assert_eq!(amp_crypto::seal::sealed_len(1000), Ok(1024 + 16));
/// ```
///
/// # Errors
/// [`FileError::TooLarge`] above [`MAX_FILE_SIZE`].
pub const fn sealed_len(size: u64) -> Result<u64, FileError> {
    if size > MAX_FILE_SIZE {
        return Err(FileError::TooLarge);
    }
    let padded = padded_len(size);
    let chunks = if padded == 0 { 1 } else { padded.div_ceil(CHUNK_LENGTH) };
    Ok(padded.saturating_add(chunks.saturating_mul(TAG_LENGTH)))
}

/// The chunks of one file, in order.
struct Chunks {
    cipher: XChaCha,
    prefix: [u8; 19],
    counter: u32,
    /// Bytes of content and padding that are not yet sealed or opened; nothing after the last chunk.
    left: Option<u64>,
}

impl Chunks {
    fn new(key: &FileKey, size: u64) -> Result<Self, FileError> {
        if size > MAX_FILE_SIZE {
            return Err(FileError::TooLarge);
        }
        let cipher = XChaCha::with_key(key.key_bytes());
        Ok(Self { cipher, prefix: *key.prefix(), counter: 0, left: Some(padded_len(size)) })
    }

    /// Bytes in the next chunk, its tag not counted; nothing after the last.
    fn next(&self) -> Option<usize> {
        self.left.map(|left| usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES)))
    }

    /// The next chunk's nonce. A nonce is given once.
    fn advance(&mut self) -> Option<[u8; 24]> {
        let left = self.left?;
        let last = left <= CHUNK_LENGTH;
        let mut nonce = [0; 24];
        let parts = self.prefix.iter().copied().chain(self.counter.to_be_bytes()).chain([u8::from(last)]);
        nonce.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        self.left = if last { None } else { left.checked_sub(CHUNK_LENGTH) };
        self.counter = self.counter.wrapping_add(1);
        Some(nonce)
    }

    fn seal(&mut self, chunk: &mut [u8]) -> Result<[u8; TAG], FileError> {
        let nonce = self.advance().ok_or(FileError::TooLong)?;
        self.cipher.seal_in_place(&nonce, b"", chunk).ok_or(FileError::TooLarge)
    }

    fn open(&mut self, chunk: &mut [u8], tag: &[u8; TAG]) -> Result<(), FileError> {
        let nonce = self.advance().ok_or(FileError::NotOpened)?;
        if self.cipher.open_in_place(&nonce, b"", chunk, tag) { Ok(()) } else { Err(FileError::NotOpened) }
    }
}

/// Seals one file, whose size is known, piece by piece.
///
/// Memory does not depend on the size: at most one chunk of 64 KiB is held back.
///
/// ```
/// use amp_crypto::seal::{Closing, FileKey, FileOpener, FileSealer, sealed_len};
///
/// let key = FileKey::from_parts(&[7; 32], &[8; 19]);
/// let mut sealed = Vec::new();
/// let mut sealer = FileSealer::new(&key, 12)?;
/// sealer.update(b"Hello, ", &mut sealed)?;
/// sealer.update(b"world", &mut sealed)?;
/// while sealer.close(&mut sealed)? == Closing::More {}
/// assert_eq!(Ok(sealed.len() as u64), sealed_len(12));
///
/// let mut content = Vec::new();
/// let mut opener = FileOpener::new(&key, 12)?;
/// opener.update(&sealed, &mut content)?;
/// opener.finish()?; // only now is the content known to be whole
/// assert_eq!(content, b"Hello, world");
/// # Ok::<(), amp_crypto::seal::FileError>(())
/// ```
pub struct FileSealer {
    chunks: Chunks,
    /// Bytes of content still to come.
    expected: u64,
    /// The beginning of the next chunk.
    held: Zeroizing<Vec<u8>>,
}

/// Whether a sealed file's last byte has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is more to write, or there is not")]
#[must_use = "a file is not sealed until there is no more"]
pub enum Closing {
    /// Padding is left to write: call again.
    More,
    /// The sealed file is whole.
    Done,
}

impl FileSealer {
    /// Begins a file of `size` bytes.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] above [`MAX_FILE_SIZE`].
    pub fn new(key: &FileKey, size: u64) -> Result<Self, FileError> {
        let chunks = Chunks::new(key, size)?;
        Ok(Self { chunks, expected: size, held: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)) })
    }

    /// Takes the next bytes of content and appends what could be sealed of it: whole chunks, with their tags.
    ///
    /// # Errors
    /// [`FileError::TooLong`] when this is more content than was stated; none of it is sealed.
    pub fn update(&mut self, mut content: &[u8], out: &mut Vec<u8>) -> Result<(), FileError> {
        let length = u64::try_from(content.len()).map_err(|_| FileError::TooLong)?;
        self.expected = self.expected.checked_sub(length).ok_or(FileError::TooLong)?;
        while let Some(next) = self.chunks.next()
            && !content.is_empty()
        {
            let Some((head, rest)) = content.split_at_checked(next.saturating_sub(self.held.len())) else {
                self.held.extend_from_slice(content);
                return Ok(());
            };
            self.seal(head, out)?;
            content = rest;
        }
        Ok(())
    }

    /// After all content: appends the next chunk of padding, or nothing when the file is whole.
    ///
    /// A call appends at most one chunk, since the padding of a large file is large. Call until there is no
    /// [`More`](Closing::More).
    ///
    /// # Errors
    /// [`FileError::TooShort`] when content is missing.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<Closing, FileError> {
        if self.expected > 0 {
            return Err(FileError::TooShort);
        }
        if let Some(next) = self.chunks.next() {
            self.held.resize(next, 0);
            self.seal(&[], out)?;
        }
        Ok(if self.chunks.next().is_some() { Closing::More } else { Closing::Done })
    }

    /// Appends a chunk of what was held back and `head`.
    fn seal(&mut self, head: &[u8], out: &mut Vec<u8>) -> Result<(), FileError> {
        let start = out.len();
        // Room for all of it first: growing later would leave a copy of plaintext behind.
        out.reserve(CHUNK_BYTES.saturating_add(TAG));
        out.extend_from_slice(&self.held);
        out.extend_from_slice(head);
        // Wiped when this is dropped: at every chunk it would take as long as the cipher.
        self.held.clear();
        let sealed = match out.get_mut(start..) {
            Some(chunk) => self.chunks.seal(chunk).inspect_err(|_| chunk.zeroize()),
            None => Err(FileError::TooLong),
        };
        match sealed {
            Ok(tag) => out.extend_from_slice(&tag),
            Err(_) => out.truncate(start),
        }
        sealed.map(|_| ())
    }
}

/// Opens one sealed file piece by piece.
///
/// What it releases is genuine, in order and from the beginning; that it is also all of it, [`finish`](Self::finish)
/// alone can say. Keep what was released apart (a temporary file) until then.
pub struct FileOpener {
    chunks: Chunks,
    /// Bytes of content still to be released.
    expected: u64,
    /// The beginning of the next chunk, sealed.
    held: Vec<u8>,
    failed: bool,
}

impl FileOpener {
    /// Begins a sealed file whose content has `size` bytes.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] above [`MAX_FILE_SIZE`].
    pub fn new(key: &FileKey, size: u64) -> Result<Self, FileError> {
        let held = Vec::with_capacity(CHUNK_BYTES.saturating_add(TAG));
        Ok(Self { chunks: Chunks::new(key, size)?, expected: size, held, failed: false })
    }

    /// Takes the next bytes of the sealed file and appends the content of every chunk that is complete and genuine.
    ///
    /// # Errors
    /// [`FileError::NotOpened`] for a chunk that is not genuine, of which nothing is appended, and for bytes after
    /// the last chunk. From then on every call fails.
    pub fn update(&mut self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), FileError> {
        if self.failed {
            return Err(FileError::NotOpened);
        }
        let fed = self.feed(sealed, out);
        self.failed = fed.is_err();
        fed
    }

    /// After all bytes: whether the content is whole.
    ///
    /// # Errors
    /// [`FileError::Incomplete`] when chunks are missing, [`FileError::NotOpened`] after an error before.
    pub fn finish(self) -> Result<(), FileError> {
        if self.failed {
            Err(FileError::NotOpened)
        } else if self.chunks.next().is_some() {
            Err(FileError::Incomplete)
        } else {
            Ok(())
        }
    }

    fn feed(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), FileError> {
        while !sealed.is_empty() {
            let next = self.chunks.next().ok_or(FileError::NotOpened)?;
            let missing = next.saturating_add(TAG).saturating_sub(self.held.len());
            let Some((head, rest)) = sealed.split_at_checked(missing) else {
                self.held.extend_from_slice(sealed);
                return Ok(());
            };
            let start = out.len();
            out.reserve(CHUNK_BYTES.saturating_add(TAG));
            out.extend_from_slice(&self.held);
            out.extend_from_slice(head);
            self.held.clear();
            let opened = self.open(out.get_mut(start..).unwrap_or_default());
            out.truncate(start.saturating_add(*opened.as_ref().unwrap_or(&0)));
            opened?;
            sealed = rest;
        }
        Ok(())
    }

    /// Opens a chunk that has its tag behind it, and says how much of it is content.
    fn open(&mut self, chunk: &mut [u8]) -> Result<usize, FileError> {
        let (body, tag) = chunk.split_last_chunk_mut::<TAG>().ok_or(FileError::NotOpened)?;
        self.chunks.open(body, tag)?;
        let content = usize::try_from(self.expected).map_or(body.len(), |expected| expected.min(body.len()));
        if body.iter().skip(content).any(|byte| *byte != 0) {
            body.zeroize();
            return Err(FileError::NotOpened);
        }
        self.expected = self.expected.saturating_sub(u64::try_from(content).unwrap_or(u64::MAX));
        Ok(content)
    }
}

/// Shows nothing of the key or the content.
impl core::fmt::Debug for FileSealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FileSealer(..)")
    }
}

/// Shows nothing of the key or the content.
impl core::fmt::Debug for FileOpener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FileOpener(..)")
    }
}
