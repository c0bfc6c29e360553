//! What a registry of providers says: `GET <registry>/providers/<provider>` (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::Provider;
use amp_crypto::Fingerprint;
use amp_envelope::{JsonValue, Timestamp, write_json};
use serde::Serialize;

use super::grammar::check_endpoint;
use super::record_error::DiscoveryError;
use super::well_known::{parsed_fingerprint, read_provider, required};

/// A registry's record of a provider.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::RegistryRecord;
///
/// let (key, now) = (Identity::from_seed(&[7; 32]), "2026-01-31T10:00:00Z".parse()?);
/// let record = RegistryRecord::new("crabmail.ai".parse()?, "https://api.crabmail.ai/v1", key.fingerprint(), now)?;
/// assert!(!record.is_verified());
/// assert_eq!(RegistryRecord::decode(record.verified().to_json().as_bytes())?.fingerprint(), &key.fingerprint());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryRecord {
    provider: Provider,
    endpoint: Box<str>,
    fingerprint: Fingerprint,
    is_verified: bool,
    added_at: Option<Timestamp>,
}

impl RegistryRecord {
    /// Largest record that is read, in bytes (64 KiB).
    pub const MAX_BYTES: usize = 64 * 1024;

    /// A record of a provider whose proof the registry has not checked yet.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the endpoint is no https URL.
    pub fn new(
        provider: Provider,
        endpoint: &str,
        fingerprint: Fingerprint,
        added_at: Timestamp,
    ) -> Result<Self, DiscoveryError> {
        check_endpoint(endpoint)?;
        let added_at = Some(added_at);
        Ok(Self { provider, endpoint: endpoint.into(), fingerprint, is_verified: false, added_at })
    }

    /// The same, once the registry has checked the provider's proof.
    #[must_use]
    pub fn verified(mut self) -> Self {
        self.is_verified = true;
        self
    }

    /// Reads a record. Members that are not known are ignored; a record that does not say so is not verified.
    ///
    /// # Errors
    /// [`DiscoveryError`]: a code of the JSON profile, `too_large`, `missing_field` or `invalid_field`.
    pub fn decode(json: &[u8]) -> Result<Self, DiscoveryError> {
        if json.len() > Self::MAX_BYTES {
            return Err(DiscoveryError::TooLarge { most: Self::MAX_BYTES });
        }
        let record = JsonValue::read_object(json)?;
        let provider = read_provider(&record)?.ok_or(DiscoveryError::Missing { field: "provider" })?;
        let endpoint = required(&record, "endpoint")?;
        check_endpoint(&endpoint)?;
        Ok(Self {
            provider,
            endpoint: endpoint.into(),
            fingerprint: parsed_fingerprint(&required(&record, "fingerprint")?)?,
            is_verified: read_verified(&record)?,
            added_at: read_added_at(&record)?,
        })
    }

    /// The provider that the record is about.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The base URL of the provider's API. Where it leads is not judged yet.
    #[must_use]
    pub const fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The fingerprint of the provider's key.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Whether the registry says that it has checked that the provider holds its domain.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Since when the registry has the record.
    #[must_use]
    pub const fn added_at(&self) -> Option<Timestamp> {
        self.added_at
    }

    /// The record's JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            provider: self.provider.as_str(),
            endpoint: &self.endpoint,
            fingerprint: alloc::format!("{}", self.fingerprint),
            verified: self.is_verified,
            added_at: self.added_at,
        };
        // Texts and times can always be written.
        write_json(&written).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    provider: &'a str,
    endpoint: &'a str,
    fingerprint: String,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<Timestamp>,
}

fn read_verified(record: &JsonValue<'_>) -> Result<bool, DiscoveryError> {
    let Some(value) = record.get("verified").filter(|value| !value.is_null()) else { return Ok(false) };
    value.as_bool().ok_or(DiscoveryError::Invalid { field: "verified", rule: "the value is true or false" })
}

fn read_added_at(record: &JsonValue<'_>) -> Result<Option<Timestamp>, DiscoveryError> {
    let text = super::well_known::optional(record, "added_at")?;
    let time = text.map(|text| text.parse()).transpose();
    time.map_err(|_| DiscoveryError::Invalid { field: "added_at", rule: "a time is RFC 3339" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_verified_only_when_it_says_so() {
        let fingerprint = amp_crypto::Identity::from_seed(&[1; 32]).fingerprint();
        let base = alloc::format!(
            r#""provider":"a.example.org","endpoint":"https://a.example.org/v1","fingerprint":"{fingerprint}""#
        );
        let read = |more: &str| RegistryRecord::decode(alloc::format!("{{{base}{more}}}").as_bytes());
        assert!(!read("").unwrap().is_verified());
        assert!(!read(r#","verified":null,"x":1"#).unwrap().is_verified());
        assert!(read(r#","verified":true,"added_at":"2026-01-31T10:00:00Z""#).unwrap().is_verified());
        for fault in [r#","verified":"true""#, r#","verified":1"#, r#","added_at":"yesterday""#] {
            assert_eq!(read(fault).unwrap_err().code(), "invalid_field", "{fault}");
        }
        assert_eq!(RegistryRecord::decode(b"{}").unwrap_err().field(), Some("provider"));
    }
}
