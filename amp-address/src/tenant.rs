//! Whether two addresses belong to one tenant.
//!
//! Protocol: addresses, "same tenant". A tenant's name alone says nothing: `a@acme.evil.example` is not in the
//! tenant of `b@acme.crabmail.ai`.

use crate::address::Address;
use crate::boundary::Boundary;

/// What [`same_tenant`] compared to reach its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TenantBasis {
    /// The providers differ, so nothing else was compared.
    Provider,
    /// Both boundaries are [`Boundary::Known`]: the tenants were compared, the last labels of the scopes.
    Tenant,
    /// At least one boundary is not known: the whole scopes were compared.
    WholeScope,
}

/// The answer of [`same_tenant`], with what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct TenantJudgement {
    same: bool,
    basis: TenantBasis,
    boundaries: (Boundary, Boundary),
}

impl TenantJudgement {
    /// Whether the two addresses belong to one tenant.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.same
    }

    /// What was compared.
    #[must_use]
    pub const fn basis(&self) -> TenantBasis {
        self.basis
    }

    /// Where the boundaries of the first and the second address came from.
    #[must_use]
    pub const fn boundaries(&self) -> (Boundary, Boundary) {
        self.boundaries
    }
}

/// Judges whether two addresses belong to one tenant.
///
/// They must be on the same provider. With both boundaries known, their tenants must be equal; otherwise their
/// whole scopes. So a boundary that was only assumed never joins two organizations:
///
/// ```
/// use amp_address::{Address, KnownProviders, Provider, TenantBasis, same_tenant};
///
/// let x = Address::parse("x@repo.github.acme.crabmail.ai")?;
/// let y = Address::parse("y@acme.crabmail.ai")?;
/// let judgement = same_tenant(&x, &y);
/// assert!(!judgement.is_same());
/// assert_eq!(judgement.basis(), TenantBasis::WholeScope);
///
/// let known: KnownProviders = [Provider::parse("crabmail.ai")?].into_iter().collect();
/// let judgement = same_tenant(&x.with_known_providers(&known), &y.with_known_providers(&known));
/// assert!(judgement.is_same());
/// assert_eq!(judgement.basis(), TenantBasis::Tenant);
/// # Ok::<(), amp_address::AddressError>(())
/// ```
pub fn same_tenant(a: &Address, b: &Address) -> TenantJudgement {
    let boundaries = (a.boundary(), b.boundary());
    let (same, basis) = if a.provider() != b.provider() {
        (false, TenantBasis::Provider)
    } else if boundaries == (Boundary::Known, Boundary::Known) {
        (a.tenant() == b.tenant(), TenantBasis::Tenant)
    } else {
        (a.scope() == b.scope(), TenantBasis::WholeScope)
    };
    TenantJudgement { same, basis, boundaries }
}
