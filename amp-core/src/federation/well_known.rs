//! `https://<provider>/.well-known/agent-messaging.json`: read and written (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use amp_address::{Profile, Provider};
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonKind, JsonValue, write_json};
use serde::Serialize;

use super::grammar::{
    CAPABILITIES_MAX, TOO_MANY_CAPABILITIES, check_any_endpoint, check_capability, check_endpoint,
};
use super::record_error::DiscoveryError;

/// The version that is written.
const VERSION: &str = "AMP1";
/// Longest contact, in bytes.
const CONTACT_MAX_BYTES: usize = 320;

/// What a provider publishes on its own host: where its API is, and its key.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::WellKnown;
///
/// let key = Identity::from_seed(&[7; 32]);
/// let provider = "crabmail.ai".parse()?;
/// let document = WellKnown::new(provider, "https://api.crabmail.ai/v1", key.verifying_key())?;
/// let read = WellKnown::decode(document.to_json().as_bytes())?;
/// assert_eq!((read.endpoint(), read.public_key()), ("https://api.crabmail.ai/v1", Some(key.verifying_key())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WellKnown {
    version: Box<str>,
    provider: Option<Provider>,
    endpoint: Box<str>,
    key: Option<VerifyingKey>,
    fingerprint: Option<Fingerprint>,
    capabilities: Vec<Box<str>>,
    contact: Option<Box<str>>,
}

impl WellKnown {
    /// The path of the document on the provider's host.
    pub const PATH: &str = "/.well-known/agent-messaging.json";
    /// Largest document that is read, in bytes (64 KiB).
    pub const MAX_BYTES: usize = 64 * 1024;

    /// A document to publish.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the endpoint is no https URL.
    pub fn new(provider: Provider, endpoint: &str, key: &VerifyingKey) -> Result<Self, DiscoveryError> {
        check_endpoint(endpoint)?;
        Ok(Self {
            version: VERSION.into(),
            provider: Some(provider),
            endpoint: endpoint.into(),
            key: Some(key.clone()),
            fingerprint: Some(key.fingerprint()),
            capabilities: Vec::new(),
            contact: None,
        })
    }

    /// Adds a capability.
    ///
    /// # Errors
    /// As [`TxtRecord::with_capability`](super::TxtRecord::with_capability).
    pub fn with_capability(mut self, name: &str) -> Result<Self, DiscoveryError> {
        check_capability(name)?;
        if self.capabilities.len() >= CAPABILITIES_MAX {
            return Err(TOO_MANY_CAPABILITIES);
        }
        self.capabilities.push(name.into());
        Ok(self)
    }

    /// Says whom people turn to: an e-mail address or a URL of at most 320 bytes.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] for a longer text.
    pub fn with_contact(mut self, contact: &str) -> Result<Self, DiscoveryError> {
        self.contact = Some(checked_contact(contact)?.into());
        Ok(self)
    }

    /// The URL of a provider's document.
    #[must_use]
    pub fn url(provider: &Provider) -> String {
        ["https://", provider.as_str(), Self::PATH].concat()
    }

    /// Reads a document. Members that are not known are ignored. Deployed providers state neither key nor fingerprint, and
    /// endpoints of `http`: such a document is read, and proves nothing.
    ///
    /// # Errors
    /// [`DiscoveryError`]: a code of the JSON profile, `too_large`, `unsupported_version`, `missing_field`,
    /// `invalid_field`, `fingerprint_mismatch`, or what is wrong with the key.
    pub fn decode(json: &[u8]) -> Result<Self, DiscoveryError> {
        if json.len() > Self::MAX_BYTES {
            return Err(DiscoveryError::TooLarge { most: Self::MAX_BYTES });
        }
        let document = JsonValue::read_object(json)?;
        let version = required(&document, "version")?;
        check_version(&version)?;
        let endpoint = required(&document, "endpoint")?;
        check_any_endpoint(&endpoint)?;
        let key = optional(&document, "public_key")?.map(|key| VerifyingKey::parse(&key));
        let key = key.transpose().map_err(DiscoveryError::Key)?;
        let contact = optional(&document, "contact")?;
        Ok(Self {
            version: version.into(),
            provider: read_provider(&document)?,
            endpoint: endpoint.into(),
            fingerprint: read_fingerprint(&document, key.as_ref())?,
            key,
            capabilities: read_capabilities(&document)?,
            contact: contact.map(|contact| checked_contact(&contact).map(Box::from)).transpose()?,
        })
    }

    /// The version as the document states it, such as `AMP1`.
    #[must_use]
    pub const fn version(&self) -> &str {
        &self.version
    }

    /// The provider that the document says it is of; some do not say.
    #[must_use]
    pub const fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    /// The base URL of the provider's API. Where it leads is not judged yet.
    #[must_use]
    pub const fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The provider's key, where the document holds it.
    #[must_use]
    pub const fn public_key(&self) -> Option<&VerifyingKey> {
        self.key.as_ref()
    }

    /// The fingerprint of the provider's key: the stated one, which is the key's where there is a key. None when the
    /// document names no key at all.
    #[must_use]
    pub const fn fingerprint(&self) -> Option<&Fingerprint> {
        self.fingerprint.as_ref()
    }

    /// What the provider can do, by name.
    pub fn capabilities(&self) -> impl ExactSizeIterator<Item = &str> {
        self.capabilities.iter().map(AsRef::as_ref)
    }

    /// Whom people turn to: text from outside.
    #[must_use]
    pub fn contact(&self) -> Option<&str> {
        self.contact.as_deref()
    }

    /// The document's JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            version: &self.version,
            provider: self.provider.as_ref().map(Provider::as_str),
            endpoint: &self.endpoint,
            public_key: self.key.as_ref().map(VerifyingKey::to_pem),
            fingerprint: self.fingerprint.map(|fingerprint| fingerprint.to_string()),
            capabilities: &self.capabilities,
            contact: self.contact.as_deref(),
        };
        // Texts can always be written.
        write_json(&written).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Written<'a> {
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    capabilities: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<&'a str>,
}

/// `AMP1`; `amp/0.1` and `AMP01.3` with whatever follows, which deployed providers state.
fn check_version(text: &str) -> Result<(), DiscoveryError> {
    let is_known = text == VERSION
        || ["amp/0.", "AMP0", "AMP1."].iter().any(|known| text.starts_with(known)) && text.len() <= 32;
    if is_known { Ok(()) } else { Err(DiscoveryError::UnsupportedVersion { field: "version" }) }
}

/// A member that is text, null or absent.
pub(super) fn optional<'a>(
    document: &JsonValue<'a>,
    field: &'static str,
) -> Result<Option<Cow<'a, str>>, DiscoveryError> {
    let Some(value) = document.get(field).filter(|value| !value.is_null()) else { return Ok(None) };
    value.as_str().map(Some).ok_or(DiscoveryError::Invalid { field, rule: "the value is text" })
}

/// A member that must be text.
pub(super) fn required<'a>(
    document: &JsonValue<'a>,
    field: &'static str,
) -> Result<Cow<'a, str>, DiscoveryError> {
    optional(document, field)?.ok_or(DiscoveryError::Missing { field })
}

pub(super) fn read_provider(document: &JsonValue<'_>) -> Result<Option<Provider>, DiscoveryError> {
    let name = optional(document, "provider")?;
    let provider = name.map(|name| Provider::parse_with(&name, Profile::Deployed)).transpose();
    provider
        .map_err(|_| DiscoveryError::Invalid { field: "provider", rule: "the value is a provider's domain" })
}

fn read_fingerprint(
    document: &JsonValue<'_>,
    key: Option<&VerifyingKey>,
) -> Result<Option<Fingerprint>, DiscoveryError> {
    match (optional(document, "fingerprint")?, key) {
        (Some(stated), key) => {
            let stated = parsed_fingerprint(&stated)?;
            let is_its = key.is_none_or(|key| stated.matches(key).is_some());
            if is_its { Ok(Some(stated)) } else { Err(DiscoveryError::FingerprintMismatch) }
        }
        (None, key) => Ok(key.map(VerifyingKey::fingerprint)),
    }
}

pub(super) fn parsed_fingerprint(text: &str) -> Result<Fingerprint, DiscoveryError> {
    let rule = "a fingerprint is SHA256: and the base64 of 32 bytes";
    Fingerprint::parse(text).map_err(|_| DiscoveryError::Invalid { field: "fingerprint", rule })
}

fn read_capabilities(document: &JsonValue<'_>) -> Result<Vec<Box<str>>, DiscoveryError> {
    const RULE: DiscoveryError =
        DiscoveryError::Invalid { field: "capabilities", rule: "the value is an array of names" };
    let Some(list) = document.get("capabilities").filter(|list| !list.is_null()) else {
        return Ok(Vec::new());
    };
    if list.kind() != JsonKind::Array {
        return Err(RULE);
    }
    let mut capabilities = Vec::new();
    for name in list.elements() {
        let name = name.as_str().ok_or(RULE)?;
        check_capability(&name)?;
        if capabilities.len() >= CAPABILITIES_MAX {
            return Err(TOO_MANY_CAPABILITIES);
        }
        capabilities.push(name.into());
    }
    Ok(capabilities)
}

fn checked_contact(text: &str) -> Result<&str, DiscoveryError> {
    if text.len() <= CONTACT_MAX_BYTES {
        return Ok(text);
    }
    Err(DiscoveryError::Invalid { field: "contact", rule: "a contact has at most 320 bytes" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use amp_crypto::Identity;

    fn document(members: &str) -> Result<WellKnown, DiscoveryError> {
        WellKnown::decode(alloc::format!("{{{members}}}").as_bytes())
    }

    // rule: DISC-4
    #[test]
    fn versions_of_deployed_providers_are_read() {
        let rest = alloc::format!(
            r#""endpoint":"https://a.example.org/v1","fingerprint":"{}""#,
            Identity::from_seed(&[1; 32]).fingerprint()
        );
        for version in ["AMP1", "amp/0.1", "amp/0.1.3", "AMP01.3"] {
            let read = document(&alloc::format!(r#""version":"{version}",{rest}"#)).unwrap();
            assert_eq!((read.version(), read.public_key()), (version, None));
        }
        for version in ["AMP2", "amp/1.0", "", "1"] {
            let error = document(&alloc::format!(r#""version":"{version}",{rest}"#)).unwrap_err();
            assert_eq!(error.code(), "unsupported_version");
        }
        assert_eq!(document(&rest).unwrap_err().code(), "missing_field");
    }

    // rule: DISC-4
    #[test]
    fn a_deployed_document_without_a_key_is_read_and_names_none() {
        let text =
            r#""version":"AMP01.3","endpoint":"http://192.0.2.2:23000/api/v1","provider":"crew.local""#;
        let read = document(text).unwrap();
        assert_eq!((read.public_key(), read.fingerprint()), (None, None));
        assert_eq!(WellKnown::decode(read.to_json().as_bytes()).unwrap(), read);
        let key = Identity::from_seed(&[1; 32]);
        let provider = "a.example.org".parse().unwrap();
        assert!(WellKnown::new(provider, "http://a.example.org", key.verifying_key()).is_err());
    }

    // rule: DISC-5
    #[test]
    fn key_and_fingerprint_agree_in_either_form() {
        let (one, other) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
        let hex = one.verifying_key().to_hex().unwrap();
        let base =
            alloc::format!(r#""version":"AMP1","endpoint":"https://a.example.org","public_key":"{hex}""#);
        assert_eq!(document(&base).unwrap().fingerprint(), Some(&one.fingerprint()));
        let spki = Fingerprint::of_spki_der(one.verifying_key());
        for (fingerprint, fits) in [(one.fingerprint(), true), (spki, true), (other.fingerprint(), false)] {
            let read = document(&alloc::format!(r#"{base},"fingerprint":"{fingerprint}""#));
            assert_eq!(read.is_ok(), fits);
            assert!(fits || read.unwrap_err().code() == "fingerprint_mismatch");
        }
        assert_eq!(
            document(&alloc::format!(r#"{base},"fingerprint":"SHA256:abc123""#)).unwrap_err().code(),
            "invalid_field"
        );
    }

    #[test]
    fn what_is_not_text_is_refused_and_what_is_unknown_is_ignored() {
        let fingerprint = Identity::from_seed(&[1; 32]).fingerprint();
        let base = alloc::format!(
            r#""version":"AMP1","endpoint":"https://a.example.org","fingerprint":"{fingerprint}","x":[1]"#
        );
        let read = document(&alloc::format!(
            r#"{base},"capabilities":["a"],"contact":null,"provider":"A.example.org""#
        ))
        .unwrap();
        assert!(read.capabilities().eq(["a"]));
        assert_eq!(read.provider().map(Provider::as_str), Some("a.example.org"));
        for fault in [
            r#""capabilities":"a""#,
            r#""capabilities":[1]"#,
            r#""capabilities":["a b"]"#,
            r#""contact":1"#,
            r#""provider":"@""#,
            r#""version":"AMP1""#,
        ] {
            assert!(document(&alloc::format!("{base},{fault}")).is_err(), "{fault}");
        }
    }
}
