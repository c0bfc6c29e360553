//! The account of a failure: what was read, what was hashed, what was found (signing).

use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{Dialect, MessageError, Variant};

use super::advice;
use super::difference::Difference;
use super::fields::SignedParts;
use super::form::CanonicalForm;
use super::hint::{Hint, Remedy};
use super::key::TriedKey;
use super::show::Listed;
use crate::receive::Refusal;

/// Why bytes are no message, or why a message does not verify.
///
/// Its `Display` is the account for a person at a terminal: several lines, every outside text escaped and at most 64
/// characters of it. The full texts are behind accessors, and are outside text as any other.
///
/// ```
/// use amp_core::explain::Explainer;
///
/// let explanation = Explainer::new().explain(br#"{"envelope":{},"payload":{},"payload":{}}"#);
/// assert_eq!(explanation.code(), Some("duplicate_key"));
/// assert_eq!(
///     explanation.to_string(),
///     "duplicate_key at byte 38: a member name must not stand twice in one object\n\
///      what to do: write every member once: readers disagree about which of two counts\n",
/// );
/// ```
#[derive(Debug, Clone)]
pub struct Explanation {
    pub(super) outcome: Outcome,
    pub(super) asked: Vec<Dialect>,
    pub(super) signed: Option<SignedParts>,
    pub(super) forms: Vec<CanonicalForm>,
    pub(super) refused_dialects: Vec<(Dialect, MessageError)>,
    pub(super) key: Option<TriedKey>,
    pub(super) hints: Vec<Hint>,
    pub(super) differences: Vec<Difference>,
    pub(super) checks: usize,
}

/// What became of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing is wrong: the message verifies.
    Verifies {
        /// The dialect under which it does.
        dialect: Dialect,
        /// Whether as received.
        variant: Variant,
    },
    /// The bytes are no message.
    NotDecoded(MessageError),
    /// The message does not verify.
    NotVerified(MessageError),
    /// No key was given, so nothing was verified.
    NoKey,
    /// A receiver refused the message.
    Refused(Refusal),
}

impl Explanation {
    pub(super) const fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            asked: Vec::new(),
            signed: None,
            forms: Vec::new(),
            refused_dialects: Vec::new(),
            key: None,
            hints: Vec::new(),
            differences: Vec::new(),
            checks: 0,
        }
    }

    /// Explains a receiver's refusal without the message: the rule, and what to do.
    /// [`Explainer::explain_refusal`](super::Explainer::explain_refusal) also looks at the bytes.
    #[must_use]
    pub const fn of_refusal(refusal: &Refusal) -> Self {
        Self::new(Outcome::Refused(*refusal))
    }

    /// What became of the bytes.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The protocol's code; `None` when nothing failed.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        self.fault().map(|(code, _, _)| code)
    }

    /// The field at fault, as a dotted path such as `envelope.from`.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        self.fault().and_then(|(_, field, _)| field)
    }

    /// The rule that was broken, as a sentence.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        self.fault().map(|(_, _, rule)| rule)
    }

    /// What a person can do about it.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        let about_refusal = match &self.outcome {
            Outcome::Refused(refusal) => advice::about_refusal(refusal.reason()),
            _ => "",
        };
        let about_code = self.code().map_or("", advice::about_code);
        [about_refusal, about_code].into_iter().find(|advice| !advice.is_empty())
    }

    /// The fields that the signature covers beside the payload; `None` when the bytes are no message.
    #[must_use]
    pub const fn signed_parts(&self) -> Option<&SignedParts> {
        self.signed.as_ref()
    }

    /// The signing string over one of the [`forms`](Self::forms): what the signature should be over. Outside text.
    #[must_use]
    pub fn signing_string(&self, form: &CanonicalForm) -> Option<alloc::string::String> {
        let hash = form.payload_hash().to_base64();
        self.signed.as_ref().map(|signed| signed.signing_string(&hash))
    }

    /// The bytes that are hashed, under every dialect there is; those of the dialects asked for come first.
    #[must_use]
    pub fn forms(&self) -> &[CanonicalForm] {
        &self.forms
    }

    /// The dialects that cannot write this payload, and why.
    #[must_use]
    pub fn refused_dialects(&self) -> &[(Dialect, MessageError)] {
        &self.refused_dialects
    }

    /// The key given, with both its fingerprints.
    #[must_use]
    pub const fn key(&self) -> Option<&TriedKey> {
        self.key.as_ref()
    }

    /// What was found beside the failure.
    #[must_use]
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// What would make the message pass, if that was found.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        self.hints.iter().find_map(|hint| match hint {
            Hint::Verifies(remedy) => Some(remedy.as_ref()),
            _ => None,
        })
    }

    /// The fields in which the message is not the original that was given; at most 64.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// How many signatures were checked in search of a cause.
    #[must_use]
    pub const fn signature_checks(&self) -> usize {
        self.checks
    }

    /// Code, field and rule of what failed.
    const fn fault(&self) -> Option<(&'static str, Option<&'static str>, &'static str)> {
        match &self.outcome {
            Outcome::NotDecoded(error) | Outcome::NotVerified(error) => {
                Some((error.code().as_str(), error.field(), error.rule()))
            }
            Outcome::Refused(refusal) => Some((refusal.code(), refusal.field(), refusal.rule())),
            Outcome::Verifies { .. } | Outcome::NoKey => None,
        }
    }

    fn write_outcome(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Verifies { dialect, variant } => {
                let variant = variant.as_str().map_or("", |_| ", without its empty attachments");
                writeln!(f, "the signature verifies under {dialect}{variant}")
            }
            Outcome::NotDecoded(error) | Outcome::NotVerified(error) => writeln!(f, "{error}"),
            Outcome::Refused(refusal) => writeln!(f, "{refusal}"),
            Outcome::NoKey => writeln!(f, "no key was given: the signature was not verified"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_outcome(f)?;
        if matches!(self.outcome, Outcome::NotVerified(_)) && !self.asked.is_empty() {
            writeln!(f, "dialects asked for: {}", Listed(self.asked.iter()))?;
        }
        if let Some(advice) = self.advice().filter(|_| self.remedy().is_none()) {
            writeln!(f, "what to do: {advice}")?;
        }
        if let Some(key) = &self.key {
            writeln!(f, "key: {key}")?;
        }
        if let Some(signed) = &self.signed {
            writeln!(f, "signed fields: {signed}")?;
        }
        for form in &self.forms {
            writeln!(f, "hashed payload {form}")?;
            writeln!(f, "payload hash: {}", form.payload_hash().to_base64())?;
        }
        for (dialect, error) in &self.refused_dialects {
            writeln!(f, "not written by {dialect}: {error}")?;
        }
        self.differences.iter().try_for_each(|difference| writeln!(f, "{difference}"))?;
        self.hints.iter().try_for_each(|hint| writeln!(f, "{hint}"))
    }
}
