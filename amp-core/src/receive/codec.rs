//! How the values inside effects are written in JSON: fingerprints as text, digests as unpadded base64url.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// A fingerprint: `SHA256:` and base64.
pub(super) mod fingerprint {
    use super::{Cow, Deserialize, Deserializer, Serializer};
    use amp_crypto::Fingerprint;
    use serde::de::Error as _;

    pub(in super::super) fn serialize<S: Serializer>(value: &Fingerprint, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fingerprint, D::Error> {
        let text = Cow::<'_, str>::deserialize(from)?;
        Fingerprint::parse(&text).map_err(|_| D::Error::custom("a fingerprint"))
    }

    /// A fingerprint or nothing.
    pub(in super::super) mod optional {
        use super::{Cow, Deserialize, Deserializer, Fingerprint, Serializer};
        use serde::de::Error as _;

        pub(in super::super::super) fn serialize<S: Serializer>(
            value: &Option<Fingerprint>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => to.collect_str(value),
                None => to.serialize_none(),
            }
        }

        pub(in super::super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Fingerprint>, D::Error> {
            let Some(text) = Option::<Cow<'_, str>>::deserialize(from)? else { return Ok(None) };
            Fingerprint::parse(&text).map(Some).map_err(|_| D::Error::custom("a fingerprint"))
        }
    }
}

/// Bytes of a fixed length.
pub(super) fn serialize<S: Serializer, const N: usize>(value: &[u8; N], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&encode(value))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u8; N], D::Error> {
    let text = Cow::<'_, str>::deserialize(from)?;
    decode(&text).ok_or_else(|| D::Error::custom("unpadded base64url of the right length"))
}

/// Bytes of a fixed length or nothing.
pub(super) mod optional {
    use super::{Cow, Deserialize, Deserializer, Serializer, decode, encode};
    use serde::de::Error as _;

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub(in super::super) fn serialize<S: Serializer, const N: usize>(
        value: &Option<[u8; N]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_str(&encode(value)),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<Option<[u8; N]>, D::Error> {
        let Some(text) = Option::<Cow<'_, str>>::deserialize(from)? else { return Ok(None) };
        decode(&text).map(Some).ok_or_else(|| D::Error::custom("unpadded base64url of the right length"))
    }
}

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    Base64UrlUnpadded::decode_vec(text).ok()?.try_into().ok()
}
