//! A reader of the wrapper that shares nothing with the library: it folds the whole text, then looks for tags.

use unicode_normalization::UnicodeNormalization;

/// How many opening and closing tags of the wrapper's family a reader finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) opening: usize,
    pub(crate) closing: usize,
}

/// One opening tag and one closing tag, in the first and the last line.
pub(crate) const ONE: Tags = Tags { opening: 1, closing: 1 };

/// What each kind of reader finds: with compatibility forms composed or taken apart, before or after case is folded,
/// tags of Unicode ignored or read as ASCII, and with or without the escapes of a prompt.
pub(crate) fn tags(text: &str) -> Vec<Tags> {
    let mut texts = vec![text.to_owned(), without_escapes(text)];
    texts.extend(texts.clone().iter().map(|text| text.chars().map(tag_as_ascii).collect::<String>()));
    texts.sort();
    texts.dedup();
    let mut found = Vec::new();
    for text in texts {
        let composed: String = text.nfkc().collect();
        let apart: String = text.nfkd().collect();
        let cased: String = text.to_uppercase().to_lowercase().nfkc().collect();
        found.extend([composed, apart, cased].iter().map(|text| count(&folded(text))));
    }
    found
}

/// Panics unless every reader finds the one opening tag at the beginning and the one closing tag at the end.
pub(crate) fn assert_sealed(wrapped: &str) {
    for found in tags(wrapped) {
        assert_eq!(found, ONE, "{wrapped:?}");
    }
    let (first, last) = (wrapped.lines().next().unwrap(), wrapped.rsplit('\n').next().unwrap());
    assert!(first.starts_with("<external-content source=\"") && first.ends_with("\">"), "{first:?}");
    assert_eq!(last, "</external-content>");
}

fn count(folded: &str) -> Tags {
    let family = ["external-content", "externalcontent", "agent-message", "agentmessage"];
    let of =
        |before: &str| family.iter().map(|name| folded.matches(&format!("{before}{name}")).count()).sum();
    Tags { opening: of("<"), closing: of("</") }
}

/// Lower case, look-alikes as ASCII, one kind of dash, and nothing that is blank or invisible.
fn folded(text: &str) -> String {
    let seen = text.chars().filter(|&c| !c.is_whitespace() && !c.is_control() && !is_ignored(c));
    let lower: String = seen.flat_map(char::to_lowercase).map(look_alike).collect();
    lower.replace('_', "-").replace("--", "-").replace("rn", "m").replace("extemal", "external")
}

fn is_ignored(c: char) -> bool {
    matches!(c as u32,
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e
        | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1d173..=0x1d17a
        | 0x300..=0x36f | 0x483..=0x489 | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xe0000..=0xe0fff)
}

fn look_alike(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' | 'ᴀ' => 'a',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'е' | 'є' | 'ε' | 'ᴇ' => 'e',
        'ɡ' => 'g',
        'ӏ' | 'ι' | '1' | 'ǀ' => 'l',
        'м' | 'ᴍ' => 'm',
        'η' | 'ո' | 'ɴ' => 'n',
        'о' | 'ο' | '0' | 'ᴏ' => 'o',
        'г' | 'ʀ' => 'r',
        'ѕ' => 's',
        'т' | 'τ' | 'ᴛ' => 't',
        'х' | 'χ' => 'x',
        '‹' | '〈' | '⟨' | '❮' | '˂' => '<',
        '∕' | '⁄' | '⧸' | '╱' => '/',
        '‐'..='―' | '−' | '⁃' | '﹣' => '-',
        c => c,
    }
}

fn tag_as_ascii(c: char) -> char {
    match c as u32 {
        code @ 0xe0020..=0xe007e => char::from_u32(code - 0xe0000).unwrap(),
        _ => c,
    }
}

/// The text without `\u{...}`.
pub(crate) fn without_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\u{") {
        out.push_str(before);
        match after.split_once('}') {
            Some((digits, behind))
                if (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                rest = behind;
            }
            _ => {
                out.push_str("\\u{");
                rest = after;
            }
        }
    }
    out + rest
}
