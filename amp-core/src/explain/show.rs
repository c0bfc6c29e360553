//! Outside text in sentences for people: escaped, and cut.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt;

/// The most characters of one outside text that a sentence shows.
const MAX_CHARS: usize = 64;

/// A text from outside: at most 64 characters of it, everything but printable ASCII escaped.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MAX_CHARS) {
            match character {
                ' '..='~' => fmt::Write::write_char(f, character)?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                other => write!(f, "{}", other.escape_unicode())?,
            }
        }
        if characters.next().is_some() { f.write_str("\u{2026}") } else { Ok(()) }
    }
}

/// Names of things in a row: `jcs, maestro`.
pub(super) struct Listed<I>(pub(super) I);

impl<I: Iterator<Item = T> + Clone, T: fmt::Display> fmt::Display for Listed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.clone().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn what_a_terminal_acts_on_is_escaped_and_length_is_bounded() {
        assert_eq!(
            Shown("a\u{1b}[2J\u{9b}\r\n\u{202e}é").to_string(),
            r"a\u{1b}[2J\u{9b}\u{d}\n\u{202e}\u{e9}"
        );
        assert_eq!(Shown(&"x".repeat(65)).to_string(), "x".repeat(64) + "…");
        assert_eq!(Shown(&"x".repeat(64)).to_string(), "x".repeat(64));
    }
}
