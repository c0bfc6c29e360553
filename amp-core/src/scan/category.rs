//! The nine categories of findings and their four severities (guardrails, injection scan).

use core::fmt;
use core::str::FromStr;

/// What a finding is a sign of. The names are the protocol's and stable.
///
/// ```
/// use amp_core::scan::Category;
///
/// assert_eq!(Category::DataExfiltration.as_str(), "data_exfiltration");
/// assert_eq!("tool_abuse".parse(), Ok(Category::ToolAbuse));
/// ```
#[expect(clippy::exhaustive_enums, reason = "the protocol has nine and says so")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The reader shall drop the instructions it had.
    InstructionOverride,
    /// The reader shall tell its own instructions.
    PromptExtraction,
    /// The reader shall run a command or code.
    CommandInjection,
    /// The reader shall send data to where it does not belong.
    DataExfiltration,
    /// The reader shall become somebody else, or take the writer for somebody else.
    RoleManipulation,
    /// Pressure: authority, urgency, threats.
    SocialEngineering,
    /// The reader shall use a tool against its owner.
    ToolAbuse,
    /// Text is hidden from people or from filters.
    EncodingTricks,
    /// An instruction in pieces that the reader shall put together.
    SplitInjection,
}

impl Category {
    /// All nine, in the protocol's order.
    pub const ALL: [Self; 9] = [
        Self::InstructionOverride,
        Self::PromptExtraction,
        Self::CommandInjection,
        Self::DataExfiltration,
        Self::RoleManipulation,
        Self::SocialEngineering,
        Self::ToolAbuse,
        Self::EncodingTricks,
        Self::SplitInjection,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InstructionOverride => "instruction_override",
            Self::PromptExtraction => "prompt_extraction",
            Self::CommandInjection => "command_injection",
            Self::DataExfiltration => "data_exfiltration",
            Self::RoleManipulation => "role_manipulation",
            Self::SocialEngineering => "social_engineering",
            Self::ToolAbuse => "tool_abuse",
            Self::EncodingTricks => "encoding_tricks",
            Self::SplitInjection => "split_injection",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Category {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|category| category.as_str() == name).ok_or(UnknownName)
    }
}

/// How much a finding weighs, least first.
///
/// ```
/// use amp_core::scan::Severity;
///
/// assert!(Severity::Low < Severity::Critical);
/// assert_eq!("high".parse(), Ok(Severity::High));
/// ```
#[expect(clippy::exhaustive_enums, reason = "the protocol has four and says so")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a line in a log; the message is delivered and does not count as flagged.
    Low,
    /// The message is delivered with a flag.
    Medium,
    /// The message is held for a person.
    High,
    /// The message is refused.
    Critical,
}

impl Severity {
    /// All four, least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name).ok_or(UnknownName)
    }
}

/// A name that is none of the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name that the protocol has here")]
#[non_exhaustive]
pub struct UnknownName;
