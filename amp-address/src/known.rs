//! Provider domains that a host knows: its own registrations, its discovery results.

use alloc::format;
use alloc::vec::Vec;

use crate::parts::Provider;
use crate::tree::EndingTree;

/// A set of provider domains that are known to be providers.
///
/// [`Address::with_known_providers`](crate::Address::with_known_providers) splits by it. A lookup walks the
/// address once, whatever the size of the set. Providers of one label are kept but never found: a known
/// provider has two or more.
///
/// ```
/// use amp_address::{Address, KnownProviders, Provider};
///
/// let known: KnownProviders =
///     [Provider::parse("corp.io")?, Provider::parse("agents.corp.io")?].into_iter().collect();
/// let address = Address::parse("bob@team.agents.corp.io")?.with_known_providers(&known);
/// assert_eq!(address.provider(), "agents.corp.io");
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct KnownProviders {
    providers: Vec<Provider>,
    endings: EndingTree<()>,
}

impl KnownProviders {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider; returns whether it was new.
    pub fn insert(&mut self, provider: Provider) -> bool {
        let ending = format!(".{provider}");
        let new = !self.endings.contains(&ending);
        if new {
            self.endings.insert(&ending, ());
            self.providers.push(provider);
        }
        new
    }

    /// Whether the set holds this provider.
    #[must_use]
    pub fn contains(&self, provider: &Provider) -> bool {
        self.endings.contains(&format!(".{provider}"))
    }

    /// The providers, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter()
    }

    /// How many providers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.providers.len()
    }

    /// Whether there is no provider.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// The offset of the dot before the longest known provider in the text of a full address.
    ///
    /// The dot belongs to the ending, so what stands before it is a label, and thus a scope.
    pub(crate) fn boundary_in(&self, address: &str) -> Option<u8> {
        let (length, ()) = self.endings.endings(address).last()?;
        let dot = address.len().checked_sub(length)?;
        let provider = address.get(dot.checked_add(1)?..)?;
        if provider.contains('.') { u8::try_from(dot).ok() } else { None }
    }
}

impl FromIterator<Provider> for KnownProviders {
    fn from_iter<I: IntoIterator<Item = Provider>>(providers: I) -> Self {
        let mut known = Self::new();
        known.extend(providers);
        known
    }
}

impl Extend<Provider> for KnownProviders {
    fn extend<I: IntoIterator<Item = Provider>>(&mut self, providers: I) {
        for provider in providers {
            self.insert(provider);
        }
    }
}
