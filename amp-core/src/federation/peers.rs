//! Which providers may forward to this one (federation, trust between providers).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeSet;

use amp_address::{Address, KnownProviders, Provider};
use amp_crypto::VerifyingKey;

use super::claim::{Discovered, Finding};
use super::refusal::{ForwardReason, ForwardRefusal};

/// Whom a provider lets forward to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FederationMode {
    /// Every provider whose key is known without conflict.
    Open,
    /// Those that the registry has as verified, with the key that is known.
    Registry,
    /// Those on the list.
    Allowlist,
    /// Nobody.
    Closed,
}

impl FederationMode {
    /// The name in a configuration: `open`, `registry`, `allowlist` or `closed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Registry => "registry",
            Self::Allowlist => "allowlist",
            Self::Closed => "closed",
        }
    }
}

/// Why a provider is not trusted. For the host's own log: the provider is told `provider_not_trusted` and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotTrusted {
    /// Nobody is.
    Closed,
    /// It is on the list of those that are blocked.
    Blocked,
    /// It is not on the list of those that are allowed.
    NotListed,
    /// The registry does not have it as verified.
    NotRegistered,
    /// No source names its key.
    Unknown,
    /// The sources name different keys.
    Conflict,
    /// Its key is known by its fingerprint alone: ask its host for the document.
    KeyNotKnown,
    /// It calls itself by a name of this provider.
    OwnName,
    /// A local network: those are never federated.
    Local,
}

/// A provider that is trusted, with the key that its forwards are verified with. [`ProviderTrust::admit`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedPeer {
    provider: Provider,
    key: VerifyingKey,
}

impl TrustedPeer {
    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

/// Whom a provider trusts to forward to it: a mode, its own names, and two lists.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::{Discovery, FederationMode, ProviderTrust};
///
/// let (provider, now) = ("crabmail.ai".parse()?, "2026-01-31T10:00:00Z".parse()?);
/// let key = Identity::from_seed(&[7; 32]).verifying_key().clone();
/// let mut discovery = Discovery::new();
/// discovery.confirm(&provider, "https://api.crabmail.ai/v1", &key, now)?; // a peer by configuration
///
/// let trust = ProviderTrust::new(FederationMode::Allowlist, "agents.example.org".parse()?);
/// let found = discovery.find(&provider, now);
/// assert_eq!(trust.admit(&provider, &found).unwrap_err().code(), "provider_not_trusted");
/// let trust = trust.allow(provider.clone());
/// assert_eq!(trust.admit(&provider, &found)?.key(), &key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProviderTrust {
    mode: FederationMode,
    own: BTreeSet<Provider>,
    allowed: BTreeSet<Provider>,
    blocked: BTreeSet<Provider>,
}

impl ProviderTrust {
    /// A mode, and the name of the provider that trusts.
    #[must_use]
    pub fn new(mode: FederationMode, own: Provider) -> Self {
        Self { mode, own: [own].into(), allowed: BTreeSet::new(), blocked: BTreeSet::new() }
    }

    /// Adds another name of the provider that trusts.
    #[must_use]
    pub fn also_named(mut self, own: Provider) -> Self {
        self.own.insert(own);
        self
    }

    /// Puts a provider on the list of [`FederationMode::Allowlist`] (`allowed_providers`).
    #[must_use]
    pub fn allow(mut self, provider: Provider) -> Self {
        self.allowed.insert(provider);
        self
    }

    /// Trusts a provider in no mode.
    #[must_use]
    pub fn block(mut self, provider: Provider) -> Self {
        self.blocked.insert(provider);
        self
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> FederationMode {
        self.mode
    }

    /// Whether this is a name of the provider that trusts.
    #[must_use]
    pub fn is_own(&self, provider: &Provider) -> bool {
        self.own.contains(provider)
    }

    /// Whether an address belongs to the provider that trusts: a signature names no destination, so a forward that was
    /// made for another provider is known by its recipient alone.
    ///
    /// # Errors
    /// [`ForwardRefusal`] with `recipient_not_found`.
    pub fn check_recipient(&self, recipient: &Address, known: &KnownProviders) -> Result<(), ForwardRefusal> {
        let mut known = known.clone();
        for own in &self.own {
            known.insert(own.clone());
        }
        let recipient = recipient.clone().with_known_providers(&known);
        let is_own = self.own.iter().any(|own| own.as_str() == recipient.provider());
        if is_own { Ok(()) } else { Err(ForwardRefusal::recipient_not_found()) }
    }

    /// Whether it is worth asking about a provider: whatever is found, it may still be refused.
    ///
    /// # Errors
    /// [`ForwardRefusal`] with `provider_not_trusted`.
    pub fn consider(&self, provider: &Provider) -> Result<(), ForwardRefusal> {
        let is_listed = || self.allowed.contains(provider);
        let fault = match self.mode {
            _ if self.own.contains(provider) => NotTrusted::OwnName,
            _ if provider.is_local() => NotTrusted::Local,
            _ if self.blocked.contains(provider) => NotTrusted::Blocked,
            FederationMode::Closed => NotTrusted::Closed,
            FederationMode::Allowlist if !is_listed() => NotTrusted::NotListed,
            FederationMode::Open | FederationMode::Registry | FederationMode::Allowlist => return Ok(()),
        };
        Err(refused(fault))
    }

    /// Whether a provider is trusted, given what was [found](super::Discovery::find) of it.
    ///
    /// # Errors
    /// [`ForwardRefusal`] with `provider_not_trusted`.
    pub fn admit(&self, provider: &Provider, finding: &Finding) -> Result<TrustedPeer, ForwardRefusal> {
        self.consider(provider)?;
        let found = match finding {
            Finding::Found(found) if found.provider() == provider => found,
            Finding::Conflict(_) => return Err(refused(NotTrusted::Conflict)),
            _ => return Err(refused(NotTrusted::Unknown)),
        };
        if self.mode == FederationMode::Registry && !found.is_registered() {
            return Err(refused(NotTrusted::NotRegistered));
        }
        let key = Discovered::key(found).ok_or(refused(NotTrusted::KeyNotKnown))?;
        Ok(TrustedPeer { provider: provider.clone(), key: key.clone() })
    }
}

const fn refused(fault: NotTrusted) -> ForwardRefusal {
    ForwardRefusal::new(
        ForwardReason::NotTrusted(fault),
        Some("X-AMP-Provider"),
        "forwards are accepted from trusted providers",
    )
}
