//! Failures that another implementation is known to have: a list that is strict both ways.

use std::collections::BTreeMap;
use std::fmt;

/// Cases that are known to fail, each with the reason: a line `suite/id reason`; `#` begins a comment line.
///
/// A listed case that passes is a failure too, and so is one that is not among the cases of a suite that was run: the
/// list says what is true today, or it is wrong.
///
/// ```
/// use amp_examples::vectors::ExpectedFailures;
/// let list = ExpectedFailures::parse("# of example 1.4\ncanonical/canon-012-jcs sorts by code point\n")?;
/// assert_eq!(list.reason("canonical", "canon-012-jcs"), Some("sorts by code point"));
/// # Ok::<(), amp_examples::vectors::ExpectedFailuresError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedFailures {
    reasons: BTreeMap<(String, String), String>,
}

impl ExpectedFailures {
    /// Reads a list.
    ///
    /// # Errors
    /// The number of the first line that names no case, gives no reason, or names a case again.
    pub fn parse(text: &str) -> Result<Self, ExpectedFailuresError> {
        let mut reasons = BTreeMap::new();
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.split_once(char::is_whitespace).and_then(|(case, reason)| {
                let (suite, id) = case.split_once('/')?;
                Some(((suite.to_owned(), id.to_owned()), reason.trim().to_owned()))
            });
            let (case, reason) = entry.ok_or(ExpectedFailuresError { line: number })?;
            if reasons.insert(case, reason).is_some() {
                return Err(ExpectedFailuresError { line: number });
            }
        }
        Ok(Self { reasons })
    }

    /// Why the case fails, if it is listed.
    #[must_use]
    pub fn reason(&self, suite: &str, id: &str) -> Option<&str> {
        self.reasons.get(&(suite.to_owned(), id.to_owned())).map(String::as_str)
    }

    /// The listed cases of a suite.
    pub fn of_suite(&self, suite: &str) -> impl Iterator<Item = &str> {
        self.reasons.keys().filter(move |(of, _)| of == suite).map(|(_, id)| id.as_str())
    }
}

/// The line at which a list of expected failures is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedFailuresError {
    line: usize,
}

impl fmt::Display for ExpectedFailuresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is no `suite/id reason`, or names a case again", self.line)
    }
}

impl std::error::Error for ExpectedFailuresError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_reason_is_refused() {
        for (text, line) in [("verify/v-1", 1), ("# list\n\nverify v-1 because", 3), ("a/1 x\na/1 y", 2)] {
            assert_eq!(ExpectedFailures::parse(text), Err(ExpectedFailuresError { line }), "{text}");
        }
    }

    #[test]
    fn an_id_may_hold_a_slash() {
        let list = ExpectedFailures::parse("thread/a/b  known \n").unwrap();
        assert_eq!(list.of_suite("thread").collect::<Vec<_>>(), ["a/b"]);
        assert_eq!(list.reason("thread", "a/b"), Some("known"));
    }
}
