//! A public key in an effect: 64 hex digits for Ed25519, PEM for others. A weak key is refused when it is read.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;

use amp_crypto::VerifyingKey;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(value: &VerifyingKey, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&value.to_hex().unwrap_or_else(|| value.to_pem()))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<VerifyingKey, D::Error> {
    let text = Cow::<'_, str>::deserialize(from)?;
    VerifyingKey::parse(&text).map_err(|_| D::Error::custom("a public key"))
}
