//! How an agent wants its messages, and where below its tenant it belongs (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::String;
use core::fmt;

use amp_address::Scope;
use amp_crypto::SecretText;
use amp_envelope::JsonValue;

use super::Extra;
use super::fault::{Fault, WireError};
use super::member::{Member, Members, ObjectWriter};

object! {
    /// How an agent wants its messages delivered. The URL and its secret are kept out of what `Debug` shows.
    #[derive(Default)]
    pub struct Delivery {
        /// Where the provider is to post messages. A provider vets it: [`Target`](crate::webhook::Target).
        pub webhook_url: Option<String>,
        /// What it is to sign them with. A provider never answers with it, though deployed ones do.
        pub webhook_secret: Option<SecretText>,
        /// Whether a connected WebSocket comes before the webhook.
        pub prefer_websocket: Option<bool>,
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("has_webhook", &self.webhook_url.is_some())
            .field("prefer_websocket", &self.prefer_websocket)
            .finish_non_exhaustive()
    }
}

/// Where below its tenant an agent belongs: `{platform: github, repo: agents-web}` makes the scope
/// `agents-web.github.<tenant>`.
///
/// ```
/// use amp_core::wire::AgentScope;
///
/// let scope = AgentScope::new("github", Some("agents-web"))?;
/// assert_eq!(scope.under("acme").map(|scope| scope.as_str().to_owned()).as_deref(), Some("agents-web.github.acme"));
/// assert!(AgentScope::new("git hub", None).is_err());
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentScope {
    platform: String,
    repo: Option<String>,
    extra: Extra,
}

const SCOPE_RULE: &str = "platform and repo are labels of an address";

impl AgentScope {
    const MEMBERS: &'static [&'static str] = &["platform", "repo"];

    /// A platform, and a repository on it. Both are labels of an address; they are taken in lower case.
    ///
    /// # Errors
    /// [`WireError::Field`] when one of them is no label.
    pub fn new(platform: &str, repo: Option<&str>) -> Result<Self, WireError> {
        let label = |text: &str| {
            let scope = Scope::parse(text).ok().filter(|scope| !scope.as_str().contains('.'));
            scope
                .map(|scope| scope.as_str().into())
                .ok_or(WireError::Field { field: "scope", rule: SCOPE_RULE })
        };
        Ok(Self { platform: label(platform)?, repo: repo.map(label).transpose()?, extra: Extra::default() })
    }

    /// The platform.
    #[must_use]
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// The repository.
    #[must_use]
    pub fn repo(&self) -> Option<&str> {
        self.repo.as_deref()
    }

    /// The scope that it makes below a tenant; none when that is too long or the tenant is none.
    #[must_use]
    pub fn under(&self, tenant: &str) -> Option<Scope> {
        let repo = self.repo.as_ref().map(|repo| format!("{repo}.")).unwrap_or_default();
        Scope::parse(&format!("{repo}{}.{tenant}", self.platform)).ok()
    }
}

impl Member for AgentScope {
    const RULE: &'static str = SCOPE_RULE;

    fn read(value: JsonValue<'_>) -> Result<Self, Fault> {
        let members = Members::of(value)?;
        let (platform, repo): (String, Option<String>) = (members.read("platform")?, members.read("repo")?);
        let scope = Self::new(&platform, repo.as_deref()).map_err(|_| Fault::invalid("", SCOPE_RULE))?;
        Ok(Self { extra: members.extra(Self::MEMBERS), ..scope })
    }

    fn write(&self, out: &mut String) {
        let mut object = ObjectWriter::open(out);
        object.text("platform", &self.platform);
        object.member("repo", &self.repo);
        object.extra(&self.extra, Self::MEMBERS);
        object.close();
    }
}
