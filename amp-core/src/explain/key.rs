//! The keys that an explanation tried, and keys that the message itself states (keys, trust).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonValue, Message};

use super::show::Shown;

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// The key that the message was to be verified with.
    Given,
    /// The message states it, in this member. Whoever wrote the message wrote that too: it proves nothing.
    Stated(&'static str),
    /// One of the other keys, under the name that the host gave it.
    Other(String),
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("the key given"),
            Self::Stated(member) => write!(f, "the key that the message states in {member}"),
            Self::Other(name) => write!(f, "{}", Shown(name)),
        }
    }
}

/// A key that was tried, and where it comes from.
///
/// Both fingerprints are here: software that hashes the raw key and software that hashes its DER show different texts
/// for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedKey {
    pub(super) origin: KeyOrigin,
    pub(super) key: VerifyingKey,
}

impl TriedKey {
    /// Where the key comes from.
    #[must_use]
    pub const fn origin(&self) -> &KeyOrigin {
        &self.origin
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The fingerprint as it is written: over the raw 32 bytes for Ed25519.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// The fingerprint over the SPKI DER, which the bash client writes.
    #[must_use]
    pub fn spki_fingerprint(&self) -> Fingerprint {
        Fingerprint::of_spki_der(&self.key)
    }
}

/// `the key given, SHA256:… (over its DER: SHA256:…)`
impl fmt::Display for TriedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (raw, spki) = (self.fingerprint(), self.spki_fingerprint());
        write!(f, "{}, {raw}", self.origin)?;
        if raw == spki { Ok(()) } else { write!(f, " (over its DER: {spki})") }
    }
}

/// What a member of the message says about the sender's key.
pub(super) struct Statement {
    pub(super) place: &'static str,
    /// `None` when what stands there is no key.
    pub(super) key: Option<VerifyingKey>,
}

/// Reads the places in which deployed programs state the sender's key: beside the envelope, and in `from_did`.
pub(super) fn stated(bytes: &[u8], message: &Message) -> Vec<Statement> {
    const BESIDE: &str = "sender_public_key";
    const DID: &str = "envelope.from_did";
    let object = JsonValue::read_object(bytes).ok();
    let beside = object.and_then(|object| object.get(BESIDE)).map(|value| (BESIDE, value));
    let did = message.unsigned().get("from_did").map(|value| (DID, value));
    let texts = [beside, did].into_iter().flatten().filter_map(|(place, value)| {
        // Deployed providers write an empty text for none.
        value.as_str().filter(|text| !text.is_empty()).map(|text| (place, text))
    });
    texts.map(|(place, text)| Statement { place, key: VerifyingKey::parse(&text).ok() }).collect()
}

/// A name that the host gives a key: kept short, it is for people.
pub(super) fn other(name: &str, key: &VerifyingKey) -> TriedKey {
    TriedKey { origin: KeyOrigin::Other(Shown(name).to_string()), key: key.clone() }
}
