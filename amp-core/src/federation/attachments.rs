//! Whether a message's attachments fit the provider that they go to (federation, attachments across providers).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_envelope::Attachment;
use amp_envelope::limits::{ATTACHMENT_MAX_BYTES, ATTACHMENTS_MAX, ATTACHMENTS_TOTAL_MAX_BYTES};

/// Why a message with attachments is not forwarded: all of them go, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AttachmentMisfit {
    /// The provider takes none.
    #[error("attachments_not_supported in payload.attachments: the recipient's provider takes attachments")]
    NotSupported,
    /// One of them, or all together, are larger than the provider takes.
    #[error(
        "attachment_too_large in payload.attachments: attachments fit the limits of the recipient's provider"
    )]
    TooLarge,
    /// They are more than the provider takes.
    #[error(
        "too_many_attachments in payload.attachments: attachments fit the limits of the recipient's provider"
    )]
    TooMany,
}

impl AttachmentMisfit {
    /// The wire's code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSupported => "attachments_not_supported",
            Self::TooLarge => "attachment_too_large",
            Self::TooMany => "too_many_attachments",
        }
    }

    /// The HTTP status of the answer to the sender.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotSupported => 422,
            Self::TooLarge => 413,
            Self::TooMany => 400,
        }
    }
}

/// What a provider says in its `/info` about the attachments that it takes.
///
/// ```
/// use amp_core::federation::AttachmentRoom;
/// let room = AttachmentRoom::stated(Some(1024), None, Some(2));
/// assert_eq!((room.largest(), room.total(), room.most()), (1024, 100 * 1024 * 1024, 2));
/// assert!(AttachmentRoom::none().check(&[]).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttachmentRoom {
    is_supported: bool,
    largest: u64,
    total: u64,
    most: u64,
}

impl Default for AttachmentRoom {
    /// What a provider takes that has the capability `attachments` and states no limits: 25 MiB each, 100 MiB together,
    /// 10 of them.
    fn default() -> Self {
        Self::stated(None, None, None)
    }
}

impl AttachmentRoom {
    /// The limits that a provider states: the largest attachment and all together, in bytes, and how many. The protocol's
    /// stand in for those that it does not state.
    #[must_use]
    pub fn stated(largest: Option<u64>, total: Option<u64>, most: Option<u64>) -> Self {
        let default_most = u64::try_from(ATTACHMENTS_MAX).unwrap_or(u64::MAX);
        Self {
            is_supported: true,
            largest: largest.unwrap_or(ATTACHMENT_MAX_BYTES),
            total: total.unwrap_or(ATTACHMENTS_TOTAL_MAX_BYTES),
            most: most.unwrap_or(default_most),
        }
    }

    /// A provider without the capability `attachments`.
    #[must_use]
    pub const fn none() -> Self {
        Self { is_supported: false, largest: 0, total: 0, most: 0 }
    }

    /// The largest attachment, in bytes.
    #[must_use]
    pub const fn largest(&self) -> u64 {
        self.largest
    }

    /// All attachments of a message together, in bytes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many attachments a message may have.
    #[must_use]
    pub const fn most(&self) -> u64 {
        self.most
    }

    /// Whether all attachments of a message fit. Those by reference are not stored by a provider and do not count. One that
    /// states no size does not fit.
    ///
    /// # Errors
    /// [`AttachmentMisfit`].
    pub fn check(&self, attachments: &[Attachment]) -> Result<(), AttachmentMisfit> {
        let stored = || attachments.iter().filter(|attachment| matches!(attachment, Attachment::Provider(_)));
        let count = u64::try_from(stored().count()).unwrap_or(u64::MAX);
        if count == 0 {
            return Ok(());
        }
        if !self.is_supported {
            return Err(AttachmentMisfit::NotSupported);
        }
        if count > self.most {
            return Err(AttachmentMisfit::TooMany);
        }
        let sizes = || stored().map(|attachment| attachment.size().unwrap_or(u64::MAX));
        let total = sizes().fold(0_u64, u64::saturating_add);
        if sizes().any(|size| size > self.largest) || total > self.total {
            return Err(AttachmentMisfit::TooLarge);
        }
        Ok(())
    }
}
