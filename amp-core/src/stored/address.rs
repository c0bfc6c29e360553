//! An address in an effect: its normal form. The deployed profile reads every address that was ever accepted.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;

use amp_address::{Address, Profile};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(value: &Address, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(value.as_str())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Address, D::Error> {
    let text = Cow::<'_, str>::deserialize(from)?;
    Address::parse_with(&text, Profile::Deployed).map_err(|_| D::Error::custom("an address"))
}

/// An address or nothing.
pub(crate) mod optional {
    use super::{Address, Cow, Deserialize, Deserializer, Profile, Serializer};
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(crate) fn serialize<S: Serializer>(value: &Option<Address>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(address) => to.serialize_str(address.as_str()),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Address>, D::Error> {
        let Some(text) = Option::<Cow<'_, str>>::deserialize(from)? else { return Ok(None) };
        Address::parse_with(&text, Profile::Deployed).map(Some).map_err(|_| D::Error::custom("an address"))
    }
}
