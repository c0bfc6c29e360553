//! An id that a provider gave and that only the provider understands (provider API).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use core::fmt;
use core::str::FromStr;

use super::fault::WireError;

/// The id of an agent or of something else, as a provider gave it: 1 to 128 of `A-Z a-z 0-9 . _ : @ -`.
///
/// It stands in paths, so it is neither `.` nor `..`.
///
/// ```
/// use amp_core::wire::OpaqueId;
///
/// assert_eq!("agt_7f53efb3".parse::<OpaqueId>()?.as_str(), "agt_7f53efb3");
/// assert!("../agents/me".parse::<OpaqueId>().is_err());
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpaqueId(Box<str>);

impl OpaqueId {
    /// The id as text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OpaqueId {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'@' | b'-');
        let fits =
            (1..=128).contains(&text.len()) && text.bytes().all(is_plain) && !matches!(text, "." | "..");
        let rule = "an id is 1 to 128 of A-Z, a-z, 0-9 and ._:@-";
        if fits { Ok(Self(text.into())) } else { Err(WireError::Field { field: "id", rule }) }
    }
}

impl fmt::Display for OpaqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
