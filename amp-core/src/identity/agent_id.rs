//! The identifier that an agent gives itself: a UUID of version 4 (cards, identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// An agent's own identifier, a random UUID. Its names and addresses may change, it does not.
///
/// It is a label, never a proof: what an agent is known by is its key. Read in either case, written in lower case.
///
/// ```
/// use amp_core::identity::AgentId;
///
/// let id: AgentId = "A1B2C3D4-E5F6-4A7B-8C9D-0E1F2A3B4C5D".parse()?;
/// assert_eq!(id.as_str(), "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");
/// assert_eq!(AgentId::from_random_bytes([0; 16]).as_str(), "00000000-0000-4000-8000-000000000000");
/// assert!("a1b2c3d4-e5f6-1a7b-8c9d-0e1f2a3b4c5d".parse::<AgentId>().is_err()); // version 1
/// # Ok::<(), amp_core::identity::AgentIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(String);

/// A text that is no UUID of version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an agent's id is a UUID of version 4")]
pub struct AgentIdError;

impl AgentId {
    /// Makes an id of 16 random bytes; the six bits that say what it is are set.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        let random = u128::from_be_bytes(bytes);
        let versioned = random & !(0xf << 76) & !(0b11 << 62) | (0x4 << 76) | (0b10 << 62);
        let digits = format!("{versioned:032x}");
        let mut text = String::with_capacity(36);
        for (position, digit) in digits.chars().enumerate() {
            if matches!(position, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        Self(text)
    }

    /// The id as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgentId {
    type Err = AgentIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() == 36
            && text.bytes().enumerate().all(|(position, byte)| match position {
                8 | 13 | 18 | 23 => byte == b'-',
                14 => byte == b'4',
                19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
                _ => byte.is_ascii_hexdigit(),
            });
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(AgentIdError) }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_reads_back() {
        for byte in 0..=u8::MAX {
            let id = AgentId::from_random_bytes([byte; 16]);
            assert_eq!(id.as_str().parse::<AgentId>(), Ok(id));
        }
    }

    #[test]
    fn nothing_but_a_uuid_of_version_4_is_an_id() {
        for text in [
            "",
            "a1b2c3d4e5f64a7b8c9d0e1f2a3b4c5d",
            "{a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d}",
            "a1b2c3d4-e5f6-4a7b-cc9d-0e1f2a3b4c5d",
            "a1b2c3d4-e5f6-7a7b-8c9d-0e1f2a3b4c5d",
            "g1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
            "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5",
            "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4\u{e9}d",
        ] {
            assert_eq!(text.parse::<AgentId>(), Err(AgentIdError), "{text}");
        }
    }
}
