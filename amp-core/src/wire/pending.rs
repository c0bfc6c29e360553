//! `GET /messages/pending` and its count: the queue of an agent, page by page (provider API; delivery, pick-up).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_address::Profile;
use amp_envelope::{JsonKind, JsonValue, MessageId, Timestamp};

use super::fault::Fault;
use super::member::{Member, Members, ObjectWriter, misfit, write_text};
use super::{ApiError, CarriedKey, CarriedMessage, Endpoint, Extra, Request, RequestParts};

/// Longest cursor, in bytes.
const CURSOR_MAX_BYTES: usize = 1_024;

/// Longest time for which a provider holds a request for messages.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A place in a list that a provider hands out page by page. Only the provider knows what it means.
///
/// ```
/// use amp_core::wire::Cursor;
///
/// let cursor = Cursor::new("c_01HZX9").ok_or("no cursor")?;
/// assert_eq!(cursor.as_str(), "c_01HZX9");
/// assert_eq!(Cursor::new("two\nlines"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(Box<str>);

impl Cursor {
    /// Takes 1 to 1,024 visible ASCII characters; none for anything else.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits =
            (1..=CURSOR_MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }

    /// The cursor as text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

/// Visible ASCII, cut.
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({})", crate::trust::Printable::name(&self.0))
    }
}

impl Cursor {
    /// The cursor that a request names as this parameter.
    pub(super) fn of_query(parts: &RequestParts, name: &'static str) -> Result<Option<Self>, ApiError> {
        let Some(text) = parts.query_value(name)? else { return Ok(None) };
        let cursor = Self::new(text).ok_or_else(|| misfit::<Self>().within(name).of_request())?;
        Ok(Some(cursor))
    }
}

impl Member for Cursor {
    const RULE: &'static str = "a cursor is 1 to 1,024 visible ASCII characters";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        value.as_str().and_then(|text| Self::new(&text)).ok_or_else(misfit::<Self>)
    }

    fn write(&self, out: &mut String) {
        write_text(&self.0, out);
    }
}

/// Asks for the messages that wait, oldest first.
///
/// `after` and `wait` mean something only to a provider that says so in its capabilities (`notify:v1`,
/// `notify:longpoll`).
///
/// ```
/// use core::time::Duration;
/// use amp_core::wire::{Cursor, GetPending, Request};
///
/// let request = GetPending::new().with_limit(10).with_wait(Duration::from_secs(25));
/// assert_eq!(request.to_parts().path, "/messages/pending");
/// assert_eq!(GetPending::from_parts(&request.to_parts())?, request);
/// # Ok::<(), amp_core::wire::ApiError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetPending {
    /// How many messages at most. The provider has its own limit, and takes 0 for it.
    pub limit: Option<u32>,
    /// Only what was queued after this place.
    pub after: Option<Cursor>,
    /// For how long the provider may hold the request when nothing waits, in whole seconds up to 30.
    pub wait: Option<Duration>,
}

impl GetPending {
    /// Asks for as many as the provider gives.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for at most so many.
    #[must_use]
    pub const fn with_limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Asks for what was queued after this place.
    #[must_use]
    pub fn with_after(mut self, after: Cursor) -> Self {
        self.after = Some(after);
        self
    }

    /// Lets the provider hold the request when nothing waits: whole seconds, 30 at most.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = Some(Duration::from_secs(wait.min(WAIT_MAX).as_secs()));
        self
    }
}

impl Request for GetPending {
    const ENDPOINT: Endpoint = Endpoint::GetPending;
    type Answer = Pending;

    fn to_parts(&self) -> RequestParts {
        RequestParts::to(Self::ENDPOINT, &[])
            .with_optional_query("limit", self.limit)
            .with_optional_query("after", self.after.as_ref().map(Cursor::as_str))
            .with_optional_query("wait", self.wait.map(|wait| wait.as_secs()))
    }

    fn from_parts(parts: &RequestParts) -> Result<Self, ApiError> {
        parts.arrive(Self::ENDPOINT)?;
        let seconds: Option<u64> = parts.query_parsed("wait", "the value is a number of seconds")?;
        let request = Self {
            limit: parts.query_parsed("limit", "the value is a whole number")?,
            after: Cursor::of_query(parts, "after")?,
            wait: None,
        };
        Ok(seconds.map(Duration::from_secs).map_or(request.clone(), |wait| request.with_wait(wait)))
    }
}

/// A page of messages that wait.
///
/// An entry that is no message does not cost the rest of the page: it is counted in `unreadable`.
///
/// ```
/// use amp_core::wire::{Answer, AnswerParts, Pending};
///
/// let body = br#"{"messages":[{"id":"msg_1706648400_abc123","envelope":{"id":"msg_1706648400_abc123"},"payload":{},
///     "queued_at":"2025-01-30T10:00:00Z"},{"id":"msg_2"}],"count":2,"remaining":0}"#;
/// let page = Pending::from_parts(&AnswerParts::new(200).with_body(body.to_vec()))?;
/// assert_eq!(page.messages[0].message.as_bytes(), br#"{"envelope":{"id":"msg_1706648400_abc123"},"payload":{}}"#);
/// assert_eq!(page.unreadable[0].id.as_ref().map(|id| id.as_str()), Some("msg_2"));
/// # Ok::<(), amp_core::wire::ApiError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// The messages, oldest first.
    pub messages: Vec<PendingMessage>,
    /// Entries that are no messages.
    pub unreadable: Vec<UnreadableMessage>,
    /// How many more wait.
    pub remaining: Option<u64>,
    /// The place after this page.
    pub next_cursor: Option<Cursor>,
    /// Members that this version does not know.
    pub extra: Extra,
}

/// A message that waits in the queue. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingMessage {
    /// The id by which it is acknowledged.
    pub id: MessageId,
    /// The message, byte for byte, for [`Receiver::receive`](crate::receive::Receiver::receive).
    pub message: CarriedMessage,
    /// The key that travels beside it: a hint.
    pub sender_public_key: Option<CarriedKey>,
    /// Since when it waits, by the provider's clock.
    pub queued_at: Option<Timestamp>,
    /// When the provider drops it.
    pub expires_at: Option<Timestamp>,
    /// Members that this version does not know.
    pub extra: Extra,
}

/// An entry of a page that is no message: it has no envelope, no payload or no id. It can be acknowledged when its id is
/// known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableMessage {
    /// The id, if there is one.
    pub id: Option<MessageId>,
}

impl Pending {
    /// A page with these messages.
    #[must_use]
    pub fn new(messages: Vec<PendingMessage>) -> Self {
        Self { messages, ..Self::default() }
    }
}

impl PendingMessage {
    /// A message that waits under this id.
    #[must_use]
    pub fn new(id: MessageId, message: CarriedMessage) -> Self {
        let extra = Extra::default();
        Self { id, message, sender_public_key: None, queued_at: None, expires_at: None, extra }
    }

    const MEMBERS: &'static [&'static str] =
        &["id", "envelope", "payload", "sender_public_key", "queued_at", "expires_at"];

    /// Reads an entry. Deployed providers may leave the id to the envelope. A time that is none does not cost the message.
    fn read(value: JsonValue<'_>) -> Result<Self, UnreadableMessage> {
        let id = value.get("id").and_then(|id| id.as_str());
        let id = id.and_then(|id| MessageId::parse_with(&id, Profile::Deployed).ok());
        let message = CarriedMessage::read(&value);
        let id = id.or_else(|| message.as_ref()?.id().cloned());
        let (Some(id), Some(message)) = (id.clone(), message) else { return Err(UnreadableMessage { id }) };
        let Ok(members) = Members::of(value) else { return Err(UnreadableMessage { id: Some(id) }) };
        Ok(Self {
            id,
            message,
            sender_public_key: CarriedKey::read(&value),
            queued_at: members.read("queued_at").ok(),
            expires_at: members.read("expires_at").ok(),
            extra: members.extra(Self::MEMBERS),
        })
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.text("id", self.id.as_str());
        object.members(self.message.members());
        if let Some(key) = &self.sender_public_key {
            object.text("sender_public_key", key.as_str());
        }
        object.member("queued_at", &self.queued_at);
        object.member("expires_at", &self.expires_at);
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
    }
}

impl Pending {
    const MEMBERS: &'static [&'static str] = &["messages", "count", "remaining", "next_cursor"];
}

impl Member for Pending {
    const RULE: &'static str = "the value is an object";

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        let entries = members.get("messages").ok_or_else(|| Fault::missing("messages"))?;
        if entries.kind() != JsonKind::Array {
            return Err(Fault::invalid("messages", "the value is a list"));
        }
        let mut page = Self {
            remaining: members.read("remaining")?,
            next_cursor: members.read("next_cursor")?,
            extra: members.extra(Self::MEMBERS),
            ..Self::default()
        };
        for entry in entries.elements() {
            match PendingMessage::read(entry) {
                Ok(message) => page.messages.push(message),
                Err(unreadable) => page.unreadable.push(unreadable),
            }
        }
        Ok(page)
    }

    fn write(&self, out: &mut String) {
        let mut messages = String::from("[");
        for (at, message) in self.messages.iter().enumerate() {
            if at > 0 {
                messages.push(',');
            }
            message.write(&mut messages);
        }
        messages.push(']');
        let mut object = ObjectWriter::open(out);
        object.raw("messages", &messages);
        object.raw("count", &self.messages.len().to_string());
        object.member("remaining", &self.remaining);
        object.member("next_cursor", &self.next_cursor);
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
    }
}

json_answer!(Pending, 200);

/// Asks how many messages wait, without fetching them. For providers with the capability `notify:v1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountPending;

bare_request!(CountPending => PendingCount);

object! {
    /// How many messages wait. It says nothing of what they hold.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PendingCount {
        /// The number of messages.
        pub count: u64,
        /// Since when the oldest waits.
        pub oldest_queued_at: Option<Timestamp>,
        /// The newest place in the queue.
        pub cursor: Option<Cursor>,
    }
}

json_answer!(PendingCount, 200);

impl PendingCount {
    /// So many wait.
    #[must_use]
    pub fn new(count: u64) -> Self {
        Self { count, oldest_queued_at: None, cursor: None, extra: Extra::default() }
    }
}
