//! Where a provider is and which key it has: what the sources say, for as long as it holds (federation, discovery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use amp_address::Provider;
use amp_crypto::VerifyingKey;
use amp_envelope::Timestamp;

use super::claim::{Claim, ClaimedKey, Discovered, DiscoveryConflict, Finding, Source};
use super::elapsed::Elapsed;
use super::grammar::check_endpoint;
use super::known::LastKnown;
use super::look_up::{Learned, LookUp, Told};
use super::record_error::DiscoveryError;
use super::registry::RegistryRecord;
use super::slot::{Entry, Slot};
use super::txt::TxtRecord;
use super::well_known::WellKnown;
use crate::webhook::{Target, TargetPolicy};

/// Shortest time for which a DNS answer, or the news that a source has nothing, is kept.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
/// Longest time for which a DNS answer is kept, whatever its TTL.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const WELL_KNOWN_LIFE: Duration = Duration::from_secs(60 * 60);
const REGISTRY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// A provider that nobody confirmed, and of which nothing was heard for so long, makes room for others, though messages
/// were exchanged with it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// What is last known is written anew after this time, though nothing but its time has changed.
const RENEWED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How many providers are remembered unless told otherwise.
const MOST_PROVIDERS: usize = 10_000;
/// Of how many providers it is remembered that nobody has anything to say.
const MOST_STRANGERS: usize = 1_024;

/// Something to ask. The host asks, and hands the answer to the [`Discovery`].
///
/// ```
/// use amp_core::federation::{Discovery, Query};
/// let queries = Discovery::new().queries(&"crabmail.ai".parse()?, "2026-01-31T10:00:00Z".parse()?);
/// assert_eq!(queries[0], Query::Txt { name: "_amp._tcp.crabmail.ai".into() });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query {
    /// The TXT records of a name in the DNS: for [`Discovery::note_txt`].
    Txt {
        /// The name, such as `_amp._tcp.crabmail.ai`.
        name: String,
    },
    /// A document on the provider's host: for [`Discovery::note_well_known`].
    WellKnown {
        /// Its URL. The host is resolved and admitted like any other target.
        url: Target,
    },
    /// The registry's record: for [`Discovery::note_registry`].
    Registry {
        /// Its URL, at the registry that the host trusts.
        url: String,
    },
}

/// What is known of other providers, and what is to be asked.
///
/// Sources are the DNS, the provider's own document, a registry, and what was last known. Endpoint and key come from one
/// and the same: what a person has confirmed, else the document, else the first that names the key by its fingerprint.
/// When two of them name different keys or endpoints, that is a [`Finding::Conflict`], also when one is what was last
/// known: a changed key is a matter for a person ([`confirm`](Self::confirm)).
///
/// An answer from the DNS is kept for its TTL, 5 minutes at least and a day at most; the document for an hour; the registry's
/// record for a day; the news that a source has nothing for 5 minutes. 10,000 providers are remembered unless told
/// otherwise, of which an eighth may lie under one domain of two labels; each takes 20 KiB at most. Room is made by
/// forgetting whoever was not heard of for longest, but nobody whom a person has confirmed, or with whom messages were
/// exchanged ([`note_exchange`](Self::note_exchange)) in the last 90 days: the next provider is refused instead. That there
/// is nothing to know is remembered of 1,024 others.
///
/// ```
/// use amp_core::Identity;
/// use amp_core::federation::{Discovery, Finding, Query, TxtRecord};
/// use core::time::Duration;
///
/// let (provider, now) = ("crabmail.ai".parse()?, "2026-01-31T10:00:00Z".parse()?);
/// let mut discovery = Discovery::new();
/// assert_eq!(discovery.queries(&provider, now).len(), 2); // the DNS and the document
///
/// let key = Identity::from_seed(&[7; 32]);
/// let record = TxtRecord::new("https://api.crabmail.ai/v1", key.verifying_key())?.to_string();
/// let known = discovery.note_txt(&provider, &[&record], Duration::from_secs(300), now)?;
/// assert!(known.is_some()); // to be stored, for `Discovery::restore`
///
/// let Finding::Found(found) = discovery.find(&provider, now) else { panic!() };
/// assert_eq!(found.deliver_url(), "https://api.crabmail.ai/v1/federation/deliver");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Discovery {
    policy: TargetPolicy,
    registry: Option<Box<str>>,
    most: usize,
    providers: BTreeMap<Provider, Entry>,
    /// Of whom nothing is known, so that they are not asked about all the time.
    strangers: BTreeMap<Provider, Entry>,
    elapsed: Elapsed,
}

/// What is remembered of a provider once an answer is taken in: nothing has changed yet.
#[derive(Clone, Debug)]
pub(crate) struct Lesson {
    provider: Provider,
    entry: Entry,
    /// The provider that is forgotten for it.
    pub(crate) instead_of: Option<Provider>,
    /// What the host has to store, if that has changed.
    pub(crate) known: Option<LastKnown>,
    /// What was wrong with the answer.
    pub(crate) fault: Option<DiscoveryError>,
}

impl Lesson {
    /// The provider that it is about.
    pub(crate) const fn provider(&self) -> &Provider {
        &self.provider
    }
}

impl Default for Discovery {
    fn default() -> Self {
        Self::new()
    }
}

impl Discovery {
    /// Nothing is known, and no registry is asked. Endpoints are vetted for the public internet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            policy: TargetPolicy::new(),
            registry: None,
            most: MOST_PROVIDERS,
            providers: BTreeMap::new(),
            strangers: BTreeMap::new(),
            elapsed: Elapsed::default(),
        }
    }

    /// Vets endpoints by another policy.
    #[must_use]
    pub fn with_policy(mut self, policy: TargetPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Also asks a registry, by its base URL.
    ///
    /// # Errors
    /// [`DiscoveryError::Invalid`] when the URL is no https URL.
    pub fn with_registry(mut self, url: &str) -> Result<Self, DiscoveryError> {
        check_endpoint(url)?;
        self.registry = Some(url.trim_end_matches('/').into());
        Ok(self)
    }

    /// Sets how many providers are remembered.
    #[must_use]
    pub const fn with_most(mut self, providers: usize) -> Self {
        self.most = providers;
        self
    }

    /// Takes what was stored of providers before a restart. The last record of a provider counts.
    ///
    /// # Errors
    /// [`DiscoveryError::Full`] when there are more than are remembered.
    pub fn restore(&mut self, known: impl IntoIterator<Item = LastKnown>) -> Result<(), DiscoveryError> {
        for known in known {
            if !self.providers.contains_key(&known.provider) && self.providers.len() >= self.most {
                return Err(DiscoveryError::Full);
            }
            let entry = self.providers.entry(known.provider.clone()).or_default();
            entry.known = Some(known);
        }
        Ok(())
    }

    /// What has to be asked about a provider now; nothing while all that is known still holds. Networks without a name in
    /// the DNS (`.local`, `.internal`) are not asked about.
    #[must_use]
    pub fn queries(&self, provider: &Provider, now: Timestamp) -> Vec<Query> {
        if provider.is_local() {
            return Vec::new();
        }
        let (entry, time) = (self.entry(provider), self.elapsed.at(now));
        let is_due = |source| entry.is_none_or(|entry| !entry.slot(source).is_fresh(time));
        let mut queries = Vec::new();
        if is_due(Source::Dns) {
            queries.push(Query::Txt { name: TxtRecord::name(provider) });
        }
        if is_due(Source::WellKnown)
            && let Ok(url) = Target::parse_with(&WellKnown::url(provider), &self.policy)
        {
            queries.push(Query::WellKnown { url });
        }
        if let Some(registry) = self.registry.as_deref().filter(|_| is_due(Source::Registry)) {
            queries.push(Query::Registry { url: [registry, "/providers/", provider.as_str()].concat() });
        }
        queries
    }

    /// The same, each with the provider that it is about, to be answered by its own methods.
    pub(crate) fn look_ups(&self, provider: &Provider, now: Timestamp) -> Vec<LookUp> {
        let queries = self.queries(provider, now).into_iter();
        queries.map(|query| LookUp::new(provider.clone(), query)).collect()
    }

    /// Takes the TXT records of a provider's name, each of joined strings, and their TTL.
    ///
    /// The first valid record counts. When a later valid one names another key, the DNS is in conflict with itself.
    /// Gives what the host has to store, if that has changed.
    ///
    /// # Errors
    /// What is wrong with the records; the DNS then has nothing to say. [`DiscoveryError::Full`].
    pub fn note_txt<S: AsRef<str>>(
        &mut self,
        provider: &Provider,
        records: &[S],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<LastKnown>, DiscoveryError> {
        let records = records.iter().map(|record| record.as_ref().into()).collect();
        self.note(provider, Told::Txt { records, ttl }, now)
    }

    /// Takes the document of a provider's host: the body of an answer 200 to the query.
    ///
    /// # Errors
    /// What is wrong with it, also that it is another provider's. [`DiscoveryError::Full`].
    pub fn note_well_known(
        &mut self,
        provider: &Provider,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<LastKnown>, DiscoveryError> {
        self.note(provider, Told::WellKnown(body.into()), now)
    }

    /// Takes the registry's record: the body of an answer 200 to the query.
    ///
    /// # Errors
    /// What is wrong with it, also that it is another provider's. [`DiscoveryError::Full`].
    pub fn note_registry(
        &mut self,
        provider: &Provider,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<LastKnown>, DiscoveryError> {
        self.note(provider, Told::Registry(body.into()), now)
    }

    /// Takes the news that a source has nothing, or cannot be reached. What it said before counts until its time is over.
    ///
    /// # Errors
    /// [`DiscoveryError`]; today none.
    pub fn note_nothing(
        &mut self,
        provider: &Provider,
        source: Source,
        now: Timestamp,
    ) -> Result<(), DiscoveryError> {
        self.note(provider, Told::Nothing(source), now).map(drop)
    }

    fn note(
        &mut self,
        provider: &Provider,
        told: Told,
        now: Timestamp,
    ) -> Result<Option<LastKnown>, DiscoveryError> {
        self.advance(now);
        let lesson = self.consider(&Learned { provider: provider.clone(), told }, now)?;
        let (known, fault) = (lesson.known.clone(), lesson.fault);
        self.apply(lesson);
        fault.map_or(Ok(known), Err)
    }

    /// Lets time pass. A clock that is set back makes none pass, so that nothing that is over comes back.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.elapsed.advance(now);
    }

    /// What an answer would change.
    pub(crate) fn consider(&self, learned: &Learned, now: Timestamp) -> Result<Lesson, DiscoveryError> {
        let Learned { provider, told } = learned;
        let mut entry = self.entry(provider).cloned().unwrap_or_default();
        let time = self.elapsed.now();
        let (slot, fault) = match self.slot(provider, told, now) {
            Ok(slot) => (slot, None),
            Err(fault) => (Slot::nothing(time.saturating_add(SHORTEST)), Some(fault)),
        };
        let keeps = slot.is_empty() && entry.slot(told.source()).is_fresh(time);
        if let Some(place) = entry.slot_mut(told.source()).filter(|_| !keeps) {
            *place = slot;
        }
        let known = learn(provider, &mut entry, time, now);
        let instead_of = if entry.is_blank() { None } else { self.room_for(provider, now)? };
        Ok(Lesson { provider: provider.clone(), entry, instead_of, known, fault })
    }

    /// Remembers what an answer changes.
    pub(crate) fn apply(&mut self, lesson: Lesson) {
        if let Some(forgotten) = &lesson.instead_of {
            self.providers.remove(forgotten);
        }
        if !lesson.entry.is_blank() {
            self.strangers.remove(&lesson.provider);
            self.providers.insert(lesson.provider, lesson.entry);
            return;
        }
        self.providers.remove(&lesson.provider);
        self.strangers.insert(lesson.provider, lesson.entry);
        if self.strangers.len() > MOST_STRANGERS {
            let oldest = self.strangers.iter().min_by_key(|(_, entry)| entry.latest());
            let oldest = oldest.map(|(other, _)| other.clone());
            oldest.and_then(|oldest| self.strangers.remove(&oldest));
        }
    }

    fn entry(&self, provider: &Provider) -> Option<&Entry> {
        self.providers.get(provider).or_else(|| self.strangers.get(provider))
    }

    fn slot(&self, provider: &Provider, told: &Told, now: Timestamp) -> Result<Slot, DiscoveryError> {
        let until = |life: Duration| self.elapsed.now().saturating_add(life);
        match told {
            Told::Nothing(_) => Ok(Slot::nothing(until(SHORTEST))),
            Told::Txt { records, ttl } => {
                let first = TxtRecord::first_of(records)?;
                let mut others = records.iter().filter_map(|record| TxtRecord::parse(record).ok());
                let rival = others.find(|other| other.fingerprint() != first.fingerprint());
                let rival = rival.map(|rival| self.txt_claim(&rival, now)).transpose()?;
                let life = (*ttl).clamp(SHORTEST, LONGEST);
                Ok(Slot::claimed(self.txt_claim(&first, now)?, rival, until(life)))
            }
            Told::WellKnown(body) => {
                let document = WellKnown::decode(body)?;
                if document.provider().is_some_and(|stated| stated != provider) {
                    return Err(DiscoveryError::OtherProvider);
                }
                let key = document.fingerprint().map_or(ClaimedKey::Unnamed, |fingerprint| {
                    ClaimedKey::of(fingerprint, document.public_key())
                });
                let claim = self.claim(Source::WellKnown, document.endpoint(), key, now)?;
                Ok(Slot::claimed(claim, None, until(WELL_KNOWN_LIFE)))
            }
            Told::Registry(body) => {
                let record = RegistryRecord::decode(body)?;
                if record.provider() != provider {
                    return Err(DiscoveryError::OtherProvider);
                }
                let key = ClaimedKey::Fingerprint(*record.fingerprint());
                let claim = self.claim(Source::Registry, record.endpoint(), key, now)?;
                let slot = Slot::claimed(claim, None, until(REGISTRY_LIFE));
                Ok(if record.is_verified() { slot.verified() } else { slot })
            }
        }
    }

    fn txt_claim(&self, record: &TxtRecord, now: Timestamp) -> Result<Claim, DiscoveryError> {
        let key = record.fingerprint().map_or(ClaimedKey::Unnamed, |print| ClaimedKey::Fingerprint(*print));
        self.claim(Source::Dns, record.endpoint(), key, now)
    }

    fn claim(
        &self,
        source: Source,
        endpoint: &str,
        key: ClaimedKey,
        at: Timestamp,
    ) -> Result<Claim, DiscoveryError> {
        Target::parse_with(endpoint, &self.policy).map_err(|_| DiscoveryError::Endpoint)?;
        Ok(Claim { source, endpoint: endpoint.into(), key, at })
    }

    /// What is to be made of a provider now. Nothing is asked: see [`queries`](Self::queries).
    #[must_use]
    pub fn find(&mut self, provider: &Provider, now: Timestamp) -> Finding {
        self.advance(now);
        self.look(provider)
    }

    /// The same, for as late as it was when time was last let pass.
    pub(crate) fn look(&self, provider: &Provider) -> Finding {
        let entry = self.entry(provider);
        entry.map_or(Finding::Nothing, |entry| merged(provider, entry, self.elapsed.now()))
    }

    /// By which policy endpoints are vetted.
    pub(crate) const fn policy(&self) -> &TargetPolicy {
        &self.policy
    }

    /// A person says which key and endpoint are a provider's: a peer by configuration, or the end of a conflict. What
    /// other sources say of another key counts for nothing from then on. Gives what the host has to store.
    ///
    /// # Errors
    /// [`DiscoveryError`] when the endpoint may not be called, and [`DiscoveryError::Full`].
    pub fn confirm(
        &mut self,
        provider: &Provider,
        endpoint: &str,
        key: &VerifyingKey,
        now: Timestamp,
    ) -> Result<LastKnown, DiscoveryError> {
        self.advance(now);
        let lesson = self.consider_word(provider, endpoint, key, now)?;
        let known = lesson.known.clone();
        self.apply(lesson);
        known.ok_or(DiscoveryError::Full)
    }

    /// What a person's word would change.
    pub(crate) fn consider_word(
        &self,
        provider: &Provider,
        endpoint: &str,
        key: &VerifyingKey,
        now: Timestamp,
    ) -> Result<Lesson, DiscoveryError> {
        check_endpoint(endpoint)?;
        Target::parse_with(endpoint, &self.policy).map_err(|_| DiscoveryError::Endpoint)?;
        let instead_of = self.room_for(provider, now)?;
        let mut entry = self.providers.get(provider).cloned().unwrap_or_default();
        let known = LastKnown {
            provider: provider.clone(),
            endpoint: endpoint.into(),
            fingerprint: key.fingerprint(),
            key: Some(key.clone()),
            is_confirmed: true,
            is_proven: false,
            at: now,
        };
        entry.known = Some(known.clone());
        Ok(Lesson { provider: provider.clone(), entry, instead_of, known: Some(known), fault: None })
    }

    /// A message came from a provider and was accepted, or was taken there: what is known of it makes no room for
    /// others, unless nothing is heard of it for 90 days. Gives what the host has to store, if that has changed.
    pub fn note_exchange(&mut self, provider: &Provider) -> Option<LastKnown> {
        let lesson = self.consider_exchange(provider)?;
        let known = lesson.known.clone();
        self.apply(lesson);
        known
    }

    /// What a message would change.
    pub(crate) fn consider_exchange(&self, provider: &Provider) -> Option<Lesson> {
        let mut entry = self.providers.get(provider)?.clone();
        let known = entry.known.as_mut().filter(|known| !known.is_proven && !known.is_confirmed)?;
        known.is_proven = true;
        let known = Some(known.clone());
        Some(Lesson { provider: provider.clone(), entry, instead_of: None, known, fault: None })
    }

    /// Forgets all about a provider. Its next key is taken as if it were the first.
    pub fn forget(&mut self, provider: &Provider) {
        self.providers.remove(provider);
        self.strangers.remove(provider);
    }

    /// What was last known of a provider.
    #[must_use]
    pub fn last_known(&self, provider: &Provider) -> Option<&LastKnown> {
        self.providers.get(provider)?.known.as_ref()
    }

    /// How many providers are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.providers.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// What has to be forgotten for a provider that is not there yet.
    fn room_for(&self, provider: &Provider, now: Timestamp) -> Result<Option<Provider>, DiscoveryError> {
        if self.providers.contains_key(provider) {
            return Ok(None);
        }
        let domain = two_labels(provider);
        let is_near = |other: &Provider| two_labels(other) == domain;
        let near = self.providers.keys().filter(|other| is_near(other)).count();
        let is_crowded = near >= self.most.div_ceil(8);
        if !is_crowded && self.providers.len() < self.most {
            return Ok(None);
        }
        let (oldest, time) = (now.saturating_sub(FORGOTTEN_AFTER), self.elapsed.now());
        let others = || self.providers.iter().filter(|(other, _)| !is_crowded || is_near(other));
        let unproven =
            others().filter(|(_, entry)| entry.is_unproven()).min_by_key(|(_, entry)| entry.heard());
        let goes = unproven.or_else(|| others().find(|(_, entry)| entry.is_forgettable(oldest, time)));
        goes.map(|(other, _)| Some(other.clone())).ok_or(DiscoveryError::Full)
    }
}

/// What the sources that still hold, and what was last known, say together.
fn merged(provider: &Provider, entry: &Entry, time: Duration) -> Finding {
    let known = entry.known.as_ref();
    let confirmed = known.filter(|known| known.is_confirmed).map(LastKnown::claimed_key);
    let last = known.map(LastKnown::claim);
    let all: Vec<Claim> = entry.claims(time).cloned().chain(last).collect();
    let counts = |claim: &&Claim| match &confirmed {
        Some(confirmed) => claim.key.agrees(confirmed),
        None => claim.key != ClaimedKey::Unnamed,
    };
    let named: Vec<&Claim> = all.iter().filter(counts).collect();
    let Some(first) = named.first() else { return Finding::Nothing };
    // A whole key is known by either form of its fingerprint, so it is what the others are held against.
    let whole = named.iter().find_map(|claim| claim.key.key());
    let key = whole.map_or_else(|| first.key.clone(), |key| ClaimedKey::Key(key.clone()));
    let leading = leading(&named, confirmed.is_some()).unwrap_or(first);
    let is_other = |claim: &&Claim| claim.is_elsewhere(leading) && !gives_way(claim, leading);
    let differs = confirmed.is_none() && named.iter().any(is_other);
    if differs || !named.iter().all(|claim| claim.key.agrees(&key)) {
        let provider = provider.clone();
        return Finding::Conflict(DiscoveryConflict { provider, claims: all });
    }
    // Whoever comes first and says the same has said it.
    let told = named.iter().find(|claim| !claim.is_elsewhere(leading)).unwrap_or(&leading);
    let Some(fingerprint) = told.key.fingerprint() else { return Finding::Nothing };
    Finding::Found(Box::new(Discovered {
        provider: provider.clone(),
        source: told.source,
        endpoint: leading.endpoint.clone(),
        fingerprint,
        key: whole.cloned(),
        is_registered: entry.is_registered(&key, time),
        is_confirmed: confirmed.is_some(),
    }))
}

/// Whose endpoint counts. A fingerprint is public, and whoever repeats it proves nothing by that: what a person has
/// confirmed comes first, then who gives the whole key, then the others in their order.
fn leading<'c>(named: &[&'c Claim], is_confirmed: bool) -> Option<&'c Claim> {
    let known = named.iter().find(|claim| claim.source == Source::LastKnown).filter(|_| is_confirmed);
    known.or_else(|| named.iter().find(|claim| claim.key.key().is_some())).copied()
}

/// Whether a claim says where the provider was before: it has moved, and says so with its whole key, or never gave one.
fn gives_way(claim: &Claim, to: &Claim) -> bool {
    claim.source == Source::LastKnown && (to.key.key().is_some() || claim.key.key().is_none())
}

/// Keeps what the sources agree on as last known, if it says more than what was.
fn learn(provider: &Provider, entry: &mut Entry, time: Duration, now: Timestamp) -> Option<LastKnown> {
    let Finding::Found(found) = merged(provider, entry, time) else { return None };
    if found.source == Source::LastKnown {
        return None;
    }
    let is_news = entry.known.as_ref().is_none_or(|known| {
        let is_renewed = now.abs_diff(known.at) >= RENEWED_AFTER;
        is_renewed || known.endpoint != found.endpoint || known.key.is_none() && found.key.is_some()
    });
    if !is_news {
        return None;
    }
    let known = LastKnown {
        provider: provider.clone(),
        endpoint: found.endpoint,
        fingerprint: found.fingerprint,
        key: found.key,
        is_confirmed: found.is_confirmed,
        is_proven: entry.known.as_ref().is_some_and(|known| known.is_proven),
        at: now,
    };
    entry.known = Some(known.clone());
    Some(known)
}

/// The domain under which names are likely to be one owner's.
fn two_labels(provider: &Provider) -> &str {
    let name = provider.as_str();
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let from = dots.nth(1).map_or(0, |at| at.saturating_add(1));
    name.get(from..).unwrap_or(name)
}
