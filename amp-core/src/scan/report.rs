//! What a scan found, and where (guardrails, injection scan).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use super::category::{Category, Severity};

/// How what was found was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Hiding {
    /// Invisible characters inside words.
    Invisible,
    /// Letters of other alphabets, or styled ones, in place of ASCII letters.
    LookAlikes,
    /// Unicode tag characters or variation selectors, which no screen shows.
    Tags,
    /// Base64, in either alphabet.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// HTML entities, percent encoding, or backslash escapes.
    Escapes,
    /// Every letter moved by thirteen.
    Rot13,
    /// Written backwards.
    Reversed,
    /// Digits and signs in place of letters.
    Leetspeak,
    /// Letters with spaces or signs between them.
    Spacing,
    /// Words cut into pieces.
    Split,
}

impl Hiding {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::LookAlikes => "look_alikes",
            Self::Tags => "tags",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Escapes => "escapes",
            Self::Rot13 => "rot13",
            Self::Reversed => "reversed",
            Self::Leetspeak => "leetspeak",
            Self::Spacing => "spacing",
            Self::Split => "split",
        }
    }
}

impl fmt::Display for Hiding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One sign of an injection in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub(super) rule: Arc<str>,
    pub(super) category: Category,
    pub(super) severity: Severity,
    pub(super) range: Range<usize>,
    pub(super) part: usize,
    pub(super) hiding: Option<Hiding>,
    pub(super) window: bool,
}

impl Finding {
    /// A finding that no rule makes.
    pub(super) fn builtin(
        id: &Arc<str>,
        severity: Severity,
        range: Range<usize>,
        hiding: Option<Hiding>,
    ) -> Self {
        let category = Category::EncodingTricks;
        Self { rule: Arc::clone(id), category, severity, range, part: 0, hiding, window: false }
    }

    /// The id of the rule that matched.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// What it is a sign of.
    #[must_use]
    pub const fn category(&self) -> Category {
        self.category
    }

    /// How much it weighs.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Where, in bytes of the text as it was given; both ends are character boundaries. For encoded text the whole run.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Which of the scanned parts the range is in, counted from 0; 0 for a text scanned alone.
    #[must_use]
    pub const fn part(&self) -> usize {
        self.part
    }

    /// How it was hidden, if it was.
    #[must_use]
    pub const fn hiding(&self) -> Option<Hiding> {
        self.hiding
    }

    /// Whether only the text joined with earlier messages shows it.
    #[must_use]
    pub const fn is_window(&self) -> bool {
        self.window
    }
}

/// What a scan found.
///
/// A scan is a signal. That it found nothing proves nothing: what keeps a model safe is that outside text is wrapped,
/// and that types keep it apart from instructions.
///
/// ```
/// use amp_core::scan::Scanner;
///
/// let report = Scanner::new().scan("The build is green again.");
/// assert!(!report.is_flagged() && !report.truncated());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanReport {
    pub(super) findings: Vec<Finding>,
    pub(super) truncated: bool,
}

impl ScanReport {
    /// The findings in the order of their places.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether a budget ran out, so that not everything was looked at. There is a finding `scan-truncated` of it, of medium
    /// severity unless a host graded it otherwise.
    #[must_use]
    pub const fn truncated(&self) -> bool {
        self.truncated
    }

    /// Whether there is a finding of medium severity or above.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.severity() >= Some(Severity::Medium)
    }

    /// How many findings are of medium severity or above.
    #[must_use]
    pub fn flagged_count(&self) -> usize {
        self.flagged().count()
    }

    /// The categories of the findings of medium severity or above, each once, in the protocol's order.
    #[must_use]
    pub fn categories(&self) -> Vec<Category> {
        let found = |category: &Category| self.flagged().any(|finding| finding.category == *category);
        Category::ALL.into_iter().filter(found).collect()
    }

    /// The ids of all rules that matched, each once, sorted.
    #[must_use]
    pub fn rules(&self) -> Vec<&str> {
        let mut rules: Vec<&str> = self.findings.iter().map(Finding::rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// The greatest severity found; `None` when there is no finding.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(Finding::severity).max()
    }

    /// Whether a rule was found at a place that overlaps this one.
    pub(super) fn has(&self, rule: &str, range: &Range<usize>) -> bool {
        let overlaps = |finding: &Finding| finding.range.start < range.end && range.start < finding.range.end;
        self.findings
            .iter()
            .any(|finding| *finding.rule == *rule && (finding.range == *range || overlaps(finding)))
    }

    /// Puts the findings in the order of their places.
    pub(super) fn tidy(&mut self) {
        self.findings.sort_by(|a, b| {
            (a.part, a.range.start, a.range.end, &a.rule).cmp(&(b.part, b.range.start, b.range.end, &b.rule))
        });
    }

    fn flagged(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity >= Severity::Medium)
    }
}

/// The findings in one line, ids and places, never the text.
impl fmt::Display for ScanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        for finding in &self.findings {
            line.push_str(if line.is_empty() { "" } else { ", " });
            line.push_str(&alloc::format!(
                "{} at {}..{}",
                finding.rule,
                finding.range.start,
                finding.range.end
            ));
        }
        f.write_str(if line.is_empty() { "nothing found" } else { &line })
    }
}
