//! Sealed attachments: what is said inside and what is said outside belong together, one to one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod sealed_support;

use amp_crypto::seal::FileKey;
use amp_envelope::{
    Attachment, AttachmentError, Draft, ErrorCode, OpeningError, SealedFile, Sha256Digest, limits,
};
use proptest::prelude::*;
use sealed_support::*;
use serde_json::{Value, json};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
const NONCE: &str = "CAgICAgICAgICAgICAgICAgICA";
const AFP: &str = r#"{"storage":"afp","filename":"a.csv","content_type":"text/csv","size":3,"ref":"afp://lab/a.csv",
    "digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#;

fn file() -> SealedFile {
    let key = FileKey::from_parts(&[7; 32], &[8; 19]);
    SealedFile::new("Chart of the bay.csv", "text/csv", 3, Sha256Digest::of(b"abc"), key)
}

/// The provider's object of the ciphertext.
fn object(id: &str) -> Value {
    json!({"id": id, "filename": "sealed.bin", "content_type": "application/octet-stream", "size": 19,
        "digest": Sha256Digest::of(b"ciphertext").to_string(), "url": "https://files.example.com/1",
        "scan_status": "basic_clean", "uploaded_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-08T00:00:00Z"})
}

/// What the sender says of the file.
fn inside(id: &str) -> Value {
    json!({"id": id, "filename": "Chart of the bay.csv", "content_type": "text/csv", "size": 3,
        "digest": Sha256Digest::of(b"abc").to_string(), "sealed": {"key": KEY, "nonce": NONCE}})
}

fn opening(inside: Value, outside: Value) -> Result<Vec<Attachment>, OpeningError> {
    let inner = json!({"type": "request", "message": "m", "attachments": inside});
    let opened = around_with(&inner.to_string(), outside).open(&bobs_keys(), now());
    opened.map(|opened| opened.attachments().to_vec()).map_err(|unopened| *unopened.error())
}

fn refusal(inside: Value, outside: Value) -> (ErrorCode, Option<&'static str>) {
    match opening(inside, outside).unwrap_err() {
        OpeningError::Inner(error) => (error.code(), error.field()),
        other => panic!("{other:?}"),
    }
}

fn with_file(draft: Draft) -> Draft {
    draft.sealed_attachment(&object("att_1_ab").to_string(), &file()).unwrap()
}

#[test]
fn the_recipient_joins_what_the_sender_says_with_what_the_provider_keeps() {
    // rule: SEAL-17
    let signed = sign(with_file(draft("See the chart.")).attachment_json(AFP).unwrap());
    for hidden in ["Chart", "text/csv", KEY, NONCE, "lab", &Sha256Digest::of(b"abc").to_string()] {
        assert!(!signed.to_json().contains(hidden) && !signed.to_route_json().contains(hidden), "{hidden}");
    }
    let outer: Vec<_> = signed.payload().attachments_json().collect();
    let written: Value = serde_json::from_str(outer[0].raw()).unwrap();
    assert_eq!((outer.len(), written), (1, object("att_1_ab")));

    let opened = open(&signed);
    let [Attachment::Sealed(sealed), Attachment::Afp(_)] = opened.attachments() else {
        panic!("other kinds")
    };
    assert_eq!(sealed.file(), &file());
    assert_eq!(sealed.file().key().key().expose(), KEY);
    assert_eq!(sealed.outer().url(), Some("https://files.example.com/1"));
    assert_eq!(sealed.outer().size(), Some(sealed.file().sealed_size()));
    let attachment = &opened.attachments()[0];
    assert_eq!(attachment.filename(), Some("Chart of the bay.csv"));
    assert_eq!((attachment.content_type(), attachment.size()), (Some("text/csv"), Some(3)));
    assert!(attachment.digest().unwrap().matches(b"abc"));
    assert!(attachment.check_routed().is_ok());
    let told = format!("{opened:?} {:?} {signed:?}", opened.attachments());
    assert!(!told.contains("Chart") && !told.contains(KEY));
}

#[test]
fn objects_inside_and_outside_belong_together_one_to_one() {
    // rule: SEAL-17
    let (one, two) = ("att_1_ab", "att_1_cd");
    let both = opening(json!([inside(two), inside(one)]), json!([object(one), object(two)])).unwrap();
    let ids: Vec<_> = both
        .iter()
        .map(|attachment| match attachment {
            Attachment::Sealed(sealed) => sealed.outer().id().unwrap().to_string(),
            _ => panic!("another kind"),
        })
        .collect();
    assert_eq!(ids, [two, one]);

    let field = (ErrorCode::InvalidField, Some("payload.attachments"));
    for (inside, outside) in [
        (json!([inside(one)]), json!([])),
        (json!([inside(one)]), json!([object(two)])),
        (json!([inside(one)]), json!([object(one), object(two)])),
        (json!([inside(one)]), json!([object(one), object(one)])),
        (json!([inside(one), inside(one)]), json!([object(one)])),
        (json!([inside(one), inside(one)]), json!([object(one), object(one)])),
        (json!([]), json!([object(one)])),
        (Value::Null, json!([object(one)])),
        // A file that everybody on the way can read, inside or outside.
        (json!([object(one)]), json!([])),
        (json!([object(one)]), json!([object(one)])),
        (json!([]), json!([serde_json::from_str::<Value>(AFP).unwrap()])),
        (json!([]), json!([{"filename": "no id"}])),
    ] {
        assert_eq!(refusal(inside.clone(), outside.clone()), field, "{inside} {outside}");
    }
}

#[test]
fn every_member_of_a_sealed_attachment_is_required_and_held_to_its_grammar() {
    // rule: SEAL-17
    for (name, value, code) in [
        ("id", Value::Null, ErrorCode::MissingField),
        ("filename", Value::Null, ErrorCode::MissingField),
        ("content_type", Value::Null, ErrorCode::MissingField),
        ("size", Value::Null, ErrorCode::MissingField),
        ("digest", Value::Null, ErrorCode::MissingField),
        ("id", json!("../x"), ErrorCode::InvalidField),
        ("filename", json!(1), ErrorCode::InvalidField),
        ("size", json!(-3), ErrorCode::InvalidField),
        ("size", json!(3.5), ErrorCode::InvalidField),
        ("size", json!(4), ErrorCode::InvalidField),
        ("size", json!(limits::ATTACHMENT_MAX_BYTES + 1), ErrorCode::TooLarge),
        ("digest", json!("md5:900150983cd24fb0d6963f7d28e17f72"), ErrorCode::InvalidField),
        ("sealed", json!("key"), ErrorCode::InvalidField),
        ("sealed", json!({"nonce": NONCE}), ErrorCode::MissingField),
        ("sealed", json!({"key": KEY}), ErrorCode::MissingField),
        ("sealed", json!({"key": NONCE, "nonce": KEY}), ErrorCode::InvalidField),
        ("sealed", json!({"key": format!("{KEY}="), "nonce": NONCE}), ErrorCode::InvalidField),
    ] {
        let mut changed = inside("att_1_ab");
        changed[name] = value.clone();
        assert_eq!(refusal(json!([changed]), json!([object("att_1_ab")])).0, code, "{name}: {value}");
    }
    for name in ["size", "digest"] {
        let mut changed = object("att_1_ab");
        changed[name] = Value::Null;
        assert_eq!(refusal(json!([inside("att_1_ab")]), json!([changed])).0, ErrorCode::MissingField);
    }
}

#[test]
fn no_file_that_can_be_read_goes_with_a_sealed_message_and_no_key_with_a_plain_one() {
    // rule: SEAL-18
    let plain = draft("m").attachment_json(&object("att_1_ab").to_string()).unwrap();
    let key_in_plain = with_file(draft("m")).unsealed();
    for draft in [plain.clone(), key_in_plain] {
        assert!(draft.portability().is_err());
        let error = draft.sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
        assert_eq!((error.code(), error.field()), (ErrorCode::InvalidField, Some("payload.attachments")));
    }
    // Each is fine where it belongs.
    assert!(plain.unsealed().sign_with_nonce(&alice(), now(), [9; 16]).is_ok());
    assert_eq!(open(&sign(with_file(draft("m")))).attachments().len(), 1);
    // The same upload twice could not be told apart.
    let twice = with_file(with_file(draft("m")));
    assert!(twice.sign_with_nonce(&alice(), now(), [9; 16]).is_err());
}

#[test]
fn an_upload_that_gives_something_away_is_not_attached() {
    // rule: SEAL-18
    for (name, value) in [
        ("filename", json!("Chart of the bay.csv")),
        ("filename", Value::Null),
        ("content_type", json!("text/csv")),
        ("size", json!(3)),
        ("size", Value::Null),
        ("digest", Value::Null),
        ("id", Value::Null),
        ("storage", json!("afp")),
    ] {
        let mut changed = object("att_1_ab");
        changed[name] = value.clone();
        assert!(draft("m").sealed_attachment(&changed.to_string(), &file()).is_err(), "{name}: {value}");
    }
    for text in ["", "[]", "{", r#"{"id":"att_1_ab","id":"att_1_cd"}"#] {
        assert!(draft("m").sealed_attachment(text, &file()).is_err(), "{text}");
    }
}

#[test]
fn what_the_provider_keeps_is_what_counts_and_what_was_scanned() {
    // rule: SEAL-17
    let large = |id: &str| {
        let mut object = object(id);
        object["size"] = json!(limits::ATTACHMENT_MAX_BYTES + 1);
        object
    };
    let draft_of = |object: &Value, size: u64| {
        let key = FileKey::from_parts(&[7; 32], &[8; 19]);
        let file = SealedFile::new("a", "text/csv", size, Sha256Digest::of(b"abc"), key);
        draft("m").sealed_attachment(&object.to_string(), &file)
    };
    // 25 MiB are more than that when they are sealed.
    let file_size = limits::ATTACHMENT_MAX_BYTES;
    let key = FileKey::from_parts(&[7; 32], &[8; 19]);
    let sealed_size = SealedFile::new("a", "b", file_size, Sha256Digest::of(b""), key).sealed_size();
    assert!(sealed_size > file_size);
    let mut upload = large("att_1_ab");
    upload["size"] = json!(sealed_size);
    let error = draft_of(&upload, file_size).unwrap().sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
    assert_eq!((error.code(), error.field()), (ErrorCode::TooLarge, Some("size")));

    let mut rejected = object("att_1_ab");
    rejected["scan_status"] = json!("rejected");
    let attachments = opening(json!([inside("att_1_ab")]), json!([rejected])).unwrap();
    assert_eq!(attachments[0].check_routed(), Err(AttachmentError::NotDeliverable));
    assert_eq!(attachments[0].check_local(), Err(AttachmentError::NotDeliverable));
    let eleven = vec![attachments[0].clone(); limits::ATTACHMENTS_MAX + 1];
    assert_eq!(Attachment::check_limits(&eleven), Err(AttachmentError::TooMany));
}

#[test]
fn a_member_sealed_of_a_plain_attachment_says_nothing() {
    let payload = json!({"type": "request", "message": "m", "attachments": [inside("att_1_ab")]});
    let message = message_by_hand(ALICE, BOB, &alice(), &payload);
    let attachment = Attachment::read(message.payload().attachments_json().next().unwrap()).unwrap();
    assert!(matches!(attachment, Attachment::Provider(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // rule: SEAL-17
    #[test]
    fn what_is_said_of_a_file_arrives_as_it_was(
        filename in ".{0,80}", content_type in ".{0,30}", size in 0_u64..20_000_000, key in any::<[u8; 32]>(),
        nonce in any::<[u8; 19]>(), digest in any::<[u8; 32]>(),
    ) {
        let key = FileKey::from_parts(&key, &nonce);
        let file = SealedFile::new(&filename, &content_type, size, Sha256Digest::from_bytes(digest), key);
        let mut upload = object("att_1_ab");
        upload["size"] = json!(file.sealed_size());
        let signed = sign(draft("m").sealed_attachment(&upload.to_string(), &file).unwrap());
        let opened = open(&signed);
        let [Attachment::Sealed(sealed)] = opened.attachments() else { panic!("another kind") };
        prop_assert_eq!(sealed.file(), &file);
    }

    #[test]
    fn a58_a_name_from_inside_is_made_safe_like_any_other(filename in r#"([./\\:~a-z]|%2f|\.\./){0,30}"#) {
        let key = FileKey::from_parts(&[7; 32], &[8; 19]);
        let file = SealedFile::new(&filename, "text/csv", 3, Sha256Digest::of(b"abc"), key);
        let signed = sign(draft("m").sealed_attachment(&object("att_1_ab").to_string(), &file).unwrap());
        if let Ok(safe) = open(&signed).attachments()[0].safe_filename() {
            let path = std::path::Path::new("/downloads").join(safe.as_str());
            prop_assert_eq!(path.parent().unwrap(), std::path::Path::new("/downloads"));
        }
    }
}
