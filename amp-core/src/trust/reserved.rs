//! Text in which no reserved token is left whole and nothing is hidden (trust, what a model sees).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::tokens::{LINE_MARKS, LITERALS, NAMESPACE_MAX, PIPED_NAME_MAX, SPEAKERS, TAGS};
use crate::text::{Escape, Glyph, for_each_glyph, shown};

/// A text as a model may see it, at any level of trust: chat-template tokens are broken, and what cannot be seen is
/// spelled out.
///
/// Of a token such as `<|im_start|>`, `[INST]` or `Human:` at the beginning of a line the last character is replaced by
/// its escape, `\u{3e}`, and of a tag such as `<function_calls>` the last letter of its name: the token then does not
/// come back for a reader who takes the escapes out, whatever stands around it. Case, width, compatibility forms, look-alikes and invisible characters make no
/// difference. Controls, bidi controls, Unicode tags, variation selectors, soft hyphens and zero-width characters
/// become escapes too, and since only we may write escapes, `\u{` in the text is broken like a token.
///
/// Unchanged are all other texts: code, tables, every script with the joiners that its spelling needs, and emoji with
/// their joiners and presentation selectors. Spelled out nevertheless are the selectors of ideographic variants, the
/// flags of subdivisions (which consist of tags), and the marks that only order bidirectional text.
///
/// ```
/// use amp_core::trust::prompt_text;
///
/// assert_eq!(prompt_text("<|IM_\u{200b}start|>"), r"<|IM_\u{200b}start|\u{3e}");
/// assert_eq!(prompt_text("a\u{202e}b"), r"a\u{202e}b");
/// assert_eq!(prompt_text("let x: Vec<u8> = vec![];\n| a | b |\n❤️ 👩‍💻 مرحبا"), "let x: Vec<u8> = vec![];\n| a | b |\n❤️ 👩‍💻 مرحبا");
/// ```
///
/// The time it takes is linear in the text.
#[must_use]
pub fn prompt_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    write_prompt_text(text, &mut out);
    out
}

/// As [`prompt_text`], on one line: line feeds and tabs are spelled out as well.
pub(super) fn write_prompt_line(text: &str, out: &mut String) {
    write(text, |c| !matches!(c, '\n' | '\r' | '\t'), out);
}

pub(super) fn write_prompt_text(text: &str, out: &mut String) {
    write(text, |_| true, out);
}

fn write(text: &str, is_wanted: impl Fn(char) -> bool, out: &mut String) {
    let mut reader = Reader::default();
    for (_, c, is_shown) in shown(text) {
        if !(is_shown && is_wanted(c)) {
            escape(c, out);
            continue;
        }
        if reader.is_in_tag() && ends_name(c) {
            reader.break_tag(out);
        }
        if reader.completes(c, out.len()) {
            escape(c, out);
        } else {
            out.push(c);
        }
    }
    // The end of the text ends a name as well.
    reader.break_tag(out);
}

/// Whether a tag's name ends before this character.
fn ends_name(c: char) -> bool {
    let mut ends = false;
    for_each_glyph(c, |glyph| ends |= glyph.may_be(NAME_ENDS));
    ends
}

const NAME_ENDS: Glyph = Glyph::any(b">/= \n");
/// What all tokens but speakers begin with.
const TOKEN_BEGINS: Glyph = Glyph::any(b"<[#\\");
const TOKEN_ENDS: Glyph = Glyph::any(b"]>:={");

/// The glyph of a character that neither begins nor ends anything.
fn plain(c: char) -> Option<Glyph> {
    let is_plain =
        c.is_ascii_alphanumeric() || matches!(c, ' ' | ',' | '.' | '-' | '_' | '\'' | '"' | '(' | ')');
    is_plain.then(|| Glyph::of_ascii(c))
}

fn escape(c: char, out: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(out, "{}", Escape(c));
}

/// What was shown so far, as one reads it who takes the escapes out.
struct Reader {
    /// The end of it: enough for the longest token.
    shown: Vec<Seen>,
    /// How many of them stand in the line, from its first character that is neither a blank nor a mark.
    in_line: usize,
    /// How many of them stand behind the last less-than sign; many if there is none.
    in_tag: usize,
    /// How many of them stand behind the last sign that may begin a token; many if there is none.
    in_token: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { shown: Vec::new(), in_line: 0, in_tag: usize::MAX, in_token: usize::MAX }
    }
}

/// A glyph, the character that it is a part of, and where that stands in the output.
#[derive(Clone, Copy)]
struct Seen {
    glyph: Glyph,
    c: char,
    at: usize,
}

/// A line in which so much was shown does not become a speaker's.
const LINE_MIN: usize = 16;

/// Kept of what was shown when it has grown to twice as much.
const WINDOW: usize = 256;

impl Reader {
    /// Reads a character that is to be shown; true, and it is taken back, if a token would be whole with it.
    fn completes(&mut self, c: char, at: usize) -> bool {
        if let Some(glyph) = plain(c).filter(|_| self.is_outside()) {
            // Nothing can end here, and nothing that begins later reaches back further than this.
            self.shown.clear();
            self.shown.push(Seen { glyph, c, at });
            self.in_line = self.in_line.saturating_add(1);
            return false;
        }
        let (length, counts) = (self.shown.len(), (self.in_line, self.in_tag, self.in_token));
        let mut is_whole = false;
        for_each_glyph(c, |glyph| {
            if !glyph.is_unseen() {
                is_whole |= self.is_token_with(glyph);
                self.push(Seen { glyph, c, at });
            }
        });
        if is_whole {
            self.shown.truncate(length);
            (self.in_line, self.in_tag, self.in_token) = counts;
        } else if self.shown.len() > WINDOW.saturating_mul(2) {
            let surplus = self.shown.len().saturating_sub(WINDOW);
            self.shown.drain(..surplus);
        }
        is_whole
    }

    fn push(&mut self, seen: Seen) {
        self.shown.push(seen);
        let after = |opens, count: usize| if opens { 0 } else { count.saturating_add(1) };
        self.in_tag = after(seen.glyph.may_be(Glyph::of(b'<')), self.in_tag);
        self.in_token = after(seen.glyph.may_be(TOKEN_BEGINS), self.in_token);
        if seen.glyph.may_be(Glyph::of(b'\n')) {
            self.in_line = 0;
        } else if self.in_line > 0 || !is_line_mark(seen.glyph) {
            self.in_line = self.in_line.saturating_add(1);
        }
    }

    /// Escapes the last letter of a reserved name that begins a tag, until what is left of it is not reserved.
    fn break_tag(&mut self, out: &mut String) {
        while self.ends_with_tag()
            && let Some(Seen { c, at, .. }) = self.shown.last().copied()
        {
            while self.shown.pop_if(|seen| seen.at == at).is_some() {
                self.in_line = self.in_line.saturating_sub(1);
                self.in_tag = self.in_tag.saturating_sub(1);
                self.in_token = self.in_token.saturating_sub(1);
            }
            let rest = out.split_off(at);
            escape(c, out);
            out.push_str(rest.get(c.len_utf8()..).unwrap_or_default());
        }
    }

    /// Whether this glyph is the last of a token.
    fn is_token_with(&self, last: Glyph) -> bool {
        last.may_be(TOKEN_ENDS)
            && (last.may_be(Glyph::of(b'>')) && self.ends_with_piped_name()
                || last.may_be(Glyph::of(b':')) && self.is_speaker()
                || LITERALS.iter().any(|token| self.ends_with_all_but_last(token, last)))
    }

    /// Whether no token can have begun, neither with a sign nor with a line.
    fn is_outside(&self) -> bool {
        self.in_token > WINDOW.saturating_div(2) && self.in_line > LINE_MIN
    }

    /// Whether a less-than sign stands near enough to begin a tag.
    fn is_in_tag(&self) -> bool {
        self.in_tag <= NAMESPACE_MAX.saturating_mul(2)
    }

    /// Whether `<`, perhaps `/` and a namespace, and a reserved name come last.
    fn ends_with_tag(&self) -> bool {
        self.is_in_tag()
            && TAGS.iter().any(|name| {
                let Some(before) = strip(&self.shown, name) else { return false };
                let before = strip_namespace(before);
                if strip(before, "</").is_some() {
                    return true;
                }
                // `Vec<S>` is code; tokenizers know the small letter alone.
                let is_capital = self.shown.last().is_some_and(|seen| seen.glyph.is_capital());
                strip(before, "<").is_some_and(|before| {
                    let is_generic = before.last().is_some_and(|seen| is_of_name(seen.glyph));
                    !(*name == "s" && is_capital && is_generic)
                })
            })
    }

    fn ends_with_piped_name(&self) -> bool {
        let Some(name) = strip(&self.shown, "|") else { return false };
        let length = name.iter().rev().take(PIPED_NAME_MAX).take_while(|seen| is_of_name(seen.glyph)).count();
        // The bar may be taken for a letter: any of these may be the one that opens.
        (1..=length.saturating_add(1)).any(|length| {
            name.len()
                .checked_sub(length)
                .and_then(|at| name.get(..at))
                .is_some_and(|rest| strip(rest, "<|").is_some())
        })
    }

    fn is_speaker(&self) -> bool {
        SPEAKERS.iter().any(|name| name.len() == self.in_line && strip(&self.shown, name).is_some())
    }

    fn ends_with_all_but_last(&self, token: &str, last: Glyph) -> bool {
        let Some((but_last, ending)) = token.as_bytes().split_last().map(|(last, rest)| (rest, *last)) else {
            return false;
        };
        last.may_be(Glyph::of(ending)) && strip_bytes(&self.shown, but_last).is_some()
    }
}

fn is_line_mark(glyph: Glyph) -> bool {
    const MARKS: Glyph = Glyph::any(&LINE_MARKS);
    glyph.may_be(MARKS)
}

/// Whether it may stand in the name of a token.
fn is_of_name(glyph: Glyph) -> bool {
    const SIGNS: Glyph = Glyph::any(b"_-./:");
    glyph.is_alphanumeric() || glyph.may_be(SIGNS)
}

fn strip<'g>(glyphs: &'g [Seen], ending: &str) -> Option<&'g [Seen]> {
    strip_bytes(glyphs, ending.as_bytes())
}

/// What stands before the ending, if the glyphs may be read as ending so.
fn strip_bytes<'g>(glyphs: &'g [Seen], ending: &[u8]) -> Option<&'g [Seen]> {
    let (before, last) = glyphs.split_at_checked(glyphs.len().checked_sub(ending.len())?)?;
    let mut pairs = last.iter().zip(ending).rev();
    pairs.all(|(seen, &ascii)| seen.glyph.may_be(Glyph::of(ascii))).then_some(before)
}

fn strip_namespace(glyphs: &[Seen]) -> &[Seen] {
    let Some(before) = strip(glyphs, ":") else { return glyphs };
    let is_of_namespace = |seen: &&Seen| is_of_name(seen.glyph) && !seen.glyph.may_be(Glyph::of(b'/'));
    let length = before.iter().rev().take(NAMESPACE_MAX).take_while(is_of_namespace).count();
    before.len().checked_sub(length).and_then(|at| before.get(..at)).unwrap_or(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_come_back_when_the_escapes_are_taken_out() {
        assert_eq!(prompt_text("<<s>s>"), r"<<\u{73}>s>");
        assert_eq!(prompt_text("<|im_start|>>>"), r"<|im_start|\u{3e}\u{3e}\u{3e}");
        assert_eq!(prompt_text(r"<|im_\u{41}start|>"), r"<|im_\u\u{7b}41}start|>");
        assert_eq!(prompt_text("<function_calls>"), r"<function_cal\u{6c}\u{73}>");
    }

    #[test]
    fn a_tag_is_reserved_with_attributes_a_namespace_or_at_the_end() {
        assert_eq!(prompt_text("<invoke name=1>"), r"<invok\u{65} name=1>");
        assert_eq!(prompt_text("</x:Invoke>"), r"</x:Invok\u{65}>");
        assert_eq!(prompt_text("a <invoke\u{200b}"), r"a <invok\u{65}\u{200b}");
        assert_eq!(prompt_text("<invoker> <systemd> Vec<SystemTime>"), "<invoker> <systemd> Vec<SystemTime>");
    }

    #[test]
    fn a_type_parameter_is_code_and_the_token_of_its_letter_is_not() {
        assert_eq!(prompt_text("impl<S> Layer<S>"), "impl<S> Layer<S>");
        assert_eq!(prompt_text("a<s>b </S> <S>"), r"a<\u{73}>b </\u{53}> <\u{53}>");
    }

    #[test]
    fn a_speaker_is_one_at_the_beginning_of_a_line() {
        assert_eq!(prompt_text("Human: x"), r"Human\u{3a} x");
        assert_eq!(prompt_text("a\n  **ASSISTANT:** x"), "a\n  **ASSISTANT\\u{3a}** x");
        assert_eq!(prompt_text("the user: x, Superhuman: y"), "the user: x, Superhuman: y");
        assert_eq!(prompt_text("\u{200b}Hu\u{ad}man::"), r"\u{200b}Hu\u{ad}man\u{3a}\u{3a}");
    }
}
