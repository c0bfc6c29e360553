//! What arrives of a file on its way into it: opened where it is sealed, and checked (attachments, receiving; sealed
//! messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;

use amp_envelope::{Attachment, Sha256Digest};

use super::content::ContentSum;
use super::download_error::DownloadError;
use super::file_check::{CheckedFile, FileCheck};
use crate::scan::Scanner;

/// The content of a file that is downloaded.
pub(super) struct Content<'s> {
    /// Of what is written.
    announced: ContentSum,
    content_type: Box<str>,
    scanner: Option<&'s Scanner>,
    check: FileCheck<'s>,
}

impl<'s> Content<'s> {
    pub(super) fn of(attachment: &Attachment, scanner: Option<&'s Scanner>) -> Result<Self, DownloadError> {
        let content_type: Box<str> = attachment.content_type().unwrap_or_default().into();
        Ok(Self {
            announced: announced(attachment.size(), attachment.digest())?,
            check: fresh_check(&content_type, scanner),
            content_type,
            scanner,
        })
    }

    /// How many bytes arrive in all.
    pub(super) const fn size(&self) -> u64 {
        self.announced.size()
    }

    /// How many have arrived.
    pub(super) const fn received(&self) -> u64 {
        self.check.size()
    }

    /// How many the file has by now.
    pub(super) const fn written(&self) -> u64 {
        self.check.size()
    }

    /// Takes what has arrived, and gives what it adds to the file. Once a sealed chunk has not opened that is nothing:
    /// whether somebody changed it on its way shows in the digest.
    pub(super) fn take<'c>(&'c mut self, arrived: &'c [u8]) -> &'c [u8] {
        self.check.update(arrived);
        arrived
    }

    /// Nothing has arrived.
    pub(super) fn forget(&mut self) {
        self.check = fresh_check(&self.content_type, self.scanner);
    }

    /// What the whole file is.
    pub(super) fn finish(&mut self) -> Result<CheckedFile, DownloadError> {
        let fresh = fresh_check(&self.content_type, self.scanner);
        let check = core::mem::replace(&mut self.check, fresh);
        Ok(check.finish(&self.announced)?)
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
