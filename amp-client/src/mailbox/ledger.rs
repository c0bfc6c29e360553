//! What the records of a journal add up to (local mailbox).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write as _;
use std::collections::HashMap;

use amp_core::address::{Address, Profile};
use amp_core::envelope::{MessageId, QuarantineId};
use amp_core::receive::QuarantineEntry;

use super::record::{Extent, Payload, Tag, sections};
use crate::store::MessageKey;

/// Names a holder: hex digits.
pub(super) type HolderId = Arc<str>;

/// A file of the inbox that was dealt with.
#[derive(Clone, Debug)]
pub(super) struct Filed {
    pub(super) key: MessageKey,
    /// Listed as a message. Otherwise it was refused, held, or known already.
    pub(super) is_message: bool,
}

/// A message that its program has not had.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) holder: HolderId,
    /// The order of their keeping.
    pub(super) number: u64,
}

/// What is still to be done at a name.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// A file is to be made, of a body in the journal.
    Place(Extent),
    /// The file with this message is to be removed.
    Remove(MessageKey),
}

/// A held message.
#[derive(Clone, Debug)]
pub(super) struct HeldPlace {
    pub(super) entry: QuarantineEntry,
    pub(super) body: Extent,
    number: u64,
}

/// What the records of a journal add up to, but for the effects.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) position: u64,
    /// By the file's name: `directory/file`, or `file`.
    files: HashMap<Arc<str>, Filed>,
    messages: HashMap<MessageKey, Arc<str>>,
    waiting: HashMap<MessageKey, Waiting>,
    pub(super) held: HashMap<QuarantineId, HeldPlace>,
    pub(super) unfinished: BTreeMap<Arc<str>, Work>,
    pub(super) last_writer: Option<HolderId>,
    next_number: u64,
    /// What the last record left to its writer to do.
    last_work: Vec<Arc<str>>,
}

/// What the bytes of a journal do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Ledger {
    /// Adds a record, whose payload begins at an offset.
    pub(super) fn apply(&mut self, payload: &[u8], offset: u64) -> Result<(), Unreadable> {
        let mut body_of = BodyOf::Nothing;
        for (tag, content, extent) in sections(payload, offset).ok_or(Unreadable)? {
            match tag {
                Tag::Writer => {
                    self.last_writer = Some(text(content)?.into());
                    self.last_work.clear();
                }
                Tag::Unfinished => self.keep_unfinished(text(content)?),
                Tag::Position => {
                    self.position = u64::from_le_bytes(content.try_into().map_err(|_| Unreadable)?);
                }
                Tag::Effect => {}
                Tag::Message | Tag::Dismissed => {
                    let (name, key) = text(content)?.split_once('\n').ok_or(Unreadable)?;
                    self.file(name, &read_key(key)?, tag == Tag::Message);
                }
                Tag::Holder => {
                    let (holder, key) = text(content)?.split_once('\n').ok_or(Unreadable)?;
                    self.entrust(read_key(key)?, holder.into());
                }
                Tag::Place => body_of = BodyOf::Place(text(content)?.into()),
                Tag::Held => body_of = BodyOf::Held(read_entry(content)?),
                Tag::Body => self.add_body(core::mem::take(&mut body_of), extent)?,
                Tag::Released => {
                    let id = QuarantineId::parse_with(text(content)?, Profile::Deployed);
                    self.held.remove(&id.map_err(|_| Unreadable)?);
                }
                Tag::HandedOut => drop(self.waiting.remove(&read_key(text(content)?)?)),
                Tag::Remove => self.remove(text(content)?),
            }
        }
        Ok(())
    }

    fn keep_unfinished(&mut self, names: &str) {
        if !self.unfinished.is_empty() {
            self.unfinished.retain(|name, _| names.split('\n').any(|kept| kept == &**name));
        }
    }

    fn file(&mut self, name: &str, key: &MessageKey, is_message: bool) {
        self.forget_file(name);
        let name: Arc<str> = name.into();
        if is_message {
            // The message may have had another name, which is free then.
            if let Some(former) = self.messages.insert(key.clone(), Arc::clone(&name)) {
                self.files.remove(&former);
                self.unfinished.remove(&former);
            }
        }
        self.files.insert(name, Filed { key: key.clone(), is_message });
    }

    fn forget_file(&mut self, name: &str) {
        if let Some(filed) = self.files.remove(name).filter(|filed| filed.is_message) {
            self.messages.remove(&filed.key);
        }
    }

    fn entrust(&mut self, key: MessageKey, holder: HolderId) {
        let next = self.next_number;
        let waiting =
            self.waiting.entry(key).or_insert_with(|| Waiting { holder: holder.clone(), number: next });
        waiting.holder = holder;
        self.next_number = next.saturating_add(1);
    }

    fn add_body(&mut self, body_of: BodyOf, body: Extent) -> Result<(), Unreadable> {
        match body_of {
            BodyOf::Place(name) => {
                self.last_work.push(Arc::clone(&name));
                self.unfinished.insert(name, Work::Place(body));
            }
            BodyOf::Held(entry) => {
                let number = self.held.get(entry.id()).map_or(self.next_number, |held| held.number);
                self.next_number = self.next_number.saturating_add(1);
                self.held.insert(entry.id().clone(), HeldPlace { entry, body, number });
            }
            BodyOf::Nothing => return Err(Unreadable),
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) {
        let Some(filed) = self.files.get(name).cloned() else { return };
        self.forget_file(name);
        self.waiting.remove(&filed.key);
        let name: Arc<str> = name.into();
        self.last_work.push(Arc::clone(&name));
        self.unfinished.insert(name, Work::Remove(filed.key));
    }

    /// The writer of the last record is well, so what the record left to do was done.
    pub(super) fn trust_last_record(&mut self) {
        for name in core::mem::take(&mut self.last_work) {
            self.unfinished.remove(&name);
        }
    }

    /// What was dealt with under a name.
    pub(super) fn filed(&self, name: &str) -> Option<&Filed> {
        self.files.get(name)
    }

    /// Under which name a message of the inbox lies.
    pub(super) fn name_of(&self, key: &MessageKey) -> Option<&Arc<str>> {
        self.messages.get(key)
    }

    pub(super) fn is_waiting(&self, key: &MessageKey) -> bool {
        self.waiting.contains_key(key)
    }

    /// The messages that no program has had, the first first.
    pub(super) fn waiting(&self) -> Vec<(MessageKey, HolderId)> {
        let mut waiting: Vec<_> = self.waiting.iter().collect();
        waiting.sort_unstable_by_key(|(_, waiting)| waiting.number);
        waiting.into_iter().map(|(key, waiting)| (key.clone(), Arc::clone(&waiting.holder))).collect()
    }

    /// The held messages, the first first.
    pub(super) fn held_in_order(&self) -> Vec<&HeldPlace> {
        let mut held: Vec<_> = self.held.values().collect();
        held.sort_unstable_by_key(|held| held.number);
        held
    }

    /// What a record begins with: who writes it, and what is left to do from before.
    pub(super) fn begin(&self, writer: &str) -> Payload {
        let mut payload = Payload::default();
        payload.push(Tag::Writer, writer.as_bytes());
        let names: Vec<&str> = self.unfinished.keys().map(|name| &**name).collect();
        payload.push(Tag::Unfinished, names.join("\n").as_bytes());
        payload
    }

    /// Gives sections that add up to this, but for bodies, which are given by where they lie.
    pub(super) fn write<E>(&self, mut write: impl FnMut(Tag, Content<'_>) -> Result<(), E>) -> Result<(), E> {
        write(Tag::Position, Content::Bytes(&self.position.to_le_bytes()))?;
        for (name, filed) in &self.files {
            let tag = if filed.is_message { Tag::Message } else { Tag::Dismissed };
            write(tag, Content::Bytes(named(name, &filed.key).as_bytes()))?;
        }
        for (key, holder) in self.waiting() {
            write(Tag::Holder, Content::Bytes(named(&holder, &key).as_bytes()))?;
        }
        for held in self.held_in_order() {
            write(Tag::Held, Content::Bytes(held.entry.to_json().as_bytes()))?;
            write(Tag::Body, Content::At(held.body))?;
        }
        for (name, work) in &self.unfinished {
            match work {
                Work::Place(body) => {
                    write(Tag::Place, Content::Bytes(name.as_bytes()))?;
                    write(Tag::Body, Content::At(*body))?;
                }
                Work::Remove(key) => {
                    write(Tag::Dismissed, Content::Bytes(named(name, key).as_bytes()))?;
                    write(Tag::Remove, Content::Bytes(name.as_bytes()))?;
                }
            }
        }
        Ok(())
    }
}

/// What a section holds.
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    /// What stands in the journal that is read from.
    At(Extent),
}

/// To what the next body belongs.
#[derive(Default)]
enum BodyOf {
    #[default]
    Nothing,
    Place(Arc<str>),
    Held(QuarantineEntry),
}

/// A name or a holder, and the key of a message.
pub(super) fn named(name: &str, key: &MessageKey) -> String {
    format!("{name}\n{}", write_key(key))
}

/// A key as three lines.
pub(super) fn write_key(key: &MessageKey) -> String {
    let mut text = format!("{}\n{}\n", key.peer(), key.id());
    for byte in key.content() {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn read_key(lines: &str) -> Result<MessageKey, Unreadable> {
    let mut lines = lines.split('\n');
    let mut next = || lines.next().ok_or(Unreadable);
    let (peer, id, content) = (next()?, next()?, next()?);
    let peer = Address::parse_with(peer, Profile::Deployed).map_err(|_| Unreadable)?;
    let id = MessageId::parse_with(id, Profile::Deployed).map_err(|_| Unreadable)?;
    let content = u128::from_str_radix(content, 16).map_err(|_| Unreadable)?;
    Ok(MessageKey::from_parts(peer, id, content.to_be_bytes()))
}

fn read_entry(json: &[u8]) -> Result<QuarantineEntry, Unreadable> {
    QuarantineEntry::from_json(json).map_err(|_| Unreadable)
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    core::str::from_utf8(bytes).map_err(|_| Unreadable)
}

impl Filed {
    /// Whether a file with this content is the one that was dealt with.
    pub(super) fn is_about(&self, key: &MessageKey) -> bool {
        self.key == *key
    }
}

/// A name for a holder.
pub(super) fn holder_id(random: [u8; 16]) -> HolderId {
    format!("{:032x}", u128::from_be_bytes(random)).into()
}
