//! What follows from findings (guardrails, verdict).

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use super::category::Severity;
use super::report::{Finding, ScanReport};

/// What is done with a message on account of its scan, the mildest first.
#[expect(clippy::exhaustive_enums, reason = "the protocol has four and says so")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Verdict {
    /// It is delivered.
    #[default]
    Deliver,
    /// It is delivered with a flag.
    Flag,
    /// It is held until a person looks at it.
    Quarantine,
    /// It is refused.
    Block,
}

impl Verdict {
    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Flag => "flag",
            Self::Quarantine => "quarantine",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A severity leads to its verdict: critical blocks, high quarantines, medium flags, low delivers.
impl From<Severity> for Verdict {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Deliver,
            Severity::Medium => Self::Flag,
            Severity::High => Self::Quarantine,
            Severity::Critical => Self::Block,
        }
    }
}

/// What single rules lead to, whatever their severity.
///
/// ```
/// use amp_core::scan::{Overrides, Scanner, Verdict};
///
/// let scanner = Scanner::builder().rules("rule no-launch tool_abuse critical: launch ..3 rocket")?.build();
/// let report = scanner.scan("launch the rocket");
/// assert_eq!(report.verdict(&Overrides::new()), Verdict::Block);
/// assert_eq!(report.verdict(&Overrides::new().with("no-launch", Verdict::Quarantine)), Verdict::Quarantine);
/// assert_eq!(report.verdict(&Overrides::new().ignoring("no-launch")), Verdict::Deliver);
/// # Ok::<(), amp_core::scan::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    by_rule: BTreeMap<String, Verdict>,
}

impl Overrides {
    /// No overrides: every rule's severity decides.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_rule: BTreeMap::new() }
    }

    /// A finding of this rule leads to this verdict.
    #[must_use]
    pub fn with(mut self, rule: impl Into<String>, verdict: Verdict) -> Self {
        self.by_rule.insert(rule.into(), verdict);
        self
    }

    /// A finding of this rule leads to nothing; it stays in the report.
    #[must_use]
    pub fn ignoring(self, rule: impl Into<String>) -> Self {
        self.with(rule, Verdict::Deliver)
    }

    /// What one finding leads to.
    #[must_use]
    pub fn verdict(&self, finding: &Finding) -> Verdict {
        self.by_rule.get(finding.rule()).copied().unwrap_or_else(|| finding.severity().into())
    }
}

impl ScanReport {
    /// What the findings lead to: the sternest verdict of all.
    #[must_use]
    pub fn verdict(&self, overrides: &Overrides) -> Verdict {
        self.findings().iter().map(|finding| overrides.verdict(finding)).max().unwrap_or_default()
    }
}
