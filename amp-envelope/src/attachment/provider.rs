//! Attachments that were uploaded to a provider.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::afp::Object;
use super::fields::Fields;
use super::{AttachmentError, Sha256Digest};
use crate::id::AttachmentId;
use crate::timestamp::Timestamp;

/// How long an upload stays available at least.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the provider's scan of an attachment found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a state that is not understood must not be taken for a harmless one"
)]
pub enum ScanStatus {
    /// `pending`: not scanned yet.
    Pending,
    /// `clean`: scanned, nothing found.
    Clean,
    /// `basic_clean`: checked without an antivirus, nothing found.
    BasicClean,
    /// `unscanned`: nobody scans here.
    Unscanned,
    /// `suspicious`: may be shown, must not be opened unasked.
    Suspicious,
    /// `rejected`: never delivered.
    Rejected,
}

impl ScanStatus {
    /// Every status, in the order of the specification.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Clean, Self::BasicClean, Self::Unscanned, Self::Suspicious, Self::Rejected];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Clean => "clean",
            Self::BasicClean => "basic_clean",
            Self::Unscanned => "unscanned",
            Self::Suspicious => "suspicious",
            Self::Rejected => "rejected",
        }
    }

    /// Whether an attachment in this state may stand in a message that a provider routes.
    #[must_use]
    pub const fn may_be_routed(self) -> bool {
        matches!(self, Self::Clean | Self::BasicClean | Self::Suspicious)
    }

    /// Whether an attachment in this state may stand in a message that is delivered on one machine.
    #[must_use]
    pub const fn may_be_delivered_locally(self) -> bool {
        self.may_be_routed() || matches!(self, Self::Unscanned)
    }
}

impl FromStr for ScanStatus {
    type Err = AttachmentError;

    fn from_str(text: &str) -> Result<Self, AttachmentError> {
        let unknown = AttachmentError::Invalid { field: "scan_status" };
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(unknown)
    }
}

impl fmt::Display for ScanStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An uploaded attachment: what is said about it, where it can be fetched, and what the scan found.
///
/// A sender copies the provider's own object into the payload, byte for byte
/// ([`Draft::attachment_json`](crate::Draft::attachment_json)). [`ProviderAttachment::new`] is for providers, who write it.
///
/// ```
/// use amp_envelope::{AttachmentId, ProviderAttachment, ScanStatus, Sha256Digest, Timestamp};
///
/// let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let id = AttachmentId::from_parts(now, [7; 8]);
/// let attachment = ProviderAttachment::new(id, "result.csv", "text/csv", 3, Sha256Digest::of(b"abc"))
///     .with_url("https://files.example.com/att/1")
///     .with_scan_status(ScanStatus::Clean)
///     .with_uploaded_at(now);
/// assert_eq!(attachment.expires_at().map(|at| at.to_string()).as_deref(), Some("2026-01-08T00:00:00Z"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderAttachment {
    id: Option<AttachmentId>,
    filename: Option<Box<str>>,
    content_type: Option<Box<str>>,
    size: Option<u64>,
    digest: Option<Sha256Digest>,
    url: Option<Box<str>>,
    path: Option<Box<str>>,
    scan_status: Option<ScanStatus>,
    uploaded_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl ProviderAttachment {
    /// An attachment to write, not scanned yet; `size` in bytes.
    #[must_use]
    pub fn new(
        id: AttachmentId,
        filename: &str,
        content_type: &str,
        size: u64,
        digest: Sha256Digest,
    ) -> Self {
        Self {
            id: Some(id),
            filename: Some(filename.into()),
            content_type: Some(content_type.into()),
            size: Some(size),
            digest: Some(digest),
            url: None,
            path: None,
            scan_status: Some(ScanStatus::Pending),
            uploaded_at: None,
            expires_at: None,
        }
    }

    /// Says where the bytes can be fetched.
    #[must_use]
    pub fn with_url(mut self, url: &str) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Says what the scan found.
    #[must_use]
    pub const fn with_scan_status(mut self, status: ScanStatus) -> Self {
        self.scan_status = Some(status);
        self
    }

    /// Says when it was uploaded. It then expires after seven days, the least that is allowed.
    #[must_use]
    pub fn with_uploaded_at(mut self, now: Timestamp) -> Self {
        self.uploaded_at = Some(now);
        self.expires_at = self.expires_at.max(Some(now.saturating_add(LIFETIME)));
        self
    }

    /// Keeps it available for longer than seven days. An earlier time changes nothing.
    #[must_use]
    pub fn with_expires_at(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = self.expires_at.max(Some(expires_at));
        self
    }

    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, AttachmentError> {
        let id = |text: &str| {
            AttachmentId::parse_with(text, fields.profile())
                .map_err(|_| AttachmentError::Invalid { field: "id" })
        };
        let uploaded_at = fields.demand("uploaded_at", fields.timestamp("uploaded_at")?)?;
        let expires_at = fields.demand("expires_at", fields.timestamp("expires_at")?)?;
        if fields.is_strict() && uploaded_at.is_some_and(|at| expires_at < Some(at.saturating_add(LIFETIME)))
        {
            return Err(AttachmentError::Invalid { field: "expires_at" });
        }
        Ok(Self {
            id: fields.demand("id", fields.parsed("id", id)?)?,
            filename: fields.demand("filename", fields.text("filename")?)?,
            content_type: fields.demand("content_type", fields.text("content_type")?)?,
            size: fields.demand("size", fields.size()?)?,
            digest: fields.demand("digest", fields.digest()?)?,
            url: fields.demand("url", fields.text("url")?)?,
            path: fields.deployed_text("path")?,
            scan_status: fields.demand("scan_status", fields.parsed("scan_status", str::parse)?)?,
            uploaded_at,
            expires_at,
        })
    }

    /// The upload's identifier.
    #[must_use]
    pub const fn id(&self) -> Option<&AttachmentId> {
        self.id.as_ref()
    }

    /// The name that the sender gave: text from outside, in no way fit for a path.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    /// The media type that the sender claims.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The size in bytes that the sender claims.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// The digest that the bytes must have.
    #[must_use]
    pub const fn digest(&self) -> Option<&Sha256Digest> {
        self.digest.as_ref()
    }

    /// Where the bytes can be fetched. Not vetted.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// A deployed member: where the file was on the sender's machine. Never a path to open.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// What the provider's scan found, as the sender copied it.
    #[must_use]
    pub const fn scan_status(&self) -> Option<ScanStatus> {
        self.scan_status
    }

    /// When it was uploaded.
    #[must_use]
    pub const fn uploaded_at(&self) -> Option<Timestamp> {
        self.uploaded_at
    }

    /// Until when it can be fetched.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The object, as a provider writes it after an upload.
    ///
    /// Not for an attachment that was read: its signature covers the object as it was received.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Object::new("provider");
        object.text("id", self.id().map(AttachmentId::as_str));
        object.text("filename", self.filename());
        object.text("content_type", self.content_type());
        object.number("size", self.size);
        object.display("digest", self.digest);
        object.text("url", self.url());
        object.text("scan_status", self.scan_status.map(ScanStatus::as_str));
        object.display("uploaded_at", self.uploaded_at);
        object.display("expires_at", self.expires_at);
        object.close()
    }
}
