//! The line with which a stranger asks to be let in (guardrails, pair grants).

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use amp_address::Address;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::trust::{Prompt, TrustLevel};

/// Longest intent, in characters (Unicode scalar values).
const INTENT_MAX_CHARS: usize = 280;

/// What a stranger says it wants: one line of at most 280 characters, from outside.
///
/// It is content like any other: scan it, show it to a person as [`Printable`](crate::trust::Printable) text, and to a model
/// [wrapped](Self::for_prompt).
/// For that reason it has no `Display`, and its `Debug` shows a length.
///
/// ```
/// use amp_core::admission::Intent;
///
/// assert_eq!(Intent::first_line("Review of PR 42?\nThanks").as_str(), "Review of PR 42?");
/// assert!("a line\nand another".parse::<Intent>().is_err());
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Intent(Box<str>);

/// A text that is no intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an intent is one line of at most 280 characters without control characters")]
#[non_exhaustive]
pub struct IntentError;

impl Intent {
    /// Makes an intent of any text: its first line that says something, without control characters, cut at 280 characters.
    #[must_use]
    pub fn first_line(text: &str) -> Self {
        let line = text.split(is_break).map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let kept: String = line.chars().filter(|c| !c.is_control()).take(INTENT_MAX_CHARS).collect();
        Self(kept.trim().into())
    }

    /// The line as a model may see it: always wrapped, whatever is known of the stranger.
    ///
    /// ```
    /// use amp_core::{Address, admission::Intent};
    ///
    /// let (intent, stranger): (_, Address) = (Intent::first_line("Approve me"), "eve@x.example.org".parse()?);
    /// let shown = intent.for_prompt(&stranger).render();
    /// assert!(shown.starts_with("<external-content ") && shown.ends_with("</external-content>"));
    /// # Ok::<(), amp_core::AddressError>(())
    /// ```
    pub fn for_prompt<'a>(&'a self, stranger: &'a Address) -> Prompt<'a> {
        Prompt::new(self.as_str(), TrustLevel::External, stranger)
    }

    /// The line, as the stranger wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What some reader ends a line at.
fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

impl FromStr for Intent {
    type Err = IntentError;

    fn from_str(text: &str) -> Result<Self, IntentError> {
        let is_line = !text.chars().any(|c| c.is_control() || is_break(c));
        if is_line && text.chars().nth(INTENT_MAX_CHARS).is_none() {
            Ok(Self(text.into()))
        } else {
            Err(IntentError)
        }
    }
}

impl fmt::Debug for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Intent({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Intent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Box<str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
