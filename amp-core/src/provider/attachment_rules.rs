//! Which files a provider takes, and where the host keeps them (attachments).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_envelope::limits::{ATTACHMENT_MAX_BYTES, ATTACHMENTS_MAX, ATTACHMENTS_TOTAL_MAX_BYTES};

use crate::wire::{ApiUrl, AttachmentLimits};

/// Which files a provider takes. A provider without such rules carries no attachments.
///
/// ```
/// use amp_core::provider::{AttachmentRules, Provider};
///
/// let rules = AttachmentRules::new("https://files.crabmail.ai/a".parse()?).with_direct_upload();
/// let provider = Provider::builder("crabmail.ai".parse()?, "https://api.crabmail.ai/v1".parse()?)
///     .attachments(rules)
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AttachmentRules {
    pub(super) files: ApiUrl,
    pub(super) size_max: u64,
    pub(super) quota_bytes: u64,
    pub(super) quota_files: usize,
    pub(super) files_max: usize,
    pub(super) direct_upload: bool,
    pub(super) host_checks: HostChecks,
}

/// What the host does with a file besides the basic checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostChecks {
    /// Nothing: a file's status is known as soon as it is confirmed.
    #[default]
    None,
    /// It scans the file, for viruses or for injections, and says what it found:
    /// [`Provider::attachment_checked`](super::Provider::attachment_checked).
    Scan,
}

impl AttachmentRules {
    /// Files of at most 25 MiB, 1 GiB and 2,000 of an agent at once, 100,000 in all (70 MB of memory), which the host
    /// keeps and serves below `files`: `PUT` and `GET {files}/{id}?token=…`.
    #[must_use]
    pub const fn new(files: ApiUrl) -> Self {
        Self {
            files,
            size_max: ATTACHMENT_MAX_BYTES,
            quota_bytes: 1 << 30,
            quota_files: 2_000,
            files_max: 100_000,
            direct_upload: false,
            host_checks: HostChecks::None,
        }
    }

    /// Takes files in one go, too (`POST /attachments/upload/direct`).
    #[must_use]
    pub const fn with_direct_upload(mut self) -> Self {
        self.direct_upload = true;
        self
    }

    /// Says what the host does with a file besides the basic checks.
    #[must_use]
    pub const fn with_host_checks(mut self, checks: HostChecks) -> Self {
        self.host_checks = checks;
        self
    }

    /// The largest file, in bytes; at most 25 MiB.
    #[must_use]
    pub fn size_max(mut self, bytes: u64) -> Self {
        self.size_max = bytes.min(ATTACHMENT_MAX_BYTES);
        self
    }

    /// What one agent's files may take at once: bytes, and how many are remembered. A file counts until it is forgotten,
    /// a day after its bytes are gone; one that never came, when its hour is over.
    #[must_use]
    pub const fn quota(mut self, bytes: u64, files: usize) -> Self {
        self.quota_bytes = bytes;
        self.quota_files = files;
        self
    }

    /// How many files are remembered in all. Each takes about 700 bytes of memory.
    #[must_use]
    pub const fn files_max(mut self, files: usize) -> Self {
        self.files_max = files;
        self
    }

    /// What `/info` says of it.
    pub(super) fn stated(&self) -> AttachmentLimits {
        AttachmentLimits {
            max_attachment_size: Some(self.size_max),
            max_total_attachment_size: Some(ATTACHMENTS_TOTAL_MAX_BYTES),
            max_attachments_per_message: u64::try_from(ATTACHMENTS_MAX).ok(),
            direct_upload: Some(self.direct_upload),
            av_scanning: Some(self.host_checks == HostChecks::Scan),
            ..AttachmentLimits::default()
        }
    }
}
