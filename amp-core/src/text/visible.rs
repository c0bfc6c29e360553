//! Which characters are shown, and which are spelled out (trust, what a model sees).

use core::fmt;

use super::classes::{is_invisible, is_of_joining_script, is_picture};

/// A character spelled out: `\u{202e}`.
#[derive(Clone, Copy)]
pub(crate) struct Escape(pub(crate) char);

impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\\u{{{:x}}}", u32::from(self.0))
    }
}

/// Every character with its offset in bytes, and whether it may be shown: what is invisible, a control or turns the
/// direction of writing may not.
///
/// Line feed, tab, and a carriage return before a line feed are shown. So are a variation selector and a joiner where
/// an emoji needs them, and the joiners within a word of a script that does.
pub(crate) fn shown(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut before = '\n';
    let mut rest = text.char_indices();
    core::iter::from_fn(move || {
        let (at, c) = rest.next()?;
        let after = rest.as_str().chars().next().unwrap_or('\n');
        let visible = is_shown(before, c, after);
        // A selector that was shown belongs to its picture.
        if !(visible && matches!(c, '\u{fe0e}' | '\u{fe0f}')) {
            before = c;
        }
        Some((at, c, visible))
    })
}

fn is_shown(before: char, c: char, after: char) -> bool {
    match c {
        ' '..='~' | '\n' | '\t' => true,
        '\r' => after == '\n',
        '\u{fe0e}' | '\u{fe0f}' => {
            // The one after another selector stands behind a picture that has its selector already.
            let keycap = matches!(before, '0'..='9' | '#' | '*') && after == '\u{20e3}';
            (is_picture(before) || keycap) && !matches!(after, '\u{fe00}'..='\u{fe0f}')
        }
        '\u{200d}' if is_picture(before) => is_picture(after),
        '\u{200c}' | '\u{200d}' => is_of_joining_script(before) && is_of_joining_script(after),
        _ => !c.is_control() && !is_invisible(c),
    }
}
