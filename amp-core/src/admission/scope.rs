//! What a grant is for, and what a message needs (guardrails, pair grants).

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use core::fmt;
use core::str::FromStr;

use amp_envelope::MessageType;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most scopes of one grant.
const SCOPES_MAX: usize = 32;

/// What a grant lets through: five names of the protocol, or a namespaced one such as `github:pull_request`.
///
/// ```
/// use amp_core::{MessageType, admission::GrantScope};
///
/// assert_eq!("code-review".parse(), Ok(GrantScope::CodeReview));
/// assert_eq!(GrantScope::needed_by(&MessageType::read("scheduling")), GrantScope::Scheduling);
/// assert_eq!(GrantScope::needed_by(&MessageType::Task), GrantScope::Message);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GrantScope {
    /// `message`: what needs no other scope.
    Message,
    /// `scheduling`: meetings and times.
    Scheduling,
    /// `casual`: talk without a task.
    Casual,
    /// `projects`: work on shared projects.
    Projects,
    /// `code-review`: reviews.
    CodeReview,
    /// `namespace:name` or `x-ns/name`.
    Namespaced(NamespacedScope),
}

/// The text of a namespaced scope. Comes only from [`str::parse`] and [`GrantScope::needed_by`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedScope(Box<str>);

/// A text that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is message, scheduling, casual, projects, code-review, namespace:name or x-ns/name, within 128 bytes"
)]
#[non_exhaustive]
pub struct GrantScopeError;

impl GrantScope {
    const NAMED: [Self; 5] =
        [Self::Message, Self::Scheduling, Self::Casual, Self::Projects, Self::CodeReview];

    /// The scope that a message of this type needs: the type's own where it is a scope, else `message`.
    #[must_use]
    pub fn needed_by(kind: &MessageType) -> Self {
        kind.as_str().parse().unwrap_or(Self::Message)
    }

    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Message => "message",
            Self::Scheduling => "scheduling",
            Self::Casual => "casual",
            Self::Projects => "projects",
            Self::CodeReview => "code-review",
            Self::Namespaced(name) => &name.0,
        }
    }
}

/// `namespace:name` as message types have it, or `x-ns/name` as capabilities have it.
fn is_namespaced(text: &str) -> bool {
    let is_type = text.contains(':') && text.parse::<MessageType>().is_ok();
    is_type || super::capability::is_namespaced(text)
}

impl FromStr for GrantScope {
    type Err = GrantScopeError;

    fn from_str(text: &str) -> Result<Self, GrantScopeError> {
        if let Some(named) = Self::NAMED.into_iter().find(|named| named.as_str() == text) {
            return Ok(named);
        }
        if is_namespaced(text) {
            Ok(Self::Namespaced(NamespacedScope(text.into())))
        } else {
            Err(GrantScopeError)
        }
    }
}

impl fmt::Display for GrantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for GrantScope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for GrantScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Box<str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The scopes of one grant: 1 to 32, each once.
///
/// ```
/// use amp_core::admission::{GrantScope, GrantScopes};
///
/// let scopes: GrantScopes = [GrantScope::Message, GrantScope::CodeReview].try_into()?;
/// assert!(scopes.contains(&GrantScope::Message) && !scopes.contains(&GrantScope::Casual));
/// # Ok::<(), amp_core::admission::AdmissionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct GrantScopes(BTreeSet<GrantScope>);

impl GrantScopes {
    /// Reads a set of scopes; one that stands twice counts once.
    ///
    /// # Errors
    /// `invalid_field` when there are none, or more than 32.
    pub fn new(scopes: impl IntoIterator<Item = GrantScope>) -> Result<Self, super::AdmissionError> {
        let mut set = BTreeSet::new();
        for scope in scopes {
            set.insert(scope);
            if set.len() > SCOPES_MAX {
                return Err(super::AdmissionError::invalid("scopes", "a grant has at most 32 scopes"));
            }
        }
        if set.is_empty() {
            return Err(super::AdmissionError::invalid("scopes", "a grant has at least one scope"));
        }
        Ok(Self(set))
    }

    /// Whether the grant is for this scope.
    #[must_use]
    pub fn contains(&self, scope: &GrantScope) -> bool {
        self.0.contains(scope)
    }

    /// The scopes, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &GrantScope> {
        self.0.iter()
    }
}

impl From<GrantScope> for GrantScopes {
    fn from(scope: GrantScope) -> Self {
        Self(BTreeSet::from([scope]))
    }
}

impl<const N: usize> TryFrom<[GrantScope; N]> for GrantScopes {
    type Error = super::AdmissionError;

    fn try_from(scopes: [GrantScope; N]) -> Result<Self, Self::Error> {
        Self::new(scopes)
    }
}

impl<'de> Deserialize<'de> for GrantScopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(<alloc::vec::Vec<GrantScope>>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
