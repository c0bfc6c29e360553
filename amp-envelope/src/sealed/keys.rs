//! The keys with which an agent opens what was sealed to it, the former ones until their time (sealed messages).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use amp_crypto::seal::DecryptionKey;
use amp_crypto::{Fingerprint, Identity};

use crate::timestamp::Timestamp;

/// The keys that open messages to an agent.
///
/// ```
/// use amp_crypto::{Identity, seal::{DecryptionKey, EncryptionKey}};
/// use amp_envelope::{Draft, Message, OpeningKeys, Timestamp};
///
/// let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
/// let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let former = DecryptionKey::from_bytes(&[9; 32]);
/// let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
///     .from(&"alice@acme.crabmail.ai".parse()?)
///     .seal_to(&former.encryption_key())
///     .sign(&alice, now)?;
/// let verified = Message::decode(signed.to_json().as_bytes())?.verify(alice.verifying_key())?;
///
/// let until: Timestamp = "2026-03-01T00:00:00Z".parse()?;
/// let keys = OpeningKeys::new().with_identity(&bob).with_former(former, until);
/// assert!(verified.clone().open(&keys, now).is_ok());
/// assert!(verified.open(&keys, until).is_err()); // a former key opens nothing from then on
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct OpeningKeys {
    keys: Vec<Held>,
}

#[derive(Clone)]
struct Held {
    id: Fingerprint,
    key: Arc<DecryptionKey>,
    until: Option<Timestamp>,
}

impl OpeningKeys {
    /// No keys: nothing opens.
    #[must_use]
    pub const fn new() -> Self {
        Self { keys: Vec::new() }
    }

    /// Adds the key that every agent has: its signing key, mapped to X25519.
    #[must_use]
    pub fn with_identity(self, identity: &Identity) -> Self {
        self.with_key(DecryptionKey::of(identity))
    }

    /// Adds a key.
    #[must_use]
    pub fn with_key(self, key: DecryptionKey) -> Self {
        self.with(key, None)
    }

    /// Adds a key that was replaced: it opens nothing from `until` on.
    #[must_use]
    pub fn with_former(self, key: DecryptionKey, until: Timestamp) -> Self {
        self.with(key, Some(until))
    }

    fn with(mut self, key: DecryptionKey, until: Option<Timestamp>) -> Self {
        self.keys.push(Held { id: key.encryption_key().id(), key: Arc::new(key), until });
        self
    }

    /// Whether there is no key at all, valid or former.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the key with this id is held, and valid at `now`: whether a message with it would be tried.
    #[must_use]
    pub fn holds(&self, id: &Fingerprint, now: Timestamp) -> bool {
        self.find(id, now).is_some()
    }

    /// The key with this id, if it is held and valid at `now`.
    pub(super) fn find(&self, id: &Fingerprint, now: Timestamp) -> Option<&DecryptionKey> {
        self.keys
            .iter()
            .find(|held| held.id == *id && held.until.is_none_or(|until| now < until))
            .map(|held| &*held.key)
    }
}

/// Shows the keys' ids, and until when the former ones are held.
impl fmt::Debug for OpeningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.iter().map(|held| (held.id, held.until));
        f.write_str("OpeningKeys")?;
        f.debug_list().entries(keys).finish()
    }
}
