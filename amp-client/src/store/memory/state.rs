//! All that a store in memory holds, and each step on it (local mailbox).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use amp_core::envelope::{QuarantineId, SecurityPlacement, Status, StoredMessage, Timestamp};
use amp_core::receive::{Effect, QuarantineEntry};

use super::super::rules::{self, check_size};
use super::super::{
    Appended, Entry, Folder, HeldMessage, Loaded, MessageKey, Position, StoreError, StoreErrorKind, Summary,
};
use super::folder::{Kept, Kepts};

/// Names a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HolderId(u64);

#[derive(Debug)]
pub(super) struct State {
    position: Position,
    /// Whoever has read less than this has to begin anew.
    compacted_at: Position,
    effects: Vec<(Position, Effect)>,
    inbox: Kepts,
    sent: Kepts,
    pub(super) held: Vec<HeldMessage>,
    /// Messages of the inbox that no program has had, in the order of their keeping.
    waiting: BTreeMap<u64, MessageKey>,
    living: BTreeSet<HolderId>,
    /// Of messages and of holders.
    next_number: u64,
    /// Bytes of the messages and of what is held.
    size: usize,
    capacity: usize,
}

impl State {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            position: Position::START,
            compacted_at: Position::START,
            effects: Vec::new(),
            inbox: Kepts::default(),
            sent: Kepts::default(),
            held: Vec::new(),
            waiting: BTreeMap::new(),
            living: BTreeSet::new(),
            next_number: 0,
            size: 0,
            capacity,
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn enter(&mut self) -> HolderId {
        let holder = HolderId(self.number());
        self.living.insert(holder);
        holder
    }

    pub(super) fn leave(&mut self, holder: HolderId) {
        self.living.remove(&holder);
    }

    pub(super) const fn folder(&self, folder: Folder) -> &Kepts {
        match folder {
            Folder::Inbox => &self.inbox,
            Folder::Sent => &self.sent,
        }
    }

    pub(super) fn load(&self, after: Position) -> Loaded {
        let is_whole = after == Position::START || after < self.compacted_at || after > self.position;
        let since = if is_whole { 0 } else { self.effects.partition_point(|(at, _)| *at <= after) };
        let effects = self.effects.iter().skip(since).map(|(_, effect)| effect.clone()).collect();
        if is_whole { Loaded::whole(effects, self.position) } else { Loaded::new(effects, self.position) }
    }

    pub(super) fn append(&mut self, holder: HolderId, entry: Entry) -> Result<Appended, StoreError> {
        if entry.at != self.position {
            return Ok(Appended::Behind);
        }
        let Entry { effects, message, held, released, .. } = entry;
        let message = message.map(|stored| Fresh::of(Folder::Inbox, stored)).transpose()?;
        let message = message.filter(|fresh| !self.inbox.has(&fresh.summary.key));
        let held =
            held.filter(|held| released.as_ref() == Some(held.entry.id()) || !self.is_held(held.entry.id()));
        let message_size = message.as_ref().map_or(0, |fresh| fresh.size);
        self.make_room(message_size + held.as_ref().map_or(0, held_size))?;

        // From here on nothing fails.
        self.position = Position::new(self.position.get() + 1);
        let position = self.position;
        self.effects.extend(effects.into_iter().filter(Effect::is_durable).map(|effect| (position, effect)));
        if let Some(fresh) = message {
            let number = self.number();
            // Handed out is what a person has read, whoever stored it.
            let holder = (fresh.summary.status == Status::Unread).then_some(holder);
            if holder.is_some() {
                self.waiting.insert(number, fresh.summary.key.clone());
            }
            self.size += fresh.size;
            self.inbox.insert(fresh.kept(number, holder));
        }
        if let Some(id) = released {
            self.remove_held(&id);
        }
        if let Some(held) = held {
            self.size += held_size(&held);
            self.held.push(held);
        }
        Ok(Appended::Stored(position))
    }

    pub(super) fn compact(&mut self, at: Position, effects: Vec<Effect>) -> bool {
        if at != self.position {
            return false;
        }
        self.compacted_at = at;
        self.effects = effects.into_iter().filter(Effect::is_durable).map(|effect| (at, effect)).collect();
        true
    }

    pub(super) fn take_abandoned(&mut self, holder: HolderId, limit: usize) -> Vec<StoredMessage> {
        let mut taken = Vec::new();
        for key in self.waiting.values() {
            if taken.len() == rules::within_limits(limit) {
                break;
            }
            let Some(kept) = self.inbox.get_mut(key) else { continue };
            if kept.holder.is_some_and(|holder| !self.living.contains(&holder)) {
                kept.holder = Some(holder);
                taken.push(kept.stored.clone());
            }
        }
        taken
    }

    /// A message is nobody's business any more.
    pub(super) fn let_go(&mut self, key: &MessageKey) {
        if let Some(kept) = self.inbox.get_mut(key) {
            kept.holder = None;
            self.waiting.remove(&kept.number);
        }
    }

    pub(super) fn mark(&mut self, key: &MessageKey, status: Status, now: Timestamp) -> bool {
        let Some(kept) = self.inbox.mark(key, status, now) else { return false };
        if kept.summary.status != Status::Unread {
            self.let_go(key);
        }
        true
    }

    pub(super) fn delete(&mut self, folder: Folder, key: &MessageKey) -> bool {
        let removed = match folder {
            Folder::Inbox => self.inbox.remove(key),
            Folder::Sent => self.sent.remove(key),
        };
        let Some(kept) = removed else { return false };
        self.waiting.remove(&kept.number);
        self.size -= kept.size;
        true
    }

    pub(super) fn keep_sent(&mut self, stored: StoredMessage) -> Result<(), StoreError> {
        let fresh = Fresh::of(Folder::Sent, stored)?;
        if self.sent.has(&fresh.summary.key) {
            return Ok(());
        }
        self.make_room(fresh.size)?;
        self.size += fresh.size;
        let number = self.number();
        self.sent.insert(fresh.kept(number, None));
        Ok(())
    }

    fn is_held(&self, id: &QuarantineId) -> bool {
        self.held.iter().any(|held| held.entry.id() == id)
    }

    pub(super) fn decide_held(&mut self, entry: QuarantineEntry) -> bool {
        let held = self.held.iter_mut().find(|held| held.entry.id() == entry.id());
        let Some(held) = held.filter(|held| rules::is_undecided(&held.entry)) else { return false };
        held.entry = entry;
        true
    }

    pub(super) fn remove_held(&mut self, id: &QuarantineId) -> bool {
        let Some(at) = self.held.iter().position(|held| held.entry.id() == id) else { return false };
        self.size -= held_size(&self.held.remove(at));
        true
    }

    /// Lets go of messages that everybody has had until there is room.
    fn make_room(&mut self, size: usize) -> Result<(), StoreError> {
        const FULL: StoreError = StoreError::new(StoreErrorKind::Full, "making room");
        if size == 0 || self.size + size <= self.capacity {
            return Ok(());
        }
        let has_had = |kept: &&Kept| kept.holder.is_none();
        let spare = |kepts: &Kepts| kepts.iter().filter(has_had).map(|kept| kept.size).sum::<usize>();
        if self.size - spare(&self.sent) - spare(&self.inbox) + size > self.capacity {
            return Err(FULL);
        }
        for folder in [Folder::Sent, Folder::Inbox] {
            let kept = self.folder(folder).iter().filter(has_had);
            let mut oldest: Vec<_> =
                kept.map(|kept| (kept.number, kept.size, kept.summary.key.clone())).collect();
            oldest.sort_unstable_by_key(|(number, ..)| *number);
            for (.., key) in oldest {
                // More than is needed at once, or a full store would look for room with every message.
                if self.size + size + self.capacity / 16 <= self.capacity {
                    return Ok(());
                }
                self.delete(folder, &key);
            }
        }
        if self.size + size <= self.capacity { Ok(()) } else { Err(FULL) }
    }
}

const fn held_size(held: &HeldMessage) -> usize {
    held.message.len()
}

/// A message that may be kept.
struct Fresh {
    stored: StoredMessage,
    summary: Summary,
    size: usize,
}

impl Fresh {
    fn of(folder: Folder, stored: StoredMessage) -> Result<Self, StoreError> {
        let size = check_size(stored.to_json(SecurityPlacement::TopLevel).len())?;
        Ok(Self { summary: Summary::of(folder, &stored), stored, size })
    }

    fn kept(self, number: u64, holder: Option<HolderId>) -> Kept {
        let Self { stored, summary, size } = self;
        Kept { stored, summary, size, number, holder }
    }
}
