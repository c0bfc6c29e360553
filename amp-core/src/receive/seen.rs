//! A message as it is remembered (trust, replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use amp_envelope::{MessageId, QuarantineId, Timestamp};
use serde::{Deserialize, Serialize};

use super::codec;
use super::sighting::{Sighting, id_key};

/// Under how many ids an equal content without a nonce is remembered. The id is not signed, so whoever replays the
/// content can make up another one: what counts is that the content is known.
pub(super) const MOST_EQUAL: usize = 4;

/// What became of a message when it was first seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FirstOutcome {
    /// It was delivered.
    Delivered,
    /// It was delivered sealed, since nothing was there that opens it: what it says was not judged yet.
    DeliveredUnopened,
    /// It was held, under this id, and is not released.
    Quarantined(QuarantineId),
    /// It was refused for what it says.
    Refused,
}

impl FirstOutcome {
    /// Whether it was handed out, open or not.
    #[must_use]
    pub const fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered | Self::DeliveredUnopened)
    }
}

/// A message whose sender was verified, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(with = "codec")]
    pub(super) sender: [u8; 32],
    pub(super) id: MessageId,
    #[serde(with = "codec")]
    pub(super) digest: [u8; 32],
    #[serde(default, skip_serializing_if = "Option::is_none", with = "codec::optional")]
    pub(super) nonce: Option<[u8; 16]>,
    pub(super) keep_until: Timestamp,
    /// The receiver's high-water mark afterwards.
    pub(super) clock: Timestamp,
    pub(super) outcome: FirstOutcome,
    /// The domain out of whose share it is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<Box<str>>,
    /// Where room was needed: what is forgotten for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) instead_of: Vec<Place>,
}

impl Seen {
    /// The message's id.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        &self.id
    }

    /// What became of it.
    #[must_use]
    pub const fn outcome(&self) -> &FirstOutcome {
        &self.outcome
    }

    /// Until when it is remembered.
    #[must_use]
    pub const fn keep_until(&self) -> Timestamp {
        self.keep_until
    }

    pub(super) fn place(&self) -> Place {
        Place { sender: self.sender, id: id_key(&self.id), digest: self.digest }
    }
}

/// That a held message was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    pub(super) quarantine_id: QuarantineId,
    pub(super) message: Place,
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "Handover::is_open")]
    pub(super) handover: Handover,
}

/// Whether a message was open when it was held, or handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Handover {
    #[default]
    Open,
    Unopened,
}

impl Handover {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde calls")]
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

impl Released {
    /// The entry under which it was held.
    #[must_use]
    pub const fn quarantine_id(&self) -> &QuarantineId {
        &self.quarantine_id
    }

    /// When it was handed out.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// Where a message stands in the memory. An id is not signed, so several contents may stand under one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    #[serde(with = "codec")]
    pub(super) sender: [u8; 32],
    pub(super) id: Box<str>,
    #[serde(with = "codec")]
    pub(super) digest: [u8; 32],
}

/// What is remembered of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SenderMemory {
    entries: BTreeMap<(Box<str>, [u8; 32]), Entry>,
    nonces: BTreeSet<[u8; 16]>,
    /// Contents without a nonce, and under which ids each stands, the first to be forgotten first.
    contents: BTreeMap<[u8; 32], BTreeSet<(Timestamp, Box<str>)>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    id: MessageId,
    nonce: Option<[u8; 16]>,
    pub(super) keep_until: Timestamp,
    pub(super) outcome: FirstOutcome,
    pub(super) domain: Option<Box<str>>,
}

impl SenderMemory {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn has_nonce(&self, nonce: &[u8; 16]) -> bool {
        self.nonces.contains(nonce)
    }

    pub(super) fn has_content(&self, sighting: &Sighting) -> bool {
        sighting.nonce.is_none() && self.contents.contains_key(&sighting.digest)
    }

    /// The entry of exactly this content under this id.
    pub(super) fn get(&self, id: Box<str>, digest: [u8; 32]) -> Option<&Entry> {
        self.entries.get(&(id, digest))
    }

    /// Whether anything stands under this id.
    pub(super) fn has_id(&self, id: Box<str>) -> bool {
        let next = self.entries.range((id.clone(), [0; 32])..).next();
        next.is_some_and(|((found, _), _)| *found == id)
    }

    /// The ids and the outcomes under which a content without a nonce stands, the first to be forgotten first.
    pub(super) fn equals(
        &self,
        digest: [u8; 32],
    ) -> impl DoubleEndedIterator<Item = (&Box<str>, &Entry)> + Clone {
        self.contents
            .get(&digest)
            .into_iter()
            .flatten()
            .filter_map(move |(_, id)| self.entries.get(&(id.clone(), digest)).map(|entry| (id, entry)))
    }

    /// The id that makes room for one more of an equal content: of one that is held only when there is no other.
    pub(super) fn surplus(&self, sighting: &Sighting) -> Option<&str> {
        if sighting.nonce.is_some() || self.contents.get(&sighting.digest)?.len() < MOST_EQUAL {
            return None;
        }
        let is_held = |entry: &Entry| matches!(entry.outcome, FirstOutcome::Quarantined(_));
        let mut equals = self.equals(sighting.digest);
        let other = equals.find(|(_, entry)| !is_held(entry));
        other.or_else(|| self.equals(sighting.digest).next()).map(|(id, _)| &**id)
    }

    /// What is past its time first.
    pub(super) fn first_lapsed(&self, now: Timestamp) -> Option<&(Box<str>, [u8; 32])> {
        let lapsed = self.entries.iter().filter(|(_, entry)| entry.keep_until < now);
        lapsed.min_by_key(|(_, entry)| entry.keep_until).map(|(name, _)| name)
    }

    pub(super) fn remember(&mut self, seen: &Seen) {
        let id = id_key(&seen.id);
        match seen.nonce {
            Some(nonce) => {
                self.nonces.insert(nonce);
            }
            None => {
                self.contents.entry(seen.digest).or_default().insert((seen.keep_until, id.clone()));
            }
        }
        let entry = Entry {
            id: seen.id.clone(),
            nonce: seen.nonce,
            keep_until: seen.keep_until,
            outcome: seen.outcome.clone(),
            domain: seen.domain.clone(),
        };
        self.entries.insert((id, seen.digest), entry);
    }

    pub(super) fn forget(&mut self, place: &Place) -> Option<Entry> {
        let entry = self.entries.remove(&(place.id.clone(), place.digest))?;
        match &entry.nonce {
            Some(nonce) => {
                self.nonces.remove(nonce);
            }
            None => {
                if let Some(ids) = self.contents.get_mut(&place.digest) {
                    ids.remove(&(entry.keep_until, place.id.clone()));
                    if ids.is_empty() {
                        self.contents.remove(&place.digest);
                    }
                }
            }
        }
        Some(entry)
    }

    /// A held message counts as delivered from now on.
    pub(super) fn release(&mut self, Released { quarantine_id, message, handover, .. }: &Released) {
        if let Some(entry) = self.entries.get_mut(&(message.id.clone(), message.digest))
            && entry.outcome == FirstOutcome::Quarantined(quarantine_id.clone())
        {
            entry.outcome = match handover {
                Handover::Open => FirstOutcome::Delivered,
                Handover::Unopened => FirstOutcome::DeliveredUnopened,
            };
        }
    }

    /// The entries as they would have to be remembered to get the same memory.
    pub(super) fn to_seen(&self, sender: [u8; 32]) -> impl Iterator<Item = Seen> {
        self.entries.iter().map(move |((_, digest), entry)| Seen {
            sender,
            id: entry.id.clone(),
            digest: *digest,
            nonce: entry.nonce,
            keep_until: entry.keep_until,
            // The mark is written by itself, and nothing is to be forgotten for what is remembered already.
            clock: Timestamp::MIN,
            outcome: entry.outcome.clone(),
            domain: entry.domain.clone(),
            instead_of: Vec::new(),
        })
    }
}
