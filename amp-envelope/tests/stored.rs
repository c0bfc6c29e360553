//! The stored form: what is read from both places, what is never believed, and that nothing is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::Identity;
use amp_envelope::{
    Draft, ErrorCode, Message, SecurityNotes, SecurityPlacement, Status, StoredMessage, Timestamp,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A message whose spelling no writer would choose, so that rewriting shows.
const ENVELOPE: &str = r#"{ "version":"amp/0.1", "id":"msg_1769853600_00112233445566aa",
    "from":"alice@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Caf\u00e9","priority":"normal",
    "timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1769853600_00112233445566aa","signature":null,"x-hop" : [1.0] }"#;
const PAYLOAD: &str = r#"{"message":"Hi \u0041","type" : "notification","context":{"n":1.50, "b":null}}"#;

fn file(beside: &str) -> String {
    format!("{{\"envelope\":{ENVELOPE} , \"payload\": {PAYLOAD}{beside}}}\n")
}

fn stored(beside: &str) -> StoredMessage {
    StoredMessage::decode(file(beside).as_bytes()).unwrap()
}

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn written(stored: &StoredMessage, placement: SecurityPlacement) -> Value {
    serde_json::from_str(&stored.to_json(placement)).unwrap()
}

#[test]
fn a_file_without_a_message_is_refused() {
    for (text, code) in [
        (r#"{"payload":{}}"#.to_owned(), ErrorCode::MissingField),
        (format!(r#"{{"envelope":{ENVELOPE}}}"#), ErrorCode::MissingField),
        (file(r#","local":7"#), ErrorCode::NotAnObject),
        (file(r#","security":"verified""#), ErrorCode::NotAnObject),
        (file(r#","local":{"security":[]}"#), ErrorCode::NotAnObject),
        (file(r#","metadata":[]"#), ErrorCode::NotAnObject),
        (file(r#","local":{"status":"read","st\u0061tus":"unread"}"#), ErrorCode::DuplicateKey),
        (file(r#","local":{},"local":{}"#), ErrorCode::DuplicateKey),
        (file(&format!(r#","x":"{}""#, "x".repeat(1 << 20))), ErrorCode::TooLarge),
        (file("") + "x", ErrorCode::InvalidJson),
    ] {
        assert_eq!(StoredMessage::decode(text.as_bytes()).unwrap_err().code(), code, "{text:.300}");
    }
}

#[test]
fn local_notes_are_read() {
    let stored = stored(
        r#","local":{"received_at":"2026-01-31T10:00:05Z","status":"archived","read_at":"2026-01-31T10:01:00Z",
        "delivery_method":"websocket","verified":true}"#,
    );
    let local = stored.local();
    assert_eq!(local.received_at().unwrap().to_string(), "2026-01-31T10:00:05Z");
    assert_eq!(local.read_at().unwrap().to_string(), "2026-01-31T10:01:00Z");
    assert_eq!(local.status(), Status::Archived);
    assert_eq!(local.delivery_method().as_deref(), Some("websocket"));
    assert_eq!(local.claimed_verified(), Some(true));
}

#[test]
fn the_status_is_found_in_both_places_and_unread_in_neither() {
    assert_eq!(stored("").local().status(), Status::Unread);
    assert_eq!(stored(r#","metadata":{"status":"read"}"#).local().status(), Status::Read);
    let both = stored(r#","local":{"status":"archived"},"metadata":{"status":"read"}"#);
    assert_eq!(both.local().status(), Status::Archived);
    assert_eq!(stored(r#","local":null,"metadata":null"#).local().status(), Status::Unread);
}

#[test]
fn the_status_is_written_where_the_file_has_it() {
    let mut old = stored(r#","metadata":{"status":"unread","queued_at":"x"}"#);
    old.mark_read(now());
    let value = written(&old, SecurityPlacement::TopLevel);
    assert_eq!(value["metadata"], json!({"status":"read","queued_at":"x"}));
    assert_eq!(value["local"], json!({"status":"read","read_at":"2026-01-31T12:00:00Z"}));

    let mut new = StoredMessage::new(stored("").into_message(), now());
    new.set_status(Status::Archived);
    new.set_delivery_method("we\"b");
    new.set_verified(true);
    let value = written(&new, SecurityPlacement::TopLevelAndLocal);
    assert_eq!(value.as_object().unwrap().len(), 3);
    let local = json!({"received_at":"2026-01-31T12:00:00Z","status":"archived","delivery_method":"we\"b","verified":true});
    assert_eq!(value["local"], local);
}

#[test]
fn the_first_reading_keeps_its_time() {
    let mut message = stored(r#","local":{"read_at":"2026-01-31T10:01:00Z"}"#);
    message.mark_read(now());
    assert_eq!(message.local().read_at().unwrap().to_string(), "2026-01-31T10:01:00Z");
    let mut message = stored(r#","local":{"read_at":null}"#);
    message.mark_read(now());
    assert_eq!(message.local().read_at(), Some(now()));
}

#[test]
fn what_is_not_understood_reads_as_absent_and_is_kept() {
    let odd = r#"{"received_at":"yesterday","status":"starred","read_at":7,"delivery_method":null,"verified":"yes"}"#;
    let stored = stored(&format!(r#","local":{odd}"#));
    let local = stored.local();
    assert_eq!((local.received_at(), local.read_at(), local.status()), (None, None, Status::Unread));
    assert_eq!((local.delivery_method(), local.claimed_verified()), (None, None));
    let value = written(&stored, SecurityPlacement::TopLevel);
    assert_eq!(value["local"], serde_json::from_str::<Value>(odd).unwrap());
}

#[test]
fn security_notes_are_read_at_the_top_level_else_in_local() {
    let top = r#"{"trust_level":"external","injection_flags":["a","b",3],"quarantine_id":"qtn_1769853600_0011223344556677",
        "window_scan_result":"clean","sender_risk_score":12.5,"sender_risk_level":"medium"}"#;
    for beside in [
        format!(r#","security":{top}"#),
        format!(r#","local":{{"security":{top}}}"#),
        format!(r#","security":{top},"local":{{"security":{{"trust":"verified"}}}}"#),
    ] {
        let stored = stored(&beside);
        let notes = stored.claimed_security().unwrap();
        assert_eq!(notes.trust_level().as_deref(), Some("external"));
        assert_eq!(notes.injection_flags(), ["a", "b"]);
        assert_eq!(notes.quarantine_id().unwrap().as_str(), "qtn_1769853600_0011223344556677");
        assert_eq!(notes.window_scan_result().as_deref(), Some("clean"));
        assert_eq!(notes.sender_risk_score(), Some(12.5));
        assert_eq!(notes.sender_risk_level().as_deref(), Some("medium"));
    }
    let older = stored(
        r#","local":{"signature_verified":true,
            "security":{"trust":"untrusted","injection_flags":[],"wrapped":true,"verified_at":"2026-01-31T10:00:04Z"}}"#,
    );
    let notes = older.claimed_security().unwrap();
    assert_eq!(notes.trust_level().as_deref(), Some("untrusted"));
    assert_eq!(notes.wrapped(), Some(true));
    assert_eq!(notes.verified_at().unwrap().to_string(), "2026-01-31T10:00:04Z");
    assert_eq!(older.local().claimed_verified(), Some(true));
}

#[test]
fn notes_are_written_at_the_top_level_and_in_local_on_request() {
    let mut message = stored(r#","local":{"status":"read","security":{"trust":"verified"}}"#);
    message.annotate(
        SecurityNotes::new("external")
            .with_injection_flags(["tool_abuse"])
            .with_sender_risk(250.0, "critical"),
    );
    let notes = json!({"trust_level":"external","injection_flags":["tool_abuse"],"sender_risk_score":100,"sender_risk_level":"critical"});

    let value = written(&message, SecurityPlacement::TopLevel);
    assert_eq!(value["security"], notes);
    assert_eq!(value["local"], json!({"status":"read"}));

    let value = written(&message, SecurityPlacement::TopLevelAndLocal);
    assert_eq!(value["security"], notes);
    assert_eq!(value["local"], json!({"status":"read","security":notes}));

    message.strip_claims();
    let value = written(&message, SecurityPlacement::TopLevelAndLocal);
    assert_eq!(value.get("security"), None);
    assert_eq!(value["local"], json!({"status":"read"}));
}

#[test]
fn a_score_that_is_no_number_is_left_out() {
    let notes = SecurityNotes::new("external").with_sender_risk(f64::NAN, "low");
    assert_eq!(notes.sender_risk_score(), None);
    assert_eq!(notes.sender_risk_level().as_deref(), Some("low"));
}

/// A message signed by alice, and her key.
fn signed() -> (String, Identity) {
    let alice = Identity::from_seed(&[7; 32]);
    let signed = Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "Hi", "Are you there?")
        .from(&"alice@acme.crabmail.ai".parse().unwrap())
        .sign_with_nonce(&alice, now(), [9; 16])
        .unwrap();
    (signed.to_json(), alice)
}

#[test]
fn a28_claims_in_a_file_reach_neither_the_message_nor_its_verification() {
    let (wire, alice) = signed();
    let forged = wire.replacen("Are you there?", "Send money", 1);
    let claims = r#","local":{"verified":true,"security":{"trust":"org-verified","verified_at":"2026-01-31T10:00:04Z"}},
        "security":{"trust_level":"org-verified"}}"#;
    for (message, is_good) in [(wire, true), (forged, false)] {
        let file = format!("{}{claims}", message.strip_suffix('}').unwrap());
        let stored = StoredMessage::decode(file.as_bytes()).unwrap();
        // The message is the same as without the claims, and only its signature speaks for it.
        assert_eq!(stored.message().to_json(), Message::decode(message.as_bytes()).unwrap().to_json());
        assert_eq!(stored.into_message().verify(alice.verifying_key()).is_ok(), is_good);
    }
}

#[test]
fn a28_claims_that_come_over_the_wire_are_dropped_on_the_way_to_the_store() {
    let (wire, _) = signed();
    let claims = r#","local":{"verified":true,"status":"read"},"security":{"trust_level":"org-verified"}}"#;
    let arrived = Message::decode(format!("{}{claims}", wire.strip_suffix('}').unwrap()).as_bytes()).unwrap();
    let stored = StoredMessage::new(arrived, now());
    assert_eq!(stored.claimed_security(), None);
    assert_eq!(stored.local().claimed_verified(), None);
    let value = written(&stored, SecurityPlacement::TopLevelAndLocal);
    assert_eq!(value.get("security"), None);
    assert_eq!(value["local"], json!({"received_at":"2026-01-31T12:00:00Z","status":"unread"}));
}

#[test]
fn contents_stay_out_of_debug_output() {
    let stored = stored(
        r#","local":{"x":"secret-1"},"security":{"trust_level":"secret-2"},"metadata":{"y":"secret-3"}"#,
    );
    let text = format!("{stored:?} {:?} {:?}", stored.local(), stored.claimed_security());
    assert!(!text.contains("secret") && !text.contains("Hi A"), "{text}");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), value, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Members among which are some that the library knows.
fn object() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        2 => any::<String>(),
        1 => prop::sample::select(vec!["status", "verified", "read_at", "trust", "trust_level", "injection_flags"])
            .prop_map(String::from),
    ];
    prop::collection::hash_map(name, value(), 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn a_file_read_and_written_loses_nothing_and_keeps_its_message_to_the_byte(
        local in object(),
        nested in prop::option::of(object()),
        security in prop::option::of(object()),
        metadata in prop::option::of(object()),
        (name, other) in ("x-.*", value()),
    ) {
        let mut local = local;
        let mut wanted = json!({ name: other });
        if let Some(nested) = &nested {
            local["security"] = nested.clone();
        }
        wanted["local"] = local;
        if let Some(security) = &security {
            wanted["security"] = security.clone();
        }
        if let Some(metadata) = metadata {
            wanted["metadata"] = metadata;
        }
        let beside = wanted.to_string();
        let beside = format!(",{}", &beside[1..beside.len() - 1]);
        let stored = StoredMessage::decode(file(&beside).as_bytes()).unwrap();

        let text = stored.to_json(SecurityPlacement::TopLevel);
        let message = format!("{{\"envelope\":{ENVELOPE},\"payload\":{PAYLOAD}");
        prop_assert!(text.starts_with(&message));
        let mut read: Value = serde_json::from_str(&text).unwrap();
        let members = read.as_object_mut().unwrap();
        members.remove("envelope");
        members.remove("payload");
        // What stood in `local.security` alone now stands at the top level too.
        if let (None, Some(nested)) = (security, nested) {
            wanted["security"] = nested;
        }
        if wanted["local"] == json!({}) {
            wanted.as_object_mut().unwrap().remove("local");
        }
        prop_assert_eq!(&read, &wanted);
        // Written once more, nothing changes.
        let again = StoredMessage::decode(text.as_bytes()).unwrap();
        prop_assert_eq!(again.to_json(SecurityPlacement::TopLevel), text);
    }

    #[test]
    fn reading_never_panics(beside in "(,\"(local|security|metadata|x)\":[\\[\\]{}\":,a0 ]{0,12})?", cut in 0_usize..900) {
        let text = file(&beside);
        let _ = StoredMessage::decode(text.as_bytes());
        let _ = StoredMessage::decode(&text.as_bytes()[..cut.min(text.len())]);
    }
}

#[test]
fn a_copy_of_security_that_could_not_be_read_again_is_left_out() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(128), "}".repeat(128));
    let message = r#"{"envelope":{"version":"amp/0.1","id":"msg_1_ab","from":"a@b.c.d","to":"e@f.g.h","subject":"s","timestamp":"2026-01-01T00:00:00Z","thread_id":"msg_1_ab"},"payload":{"type":"t","message":"m"}"#;
    let text = format!("{message},\"security\":{deep},\"local\":{{}}}}");
    let stored = StoredMessage::decode(text.as_bytes()).unwrap();
    let written = stored.to_json(SecurityPlacement::TopLevelAndLocal);
    let again = StoredMessage::decode(written.as_bytes()).unwrap();
    assert!(again.claimed_security().is_some());
}
