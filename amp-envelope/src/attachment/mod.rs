//! Attachments: typed views of the objects in `payload.attachments` (topic: attachments).
//!
//! The signature covers these objects as they were received, so they are read and never rewritten.

mod afp;
mod content;
mod digest;
mod error;
mod fields;
mod kind;
mod provider;
mod sealed;

pub use afp::{AfpAttachment, AfpRef, AfpRefError};
pub use digest::{DigestError, Sha256Digest};
pub use error::AttachmentError;
pub use provider::{ProviderAttachment, ScanStatus};
pub use sealed::SealedAttachment;

use amp_address::Profile;

use self::fields::Fields;
use crate::filename::{FilenameError, SafeFilename, safe_filename};
use crate::json::{JsonKind, JsonValue};
use crate::limits::{ATTACHMENT_MAX_BYTES, ATTACHMENTS_MAX, ATTACHMENTS_TOTAL_MAX_BYTES};

/// One attachment of a message, by where its bytes are kept.
///
/// ```
/// use amp_envelope::{Attachment, Payload};
///
/// let payload = Payload::from_json(br#"{"type":"task","message":"m","attachments":[
///     {"storage":"afp","filename":"a.csv","content_type":"text/csv","size":3,"ref":"afp://lab/runs/a.csv",
///      "digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]}"#)?;
/// let attachment = Attachment::read(payload.attachments_json().next().unwrap())?;
/// assert_eq!(attachment.safe_filename()?.as_str(), "a.csv");
/// assert!(attachment.digest().is_some_and(|digest| digest.matches(b"abc")));
///
/// let Attachment::Afp(afp) = attachment else { panic!("kept elsewhere") };
/// assert_eq!((afp.reference().space(), afp.reference().path()), ("lab", "runs/a.csv"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attachment {
    /// Uploaded to the provider, which scans and serves it. Also what an object without `storage` is.
    Provider(ProviderAttachment),
    /// Kept in a shared space, and named by a reference.
    Afp(AfpAttachment),
    /// Uploaded to the provider as a ciphertext. Only a sealed message has such.
    Sealed(SealedAttachment),
}

impl Attachment {
    /// Reads an attachment under [`Profile::Deployed`].
    ///
    /// Deployed writers leave members out and spell some differently (`name`, `type`, `mime_type`, `download_url`,
    /// `path`), so most members may be absent. Those that are there must obey their grammar.
    ///
    /// # Errors
    /// [`AttachmentError`], naming the member at fault.
    pub fn read(value: JsonValue<'_>) -> Result<Self, AttachmentError> {
        Self::read_with(value, Profile::Deployed)
    }

    /// Reads an attachment under the given profile. [`Profile::Spec`] takes no other spellings and demands every member
    /// of the attachment's kind.
    ///
    /// # Errors
    /// [`AttachmentError`], naming the member at fault.
    pub fn read_with(value: JsonValue<'_>, profile: Profile) -> Result<Self, AttachmentError> {
        if value.kind() != JsonKind::Object {
            return Err(AttachmentError::NotAnObject);
        }
        let fields = Fields::new(value, profile);
        match fields.text("storage")?.as_deref() {
            None | Some("provider") => ProviderAttachment::read(&fields).map(Self::Provider),
            Some("afp") => AfpAttachment::read(&fields).map(Self::Afp),
            Some(_) => Err(AttachmentError::Invalid { field: "storage" }),
        }
    }

    /// Checks the limits on number and size that hold for a message's attachments together.
    ///
    /// Only what is at a provider counts: at most 10, 25 MiB each, 100 MiB together. One without a size counts as
    /// empty, a sealed one with the size of its ciphertext.
    ///
    /// # Errors
    /// [`AttachmentError::TooMany`], [`AttachmentError::TooLarge`] or [`AttachmentError::TooLargeTogether`].
    pub fn check_limits<'a>(attachments: impl IntoIterator<Item = &'a Self>) -> Result<(), AttachmentError> {
        let mut count = 0_usize;
        let mut together = 0_u64;
        for attachment in attachments {
            let Some(attachment) = attachment.at_provider() else { continue };
            let size = attachment.size().unwrap_or(0);
            count = count.saturating_add(1);
            together = together.saturating_add(size);
            if count > ATTACHMENTS_MAX {
                return Err(AttachmentError::TooMany);
            }
            if size > ATTACHMENT_MAX_BYTES {
                return Err(AttachmentError::TooLarge);
            }
            if together > ATTACHMENTS_TOTAL_MAX_BYTES {
                return Err(AttachmentError::TooLargeTogether);
            }
        }
        Ok(())
    }

    /// Checks that the attachment may stand in a message that a provider routes.
    ///
    /// A provider attachment must have been scanned and not rejected. One by reference has no scan of the provider's.
    ///
    /// # Errors
    /// [`AttachmentError::NotDeliverable`].
    pub fn check_routed(&self) -> Result<(), AttachmentError> {
        self.check_status(ScanStatus::may_be_routed, false)
    }

    /// Checks that the attachment may stand in a message that is delivered on one machine, where nobody may have scanned.
    ///
    /// # Errors
    /// [`AttachmentError::NotDeliverable`].
    pub fn check_local(&self) -> Result<(), AttachmentError> {
        self.check_status(ScanStatus::may_be_delivered_locally, true)
    }

    /// Checks that the file is no program and no script, by the type that is declared and by its first bytes: 64 or more
    /// where the file has them.
    ///
    /// A provider checks this before it takes a file, and a careful recipient again before the file is used.
    ///
    /// ```
    /// use amp_envelope::{Attachment, AttachmentError, Payload};
    ///
    /// let payload = Payload::from_json(br#"{"type":"task","message":"m","attachments":[{"name":"setup","type":"text/plain"}]}"#)?;
    /// let attachment = Attachment::read(payload.attachments_json().next().unwrap())?;
    /// assert!(attachment.check_content(b"how to set it up").is_ok());
    /// assert_eq!(attachment.check_content(b"#!/bin/sh\nrm -r"), Err(AttachmentError::Program));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AttachmentError::Program`].
    pub fn check_content(&self, head: &[u8]) -> Result<(), AttachmentError> {
        if self.content_type().is_some_and(content::is_blocked_type) || content::is_program(head) {
            return Err(AttachmentError::Program);
        }
        Ok(())
    }

    /// Checks a file whose type is declared and which begins with `head`: that it is no program and no script, and that
    /// the main type that is declared (`image` in `image/png`) is one that a file with this beginning has.
    ///
    /// `head` is the first 64 bytes or more, where the file has them; 512 are plenty. An empty file, and
    /// `application/octet-stream`, agree with everything but a program.
    ///
    /// ```
    /// use amp_envelope::{Attachment, AttachmentError};
    ///
    /// assert!(Attachment::check_file("image/png", b"\x89PNG\r\n\x1a\n").is_ok());
    /// assert_eq!(Attachment::check_file("image/png", b"<p>Hello"), Err(AttachmentError::TypeMismatch));
    /// assert_eq!(Attachment::check_file("image/png", b"#!/bin/sh\n"), Err(AttachmentError::Program));
    /// ```
    ///
    /// # Errors
    /// [`AttachmentError::Program`] or [`AttachmentError::TypeMismatch`].
    pub fn check_file(content_type: &str, head: &[u8]) -> Result<(), AttachmentError> {
        if content::is_blocked_type(content_type) || content::is_program(head) {
            return Err(AttachmentError::Program);
        }
        if kind::agrees(content_type, head) { Ok(()) } else { Err(AttachmentError::TypeMismatch) }
    }

    fn check_status(&self, may: fn(ScanStatus) -> bool, unstated: bool) -> Result<(), AttachmentError> {
        match self.at_provider() {
            Some(attachment) if !attachment.scan_status().map_or(unstated, may) => {
                Err(AttachmentError::NotDeliverable)
            }
            _ => Ok(()),
        }
    }

    /// What the provider keeps and has scanned.
    const fn at_provider(&self) -> Option<&ProviderAttachment> {
        match self {
            Self::Provider(attachment) => Some(attachment),
            Self::Sealed(attachment) => Some(attachment.outer()),
            Self::Afp(_) => None,
        }
    }

    /// The name that the sender gave: text from outside, in no way fit for a path.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        match self {
            Self::Provider(attachment) => attachment.filename(),
            Self::Afp(attachment) => attachment.filename(),
            Self::Sealed(attachment) => Some(attachment.file().filename()),
        }
    }

    /// A name under which the file can be written; `unnamed_file` when the sender gave none.
    ///
    /// # Errors
    /// As [`safe_filename`].
    pub fn safe_filename(&self) -> Result<SafeFilename, FilenameError> {
        safe_filename(self.filename().unwrap_or_default())
    }

    /// The media type that the sender claims.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        match self {
            Self::Provider(attachment) => attachment.content_type(),
            Self::Afp(attachment) => attachment.content_type(),
            Self::Sealed(attachment) => Some(attachment.file().content_type()),
        }
    }

    /// The size in bytes that the sender claims; of a sealed one, before sealing.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Provider(attachment) => attachment.size(),
            Self::Afp(attachment) => attachment.size(),
            Self::Sealed(attachment) => Some(attachment.file().size()),
        }
    }

    /// The digest that the bytes must have; of a sealed one, before sealing.
    #[must_use]
    pub fn digest(&self) -> Option<&Sha256Digest> {
        match self {
            Self::Provider(attachment) => attachment.digest(),
            Self::Afp(attachment) => attachment.digest(),
            Self::Sealed(attachment) => Some(attachment.file().digest()),
        }
    }
}
