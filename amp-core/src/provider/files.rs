//! What the host does with the bytes of files: takes them in, serves them, checks them (attachments).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{AttachmentId, Sha256Digest};

use super::attachment::AttachmentRecord;
use crate::connection::{ContentSum, FileCheck};
use crate::scan::Scanner;

/// A file that was uploaded in one go, for the host to keep under its id.
pub struct FileBody {
    pub(super) id: AttachmentId,
    pub(super) bytes: Vec<u8>,
}

impl FileBody {
    /// The attachment.
    #[must_use]
    pub const fn id(&self) -> &AttachmentId {
        &self.id
    }

    /// The file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Shows no content.
impl fmt::Debug for FileBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileBody({}, {} bytes)", self.id, self.bytes.len())
    }
}

/// A file that the provider waits for: what the host lets in at its upload URL.
///
/// The host reads at most [`size`](Self::size) bytes and one more, gives them to [`check`](Self::check) while they stream
/// to its store, and tells [`Provider::attachment_received`](super::Provider::attachment_received) what came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedFile {
    id: AttachmentId,
    content_type: String,
    announced: ContentSum,
}

impl ExpectedFile {
    pub(super) fn of(record: &AttachmentRecord) -> Self {
        let announced = ContentSum::new(record.size, record.digest());
        Self { id: record.id.clone(), content_type: record.content_type.clone(), announced }
    }

    /// The attachment, under which the host keeps the file.
    #[must_use]
    pub const fn id(&self) -> &AttachmentId {
        &self.id
    }

    /// The size that was announced, in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.announced.size()
    }

    /// Size and digest that were announced: what [`FileCheck::finish`] compares with.
    #[must_use]
    pub const fn announced(&self) -> &ContentSum {
        &self.announced
    }

    /// The check that the bytes go through: size, digest, no program, the declared main type; and with a scanner, a text
    /// that shows signs of an injection becomes suspicious.
    #[must_use]
    pub fn check<'s>(&self, scanner: Option<&'s Scanner>) -> FileCheck<'s> {
        let check = FileCheck::new(&self.content_type);
        match scanner {
            Some(scanner) => check.with_scanner(scanner),
            None => check,
        }
    }
}

/// A file that may be fetched by whoever has its URL.
///
/// The host serves it as `Content-Disposition: attachment`, so that no browser shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedFile {
    id: AttachmentId,
    filename: String,
    content_type: String,
    content: ContentSum,
}

impl ServedFile {
    pub(super) fn of(record: &AttachmentRecord) -> Self {
        Self {
            id: record.id.clone(),
            filename: record.filename.clone(),
            content_type: record.content_type.clone(),
            content: ContentSum::new(record.size, record.digest()),
        }
    }

    /// The attachment, under which the host keeps the file.
    #[must_use]
    pub const fn id(&self) -> &AttachmentId {
        &self.id
    }

    /// The value of the header `Content-Disposition`. The name in it is safe on any disk.
    #[must_use]
    pub fn content_disposition(&self) -> String {
        alloc::format!("attachment; filename=\"{}\"", self.filename)
    }

    /// The media type that its sender claims.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.content.size()
    }

    /// The digest of the bytes.
    #[must_use]
    pub const fn digest(&self) -> Sha256Digest {
        self.content.digest()
    }
}

/// What the host found in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "what is found decides whether the file is handed on")]
pub enum FileVerdict {
    /// Nothing, by an antivirus.
    Clean,
    /// Nothing, by lesser checks.
    BasicClean,
    /// Signs of an injection: it is handed on with a warning.
    Suspicious,
    /// It must not be handed on.
    Rejected,
}
