//! `GET /health` and `GET /info`: how the provider is, and what it offers (provider API).

use alloc::string::String;
use alloc::vec;

use super::engine::Provider;
use crate::guards::RateClass;
use crate::wire::{Health, HealthStatus, Info, RateLimitsStated};

/// The version of the protocol.
const VERSION: &str = "amp/0.1";

impl Provider {
    pub(super) fn health(&self) -> Health {
        let mut health = Health::new(HealthStatus::Healthy);
        health.provider = Some(self.settings.domain.as_str().into());
        health.version = Some(VERSION.into());
        health.federation = Some(self.settings.federation.is_some());
        health.agents_online = u64::try_from(self.live.agents_online()).ok();
        health.uptime_seconds = Some(self.live.clock.now().as_secs());
        health
    }

    pub(super) fn info(&self) -> Info {
        let mut info = Info {
            provider: Some(self.settings.domain.as_str().into()),
            version: Some(VERSION.into()),
            ..Info::default()
        };
        if let Some(federation) = &self.settings.federation {
            let key = federation.identity.verifying_key();
            info.public_key = Some(key.to_pem());
            info.fingerprint = Some(alloc::format!("{}", key.fingerprint()));
        }
        let mut capabilities = vec!["notify:v1", "notify:longpoll", "threading", "priority"];
        if self.settings.has_sockets {
            capabilities.push("websocket");
        }
        info.capabilities = Some(capabilities.into_iter().map(String::from).collect());
        info.registration_modes = Some(self.settings.registration.modes().map(String::from).collect());
        if let Some(rules) = &self.settings.attachments {
            info.capabilities.get_or_insert_default().push("attachments".into());
            info.attachment_limits = Some(rules.stated());
        }
        let per_minute = |class| Some(u64::from(self.live.limiter.limits().get(class).calls()));
        info.rate_limits = Some(RateLimitsStated {
            messages_per_minute: per_minute(RateClass::Route),
            api_requests_per_minute: per_minute(RateClass::Other),
            ..RateLimitsStated::default()
        });
        info
    }
}
