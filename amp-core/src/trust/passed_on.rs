//! Wrappers that stand in a text: words of others that were passed on (trust, wrapping).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use super::level::TrustLevel;

const OPENING: &str = "<external-content source=\"";
/// The closing tag, at the beginning of a line.
pub(crate) const CLOSING: &str = "</external-content>";

/// A wrapper as we write it, from its opening tag to its closing one. Who wrote it is not known: its level is a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PassedOn {
    /// Where the opening tag begins.
    pub(crate) opening: usize,
    /// Where the closing tag begins.
    pub(crate) closing: usize,
    pub(crate) level: TrustLevel,
}

/// The wrappers in a text, in order; none within another.
pub(crate) fn passed_on(text: &str) -> Vec<PassedOn> {
    let (mut found, mut open, mut at) = (Vec::new(), None, 0_usize);
    // Most texts hold none.
    if !text.contains(CLOSING) {
        return found;
    }
    for line in text.split_inclusive('\n') {
        match open {
            Some((opening, level)) if line.starts_with(CLOSING) => {
                found.push(PassedOn { opening, closing: at, level });
                open = None;
            }
            None => open = opened(line).map(|(begin, level)| (at.saturating_add(begin), level)),
            Some(_) => {}
        }
        at = at.saturating_add(line.len());
    }
    found
}

/// Where the opening tag begins that a line ends with, and what it claims.
fn opened(line: &str) -> Option<(usize, TrustLevel)> {
    let (begin, _) = line.rmatch_indices(OPENING).next()?;
    let tag = line.get(begin..)?.strip_suffix("\">\n")?.strip_prefix(OPENING)?;
    let (source, tag) = tag.split_once("\" sender=\"")?;
    let (sender, level) = tag.split_once("\" trust=\"")?;
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\'' | '`');
    let level = [TrustLevel::Untrusted, TrustLevel::External, TrustLevel::Verified, TrustLevel::OrgVerified]
        .into_iter()
        .find(|known| known.as_str() == level)?;
    (matches!(source, "agent" | "unknown") && sender.chars().all(is_plain)).then_some((begin, level))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::quoted::Quoted;
    use super::*;

    #[test]
    fn what_we_write_is_found_and_nothing_else() {
        for level in
            [TrustLevel::Untrusted, TrustLevel::External, TrustLevel::Verified, TrustLevel::OrgVerified]
        {
            let quoted = Quoted::new("Hi", level, "eve@x.example.org").to_string();
            let text = format!("See: {quoted}\n\n{quoted} and so on");
            let found = passed_on(&text);
            assert_eq!(found.len(), 2);
            for one in found {
                assert_eq!(one.level, level);
                assert!(text[one.opening..].starts_with(OPENING) && text[one.closing..].starts_with(CLOSING));
            }
        }
        for text in [
            "",
            "</external-content>",
            "<external-content>\nx\n</external-content>",
            "<external-content source=\"agent\" sender=\"a b\" trust=\"external\">\nx\n</external-content>",
            "<external-content source=\"agent\" sender=\"a\" trust=\"full\">\nx\n</external-content>",
            "<external-content source=\"agent\" sender=\"a\" trust=\"external\">\nx",
            "<external-content source=\"agent\" sender=\"a\" trust=\"external\"> x\n</external-content>",
        ] {
            assert_eq!(passed_on(text), [], "{text}");
        }
    }
}
