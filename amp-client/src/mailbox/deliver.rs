//! What is appended, who hands it out, and what other programs brought (local mailbox).

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::collections::HashMap;

use amp_core::envelope::{MessageId, SecurityPlacement, Status, StoredMessage};
use amp_core::receive::Effect;

use super::disk::{Access, Disk, Errno, Kind};
use super::failure::{Step, failure};
use super::files::{FILE_MAX_BYTES, Found, Letter, read_message, read_patiently};
use super::holding::{Core, Locked, NO_NAME};
use super::ledger::{Work, named, write_key};
use super::names::names_of;
use super::record::{Payload, Tag};
use crate::store::{
    Appended, Entry, Folder, ForeignMessage, HeldMessage, Loaded, MessageKey, Position, StoreError,
    StoreErrorKind,
};

/// At most so many messages are given at once.
const GIVEN_MAX: usize = 1_000;

impl<D: Disk> Core<D> {
    pub(super) fn load(&self, after: Position) -> Result<Loaded, StoreError> {
        let mut locked = self.locked()?;
        let position = Position::new(locked.ledger()?.position);
        let journal = &locked.inner.journal;
        Ok(match journal.effects_after(&self.site(), after.get())? {
            Some(effects) => Loaded::new(effects, position),
            None => Loaded::whole(journal.effects(&self.site())?, position),
        })
    }

    pub(super) fn compact(&self, at: Position, effects: &[Effect]) -> Result<bool, StoreError> {
        let mut locked = self.locked()?;
        if locked.ledger()?.position != at.get() {
            return Ok(false);
        }
        locked.inner.journal.rewrite(&self.site(), Some(effects))?;
        Ok(true)
    }

    pub(super) fn append(&self, entry: &Entry) -> Result<Appended, StoreError> {
        let mut locked = self.locked()?;
        let position = locked.ledger()?.position;
        if entry.at.get() != position {
            return Ok(Appended::Behind);
        }
        let position = position.saturating_add(1);
        let mut payload = locked.begin()?;
        payload.push(Tag::Position, &position.to_le_bytes());
        for effect in entry.effects.iter().filter(|effect| effect.is_durable()) {
            payload.push(Tag::Effect, effect.to_json().as_bytes());
        }
        let kept = locked.push_message(&mut payload, entry)?;
        locked.push_held(&mut payload, entry)?;
        locked.record(&payload)?;
        // From here on it is stored, whatever else fails.
        if let Err(error) = locked.finish() {
            tracing::warn!(%error, "the mailbox is not as it should be after an append");
        }
        if let Some(id) = kept {
            self.note_for_others(&id);
        }
        if let Err(error) = locked.keep_secret(entry) {
            tracing::warn!(%error, "what opens a sealed message of another program's could not be kept beside it");
        }
        locked.inner.journal.slim(&self.site());
        Ok(Appended::Stored(Position::new(position)))
    }

    /// The deployed client looks into this file before it keeps a message.
    fn note_for_others(&self, id: &MessageId) {
        let line = alloc::format!("{id}|{}\n", self.disk.seconds());
        let noted = self.disk.open(self.root(), "replay_db", Access::Append).and_then(|file| {
            let stat = self.disk.stat(&file)?;
            if stat.kind != Kind::File || stat.links > 1 || stat.owner != self.disk.owner() {
                return Err(Errno::PERM);
            }
            self.disk.append(&file, line.as_bytes())
        });
        if noted.is_err() {
            tracing::debug!("what was stored could not be noted for other programs");
        }
    }

    pub(super) fn take_abandoned(&self, limit: usize) -> Result<Vec<StoredMessage>, StoreError> {
        let mut locked = self.locked()?;
        let limit = limit.clamp(1, GIVEN_MAX);
        let mut payload = locked.begin()?;
        let nothing = payload.len();
        let mut taken = Vec::new();
        let mut gone: HashMap<Arc<str>, bool> = HashMap::new();
        for (key, holder) in locked.ledger()?.waiting() {
            if taken.len() >= limit {
                break;
            }
            let is_gone = match gone.get(&holder) {
                Some(is_gone) => *is_gone,
                None => locked.is_gone(&holder)?,
            };
            gone.insert(holder, is_gone);
            if !is_gone {
                continue;
            }
            match locked.message(&key)? {
                Some(stored) if stored.local().status() == Status::Unread => {
                    payload.push(Tag::Holder, named(self.holders().id(), &key).as_bytes());
                    taken.push(stored);
                }
                _ => payload.push(Tag::HandedOut, write_key(&key).as_bytes()),
            }
        }
        if payload.len() > nothing {
            locked.record(&payload)?;
        }
        Ok(taken)
    }

    pub(super) fn handed_out(&self, key: &MessageKey) -> Result<(), StoreError> {
        self.locked()?.hand_out(key)
    }

    pub(super) fn foreign(&self, limit: usize) -> Result<Vec<ForeignMessage>, StoreError> {
        let folder = self.folder(Folder::Inbox)?;
        let mut index = self.index(Folder::Inbox);
        // The folder first: what is found there and was appended by a holder is in the journal by then.
        index.refresh(&self.disk, &folder).step("reading the inbox")?;
        let mut locked = self.locked()?;
        let mut foreign = Vec::new();
        for name in index.fresh() {
            if foreign.len() >= limit.clamp(1, GIVEN_MAX) {
                break;
            }
            let Some(summary) = index.summary(&name) else { continue };
            if locked.ledger()?.filed(&name).is_some_and(|filed| filed.is_about(&summary.key)) {
                index.settle(&name);
                continue;
            }
            // One that changed meanwhile is found again.
            if let Ok(Found::Message(letter)) = read_message(&self.disk, &folder, Folder::Inbox, &name) {
                foreign.push(ForeignMessage::new(name.to_string(), letter.bytes));
            }
        }
        Ok(foreign)
    }
}

impl<D: Disk> Locked<'_, D> {
    pub(super) fn hand_out(&mut self, key: &MessageKey) -> Result<(), StoreError> {
        if !self.ledger()?.is_waiting(key) {
            return Ok(());
        }
        let mut payload = self.begin()?;
        payload.push(Tag::HandedOut, write_key(key).as_bytes());
        self.record(&payload)
    }

    /// Adds the message of an entry, and what becomes of another program's. Gives the id of a message that is new.
    fn push_message(
        &mut self,
        payload: &mut Payload,
        entry: &Entry,
    ) -> Result<Option<MessageId>, StoreError> {
        let about = entry.about.as_ref().map(|about| Ok((about, key_of_foreign(about)?))).transpose()?;
        let mut kept = None;
        let mut is_about_message = false;
        if let Some(stored) = &entry.message {
            let key = MessageKey::of(stored.message());
            if self.message(&key)?.is_none() {
                let json = stored.to_json(SecurityPlacement::TopLevelAndLocal);
                if json.len() > FILE_MAX_BYTES {
                    return Err(StoreError::new(
                        StoreErrorKind::Refused,
                        "storing a message that is too large",
                    ));
                }
                let brought =
                    about.as_ref().filter(|(_, about)| *about == key).map(|(about, _)| about.name.clone());
                is_about_message = brought.is_some();
                let name = brought.map_or_else(|| self.free_name(&key), Ok)?;
                payload.push(Tag::Message, named(&name, &key).as_bytes());
                payload.push(Tag::Holder, named(self.core.holders().id(), &key).as_bytes());
                payload.push(Tag::Place, name.as_bytes());
                payload.push(Tag::Body, json.as_bytes());
                kept = Some(key.id().clone()).filter(|_| !is_about_message);
            }
        }
        if let Some((about, key)) = about.filter(|_| !is_about_message) {
            payload.push(Tag::Dismissed, named(&about.name, &key).as_bytes());
        }
        Ok(kept)
    }

    /// Writes what opens a sealed message beside one that another program brought: its key will be gone one day.
    fn keep_secret(&self, entry: &Entry) -> Result<(), StoreError> {
        let (Some(about), Some(opened)) = (&entry.about, &entry.message) else { return Ok(()) };
        let Some(secret) = opened.sealed_secret() else { return Ok(()) };
        let key = MessageKey::of(opened.message());
        let Some(mut letter) = self.letter(&about.name, &key)? else { return Ok(()) };
        letter.stored.set_sealed_secret(secret);
        self.core.rewrite(&about.name, &letter.stored)
    }

    fn push_held(&mut self, payload: &mut Payload, entry: &Entry) -> Result<(), StoreError> {
        if let Some(id) = &entry.released {
            payload.push(Tag::Released, id.as_str().as_bytes());
        }
        if let Some(held) = &entry.held {
            let id = held.entry.id();
            if entry.released.as_ref() == Some(id) || !self.ledger()?.held.contains_key(id) {
                push_held(payload, held);
            }
        }
        Ok(())
    }

    /// The first of a message's names that nothing has.
    fn free_name(&mut self, key: &MessageKey) -> Result<String, StoreError> {
        let folder = self.core.folder(Folder::Inbox)?;
        for name in names_of(key) {
            let is_promised = self.ledger()?.unfinished.contains_key(name.as_str());
            if !is_promised && self.core.is_free(&folder, &name)? {
                return Ok(name);
            }
        }
        Err(NO_NAME)
    }

    /// A message of the inbox, if it is there.
    pub(super) fn message(&mut self, key: &MessageKey) -> Result<Option<StoredMessage>, StoreError> {
        let Some(name) = self.ledger()?.name_of(key).cloned() else { return Ok(None) };
        Ok(self.letter(&name, key)?.map(|letter| letter.stored))
    }

    /// A message by its name: from its file, or from the journal while its file could not be made.
    fn letter(&self, name: &str, key: &MessageKey) -> Result<Option<Letter>, StoreError> {
        let folder = self.core.folder(Folder::Inbox)?;
        let found = read_patiently(&self.core.disk, &folder, Folder::Inbox, name);
        match found.step("reading a message")? {
            Found::Message(letter) if letter.key == *key => Ok(Some(*letter)),
            _ => Ok(None),
        }
    }

    /// A message that is in the journal, because its file could not be made.
    pub(super) fn promised(&mut self, name: &str) -> Result<Option<StoredMessage>, StoreError> {
        let Some(Work::Place(body)) = self.ledger()?.unfinished.get(name).cloned() else { return Ok(None) };
        let bytes = self.body(body)?;
        StoredMessage::decode(&bytes)
            .map(Some)
            .map_err(|_| StoreError::new(StoreErrorKind::Damaged, "reading a message from the journal"))
    }
}

impl<D: Disk> Core<D> {
    /// Whether nothing has a name.
    fn is_free(&self, folder: &D::Dir, name: &str) -> Result<bool, StoreError> {
        let found = match super::files::split(name) {
            (Some(directory), file) => {
                self.disk.open_dir(folder, directory).and_then(|open| self.disk.stat_at(&open, file))
            }
            (None, file) => self.disk.stat_at(folder, file),
        };
        match found {
            Ok(_) => Ok(false),
            Err(Errno::NOENT) => Ok(true),
            // Something else stands where the directory should: the next name has another.
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK | Errno::ACCESS | Errno::NXIO) => Ok(false),
            Err(error) => Err(failure("looking for a free name", error)),
        }
    }
}

/// Adds a held message.
pub(super) fn push_held(payload: &mut Payload, held: &HeldMessage) {
    payload.push(Tag::Held, held.entry.to_json().as_bytes());
    payload.push(Tag::Body, &held.message);
}

fn key_of_foreign(foreign: &ForeignMessage) -> Result<MessageKey, StoreError> {
    let stored = StoredMessage::decode(&foreign.bytes);
    let stored =
        stored.map_err(|_| StoreError::new(StoreErrorKind::Refused, "an entry about what is no message"))?;
    Ok(MessageKey::of(stored.message()))
}
