//! The portability report: what it notes, what it refuses, and that it is right about every dialect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_crypto::Identity;
use amp_envelope::{
    Dialect, Draft, ErrorCode, MessageError, Payload, Portability, PortabilityKind, PortabilityNote,
    canonicalize,
};
use proptest::prelude::*;

fn payload(context: &str) -> String {
    format!(r#"{{"type":"status","message":"m","context":{context}}}"#)
}

fn report(context: &str) -> Result<Portability, MessageError> {
    Payload::from_json(payload(context).as_bytes())?.portability()
}

/// The only note that a context gives.
fn note(context: &str) -> PortabilityNote {
    let report = report(context).unwrap();
    let [note] = report.notes() else { panic!("one note for {context}: {:?}", report.notes()) };
    note.clone()
}

#[test]
fn a_big_integer_is_refused() {
    for number in ["9007199254740992", "-9007199254740993", "123456789012345678901234567890"] {
        let error = report(&format!(r#"{{"a":[1,{number}]}}"#)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnportableNumber);
    }
    for number in ["9007199254740991", "-9007199254740991", "0", "-1"] {
        assert!(report(&format!(r#"{{"a":[1,{number}]}}"#)).unwrap().notes().is_empty());
    }
}

#[test]
fn a08_a_member_named_proto_is_refused_however_it_is_escaped() {
    for context in
        [r#"{"__proto__":1}"#, r#"{"a":[{"\u005f_proto__":{}}]}"#, r#"{"a" : {"__pr\u006Fto__" : 1}}"#]
    {
        assert_eq!(report(context).unwrap_err().code(), ErrorCode::UnportablePayload, "{context}");
    }
    // As a value, or as a part of a name, it is text like any other.
    assert!(report(r#"{"a":"__proto__","__proto":1,"__proto__x":["__proto__"]}"#).unwrap().is_portable());
}

#[test]
fn a_plain_payload_is_portable_everywhere() {
    let report = report(r#"{"repo":"agents-web","pr":42,"tags":["a","b"],"on":true,"x":null}"#).unwrap();
    assert!(report.is_portable());
    assert!(report.notes().is_empty());
    assert!(report.agreeing_dialects().eq(Dialect::ALL));
}

#[test]
fn a_number_with_a_point_is_noted_even_where_all_agree() {
    let half = note(r#"{"a":2.5}"#);
    assert_eq!((half.kind(), half.dialects()), (PortabilityKind::NonIntegerNumber, &[][..]));
    assert!(report(r#"{"a":2.5}"#).unwrap().is_portable());
    assert_eq!(note(r#"{"a":1.0}"#).dialects(), [Dialect::Jq17, Dialect::PythonUtf8, Dialect::PythonAscii]);
    assert_eq!(
        note(r#"{"a":1e-7}"#).dialects(),
        [Dialect::Jq16, Dialect::Jq17, Dialect::PythonUtf8, Dialect::PythonAscii]
    );
    assert_eq!(note(r#"{"a":-0}"#).dialects(), [Dialect::Jq16, Dialect::Jq17]);
    // What jq 1.7 refuses, it does not write alike.
    assert_eq!(note(r#"{"a":0e-99999999999}"#).dialects()[0], Dialect::Jq17);
}

#[test]
fn integer_like_names_are_noted_only_where_their_order_differs() {
    let digits = note(r#"{"10":1,"9":2}"#);
    assert_eq!(
        (digits.kind(), digits.dialects()),
        (PortabilityKind::IntegerLikeNames, &[Dialect::Maestro][..])
    );
    assert_eq!(note(r#"{" ":1,"0":2}"#).kind(), PortabilityKind::IntegerLikeNames);
    // 2^32 − 1 is no index, so a smaller number comes before it.
    assert_eq!(note(r#"{"4294967295":0,"5":1}"#).kind(), PortabilityKind::IntegerLikeNames);
    for same in [r#"{"1":1,"2":2,"a":3}"#, r#"{"01":1,"1a":2}"#, r#"{"9":[{"10":1}]}"#] {
        assert!(report(same).unwrap().notes().is_empty(), "{same}");
    }
}

#[test]
fn names_that_sort_differently_by_code_point_are_noted() {
    let report = report("{\"\u{1f600}\":1,\"\u{ffee}\":2}").unwrap();
    let kinds: Vec<_> = report.notes().iter().map(PortabilityNote::kind).collect();
    assert_eq!(kinds, [PortabilityKind::NonAsciiText, PortabilityKind::NameOrder]);
    assert!(report.agreeing_dialects().eq([Dialect::Jcs, Dialect::Maestro]));
    assert_eq!(note("{\"\u{1f600}\":1,\"\u{d7ff}\":2}").kind(), PortabilityKind::NonAsciiText);
}

#[test]
fn delete_and_text_beyond_ascii_are_noted_in_names_and_values() {
    for context in [r#"{"a":"\u007f"}"#, "{\"a\u{7f}\":1}"] {
        let delete = note(context);
        assert_eq!(delete.kind(), PortabilityKind::DeleteCharacter);
        assert_eq!(delete.dialects(), [Dialect::Jq16, Dialect::Jq17, Dialect::PythonAscii]);
    }
    for context in [r#"{"a":"\u00e9"}"#, r#"{"é":1}"#] {
        let text = note(context);
        assert_eq!(
            (text.kind(), text.dialects()),
            (PortabilityKind::NonAsciiText, &[Dialect::PythonAscii][..])
        );
    }
    // The message itself is a part of the payload.
    let payload = Payload::from_json("{\"type\":\"status\",\"message\":\"é\"}".as_bytes()).unwrap();
    assert_eq!(payload.portability().unwrap().notes()[0].pointer(), "/message");
}

#[test]
fn a_kind_is_noted_once_with_its_first_place_and_a_count() {
    let many = note(r#"{"list":[1,{"a/b~":1.0}, 2.0, 3.5]}"#);
    assert_eq!((many.pointer(), many.count()), ("/context/list/1/a~1b~0", 3));
    assert_eq!(
        many.to_string(),
        r#"non_integer_number at "/context/list/1/a~1b~0" and 2 more: differs under jq-1.7, python-utf8, python-ascii"#
    );
}

#[test]
fn a51_a_pointer_is_short_and_printable_whatever_the_names_are() {
    let name = "\u{1b}[31m\u{202e}é".repeat(50);
    let context = format!("{{{}:1.5}}", serde_json::to_string(&name).unwrap());
    for note in report(&context).unwrap().notes() {
        assert!(note.pointer().len() <= 64, "{}", note.pointer());
        assert!(note.pointer().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    let deep = format!("{}1.5{}", r#"{"a":["#.repeat(60), "]}".repeat(60));
    assert_eq!(note(&deep).pointer().len(), 64);
    assert!(note(&deep).pointer().ends_with("..."));
}

fn draft(context: &str) -> Draft {
    Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "Hello", "m").context_json(context).unwrap()
}

/// What the payload that is sent for the context is like.
fn sent(context: &str) -> Portability {
    let signed = draft(context)
        .from(&"alice@acme.crabmail.ai".parse().unwrap())
        .sign_with_nonce(&Identity::from_seed(&[1; 32]), "2026-01-31T10:00:00Z".parse().unwrap(), [2; 16])
        .unwrap();
    signed.payload().portability().unwrap()
}

#[test]
fn a_draft_is_judged_by_what_is_sent_not_by_how_its_numbers_were_spelled() {
    for spelling in ["1.0", "-0", "4.50", "1E+2", "100e-2", "1e-400", "1658206780088562.25"] {
        let report = draft(&format!(r#"{{"a":{spelling}}}"#)).portability().unwrap();
        assert!(report.is_portable(), "{spelling}: {report:?}");
    }
    // The canonical text of 1e20 is an integer literal that no reader could take for a double: it is sent as spelled,
    // and so is what stands beside it.
    for context in [r#"{"a":1e-7,"b":1.0}"#, r#"{"a":1e20,"b":1.0}"#, r#"{"b":1.0,"a":"\u007f"}"#] {
        assert_eq!(draft(context).portability().unwrap(), sent(context), "{context}");
    }
    assert_eq!(draft(r#"{"a":1e20,"b":1.0}"#).portability().unwrap().notes()[0].count(), 2);
}

/// Contexts made of what programs disagree about.
fn context() -> impl Strategy<Value = serde_json::Value> {
    let characters =
        prop::sample::select("a9\u{7f}é\u{d7ff}\u{e000}\u{ffff}\u{10000} \"".chars().collect::<Vec<_>>());
    let name = prop_oneof![
        3 => "[a-c]{0,2}",
        2 => "[0-9]{1,3}|4294967294|4294967295",
        1 => prop::collection::vec(characters, 0..3).prop_map(String::from_iter),
    ];
    let leaf = prop_oneof![
        any::<i32>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        (-50_i32..50).prop_map(|n| serde_json::Value::from(f64::from(n) / 4.0)),
        name.clone().prop_map(serde_json::Value::from),
    ];
    let value = leaf.prop_recursive(4, 16, 4, move |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map(name.clone(), value, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    value.prop_map(|value| serde_json::json!({ "x": value }))
}

proptest! {
    #[test]
    fn the_dialects_that_are_said_to_agree_are_those_that_do(context in context()) {
        let payload = payload(&context.to_string());
        let report = Payload::from_json(payload.as_bytes()).unwrap().portability().unwrap();
        let reference = canonicalize(payload.as_bytes(), Dialect::Jcs).unwrap();
        let agreeing: Vec<_> = report.agreeing_dialects().collect();
        for dialect in Dialect::ALL {
            let agrees = canonicalize(payload.as_bytes(), dialect).is_ok_and(|form| form == reference);
            prop_assert_eq!(agreeing.contains(&dialect), agrees, "{}: {}", dialect, payload);
        }
        prop_assert_eq!(report.is_portable(), agreeing.len() == Dialect::ALL.len());
    }

    #[test]
    fn a_draft_knows_beforehand_what_its_signed_payload_is_like(context in context()) {
        let context = context.to_string();
        prop_assert_eq!(draft(&context).portability().unwrap(), sent(&context), "{}", context);
    }
}
