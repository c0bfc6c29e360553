//! The rule files that every scanner starts with.

/// Name and text of each file.
pub(in crate::scan) const FILES: &[(&str, &str)] = &[("english.txt", include_str!("english.txt"))];
