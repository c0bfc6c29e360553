//! The payload's `type`: ten names of the protocol and any other, kept as it came (topic: messages, payload).

use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::ErrorCode;
use crate::limits::MESSAGE_TYPE_MAX_BYTES;

/// What kind of message a payload is.
///
/// The list is open: a name that this library does not know is kept as it was received. What is *written* obeys a
/// grammar: a bare token such as `request`, or `namespace:name` such as `github:pull_request`, both of
/// `[A-Za-z0-9_.-]`, at most 128 bytes together. [`str::parse`] holds to it; [`MessageType::read`] takes anything.
///
/// ```
/// use amp_envelope::MessageType;
///
/// assert_eq!("handoff".parse(), Ok(MessageType::Handoff));
///
/// let bridged: MessageType = "github:pull_request".parse()?;
/// assert_eq!(bridged.namespace(), Some("github"));
/// assert_eq!(bridged.as_str(), "github:pull_request");
///
/// assert!("two words".parse::<MessageType>().is_err());
/// assert_eq!(MessageType::read("two words").as_str(), "two words");
/// # Ok::<(), amp_envelope::MessageTypeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageType {
    /// `request`: an answer is expected.
    #[default]
    Request,
    /// `response`: answers an earlier message.
    Response,
    /// `notification`: for information.
    Notification,
    /// `alert`: something needs attention.
    Alert,
    /// `task`: work handed over.
    Task,
    /// `status`: how a task stands.
    Status,
    /// `handoff`: a conversation passed to another agent.
    Handoff,
    /// `ack`: receipt of an earlier message.
    Ack,
    /// `update`: news about something under way.
    Update,
    /// `system`: from the network itself.
    System,
    /// Any other name. Its text is [`MessageType::as_str`].
    Other(OtherMessageType),
}

/// The text of a message type outside the protocol's own list.
///
/// Comes only from [`MessageType::read`] or [`str::parse`], so it never holds one of the listed names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherMessageType(Box<str>);

impl MessageType {
    const NAMED: [Self; 10] = [
        Self::Request,
        Self::Response,
        Self::Notification,
        Self::Alert,
        Self::Task,
        Self::Status,
        Self::Handoff,
        Self::Ack,
        Self::Update,
        Self::System,
    ];

    /// Takes a type as it was received: any text, kept exactly.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self::NAMED
            .into_iter()
            .find(|named| named.as_str() == text)
            .unwrap_or_else(|| Self::Other(OtherMessageType(text.into())))
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Notification => "notification",
            Self::Alert => "alert",
            Self::Task => "task",
            Self::Status => "status",
            Self::Handoff => "handoff",
            Self::Ack => "ack",
            Self::Update => "update",
            Self::System => "system",
            Self::Other(other) => &other.0,
        }
    }

    /// The part before the colon of a namespaced type: `github` of `github:pull_request`.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Other(other) => other.0.split_once(':').map(|(namespace, _)| namespace),
            _ => None,
        }
    }

    /// Whether the text obeys the grammar of types that are written; a received type need not.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        is_well_formed(self.as_str())
    }
}

/// A text that may be read as a message type but not written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("message type is not a token or namespace:name of letters, digits, '_', '.', '-' within 128 bytes")]
#[non_exhaustive]
pub struct MessageTypeError;

impl MessageTypeError {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::InvalidField
    }
}

fn is_well_formed(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
    };
    let (namespace, name) = text.split_once(':').unwrap_or(("-", text));
    text.len() <= MESSAGE_TYPE_MAX_BYTES && is_token(namespace) && is_token(name)
}

impl FromStr for MessageType {
    type Err = MessageTypeError;

    fn from_str(text: &str) -> Result<Self, MessageTypeError> {
        if is_well_formed(text) { Ok(Self::read(text)) } else { Err(MessageTypeError) }
    }
}

impl fmt::Display for MessageType {
    /// Writes the name; characters that could disturb a terminal are escaped, which only a received type can hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_well_formed() {
            f.pad(self.as_str())
        } else {
            write!(f, "{}", self.as_str().escape_default())
        }
    }
}

impl AsRef<str> for MessageType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for MessageType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MessageType {
    /// Takes any text, as [`MessageType::read`] does.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(MessageTypeVisitor)
    }
}

struct MessageTypeVisitor;

impl de::Visitor<'_> for MessageTypeVisitor {
    type Value = MessageType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message type")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<MessageType, E> {
        Ok(MessageType::read(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_own_names_read_back_as_themselves() {
        for named in MessageType::NAMED {
            assert_eq!(named.as_str().parse(), Ok(named.clone()));
            assert_eq!(MessageType::read(named.as_str()), named);
            assert_eq!(named.namespace(), None);
        }
    }

    #[test]
    fn an_unknown_type_is_kept_as_it_came() {
        for text in ["", "REQUEST", "a:b:c", "naïve", "github:pull_request", "\u{202e}x", &"x".repeat(4000)]
        {
            let read = MessageType::read(text);
            assert_eq!(read.as_str(), text);
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<MessageType>(&json).unwrap(), read);
        }
    }

    #[test]
    fn what_is_written_obeys_the_grammar() {
        let long = "x".repeat(MESSAGE_TYPE_MAX_BYTES);
        for text in ["poll", "github:pull_request", "x.y-z:1", long.as_str()] {
            assert!(text.parse::<MessageType>().is_ok(), "{text:?}");
        }
        let too_long = "x".repeat(MESSAGE_TYPE_MAX_BYTES + 1);
        for text in ["", ":", "a:", ":a", "a:b:c", "a b", "a/b", "a|b", "é", "a\n", too_long.as_str()] {
            assert_eq!(text.parse::<MessageType>(), Err(MessageTypeError), "{text:?}");
        }
    }

    #[test]
    fn display_escapes_what_could_disturb_a_terminal() {
        assert_eq!(alloc::format!("{}", MessageType::read("a\u{1b}[2J\u{202e}")), "a\\u{1b}[2J\\u{202e}");
    }
}
