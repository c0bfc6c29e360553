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
use crate::stored;

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
/// It names the key by its fingerprint, in either form that is in use, and holds for this key at this agent's addresses:
/// what is said of one agent does not touch another.
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
    #[serde(with = "stored::address")]
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
    /// By the fingerprint of the key, then by the agent whose key it was: what one agent's provider says of a key does
    /// not touch another's.
    records: BTreeMap<[u8; 32], BTreeMap<Address, Kept>>,
    /// How many there are.
    len: usize,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    record: Revocation,
    /// When the receiver learnt of it: a record that calls itself old is kept no shorter.
    at: Timestamp,
}

impl Revocations {
    /// Whether the key of an address is revoked, there or at another address of the same agent, under either form of
    /// its fingerprint.
    pub(super) fn is_revoked(&self, address: &Address, key: &VerifyingKey, keys: &KnownKeys) -> bool {
        let forms = [*Fingerprint::of(key).as_bytes(), *Fingerprint::of_spki_der(key).as_bytes()];
        forms.iter().filter_map(|form| self.records.get(form)).any(|records| {
            records.contains_key(address) || keys.same_agents(address).any(|same| records.contains_key(same))
        })
    }

    /// Whether the record says what is not kept yet: that a key was stolen goes before that it was revoked.
    pub(super) fn is_news(&self, record: &Revocation) -> bool {
        let stolen = |record: &Revocation| record.reason == RevocationReason::KeyCompromise;
        let kept = self.records.get(record.fingerprint.as_bytes());
        let kept = kept.and_then(|records| records.get(&record.agent_address));
        kept.is_none_or(|kept| stolen(record) && !stolen(&kept.record))
    }

    /// Whether one more record fits, once those are forgotten that may be.
    pub(super) fn has_room(&self, at: Timestamp, keys: &KnownKeys) -> bool {
        self.len < MOST_RECORDS || self.oldest_forgettable(at, keys).is_some()
    }

    /// Keeps a record. The first one about an agent's key stays, unless another says that it was stolen.
    pub(super) fn record(&mut self, record: &Revocation, at: Timestamp, keys: &KnownKeys) {
        if !self.is_news(record) {
            return;
        }
        if self.len >= MOST_RECORDS
            && let Some((fingerprint, address)) = self.oldest_forgettable(at, keys)
        {
            self.forget(&fingerprint, &address);
        }
        let records = self.records.entry(*record.fingerprint.as_bytes()).or_default();
        let kept = Kept { record: record.clone(), at };
        if records.insert(record.agent_address.clone(), kept).is_none() {
            self.len = self.len.saturating_add(1);
        }
    }

    fn forget(&mut self, fingerprint: &[u8; 32], address: &Address) {
        let Some(records) = self.records.get_mut(fingerprint) else { return };
        if records.remove(address).is_some() {
            self.len = self.len.saturating_sub(1);
        }
        if records.is_empty() {
            self.records.remove(fingerprint);
        }
    }

    /// The record that may be forgotten first: an old one, of an address that was never pinned.
    fn oldest_forgettable(&self, at: Timestamp, keys: &KnownKeys) -> Option<([u8; 32], Address)> {
        let kept_since = at.saturating_sub(KEPT);
        let may_go = |kept: &Kept| kept.at < kept_since && !keys.knows(&kept.record);
        let records = self.records.values().flat_map(BTreeMap::values).filter(|kept| may_go(kept));
        let oldest = records.min_by_key(|kept| (kept.at, kept.record.fingerprint.as_bytes()))?;
        Some((*oldest.record.fingerprint.as_bytes(), oldest.record.agent_address.clone()))
    }

    /// The records, and when each was learnt of.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Revocation, Timestamp)> {
        self.records.values().flat_map(BTreeMap::values).map(|kept| (&kept.record, kept.at))
    }
}
