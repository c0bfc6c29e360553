//! Size and digest of a file that is read piece by piece (attachments, sending and receiving).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

use amp_envelope::Sha256Digest;
use sha2::{Digest as _, Sha256};

/// Computes size and digest of a file while it streams by. It needs about a hundred bytes, whatever the file.
///
/// ```
/// use amp_core::Sha256Digest;
/// use amp_core::connection::ContentHasher;
///
/// let mut hasher = ContentHasher::new();
/// for chunk in [&b"a"[..], b"", b"bc"] {
///     hasher.update(chunk);
/// }
/// let content = hasher.finish();
/// assert_eq!((content.size(), content.digest()), (3, Sha256Digest::of(b"abc")));
/// ```
#[derive(Clone, Default)]
pub struct ContentHasher {
    state: Sha256,
    size: u64,
}

impl ContentHasher {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, chunk: &[u8]) {
        self.state.update(chunk);
        self.size = self.size.saturating_add(chunk.len() as u64);
    }

    /// How many bytes were read so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Size and digest of what was read.
    #[must_use]
    pub fn finish(self) -> ContentSum {
        ContentSum { size: self.size, digest: Sha256Digest::from_bytes(self.state.finalize().into()) }
    }
}

/// Shows the size alone.
impl fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentHasher").field("size", &self.size).finish_non_exhaustive()
    }
}

/// The size and the digest of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentSum {
    size: u64,
    digest: Sha256Digest,
}

impl ContentSum {
    /// What a file is said to be: `size` in bytes.
    #[must_use]
    pub const fn new(size: u64, digest: Sha256Digest) -> Self {
        Self { size, digest }
    }

    /// Of bytes at hand.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, digest: Sha256Digest::of(bytes) }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The digest of all bytes.
    #[must_use]
    pub const fn digest(&self) -> Sha256Digest {
        self.digest
    }

    /// Whether two files are the same, in a time that does not depend on where their digests differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.digest.equals(&other.digest) & (self.size == other.size)
    }
}
