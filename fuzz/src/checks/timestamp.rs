//! Timestamps and identifiers: what is read prints and reads back, and the strict reading is part of the wide one.

use amp_address::Profile;
use amp_envelope::{AttachmentId, IdempotencyKey, MessageId, MessageType, Priority, QuarantineId, Timestamp};

use super::{assert_fit_to_show, text_of};

/// The text is tried as each of them.
pub fn timestamp(data: &[u8]) {
    let text = text_of(data);
    time(&text);
    identifier(&text, MessageId::parse_with, MessageId::validate, MessageId::as_str);
    identifier(&text, AttachmentId::parse_with, AttachmentId::validate, AttachmentId::as_str);
    identifier(&text, QuarantineId::parse_with, QuarantineId::validate, QuarantineId::as_str);
    identifier(&text, IdempotencyKey::parse_with, IdempotencyKey::validate, IdempotencyKey::as_str);
    if let Ok(priority) = text.parse::<Priority>() {
        assert_eq!(priority.as_str(), text);
    }
    assert_eq!(MessageType::read(&text).as_str(), text);
    if let Some(milliseconds) = data.first_chunk() {
        from_milliseconds(i64::from_le_bytes(*milliseconds));
    }
    same_message(&text);
}

fn time(text: &str) {
    let parsed = text.parse::<Timestamp>();
    assert_eq!(Timestamp::validate(text), parsed.map(|_| ()));
    match parsed {
        Ok(time) => {
            // RFC 3339 in this profile: a date, `T`, a time, `Z` or an offset, in that spelling alone.
            assert!((20..=35).contains(&text.len()) && text.as_bytes()[10] == b'T', "{text:?}");
            assert!(Timestamp::MIN <= time && time <= Timestamp::MAX);
            let printed = time.to_string();
            assert_eq!(printed.parse(), Ok(time));
            assert!(printed.ends_with('Z') && printed.len() <= text.len().max(20) + 4);
            let read_seconds = Timestamp::from_unix_seconds(time.unix_seconds()).unwrap();
            assert!(read_seconds <= time && time.duration_since(read_seconds).unwrap().as_secs() == 0);
            if !text.ends_with('Z') {
                let utc = format!("{}Z", &text[..text.len() - 6]);
                let local: Result<Timestamp, _> = utc.parse();
                assert!(local.is_ok_and(|local| local.abs_diff(time).as_secs() < 86_400));
            }
        }
        Err(error) => assert_fit_to_show(&error),
    }
}

fn from_milliseconds(milliseconds: i64) {
    if let Some(time) = Timestamp::from_unix_milliseconds(milliseconds) {
        assert_eq!(time.unix_milliseconds(), milliseconds);
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}

fn identifier<
    T: PartialEq + std::fmt::Debug + std::fmt::Display,
    E: PartialEq + std::fmt::Debug + std::fmt::Display,
>(
    text: &str,
    parse: impl Fn(&str, Profile) -> Result<T, E>,
    validate: impl Fn(&str, Profile) -> Result<(), E>,
    as_str: impl Fn(&T) -> &str,
) {
    let spec = parse(text, Profile::Spec);
    let deployed = parse(text, Profile::Deployed);
    for (profile, parsed) in [(Profile::Spec, &spec), (Profile::Deployed, &deployed)] {
        match (parsed, validate(text, profile)) {
            (Ok(id), Ok(())) => {
                assert_eq!(as_str(id), text);
                assert_eq!(parse(&id.to_string(), profile).as_ref(), Ok(id));
                assert!((4..=128).contains(&text.len()));
                assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
                assert!(text.as_bytes()[0].is_ascii_alphanumeric());
                super::filename::assert_is_safe(text);
            }
            (Err(error), Err(other)) => {
                assert_eq!(*error, other);
                assert_fit_to_show(error);
            }
            (parsed, validated) => panic!("{parsed:?} against {validated:?}"),
        }
    }
    assert!(spec.is_err() || deployed == spec, "{text:?}");
}

fn same_message(text: &str) {
    let Ok(id) = MessageId::parse_with(text, Profile::Deployed) else { return };
    assert!(id.same_message(&id));
    let swapped = MessageId::parse_with(&text.replace('-', "_"), Profile::Deployed);
    let has_alias = text.starts_with("msg_") || text.starts_with("msg-");
    if let Ok(swapped) = swapped {
        assert_eq!(id.same_message(&swapped), has_alias || !text.contains('-'));
    }
}
