//! Sets an embedded provider up (provider API).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use std::path::{Path, PathBuf};

use amp_core::address::Provider as Domain;
use amp_core::guards::{LoopGuard, RateLimits};
use amp_core::identity::ApiKey;
use amp_core::provider::{Federation, Registration};
use amp_core::scan::Scanner;

use super::deployed;
use super::server::Loopback;
use super::settings::{Behaviour, MakeFederation, no_limits};
use crate::error::{Error, ErrorKind};

/// An embedded provider in the making: [`Loopback::builder`].
///
/// ```
/// use amp_client::Loopback;
/// use amp_client::provider::Registration;
/// use amp_client::scan::Scanner;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Loopback::builder()
///     .domain("acme.test".parse()?)
///     .registration(Registration::organization("research")?)
///     .scan(Scanner::new())
///     .without_limits()
///     .start()
///     .await?;
/// assert_eq!(provider.domain().as_str(), "acme.test");
/// # provider.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct LoopbackBuilder {
    pub(super) address: SocketAddr,
    pub(super) domain: Option<Domain>,
    pub(super) directory: Option<PathBuf>,
    pub(super) behaviour: Behaviour,
    pub(super) limits: RateLimits,
    pub(super) registration: Option<Registration>,
    pub(super) scanner: Option<Scanner>,
    pub(super) loop_guard: Option<LoopGuard>,
    pub(super) federation: Option<MakeFederation>,
    pub(super) relay_limit: Option<usize>,
    pub(super) admin_key: Option<ApiKey>,
    /// Names and tenants.
    pub(super) owners: Vec<(String, String)>,
}

impl LoopbackBuilder {
    pub(super) fn new() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            domain: None,
            directory: None,
            behaviour: Behaviour::Standard,
            limits: RateLimits::default(),
            registration: None,
            scanner: None,
            loop_guard: None,
            federation: None,
            relay_limit: None,
            admin_key: None,
            owners: Vec::new(),
        }
    }

    /// Listens at this address; at a free port of 127.0.0.1 unless told otherwise. There is no TLS: what is not a
    /// loopback address can be read along with, and whoever reaches it may register.
    ///
    /// Pages of other sites are refused by their `Origin`. At a loopback address so are requests that name another host:
    /// elsewhere the provider does not know its names, and cannot tell.
    pub const fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Gives agents addresses under this domain; `loopback.test` unless told otherwise.
    pub fn domain(mut self, domain: Domain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Keeps everything in this directory, which is made if it is not there: a provider that is started with it again
    /// goes on where this one stopped. In memory unless told so. One provider at a time has a directory. It has to be this user's
    /// alone, and empty or a provider's before: one that holds anything else is refused.
    ///
    /// Give it a fixed [`address`](Self::address) as well: registrations and attachments hold its URL.
    pub fn directory(mut self, path: impl AsRef<Path>) -> Self {
        self.directory = Some(path.as_ref().to_path_buf());
        self
    }

    /// Behaves as the deployed provider does where that differs from the protocol: `/api/v1`, flat frames, an
    /// authentication that is lost when it comes too early, no live push, its own error codes and tenant check.
    pub const fn deployed(mut self) -> Self {
        self.behaviour = Behaviour::Deployed;
        self
    }

    /// Sets the rate limits; those of the protocol unless told otherwise.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Lifts the rate limits as far as they go: 65,535 calls of a kind in a second.
    pub fn without_limits(mut self) -> Self {
        self.limits = no_limits();
        self
    }

    /// Sets who may register and which webhooks are called. Unless told otherwise, anybody registers in any tenant (or,
    /// [`deployed`](Self::deployed), in the tenant `default`), with webhooks on this machine and the public internet.
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = Some(registration);
        self
    }

    /// Scans messages: what is plainly an attack is refused, what looks like one is held for an administrator.
    pub fn scan(mut self, scanner: Scanner) -> Self {
        self.scanner = Some(scanner);
        self
    }

    /// Stops conversations that go round in circles.
    pub fn loop_guard(mut self, guard: LoopGuard) -> Self {
        self.loop_guard = Some(guard);
        self
    }

    /// Lets it speak to other providers. The function is called at each start.
    pub fn federation(mut self, federation: impl Fn() -> Federation + Send + Sync + 'static) -> Self {
        self.federation = Some(Box::new(federation));
        self
    }

    /// Sets how many messages wait for one agent at most; 1,000 unless told otherwise.
    pub const fn relay_limit(mut self, messages: usize) -> Self {
        self.relay_limit = Some(messages);
        self
    }

    /// Sets the key of whoever administers the provider; a new one at each start unless told otherwise.
    pub fn admin_key(mut self, key: ApiKey) -> Self {
        self.admin_key = Some(key);
        self
    }

    /// Adds an owner, who may register agents in a tenant and administer them. [`Loopback::owner_key`] has the key.
    pub fn owner(mut self, name: &str, tenant: &str) -> Self {
        self.owners.push((name.into(), tenant.into()));
        self
    }

    /// Starts it, on the tokio runtime that this is called in, and on a thread of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when the address cannot be listened at, the directory cannot be used or is another provider's,
    /// or an owner has no valid name or tenant.
    pub async fn start(self) -> Result<Loopback, Error> {
        Loopback::begin(self).await
    }

    /// Who may register.
    pub(super) fn registration_of(&self) -> Result<Registration, Error> {
        let invalid = |error| Error::new(ErrorKind::Setup, "setting up who may register").because(error);
        let mut registration = match (&self.registration, self.behaviour) {
            (Some(registration), _) => registration.clone(),
            (None, Behaviour::Deployed) => super::settings::open_to_loopback(
                Registration::organization(deployed::TENANT).map_err(invalid)?,
            ),
            (None, Behaviour::Standard) => super::settings::open_to_loopback(Registration::open()),
        };
        for (name, tenant) in &self.owners {
            registration = registration.with_owner(name, tenant).map_err(invalid)?;
        }
        Ok(registration)
    }
}

impl core::fmt::Debug for LoopbackBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LoopbackBuilder")
            .field("address", &self.address)
            .field("domain", &self.domain)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}
