//! Setting up a client (provider API, registration).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_core::crypto::seal::DecryptionKey;
use amp_core::envelope::{Dialect, OpeningKeys};
use amp_core::identity::{ApiKey, RegistrationRecord};
use amp_core::receive::ReceiverBuilder;
use amp_core::sealing::{SealingPolicy, Stance};
use amp_core::wire::{AgentScope, ApiUrl};
use amp_core::{Identity, SecretText};

use super::account::TraceSource;
use super::trace::TraceContext;
#[cfg(unix)]
use crate::home::Home;
use crate::http::Access;
use crate::receiving::{FORMER_KEY_LASTS, Prepare};
use crate::store::Store;

/// How long a call may take, all attempts together, unless the host says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest and longest time that a host can set.
const TIMEOUT_RANGE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3_600));

/// Longest time for which a host can keep former keys.
const FORMER_KEYS_LAST_MAX: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Where the agent's keys and registrations are.
#[derive(Default)]
pub(super) enum Place {
    /// The home directory of the user's agents.
    #[default]
    DefaultHome,
    /// This one.
    #[cfg(unix)]
    Home(Home),
    /// Nowhere: a new agent that ends with the process.
    Memory,
}

/// Sets up a [`Client`](crate::Client).
///
/// Unless told otherwise, the agent lives in the [`Home`](crate::Home) of this user: its key, its registrations and
/// its mail are there again the next time.
///
/// ```
/// use amp_client::{Client, Identity};
/// use amp_client::identity::RegistrationRecord;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// // A program that keeps everything itself resumes a registration. Nothing is sent.
/// let identity = Identity::from_seed(&[7; 32]);
/// let registration = RegistrationRecord::new(
///     "crabmail.ai".parse()?,
///     "alice@acme.crabmail.ai".parse()?,
///     "https://api.crabmail.ai/v1",
///     "amp_live_sk_7f53efb3fb6588af".parse()?,
///     "2026-01-31T10:00:00Z".parse()?,
/// )?;
/// let builder = Client::builder("https://api.crabmail.ai/v1".parse()?);
/// let alice = builder.in_memory().identity(identity).registration(registration).open().await?;
/// assert_eq!(alice.address().as_str(), "alice@acme.crabmail.ai");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a client is made by `register` or `open`"]
pub struct ClientBuilder {
    pub(super) api: ApiUrl,
    pub(super) place: Place,
    pub(super) agent: Option<String>,
    pub(super) identity: Option<Identity>,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) registrations: Vec<RegistrationRecord>,
    pub(super) wanted: Wanted,
    pub(super) timeout: Duration,
    pub(super) access: Access,
    pub(super) allowed_routes: Vec<ApiUrl>,
    pub(super) former_keys_last: Duration,
    pub(super) opening_keys: OpeningKeys,
    pub(super) decryption_key: Option<DecryptionKey>,
    pub(super) is_refusing: bool,
    pub(super) prepare: Vec<Prepare>,
    pub(super) trace: Option<TraceSource>,
}

/// What a registration asks for, beside a name.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) tenant: Option<String>,
    pub(super) owner_key: Option<ApiKey>,
    pub(super) invite: Option<SecretText>,
    pub(super) scope: Option<AgentScope>,
    pub(super) alias: Option<String>,
    pub(super) webhook: Option<(String, SecretText)>,
}

impl ClientBuilder {
    pub(super) fn new(api: ApiUrl) -> Self {
        Self {
            api,
            place: Place::default(),
            agent: None,
            identity: None,
            store: None,
            registrations: Vec::new(),
            wanted: Wanted::default(),
            timeout: TIMEOUT,
            access: Access::default(),
            allowed_routes: Vec::new(),
            former_keys_last: FORMER_KEY_LASTS,
            opening_keys: OpeningKeys::new(),
            decryption_key: None,
            is_refusing: false,
            prepare: Vec::new(),
            trace: None,
        }
    }

    /// Keeps nothing: the agent and its mail end with the process, or the program keeps them itself.
    pub fn in_memory(mut self) -> Self {
        self.place = Place::Memory;
        self
    }

    /// The home directory in which the agent lives. Unless set, [`Home::open_default`].
    #[cfg(unix)]
    pub fn home(mut self, home: Home) -> Self {
        self.place = Place::Home(home);
        self
    }

    /// Which agent of the home [`open`](Self::open) opens: its name or its id. Unless set, the home's own choice.
    pub fn agent(mut self, name: &str) -> Self {
        self.agent = Some(name.into());
        self
    }

    /// The key that the agent signs with, for programs that keep it themselves: with [`in_memory`](Self::in_memory). One in a
    /// home has its key there.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Where the agent's mail is kept. Unless set, the mailbox of the home, or memory.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// A registration that was made before, for programs that keep them themselves. Call it once for each.
    pub fn registration(mut self, record: RegistrationRecord) -> Self {
        self.registrations.push(record);
        self
    }

    /// The tenant to register in. Unless set, the only one that the provider has, or `default`.
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.wanted.tenant = Some(tenant.into());
        self
    }

    /// The key of the agent's owner: it is registered in the owner's tenant.
    pub fn owner_key(mut self, key: ApiKey) -> Self {
        self.wanted.owner_key = Some(key);
        self
    }

    /// What lets the agent into a closed tenant.
    pub fn invite(mut self, code: SecretText) -> Self {
        self.wanted.invite = Some(code);
        self
    }

    /// Where below its tenant the agent belongs.
    pub fn scope(mut self, scope: AgentScope) -> Self {
        self.wanted.scope = Some(scope);
        self
    }

    /// What people call the agent.
    pub fn alias(mut self, alias: &str) -> Self {
        self.wanted.alias = Some(alias.into());
        self
    }

    /// Where the provider posts messages, and the secret that it signs them with, at least 16 bytes.
    pub fn webhook(mut self, url: &str, secret: SecretText) -> Self {
        self.wanted.webhook = Some((url.into(), secret));
        self
    }

    /// How long a call may take, all attempts together: 30 seconds unless set; 100 milliseconds to an hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.clamp(TIMEOUT_RANGE.0, TIMEOUT_RANGE.1);
        self
    }

    /// Calls a provider on this host without TLS, though it is not on this machine or a local network. Whoever is on the way
    /// can read and change what is sent, the API key included.
    pub fn allow_plain_http(mut self, host: &str) -> Self {
        self.access.allow_plain_http(host);
        self
    }

    /// Lets this host resolve to a private address, where somebody else names it: in an attachment's URL, or what discovery
    /// finds.
    pub fn allow_target(mut self, host: &str) -> Self {
        self.access.allow_target(host);
        self
    }

    /// Lets messages go to this URL, with the API key, though it is on another site than the one that was registered at. The
    /// provider names it; without this it is [ignored](crate::Registration::ignored_route_url).
    pub fn allow_route_url(mut self, url: ApiUrl) -> Self {
        self.allowed_routes.push(url);
        self
    }

    /// With whom mail is [sealed](amp_core::sealing). Unless set, it is preferred with everybody: mail is sealed to a peer whose
    /// [card](crate::Client::accept_card) says that it opens such mail, and to one with whom mail was sealed before.
    pub fn sealing(mut self, policy: SealingPolicy) -> Self {
        self.is_refusing = policy.otherwise() == Stance::Refuse;
        self.receiver(move |receiver| receiver.sealing(policy.clone()))
    }

    /// A key of its own for sealed mail, instead of the signing key that every agent has, which opens as well. The
    /// [card](crate::Client::agent_card) names it. The program keeps it: it has to be set again the next time.
    pub fn decryption_key(mut self, key: DecryptionKey) -> Self {
        self.decryption_key = Some(key);
        self
    }

    /// More keys that open sealed mail, for programs that keep their keys themselves: those that the agent had before, each
    /// with its end.
    pub fn opening_keys(mut self, keys: OpeningKeys) -> Self {
        self.opening_keys = keys;
        self
    }

    /// How long a key opens sealed mail after [`Client::rotate_keys`](crate::Client::rotate_keys) replaced it: 200 days unless set,
    /// at most ten years; with zero, not at all. Mail that was received before stays readable.
    ///
    /// It should be more than the 184 days of a card, from which others have the key, and the 7 for which a relay keeps mail.
    pub fn former_keys_for(mut self, time: Duration) -> Self {
        self.former_keys_last = time.min(FORMER_KEYS_LAST_MAX);
        self
    }

    /// The canonical forms under which signatures are tried, in order: see [`ReceiverBuilder::dialects`].
    pub fn dialects(self, dialects: impl IntoIterator<Item = Dialect>) -> Self {
        let dialects: Vec<Dialect> = dialects.into_iter().collect();
        self.receiver(move |receiver| receiver.dialects(dialects.iter().copied()))
    }

    /// Sets up what judges received messages: who may write, how strict the scan is, and more. It may be called again, when the
    /// receiver is built anew.
    pub fn receiver(
        mut self,
        prepare: impl Fn(ReceiverBuilder) -> ReceiverBuilder + Send + Sync + 'static,
    ) -> Self {
        self.prepare.push(Arc::new(prepare));
        self
    }

    /// Says, for each message that is sent, to which trace it belongs: it is asked on the task that sends.
    pub fn trace_context(
        mut self,
        current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(Arc::new(current));
        self
    }
}

/// Shows where the provider is, and no secret.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("api", &self.api).finish_non_exhaustive()
    }
}
