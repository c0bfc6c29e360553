//! Attachments by reference into a shared space.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::fields::Fields;
use super::{AttachmentError, Sha256Digest};
use crate::json::write_string;

const SCHEME: &str = "afp://";
const SPACE_MAX_BYTES: usize = 63;
const PATH_MAX_BYTES: usize = 512;

/// Where an attachment by reference is kept: `afp://<space>/<path>`.
///
/// The space is 1 to 63 of `[a-z0-9-]`, not beginning with `-`. The path is 1 to 512 of `[A-Za-z0-9._/-]` without
/// `..`, without empty segments and without a slash at either end.
///
/// ```
/// use amp_envelope::AfpRef;
///
/// let reference: AfpRef = "afp://lab/runs/42/result.csv".parse()?;
/// assert_eq!(reference.space(), "lab");
/// assert_eq!(reference.path(), "runs/42/result.csv");
/// assert!("afp://lab/../etc/passwd".parse::<AfpRef>().is_err());
/// # Ok::<(), amp_envelope::AfpRefError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AfpRef {
    text: Box<str>,
    /// Bytes of the space, which follows the scheme.
    space_len: usize,
}

/// Why a text is not an [`AfpRef`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AfpRefError {
    /// Not `afp://`, a space, `/` and a path.
    #[error("reference is not afp://<space>/<path>")]
    Form,
    /// The space is not `[a-z0-9][a-z0-9-]{0,62}`.
    #[error("reference has a space outside its grammar")]
    Space,
    /// The path is empty or too long, holds other characters than `[A-Za-z0-9._/-]`, `..`, or an empty segment.
    #[error("reference has a path outside its grammar")]
    Path,
}

impl AfpRef {
    /// The whole reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The space's name.
    #[must_use]
    pub fn space(&self) -> &str {
        self.parts().0
    }

    /// The path inside the space, without a slash in front.
    #[must_use]
    pub fn path(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let rest = self.text.strip_prefix(SCHEME).unwrap_or_default();
        let (space, path) = rest.split_at_checked(self.space_len).unwrap_or_default();
        (space, path.strip_prefix('/').unwrap_or_default())
    }
}

impl FromStr for AfpRef {
    type Err = AfpRefError;

    fn from_str(text: &str) -> Result<Self, AfpRefError> {
        let rest = text.strip_prefix(SCHEME).ok_or(AfpRefError::Form)?;
        let (space, path) = rest.split_once('/').ok_or(AfpRefError::Form)?;
        let is_space = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if space.is_empty()
            || space.len() > SPACE_MAX_BYTES
            || space.starts_with('-')
            || !space.bytes().all(is_space)
        {
            return Err(AfpRefError::Space);
        }
        let is_path = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-');
        let has_shape = !path.contains("..") && path.split('/').all(|segment| !segment.is_empty());
        if path.len() > PATH_MAX_BYTES || !path.bytes().all(is_path) || !has_shape {
            return Err(AfpRefError::Path);
        }
        Ok(Self { text: text.into(), space_len: space.len() })
    }
}

impl AsRef<str> for AfpRef {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for AfpRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for AfpRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfpRef").field(&self.text).finish()
    }
}

/// An attachment by reference: what is said about it, and where it is.
///
/// It has no limit of size and no scan of a provider's.
///
/// ```
/// use amp_envelope::{AfpAttachment, Sha256Digest};
///
/// let reference = "afp://lab/runs/result.csv".parse()?;
/// let attachment = AfpAttachment::new(reference, "result.csv", "text/csv", 3, Sha256Digest::of(b"abc"));
/// assert!(attachment.to_json().starts_with(r#"{"storage":"afp","filename":"result.csv","#));
/// # Ok::<(), amp_envelope::AfpRefError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AfpAttachment {
    reference: AfpRef,
    filename: Option<Box<str>>,
    content_type: Option<Box<str>>,
    size: Option<u64>,
    digest: Option<Sha256Digest>,
    endpoint: Option<Box<str>>,
    url: Option<Box<str>>,
}

impl AfpAttachment {
    /// An attachment to write; `size` in bytes.
    #[must_use]
    pub fn new(
        reference: AfpRef,
        filename: &str,
        content_type: &str,
        size: u64,
        digest: Sha256Digest,
    ) -> Self {
        Self {
            reference,
            filename: Some(filename.into()),
            content_type: Some(content_type.into()),
            size: Some(size),
            digest: Some(digest),
            endpoint: None,
            url: None,
        }
    }

    /// Says who serves the space.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Says where the bytes can be fetched by those who do not speak the space's protocol.
    #[must_use]
    pub fn with_url(mut self, url: &str) -> Self {
        self.url = Some(url.into());
        self
    }

    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, AttachmentError> {
        for field in ["id", "scan_status", "uploaded_at", "expires_at"] {
            fields.refuse(field)?;
        }
        let reference = fields.parsed("ref", |text| Ok(text.parse::<AfpRef>()?))?;
        Ok(Self {
            reference: reference.ok_or(AttachmentError::Missing { field: "ref" })?,
            filename: fields.demand("filename", fields.text("filename")?)?,
            content_type: fields.demand("content_type", fields.text("content_type")?)?,
            size: fields.demand("size", fields.size()?)?,
            digest: fields.demand("digest", fields.digest()?)?,
            endpoint: fields.text("endpoint")?,
            url: fields.text("url")?,
        })
    }

    /// Where it is kept.
    #[must_use]
    pub const fn reference(&self) -> &AfpRef {
        &self.reference
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

    /// Who serves the space. Not vetted.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Where the bytes can be fetched. Not vetted.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The object to put into a payload.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Object::new("afp");
        object.text("filename", self.filename());
        object.text("content_type", self.content_type());
        object.number("size", self.size);
        object.display("digest", self.digest);
        object.text("ref", Some(self.reference.as_str()));
        object.text("endpoint", self.endpoint());
        object.text("url", self.url());
        object.close()
    }
}

/// An attachment object being written.
pub(super) struct Object(Vec<u8>);

impl Object {
    pub(super) fn new(storage: &str) -> Self {
        let mut object = Self(b"{\"storage\":".to_vec());
        write_string(storage, &mut object.0);
        object
    }

    fn name(&mut self, name: &str) {
        self.0.push(b',');
        write_string(name, &mut self.0);
        self.0.push(b':');
    }

    pub(super) fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            write_string(value, &mut self.0);
        }
    }

    pub(super) fn display(&mut self, name: &str, value: Option<impl fmt::Display>) {
        self.text(name, value.map(|value| alloc::format!("{value}")).as_deref());
    }

    pub(super) fn number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.name(name);
            self.0.extend_from_slice(alloc::format!("{value}").as_bytes());
        }
    }

    pub(super) fn close(mut self) -> String {
        self.0.push(b'}');
        // Only whole strings went in.
        String::from_utf8(self.0).unwrap_or_default()
    }
}
