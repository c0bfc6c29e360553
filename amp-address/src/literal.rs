//! The [`address!`](crate::address!) literal: checked while compiling.

use crate::address::Address;
use crate::error::AddressRule;
use crate::grammar::{self, Split};
use crate::profile::Profile;
use crate::text::normal_form;

/// An [`Address`] from a literal that is checked while compiling, under [`Profile::Spec`](crate::Profile::Spec).
///
/// ```
/// use amp_address::address;
///
/// let alice = address!("Alice@acme.crabmail.ai");
/// assert_eq!(alice.as_str(), "alice@acme.crabmail.ai");
/// ```
///
/// What is not a full address does not compile, and the compiler names the rule:
///
/// ```compile_fail,E0080
/// let short = amp_address::address!("alice@acme");
/// ```
///
/// ```compile_fail,E0080
/// let look_alike = amp_address::address!("\u{430}lice@acme.crabmail.ai");
/// ```
#[macro_export]
macro_rules! address {
    ($text:expr $(,)?) => {{
        const LITERAL: $crate::__private::Literal = match $crate::__private::Literal::check($text) {
            ::core::result::Result::Ok(literal) => literal,
            ::core::result::Result::Err(rule) => ::core::panic!("{}", rule),
        };
        LITERAL.to_address()
    }};
}

/// The text of a literal that was checked.
#[derive(Clone, Copy, Debug)]
pub struct Literal {
    text: &'static str,
    split: Split,
}

impl Literal {
    /// Checks a literal; the error is the broken rule in words.
    ///
    /// # Errors
    /// When the text is not a full address.
    pub const fn check(text: &'static str) -> Result<Self, &'static str> {
        let layout = match grammar::scan(text.as_bytes()) {
            Ok(layout) => layout,
            Err(error) => return Err(AddressRule::as_str(error.rule())),
        };
        match layout.full(Profile::Spec) {
            Ok(split) => Ok(Self { text, split }),
            Err(error) => Err(AddressRule::as_str(error.rule())),
        }
    }

    /// The address that the literal spells.
    #[must_use]
    pub fn to_address(self) -> Address {
        Address::from_split(normal_form(self.text), self.split)
    }
}
