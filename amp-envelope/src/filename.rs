//! Attachment names made safe for a disk (topic: attachments, names).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::error::ErrorCode;
use crate::limits::FILENAME_MAX_BYTES;

const UNNAMED: &str = "unnamed_file";

/// A file name that stays inside any directory it is joined to, on every common file system.
///
/// One path component of 1 to 255 letters, digits, `.`, `_` and `-`; neither first nor last is a dot, and it is not the
/// name of a Windows device. Comes only from [`safe_filename`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeFilename(Box<str>);

impl SafeFilename {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text cannot be made a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FilenameError {
    /// Holds `%2f`, `%5c` or `%00`: a separator or NUL that somebody meant to smuggle past this check.
    #[error("file name holds a percent-encoded separator or NUL")]
    EncodedSeparator,
}

impl FilenameError {
    /// The protocol's code: `invalid_field`.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::InvalidField
    }
}

/// Makes any text a name under which a file can be written, or refuses it.
///
/// In this order: percent-encoded separators and NUL are refused; the last path component is taken (`/` and `\` both
/// separate); each character outside `[A-Za-z0-9._-]` becomes `_`; dots at both ends are stripped; the name of a Windows
/// device gets a `_` in front, also when an extension follows; more than 255 bytes are cut from the part before the
/// extension; nothing left is `unnamed_file`.
///
/// Two different texts may give one name: whoever writes the file creates it anew and never over another.
///
/// # Errors
/// [`FilenameError::EncodedSeparator`] for `%2f`, `%5c` or `%00` in either case of the hex digits.
///
/// ```
/// use amp_envelope::safe_filename;
///
/// assert_eq!(safe_filename("../../etc/passwd")?.as_str(), "passwd");
/// assert_eq!(safe_filename("Q3 report.pdf")?.as_str(), "Q3_report.pdf");
/// assert_eq!(safe_filename("con.txt")?.as_str(), "_con.txt");
/// assert!(safe_filename("..%2Fpasswd").is_err());
/// # Ok::<(), amp_envelope::FilenameError>(())
/// ```
pub fn safe_filename(text: &str) -> Result<SafeFilename, FilenameError> {
    if has_encoded_separator(text.as_bytes()) {
        return Err(FilenameError::EncodedSeparator);
    }
    let component = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let replaced: String = component.chars().map(|c| if is_portable(c) { c } else { '_' }).collect();
    // Spaces, which the rule also strips, have become underscores by now.
    let stripped = replaced.trim_matches(['.', ' ']);
    let name = cut(&beside_device_names(stripped));
    // Cutting may leave a device name, as in CONSOLE before a very long extension.
    let name = cut(&beside_device_names(&name));
    Ok(SafeFilename(if name.is_empty() { UNNAMED.into() } else { name.into() }))
}

const fn is_portable(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn has_encoded_separator(text: &[u8]) -> bool {
    text.windows(3).any(|window| {
        matches!(window, [b'%', b'2', b'f' | b'F'] | [b'%', b'5', b'c' | b'C'] | [b'%', b'0', b'0'])
    })
}

/// Whether Windows would open a device under this name. What follows the first dot does not matter to it.
pub(crate) fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    match stem.as_bytes() {
        [_, _, _] => ["con", "prn", "aux", "nul"].into_iter().any(is),
        [port @ .., b'1'..=b'9'] => {
            ["com", "lpt"].into_iter().any(|d| port.eq_ignore_ascii_case(d.as_bytes()))
        }
        _ => false,
    }
}

fn beside_device_names(name: &str) -> String {
    let prefix = if is_device_name(name) { "_" } else { "" };
    [prefix, name].concat()
}

/// At most 255 bytes: the end of the stem goes, the extension stays as long as it leaves room for a stem.
fn cut(name: &str) -> String {
    if name.len() <= FILENAME_MAX_BYTES {
        return name.into();
    }
    let extension_at = name.rfind('.').filter(|at| name.len().saturating_sub(*at) < FILENAME_MAX_BYTES);
    let (stem, extension) = extension_at.and_then(|at| name.split_at_checked(at)).unwrap_or((name, ""));
    let room = FILENAME_MAX_BYTES.saturating_sub(extension.len());
    let stem = stem.get(..room).unwrap_or(stem);
    // Without an extension the cut may fall behind a dot, which must not end a name.
    [stem, extension].concat().trim_end_matches('.').into()
}

impl FromStr for SafeFilename {
    type Err = FilenameError;

    /// As [`safe_filename`].
    fn from_str(text: &str) -> Result<Self, FilenameError> {
        safe_filename(text)
    }
}

impl AsRef<str> for SafeFilename {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeFilename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SafeFilename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SafeFilename").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(text: &str) -> String {
        safe_filename(text).unwrap().as_str().into()
    }

    #[test]
    fn the_rules_steps_are_taken_in_its_order() {
        assert_eq!(safe(" . a.txt . "), "_._a.txt_._");
        assert_eq!(safe("..a.txt.."), "a.txt");
        assert_eq!(safe(".CON."), "_CON");
        assert_eq!(safe("dir/"), UNNAMED);
        assert_eq!(safe("a\0b"), "a_b");
        assert_eq!(safe("a:b"), "a_b");
    }

    #[test]
    fn device_names_are_known_by_what_precedes_the_first_dot() {
        for (text, name) in [
            ("CON.tar.gz", "_CON.tar.gz"),
            ("nul.", "_nul"),
            ("Com9.log", "_Com9.log"),
            ("COM0", "COM0"),
            ("COM\u{b9}", "COM_"),
            ("CONSOLE", "CONSOLE"),
            ("LPT10", "LPT10"),
            ("x.con", "x.con"),
        ] {
            assert_eq!(safe(text), name);
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        assert_eq!(safe(&("a".repeat(300) + ".pdf")), "a".repeat(251) + ".pdf");
        assert_eq!(safe(&"a".repeat(256)), "a".repeat(255));
        assert_eq!(safe(&("COM1.".repeat(60) + "txt")).len(), 255);
    }

    #[test]
    fn an_extension_that_leaves_no_room_is_cut_like_a_stem() {
        let long = ["a.", &"x".repeat(300)].concat();
        assert_eq!(safe(&long), long.get(..255).unwrap());
        assert_eq!(safe(&["a".repeat(254), ".".into(), "x".repeat(300)].concat()), "a".repeat(254));
    }

    #[test]
    fn cutting_does_not_uncover_a_device_name() {
        let name = safe(&["CONSOLE.", &"x".repeat(251)].concat());
        assert_eq!(name, ["_CO.", &"x".repeat(251)].concat());
    }
}
