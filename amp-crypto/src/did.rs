//! `did:key` of Ed25519 keys: derived from a key, read back to a key.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::{fmt, str::FromStr};

use crate::{KeyError, VerifyingKey, base58};

const PREFIX: &str = "did:key:z";
/// The multicodec of an Ed25519 public key, as a varint.
const CODEC: [u8; 2] = [0xed, 0x01];

/// The `did:key` of an Ed25519 key: `did:key:z` and base58btc of `ed 01` and the 32 key bytes.
///
/// It is another spelling of the key, so it is held as the key and spelled when shown.
///
/// ```
/// use amp_crypto::DidKey;
///
/// let text = "did:key:z6MkehRgf7yJbgaGfYsdoAsKdBPE3dj2CYhowQdcjqSJgvVd";
/// let did = DidKey::parse(text)?;
/// assert_eq!(did.to_string(), text);
/// assert!(did.verifying_key().check_did(text).is_ok());
/// # Ok::<(), amp_crypto::KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DidKey(VerifyingKey);

impl DidKey {
    pub(crate) fn of(key: &VerifyingKey) -> Option<Self> {
        key.ed25519_bytes().map(|_| Self::of_ed25519(key))
    }

    /// For a caller that knows the key to be an Ed25519 one.
    pub(crate) fn of_ed25519(key: &VerifyingKey) -> Self {
        Self(key.clone())
    }

    /// Reads the one spelling of a `did:key`.
    ///
    /// # Errors
    /// [`KeyError`] for another method, base, codec or length, or a key that is not fit to verify with.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix(PREFIX).ok_or(KeyError::MalformedDid)?;
        let bytes = base58::decode(digits).ok_or(KeyError::MalformedDid)?;
        let key = bytes.strip_prefix(&CODEC).ok_or(KeyError::UnsupportedCodec)?;
        let key = key.try_into().map_err(|_| KeyError::WrongLength { expected: 32, actual: key.len() })?;
        VerifyingKey::from_ed25519_bytes(key).map(Self)
    }

    /// The key that the DID spells.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0
    }
}

impl fmt::Display for DidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 34];
        let key = self.0.ed25519_bytes().into_iter().flatten();
        for (to, from) in bytes.iter_mut().zip(CODEC.iter().chain(key)) {
            *to = *from;
        }
        write!(f, "{PREFIX}{}", base58::encode(&bytes))
    }
}

impl fmt::Debug for DidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DidKey({self})")
    }
}

impl FromStr for DidKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
