//! Where this agent is registered: `registrations/<provider>.json`, shared with other programs (identity, records).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;

use amp_address::{Address, Profile, Provider};
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonValue, Timestamp};
use zeroize::Zeroizing;

use super::card::is_endpoint;
use super::object::{Fault, Object};
use super::record_error::RecordError;
use super::secret::{ApiKey, SecretJson};

/// A member's spellings: first the deployed one, which every program on the machine reads, then the others.
type Spellings = &'static [&'static str];

const API_URL: Spellings = &["apiUrl", "api_url"];
const ROUTE_URL: Spellings = &["routeUrl", "route_url"];
const API_KEY: Spellings = &["apiKey", "api_key"];
const AGENT_ID: Spellings = &["agentId", "agent_id", "providerAgentId"];
const REGISTERED_AT: Spellings = &["registeredAt", "registered_at"];
const RESPELLED: [Spellings; 5] = [API_URL, ROUTE_URL, API_KEY, AGENT_ID, REGISTERED_AT];

/// An agent's registration with a provider. It holds the API key, so it cannot be cloned or printed, and its file
/// belongs to its owner alone (mode 0600).
///
/// Both spellings are read (`api_url` of the specification, `apiUrl` of the deployed clients); where the two disagree
/// the record is refused. The deployed one is written, with the other where the file had it. What this library does not
/// know survives.
///
/// ```
/// use amp_core::identity::RegistrationRecord;
///
/// let file = br#"{"provider":"crabmail.ai","api_url":"https://api.crabmail.ai/v1","address":"alice@acme.crabmail.ai",
///     "api_key":"amp_live_sk_7f53efb3fb6588af","tenant":"acme","registered_at":"2026-01-31T10:00:00Z","x":[1.0]}"#;
/// let record = RegistrationRecord::decode(file)?;
/// assert_eq!(record.api_url(), "https://api.crabmail.ai/v1");
/// assert!(!format!("{record:?}").contains("amp_live"));
/// assert!(record.to_json().expose().contains(r#""apiUrl":"https://api.crabmail.ai/v1""#));
/// assert!(record.to_json().expose().contains(r#""x":[1.0]"#));
/// # Ok::<(), amp_core::identity::RecordError>(())
/// ```
pub struct RegistrationRecord {
    object: Object,
    provider: Provider,
    address: Address,
    api_url: String,
    api_key: ApiKey,
}

impl RegistrationRecord {
    /// A registration just made. The address is the one that the provider answered with.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] when the API's address is no http or https URL in ASCII, or holds credentials.
    pub fn new(
        provider: Provider,
        address: Address,
        api_url: &str,
        api_key: ApiKey,
        now: Timestamp,
    ) -> Result<Self, RecordError> {
        let api_url = checked_url(api_url, "apiUrl")?;
        let mut object = Object::empty();
        object.set_text("provider", provider.as_str());
        object.set_text("apiUrl", api_url);
        object.set_text("agentName", address.name());
        object.set_text("tenant", address.tenant());
        object.set_text("address", address.as_str());
        object.set_text("apiKey", api_key.expose());
        object.set_text("registeredAt", &now.to_string());
        Ok(Self { object, provider, address, api_url: api_url.into(), api_key })
    }

    /// Reads a registration in either spelling. A base URL without the `/v1` in which its routes begin is read with it: the
    /// bash client writes such.
    ///
    /// # Errors
    /// [`RecordError`] when it is no JSON object of the profile; when provider, address, API URL or API key are absent or
    /// do not obey their grammar; when two spellings of one member say different things.
    pub fn decode(json: &[u8]) -> Result<Self, RecordError> {
        let mut object = Object::read(json)?;
        for spellings in RESPELLED {
            respell(&mut object, spellings)?;
        }
        let provider = Provider::parse_with(&object.text("provider")?, Profile::Deployed)
            .map_err(|_| Fault::Invalid("provider", "the value is a provider's domain"))?;
        let address = Address::parse_with(&object.text("address")?, Profile::Deployed)
            .map_err(|_| Fault::Invalid("address", "the value is a full address"))?;
        let mut api_url: String = checked_url(&object.text("apiUrl")?, "apiUrl")?.into();
        if let Some(url) = filled(&object, "routeUrl")? {
            let route_url = checked_url(&url, "routeUrl")?;
            // The bash client adds the version to every call instead of keeping it in the base.
            if let Some(base) = route_url.strip_suffix("/route")
                && base.strip_suffix("/v1") == Some(api_url.trim_end_matches('/'))
            {
                api_url = base.into();
            }
        }
        let api_key = object.text("apiKey")?.parse()?;
        Ok(Self { object, provider, address, api_url, api_key })
    }

    /// Notes the identifier that the provider gave the agent.
    #[must_use]
    pub fn with_agent_id(mut self, id: &str) -> Self {
        self.put(AGENT_ID, id);
        self
    }

    /// Notes the fingerprint of the key that was registered.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: &Fingerprint) -> Self {
        self.object.set_text("fingerprint", &fingerprint.to_string());
        self
    }

    /// Notes where messages are to be sent, where the provider named a place of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_route_url(mut self, url: &str) -> Result<Self, RecordError> {
        let url = checked_url(url, "routeUrl")?;
        self.put(ROUTE_URL, url);
        Ok(self)
    }

    /// Replaces the API key, in every spelling that the file has.
    pub fn set_api_key(&mut self, key: ApiKey) {
        self.put(API_KEY, key.expose());
        self.api_key = key;
    }

    /// The provider's name, as it named itself.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The agent's address there.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The base URL of the provider's API.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// The key to call it with.
    #[must_use]
    pub const fn api_key(&self) -> &ApiKey {
        &self.api_key
    }

    /// Where messages are sent, where that is not below the API's URL. It came from the provider: a host sends
    /// the API key only to the site that it registered with, unless it was told otherwise.
    #[must_use]
    pub fn route_url(&self) -> Option<String> {
        self.object.get("routeUrl")?.as_str().filter(|url| !url.is_empty()).map(Cow::into_owned)
    }

    /// The identifier that the provider gave the agent: text from outside.
    #[must_use]
    pub fn agent_id(&self) -> Option<String> {
        self.object.get("agentId")?.as_str().filter(|id| !id.is_empty()).map(Cow::into_owned)
    }

    /// When the agent registered.
    #[must_use]
    pub fn registered_at(&self) -> Option<Timestamp> {
        self.object.get("registeredAt")?.as_str()?.parse().ok()
    }

    /// Whether the key that was registered is this one, as far as the file says.
    ///
    /// # Errors
    /// [`RecordError::Fingerprint`] when it states another key's fingerprint.
    pub fn check_key(&self, key: &VerifyingKey) -> Result<(), RecordError> {
        let Some(stated) = filled(&self.object, "fingerprint")? else { return Ok(()) };
        let is_its = Fingerprint::parse(&stated).is_ok_and(|stated| stated.matches(key).is_some());
        if is_its { Ok(()) } else { Err(RecordError::Fingerprint { field: "fingerprint" }) }
    }

    /// A member of the file by name, except the API key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        if API_KEY.contains(&name) { None } else { self.object.get(name) }
    }

    /// The file's text, API key included.
    #[must_use]
    pub fn to_json(&self) -> SecretJson {
        SecretJson::new(self.object.as_json())
    }

    fn put(&mut self, spellings: Spellings, text: &str) {
        let Some((deployed, others)) = spellings.split_first() else { return };
        self.object.set_text(deployed, text);
        for name in others {
            if self.object.has(name) {
                self.object.set_text(name, text);
            }
        }
    }
}

/// Shows where the agent is registered, and nothing else.
impl fmt::Debug for RegistrationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistrationRecord({} at {})", self.address, self.provider.as_str())
    }
}

/// Gives a member its deployed spelling, unless two spellings say different things.
fn respell(object: &mut Object, spellings: Spellings) -> Result<(), Fault> {
    let [deployed, others @ ..] = spellings else { return Ok(()) };
    for other in others {
        let Some(there) = filled(object, other)?.map(|text| Zeroizing::new(text.into_owned())) else {
            continue;
        };
        match filled(object, deployed)? {
            Some(text) if *text != **there => {
                return Err(Fault::Invalid(deployed, "both spellings of the member say the same"));
            }
            Some(_) => {}
            None => object.set_text(deployed, &there),
        }
    }
    Ok(())
}

/// A member that is text and not empty: the bash client writes an empty one where it was given none.
fn filled<'a>(object: &'a Object, name: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
    Ok(object.optional_text(name)?.filter(|text| !text.is_empty()))
}

fn checked_url<'a>(url: &'a str, field: &'static str) -> Result<&'a str, Fault> {
    let rule = "the value is an http or https URL in ASCII, without credentials";
    if is_endpoint(url) { Ok(url) } else { Err(Fault::Invalid(field, rule)) }
}
