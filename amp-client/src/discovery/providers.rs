//! Asking the sources of what is known about a provider, each with a deadline (federation, discovery).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use amp_core::crypto::VerifyingKey;
use amp_core::federation::{Discovery, DiscoveryError, Finding, LastKnown, Query, Source};
use amp_core::webhook::{Target, TargetPolicy};
use amp_core::{Provider, Timestamp};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

#[cfg(feature = "dns")]
use super::dns::Dns;
use crate::clock::now;
use crate::error::{Error, ErrorKind};
use crate::http::{Access, Http};

const STEP: &str = "looking for a provider";
/// Longest wait for one source.
const ASK_MAX: Duration = Duration::from_secs(10);

/// What is known about other providers: where they are, and which key is theirs.
///
/// Clones share what is known. An answer counts for as long as its source says, within bounds, and nobody is asked
/// again before. Sources that name different keys are a [`Finding::Conflict`], which a person ends
/// ([`confirm`](Self::confirm)). The DNS is asked with the feature `dns`.
///
/// ```
/// use amp_client::discovery::Providers;
/// use amp_client::federation::Finding;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let providers = Providers::builder().build()?;
/// match providers.find(&"acme.local".parse()?).await? {
///     Finding::Found(found) => println!("{} has the key {}", found.endpoint(), found.fingerprint()),
///     Finding::Conflict(conflict) => println!("{} sources disagree", conflict.claims().len()),
///     _ => println!("nobody knows it"), // networks without a name in the DNS are not asked about
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Providers {
    inner: Arc<Inner>,
}

struct Inner {
    policy: TargetPolicy,
    documents: Documents,
    #[cfg(feature = "dns")]
    dns: Option<Dns>,
    known: Mutex<Discovery>,
}

/// Reads the document at a URL: the body of an answer 200.
pub(super) type Documents = Arc<dyn Fn(Target) -> BoxFuture<'static, Option<Vec<u8>>> + Send + Sync>;

/// Makes [`Providers`].
#[derive(Debug)]
#[must_use]
pub struct ProvidersBuilder {
    access: Access,
    registry: Option<String>,
    known: Vec<LastKnown>,
    #[cfg(feature = "dns")]
    name_server: Option<core::net::SocketAddr>,
}

impl ProvidersBuilder {
    /// Also asks a registry, by its base URL.
    pub fn registry(mut self, url: &str) -> Self {
        self.registry = Some(url.into());
        self
    }

    /// Lets this host resolve to private addresses: a provider inside of one's own network.
    pub fn allow_target(mut self, host: &str) -> Self {
        self.access.allow_target(host);
        self
    }

    /// What was known before a restart: [`Providers::last_known`].
    pub fn known(mut self, known: impl IntoIterator<Item = LastKnown>) -> Self {
        self.known.extend(known);
        self
    }

    /// Asks this DNS server, instead of those of the system.
    #[cfg(feature = "dns")]
    pub const fn name_server(mut self, address: core::net::SocketAddr) -> Self {
        self.name_server = Some(address);
        self
    }

    /// Makes them. No source is asked yet.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`]: the registry's URL is none that is called, more is known than is remembered, or the system
    /// does not say which DNS servers it has.
    pub fn build(self) -> Result<Providers, Error> {
        let http = Http::new(self.access.clone());
        self.build_with(Arc::new(move |target| {
            let http = http.clone();
            Box::pin(async move {
                let answer = http.document(None, target, ASK_MAX).await.ok()?;
                (answer.status == 200).then_some(answer.body)
            })
        }))
    }

    pub(super) fn build_with(self, documents: Documents) -> Result<Providers, Error> {
        let refused = |error: DiscoveryError| Error::new(ErrorKind::Setup, STEP).because(error);
        let policy = self.access.policy();
        let mut discovery = Discovery::new().with_policy(policy.clone());
        if let Some(url) = &self.registry {
            discovery = discovery.with_registry(url).map_err(refused)?;
        }
        discovery.restore(self.known).map_err(refused)?;
        let inner = Inner {
            policy,
            documents,
            #[cfg(feature = "dns")]
            dns: Dns::new(self.name_server),
            known: Mutex::new(discovery),
        };
        Ok(Providers { inner: Arc::new(inner) })
    }
}

impl Providers {
    /// Nothing is known yet, and no registry is asked.
    pub fn builder() -> ProvidersBuilder {
        ProvidersBuilder {
            access: Access::default(),
            registry: None,
            known: Vec::new(),
            #[cfg(feature = "dns")]
            name_server: None,
        }
    }

    /// What is to be made of a provider, after the sources were asked whose answers are no longer good. Dropping the
    /// future keeps the answers that came.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`]: there is no room to remember another provider. A source that fails or talks nonsense has
    /// nothing to say, and is no error.
    pub async fn find(&self, provider: &Provider) -> Result<Finding, Error> {
        let queries = self.known().queries(provider, now());
        let mut asked: FuturesUnordered<_> =
            queries.into_iter().map(|query| self.ask(provider, query)).collect();
        while let Some(outcome) = asked.next().await {
            outcome?;
        }
        Ok(self.known().find(provider, now()))
    }

    /// A person says which key and endpoint are a provider's.
    ///
    /// # Errors
    /// [`ErrorKind::Target`] when the endpoint may not be called, and [`ErrorKind::Setup`] when there is no room for
    /// another provider.
    pub fn confirm(
        &self,
        provider: &Provider,
        endpoint: &str,
        key: &VerifyingKey,
    ) -> Result<LastKnown, Error> {
        let kind = |error: &DiscoveryError| match error {
            DiscoveryError::Full => ErrorKind::Setup,
            _ => ErrorKind::Target,
        };
        let confirmed = self.known().confirm(provider, endpoint, key, now());
        confirmed.map_err(|error| Error::new(kind(&error), "confirming a provider").because(error))
    }

    /// What to keep of a provider over a restart, if anything is known.
    #[must_use]
    pub fn last_known(&self, provider: &Provider) -> Option<LastKnown> {
        self.known().last_known(provider).cloned()
    }

    async fn ask(&self, provider: &Provider, query: Query) -> Result<(), Error> {
        match query {
            Query::Txt { name } => self.ask_dns(provider, &name).await,
            Query::WellKnown { url } => {
                let body = self.document(Some(url)).await;
                self.note(provider, Source::WellKnown, |known, now| {
                    body.map(|body| known.note_well_known(provider, &body, now))
                })
            }
            Query::Registry { url } => {
                let target = Target::parse_with(&url, &self.inner.policy);
                let body = self.document(target.ok()).await;
                self.note(provider, Source::Registry, |known, now| {
                    body.map(|body| known.note_registry(provider, &body, now))
                })
            }
            // A source that this version does not ask.
            _ => Ok(()),
        }
    }

    #[cfg(feature = "dns")]
    async fn ask_dns(&self, provider: &Provider, name: &str) -> Result<(), Error> {
        let asking = async { self.inner.dns.as_ref()?.txt(name).await };
        let records = tokio::time::timeout(ASK_MAX, asking).await.unwrap_or(None);
        self.note(provider, Source::Dns, |known, now| {
            records.map(|(records, ttl)| known.note_txt(provider, &records, ttl, now))
        })
    }

    #[cfg(not(feature = "dns"))]
    async fn ask_dns(&self, provider: &Provider, _: &str) -> Result<(), Error> {
        core::future::ready(()).await;
        self.note(provider, Source::Dns, |_, _| None)
    }

    async fn document(&self, target: Option<Target>) -> Option<Vec<u8>> {
        (self.inner.documents)(target?).await
    }

    /// Takes what a source said, or that it has nothing.
    fn note(
        &self,
        provider: &Provider,
        source: Source,
        said: impl FnOnce(&mut Discovery, Timestamp) -> Option<Result<Option<LastKnown>, DiscoveryError>>,
    ) -> Result<(), Error> {
        let (mut known, now) = (self.known(), now());
        let outcome = match said(&mut known, now) {
            Some(outcome) => outcome.map(drop),
            None => known.note_nothing(provider, source, now),
        };
        match outcome {
            Err(error @ DiscoveryError::Full) => Err(Error::new(ErrorKind::Setup, STEP).because(error)),
            Err(error) => {
                tracing::debug!(
                    source = source.as_str(),
                    code = error.code(),
                    "a provider's record is refused"
                );
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Discovery> {
        // What is known is changed in one step: it is whole whatever panicked.
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").field("known", &self.known().len()).finish_non_exhaustive()
    }
}
