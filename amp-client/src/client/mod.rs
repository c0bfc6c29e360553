//! An agent's side of the protocol: registering, sending, asking, rotating (provider API; delivery).
//!
//! A [`Client`] is made by a [`ClientBuilder`]. All its clones are one agent, with one store and one set of keys.

mod account;
mod admin;
mod builder;
mod calling;
mod directory;
mod keeping;
mod mail;
mod opening;
mod outgoing;
mod registering;
mod registration;
mod resolving;
mod rotating;
mod sealing;
mod sending;
mod sent;
mod trace;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use amp_core::wire::ApiUrl;
use amp_core::{Address, VerifyingKey};

pub use admin::Admin;
pub use builder::ClientBuilder;
pub use outgoing::{Outgoing, Sent};
pub use registration::Registration;
pub use resolving::Peer;
pub use sent::SentMessage;
pub use trace::TraceContext;

pub(crate) use account::Shared;

use crate::error::{Error, ErrorKind};
use crate::store::Store;

/// An agent: its addresses, its keys, its store, and its providers.
///
/// Clones are cheap, and are the same agent.
///
/// ```
/// # #[cfg(feature = "loopback")] {
/// use amp_client::{Client, Draft, Loopback};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let provider = Loopback::start().await?;
/// let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
/// let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
///
/// let sent = alice.send(Draft::request(bob.address(), "Hello", "Are you there?")).await?;
/// assert!(sent.id().is_some());
/// # Ok::<(), amp_client::Error>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// The registration that calls go to, if not the first one.
    at: Option<Registration>,
    own: Address,
}

impl Client {
    /// Begins a client for the provider whose API has this base URL.
    pub fn builder(api: ApiUrl) -> ClientBuilder {
        ClientBuilder::new(api)
    }

    /// The agent's address at the provider that the client was made for.
    #[must_use]
    pub fn address(&self) -> Address {
        self.own.clone()
    }

    /// All addresses of the agent.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.shared.account.addresses()
    }

    /// The public key with which the agent's signatures are verified, at the provider that calls go to.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let account = &self.shared.account;
        let identity = self.at().map_or_else(|_| account.identity(), |at| at.identity());
        identity.verifying_key().clone()
    }

    /// Where the agent is registered, oldest first.
    #[must_use]
    pub fn registrations(&self) -> Vec<Registration> {
        self.shared.account.registrations()
    }

    /// The same agent, with calls that go to another of its registrations.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when the registration is not one of this agent's.
    pub fn at_registration(&self, registration: &Registration) -> Result<Self, Error> {
        let at = self.shared.account.registration_of(registration.address());
        let at = at.ok_or_else(|| Error::new(ErrorKind::Setup, "the registration is not this agent's"))?;
        Ok(Self { shared: Arc::clone(&self.shared), own: at.address().clone(), at: Some(at) })
    }

    /// Where the agent's mail is kept.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// What the clones of this client share.
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// Shows the address, and no key.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.own.as_str()).finish_non_exhaustive()
    }
}
