//! One spelling for every way to write a character (guardrails, normalization).
//!
//! Compatibility forms, accents, case and look-alikes fold away, one character at a time; rules and texts go through
//! the same function. Nothing is composed again: both sides stay apart alike.

use unicode_normalization::char::decompose_compatible;

use super::lookalikes::LOOK_ALIKES;

/// What a character folded to says about its writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// It was written as people write.
    Ordinary,
    /// It stands for an ASCII character that it is not.
    LookAlike,
    /// Nothing was there to see.
    Invisible,
}

/// Hands the folded characters of `c` to `emit` (at most 18 of them).
pub(super) fn fold_char(c: char, mut emit: impl FnMut(char)) -> Fold {
    if c.is_ascii() {
        if is_unseen_control(c) {
            return Fold::Invisible;
        }
        emit(c.to_ascii_lowercase());
        return Fold::Ordinary;
    }
    match c {
        // Ideographs and Hangul letters are by far the most characters that fold to themselves.
        '\u{3400}'..='\u{9FFF}' => {
            emit(c);
            return Fold::Ordinary;
        }
        '\u{430}'..='\u{44F}' if !matches!(c, '\u{439}') => {
            emit(look_alike(c).unwrap_or(c));
            return if look_alike(c).is_some() { Fold::LookAlike } else { Fold::Ordinary };
        }
        _ => {}
    }
    if is_invisible(c) {
        return Fold::Invisible;
    }
    if let Some(letters) = ordinary_letter(c) {
        letters.chars().for_each(&mut emit);
        return Fold::Ordinary;
    }
    if !is_cyrillic(c)
        && let Some(ascii) = look_alike(c)
    {
        emit(ascii);
        return Fold::LookAlike;
    }
    let mut fold = Fold::Ordinary;
    let accented = ('\u{C0}'..='\u{24F}').contains(&c) || ('\u{1E00}'..='\u{1EFF}').contains(&c);
    decompose_compatible(c, |piece| {
        if is_accent(piece) {
            return;
        }
        for lower in piece.to_lowercase() {
            if is_accent(lower) || is_invisible(lower) {
                continue;
            }
            match look_alike(lower) {
                Some(ascii) => {
                    fold = Fold::LookAlike;
                    emit(ascii);
                }
                None => {
                    if lower.is_ascii_alphanumeric() && !accented {
                        fold = Fold::LookAlike;
                    }
                    emit(lower);
                }
            }
        }
    });
    fold
}

fn look_alike(c: char) -> Option<char> {
    let at = LOOK_ALIKES.binary_search_by_key(&c, |entry| entry.0).ok()?;
    LOOK_ALIKES.get(at).map(|entry| char::from(entry.1))
}

const fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{52F}')
}

/// Letters of living languages that have no decomposition, but that many write without their stroke or hook.
const fn ordinary_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ł' | 'Ł' => "l",
        'ħ' | 'Ħ' => "h",
        'ŧ' | 'Ŧ' => "t",
        'ı' | 'İ' => "i",
        'þ' | 'Þ' => "th",
        'ς' => "σ",
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2BC}' | '\u{FF07}' => "'",
        '\u{201C}'..='\u{201F}' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => " ",
        '\u{85}' | '\u{2028}' | '\u{2029}' => "\n",
        _ => return None,
    })
}

/// Combining marks that people leave out or put on at will. Vowel signs of Indic scripts are none of them.
const fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5BD}' | '\u{610}'..='\u{61A}'
        | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

const fn is_unseen_control(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{7F}')
}

/// What takes up no place on a screen: default-ignorable characters and controls.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{84}' | '\u{86}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}'
        | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Scripts that are written without spaces: each of their characters is a word of its own.
pub(super) const fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}
