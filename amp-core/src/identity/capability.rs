//! What an agent says it can do, by name (cards).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use core::fmt;

/// A capability that a card states. An open list: names that this version does not know are kept.
///
/// ```
/// use amp_core::identity::Capability;
///
/// assert_eq!(Capability::from_wire("threading"), Capability::Threading);
/// let review = Capability::from_wire("github:code_review");
/// assert!(review.is_namespaced());
/// assert_eq!(review.as_str(), "github:code_review");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// `attachments`: reads files beside the message.
    Attachments,
    /// `threading`: answers within threads.
    Threading,
    /// `priority`: orders deliveries by priority.
    Priority,
    /// `webhooks`: takes pushes over HTTP.
    Webhooks,
    /// `websocket`: takes pushes over a WebSocket.
    Websocket,
    /// `sealed:v1`: opens [sealed](crate::sealing) messages.
    Sealed,
    /// A name of somebody's own, `namespace:name`, or one that this version does not know.
    Other(OtherCapability),
}

/// The name of a capability that this version does not know, as received.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherCapability(String);

impl Capability {
    /// Reads a name. Unknown ones are kept, of whatever grammar.
    #[must_use]
    pub fn from_wire(name: &str) -> Self {
        match name {
            "attachments" => Self::Attachments,
            "threading" => Self::Threading,
            "priority" => Self::Priority,
            "webhooks" => Self::Webhooks,
            "websocket" => Self::Websocket,
            "sealed:v1" => Self::Sealed,
            other => Self::Other(OtherCapability(other.into())),
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Attachments => "attachments",
            Self::Threading => "threading",
            Self::Priority => "priority",
            Self::Webhooks => "webhooks",
            Self::Websocket => "websocket",
            Self::Sealed => "sealed:v1",
            Self::Other(name) => &name.0,
        }
    }

    /// Whether the name is `namespace:name`, each of 1 to 63 of `a-z 0-9 . _ -`: what a name of one's own must be.
    #[must_use]
    pub fn is_namespaced(&self) -> bool {
        let is_part = |part: &str| {
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            (1..=63).contains(&part.len())
                && part.bytes().all(|byte| is_letter(byte) || b"._-".contains(&byte))
                && part.bytes().next().is_some_and(is_letter)
        };
        self.as_str().split_once(':').is_some_and(|(namespace, name)| is_part(namespace) && is_part(name))
    }
}

/// Names from outside are shown escaped, and their first 64 characters only.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.as_str().chars().take(64) {
            write!(f, "{}", character.escape_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_ones_own_has_a_namespace() {
        for (name, namespaced) in [
            ("github:code_review", true),
            ("a:b", true),
            ("messaging", false),
            (":b", false),
            ("a:", false),
            ("a:b:c", false),
            ("A:b", false),
            ("-a:b", false),
            ("a:b c", false),
        ] {
            assert_eq!(Capability::from_wire(name).is_namespaced(), namespaced, "{name}");
        }
    }

    #[test]
    fn a_name_from_outside_is_shown_escaped() {
        assert_eq!(Capability::from_wire("x\u{1b}]0;\u{202e}").to_string(), r"x\u{1b}]0;\u{202e}");
    }
}
