//! A received message held against its original: which field differs (signing).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use amp_envelope::{Dialect, JsonKind, JsonValue, Message, canonicalize};

use super::fields::SignedParts;
use super::show::Shown;

/// The most differences that are listed.
const MAX_DIFFERENCES: usize = 64;

/// The deepest object of a payload whose members are compared one by one.
const MAX_DEPTH: usize = 4;

/// A field in which the received message is not its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    path: String,
    kind: DifferenceKind,
    signed: bool,
}

/// How a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a field is in both texts or in one")]
pub enum DifferenceKind {
    /// It holds something else than in the original.
    Changed,
    /// The original does not have it.
    Added,
    /// Only the original has it.
    Removed,
}

impl Difference {
    /// The field as a dotted path, such as `payload.context.pr`; names from outside are escaped and cut.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How it differs.
    #[must_use]
    pub const fn kind(&self) -> DifferenceKind {
        self.kind
    }

    /// Whether the field is the signature or covered by it. What it does not cover, anyone on the way may change.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.kind {
            DifferenceKind::Changed => "was changed",
            DifferenceKind::Added => "was added",
            DifferenceKind::Removed => "was removed",
        };
        let note = if self.signed { "" } else { ", which no signature covers" };
        write!(f, "{} {verb}{note}", self.path)
    }
}

/// Every field in which two messages differ, the signed ones first.
pub(super) fn compare(received: &Message, original: &Message) -> Vec<Difference> {
    let mut found = Vec::new();
    let (mine, other) = (SignedParts::of(received), SignedParts::of(original));
    for (name, changed) in [
        ("from", mine.from != other.from),
        ("to", mine.to != other.to),
        ("subject", mine.subject != other.subject),
        ("priority", mine.priority != other.priority),
        ("in_reply_to", mine.in_reply_to != other.in_reply_to),
    ] {
        if changed {
            found.push(Difference {
                path: format!("envelope.{name}"),
                kind: DifferenceKind::Changed,
                signed: true,
            });
        }
    }
    let payloads = [received, original].map(|message| message.payload().raw());
    if let [Ok(mine), Ok(other)] = payloads.map(|payload| JsonValue::read_object(payload.as_bytes())) {
        members("payload", mine, other, 1, true, &mut found);
    }
    let (mine, other) = (received.unsigned().envelope(), original.unsigned().envelope());
    members("envelope", mine, other, MAX_DEPTH, false, &mut found);
    found
}

fn members(
    path: &str,
    received: JsonValue<'_>,
    original: JsonValue<'_>,
    depth: usize,
    signed: bool,
    found: &mut Vec<Difference>,
) {
    const SIGNED: [&str; 5] = ["from", "to", "subject", "priority", "in_reply_to"];
    let is_compared = |name: &str| signed || !SIGNED.contains(&name);
    let mut originals: BTreeMap<_, _> = original.members().filter(|(name, _)| is_compared(name)).collect();
    for (name, mine) in received.members().filter(|(name, _)| is_compared(name)) {
        if found.len() >= MAX_DIFFERENCES {
            return;
        }
        let path = format!("{path}.{}", Shown(&name));
        let signed = signed || name == "signature";
        match originals.remove(&name) {
            None => found.push(Difference { path, kind: DifferenceKind::Added, signed }),
            Some(other) if is_same(mine, other) => {}
            Some(other) if depth < MAX_DEPTH && is_object(mine) && is_object(other) => {
                members(&path, mine, other, depth.saturating_add(1), signed, found);
            }
            Some(_) => found.push(Difference { path, kind: DifferenceKind::Changed, signed }),
        }
    }
    let room = MAX_DIFFERENCES.saturating_sub(found.len());
    found.extend(originals.into_keys().take(room).map(|name| Difference {
        path: format!("{path}.{}", Shown(&name)),
        kind: DifferenceKind::Removed,
        signed: signed || name == "signature",
    }));
}

fn is_object(value: JsonValue<'_>) -> bool {
    value.kind() == JsonKind::Object
}

/// Whether two values are one in canonical form; where they have none, whether their texts are.
fn is_same(one: JsonValue<'_>, another: JsonValue<'_>) -> bool {
    let canonical = |value: JsonValue<'_>| {
        let object = format!("{{\"v\":{}}}", value.raw());
        canonicalize(object.as_bytes(), Dialect::Jcs).ok()
    };
    one.raw() == another.raw()
        || matches!((canonical(one), canonical(another)), (Some(one), Some(another)) if one == another)
}
