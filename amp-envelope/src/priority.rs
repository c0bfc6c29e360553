//! The envelope's `priority`: a closed list of four (topic: messages, envelope).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::ErrorCode;

/// How soon the sender would like a message to be read.
///
/// The wire names are lower case and there are only these four; an envelope without a priority means [`Priority::Normal`].
///
/// ```
/// use amp_envelope::Priority;
///
/// assert_eq!("urgent".parse(), Ok(Priority::Urgent));
/// assert_eq!(Priority::default().as_str(), "normal");
/// assert!("Urgent".parse::<Priority>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the signing string names exactly these four")]
pub enum Priority {
    /// `urgent`
    Urgent,
    /// `high`
    High,
    /// `normal`, also meant when an envelope says nothing.
    #[default]
    Normal,
    /// `low`
    Low,
}

impl Priority {
    /// Every priority, the most pressing first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// The name on the wire and in the signing string.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// A text that is none of the four priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("priority is not one of urgent, high, normal, low")]
#[non_exhaustive]
pub struct UnknownPriority;

impl UnknownPriority {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::InvalidField
    }
}

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, UnknownPriority> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text).ok_or(UnknownPriority)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for Priority {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for Priority {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PriorityVisitor)
    }
}

struct PriorityVisitor;

impl de::Visitor<'_> for PriorityVisitor {
    type Value = Priority;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("urgent, high, normal or low")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Priority, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_names_read_back_as_themselves() {
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse(), Ok(priority));
            let json = serde_json::to_string(&priority).unwrap();
            assert_eq!(serde_json::from_str::<Priority>(&json).unwrap(), priority);
        }
    }

    #[test]
    fn no_other_spelling_is_a_priority() {
        for text in ["", "Normal", "NORMAL", " normal", "normal ", "medium", "critical", "0"] {
            assert_eq!(text.parse::<Priority>(), Err(UnknownPriority), "{text:?}");
        }
    }
}
