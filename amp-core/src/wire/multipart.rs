//! `multipart/form-data` (RFC 7578), as the direct upload of an attachment uses it (attachments, sending).
//!
//! The reader is strict: what two programs could take apart differently is refused. No preamble, no epilogue, no
//! second meaning for a name, no encodings.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Most parts of a form.
const PARTS_MAX: usize = 8;
/// Longest head of a part, in bytes.
const HEAD_MAX_BYTES: usize = 2_048;
/// Longest boundary (RFC 2046).
const BOUNDARY_MAX: usize = 70;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    /// As the sender wrote it between the quotes.
    pub(super) filename: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// The header value that announces a form.
pub(super) fn content_type(boundary: &str) -> String {
    format!("multipart/form-data; boundary={boundary}")
}

/// What stands before the content of a part; `after_content` says whether another part ends here.
pub(super) fn head_of(
    boundary: &str,
    name: &str,
    filename: Option<&str>,
    content_type: &str,
    place: Place,
) -> String {
    let line_break = match place {
        Place::First => "",
        Place::Later => "\r\n",
    };
    let filename = filename.map(|filename| format!("; filename=\"{filename}\"")).unwrap_or_default();
    format!(
        "{line_break}--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\
         Content-Type: {content_type}\r\n\r\n"
    )
}

/// Where a part stands in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Later,
}

/// What stands after the last part.
pub(super) fn end(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

/// Why a form is not read: a sentence for people.
pub(super) type Rule = &'static str;

/// Takes a form apart.
pub(super) fn read<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, Rule> {
    let boundary = boundary_of(content_type)?;
    let mut delimiter = Vec::with_capacity(boundary.len().saturating_add(4));
    delimiter.extend_from_slice(b"\r\n--");
    delimiter.extend_from_slice(boundary.as_bytes());
    let first = delimiter.strip_prefix(b"\r\n").unwrap_or_default();
    let mut rest = body.strip_prefix(first).ok_or("a form begins with its boundary")?;
    let mut parts: Vec<Part<'a>> = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"--") {
            let is_end = after.is_empty() || after == b"\r\n";
            return if is_end { Ok(parts) } else { Err("nothing follows the last boundary") };
        }
        let inner = rest.strip_prefix(b"\r\n").ok_or("a boundary fills its line")?;
        let (part, after) = part_of(inner, &delimiter)?;
        if parts.iter().any(|other| other.name == part.name) {
            return Err("a form names a part once");
        }
        if parts.len() >= PARTS_MAX {
            return Err("a form has at most 8 parts");
        }
        parts.push(part);
        rest = after;
    }
}

/// The boundary that a header value states.
fn boundary_of(content_type: &str) -> Result<&str, Rule> {
    let rule = "the content type is multipart/form-data with one boundary of 1 to 70 characters";
    let (kind, parameters) = content_type.split_once(';').ok_or(rule)?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(rule);
    }
    let mut found = None;
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').ok_or(rule)?;
        if !name.trim().eq_ignore_ascii_case("boundary") {
            continue;
        }
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if found.replace(unquoted).is_some() {
            return Err(rule);
        }
    }
    let fits = |text: &&str| {
        (1..=BOUNDARY_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte))
    };
    found.filter(fits).ok_or(rule)
}

/// The part that begins here, and what follows its delimiter.
fn part_of<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Result<(Part<'a>, &'a [u8]), Rule> {
    let (head, content) =
        split_at(bytes, b"\r\n\r\n", HEAD_MAX_BYTES).ok_or("a part has a head of at most 2,048 bytes")?;
    let (body, after) = split_at(content, delimiter, usize::MAX).ok_or("a form ends with its boundary")?;
    let head = core::str::from_utf8(head).map_err(|_| "the head of a part is UTF-8")?;
    let mut part = Part { name: "", filename: None, content_type: None, body };
    let mut disposition = None;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or("a line of a head is a name, a colon and a value")?;
        if value.contains(['\r', '\n', '\0']) {
            return Err("a line of a head holds no control");
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-disposition") {
            if disposition.replace(value).is_some() {
                return Err("a part has one Content-Disposition");
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            if part.content_type.replace(value).is_some() {
                return Err("a part has at most one Content-Type");
            }
        } else if name.eq_ignore_ascii_case("content-transfer-encoding")
            && !["binary", "8bit", "7bit"].iter().any(|plain| value.eq_ignore_ascii_case(plain))
        {
            return Err("the content of a part is not encoded");
        }
    }
    (part.name, part.filename) = disposition.and_then(named).ok_or("a part is form-data with one name")?;
    Ok((part, after))
}

/// The name and file name of `form-data; name="…"; filename="…"`.
fn named(disposition: &str) -> Option<(&str, Option<&str>)> {
    let mut rest = disposition.strip_prefix("form-data")?;
    let (mut name, mut filename) = (None, None);
    while !rest.is_empty() {
        let parameter = rest.strip_prefix(';')?.trim_start_matches(' ');
        let (key, quoted) = parameter.split_once("=\"")?;
        let (value, after) = quoted.split_once('"')?;
        // A backslash escapes for some readers and stands for itself for others.
        if value.chars().any(|c| c.is_control() || c == '\\') {
            return None;
        }
        let slot = match key {
            "name" => &mut name,
            "filename" => &mut filename,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
        rest = after;
    }
    name.map(|name| (name, filename))
}

/// Splits at the first `mark`, which must begin within the first `within` bytes.
fn split_at<'a>(bytes: &'a [u8], mark: &[u8], within: usize) -> Option<(&'a [u8], &'a [u8])> {
    let first = mark.first()?;
    let mut at = 0_usize;
    loop {
        let tail = bytes.get(at..)?;
        at = at.checked_add(tail.iter().position(|byte| byte == first)?)?;
        if at > within {
            return None;
        }
        let (before, from) = bytes.split_at_checked(at)?;
        if let Some(after) = from.strip_prefix(mark) {
            return Some((before, after));
        }
        at = at.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=----AMP";

    fn refused(body: &str) -> Rule {
        read(TYPE, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read() {
        let boundary = "----AMP";
        let mut body = head_of(boundary, "metadata", None, "application/json", Place::First);
        body.push_str("{}");
        body.push_str(&head_of(boundary, "file", Some("a.log"), "text/plain", Place::Later));
        body.push_str("line\r\n--not the boundary\r\n");
        body.push_str(&end(boundary));
        let parts = read(&content_type(boundary), body.as_bytes()).unwrap();
        let file = Part {
            name: "file",
            filename: Some("a.log"),
            content_type: Some("text/plain"),
            body: b"line\r\n--not the boundary\r\n",
        };
        let metadata =
            Part { name: "metadata", filename: None, content_type: Some("application/json"), body: b"{}" };
        assert_eq!(parts, vec![metadata, file]);
    }

    #[test]
    fn an_empty_part_is_a_part() {
        let body = "------AMP\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n------AMP--";
        let parts = read(TYPE, body.as_bytes()).unwrap();
        assert_eq!(parts.first().map(|part| part.body), Some(&b""[..]));
    }

    #[test]
    fn a_boundary_is_found_in_its_spellings() {
        for spelling in [
            "Multipart/Form-Data; Boundary=x",
            "multipart/form-data;boundary=\"x\"",
            "multipart/form-data; charset=utf-8; boundary=x",
        ] {
            assert_eq!(boundary_of(spelling), Ok("x"), "{spelling}");
        }
        for spelling in [
            "multipart/mixed; boundary=x",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=x; boundary=y",
            "multipart/form-data; boundary=x y",
            "multipart/form-data; boundary=\"x;y\"",
            "text/plain; boundary=x",
        ] {
            assert!(boundary_of(spelling).is_err(), "{spelling}");
        }
        assert!(boundary_of(&format!("multipart/form-data; boundary={}", "x".repeat(71))).is_err());
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let part = "Content-Disposition: form-data; name=\"a\"\r\n\r\n1";
        for body in [
            String::new(),
            format!("preamble\r\n------AMP\r\n{part}\r\n------AMP--"),
            format!("------AMP\r\n{part}\r\n------AMP--epilogue"),
            format!("------AMP\r\n{part}\r\n------AMP--\r\n\r\n"),
            format!("------AMP\r\n{part}\r\n------AMP \r\n{part}\r\n------AMP--"),
            format!("------AMP\r\n{part}\r\n------AMP\r\n{part}\r\n------AMP--"),
            format!("------AMP\r\n{part}\r\n------AMPLE\r\n------AMP--"),
            format!("------AMP\r\n{part}"),
            format!("------AMP\n{part}\n------AMP--"),
            format!("------AMP\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n{part}\r\n------AMP--"),
            format!("------AMP\r\nContent-Disposition: form-data; name=\"b\"\r\n{part}\r\n------AMP--"),
            format!("------AMP\r\nContent-Transfer-Encoding: base64\r\n{part}\r\n------AMP--"),
            format!("------AMP\r\nX: {}\r\n{part}\r\n------AMP--", "x".repeat(2_048)),
        ] {
            assert!(!refused(&body).is_empty(), "{body}");
        }
    }

    #[test]
    fn a_name_has_one_meaning() {
        for disposition in [
            "form-data",
            "attachment; name=\"a\"",
            "form-data; name=a",
            "form-data; name=\"a\"; name=\"b\"",
            "form-data; filename=\"a\"",
            "form-data; name=\"a\"; filename*=UTF-8''b",
            "form-data; name=\"a\\\"; filename=\"b\"",
            "form-data; name=\"a\"x",
            "form-data; name=\"a\tb\"",
        ] {
            assert_eq!(named(disposition), None, "{disposition}");
        }
        assert_eq!(named("form-data; name=\"a\"; filename=\"b\""), Some(("a", Some("b"))));
    }

    #[test]
    fn a_form_has_at_most_eight_parts() {
        let form = |count: usize| {
            let mut body = String::new();
            for at in 0..count {
                let place = if at == 0 { Place::First } else { Place::Later };
                body.push_str(&head_of("x", &format!("part{at}"), None, "text/plain", place));
            }
            body.push_str(&end("x"));
            body
        };
        assert_eq!(read("multipart/form-data; boundary=x", form(8).as_bytes()).unwrap().len(), 8);
        assert!(read("multipart/form-data; boundary=x", form(9).as_bytes()).is_err());
    }
}
