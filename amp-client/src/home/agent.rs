//! One agent of a home: who it is, its key, its registrations (local mailbox; identity, records).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};

use amp_core::address::{Address, AgentName, Provider, Scope};
use amp_core::envelope::JsonValue;
use amp_core::identity::{AgentId, IdentityRecord, RegistrationRecord, identity_text};
use amp_core::{Identity, VerifyingKey};

use super::directory::{Directory, Readers};
use super::error::{damaged, refused, unreadable};
use crate::clock;
use crate::error::{Error, ErrorKind};

const CONFIG: &str = "config.json";
/// As versions before 1.1 named it.
const CONFIG_LEGACY: &str = "identity.json";
const IDENTITY_TEXT: &str = "IDENTITY.md";
pub(super) const KEYS: &str = "keys";
pub(super) const PRIVATE_KEY: &str = "private.pem";
pub(super) const PUBLIC_KEY: &str = "public.pem";
const REGISTRATIONS: &str = "registrations";
const RECORD_MAX_BYTES: usize = 64 * 1024;
const PEM_MAX_BYTES: usize = 16 * 1024;

/// The provider that agents of one machine have without registering, as the deployed clients name it.
const LOCAL_PROVIDER: &str = "aimaestro.local";

/// One agent of a [`Home`](super::Home): its record, its key, its registrations, its mailbox.
///
/// ```
/// use amp_client::Home;
/// use amp_client::identity::RegistrationRecord;
/// # let directory = std::env::temp_dir().join(format!("amp-agent-doc-{}", std::process::id()));
///
/// let alice = Home::open(&directory)?.create_agent("alice", "acme")?;
/// alice.save_registration(&RegistrationRecord::new(
///     "crabmail.ai".parse()?,
///     "alice@acme.crabmail.ai".parse()?,
///     "https://api.crabmail.ai/v1",
///     "amp_live_sk_7f53efb3fb6588af".parse()?,
///     "2026-01-31T10:00:00Z".parse()?,
/// )?)?;
/// assert_eq!(alice.registrations()?[0].address().as_str(), "alice@acme.crabmail.ai");
/// assert!(std::fs::read_to_string(alice.path().join("IDENTITY.md"))?.contains("alice@acme.crabmail.ai"));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AgentHome {
    pub(super) directory: Arc<Directory>,
    path: PathBuf,
    pub(super) record: IdentityRecord,
}

/// What a new agent is made of.
pub(super) struct NewAgent<'a> {
    pub(super) name: &'a AgentName,
    pub(super) scope: &'a Scope,
    pub(super) id: &'a AgentId,
    pub(super) key: &'a Identity,
}

/// Whether another program has made the directory for an agent that it knows no address and no key of: the deployed
/// provider does, for agents that somebody else will set up.
fn is_begun(config: &str) -> bool {
    let Ok(config) = JsonValue::read_object(config.as_bytes()) else { return false };
    let parts = config.get("agent").into_iter().chain([config]);
    parts.into_iter().all(|part| part.get("address").is_none() && part.get("fingerprint").is_none())
}

impl AgentHome {
    /// The agent of a directory, if there is one.
    pub(super) fn load(directory: Arc<Directory>, path: PathBuf) -> Result<Option<Self>, Error> {
        let record = match directory.read(CONFIG, RECORD_MAX_BYTES, Readers::Anybody)? {
            Some(text) => match IdentityRecord::decode(text.expose().as_bytes()) {
                Ok(record) => record,
                Err(_) if is_begun(text.expose()) => return Ok(None),
                Err(error) => return Err(unreadable("reading config.json", error)),
            },
            None => match migrated(&directory)? {
                Some(record) => record,
                None => return Ok(None),
            },
        };
        let mut agent = Self { directory, path, record };
        agent.complete_rotation()?;
        Ok(Some(agent))
    }

    /// Writes the files of a new agent, its record last: without it there is no agent.
    pub(super) fn create(directory: Directory, path: PathBuf, new: &NewAgent<'_>) -> Result<Self, Error> {
        let provider =
            Provider::parse(LOCAL_PROVIDER).map_err(|_| refused("the local provider has a name"))?;
        let address = Address::new(new.name, new.scope, &provider)
            .map_err(|error| refused("the local address fits").because(error))?;
        let keys = directory.below_or_new(KEYS)?;
        if keys.has(PRIVATE_KEY)? {
            return Err(refused("there is a private key already, and no agent that it belongs to"));
        }
        for name in [REGISTRATIONS, "attachments", "messages"] {
            directory.below_or_new(name)?;
        }
        let messages = directory.below_or_new("messages")?;
        for name in ["inbox", "sent"] {
            messages.below_or_new(name)?;
        }
        keys.write(PRIVATE_KEY, new.key.to_pkcs8_pem().expose(), Readers::Owner)?;
        keys.write(PUBLIC_KEY, &new.key.verifying_key().to_pem(), Readers::Anybody)?;
        let path_of = |name: &str| path.join(KEYS).join(name).to_string_lossy().into_owned();
        let record = IdentityRecord::new(&address, new.key.verifying_key(), clock::now())
            .with_id(new.id)
            .with_key_paths(&path_of(PRIVATE_KEY), &path_of(PUBLIC_KEY));
        let agent = Self { directory: Arc::new(directory), path, record };
        agent.write_record()?;
        agent.write_identity_text()?;
        Ok(agent)
    }

    /// The agent's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The agent's record of itself, `config.json`.
    #[must_use]
    pub const fn record(&self) -> &IdentityRecord {
        &self.record
    }

    /// The agent's local address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        self.record.address()
    }

    /// The agent's private key, from `keys/private.pem` in its own directory, whatever `config.json` says about another
    /// place.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when there is none, when others may read it, when it is no Ed25519 key in PKCS#8, or not the key
    /// of the record's fingerprint; [`ErrorKind::Store`] when it cannot be read.
    pub fn identity(&self) -> Result<Identity, Error> {
        let identity = self.key_in(PRIVATE_KEY)?;
        let identity = identity.ok_or_else(|| Error::new(ErrorKind::Key, "there is no keys/private.pem"))?;
        self.record.check_key(identity.verifying_key()).map_err(|error| {
            Error::new(ErrorKind::Key, "keys/private.pem is not the key of config.json").because(error)
        })?;
        Ok(identity)
    }

    /// The agent's public key, from `keys/public.pem`.
    ///
    /// # Errors
    /// As [`identity`](Self::identity).
    pub fn verifying_key(&self) -> Result<VerifyingKey, Error> {
        let keys = self.directory.below(KEYS)?;
        let pem = keys.map(|keys| keys.read(PUBLIC_KEY, PEM_MAX_BYTES, Readers::Anybody)).transpose()?;
        let pem = pem.flatten().ok_or_else(|| Error::new(ErrorKind::Key, "there is no keys/public.pem"))?;
        let key = VerifyingKey::from_pem(pem.expose())
            .map_err(|error| Error::new(ErrorKind::Key, "reading keys/public.pem").because(error))?;
        self.record.check_key(&key).map_err(|error| {
            Error::new(ErrorKind::Key, "keys/public.pem is not the key of config.json").because(error)
        })?;
        Ok(key)
    }

    /// The agent's mailbox.
    ///
    /// # Errors
    /// As [`Mailbox::open`](crate::mailbox::Mailbox::open).
    pub fn mailbox(&self) -> Result<crate::mailbox::Mailbox, crate::store::StoreError> {
        crate::mailbox::Mailbox::open(&self.path)
    }

    /// Where the agent is registered, by the names of the files. One that is no registration is left out, and reported as an
    /// event.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when others may read one of them, since each holds an API key; [`ErrorKind::Store`] when a file
    /// cannot be read.
    pub fn registrations(&self) -> Result<Vec<RegistrationRecord>, Error> {
        let Some(directory) = self.directory.below(REGISTRATIONS)? else { return Ok(Vec::new()) };
        let mut records = Vec::new();
        for name in directory.names()?.iter().filter(|name| is_record_name(name)) {
            let Some(text) = directory.read(name, RECORD_MAX_BYTES, Readers::Owner)? else { continue };
            match RegistrationRecord::decode(text.expose().as_bytes()) {
                Ok(record) => records.push(record),
                Err(error) => tracing::warn!(%error, "a registration cannot be read"),
            }
        }
        Ok(records)
    }

    /// Keeps a registration in place of an earlier one of the same address, and writes `IDENTITY.md` anew.
    ///
    /// When it returns, the registration is durable.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when another address is registered with the same provider, whose API key would be lost;
    /// [`ErrorKind::Store`] when it cannot be written.
    pub fn save_registration(&self, registration: &RegistrationRecord) -> Result<(), Error> {
        let _lock = self.directory.lock()?;
        let is_other = |kept: RegistrationRecord| kept.address() != registration.address();
        if self.registration_with(registration.provider())?.is_some_and(is_other) {
            return Err(refused("another address is registered with this provider, forget that one first"));
        }
        self.write_registration(registration)?;
        self.retire_left_behind()?;
        self.write_identity_text()
    }

    /// Changes what is kept of a registration, and nothing that another program has changed in it.
    pub(crate) fn change_registration(
        &self,
        provider: &Provider,
        address: &Address,
        change: impl FnOnce(RegistrationRecord) -> RegistrationRecord,
    ) -> Result<(), Error> {
        let _lock = self.directory.lock()?;
        let kept = self.registration_with(provider)?.filter(|kept| kept.address() == address);
        let kept = kept.ok_or_else(|| refused("the registration is not kept any more"))?;
        self.write_registration(&change(kept))?;
        self.write_identity_text()
    }

    fn registration_with(&self, provider: &Provider) -> Result<Option<RegistrationRecord>, Error> {
        let Some(directory) = self.directory.below(REGISTRATIONS)? else { return Ok(None) };
        let text = directory.read(&record_name(provider), RECORD_MAX_BYTES, Readers::Owner)?;
        Ok(text.and_then(|text| RegistrationRecord::decode(text.expose().as_bytes()).ok()))
    }

    /// Forgets the registration with a provider, and writes `IDENTITY.md` anew. Gives false when there was none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when it cannot be removed.
    pub fn remove_registration(&self, provider: &Provider) -> Result<bool, Error> {
        let _lock = self.directory.lock()?;
        let Some(directory) = self.directory.below(REGISTRATIONS)? else { return Ok(false) };
        let was_there = directory.remove(&record_name(provider))?;
        self.retire_left_behind()?;
        self.write_identity_text()?;
        Ok(was_there)
    }

    pub(super) fn write_registration(&self, registration: &RegistrationRecord) -> Result<(), Error> {
        let directory = self.directory.below_or_new(REGISTRATIONS)?;
        let name = record_name(registration.provider());
        directory.write(&name, registration.to_json().expose(), Readers::Owner)
    }

    pub(super) fn write_record(&self) -> Result<(), Error> {
        self.directory.write(CONFIG, &self.record.to_json(), Readers::Anybody)
    }

    pub(super) fn write_identity_text(&self) -> Result<(), Error> {
        let registrations = self.registrations()?;
        let root = self.path.to_string_lossy();
        let text = identity_text(&self.record, &registrations, &root, clock::now());
        self.directory.write(IDENTITY_TEXT, &text, Readers::Anybody)
    }

    pub(super) fn key_in(&self, name: &str) -> Result<Option<Identity>, Error> {
        read_key(&self.directory, name)
    }
}

/// Shows the address and where its files lie.
impl fmt::Debug for AgentHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentHome").field("address", self.address()).field("path", &self.path).finish()
    }
}

fn read_key(directory: &Directory, name: &str) -> Result<Option<Identity>, Error> {
    let Some(keys) = directory.below(KEYS)? else { return Ok(None) };
    let Some(pem) = keys.read(name, PEM_MAX_BYTES, Readers::Owner)? else { return Ok(None) };
    let identity = Identity::from_pkcs8_pem(pem.expose())
        .map_err(|error| Error::new(ErrorKind::Key, "reading a private key").because(error))?;
    Ok(Some(identity))
}

/// Makes `config.json` of an older `identity.json`, whose key stays.
fn migrated(directory: &Directory) -> Result<Option<IdentityRecord>, Error> {
    let Some(text) = directory.read(CONFIG_LEGACY, RECORD_MAX_BYTES, Readers::Anybody)? else {
        return Ok(None);
    };
    let key = read_key(directory, PRIVATE_KEY)?;
    let key = key.ok_or_else(|| damaged("identity.json has no keys/private.pem beside it"))?;
    let record = IdentityRecord::migrate(text.expose().as_bytes(), key.verifying_key(), clock::now())
        .map_err(|error| unreadable("reading identity.json", error))?;
    directory.write(CONFIG, &record.to_json(), Readers::Anybody)?;
    Ok(Some(record))
}

fn record_name(provider: &Provider) -> String {
    alloc::format!("{}.json", provider.as_str())
}

/// A provider's name holds dots, so it is its grammar that keeps the file where it belongs.
fn is_record_name(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or_default();
    Provider::parse_with(stem, amp_core::Profile::Deployed).is_ok()
}
