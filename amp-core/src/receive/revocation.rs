//! Revoked keys: records, how long they are kept, and the memory of them (trust, revocation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use core::fmt;
use core::time::Duration;

use amp_address::Address;
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::Timestamp;
use serde::{Deserialize, Serialize};

use super::codec;
use super::keys::KnownKeys;

/// A record is kept at least this long, and for good when its key was ever pinned.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// Most records that are kept.
pub(super) const MOST_RECORDS: usize = 65_536;

/// Why a key was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevocationReason {
    /// Somebody else has the secret key.
    KeyCompromise,
    /// The agent has another key now.
    KeyRotation,
    /// There is no such agent any more.
    AgentDeregistered,
    /// An administrator's decision.
    AdminAction,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: [Self; 4] =
        [Self::KeyCompromise, Self::KeyRotation, Self::AgentDeregistered, Self::AdminAction];

    /// The wire's name, such as `key_compromise`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key_compromise",
            Self::KeyRotation => "key_rotation",
            Self::AgentDeregistered => "agent_deregistered",
            Self::AdminAction => "admin_action",
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A record that a key is revoked.
///
/// It names the key by its fingerprint, in either form that is in use.
///
/// ```
/// use amp_core::receive::{Revocation, RevocationReason};
/// # let key = amp_core::Identity::from_seed(&[7; 32]).verifying_key().clone();
/// let address = "alice@acme.crabmail.ai".parse()?;
/// let record = Revocation::new(key.fingerprint(), address, "2026-01-31T10:00:00Z".parse()?, RevocationReason::KeyCompromise);
/// assert!(record.names(&key));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    #[serde(with = "codec::fingerprint")]
    fingerprint: Fingerprint,
    #[serde(with = "codec::address")]
    agent_address: Address,
    revoked_at: Timestamp,
    reason: RevocationReason,
    #[serde(default, with = "codec::fingerprint::optional")]
    superseded_by: Option<Fingerprint>,
}

impl Revocation {
    /// A record without a successor.
    #[must_use]
    pub const fn new(
        fingerprint: Fingerprint,
        agent_address: Address,
        revoked_at: Timestamp,
        reason: RevocationReason,
    ) -> Self {
        Self { fingerprint, agent_address, revoked_at, reason, superseded_by: None }
    }

    /// Names the key that took the revoked one's place. It is a statement, not a proof: it moves no pin.
    #[must_use]
    pub const fn with_successor(mut self, fingerprint: Fingerprint) -> Self {
        self.superseded_by = Some(fingerprint);
        self
    }

    /// The revoked key's fingerprint.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The agent whose key it was.
    #[must_use]
    pub const fn agent_address(&self) -> &Address {
        &self.agent_address
    }

    /// Since when the key is revoked.
    #[must_use]
    pub const fn revoked_at(&self) -> Timestamp {
        self.revoked_at
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> RevocationReason {
        self.reason
    }

    /// The key that took its place.
    #[must_use]
    pub const fn superseded_by(&self) -> Option<&Fingerprint> {
        self.superseded_by.as_ref()
    }

    /// Whether the record is about this key.
    #[must_use]
    pub fn names(&self, key: &VerifyingKey) -> bool {
        self.fingerprint.matches(key).is_some()
    }
}

/// The keys that are known to be revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revocations {
    records: BTreeMap<[u8; 32], Kept>,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    record: Revocation,
    /// When the receiver learnt of it: a record that calls itself old is kept no shorter.
    at: Timestamp,
}

impl Revocations {
    /// The record about a key, under either form of its fingerprint.
    pub(super) fn of(&self, key: &VerifyingKey) -> Option<&Revocation> {
        let kept = self.records.get(Fingerprint::of(key).as_bytes());
        kept.or_else(|| self.records.get(Fingerprint::of_spki_der(key).as_bytes())).map(|kept| &kept.record)
    }

    pub(super) fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.records.contains_key(fingerprint.as_bytes())
    }

    /// Whether one more record fits, once those are forgotten that may be.
    pub(super) fn has_room(&self, at: Timestamp, keys: &KnownKeys) -> bool {
        self.records.len() < MOST_RECORDS || self.oldest_forgettable(at, keys).is_some()
    }

    /// Keeps a record. The first one about a key stays.
    pub(super) fn record(&mut self, record: &Revocation, at: Timestamp, keys: &KnownKeys) {
        let fingerprint = *record.fingerprint.as_bytes();
        if self.records.contains_key(&fingerprint) {
            return;
        }
        if self.records.len() >= MOST_RECORDS
            && let Some(oldest) = self.oldest_forgettable(at, keys)
        {
            self.records.remove(&oldest);
        }
        self.records.insert(fingerprint, Kept { record: record.clone(), at });
    }

    /// The record that may be forgotten first: an old one, of a key and an address that were never pinned.
    fn oldest_forgettable(&self, at: Timestamp, keys: &KnownKeys) -> Option<[u8; 32]> {
        let kept_since = at.saturating_sub(KEPT);
        let may_go = |kept: &Kept| kept.at < kept_since && !keys.knows(&kept.record);
        let records = self.records.iter().filter(|(_, kept)| may_go(kept));
        records
            .min_by_key(|(fingerprint, kept)| (kept.at, **fingerprint))
            .map(|(fingerprint, _)| *fingerprint)
    }

    /// The records, and when each was learnt of.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Revocation, Timestamp)> {
        self.records.values().map(|kept| (&kept.record, kept.at))
    }
}
