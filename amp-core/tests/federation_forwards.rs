//! Forwards: how they are made, and what they are held against, in the stated order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
#![allow(clippy::unimplemented, reason = "tests know every outcome")]

mod federation_support;

use amp_core::federation::{
    AttachmentRoom, FederationMode, ForwardBody, ForwardLedger, ForwardSeen, KeyStanding, ProviderTrust,
    ReceivedForward, SignedForward, verify_forward_signature,
};
use amp_core::wire::CarriedMessage;
use amp_core::{Attachment, Draft, Identity, JsonValue, Message, Timestamp};
use federation_support::{Site, after, agent, alice, bob, carol, code, now, provider, three};
use proptest::prelude::*;

fn hello() -> (ForwardBody, SignedForward) {
    let [a, ..] = three();
    let alice = alice();
    let body = alice.body(&alice.writes(&bob(), "Hello", now()));
    let forward = a.sign(&body, now());
    (body, forward)
}

/// The headers with one replaced; none when the value is empty.
fn headers_with<'a>(forward: &SignedForward, name: &'a str, value: &str) -> Vec<(&'a str, String)> {
    let headers = forward.headers().into_iter();
    let mut headers: Vec<(&str, String)> =
        headers.filter(|(other, _)| !other.eq_ignore_ascii_case(name)).collect();
    if !value.is_empty() {
        headers.push((name, value.to_owned()));
    }
    headers
}

// rule: FWD-1
#[test]
fn a_forward_carries_the_messages_bytes_and_the_senders_key() {
    let alice = alice();
    let message = alice.writes(&bob(), "Hello", now());
    let body = alice.body(&message);
    let carried = CarriedMessage::from_json(body.as_bytes()).unwrap();
    assert_eq!(carried.as_json(), message.to_json());
    let json: serde_json::Value = serde_json::from_slice(body.as_bytes()).unwrap();
    assert_eq!(json["sender_public_key"], alice.identity.verifying_key().to_pem());
    let [mut a, mut b, _] = three();
    let forward = a.sign(&body, now());
    assert_eq!(b.take(&forward, now()).unwrap(), r#"{"accepted":true,"number":0}"#);
    assert_eq!(b.taken, [message.to_json()]);
    assert_eq!(code(a.take(&forward, now())), ("provider_not_trusted", Some("X-AMP-Provider")));
}

// rule: FWD-2
#[test]
fn each_header_stands_once() {
    let (_, forward) = hello();
    let [_, mut b, _] = three();
    for name in ["X-AMP-Provider", "X-AMP-Timestamp", "X-AMP-Signature"] {
        let mut take =
            |headers: &[(&str, String)]| b.take_raw(headers, forward.body(), KeyStanding::Clear, now());
        assert_eq!(code(take(&headers_with(&forward, name, ""))), ("missing_field", Some(name)));
        let mut doubled = forward.headers().to_vec();
        let again = doubled.iter().find(|(other, _)| *other == name).unwrap().1.clone();
        let lower = name.to_lowercase();
        doubled.push((&lower, again));
        assert_eq!(code(take(&doubled)), ("invalid_field", Some(name)));
    }
    let lower: Vec<(String, String)> =
        forward.headers().into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    assert!(ReceivedForward::read(&lower, forward.body(), now()).is_ok());
    let twice = headers_with(&forward, "X-AMP-Provider", "a.example.org, b.example.net");
    assert_eq!(
        code(ReceivedForward::read(&twice, forward.body(), now())),
        ("invalid_field", Some("X-AMP-Provider"))
    );
}

// rule: FWD-3
#[test]
fn a_timestamp_is_plain_digits_within_five_minutes() {
    let (_, forward) = hello();
    let seconds = now().unix_seconds();
    let read = |text: &str| {
        let headers = headers_with(&forward, "X-AMP-Timestamp", text);
        ReceivedForward::read(&headers, forward.body(), now()).map(drop)
    };
    for (offset, expected) in [
        (-301, Some("timestamp_expired")),
        (-300, None),
        (0, None),
        (300, None),
        (301, Some("timestamp_future")),
    ] {
        let result = read(&(seconds + offset).to_string());
        assert_eq!(result.err().map(|refusal| refusal.code()), expected, "{offset}");
    }
    let plain = seconds.to_string();
    for text in [
        format!("+{plain}"),
        format!(" {plain}"),
        format!("{plain} "),
        format!("0{plain}"),
        format!("{plain}.0"),
        format!("{plain}e0"),
        format!("-{plain}"),
        "2026-01-31T10:00:00Z".to_owned(),
        "１７６９８５３６００".to_owned(),
        "99999999999999999999".to_owned(),
        "9223372036854775807".to_owned(),
    ] {
        assert_eq!(code(read(&text)), ("invalid_field", Some("X-AMP-Timestamp")), "{text}");
    }
    // To the fraction: five minutes and a half second are more than five minutes.
    let headers = headers_with(&forward, "X-AMP-Timestamp", &(seconds - 300).to_string());
    let late = "2026-01-31T10:00:00.5Z".parse().unwrap();
    assert_eq!(code(ReceivedForward::read(&headers, forward.body(), late)).0, "timestamp_expired");
}

// rule: FWD-4
#[test]
fn each_mode_trusts_whom_it_says() {
    let (_, forward) = hello();
    let [a, mut b, _] = three();
    let own = provider("b.example.net");
    for (mode, trusts) in [
        (FederationMode::Open, true),
        (FederationMode::Registry, false),
        (FederationMode::Allowlist, false),
        (FederationMode::Closed, false),
    ] {
        b.trust = ProviderTrust::new(mode, own.clone());
        assert_eq!(b.take(&forward, now()).is_ok(), trusts, "{mode:?}");
        let listed = b.trust.clone().allow(a.name.clone());
        assert_eq!(listed.consider(&a.name).is_ok(), mode != FederationMode::Closed);
        assert!(listed.block(a.name.clone()).consider(&a.name).is_err());
    }
    b.trust = ProviderTrust::new(FederationMode::Allowlist, own.clone()).allow(a.name);
    assert!(b.take(&forward, now()).is_ok());
    b.trust = ProviderTrust::new(FederationMode::Allowlist, own.clone()).allow(provider("c.example.com"));
    assert_eq!(code(b.take(&forward, now())).0, "provider_not_trusted");
    for nobody in ["b.example.net", "crew.local", "mail.internal"] {
        let trust = ProviderTrust::new(FederationMode::Open, own.clone()).allow(provider(nobody));
        assert!(trust.consider(&provider(nobody)).is_err(), "{nobody}");
    }
}

// rule: FWD-5
#[test]
fn the_provider_signed_the_body_as_it_was_received() {
    let (body, forward) = hello();
    let [a, mut b, c] = three();
    let refused = ("signature_invalid", Some("X-AMP-Signature"));
    // Another byte, another second, another provider's key.
    let spaced = [forward.body(), b" "].concat();
    let headers = forward.headers();
    assert_eq!(code(b.take_raw(&headers, &spaced, KeyStanding::Clear, now())), refused);
    let later = headers_with(&forward, "X-AMP-Timestamp", &(now().unix_seconds() + 1).to_string());
    assert_eq!(code(b.take_raw(&later, forward.body(), KeyStanding::Clear, now())), refused);
    let by_c = body.sign(&c.identity, &a.name, now()).unwrap();
    assert_eq!(code(b.take(&by_c, now())), refused);
    for signature in ["", "AAAA", "not base64", &"A".repeat(86), &"A".repeat(5000)] {
        let headers = headers_with(&forward, "x-amp-signature", signature);
        let expected =
            if signature.is_empty() { ("missing_field", Some("X-AMP-Signature")) } else { refused };
        assert_eq!(code(b.take_raw(&headers, forward.body(), KeyStanding::Clear, now())), expected);
    }
    assert!(b.taken.is_empty());
    let key = a.identity.verifying_key();
    let [_, (_, seconds), (_, signature), _] = forward.headers();
    assert!(verify_forward_signature(key, &seconds, &signature, forward.body(), now()).is_ok());
    assert!(verify_forward_signature(key, &seconds, &signature, &spaced, now()).is_err());
}

// rule: FWD-6
#[test]
fn a_provider_forwards_the_messages_of_its_own_agents() {
    let [a, mut b, _] = three();
    let senders = [
        ("alice@acme.a.example.org", true),
        ("alice@deep.acme.a.example.org", true),
        ("ALICE@acme.A.example.org", true),
        ("alice@acme.c.example.com", false),
        ("alice@acme.example.org", false),
        ("alice@acme.xa.example.org", false),
        ("alice@a.example.org", false),
    ];
    for (address, is_own) in senders {
        let sender = agent(address, 1);
        let forward = a.sign(&sender.body(&sender.writes(&bob(), address, now())), now());
        match b.take(&forward, now()) {
            Ok(_) => assert!(is_own, "{address}"),
            Err(refusal) => {
                assert!(!is_own, "{address}");
                assert_eq!((refusal.code(), refusal.field()), ("forbidden", Some("envelope.from")));
            }
        }
    }
}

#[test]
fn a_provider_does_not_speak_for_a_known_one_further_down() {
    let [_, mut b, _] = three();
    let mut wide = Site::new("example.org", 21);
    wide.known = [provider("a.example.org")].into_iter().collect();
    b.knows(&wide);
    let alice = alice();
    let forward = wide.sign(&alice.body(&alice.writes(&bob(), "Hello", now())), now());
    assert!(b.take(&forward, now()).is_ok()); // nothing is known of a.example.org: the last two labels stand
    b.known = [provider("a.example.org")].into_iter().collect();
    let forward = wide.sign(&alice.body(&alice.writes(&bob(), "Again", now())), now());
    assert_eq!(code(b.take(&forward, now())).0, "forbidden");
}

// rule: FWD-7
#[test]
fn checks_come_in_the_stated_order() {
    // A forward with every fault, of which one after the other is mended.
    let [a, mut b, c] = three();
    let alice = alice();
    let old = alice.writes(&bob(), "Hello", now());
    let mut faults = vec![
        "request_too_large",
        "missing_field",
        "timestamp_expired",
        "provider_not_trusted",
        "signature_invalid",
        "duplicate_key",
        "forbidden",
        "missing_field",
        "key_revoked",
        "signature_invalid",
        "timestamp_expired",
        "recipient_not_found",
    ];
    let mut seen = Vec::new();
    for mended in 0..=faults.len() {
        let is = |fault: usize| mended <= fault;
        let at = if is(10) { after(3600) } else { now() };
        let to = if is(11) { carol() } else { bob() };
        let from = if is(6) { agent("alice@acme.c.example.com", 1) } else { federation_support::alice() };
        let message = if to == bob() && !is(6) { old.clone() } else { from.writes(&to, "Hello", now()) };
        let mut json = String::from_utf8(from.body(&message).as_bytes().to_vec()).unwrap();
        if is(9) {
            json = json.replace("\"Hello\"", "\"Hallo\"");
        }
        if is(7) {
            json = json.replace("\"subject\":", "\"no_subject\":");
        }
        if is(5) {
            json = json.replacen('{', "{\"x\":1,\"x\":1,", 1);
        }
        if is(0) {
            json.push_str(&" ".repeat(1 << 20));
        }
        let identity = if is(4) { &c.identity } else { &a.identity };
        let signed_at = if is(2) { at.saturating_sub(std::time::Duration::from_secs(301)) } else { at };
        let seconds = signed_at.unix_seconds().to_string();
        let bytes = [seconds.as_bytes(), b".", json.as_bytes()].concat();
        let signature = identity.sign(amp_core::SigningContext::Federation, &bytes).unwrap().to_base64();
        let name = if is(3) { "unknown.example.edu" } else { a.name.as_str() };
        let mut headers = vec![("X-AMP-Provider", name), ("X-AMP-Timestamp", &seconds)];
        if !is(1) {
            headers.push(("X-AMP-Signature", &signature));
        }
        let standing = if is(8) { KeyStanding::Revoked } else { KeyStanding::Clear };
        seen.push(
            b.take_raw(&headers, json.as_bytes(), standing, at)
                .map_or_else(|refusal| refusal.code(), |_| "accepted"),
        );
    }
    faults.push("accepted");
    assert_eq!(seen, faults);
}

// rule: FWD-8
#[test]
fn a_key_that_is_revoked_or_in_conflict_proves_nothing() {
    let (_, forward) = hello();
    let [_, mut b, _] = three();
    let mut take = |standing| b.take_raw(&forward.headers(), forward.body(), standing, now());
    assert_eq!(code(take(KeyStanding::Revoked)), ("key_revoked", Some("sender_public_key")));
    assert_eq!(code(take(KeyStanding::Conflict)), ("key_conflict", Some("sender_public_key")));
    assert!(take(KeyStanding::Clear).is_ok());
}

// rule: FWD-9
#[test]
fn the_senders_key_is_pem_or_hex_and_has_signed_the_message() {
    let [a, mut b, _] = three();
    let alice = alice();
    let key = alice.identity.verifying_key();
    let other = Identity::from_seed(&[77; 32]).verifying_key().to_pem();
    let cases = [
        (format!("\"{}\"", key.to_hex().unwrap()), None),
        (serde_json::to_string(&key.to_pem()).unwrap(), None),
        (serde_json::to_string(&other).unwrap(), Some(("signature_invalid", Some("envelope.signature")))),
        ("\"\"".to_owned(), Some(("missing_field", Some("sender_public_key")))),
        ("null".to_owned(), Some(("missing_field", Some("sender_public_key")))),
        (format!("\"{}\"", "00".repeat(32)), Some(("invalid_key", Some("sender_public_key")))),
        ("\"nonsense\"".to_owned(), Some(("invalid_key", Some("sender_public_key")))),
    ];
    for (at, (spelling, expected)) in cases.into_iter().enumerate() {
        let message = alice.writes(&bob(), &format!("number {at}"), now()).to_json();
        let json = format!(r#"{},"sender_public_key":{spelling}}}"#, message.strip_suffix('}').unwrap());
        let result = deliver_json(&a, &mut b, &json, now());
        match expected {
            None => assert!(result.is_ok(), "{spelling}: {result:?}"),
            Some(expected) => assert_eq!(code(result), expected, "{spelling}"),
        }
    }
    let unsigned = alice.writes(&bob(), "unsigned", now()).to_json();
    let mut value: serde_json::Value = serde_json::from_str(&unsigned).unwrap();
    value["envelope"].as_object_mut().unwrap().remove("signature");
    value["sender_public_key"] = key.to_pem().into();
    assert_eq!(code(deliver_json(&a, &mut b, &value.to_string(), now())).0, "signature_missing");
}

fn deliver_json(
    a: &Site,
    b: &mut Site,
    json: &str,
    at: Timestamp,
) -> Result<String, amp_core::federation::ForwardRefusal> {
    let seconds = at.unix_seconds().to_string();
    let bytes = [seconds.as_bytes(), b".", json.as_bytes()].concat();
    let signature = a.identity.sign(amp_core::SigningContext::Federation, &bytes).unwrap().to_base64();
    let headers =
        [("X-AMP-Provider", a.name.as_str()), ("X-AMP-Timestamp", &seconds), ("X-AMP-Signature", &signature)];
    b.take_raw(&headers, json.as_bytes(), KeyStanding::Clear, at)
}

// rule: FWD-11
#[test]
fn a_message_past_its_time_is_refused_whoever_states_the_time() {
    let [a, mut b, _] = three();
    let alice = alice();
    let draft = || Draft::request(bob(), "Hello", "soon over").from(&alice.address);
    let message = draft().expires_at(after(60)).sign(&alice.identity, now()).unwrap();
    let forward = a.sign(&alice.body(&message), after(61));
    assert_eq!(code(b.take(&forward, after(61))), ("expired", Some("expires_at")));
    assert!(b.take(&a.sign(&alice.body(&message), after(60)), after(60)).is_ok());
    let message = draft().sign(&alice.identity, now()).unwrap();
    assert_eq!(
        code(b.take(&a.sign(&alice.body(&message), after(301)), after(301))),
        ("timestamp_expired", Some("envelope.timestamp"))
    );
    let early = now().saturating_sub(std::time::Duration::from_secs(61));
    assert_eq!(
        code(b.take(&a.sign(&alice.body(&message), early), early)),
        ("timestamp_future", Some("envelope.timestamp"))
    );
    assert!(b.take(&a.sign(&alice.body(&message), after(300)), after(300)).is_ok());
}

// rule: FWD-12
#[test]
fn a_duplicate_is_answered_as_the_first_time() {
    let (body, forward) = hello();
    let [a, mut b, _] = three();
    let first = b.take(&forward, now()).unwrap();
    assert_eq!(b.take(&forward, after(1)).unwrap(), first);
    // Signed anew, however late, and also when the message's time is over.
    for late in [30, 150, 3600, 86_400] {
        assert_eq!(b.take(&a.sign(&body, after(late)), after(late)).unwrap(), first);
    }
    assert_eq!(b.taken.len(), 1);
}

// rule: FWD-12
#[test]
fn an_id_names_one_message_of_a_provider_and_a_nonce_one_of_a_sender() {
    let [a, mut b, _] = three();
    let alice = alice();
    let first = alice.writes(&bob(), "one", now());
    let second = alice.writes(&bob(), "two", now());
    b.take(&a.sign(&alice.body(&first), now()), now()).unwrap();
    let with_key = |message: &str| {
        let key = serde_json::to_string(&alice.identity.verifying_key().to_pem()).unwrap();
        format!(r#"{},"sender_public_key":{key}}}"#, message.strip_suffix('}').unwrap())
    };
    let (first_id, second_id) = (first.id().as_str().to_owned(), second.id().as_str().to_owned());
    // Another content under the id of the first.
    let squatting = second.to_json().replace(&second_id, &first_id);
    assert_eq!(
        code(deliver_json(&a, &mut b, &with_key(&squatting), now())),
        ("duplicate_message", Some("envelope.id"))
    );
    // The first again under another id.
    let reminted = first.to_json().replace(&first_id, &second_id);
    assert_eq!(code(deliver_json(&a, &mut b, &with_key(&reminted), now())).0, "content_replay");
    assert!(b.take(&a.sign(&alice.body(&second), now()), now()).is_ok());
}

// rule: FWD-14
#[test]
fn a_recipient_takes_twenty_forwards_a_minute() {
    let [a, mut b, _] = three();
    let alice = alice();
    let mut taken = 0;
    for number in 0..25 {
        let body = alice.body(&alice.writes(&bob(), &format!("number {number}"), now()));
        match b.take(&a.sign(&body, now()), now()) {
            Ok(_) => taken += 1,
            Err(refusal) => assert_eq!((refusal.code(), refusal.status()), ("rate_limited", 429)),
        }
    }
    assert_eq!(taken, 20);
}

#[test]
fn a_ledger_that_is_full_of_what_is_needed_refuses_and_forgets_only_what_is_not() {
    let seen = |id: usize, provider: &str, at: Timestamp| {
        let json = format!(
            r#"{{"v":1,"provider":"{provider}","id":"msg_1_{id}","digest":"d{id}","sender":"s","at":"{at}","answer":"{{}}"}}"#
        );
        ForwardSeen::from_json(json.as_bytes()).unwrap()
    };
    let [a, mut b, _] = three();
    b.ledger = ForwardLedger::bounded(4, 2);
    b.ledger.record(&seen(1, "a.example.org", now()));
    b.ledger.record(&seen(2, "a.example.org", after(10)));
    let alice = alice();
    let take = |b: &mut Site, text: &str, at: Timestamp| {
        let body = alice.body(&alice.writes(&bob(), text, at));
        b.take(&a.sign(&body, at), at)
    };
    let refusal = take(&mut b, "three", after(900)).unwrap_err();
    assert!(refusal.reason().is_passing());
    assert!(take(&mut b, "three", after(901)).is_ok());
    assert_eq!(b.ledger.len(), 2);
    // A clock that is set back makes nothing old.
    assert!(take(&mut b, "four", after(5)).is_err());
    // Others have their own share, and all together no more than all.
    for (id, peer) in [(5, "x.example.com"), (6, "y.example.com"), (7, "z.example.com")] {
        b.ledger.record(&seen(id, peer, after(5000)));
    }
    assert!(b.ledger.len() <= 5);
}

// rule: FWD-15
#[test]
fn attachments_fit_the_other_provider_or_none_goes() {
    let attachment = |size: u64| {
        let json = format!(
            r#"{{"id":"att_1","filename":"a.txt","content_type":"text/plain","size":{size},"digest":"sha256:{}","url":"https://files.a.example.org/att_1","scan_status":"clean","expires_at":"2026-02-07T10:00:00Z"}}"#,
            "0".repeat(64)
        );
        Attachment::read(JsonValue::read_object(json.as_bytes()).unwrap()).unwrap()
    };
    let mib = 1024 * 1024;
    let check = |room: AttachmentRoom, sizes: &[u64]| {
        let attachments: Vec<Attachment> = sizes.iter().map(|size| attachment(*size)).collect();
        room.check(&attachments).err().map(|misfit| (misfit.code(), misfit.status()))
    };
    assert_eq!(check(AttachmentRoom::none(), &[]), None);
    assert_eq!(check(AttachmentRoom::none(), &[1]), Some(("attachments_not_supported", 422)));
    let default = AttachmentRoom::default();
    assert_eq!(check(default, &[25 * mib; 4]), None);
    assert_eq!(check(default, &[25 * mib + 1]), Some(("attachment_too_large", 413)));
    assert_eq!(
        check(default, &[25 * mib, 25 * mib, 25 * mib, 25 * mib, 1]),
        Some(("attachment_too_large", 413))
    );
    assert_eq!(check(default, &[1; 10]), None);
    assert_eq!(check(default, &[1; 11]), Some(("too_many_attachments", 400)));
    assert_eq!(check(AttachmentRoom::stated(Some(10), Some(15), Some(3)), &[10, 5]), None);
    assert_eq!(
        check(AttachmentRoom::stated(Some(10), Some(15), Some(3)), &[10, 6]).unwrap().0,
        "attachment_too_large"
    );
}

fn any_edit() -> impl Strategy<Value = (usize, u8)> {
    (any::<usize>(), any::<u8>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // rule: FWD-5
    #[test]
    fn no_edit_of_a_body_is_accepted((at, byte) in any_edit(), inserts in any::<bool>()) {
        let (_, forward) = hello();
        let [_, mut b, _] = three();
        let mut body = forward.body().to_vec();
        let at = at % body.len();
        if inserts { body.insert(at, byte) } else { body[at] = byte }
        let result = b.take_raw(&forward.headers(), &body, KeyStanding::Clear, now());
        prop_assert!(result.is_err() || body == forward.body());
    }

    #[test]
    fn what_is_made_is_taken(text in "\\PC{0,200}", seconds in 0_u64..200) {
        let [a, mut b, _] = three();
        let alice = alice();
        let message = alice.writes(&bob(), &text, now());
        let forward = a.sign(&alice.body(&message), after(seconds));
        prop_assert!(b.take(&forward, after(seconds)).is_ok());
        let taken = Message::decode(b.taken[0].as_bytes()).unwrap();
        prop_assert_eq!(taken.text(), text);
    }
}
