//! The suites canonical, signing-string, decode and verify.

use std::borrow::Cow;

use amp_core::{
    Address, ErrorCode, Message, MessageError, MessageId, PayloadHash, Priority, Profile, canonicalize,
};
use serde_json::Value;

use super::{Input, Outcome, Refusal, keys, output};

pub(super) fn canonical(input: Input<'_>) -> Outcome {
    let (bytes, dialect) = (input.bytes()?, input.dialect()?);
    // Two recorded cases hold bytes that are not UTF-8, with the text that the recorded programs made of them: each
    // reads such bytes as U+FFFD. What is recorded is about that text, so it is read here in the same way. The
    // library itself refuses such bytes (`invalid_utf8`), or two different byte sequences would share a signature.
    let text = String::from_utf8_lossy(&bytes);
    let canonical = canonicalize(text.as_bytes(), dialect).map_err(refusal)?;
    let hash = PayloadHash::of(text.as_bytes(), dialect).map_err(refusal)?;
    let canonical = String::from_utf8(canonical).map_err(|_| Refusal::new("invalid_utf8"))?;
    Ok(output([("canonical", canonical.into()), ("sha256_b64", hash.to_base64().into())]))
}

pub(super) fn signing_string(input: Input<'_>) -> Outcome {
    let (from, to) = (input.text("from")?, input.text("to")?);
    let priority = input.optional_text("priority")?;
    // A deployed program writes an empty text where it answers nothing.
    let in_reply_to = input.optional_text("in_reply_to")?.filter(|id| !id.is_empty());
    let hash = input.text("payload_hash")?;
    // Here the fields are still texts. The library has types for them, which leave no room for a separator.
    for (name, text) in [
        ("from", Some(from)),
        ("to", Some(to)),
        ("priority", priority),
        ("in_reply_to", in_reply_to),
        ("payload_hash", Some(hash)),
    ] {
        if text.is_some_and(|text| text.contains('|')) {
            return Err(Refusal::of(ErrorCode::AmbiguousSigningString.as_str(), name));
        }
    }
    let address = |text, name| {
        Address::parse_with(text, Profile::Deployed).map_err(|error| Refusal::of(error.code(), name))
    };
    let invalid = |name| Refusal::of(ErrorCode::InvalidField.as_str(), name);
    let parent = in_reply_to.map(|text| MessageId::parse_with(text, Profile::Deployed)).transpose();
    let string = amp_core::signing_string(
        &address(from, "from")?,
        &address(to, "to")?,
        input.text("subject")?,
        priority.map_or(Ok(Priority::Normal), str::parse).map_err(|_| invalid("priority"))?,
        parent.map_err(|_| invalid("in_reply_to"))?.as_ref(),
        &PayloadHash::from_base64(hash).map_err(refusal)?,
    );
    Ok(output([("string", string.map_err(refusal)?.into())]))
}

pub(super) fn decode(input: Input<'_>) -> Outcome {
    let message = Message::decode_with(&input.bytes()?, input.profile()?).map_err(refusal)?;
    let payload = message.payload();
    let mut output = output([
        ("from", message.from().as_str().into()),
        ("to", message.to().as_str().into()),
        ("subject", text(message.subject())),
        ("priority", message.priority().as_str().into()),
        ("type", payload.message_type().as_str().into()),
        ("message", text(payload.text())),
        ("attachments", payload.attachments_json().count().into()),
    ]);
    // Null says that the message answers none, which is a thing to say.
    let parent = message.in_reply_to().map_or(Value::Null, |id| id.as_str().into());
    output.insert("in_reply_to".to_owned(), parent);
    Ok(output)
}

/// What cannot be read or is not signed is an error; a signature that does not hold makes the message not valid.
pub(super) fn verify(input: Input<'_>) -> Outcome {
    let message = Message::decode_with(&input.bytes()?, input.profile()?).map_err(refusal)?;
    if !message.is_signed() {
        return Err(Refusal::of(ErrorCode::SignatureMissing.as_str(), "envelope.signature"));
    }
    let key = keys::read(input, "public_key")?;
    Ok(match message.verify_with(&key, &input.dialects()?) {
        Ok(verified) => output([
            ("valid", true.into()),
            ("dialect", verified.dialect().as_str().into()),
            ("variant", verified.variant().as_str().map_or(Value::Null, Into::into)),
        ]),
        Err(refused) => output([
            ("valid", false.into()),
            ("error", refused.error().code().as_str().into()),
            ("field", refused.error().field().map_or(Value::Null, Into::into)),
        ]),
    })
}

fn text(text: Cow<'_, str>) -> Value {
    text.into_owned().into()
}

pub(super) fn refusal(error: MessageError) -> Refusal {
    Refusal { code: error.code().as_str().to_owned(), field: error.field().map(str::to_owned) }
}
