//! The parts of an address as types of their own: name, scope, provider.

use alloc::boxed::Box;

use crate::error::{AddressError, AddressPart, AddressRule};
use crate::grammar;
use crate::profile::Profile;
use crate::text::{compare_by_text, normal_form, text_impls};

/// The name of an agent: 1 to 63 of ASCII letters, digits, `-` and `_`, kept in lowercase.
///
/// ```
/// use amp_address::AgentName;
///
/// let name = AgentName::parse("Backend-Architect")?;
/// assert_eq!(name.as_str(), "backend-architect");
/// assert!(AgentName::parse("a.b").is_err());
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone)]
pub struct AgentName(Box<str>);

impl AgentName {
    /// Reads a name.
    ///
    /// # Errors
    /// When the text is not 1 to 63 of ASCII letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::check(text).map_err(|error| error.found_in(text))?;
        Ok(Self(normal_form(text)))
    }

    fn check(text: &str) -> Result<(), AddressError> {
        // Longer texts are cut before they are walked; 255 bytes are too many for a name already.
        let bytes = text.as_bytes();
        let (length, after) = grammar::scan_name(bytes.get(..=grammar::MAX_ADDRESS).unwrap_or(bytes))?;
        match after {
            None => Ok(()),
            Some(_) => Err(AddressError::new(AddressPart::Name, AddressRule::NameCharacter, length)),
        }
    }

    /// The name in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_normal(text: &str) -> Self {
        Self(text.into())
    }
}

text_impls!(AgentName, "the name of an agent");
compare_by_text!(AgentName);

/// The scope of an address: one or more labels, from the specific to the general, kept in lowercase.
///
/// The tenant (organization) is its last label. The official vectors call the whole scope "tenant".
///
/// ```
/// use amp_address::Scope;
///
/// let scope = Scope::parse("agents-web.github.23blocks")?;
/// assert_eq!(scope.tenant(), "23blocks");
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone)]
pub struct Scope(Box<str>);

impl Scope {
    /// Reads a scope.
    ///
    /// # Errors
    /// When the text is not one or more labels of 1 to 63 ASCII letters, digits and `-`, joined by dots.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        labels(text, AddressPart::Scope)?;
        Ok(Self(normal_form(text)))
    }

    /// The scope in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tenant (organization): the last label.
    #[must_use]
    pub fn tenant(&self) -> &str {
        last_label(&self.0)
    }

    pub(crate) fn from_normal(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn is_one_label(&self) -> bool {
        is_one_label(&self.0)
    }
}

text_impls!(Scope, "the scope of an address");
compare_by_text!(Scope);

/// The domain of a provider: two or more labels, kept in lowercase.
///
/// ```
/// use amp_address::{Profile, Provider};
///
/// assert!(!Provider::parse("crabmail.ai")?.is_local());
/// assert!(Provider::parse("aimaestro.local")?.is_local());
/// assert!(Provider::parse("local").is_err());
/// assert!(Provider::parse_with("local", Profile::Deployed)?.is_local());
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone)]
pub struct Provider(Box<str>);

impl Provider {
    /// Reads a provider as the specification has it: two or more labels.
    ///
    /// # Errors
    /// When the text is not two or more labels of 1 to 63 ASCII letters, digits and `-`, joined by dots.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(text, Profile::Spec)
    }

    /// Reads a provider; under [`Profile::Deployed`] a single label will do, such as the `local` of the bash
    /// client.
    ///
    /// # Errors
    /// As [`Provider::parse`], except for the number of labels under [`Profile::Deployed`].
    pub fn parse_with(text: &str, profile: Profile) -> Result<Self, AddressError> {
        match (labels(text, AddressPart::Provider)?, profile) {
            (1, Profile::Spec) => Err(AddressError::new(AddressPart::Provider, AddressRule::TooFewLabels, 0)),
            _ => Ok(Self(normal_form(text))),
        }
    }

    /// The provider in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a local network: `local`, `internal` or `localhost`, or a domain that ends in one.
    ///
    /// Local networks are routed in the mesh and never federated.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_local(&self.0)
    }

    pub(crate) fn from_normal(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn is_one_label(&self) -> bool {
        is_one_label(&self.0)
    }
}

text_impls!(Provider, "the domain of a provider");
compare_by_text!(Provider);

/// Checks labels and counts them.
fn labels(text: &str, part: AddressPart) -> Result<u8, AddressError> {
    let bytes = text.as_bytes();
    grammar::check_length(bytes)
        .and_then(|()| grammar::scan_labels(bytes, 0, Some(part)))
        .map(|domain| domain.labels)
        .map_err(|error| error.found_in(text))
}

/// The last label of a run of labels.
pub(crate) fn last_label(labels: &str) -> &str {
    labels.rsplit_once('.').map_or(labels, |(_, last)| last)
}

/// Whether a domain in normal form belongs to a local network. Its last label decides.
pub(crate) fn is_local(domain: &str) -> bool {
    matches!(last_label(domain), "local" | "internal" | "localhost")
}

fn is_one_label(labels: &str) -> bool {
    !labels.contains('.')
}
