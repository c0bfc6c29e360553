//! What a provider says to an agent over a socket (provider API, WebSocket; deployed dialects).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::{Address, Profile};
use amp_envelope::{JsonValue, MessageId, Timestamp};

use super::super::carried::{CarriedKey, CarriedMessage};
use super::super::code::ApiErrorCode;
use super::super::member::ObjectWriter;
use super::super::words::{Basis, DeliveryMethod};
use super::{FrameError, OtherFrame, Parsed};

/// Longest text of a provider that is kept, in characters: an address, an explanation.
const TEXT_MAX_CHARS: usize = 256;

/// How a provider arranges its frames. Readers take both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameShape {
    /// What a frame is about stands in its `data`, and a pushed message is a `message.new`.
    #[default]
    Standard,
    /// As the deployed reference provider does: all members beside `type`, and a pushed message is a `message`.
    Flat,
}

/// A frame from a provider to an agent.
///
/// ```
/// use amp_core::wire::{FrameShape, ServerFrame};
///
/// let flat = br#"{"type":"connected","address":"bob@acme.crabmail.ai","pending_count":2}"#;
/// let frame = ServerFrame::decode(flat)?;
/// assert!(matches!(&frame, ServerFrame::Connected(connected) if connected.pending_count == Some(2)));
/// assert_eq!(
///     frame.encode(FrameShape::Standard),
///     r#"{"type":"connected","data":{"address":"bob@acme.crabmail.ai","pending_count":2}}"#
/// );
/// # Ok::<(), amp_core::wire::FrameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerFrame {
    /// The key was accepted.
    Connected(ConnectedFrame),
    /// The answer to a ping.
    Pong(PongFrame),
    /// A message for the agent.
    MessageNew(MessageFrame),
    /// A message that the agent sent was delivered.
    MessageDelivered(DeliveredFrame),
    /// A message that the agent sent was read.
    MessageRead(ReadFrame),
    /// Something was refused.
    Error(ErrorFrame),
    /// An attachment was scanned. Reserved: nobody has said what is in it.
    AttachmentScanned(OtherFrame),
    /// A type that this version does not know.
    Other(OtherFrame),
}

impl ServerFrame {
    /// Reads the text of a frame, in either shape.
    ///
    /// # Errors
    /// [`FrameError`] when it is longer than [`FRAME_MAX_BYTES`](super::FRAME_MAX_BYTES), not JSON of the profile, has
    /// no type, or lacks what its type wants.
    pub fn decode(text: &[u8]) -> Result<Self, FrameError> {
        let parsed = Parsed::read(text)?;
        Ok(match parsed.kind.as_str() {
            "connected" => Self::Connected(ConnectedFrame::read(parsed.body)),
            "pong" => Self::Pong(PongFrame { timestamp: time(parsed.body, "timestamp") }),
            "message.new" | "message" => Self::MessageNew(MessageFrame::read(&parsed)?),
            "message.delivered" => Self::MessageDelivered(DeliveredFrame::read(parsed.body)?),
            "message.read" => Self::MessageRead(ReadFrame::read(parsed.body)?),
            "error" => Self::Error(ErrorFrame::read(&parsed)?),
            "attachment.scanned" => Self::AttachmentScanned(parsed.other()),
            _ => Self::Other(parsed.other()),
        })
    }

    /// The frame's text. What came as [`Other`](Self::Other) is written as it came.
    #[must_use]
    pub fn encode(&self, shape: FrameShape) -> String {
        match self {
            Self::Connected(frame) => written("connected", shape, |object| frame.write(object)),
            Self::Pong(frame) => written("pong", FrameShape::Flat, |object| {
                write_time(object, "timestamp", frame.timestamp);
            }),
            Self::MessageNew(frame) => frame.text(shape),
            Self::MessageDelivered(frame) => {
                written("message.delivered", shape, |object| frame.write(object))
            }
            Self::MessageRead(frame) => written("message.read", shape, |object| frame.write(object)),
            Self::Error(frame) => written("error", FrameShape::Flat, |object| frame.write(object)),
            Self::AttachmentScanned(frame) | Self::Other(frame) => frame.as_json().into(),
        }
    }
}

/// Writes a frame whose members stand where the shape has them.
fn written(kind: &str, shape: FrameShape, write: impl FnOnce(&mut ObjectWriter<'_>)) -> String {
    let mut text = String::new();
    let mut frame = ObjectWriter::open(&mut text);
    frame.text("type", kind);
    match shape {
        FrameShape::Flat => write(&mut frame),
        FrameShape::Standard => {
            let mut data = String::new();
            let mut object = ObjectWriter::open(&mut data);
            write(&mut object);
            object.close();
            frame.raw("data", &data);
        }
    }
    frame.close();
    text
}

/// The key was accepted: as whom the provider knows the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectedFrame {
    /// The agent's address, if one stands there. Deployed providers name scoped agents by a shorter one here.
    pub address: Option<Address>,
    /// How many messages wait in the queue.
    pub pending_count: Option<u64>,
}

impl ConnectedFrame {
    /// The agent with this address is connected.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { address: Some(address), pending_count: None }
    }

    /// Says how many messages wait in the queue.
    #[must_use]
    pub const fn with_pending_count(mut self, count: u64) -> Self {
        self.pending_count = Some(count);
        self
    }

    fn read(body: JsonValue<'_>) -> Self {
        Self { address: address(body, "address"), pending_count: number(body, "pending_count") }
    }

    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.member("address", &self.address);
        object.member("pending_count", &self.pending_count);
    }
}

/// The answer to a ping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PongFrame {
    /// The provider's clock. None when it says nothing, or no time.
    pub timestamp: Option<Timestamp>,
}

impl PongFrame {
    /// A pong by the provider's clock.
    #[must_use]
    pub const fn new(timestamp: Timestamp) -> Self {
        Self { timestamp: Some(timestamp) }
    }
}

/// A message for the agent. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageFrame {
    /// The id under which the provider keeps the message, and by which it is acknowledged.
    pub id: MessageId,
    /// The message as it came.
    pub message: CarriedMessage,
    /// Whether it lay in the queue before.
    pub replay: bool,
    /// The key that travels beside it: a hint.
    pub sender_public_key: Option<CarriedKey>,
    /// When the provider put it into the queue, or sent it, by its own clock.
    pub delivered_at: Option<Timestamp>,
}

impl MessageFrame {
    /// A message that the provider keeps under this id.
    #[must_use]
    pub const fn new(id: MessageId, message: CarriedMessage) -> Self {
        Self { id, message, replay: false, sender_public_key: None, delivered_at: None }
    }

    /// Marks it as one that lay in the queue.
    #[must_use]
    pub const fn replayed(mut self) -> Self {
        self.replay = true;
        self
    }

    /// The id stands beside the message, or else in its envelope.
    fn read(parsed: &Parsed<'_>) -> Result<Self, FrameError> {
        let message = CarriedMessage::read(&parsed.body);
        let message = message.ok_or(FrameError::invalid("data", "a message is an envelope and a payload"))?;
        let stated = present(parsed.body, "id").map(message_id).transpose()?;
        let id = stated.or_else(|| message.id().cloned()).ok_or(FrameError::Missing { field: "id" })?;
        let is_true =
            |value: JsonValue<'_>| value.get("replay").is_some_and(|replay| replay.as_bool() == Some(true));
        Ok(Self {
            id,
            message,
            replay: is_true(parsed.frame) || is_true(parsed.body),
            sender_public_key: CarriedKey::read(&parsed.body),
            delivered_at: time(parsed.body, "delivered_at"),
        })
    }

    fn text(&self, shape: FrameShape) -> String {
        let members = self.message.members();
        let mut beside = String::new();
        let mut object = ObjectWriter::open(&mut beside);
        if shape == FrameShape::Standard || self.message.id() != Some(&self.id) {
            object.text("id", self.id.as_str());
        }
        if let Some(key) = &self.sender_public_key {
            object.text("sender_public_key", key.as_str());
        }
        write_time(&mut object, "delivered_at", self.delivered_at);
        object.close();
        let beside = beside.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        let comma = if beside.is_empty() { "" } else { "," };
        let replay = if self.replay { "\"replay\":true," } else { "" };
        match shape {
            FrameShape::Standard => {
                ["{\"type\":\"message.new\",", replay, "\"data\":{", beside, comma, members, "}}"].concat()
            }
            FrameShape::Flat => ["{\"type\":\"message\",", replay, members, comma, beside, "}"].concat(),
        }
    }
}

/// A message that the agent sent was delivered, as far as the basis says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveredFrame {
    /// The message.
    pub id: MessageId,
    /// Its recipient.
    pub to: Option<Address>,
    /// When, by the provider's clock.
    pub delivered_at: Option<Timestamp>,
    /// On which way.
    pub method: Option<DeliveryMethod>,
    /// What was proven.
    pub basis: Option<Basis>,
}

impl DeliveredFrame {
    /// The message with this id was delivered.
    #[must_use]
    pub const fn new(id: MessageId) -> Self {
        Self { id, to: None, delivered_at: None, method: None, basis: None }
    }

    fn read(body: JsonValue<'_>) -> Result<Self, FrameError> {
        Ok(Self {
            id: required_id(body)?,
            to: address(body, "to"),
            delivered_at: time(body, "delivered_at"),
            method: word(body, "method").map(|word| DeliveryMethod::read(&word)),
            basis: word(body, "basis").map(|word| Basis::read(&word)),
        })
    }

    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.text("id", self.id.as_str());
        object.member("to", &self.to);
        write_time(object, "delivered_at", self.delivered_at);
        object.member("method", &self.method);
        object.member("basis", &self.basis);
    }
}

/// A message that the agent sent was read. It says nothing about the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadFrame {
    /// The message.
    pub id: MessageId,
    /// When, by the provider's clock.
    pub read_at: Option<Timestamp>,
}

impl ReadFrame {
    /// The message with this id was read.
    #[must_use]
    pub const fn new(id: MessageId) -> Self {
        Self { id, read_at: None }
    }

    fn read(body: JsonValue<'_>) -> Result<Self, FrameError> {
        Ok(Self { id: required_id(body)?, read_at: time(body, "read_at") })
    }

    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.text("id", self.id.as_str());
        write_time(object, "read_at", self.read_at);
    }
}

/// Something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorFrame {
    /// Why.
    pub code: ApiErrorCode,
    /// An explanation for people, at most 256 characters. Text from outside: show it with
    /// [`Printable`](crate::trust::Printable).
    pub message: Option<Box<str>>,
    /// The message that it is about, if it says so.
    pub id: Option<MessageId>,
}

impl ErrorFrame {
    /// A refusal with this code.
    #[must_use]
    pub const fn new(code: ApiErrorCode) -> Self {
        Self { code, message: None, id: None }
    }

    /// Explains it to people.
    #[must_use]
    pub fn with_message(mut self, message: &str) -> Self {
        self.message = Some(message.chars().take(TEXT_MAX_CHARS).collect());
        self
    }

    /// Members beside `type` are preferred: both shapes have `error` there.
    fn read(parsed: &Parsed<'_>) -> Result<Self, FrameError> {
        let body = if parsed.frame.get("error").is_some() { parsed.frame } else { parsed.body };
        let code = word(body, "error").ok_or(FrameError::Missing { field: "error" })?;
        let message = body.get("message").and_then(|message| message.as_str());
        Ok(Self {
            code: ApiErrorCode::read(&code),
            message: message.map(|message| message.chars().take(TEXT_MAX_CHARS).collect()),
            id: present(body, "id").and_then(|id| message_id(id).ok()),
        })
    }

    fn write(&self, object: &mut ObjectWriter<'_>) {
        object.text("error", self.code.as_str());
        if let Some(message) = &self.message {
            object.text("message", message);
        }
        if let Some(id) = &self.id {
            object.text("id", id.as_str());
        }
    }
}

/// The member, unless it is absent or null.
fn present<'a>(object: JsonValue<'a>, name: &str) -> Option<JsonValue<'a>> {
    object.get(name).filter(|value| !value.is_null())
}

fn word(object: JsonValue<'_>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(alloc::borrow::Cow::into_owned)
}

fn number(object: JsonValue<'_>, name: &str) -> Option<u64> {
    object.get(name)?.as_u64().filter(|number| *number < 1 << 53)
}

/// A time that nothing depends on: what is none is left out.
fn time(object: JsonValue<'_>, name: &str) -> Option<Timestamp> {
    object.get(name)?.as_str()?.parse().ok()
}

fn write_time(object: &mut ObjectWriter<'_>, name: &str, time: Option<Timestamp>) {
    object.member(name, &time);
}

fn message_id(value: JsonValue<'_>) -> Result<MessageId, FrameError> {
    let id = value.as_str().and_then(|id| MessageId::parse_with(&id, Profile::Deployed).ok());
    id.ok_or(FrameError::invalid("id", "the value is a message id"))
}

fn required_id(body: JsonValue<'_>) -> Result<MessageId, FrameError> {
    present(body, "id").ok_or(FrameError::Missing { field: "id" }).and_then(message_id)
}

fn address(body: JsonValue<'_>, name: &str) -> Option<Address> {
    Address::parse_with(&body.get(name)?.as_str()?, Profile::Deployed).ok()
}
