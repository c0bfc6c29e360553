//! Uploading a file in two steps: a place to put it, and the word that it is there (provider API; attachments, sending).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_address::Profile;
use amp_envelope::{AttachmentId, DigestError, JsonKind, JsonValue, Sha256Digest};

use super::fault::Fault;
use super::member::{Member, Members, ObjectWriter, misfit, write_text};
use super::{ApiError, ApiErrorCode, AttachmentState, Endpoint, Extra, Request, RequestParts};

/// Longest URL that is kept, in bytes.
const URL_MAX_BYTES: usize = 8_192;
/// Most headers that an upload is asked to carry.
const HEADERS_MAX: usize = 32;
/// For how long a place to put a file may be open.
const EXPIRES_MAX: Duration = Duration::from_secs(3_600);

impl Member for AttachmentId {
    const RULE: &'static str = "the value is an attachment id";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let text = value.as_str().ok_or_else(misfit::<Self>)?;
        Self::parse_with(&text, Profile::Deployed).map_err(|_| misfit::<Self>())
    }

    fn write(&self, out: &mut String) {
        write_text(self.as_str(), out);
    }
}

/// A URL that lets whoever has it put or fetch a file. It comes from outside and is not vetted: see
/// [`webhook::Target`](crate::webhook::Target).
///
/// ```
/// use amp_core::wire::SignedUrl;
///
/// let url = SignedUrl::new("https://files.crabmail.ai/att_1?token=secret").ok_or("no URL")?;
/// assert_eq!(format!("{url:?}"), "SignedUrl(..)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(Box<str>);

impl SignedUrl {
    /// Takes 1 to 8,192 visible ASCII characters; none for anything else.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits =
            (1..=URL_MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// The URL, with the secret that is in it.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows nothing.
impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedUrl(..)")
    }
}

impl Member for SignedUrl {
    const RULE: &'static str = "a URL is 1 to 8,192 visible ASCII characters";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        value.as_str().and_then(|text| Self::new(&text)).ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        write_text(&self.0, out);
    }
}

object! {
    /// Asks for a place to put a file.
    ///
    /// ```
    /// use amp_core::Sha256Digest;
    /// use amp_core::wire::{Request, StartUpload};
    ///
    /// let request = StartUpload::new("a.log", "text/plain", 3, Sha256Digest::of(b"abc"));
    /// assert_eq!(StartUpload::from_parts(&request.to_parts())?, request);
    /// # Ok::<(), amp_core::wire::ApiError>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StartUpload {
        /// The file's name. From outside: never a path.
        pub filename: String,
        /// The media type that is claimed.
        pub content_type: String,
        /// The size in bytes.
        pub size: u64,
        /// The digest that the bytes have.
        pub digest: Sha256Digest,
    }
}

impl StartUpload {
    /// A file of this name, type, size in bytes and digest.
    #[must_use]
    pub fn new(filename: &str, content_type: &str, size: u64, digest: Sha256Digest) -> Self {
        Self {
            filename: filename.into(),
            content_type: content_type.into(),
            size,
            digest,
            extra: Extra::default(),
        }
    }

    /// Reads the object, telling a digest of another algorithm apart.
    pub(super) fn read_object(value: JsonValue<'_>) -> Result<Self, ApiError> {
        let digest = value.get("digest").and_then(|digest| digest.as_str());
        let parsed = digest.map(|digest| Sha256Digest::parse_with(&digest, Profile::Spec));
        if parsed == Some(Err(DigestError::UnknownAlgorithm)) {
            let rule = "a digest is sha256: and 64 lowercase hex digits";
            return Err(ApiError::new(ApiErrorCode::InvalidDigestAlgorithm, rule).with_field("digest"));
        }
        Self::read(value).map_err(Fault::of_request)
    }
}

impl Request for StartUpload {
    const ENDPOINT: Endpoint = Endpoint::StartUpload;
    type Answer = UploadStarted;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[]).with_object(self)
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        Self::read_object(parts.json()?)
    }
}

/// Headers that a file is to be uploaded with, in order. From outside.
///
/// A client leaves out what speaks for it or for the connection (`Authorization`, `Cookie`, `Host`); they are kept here
/// as they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UploadHeaders(Vec<(String, String)>);

impl UploadHeaders {
    /// Takes at most 32 headers; none when there are more.
    #[must_use]
    pub fn new(headers: Vec<(String, String)>) -> Option<Self> {
        (headers.len() <= HEADERS_MAX).then_some(Self(headers))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Shows how many: values may be credentials.
impl fmt::Debug for UploadHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UploadHeaders({})", self.0.len())
    }
}

impl Member for UploadHeaders {
    const RULE: &'static str = "the value is an object of at most 32 texts";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        if value.kind() != JsonKind::Object || value.members().count() > HEADERS_MAX {
            return Err(misfit::<Self>());
        }
        let text = |(name, value): (alloc::borrow::Cow<'_, str>, JsonValue<'_>)| {
            Some((name.into_owned(), value.as_str()?.into_owned()))
        };
        value.members().map(text).collect::<Option<_>>().map(Self).ok_or_else(misfit::<Self>)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }

    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        for (name, value) in &self.0 {
            object.text(name, value);
        }
        object.close();
    }
}

/// Where a file is to be put, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadStarted {
    /// The attachment's id from here on.
    pub attachment_id: AttachmentId,
    /// Where to put the file. The API key never goes there.
    pub upload_url: SignedUrl,
    /// The headers to put it with.
    pub upload_headers: UploadHeaders,
    /// For how long the URL is good, in whole seconds: an hour at most, whatever the provider says.
    pub expires_in: Duration,
    /// Members that this version does not know.
    pub extra: Extra,
}

impl UploadStarted {
    const MEMBERS: &'static [&'static str] =
        &["attachment_id", "upload_url", "upload_method", "upload_headers", "expires_in"];

    /// A place for a file, open for whole seconds up to an hour.
    #[must_use]
    pub fn new(attachment_id: AttachmentId, upload_url: SignedUrl, expires_in: Duration) -> Self {
        Self {
            attachment_id,
            upload_url,
            upload_headers: UploadHeaders::default(),
            expires_in: Duration::from_secs(expires_in.min(EXPIRES_MAX).as_secs()),
            extra: Extra::default(),
        }
    }
}

impl Member for UploadStarted {
    const RULE: &'static str = "the value is an object";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        if members.read::<Option<String>>("upload_method")?.is_some_and(|method| method != "PUT") {
            return Err(Fault::invalid("upload_method", "a file is uploaded with PUT"));
        }
        let seconds = members.read::<Option<u64>>("expires_in")?.map_or(EXPIRES_MAX, Duration::from_secs);
        let started = Self::new(members.read("attachment_id")?, members.read("upload_url")?, seconds);
        Ok(Self {
            upload_headers: members.read("upload_headers")?,
            extra: members.extra(Self::MEMBERS),
            ..started
        })
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.member("attachment_id", &self.attachment_id);
        object.member("upload_url", &self.upload_url);
        object.text("upload_method", "PUT");
        object.member("upload_headers", &self.upload_headers);
        object.member("expires_in", &self.expires_in.as_secs());
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
    }
}

json_answer!(UploadStarted, 201);

/// Says that the file is where it belongs: the provider checks it now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfirmUpload {
    /// The attachment.
    pub id: AttachmentId,
}

impl ConfirmUpload {
    /// For this attachment.
    #[must_use]
    pub const fn new(id: AttachmentId) -> Self {
        Self { id }
    }
}

impl Request for ConfirmUpload {
    const ENDPOINT: Endpoint = Endpoint::ConfirmUpload;
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
