//! Folded text with the way back to the original bytes (guardrails, normalization).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::fold::{Fold, fold_char};
use super::report::Hiding;

/// How much longer than its source a folded text may get before the rest is left out: some characters fold to eighteen.
const GROWTH: usize = 3;

/// A stretch of folded text and where it came from.
#[derive(Debug, Clone, Copy)]
struct Piece {
    folded: u32,
    original: u32,
    /// Bytes of the original that the whole stretch stands for; 0 when each byte stands for one byte.
    stands_for: u32,
}

/// A place where folding undid a disguise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trick {
    pub(super) at: u32,
    pub(super) hiding: Hiding,
}

/// Folded text: what the rules see.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) text: String,
    pieces: Vec<Piece>,
    pub(super) tricks: Vec<Trick>,
    /// Where the spaces are that stand for line breaks.
    pub(super) breaks: Vec<u32>,
    pub(super) truncated: bool,
    /// Line breaks in the white space that ends `text`, while it is being written.
    open_space: Option<u32>,
}

#[expect(clippy::cast_possible_truncation, reason = "texts are cut at 16 MiB before they get here")]
const fn short(at: usize) -> u32 {
    at as u32
}

/// How many bytes fold to themselves but for case: printable ASCII, and single spaces.
fn plain_run(bytes: &[u8], mut behind_space: bool) -> usize {
    let plain = |byte: &&u8| {
        let is_space = **byte == b' ';
        let fits = matches!(**byte, b' '..=b'~') && !(is_space && behind_space);
        behind_space = is_space;
        fits
    };
    bytes.iter().take_while(plain).count()
}

impl Folded {
    /// Folds a text that stands as it was given.
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self::default();
        folded.text.reserve(text.len());
        let limit = text.len().saturating_mul(GROWTH).saturating_add(1024);
        let mut at = 0_usize;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if folded.text.len() > limit {
                folded.truncated = true;
                break;
            }
            let plain = plain_run(rest.as_bytes(), folded.open_space.is_some());
            if plain > 0 {
                folded.push_plain(rest.get(..plain).unwrap_or_default(), at);
                at = at.saturating_add(plain);
            } else if let Some(c) = rest.chars().next() {
                let end = at.saturating_add(c.len_utf8());
                folded.push(c, at..end);
                at = end;
            }
        }
        folded
    }

    /// Appends printable ASCII without white space but single spaces, each between others or at the end.
    fn push_plain(&mut self, plain: &str, at: usize) {
        self.mark(&(at..at.saturating_add(1)), true);
        let before = self.text.len();
        self.text.push_str(plain);
        if let Some(new) = self.text.get_mut(before..) {
            new.make_ascii_lowercase();
        }
        self.open_space = plain.ends_with(' ').then_some(0);
    }

    /// Appends one character that stands for `original`.
    pub(super) fn push(&mut self, c: char, original: Range<usize>) {
        let mut emitted = 0_u32;
        let before = self.text.len();
        let fold = fold_char(c, |out| {
            emitted = emitted.saturating_add(1);
            if out.is_whitespace() || out == '\u{B}' {
                self.space(out, &original);
            } else {
                self.open_space = None;
                self.mark(&original, c.len_utf8() == original.len() && c.len_utf8() == out.len_utf8());
                self.text.push(out);
            }
        });
        let hiding = match fold {
            Fold::Ordinary => return,
            Fold::LookAlike => Hiding::LookAlikes,
            Fold::Invisible => Hiding::Invisible,
        };
        self.tricks.push(Trick { at: short(before), hiding });
    }

    /// White space of any length is one space, or two where lines are left empty.
    fn space(&mut self, c: char, original: &Range<usize>) {
        let breaks = c == '\n';
        match self.open_space {
            None => {
                self.mark(original, original.len() == 1);
                if breaks {
                    self.breaks.push(short(self.text.len()));
                }
                self.text.push(' ');
                self.open_space = Some(u32::from(breaks));
            }
            Some(0) if breaks => {
                self.breaks.push(short(self.text.len()).saturating_sub(1));
                self.open_space = Some(1);
            }
            Some(1) if breaks => {
                self.mark(original, original.len() == 1);
                self.breaks.push(short(self.text.len()));
                self.text.push(' ');
                self.open_space = Some(2);
            }
            Some(_) => {}
        }
    }

    /// Notes that the next folded bytes stand for `original`.
    fn mark(&mut self, original: &Range<usize>, copied: bool) {
        let folded = short(self.text.len());
        let start = short(original.start);
        let stands_for = if copied { 0 } else { short(original.len()) };
        if let Some(last) = self.pieces.last() {
            let continues = if copied {
                last.stands_for == 0 && last.original.wrapping_sub(last.folded) == start.wrapping_sub(folded)
            } else {
                last.stands_for == stands_for && last.original == start
            };
            if continues {
                return;
            }
        }
        self.pieces.push(Piece { folded, original: start, stands_for });
    }

    /// Whether the space at this place stands for a line break.
    pub(super) fn is_break(&self, folded: usize) -> bool {
        self.breaks.binary_search(&short(folded)).is_ok()
    }

    /// The bytes of the original that a range of the folded text stands for.
    pub(super) fn original(&self, folded: Range<usize>) -> Range<usize> {
        let first = self.span_of(folded.start);
        if folded.is_empty() {
            return first.start..first.start;
        }
        let last = self.span_of(folded.end.saturating_sub(1).max(folded.start));
        // Text that was written backwards runs the other way.
        first.start.min(last.start)..first.end.max(last.end)
    }

    /// The original bytes that one folded byte stands for.
    fn span_of(&self, folded: usize) -> Range<usize> {
        let at = short(folded);
        let after = self.pieces.partition_point(|piece| piece.folded <= at);
        let Some(piece) = after.checked_sub(1).and_then(|before| self.pieces.get(before)) else {
            return 0..0;
        };
        let start = piece.original as usize;
        if piece.stands_for > 0 {
            return start..start.saturating_add(piece.stands_for as usize);
        }
        let start = start.saturating_add(at.wrapping_sub(piece.folded) as usize);
        start..start.saturating_add(1)
    }
}
