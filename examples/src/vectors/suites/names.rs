//! The suites id, filename and thread.

use std::path::{Component, Path};

use amp_core::{
    AttachmentId, IdempotencyKey, MessageId, Profile, QuarantineId, ThreadEntry, ThreadView, safe_filename,
};
use serde_json::Value;

use super::{Input, Outcome, Refusal, output};

pub(super) fn id(input: Input<'_>) -> Outcome {
    let (text, profile) = (input.text("text")?, input.profile()?);
    let judged = match input.text("kind")? {
        "message" => MessageId::validate(text, profile),
        "attachment" => AttachmentId::validate(text, profile),
        "quarantine" => QuarantineId::validate(text, profile),
        "idempotency" => IdempotencyKey::validate(text, profile),
        _ => return Err(Refusal::of("invalid_field", "kind")),
    };
    Ok(output([("valid", judged.is_ok().into())]))
}

pub(super) fn filename(input: Input<'_>) -> Outcome {
    let name = safe_filename(input.text("text")?);
    let name = name.map_err(|error| Refusal::of(error.code().as_str(), "text"))?;
    Ok(output([("inside", stays_inside(name.as_str()).into()), ("safe", name.as_str().into())]))
}

/// Whether the name, joined to a directory, is a file right inside it, on any system.
fn stays_inside(name: &str) -> bool {
    let directory = Path::new("downloads");
    let joined = directory.join(name);
    // An absolute name would replace the directory when joined to it.
    let Ok(rest) = joined.strip_prefix(directory) else { return false };
    let mut components = rest.components();
    let is_file = matches!(components.next(), Some(Component::Normal(_))) && components.next().is_none();
    is_file && !name.contains(['/', '\\', ':', '\0'])
}

pub(super) fn thread(input: Input<'_>) -> Outcome {
    let messages = input.list("messages")?.ok_or_else(|| Refusal::of("missing_field", "messages"))?;
    let entries = messages.iter().map(|message| entry(Input(message))).collect::<Result<Vec<_>, _>>()?;
    let view = ThreadView::build(entries);
    Ok(output([("roots", texts(view.roots())), ("order", texts(view.order()))]))
}

fn entry(message: Input<'_>) -> Result<ThreadEntry, Refusal> {
    let id = |text: &str, field| {
        MessageId::parse_with(text, Profile::Deployed)
            .map_err(|error| Refusal::of(error.code().as_str(), field))
    };
    let timestamp = message.text("timestamp")?.parse();
    // A deployed program writes an empty text where it answers nothing.
    let parent = message.optional_text("in_reply_to")?.filter(|parent| !parent.is_empty());
    Ok(ThreadEntry::new(
        id(message.text("id")?, "id")?,
        parent.map(|parent| id(parent, "in_reply_to")).transpose()?,
        timestamp.map_err(|_| Refusal::of("invalid_field", "timestamp"))?,
    ))
}

fn texts<'a>(ids: impl Iterator<Item = &'a MessageId>) -> Value {
    ids.map(MessageId::as_str).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::stays_inside;

    #[test]
    fn a_name_that_leaves_the_directory_is_noticed() {
        for name in ["..", ".", "", "/etc/passwd", "a/b", "../a", "a/../../b", "c:x", "a\\b", "..\\b"] {
            assert!(!stays_inside(name), "{name}");
        }
        assert!(stays_inside("puma.log") && stays_inside("..a"));
    }
}
