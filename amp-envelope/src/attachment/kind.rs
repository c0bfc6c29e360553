//! Whether a file begins as the main type says that is declared for it (attachments, checks).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Main types under which a file of one format is declared.
type MainTypes = &'static [&'static str];

const IMAGE: MainTypes = &["image"];
const SOUND: MainTypes = &["audio", "application"];
const MOVING: MainTypes = &["video", "audio", "application"];
const OTHER: MainTypes = &["application"];
const FONT: MainTypes = &["font", "application"];

/// How formats begin, and what they are declared as. Two bytes alone may begin a text, so such formats are left out.
const SIGNATURES: [(&[u8], MainTypes); 31] = [
    (b"\x89PNG\r\n\x1a\n", IMAGE),
    (b"\xff\xd8\xff", IMAGE),
    (b"GIF87a", IMAGE),
    (b"GIF89a", IMAGE),
    (b"II*\0", IMAGE),
    (b"MM\0*", IMAGE),
    (b"8BPS\0\x01", &["image", "application"]),
    (b"\0\0\0\x0cjP  \r\n", IMAGE),
    (b"\0\0\0\x0cJXL \r\n", IMAGE),
    (b"ID3\x02", SOUND),
    (b"ID3\x03", SOUND),
    (b"ID3\x04", SOUND),
    (b"fLaC\0", SOUND),
    (b"MThd\0", SOUND),
    (b"OggS\0", MOVING),
    (b"\x1a\x45\xdf\xa3", MOVING),
    (b"\0\0\x01\xba", MOVING),
    (b"\0\0\x01\xb3", MOVING),
    (b"FLV\x01", MOVING),
    (b"%PDF-", OTHER),
    (b"PK\x03\x04", &["application", "model"]),
    (b"PK\x05\x06", &["application", "model"]),
    (b"\x1f\x8b\x08", OTHER),
    (b"\xfd7zXZ\0", OTHER),
    (b"\x28\xb5\x2f\xfd", OTHER),
    (b"7z\xbc\xaf\x27\x1c", OTHER),
    (b"Rar!\x1a\x07", OTHER),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OTHER),
    (b"SQLite format 3\0", OTHER),
    (b"wOFF", FONT),
    (b"wOF2", FONT),
];

/// The main types in which nothing is written as plain text, but for what is XML.
const NEVER_TEXT: [&str; 4] = ["image", "audio", "video", "font"];

/// Whether the declared main type is one that a file with this beginning may have. Nothing is held against an empty
/// file, a type without a slash, `application/octet-stream`, or a beginning that tells nothing.
pub(super) fn agrees(content_type: &str, head: &[u8]) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((declared, subtype)) = essence.split_once('/') else { return true };
    let is = |name: &str| declared.trim().eq_ignore_ascii_case(name);
    if head.is_empty() || is("application") && subtype.trim().eq_ignore_ascii_case("octet-stream") {
        return true;
    }
    if let Some(main_types) = recognized(head) {
        return main_types.iter().any(|name| is(name));
    }
    if is("text") {
        return has_byte_order_mark(head) || !holds_controls(head);
    }
    let is_xml = subtype.trim().to_ascii_lowercase().ends_with("xml");
    is_xml || !NEVER_TEXT.iter().any(|name| is(name)) || !is_text(head)
}

fn recognized(head: &[u8]) -> Option<MainTypes> {
    let by_signature = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature));
    by_signature.map(|(_, main_types)| *main_types).or_else(|| recognized_by_brand(head))
}

/// Containers whose format stands behind a length.
fn recognized_by_brand(head: &[u8]) -> Option<MainTypes> {
    let (length_or_tag, tag_or_length) = (head.get(..4)?, head.get(4..8)?);
    let brand = head.get(8..12)?;
    match (length_or_tag, tag_or_length, brand) {
        (b"RIFF", _, b"WEBP") => Some(IMAGE),
        (b"RIFF", _, b"WAVE") | (b"FORM", _, b"AIFF" | b"AIFC") => Some(SOUND),
        (b"RIFF", _, b"AVI ") => Some(MOVING),
        (_, b"ftyp", b"avif" | b"avis" | b"heic" | b"heix" | b"mif1" | b"msf1") => Some(IMAGE),
        (_, b"ftyp", _) => Some(MOVING),
        _ => None,
    }
}

/// UTF-16 and UTF-32 hold zero bytes, and are text.
fn has_byte_order_mark(head: &[u8]) -> bool {
    head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.starts_with(b"\0\0\xfe\xff")
}

/// Bytes that stand in no text in an encoding that grew from ASCII.
fn holds_controls(head: &[u8]) -> bool {
    head.iter().any(|byte| matches!(byte, 0..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f))
}

/// UTF-8 without controls; a character may be cut at the end.
fn is_text(head: &[u8]) -> bool {
    let is_utf8 = match core::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !holds_controls(head)
}
