//! What a reader may take a character for who folds case, width, compatibility forms and look-alikes (trust, wrapping).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::classes::{is_dash, is_invisible, is_passed_over};
use super::confusables::CONFUSABLES;

/// The signs that a character may be taken for, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyph(u64);

/// Signs with a bit of their own, after the letters and the digits. All blanks are one, and all line ends.
const SIGNS: &[u8; 19] = b"<>|[]/_:#\\{}-=*. \n,";

/// A reader may pass over it within a tag: white space, dashes, slashes, whatever is unseen.
const PASSABLE: u64 = 1 << 63;
/// Nothing shows in its place, or only a mark on its neighbour.
const UNSEEN: u64 = 1 << 62;
/// It is an ASCII capital.
const CAPITAL: u64 = 1 << 61;

/// Signs that stand for ASCII ones, beside their compatibility forms.
const SIGNS_ALIKE: [(char, u8); 41] = [
    ('\u{ab}', b'<'),
    ('\u{bb}', b'>'),
    ('\u{1c0}', b'|'),
    ('\u{2c2}', b'<'),
    ('\u{2c3}', b'>'),
    ('\u{2d0}', b':'),
    ('\u{589}', b':'),
    ('\u{1433}', b'>'),
    ('\u{1438}', b'<'),
    ('\u{16b2}', b'<'),
    ('\u{1735}', b'/'),
    ('\u{2039}', b'<'),
    ('\u{203a}', b'>'),
    ('\u{2041}', b'/'),
    ('\u{2044}', b'/'),
    ('\u{2215}', b'/'),
    ('\u{2216}', b'/'),
    ('\u{2223}', b'|'),
    ('\u{2236}', b':'),
    ('\u{226a}', b'<'),
    ('\u{226b}', b'>'),
    ('\u{2329}', b'<'),
    ('\u{232a}', b'>'),
    ('\u{2502}', b'|'),
    ('\u{2571}', b'/'),
    ('\u{2581}', b'_'),
    ('\u{2758}', b'|'),
    ('\u{276c}', b'<'),
    ('\u{276d}', b'>'),
    ('\u{276e}', b'<'),
    ('\u{276f}', b'>'),
    ('\u{2770}', b'<'),
    ('\u{2771}', b'>'),
    ('\u{27e8}', b'<'),
    ('\u{27e9}', b'>'),
    ('\u{29f8}', b'/'),
    ('\u{3008}', b'<'),
    ('\u{3009}', b'>'),
    ('\u{300a}', b'<'),
    ('\u{300b}', b'>'),
    ('\u{1d236}', b'<'),
];

impl Glyph {
    /// The glyph of an ASCII character.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 36 and the number of signs")]
    pub(crate) const fn of(ascii: u8) -> Self {
        let bit = match ascii {
            b'a'..=b'z' => ascii.wrapping_sub(b'a') as u32,
            b'A'..=b'Z' => ascii.wrapping_sub(b'A') as u32,
            b'0'..=b'9' => ascii.wrapping_sub(b'0') as u32 + 26,
            _ => {
                let mut rest: &[u8] = SIGNS;
                let mut bit = 36;
                while let [sign, others @ ..] = rest {
                    if *sign == ascii {
                        break;
                    }
                    rest = others;
                    bit += 1;
                }
                bit
            }
        };
        Self(1 << bit)
    }

    /// What an ASCII character may be taken for.
    pub(crate) fn of_ascii(c: char) -> Self {
        u8::try_from(c).ok().and_then(|ascii| ASCII.get(usize::from(ascii))).copied().unwrap_or(Self(0))
    }

    /// Any of these ASCII characters.
    pub(crate) const fn any(mut signs: &[u8]) -> Self {
        let mut any = Self(0);
        while let [sign, others @ ..] = signs {
            any = any.or(Self::of(*sign));
            signs = others;
        }
        any
    }

    /// Whether it may be taken for one of these.
    pub(crate) const fn may_be(self, other: Self) -> bool {
        self.0 & other.0 & !(PASSABLE | UNSEEN | CAPITAL) != 0
    }

    /// Whether a reader may pass over it within a tag.
    pub(crate) const fn is_passable(self) -> bool {
        self.0 & PASSABLE != 0
    }

    /// Whether it shows nothing of its own.
    pub(crate) const fn is_unseen(self) -> bool {
        self.0 & UNSEEN != 0
    }

    /// As a reader takes it who sees nothing there.
    pub(crate) const fn unseen(self) -> Self {
        if self.is_unseen() { Self(PASSABLE | UNSEEN) } else { self }
    }

    /// As a reader takes it who can spell what others do not see.
    pub(crate) const fn spelled(self) -> Self {
        if self.is_alphanumeric() || self.may_be(Self::of(b'<')) {
            Self(self.0 & !UNSEEN & !PASSABLE)
        } else {
            self
        }
    }

    /// Whether it may be a letter or a digit.
    pub(crate) const fn is_alphanumeric(self) -> bool {
        self.0 & ((1 << 36) - 1) != 0
    }

    /// Whether it is an ASCII capital.
    pub(crate) const fn is_capital(self) -> bool {
        self.0 & CAPITAL != 0
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Calls for each sign that the character stands for, in order: most stand for one, a ligature for several.
pub(crate) fn for_each_glyph(c: char, mut each: impl FnMut(Glyph)) {
    if c.is_ascii() {
        return each(Glyph::of_ascii(c));
    }
    // Tags spell ASCII for a reader who knows them, and nothing for everybody else.
    if let ('\u{e0020}'..='\u{e007e}', Some(ascii)) = (c, char::from_u32(c as u32 & 0x7f)) {
        return each(Glyph::of_ascii(ascii).or(Glyph(PASSABLE | UNSEEN)));
    }
    if is_invisible(c) || c.is_control() {
        return each(Glyph(PASSABLE | UNSEEN));
    }
    let whole = alike(c);
    if let '\u{fb50}'..='\u{fdff}' = c {
        // Arabic ligatures of up to eighteen letters, none of which spells anything of ours.
        return each(whole);
    }
    decompose_compatible(c, |part| {
        let glyph = of_part(part);
        if glyph.is_unseen() || !part.is_lowercase() {
            return each(if glyph.is_unseen() { glyph } else { glyph.or(whole) });
        }
        let mut capitals = part.to_uppercase();
        match (capitals.next(), capitals.next()) {
            // One small letter may be several capitals: sharp s.
            (Some(first), Some(second)) => {
                [first, second].into_iter().chain(capitals).for_each(|c| each(of_part(c).or(whole)));
            }
            _ => each(glyph.or(whole)),
        }
    });
}

/// Whether the character may be taken for a less-than sign: the same as reading it, but quick.
pub(crate) fn is_opening(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => c == '<',
        '\u{226e}' | '\u{fe3d}' | '\u{fe3f}' | '\u{fe64}' | '\u{ff1c}' | '\u{e003c}' => true,
        _ => sign_alike(c).may_be(Glyph::of(b'<')),
    }
}

/// The glyph of a character that has no compatibility form.
fn of_part(c: char) -> Glyph {
    if c.is_ascii() {
        return Glyph::of_ascii(c);
    }
    if is_combining_mark(c) || is_invisible(c) || c.is_control() {
        return Glyph(PASSABLE | UNSEEN);
    }
    let mut glyph = alike(c);
    // The other case of a look-alike may look like something else: capital eta is an H, its small letter an n.
    if c.is_lowercase() || c.is_uppercase() {
        let cases = c.to_lowercase().chain(c.to_uppercase());
        glyph =
            cases.fold(glyph, |glyph, c| glyph.or(if c.is_ascii() { Glyph::of_ascii(c) } else { alike(c) }));
    }
    if c.is_whitespace() {
        glyph = glyph.or(Glyph::of(b' '));
    }
    if c.is_whitespace() || is_dash(c) || is_passed_over(c) || glyph.may_be(Glyph::of(b'/')) {
        glyph = glyph.or(Glyph(PASSABLE));
    }
    glyph
}

/// The glyphs of ASCII.
const ASCII: [Glyph; 128] = ascii_glyphs();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn ascii_glyphs() -> [Glyph; 128] {
    let mut glyphs = [Glyph(0); 128];
    let mut ascii = 0;
    while ascii < glyphs.len() {
        glyphs[ascii] = ascii_glyph(ascii as u8);
        ascii += 1;
    }
    glyphs
}

const fn ascii_glyph(ascii: u8) -> Glyph {
    let own = match ascii {
        b'\t' | 0x0b | 0x0c => Glyph::of(b' '),
        b'\r' | b'\n' => Glyph::of(b'\n'),
        0..0x20 | 0x7f => Glyph(UNSEEN),
        b'A'..=b'Z' => Glyph::of(ascii).or(Glyph(CAPITAL)),
        _ => Glyph::of(ascii),
    };
    let alike = match ascii {
        b'0' => Glyph::of(b'o'),
        b'1' | b'|' | b'!' | b'l' | b'L' => Glyph::of(b'i').or(Glyph::of(b'l')),
        b'i' | b'I' => Glyph::of(b'l'),
        b'7' => Glyph::of(b't'),
        b'3' => Glyph::of(b'e'),
        b'4' | b'@' => Glyph::of(b'a'),
        b'5' | b'$' => Glyph::of(b's'),
        b'9' => Glyph::of(b'g'),
        b'+' => Glyph::of(b't'),
        b'(' => Glyph::of(b'c'),
        _ => Glyph(0),
    };
    let passable = matches!(ascii, 0..=b' ' | 0x7f | b'/' | b'\\' | b'-' | b'_');
    own.or(alike).or(Glyph(if passable { PASSABLE } else { 0 }))
}

/// What a character looks like, as it stands.
fn alike(c: char) -> Glyph {
    let letter = find(&CONFUSABLES, c);
    // What looks like an l looks like an i, a 1 and a bar.
    let letter = if letter.may_be(Glyph::of(b'l')) { letter.or(Glyph::of(b'i')) } else { letter };
    letter.or(sign_alike(c))
}

fn sign_alike(c: char) -> Glyph {
    find(&SIGNS_ALIKE, c)
}

fn find(table: &[(char, u8)], c: char) -> Glyph {
    let at = table.binary_search_by_key(&c, |&(alike, _)| alike);
    at.ok().and_then(|at| table.get(at)).map_or(Glyph(0), |&(_, ascii)| Glyph::of(ascii))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn reads_as(text: &str, ascii: &str) -> bool {
        let mut glyphs = Vec::new();
        text.chars().for_each(|c| for_each_glyph(c, |glyph| glyphs.push(glyph)));
        glyphs.retain(|glyph| !glyph.is_unseen());
        glyphs.len() == ascii.len()
            && glyphs.iter().zip(ascii.bytes()).all(|(glyph, ascii)| glyph.may_be(Glyph::of(ascii)))
    }

    #[test]
    fn tables_are_in_order() {
        assert!(SIGNS_ALIKE.is_sorted_by(|a, b| a.0 < b.0));
        assert!(CONFUSABLES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn opening_characters_are_those_that_read_as_less_than_signs() {
        for c in '\0'..=char::MAX {
            let mut opens = false;
            for_each_glyph(c, |glyph| opens |= glyph.may_be(Glyph::of(b'<')));
            assert_eq!(opens, is_opening(c), "{c:?}");
        }
    }

    #[test]
    fn every_look_alike_reads_as_its_letter_or_sign() {
        for (c, ascii) in CONFUSABLES.into_iter().chain(SIGNS_ALIKE) {
            let mut reads = false;
            // A mark is passed over instead.
            for_each_glyph(c, |glyph| reads |= glyph.may_be(Glyph::of(ascii)) || glyph.is_unseen());
            assert!(reads, "{c:?} does not read as {}", char::from(ascii));
        }
    }

    #[test]
    fn case_width_accents_and_look_alikes_are_folded() {
        for text in [
            "external",
            "EXTERNAL",
            "ｅｘｔｅｒｎａｌ",
            "éxtêrnàl",
            "ехtеrnаl",
            "𝖊𝖝𝖙𝖊𝖗𝖓𝖆𝖑",
            "ⓔⓧⓣⓔⓡⓝⓐⓛ",
            "ᴇxᴛᴇʀɴᴀʟ",
            "exterηal",
        ] {
            assert!(reads_as(text, "external"), "{text}");
        }
        assert!(reads_as("meßage", "message"));
        assert!(reads_as("exter\u{200b}n\u{e0041}al", "external"));
        assert!(reads_as("＜｜", "<|"));
        assert!(!reads_as("internal", "external"));
    }
}
