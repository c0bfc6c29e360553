//! What is wrong with a text that should be an address, and where.

use core::fmt;

/// The part of an address in which a fault lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressPart {
    /// What stands before the `@`.
    Name,
    /// The labels between the `@` and the provider.
    Scope,
    /// The labels at the end: the last two, unless the text is a provider by itself.
    Provider,
    /// The text as a whole.
    Whole,
}

impl fmt::Display for AddressPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Scope => "scope",
            Self::Provider => "provider",
            Self::Whole => "whole address",
        })
    }
}

/// The rule of the address grammar that a text breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressRule {
    /// The text is empty.
    Empty,
    /// The whole is longer than 254 characters.
    TooLong,
    /// There is no `@` where a full address needs one.
    MissingAt,
    /// There is more than one `@`.
    SecondAt,
    /// The name is empty.
    EmptyName,
    /// The name is longer than 63 characters.
    NameTooLong,
    /// A character that a name must not hold.
    NameCharacter,
    /// A label is empty: two dots in a row, or a dot at an end.
    EmptyLabel,
    /// A label is longer than 63 characters.
    LabelTooLong,
    /// A character that a label must not hold.
    LabelCharacter,
    /// Too few labels: a provider has two or more, and a full address a scope before it.
    TooFewLabels,
    /// Too many labels: the scope of a short address is a single one.
    TooManyLabels,
    /// A `*` that does not stand for one whole position of one of the four pattern forms.
    Wildcard,
}

impl AddressRule {
    /// The rule in words, fit for an error message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "the text is empty",
            Self::TooLong => "an address has at most 254 characters",
            Self::MissingAt => "a full address has an `@`",
            Self::SecondAt => "an address has one `@` only",
            Self::EmptyName => "a name has at least one character",
            Self::NameTooLong => "a name has at most 63 characters",
            Self::NameCharacter => "a name holds ASCII letters, digits, `-` and `_` only",
            Self::EmptyLabel => "a label has at least one character",
            Self::LabelTooLong => "a label has at most 63 characters",
            Self::LabelCharacter => "a label holds ASCII letters, digits and `-` only",
            Self::TooFewLabels => "a full address has a scope and a provider of two or more labels",
            Self::TooManyLabels => "the scope of a short address is one label",
            Self::Wildcard => {
                "`*` is allowed in `*@scope.provider`, `*@*.provider` and `*@*` only, for a provider of two or more labels"
            }
        }
    }
}

impl fmt::Display for AddressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not an address, a part of one, or a pattern.
///
/// It names the part, the position and the rule. Of the text itself it keeps one character, and shows that as
/// its code point unless it is printable ASCII; so the message is safe to print and to log.
///
/// ```
/// use amp_address::{Address, AddressPart, AddressRule};
///
/// let error = Address::parse("\u{430}lice@acme.crabmail.ai").unwrap_err();
/// assert_eq!((error.part(), error.position()), (AddressPart::Name, 0));
/// assert_eq!(error.rule(), AddressRule::NameCharacter);
/// assert_eq!(
///     error.to_string(),
///     "name, byte 0: a name holds ASCII letters, digits, `-` and `_` only (found U+0430)"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}, byte {position}: {rule}{}", Found(*.found))]
pub struct AddressError {
    part: AddressPart,
    rule: AddressRule,
    position: u8,
    found: Option<char>,
}

impl AddressError {
    pub(crate) const fn new(part: AddressPart, rule: AddressRule, position: u8) -> Self {
        Self { part, rule, position, found: None }
    }

    /// The same fault, with the character that stands at its position.
    pub(crate) fn found_in(mut self, text: &str) -> Self {
        let about_a_character = matches!(
            self.rule,
            AddressRule::NameCharacter | AddressRule::LabelCharacter | AddressRule::SecondAt
        );
        if about_a_character {
            self.found = text.get(usize::from(self.position)..).and_then(|rest| rest.chars().next());
        }
        self
    }

    /// The same fault in a pattern, where a `*` out of place is a fault of its own.
    pub(crate) fn about_wildcards_in(self, pattern: &str) -> Self {
        let mut error = self.found_in(pattern);
        if error.found == Some('*') {
            error.rule = AddressRule::Wildcard;
        }
        error
    }

    /// The part in which the fault lies.
    #[must_use]
    pub const fn part(&self) -> AddressPart {
        self.part
    }

    /// The rule that is broken.
    #[must_use]
    pub const fn rule(&self) -> AddressRule {
        self.rule
    }

    /// Where the fault is: a byte offset into the text that was given, from 0 to 254.
    #[must_use]
    pub fn position(&self) -> usize {
        usize::from(self.position)
    }

    /// The protocol's error code: always `invalid_field`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid_field"
    }
}

struct Found(Option<char>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(c) if c.is_ascii_graphic() => write!(f, " (found '{c}')"),
            Some(c) => write!(f, " (found U+{:04X})", u32::from(c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_and_can_be_copied() {
        fn copies<T: Copy>() {}
        copies::<AddressError>();
        assert!(size_of::<AddressError>() <= 8);
    }

    #[test]
    fn what_was_found_is_shown_as_its_code_point_unless_it_is_printable_ascii() {
        let shown = |c| alloc::format!("{}", Found(Some(c)));
        assert_eq!(shown('*'), " (found '*')");
        assert_eq!(shown('\u{202e}'), " (found U+202E)");
        assert_eq!(shown('\u{1b}'), " (found U+001B)");
        assert_eq!(shown('\u{e0041}'), " (found U+E0041)");
        assert_eq!(shown(' '), " (found U+0020)");
    }
}
