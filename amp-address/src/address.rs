//! Full addresses, `name@scope.provider`.

use alloc::boxed::Box;
use alloc::string::String;

use crate::boundary::Boundary;
use crate::error::{AddressError, AddressPart, AddressRule};
use crate::grammar::{self, Split};
use crate::known::KnownProviders;
use crate::parts::{self, AgentName, Provider, Scope};
use crate::profile::Profile;
use crate::text::{compare_by_text, normal_form, text_impls};

/// A full address, `name@scope.provider`, in its normal (lowercase) form.
///
/// Equality, order and hash are those of the normal text; the [`Boundary`] takes no part in them. A short form
/// is not an address: see [`ShortAddress`](crate::ShortAddress).
///
/// ```
/// use amp_address::Address;
///
/// let address: Address = "Backend-Architect@agents-web.github.23blocks.CrabMail.ai".parse()?;
/// assert_eq!(address.as_str(), "backend-architect@agents-web.github.23blocks.crabmail.ai");
/// assert_eq!(address.name(), "backend-architect");
/// assert_eq!(address.scope(), "agents-web.github.23blocks");
/// assert_eq!(address.tenant(), "23blocks");
/// assert_eq!(address.provider(), "crabmail.ai");
/// assert!(!address.is_local());
/// # Ok::<(), amp_address::AddressError>(())
/// ```
///
/// [`Address::parse`], `FromStr` and `Deserialize` keep to [`Profile::Spec`]; what deployed implementations
/// write is read with [`Address::parse_with`].
#[derive(Clone)]
pub struct Address {
    text: Box<str>,
    /// The offset of the `@`.
    at: u8,
    /// The offset of the dot between scope and provider.
    dot: u8,
    boundary: Boundary,
}

impl Address {
    /// Reads a full address as the specification has it. Allocates once.
    ///
    /// # Errors
    /// When the text does not follow the grammar; the error names the part, the position and the rule.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(text, Profile::Spec)
    }

    /// Reads a full address under a profile. Allocates once.
    ///
    /// [`Profile::Deployed`] also reads a domain of two labels, `bob@acme.local`, as scope `acme` and provider
    /// `local`, and marks it [`Boundary::OneLabel`].
    ///
    /// # Errors
    /// When the text does not follow the grammar; the error names the part, the position and the rule.
    pub fn parse_with(text: &str, profile: Profile) -> Result<Self, AddressError> {
        let split = split(text, profile)?;
        Ok(Self::from_split(normal_form(text), split))
    }

    /// Checks that [`Address::parse_with`] would accept the text, without allocating.
    ///
    /// # Errors
    /// Exactly those of [`Address::parse_with`].
    ///
    /// ```
    /// use amp_address::{Address, Profile};
    ///
    /// assert!(Address::validate("alice@acme.crabmail.ai", Profile::Spec).is_ok());
    /// assert!(Address::validate("alice", Profile::Spec).is_err());
    /// ```
    pub fn validate(text: &str, profile: Profile) -> Result<(), AddressError> {
        split(text, profile).map(|_| ())
    }

    /// Puts an address together from its parts. Its boundary is [`Boundary::Stated`].
    ///
    /// # Errors
    /// When the whole is longer than 254 characters, or when the provider has one label and the scope several:
    /// that text would be read back with another provider.
    ///
    /// ```
    /// use amp_address::{Address, AgentName, Provider, Scope};
    ///
    /// let (name, scope) = (AgentName::parse("bob")?, Scope::parse("team")?);
    /// let address = Address::new(&name, &scope, &Provider::parse("agents.corp.io")?)?;
    /// assert_eq!(address.as_str(), "bob@team.agents.corp.io");
    /// assert_eq!(address.provider(), "agents.corp.io");
    /// # Ok::<(), amp_address::AddressError>(())
    /// ```
    pub fn new(name: &AgentName, scope: &Scope, provider: &Provider) -> Result<Self, AddressError> {
        let boundary = match (provider.is_one_label(), scope.is_one_label()) {
            (false, _) => Boundary::Stated,
            (true, true) => Boundary::OneLabel,
            (true, false) => {
                return Err(AddressError::new(AddressPart::Provider, AddressRule::TooFewLabels, 0));
            }
        };
        Self::join(name.as_str(), scope.as_str(), provider.as_str(), boundary)
    }

    /// Joins parts in normal form that are valid by themselves.
    pub(crate) fn join(
        name: &str,
        scope: &str,
        provider: &str,
        boundary: Boundary,
    ) -> Result<Self, AddressError> {
        let at = name.len();
        let dot = at.saturating_add(1).saturating_add(scope.len());
        let length = dot.saturating_add(1).saturating_add(provider.len());
        let too_long = AddressError::new(AddressPart::Whole, AddressRule::TooLong, 254);
        if length > grammar::MAX_ADDRESS {
            return Err(too_long);
        }
        let (Ok(at), Ok(dot)) = (u8::try_from(at), u8::try_from(dot)) else { return Err(too_long) };
        let mut text = String::with_capacity(length);
        for piece in [name, "@", scope, ".", provider] {
            text.push_str(piece);
        }
        Ok(Self { text: text.into_boxed_str(), at, dot, boundary })
    }

    pub(crate) fn from_split(text: Box<str>, split: Split) -> Self {
        let boundary = if split.one_label { Boundary::OneLabel } else { Boundary::Assumed };
        Self { text, at: split.at, dot: split.dot, boundary }
    }

    /// The whole address in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The agent's name: what stands before the `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(..usize::from(self.at)).unwrap_or_default()
    }

    /// What stands after the `@`: scope and provider.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text.get(self.domain_start()..).unwrap_or_default()
    }

    /// The scope, from the specific to the general: `repo.platform.tenant`.
    ///
    /// The official vectors call this "tenant"; [`Address::tenant`] is its last label only.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.text.get(self.domain_start()..usize::from(self.dot)).unwrap_or_default()
    }

    /// The tenant (organization): the last label of the scope.
    ///
    /// It means nothing without the provider; to compare tenants use [`same_tenant`](crate::same_tenant).
    #[must_use]
    pub fn tenant(&self) -> &str {
        parts::last_label(self.scope())
    }

    /// The provider's domain, as far as the [`Boundary`] is right about where it begins.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.text.get(usize::from(self.dot).saturating_add(1)..).unwrap_or_default()
    }

    /// Where the split into scope and provider comes from.
    #[must_use]
    pub fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Whether the provider is a single label, a form that only [`Profile::Deployed`] reads.
    #[must_use]
    pub fn has_one_label_provider(&self) -> bool {
        self.boundary == Boundary::OneLabel
    }

    /// Whether the provider is a local network: `local`, `internal`, `localhost`, or a domain that ends in one.
    ///
    /// Local networks are routed in the mesh and never federated.
    #[must_use]
    pub fn is_local(&self) -> bool {
        parts::is_local(self.domain())
    }

    /// Splits the domain again, by its longest suffix that is a known provider.
    ///
    /// Suffixes are whole labels and leave a label for the scope. Where none is known, the address stays as it
    /// is.
    #[must_use]
    pub fn with_known_providers(mut self, known: &KnownProviders) -> Self {
        if let Some(dot) = known.boundary_in(&self.text) {
            self.dot = dot;
            self.boundary = Boundary::Known;
        }
        self
    }

    /// The three parts as types of their own.
    #[must_use]
    pub fn to_parts(&self) -> (AgentName, Scope, Provider) {
        (
            AgentName::from_normal(self.name()),
            Scope::from_normal(self.scope()),
            Provider::from_normal(self.provider()),
        )
    }

    fn domain_start(&self) -> usize {
        usize::from(self.at).saturating_add(1)
    }
}

fn split(text: &str, profile: Profile) -> Result<Split, AddressError> {
    match grammar::scan(text.as_bytes()) {
        Ok(layout) => layout.full(profile),
        Err(error) => Err(error.found_in(text)),
    }
}

text_impls!(Address, "a full address, name@scope.provider");
compare_by_text!(Address);
