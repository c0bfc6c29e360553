//! What a host decides once: addresses, limits, whom it lets in (trust; guardrails, policy).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use amp_address::{Address, Boundary, KnownProviders, PatternSet, Profile, Provider, same_tenant};
use amp_envelope::Dialect;

use super::clock::ClockPolicy;
use super::context::{KeySource, SenderKey};
use super::effects::Effect;
use super::memory::Memory;
use super::receiver::Receiver;
use super::replay_limits::ReplayLimits;
use super::room::Newcomer;
use crate::scan::{Overrides, Scanner};
use crate::sealing::SealingPolicy;

/// What a [`Receiver`] is set to.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) addresses: BTreeSet<Address>,
    pub(super) providers: KnownProviders,
    pub(super) profile: Profile,
    pub(super) dialects: Vec<Dialect>,
    pub(super) dialects_of: BTreeMap<Address, Vec<Dialect>>,
    pub(super) allowed_senders: Option<PatternSet>,
    pub(super) demands_grants: bool,
    pub(super) shows_untrusted: bool,
    pub(super) sealing: SealingPolicy,
    pub(super) scanner: Arc<Scanner>,
    pub(super) overrides: Overrides,
}

impl Settings {
    /// Whether the one who named a key was authenticated, and may speak for an address.
    pub(super) fn may_name(&self, named: &SenderKey, address: &Address) -> bool {
        named.peer().map_or(named.source().is_authenticated(), |peer| self.is_of_peer(address, peer))
    }

    /// Whether a federation peer may speak for an address: one at its own domain, and none at the receiver's own provider.
    pub(super) fn is_of_peer(&self, address: &Address, peer: &Provider) -> bool {
        let address = address.clone().with_known_providers(&self.providers);
        let is_own = self.addresses.iter().any(|own| own.provider() == address.provider());
        let peer = peer.as_str();
        // Where the boundary is assumed, the provider may begin further down.
        let is_the_peers = match address.boundary() {
            Boundary::Assumed => is_under(address.domain(), peer) && is_under(peer, address.provider()),
            _ => peer == address.provider(),
        };
        !is_own && is_the_peers
    }

    /// Whether an address is in the tenant of the receiver.
    pub(super) fn is_colleague(&self, address: &Address) -> bool {
        let address = address.clone().with_known_providers(&self.providers);
        let is_own =
            |own: &Address| own.provider() == address.provider() && same_tenant(own, &address).is_same();
        self.addresses.iter().any(is_own)
    }

    /// What an address is that is to be known by the word of a source.
    pub(super) fn newcomer(&self, address: &Address, source: KeySource) -> Newcomer {
        if source == KeySource::Confirmed {
            Newcomer::Confirmed
        } else if self.is_colleague(address) {
            Newcomer::Colleague
        } else {
            Newcomer::Stranger
        }
    }

    /// The forms under which a sender's signature is tried, in order.
    pub(super) fn dialects_for(&self, sender: &Address) -> &[Dialect] {
        self.dialects_of.get(sender).unwrap_or(&self.dialects)
    }
}

/// Whether a domain is another one or lies under it.
fn is_under(domain: &str, top: &str) -> bool {
    let above = domain.strip_suffix(top);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// Makes a [`Receiver`].
///
/// ```
/// use amp_core::receive::{Effect, Receiver};
/// let from_my_database = [Effect::from_json(br#"{"v":1,"effect":"clock_set","to":"2026-01-31T10:00:00Z"}"#)?];
/// let receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?)
///     .also("bob@acme.aimaestro.local".parse()?)
///     .restore(&from_my_database)
///     .build();
/// assert_eq!(receiver.memory().replay().clock(), Some("2026-01-31T10:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ReceiverBuilder {
    addresses: BTreeSet<Address>,
    providers: KnownProviders,
    profile: Profile,
    dialects: Vec<Dialect>,
    dialects_of: BTreeMap<Address, Vec<Dialect>>,
    allowed_senders: Option<PatternSet>,
    demands_grants: bool,
    shows_untrusted: bool,
    sealing: SealingPolicy,
    scanner: Option<Arc<Scanner>>,
    overrides: Overrides,
    clock: ClockPolicy,
    limits: ReplayLimits,
    memory: Memory,
}

impl ReceiverBuilder {
    pub(super) fn new(address: Address) -> Self {
        Self {
            addresses: BTreeSet::from([address]),
            providers: KnownProviders::new(),
            profile: Profile::Deployed,
            dialects: Vec::from([Dialect::Jcs]),
            dialects_of: BTreeMap::new(),
            allowed_senders: None,
            demands_grants: false,
            shows_untrusted: false,
            sealing: SealingPolicy::default(),
            scanner: None,
            overrides: Overrides::default(),
            clock: ClockPolicy::default(),
            limits: ReplayLimits::default(),
            memory: Memory::default(),
        }
    }

    /// Adds an address of the same agent.
    pub fn also(mut self, address: Address) -> Self {
        self.addresses.insert(address);
        self
    }

    /// Sets the provider domains that are known to be providers. Without them a boundary between scope and provider is
    /// assumed, and only equal scopes are one tenant.
    pub fn known_providers(mut self, providers: KnownProviders) -> Self {
        self.providers = providers;
        self
    }

    /// Sets the profile under which messages are read: [`Profile::Deployed`] unless it is set.
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets the canonical forms under which signatures are tried, in order: RFC 8785 alone unless they are set. Each
    /// one more costs another pass over a message that does not verify.
    pub fn dialects(mut self, dialects: impl IntoIterator<Item = Dialect>) -> Self {
        self.dialects = dialects.into_iter().collect();
        self
    }

    /// Sets the canonical forms for one sender, whose program is known to need them.
    pub fn dialects_for(mut self, sender: Address, dialects: impl IntoIterator<Item = Dialect>) -> Self {
        self.dialects_of.insert(sender, dialects.into_iter().collect());
        self
    }

    /// Takes messages only from senders whom a pattern matches.
    pub fn allowed_senders(mut self, senders: PatternSet) -> Self {
        self.allowed_senders = Some(senders);
        self
    }

    /// Takes messages only from senders with a grant. The first message of another becomes a request for one.
    pub fn demand_grants(mut self) -> Self {
        self.demands_grants = true;
        self
    }

    /// Shows messages that nothing vouches for, wrapped and with a warning, instead of refusing them. Where grants are
    /// [demanded](Self::demand_grants) it changes nothing: nobody holds one for a message that nothing vouches for.
    pub const fn show_untrusted(mut self) -> Self {
        self.shows_untrusted = true;
        self
    }

    /// Sets with whom messages are sealed: preferred with everybody unless it is set. What arrives is held against it as well:
    /// a plain message is refused where sealing is required, a sealed one where it is refused.
    pub fn sealing(mut self, policy: SealingPolicy) -> Self {
        self.sealing = policy;
        self
    }

    /// Sets the scanner. One is built from this crate's rules unless it is set, which takes about a tenth of a second: a host with
    /// many receivers shares one.
    pub fn scanner(mut self, scanner: Arc<Scanner>) -> Self {
        self.scanner = Some(scanner);
        self
    }

    /// Sets what single rules of the scan lead to.
    pub fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Sets how far clocks may be apart.
    pub const fn clock(mut self, policy: ClockPolicy) -> Self {
        self.clock = policy;
        self
    }

    /// Sets how many messages are remembered.
    pub const fn replay_limits(mut self, limits: ReplayLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Remembers what earlier receptions and changes had as effects, in the order in which they were committed.
    pub fn restore<'e>(mut self, effects: impl IntoIterator<Item = &'e Effect>) -> Self {
        effects.into_iter().for_each(|effect| self.memory.apply(effect));
        self
    }

    /// The receiver.
    #[must_use]
    pub fn build(self) -> Receiver {
        let known = |address: Address| address.with_known_providers(&self.providers);
        let settings = Settings {
            addresses: self.addresses.into_iter().map(known).collect(),
            providers: self.providers.clone(),
            profile: self.profile,
            dialects: self.dialects,
            dialects_of: self.dialects_of,
            allowed_senders: self.allowed_senders,
            demands_grants: self.demands_grants,
            shows_untrusted: self.shows_untrusted,
            sealing: self.sealing,
            scanner: self.scanner.unwrap_or_default(),
            overrides: self.overrides,
        };
        Receiver::new(settings, self.memory.with_settings(self.clock, self.limits))
    }
}
