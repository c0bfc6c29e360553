//! What arrives of a file on its way into it: opened where it is sealed, and checked (attachments, receiving; sealed
//! messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_crypto::seal::{CHUNK_BYTES, FileOpener, TAG_BYTES};
use amp_envelope::{Attachment, ProviderAttachment, SealedFile, Sha256Digest};
use zeroize::Zeroizing;

use super::content::{ContentHasher, ContentSum};
use super::download_error::DownloadError;
use super::file_check::{CheckedFile, FileCheck, FileRefusal};
use crate::scan::Scanner;

/// A chunk of a sealed file.
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// The content of a file that is downloaded.
pub(super) struct Content<'s> {
    /// Of what is written.
    announced: ContentSum,
    content_type: Box<str>,
    scanner: Option<&'s Scanner>,
    check: FileCheck<'s>,
    sealed: Option<Sealed>,
}

/// The ciphertext, and what opens it.
struct Sealed {
    file: SealedFile,
    announced: ContentSum,
    hasher: ContentHasher,
    /// None once a chunk did not open.
    opener: Option<FileOpener>,
    opened: Zeroizing<Vec<u8>>,
}

impl<'s> Content<'s> {
    pub(super) fn of(attachment: &Attachment, scanner: Option<&'s Scanner>) -> Result<Self, DownloadError> {
        let content_type: Box<str> = attachment.content_type().unwrap_or_default().into();
        let sealed = match attachment {
            Attachment::Sealed(sealed) => Some(Sealed::of(sealed.file(), sealed.outer())?),
            _ => None,
        };
        Ok(Self {
            announced: announced(attachment.size(), attachment.digest())?,
            check: fresh_check(&content_type, scanner),
            content_type,
            scanner,
            sealed,
        })
    }

    /// How many bytes arrive in all.
    pub(super) fn size(&self) -> u64 {
        self.sealed.as_ref().map_or(self.announced, |sealed| sealed.announced).size()
    }

    /// How many have arrived.
    pub(super) fn received(&self) -> u64 {
        self.sealed.as_ref().map_or(self.check.size(), |sealed| sealed.hasher.size())
    }

    /// How many the file has by now.
    pub(super) const fn written(&self) -> u64 {
        self.check.size()
    }

    /// Takes what has arrived, and gives what it adds to the file. Once a sealed chunk has not opened that is nothing:
    /// whether somebody changed it on its way shows in the digest.
    pub(super) fn take<'c>(&'c mut self, arrived: &'c [u8]) -> &'c [u8] {
        let piece = match &mut self.sealed {
            Some(sealed) => sealed.open(arrived),
            None => arrived,
        };
        self.check.update(piece);
        piece
    }

    /// Nothing has arrived.
    pub(super) fn forget(&mut self) {
        self.check = fresh_check(&self.content_type, self.scanner);
        if let Some(sealed) = &mut self.sealed {
            sealed.forget();
        }
    }

    /// What the whole file is.
    pub(super) fn finish(&mut self) -> Result<CheckedFile, DownloadError> {
        let fresh = fresh_check(&self.content_type, self.scanner);
        let check = core::mem::replace(&mut self.check, fresh);
        if let Some(sealed) = &mut self.sealed {
            sealed.finish()?;
        }
        Ok(check.finish(&self.announced)?)
    }
}

impl Sealed {
    fn of(file: &SealedFile, ciphertext: &ProviderAttachment) -> Result<Self, DownloadError> {
        Ok(Self {
            announced: announced(ciphertext.size(), ciphertext.digest())?,
            hasher: ContentHasher::new(),
            opener: FileOpener::new(file.key(), file.size()).ok(),
            opened: Zeroizing::default(),
            file: file.clone(),
        })
    }

    /// The plaintext of the chunks that are whole by now.
    fn open(&mut self, arrived: &[u8]) -> &[u8] {
        self.hasher.update(arrived);
        self.opened.clear();
        let room = arrived.len().saturating_add(2 * SEALED_CHUNK_BYTES);
        // What grows leaves copies behind.
        if self.opened.capacity() < room {
            self.opened = Zeroizing::new(Vec::with_capacity(room));
        }
        let opened = self.opener.as_mut().map(|opener| opener.update(arrived, &mut self.opened));
        if !matches!(opened, Some(Ok(()))) {
            self.opener = None;
        }
        &self.opened
    }

    fn forget(&mut self) {
        self.hasher = ContentHasher::new();
        self.opener = FileOpener::new(self.file.key(), self.file.size()).ok();
    }

    /// The ciphertext is the one that was signed, and all of it opened.
    fn finish(&mut self) -> Result<(), DownloadError> {
        let arrived = core::mem::take(&mut self.hasher).finish();
        if arrived.size() != self.announced.size() {
            return Err(FileRefusal::Size.into());
        }
        if !arrived.matches(&self.announced) {
            return Err(FileRefusal::Digest.into());
        }
        let opener = self.opener.take().ok_or(DownloadError::NotOpened)?;
        opener.finish().map_err(|_| DownloadError::NotOpened)
    }
}

fn announced(size: Option<u64>, digest: Option<&Sha256Digest>) -> Result<ContentSum, DownloadError> {
    let size = size.ok_or(DownloadError::Missing { field: "size" })?;
    let digest = digest.ok_or(DownloadError::Missing { field: "digest" })?;
    Ok(ContentSum::new(size, *digest))
}

fn fresh_check<'s>(content_type: &str, scanner: Option<&'s Scanner>) -> FileCheck<'s> {
    let check = FileCheck::new(content_type);
    match scanner {
        Some(scanner) => check.with_scanner(scanner),
        None => check,
    }
}
