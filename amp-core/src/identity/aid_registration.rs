//! How an agent is registered with an authorization server, and how it asks whether it is (agent identity).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use amp_address::{Address, Profile};
use amp_crypto::{Fingerprint, KeyAlgorithm, VerifyingKey};
use amp_envelope::{JsonKind, write_json};
use serde::Serialize;

use super::aid_token::read_answer;
use super::object::Object;
use super::{AidError, RegistrationStatus};

/// Longest name and description, in characters.
const TEXT_MAX_CHARS: usize = 1024;

/// The body of `POST /agent_registrations` (by an administrator) and `/agent_registrations/request` (by the agent).
///
/// Written with the names `address`, `fingerprint` and `public_key`; read with these and with the older ones that begin
/// with `amp_`.
///
/// ```
/// use amp_core::{Identity, identity::AidRegistration};
///
/// let alice = Identity::from_seed(&[7; 32]);
/// let body = AidRegistration::new("alice", &"alice@acme.crabmail.ai".parse()?, alice.verifying_key())
///     .with_role_id(2)
///     .to_json();
/// assert!(body.starts_with(r#"{"agent_registration":{"name":"alice","address":"alice@acme.crabmail.ai""#));
/// assert_eq!(AidRegistration::from_json(body.as_bytes())?.role_id(), Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AidRegistration {
    name: Box<str>,
    address: Address,
    key: VerifyingKey,
    role_id: Option<u64>,
    description: Box<str>,
    token_lifetime: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    agent_registration: Members<'a>,
}

#[derive(Serialize)]
struct Members<'a> {
    name: &'a str,
    address: &'a str,
    fingerprint: String,
    public_key: &'a str,
    key_algorithm: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<u64>,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_lifetime: Option<u64>,
}

impl AidRegistration {
    /// A registration of a key under an address, with a name for people.
    #[must_use]
    pub fn new(name: &str, address: &Address, key: &VerifyingKey) -> Self {
        let (name, description) = (name.into(), "".into());
        Self {
            name,
            address: address.clone(),
            key: key.clone(),
            role_id: None,
            description,
            token_lifetime: None,
        }
    }

    /// Names the role whose permissions the agent is to have.
    #[must_use]
    pub const fn with_role_id(mut self, role_id: u64) -> Self {
        self.role_id = Some(role_id);
        self
    }

    /// Says what the agent is for.
    #[must_use]
    pub fn with_description(mut self, description: &str) -> Self {
        self.description = description.into();
        self
    }

    /// Asks for tokens that hold this many seconds.
    #[must_use]
    pub const fn with_token_lifetime(mut self, seconds: u64) -> Self {
        self.token_lifetime = Some(seconds);
        self
    }

    /// Reads a body, in the names of today or in the older ones.
    ///
    /// # Errors
    /// A code of the JSON profile, `too_large`, `missing_field`, `invalid_field`, `invalid_key`, or
    /// `fingerprint_mismatch`. Two spellings of one member are `invalid_field`: who reads the other one sees another agent.
    pub fn from_json(json: &[u8]) -> Result<Self, AidError> {
        const FIELD: &str = "agent_registration";
        let body = read_answer(json)?;
        let object = body.object(FIELD).ok_or(AidError::Missing { field: FIELD })?;
        let address = spelled(&object, "address", "amp_address")?;
        let address = Address::parse_with(&address, Profile::Deployed)
            .map_err(|_| AidError::invalid("address", "the address is a full one"))?;
        let key = VerifyingKey::parse(&spelled(&object, "public_key", "amp_public_key")?)
            .map_err(|error| AidError::Key { field: "public_key", error })?;
        key.check_algorithm(&KeyAlgorithm::from_wire(&object.text("key_algorithm")?))
            .map_err(|error| AidError::Key { field: "key_algorithm", error })?;
        let fingerprint = Fingerprint::parse(&spelled(&object, "fingerprint", "amp_fingerprint")?);
        if !fingerprint.is_ok_and(|fingerprint| fingerprint.matches(&key).is_some()) {
            return Err(AidError::FingerprintMismatch);
        }
        let name = capped("name", &object.text("name")?)?;
        let description = object.optional_text("description")?.unwrap_or_default();
        Ok(Self {
            name,
            address,
            key,
            role_id: number(&object, "role_id")?,
            description: capped("description", &description)?,
            token_lifetime: number(&object, "token_lifetime")?,
        })
    }

    /// Writes the body in the names of today.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (pem, algorithm) = (self.key.to_pem(), self.key.algorithm());
        let members = Members {
            name: &self.name,
            address: self.address.as_str(),
            fingerprint: self.key.fingerprint().to_string(),
            public_key: pem.trim_end(),
            key_algorithm: algorithm.as_str(),
            role_id: self.role_id,
            description: &self.description,
            token_lifetime: self.token_lifetime,
        };
        // Texts and whole numbers can always be written.
        write_json(&Body { agent_registration: members }).unwrap_or_default()
    }

    /// The name for people: text from outside.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that is claimed.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The key.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The role whose permissions the agent is to have.
    #[must_use]
    pub const fn role_id(&self) -> Option<u64> {
        self.role_id
    }

    /// What the agent is for: text from outside.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// For how many seconds tokens are to hold.
    #[must_use]
    pub const fn token_lifetime(&self) -> Option<u64> {
        self.token_lifetime
    }
}

/// The member under its name of today or its older one, but not under both.
fn spelled(object: &Object, name: &'static str, older: &'static str) -> Result<String, AidError> {
    match (object.optional_text(name)?, object.optional_text(older)?) {
        (Some(text), None) | (None, Some(text)) => Ok(text.into_owned()),
        (None, None) => Err(AidError::Missing { field: name }),
        (Some(_), Some(_)) => Err(AidError::invalid(name, "a member has one spelling")),
    }
}

fn number(object: &Object, field: &'static str) -> Result<Option<u64>, AidError> {
    let Some(value) = object.get(field) else { return Ok(None) };
    value.as_u64().map(Some).ok_or(AidError::invalid(field, "the value is a whole number"))
}

fn capped(field: &'static str, text: &str) -> Result<Box<str>, AidError> {
    match text.chars().nth(TEXT_MAX_CHARS) {
        None => Ok(text.into()),
        Some(_) => Err(AidError::invalid(field, "the text has at most 1,024 characters")),
    }
}

/// What comes of asking how a registration stands.
///
/// ```
/// use amp_core::identity::{RegistrationAnswer, RegistrationStatus};
///
/// let answer = RegistrationAnswer::read(200, br#"{"error":"authorization_pending"}"#)?;
/// assert_eq!(answer, RegistrationAnswer::Pending); // with 200, as deployed servers have it
/// let answer = RegistrationAnswer::read(200, br#"{"data":{"id":"17","attributes":{"status":"active"}}}"#)?;
/// assert_eq!(answer, RegistrationAnswer::Registered { id: Some("17".into()), status: RegistrationStatus::Active });
/// # Ok::<(), amp_core::identity::AidError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationAnswer {
    /// `authorization_pending`: an administrator has not decided. Ask again later.
    Pending,
    /// `slow_down`: ask less often.
    SlowDown,
    /// `expired_token`: the request has run out. A new one has to be made.
    Expired,
    /// `access_denied`: an administrator said no.
    Denied,
    /// The registration exists.
    Registered {
        /// The server's name for it, 1 to 128 printable ASCII characters, if it gave one.
        id: Option<String>,
        /// How it stands.
        status: RegistrationStatus,
    },
}

impl RegistrationAnswer {
    /// Reads an answer. A code in the body decides; without one the HTTP status does, and a refusal of either is never
    /// taken for a registration.
    ///
    /// # Errors
    /// A code of the JSON profile, `too_large`, or `invalid_field` when neither body nor status says anything known.
    pub fn read(http_status: u16, body: &[u8]) -> Result<Self, AidError> {
        let by_status = match http_status {
            429 => Some(Self::SlowDown),
            410 => Some(Self::Expired),
            403 => Some(Self::Denied),
            _ => None,
        };
        let object = match (read_answer(body), by_status.clone()) {
            (Ok(object), _) => object,
            // An error page of a proxy says as much as its status.
            (Err(_), Some(answer)) => return Ok(answer),
            (Err(error), None) => return Err(error),
        };
        let code = object.get("error").and_then(|code| code.as_str().map(String::from));
        match (code.as_deref(), by_status) {
            (Some("authorization_pending"), _) => Ok(Self::Pending),
            (Some("slow_down"), _) => Ok(Self::SlowDown),
            (Some("expired_token"), _) => Ok(Self::Expired),
            (Some("access_denied"), _) => Ok(Self::Denied),
            (_, Some(answer)) => Ok(answer),
            (None, None) if matches!(http_status, 200 | 201) => registered(&object),
            _ => Err(AidError::invalid("error", "the answer is one of the registration's")),
        }
    }
}

/// `{"data":{"id","attributes":{"unique_id","status"}}}`, or the same members without the wrapping.
fn registered(object: &Object) -> Result<RegistrationAnswer, AidError> {
    let data = object.object("data");
    let outer = data.as_ref().unwrap_or(object);
    let attributes = outer.object("attributes");
    let inner = attributes.as_ref().unwrap_or(outer);
    let status = RegistrationStatus::read(&inner.text("status")?);
    let id =
        outer.first_of(&["id", "unique_id", "agent_id"]).or_else(|| inner.first_of(&["unique_id", "id"]));
    let id = match id {
        None => None,
        Some(id) if id.kind() == JsonKind::Number => Some(id.raw().to_string()),
        Some(id) => Some(id.as_str().unwrap_or_default().into_owned()),
    };
    let is_id = |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if id.as_ref().is_some_and(|id| !is_id(id)) {
        return Err(AidError::invalid("id", "an id is 1 to 128 printable ASCII characters"));
    }
    Ok(RegistrationAnswer::Registered { id, status })
}
