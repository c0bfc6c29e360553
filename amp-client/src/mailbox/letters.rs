//! The messages of the folders: listed, read, marked and removed (local mailbox).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use amp_core::envelope::{AttachmentId, QuarantineId, SecurityPlacement, Status, StoredMessage, Timestamp};
use amp_core::receive::{QuarantineEntry, QuarantineStatus};

use super::deliver::push_held;
use super::disk::{Disk, Errno};
use super::failure::{Step, failure};
use super::files::{FILE_MAX_BYTES, Found, read_message, read_patiently, replace, split};
use super::holding::{Core, Locked, NO_NAME};
use super::index::FolderIndex;
use super::names::{file_of, names_of};
use super::record::Tag;
use crate::store::{
    Cursor, Folder, HeldMessage, MessageKey, Page, Query, StoreError, StoreErrorKind, Summary,
};

impl<D: Disk> Core<D> {
    pub(super) fn list(&self, query: &Query) -> Result<Page, StoreError> {
        let folder = self.folder(query.folder)?;
        let mut index = self.index(query.folder);
        index.refresh(&self.disk, &folder).step("reading a folder")?;
        let mut locked = (query.folder == Folder::Inbox).then(|| self.locked()).transpose()?;
        let mut found = match &mut locked {
            Some(locked) => locked.promised_summaries()?,
            None => Vec::new(),
        };
        found.retain(|summary| query.matches(summary));
        let wanted = query.page_size() + 1;
        let mut after = query.after.clone();
        let mut shown = 0;
        // What was written in place since is noticed when a message is about to be shown.
        while shown < wanted {
            let part = next_part(&index, locked.as_mut(), query, after.as_ref(), wanted - shown)?;
            let mut is_last = part.len() < wanted - shown;
            after = part.last().map(|(last, _)| last.clone()).or(after);
            for (cursor, name) in part {
                index.look(&self.disk, &folder, &name).step("reading a message")?;
                let Some(summary) = index.summary(&name) else { continue };
                if summary.cursor() != cursor {
                    // It has another place now, which may lie further on.
                    is_last = false;
                } else if query.matches(summary) {
                    found.push(summary.clone());
                    shown += 1;
                }
            }
            if is_last {
                break;
            }
        }
        found.sort_unstable_by_key(|summary| core::cmp::Reverse(summary.cursor()));
        found.dedup_by(|one, other| one.key == other.key);
        let is_more = found.len() > query.page_size();
        found.truncate(query.page_size());
        let next = found.last().filter(|_| is_more).map(Summary::cursor);
        Ok(Page::new(found, next))
    }

    pub(super) fn unread(&self) -> Result<u64, StoreError> {
        let folder = self.folder(Folder::Inbox)?;
        let mut index = self.index(Folder::Inbox);
        index.refresh(&self.disk, &folder).step("reading the inbox")?;
        let unread = index.with_status(Status::Unread).map(|(name, _)| Arc::clone(name)).collect();
        // Other clients write the status into the file where it lies, which its directory does not show.
        index.look_at_all(&self.disk, &folder, unread).step("reading a message")?;
        let mut locked = self.locked()?;
        let mut unread = locked.promised_summaries()?.len() as u64;
        for (name, summary) in index.with_status(Status::Unread) {
            unread += u64::from(locked.is_listed(name, &summary.key)?);
        }
        Ok(unread)
    }

    pub(super) fn get(&self, folder: Folder, key: &MessageKey) -> Result<Option<StoredMessage>, StoreError> {
        match folder {
            Folder::Sent => Ok(self.find_sent(key)?.map(|(_, stored)| stored)),
            _ => self.locked()?.get(key),
        }
    }

    fn find_sent(&self, key: &MessageKey) -> Result<Option<(String, StoredMessage)>, StoreError> {
        let folder = self.folder(Folder::Sent)?;
        for name in names_of(key).chain([file_of(key.id())]) {
            let found = read_message(&self.disk, &folder, Folder::Sent, &name).step("reading a message")?;
            if let Found::Message(letter) = found
                && letter.key == *key
            {
                return Ok(Some((name, letter.stored)));
            }
        }
        Ok(None)
    }

    pub(super) fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> Result<bool, StoreError> {
        let mut locked = self.locked()?;
        let Some(name) = locked.ledger()?.name_of(key).cloned() else { return Ok(false) };
        let folder = self.folder(Folder::Inbox)?;
        let found = read_patiently(&self.disk, &folder, Folder::Inbox, &name).step("reading a message")?;
        let mut stored = match found {
            Found::Message(letter) if letter.key == *key => letter.stored,
            _ if locked.promised(&name)?.is_some() => {
                return Err(StoreError::new(
                    StoreErrorKind::Io,
                    "marking a message whose file is not there yet",
                ));
            }
            _ => return Ok(false),
        };
        match status {
            Status::Read => stored.mark_read(now),
            status => stored.set_status(status),
        }
        self.rewrite(&name, &stored)?;
        if status != Status::Unread {
            locked.hand_out(key)?;
        }
        Ok(true)
    }

    /// Puts a message of the inbox into the place of the file that it was read from.
    pub(super) fn rewrite(&self, name: &str, stored: &StoredMessage) -> Result<(), StoreError> {
        let folder = self.folder(Folder::Inbox)?;
        let json = stored.to_json(SecurityPlacement::TopLevelAndLocal);
        let directory = split(name).0.map(|directory| self.disk.open_dir(&folder, directory)).transpose();
        let directory = directory.step("opening a directory")?;
        let directory = directory.as_ref().unwrap_or(&folder);
        replace(&self.disk, directory, split(name).1, json.as_bytes()).step("marking a message")
    }

    pub(super) fn delete(&self, folder: Folder, key: &MessageKey) -> Result<bool, StoreError> {
        match folder {
            Folder::Sent => {
                let Some((name, _)) = self.find_sent(key)? else { return Ok(false) };
                self.unlink_in(&self.folder(Folder::Sent)?, &name)?;
                Ok(true)
            }
            _ => self.delete_received(key),
        }
    }

    fn delete_received(&self, key: &MessageKey) -> Result<bool, StoreError> {
        let mut locked = self.locked()?;
        let Some(name) = locked.ledger()?.name_of(key).cloned() else { return Ok(false) };
        let Some(stored) = locked.get(key)? else { return Ok(false) };
        let mut payload = locked.begin()?;
        payload.push(Tag::Remove, name.as_bytes());
        locked.record(&payload)?;
        locked.finish()?;
        drop(locked);
        self.remove_downloads(key, &stored)?;
        Ok(true)
    }

    pub(super) fn keep_sent(&self, stored: &StoredMessage) -> Result<(), StoreError> {
        let mut locked = self.locked()?;
        let key = MessageKey::of_sent(stored.message());
        if let Some((name, _)) = self.find_sent(&key)? {
            // Whoever put it there may have failed at the last step.
            let directory = self.directory_for(&mut locked.inner, Folder::Sent, &name);
            let synced = directory.and_then(|directory| self.disk.sync_dir(&directory));
            return synced.step("syncing a directory");
        }
        let json = stored.to_json(SecurityPlacement::TopLevelAndLocal);
        if json.len() > FILE_MAX_BYTES {
            return Err(StoreError::new(StoreErrorKind::Refused, "keeping a message that is too large"));
        }
        for name in names_of(&key) {
            match self.make_file(&mut locked.inner, Folder::Sent, &name, json.as_bytes()) {
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failure("keeping a sent message", error)),
                Ok(()) => return Ok(()),
            }
        }
        Err(NO_NAME)
    }

    pub(super) fn held(&self) -> Result<Vec<QuarantineEntry>, StoreError> {
        let mut locked = self.locked()?;
        Ok(locked.ledger()?.held_in_order().into_iter().map(|held| held.entry.clone()).collect())
    }

    pub(super) fn get_held(&self, id: &QuarantineId) -> Result<Option<HeldMessage>, StoreError> {
        self.locked()?.get_held(id)
    }

    pub(super) fn decide_held(&self, entry: &QuarantineEntry) -> Result<bool, StoreError> {
        let mut locked = self.locked()?;
        let Some(mut held) = locked.get_held(entry.id())? else { return Ok(false) };
        if held.entry.status(held.entry.quarantined_at()) != QuarantineStatus::Pending {
            return Ok(false);
        }
        held.entry = entry.clone();
        let mut payload = locked.begin()?;
        push_held(&mut payload, &held);
        locked.record(&payload)?;
        Ok(true)
    }

    pub(super) fn remove_held(&self, id: &QuarantineId) -> Result<bool, StoreError> {
        let mut locked = self.locked()?;
        if !locked.ledger()?.held.contains_key(id) {
            return Ok(false);
        }
        let mut payload = locked.begin()?;
        payload.push(Tag::Released, id.as_str().as_bytes());
        locked.record(&payload)?;
        Ok(true)
    }

    /// Removes what was downloaded for a message that is gone, unless another message names it too.
    fn remove_downloads(&self, key: &MessageKey, stored: &StoredMessage) -> Result<(), StoreError> {
        let attachments = match self.disk.open_dir(self.root(), "attachments") {
            Ok(attachments) => attachments,
            Err(_) => return Ok(()),
        };
        let names = attachments_of(stored).into_iter().map(|id| Arc::from(id.as_str()));
        let names = names.chain([Arc::from(key.id().as_str())]);
        let there = names.filter(|name: &Arc<str>| self.disk.stat_at(&attachments, name).is_ok());
        for name in there.collect::<Vec<_>>() {
            if !self.is_named_by_another(&name)? {
                self.remove_directory(&attachments, &name).step("removing what was downloaded")?;
            }
        }
        Ok(())
    }

    /// Whether a message of the inbox has this id, or an attachment with it.
    fn is_named_by_another(&self, name: &str) -> Result<bool, StoreError> {
        let folder = self.folder(Folder::Inbox)?;
        let mut index = self.index(Folder::Inbox);
        index.refresh(&self.disk, &folder).step("reading the inbox")?;
        for (file, summary) in index.newest(&Query::new(Folder::Inbox), None) {
            if summary.key.id().as_str() == name {
                return Ok(true);
            }
            let found = read_message(&self.disk, &folder, Folder::Inbox, file).step("reading a message")?;
            let Found::Message(letter) = found else { continue };
            if attachments_of(&letter.stored).iter().any(|id| id.as_str() == name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes a directory of files. Links in it are removed, never followed; a directory in it stays, and so does it.
    fn remove_directory(&self, parent: &D::Dir, name: &str) -> Result<(), Errno> {
        let directory = match self.disk.open_dir(parent, name) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => return Ok(()),
            Err(error) => return Err(error),
        };
        for listed in self.disk.list(&directory)? {
            let Ok(file) = core::str::from_utf8(&listed.name) else { continue };
            match self.disk.unlink(&directory, file) {
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR | Errno::PERM) => {}
                Err(error) => return Err(error),
            }
        }
        match self.disk.remove_dir(parent, name) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => self.disk.sync_dir(parent),
            Err(error) => Err(error),
        }
    }
}

impl<D: Disk> Locked<'_, D> {
    /// A message of the inbox: from its file, or from the journal while its file could not be made.
    pub(super) fn get(&mut self, key: &MessageKey) -> Result<Option<StoredMessage>, StoreError> {
        if let Some(stored) = self.message(key)? {
            return Ok(Some(stored));
        }
        let Some(name) = self.ledger()?.name_of(key).cloned() else { return Ok(None) };
        self.promised(&name)
    }

    fn get_held(&mut self, id: &QuarantineId) -> Result<Option<HeldMessage>, StoreError> {
        let Some(held) = self.ledger()?.held.get(id) else { return Ok(None) };
        let (entry, body) = (held.entry.clone(), held.body);
        Ok(Some(HeldMessage::new(entry, self.body(body)?)))
    }

    /// Whether a file is a message of the inbox. One that nobody has judged yet is not.
    fn is_listed(&mut self, name: &str, key: &MessageKey) -> Result<bool, StoreError> {
        Ok(self.ledger()?.filed(name).is_some_and(|filed| filed.is_message && filed.key == *key))
    }

    /// What a list says of the messages whose files could not be made yet.
    fn promised_summaries(&mut self) -> Result<Vec<Summary>, StoreError> {
        let names: Vec<Arc<str>> = self.ledger()?.unfinished.keys().cloned().collect();
        let mut summaries = Vec::new();
        for name in names {
            let Some(stored) = self.promised(&name)? else { continue };
            let summary = Summary::of(Folder::Inbox, &stored);
            let folder = self.core.folder(Folder::Inbox)?;
            let found = read_message(&self.core.disk, &folder, Folder::Inbox, &name);
            let is_there = matches!(&found, Ok(Found::Message(letter)) if letter.key == summary.key);
            if !is_there {
                summaries.push(summary);
            }
        }
        Ok(summaries)
    }
}

/// The next messages that seem to be wanted, and their places.
fn next_part<D: Disk>(
    index: &FolderIndex,
    mut locked: Option<&mut Locked<'_, D>>,
    query: &Query,
    after: Option<&Cursor>,
    count: usize,
) -> Result<Vec<(Cursor, Arc<str>)>, StoreError> {
    let mut part = Vec::new();
    // The place is seen to by the index.
    let query = Query { after: None, ..query.clone() };
    for (name, summary) in index.newest(&query, after).filter(|(_, summary)| query.matches(summary)) {
        if part.len() >= count {
            break;
        }
        let is_listed = match &mut locked {
            Some(locked) => locked.is_listed(name, &summary.key)?,
            None => true,
        };
        if is_listed {
            part.push((summary.cursor(), Arc::clone(name)));
        }
    }
    Ok(part)
}

fn attachments_of(stored: &StoredMessage) -> Vec<AttachmentId> {
    let payload = stored.message().payload();
    let ids = payload.attachments_json().filter_map(|attachment| {
        let id = attachment.get("id")?.as_str()?.into_owned();
        AttachmentId::parse_with(&id, amp_core::address::Profile::Deployed).ok()
    });
    ids.collect()
}
