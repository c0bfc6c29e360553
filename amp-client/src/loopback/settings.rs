//! How the embedded provider is set up (provider API).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use amp_core::guards::{LoopGuard, RateClass, RateLimit, RateLimits};
use amp_core::identity::ApiKey;
use amp_core::provider::{AttachmentRules, Effect, Federation, Provider, Registration, RestoreError};
use amp_core::scan::Scanner;
use amp_core::webhook::TargetPolicy;
use amp_core::wire::{ApiUrl, FrameShape};
use core::time::Duration;

/// Whose behaviour the provider has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// What the protocol says.
    #[default]
    Standard,
    /// What the deployed provider does.
    Deployed,
}

/// Makes what the provider needs to speak to others, anew for each start.
pub(super) type MakeFederation = Box<dyn Fn() -> Federation + Send + Sync>;

/// An owner of agents, and the key by which the provider knows them.
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) key: Arc<ApiKey>,
}

/// How the provider is set up.
pub(super) struct Settings {
    pub(super) domain: amp_core::address::Provider,
    pub(super) behaviour: Behaviour,
    pub(super) limits: RateLimits,
    pub(super) registration: Registration,
    pub(super) scanner: Option<Scanner>,
    pub(super) loop_guard: Option<LoopGuard>,
    pub(super) federation: Option<MakeFederation>,
    pub(super) relay_limit: Option<usize>,
}

impl Settings {
    /// A provider that remembers these effects.
    pub(super) fn provider(
        &self,
        api: &ApiUrl,
        files: &ApiUrl,
        effects: Vec<Effect>,
    ) -> Result<Provider, RestoreError> {
        let shape = match self.behaviour {
            Behaviour::Standard => FrameShape::Standard,
            Behaviour::Deployed => FrameShape::Flat,
        };
        let mut builder = Provider::builder(self.domain.clone(), api.clone())
            .registration(self.registration.clone())
            .rate_limits(self.limits.clone())
            .frame_shape(shape)
            .attachments(AttachmentRules::new(files.clone()).with_direct_upload());
        if let Some(scanner) = &self.scanner {
            builder = builder.scan(scanner.clone());
        }
        if let Some(guard) = &self.loop_guard {
            builder = builder.loop_guard(guard.clone());
        }
        if let Some(federation) = &self.federation {
            builder = builder.federation(federation());
        }
        if let Some(messages) = self.relay_limit {
            builder = builder.relay_limit(messages);
        }
        Ok(builder.restore(effects)?.build())
    }
}

/// Limits that nobody meets.
pub(super) fn no_limits() -> RateLimits {
    let limit = RateLimit::new(u16::MAX, Duration::from_secs(1));
    RateClass::ALL.into_iter().fold(RateLimits::default(), |limits, class| limits.with(class, limit))
}

/// Effects that say the same in fewer words. None when they contradict each other.
pub(super) fn in_short(effects: Vec<Effect>) -> Option<Vec<Effect>> {
    let (domain, api) = ("loopback.test".parse().ok()?, "http://127.0.0.1/v1".parse().ok()?);
    Some(Provider::builder(domain, api).restore(effects).ok()?.build().snapshot())
}

/// With webhooks on this machine, where somebody tests.
pub(super) fn open_to_loopback(registration: Registration) -> Registration {
    registration.with_webhook_targets(TargetPolicy::loopback_development())
}
