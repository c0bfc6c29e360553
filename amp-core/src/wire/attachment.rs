//! The state of an uploaded file, and where it can be fetched (provider API; attachments).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::ToOwned;
use alloc::string::String;

use amp_envelope::{AttachmentId, JsonValue, ProviderAttachment, ScanStatus, Sha256Digest, Timestamp};

use super::fault::Fault;
use super::member::{Member, ObjectWriter, misfit, write_text};
use super::{Answer, AnswerParts, ApiError, Endpoint, Extra, Request, RequestParts, SignedUrl};

impl Member for ScanStatus {
    const RULE: &'static str = "the value is a scan status";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        value.as_str().and_then(|text| text.parse().ok()).ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        write_text(self.as_str(), out);
    }
}

/// Asks for the state of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetAttachment {
    /// The attachment.
    pub id: AttachmentId,
}

impl GetAttachment {
    /// For this attachment.
    #[must_use]
    pub const fn new(id: AttachmentId) -> Self {
        Self { id }
    }
}

impl Request for GetAttachment {
    const ENDPOINT: Endpoint = Endpoint::GetAttachment;
    type Answer = AttachmentState;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[self.id.as_str()])
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive_with(Self::ENDPOINT, "id").map(Self::new)
    }

    fn check(&self, answer: &AttachmentState) -> Result<(), (&'static str, &'static str)> {
        answer.check_id(&self.id)
    }
}

object! {
    /// The state of an attachment. Before its file is checked, only the id and the status are certain to be there.
    ///
    /// ```
    /// use amp_core::wire::{Answer, AnswerParts, AttachmentState};
    ///
    /// let body = br#"{"attachment_id":"att_1706648400_abc123","filename":"a.log","content_type":"text/plain","size":3,
    ///     "digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","scan_status":"clean",
    ///     "url":"https://files.crabmail.ai/att_1","uploaded_at":"2025-01-30T10:00:00Z",
    ///     "expires_at":"2025-02-06T10:00:00Z"}"#;
    /// let state = AttachmentState::from_parts(&AnswerParts::new(200).with_body(body.to_vec()))?;
    /// let object = state.payload_object().ok_or("not yet")?;
    /// assert!(object.starts_with(r#"{"id":"att_1706648400_abc123","filename":"a.log","#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AttachmentState {
        /// The attachment.
        pub attachment_id: AttachmentId,
        /// The file's name. From outside: never a path.
        pub filename: Option<String>,
        /// The media type that its sender claims.
        pub content_type: Option<String>,
        /// The size in bytes.
        pub size: Option<u64>,
        /// The digest that the bytes have.
        pub digest: Option<Sha256Digest>,
        /// How far its checks are. A state that this version does not know is an error: it must not be taken for a
        /// harmless one.
        pub scan_status: ScanStatus,
        /// Where it can be fetched.
        pub url: Option<SignedUrl>,
        /// When it was uploaded.
        pub uploaded_at: Option<Timestamp>,
        /// Until when it can be fetched.
        pub expires_at: Option<Timestamp>,
    }
}

json_answer!(AttachmentState, 200);

impl AttachmentState {
    /// A state of which nothing else is said.
    #[must_use]
    pub fn new(attachment_id: AttachmentId, scan_status: ScanStatus) -> Self {
        Self {
            attachment_id,
            filename: None,
            content_type: None,
            size: None,
            digest: None,
            scan_status,
            url: None,
            uploaded_at: None,
            expires_at: None,
            extra: Extra::default(),
        }
    }

    /// Everything that an attachment says of itself; none when it lacks its id or status.
    #[must_use]
    pub fn of(attachment: &ProviderAttachment) -> Option<Self> {
        let state = Self::new(attachment.id()?.clone(), attachment.scan_status()?);
        Some(Self {
            filename: attachment.filename().map(ToOwned::to_owned),
            content_type: attachment.content_type().map(ToOwned::to_owned),
            size: attachment.size(),
            digest: attachment.digest().copied(),
            url: attachment.url().and_then(SignedUrl::new),
            uploaded_at: attachment.uploaded_at(),
            expires_at: attachment.expires_at(),
            ..state
        })
    }

    /// The object for a payload's `attachments`: the provider's own members, under the names that payloads have
    /// (`id` for `attachment_id`). None before the attachment may stand in a routed message, or when a member lacks that
    /// it must have there.
    #[must_use]
    pub fn payload_object(&self) -> Option<String> {
        if !self.scan_status.may_be_routed() {
            return None;
        }
        let mut json = String::new();
        let mut object = ObjectWriter::open(&mut json);
        object.member("id", &self.attachment_id);
        object.text("filename", self.filename.as_deref()?);
        object.text("content_type", self.content_type.as_deref()?);
        object.member("size", &self.size?);
        object.member("digest", &self.digest?);
        object.member("url", self.url.as_ref()?);
        object.member("scan_status", &self.scan_status);
        object.member("uploaded_at", &self.uploaded_at?);
        object.member("expires_at", &self.expires_at?);
        object.extra(&self.extra, &[Self::MEMBERS, &["id"]].concat());
        object.close();
        Some(json)
    }

    pub(super) fn check_id(&self, asked: &AttachmentId) -> Result<(), (&'static str, &'static str)> {
        let is_it = self.attachment_id == *asked;
        is_it.then_some(()).ok_or(("attachment_id", "the answer is about the attachment that was asked for"))
    }
}

/// Asks where an attachment can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadAttachment {
    /// The attachment.
    pub id: AttachmentId,
}

impl DownloadAttachment {
    /// For this attachment.
    #[must_use]
    pub const fn new(id: AttachmentId) -> Self {
        Self { id }
    }
}

impl Request for DownloadAttachment {
    const ENDPOINT: Endpoint = Endpoint::DownloadAttachment;
    type Answer = DownloadLocation;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[self.id.as_str()])
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive_with(Self::ENDPOINT, "id").map(Self::new)
    }
}

/// Where an attachment can be fetched: a redirect, which the client follows itself, after vetting the URL, and without
/// its API key.
///
/// ```
/// use amp_core::wire::{Answer, AnswerParts, DownloadLocation};
///
/// let answer = AnswerParts::new(302).with_header("Location", "https://files.crabmail.ai/att_1?token=t");
/// assert_eq!(DownloadLocation::from_parts(&answer)?.url.as_str(), "https://files.crabmail.ai/att_1?token=t");
/// assert!(DownloadLocation::from_parts(&AnswerParts::new(302)).is_err());
/// # Ok::<(), amp_core::wire::ApiError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadLocation {
    /// Where to fetch it. Not vetted.
    pub url: SignedUrl,
}

impl DownloadLocation {
    /// At this URL.
    #[must_use]
    pub const fn new(url: SignedUrl) -> Self {
        Self { url }
    }
}

impl Answer for DownloadLocation {
    fn to_parts(&self) -> AnswerParts {
        // The name is the fetched answer's to state; here it only keeps browsers from showing the file.
        AnswerParts::new(302)
            .with_header("Location", self.url.as_str())
            .with_header("Content-Disposition", "attachment")
    }

    fn from_parts(parts: &AnswerParts) -> Result<Self, ApiError> {
        if !matches!(parts.status, 302 | 303 | 307) {
            let is_refusal = !parts.is_success();
            let other = || parts.unreadable(Fault::body("the answer is a redirect to the file"));
            return Err(if is_refusal { ApiError::from_parts(parts) } else { other() });
        }
        let mut locations = parts
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("location"))
            .map(|(_, value)| value);
        let url =
            locations.next().and_then(|value| SignedUrl::new(value)).filter(|_| locations.next().is_none());
        let rule = "a redirect names one URL of at most 8,192 visible ASCII characters";
        url.map(Self::new).ok_or_else(|| parts.unreadable(Fault::invalid("location", rule)))
    }
}
