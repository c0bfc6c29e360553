//! What a provider remembers of an uploaded file, and of all of them (attachments).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::time::Duration;

use amp_envelope::{AttachmentId, MessageId, ProviderAttachment, ScanStatus, Sha256Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::codec::{Sha256Hash, StoredSecret};
use super::number::AgentNumber;

/// For how long a place for a file is open.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(60 * 60);
/// How many places an agent may have open at once.
pub(super) const OPEN_MAX: usize = 20;
/// For how long a file is kept that no message refers to, once it is confirmed.
pub(super) const UNUSED_FOR: Duration = Duration::from_secs(2 * 60 * 60);
/// For how long a file is kept that a message refers to, from the word that it comes. It is sent within five hours; then
/// the message may be held for three days and wait for seven, and its files outlast it.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(11 * 24 * 60 * 60);
/// For how long it is known that a file is gone.
pub(super) const GONE_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// An uploaded file, from the word that it comes until it is forgotten. The host keeps its bytes.
///
/// It is durable as a whole ([`Effect::AttachmentSet`](super::Effect::AttachmentSet)), and holds the token by which the
/// file can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentRecord {
    pub(super) id: AttachmentId,
    pub(super) owner: AgentNumber,
    pub(super) filename: String,
    pub(super) content_type: String,
    pub(super) size: u64,
    pub(super) digest: Sha256Hash,
    pub(super) started_at: Timestamp,
    /// Lets whoever has it fetch the file.
    pub(super) token: StoredSecret,
    pub(super) stage: Stage,
    /// When the stage ends by itself.
    pub(super) until: Timestamp,
}

/// How far a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Stage {
    /// Its place is open to whoever has the token.
    Open {
        /// SHA-256 of the token.
        token: Sha256Hash,
    },
    /// It is there, and nobody said yet that it shall be used.
    Received { found: Found },
    /// It is there, and the host checks it.
    Checking { found: Found },
    /// A message may refer to it.
    Ready { found: Found },
    /// A message refers to it.
    Used { found: Found, message: MessageId, recipient: Option<AgentNumber> },
    /// It did not pass its checks, and its bytes are gone.
    Rejected,
    /// Its time was over, and its bytes are gone.
    Gone,
}

/// What the checks of a file found, when it passed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Found {
    Clean,
    BasicClean,
    Suspicious,
}

impl Found {
    pub(super) const fn status(self) -> ScanStatus {
        match self {
            Self::Clean => ScanStatus::Clean,
            Self::BasicClean => ScanStatus::BasicClean,
            Self::Suspicious => ScanStatus::Suspicious,
        }
    }

    /// The worse of two.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Suspicious, _) | (_, Self::Suspicious) => Self::Suspicious,
            // An antivirus found nothing in what the basic checks had passed.
            (Self::BasicClean, other) => other,
            (Self::Clean, _) => Self::Clean,
        }
    }
}

impl AttachmentRecord {
    /// The attachment's id, under which the host keeps its bytes.
    #[must_use]
    pub const fn id(&self) -> &AttachmentId {
        &self.id
    }

    pub(super) const fn status(&self) -> ScanStatus {
        match &self.stage {
            Stage::Open { .. } | Stage::Received { .. } | Stage::Checking { .. } => ScanStatus::Pending,
            Stage::Ready { found } | Stage::Used { found, .. } => found.status(),
            Stage::Rejected | Stage::Gone => ScanStatus::Rejected,
        }
    }

    /// Whether the host has bytes of it, or may get them.
    pub(super) const fn has_file(&self) -> bool {
        !matches!(self.stage, Stage::Rejected | Stage::Gone)
    }

    const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }

    pub(super) const fn digest(&self) -> Sha256Digest {
        Sha256Digest::from_bytes(self.digest.0)
    }

    /// Until when the file can be fetched, as its object says.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.started_at.saturating_add(KEPT_FOR)
    }

    /// The object of the attachment, with the URL at which it can be fetched.
    pub(super) fn object(&self, url: &str) -> ProviderAttachment {
        let digest = self.digest();
        ProviderAttachment::new(self.id.clone(), &self.filename, &self.content_type, self.size, digest)
            .with_url(url)
            .with_scan_status(self.status())
            .with_uploaded_at(self.started_at)
            .with_expires_at(self.expires_at())
    }

    /// The same file at another stage.
    pub(super) fn at(&self, stage: Stage, until: Timestamp) -> Self {
        Self { stage, until, ..self.clone() }
    }
}

/// What an agent's files take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// How many are remembered, gone ones included.
    pub(super) count: usize,
    /// What those take of which bytes are kept, or will be.
    pub(super) bytes: u64,
    /// How many are announced and not there yet.
    pub(super) open: usize,
}

/// All files. About 700 bytes each.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    records: BTreeMap<AttachmentId, AttachmentRecord>,
    by_end: BTreeSet<(Timestamp, AttachmentId)>,
    shares: BTreeMap<AgentNumber, Share>,
}

impl Attachments {
    pub(super) fn get(&self, id: &AttachmentId) -> Option<&AttachmentRecord> {
        self.records.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn share_of(&self, owner: AgentNumber) -> Share {
        self.shares.get(&owner).copied().unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AttachmentRecord> {
        self.records.values()
    }

    /// The files whose stage is over, the first first.
    pub(super) fn overdue(&self, now: Timestamp, most: usize) -> impl Iterator<Item = &AttachmentRecord> {
        let over = self.by_end.iter().take_while(move |(end, _)| *end <= now).take(most);
        over.filter_map(|(_, id)| self.records.get(id))
    }

    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.by_end.first().map(|(end, _)| *end)
    }

    pub(super) fn set(&mut self, record: AttachmentRecord) {
        self.remove(&record.id);
        let share = self.shares.entry(record.owner).or_default();
        share.count = share.count.saturating_add(1);
        share.bytes = share.bytes.saturating_add(if record.has_file() { record.size } else { 0 });
        share.open = share.open.saturating_add(usize::from(record.is_open()));
        self.by_end.insert((record.until, record.id.clone()));
        self.records.insert(record.id.clone(), record);
    }

    pub(super) fn remove(&mut self, id: &AttachmentId) {
        let Some(record) = self.records.remove(id) else { return };
        self.by_end.remove(&(record.until, record.id.clone()));
        if let Some(share) = self.shares.get_mut(&record.owner) {
            share.count = share.count.saturating_sub(1);
            share.bytes = share.bytes.saturating_sub(if record.has_file() { record.size } else { 0 });
            share.open = share.open.saturating_sub(usize::from(record.is_open()));
            if share.count == 0 {
                self.shares.remove(&record.owner);
            }
        }
    }
}
