//! What a provider needs to speak to others, and what it remembers of them (federation).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use amp_address::Provider as Domain;
use amp_crypto::{Identity, VerifyingKey};
use amp_envelope::Timestamp;

use super::action::Action;
use super::decision::{Decision, Plan};
use super::effect::Effect;
use super::engine::Provider;
use super::moment::Moment;
use super::outbox::{Outbound, Outbox};
use super::peers::{PeerChange, Peers};
use super::reply::Reply;
use super::state::State;
use crate::federation::{
    Discovery, DiscoveryError, FederationMode, ForwardLedger, ForwardSeen, LastKnown, Learned, Lesson,
    ProviderTrust, WellKnown,
};
use crate::guards::{RateCharge, RateClass, RateKey};
use crate::webhook::TargetPolicy;
use crate::wire::{Answer as _, ApiError, ApiErrorCode};

/// Most keys that are remembered as revoked.
const REVOKED_MAX: usize = 65_536;

/// How a provider speaks to other providers: the key that it signs with, whom it trusts, whom it asks about them.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::FederationMode;
/// use amp_core::provider::{Federation, Provider};
///
/// let key = Identity::from_seed(&[9; 32]); // the provider's own, published by its DNS record and document
/// let federation = Federation::new(key, FederationMode::Allowlist).allow("agents.example.org".parse()?);
/// let provider = Provider::builder("crabmail.ai".parse()?, "https://api.crabmail.ai/v1".parse()?)
///     .federation(federation)
///     .build();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Federation {
    pub(super) identity: Identity,
    mode: FederationMode,
    allowed: Vec<Domain>,
    blocked: Vec<Domain>,
    policy: TargetPolicy,
    registry: Option<Box<str>>,
}

impl Federation {
    /// The provider's own key, and whom it trusts.
    #[must_use]
    pub fn new(identity: Identity, mode: FederationMode) -> Self {
        let policy = TargetPolicy::new();
        Self { identity, mode, allowed: Vec::new(), blocked: Vec::new(), policy, registry: None }
    }

    /// Puts a provider on the list of those that are allowed. Addresses that end in its name are its agents'.
    #[must_use]
    pub fn allow(mut self, provider: Domain) -> Self {
        self.allowed.push(provider);
        self
    }

    /// Neither takes anything from a provider nor sends anything there.
    #[must_use]
    pub fn block(mut self, provider: Domain) -> Self {
        self.blocked.push(provider);
        self
    }

    /// Vets other providers' endpoints by another policy than the one for the public internet.
    #[must_use]
    pub fn target_policy(mut self, policy: TargetPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Also asks a registry, by its base URL.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the URL is no https URL.
    pub fn registry(mut self, url: &str) -> Result<Self, DiscoveryError> {
        Discovery::new().with_registry(url)?;
        self.registry = Some(url.into());
        Ok(self)
    }

    /// The domains that it names.
    pub(super) fn named(&self) -> impl Iterator<Item = &Domain> {
        self.allowed.iter().chain(&self.blocked)
    }

    pub(super) fn trust(&self, own: &Domain) -> ProviderTrust {
        let trust = ProviderTrust::new(self.mode, own.clone());
        let trust = self.allowed.iter().cloned().fold(trust, ProviderTrust::allow);
        self.blocked.iter().cloned().fold(trust, ProviderTrust::block)
    }

    /// A discovery that knows what was stored. What does not fit is looked up again.
    pub(super) fn discovery(&self, known: &BTreeMap<Domain, LastKnown>) -> Discovery {
        let discovery = Discovery::new().with_policy(self.policy.clone());
        let mut discovery = match self.registry.as_deref().map(|url| discovery.clone().with_registry(url)) {
            Some(Ok(with_registry)) => with_registry,
            _ => discovery,
        };
        let (confirmed, others): (Vec<_>, Vec<_>) = known.values().partition(|known| known.is_confirmed());
        let _ = discovery.restore(confirmed.into_iter().chain(others).cloned());
        discovery
    }
}

/// What is remembered of other providers durably.
#[derive(Debug, Default)]
pub(super) struct PeerState {
    pub(super) known: BTreeMap<Domain, LastKnown>,
    pub(super) ledger: ForwardLedger,
    revoked: BTreeMap<[u8; 32], VerifyingKey>,
    pub(super) outbox: Outbox,
}

impl PeerState {
    fn revoke(&mut self, key: &VerifyingKey) {
        if self.has_room() {
            self.revoked.insert(*key.fingerprint().as_bytes(), key.clone());
        }
    }

    pub(super) fn is_revoked(&self, key: &VerifyingKey) -> bool {
        self.revoked.contains_key(key.fingerprint().as_bytes())
    }

    fn has_room(&self) -> bool {
        self.revoked.len() < REVOKED_MAX
    }

    fn forget(&mut self, provider: &str) {
        self.known.retain(|known, _| known.as_str() != provider);
    }

    /// Effects that make this of nothing.
    pub(super) fn snapshot(&self, effects: &mut Vec<Effect>) {
        effects.extend(self.known.values().map(|peer| Effect::PeerKnown { peer: Box::new(peer.clone()) }));
        let at = Timestamp::UNIX_EPOCH;
        effects.extend(self.revoked.values().map(|key| Effect::PeerKeyRevoked { key: key.clone(), at }));
        let taken = |seen: &ForwardSeen| Effect::ForwardTaken { forward: Box::new(seen.clone()) };
        effects.extend(self.ledger.iter().map(taken));
        for outbound in self.outbox.iter() {
            let mut forward = outbound.forward.clone();
            // First answers stand in a snapshot by themselves.
            forward.accepted_as = None;
            let message = forward.number;
            effects.push(Effect::ForwardQueued { forward: Box::new(forward) });
            effects.push(Effect::ForwardTried { message, attempts: outbound.attempts });
        }
    }
}

impl Peers {
    /// Takes up what was remembered when the provider stopped.
    pub(super) fn restore(&mut self, federation: Option<&Federation>, state: &PeerState) {
        if let Some(federation) = federation {
            self.discovery = federation.discovery(&state.known);
        }
        let goes_on = |outbound: &&Outbound| federation.is_some() || outbound.forward.host.is_some();
        for outbound in state.outbox.iter().filter(goes_on) {
            if let Some(provider) = outbound.forward.domain() {
                self.resume(outbound.forward.number, provider);
            }
        }
    }
}

impl Plan {
    /// Remembers what was learnt of another provider.
    fn learn(&mut self, lesson: Lesson) {
        let forgotten = lesson.instead_of.as_ref();
        self.effects.extend(forgotten.map(|peer| Effect::PeerForgotten { provider: peer.as_str().into() }));
        let known = lesson.known.clone();
        self.effects.extend(known.map(|peer| Effect::PeerKnown { peer: Box::new(peer) }));
        self.peer(PeerChange::Learned(Box::new(lesson)));
    }
}

impl State {
    pub(super) fn apply_federation(&mut self, effect: &Effect) {
        let peers = &mut self.peers;
        match effect {
            Effect::PeerKnown { peer } => {
                peers.known.insert(peer.provider().clone(), (**peer).clone());
            }
            Effect::PeerForgotten { provider } => peers.forget(provider),
            Effect::PeerKeyRevoked { key, .. } => peers.revoke(key),
            Effect::ForwardTaken { forward } => peers.ledger.record(forward),
            Effect::ForwardQueued { forward } => self.forward_queued(forward),
            Effect::ForwardTried { message, attempts } => peers.outbox.tried(*message, *attempts),
            Effect::ForwardEnded { message, how, .. } => {
                let ended = peers.outbox.ended(*message).filter(|_| how.is_given_up());
                if let Some(forward) = ended {
                    self.accepted.given_up(forward.sender, &forward.id, *how);
                }
            }
            _ => {}
        }
    }
}

impl Provider {
    /// Takes the answer to a [`LookUp`](crate::federation::LookUp). Messages that wait for it go on.
    pub fn learned(&mut self, learned: &Learned, moment: Moment) -> Decision<'_> {
        let mut plan = self.begin(&moment);
        match self.live.peers.discovery.consider(learned, moment.now()) {
            Ok(lesson) => plan.learn(lesson),
            // There is no room for another provider: what waits for it is tried later, and then given up.
            Err(_) => plan.peer(PeerChange::Answered(learned.provider().clone())),
        }
        self.decide(plan, None, &moment)
    }

    /// A person says which endpoint and key are another provider's: a peer by configuration, or the end of a conflict.
    ///
    /// # Errors
    /// [`DiscoveryError`] when the endpoint may not be called, or no more providers can be remembered.
    pub fn confirm_peer(
        &mut self,
        peer: &Domain,
        endpoint: &str,
        key: &VerifyingKey,
        moment: Moment,
    ) -> Result<Decision<'_>, DiscoveryError> {
        let mut plan = self.begin(&moment);
        plan.learn(self.live.peers.discovery.consider_word(peer, endpoint, key, moment.now())?);
        Ok(self.decide(plan, None, &moment))
    }

    /// Refuses the messages of a key from now on, whichever provider forwards them: an authenticated source says that it
    /// is revoked. None when no more keys can be remembered.
    pub fn revoke_peer_key(&mut self, key: &VerifyingKey, moment: Moment) -> Option<Decision<'_>> {
        if !self.state.peers.has_room() {
            return None;
        }
        let mut plan = self.begin(&moment);
        plan.effects.push(Effect::PeerKeyRevoked { key: key.clone(), at: moment.now() });
        Some(self.decide(plan, None, &moment))
    }

    /// `GET /.well-known/agent-messaging.json`: where this provider is, and which key it has.
    pub(super) fn well_known(&self) -> Result<Reply, ApiError> {
        let none = || ApiError::new(ApiErrorCode::NotFound, "the provider does not federate");
        let federation = self.settings.federation.as_ref().ok_or_else(none)?;
        let key = federation.identity.verifying_key();
        let document = WellKnown::new(self.settings.domain.clone(), self.settings.api.as_str(), key);
        document.map(|document| Reply::Now(document.to_parts())).map_err(|_| none())
    }

    /// Remembers that messages pass between this provider and another.
    pub(super) fn note_exchange(&self, provider: &Domain, plan: &mut Plan) {
        let Some(lesson) = self.live.peers.discovery.consider_exchange(provider) else { return };
        let known = lesson.known.clone();
        plan.effects.extend(known.map(|peer| Effect::PeerKnown { peer: Box::new(peer) }));
        plan.peer(PeerChange::Exchanged(Box::new(lesson)));
    }

    /// What looking a provider up costs whoever makes this one ask: an address, or an agent.
    pub(super) fn look_up_charge(&self, who: &str, now: Timestamp) -> Option<RateCharge> {
        let charge = RateCharge::new(RateClass::Register, RateKey::of(&alloc::format!("look-up {who}")));
        self.live.limiter.look(&charge, now).is_admitted().then_some(charge)
    }

    /// Asks what is not known of a provider, or not any more.
    pub(super) fn look_up(&self, provider: &Domain, now: Timestamp, plan: &mut Plan) -> usize {
        let look_ups = self.live.peers.discovery.look_ups(provider, now);
        let count = look_ups.len();
        plan.actions.extend(look_ups.into_iter().map(|look_up| Action::LookUp(Box::new(look_up))));
        count
    }
}
