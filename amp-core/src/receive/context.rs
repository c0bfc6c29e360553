//! What the host knows about a message beside its bytes: the time, the way it came, the key (trust, known keys).

use core::fmt;

use amp_address::{Address, Provider};
use amp_crypto::VerifyingKey;
use amp_envelope::{OpeningKeys, Timestamp};
use serde::{Deserialize, Serialize};

use crate::trust::{Attestation, AttestationVerifier, RevocationFact, TrustedIssuers};

/// The way on which a message came. It decides which times are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// Handed over while its sender or its provider waits: a webhook, a socket, a federation or mesh delivery.
    Direct,
    /// Picked up from a queue of the host's own provider, which says since when it lay there. The queue's time counts,
    /// not the time of the pick-up.
    Relay {
        /// When the provider put it into the queue.
        queued_at: Timestamp,
    },
    /// Read from a store in which nobody vouches for the time: a shared directory, an import, a backlog without
    /// times. The message's own stamp counts as the time at which it was put there.
    Store,
}

/// Who named a key. Only authenticated sources may write a pin or raise a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeySource {
    /// The message itself, a header beside it, or a file in a shared directory: whoever made the message.
    Carried,
    /// The host's own provider, asked over TLS.
    Resolved,
    /// A provider that authenticated itself in a federation delivery, for an address of its own.
    Federated,
    /// A person who compared the fingerprint, or another channel that proves it.
    Confirmed,
}

impl KeySource {
    /// Whether the source was authenticated apart from the message.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        !matches!(self, Self::Carried)
    }

    /// A stable name: `carried`, `resolved`, `federated` or `confirmed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Resolved => "resolved",
            Self::Federated => "federated",
            Self::Confirmed => "confirmed",
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A key for the sender of a message, and who named it.
///
/// ```
/// use amp_core::receive::{KeySource, SenderKey};
/// # let key = amp_core::Identity::from_seed(&[7; 32]).verifying_key().clone();
/// assert!(!SenderKey::carried(key.clone()).source().is_authenticated());
/// assert_eq!(SenderKey::resolved(key.clone()).source(), KeySource::Resolved);
/// assert_eq!(SenderKey::federated(key, &"example.org".parse()?).source(), KeySource::Federated);
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SenderKey {
    key: VerifyingKey,
    source: KeySource,
    /// As whom a federation peer is authenticated.
    peer: Option<Provider>,
}

impl SenderKey {
    /// A key that travelled with the message (`sender_public_key`, `X-AMP-Sender-Key`, a file beside it): a candidate.
    #[must_use]
    pub const fn carried(key: VerifyingKey) -> Self {
        Self { key, source: KeySource::Carried, peer: None }
    }

    /// A key that the host's own provider names for the address, asked over TLS.
    #[must_use]
    pub const fn resolved(key: VerifyingKey) -> Self {
        Self { key, source: KeySource::Resolved, peer: None }
    }

    /// A key that a federation peer names which is authenticated as this provider. For an address at another provider,
    /// and for one at the receiver's own, it counts as carried.
    #[must_use]
    pub fn federated(key: VerifyingKey, peer: &Provider) -> Self {
        Self { key, source: KeySource::Federated, peer: Some(peer.clone()) }
    }

    /// A key that a person compared.
    #[must_use]
    pub const fn confirmed(key: VerifyingKey) -> Self {
        Self { key, source: KeySource::Confirmed, peer: None }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Who named it.
    #[must_use]
    pub const fn source(&self) -> KeySource {
        self.source
    }

    /// The domain as whose provider a federation peer is authenticated.
    pub(super) const fn peer(&self) -> Option<&Provider> {
        self.peer.as_ref()
    }
}

/// What the host knows about one message beside its bytes.
///
/// ```
/// use amp_core::receive::{Context, SenderKey, Via};
/// # let key = amp_core::Identity::from_seed(&[7; 32]).verifying_key().clone();
/// let now = "2026-01-31T10:00:30Z".parse()?;
/// let queued_at = "2026-01-31T10:00:00Z".parse()?;
/// let context = Context::new(now, Via::Relay { queued_at }).with_key(SenderKey::resolved(key));
/// assert_eq!(context.now(), now);
/// # Ok::<(), amp_core::TimestampError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Context<'a> {
    now: Timestamp,
    via: Via,
    key: Option<SenderKey>,
    revocation: RevocationFact,
    look_up_again: bool,
    attestation: Option<Slot<'a>>,
    opening_keys: Option<&'a OpeningKeys>,
}

/// An attestation, and who judges it.
#[derive(Clone, Copy)]
struct Slot<'a> {
    token: &'a str,
    verifier: &'a dyn AttestationVerifier,
    trusted: &'a TrustedIssuers,
}

impl<'a> Context<'a> {
    /// The time by the host's clock, and the way on which the message came.
    pub const fn new(now: Timestamp, via: Via) -> Self {
        Self {
            now,
            via,
            key: None,
            revocation: RevocationFact::Clear,
            look_up_again: false,
            attestation: None,
            opening_keys: None,
        }
    }

    /// Adds a key for the sender. A key that is pinned to the sender's address goes before it.
    pub fn with_key(mut self, key: SenderKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Says what a look-up of revocations gave, beside what the receiver remembers itself. Unless it is said, the
    /// receiver's own memory is all there is to ask, and what it does not hold is clear.
    pub const fn with_revocation(mut self, revocation: RevocationFact) -> Self {
        self.revocation = revocation;
        self
    }

    /// Says that something unauthenticated claims the sender's key revoked, such as the header `X-AMP-Key-Revoked`.
    ///
    /// It decides nothing: the reception's audit event asks the host to look the key up again.
    pub const fn with_revocation_hint(mut self) -> Self {
        self.look_up_again = true;
        self
    }

    /// Adds the attestation that came in the message's slot `identity`, and by whom it is judged: it counts only if it is
    /// about the key that turns out to have signed the message.
    pub const fn with_attestation(
        mut self,
        token: &'a str,
        verifier: &'a dyn AttestationVerifier,
        trusted: &'a TrustedIssuers,
    ) -> Self {
        self.attestation = Some(Slot { token, verifier, trusted });
        self
    }

    /// Adds the keys with which the receiver's agent opens what is sealed to it. Without them sealed messages are taken
    /// [unopened](crate::sealing::Sealing::Unopened).
    pub const fn with_opening_keys(mut self, keys: &'a OpeningKeys) -> Self {
        self.opening_keys = Some(keys);
        self
    }

    /// The time by the host's clock.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The way on which the message came.
    #[must_use]
    pub const fn via(&self) -> Via {
        self.via
    }

    /// The key that the host has for the sender.
    #[must_use]
    pub const fn key(&self) -> Option<&SenderKey> {
        self.key.as_ref()
    }

    /// What a look-up of revocations gave.
    #[must_use]
    pub const fn revocation(&self) -> RevocationFact {
        self.revocation
    }

    pub(super) const fn opening_keys(&self) -> Option<&'a OpeningKeys> {
        self.opening_keys
    }

    pub(super) const fn asks_to_look_up_again(&self) -> bool {
        self.look_up_again
    }

    /// What the attestation says about the holder of this key. Keys without a DID have none.
    pub(super) fn attestation(&self, key: &VerifyingKey, sender: &Address, now: Timestamp) -> Attestation {
        match (self.attestation, key.did()) {
            (Some(Slot { token, verifier, trusted }), Some(did)) => {
                trusted.examine(verifier, Some(token), &did, sender, now)
            }
            _ => Attestation::Absent,
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("via", &self.via)
            .field("key", &self.key)
            .field("revocation", &self.revocation)
            .field("has_attestation", &self.attestation.is_some())
            .field("opening_keys", &self.opening_keys)
            .finish_non_exhaustive()
    }
}
