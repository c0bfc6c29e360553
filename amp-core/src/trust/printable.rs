//! A text from outside as a person may see it, on a terminal, in a log or in a notification (trust, what a person sees).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use core::fmt::{self, Write as _};

use crate::text::{Escape, is_right_to_left, shown};

/// Longest name that is shown, in characters.
const NAME_MAX: usize = 64;

/// A text from outside, safe to print: the only control in what it prints is the line feed.
///
/// Escape sequences, carriage returns, C1 controls, tabs, bidi controls, zero-width characters, tags and stray
/// variation selectors are spelled out (`\u{1b}`). Each line with right-to-left text stands between isolates, so that
/// it cannot reorder what is printed around it. Printing is linear and needs no memory.
///
/// ```
/// use amp_core::trust::Printable;
///
/// assert_eq!(Printable::new("a\x1b]52;c;eA==\x07b").to_string(), r"a\u{1b}]52;c;eA==\u{7}b");
/// assert_eq!(Printable::new("שלום\nworld").to_string(), "\u{2068}שלום\u{2069}\nworld");
/// assert_eq!(Printable::name("a\nb").to_string(), r"a\u{a}b");
/// ```
#[derive(Clone, Copy)]
pub struct Printable<'a> {
    text: &'a str,
    is_name: bool,
}

impl<'a> Printable<'a> {
    /// A text of any number of lines.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, is_name: false }
    }

    /// A name, a subject or the like: one line, cut after 64 characters with an ellipsis.
    #[must_use]
    pub const fn name(text: &'a str) -> Self {
        Self { text, is_name: true }
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_name {
            return isolated(self.text, f, |f| write_name(self.text, f));
        }
        for (at, line) in self.text.split('\n').enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            isolated(line, f, |f| {
                let all = shown(line).map(|(_, c, is_shown)| (c, is_shown && !c.is_control()));
                write_all(all, f)
            })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn write_name(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut left = NAME_MAX;
    let mut all = shown(name).map(|(_, c, is_shown)| (c, is_shown && !c.is_control()));
    let fitting = core::iter::from_fn(|| {
        let (c, is_shown) = all.next()?;
        let length = if is_shown { 1 } else { Length::of(Escape(c)) };
        // What does not fit ends the name, and is told from its end by what is left.
        left = left.checked_sub(length)?;
        Some((c, is_shown))
    });
    let mut count = 0_usize;
    let fitting = fitting.inspect(|_| count = count.saturating_add(1));
    write_all(fitting, f)?;
    if name.chars().nth(count).is_some() { f.write_char('…') } else { Ok(()) }
}

fn write_all(characters: impl Iterator<Item = (char, bool)>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (c, is_shown) in characters {
        if is_shown {
            f.write_char(c)?;
        } else {
            write!(f, "{}", Escape(c))?;
        }
    }
    Ok(())
}

/// Writes between isolates if the text turns the line around.
fn isolated(
    text: &str,
    f: &mut fmt::Formatter<'_>,
    write: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    if !text.chars().any(is_right_to_left) {
        return write(f);
    }
    f.write_char('\u{2068}')?;
    write(f)?;
    f.write_char('\u{2069}')
}

/// Counts characters instead of keeping them.
struct Length(usize);

impl Length {
    fn of(shown: impl fmt::Display) -> usize {
        let mut length = Self(0);
        // Counting does not fail.
        let _ = write!(length, "{shown}");
        length.0
    }
}

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.chars().count());
        Ok(())
    }
}
