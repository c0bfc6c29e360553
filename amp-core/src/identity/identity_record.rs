//! Who this agent is: `config.json` in its mailbox, shared with other programs (identity, records).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;

use amp_address::{Address, Profile};
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::{JsonValue, Timestamp};

use super::agent_id::AgentId;
use super::object::{Fault, Object};
use super::record_error::RecordError;

const CREATED: [&str; 2] = ["createdAt", "created_at"];

/// An agent's record of itself. What this library does not know survives being read and written.
///
/// It holds no secret. That its fingerprint is that of the key at hand is for [`check_key`](Self::check_key) to say.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::identity::IdentityRecord;
///
/// let alice = Identity::from_seed(&[7; 32]);
/// let now = "2026-01-31T10:00:00Z".parse()?;
/// let record = IdentityRecord::new(&"alice@acme.aimaestro.local".parse()?, alice.verifying_key(), now)
///     .with_key_paths("~/.agent-messaging/keys/private.pem", "~/.agent-messaging/keys/public.pem");
///
/// let read = IdentityRecord::decode(record.to_json().as_bytes())?;
/// assert_eq!(read.address().as_str(), "alice@acme.aimaestro.local");
/// read.check_key(alice.verifying_key())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct IdentityRecord {
    object: Object,
    address: Address,
    fingerprint: Fingerprint,
}

impl IdentityRecord {
    /// A record of an agent that is new on this machine.
    #[must_use]
    pub fn new(address: &Address, key: &VerifyingKey, now: Timestamp) -> Self {
        let mut provider = Object::empty();
        provider.set_text("domain", address.provider());
        let mut keys = Object::empty();
        keys.set_text("algorithm", key.algorithm().as_str());
        let mut object = Object::empty();
        object.set_text("version", "1.1");
        object.set_object("agent", &agent(address, &key.fingerprint(), Some(&now.to_string())));
        object.set_object("provider", &provider);
        object.set_object("keys", &keys);
        object.set_text("created_at", &now.to_string());
        Self { object, address: address.clone(), fingerprint: key.fingerprint() }
    }

    /// Reads `config.json`, of version 1.0 or 1.1, in the published or the deployed spelling.
    ///
    /// # Errors
    /// [`RecordError`] when it is no JSON object of the profile, or its agent has no full address or no fingerprint.
    pub fn decode(json: &[u8]) -> Result<Self, RecordError> {
        let object = Object::read(json)?;
        let agent = object.object("agent").ok_or(Fault::Missing("agent"))?;
        let address = agent.optional_text("address").unwrap_or_default().map(Cow::into_owned);
        let address = address.ok_or(Fault::Missing("agent.address"))?;
        let address = Address::parse_with(&address, Profile::Deployed)
            .map_err(|_| Fault::Invalid("agent.address", "the value is a full address"))?;
        let stated = agent.optional_text("fingerprint").unwrap_or_default();
        let fingerprint = Fingerprint::parse(&stated.ok_or(Fault::Missing("agent.fingerprint"))?)
            .map_err(|_| Fault::Invalid("agent.fingerprint", "the value is a fingerprint"))?;
        Ok(Self { object, address, fingerprint })
    }

    /// Makes a record of the older `identity.json`, whose members stand either as in `config.json` or at the top level.
    ///
    /// The key stays the one that there is: it is given, and a fingerprint in the file must be its own. What else stands
    /// in the file is kept.
    ///
    /// # Errors
    /// [`RecordError`] when the file names no full address, or another key's fingerprint.
    pub fn migrate(identity_json: &[u8], key: &VerifyingKey, now: Timestamp) -> Result<Self, RecordError> {
        let mut object = Object::read(identity_json)?;
        if object.object("agent").is_none() {
            object = gathered(object, key, now)?;
        }
        object.set_text("version", "1.1");
        let record = Self::decode(object.as_json().as_bytes())?;
        record.check_key(key)?;
        Ok(record)
    }

    /// Notes the agent's own identifier.
    #[must_use]
    pub fn with_id(mut self, id: &AgentId) -> Self {
        self.set_in("agent", "id", id.as_str());
        self
    }

    /// Notes that the agent has another key from now on: its fingerprint and its algorithm.
    ///
    /// ```
    /// use amp_core::Identity;
    /// use amp_core::identity::IdentityRecord;
    ///
    /// let (old, new) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
    /// let address = "alice@acme.aimaestro.local".parse()?;
    /// let record = IdentityRecord::new(&address, old.verifying_key(), "2026-01-31T10:00:00Z".parse()?);
    /// record.with_key(new.verifying_key()).check_key(new.verifying_key())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_key(mut self, key: &VerifyingKey) -> Self {
        self.fingerprint = key.fingerprint();
        self.set_in("agent", "fingerprint", &self.fingerprint.to_string());
        if self.object.object("keys").is_some() {
            self.set_in("keys", "algorithm", key.algorithm().as_str());
        }
        self
    }

    /// Notes where the keys lie. The private key itself never stands in the record.
    #[must_use]
    pub fn with_key_paths(mut self, private: &str, public: &str) -> Self {
        self.set_in("keys", "private_key_path", private);
        self.set_in("keys", "public_key_path", public);
        self
    }

    /// The agent's address at its own, local, provider.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The fingerprint of the agent's key, in whichever form the file has it.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The agent's own identifier.
    #[must_use]
    pub fn id(&self) -> Option<AgentId> {
        self.object.object("agent")?.get("id")?.as_str()?.parse().ok()
    }

    /// When the record was made.
    #[must_use]
    pub fn created_at(&self) -> Option<Timestamp> {
        let within = self.object.object("agent").and_then(|agent| time_of(&agent));
        time_of(&self.object).or(within)
    }

    /// Where the file says that the private key lies. Whoever can write the file can say so: a host keeps to its own
    /// directory unless it was told otherwise.
    #[must_use]
    pub fn stated_private_key_path(&self) -> Option<String> {
        self.object.object("keys")?.get("private_key_path")?.as_str().map(Cow::into_owned)
    }

    /// A member of the file by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'_>> {
        self.object.get(name)
    }

    /// Whether the record is about this key. Its fingerprint may be over the raw key or over the SPKI.
    ///
    /// # Errors
    /// [`RecordError::Fingerprint`] when it is another key's.
    pub fn check_key(&self, key: &VerifyingKey) -> Result<(), RecordError> {
        let is_its = self.fingerprint.matches(key).is_some();
        if is_its { Ok(()) } else { Err(RecordError::Fingerprint { field: "agent.fingerprint" }) }
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.object.as_json().into()
    }

    fn set_in(&mut self, part: &str, name: &str, text: &str) {
        let mut object = self.object.object(part).unwrap_or_else(Object::empty);
        object.set_text(name, text);
        self.object.set_object(part, &object);
    }
}

impl fmt::Debug for IdentityRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityRecord({}, {})", self.address, self.fingerprint)
    }
}

/// The part `agent`, as the bash client writes and reads it.
fn agent(address: &Address, fingerprint: &Fingerprint, created_at: Option<&str>) -> Object {
    let mut agent = Object::empty();
    agent.set_text("name", address.name());
    agent.set_text("tenant", address.tenant());
    agent.set_text("address", address.as_str());
    agent.set_text("fingerprint", &fingerprint.to_string());
    if let Some(time) = created_at {
        agent.set_text("createdAt", time);
    }
    agent
}

/// Puts the members of a flat file into their parts; what is not understood stays where it is.
fn gathered(flat: Object, key: &VerifyingKey, now: Timestamp) -> Result<Object, RecordError> {
    let address = Address::parse_with(&flat.text("address")?, Profile::Deployed)
        .map_err(|_| Fault::Invalid("address", "the value is a full address"))?;
    let fingerprint = match flat.optional_text("fingerprint")? {
        Some(stated) => Fingerprint::parse(&stated)
            .map_err(|_| Fault::Invalid("fingerprint", "the value is a fingerprint"))?,
        None => key.fingerprint(),
    };
    let created_at = time_of(&flat).unwrap_or(now).to_string();
    let mut part = agent(&address, &fingerprint, Some(&created_at));
    if let Some(id) = flat.get("id") {
        part.set("id", id.raw());
    }
    let moved = ["name", "tenant", "address", "fingerprint", "id"];
    let mut object = moved.into_iter().fold(flat, |rest, name| rest.without(name));
    object.set_object("agent", &part);
    object.set_text("created_at", &created_at);
    Ok(object)
}

fn time_of(object: &Object) -> Option<Timestamp> {
    object.first_of(&CREATED)?.as_str()?.parse().ok()
}
