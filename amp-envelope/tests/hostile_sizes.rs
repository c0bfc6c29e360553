//! What a hostile text costs its reader: it is refused at the limit, in memory proportional to the text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::time::Duration;
use std::time::Instant;

use amp_address::Profile;
use amp_crypto::Identity;
use amp_envelope::{Canonicalizer, Dialect, Draft, ErrorCode, Message, MessageError, Verifier};
use proptest::prelude::*;

/// Reads `text` under every dialect with fresh buffers; checks the peak of live memory and the time.
#[expect(clippy::disallowed_methods, reason = "the time that passes is what is measured")]
fn read(text: &str) -> Result<(), MessageError> {
    let mut result = Ok(());
    for dialect in Dialect::ALL {
        let mut out = Vec::with_capacity(2 * text.len());
        let start = Instant::now();
        let cost = allocation_counter::measure(|| {
            result = Canonicalizer::new().canonicalize_into(text.as_bytes(), dialect, &mut out);
        });
        // Under the dialects nothing is known to be canonical, so every container is kept until it is written.
        let per_byte = if dialect == Dialect::Jcs || result.is_err() { 64 } else { 80 };
        let peak = usize::try_from(cost.bytes_max).unwrap();
        assert!(peak <= per_byte * text.len(), "{dialect}: {peak} bytes for a text of {}", text.len());
        assert!(start.elapsed() < Duration::from_secs(5), "{dialect}: {:?}", start.elapsed());
    }
    result
}

fn code(text: &str) -> ErrorCode {
    read(text).unwrap_err().code()
}

fn members(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|n| format!("\"{n}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

// rule: JSON-5
#[test]
fn a57_a_megabyte_of_brackets_is_refused() {
    for open in ["[", "{\"\":", "[{\"a\":"] {
        let text = format!("{{\"a\":{}", open.repeat(1_000_000 / open.len()));
        assert_eq!(code(&text), ErrorCode::TooDeep);
        assert_eq!(code(&open.repeat(1_000_000 / open.len())), ErrorCode::TooDeep);
    }
}

// rule: JSON-6
#[test]
fn a57_a_million_names_are_refused() {
    assert_eq!(code(&members(1_000_000)), ErrorCode::TooManyKeys);
    assert_eq!(code(&members(10_001)), ErrorCode::TooManyKeys);
    assert_eq!(read(&members(10_000)), Ok(()));
}

// rule: JSON-7
#[test]
fn a57_a_long_number_literal_is_refused() {
    for literal in ["0.1", "1e0", "1", "-1.5e-0"] {
        let text = format!("{{\"n\":{literal}{}}}", "0".repeat(500_000));
        assert!(matches!(code(&text), ErrorCode::TooLarge | ErrorCode::NonFiniteNumber), "{}", code(&text));
    }
}

#[test]
fn a57_many_small_containers_cost_memory_in_proportion() {
    for element in
        ["[]", "{}", "[[]]", "0", "\"\"", "1.0", "{\"\":0}", "{ }", "\"\\u0061\"", "{\"\\u0061\":0}"]
    {
        let text = format!("{{\"a\":[{element}{}]}}", format!(",{element}").repeat(20_000));
        assert_eq!(read(&text), Ok(()), "{element}");
    }
    let objects = format!(",{}", members(10_000)).repeat(10);
    assert_eq!(read(&format!("{{\"a\":[0{objects}]}}")), Ok(()));
}

// rule: SIGN-11
#[test]
#[expect(clippy::disallowed_methods, reason = "the time that passes is what is measured")]
fn a15_a_dialect_named_a_hundred_times_is_written_once() {
    let numbers = serde_json::json!({ "n": vec![1.5; 20_000] });
    let draft = Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "s", "m")
        .from(&"alice@acme.crabmail.ai".parse().unwrap())
        .context(&numbers)
        .unwrap();
    let signed = draft
        .sign_with_nonce(&Identity::from_seed(&[1; 32]), "2026-11-20T10:00:00Z".parse().unwrap(), [0; 16])
        .unwrap();
    let stranger = Identity::from_seed(&[2; 32]);
    let mut verifier = Verifier::new();
    let mut cost = |dialects: &[Dialect]| {
        let message = verifier.decode(signed.to_json().into_bytes(), Profile::Deployed).unwrap();
        let start = Instant::now();
        let refusal = verifier.verify(message, stranger.verifying_key(), dialects).unwrap_err();
        let elapsed = start.elapsed();
        assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
        elapsed
    };
    let named: Vec<_> = Dialect::ALL.into_iter().cycle().take(600).collect();
    cost(&named);
    let once = (0..3).map(|_| cost(&Dialect::ALL)).max().unwrap();
    let often = (0..3).map(|_| cost(&named)).min().unwrap();
    assert!(often < 10 * once, "{often:?} against {once:?}");
}

/// Texts that are nearly messages: pieces of JSON, in any order, beside bytes that are no text.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\u0061\"",
            "\"envelope\"",
            "\"payload\"",
            "1e5",
            "0.25",
            "null",
            " ",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    let pieces = prop::collection::vec((piece, 1_usize..200), 0..40);
    pieces.prop_map(|pieces| pieces.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect())
}

proptest! {
    #[test]
    fn a57_decoding_allocates_in_proportion_to_any_bytes(mut bytes in nearly_a_message(), as_object: bool) {
        if as_object {
            bytes = [&br#"{"envelope":{},"payload":{"x":["#[..], &bytes, b"]}}"].concat();
        }
        let cost = allocation_counter::measure(|| {
            let _ = Message::decode(&bytes);
        });
        // Small texts pay for the smallest buffers.
        prop_assert!(cost.bytes_max <= 2048 + 64 * bytes.len() as u64, "{} for {}", cost.bytes_max, bytes.len());
    }
}

// rule: MSG-11
#[test]
fn a57_a_decoded_message_keeps_memory_in_proportion() {
    for scalar in ["-0", "[ ]", "\"\\u0041\"", "1E1"] {
        let list = [scalar, &format!(",{scalar}").repeat(400_000 / (scalar.len() + 1))].concat();
        let json = format!(
            r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1_ab","from":"a@b.example.com","to":"b@b.example.com","subject":"s","timestamp":"2026-11-20T10:00:00Z","thread_id":"msg_1_ab"}},"payload":{{"type":"t","message":"m","x":[{list}]}}}}"#
        );
        let mut message = None;
        let kept = allocation_counter::measure(|| message = Message::decode(json.as_bytes()).ok());
        assert!(message.is_some());
        let kept = usize::try_from(kept.bytes_current).unwrap();
        assert!(kept <= 16 * json.len(), "{scalar}: {kept} bytes for a text of {}", json.len());
    }
}
