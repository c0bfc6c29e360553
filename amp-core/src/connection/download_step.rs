//! What a download is told, what it asks of its driver, and what comes of it (attachments, receiving).

use amp_envelope::Timestamp;
use amp_envelope::limits::ATTACHMENT_MAX_BYTES;

use super::content::ContentSum;
use super::download_error::DownloadError;
use super::download_head::Fetch;
use crate::scan::Scanner;
use crate::webhook::TargetPolicy;

/// What a recipient's host decides about its downloads.
///
/// ```
/// use amp_core::connection::DownloadSettings;
/// use amp_core::webhook::TargetPolicy;
///
/// let seed = 7; // 64 random bits
/// let settings = DownloadSettings::new(seed).with_size_max(1 << 30).with_target_policy(TargetPolicy::new());
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
pub struct DownloadSettings<'s> {
    pub(super) policy: TargetPolicy,
    pub(super) size_max: u64,
    pub(super) scanner: Option<&'s Scanner>,
    pub(super) seed: u64,
}

impl<'s> DownloadSettings<'s> {
    /// Files of at most 25 MiB from the public internet. The seed is for the pauses between attempts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { policy: TargetPolicy::new(), size_max: ATTACHMENT_MAX_BYTES, scanner: None, seed }
    }

    /// Which targets are called.
    #[must_use]
    pub fn with_target_policy(mut self, policy: TargetPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The largest file that is taken, in bytes.
    #[must_use]
    pub const fn with_size_max(mut self, bytes: u64) -> Self {
        self.size_max = bytes;
        self
    }

    /// Also scans text for signs of injections.
    #[must_use]
    pub const fn with_scanner(mut self, scanner: &'s Scanner) -> Self {
        self.scanner = Some(scanner);
        self
    }
}

/// What the driver of a [`Download`](super::Download) does next.
#[derive(Debug)]
#[non_exhaustive]
pub enum DownloadStep {
    /// Close what is open, and request this. Give the answer's head to [`Download::handle_head`](super::Download::handle_head).
    Fetch(Fetch),
    /// The request is under way: hand over what arrives.
    Busy,
    /// Close what is open, and come back at this time.
    Wait(Timestamp),
    /// The file is whole and verified: it may get its name now.
    Done(Downloaded),
    /// Close what is open, and delete what was written.
    Failed(DownloadError),
}

/// What to do with the body behind a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyPlan {
    /// Cut the file to this many bytes. Hand each piece of the body to
    /// [`Download::handle_chunk`](super::Download::handle_chunk), and append what that gives.
    Append {
        /// The length to cut to.
        from: u64,
    },
    /// Do not read it: close the connection and ask [`Download::poll`](super::Download::poll) what is next.
    Leave,
}

/// A file that is what its sender signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    pub(super) content: ContentSum,
    pub(super) warning: Option<DownloadWarning>,
}

impl Downloaded {
    /// Size and digest, as they were signed and as they are; of a sealed file those of what was opened.
    #[must_use]
    pub const fn content(&self) -> &ContentSum {
        &self.content
    }

    /// Why the file should not be opened without asking a person.
    #[must_use]
    pub const fn warning(&self) -> Option<DownloadWarning> {
        self.warning
    }
}

/// Why a file that is what it was meant to be should not be opened without asking a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadWarning {
    /// The sender's provider found it suspicious.
    Suspicious,
    /// Nobody scanned it: a provider did not, or the file was sealed, so that none could, and no scanner was set here.
    Unscanned,
    /// The scan here found text in it that means to steer a model.
    Injection,
}
