//! What was last known of a provider: what a host keeps over a restart (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use amp_address::{Profile, Provider};
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonValue, Timestamp, write_json};
use serde::{Deserialize, Serialize};

use super::claim::{Claim, ClaimedKey, Source};
use super::grammar::check_endpoint;
use super::record_error::DiscoveryError;
use super::well_known::parsed_fingerprint;

/// The version of the JSON form.
const VERSION: u64 = 1;

/// The endpoint and the key that a provider was last known by. The host stores it under the provider's name.
///
/// It is the one source that nobody on the way can answer for: another key than this is a conflict, until a person
/// confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct LastKnown {
    pub(super) provider: Provider,
    pub(super) endpoint: Box<str>,
    pub(super) fingerprint: Fingerprint,
    pub(super) key: Option<VerifyingKey>,
    pub(super) is_confirmed: bool,
    /// Whether messages were exchanged with it.
    pub(super) is_proven: bool,
    pub(super) at: Timestamp,
}

impl LastKnown {
    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The fingerprint of its key.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// When it was last seen, or confirmed.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether a person has confirmed the key.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    pub(super) fn claimed_key(&self) -> ClaimedKey {
        ClaimedKey::of(&self.fingerprint, self.key.as_ref())
    }

    pub(super) fn claim(&self) -> Claim {
        Claim {
            source: Source::LastKnown,
            endpoint: self.endpoint.clone(),
            key: self.claimed_key(),
            at: self.at,
        }
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = write_json(self).unwrap_or_default();
        alloc::format!(r#"{{"v":{VERSION},{}"#, json.strip_prefix('{').unwrap_or_default())
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`DiscoveryError`] for anything else, and for what a later version wrote.
    pub fn from_json(json: &[u8]) -> Result<Self, DiscoveryError> {
        let record = JsonValue::read_object(json)?;
        if record.get("v").and_then(|version| version.as_u64()) != Some(VERSION) {
            return Err(DiscoveryError::UnsupportedVersion { field: "v" });
        }
        let rule = "the record is as this library wrote it";
        let stored = Stored::deserialize(record).map_err(|_| DiscoveryError::Invalid { field: "v", rule })?;
        Self::try_from(stored)
    }
}

/// The record's members.
#[derive(Serialize, Deserialize)]
struct Stored {
    provider: String,
    endpoint: Box<str>,
    fingerprint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    confirmed: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    proven: bool,
    at: Timestamp,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

impl From<LastKnown> for Stored {
    fn from(known: LastKnown) -> Self {
        Self {
            provider: known.provider.as_str().into(),
            endpoint: known.endpoint,
            fingerprint: known.fingerprint.to_string(),
            public_key: known.key.as_ref().map(|key| key.to_hex().unwrap_or_else(|| key.to_pem())),
            confirmed: known.is_confirmed,
            proven: known.is_proven,
            at: known.at,
        }
    }
}

impl TryFrom<Stored> for LastKnown {
    type Error = DiscoveryError;

    fn try_from(stored: Stored) -> Result<Self, DiscoveryError> {
        let provider = Provider::parse_with(&stored.provider, Profile::Deployed);
        let rule = "the value is a provider's domain";
        check_endpoint(&stored.endpoint)?;
        let key = stored.public_key.map(|key| VerifyingKey::parse(&key)).transpose();
        let key = key.map_err(DiscoveryError::Key)?;
        let fingerprint = parsed_fingerprint(&stored.fingerprint)?;
        if key.as_ref().is_some_and(|key| fingerprint.matches(key).is_none()) {
            return Err(DiscoveryError::FingerprintMismatch);
        }
        Ok(Self {
            provider: provider.map_err(|_| DiscoveryError::Invalid { field: "provider", rule })?,
            endpoint: stored.endpoint,
            fingerprint,
            key,
            is_confirmed: stored.confirmed,
            is_proven: stored.proven,
            at: stored.at,
        })
    }
}
