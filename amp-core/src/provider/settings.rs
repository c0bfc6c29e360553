//! How a provider is set up (provider API).

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_address::{KnownProviders, Provider as Domain};
use amp_envelope::Dialect;

use super::attachment_rules::AttachmentRules;
use super::effect::Effect;
use super::engine::Provider;
use super::federation::Federation;
use super::live::Live;
use super::mesh::Mesh;
use super::numbering::{Given, RestoreError};
use super::registration::Registration;
use super::state::State;
use crate::guards::{LoopGuard, RateLimits};
use crate::scan::Scanner;
use crate::webhook::{RetrySchedule, TargetPolicy};
use crate::wire::{ApiUrl, FrameShape};

/// How many messages wait for one agent at most.
const RELAY_MAX: usize = 1_000;

/// What does not change while a provider runs.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) domain: Domain,
    pub(super) api: ApiUrl,
    pub(super) known: KnownProviders,
    pub(super) dialects: Vec<Dialect>,
    pub(super) relay_max: usize,
    pub(super) refusals: Refusals,
    pub(super) frame_shape: FrameShape,
    pub(super) has_sockets: bool,
    pub(super) has_webhooks: bool,
    /// None when it carries no attachments.
    pub(super) attachments: Option<AttachmentRules>,
    pub(super) registration: Registration,
    /// None when messages are not scanned.
    pub(super) scanner: Option<Box<Scanner>>,
    pub(super) federation: Option<Federation>,
    /// None when it has no other hosts.
    pub(super) mesh: Option<Mesh>,
}

impl Settings {
    /// Which webhooks agents may name; none when it calls none.
    pub(super) fn webhook_targets(&self) -> Option<&TargetPolicy> {
        self.has_webhooks.then_some(&self.registration.webhooks)
    }
}

/// What a sender is told of a recipient that does not take its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusals {
    /// The reason, in the protocol's codes. They tell an unknown address from one that does not want the message, so a
    /// sender can find out who is registered.
    #[default]
    Named,
    /// `not_found` for every reason.
    Uniform,
}

/// A provider in the making: [`Provider::builder`].
#[derive(Debug)]
pub struct ProviderBuilder {
    settings: Settings,
    state: State,
    limits: RateLimits,
    loops: Option<LoopGuard>,
    given: Given,
}

impl ProviderBuilder {
    pub(super) fn new(domain: Domain, api: ApiUrl) -> Self {
        let mut known = KnownProviders::new();
        known.insert(domain.clone());
        let settings = Settings {
            domain,
            api,
            known,
            dialects: Dialect::ALL.to_vec(),
            relay_max: RELAY_MAX,
            refusals: Refusals::default(),
            frame_shape: FrameShape::default(),
            has_sockets: true,
            has_webhooks: true,
            attachments: None,
            registration: Registration::default(),
            scanner: None,
            federation: None,
            mesh: None,
        };
        Self {
            settings,
            state: State::default(),
            limits: RateLimits::default(),
            loops: None,
            given: Given::default(),
        }
    }

    /// Remembers what these effects say, in the order in which they were stored.
    ///
    /// # Errors
    /// When the log gives a number to two agents or to two messages: it is not the memory of one provider.
    pub fn restore(mut self, effects: impl IntoIterator<Item = Effect>) -> Result<Self, RestoreError> {
        for effect in effects {
            self.given.take(&effect)?;
            self.state.apply(&effect);
        }
        Ok(self)
    }

    /// Sets what a sender is told of a recipient that does not take its message.
    #[must_use]
    pub const fn refusals(mut self, refusals: Refusals) -> Self {
        self.settings.refusals = refusals;
        self
    }

    /// Sets the canonical forms under which signatures are tried, in this order. All of them unless told otherwise.
    #[must_use]
    pub fn dialects(mut self, dialects: &[Dialect]) -> Self {
        self.settings.dialects = dialects.to_vec();
        self
    }

    /// Sets how many messages wait for one agent at most; 1,000 unless told otherwise.
    #[must_use]
    pub const fn relay_limit(mut self, messages: usize) -> Self {
        self.settings.relay_max = messages;
        self
    }

    /// Sets how frames are arranged; as the standard has it unless told otherwise.
    #[must_use]
    pub const fn frame_shape(mut self, shape: FrameShape) -> Self {
        self.settings.frame_shape = shape;
        self
    }

    /// The host has no WebSockets: `/info` does not offer them, and one that is opened all the same is closed.
    #[must_use]
    pub const fn without_sockets(mut self) -> Self {
        self.settings.has_sockets = false;
        self
    }

    /// The host calls no webhooks: `/info` does not offer them, an agent that names one is refused, and none is called
    /// that was named before.
    #[must_use]
    pub const fn without_webhooks(mut self) -> Self {
        self.settings.has_webhooks = false;
        self
    }

    /// Sets who may register; anybody, in any tenant, unless told otherwise.
    #[must_use]
    pub fn registration(mut self, registration: Registration) -> Self {
        self.settings.registration = registration;
        self
    }

    /// Takes files under these rules. Without them, a message with a file is refused: `attachments_not_supported`.
    #[must_use]
    pub fn attachments(mut self, rules: AttachmentRules) -> Self {
        self.settings.attachments = Some(rules);
        self
    }

    /// Lets it speak to other providers; it does not unless told so.
    #[must_use]
    pub fn federation(mut self, federation: Federation) -> Self {
        for provider in federation.named() {
            self.settings.known.insert(provider.clone());
        }
        self.settings.federation = Some(federation);
        self
    }

    /// Lets it hand messages on to other hosts of the same provider, and take theirs; it has none unless told so. What
    /// [`Federation`] says concerns other providers alone.
    #[must_use]
    pub fn mesh(mut self, mesh: Mesh) -> Self {
        self.settings.mesh = Some(mesh);
        self
    }

    /// Sets the rate limits; the protocol's unless told otherwise.
    #[must_use]
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Scans the messages of its agents, also those to other providers, and what other providers forward to them: what is
    /// plainly an attack is refused, what looks like one is held until somebody who administers the provider has decided,
    /// and what is suspicious counts as a risk of its sender. Without it, the scan is left to whoever receives.
    #[must_use]
    pub fn scan(mut self, scanner: Scanner) -> Self {
        self.settings.scanner = Some(Box::new(scanner));
        self
    }

    /// Has this guard look at the messages of its agents, also those to and from other providers: whoever goes round in
    /// circles is warned, told to wait (429 and `Retry-After`), and stopped. Another provider is not warned. Without it,
    /// rate limits are all that slows them down.
    #[must_use]
    pub fn loop_guard(mut self, guard: LoopGuard) -> Self {
        self.loops = Some(guard);
        self
    }

    /// The provider.
    #[must_use]
    pub fn build(self) -> Provider {
        let mut live = Live::new(self.limits, self.loops);
        for (agent, message, attempts, due) in self.state.mail.postings() {
            live.resume(message, agent, RetrySchedule::resume(attempts, due));
        }
        live.peers.restore(self.settings.federation.as_ref(), &self.state.peers);
        Provider { settings: self.settings, state: self.state, live }
    }
}
