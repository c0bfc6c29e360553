//! `GET /info`: what a provider says it offers (provider API).

use alloc::string::String;
use alloc::vec::Vec;

/// Asks what a provider offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetInfo;

bare_request!(GetInfo => Info);

object! {
    /// What a provider says it offers. Deployed ones may say what held when they were built: believe what registration
    /// answers, and use a capability only as far as its answers bear it out.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Info {
        /// Its name.
        pub provider: Option<String>,
        /// The version of the protocol, in its own words.
        pub version: Option<String>,
        /// Its own key, with which it signs forwards. A statement: what pins it is discovery.
        pub public_key: Option<String>,
        /// The key's fingerprint.
        pub fingerprint: Option<String>,
        /// What it can do beyond the least: `notify:v1`, `notify:longpoll`, ...
        pub capabilities: Option<Vec<String>>,
        /// How agents come to be registered: `open`, `tenant`, `invite`, ...
        pub registration_modes: Option<Vec<String>>,
        /// How many calls it takes.
        pub rate_limits: Option<RateLimitsStated>,
        /// Which files it takes.
        pub attachment_limits: Option<AttachmentLimits>,
    }
}

json_answer!(Info, 200);

impl Info {
    /// Whether the provider names a capability.
    #[must_use]
    pub fn has_capability(&self, name: &str) -> bool {
        self.capabilities.iter().flatten().any(|capability| capability == name)
    }
}

object! {
    /// How many calls a provider takes from an agent in a minute.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct RateLimitsStated {
        /// Messages.
        pub messages_per_minute: Option<u64>,
        /// Calls of other kinds.
        pub api_requests_per_minute: Option<u64>,
    }
}

object! {
    /// Which files a provider takes.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct AttachmentLimits {
        /// Largest file, in bytes.
        pub max_attachment_size: Option<u64>,
        /// Largest sum of a message's files, in bytes.
        pub max_total_attachment_size: Option<u64>,
        /// Most files of a message.
        pub max_attachments_per_message: Option<u64>,
        /// Whether a file can be sent in one go.
        pub direct_upload: Option<bool>,
        /// Whether files are searched for viruses.
        pub av_scanning: Option<bool>,
    }
}
