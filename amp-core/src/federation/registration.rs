//! A provider that enters itself in a registry: `POST <registry>/providers` (federation, registration of a provider).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::Provider;
use amp_crypto::VerifyingKey;
use amp_envelope::{JsonKind, JsonValue, Timestamp, write_json};
use serde::Serialize;

use super::grammar::check_endpoint;
use super::record_error::DiscoveryError;
use super::registry::RegistryRecord;
use super::txt::TxtRecord;
use super::well_known::{WellKnown, optional, required};

/// Longest contact, and longest record of a proof, in bytes.
const TEXT_MAX_BYTES: usize = 8 * 1024;

/// How a provider proves that it holds its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DomainProofKind {
    /// A TXT record in its DNS zone.
    Dns,
    /// The document on its host.
    WellKnown,
    /// A letter to an address at its domain.
    Email,
}

impl DomainProofKind {
    /// The name on the wire: `dns`, `well-known` or `email`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::WellKnown => "well-known",
            Self::Email => "email",
        }
    }

    fn read(text: &str) -> Result<Self, DiscoveryError> {
        match text {
            "dns" => Ok(Self::Dns),
            "well-known" => Ok(Self::WellKnown),
            "email" => Ok(Self::Email),
            _ => Err(DiscoveryError::Invalid {
                field: "proof.type",
                rule: "a proof is dns, well-known or email",
            }),
        }
    }
}

/// What a provider sends to a registry: its domain, its endpoint, its key, and where the proof of the domain is.
///
/// A registry looks the proof up itself. What the request says of it is only where.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::{DomainProofKind, ProviderRegistration, TxtRecord};
///
/// let key = Identity::from_seed(&[7; 32]);
/// let (domain, now) = ("crabmail.ai".parse()?, "2026-01-31T10:00:00Z".parse()?);
/// let record = TxtRecord::new("https://api.crabmail.ai/v1", key.verifying_key())?;
/// let request = ProviderRegistration::by_dns(domain, "https://api.crabmail.ai/v1", key.verifying_key(), &record)?
///     .with_contact("ops@crabmail.ai")?;
///
/// let request = ProviderRegistration::decode(request.to_json().as_bytes())?; // at the registry
/// assert_eq!(request.proof(), DomainProofKind::Dns);
/// let found_in_the_dns = record;
/// assert!(request.proven_by_dns(&found_in_the_dns, now)?.is_verified());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRegistration {
    domain: Provider,
    endpoint: Box<str>,
    key: VerifyingKey,
    contact: Option<Box<str>>,
    proof: DomainProofKind,
    record: Box<str>,
}

impl ProviderRegistration {
    /// A registration that a TXT record proves.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the endpoint is no https URL.
    pub fn by_dns(
        domain: Provider,
        endpoint: &str,
        key: &VerifyingKey,
        record: &TxtRecord,
    ) -> Result<Self, DiscoveryError> {
        let record = alloc::format!("{record}").into();
        Self::new(domain, endpoint, key, DomainProofKind::Dns, record)
    }

    /// A registration that the document on the provider's host proves.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the endpoint is no https URL.
    pub fn by_well_known(
        domain: Provider,
        endpoint: &str,
        key: &VerifyingKey,
    ) -> Result<Self, DiscoveryError> {
        let record = WellKnown::url(&domain).into();
        Self::new(domain, endpoint, key, DomainProofKind::WellKnown, record)
    }

    /// A registration that a letter to this address proves.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the endpoint is no https URL, or the address is not at the domain.
    pub fn by_email(
        domain: Provider,
        endpoint: &str,
        key: &VerifyingKey,
        address: &str,
    ) -> Result<Self, DiscoveryError> {
        check_email(address, &domain)?;
        Self::new(domain, endpoint, key, DomainProofKind::Email, address.into())
    }

    fn new(
        domain: Provider,
        endpoint: &str,
        key: &VerifyingKey,
        proof: DomainProofKind,
        record: Box<str>,
    ) -> Result<Self, DiscoveryError> {
        check_endpoint(endpoint)?;
        Ok(Self { domain, endpoint: endpoint.into(), key: key.clone(), contact: None, proof, record })
    }

    /// Says whom people turn to.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] for more than 8 KiB.
    pub fn with_contact(mut self, contact: &str) -> Result<Self, DiscoveryError> {
        self.contact = Some(bounded(contact, "contact")?.into());
        Ok(self)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`DiscoveryError`]: a code of the JSON profile, `missing_field`, `invalid_field`, or what is wrong with the key.
    pub fn decode(json: &[u8]) -> Result<Self, DiscoveryError> {
        let request = JsonValue::read_object(json)?;
        let domain = Provider::parse(&required(&request, "domain")?).map_err(|_| {
            DiscoveryError::Invalid { field: "domain", rule: "the value is a provider's domain" }
        })?;
        let endpoint = required(&request, "endpoint")?;
        let key = VerifyingKey::parse(&required(&request, "public_key")?).map_err(DiscoveryError::Key)?;
        let proof = request.get("proof").ok_or(DiscoveryError::Missing { field: "proof" })?;
        if proof.kind() != JsonKind::Object {
            return Err(DiscoveryError::Invalid { field: "proof", rule: "the value is an object" });
        }
        let kind = DomainProofKind::read(&text_of(&proof, "type", "proof.type")?)?;
        let record = text_of(&proof, "record", "proof.record")?;
        if kind == DomainProofKind::Email {
            check_email(&record, &domain)?;
        }
        let record = bounded(&record, "proof.record")?.into();
        let read = Self::new(domain, &endpoint, &key, kind, record)?;
        match optional(&request, "contact")? {
            Some(contact) => read.with_contact(&contact),
            None => Ok(read),
        }
    }

    /// The domain that is to be registered.
    #[must_use]
    pub const fn domain(&self) -> &Provider {
        &self.domain
    }

    /// The base URL of the provider's API.
    #[must_use]
    pub const fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The provider's key.
    #[must_use]
    pub const fn public_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Whom people turn to: text from outside.
    #[must_use]
    pub fn contact(&self) -> Option<&str> {
        self.contact.as_deref()
    }

    /// How the domain is proven.
    #[must_use]
    pub const fn proof(&self) -> DomainProofKind {
        self.proof
    }

    /// The record, URL or address that the provider names as its proof: text from outside. A registry asks the DNS, or
    /// the host of the domain, and not what is named here.
    #[must_use]
    pub const fn proof_record(&self) -> &str {
        &self.record
    }

    /// The registry's record, if the TXT record that the registry found at the domain names this endpoint and key.
    ///
    /// # Errors
    /// [`DiscoveryError`]: `fingerprint_mismatch`, or `invalid_field` for another endpoint or another kind of proof.
    pub fn proven_by_dns(&self, found: &TxtRecord, now: Timestamp) -> Result<RegistryRecord, DiscoveryError> {
        let is_its = found.fingerprint().is_some_and(|stated| stated.matches(&self.key).is_some());
        self.proven(DomainProofKind::Dns, is_its, found.endpoint(), now)
    }

    /// The registry's record, if the document that the registry found on the host of the domain names this endpoint and
    /// key.
    ///
    /// # Errors
    /// As [`proven_by_dns`](Self::proven_by_dns).
    pub fn proven_by_well_known(
        &self,
        found: &WellKnown,
        now: Timestamp,
    ) -> Result<RegistryRecord, DiscoveryError> {
        if found.provider().is_some_and(|stated| *stated != self.domain) {
            return Err(DiscoveryError::OtherProvider);
        }
        let is_its = found.fingerprint().is_some_and(|stated| stated.matches(&self.key).is_some());
        self.proven(DomainProofKind::WellKnown, is_its, found.endpoint(), now)
    }

    fn proven(
        &self,
        kind: DomainProofKind,
        is_its: bool,
        endpoint: &str,
        now: Timestamp,
    ) -> Result<RegistryRecord, DiscoveryError> {
        if self.proof != kind {
            let rule = "the domain is proven in the way that the request names";
            return Err(DiscoveryError::Invalid { field: "proof.type", rule });
        }
        if !is_its {
            return Err(DiscoveryError::FingerprintMismatch);
        }
        if endpoint != self.endpoint() {
            let rule = "the endpoint is the one that the domain names";
            return Err(DiscoveryError::Invalid { field: "endpoint", rule });
        }
        let fingerprint = self.key.fingerprint();
        Ok(RegistryRecord::new(self.domain.clone(), endpoint, fingerprint, now)?.verified())
    }

    /// The request's JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            domain: self.domain.as_str(),
            endpoint: &self.endpoint,
            public_key: self.key.to_pem(),
            contact: self.contact.as_deref(),
            proof: WrittenProof { kind: self.proof.as_str(), record: &self.record },
        };
        // Texts can always be written.
        write_json(&written).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    domain: &'a str,
    endpoint: &'a str,
    public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a str>,
    proof: WrittenProof<'a>,
}

#[derive(Serialize)]
struct WrittenProof<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    record: &'a str,
}

fn text_of(object: &JsonValue<'_>, name: &str, field: &'static str) -> Result<String, DiscoveryError> {
    let value = object.get(name).ok_or(DiscoveryError::Missing { field })?;
    let text = value.as_str().ok_or(DiscoveryError::Invalid { field, rule: "the value is text" })?;
    Ok(text.into_owned())
}

fn bounded<'a>(text: &'a str, field: &'static str) -> Result<&'a str, DiscoveryError> {
    let rule = "the value has at most 8 KiB";
    if text.len() <= TEXT_MAX_BYTES { Ok(text) } else { Err(DiscoveryError::Invalid { field, rule }) }
}

/// A mailbox at the domain itself: whoever has one further down does not hold the domain.
fn check_email(address: &str, domain: &Provider) -> Result<(), DiscoveryError> {
    let (name, at) = address.split_once('@').unwrap_or_default();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>@[]\\".contains(&byte));
    if is_plain && (1..=64).contains(&name.len()) && at.eq_ignore_ascii_case(domain.as_str()) {
        return Ok(());
    }
    let rule = "the value is an e-mail address at the domain";
    Err(DiscoveryError::Invalid { field: "proof.record", rule })
}
