//! Attachments whose bytes are sealed: what the sealed payload says, and what everybody on the way sees.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{AttachmentError, ProviderAttachment};
use crate::sealed::SealedFile;

/// An attachment of a message that was opened: the file as its sender describes it, and the ciphertext at the
/// provider.
///
/// Comes only from [`OpenedMessage::attachments`](crate::OpenedMessage::attachments): the signature covers both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedAttachment {
    file: SealedFile,
    outer: ProviderAttachment,
}

impl SealedAttachment {
    /// Joins what is said inside with what is said outside, where one is the size of the other, sealed.
    pub(crate) fn join(file: SealedFile, outer: ProviderAttachment) -> Result<Self, AttachmentError> {
        file.check_object(&outer)?;
        Ok(Self { file, outer })
    }

    /// The file: name, type, size and digest before sealing, and the key.
    #[must_use]
    pub const fn file(&self) -> &SealedFile {
        &self.file
    }

    /// The ciphertext: where it is, its size and its digest, and what the provider's scan said of it.
    #[must_use]
    pub const fn outer(&self) -> &ProviderAttachment {
        &self.outer
    }
}
