//! The messages of one folder, in the order of a list (local mailbox).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;
use std::collections::HashMap;

use amp_core::envelope::{Status, StoredMessage, Timestamp};

use super::super::rules;
use super::super::{Cursor, MessageKey, Page, Query, Summary};
use super::state::HolderId;

/// A message that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stored: StoredMessage,
    pub(super) summary: Summary,
    /// Bytes of its JSON.
    pub(super) size: usize,
    /// The how-manieth it was to be kept.
    pub(super) number: u64,
    /// Whose business it is, until it was handed out.
    pub(super) holder: Option<HolderId>,
}

/// The messages of one folder.
#[derive(Debug, Default)]
pub(super) struct Kepts {
    by_place: BTreeMap<Cursor, Kept>,
    places: HashMap<MessageKey, Cursor>,
    unread: u64,
}

impl Kepts {
    pub(super) fn has(&self, key: &MessageKey) -> bool {
        self.places.contains_key(key)
    }

    pub(super) fn get(&self, key: &MessageKey) -> Option<&Kept> {
        self.by_place.get(self.places.get(key)?)
    }

    pub(super) fn get_mut(&mut self, key: &MessageKey) -> Option<&mut Kept> {
        self.by_place.get_mut(self.places.get(key)?)
    }

    pub(super) fn insert(&mut self, kept: Kept) {
        let place = kept.summary.cursor();
        self.unread += u64::from(kept.summary.status == Status::Unread);
        self.places.insert(kept.summary.key.clone(), place.clone());
        self.by_place.insert(place, kept);
    }

    pub(super) fn remove(&mut self, key: &MessageKey) -> Option<Kept> {
        let kept = self.by_place.remove(&self.places.remove(key)?)?;
        self.unread -= u64::from(kept.summary.status == Status::Unread);
        Some(kept)
    }

    pub(super) fn mark(&mut self, key: &MessageKey, status: Status, now: Timestamp) -> Option<&Kept> {
        let kept = self.by_place.get_mut(self.places.get(key)?)?;
        self.unread -= u64::from(kept.summary.status == Status::Unread);
        self.unread += u64::from(status == Status::Unread);
        kept.summary.status = status;
        rules::set_status(&mut kept.stored, status, now);
        Some(kept)
    }

    pub(super) const fn unread(&self) -> u64 {
        self.unread
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.by_place.values()
    }

    pub(super) fn page(&self, query: &Query) -> Page {
        let before = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = self.by_place.range::<Cursor, _>((Bound::Unbounded, before)).rev();
        let mut wanted =
            wanted.map(|(_, kept)| &kept.summary).filter(|summary| query.matches(summary)).cloned();
        let messages: Vec<Summary> = wanted.by_ref().take(query.page_size()).collect();
        let next = wanted.next().and(messages.last()).map(Summary::cursor);
        Page::new(messages, next)
    }
}
