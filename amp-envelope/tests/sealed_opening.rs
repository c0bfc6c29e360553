//! Sealed mail: what is sealed opens as it was, in its own message alone, with the right key at the right time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod sealed_support;

use amp_address::Profile;
use amp_crypto::Identity;
use amp_crypto::seal::{DecryptionKey, EncryptionKey, Suite, padded_len};
use amp_envelope::{
    Answer, Dialect, Draft, ErrorCode, Message, MessageType, OpeningError, OpeningKeys, limits,
};
use proptest::prelude::*;
use sealed_support::*;
use serde_json::{Value, json};

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,200}", ".{0,60}", "[a-z]{0,3000}"]
}

fn types() -> impl Strategy<Value = MessageType> {
    prop::sample::select(vec!["request", "task", "github:pull_request", "ack"])
        .prop_map(|name| name.parse().unwrap())
}

fn contexts() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
    ];
    prop::collection::btree_map("[a-z\"é]{1,8}", leaf, 0..6)
        .prop_filter("reserved", |members| !members.contains_key("amp"))
        .prop_map(|members| json!(members))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // rule: SEAL-1, SEAL-7, SEAL-15
    #[test]
    fn what_opens_is_the_payload_that_would_have_been_sent_in_plain(
        text in texts(), message_type in types(), context in contexts(), suite in suites(),
    ) {
        let draft = draft(&text).message_type(message_type).context(&context).unwrap().sealing_suite(suite);
        let signed = sign(draft.clone());
        let opened = open(&signed);
        let plain = sign(draft.unsealed().without_freshness());
        prop_assert_eq!(opened.payload().raw(), plain.payload().raw());
        prop_assert_eq!(opened.suite(), suite);
        prop_assert_eq!(opened.key_id(), &to_bob().id());
        // The freshness block is where a relay's view of the message and the recipient's are the same.
        let freshness = opened.verified().payload().freshness().unwrap().unwrap();
        prop_assert_eq!(freshness.nonce(), &[9; 16]);
        prop_assert!(opened.payload().freshness().unwrap().is_none());
        // And the sender reads it with what was kept.
        let again = received(&signed).open_with_secret(signed.shared_secret().unwrap()).unwrap();
        prop_assert_eq!(again.payload().raw(), plain.payload().raw());
    }

    // rule: SEAL-1
    #[test]
    fn a_sealed_message_is_an_ordinary_one_under_every_profile_and_dialect(
        text in texts(), context in contexts(), suite in suites(),
    ) {
        let draft = draft(&text).context(&context).unwrap().sealing_suite(suite);
        prop_assert!(draft.portability().unwrap().is_portable());
        let signed = sign(draft);
        prop_assert!(signed.payload().portability().unwrap().is_portable());
        prop_assert!(signed.to_json().is_ascii());
        for profile in [Profile::Spec, Profile::Deployed] {
            for dialect in Dialect::ALL {
                let message = Message::decode_with(signed.to_json().as_bytes(), profile).unwrap();
                let verified = message.verify_with(alice().verifying_key(), &[dialect]).unwrap();
                prop_assert_eq!(verified.text(), "This message is sealed end to end.");
                prop_assert!(verified.open(&bobs_keys(), now()).is_ok());
            }
        }
    }

    // rule: SEAL-9
    #[test]
    fn the_length_of_what_is_sealed_is_that_of_the_bucket(a in 0_usize..4000, b in 0_usize..4000) {
        let lengths = |n: usize| {
            let signed = sign(draft(&"x".repeat(n)));
            let inner = open(&signed).payload().raw().len();
            let payload: Value = serde_json::from_str(signed.payload().raw()).unwrap();
            (padded_len(inner as u64), payload["context"]["sealed"]["ct"].as_str().unwrap().len())
        };
        let (a, b) = (lengths(a), lengths(b));
        prop_assert_eq!(a.0 == b.0, a.1 == b.1);
        prop_assert_eq!(a.1, ((a.0 + 16) * 4).div_ceil(3) as usize);
    }

    // rule: SEAL-10, SEAL-11
    #[test]
    fn one_bit_changed_in_the_ciphertext_does_not_open(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let sealed = seal_by_hand(br#"{"type":"request","message":"m"}    "#, Suite::default());
        let mut ct = sealed.ct().to_vec();
        let at = at.index(ct.len());
        ct[at] ^= 1_u8 << bit;
        let mut payload = outer_payload(&sealed);
        payload["context"]["sealed"]["ct"] = json!(base64url(&ct));
        let message = message_by_hand(ALICE, BOB, &alice(), &payload);
        prop_assert_eq!(error_of(message.clone()), OpeningError::NotOpened);
        prop_assert_eq!(*message.open_with_secret(sealed.secret()).unwrap_err().error(), OpeningError::NotOpened);
    }

    // rule: SEAL-4, SEAL-10, SEAL-11
    #[test]
    fn one_bit_changed_in_the_ephemeral_key_does_not_open(at in 0_usize..32, bit in 0..8_u32) {
        let sealed = seal_by_hand(br#"{"type":"request","message":"m"}    "#, Suite::default());
        let mut epk = *sealed.epk();
        epk[at] ^= 1_u8 << bit;
        let mut payload = outer_payload(&sealed);
        payload["context"]["sealed"]["epk"] = json!(base64url(&epk));
        let error = error_of(message_by_hand(ALICE, BOB, &alice(), &payload));
        // The highest bit is no part of a coordinate: setting it makes another spelling, which is refused as such.
        prop_assert!(
            error == OpeningError::NotOpened || error.code() == ErrorCode::InvalidKey, "{error:?}"
        );
    }

    // rule: SEAL-10, SEAL-11
    #[test]
    fn one_bit_changed_in_the_key_id_does_not_open(at in 0_usize..32, bit in 0..8_u32) {
        let sealed = seal_by_hand(br#"{"type":"request","message":"m"}    "#, Suite::default());
        let mut kid = *sealed.kid().as_bytes();
        kid[at] ^= 1_u8 << bit;
        let hex: String = kid.iter().map(|byte| format!("{byte:02x}")).collect();
        let kid = amp_crypto::Fingerprint::parse(&hex).unwrap();
        let mut payload = outer_payload(&sealed);
        payload["context"]["sealed"]["kid"] = json!(kid.to_string());
        let message = message_by_hand(ALICE, BOB, &alice(), &payload);
        prop_assert_eq!(error_of(message.clone()), OpeningError::KeyNotHeld(kid));
        prop_assert_eq!(*message.open_with_secret(sealed.secret()).unwrap_err().error(), OpeningError::NotOpened);
    }

    // rule: SEAL-10
    #[test]
    fn a_body_does_not_open_between_other_addresses(at in any::<prop::sample::Index>(), letter in "[a-z]") {
        let sealed = seal_by_hand(br#"{"type":"request","message":"m"}    "#, Suite::default());
        let payload = outer_payload(&sealed);
        let changed = |address: &str| {
            let at = at.index(address.find('@').unwrap());
            let mut address = address.to_owned();
            address.replace_range(at..=at, &letter);
            address
        };
        for (from, to) in [(changed(ALICE), BOB.to_owned()), (ALICE.to_owned(), changed(BOB))] {
            let message = message_by_hand(&from, &to, &alice(), &payload);
            if (from.as_str(), to.as_str()) == (ALICE, BOB) {
                prop_assert!(message.open(&bobs_keys(), now()).is_ok());
            } else {
                prop_assert_eq!(error_of(message.clone()), OpeningError::NotOpened);
                let error = *message.open_with_secret(sealed.secret()).unwrap_err().error();
                prop_assert_eq!(error, OpeningError::NotOpened);
            }
        }
    }

    // rule: SEAL-10
    #[test]
    fn a_body_that_somebody_else_signs_does_not_open(seed in any::<[u8; 32]>()) {
        let mallory = Identity::from_seed(&seed);
        let sealed = seal_by_hand(br#"{"type":"request","message":"m"}    "#, Suite::default());
        let message = message_by_hand(ALICE, BOB, &mallory, &outer_payload(&sealed));
        prop_assert_eq!(error_of(message.clone()), OpeningError::NotOpened);
        prop_assert_eq!(*message.open_with_secret(sealed.secret()).unwrap_err().error(), OpeningError::NotOpened);
    }

    // rule: SEAL-13
    #[test]
    fn the_same_randomness_for_two_messages_repeats_no_ephemeral_key(
        a in "[a-z]{0,20}", b in "[a-z]{0,20}", randomness in any::<[u8; 32]>(),
    ) {
        let sealed = |text: &str, to: &str, suite| {
            let draft = Draft::request(address(to), "Harbour", text).from(&address(ALICE));
            let draft = draft.seal_to(&to_bob()).sealing_suite(suite).sealing_randomness(randomness);
            let payload: Value = serde_json::from_str(sign(draft).payload().raw()).unwrap();
            let sealed = &payload["context"]["sealed"];
            (sealed["epk"].as_str().unwrap().to_owned(), sealed["ct"].as_str().unwrap().to_owned())
        };
        let [first, second] = Suite::ALL;
        let all = [
            sealed(&a, BOB, first), sealed(&b, BOB, first), sealed(&a, "carol@acme.crabmail.ai", first),
            sealed(&a, BOB, second),
        ];
        for (at, one) in all.iter().enumerate() {
            for other in &all[..at] {
                prop_assert_eq!(one.0 == other.0, one.1 == other.1);
            }
        }
        prop_assert_eq!(all[0] == all[1], a == b);
    }
}

#[test]
fn a_draft_that_is_signed_twice_is_sealed_twice() {
    // rule: SEAL-13
    let epk = |draft: &Draft, identity: &Identity| {
        let signed = draft.clone().sign_with_nonce(identity, now(), [9; 16]).unwrap();
        serde_json::from_str::<Value>(signed.payload().raw()).unwrap()["context"]["sealed"]["epk"].clone()
    };
    let new_key = Identity::from_seed(&[3; 32]);
    #[cfg(feature = "getrandom")]
    assert_ne!(epk(&draft(TEXT), &alice()), epk(&draft(TEXT), &alice()));
    // With randomness of the caller's the same, and another sender's key is another message.
    let draft = draft(TEXT).sealing_randomness([4; 32]);
    assert_eq!(epk(&draft, &alice()), epk(&draft, &alice()));
    assert_ne!(epk(&draft, &alice()), epk(&draft, &new_key));
}

#[cfg(not(feature = "getrandom"))]
#[test]
fn without_randomness_nothing_is_sealed() {
    // rule: SEAL-13
    let draft = Draft::request(address(BOB), "Harbour", TEXT).from(&address(ALICE)).seal_to(&to_bob());
    let error = draft.sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InternalError);
}

#[test]
fn a_draft_is_not_sealed_with_a_buffer_of_zeros() {
    // rule: SEAL-13
    let draft = Draft::request(address(BOB), "Harbour", TEXT).from(&address(ALICE)).seal_to(&to_bob());
    let error = draft.sealing_randomness([0; 32]).sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InternalError);
}

#[test]
fn addresses_are_bound_in_their_normal_form_however_they_are_spelled() {
    // rule: SEAL-10
    let payload = outer_payload(&seal_by_hand(br#"{"type":"request","message":"m"}"#, Suite::default()));
    let message = message_by_hand("Alice@ACME.Crabmail.ai", "BOB@acme.crabmail.AI", &alice(), &payload);
    assert_eq!(message.open(&bobs_keys(), now()).unwrap().text(), "m");
    // And a draft whose addresses came in capitals seals to the same.
    let odd = Draft::request(address("Bob@Acme.CRABMAIL.ai"), "Harbour", TEXT)
        .from(&address("ALICE@acme.crabmail.ai"))
        .seal_to(&to_bob())
        .sealing_randomness([4; 32]);
    let signed = sign(odd);
    assert_eq!(open(&signed).text(), TEXT);
    let lower = message_by_hand(ALICE, BOB, &alice(), &serde_json::from_str(signed.payload().raw()).unwrap());
    assert_eq!(lower.open(&bobs_keys(), now()).unwrap().text(), TEXT);
}

#[test]
fn the_suite_is_bound() {
    // rule: SEAL-10
    for suite in Suite::ALL {
        let sealed = seal_by_hand(br#"{"type":"request","message":"m"}"#, suite);
        let mut payload = outer_payload(&sealed);
        let other = Suite::ALL.into_iter().find(|other| *other != suite).unwrap();
        payload["context"]["sealed"]["suite"] = json!(other.as_str());
        let message = message_by_hand(ALICE, BOB, &alice(), &payload);
        assert_eq!(error_of(message.clone()), OpeningError::NotOpened);
        assert!(message.open_with_secret(sealed.secret()).is_err());
    }
}

#[test]
fn a_message_of_another_opens_with_no_secret_but_its_own() {
    // rule: SEAL-16
    let (first, second) = (sign(draft("one")), sign(draft("two")));
    let error = received(&first).open_with_secret(second.shared_secret().unwrap()).unwrap_err();
    assert_eq!(*error.error(), OpeningError::NotOpened);
    let opened = received(&first).open_with_secret(first.shared_secret().unwrap()).unwrap();
    assert_eq!(opened.text(), "one");
    let again = received(&first).open_with_secret(opened.shared_secret()).unwrap();
    assert_eq!(again.shared_secret().to_base64url().expose(), opened.shared_secret().to_base64url().expose());
}

#[test]
fn keys_are_found_by_their_id_and_former_ones_stop_at_their_time() {
    // rule: SEAL-12
    let (former, id) = another_key();
    let until = "2026-03-01T00:00:00Z".parse().unwrap();
    let signed = sign(draft(TEXT).seal_to(&former.encryption_key()));
    let message = received(&signed);
    assert_eq!(error_of(message.clone()), OpeningError::KeyNotHeld(id));

    let keys = bobs_keys().with_former(former, until);
    assert!(keys.holds(&id, now()) && !keys.holds(&id, until) && !bobs_keys().holds(&id, now()));
    let last = "2026-02-28T23:59:59.999Z".parse().unwrap();
    for at in [now(), last] {
        assert_eq!(message.clone().open(&keys, at).unwrap().text(), TEXT);
    }
    for at in [until, "2027-01-01T00:00:00Z".parse().unwrap()] {
        assert_eq!(*message.clone().open(&keys, at).unwrap_err().error(), OpeningError::KeyNotHeld(id));
    }
    // What is a key of today is one, even if it was noted as a former one too.
    let keys = keys.with_key(another_key().0);
    assert!(message.clone().open(&keys, until).is_ok());
    assert_eq!(*message.open(&OpeningKeys::new(), now()).unwrap_err().error(), OpeningError::KeyNotHeld(id));
}

#[test]
fn a_message_that_is_not_sealed_is_not_opened() {
    // rule: SEAL-2
    let plain = sign(draft(TEXT).unsealed());
    assert!(plain.shared_secret().is_none());
    assert!(plain.payload().sealed().unwrap().is_none());
    let error = received(&plain).open(&bobs_keys(), now()).unwrap_err();
    assert_eq!((*error.error(), error.error().code()), (OpeningError::NotSealed, ErrorCode::InvalidField));
    assert_eq!(error.into_verified().text(), TEXT);
}

#[test]
fn an_answer_to_a_sealed_message_is_sealed_to_the_sender() {
    let opened = open(&sign(draft(TEXT)));
    assert_eq!(*opened.sender_key(), EncryptionKey::of(alice().verifying_key()).unwrap());
    let reply = opened.reply("I shall be there.");
    assert!(reply.is_sealed());
    let answer = reply.sealing_randomness([4; 32]).sign_with_nonce(&bob(), now(), [8; 16]).unwrap();
    assert_eq!((answer.from(), answer.to()), (address(BOB), address(ALICE)));
    let message = verify(&answer.to_json(), bob().verifying_key());
    assert_eq!(message.answers(opened.verified()), Answer::Yes);
    let keys = OpeningKeys::new().with_key(DecryptionKey::of(&alice()));
    let read = message.open(&keys, now()).unwrap();
    assert_eq!((read.text().as_ref(), read.message_type()), ("I shall be there.", MessageType::Response));
    assert!(!opened.reply("In the open.").unsealed().is_sealed());
}

#[test]
fn the_largest_payload_that_is_sealed_has_160_kib() {
    // rule: SEAL-5, SEAL-6
    let of_length = |length: usize| {
        let empty = sign(draft("").context(&json!({"x": ""})).unwrap().unsealed().without_freshness());
        let fill = "x".repeat(length - empty.payload().raw().len());
        draft("").context(&json!({"x": fill})).unwrap()
    };
    let signed = sign(of_length(limits::SEALED_PAYLOAD_MAX_BYTES));
    assert!(signed.to_json().len() <= limits::MESSAGE_JSON_MAX_BYTES);
    assert_eq!(open(&signed).payload().raw().len(), limits::SEALED_PAYLOAD_MAX_BYTES);

    let error = of_length(limits::SEALED_PAYLOAD_MAX_BYTES + 1).sign_with_nonce(&alice(), now(), [9; 16]);
    let error = error.unwrap_err();
    assert_eq!((error.code(), error.field()), (ErrorCode::TooLarge, Some("payload")));
}

#[test]
fn a_draft_is_held_to_the_same_rules_sealed_as_in_plain() {
    // rule: SEAL-6, SEAL-7, SEAL-8
    let nested = draft(TEXT).message_type("sealed:v1".parse().unwrap());
    let error = nested.sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
    assert_eq!((error.code(), error.field()), (ErrorCode::InvalidField, Some("payload.type")));

    let long = "x".repeat(limits::MESSAGE_MAX_BYTES + 1);
    assert_eq!(draft(&long).portability().unwrap_err().code(), ErrorCode::TooLarge);
    let error = draft(&long).sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
    assert_eq!((error.code(), error.field()), (ErrorCode::TooLarge, Some("payload.message")));

    let lost = draft(TEXT).context_json(r#"{"__proto__":{}}"#).unwrap();
    let error = lost.sign_with_nonce(&alice(), now(), [9; 16]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnportablePayload);

    // Doubles from 2^53 on have an integer literal as their canonical text: they travel as they were written.
    let large = sign(draft(TEXT).context_json(r#"{"n":1e20}"#).unwrap());
    assert_eq!(open(&large).payload().context_json().unwrap().get("n").unwrap().as_f64(), Some(1e20));
}
