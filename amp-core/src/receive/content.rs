//! The texts of a message that a model could be shown (guardrails, injection scan; trust, what a model sees).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use amp_envelope::{JsonKind, JsonValue, Message, OpenedMessage, Payload, SealedFile};

use super::letter::{Letter, PLACEHOLDER};
use crate::scan::{ScanReport, Scanner};

/// Everything in a message that is text: all of it signed, none of it from the unsigned part of the envelope.
pub(crate) struct Content<'a> {
    pub(super) subject: Cow<'a, str>,
    pub(super) text: Cow<'a, str>,
    /// Names of attachments.
    pub(super) attachments: Vec<Cow<'a, str>>,
    /// Texts and names of members, of the context and of what else the sender put into the payload.
    others: Vec<Cow<'a, str>>,
}

impl<'a> Content<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        Self::of_payload(message.subject(), &message.payload())
    }

    /// The texts of a payload and the subject above it.
    pub(crate) fn of_payload(subject: Cow<'a, str>, payload: &Payload<'a>) -> Self {
        Self::but(Wordless::of(payload), subject, payload)
    }

    fn but(wordless: Wordless, subject: Cow<'a, str>, payload: &Payload<'a>) -> Self {
        let (attachments, others) = parts_of(payload, wordless);
        Self { subject, text: payload.text(), attachments, others }
    }

    /// The texts of a letter: of an opened one those that were inside, and what else its sender wrote outside, where other
    /// programs show it.
    pub(super) fn of_letter(letter: &'a Letter) -> Self {
        match letter {
            Letter::Plain(message) => Self::but(Wordless::Nowhere, message.subject(), &message.payload()),
            Letter::Unopened(message, _) => Self::of(message),
            Letter::Opened(opened) => Self::of_opened(opened),
        }
    }

    /// The texts that were inside alone.
    pub(super) fn inside(opened: &'a OpenedMessage) -> Self {
        Self::but(Wordless::InSealedFiles, Cow::Borrowed(""), &opened.payload())
    }

    fn of_opened(opened: &'a OpenedMessage) -> Self {
        let (inner, outer) = (opened.payload(), opened.verified().payload());
        let (attachments, mut others) = parts_of(&inner, Wordless::InSealedFiles);
        let (names, outside) = parts_of(&outer, Wordless::InSealedContext);
        let names = names.into_iter().filter(|name| name != SealedFile::NEUTRAL_NAME);
        others.extend(names.chain(outside));
        others.extend(Some(outer.text()).filter(|text| text != PLACEHOLDER));
        Self { subject: opened.verified().subject(), text: inner.text(), attachments, others }
    }

    /// The texts one after the other, in the order in which a model reads them, as they are scanned.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let head = self.attachments.iter().chain(&self.others).map(|text| &**text);
        core::iter::once(&*self.subject).chain(head).chain([&*self.text])
    }

    /// The text, and the how-manieth of the parts it is.
    pub(super) fn text_part(&self) -> (usize, &str) {
        let before = self.attachments.len().saturating_add(self.others.len());
        (before.saturating_add(1), &self.text)
    }

    /// What the texts show, read with the context and without it: a host chooses whether a model is shown it.
    pub(crate) fn scan(&self, scanner: &Scanner) -> ScanReport {
        let mut report = scanner.scan_parts(self.parts());
        if !self.others.is_empty() {
            let before = core::iter::once(&*self.subject).chain(self.attachments.iter().map(|name| &**name));
            scanner.scan_after(&tail(before), self.text_part(), false, &mut report);
        }
        report
    }
}

/// Where members stand that were read and hold no words, beside the freshness block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wordless {
    Nowhere,
    /// In the context: the name of a suite, the id of a key and random bytes.
    InSealedContext,
    /// In attachments: the keys of files.
    InSealedFiles,
}

impl Wordless {
    fn of(payload: &Payload<'_>) -> Self {
        let is_read = payload.is_sealed() && payload.sealed().is_ok();
        if is_read { Self::InSealedContext } else { Self::Nowhere }
    }
}

/// The names of attachments, and every other text but that of the payload itself.
fn parts_of<'a>(payload: &Payload<'a>, wordless: Wordless) -> (Vec<Cow<'a, str>>, Vec<Cow<'a, str>>) {
    let mut attachments = Vec::new();
    let mut others = Vec::new();
    for (name, value) in payload.attachments_json().flat_map(|attachment| attachment.members()) {
        match (&*name, value.as_str()) {
            ("filename" | "name", Some(text)) => attachments.push(text),
            ("sealed", _) if wordless == Wordless::InSealedFiles => {
                others_than(value, &["key", "nonce"]).for_each(|member| member_texts(member, &mut others));
            }
            _ => texts(value, &mut others),
        }
    }
    for (name, value) in payload.members() {
        match &*name {
            "type" | "message" | "attachments" => {}
            "context" => {
                context_members(value, wordless).for_each(|member| member_texts(member, &mut others));
            }
            _ => member_texts((name, value), &mut others),
        }
    }
    (attachments, others)
}

/// How much of a message's end is kept for the scan of what comes after it, in bytes: more than a window holds.
const TAIL: usize = 4096;

/// The end of the texts, as lines.
pub(super) fn tail<'p>(parts: impl Iterator<Item = &'p str>) -> String {
    let parts: Vec<&str> = parts.collect();
    let mut lines = Vec::new();
    let mut room = TAIL;
    for part in parts.into_iter().rev() {
        lines.push(end_of(part, room));
        room = room.saturating_sub(part.len());
        if room == 0 {
            break;
        }
    }
    lines.reverse();
    lines.join("\n")
}

/// At most the last `room` bytes of a text, from a character on.
fn end_of(text: &str, room: usize) -> &str {
    let mut from = text.len().saturating_sub(room);
    while !text.is_char_boundary(from) {
        from = from.saturating_add(1);
    }
    text.get(from..).unwrap_or_default()
}

/// The context in lines, as a model is shown it: `name: value`, or `name:` and what is in it. Each name and each value
/// stands once.
pub(super) fn context_lines(payload: &Payload<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(context) = payload.context_json() {
        context_members(context, Wordless::of(payload)).for_each(|member| member_lines(member, &mut lines));
    }
    lines
}

/// The members of the context but those that hold nothing to read.
fn context_members<'a>(
    context: JsonValue<'a>,
    wordless: Wordless,
) -> impl Iterator<Item = (Cow<'a, str>, JsonValue<'a>)> + use<'a> {
    // Deployed programs send contexts that are no objects: those have a value and no name.
    let bare = (context.kind() != JsonKind::Object).then_some((Cow::Borrowed(""), context));
    let sealed = if wordless == Wordless::InSealedContext { context.get("sealed") } else { None };
    let is_shown = move |name: &str| name != "amp" && (name != "sealed" || sealed.is_none());
    let beside = sealed.into_iter().flat_map(|sealed| others_than(sealed, &["ct", "epk", "kid", "suite"]));
    bare.into_iter().chain(context.members().filter(move |(name, _)| is_shown(name))).chain(beside)
}

/// The members of an object but for some.
fn others_than<'a>(
    object: JsonValue<'a>,
    names: &'static [&'static str],
) -> impl Iterator<Item = (Cow<'a, str>, JsonValue<'a>)> + use<'a> {
    object.members().filter(move |(name, _)| !names.contains(&&**name))
}

fn member_texts<'a>((name, value): (Cow<'a, str>, JsonValue<'a>), into: &mut Vec<Cow<'a, str>>) {
    into.push(name);
    texts(value, into);
}

/// The strings and the names of members in a value. Its depth is limited where the message is read.
fn texts<'a>(value: JsonValue<'a>, into: &mut Vec<Cow<'a, str>>) {
    match value.kind() {
        JsonKind::String => into.extend(value.as_str()),
        JsonKind::Array => value.elements().for_each(|element| texts(element, into)),
        JsonKind::Object => value.members().for_each(|member| member_texts(member, into)),
        _ => {}
    }
}

fn member_lines((name, value): (Cow<'_, str>, JsonValue<'_>), into: &mut Vec<String>) {
    match scalar(value) {
        Some(scalar) if name.is_empty() => into.push(scalar.into_owned()),
        Some(scalar) => into.push(format!("{name}: {scalar}")),
        None => {
            into.push(format!("{name}:"));
            lines(value, into);
        }
    }
}

fn lines(value: JsonValue<'_>, into: &mut Vec<String>) {
    value.members().for_each(|member| member_lines(member, into));
    for element in value.elements() {
        match scalar(element) {
            Some(scalar) => into.push(scalar.into_owned()),
            None => lines(element, into),
        }
    }
}

/// The text of a string, a number or a literal.
fn scalar<'a>(value: JsonValue<'a>) -> Option<Cow<'a, str>> {
    match value.kind() {
        JsonKind::Array | JsonKind::Object => None,
        JsonKind::String => value.as_str(),
        _ => Some(Cow::Borrowed(value.raw())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_in_order() {
        assert_eq!(tail(["a", "b", "c"].into_iter()), "a\nb\nc");
        let long = "é".repeat(TAIL);
        let kept = tail(["start", &long, "end"].into_iter());
        assert!(kept.len() <= TAIL + 2 && kept.ends_with("é\nend") && !kept.contains("start"));
    }
}
