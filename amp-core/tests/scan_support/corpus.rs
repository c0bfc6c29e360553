//! The labelled messages of `tests/corpus` (guardrails, injection scan).

use amp_core::scan::{Category, ScanReport, Scanner};
use serde_json::Value;

/// Every file of the corpus with its name below `tests/corpus`.
pub(crate) const FILES: [(&str, &str); 22] = [
    ("instruction_override.jsonl", include_str!("../corpus/instruction_override.jsonl")),
    ("prompt_extraction.jsonl", include_str!("../corpus/prompt_extraction.jsonl")),
    ("command_injection.jsonl", include_str!("../corpus/command_injection.jsonl")),
    ("data_exfiltration.jsonl", include_str!("../corpus/data_exfiltration.jsonl")),
    ("role_manipulation.jsonl", include_str!("../corpus/role_manipulation.jsonl")),
    ("social_engineering.jsonl", include_str!("../corpus/social_engineering.jsonl")),
    ("tool_abuse.jsonl", include_str!("../corpus/tool_abuse.jsonl")),
    ("encoding_tricks.jsonl", include_str!("../corpus/encoding_tricks.jsonl")),
    ("split_injection.jsonl", include_str!("../corpus/split_injection.jsonl")),
    ("harmless.jsonl", include_str!("../corpus/harmless.jsonl")),
    ("held-out/instruction_override.jsonl", include_str!("../corpus/held-out/instruction_override.jsonl")),
    ("held-out/prompt_extraction.jsonl", include_str!("../corpus/held-out/prompt_extraction.jsonl")),
    ("held-out/command_injection.jsonl", include_str!("../corpus/held-out/command_injection.jsonl")),
    ("held-out/data_exfiltration.jsonl", include_str!("../corpus/held-out/data_exfiltration.jsonl")),
    ("held-out/role_manipulation.jsonl", include_str!("../corpus/held-out/role_manipulation.jsonl")),
    ("held-out/social_engineering.jsonl", include_str!("../corpus/held-out/social_engineering.jsonl")),
    ("held-out/tool_abuse.jsonl", include_str!("../corpus/held-out/tool_abuse.jsonl")),
    ("held-out/encoding_tricks.jsonl", include_str!("../corpus/held-out/encoding_tricks.jsonl")),
    ("held-out/split_injection.jsonl", include_str!("../corpus/held-out/split_injection.jsonl")),
    ("held-out/harmless.jsonl", include_str!("../corpus/held-out/harmless.jsonl")),
    ("fresh/attacks.jsonl", include_str!("../corpus/fresh/attacks.jsonl")),
    ("fresh/harmless.jsonl", include_str!("../corpus/fresh/harmless.jsonl")),
];

/// What a message of the corpus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Label {
    /// An attack, and the category that names it best.
    Attack(Category),
    /// A harmless message that uses no words of attacks.
    Ordinary,
    /// A harmless message that uses words of attacks.
    Trigger,
}

/// Which side of the corpus a message is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Rules may be written by it.
    Tune,
    /// Kept away from those who write rules.
    HeldOut,
    /// Written after the rules and never used to change them.
    Fresh,
}

/// One message of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Unique in the corpus.
    pub(crate) id: String,
    /// The text; several when fields or messages come apart.
    pub(crate) parts: Vec<String>,
    /// What it is.
    pub(crate) label: Label,
    /// What kind of harmless message it is; empty for attacks.
    pub(crate) kind: String,
    /// ISO 639-1.
    pub(crate) lang: String,
    /// Where it is kept.
    pub(crate) side: Side,
    /// The side that it states itself.
    pub(crate) stated: String,
}

impl Sample {
    /// The whole text, parts joined by line breaks.
    pub(crate) fn text(&self) -> String {
        self.parts.join("\n")
    }

    /// The category of an attack.
    pub(crate) const fn category(&self) -> Option<Category> {
        match self.label {
            Label::Attack(category) => Some(category),
            Label::Ordinary | Label::Trigger => None,
        }
    }
}

/// What the scanner says of a message in these parts.
pub(crate) fn scan(scanner: &Scanner, parts: &[String]) -> ScanReport {
    match parts {
        [text] => scanner.scan(text),
        parts => scanner.scan_parts(parts.iter().map(String::as_str)),
    }
}

/// Reads the corpus. Lines that cannot be read are left out; a test counts them.
pub(crate) fn samples() -> Vec<Sample> {
    FILES.iter().flat_map(|(name, lines)| lines.lines().filter_map(|line| sample(name, line))).collect()
}

fn sample(file: &str, line: &str) -> Option<Sample> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let parts = match value.get("parts") {
        Some(parts) => {
            parts.as_array()?.iter().map(|part| part.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        None => vec![text("text")?],
    };
    let label = match text("category") {
        Some(category) => Label::Attack(category.parse().ok()?),
        None if text("words")? == "ordinary" => Label::Ordinary,
        None if text("words")? == "trigger" => Label::Trigger,
        None => return None,
    };
    Some(Sample {
        id: text("id")?,
        parts,
        label,
        kind: text("kind").unwrap_or_default(),
        lang: text("lang")?,
        side: match file.split_once('/') {
            Some(("held-out", _)) => Side::HeldOut,
            Some(_) => Side::Fresh,
            None => Side::Tune,
        },
        stated: text("split")?,
    })
}

/// The 64-bit FNV-1a hash.
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The side on which a message with this id belongs, unless it is fresh.
pub(crate) fn side_of(id: &str) -> Side {
    if (fnv1a(id) >> 10).is_multiple_of(4) { Side::HeldOut } else { Side::Tune }
}
