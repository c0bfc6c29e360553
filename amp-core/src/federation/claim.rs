//! What one source says of a provider, and what several say together (federation, discovery).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_address::Provider;
use amp_crypto::{Fingerprint, VerifyingKey};
use amp_envelope::Timestamp;

use crate::webhook::{Target, TargetError, TargetPolicy};

/// Where something about a provider was learnt, in the order in which sources are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The TXT record in the DNS.
    Dns,
    /// The document on the provider's host.
    WellKnown,
    /// The registry that the host asks.
    Registry,
    /// What was last known, from any of these, or by a person's word.
    LastKnown,
}

impl Source {
    /// A stable name: `dns`, `well_known`, `registry` or `last_known`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::WellKnown => "well_known",
            Self::Registry => "registry",
            Self::LastKnown => "last_known",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one source says of a provider: an endpoint, and mostly a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) source: Source,
    pub(super) endpoint: Box<str>,
    pub(super) key: ClaimedKey,
    pub(super) at: Timestamp,
}

/// How a source names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClaimedKey {
    /// Not at all, or with a text that is no fingerprint.
    Unnamed,
    Fingerprint(Fingerprint),
    Key(VerifyingKey),
}

impl ClaimedKey {
    pub(super) fn of(fingerprint: &Fingerprint, key: Option<&VerifyingKey>) -> Self {
        key.map_or(Self::Fingerprint(*fingerprint), |key| Self::Key(key.clone()))
    }

    /// Whether both can be one key's. A key whose fingerprint has another form than the stated one is known by either.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unnamed, _) | (_, Self::Unnamed) => false,
            (Self::Fingerprint(one), Self::Fingerprint(another)) => one == another,
            (Self::Key(one), Self::Key(another)) => one == another,
            (Self::Fingerprint(fingerprint), Self::Key(key))
            | (Self::Key(key), Self::Fingerprint(fingerprint)) => fingerprint.matches(key).is_some(),
        }
    }

    pub(super) const fn key(&self) -> Option<&VerifyingKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Unnamed | Self::Fingerprint(_) => None,
        }
    }

    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Unnamed => None,
            Self::Fingerprint(fingerprint) => Some(*fingerprint),
            Self::Key(key) => Some(key.fingerprint()),
        }
    }
}

impl Claim {
    /// Who says it.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The endpoint that is named.
    #[must_use]
    pub const fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The fingerprint of the key that is named. None when none is.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.key.fingerprint()
    }

    /// When it was learnt.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether another endpoint is named than by the other, however the two are spelled.
    pub(super) fn is_elsewhere(&self, other: &Self) -> bool {
        let parts = |endpoint: &'_ str| {
            let after = endpoint.find("://").map_or(0, |at| at.saturating_add(3));
            let rest = endpoint.get(after..).unwrap_or_default().trim_end_matches('/');
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.to_ascii_lowercase();
            (host.strip_suffix(":443").unwrap_or(&host).to_owned(), path.to_owned())
        };
        parts(&self.endpoint) != parts(&other.endpoint)
    }
}

/// What is known of a provider: an endpoint and the key that the same source names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    pub(super) provider: Provider,
    pub(super) source: Source,
    pub(super) endpoint: Box<str>,
    pub(super) fingerprint: Fingerprint,
    pub(super) key: Option<VerifyingKey>,
    pub(super) is_registered: bool,
    pub(super) is_confirmed: bool,
}

impl Discovered {
    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The first source that names both endpoint and key. [`Source::LastKnown`] when no other has anything to say now.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The base URL of the provider's API, vetted as a URL; where its host leads is vetted when it is called.
    #[must_use]
    pub const fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The fingerprint of the provider's key.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The provider's key, where a source that agrees has given it whole. Without it nothing can be verified.
    #[must_use]
    pub const fn key(&self) -> Option<&VerifyingKey> {
        self.key.as_ref()
    }

    /// Whether the registry has the provider as verified, with this key.
    #[must_use]
    pub const fn is_registered(&self) -> bool {
        self.is_registered
    }

    /// Whether a person has confirmed the key.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// The URL that forwards are posted to.
    #[must_use]
    pub fn deliver_url(&self) -> String {
        [self.endpoint.trim_end_matches('/'), "/federation/deliver"].concat()
    }

    /// The same as a target to resolve and connect to.
    ///
    /// # Errors
    /// [`TargetError`] under a policy that is stricter than the one of the discovery.
    pub fn deliver_target(&self, policy: &TargetPolicy) -> Result<Target, TargetError> {
        Target::parse_with(&self.deliver_url(), policy)
    }
}

/// Sources that name different keys or endpoints for one provider. It is for a person to decide: see
/// [`Discovery::confirm`](super::Discovery::confirm).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryConflict {
    pub(super) provider: Provider,
    pub(super) claims: Vec<Claim>,
}

impl DiscoveryConflict {
    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// All that is said of it, in the order of sources.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }
}

/// Shows who says what; the endpoints are left out.
impl fmt::Display for DiscoveryConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "key_conflict: the sources name different keys or endpoints for {}:",
            self.provider.as_str()
        )?;
        for claim in &self.claims {
            match claim.fingerprint() {
                Some(fingerprint) => write!(f, " {} {fingerprint}", claim.source)?,
                None => write!(f, " {} none", claim.source)?,
            }
        }
        Ok(())
    }
}

/// What is to be made of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// All that name a key name this one, and one endpoint.
    Found(Box<Discovered>),
    /// They do not agree.
    Conflict(DiscoveryConflict),
    /// Nobody names a key.
    Nothing,
}

impl Finding {
    /// What is known without conflict.
    #[must_use]
    pub const fn found(&self) -> Option<&Discovered> {
        match self {
            Self::Found(discovered) => Some(discovered),
            Self::Conflict(_) | Self::Nothing => None,
        }
    }
}
