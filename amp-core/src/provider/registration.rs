//! Who may register, where, and with how much (provider API, registration).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use amp_address::Scope;
use amp_crypto::SecretText;

use super::codec::Sha256Hash;
use crate::webhook::TargetPolicy;
use crate::wire::WireError;

/// How many agents a provider takes unless told otherwise.
const AGENTS_MAX: usize = 100_000;

/// Who may register with a provider, and in which tenants.
///
/// An owner registers in their own tenant, whatever holds for others.
///
/// ```
/// use amp_core::SecretText;
/// use amp_core::provider::Registration;
///
/// let code = SecretText::new("a code that nobody guesses".into());
/// let registration = Registration::invited().with_invite("acme", &code)?.with_owner("user-7", "acme")?;
/// assert!(Registration::organization("two.labels").is_err());
/// # drop(registration);
/// # Ok::<(), amp_core::wire::WireError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registration {
    pub(super) tenants: Tenants,
    invites: BTreeMap<Sha256Hash, Box<str>>,
    owners: BTreeMap<Box<str>, Box<str>>,
    pub(super) agents_max: usize,
    pub(super) webhooks: TargetPolicy,
}

/// Which tenants somebody without an owner may register in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tenants {
    /// All of them.
    Open,
    /// This one.
    One(Box<str>),
    /// The one of an invite.
    Invited,
}

impl Default for Registration {
    fn default() -> Self {
        Self::open()
    }
}

impl Registration {
    /// Anybody registers in any tenant.
    #[must_use]
    pub fn open() -> Self {
        Self::of(Tenants::Open)
    }

    /// Anybody registers, in one tenant alone.
    ///
    /// # Errors
    /// [`WireError::Field`] when the tenant is not one label.
    pub fn organization(tenant: &str) -> Result<Self, WireError> {
        Ok(Self::of(Tenants::One(checked_tenant(tenant)?)))
    }

    /// Nobody registers without an invite or an owner.
    #[must_use]
    pub fn invited() -> Self {
        Self::of(Tenants::Invited)
    }

    fn of(tenants: Tenants) -> Self {
        Self {
            tenants,
            invites: BTreeMap::new(),
            owners: BTreeMap::new(),
            agents_max: AGENTS_MAX,
            webhooks: TargetPolicy::new(),
        }
    }

    /// Lets whoever has this code register in the tenant, any number of times. The code is kept as SHA-256 alone.
    ///
    /// # Errors
    /// [`WireError::Field`] when the tenant is not one label, or the code has fewer than 8 bytes.
    pub fn with_invite(mut self, tenant: &str, code: &SecretText) -> Result<Self, WireError> {
        if code.expose().len() < 8 {
            return Err(WireError::Field {
                field: "invite_code",
                rule: "an invite code has 8 bytes at least",
            });
        }
        self.invites.insert(hash_of(code), checked_tenant(tenant)?);
        Ok(self)
    }

    /// Lets the owner with this id register agents in a tenant, and ask for a key to do so.
    ///
    /// # Errors
    /// [`WireError::Field`] when the tenant is not one label, or the id has no or more than 128 bytes.
    pub fn with_owner(mut self, owner: &str, tenant: &str) -> Result<Self, WireError> {
        if !(1..=128).contains(&owner.len()) {
            return Err(WireError::Field { field: "owner", rule: "an owner's id has 1 to 128 bytes" });
        }
        self.owners.insert(owner.into(), checked_tenant(tenant)?);
        Ok(self)
    }

    /// Sets how many agents are registered at most; 100,000 unless told otherwise. An agent takes at most 100 KiB.
    #[must_use]
    pub const fn with_agents_max(mut self, agents: usize) -> Self {
        self.agents_max = agents;
        self
    }

    /// Sets which webhooks agents may name; those on the public internet unless told otherwise.
    #[must_use]
    pub fn with_webhook_targets(mut self, policy: TargetPolicy) -> Self {
        self.webhooks = policy;
        self
    }

    /// The ways to register, as `/info` calls them.
    pub(super) fn modes(&self) -> impl Iterator<Item = &'static str> {
        let mode = match &self.tenants {
            Tenants::Open => "open",
            Tenants::One(_) => "organization",
            Tenants::Invited => "invite",
        };
        core::iter::once(mode).chain((!self.owners.is_empty()).then_some("owner_key"))
    }

    /// The tenant that an invite is for.
    pub(super) fn invited_to(&self, code: &SecretText) -> Option<&str> {
        self.invites.get(&hash_of(code)).map(|tenant| &**tenant)
    }

    /// The tenant of an owner.
    pub(super) fn tenant_of(&self, owner: &str) -> Option<&str> {
        self.owners.get(owner).map(|tenant| &**tenant)
    }
}

fn hash_of(code: &SecretText) -> Sha256Hash {
    Sha256Hash::of(&[code.expose().as_bytes()])
}

/// A tenant in its normal form: one label of an address.
pub(super) fn checked_tenant(tenant: &str) -> Result<Box<str>, WireError> {
    let scope = Scope::parse(tenant).ok().filter(|scope| !scope.as_str().contains('.'));
    let rule = "a tenant is one label: 1 to 63 of ASCII letters, digits and -";
    scope.map(|scope| scope.as_str().into()).ok_or(WireError::Field { field: "tenant", rule })
}
