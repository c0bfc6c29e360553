//! Short addresses, `name` and `name@scope`, and their expansion.

use alloc::boxed::Box;

use crate::address::Address;
use crate::error::{AddressError, AddressPart, AddressRule};
use crate::grammar::{self, Layout};
use crate::profile::Profile;
use crate::text::{compare_by_text, normal_form, text_impls};

/// A short address: `name`, or `name@scope` with a scope of one label.
///
/// It is not an address. Only [`ShortAddress::expand`] makes one of it, against the full address of the agent
/// who resolves it; nothing that signs or routes takes a short form.
///
/// ```
/// use amp_address::{Address, ShortAddress};
///
/// let own = Address::parse("alice@team.acme.crabmail.ai")?;
/// assert_eq!(ShortAddress::parse("bob")?.expand(&own)?.as_str(), "bob@team.acme.crabmail.ai");
/// assert_eq!(ShortAddress::parse("bob@sales")?.expand(&own)?.as_str(), "bob@sales.crabmail.ai");
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone)]
pub struct ShortAddress {
    text: Box<str>,
    /// The offset of the `@`, where there is one.
    at: Option<u8>,
}

impl ShortAddress {
    /// Reads a short address. Allocates once.
    ///
    /// # Errors
    /// When the text is neither a name nor a name and one label. A domain of two labels is refused here as
    /// everywhere: whether it means a scope or a scope and a provider would be a guess.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let layout = grammar::scan(text.as_bytes()).map_err(|error| error.found_in(text))?;
        Self::from_layout(text, layout)
    }

    fn from_layout(text: &str, layout: Layout) -> Result<Self, AddressError> {
        if let (Some(at), 2..) = (layout.at, layout.domain.labels) {
            let position = at.saturating_add(1);
            return Err(AddressError::new(AddressPart::Scope, AddressRule::TooManyLabels, position));
        }
        Ok(Self { text: normal_form(text), at: layout.at })
    }

    /// The short address in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The agent's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.at {
            Some(at) => self.text.get(..usize::from(at)).unwrap_or_default(),
            None => &self.text,
        }
    }

    /// The scope, a single label, where the text names one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.text.get(usize::from(self.at?).saturating_add(1)..)
    }

    /// Makes a full address of it, as the agent with the address `own` means it.
    ///
    /// `name` is in the same scope and on the same provider; `name@scope` is on the same provider. The boundary
    /// of `own` carries over.
    ///
    /// # Errors
    /// When the whole becomes longer than 254 characters.
    pub fn expand(&self, own: &Address) -> Result<Address, AddressError> {
        let scope = self.scope().unwrap_or(own.scope());
        Address::join(self.name(), scope, own.provider(), own.boundary())
    }
}

text_impls!(ShortAddress, "a short address, name or name@scope");
compare_by_text!(ShortAddress);

/// What a text that a person or a peer wrote turns out to be.
///
/// ```
/// use amp_address::{AnyAddress, Profile, parse_any};
///
/// assert!(matches!(parse_any("bob@acme.crabmail.ai", Profile::Spec)?, AnyAddress::Full(_)));
/// assert!(matches!(parse_any("bob@acme", Profile::Spec)?, AnyAddress::Short(_)));
/// assert!(parse_any("bob@acme.local", Profile::Spec).is_err());
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an address is full or short by the grammar")]
pub enum AnyAddress {
    /// A full address.
    Full(Address),
    /// A short address, which means something only to the one who resolves it.
    Short(ShortAddress),
}

impl AnyAddress {
    /// Reads a full or a short address as the specification has them. Allocates once.
    ///
    /// # Errors
    /// As [`parse_any`] with [`Profile::Spec`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        parse_any(text, Profile::Spec)
    }

    /// The address in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Full(address) => address.as_str(),
            Self::Short(short) => short.as_str(),
        }
    }

    /// Makes a full address of it: a full one is itself already, a short one is expanded against `own`.
    ///
    /// # Errors
    /// As [`ShortAddress::expand`].
    pub fn expand(self, own: &Address) -> Result<Address, AddressError> {
        match self {
            Self::Full(address) => Ok(address),
            Self::Short(short) => short.expand(own),
        }
    }
}

text_impls!(AnyAddress, "a full or a short address");

impl From<Address> for AnyAddress {
    fn from(address: Address) -> Self {
        Self::Full(address)
    }
}

impl From<ShortAddress> for AnyAddress {
    fn from(short: ShortAddress) -> Self {
        Self::Short(short)
    }
}

/// Reads a full or a short address under a profile. Allocates once.
///
/// No `@`, or a domain of one label: short. A domain of three labels or more: full. A domain of two labels is a
/// full address with a one-label provider under [`Profile::Deployed`] and an error under [`Profile::Spec`].
///
/// # Errors
/// When the text follows neither grammar; the error names the part, the position and the rule.
pub fn parse_any(text: &str, profile: Profile) -> Result<AnyAddress, AddressError> {
    let layout = grammar::scan(text.as_bytes()).map_err(|error| error.found_in(text))?;
    match (layout.at, layout.domain.labels) {
        (Some(_), 2..) => {
            let split = layout.full(profile)?;
            Ok(AnyAddress::Full(Address::from_split(normal_form(text), split)))
        }
        _ => ShortAddress::from_layout(text, layout).map(AnyAddress::Short),
    }
}
