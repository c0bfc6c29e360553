//! What a host wants of sealing, for each tenant or peer (sealed messages).

use alloc::vec::Vec;

use amp_address::{Address, AddressPattern};

/// What is wanted of sealing toward a peer, and from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stance {
    /// Everything is sealed, in both directions: plain messages are neither sent nor taken.
    Require,
    /// What can be sealed is: toward a peer that is known to open it. Both kinds are taken.
    #[default]
    Prefer,
    /// Nothing is sealed, in either direction: sealed messages are neither sent nor taken.
    Refuse,
}

impl Stance {
    /// A stable name: `require`, `prefer` or `refuse`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Refuse => "refuse",
        }
    }
}

/// A [`Stance`] for everybody, and others for whom a pattern matches. The first rule that matches counts.
///
/// ```
/// use amp_core::sealing::{SealingPolicy, Stance};
///
/// let policy = SealingPolicy::new(Stance::Prefer)
///     .rule("auditor@acme.crabmail.ai".parse()?, Stance::Refuse)
///     .rule("*@acme.crabmail.ai".parse()?, Stance::Require);
/// assert_eq!(policy.stance(&"bob@acme.crabmail.ai".parse()?), Stance::Require);
/// assert_eq!(policy.stance(&"auditor@acme.crabmail.ai".parse()?), Stance::Refuse);
/// assert_eq!(policy.stance(&"eve@other.example.org".parse()?), Stance::Prefer);
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SealingPolicy {
    rules: Vec<(AddressPattern, Stance)>,
    otherwise: Stance,
}

impl SealingPolicy {
    /// One stance toward everybody.
    #[must_use]
    pub const fn new(otherwise: Stance) -> Self {
        Self { rules: Vec::new(), otherwise }
    }

    /// Adds a rule behind the others: for a peer by its address, for a tenant by a pattern such as `*@acme.crabmail.ai`.
    #[must_use]
    pub fn rule(mut self, peers: AddressPattern, stance: Stance) -> Self {
        self.rules.push((peers, stance));
        self
    }

    /// The stance where no rule matches.
    #[must_use]
    pub const fn otherwise(&self) -> Stance {
        self.otherwise
    }

    /// The stance toward a peer.
    #[must_use]
    pub fn stance(&self, peer: &Address) -> Stance {
        let rule = self.rules.iter().find(|(peers, _)| peers.matches(peer));
        rule.map_or(self.otherwise, |(_, stance)| *stance)
    }
}
