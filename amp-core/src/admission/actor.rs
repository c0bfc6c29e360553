//! Who caused a transition (guardrails, pair grants).

use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use amp_address::Address;
use serde::{Deserialize, Deserializer, Serialize, de};

/// Longest name of an actor, in bytes: that of an address.
const ACTOR_MAX_BYTES: usize = 254;

/// Who caused a transition: an agent by its address, or a person or program by the name that the host has for it.
///
/// One to 254 printable ASCII characters without a space, so that it can stand in a log as it is.
///
/// ```
/// use amp_core::admission::Actor;
///
/// let owner: Actor = "owner:42".parse()?;
/// assert_eq!(owner.as_str(), "owner:42");
/// assert!("two words".parse::<Actor>().is_err());
/// # Ok::<(), amp_core::admission::ActorError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Actor(Box<str>);

/// A text that names no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an actor is 1 to 254 printable ASCII characters without a space")]
#[non_exhaustive]
pub struct ActorError;

impl Actor {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        let is_name =
            (1..=ACTOR_MAX_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if is_name { Ok(Self(text.into())) } else { Err(ActorError) }
    }
}

impl From<&Address> for Actor {
    fn from(address: &Address) -> Self {
        Self(address.as_str().into())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Box<str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
