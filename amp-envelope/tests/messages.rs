//! The contract of messages: decoding, verifying, writing, answering.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

use amp_address::{Address, Profile};
use amp_crypto::{Identity, SigningContext};
use amp_envelope::{
    Answer, Dialect, Draft, ErrorCode, Message, MessageType, Payload, PayloadHash, Priority, RouteBody,
    SignedMessage, ThreadEntry, Timestamp, Variant, Verified, Verifier, signing_string,
};
use proptest::prelude::*;

fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

fn bob() -> Identity {
    Identity::from_seed(&[2; 32])
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn draft(subject: &str, text: &str) -> Draft {
    Draft::request(address("bob@acme.crabmail.ai"), subject, text).from(&address("alice@acme.crabmail.ai"))
}

fn signed(subject: &str, text: &str) -> SignedMessage {
    draft(subject, text).sign_with_nonce(&alice(), now(), [9; 16]).unwrap()
}

fn verified(signed: &SignedMessage, key: &Identity) -> Verified<Message> {
    Message::decode(signed.to_json().as_bytes()).unwrap().verify(key.verifying_key()).unwrap()
}

#[test]
fn what_is_signed_verifies_and_reads_the_same() {
    // rule: SIGN-1
    let message = verified(&signed("Code review", "Can you look at \"PR 42\"?\n"), &alice());
    assert_eq!(message.from().as_str(), "alice@acme.crabmail.ai");
    assert_eq!(message.to().as_str(), "bob@acme.crabmail.ai");
    assert_eq!(message.subject(), "Code review");
    assert_eq!(message.text(), "Can you look at \"PR 42\"?\n");
    assert_eq!(message.payload().message_type(), MessageType::Request);
    assert_eq!(message.priority(), Priority::Normal);
    assert_eq!(message.dialect(), Dialect::Jcs);
    assert_eq!(message.variant(), Variant::AsReceived);
    assert_eq!(message.key(), alice().verifying_key());
    assert_eq!(message.unsigned().timestamp(), now());
    assert_eq!(message.unsigned().thread_id(), message.unsigned().id());
}

#[test]
fn a_draft_travels_in_canonical_form() {
    let signed = draft("s", "t").context_json(r#"{"b": 1.50, "a": [ 1 ]}"#).unwrap();
    let signed = signed.without_freshness().sign_with_nonce(&alice(), now(), [0; 16]).unwrap();
    assert_eq!(signed.payload().raw(), r#"{"context":{"a":[1],"b":1.5},"message":"t","type":"request"}"#);
}

#[test]
fn large_doubles_can_be_signed_and_read_again() {
    let signed = draft("s", "t").context(&serde_json::json!({"n": 1e20, "m": 1.5e300})).unwrap();
    let signed = signed.sign_with_nonce(&alice(), now(), [0; 16]).unwrap();
    let message = Message::decode_with(signed.to_json().as_bytes(), Profile::Spec).unwrap();
    let message = message.verify(alice().verifying_key()).unwrap();
    let context = message.payload().context_json().unwrap();
    assert_eq!(context.get("n").unwrap().as_f64(), Some(1e20));
}

#[test]
fn a_context_that_cannot_travel_is_refused_by_name() {
    let refusal = |context: serde_json::Value| draft("s", "t").context(&context).unwrap_err();
    assert_eq!(refusal(serde_json::json!({"amp": 1})).field(), Some("payload.context"));
    assert_eq!(refusal(serde_json::json!([1])).code(), ErrorCode::NotAnObject);
    assert_eq!(
        refusal(serde_json::json!({"n": 9_007_199_254_740_993_u64})).code(),
        ErrorCode::UnportableNumber
    );
    let infinite = std::collections::BTreeMap::from([("n", f64::INFINITY)]);
    assert_eq!(draft("s", "t").context(&infinite).unwrap_err().code(), ErrorCode::NonFiniteNumber);
    let lone = draft("s", "t").context_json(r#"{"a":"\ud800"}"#).unwrap_err();
    assert_eq!(lone.code(), ErrorCode::LoneSurrogate);
    let proto = draft("s", "t").context_json(r#"{"__proto__":1}"#).unwrap();
    assert_eq!(
        proto.sign_with_nonce(&alice(), now(), [0; 16]).unwrap_err().code(),
        ErrorCode::UnportablePayload
    );
}

#[test]
fn json_that_a_draft_is_given_has_only_json_white_space_around_it() {
    // Found by fuzzing: a form feed is white space in ASCII, and none in JSON.
    for json in ["{}\u{c}", "\u{c}{}", "{} \u{b}"] {
        assert_eq!(draft("s", "t").context_json(json).unwrap_err().code(), ErrorCode::InvalidJson);
        assert_eq!(draft("s", "t").attachment_json(json).unwrap_err().code(), ErrorCode::InvalidJson);
    }
    assert!(draft("s", "t").context_json(" {}\r\n\t").is_ok());
}

#[test]
fn a_draft_without_its_required_fields_is_refused() {
    let to = address("bob@acme.crabmail.ai");
    let sign = |draft: Draft| draft.sign_with_nonce(&alice(), now(), [0; 16]).unwrap_err();
    assert_eq!(sign(Draft::request(to.clone(), "s", "t")).field(), Some("envelope.from"));
    assert_eq!(sign(Draft::new(to.clone()).from(&to)).field(), Some("envelope.subject"));
    assert_eq!(sign(draft(&"x".repeat(257), "t")).code(), ErrorCode::TooLarge);
    assert_eq!(sign(draft("s", &"x".repeat(65_537))).field(), Some("payload.message"));
    assert_eq!(sign(draft("s", "t").expires_at(now())).field(), Some("envelope.expires_at"));
    assert_eq!(sign(draft("s", "t").message_type(MessageType::read("a b"))).field(), Some("payload.type"));
    let one_label = Address::parse_with("bob@acme.local", Profile::Deployed).unwrap();
    assert_eq!(sign(draft("s", "t").from(&one_label)).field(), Some("envelope.from"));
    assert_eq!(sign(Draft::request(one_label, "s", "t").from(&to)).field(), Some("envelope.to"));
}

#[test]
fn a_reply_keeps_the_parents_thread_and_proves_what_it_answers() {
    // rule: FRESH-4, THREAD-1
    let question = verified(&signed("Lunch?", "At noon?"), &alice());
    let first = question.reply("Yes.").sign_with_nonce(&bob(), now(), [3; 16]).unwrap();
    let first = verified(&first, &bob());
    assert_eq!(first.in_reply_to(), Some(question.unsigned().id()));
    assert_eq!(first.unsigned().thread_id(), question.unsigned().thread_id());
    assert_eq!(first.subject(), "Re: Lunch?");
    assert_eq!(first.payload().message_type(), MessageType::Response);
    assert_eq!(first.answers(&question), Answer::Yes);

    let second = question_answered_by(&first);
    assert_eq!(second.subject(), "Re: Lunch?", "`Re: ` stands once");
    assert_eq!(second.unsigned().thread_id(), question.unsigned().thread_id());
    assert_eq!(second.answers(&first), Answer::Yes);
    assert_eq!(second.answers(&question), Answer::No);
}

#[test]
fn a_message_with_a_deployed_id_is_answered_in_its_thread() {
    // rule: FRESH-4
    let signed = signed("Lunch?", "At noon?");
    for id in ["msg_1706648400123_k3j2x9z", "msg-1706648400-abc123", "550e8400-e29b-41d4-a716-446655440000"] {
        // Providers assign the id on acceptance, each in its own form.
        let json = signed.to_json().replace(signed.id().as_str(), id);
        let question = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
        for context in ["{}", r#"{"n":1e16}"#] {
            let draft = question.reply("Yes.").context_json(context).unwrap();
            let answer = draft.sign_with_nonce(&bob(), now(), [3; 16]).unwrap();
            let body = RouteBody::decode(answer.to_route_json().as_bytes(), &answer.from()).unwrap();
            assert_eq!(body.in_reply_to().unwrap().as_str(), id);
            assert!(body.verify(bob().verifying_key()).is_ok(), "{context}");
            let answer = verified(&answer, &bob());
            assert_eq!(answer.unsigned().thread_id().as_str(), id);
            assert_eq!(answer.answers(&question), Answer::Yes);
        }
    }
}

fn question_answered_by(message: &Verified<Message>) -> Verified<Message> {
    verified(&message.reply("Good.").sign_with_nonce(&alice(), now(), [4; 16]).unwrap(), &alice())
}

#[test]
fn a04_an_answer_moved_under_another_question_does_not_answer_it() {
    // rule: FRESH-4
    let delete = verified(
        &draft("Delete?", "Everything?").sign_with_nonce(&alice(), now(), [1; 16]).unwrap(),
        &alice(),
    );
    let lunch =
        verified(&draft("Lunch?", "Noon?").sign_with_nonce(&alice(), now(), [2; 16]).unwrap(), &alice());
    let yes = lunch.reply("Yes.").sign_with_nonce(&bob(), now(), [3; 16]).unwrap();
    // The relay gives the harmless question's id to the dangerous one.
    let swapped = delete.to_json().replace(delete.unsigned().id().as_str(), lunch.unsigned().id().as_str());
    let swapped = Message::decode(swapped.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
    assert_eq!(verified(&yes, &bob()).answers(&swapped), Answer::No);
    assert_eq!(verified(&yes, &bob()).answers(&lunch), Answer::Yes);
}

#[test]
fn a03_a_stripped_or_extended_expiry_does_not_outlive_the_signed_one() {
    // rule: FRESH-3
    let soon: Timestamp = "2026-11-20T11:00:00Z".parse().unwrap();
    let signed = draft("s", "t").expires_at(soon).sign_with_nonce(&alice(), now(), [0; 16]).unwrap();
    let json = signed.to_json();
    let extended = json.replacen(
        "\"expires_at\":\"2026-11-20T11:00:00Z\",\"signature\"",
        "\"expires_at\":\"2036-11-20T11:00:00Z\",\"signature\"",
        1,
    );
    let stripped = json.replacen("\"expires_at\":\"2026-11-20T11:00:00Z\",\"signature\"", "\"signature\"", 1);
    assert!(extended != json && stripped != json);
    for json in [json, extended, stripped] {
        let message = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
        assert_eq!(message.expires_at(), Ok(Some(soon)));
    }
}

#[test]
fn a03_a_block_out_of_its_grammar_does_not_mean_that_a_message_never_expires() {
    // rule: FRESH-7
    let payload = r#"{"type":"t","message":"m","context":{"amp":{"expires_at":"2026-11-20T11:00:00Z"}}}"#;
    let hash = PayloadHash::of(payload.as_bytes(), Dialect::Jcs).unwrap();
    let (from, to) = (address("alice@acme.crabmail.ai"), address("bob@acme.crabmail.ai"));
    let string = signing_string(&from, &to, "s", Priority::Normal, None, &hash).unwrap();
    let signature = alice().sign(SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    let json = format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1_ab","from":"{from}","to":"{to}","subject":"s","timestamp":"2026-11-20T10:00:00Z","thread_id":"msg_1_ab","signature":"{signature}"}},"payload":{payload}}}"#
    );
    let message = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
    assert_eq!(message.expires_at().unwrap_err().code(), ErrorCode::MissingField);
}

#[test]
fn unknown_envelope_fields_and_payload_bytes_survive_a_round_trip() {
    // rule: MSG-9
    let payload = r#"{ "type":"request", "message":"h\u00e9", "n": 1.50, "later":{"z":1,"a":[ ]} }"#;
    let envelope = r#"{"version":"amp/0.2","id":"msg_1706648400_abc123","from":"Alice@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Hi","timestamp":"2025-01-30T10:00:00.120Z","signature":"AA==","thread_id":"msg_1706648400_abc123","from_did":"did:key:z6Mk","x":{"deep":[1,2.0]}}"#;
    let text = format!(
        r#" {{"local":{{"trust":"verified"}}, "payload" : {payload} , "envelope":{envelope}, "security":{{}} }}"#
    );
    let message = Message::decode(text.as_bytes()).unwrap();
    let written = message.to_json();
    assert_eq!(written, format!(r#"{{"envelope":{envelope},"payload":{payload}}}"#));
    assert_eq!(Message::decode(written.as_bytes()).unwrap().to_json(), written);
    assert_eq!(message.unsigned().get("x").unwrap().raw(), r#"{"deep":[1,2.0]}"#);
    assert_eq!(message.unsigned().get("from_did").unwrap().as_str().unwrap(), "did:key:z6Mk");
}

#[test]
fn a_route_body_verifies_for_the_authenticated_sender_only() {
    // rule: SIGN-10
    let signed =
        draft("Hi", "t").priority(Priority::Urgent).sign_with_nonce(&alice(), now(), [0; 16]).unwrap();
    let body = |from: &Address| RouteBody::decode(signed.to_route_json().as_bytes(), from).unwrap();
    let verified = body(&signed.from()).verify(alice().verifying_key()).unwrap();
    assert_eq!(verified.from(), &signed.from());
    assert_eq!((verified.subject().as_ref(), verified.priority()), ("Hi", Priority::Urgent));
    assert_eq!(verified.signing_digest(), signed.signing_digest());
    let refusal = body(&address("eve@acme.crabmail.ai")).verify(alice().verifying_key()).unwrap_err();
    assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
    for absent in ["from", "id", "timestamp"] {
        assert!(body(&signed.from()).unsigned().get(absent).is_none());
    }
}

#[test]
fn a_verifier_reuses_its_buffers_and_gives_the_bytes_back() {
    let mut verifier = Verifier::new();
    for n in 0..3 {
        let bytes = signed(&format!("s{n}"), "t").to_json().into_bytes();
        let message = verifier.decode(bytes.clone(), Profile::Deployed).unwrap();
        let verified = verifier.verify(message, alice().verifying_key(), &Dialect::ALL).unwrap();
        assert_eq!(verifier.recycle(verified.into_inner()), bytes);
        assert!(verifier.decode(b"{".to_vec(), Profile::Deployed).is_err());
    }
}

#[test]
fn debug_output_holds_no_content() {
    let message = signed("Secret subject", "secret text").as_message().clone();
    let shown = format!("{message:?} {:?} {:?}", message.payload(), message.payload().get("message"));
    assert!(!shown.to_lowercase().contains("secret"), "{shown}");
}

/// Payload spellings that the bash client and the reference provider produce.
fn sign_under(dialect: Dialect, payload: &str) -> String {
    let hash = amp_envelope::PayloadHash::of(payload.as_bytes(), dialect).unwrap();
    let (from, to) = (address("alice@acme.crabmail.ai"), address("bob@acme.crabmail.ai"));
    let string = amp_envelope::signing_string(&from, &to, "s", Priority::Normal, None, &hash).unwrap();
    let signature = alice().sign(amp_crypto::SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1_ab","from":"{from}","to":"{to}","subject":"s","timestamp":"2026-01-01T00:00:00Z","signature":"{signature}","thread_id":"msg_1_ab"}},"payload":{payload}}}"#
    )
}

#[test]
fn the_first_dialect_that_matches_is_reported() {
    // rule: SIGN-11
    let payload = "{\"type\":\"t\",\"message\":\"é\u{7f}\",\"context\":{\"10\":1,\"9\":1.0}}";
    for dialect in Dialect::ALL {
        let message = Message::decode(sign_under(dialect, payload).as_bytes()).unwrap();
        assert_eq!(message.verify_with(alice().verifying_key(), &Dialect::ALL).unwrap().dialect(), dialect);
    }
    for plain in [r#"{"type":"t","message":"m"}"#, r#"{"message":"m","type":"t"}"#] {
        let message = || Message::decode(sign_under(Dialect::PythonAscii, plain).as_bytes()).unwrap();
        assert_eq!(message().verify(alice().verifying_key()).unwrap().dialect(), Dialect::Jcs);
        for dialect in Dialect::ALL {
            let verified = message().verify_with(alice().verifying_key(), &[dialect, Dialect::Jcs]).unwrap();
            assert_eq!(verified.dialect(), dialect);
        }
    }
}

#[test]
fn a_dialect_that_was_not_asked_for_is_not_tried() {
    // rule: SIGN-11
    let message =
        Message::decode(sign_under(Dialect::Jq17, r#"{"type":"t","message":"m","n":1.0}"#).as_bytes())
            .unwrap();
    let refusal = message.verify(alice().verifying_key()).unwrap_err();
    assert_eq!(refusal.error().code(), ErrorCode::SignatureInvalid);
}

#[test]
fn an_empty_attachments_array_added_after_signing_is_reported_as_a_variant() {
    // rule: SIGN-12
    let signed = sign_under(Dialect::Jcs, r#"{"type":"t","message":"m"}"#);
    let stored = signed.replace(r#""message":"m"}"#, r#""message":"m","attachments": [ ]}"#);
    let verified = Message::decode(stored.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
    assert_eq!(verified.variant(), Variant::EmptyAttachments);
    let strict = Message::decode_with(stored.as_bytes(), Profile::Spec).unwrap();
    assert!(strict.verify(alice().verifying_key()).is_err(), "the strict profile knows no variants");
    let filled = signed.replace(r#""message":"m"}"#, r#""message":"m","attachments":[{}]}"#);
    assert!(Message::decode(filled.as_bytes()).unwrap().verify(alice().verifying_key()).is_err());
}

proptest! {
    #[test]
    fn decoding_never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for profile in [Profile::Spec, Profile::Deployed] {
            let _ = Message::decode_with(&bytes, profile);
        }
        let _ = RouteBody::decode(&bytes, &address("alice@acme.crabmail.ai"));
    }

    #[test]
    fn decoding_never_panics_on_damaged_messages(at in 0_usize..2000, byte: u8, cut in 0_usize..2000, text: String) {
        let mut bytes = signed("subject", &text).to_json().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::decode(&bytes);
        bytes.truncate(cut % bytes.len());
        prop_assert!(Message::decode(&bytes).is_err());
    }

    #[test]
    fn any_text_and_subject_travel_unchanged(subject in "\\PC{1,256}", text: String, key in "\\PC{0,20}", value: String, n: i32, x: f64) {
        prop_assume!(key != "amp" && key != "__proto__" && x.is_finite() && key != "n" && key != "x");
        let context = serde_json::json!({"n": n, "x": x, key.clone(): value});
        let signed = draft(&subject, &text).context(&context).unwrap().sign_with_nonce(&alice(), now(), [5; 16]).unwrap();
        let message = Message::decode_with(signed.to_json().as_bytes(), Profile::Spec).unwrap();
        let message = message.verify(alice().verifying_key()).unwrap();
        prop_assert_eq!(message.subject(), subject.as_str());
        prop_assert_eq!(message.text(), text.as_str());
        let seen = message.payload().context_json().unwrap();
        prop_assert_eq!(seen.get(&key).unwrap().as_str().unwrap(), context[&key].as_str().unwrap());
        prop_assert_eq!(seen.get("n").unwrap().as_i64(), Some(i64::from(n)));
        prop_assert_eq!(seen.get("x").unwrap().as_f64(), Some(x));
        prop_assert_eq!(message.signing_digest(), signed.signing_digest());
    }

    #[test]
    fn verification_fails_after_any_change_of_one_bit(bit in 0_usize..100_000) {
        // rule: SIGN-1
        let json = signed("subject", "text of some length, é").to_json();
        let original = Message::decode(json.as_bytes()).unwrap().verify(alice().verifying_key()).unwrap();
        let mut bytes = json.into_bytes();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = Message::decode(&bytes).ok().and_then(|message| message.verify(alice().verifying_key()).ok());
        if let Some(changed) = changed {
            // Only what is not signed may have changed: the signed content is the same.
            prop_assert_eq!(changed.signing_digest(), original.signing_digest());
            prop_assert_eq!(changed.payload().raw(), original.payload().raw());
            prop_assert_eq!(changed.from(), original.from());
            prop_assert_eq!(changed.to(), original.to());
            prop_assert_eq!(changed.subject(), original.subject());
        }
    }

    #[test]
    fn a06_two_field_tuples_never_share_a_signing_string(
        a in fields(), b in fields(),
    ) {
        // rule: SIGN-2
        let string = |(from, to, subject, priority, reply, hash): &Fields| amp_envelope::signing_string(
            &address(&format!("{from}@x.y.z")), &address(&format!("{to}@x.y.z")), subject, *priority, reply.as_ref(),
            &amp_envelope::PayloadHash::from_base64(hash).unwrap()).unwrap();
        prop_assert_eq!(string(&a) == string(&b), a == b);
    }
}

type Fields = (String, String, String, Priority, Option<amp_envelope::MessageId>, String);

/// Tuples close to each other, with subjects that imitate the fields around them.
fn fields() -> impl Strategy<Value = Fields> {
    let hash = prop_oneof![
        Just("4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg="),
        Just("bE6R8lh+sLvN5+g5bucp+rbMYJ0M9qkqH+d702x/yWQ=")
    ];
    let subject =
        "(a|b)?(\\|)?(normal|urgent)?(\\|)?(msg_1_a)?(\\|4Z/XSV1AZKYKorrN9OyxY5kTmYXHIZY37sGUfOrHkdg=)?";
    let priority = prop_oneof![Just(Priority::Normal), Just(Priority::Urgent)];
    let reply = prop_oneof![Just(None), Just(Some("msg_1_a".parse().unwrap()))];
    ("[ab]", "[ab]", subject, priority, reply, hash).prop_map(|(from, to, subject, priority, reply, hash)| {
        (from, to, subject, priority, reply, hash.to_owned())
    })
}

#[test]
fn a_payload_that_fits_no_message_is_refused_in_a_body_and_alone() {
    // rule: MSG-11
    let payload = format!(r#"{{"type":"t","message":"m","x":"{}"}}"#, "x".repeat(512 * 1024));
    let body =
        format!(r#"{{"to":"bob@acme.crabmail.ai","subject":"s","signature":"AA==","payload":{payload}}}"#);
    let errors = [
        RouteBody::decode(body.as_bytes(), &address("alice@acme.crabmail.ai")).unwrap_err(),
        Payload::from_json(payload.as_bytes()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.code(), error.field()), (ErrorCode::TooLarge, Some("payload")));
    }
}

#[test]
fn a_flat_body_names_its_own_fields_in_errors() {
    let good = r#""to":"bob@acme.crabmail.ai","subject":"s","payload":{"type":"t","message":"m"}"#;
    for (member, field) in [
        (r#""signature":"AA==","priority":"soon""#, "priority"),
        (r#""signature":"AA==","in_reply_to":"../x""#, "in_reply_to"),
        (r#""signature":"""#, "signature"),
    ] {
        let body = format!("{{{good},{member}}}");
        let error =
            RouteBody::decode_with(body.as_bytes(), &address("alice@acme.crabmail.ai"), Profile::Spec)
                .unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
    }
}

#[test]
fn attachments_that_are_too_large_are_refused_while_reading() {
    // rule: MSG-12
    let payload = |sizes: &[u64]| {
        let list: Vec<_> = sizes.iter().map(|size| format!(r#"{{"filename":"f","size":{size}}}"#)).collect();
        format!(r#"{{"type":"t","message":"m","attachments":[{}]}}"#, list.join(","))
    };
    const MIB: u64 = 1024 * 1024;
    for fits in [&[25 * MIB][..], &[25 * MIB; 4], &[0; 10]] {
        assert!(Payload::from_json(payload(fits).as_bytes()).is_ok());
    }
    let together = [20 * MIB, 25 * MIB, 25 * MIB, 25 * MIB, 5 * MIB + 1];
    for too_large in [&[25 * MIB + 1][..], &together, &[0; 11]] {
        let error = Payload::from_json(payload(too_large).as_bytes()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::TooLarge);
        assert!(error.field().is_some());
    }
}

#[test]
fn a_draft_takes_no_attachment_that_could_not_be_checked() {
    let add = |object: &str| draft("s", "t").attachment_json(object);
    assert!(add(r#"{"filename":"a","digest":"md5:d41d8cd98f00b204e9800998ecf8427e"}"#).is_err());
    assert!(add("[]").is_err());
    assert_eq!(add(r#"{"filename":"a","size":1.5}"#).unwrap_err().field(), Some("size"));
    let good = format!(r#"{{"filename":"a.txt","size":1,"digest":"sha256:{}"}}"#, "0".repeat(64));
    let signed = add(&good).unwrap().sign_with_nonce(&alice(), now(), [0; 16]).unwrap();
    assert_eq!(signed.payload().attachments_json().count(), 1);
}

#[test]
fn a_thread_is_arranged_from_decoded_messages() {
    let question = verified(&signed("Lunch?", "At noon?"), &alice());
    let later: Timestamp = "2026-11-20T10:05:00Z".parse().unwrap();
    let answer = verified(&question.reply("Yes.").sign_with_nonce(&bob(), later, [3; 16]).unwrap(), &bob());
    let view = amp_envelope::ThreadView::build([ThreadEntry::of(&answer), ThreadEntry::of(&question)]);
    let order: Vec<_> = view.order().cloned().collect();
    assert_eq!(order, [question.unsigned().id(), answer.unsigned().id()]);
}
