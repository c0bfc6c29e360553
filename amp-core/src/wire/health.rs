//! `GET /health`: whether a provider works (provider API).

use alloc::string::String;

use super::words::HealthStatus;

/// Asks how a provider is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetHealth;

bare_request!(GetHealth => Health);

object! {
    /// How a provider says it is.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Health {
        /// Whether it works.
        pub status: HealthStatus,
        /// The version of its software or its protocol, in its own words.
        pub version: Option<String>,
        /// Its name, which a deployed provider may state wrongly: believe what registration answers.
        pub provider: Option<String>,
        /// Whether it forwards to other providers.
        pub federation: Option<bool>,
        /// How many agents are connected.
        pub agents_online: Option<u64>,
        /// For how many seconds it has been running.
        pub uptime_seconds: Option<u64>,
    }
}

json_answer!(Health, 200);

impl Health {
    /// What a provider says of itself at the least.
    #[must_use]
    pub fn new(status: HealthStatus) -> Self {
        Self {
            status,
            version: None,
            provider: None,
            federation: None,
            agents_online: None,
            uptime_seconds: None,
            extra: super::Extra::default(),
        }
    }
}
