//! What is appended to a store at once, and what is loaded from it (local mailbox).

use alloc::string::String;
use alloc::vec::Vec;

use amp_core::envelope::{QuarantineId, StoredMessage};
use amp_core::receive::{Effect, QuarantineEntry};

use super::key::MessageKey;

/// How far into a store's effects somebody has read. A position of one store says nothing about another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first effect.
    pub const START: Self = Self(0);

    /// A position that a store gave, from its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number, to be kept by a store.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What becomes durable at once.
///
/// ```
/// use amp_client::receive::{Context, Disposition, Receiver, SenderKey, Via};
/// use amp_client::store::{Entry, HeldMessage, Position};
/// # use amp_client::{crypto::Identity, envelope::Draft};
/// # let alice = Identity::from_seed(&[7; 32]);
/// # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
/// #     .from(&"alice@acme.crabmail.ai".parse()?)
/// #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
/// # let (bytes, key) = (signed.to_json(), alice.verifying_key().clone());
/// # let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
/// # let context = Context::new("2026-01-31T10:00:05Z".parse()?, Via::Direct).with_key(SenderKey::resolved(key));
/// let reception = receiver.receive(bytes.as_bytes(), &context);
/// let mut entry = Entry::new(Position::START, reception.effects().to_vec());
/// entry.message = reception.stored();
/// entry.held = reception.held().map(|(entry, message)| HeldMessage::new(entry.clone(), message.to_json().into()));
/// assert!(entry.key().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The position at which it was decided.
    pub at: Position,
    /// What the receiver remembers from now on. Those that are not [durable](Effect::is_durable) are not kept.
    pub effects: Vec<Effect>,
    /// A message for the inbox, which this holder hands to its program.
    pub message: Option<StoredMessage>,
    /// A message that is held for review.
    pub held: Option<HeldMessage>,
    /// The held message that is handed out by this, or thrown away: it is held no longer. It goes before `held` comes.
    pub released: Option<QuarantineId>,
    /// The message of [`Store::foreign`](super::Store::foreign) that it is about: it is not offered again.
    pub about: Option<ForeignMessage>,
}

impl Entry {
    /// An entry of effects alone.
    #[must_use]
    pub const fn new(at: Position, effects: Vec<Effect>) -> Self {
        Self { at, effects, message: None, held: None, released: None, about: None }
    }

    /// With a message for the inbox.
    #[must_use]
    pub fn with_message(mut self, message: StoredMessage) -> Self {
        self.message = Some(message);
        self
    }

    /// With a message that is held.
    #[must_use]
    pub fn with_held(mut self, held: HeldMessage) -> Self {
        self.held = Some(held);
        self
    }

    /// By which a held message is handed out, or thrown away: it is held no longer.
    #[must_use]
    pub fn releasing(mut self, id: QuarantineId) -> Self {
        self.released = Some(id);
        self
    }

    /// About a message that another program put into the inbox: it is accounted for, and stays where it is. With a
    /// [message](Self::with_message), it is that one, and is listed from now on.
    #[must_use]
    pub fn about_foreign(mut self, message: ForeignMessage) -> Self {
        self.about = Some(message);
        self
    }

    /// The key of its message.
    #[must_use]
    pub fn key(&self) -> Option<MessageKey> {
        self.message.as_ref().map(|stored| MessageKey::of(stored.message()))
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Appended {
    /// It is durable, and this is the position after it.
    Stored(Position),
    /// Nothing happened: others appended after the position of the entry. Load from there, and decide again.
    Behind,
}

/// Effects of a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The effects, oldest first.
    pub effects: Vec<Effect>,
    /// The position after them.
    pub position: Position,
    /// True when the effects are everything: always from [`Position::START`], and when what was read before was compacted
    /// meanwhile. A receiver is then restored from these alone.
    pub is_whole: bool,
}

impl Loaded {
    /// Effects that lead to a position.
    #[must_use]
    pub const fn new(effects: Vec<Effect>, position: Position) -> Self {
        Self { effects, position, is_whole: false }
    }

    /// Everything, from the beginning to a position.
    #[must_use]
    pub const fn whole(effects: Vec<Effect>, position: Position) -> Self {
        Self { effects, position, is_whole: true }
    }
}

/// A message that is held for review, with its entry.
#[derive(Clone)]
#[non_exhaustive]
pub struct HeldMessage {
    /// The entry.
    pub entry: QuarantineEntry,
    /// The message's bytes, `{"envelope":…,"payload":…}`, for [`Receiver::release`](amp_core::receive::Receiver::release).
    pub message: Vec<u8>,
}

impl HeldMessage {
    /// A held message.
    #[must_use]
    pub const fn new(entry: QuarantineEntry, message: Vec<u8>) -> Self {
        Self { entry, message }
    }
}

/// A message that another program put into the inbox: bytes to be judged.
#[derive(Clone)]
#[non_exhaustive]
pub struct ForeignMessage {
    /// Its bytes, at most the size of a stored message.
    pub bytes: Vec<u8>,
    /// What the store calls it; opaque to everybody else.
    pub name: String,
}

impl ForeignMessage {
    /// A message under a name that the store chose.
    #[must_use]
    pub const fn new(name: String, bytes: Vec<u8>) -> Self {
        Self { bytes, name }
    }
}

/// Shows no bytes of the message.
impl core::fmt::Debug for HeldMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HeldMessage")
            .field("id", self.entry.id())
            .field("bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

/// Shows no bytes of the message, and not its name, which others may have chosen.
impl core::fmt::Debug for ForeignMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ForeignMessage").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
