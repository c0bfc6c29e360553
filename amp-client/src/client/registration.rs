//! Where this agent is registered, as a client uses it (identity, records).

use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amp_core::identity::{ApiKey, RegistrationRecord};
use amp_core::wire::{ApiUrl, Registered};
use amp_core::{Address, Identity, Provider, Timestamp};

use crate::error::{Error, ErrorKind};

/// A registration with a provider: an address, and the key to call the provider with.
///
/// It is cheap to clone. [`record`](Self::record) is what to keep, for a program that keeps registrations itself.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use amp_client::{Client, Identity, Loopback};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let provider = Loopback::start().await?;
/// let builder = || Client::builder(provider.url()).in_memory().identity(Identity::from_seed(&[7; 32]));
/// let alice = builder().register("alice").await?;
/// let record = alice.registrations()[0].record()?; // its JSON holds the API key: a secret
///
/// let again = builder().registration(record).open().await?;
/// assert_eq!(again.address(), alice.address());
/// again.me().await?;
/// # Ok::<(), amp_client::Error>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registration {
    inner: Arc<Inner>,
}

struct Inner {
    address: Address,
    provider: Provider,
    api: ApiUrl,
    /// Where messages go.
    route: Option<ApiUrl>,
    ignored_route: Option<ApiUrl>,
    changing: Mutex<Changing>,
}

/// What a rotation replaces.
struct Changing {
    record: RegistrationRecord,
    key: Arc<ApiKey>,
    identity: Arc<Identity>,
}

impl Registration {
    /// A registration just made.
    ///
    /// The place that the provider names for messages is used when it is on the site that was registered at, or is one of
    /// those that the host allows; the API key goes nowhere else. (A60)
    pub(super) fn made(
        registered: &Registered,
        api: &ApiUrl,
        allowed_routes: &[ApiUrl],
        identity: &Arc<Identity>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let address = registered.settled_address();
        let fault = |_| Error::new(ErrorKind::BadAnswer, "keeping what the provider answered");
        let key = copy_of(&registered.api_key)?;
        let record =
            RegistrationRecord::new(registered.provider.name.clone(), address, api.as_str(), key, now)
                .map_err(fault)?
                .with_fingerprint(&identity.fingerprint());
        let record = match &registered.agent_id {
            Some(id) => record.with_agent_id(id),
            None => record,
        };
        // What is not followed here is not kept either: other programs read the same file.
        let (record, ignored) = match registered.provider.route_url.clone() {
            Some(route) if is_allowed(&route, api, allowed_routes) => {
                (record.with_route_url(route.as_str()).map_err(fault)?, None)
            }
            ignored => (record, ignored),
        };
        Self::build(record, allowed_routes, identity, ignored)
    }

    /// A registration that was kept.
    pub(super) fn resumed(
        record: RegistrationRecord,
        allowed_routes: &[ApiUrl],
        identity: &Arc<Identity>,
    ) -> Result<Self, Error> {
        Self::build(record, allowed_routes, identity, None)
    }

    fn build(
        record: RegistrationRecord,
        allowed_routes: &[ApiUrl],
        identity: &Arc<Identity>,
        ignored: Option<ApiUrl>,
    ) -> Result<Self, Error> {
        let api: ApiUrl = record
            .api_url()
            .parse()
            .map_err(|error| Error::new(ErrorKind::Setup, "reading a registration").because(error))?;
        record
            .check_key(identity.verifying_key())
            .map_err(|error| Error::new(ErrorKind::Key, "reading a registration").because(error))?;
        let named = record.route_url().and_then(|route| route.parse::<ApiUrl>().ok());
        let (route, ignored_route) = match named {
            Some(named) if is_allowed(&named, &api, allowed_routes) => (Some(named), None),
            named => (None, named.or(ignored)),
        };
        let changing = Changing {
            key: Arc::new(copy_of(record.api_key())?),
            identity: Arc::clone(identity),
            record: copy_of_record(&record)?,
        };
        let inner = Inner {
            address: settled(&record),
            provider: record.provider().clone(),
            api,
            route,
            ignored_route,
            changing: Mutex::new(changing),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The address there.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// The provider, as it named itself.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.inner.provider
    }

    /// The base URL of its API.
    #[must_use]
    pub fn api(&self) -> &ApiUrl {
        &self.inner.api
    }

    /// Where the provider wanted messages sent, if that is on another site and was not allowed: messages go to `route` below
    /// [`api`](Self::api) instead. [`ClientBuilder::allow_route_url`](crate::ClientBuilder::allow_route_url) allows it.
    #[must_use]
    pub fn ignored_route_url(&self) -> Option<&ApiUrl> {
        self.inner.ignored_route.as_ref()
    }

    /// What to keep, with the API key in force: a client resumes it with
    /// [`ClientBuilder::registration`](crate::ClientBuilder::registration).
    ///
    /// # Errors
    /// None that is known: what was read can be read again.
    pub fn record(&self) -> Result<RegistrationRecord, Error> {
        copy_of_record(&self.changing().record)
    }

    /// Where messages go, if not to `route` below the API.
    pub(crate) fn route(&self) -> Option<&ApiUrl> {
        self.inner.route.as_ref()
    }

    /// The API key in force.
    pub(crate) fn key(&self) -> Arc<ApiKey> {
        Arc::clone(&self.changing().key)
    }

    /// The signing key in force.
    pub(crate) fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.changing().identity)
    }

    /// Goes over to another API key.
    pub(super) fn set_key(&self, key: &ApiKey) -> Result<(), Error> {
        let (kept, used) = (copy_of(key)?, copy_of(key)?);
        let mut changing = self.changing();
        changing.record.set_api_key(kept);
        changing.key = Arc::new(used);
        Ok(())
    }

    /// Goes over to another signing key.
    pub(super) fn set_identity(&self, identity: &Arc<Identity>) -> Result<(), Error> {
        let mut changing = self.changing();
        changing.record = copy_of_record(&changing.record)?.with_fingerprint(&identity.fingerprint());
        changing.identity = Arc::clone(identity);
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows where the agent is registered, and no key.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registration({} at {})", self.inner.address, self.inner.provider.as_str())
    }
}

/// Whether messages, with the API key, may go there. (A60)
fn is_allowed(route: &ApiUrl, api: &ApiUrl, allowed: &[ApiUrl]) -> bool {
    route.same_site(api) || allowed.contains(route)
}

fn settled(record: &RegistrationRecord) -> Address {
    let mut known = amp_core::KnownProviders::new();
    known.insert(record.provider().clone());
    record.address().clone().with_known_providers(&known)
}

/// A secret is not cloned by accident: here it is meant.
pub(super) fn copy_of(key: &ApiKey) -> Result<ApiKey, Error> {
    key.expose().parse().map_err(|_| Error::new(ErrorKind::Key, "copying an API key"))
}

fn copy_of_record(record: &RegistrationRecord) -> Result<RegistrationRecord, Error> {
    RegistrationRecord::decode(record.to_json().expose().as_bytes())
        .map_err(|error| Error::new(ErrorKind::Setup, error.to_string()))
}
