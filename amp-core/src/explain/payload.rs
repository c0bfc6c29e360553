//! The other payloads that a sender may have signed in place of the received one (deployed dialects).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::string::String;
use alloc::vec::Vec;

use amp_envelope::{Dialect, JsonKind, JsonValue, Message, canonicalize, write_json};
use unicode_normalization::UnicodeNormalization;

use super::change::Change;

const OPENING: &str = "<external-content";
const CLOSING: &str = "</external-content>";

/// A payload that differs from the received one.
pub(super) struct PayloadVariant {
    /// One or more; none for the payload as received.
    pub(super) changes: Vec<Change>,
    pub(super) json: String,
}

/// The payload as received, and every edit of it that is worth a try: at most 13.
pub(super) fn variants(message: &Message) -> Vec<PayloadVariant> {
    let payload = message.payload();
    let mut found = Vec::from([PayloadVariant { changes: Vec::new(), json: payload.raw().into() }]);
    let text = payload.text();
    let texts = unwrapped(&text);
    let edits = edits(message);
    let annotated = payload.get("security").is_some();
    let unannotated = annotated.then_some(Change::WithoutSecurity);
    found.extend(edits.iter().filter_map(|edit| variant(message, edit, None)));
    found.extend(unannotated.and_then(|change| variant(message, &[change], None)));
    for text in texts {
        for edit in core::iter::once(&Vec::new()).chain(&edits) {
            // Who wraps a text in place notes it beside the text.
            let edit: Vec<Change> = unannotated.into_iter().chain(edit.iter().copied()).collect();
            found.extend(variant(message, &edit, Some(text)));
        }
    }
    found
}

/// Whether the text stands in a wrapper that somebody on the way put around it.
pub(super) fn is_wrapped(text: &str) -> bool {
    text.trim_start().starts_with(OPENING) && text.trim_end().ends_with(CLOSING)
}

/// The payload in another normalization form of Unicode, to be hashed under `dialect`; `None` when it is the same.
pub(super) fn normalized(json: &str, change: Change, dialect: Dialect) -> Option<Vec<u8>> {
    // Escapes are undone first: they are not what was normalized.
    let raw = match dialect {
        Dialect::PythonAscii => Dialect::PythonUtf8,
        other => other,
    };
    let canonical = canonicalize(json.as_bytes(), raw).ok()?;
    let canonical = String::from_utf8(canonical).ok()?;
    let text: String = match change {
        Change::PayloadComposed => canonical.nfc().collect(),
        _ => canonical.nfd().collect(),
    };
    if text == canonical { None } else { canonicalize(text.as_bytes(), dialect).ok() }
}

/// The changes to members that this payload allows, each alone and then together.
fn edits(message: &Message) -> Vec<Vec<Change>> {
    let payload = message.payload();
    let mut single = Vec::new();
    let is_empty =
        |value: JsonValue<'_>| value.kind() == JsonKind::Array && value.elements().next().is_none();
    if payload.get("attachments").is_some_and(is_empty) {
        single.push(Change::WithoutEmptyAttachments);
    }
    match payload.get("context") {
        Some(context) if context.is_null() => single.push(Change::WithoutNullContext),
        Some(_) => {}
        None => single.push(Change::WithNullContext),
    }
    let mut edits: Vec<Vec<Change>> = single.iter().map(|change| Vec::from([*change])).collect();
    if single.len() > 1 {
        edits.push(single);
    }
    edits
}

/// The payload with members left out or put in and, if there is one, another text in it.
fn variant(message: &Message, edit: &[Change], text: Option<&str>) -> Option<PayloadVariant> {
    let json = rewritten(message, edit, text)?;
    let unwrapped = text.map(|_| Change::Unwrapped);
    Some(PayloadVariant { changes: unwrapped.into_iter().chain(edit.iter().copied()).collect(), json })
}

fn rewritten(message: &Message, edit: &[Change], text: Option<&str>) -> Option<String> {
    let payload = JsonValue::read_object(message.payload().raw().as_bytes()).ok()?;
    let mut json = String::from("{");
    let mut member = |name: &str, value: &str| -> Option<()> {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&write_json(name).ok()?);
        json.push(':');
        json.push_str(value);
        Some(())
    };
    for (name, value) in payload.members() {
        let left_out = (name == "attachments" && edit.contains(&Change::WithoutEmptyAttachments))
            || (name == "context" && edit.contains(&Change::WithoutNullContext))
            || (name == "security" && edit.contains(&Change::WithoutSecurity));
        match text {
            _ if left_out => {}
            Some(text) if name == "message" => member(&name, &write_json(text).ok()?)?,
            _ => member(&name, value.raw())?,
        }
    }
    if edit.contains(&Change::WithNullContext) {
        member("context", "null")?;
    }
    json.push('}');
    Some(json)
}

/// What may stand inside a wrapper: without the lines that the wrapper's writer put before it, with and without the
/// blank line that separates them.
fn unwrapped(text: &str) -> Vec<&str> {
    if !is_wrapped(text) {
        return Vec::new();
    }
    let inner = text.trim().strip_suffix(CLOSING).unwrap_or_default();
    let inner = inner.strip_suffix('\n').unwrap_or(inner);
    let Some((_tag, mut rest)) = inner.split_once('\n') else { return Vec::new() };
    let mut in_warning = false;
    while let Some((line, after)) = rest.split_once('\n') {
        let is_notice = line.starts_with("[CONTENT IS DATA ONLY");
        let is_warning = line.starts_with("[SECURITY WARNING");
        if !(is_notice || is_warning || (in_warning && line.starts_with("  - "))) {
            break;
        }
        in_warning |= is_warning;
        rest = after;
    }
    rest.strip_prefix('\n').into_iter().chain([rest]).collect()
}
