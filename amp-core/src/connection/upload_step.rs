//! What an upload is told, what it asks of its driver, and what comes of it (attachments, sending).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use amp_envelope::limits::ATTACHMENT_MAX_BYTES;
use amp_envelope::{AttachmentError, AttachmentId, ScanStatus, Timestamp};

use super::call::{Call, Ticket};
use crate::webhook::{Target, TargetError, TargetPolicy};
use crate::wire::{
    ApiError, AttachmentLimits, Endpoint, RequestParts, StartUpload, UploadForm, UploadHeaders,
};

/// Headers that speak for the client, for the connection, or for another request than this one. They are never sent to
/// a place that the provider named, whatever it asks for.
const NEVER_SENT: [&str; 15] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "forwarded",
];
/// The same by how they begin.
const NEVER_SENT_PREFIXES: [&str; 4] = ["x-amp-", "x-forwarded-", "proxy-", "sec-"];

/// What a sender's host decides about its uploads.
///
/// ```
/// use amp_core::connection::UploadSettings;
/// use amp_core::wire::AttachmentLimits;
///
/// let seed = 7; // 64 random bits
/// let settings = UploadSettings::new(seed).with_limits(&AttachmentLimits::default()); // of the provider's `Info`
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
pub struct UploadSettings {
    pub(super) policy: TargetPolicy,
    pub(super) size_max: u64,
    pub(super) takes_forms: bool,
    pub(super) seed: u64,
}

impl UploadSettings {
    /// Files of at most 25 MiB, to places on the public internet. The seed is for the pauses between attempts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { policy: TargetPolicy::new(), size_max: ATTACHMENT_MAX_BYTES, takes_forms: false, seed }
    }

    /// What the provider says of the files that it takes: how large they may be, and whether it takes them in a form.
    #[must_use]
    pub fn with_limits(mut self, limits: &AttachmentLimits) -> Self {
        self.size_max = limits.max_attachment_size.unwrap_or(u64::MAX).min(ATTACHMENT_MAX_BYTES);
        self.takes_forms = limits.direct_upload == Some(true);
        self
    }

    /// The largest file that is uploaded, in bytes. Of a sealed file the ciphertext counts.
    #[must_use]
    pub const fn size_max(&self) -> u64 {
        self.size_max
    }

    /// Which places files are put to.
    #[must_use]
    pub fn with_target_policy(mut self, policy: TargetPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// What the driver of an [`Upload`](super::Upload) does next.
#[derive(Debug)]
#[non_exhaustive]
pub enum UploadStep {
    /// Make this call to the provider's API, with the API key.
    Call(Call),
    /// Send the file to the provider's API in one form, with the API key.
    Form(FormCall),
    /// Send the file to the place that the provider named, **without** the API key.
    Put(PutFile),
    /// The request is under way.
    Busy,
    /// Close what is open, and come back at this time.
    Wait(Timestamp),
    /// The file may stand in a message now.
    Done(Uploaded),
    /// Close what is open: the file is not uploaded.
    Failed(UploadError),
}

/// A `PUT` of the whole file to a place outside of the API.
#[derive(Clone, Debug)]
pub struct PutFile {
    pub(super) ticket: Ticket,
    pub(super) target: Target,
    pub(super) headers: Vec<(String, String)>,
    pub(super) size: u64,
}

impl PutFile {
    /// Under which what comes of it is reported.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Where the file goes. Have the addresses admitted to which its host resolves, and connect to one of those. No
    /// redirect is followed.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The headers of the request, `Content-Length` among them. No API key and no cookie is to be added.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// How many bytes the body has: the file's.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// The file in one form to the provider's API: [`UploadForm::before`], the file, [`UploadForm::after`].
#[derive(Clone, Debug)]
pub struct FormCall {
    pub(super) ticket: Ticket,
    pub(super) form: UploadForm,
    pub(super) timeout: Duration,
}

impl FormCall {
    pub(super) fn new(ticket: Ticket, about: &StartUpload, timeout: Duration) -> Self {
        Self { ticket, form: UploadForm::of(about), timeout }
    }

    /// Under which the answer is given back.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// What is sent before the file, and after it.
    #[must_use]
    pub const fn form(&self) -> &UploadForm {
        &self.form
    }

    /// Method, path and headers, without the API key and without the body.
    #[must_use]
    pub fn head(&self) -> RequestParts {
        RequestParts::to(Endpoint::DirectUpload, &[]).with_header("Content-Type", self.form.content_type())
    }

    /// For how long bytes and an answer are waited for.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// A file that was uploaded and scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    pub(super) id: AttachmentId,
    pub(super) status: ScanStatus,
    pub(super) object: String,
}

impl Uploaded {
    /// The attachment's id. It belongs to one message: upload again for another.
    #[must_use]
    pub const fn id(&self) -> &AttachmentId {
        &self.id
    }

    /// What the scan found: a suspicious file is delivered with a warning.
    #[must_use]
    pub const fn status(&self) -> ScanStatus {
        self.status
    }

    /// The provider's own object for the payload, as it is: [`Draft::attachment_json`](crate::Draft::attachment_json).
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }
}

/// Why a file is not uploaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// It is larger than what the provider takes.
    #[error("attachment_too_large in size: the provider takes no file of this size")]
    TooLarge,
    /// Sealed it is larger than what the provider takes, which counts the ciphertext.
    #[error(
        "attachment_too_large in size: the sealed file has {sealed} bytes, and the provider takes {most}"
    )]
    TooLargeSealed {
        /// The ciphertext's size in bytes.
        sealed: u64,
        /// The largest file that the provider takes, in bytes.
        most: u64,
    },
    /// It is a program or a script, or not what its type says. A provider cannot see that of a sealed file, so its sender
    /// looks: the recipient would refuse it.
    #[error("attachment_rejected in content_type: {0}")]
    Content(AttachmentError),
    /// Its type is that of a program or a script: no provider takes those.
    #[error("attachment_rejected in content_type: programs and scripts are not uploaded")]
    Program,
    /// The place that the provider named is not called.
    #[error("the place for the upload: {0}")]
    Target(TargetError),
    /// The provider refuses the file, or the caller.
    #[error(transparent)]
    Refused(ApiError),
    /// The provider's checks found that the file may not be delivered.
    #[error("attachment_rejected: the provider's checks refuse the file")]
    Rejected,
    /// Nobody scanned the file: it may be delivered on one machine, and not be routed.
    #[error("attachment_rejected in scan_status: the provider does not scan files")]
    Unscanned,
    /// What the provider says of the attachment is not what was uploaded.
    #[error("invalid_field in {field}: the provider describes another file than was uploaded")]
    Swapped {
        /// The member.
        field: &'static str,
    },
    /// What the provider says of the attachment lacks a member that payloads have.
    #[error("missing_field: the provider does not say all that a payload has to")]
    Incomplete,
    /// Too many attempts failed, or the scan never ended.
    #[error("internal_error: the upload did not end within its attempts")]
    GaveUp,
}

impl UploadError {
    /// The protocol's code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::TooLarge | Self::TooLargeSealed { .. } => "attachment_too_large",
            Self::Program | Self::Content(_) | Self::Rejected | Self::Unscanned => "attachment_rejected",
            Self::Target(_) | Self::Swapped { .. } => "invalid_field",
            Self::Refused(error) => error.code.as_ref().map_or("internal_error", |code| code.as_str()),
            Self::Incomplete => "missing_field",
            Self::GaveUp => "internal_error",
        }
    }
}

/// The headers that are sent along with a file: what the provider asked for, as far as it is about the file.
pub(super) fn sent_headers(asked: &UploadHeaders, content_type: &str, size: u64) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in asked.iter() {
        let name_fits = !name.is_empty() && name.bytes().all(is_token);
        let value_fits = value.len() <= 4096 && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let is_known = headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if name_fits && value_fits && !is_known && is_about_the_file(name) {
            headers.push((name.into(), value.into()));
        }
    }
    let states_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !states_type
        && !content_type.is_empty()
        && content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        headers.push(("Content-Type".into(), content_type.into()));
    }
    headers.push(("Content-Length".into(), alloc::format!("{size}")));
    headers
}

fn is_about_the_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !NEVER_SENT.contains(&name.as_str()) && !NEVER_SENT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
