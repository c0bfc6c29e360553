//! The checks that a file passes before it is an attachment: a provider makes them, and a careful recipient again
//! (attachments, checks).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{Attachment, AttachmentError, ScanStatus};

use super::content::{ContentHasher, ContentSum};
use super::text_scan::TextScan;
use crate::scan::{ScanReport, Scanner};

/// How much of a file's beginning is kept to tell what it is.
const HEAD_BYTES: usize = 512;

/// Reads a file piece by piece and tells whether it may be an attachment.
///
/// Its memory does not grow with the file: half a KiB, and with a scanner what the scan of 64 KiB takes. A provider that
/// has an antivirus runs it beside this.
///
/// ```
/// use amp_core::ScanStatus;
/// use amp_core::connection::{ContentSum, FileCheck, FileRefusal};
///
/// let announced = ContentSum::of(b"a,b\n1,2\n");
/// let mut check = FileCheck::new("text/csv");
/// check.update(b"a,b\n");
/// check.update(b"1,2\n");
/// assert_eq!(check.finish(&announced)?.status(), ScanStatus::BasicClean);
///
/// let mut check = FileCheck::new("text/csv");
/// check.update(b"#!/bin/sh\n");
/// assert!(matches!(check.finish(&ContentSum::of(b"#!/bin/sh\n")), Err(FileRefusal::Content(_))));
/// # Ok::<(), FileRefusal>(())
/// ```
pub struct FileCheck<'s> {
    content_type: Box<str>,
    hasher: ContentHasher,
    head: Vec<u8>,
    scanner: Option<&'s Scanner>,
    text: Option<TextScan<'s>>,
}

impl<'s> FileCheck<'s> {
    /// A file that is declared to be of this media type. Only what it is counts, not what it says.
    #[must_use]
    pub fn new(content_type: &str) -> Self {
        Self {
            content_type: content_type.into(),
            hasher: ContentHasher::new(),
            head: Vec::new(),
            scanner: None,
            text: None,
        }
    }

    /// Also scans a file that is text for signs of injections, in overlapping pieces of 64 KiB.
    #[must_use]
    pub const fn with_scanner(mut self, scanner: &'s Scanner) -> Self {
        self.scanner = Some(scanner);
        self
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, chunk: &[u8]) {
        self.hasher.update(chunk);
        let wanted = HEAD_BYTES.saturating_sub(self.head.len());
        let (first, rest) = chunk.split_at_checked(wanted).unwrap_or((chunk, &[]));
        self.head.extend_from_slice(first);
        if self.head.len() == HEAD_BYTES && self.text.is_none() {
            self.begin_scan();
            self.scan(rest);
        } else if self.text.is_some() {
            self.scan(chunk);
        }
    }

    /// The bytes read so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.hasher.size()
    }

    /// What the whole file is, compared with what was announced.
    ///
    /// # Errors
    /// [`FileRefusal`], the first that applies in its order.
    pub fn finish(mut self, announced: &ContentSum) -> Result<CheckedFile, FileRefusal> {
        if self.text.is_none() {
            self.begin_scan();
        }
        let content = self.hasher.finish();
        if content.size() != announced.size() {
            return Err(FileRefusal::Size);
        }
        if !content.matches(announced) {
            return Err(FileRefusal::Digest);
        }
        Attachment::check_file(&self.content_type, &self.head)?;
        let report = self.text.map(TextScan::finish);
        Ok(CheckedFile { content, report: report.filter(ScanReport::is_flagged) })
    }

    /// What is text is scanned, whatever it is called: a model that is shown the file reads it all the same.
    fn begin_scan(&mut self) {
        if let Some(scanner) = self.scanner {
            self.text = TextScan::begin(scanner, &self.content_type, &self.head);
            let head = core::mem::take(&mut self.head);
            self.scan(&head);
            self.head = head;
        }
    }

    fn scan(&mut self, chunk: &[u8]) {
        if let Some(text) = &mut self.text {
            text.update(chunk);
        }
    }
}

/// Shows no content.
impl fmt::Debug for FileCheck<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileCheck").field("size", &self.size()).finish_non_exhaustive()
    }
}

/// A file that may be an attachment.
#[derive(Clone, Debug)]
#[must_use]
pub struct CheckedFile {
    content: ContentSum,
    report: Option<ScanReport>,
}

impl CheckedFile {
    /// Its size and digest.
    #[must_use]
    pub const fn content(&self) -> &ContentSum {
        &self.content
    }

    /// What the scan found, when that makes the file suspicious: the findings of the first piece that shows any. Places
    /// are counted within that piece.
    #[must_use]
    pub const fn report(&self) -> Option<&ScanReport> {
        self.report.as_ref()
    }

    /// What the attachment's `scan_status` is without an antivirus: `basic_clean` or `suspicious`. With one that found
    /// nothing, `basic_clean` becomes `clean`.
    #[must_use]
    pub const fn status(&self) -> ScanStatus {
        if self.report.is_some() { ScanStatus::Suspicious } else { ScanStatus::BasicClean }
    }
}

/// Why a file is no attachment, or not the one that was announced. Its scan status is then `rejected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileRefusal {
    /// It has another size.
    #[error("file has another size than was announced")]
    Size,
    /// It has another digest.
    #[error("file has another digest than was announced")]
    Digest,
    /// It is a program or a script, or is not what its declared type says.
    #[error(transparent)]
    Content(#[from] AttachmentError),
}

impl FileRefusal {
    /// The protocol's code: `attachment_rejected`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "attachment_rejected"
    }

    /// The member of the attachment that the file does not agree with.
    #[must_use]
    pub const fn field(self) -> Option<&'static str> {
        match self {
            Self::Size => Some("size"),
            Self::Digest => Some("digest"),
            Self::Content(error) => error.field(),
        }
    }
}
