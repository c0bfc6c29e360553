//! Pairs of agents and what stands between them (guardrails, pair grants).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use amp_address::Address;
use amp_envelope::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{AdmissionError, GrantScope, GrantScopes, Intent};

/// An ordered pair: who writes, and to whom. The other direction is another pair.
///
/// Compared by the normal text of both addresses; ordered by the recipient first.
///
/// ```
/// use amp_core::{Address, admission::Pair};
///
/// let (alice, bob): (Address, Address) = ("alice@acme.crabmail.ai".parse()?, "bob@corp.crabmail.ai".parse()?);
/// assert_ne!(Pair::new(&alice, &bob), Pair::new(&bob, &alice));
/// # Ok::<(), amp_core::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    to: Address,
    from: Address,
}

impl Pair {
    /// The pair in which `from` writes to `to`.
    #[must_use]
    pub fn new(from: &Address, to: &Address) -> Self {
        Self { to: to.clone(), from: from.clone() }
    }

    /// Who writes.
    #[must_use]
    pub const fn from(&self) -> &Address {
        &self.from
    }

    /// Who is written to.
    #[must_use]
    pub const fn to(&self) -> &Address {
        &self.to
    }

    /// The same two agents in the other direction.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { to: self.from.clone(), from: self.to.clone() }
    }
}

/// What stands between the two agents of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum GrantState {
    /// Nothing: the first contact becomes a request.
    #[default]
    None,
    /// A request waits for the recipient's owner.
    Requested(PendingRequest),
    /// The recipient's owner said yes.
    Granted(Grant),
    /// The recipient's owner said no. Further contact changes nothing until the owner lifts it.
    Declined {
        /// When.
        since: Timestamp,
    },
    /// A grant was taken back. The next contact is a request again.
    Revoked {
        /// When.
        since: Timestamp,
    },
}

impl GrantState {
    /// The state's name, as it stands in events.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Requested(_) => "requested",
            Self::Granted(_) => "granted",
            Self::Declined { .. } => "declined",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// The pending request, if one waits.
    #[must_use]
    pub const fn request(&self) -> Option<&PendingRequest> {
        match self {
            Self::Requested(request) => Some(request),
            _ => None,
        }
    }

    /// The grant, if it holds at this time.
    #[must_use]
    pub fn grant_at(&self, now: Timestamp) -> Option<&Grant> {
        match self {
            Self::Granted(grant) if grant.holds_at(now) => Some(grant),
            _ => None,
        }
    }

    /// Whether an event at this time may lead from this state to that one, whoever causes it.
    pub(super) fn leads_to(&self, after: &Self, at: Timestamp) -> bool {
        match (self, after) {
            (Self::Requested(before), Self::Requested(after)) => {
                before.counted_once_more().as_ref() == Some(after)
            }
            (Self::None | Self::Revoked { .. }, Self::Requested(request)) => request.contacts == 1,
            // A grant that has run out is asked for anew.
            (Self::Granted(grant), Self::Requested(request)) => request.contacts == 1 && !grant.holds_at(at),
            (Self::Declined { .. }, after) => matches!(after, Self::None),
            (_, Self::Granted(_)) => true,
            (Self::Granted(_), after) => matches!(after, Self::Revoked { .. }),
            (Self::Requested(_), Self::None) => true,
            (_, Self::Declined { .. }) => true,
            _ => false,
        }
    }
}

/// A first contact that waits for the recipient's owner. Further ones are counted, not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingRequest {
    scope: GrantScope,
    intent: Intent,
    since: Timestamp,
    #[serde(deserialize_with = "contacts")]
    contacts: u32,
}

impl PendingRequest {
    /// Contacts beyond this number are no longer counted, so that a flood does not become an endless log.
    pub const CONTACTS_MAX: u32 = 1_000;

    pub(super) const fn first(scope: GrantScope, intent: Intent, since: Timestamp) -> Self {
        Self { scope, intent, since, contacts: 1 }
    }

    /// The request after another contact; none when that is no longer counted.
    pub(super) fn counted_once_more(&self) -> Option<Self> {
        let contacts = self.contacts.checked_add(1).filter(|contacts| *contacts <= Self::CONTACTS_MAX)?;
        Some(Self { contacts, ..self.clone() })
    }

    /// Whether both are one request, counted at different times.
    pub(super) fn is_another_count_of(&self, other: &Self) -> bool {
        let Self { scope, intent, since, contacts: _ } = self;
        (scope, intent, since) == (&other.scope, &other.intent, &other.since)
    }

    /// What the first message would have needed.
    #[must_use]
    pub const fn scope(&self) -> &GrantScope {
        &self.scope
    }

    /// What the stranger wants, in its own words: content from outside.
    #[must_use]
    pub const fn intent(&self) -> &Intent {
        &self.intent
    }

    /// When the first contact came.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// How many messages came, the first included: 1 to [`PendingRequest::CONTACTS_MAX`], which means "or more".
    #[must_use]
    pub const fn contacts(&self) -> u32 {
        self.contacts
    }
}

fn contacts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let contacts = u32::deserialize(deserializer)?;
    match contacts {
        1..=PendingRequest::CONTACTS_MAX => Ok(contacts),
        _ => Err(de::Error::custom("contacts are counted from 1 to 1000")),
    }
}

/// The owner's yes: for what, since when and until when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "GrantMembers")]
pub struct Grant {
    scopes: GrantScopes,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantMembers {
    scopes: GrantScopes,
    since: Timestamp,
    #[serde(default)]
    until: Option<Timestamp>,
}

impl TryFrom<GrantMembers> for Grant {
    type Error = AdmissionError;

    fn try_from(members: GrantMembers) -> Result<Self, AdmissionError> {
        Self::new(members.scopes, members.since, members.until)
    }
}

impl Grant {
    pub(super) fn new(
        scopes: GrantScopes,
        since: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Self, AdmissionError> {
        if until.is_some_and(|until| until <= since) {
            return Err(AdmissionError::invalid("until", "a grant ends after it begins"));
        }
        Ok(Self { scopes, since, until })
    }

    /// What the grant is for.
    #[must_use]
    pub const fn scopes(&self) -> &GrantScopes {
        &self.scopes
    }

    /// When it was given.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The first moment at which it no longer holds; none when it has no end.
    #[must_use]
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it has not run out at this time.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
