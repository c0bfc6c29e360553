//! How effects are written down and read back (trust, replay; provider API, delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::String;

use amp_envelope::{JsonValue, write_json};
use serde::{Deserialize, Serialize};

pub(crate) mod address;
pub(crate) mod key;

/// An effect as one line of JSON, with the version of its form in front.
pub(crate) fn write_effect(version: u64, effect: &impl Serialize) -> String {
    let json = write_json(effect).unwrap_or_default();
    let members = json.strip_prefix('{').unwrap_or_default();
    format!(r#"{{"v":{version},{members}"#)
}

/// Reads what [`write_effect`] wrote in this version.
pub(crate) fn read_effect<'j, T: Deserialize<'j>>(version: u64, json: &'j [u8]) -> Result<T, EffectError> {
    let value = JsonValue::read_object(json).map_err(|_| EffectError)?;
    if value.get("v").and_then(|stated| stated.as_u64()) != Some(version) {
        return Err(EffectError);
    }
    T::deserialize(value).map_err(|_| EffectError)
}

/// A text that is no effect of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an effect that this version of the library wrote")]
#[non_exhaustive]
pub struct EffectError;

impl EffectError {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> amp_envelope::ErrorCode {
        amp_envelope::ErrorCode::InvalidField
    }
}
