//! To whom an agent may write (guardrails, communication policy).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_address::{Address, AddressPattern, PatternSet, Profile};
use amp_envelope::{JsonKind, JsonValue};
use serde::Serialize;

use super::AdmissionError;

/// Most entries of a policy. More are an error when read.
const PATTERNS_MAX: usize = 10_000;

/// To whom an agent may write: to everybody, or to those whom a pattern allows.
///
/// ```
/// use amp_core::admission::CommunicationPolicy;
///
/// let policy = CommunicationPolicy::from_json(br#"{"mode":"restricted","allowed_recipients":["*@acme.crabmail.ai"]}"#)?;
/// assert!(policy.check(&"bob@acme.crabmail.ai".parse()?).is_ok());
/// let refused = policy.check(&"bob@evil.crabmail.ai".parse()?).unwrap_err();
/// assert_eq!(refused.code(), "recipient_not_allowed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CommunicationPolicy {
    mode: PolicyMode,
    allowed: PatternSet,
    ignored: usize,
}

/// What a policy does with recipients that no pattern names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyMode {
    /// `open`: everybody may be written to.
    #[default]
    Open,
    /// `restricted`: only whom a pattern allows.
    Restricted,
    /// A mode that this version does not know: nobody may be written to.
    Unknown,
}

/// The policy does not let the sender write to this recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("recipient_not_allowed: the communication policy does not allow this recipient")]
#[non_exhaustive]
pub struct RecipientNotAllowed;

impl RecipientNotAllowed {
    /// The protocol's code: `recipient_not_allowed`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "recipient_not_allowed"
    }
}

impl PolicyMode {
    /// Reads a mode by its wire name, exactly. What is none is [`PolicyMode::Unknown`], which allows nobody.
    #[must_use]
    pub fn read(text: &str) -> Self {
        match text {
            "open" => Self::Open,
            "restricted" => Self::Restricted,
            _ => Self::Unknown,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            // What was not understood is not handed on as if it were.
            Self::Restricted | Self::Unknown => "restricted",
        }
    }
}

impl CommunicationPolicy {
    /// Everybody may be written to.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// Only those whom a pattern allows may be written to; nobody, when there is none.
    #[must_use]
    pub fn restricted(allowed: PatternSet) -> Self {
        Self { mode: PolicyMode::Restricted, allowed, ignored: 0 }
    }

    /// Puts a policy together from its texts on the wire. A text that is no pattern allows nobody and is counted.
    #[must_use]
    pub fn from_parts<'t>(mode: &str, allowed: impl IntoIterator<Item = &'t str>) -> Self {
        let mut policy = Self { mode: PolicyMode::read(mode), ..Self::default() };
        for text in allowed {
            match AddressPattern::parse_with(text, Profile::Deployed) {
                Ok(pattern) => {
                    policy.allowed.insert(pattern);
                }
                Err(_) => policy.ignored = policy.ignored.saturating_add(1),
            }
        }
        policy
    }

    /// Reads `{"mode", "allowed_recipients"}`; other members are left alone.
    ///
    /// An absent mode is `open`, an unknown one allows nobody, and an entry that is no pattern allows nobody:
    /// what is not understood never widens what an agent may do.
    ///
    /// # Errors
    /// A code of the JSON profile; `invalid_field` when a member has another type, or there are more than 10,000 entries.
    pub fn from_json(json: &[u8]) -> Result<Self, AdmissionError> {
        let object = JsonValue::read_object(json)?;
        let mode = match object.get("mode") {
            None => "open".into(),
            Some(mode) => mode.as_str().ok_or(AdmissionError::invalid("mode", "the mode is a string"))?,
        };
        let allowed = allowed_recipients(object)?;
        Ok(Self::from_parts(&mode, allowed.iter().map(String::as_str)))
    }

    /// Writes `{"mode", "allowed_recipients"}`. An unknown mode is written as `restricted` without recipients.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Wire<'a> {
            mode: &'a str,
            allowed_recipients: Vec<&'a str>,
        }
        let allowed_recipients = match self.mode {
            PolicyMode::Unknown => Vec::new(),
            _ => self.allowed.iter().map(AddressPattern::as_str).collect(),
        };
        // Texts without control over their own form: nothing in it can fail to be JSON.
        amp_envelope::write_json(&Wire { mode: self.mode.as_str(), allowed_recipients }).unwrap_or_default()
    }

    /// Whether the policy lets its agent write to this recipient.
    ///
    /// # Errors
    /// [`RecipientNotAllowed`] when it does not.
    pub fn check(&self, recipient: &Address) -> Result<(), RecipientNotAllowed> {
        let is_allowed = match self.mode {
            PolicyMode::Open => true,
            PolicyMode::Restricted => self.allowed.matches(recipient),
            PolicyMode::Unknown => false,
        };
        if is_allowed { Ok(()) } else { Err(RecipientNotAllowed) }
    }

    /// What the policy does with recipients that no pattern names.
    #[must_use]
    pub const fn mode(&self) -> PolicyMode {
        self.mode
    }

    /// Who may be written to under [`PolicyMode::Restricted`].
    #[must_use]
    pub const fn allowed(&self) -> &PatternSet {
        &self.allowed
    }

    /// How many entries were no pattern. They allow nobody; the person who wrote them should know.
    #[must_use]
    pub const fn ignored_entries(&self) -> usize {
        self.ignored
    }
}

fn allowed_recipients(object: JsonValue<'_>) -> Result<Vec<String>, AdmissionError> {
    const FIELD: &str = "allowed_recipients";
    let Some(list) = object.get(FIELD) else { return Ok(Vec::new()) };
    match list.kind() {
        JsonKind::Null => return Ok(Vec::new()),
        JsonKind::Array => {}
        _ => return Err(AdmissionError::invalid(FIELD, "the recipients are an array of strings")),
    }
    let mut texts = Vec::new();
    for entry in list.elements() {
        if texts.len() >= PATTERNS_MAX {
            return Err(AdmissionError::invalid(FIELD, "a policy has at most 10,000 entries"));
        }
        let text = entry.as_str().ok_or(AdmissionError::invalid(FIELD, "every entry is a string"))?;
        texts.push(text.into_owned());
    }
    Ok(texts)
}
