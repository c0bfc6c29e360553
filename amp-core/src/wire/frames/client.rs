//! What an agent says to its provider over a socket (provider API, WebSocket).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use amp_address::Profile;
use amp_crypto::SecretText;
use amp_envelope::limits::MESSAGE_JSON_MAX_BYTES;
use amp_envelope::{JsonKind, JsonValue, MessageId, SignedMessage};

use super::super::member::ObjectWriter;
use super::{FrameError, OtherFrame, Parsed};
use crate::identity::ApiKey;

/// A frame from an agent to its provider.
///
/// ```
/// use amp_core::wire::{AckFrame, ClientFrame};
///
/// let ack = ClientFrame::Ack(AckFrame::new("msg_1706648400_abc123".parse()?));
/// assert_eq!(ack.encode().expose(), r#"{"type":"ack","id":"msg_1706648400_abc123"}"#);
/// let older = ClientFrame::decode(br#"{"type":"message.ack","id":"msg_1706648400_abc123"}"#)?;
/// assert!(matches!(older, ClientFrame::Ack(ack) if ack.id.as_str() == "msg_1706648400_abc123"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientFrame {
    /// The first frame: who it is.
    Auth(AuthFrame),
    /// A sign of life, which wants one back.
    Ping,
    /// A message to send.
    Route(RouteFrame),
    /// A message is stored, and may leave the queue.
    Ack(AckFrame),
    /// A type that this version does not know.
    Other(OtherFrame),
}

impl ClientFrame {
    /// Reads the text of a frame.
    ///
    /// # Errors
    /// [`FrameError`] when it is longer than [`FRAME_MAX_BYTES`](super::FRAME_MAX_BYTES), not JSON of the profile, has
    /// no type, or lacks what its type wants.
    pub fn decode(text: &[u8]) -> Result<Self, FrameError> {
        let parsed = Parsed::read(text)?;
        Ok(match parsed.kind.as_str() {
            "auth" => Self::Auth(AuthFrame::read(&parsed)?),
            "ping" => Self::Ping,
            "route" => Self::Route(RouteFrame::read(&parsed)?),
            "ack" => Self::Ack(AckFrame::read(&parsed, AckSpelling::Ack)?),
            "message.ack" => Self::Ack(AckFrame::read(&parsed, AckSpelling::MessageAck)?),
            _ => Self::Other(parsed.other()),
        })
    }

    /// The frame's text. It holds the API key when it is [`Auth`](Self::Auth), so no log may.
    #[must_use]
    pub fn encode(&self) -> SecretText {
        match self {
            Self::Auth(auth) => AuthFrame::text(&auth.token),
            Self::Ping => SecretText::new(PING.into()),
            Self::Route(route) => {
                SecretText::new(["{\"type\":\"route\",\"data\":", route.as_json(), "}"].concat())
            }
            Self::Ack(ack) => SecretText::new(ack.text()),
            Self::Other(other) => SecretText::new(other.as_json().into()),
        }
    }
}

/// The text of a ping.
pub(crate) const PING: &str = r#"{"type":"ping"}"#;

/// The first frame of a connection. Its `Debug` shows no key.
#[derive(Debug)]
#[non_exhaustive]
pub struct AuthFrame {
    /// The API key.
    pub token: ApiKey,
}

impl AuthFrame {
    /// An agent that has this key.
    #[must_use]
    pub const fn new(token: ApiKey) -> Self {
        Self { token }
    }

    pub(crate) fn text(token: &ApiKey) -> SecretText {
        let mut text = String::with_capacity(token.expose().len().saturating_add(48));
        let mut object = ObjectWriter::open(&mut text);
        object.text("type", "auth");
        object.text("token", token.expose());
        object.close();
        SecretText::new(text)
    }

    fn read(parsed: &Parsed<'_>) -> Result<Self, FrameError> {
        let token = parsed.body.get("token").ok_or(FrameError::Missing { field: "token" })?;
        let token = token.as_str().and_then(|token| token.parse().ok());
        let rule = "an API key is 8 to 512 visible ASCII characters";
        token.map(|token| Self { token }).ok_or(FrameError::invalid("token", rule))
    }
}

/// A message that is sent over the socket, as the body of `POST /route`. No frame answers it, and deployed providers
/// ignore it: prefer the request.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteFrame(Box<str>);

impl RouteFrame {
    /// Takes the body of a route request. None when it is not one JSON object of at most 512 KiB.
    #[must_use]
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let body = JsonValue::read_carrier(body, MESSAGE_JSON_MAX_BYTES).ok()?;
        Some(Self(body.raw().into()))
    }

    /// The body of the route request, for [`RouteBody::decode`](crate::RouteBody::decode).
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    fn read(parsed: &Parsed<'_>) -> Result<Self, FrameError> {
        let data = parsed.frame.get("data").ok_or(FrameError::Missing { field: "data" })?;
        if data.kind() != JsonKind::Object {
            return Err(FrameError::invalid("data", "the data is an object"));
        }
        Ok(Self(data.raw().into()))
    }
}

impl From<&SignedMessage> for RouteFrame {
    fn from(message: &SignedMessage) -> Self {
        Self(message.to_route_json().into())
    }
}

/// Shows no content.
impl fmt::Debug for RouteFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteFrame").field("bytes", &self.as_json().len()).finish_non_exhaustive()
    }
}

/// How an acknowledgement is spelled. The protocol's text has both; deployed providers know the first alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AckSpelling {
    /// `ack`
    #[default]
    Ack,
    /// `message.ack`
    MessageAck,
}

impl AckSpelling {
    /// The frame's type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::MessageAck => "message.ack",
        }
    }
}

/// A message is stored, and may leave the queue. Acknowledging twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AckFrame {
    /// The id under which the provider keeps the message.
    pub id: MessageId,
    /// How it is spelled.
    pub spelling: AckSpelling,
}

impl AckFrame {
    /// Acknowledges a message, spelled `ack`.
    #[must_use]
    pub const fn new(id: MessageId) -> Self {
        Self { id, spelling: AckSpelling::Ack }
    }

    /// Spells it otherwise.
    #[must_use]
    pub const fn spelled(mut self, spelling: AckSpelling) -> Self {
        self.spelling = spelling;
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut object = ObjectWriter::open(&mut text);
        object.text("type", self.spelling.as_str());
        object.text("id", self.id.as_str());
        object.close();
        text
    }

    fn read(parsed: &Parsed<'_>, spelling: AckSpelling) -> Result<Self, FrameError> {
        let id = parsed.body.get("id").ok_or(FrameError::Missing { field: "id" })?;
        let id = id.as_str().and_then(|id| MessageId::parse_with(&id, Profile::Deployed).ok());
        let id = id.ok_or(FrameError::invalid("id", "the value is a message id"))?;
        Ok(Self { id, spelling })
    }
}
