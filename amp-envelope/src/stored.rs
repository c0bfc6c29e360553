//! The stored form: a message on disk, with what its owner notes beside it (messages, "Stored form").
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod members;
mod security;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use amp_address::Profile;
use amp_crypto::seal::SharedSecret;
use zeroize::Zeroizing;

pub use security::SecurityNotes;

use self::members::{Members, write_member};
use crate::error::{ErrorCode, MessageError};
use crate::json::{self, BigIntegers, Index, JsonValue, Keep};
use crate::limits::HTTP_BODY_MAX_BYTES;
use crate::message::Message;
use crate::sealed::copy_of;
use crate::timestamp::Timestamp;

/// A message as it lies in a mailbox: envelope and payload as received, and beside them the owner's notes.
///
/// Mailboxes are shared with other programs. What they noted about trust is a claim (`claimed_...`) and reaches
/// neither the [`Message`] nor its verification; members that this library does not know survive being read and
/// written.
///
/// ```
/// use amp_envelope::{SecurityPlacement, Status, StoredMessage};
/// let file = br#"{
///   "envelope": {"version":"amp/0.1","id":"msg_1769853600_00112233445566aa","from":"alice@acme.crabmail.ai",
///     "to":"bob@acme.crabmail.ai","subject":"Hi","priority":"normal","timestamp":"2026-01-31T10:00:00Z",
///     "thread_id":"msg_1769853600_00112233445566aa","signature":null},
///   "payload": {"type":"notification","message":"Hello","context":null},
///   "local": {"received_at":"2026-01-31T10:00:05Z","status":"unread","security":{"trust":"verified"},"fetched_from":"crabmail.ai"}
/// }"#;
/// let mut stored = StoredMessage::decode(file)?;
/// assert_eq!(stored.message().text(), "Hello");
/// assert_eq!(stored.local().status(), Status::Unread);
/// assert_eq!(stored.claimed_security().unwrap().trust_level().as_deref(), Some("verified"));
///
/// stored.mark_read("2026-01-31T11:00:00Z".parse()?);
/// let written = StoredMessage::decode(stored.to_json(SecurityPlacement::TopLevel).as_bytes())?;
/// assert_eq!(written.local().status(), Status::Read);
/// assert_eq!(written.local().get("fetched_from").unwrap().as_str().as_deref(), Some("crabmail.ai"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoredMessage {
    message: Message,
    /// `local`, without its `security`.
    local: Members,
    /// The older place of the status.
    metadata: Option<Members>,
    /// `security`, else `local.security`.
    security: Option<SecurityNotes>,
    /// `local.security` as it was read.
    nested_security: Option<SecurityNotes>,
    /// `local.sealed_secret`.
    sealed_secret: Option<Arc<SharedSecret>>,
    /// What else stands beside the envelope.
    others: Members,
}

const SEALED_SECRET: &str = "sealed_secret";

impl StoredMessage {
    /// A message that has just arrived: unread.
    #[must_use]
    pub fn new(message: Message, received_at: Timestamp) -> Self {
        let mut local = Members::default();
        local.set_text("received_at", &received_at.to_string());
        local.set_text("status", Status::Unread.as_str());
        Self {
            message,
            local,
            metadata: None,
            security: None,
            nested_security: None,
            sealed_secret: None,
            others: Members::default(),
        }
    }

    /// Reads a stored message under [`Profile::Deployed`].
    ///
    /// Notes that are not understood (another program's status, a time in another spelling) are kept and read as
    /// absent: they do not make a message unreadable.
    ///
    /// # Errors
    /// As [`Message::decode`], for the message; `not_an_object` for `local`, `security` or `metadata` that is neither
    /// an object nor null; `too_large` beyond [`HTTP_BODY_MAX_BYTES`](crate::limits::HTTP_BODY_MAX_BYTES).
    pub fn decode(json: &[u8]) -> Result<Self, MessageError> {
        Self::decode_with(json, Profile::Deployed)
    }

    /// Reads a stored message whose message obeys the given profile.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_with(json: &[u8], profile: Profile) -> Result<Self, MessageError> {
        if json.len() > HTTP_BODY_MAX_BYTES {
            return Err(MessageError::new(ErrorCode::TooLarge, "a stored message has at most 1 MiB of JSON"));
        }
        // The whole text obeys the JSON profile, so the views below are sound; one level stands around its parts.
        let mut index = Index::default();
        json::read(json, Keep::Levels(0), BigIntegers::Keep, 1, &mut index)?;
        let mut others = Members::of(JsonValue::new(json.trim_ascii()));
        let envelope = others.remove("envelope").ok_or(MessageError::missing("envelope"))?;
        let payload = others.remove("payload").ok_or(MessageError::missing("payload"))?;
        // Only these two reach the message: what stands beside them has no say in it.
        let message = format!(r#"{{"envelope":{envelope},"payload":{payload}}}"#);
        let message = Message::decode_with(message.as_bytes(), profile)?;

        let mut local = object(&mut others, "local", "local")?.unwrap_or_default();
        let metadata = object(&mut others, "metadata", "metadata")?;
        let top = object(&mut others, "security", "security")?.map(|members| SecurityNotes { members });
        let nested =
            object(&mut local, "security", "local.security")?.map(|members| SecurityNotes { members });
        let security = top.or_else(|| nested.clone());
        // Taken out, so that no view shows it. What is none stays what it is.
        let sealed_secret =
            local.text(SEALED_SECRET).and_then(|text| SharedSecret::parse(&text).ok()).map(Arc::new);
        if sealed_secret.is_some() {
            drop(local.remove(SEALED_SECRET).map(Zeroizing::new));
        }
        Ok(Self { message, local, metadata, security, nested_security: nested, sealed_secret, others })
    }

    /// The message, not verified.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// The message without any note on it.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.message
    }

    /// What the mailbox's owner noted.
    #[must_use]
    pub const fn local(&self) -> Local<'_> {
        Local { members: &self.local, metadata: self.metadata.as_ref() }
    }

    /// Sets the status, also in the older place where the file has one.
    pub fn set_status(&mut self, status: Status) {
        self.local.set_text("status", status.as_str());
        if let Some(metadata) = &mut self.metadata {
            metadata.set_text("status", status.as_str());
        }
    }

    /// Sets the status to read. The time of the first reading stays.
    pub fn mark_read(&mut self, now: Timestamp) {
        self.set_status(Status::Read);
        if self.local().read_at().is_none() {
            self.local.set_text("read_at", &now.to_string());
        }
    }

    /// Notes how the message came, such as `websocket`, `fetch` or `local`.
    pub fn set_delivery_method(&mut self, method: &str) {
        self.local.set_text("delivery_method", method);
    }

    /// Notes whether the owner verified the signature. Whoever reads the file later learns of it as a claim.
    pub fn set_verified(&mut self, verified: bool) {
        self.local.remove("signature_verified");
        self.local.set("verified", verified.to_string());
    }

    /// Keeps what opens this one sealed message, after its key is gone or for its sender.
    ///
    /// It is written into the file, which then is as secret as the message: for the host's own disk, readable by its
    /// owner only. Nothing that goes to a provider is made of the stored form.
    pub fn set_sealed_secret(&mut self, secret: &SharedSecret) {
        self.local.remove(SEALED_SECRET);
        self.sealed_secret = copy_of(secret).ok().map(Arc::new);
    }

    /// What opens this one sealed message, if it was kept. It is as good as the file: whoever can write that and made the
    /// message as well can have put another one there, with which it opens to another text. The key goes first.
    #[must_use]
    pub fn sealed_secret(&self) -> Option<&SharedSecret> {
        self.sealed_secret.as_deref()
    }

    /// Forgets what opens the message, for a copy that leaves the host.
    pub fn remove_sealed_secret(&mut self) {
        self.local.remove(SEALED_SECRET);
        self.sealed_secret = None;
    }

    /// Replaces the notes on trust and content by the owner's own findings.
    pub fn annotate(&mut self, notes: SecurityNotes) {
        self.nested_security = None;
        self.security = Some(notes);
    }

    /// Forgets what the file claims about trust: `security` in both places, and `local.verified`.
    pub fn strip_claims(&mut self) {
        self.security = None;
        self.nested_security = None;
        self.local.remove("verified");
        self.local.remove("signature_verified");
    }

    /// The notes on trust and content as they stand in the file, the top level before `local.security`.
    ///
    /// Anyone who can write the file can write them. They may be listed; they must not decide what is trusted.
    #[must_use]
    pub const fn claimed_security(&self) -> Option<&SecurityNotes> {
        self.security.as_ref()
    }

    /// A member beside the envelope that this library does not know.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        self.others.get(name)
    }

    /// The stored form: envelope and payload byte for byte as received, the notes behind them.
    ///
    /// What opens a sealed message is in it: the text is for the host's own disk.
    ///
    /// The notes on trust and content stand at the top level. What was read in `local.security` stays there until
    /// [`annotate`](Self::annotate) or [`strip_claims`](Self::strip_claims); `placement` puts new ones there too.
    #[must_use]
    pub fn to_json(&self, placement: SecurityPlacement) -> String {
        let json = self.written(placement);
        // One level deeper, notes from outside may nest too deep or grow too large to be read again.
        if placement != SecurityPlacement::TopLevel && Self::decode(json.as_bytes()).is_err() {
            return self.written(SecurityPlacement::TopLevel);
        }
        json
    }

    fn written(&self, placement: SecurityPlacement) -> String {
        let mut json = self.message.to_json();
        // Everything else stands behind the payload, inside the same object.
        json.pop();
        let nested = match placement {
            SecurityPlacement::TopLevel => self.nested_security.as_ref(),
            SecurityPlacement::TopLevelAndLocal => self.security.as_ref(),
        };
        let mut local = self.local.clone();
        if let Some(notes) = nested {
            local.set("security", notes.members.to_json());
        }
        if let Some(secret) = &self.sealed_secret {
            local.set_text(SEALED_SECRET, secret.to_base64url().expose());
        }
        if !local.is_empty() {
            write_member("local", &local.to_json(), &mut json);
        }
        if let Some(notes) = &self.security {
            write_member("security", &notes.members.to_json(), &mut json);
        }
        if let Some(metadata) = &self.metadata {
            write_member("metadata", &metadata.to_json(), &mut json);
        }
        self.others.write_into(&mut json);
        json.push('}');
        json
    }
}

impl fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredMessage")
            .field("message", &self.message)
            .field("status", &self.local().status())
            .finish_non_exhaustive()
    }
}

fn object(members: &mut Members, name: &str, field: &'static str) -> Result<Option<Members>, MessageError> {
    members.remove_object(name).map_err(|_| {
        MessageError::field_of(ErrorCode::NotAnObject, field, "the value is an object, null or absent")
    })
}

/// What a mailbox's owner noted beside a message: `local`.
///
/// A view: what does not parse reads as absent, and is kept.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    members: &'a Members,
    metadata: Option<&'a Members>,
}

impl<'a> Local<'a> {
    /// When the message arrived.
    #[must_use]
    pub fn received_at(&self) -> Option<Timestamp> {
        self.members.parsed("received_at")
    }

    /// The status: of `local`, else of the older `metadata`, else unread.
    #[must_use]
    pub fn status(&self) -> Status {
        let older = || self.metadata.and_then(|metadata| metadata.parsed("status"));
        self.members.parsed("status").or_else(older).unwrap_or(Status::Unread)
    }

    /// When the message was first read.
    #[must_use]
    pub fn read_at(&self) -> Option<Timestamp> {
        self.members.parsed("read_at")
    }

    /// How the message came: `websocket`, `fetch`, ...
    #[must_use]
    pub fn delivery_method(&self) -> Option<Cow<'a, str>> {
        self.members.text("delivery_method")
    }

    /// Whether the file says that the signature was verified (older writers: `signature_verified`). Anyone who can
    /// write the file can say so: verify the message instead.
    #[must_use]
    pub fn claimed_verified(&self) -> Option<bool> {
        let claim = self.members.get("verified").or_else(|| self.members.get("signature_verified"))?;
        claim.as_bool()
    }

    /// A member by name, also one that this library does not know.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        self.members.get(name)
    }
}

/// Whether the mailbox's owner has seen a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Not read yet.
    Unread,
    /// Read.
    Read,
    /// Put away: not shown in the ordinary list.
    Archived,
}

impl Status {
    /// The status as files spell it: `unread`, `read` or `archived`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unread => "unread",
            Self::Read => "read",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a status is unread, read or archived")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Unread, Self::Read, Self::Archived]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// Where the notes on trust and content are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SecurityPlacement {
    /// In `security`, beside the envelope.
    #[default]
    TopLevel,
    /// There, and in `local.security`, where older programs look.
    TopLevelAndLocal,
}
