//! The one place through which everything reaches a terminal (attacks, what a person sees).

use std::fmt::Display;
use std::io::{self, Write};

use amp_client::trust::Printable;
use serde_json::Value;

/// For whom answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For a person.
    Page,
    /// For a program: a JSON value a line.
    Json,
}

/// How something stands out, where there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Good,
    Doubtful,
    Bad,
}

impl Style {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("\u{1b}[1m"),
            Self::Good => Some("\u{1b}[32m"),
            Self::Doubtful => Some("\u{1b}[33m"),
            Self::Bad => Some("\u{1b}[1;31m"),
        }
    }
}

/// What a command has found, for a person and for a program.
pub(super) trait Answer {
    /// Writes it for a person.
    fn page(&self, page: &mut Page);

    /// The same for a program, under names that stay.
    fn json(&self) -> Value;
}

/// Where answers are written.
pub(super) struct Screen<'a> {
    out: &'a mut (dyn Write + Send),
    form: Form,
    has_colours: bool,
}

impl<'a> Screen<'a> {
    pub(super) const fn new(out: &'a mut (dyn Write + Send), form: Form, has_colours: bool) -> Self {
        Self { out, form, has_colours }
    }

    /// Writes an answer, at once.
    pub(super) fn show(&mut self, answer: &dyn Answer) -> io::Result<()> {
        let text = match self.form {
            Form::Page => {
                let mut page = Page { text: String::new(), has_colours: self.has_colours };
                answer.page(&mut page);
                page.text
            }
            Form::Json => ascii(&answer.json()) + "\n",
        };
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Writes an answer for a person, and nothing for a program.
    pub(super) fn remark(&mut self, text: &'static str) -> io::Result<()> {
        if self.form == Form::Page { writeln!(self.out, "{text}") } else { Ok(()) }
    }
}

/// A text for a person. Our own words are literals; whatever else is written passes through [`Printable`].
pub(super) struct Page {
    text: String,
    has_colours: bool,
}

impl Page {
    /// Words of ours.
    pub(super) fn own(&mut self, words: &'static str) -> &mut Self {
        self.text.push_str(words);
        self
    }

    /// A value of a grammar, on one line.
    pub(super) fn value(&mut self, value: impl Display) -> &mut Self {
        self.styled(Style::Plain, value)
    }

    /// As [`value`](Self::value), so that it stands out.
    pub(super) fn styled(&mut self, style: Style, value: impl Display) -> &mut Self {
        let code = style.code().filter(|_| self.has_colours);
        self.text.push_str(code.unwrap_or_default());
        let one_line = value.to_string().replace('\n', "\\n");
        self.text.push_str(&Printable::new(&one_line).to_string());
        self.text.push_str(code.map_or("", |_| "\u{1b}[0m"));
        self
    }

    /// A JSON value on one line, in ASCII.
    pub(super) fn json(&mut self, value: &Value) -> &mut Self {
        self.text.push_str(&ascii(value));
        self
    }

    /// A name or a subject that somebody chose: one line, cut.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        self.text.push_str(&Printable::name(name).to_string());
        self
    }

    /// A text that somebody wrote. It is indented, so that no line of it looks like one of ours.
    pub(super) fn quote(&mut self, text: &str) -> &mut Self {
        for line in Printable::new(text).to_string().split('\n') {
            if !line.is_empty() {
                self.text.push_str("    ");
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
        self
    }

    /// Ends a line.
    pub(super) fn end(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }
}

/// JSON in ASCII: what could act on a terminal, or hide on one, is escaped as JSON escapes.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if (' '..='~').contains(&character) {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_ascii_and_says_the_same() {
        let value = json!({"a\u{9b}": "é\u{202e}\u{7f}\u{1b}\r\n\u{1f600}\u{e0041}"});
        let text = ascii(&value);
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn no_line_of_a_quoted_text_begins_where_ours_do() {
        let mut page = Page { text: String::new(), has_colours: true };
        page.quote("a\nfrom mallory\r\nb\u{1b}[1mc");
        assert!(page.text.lines().all(|line| line.starts_with("    ")), "{}", page.text);
        assert!(!page.text.contains('\u{1b}') && !page.text.contains('\r'));
    }

    proptest! {
        #[test]
        fn a51_no_text_on_a_page_or_in_json_acts_on_a_terminal(text in prop::collection::vec(
            prop_oneof![any::<char>(), prop::sample::select(vec!['\u{1b}', '\u{9b}', '\r', '\n', '\u{202e}', '\u{7f}', '\0'])], 0..40,
        )) {
            let text = String::from_iter(text);
            let mut page = Page { text: String::new(), has_colours: false };
            page.value(&text).end().name(&text).end().styled(Style::Bad, &text).end().quote(&text);
            prop_assert!(page.text.chars().all(|character| character == '\n' || !character.is_control()));
            let reorders = page.text.contains(['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}', '\u{200f}']);
            prop_assert!(!reorders);
            prop_assert!(page.text.lines().skip(3).all(|line| line.is_empty() || line.starts_with("    ")));
            let json = ascii(&json!([&*text]));
            prop_assert!(json.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
