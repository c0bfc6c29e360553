//! Patterns of communication policies, and sets of them.
//!
//! Protocol: addresses, "patterns". Each of the four forms is an ending of the address's text:
//! `bob@acme.crabmail.ai` the whole of it, `*@acme.crabmail.ai` the ending `@acme.crabmail.ai`, `*@*.corp.io`
//! the ending `.corp.io`, and `*@*` the empty one.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroUsize;

use crate::address::Address;
use crate::error::{AddressError, AddressPart, AddressRule};
use crate::grammar::{self, Layout};
use crate::profile::Profile;
use crate::text::{compare_by_text, normal_form, text_impls};
use crate::tree::EndingTree;

/// Which of the four forms a pattern has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatternKind {
    /// `bob@acme.crabmail.ai`: this address.
    Exact,
    /// `*@acme.crabmail.ai`: any name in exactly this domain.
    Domain,
    /// `*@*.corp.io`: any name and any scope, of one or more labels, on this provider domain.
    Provider,
    /// `*@*`: every address.
    Any,
}

/// A pattern of a communication policy.
///
/// `*` stands for one whole position, in one of four forms; every other use of it is an error, also `bob@*` and
/// `bob@*.corp.io`. A pattern looks at the text of an address only: what is known about the provider's boundary
/// changes nothing.
///
/// ```
/// use amp_address::{Address, AddressPattern};
///
/// let pattern = AddressPattern::parse("*@*.corp.io")?;
/// assert!(pattern.matches(&Address::parse("bob@team.agents.corp.io")?));
/// assert!(!pattern.matches(&Address::parse("bob@team.evilcorp.io")?));
/// assert!(AddressPattern::parse("b*@acme.crabmail.ai").is_err());
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone)]
pub struct AddressPattern {
    text: Box<str>,
    kind: PatternKind,
}

impl AddressPattern {
    /// Reads a pattern as the specification has it.
    ///
    /// # Errors
    /// When the text is none of the four forms; the error names the part, the position and the rule.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::parse_with(text, Profile::Spec)
    }

    /// Reads a pattern under a profile. [`Profile::Deployed`] also takes a domain of two labels,
    /// `*@acme.local` or `bob@acme.local`; the provider of `*@*.corp.io` has two or more labels under either,
    /// lest a policy lets in a top-level domain.
    ///
    /// # Errors
    /// When the text is none of the four forms; the error names the part, the position and the rule.
    pub fn parse_with(text: &str, profile: Profile) -> Result<Self, AddressError> {
        match kind_of(text, profile) {
            Ok(kind) => Ok(Self { text: normal_form(text), kind }),
            Err(error) => Err(error.about_wildcards_in(text)),
        }
    }

    /// The pattern in its normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Which of the four forms it has.
    #[must_use]
    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    /// Whether the pattern lets this address through.
    #[must_use]
    pub fn matches(&self, address: &Address) -> bool {
        let text = address.as_str();
        match self.kind {
            PatternKind::Exact => text == self.as_str(),
            _ => text.ends_with(self.ending()),
        }
    }

    /// What the text of a matching address ends in.
    fn ending(&self) -> &str {
        let wildcards = match self.kind {
            PatternKind::Exact => "",
            PatternKind::Domain => "*",
            PatternKind::Provider | PatternKind::Any => "*@*",
        };
        self.text.strip_prefix(wildcards).unwrap_or(&self.text)
    }
}

text_impls!(AddressPattern, "an address pattern, such as *@acme.crabmail.ai");
compare_by_text!(AddressPattern);

impl From<&Address> for AddressPattern {
    fn from(address: &Address) -> Self {
        Self { text: address.as_str().into(), kind: PatternKind::Exact }
    }
}

fn kind_of(text: &str, profile: Profile) -> Result<PatternKind, AddressError> {
    grammar::check_length(text.as_bytes())?;
    if text == "*@*" {
        return Ok(PatternKind::Any);
    }
    if let Some(provider) = text.strip_prefix("*@*.") {
        let labels = grammar::scan_labels(provider.as_bytes(), 4, Some(AddressPart::Provider))?.labels;
        return match labels {
            2.. => Ok(PatternKind::Provider),
            _ => Err(AddressError::new(AddressPart::Provider, AddressRule::TooFewLabels, 4)),
        };
    }
    if let Some(domain) = text.strip_prefix("*@") {
        let domain = grammar::scan_labels(domain.as_bytes(), 2, None)?;
        return Layout { at: Some(1), domain }.full(profile).map(|_| PatternKind::Domain);
    }
    grammar::scan(text.as_bytes())?.full(profile).map(|_| PatternKind::Exact)
}

/// A set of patterns: what a communication policy allows.
///
/// One look-up walks the address's text once, from its end, however many patterns there are.
///
/// ```
/// use amp_address::{Address, AddressPattern, PatternSet};
///
/// let allowed: PatternSet =
///     [AddressPattern::parse("*@acme.crabmail.ai")?, AddressPattern::parse("*@*.corp.io")?]
///         .into_iter()
///         .collect();
/// let bob = Address::parse("bob@team.corp.io")?;
/// assert!(allowed.matches(&bob));
/// assert_eq!(allowed.which(&bob).map(AddressPattern::as_str), Some("*@*.corp.io"));
/// # Ok::<(), amp_address::AddressError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PatternSet {
    patterns: Vec<AddressPattern>,
    /// Each pattern's ending, with its place in `patterns`, counted from one.
    endings: EndingTree<NonZeroUsize>,
}

impl PatternSet {
    /// An empty set, which matches nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pattern; returns whether it was new.
    pub fn insert(&mut self, pattern: AddressPattern) -> bool {
        if self.endings.contains(pattern.ending()) {
            return false;
        }
        let place = NonZeroUsize::MIN.saturating_add(self.patterns.len());
        self.endings.insert(pattern.ending(), place);
        self.patterns.push(pattern);
        true
    }

    /// Whether one of the patterns lets this address through.
    #[must_use]
    pub fn matches(&self, address: &Address) -> bool {
        self.which(address).is_some()
    }

    /// The most specific of the patterns that let this address through: the exact one, else the one for its
    /// domain, else the one for the longest provider, else `*@*`.
    #[must_use]
    pub fn which(&self, address: &Address) -> Option<&AddressPattern> {
        let text = address.as_str();
        self.endings
            .endings(text)
            .filter_map(|(length, place)| Some((length, self.patterns.get(place.get().checked_sub(1)?)?)))
            // `bob@acme.crabmail.ai` is also an ending of `xbob@acme.crabmail.ai`.
            .filter(|(length, pattern)| pattern.kind != PatternKind::Exact || *length == text.len())
            .last()
            .map(|(_, pattern)| pattern)
    }

    /// The patterns, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &AddressPattern> {
        self.patterns.iter()
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl FromIterator<AddressPattern> for PatternSet {
    fn from_iter<I: IntoIterator<Item = AddressPattern>>(patterns: I) -> Self {
        let mut set = Self::new();
        set.extend(patterns);
        set
    }
}

impl Extend<AddressPattern> for PatternSet {
    fn extend<I: IntoIterator<Item = AddressPattern>>(&mut self, patterns: I) {
        for pattern in patterns {
            self.insert(pattern);
        }
    }
}
