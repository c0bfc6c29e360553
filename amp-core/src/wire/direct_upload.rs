//! `POST /attachments/upload/direct`: a file and what is said about it in one form (provider API; attachments, sending).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::limits::ATTACHMENT_MAX_BYTES;
use amp_envelope::{JsonValue, Sha256Digest};

use super::fault::Fault;
use super::member::to_json;
use super::multipart::{self, Place};
use super::{ApiError, ApiErrorCode, AttachmentState, Endpoint, Request, RequestParts, StartUpload};

/// Uploads a file in one go. For providers whose attachment limits say `direct_upload`; others are refused.
///
/// The file is in memory here. To stream it from a disk, send [`UploadForm::of`]'s two halves around it.
///
/// ```
/// use amp_core::wire::{DirectUpload, Request};
///
/// let upload = DirectUpload::new("a.log", "text/plain", b"abc".to_vec());
/// let read = DirectUpload::from_parts(&upload.to_parts())?;
/// assert_eq!((read.file(), read.about()), (&b"abc"[..], upload.about()));
/// # Ok::<(), amp_core::wire::ApiError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DirectUpload {
    about: StartUpload,
    file: Vec<u8>,
}

impl DirectUpload {
    /// A file of this name and claimed media type.
    #[must_use]
    pub fn new(filename: &str, content_type: &str, file: Vec<u8>) -> Self {
        let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
        let about = StartUpload::new(filename, content_type, size, Sha256Digest::of(&file));
        Self { about, file }
    }

    /// What is said about the file. On a provider's side, nothing of it is checked but the size.
    #[must_use]
    pub const fn about(&self) -> &StartUpload {
        &self.about
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        &self.file
    }
}

/// Shows no content.
impl fmt::Debug for DirectUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectUpload").field("bytes", &self.file.len()).finish_non_exhaustive()
    }
}

/// The form of a direct upload without its file: what to send before it and after it.
///
/// ```
/// use amp_core::Sha256Digest;
/// use amp_core::wire::{StartUpload, UploadForm};
///
/// let form = UploadForm::of(&StartUpload::new("a.log", "text/plain", 3, Sha256Digest::of(b"abc")));
/// assert_eq!(form.content_length(), form.before().len() as u64 + 3 + form.after().len() as u64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadForm {
    content_type: String,
    before: String,
    after: String,
    size: u64,
}

impl UploadForm {
    /// The form for this file.
    ///
    /// Its boundary is made of the file's digest, so that no file can contain the boundary of its own form.
    #[must_use]
    pub fn of(about: &StartUpload) -> Self {
        let digest = Sha256Digest::of(&[b"amp-form:".as_slice(), about.digest.as_bytes()].concat());
        let hex = format!("{digest}");
        let boundary = format!("amp-{}", hex.trim_start_matches("sha256:"));
        let mut before = multipart::head_of(&boundary, "metadata", None, "application/json", Place::First);
        before.push_str(&to_json(about));
        // The name and type that count are those of the metadata.
        let file_type = "application/octet-stream";
        before.push_str(&multipart::head_of(&boundary, "file", Some("file"), file_type, Place::Later));
        let content_type = multipart::content_type(&boundary);
        Self { content_type, before, after: multipart::end(&boundary), size: about.size }
    }

    /// The value of the header `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// What is sent before the file.
    #[must_use]
    pub fn before(&self) -> &str {
        &self.before
    }

    /// What is sent after the file.
    #[must_use]
    pub fn after(&self) -> &str {
        &self.after
    }

    /// The length of the whole body, in bytes.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        let around = self.before.len().saturating_add(self.after.len());
        self.size.saturating_add(u64::try_from(around).unwrap_or(u64::MAX))
    }
}

impl Request for DirectUpload {
    const ENDPOINT: Endpoint = Endpoint::DirectUpload;
    type Answer = AttachmentState;

    fn to_parts(&self) -> RequestParts {
        let form = UploadForm::of(&self.about);
        let mut parts =
            RequestParts::to(Self::ENDPOINT, &[]).with_header("Content-Type", form.content_type());
        parts.body = [form.before().as_bytes(), &self.file, form.after().as_bytes()].concat();
        parts
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let refused = |rule| Fault::body(rule).of_request();
        let content_type = parts.header("content-type")?.unwrap_or_default();
        let form = multipart::read(content_type, &parts.body).map_err(refused)?;
        let part = |name: &'static str| {
            let found = form.iter().find(|part| part.name == name);
            found.ok_or_else(|| Fault::missing(name).of_request())
        };
        let metadata = JsonValue::read_object(part("metadata")?.body)
            .map_err(|error| Fault::from(error).of_request())?;
        let about = StartUpload::read_object(metadata)?;
        let file = part("file")?.body;
        let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
        if size > ATTACHMENT_MAX_BYTES {
            return Err(ApiError::new(ApiErrorCode::AttachmentTooLarge, "an attachment has at most 25 MiB"));
        }
        if size != about.size {
            return Err(Fault::invalid("size", "the size is that of the file").of_request());
        }
        Ok(Self { about, file: file.to_vec() })
    }
}
