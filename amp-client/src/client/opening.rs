//! From a builder to a client: the agent's key, its registrations, its store (local mailbox; identity, records).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, RwLock};

use amp_core::crypto::seal::DecryptionKey;
use amp_core::identity::{AgentId, RegistrationRecord};
use amp_core::wire::ApiUrl;
use amp_core::{Address, AgentName, Identity};

use super::Client;
use super::account::{Account, Settings, Shared, known_providers, not_registered};
use super::builder::{ClientBuilder, Place, Wanted};
#[cfg(unix)]
use super::keeping::blocking;
use super::keeping::{Keeping, Pending};
use super::registration::Registration;
use crate::error::{Error, ErrorKind};
#[cfg(unix)]
use crate::home::Home;
use crate::http::Http;
#[cfg(unix)]
use crate::mailbox::Mailbox;
use crate::receiving::{Prepare, Receiving};
use crate::store::{MemoryStore, Store};

/// What a client is made of.
struct Found {
    keeping: Keeping,
    identity: Arc<Identity>,
    records: Vec<RegistrationRecord>,
    store: Arc<dyn Store>,
    local: Option<Address>,
    id: Option<AgentId>,
    /// A change of key that is not decided.
    pending: Option<Pending>,
}

impl ClientBuilder {
    /// The client of an agent that is registered with the provider: it is registered now if it is not yet.
    ///
    /// In a home, the agent of this name is used, or made. A registration that was kept is used again, without asking the
    /// provider, and so is one whose answer got lost: the same name and key are asked for once more.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] with the code `name_taken` when the name is another agent's:
    /// [`Error::api`] has [suggestions](amp_core::wire::ApiError::suggestions), and with other codes;
    /// [`ErrorKind::Setup`] when the name or something else that was set is not what it ought to be, or a change of the
    /// signing key is not decided ([`Client::rotate_keys`] goes on with it);
    /// [`ErrorKind::Key`] and [`ErrorKind::Store`] for what is kept; as [`Client::call`] besides.
    pub async fn register(self, name: &str) -> Result<Client, Error> {
        let name: AgentName = name.parse().map_err(|error| {
            Error::new(ErrorKind::Setup, "registering: the name of an agent").because(error)
        })?;
        let api = self.api.clone();
        let (shared, wanted) = self.assemble(Some(name.as_str().into())).await?;
        let at = match shared.account.registered_at(&api) {
            Some(registration) => registration,
            None => shared.register_wanted(&api, &name, &wanted).await?,
        };
        Ok(Client { shared, own: at.address().clone(), at: Some(at) })
    }

    /// The client of an agent that is registered already, or that has an address on this machine. Nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when there is no such agent, or no address;
    /// [`ErrorKind::Key`] and [`ErrorKind::Store`] for what is kept.
    pub async fn open(self) -> Result<Client, Error> {
        let api = self.api.clone();
        let (shared, _) = self.assemble(None).await?;
        let at = shared.account.registered_at(&api);
        let own = at.as_ref().map(|at| at.address().clone());
        let own = own.or_else(|| shared.account.addresses().into_iter().next()).ok_or_else(not_registered)?;
        Ok(Client { shared, own, at })
    }

    /// What is kept. With a name, an agent that is not there yet is made.
    async fn assemble(mut self, name: Option<String>) -> Result<(Arc<Shared>, Wanted), Error> {
        let wanted = core::mem::take(&mut self.wanted);
        let encryption_key = self.decryption_key.as_ref().map(DecryptionKey::encryption_key);
        let opening_keys = core::mem::take(&mut self.opening_keys);
        let opening_keys = match self.decryption_key.take() {
            Some(key) => opening_keys.with_key(key),
            None => opening_keys,
        };
        let settings = Settings {
            timeout: self.timeout,
            allowed_routes: self.allowed_routes.clone(),
            former_keys_last: self.former_keys_last,
            encryption_key,
            opening_keys,
            is_refusing: self.is_refusing,
            trace: self.trace.clone(),
        };
        let (http, prepare) = (Http::new(self.access.clone()), core::mem::take(&mut self.prepare));
        let api = self.api.clone();
        let found = self.find(name, &wanted).await?;
        let mut registrations = Vec::new();
        for record in found.records {
            let is_wanted = record.api_url().parse() == Ok(api.clone());
            let identity = key_of(&record, &found.identity, found.pending.as_ref());
            match Registration::resumed(record, &settings.allowed_routes, identity) {
                Ok(registration) => registrations.push(registration),
                Err(error) if is_wanted => return Err(error),
                // One that another program left behind does not shut the agent out of the others.
                Err(error) => tracing::warn!(%error, "a registration is left out"),
            }
        }
        let account = Arc::new(Account {
            http,
            settings,
            keeping: found.keeping,
            local: found.local,
            id: found.id,
            identity: Mutex::new(found.identity),
            registrations: RwLock::new(registrations),
            changing: tokio::sync::Mutex::new(()),
        });
        let (receiving, store) = (receiving(&account, &found.store, prepare), found.store);
        Ok((Arc::new(Shared { account, store, receiving }), wanted))
    }

    async fn find(mut self, name: Option<String>, wanted: &Wanted) -> Result<Found, Error> {
        match core::mem::take(&mut self.place) {
            Place::Memory => self.in_process(),
            #[cfg(unix)]
            Place::DefaultHome => {
                let home = blocking(Home::open_default).await?;
                self.find_in(home, name, wanted).await
            }
            #[cfg(unix)]
            Place::Home(home) => self.find_in(home, name, wanted).await,
            #[cfg(not(unix))]
            Place::DefaultHome => {
                let _ = (name, wanted);
                Err(Error::new(ErrorKind::Setup, "there is no home directory here, `in_memory` needs none"))
            }
        }
    }

    fn in_process(self) -> Result<Found, Error> {
        let identity = match self.identity {
            Some(identity) => identity,
            None if !self.registrations.is_empty() => {
                return Err(Error::new(
                    ErrorKind::Setup,
                    "a registration is resumed with the identity it is for",
                ));
            }
            None => Identity::try_generate()
                .map_err(|error| Error::new(ErrorKind::Key, "making a key").because(error))?,
        };
        Ok(Found {
            keeping: Keeping::in_process(),
            identity: Arc::new(identity),
            records: self.registrations,
            store: self.store.unwrap_or_else(|| Arc::new(MemoryStore::new())),
            local: None,
            id: None,
            pending: None,
        })
    }

    #[cfg(unix)]
    async fn find_in(self, home: Home, name: Option<String>, wanted: &Wanted) -> Result<Found, Error> {
        if self.identity.is_some() || !self.registrations.is_empty() {
            let rule =
                "an agent in a home has its key and registrations there, one's own go with `in_memory`";
            return Err(Error::new(ErrorKind::Setup, rule));
        }
        let (store, tenant) = (self.store, wanted.tenant.clone());
        let asked = name.clone().or(self.agent);
        let nobody = || Error::new(ErrorKind::Setup, "opening an agent: the home has none of this name");
        blocking(move || {
            let agent = match &asked {
                Some(asked) => home.agent(asked)?,
                None => home.default_agent()?,
            };
            let agent = match (agent, name) {
                (Some(agent), _) => agent,
                (None, Some(name)) => home.create_agent(&name, tenant.as_deref().unwrap_or("default"))?,
                (None, None) => return Err(nobody()),
            };
            let store = match store {
                Some(store) => store,
                None => mailbox_of(&agent)?,
            };
            Ok(Found {
                identity: Arc::new(agent.identity()?),
                records: agent.registrations()?,
                store,
                local: Some(agent.address().clone()),
                id: agent.record().id(),
                pending: agent.kept_rotation()?.map(Pending::from),
                keeping: Keeping::in_home(home, agent),
            })
        })
        .await
    }
}

#[cfg(unix)]
fn mailbox_of(agent: &crate::home::AgentHome) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(Mailbox::open(agent.path())?))
}

/// Which key is in force at a provider: in the middle of a change it is the one whose fingerprint was kept last.
fn key_of<'k>(
    record: &RegistrationRecord,
    identity: &'k Arc<Identity>,
    pending: Option<&'k Pending>,
) -> &'k Arc<Identity> {
    let is_its = |key: &Identity| record.check_key(key.verifying_key()).is_ok();
    match pending {
        Some(pending) if !is_its(identity) && is_its(&pending.identity) => &pending.identity,
        _ => identity,
    }
}

fn receiving(account: &Arc<Account>, store: &Arc<dyn Store>, prepare: Vec<Prepare>) -> Receiving {
    let providers = Arc::clone(account);
    let prepare: Prepare = Arc::new(move |receiver| {
        let receiver = receiver.known_providers(known_providers(&providers.registrations()));
        prepare.iter().fold(receiver, |receiver, prepare| prepare(receiver))
    });
    let keys: Arc<Account> = Arc::clone(account);
    Receiving::new(Arc::clone(store), account.addresses(), prepare, keys)
}

impl Account {
    /// The registration at an API.
    fn registered_at(&self, api: &ApiUrl) -> Option<Registration> {
        self.registrations().into_iter().find(|one| one.api() == api)
    }
}
