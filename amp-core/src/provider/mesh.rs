//! The other hosts of one provider: who they are, and whose agents are theirs (delivery, mesh).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_address::Address;

use super::agent::ApiKeyHash;
use super::call::Call;
use super::engine::{Provider, unauthorized};
use super::registration::checked_tenant;
use crate::identity::ApiKey;
use crate::wire::{ApiError, ApiUrl, Forwarded, WireError};

/// Shortest key that two hosts share, in characters.
const KEY_MIN: usize = 32;

/// What a host checks of a message that another host of its provider hands on. That the peer itself is who it says, and
/// that the sender is an agent of its tenants, is checked in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MeshMode {
    /// The message is signed with the key that the peer names for its sender.
    #[default]
    Strict,
    /// The message is signed, and the peer names its sender's key, as it does of registered agents; that the signature
    /// holds is the peer's word, and the recipient is handed no key with the message.
    Trusted,
    /// The peer's word is taken for everything, also for messages without a signature.
    Open,
}

/// The hosts of a provider that has several, as one of them knows them.
///
/// ```
/// use amp_core::provider::{Mesh, MeshPeer, Provider};
///
/// let key = "9c1185a5c5e9fc54612808977ee8f548b2258d31".parse()?; // from the host's configuration; the peer has the same
/// let peer = MeshPeer::new("host-b", "https://b.internal.crabmail.ai/v1".parse()?, key)?.hosting("team-b")?;
/// let provider = Provider::builder("crabmail.ai".parse()?, "https://api.crabmail.ai/v1".parse()?)
///     .mesh(Mesh::new("host-a")?.peer(peer)?)
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Mesh {
    pub(super) host: Box<str>,
    pub(super) mode: MeshMode,
    peers: Vec<MeshPeer>,
}

/// Another host of the same provider: its name, where its API is, the key that it shares with this one, and the tenants
/// whose agents are registered there.
#[derive(Debug)]
pub struct MeshPeer {
    pub(super) host: Box<str>,
    pub(super) api: ApiUrl,
    pub(super) key: ApiKey,
    tenants: Vec<Box<str>>,
}

/// Which of the peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerNumber(usize);

impl Mesh {
    /// A mesh in which this host has this name, 1 to 253 visible ASCII characters, and knows nobody yet.
    ///
    /// # Errors
    /// [`WireError::Field`] when the name is none.
    pub fn new(host: &str) -> Result<Self, WireError> {
        Ok(Self { host: checked_host(host)?, mode: MeshMode::default(), peers: Vec::new() })
    }

    /// Adds another host.
    ///
    /// # Errors
    /// [`WireError::Field`] when its name is this host's or another peer's, or a tenant of its is another peer's.
    pub fn peer(mut self, peer: MeshPeer) -> Result<Self, WireError> {
        let is_named = |host: &str| *peer.host == *host;
        if is_named(&self.host) || self.peers.iter().any(|other| is_named(&other.host)) {
            return Err(WireError::Field { field: "host", rule: "every host has a name of its own" });
        }
        if peer.tenants.iter().any(|tenant| self.host_of(tenant).is_some()) {
            return Err(WireError::Field { field: "tenant", rule: "a tenant is on one host" });
        }
        self.peers.push(peer);
        Ok(self)
    }

    /// Sets what is checked of messages that other hosts hand on; [`MeshMode::Strict`] unless told otherwise.
    #[must_use]
    pub const fn mode(mut self, mode: MeshMode) -> Self {
        self.mode = mode;
        self
    }

    /// The host on which a tenant's agents are registered.
    pub(super) fn host_of(&self, tenant: &str) -> Option<&MeshPeer> {
        self.peers.iter().find(|peer| peer.hosts(tenant))
    }

    /// The host of this number.
    pub(super) fn numbered(&self, number: PeerNumber) -> Option<&MeshPeer> {
        self.peers.get(number.0)
    }

    /// The host of this name.
    pub(super) fn named(&self, host: &str) -> Option<&MeshPeer> {
        self.peers.iter().find(|peer| *peer.host == *host)
    }
}

impl MeshPeer {
    /// Another host by its name, with the key that it and this host share: 32 characters at least, random ones. It is
    /// sent to the URL in every request, and expected in every request of the peer's.
    ///
    /// # Errors
    /// [`WireError::Field`] when the name is none, or the key is too short.
    pub fn new(host: &str, api: ApiUrl, key: ApiKey) -> Result<Self, WireError> {
        if key.expose().len() < KEY_MIN {
            let rule = "a key that hosts share has 32 characters at least";
            return Err(WireError::Field { field: "key", rule });
        }
        Ok(Self { host: checked_host(host)?, api, key, tenants: Vec::new() })
    }

    /// Says that a tenant's agents are registered there, and nowhere else.
    ///
    /// # Errors
    /// [`WireError::Field`] when the tenant is not one label.
    pub fn hosting(mut self, tenant: &str) -> Result<Self, WireError> {
        self.tenants.push(checked_tenant(tenant)?);
        Ok(self)
    }

    pub(super) fn hosts(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|own| **own == *tenant)
    }
}

fn checked_host(host: &str) -> Result<Box<str>, WireError> {
    let rule = "a host's name is 1 to 253 visible ASCII characters";
    Forwarded::by(host).map(|_| host.into()).ok_or(WireError::Field { field: "host", rule })
}

impl Provider {
    /// Whether a request says that a host hands something on. That it says so proves nothing.
    pub(super) fn is_handed_on(&self, call: &Call) -> bool {
        self.settings.mesh.is_some() && !matches!(call.request().header("x-forwarded-from"), Ok(None))
    }

    /// The host that hands something on: the one that the request names, if the key is the one that it shares with this
    /// host.
    pub(super) fn calling_host(&self, call: &Call) -> Option<PeerNumber> {
        let named = call.request().header("x-forwarded-from").ok()??;
        let key = ApiKeyHash::of(call.request().key().ok()??.expose());
        let peers = &self.settings.mesh.as_ref()?.peers;
        let is_it = |peer: &MeshPeer| *peer.host == *named && ApiKeyHash::of(peer.key.expose()).matches(&key);
        peers.iter().position(is_it).map(PeerNumber)
    }

    /// A host that calls.
    pub(super) fn peer(&self, number: PeerNumber) -> Result<&MeshPeer, ApiError> {
        self.settings.mesh.as_ref().and_then(|mesh| mesh.numbered(number)).ok_or_else(unauthorized)
    }

    /// The host on which the agents of an address' tenant are registered, when it is another one than this.
    pub(super) fn other_host_of(&self, address: &Address) -> Option<&MeshPeer> {
        let is_own = address.provider() == self.settings.domain.as_str();
        self.settings.mesh.as_ref().filter(|_| is_own)?.host_of(address.tenant())
    }
}
