//! Webhook deliveries: what is believed, what a duplicate is, what shows no secret (webhooks).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use amp_core::hmac_sha256;
use amp_core::prelude::*;
use amp_core::webhook::{Scheme, WebhookError, WebhookSecret, sign, verify};
use proptest::prelude::*;

const SECRET: &str = "whsec_4f1c9a6be2d07358";
const BODY: &[u8] = br#"{"envelope":{"id":"msg_1769853600_abc123"},"payload":{}}"#;
const SIGNATURE: &str = "X-AMP-Signature";
const TIMESTAMP: &str = "X-AMP-Timestamp";

fn secrets() -> [WebhookSecret; 1] {
    [WebhookSecret::new(SECRET).unwrap()]
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// 1769853600 in Unix seconds.
fn now() -> Timestamp {
    time("2026-01-31T10:00:00Z")
}

fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac_sha256(secret.as_bytes(), &[timestamp.as_bytes(), b".", body]).to_hex())
}

fn headers(timestamp: &str, signature: &str) -> [(&'static str, String); 2] {
    [(TIMESTAMP, timestamp.to_owned()), (SIGNATURE, signature.to_owned())]
}

/// Verifies a body that is signed correctly at a stated time.
fn at(timestamp: &str, now: Timestamp) -> Result<(), WebhookError> {
    let headers = headers(timestamp, &signature(SECRET, timestamp, BODY));
    verify(headers, BODY, &secrets(), now, Scheme::Standard).map(|_| ())
}

fn signed_as(signature: &str) -> Result<(), WebhookError> {
    verify(headers("1769853600", signature), BODY, &secrets(), now(), Scheme::Standard).map(|_| ())
}

// rule: HOOK-1
#[test]
fn what_is_signed_verifies_at_the_other_end() {
    let sent = sign(&secrets()[0], &"msg_1769853600_abc123".parse().unwrap(), 2, BODY, now());
    let names: Vec<&str> = sent.iter().map(|(name, _)| name).collect();
    assert_eq!(names, [SIGNATURE, TIMESTAMP, "X-AMP-Message-Id", "X-AMP-Delivery-Attempt"]);
    let values: Vec<&str> = sent.iter().map(|(_, value)| value).collect();
    assert_eq!(values[0], signature(SECRET, "1769853600", BODY));
    assert_eq!(values[1..], ["1769853600", "msg_1769853600_abc123", "2"]);
    let delivery = verify(sent.iter(), BODY, &secrets(), now(), Scheme::Standard).unwrap();
    assert_eq!((delivery.signed_at(), delivery.body()), (Some(now()), BODY));
}

#[cfg(feature = "http")]
#[test]
fn the_headers_of_the_crate_http_are_taken_as_they_are() {
    let sent = sign(&secrets()[0], &"msg_1769853600_abc123".parse().unwrap(), 1, BODY, now());
    let mut map = http::HeaderMap::new();
    for (name, value) in sent.iter() {
        map.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    assert!(verify(&map, BODY, &secrets(), now(), Scheme::Standard).is_ok());
    map.append("x-amp-signature", "sha256=00".parse().unwrap());
    assert!(verify(&map, BODY, &secrets(), now(), Scheme::Standard).is_err());
}

// rule: HOOK-2
#[test]
fn five_minutes_are_accepted_either_way_and_not_a_moment_more() {
    assert_eq!(at("1769853600", time("2026-01-31T10:05:00Z")), Ok(()));
    assert_eq!(at("1769853600", time("2026-01-31T09:55:00Z")), Ok(()));
    assert_eq!(at("1769853600", time("2026-01-31T10:05:00.000000001Z")), Err(WebhookError::Expired));
    assert_eq!(at("1769853600", time("2026-01-31T09:54:59.999999999Z")), Err(WebhookError::InFuture));
    assert_eq!(at("0", now()), Err(WebhookError::Expired));
    assert_eq!(at("253402300799", now()), Err(WebhookError::InFuture));
}

// rule: HOOK-3
#[test]
fn a_time_is_decimal_digits_and_nothing_else() {
    for timestamp in [
        "",
        "+1769853600",
        "-1769853600",
        " 1769853600",
        "1769853600 ",
        "01769853600",
        "1769853600.0",
        "1.7e9",
        "0x697dd1e0",
        "1_769_853_600",
        "1769853600,1769853600",
        "2026-01-31T10:00:00Z",
        "\u{661}769853600",
        "now",
        "00",
        "99999999999999999999999999",
        "1769853600000",
    ] {
        assert_eq!(at(timestamp, now()), Err(WebhookError::Timestamp), "{timestamp:?}");
    }
}

// rule: HOOK-4
#[test]
fn a59_a_signature_is_sha256_and_64_digits_in_lower_case() {
    let right = signature(SECRET, "1769853600", BODY);
    assert_eq!(signed_as(&right), Ok(()));
    let digits = &right["sha256=".len()..];
    for wrong in [
        "".to_owned(),
        digits.to_owned(),
        format!("sha1={digits}"),
        format!("sha1={}", &digits[..40]),
        format!("SHA256={digits}"),
        format!("sha256={}", digits.to_uppercase()),
        format!("sha256= {digits}"),
        format!("sha256={digits} "),
        format!("sha256={digits}0"),
        format!("sha256={}", &digits[1..]),
        format!("sha256=sha256={digits}"),
        format!("{right},{right}"),
        format!("{right}, sha1={digits}"),
        "sha256=".to_owned(),
        format!("sha256={}", "0".repeat(64)),
        "sha256".to_owned(),
        format!("none={digits}"),
    ] {
        assert_eq!(signed_as(&wrong), Err(WebhookError::SignatureInvalid), "{wrong}");
    }
}

// rule: HOOK-5
#[test]
fn a59_each_header_that_counts_stands_there_once() {
    let right = signature(SECRET, "1769853600", BODY);
    let check = |headers: &[(&str, &str)]| {
        verify(headers.iter().copied(), BODY, &secrets(), now(), Scheme::Standard).map(|_| ())
    };
    let (signature, time) = ((SIGNATURE, right.as_str()), (TIMESTAMP, "1769853600"));
    assert_eq!(check(&[signature, time]), Ok(()));
    assert_eq!(check(&[("x-amp-signature", &right), ("X-Amp-TimeStamp", "1769853600")]), Ok(()));
    assert_eq!(check(&[time]), Err(WebhookError::SignatureMissing));
    assert_eq!(check(&[signature]), Err(WebhookError::TimestampMissing));
    assert_eq!(check(&[]), Err(WebhookError::SignatureMissing));
    let repeated = |header| Err(WebhookError::Repeated { header });
    for second in [right.as_str(), "", "sha256=00"] {
        assert_eq!(check(&[signature, ("x-amp-signature", second), time]), repeated(SIGNATURE), "{second}");
        assert_eq!(check(&[(SIGNATURE, second), signature, time]), repeated(SIGNATURE), "{second}");
    }
    for second in ["1769853600", "", "1769853601"] {
        assert_eq!(check(&[signature, time, ("x-amp-timestamp", second)]), repeated(TIMESTAMP), "{second}");
    }
}

// rule: HOOK-6
#[test]
fn the_signature_is_over_the_bytes_that_came() {
    let headers = headers("1769853600", &signature(SECRET, "1769853600", BODY));
    let text = core::str::from_utf8(BODY).unwrap();
    for other in [
        text.replace(':', ": "),
        format!("{text}\n"),
        format!("\u{feff}{text}"),
        text.replace("abc", "\\u0061bc"),
        r#"{"payload":{},"envelope":{"id":"msg_1769853600_abc123"}}"#.to_owned(),
        text.replace("abc123", "abc124"),
        String::new(),
    ] {
        let verified = verify(headers.clone(), other.as_bytes(), &secrets(), now(), Scheme::Standard);
        assert_eq!(verified.unwrap_err(), WebhookError::SignatureInvalid, "{other}");
    }
    // The dot is a part: a digit that moves over it makes another text.
    let moved = signature(SECRET, "176985360", b"0.{}");
    assert!(verify(self::headers("1769853600", &moved), b"{}", &secrets(), now(), Scheme::Standard).is_err());
}

// rule: HOOK-7
#[test]
fn a_new_secret_is_taken_into_use_beside_the_old_one() {
    let (old, new) = ("an old secret of bytes", "a new secret of bytes");
    let both = [WebhookSecret::new(old).unwrap(), WebhookSecret::new(new).unwrap()];
    for secret in [old, new] {
        let headers = headers("1769853600", &signature(secret, "1769853600", BODY));
        assert!(verify(headers.clone(), BODY, &both, now(), Scheme::Standard).is_ok());
        assert!(verify(headers, BODY, &secrets(), now(), Scheme::Standard).is_err());
    }
    let none: [WebhookSecret; 0] = [];
    let headers = headers("1769853600", &signature("", "1769853600", BODY));
    assert_eq!(
        verify(headers, BODY, &none, now(), Scheme::Standard).unwrap_err(),
        WebhookError::SignatureInvalid
    );
}

// rule: HOOK-8
#[test]
fn a59_a_secret_has_sixteen_bytes_and_never_none() {
    for secret in ["", "a", "whsec_abc", "fifteen bytes .", &"x".repeat(1025)] {
        let error = WebhookSecret::new(secret).unwrap_err();
        assert_eq!((error.code(), error.field()), ("invalid_field", Some("webhook_secret")));
    }
    assert!(WebhookSecret::new("sixteen bytes ..").is_ok() && WebhookSecret::new("x".repeat(1024)).is_ok());
    assert!(WebhookSecret::deployed("").is_err() && WebhookSecret::deployed("x".repeat(1025)).is_err());
    let old = [WebhookSecret::deployed("whsec_abc").unwrap()];
    let headers = headers("1769853600", &signature("whsec_abc", "1769853600", BODY));
    assert!(verify(headers, BODY, &old, now(), Scheme::Standard).is_ok());
}

#[test]
fn no_secret_and_no_content_is_shown() {
    let secret = &secrets()[0];
    let sent = sign(secret, &"msg_1769853600_abc123".parse().unwrap(), 1, b"{\"a secret body\":1}", now());
    let delivery =
        verify(sent.iter(), b"{\"a secret body\":1}", &secrets(), now(), Scheme::Standard).unwrap();
    let (_, signature) = sent.iter().next().unwrap();
    let shown = format!("{secret:?} {sent:?} {delivery:?} {:?}", secret.clone());
    for hidden in [SECRET, signature, &signature["sha256=".len()..], "secret body"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

/// A message from alice to bob, as its sender signed it.
fn message() -> (Identity, Vec<u8>) {
    let alice = Identity::from_seed(&[7; 32]);
    let signed = Draft::request("bob@acme.crabmail.ai".parse().unwrap(), "Hi", "Are you there?")
        .from(&"alice@other.example.org".parse().unwrap())
        .sign_with_nonce(&alice, now(), [5; 16])
        .unwrap();
    (alice, signed.to_json().into_bytes())
}

// rule: HOOK-9, HOOK-10
#[test]
fn a59_a_delivery_that_is_sent_again_is_a_duplicate_whatever_its_headers_say() {
    let (alice, body) = message();
    let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse().unwrap()).build();
    let mut outcomes = Vec::new();
    for (id, attempt, seconds) in
        [("msg_1_a", "1", 0), ("msg_2_b", "1", 1), ("", "x", 200), ("msg_1_a", "2", 250)]
    {
        let now = now().saturating_add(core::time::Duration::from_secs(seconds));
        let signed = headers("1769853600", &signature(SECRET, "1769853600", &body));
        let more = [("X-AMP-Message-Id", id.to_owned()), ("X-AMP-Delivery-Attempt", attempt.to_owned())];
        let all = signed.into_iter().chain(more.clone()).chain(more);
        let delivery = verify(all, &body, &secrets(), now, Scheme::Standard).unwrap();
        let posted = delivery.message().unwrap();
        let context = posted.context(now).with_key(SenderKey::resolved(alice.verifying_key().clone()));
        let reception = receiver.receive(posted.as_bytes(), &context);
        outcomes.push(match reception.commit() {
            Disposition::Deliver(_) => "delivered",
            Disposition::Duplicate(_) => "duplicate",
            _ => "other",
        });
    }
    assert_eq!(outcomes, ["delivered", "duplicate", "duplicate", "duplicate"]);
}

// rule: HOOK-11
#[test]
fn a59_a_delivery_verifies_with_the_secret_of_its_own_endpoint_alone() {
    let (one, other) = ("the secret of endpoint 1", "the secret of endpoint 2");
    let headers = headers("1769853600", &signature(one, "1769853600", BODY));
    let at = |secret: &str| {
        let secrets = [WebhookSecret::new(secret).unwrap()];
        verify(headers.clone(), BODY, &secrets, now(), Scheme::Standard).is_ok()
    };
    assert!(at(one) && !at(other));
}

#[test]
fn the_message_is_handed_on_byte_for_byte_with_the_key_beside_it_as_a_hint() {
    let (alice, message) = message();
    let text = String::from_utf8(message).unwrap();
    let hex: String = alice.verifying_key().to_hex().unwrap();
    let with_key = format!("{},\"sender_public_key\":\"{hex}\"}}", text.strip_suffix('}').unwrap());
    for (body, carries_key) in [(text.clone(), false), (with_key, true)] {
        let signed = headers("1769853600", &signature(SECRET, "1769853600", body.as_bytes()));
        let delivery = verify(signed, body.as_bytes(), &secrets(), now(), Scheme::Standard).unwrap();
        let posted = delivery.message().unwrap();
        assert_eq!(posted.as_bytes(), text.as_bytes());
        assert!(posted.id().is_some_and(|id| text.contains(id.as_str())));
        let key = posted.carried_key().and_then(|carried| carried.key());
        assert_eq!(key.as_ref(), carries_key.then_some(alice.verifying_key()));
        let context = posted.context(now());
        assert_eq!((context.now(), context.via()), (now(), Via::Direct));
    }
}

#[test]
fn a_body_without_a_message_authenticates_and_gives_none() {
    for (body, code) in [
        ("{}", "invalid_field"),
        ("[]", "not_an_object"),
        ("", "invalid_json"),
        (r#"{"envelope":[],"payload":{}}"#, "invalid_field"),
        (r#"{"envelope":{},"payload":null}"#, "invalid_field"),
        (r#"{"envelope":{},"envelope":{},"payload":{}}"#, "duplicate_key"),
    ] {
        let signed = headers("1769853600", &signature(SECRET, "1769853600", body.as_bytes()));
        let delivery = verify(signed, body.as_bytes(), &secrets(), now(), Scheme::Standard).unwrap();
        assert_eq!(delivery.message().unwrap_err().code(), code, "{body}");
    }
    let large = vec![b' '; 1024 * 1024 + 1];
    let signed = headers("1769853600", &signature(SECRET, "1769853600", &large));
    let error = verify(signed, &large, &secrets(), now(), Scheme::Standard).unwrap_err();
    assert_eq!((error, error.code()), (WebhookError::TooLarge, "too_large"));
}

// rule: HOOK-12
#[test]
fn the_deployed_scheme_is_verified_by_name_and_never_taken_for_the_other() {
    let url = "https://hooks.example.com/amp";
    let tag = format!("sha256={}", hmac_sha256(url.as_bytes(), &[BODY]).to_hex());
    let secrets = [WebhookSecret::deployed(url).unwrap()];
    let only = [(SIGNATURE, tag.clone())];
    let delivery = verify(only.clone(), BODY, &secrets, now(), Scheme::Maestro).unwrap();
    assert_eq!(delivery.signed_at(), None);
    assert_eq!(
        verify(only, BODY, &secrets, now(), Scheme::Standard).unwrap_err(),
        WebhookError::TimestampMissing
    );
    let timed = headers("1769853600", &tag);
    assert!(verify(timed, BODY, &secrets, now(), Scheme::Standard).is_err());
    let standard = headers("1769853600", &signature(url, "1769853600", BODY));
    assert!(verify(standard, BODY, &secrets, now(), Scheme::Maestro).is_err());
}

// rule: HOOK-1
#[test]
fn h08_a_webhook_is_signed_with_its_secret_and_not_with_its_url() {
    let url = "https://hooks.example.com/amp";
    for key in [url, "", "whsec_4f1c9a6be2d07359"] {
        assert_eq!(signed_as(&signature(key, "1769853600", BODY)), Err(WebhookError::SignatureInvalid));
    }
    let body_alone = format!("sha256={}", hmac_sha256(SECRET.as_bytes(), &[BODY]).to_hex());
    assert_eq!(signed_as(&body_alone), Err(WebhookError::SignatureInvalid));
}

proptest! {
    // rule: HOOK-6
    #[test]
    fn nothing_but_what_was_signed_verifies(
        body in prop::collection::vec(any::<u8>(), 0..200),
        seconds in 0_i64..4_000_000_000,
        flip in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let now = Timestamp::from_unix_seconds(seconds).unwrap();
        let sent = sign(&secrets()[0], &"msg_1769853600_abc123".parse().unwrap(), 1, &body, now);
        prop_assert!(verify(sent.iter(), &body, &secrets(), now, Scheme::Standard).is_ok());
        let mut headers: Vec<(String, Vec<u8>)> =
            sent.iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
        let mut other = body.clone();
        // One bit, of the signature, of the time or of the body.
        let length = headers[0].1.len() + headers[1].1.len() + body.len();
        let place = flip.index(length);
        let (first, second) = (headers[0].1.len(), headers[0].1.len() + headers[1].1.len());
        match place {
            place if place < first => headers[0].1[place] ^= 1 << bit,
            place if place < second => headers[1].1[place - first] ^= 1 << bit,
            place => other[place - second] ^= 1 << bit,
        }
        prop_assert!(verify(headers, &other, &secrets(), now, Scheme::Standard).is_err());
    }
}
