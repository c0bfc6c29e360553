//! The injection scan: signs, in a text, that somebody means to steer the model that reads it (guardrails).
//!
//! A [`Scanner`] is built once and shared. It folds a text (case, compatibility forms, look-alikes, invisible
//! characters), undoes a dozen disguises, and runs rules over the words; what it finds is a [`ScanReport`] with places
//! in the original bytes. Rules are data in [a small language](ScannerBuilder#the-rule-language): a host adds, mutes
//! and re-grades them.
//!
//! A scan is a signal, not the defence: whoever words an attack anew gets past any list of rules. What holds is that
//! outside text reaches a model wrapped, and that types keep it apart from instructions (see [`crate::trust`]).

mod anchors;
mod category;
mod ciphers;
mod compile;
mod dictionary;
mod encoded;
mod escalation;
mod escapes;
mod fold;
mod language;
mod leetspeak;
mod lookalikes;
mod matcher;
mod normalize;
#[cfg(test)]
mod reference;
mod report;
#[path = "rules/files.rs"]
mod rule_files;
mod scanner;
mod spacing;
mod split;
mod tags;
mod verdict;
mod view;
mod windows;
mod words;

pub use category::{Category, Severity, UnknownName};
pub use escalation::Escalation;
pub use language::RuleError;
pub use report::{Finding, Hiding, ScanReport};
pub use scanner::{Scanner, ScannerBuilder};
pub use verdict::{Overrides, Verdict};
pub use windows::Windows;
