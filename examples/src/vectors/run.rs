//! Runs cases against a program and counts what holds, one line a suite.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use super::answer::{Answer, holds};
use super::expected::ExpectedFailures;
use super::format::{Case, VectorFile};
use super::suites;

/// Longest text of a failed case that is printed, in characters.
const SHOWN: usize = 800;

/// Something that answers cases: this library, or another implementation.
pub trait Program {
    /// Answers a case.
    ///
    /// # Errors
    /// When there is no answer: why, as a sentence.
    fn answer(&mut self, suite: &str, id: &str, input: &Value) -> Result<Answer, String>;
}

/// This library.
#[derive(Debug, Clone, Copy, Default)]
pub struct Library;

impl Program for Library {
    fn answer(&mut self, suite: &str, _: &str, input: &Value) -> Result<Answer, String> {
        Ok(suites::answer(suite, input))
    }
}

/// How many cases held, of one suite or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases whose expectation holds.
    pub passed: usize,
    /// Cases whose expectation does not hold, and listed failures that did not happen.
    pub failed: usize,
    /// Cases of suites that the program does not have.
    pub skipped: usize,
    /// Cases that fail and are listed as failing.
    pub expected: usize,
}

impl Tally {
    /// Whether nothing failed and, if `strict`, nothing was skipped.
    #[must_use]
    pub const fn is_success(self, strict: Strictness) -> bool {
        self.failed == 0 && (self.skipped == 0 || matches!(strict, Strictness::Lenient))
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.expected += other.expected;
    }

    fn line(self, suite: &str) -> String {
        let Self { passed, failed, skipped, expected } = self;
        let mut line = format!("{suite}: {passed} passed, {failed} failed, {skipped} skipped");
        if expected > 0 {
            line.push_str(&format!(", {expected} failed as expected"));
        }
        line
    }
}

/// Whether a suite that the program does not have counts as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it does or it does not")]
pub enum Strictness {
    /// It is reported and passed over.
    Lenient,
    /// It is a failure.
    Strict,
}

/// Runs every case of the files, those of one suite together, and prints a line a suite after its failures.
///
/// # Errors
/// When `out` cannot be written to.
///
/// ```
/// use amp_examples::vectors::{ExpectedFailures, Library, Strictness, VectorFile, run};
/// let file = VectorFile::parse(br#"{"format":"amp-vectors/1","suite":"pattern","about":"","cases":[
///     {"id":"p-1","input":{"pattern":"*@*","address":"a@b.c.d"},"expect":{"match":true}}]}"#)?;
/// let mut out = Vec::new();
/// let tally = run(file, &mut Library, &ExpectedFailures::default(), &mut out)?;
/// assert_eq!(out, b"pattern: 1 passed, 0 failed, 0 skipped\n");
/// assert!(tally.is_success(Strictness::Strict));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(
    files: impl IntoIterator<Item = VectorFile>,
    program: &mut impl Program,
    expected: &ExpectedFailures,
    out: &mut impl Write,
) -> io::Result<Tally> {
    let mut total = Tally::default();
    for (suite, cases) in by_suite(files) {
        let mut tally = Tally::default();
        for case in &cases {
            let answer = program.answer(&suite, &case.id, &case.input);
            let (counted, complaint) = judge(case, answer, expected.reason(&suite, &case.id));
            tally.add(counted);
            if let Some(complaint) = complaint {
                writeln!(out, "FAILED {}\n{complaint}", printable(&format!("{suite}/{}", case.id)))?;
            }
        }
        for id in expected.of_suite(&suite).filter(|id| !cases.iter().any(|case| case.id == *id)) {
            tally.failed += 1;
            let named = printable(&format!("{suite}/{id}"));
            writeln!(out, "FAILED {named}\n  is listed as failing, but there is no such case")?;
        }
        writeln!(out, "{}", tally.line(&printable(&suite)))?;
        out.flush()?;
        total.add(tally);
    }
    Ok(total)
}

/// The cases of each suite, suites in the order in which they first appear.
fn by_suite(files: impl IntoIterator<Item = VectorFile>) -> Vec<(String, Vec<Case>)> {
    let mut suites: Vec<(String, Vec<Case>)> = Vec::new();
    for file in files {
        match suites.iter_mut().find(|(name, _)| *name == file.suite) {
            Some((_, cases)) => cases.extend(file.cases),
            None => suites.push((file.suite, file.cases)),
        }
    }
    suites
}

/// What one case counts for, and what is printed about it.
fn judge(case: &Case, answer: Result<Answer, String>, listed: Option<&str>) -> (Tally, Option<String>) {
    let got = match &answer {
        Ok(answer) if answer.is_unsupported() => return (Tally { skipped: 1, ..Tally::default() }, None),
        Ok(answer) if holds(&case.expect, answer) => {
            let Some(reason) = listed else { return (Tally { passed: 1, ..Tally::default() }, None) };
            let complaint = format!("  passes, but is listed as failing: {}", printable(reason));
            return (Tally { failed: 1, ..Tally::default() }, Some(complaint));
        }
        Ok(answer) => answer.to_json().to_string(),
        Err(reason) => format!("no answer: {reason}"),
    };
    if listed.is_some() {
        return (Tally { expected: 1, ..Tally::default() }, None);
    }
    let mut complaint = String::new();
    if let Some(about) = &case.about {
        complaint.push_str(&format!("  about    {}\n", printable(about)));
    }
    complaint.push_str(&format!("  expected {}\n", printable(&case.expect.to_string())));
    complaint.push_str(&format!("  got      {}", printable(&got)));
    (Tally { failed: 1, ..Tally::default() }, Some(complaint))
}

/// Text of vectors and of other programs, made safe for a terminal and cut to a readable length.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push_str("...");
            break;
        }
        if matches!(character, ' '..='~') {
            shown.push(character);
        } else {
            // Writing to a string does not fail.
            let _ = write!(shown, "{}", character.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(printable("a\u{1b}[2J\u{202e}b"), r"a\u{1b}[2J\u{202e}b");
        assert_eq!(printable(&"x".repeat(2_000)).len(), super::SHOWN + 3);
    }
}
