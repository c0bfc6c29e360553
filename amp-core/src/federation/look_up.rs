//! A question about a provider, and its answer (federation, discovery).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use amp_address::Provider;

use super::claim::Source;
use super::discovery::Query;

/// A question that a provider's engine wants answered: the host asks, and hands in what one of the methods gives.
///
/// ```
/// use amp_core::federation::{Learned, LookUp, Query};
/// # fn resolve(name: &str) -> Option<(Vec<String>, u64)> { None }
/// # fn get(url: &str) -> Option<Vec<u8>> { None }
/// fn ask(look_up: &LookUp) -> Learned {
///     let answer = match look_up.query() {
///         Query::Txt { name } => resolve(name).map(|(records, ttl)| look_up.records(records, ttl)),
///         Query::WellKnown { url } => get(url.as_str()).map(|body| look_up.body(body)), // resolve and admit first
///         Query::Registry { url } => get(url).map(|body| look_up.body(body)),
///         _ => None,
///     };
///     answer.unwrap_or_else(|| look_up.nothing())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookUp {
    provider: Provider,
    query: Query,
}

impl LookUp {
    pub(super) const fn new(provider: Provider, query: Query) -> Self {
        Self { provider, query }
    }

    /// The provider that it is about.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// What to ask.
    #[must_use]
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// The TXT records, each of joined strings, and their TTL in seconds.
    #[must_use]
    pub fn records(&self, records: Vec<String>, ttl: u64) -> Learned {
        match self.query {
            Query::Txt { .. } => self.told(Told::Txt { records, ttl: Duration::from_secs(ttl) }),
            Query::WellKnown { .. } | Query::Registry { .. } => self.nothing(),
        }
    }

    /// The body of an answer 200.
    #[must_use]
    pub fn body(&self, body: Vec<u8>) -> Learned {
        match self.query {
            Query::WellKnown { .. } => self.told(Told::WellKnown(body)),
            Query::Registry { .. } => self.told(Told::Registry(body)),
            Query::Txt { .. } => self.nothing(),
        }
    }

    /// No such name, no such document, or no answer.
    #[must_use]
    pub fn nothing(&self) -> Learned {
        self.told(Told::Nothing(match self.query {
            Query::Txt { .. } => Source::Dns,
            Query::WellKnown { .. } => Source::WellKnown,
            Query::Registry { .. } => Source::Registry,
        }))
    }

    fn told(&self, told: Told) -> Learned {
        Learned { provider: self.provider.clone(), told }
    }
}

/// The answer to a [`LookUp`].
#[derive(Clone, PartialEq, Eq)]
pub struct Learned {
    pub(super) provider: Provider,
    pub(super) told: Told,
}

impl Learned {
    /// The provider that it is about.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// Shows whom it is about; what was said comes from outside.
impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Learned({} of {})", self.told.source(), self.provider.as_str())
    }
}

/// What a source said.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Told {
    Txt { records: Vec<String>, ttl: Duration },
    WellKnown(Vec<u8>),
    Registry(Vec<u8>),
    Nothing(Source),
}

impl Told {
    pub(super) const fn source(&self) -> Source {
        match self {
            Self::Txt { .. } => Source::Dns,
            Self::WellKnown(_) => Source::WellKnown,
            Self::Registry(_) => Source::Registry,
            Self::Nothing(source) => *source,
        }
    }
}
