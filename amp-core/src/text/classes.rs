//! Sets of characters, as data (trust, wrapping).

/// Ranges of characters, ascending; both ends belong to them.
type Ranges = [(char, char)];

fn contains(ranges: &Ranges, c: char) -> bool {
    ranges
        .binary_search_by(|&(first, last)| {
            if last < c {
                core::cmp::Ordering::Less
            } else if first > c {
                core::cmp::Ordering::Greater
            } else {
                core::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

/// Characters without a glyph of their own: Unicode's Default_Ignorable_Code_Point, the other format characters that
/// draw nothing, annotation marks and noncharacters.
const INVISIBLE: [(char, char); 29] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{13430}', '\u{13438}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{1fffe}', '\u{1ffff}'),
    ('\u{2fffe}', '\u{2ffff}'),
    ('\u{3fffe}', '\u{3ffff}'),
    ('\u{4fffe}', '\u{4ffff}'),
    ('\u{5fffe}', '\u{5ffff}'),
    ('\u{6fffe}', '\u{6ffff}'),
    ('\u{7fffe}', '\u{7ffff}'),
    ('\u{8fffe}', '\u{8ffff}'),
    ('\u{9fffe}', '\u{9ffff}'),
    // Tags and variation selectors, and the rest of their plane, which is reserved for their like.
    ('\u{e0000}', '\u{e0fff}'),
];

/// Format characters that do draw something, and blank cells: a reader may still pass over them.
const PASSED_OVER: [(char, char); 8] = [
    ('\u{600}', '\u{605}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{fffc}', '\u{fffd}'),
    ('\u{110bd}', '\u{110cd}'),
];

/// What serves as a dash.
const DASHES: [(char, char); 22] = [
    ('\u{af}', '\u{af}'),
    ('\u{2d7}', '\u{2d7}'),
    ('\u{58a}', '\u{58a}'),
    ('\u{5be}', '\u{5be}'),
    ('\u{1173}', '\u{1173}'),
    ('\u{1400}', '\u{1400}'),
    ('\u{1806}', '\u{1806}'),
    ('\u{2010}', '\u{2015}'),
    ('\u{203f}', '\u{203f}'),
    ('\u{2043}', '\u{2043}'),
    ('\u{2053}', '\u{2053}'),
    ('\u{207b}', '\u{207b}'),
    ('\u{208b}', '\u{208b}'),
    ('\u{2212}', '\u{2212}'),
    ('\u{2500}', '\u{2501}'),
    ('\u{2581}', '\u{2581}'),
    ('\u{2796}', '\u{2796}'),
    ('\u{2cba}', '\u{2cba}'),
    ('\u{2e3a}', '\u{2e40}'),
    ('\u{301c}', '\u{301c}'),
    ('\u{3030}', '\u{3030}'),
    ('\u{30fc}', '\u{30fc}'),
];

/// Pictures that may be followed by a variation selector or joined to one another.
const PICTURES: [(char, char); 14] = [
    ('\u{a9}', '\u{a9}'),
    ('\u{ae}', '\u{ae}'),
    ('\u{203c}', '\u{203c}'),
    ('\u{2049}', '\u{2049}'),
    ('\u{2122}', '\u{2122}'),
    ('\u{2139}', '\u{2139}'),
    ('\u{2190}', '\u{21ff}'),
    ('\u{2300}', '\u{23ff}'),
    ('\u{24c2}', '\u{24c2}'),
    ('\u{25a0}', '\u{27bf}'),
    ('\u{2934}', '\u{2935}'),
    ('\u{2b00}', '\u{2bff}'),
    ('\u{3297}', '\u{3299}'),
    ('\u{1f000}', '\u{1faff}'),
];

/// Scripts whose spelling needs the joiners: Arabic, Syriac and their neighbours, those of India, Khmer, Mongolian.
const JOINING: [(char, char); 8] = [
    ('\u{620}', '\u{669}'),
    ('\u{66e}', '\u{6dc}'),
    ('\u{6de}', '\u{6ff}'),
    ('\u{710}', '\u{88f}'),
    ('\u{898}', '\u{8e1}'),
    ('\u{8e3}', '\u{e00}'),
    ('\u{1000}', '\u{109f}'),
    ('\u{1780}', '\u{17b3}'),
];

/// Strongly right-to-left scripts.
const RIGHT_TO_LEFT: [(char, char); 5] = [
    ('\u{590}', '\u{8ff}'),
    ('\u{fb1d}', '\u{fdff}'),
    ('\u{fe70}', '\u{fefc}'),
    ('\u{10800}', '\u{10fff}'),
    ('\u{1e800}', '\u{1efff}'),
];

/// Whether nothing shows where the character stands; controls are not among these.
pub(crate) fn is_invisible(c: char) -> bool {
    c >= '\u{ad}' && (contains(&INVISIBLE, c) || (c >= '\u{afffe}' && (c as u32 & 0xffff) >= 0xfffe))
}

/// Whether a reader may pass over the character though it shows something.
pub(super) fn is_passed_over(c: char) -> bool {
    contains(&PASSED_OVER, c)
}

/// Whether the character serves as a dash.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '_') || contains(&DASHES, c)
}

/// Whether the character is a picture.
pub(super) fn is_picture(c: char) -> bool {
    c >= '\u{a9}' && contains(&PICTURES, c)
}

/// Whether the character belongs to a script that needs the joiners.
pub(super) fn is_of_joining_script(c: char) -> bool {
    contains(&JOINING, c)
}

/// Whether the character turns its line around.
pub(crate) fn is_right_to_left(c: char) -> bool {
    c >= '\u{590}' && contains(&RIGHT_TO_LEFT, c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_in_order() {
        for set in [&INVISIBLE[..], &PASSED_OVER, &DASHES, &PICTURES, &JOINING, &RIGHT_TO_LEFT] {
            assert!(set.iter().all(|(first, last)| first <= last));
            assert!(set.windows(2).all(|pair| pair[0].1 < pair[1].0), "{set:?}");
        }
    }
}
