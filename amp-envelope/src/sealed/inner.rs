//! The inner payload: what may be sealed, read alike by who seals and who opens (sealed messages).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use amp_address::Profile;

use super::file::SealedFile;
use crate::attachment::{Attachment, SealedAttachment};
use crate::error::{ErrorCode, MessageError};
use crate::json::{self, BigIntegers, Index, JsonValue, Keep};
use crate::limits::SEALED_PAYLOAD_MAX_BYTES;
use crate::payload::{self, Payload};

const ATTACHMENTS: &str = "payload.attachments";

/// Reads an inner payload: the strict JSON profile, the checks of every payload, and what may not be inside.
pub(super) fn read(json: &[u8]) -> Result<Payload<'_>, MessageError> {
    let trimmed = json.trim_ascii();
    if trimmed.len() > SEALED_PAYLOAD_MAX_BYTES {
        let rule = "a payload that is sealed has at most 160 KiB of JSON";
        return Err(MessageError::field_of(ErrorCode::TooLarge, "payload", rule));
    }
    let mut index = Index::default();
    let root = json::read(json, Keep::Levels(1), BigIntegers::Refuse, 0, &mut index)?;
    payload::check(json, &index, root, Profile::Spec)?;
    let payload = Payload::new(JsonValue::new(trimmed));
    if payload.is_sealed() {
        return Err(MessageError::invalid("payload.type", "a sealed payload holds no sealed payload"));
    }
    if payload.context_json().is_some_and(|context| context.get("amp").is_some()) {
        let rule = "the freshness block stands outside, where the signature covers it as it is";
        return Err(MessageError::invalid("payload.context.amp", rule));
    }
    Ok(payload)
}

/// The attachments of an inner payload, those with sealed bytes joined with what the outer payload says of them.
///
/// Each object outside belongs to one inside, and the other way round: nothing is shown that was not sealed, and
/// nothing is fetched that the signature does not name.
pub(super) fn attachments(inner: &Payload<'_>, outer: &Payload<'_>) -> Result<Vec<Attachment>, MessageError> {
    let mut outside = Vec::new();
    for object in outer.attachments_json() {
        match Attachment::read(object)? {
            Attachment::Provider(object) => outside.push(Some(object)),
            _ => {
                let rule = "outside a sealed payload stand sealed attachments alone";
                return Err(MessageError::invalid(ATTACHMENTS, rule));
            }
        }
    }
    let mut joined = Vec::new();
    for object in inner.attachments_json() {
        if object.get("sealed").is_none_or(|sealed| sealed.is_null()) {
            match Attachment::read(object)? {
                Attachment::Afp(attachment) => joined.push(Attachment::Afp(attachment)),
                _ => {
                    let rule = "inside a sealed payload, an attachment at a provider is sealed";
                    return Err(MessageError::invalid(ATTACHMENTS, rule));
                }
            }
            continue;
        }
        let (id, file) = SealedFile::read(object)?;
        let mut same = outside
            .iter_mut()
            .filter(|slot| slot.as_ref().and_then(|object| object.id()).is_some_and(|outer| *outer == id));
        let (Some(slot), None) = (same.next(), same.next()) else {
            let rule = "a sealed attachment has one object of its id outside";
            return Err(MessageError::invalid(ATTACHMENTS, rule));
        };
        if let Some(object) = slot.take() {
            joined.push(Attachment::Sealed(SealedAttachment::join(file, object)?));
        }
    }
    if outside.iter().any(Option::is_some) {
        let rule = "an attachment outside has one object of its id inside";
        return Err(MessageError::invalid(ATTACHMENTS, rule));
    }
    Ok(joined)
}
