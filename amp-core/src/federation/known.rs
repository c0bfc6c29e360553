//! What was last known of a provider: what a host keeps over a restart (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use amp_address::Provider;
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonValue, Timestamp, write_json};
use serde::Serialize;

use super::claim::{Claim, ClaimedKey, Source};
use super::grammar::check_endpoint;
use super::record_error::DiscoveryError;
use super::well_known::{optional, parsed_fingerprint, read_provider, required};

/// The version of the JSON form.
const VERSION: u64 = 1;

/// The endpoint and the key that a provider was last known by. The host stores it under the provider's name.
///
/// It is the one source that nobody on the way can answer for: another key than this is a conflict, until a person
/// confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastKnown {
    pub(super) provider: Provider,
    pub(super) endpoint: Box<str>,
    pub(super) fingerprint: Fingerprint,
    pub(super) key: Option<VerifyingKey>,
    pub(super) is_confirmed: bool,
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
        let written = Written {
            v: VERSION,
            provider: self.provider.as_str(),
            endpoint: &self.endpoint,
            fingerprint: self.fingerprint.to_string(),
            public_key: self.key.as_ref().map(|key| key.to_hex().unwrap_or_else(|| key.to_pem())),
            confirmed: self.is_confirmed,
            at: self.at,
        };
        write_json(&written).unwrap_or_default()
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
        let provider = read_provider(&record)?.ok_or(DiscoveryError::Missing { field: "provider" })?;
        let endpoint = required(&record, "endpoint")?;
        check_endpoint(&endpoint)?;
        let key = optional(&record, "public_key")?.map(|key| VerifyingKey::parse(&key)).transpose();
        let key = key.map_err(DiscoveryError::Key)?;
        let fingerprint = parsed_fingerprint(&required(&record, "fingerprint")?)?;
        if key.as_ref().is_some_and(|key| fingerprint.matches(key).is_none()) {
            return Err(DiscoveryError::FingerprintMismatch);
        }
        let is_confirmed = record.get("confirmed").and_then(|value| value.as_bool());
        let at = required(&record, "at")?.parse();
        Ok(Self {
            provider,
            endpoint: endpoint.into(),
            fingerprint,
            key,
            is_confirmed: is_confirmed.ok_or(DiscoveryError::Missing { field: "confirmed" })?,
            at: at.map_err(|_| DiscoveryError::Invalid { field: "at", rule: "a time is RFC 3339" })?,
        })
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u64,
    provider: &'a str,
    endpoint: &'a str,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    confirmed: bool,
    at: Timestamp,
}
