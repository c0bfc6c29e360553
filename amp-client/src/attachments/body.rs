//! The body of an upload: a file read once more, sealed or as it is (attachments, sending).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;

use amp_core::connection::{ContentHasher, ContentSum};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::Notify;

use super::sealing::{Resealed, Sealing};
use super::source::Source;
use crate::http::FileBody;

/// The file while it is sent, as often as that takes.
pub(super) struct Reading {
    source: Source,
    sealing: Option<Sealing>,
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
    /// Of the file as it is.
    pub(super) const fn plain(source: Source) -> Self {
        Self { source, sealing: None }
    }

    /// Of its sealed form.
    pub(super) const fn sealed(source: Source, sealing: Sealing) -> Self {
        Self { source, sealing: Some(sealing) }
    }

    /// Size and digest of the file as it is. What is larger than `most` is refused by its size, and not read to its end for
    /// that.
    pub(super) async fn sum(&self, most: u64) -> io::Result<ContentSum> {
        let mut hasher = ContentHasher::new();
        while let Some(piece) = self.source.read_at(hasher.size()).await? {
            hasher.update(&piece);
            if hasher.size() > most {
                break;
            }
        }
        Ok(hasher.finish())
    }

    /// Whether a file that is sealed was found to be another one than before.
    pub(super) fn has_changed(&self) -> bool {
        self.sealing.as_ref().is_some_and(Sealing::has_changed)
    }

    /// A body of what stands before the file, `size` bytes of it, and what stands after it. A file that has become
    /// shorter breaks the body off, and one that is sealed whatever has changed of it.
    pub(super) fn body(&self, before: Bytes, size: u64, after: Bytes, sent: &Sent) -> io::Result<FileBody> {
        let content = match &self.sealing {
            Some(sealing) => Content::Sealed(sealing.again(&self.source)?),
            None => Content::Plain { source: self.source.clone(), at: 0, size },
        };
        let parts = Parts { before: Some(before), content, after: Some(after) };
        let sent = sent.clone();
        let pieces = stream::try_unfold((parts, sent), |(mut parts, sent)| async move {
            let piece = parts.next().await?;
            Ok(piece.map(|piece| {
                sent.add(piece.len());
                (piece, (parts, sent))
            }))
        });
        Ok(Box::pin(pieces))
    }
}

struct Parts {
    before: Option<Bytes>,
    content: Content,
    after: Option<Bytes>,
}

enum Content {
    Plain { source: Source, at: u64, size: u64 },
    Sealed(Resealed),
}

impl Parts {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(before) = self.before.take().filter(|before| !before.is_empty()) {
            return Ok(Some(before));
        }
        match self.content.next().await? {
            Some(piece) => Ok(Some(piece)),
            None => Ok(self.after.take().filter(|after| !after.is_empty())),
        }
    }
}

impl Content {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let (source, at, size) = match self {
            Self::Plain { source, at, size } => (source, at, size),
            Self::Sealed(sealed) => return sealed.next().await,
        };
        let left = size.saturating_sub(*at);
        if left == 0 {
            return Ok(None);
        }
        let piece = source.read_at(*at).await?;
        let mut piece = piece.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        *at = at.saturating_add(piece.len() as u64);
        Ok(Some(piece))
    }
}
