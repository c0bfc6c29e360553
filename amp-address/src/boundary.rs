//! Where the provider begins, and how far that is known.

/// Where the split of a domain into scope and provider comes from.
///
/// The text of an address does not say where its provider begins. Trust depends on it, so the origin of the
/// answer stays visible.
///
/// ```
/// use amp_address::{Address, Boundary, KnownProviders, Provider};
///
/// let address = Address::parse("bob@team.agents.corp.io")?;
/// assert_eq!((address.scope(), address.boundary()), ("team.agents", Boundary::Assumed));
///
/// let known: KnownProviders = [Provider::parse("agents.corp.io")?].into_iter().collect();
/// let address = address.with_known_providers(&known);
/// assert_eq!((address.scope(), address.boundary()), ("team", Boundary::Known));
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Boundary {
    /// The last two labels were taken for the provider. Nobody vouches for it.
    Assumed,
    /// The provider is the longest suffix found in a set of known providers.
    Known,
    /// The caller named scope and provider apart, with [`Address::new`](crate::Address::new). For judgements of
    /// trust it counts as little as [`Boundary::Assumed`], for the parts may come from anywhere.
    Stated,
    /// The domain has two labels: `acme.local` is read as scope `acme` and provider `local`, which only
    /// [`Profile::Deployed`](crate::Profile::Deployed) does.
    OneLabel,
}
