//! Who the agent is to its providers: its registrations, its keys, and the way to call (provider API; identity).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::sync::{Mutex, PoisonError, RwLock};

use amp_core::crypto::seal::{DecryptionKey, EncryptionKey};
use amp_core::envelope::OpeningKeys;
use amp_core::identity::AgentId;
use amp_core::receive::SenderKey;
use amp_core::wire::{ApiErrorCode, ApiUrl, Resolve};
use amp_core::{Address, Identity, KnownProviders};

use super::keeping::{Keeping, OpeningIdentity};
use super::registration::Registration;
use super::trace::TraceContext;
use crate::error::{Error, ErrorKind};
use crate::http::Http;
use crate::receiving::{LookUp, LookUpFuture, OpeningFuture, Receiving};
use crate::store::Store;

/// Says which trace what is sent now belongs to.
pub(super) type TraceSource = Arc<dyn Fn() -> Option<TraceContext> + Send + Sync>;

/// What all clones of a client, and its inboxes, share.
pub(crate) struct Shared {
    pub(crate) account: Arc<Account>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) receiving: Receiving,
}

/// What the host has set.
pub(super) struct Settings {
    /// How long a call, a sending or a registration may take, all attempts together.
    pub(super) timeout: Duration,
    /// Where messages may go besides the site that was registered at.
    pub(super) allowed_routes: Vec<ApiUrl>,
    /// How long a key opens mail after another one took its place.
    pub(super) former_keys_last: Duration,
    /// The host's own keys that open mail, and the one that the agent's card names.
    pub(super) opening_keys: OpeningKeys,
    pub(super) encryption_key: Option<EncryptionKey>,
    /// Whether mail is never sealed, unless a rule for a peer says otherwise.
    pub(super) is_refusing: bool,
    pub(super) trace: Option<TraceSource>,
}

/// What it takes to call a provider for the agent.
pub(crate) struct Account {
    pub(crate) http: Http,
    pub(super) settings: Settings,
    pub(super) keeping: Keeping,
    /// The address at this machine's own provider, where there is one.
    pub(super) local: Option<Address>,
    /// The identifier that the agent has in its home. A provider on this machine that keeps it finds the same mailbox.
    pub(super) id: Option<AgentId>,
    /// The key of new registrations.
    pub(super) identity: Mutex<Arc<Identity>>,
    pub(super) registrations: RwLock<Vec<Registration>>,
    /// One rotation, or one registration, at a time.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl Account {
    /// All registrations, oldest first.
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        self.registrations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long a call may take, all attempts together.
    pub(crate) const fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// The agent's addresses: those of its registrations, and the one at this machine's own provider.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let registered = self.registrations().into_iter().map(|one| one.address().clone());
        registered.chain(self.local.clone()).collect()
    }

    /// The registration under an address of the agent's own.
    pub(crate) fn registration_of(&self, address: &Address) -> Option<Registration> {
        self.registrations().into_iter().find(|registration| registration.address() == address)
    }

    /// The registration with the provider of an address; else the first one, whose provider is asked to reach the others.
    /// An address of this machine is nobody else's business: a provider elsewhere neither carries its mail nor names its key.
    pub(crate) fn registration_for(&self, address: &Address) -> Result<Registration, Error> {
        let registrations = self.registrations();
        let others = registrations.first().filter(|_| !address.is_local());
        let found = self.with_provider_of(address, &registrations).or(others);
        found.cloned().ok_or_else(not_registered)
    }

    /// Whether the agent is registered with the provider of an address.
    pub(super) fn reaches(&self, address: &Address) -> bool {
        self.with_provider_of(address, &self.registrations()).is_some()
    }

    /// The registration with the provider of an address. Where a provider's name begins is known from the registrations.
    fn with_provider_of<'r>(
        &self,
        address: &Address,
        registrations: &'r [Registration],
    ) -> Option<&'r Registration> {
        let known = known_providers(registrations);
        let provider_of = |address: &Address| address.clone().with_known_providers(&known);
        let wanted = provider_of(address);
        let by_name = registrations.iter().find(|one| one.provider().as_str() == wanted.provider());
        // A provider may name itself by a domain below the one in its addresses.
        let by_address = |one: &&Registration| provider_of(one.address()).provider() == wanted.provider();
        by_name.or_else(|| registrations.iter().find(by_address))
    }

    /// The key of new registrations, and of the address at this machine's own provider.
    pub(super) fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_identity(&self, identity: &Arc<Identity>) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(identity);
    }

    pub(super) fn add(&self, registration: Registration) {
        let mut registrations = self.registrations.write().unwrap_or_else(PoisonError::into_inner);
        registrations.retain(|one| one.address() != registration.address());
        registrations.push(registration);
    }

    pub(super) fn remove(&self, registration: &Registration) {
        let mut registrations = self.registrations.write().unwrap_or_else(PoisonError::into_inner);
        registrations.retain(|one| one.address() != registration.address());
    }

    /// The key that an address has, by an authenticated source: the agent's own provider, or, for an address at this
    /// machine's own provider, the home directory.
    pub(super) async fn key_of(&self, address: &Address) -> Result<Option<SenderKey>, Error> {
        if let Some(registration) = self.registration_of(address) {
            return Ok(Some(SenderKey::resolved(registration.identity().verifying_key().clone())));
        }
        if let Some(key) = self.keeping.local_key(address).await? {
            return Ok(Some(key));
        }
        let registration = match self.registration_for(address) {
            Ok(registration) => registration,
            // Nobody can be asked, now or later.
            Err(_) => return Ok(None),
        };
        match self.call(&registration, &Resolve::new(address.clone())).await {
            Ok(resolved) => Ok(Some(SenderKey::resolved(resolved.public_key().clone()))),
            Err(error) if is_nobody(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Account {
    /// The agent's signing keys that mail may be sealed to, and until when the former ones open it: as they are kept now.
    pub(super) async fn opening_identities(&self) -> Result<Vec<OpeningIdentity>, Error> {
        let mut identities = self.keeping.opening_identities().await?;
        if !self.keeping.is_shared() {
            let own = self.registrations().iter().map(Registration::identity).collect::<Vec<_>>();
            identities.extend(own.into_iter().chain([self.identity()]).map(|key| (key, None)));
        }
        Ok(identities)
    }

    async fn keys_that_open(&self) -> Result<OpeningKeys, Error> {
        let keys = self.settings.opening_keys.clone();
        let identities = self.opening_identities().await?;
        Ok(identities.into_iter().fold(keys, |keys, (identity, until)| match until {
            Some(until) => keys.with_former(DecryptionKey::of(&identity), until),
            None => keys.with_identity(&identity),
        }))
    }
}

/// The providers that the agent is registered with.
pub(super) fn known_providers(registrations: &[Registration]) -> KnownProviders {
    let mut known = KnownProviders::new();
    for registration in registrations {
        known.insert(registration.provider().clone());
    }
    known
}

/// Whether a provider says that nobody has the address.
fn is_nobody(error: &Error) -> bool {
    let Some(api) = error.api() else { return false };
    let codes = [
        ApiErrorCode::NotFound,
        ApiErrorCode::AgentNotFound,
        ApiErrorCode::KeyNotFound,
        ApiErrorCode::ExternalProvider,
    ];
    codes.iter().any(|code| api.is(code))
}

impl LookUp for Account {
    fn look_up<'a>(&'a self, address: &'a Address) -> LookUpFuture<'a> {
        Box::pin(self.key_of(address))
    }

    fn opening_keys(&self) -> OpeningFuture<'_> {
        Box::pin(self.keys_that_open())
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("registrations", &self.registrations()).finish_non_exhaustive()
    }
}

pub(super) fn not_registered() -> Error {
    Error::new(ErrorKind::Setup, "the agent is registered with no provider")
}
