//! A provider that is its client's enemy: it lies, stalls, loops and points elsewhere. (A52, A54, A60)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod client_support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amp_client::trust::PinState;
use amp_client::wire::{GetMe, Register, Retry};
use amp_client::{Client, Draft, Error, ErrorKind, Identity, Timestamp};
use client_support::{ALICE, API_KEY, Answer, BOB, NOW, ROUTED, Scripted, record, registered};

fn hello() -> Draft {
    Draft::request(BOB.parse().unwrap(), "Hello", "Are you there?")
}

fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap()
}

/// Whatever is printed of an error is printable, short, and holds neither key nor text.
fn check_shown(error: &Error) {
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(|c: char| c.is_control()), "{shown:?}");
        for secret in [API_KEY, "Are you there?", "Hello"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert!(error.to_string().len() < 600, "{error}");
}

async fn send_to(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (Error, usize) {
    let provider = Scripted::start(move |_, number| script(number)).await;
    let alice = provider.alice().await;
    let sending = tokio::time::timeout(Duration::from_secs(60), alice.send(hello()));
    let error = sending.await.expect("a sending ends").unwrap_err();
    check_shown(&error);
    (error, provider.seen().len())
}

const LIMITED: &str = r#"{"error":"rate_limited","message":"slow down"}"#;

// rule: API-43
#[tokio::test]
async fn a60_refusals_without_end_end_with_the_time_of_the_call() {
    let (error, attempts) = send_to(|_| Answer::Json(429, LIMITED.into())).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("rate_limited")));
    assert_eq!(error.retry(now()), Retry::Backoff);
    assert!((2..30).contains(&attempts), "{attempts}");

    let (error, attempts) = send_to(|_| Answer::With(429, "Retry-After: 0\r\n", LIMITED.into())).await;
    assert_eq!(error.code(), Some("rate_limited"));
    assert!((2..30).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn a60_a_huge_wait_is_told_at_once_and_capped() {
    let headers = "Retry-After: 99999999999\r\n";
    let (error, attempts) = send_to(move |_| Answer::With(429, headers, LIMITED.into())).await;
    let Retry::At(at) = error.retry(now()) else { panic!("{error}") };
    assert!(at.duration_since(now()).unwrap() <= Duration::from_secs(3_600));
    assert_eq!(attempts, 1);

    let headers = "X-RateLimit-Limit: 60\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 4102444800\r\n";
    let (error, attempts) = send_to(move |_| Answer::With(429, headers, LIMITED.into())).await;
    assert!(matches!(error.retry(now()), Retry::At(_)));
    assert_eq!(attempts, 1);
}

#[tokio::test]
async fn a_short_wait_that_the_provider_asks_for_is_obeyed() {
    let provider = Scripted::start(|_, number| match number {
        0 => Answer::With(429, "Retry-After: 1\r\n", LIMITED.into()),
        _ => Answer::Json(200, ROUTED.into()),
    })
    .await;
    let begun = std::time::Instant::now();
    provider.alice().await.send(hello()).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_burst_of_server_errors_is_survived_under_one_idempotency_key() {
    let provider = Scripted::start(|_, number| match number {
        0 => Answer::Json(502, "<html>Bad Gateway</html>".into()),
        1 => Answer::Json(500, String::new()),
        2 => Answer::Close,
        _ => Answer::Json(200, ROUTED.into()),
    })
    .await;
    let alice = provider.alice_with(|builder| builder.timeout(Duration::from_secs(20))).await;
    let sent = alice.send(hello()).await.unwrap();
    assert_eq!(sent.id().unwrap().as_str(), "msg_1769853600_00112233445566aa");
    assert!(sent.not_kept().is_none());
    let bodies: Vec<String> = provider.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| *body == bodies[0] && body.contains("\"idempotency_key\":\"")));
}

// rule: IDEM-4
#[tokio::test]
async fn the_same_signed_message_goes_under_the_same_idempotency_key_and_another_under_another() {
    let provider = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let alice = provider.alice().await;
    let signed = alice.sign(hello().without_freshness()).unwrap();
    alice.send(signed.clone()).await.unwrap();
    let again = provider.alice().await;
    again.send(signed).await.unwrap();
    again.send(hello().without_freshness()).await.unwrap();
    let keys: Vec<String> = provider
        .seen()
        .iter()
        .map(|seen| {
            serde_json::from_str::<serde_json::Value>(&seen.body).unwrap()["idempotency_key"].to_string()
        })
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
}

#[tokio::test]
async fn a60_what_is_no_answer_to_a_message_is_not_taken_for_one() {
    for body in [
        r#"{"status":"delivered"}"#,
        r#"{"id":"../../etc/passwd","status":"delivered"}"#,
        r#"{"id":"msg_1769853600_00112233445566aa"}"#,
        r#"{"id":"msg_1769853600_00112233445566aa","id":"msg_1769853600_00112233445566ab","status":"queued"}"#,
        "<html>\u{1b}]52;c;eA==\u{7}</html>",
        "[]",
        "{",
        "",
    ] {
        let (error, attempts) = send_to(move |_| Answer::Json(200, body.into())).await;
        assert_eq!((error.kind(), attempts), (ErrorKind::BadAnswer, 1), "{body}");
        assert_eq!(
            error.retry(now()),
            Retry::Backoff,
            "it may have been taken: the same message may be sent again"
        );
    }
}

#[tokio::test]
async fn a60_lies_about_the_length_of_a_body_are_noticed() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ROUTED}", ROUTED.len() + 100);
    let (error, _) = send_to(move |_| Answer::Raw(long.clone().into_bytes())).await;
    assert_eq!(error.kind(), ErrorKind::Unreachable);

    let short = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{ROUTED}", ROUTED.len() - 10);
    let (error, _) = send_to(move |_| Answer::Raw(short.clone().into_bytes())).await;
    assert_eq!(error.kind(), ErrorKind::BadAnswer);

    let two =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: {}\r\n\r\n{ROUTED}", ROUTED.len());
    let (error, _) = send_to(move |_| Answer::Raw(two.clone().into_bytes())).await;
    assert!(matches!(error.kind(), ErrorKind::BadAnswer | ErrorKind::Unreachable), "{error}");
}

#[tokio::test]
async fn a60_bodies_and_heads_without_end_are_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let (error, attempts) = send_to(move |_| Answer::Endless(head.clone(), chunk.clone())).await;
    assert_eq!((error.kind(), attempts), (ErrorKind::BadAnswer, 1), "{error}");

    let (error, _) =
        send_to(|_| Answer::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-More: of the same\r\n".repeat(100)))
            .await;
    assert!(matches!(error.kind(), ErrorKind::BadAnswer | ErrorKind::Unreachable), "{error}");

    let (error, _) = send_to(|_| Answer::Endless(Vec::new(), vec![b'x'; 65_536])).await;
    assert!(matches!(error.kind(), ErrorKind::BadAnswer | ErrorKind::Unreachable), "{error}");
}

// rule: API-43
#[tokio::test]
async fn a60_silence_and_dripping_end_with_the_time_of_the_call() {
    let begun = std::time::Instant::now();
    let (error, _) = send_to(|_| Answer::Silence).await;
    assert_eq!((error.kind(), error.retry(now())), (ErrorKind::TimedOut, Retry::Backoff));
    let slow = Duration::from_millis(50);
    let (error, _) = send_to(move |_| Answer::Drip(b"HTTP/1.1 200 OK\r\n".repeat(1_000), slow)).await;
    assert!(
        matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::BadAnswer | ErrorKind::Unreachable),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(40), "two calls of four seconds each");
    let (error, _) = send_to(|_| Answer::Close).await;
    assert_eq!((error.kind(), error.retry(now())), (ErrorKind::Unreachable, Retry::Backoff));
}

#[tokio::test]
async fn a54_no_redirect_of_a_call_is_followed() {
    let other = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let location: &'static str = Box::leak(format!("Location: {}/route\r\n", other.url()).into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        let (error, attempts) = send_to(move |_| Answer::With(status, location, String::new())).await;
        assert_eq!((error.kind(), attempts), (ErrorKind::Refused, 1));
    }
    assert!(other.seen().is_empty());
}

// rule: API-42
#[tokio::test]
async fn a52_what_a_provider_repeats_of_the_key_is_not_shown() {
    let echo = format!(r#"{{"error":"{API_KEY}","message":"{API_KEY}","field":"{API_KEY}"}}"#);
    for status in [400, 401, 403, 500] {
        let echo = echo.clone();
        let (error, _) = send_to(move |_| Answer::Json(status, echo.clone())).await;
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    let echo = echo.clone();
    let (error, _) = send_to(move |_| Answer::Json(200, echo.clone())).await;
    assert_eq!(error.kind(), ErrorKind::BadAnswer);
}

// rule: API-42
#[tokio::test]
async fn a52_an_answer_that_cannot_be_read_is_not_repeated_with_the_key_in_it() {
    let provider = Scripted::start(|seen, _| {
        let answer = registered(&seen.body, "http://x.example", "http://x.example");
        let front = format!(r#"{{"api_key":"{API_KEY}","#);
        Answer::Json(201, answer.replacen('{', &front, 1).replacen('}', "", 1))
    })
    .await;
    let error = Client::builder(provider.url()).in_memory().register("alice").await.unwrap_err();
    check_shown(&error);
    assert_eq!(error.api().unwrap().excerpt(), None, "a host prints what it finds there");
    assert_eq!(error.kind(), ErrorKind::BadAnswer);
}

#[tokio::test]
async fn a60_a_registration_is_for_the_key_and_the_name_that_were_asked_for() {
    let spoilers: [fn(&mut serde_json::Value); 5] = [
        |answer| answer["fingerprint"] = Identity::from_seed(&[9; 32]).fingerprint().to_string().into(),
        |answer| answer["address"] = "mallory@acme.crabmail.ai".into(),
        |answer| answer["address"] = "alice@other.crabmail.ai".into(),
        |answer| answer["api_key"] = "two\r\nlines".into(),
        |answer| answer["provider"]["route_url"] = "file:///etc/passwd".into(),
    ];
    for spoil in spoilers {
        let provider = Scripted::start(move |seen, _| {
            let mut answer =
                serde_json::from_str(&registered(&seen.body, "http://x.example", "http://x.example"))
                    .unwrap();
            spoil(&mut answer);
            Answer::Json(201, answer.to_string())
        })
        .await;
        let builder = Client::builder(provider.url()).in_memory().tenant("acme");
        let error = builder.register("alice").await.unwrap_err();
        check_shown(&error);
        assert_eq!(error.kind(), ErrorKind::BadAnswer, "{error}");
    }
}

// rule: API-4
#[tokio::test]
async fn a60_messages_and_the_key_go_to_the_site_that_was_registered_at() {
    let foreign = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let elsewhere = format!("{}/route", foreign.url());
    let own = Scripted::start(move |seen, _| match seen.path.as_str() {
        "/v1/register" => Answer::Json(201, registered(&seen.body, &elsewhere, &elsewhere)),
        _ => Answer::Json(200, ROUTED.into()),
    })
    .await;
    let alice = Client::builder(own.url()).in_memory().register("alice").await.unwrap();
    let registration = alice.registrations().remove(0);
    assert_eq!(registration.ignored_route_url().unwrap().as_str(), format!("{}/route", foreign.url()));
    assert_eq!(registration.record().unwrap().route_url(), None, "other programs would read it");
    alice.send(hello()).await.unwrap();
    alice.call(&GetMe).await.unwrap_err();
    assert!(foreign.seen().is_empty());
    assert_eq!(
        own.seen().iter().map(|seen| seen.path.clone()).collect::<Vec<_>>()[1..],
        ["/v1/route", "/v1/agents/me"]
    );

    // Unless the user has named the place.
    let allowed = format!("{}/route", foreign.url()).parse().unwrap();
    let builder = Client::builder(own.url()).in_memory().allow_route_url(allowed);
    builder.register("alice").await.unwrap().send(hello()).await.unwrap();
    assert_eq!(foreign.seen().len(), 1);
}

#[tokio::test]
async fn messages_go_to_the_place_that_the_own_site_names() {
    let provider = Scripted::start(|seen, _| match seen.path.as_str() {
        "/v1/register" => {
            let host = seen
                .head
                .lines()
                .find_map(|line| line.strip_prefix("host: ").or(line.strip_prefix("Host: ")));
            let route = format!("http://{}/api/elsewhere", host.unwrap());
            Answer::Json(201, registered(&seen.body, &route, &route))
        }
        _ => Answer::Json(200, ROUTED.into()),
    })
    .await;
    let alice = Client::builder(provider.url()).in_memory().register("alice").await.unwrap();
    alice.send(hello()).await.unwrap();
    let seen = provider.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/elsewhere"));
    assert!(seen.head.to_ascii_lowercase().contains(&format!("authorization: bearer {API_KEY}")));
}

// rule: API-41
#[tokio::test]
async fn a60_a_provider_that_takes_the_name_of_another_one_gets_none_of_its_messages() {
    let crabmail = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let impostor = Scripted::start(|seen, _| match seen.path.as_str() {
        "/v1/register" => Answer::Json(201, registered(&seen.body, "http://x.example", "http://x.example")),
        _ => Answer::Json(200, ROUTED.into()),
    })
    .await;
    let alice = crabmail.alice().await;
    let error = alice.register_at(&impostor.url(), "alice").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup, "{error}");
    let request = Register::new("alice".parse().unwrap(), &alice.verifying_key()).in_tenant("acme");
    alice.register_with(&impostor.url(), &request, None).await.unwrap_err();
    alice.send(hello()).await.unwrap();
    assert_eq!(impostor.seen().len(), 2);
    assert_eq!(crabmail.seen().len(), 1);
    assert!(impostor.seen().iter().all(|seen| !seen.has_key()), "an agent's key is for its own provider");
}

fn resolved(address: &str, identity: &Identity) -> String {
    let key = identity.verifying_key();
    serde_json::json!({
        "address": address, "public_key": key.to_pem(), "key_algorithm": "Ed25519",
        "fingerprint": key.fingerprint().to_string(), "online": true,
    })
    .to_string()
}

#[tokio::test]
async fn a60_an_answer_about_somebody_else_pins_nothing() {
    let (bob, mallory) = (Identity::from_seed(&[8; 32]), Identity::from_seed(&[9; 32]));
    let mismatched =
        resolved(BOB, &bob).replace(&bob.fingerprint().to_string(), &mallory.fingerprint().to_string());
    for answer in [resolved("mallory@acme.crabmail.ai", &mallory), mismatched] {
        let provider = Scripted::start(move |_, _| Answer::Json(200, answer.clone())).await;
        let alice = provider.alice().await;
        let error = alice.resolve(&BOB.parse().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadAnswer, "{error}");
        assert!(alice.known_key(&BOB.parse().unwrap()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a17_the_first_answer_is_pinned_as_first_seen_and_another_key_later_is_a_conflict() {
    let is_mallory = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_mallory);
    let provider = Scripted::start(move |_, _| {
        let seed = if switch.load(Ordering::SeqCst) { 9 } else { 8 };
        Answer::Json(200, resolved(BOB, &Identity::from_seed(&[seed; 32])))
    })
    .await;
    let (alice, bob) = (provider.alice().await, BOB.parse().unwrap());
    let peer = alice.resolve(&bob).await.unwrap();
    assert_eq!((peer.pin(), peer.address()), (PinState::FirstSeen, &bob));
    is_mallory.store(true, Ordering::SeqCst);
    let error = alice.resolve(&bob).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    let (key, _) = alice.known_key(&bob).await.unwrap().unwrap();
    assert_eq!(key, *Identity::from_seed(&[8; 32]).verifying_key());
    // A person decides.
    alice.confirm_key(&bob, Identity::from_seed(&[9; 32]).verifying_key()).await.unwrap();
    assert_eq!(alice.resolve(&bob).await.unwrap().pin(), PinState::Confirmed);
}

#[tokio::test]
async fn a60_pages_that_loop_or_never_end_are_left() {
    let page = |cursor: String| {
        Answer::Json(
            200,
            format!(r#"{{"agents":[{{"address":"{BOB}"}}],"cursor":"{cursor}","has_more":true}}"#),
        )
    };
    let looping = Scripted::start(move |_, number| page((number % 3).to_string())).await;
    let alice = looping.alice().await;
    assert_eq!(alice.agents("").await.unwrap_err().kind(), ErrorKind::BadAnswer);
    assert!(looping.seen().len() <= 4, "{}", looping.seen().len());

    let endless = Scripted::start(move |_, number| page(number.to_string())).await;
    let alice = endless.alice_with(|builder| builder.timeout(Duration::from_secs(30))).await;
    assert_eq!(alice.agents("").await.unwrap_err().kind(), ErrorKind::BadAnswer);
    assert!(endless.seen().len() <= 1_000, "{}", endless.seen().len());
}

#[tokio::test]
async fn a60_a_new_api_key_that_does_not_work_is_given_back() {
    let provider = Scripted::start(|seen, _| match seen.path.as_str() {
        "/v1/auth/rotate-key" => Answer::Json(
            200,
            r#"{"api_key":"amp_live_sk_of_no_use_at_all","previous_key_valid_until":"2030-01-31T10:00:00Z"}"#
                .into(),
        ),
        _ if seen.head.contains(API_KEY) => Answer::Json(200, ROUTED.into()),
        _ => Answer::Json(401, r#"{"error":"unauthorized","message":"no"}"#.into()),
    })
    .await;
    let alice = provider.alice().await;
    let error = alice.rotate_api_key().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, Some("unauthorized")));
    alice.send(hello()).await.unwrap();
    let record = alice.registrations().remove(0).record().unwrap();
    assert_eq!(record.api_key().expose(), API_KEY);
}

#[tokio::test]
async fn a60_a_rotation_that_names_another_key_does_not_go_over_to_it() {
    let alice_key = Identity::from_seed(&[7; 32]);
    let answer = format!(
        r#"{{"rotated":true,"address":"{ALICE}","fingerprint":"{}","key_algorithm":"Ed25519"}}"#,
        Identity::from_seed(&[9; 32]).fingerprint()
    );
    let old = resolved(ALICE, &alice_key);
    let provider = Scripted::start(move |seen, _| match seen.path.as_str() {
        "/v1/auth/rotate-keys" => Answer::Json(200, answer.clone()),
        _ => Answer::Json(200, old.clone()),
    })
    .await;
    let alice = provider.alice().await;
    let error = alice.rotate_keys().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(alice.verifying_key(), *alice_key.verifying_key());
}

#[tokio::test]
async fn a60_a_third_key_at_the_provider_is_told_to_a_person() {
    let mallory = resolved(ALICE, &Identity::from_seed(&[9; 32]));
    let provider = Scripted::start(move |seen, _| match seen.path.as_str() {
        "/v1/auth/rotate-keys" => Answer::Close,
        _ => Answer::Json(200, mallory.clone()),
    })
    .await;
    let alice = provider.alice_with(|builder| builder.timeout(Duration::from_secs(10))).await;
    assert_eq!(alice.rotate_keys().await.unwrap_err().kind(), ErrorKind::Key);
}

#[tokio::test]
async fn a60_a_receipt_for_another_message_and_an_acknowledgement_that_is_none_are_noticed() {
    let provider = Scripted::start(|_, _| Answer::Json(200, r#"{"acknowledged":false}"#.into())).await;
    let alice = provider.alice().await;
    let id = amp_client::MessageId::parse("msg_1769853600_00112233445566aa").unwrap();
    assert_eq!(alice.acknowledge(&[id]).await.unwrap(), 0);
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn an_expected_tenant_is_used_when_nobody_named_another() {
    let refusal =
        r#"{"error":"invalid_field","field":"tenant","message":"no","details":{"expected_tenant":"acme"}}"#;
    let provider = Scripted::start(move |seen, _| match seen.body.contains(r#""tenant":"acme""#) {
        true => Answer::Json(201, registered(&seen.body, "http://x.example", "http://x.example")),
        false => Answer::Json(400, refusal.into()),
    })
    .await;
    let alice = Client::builder(provider.url()).in_memory().register("alice").await.unwrap();
    assert_eq!(alice.address().as_str(), ALICE);
    let error =
        Client::builder(provider.url()).in_memory().tenant("other").register("alice").await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_field"));
}

#[tokio::test]
async fn a_taken_name_comes_with_suggestions() {
    let refusal = r#"{"error":"name_taken","message":"taken","suggestions":["alice-2","alice-3"]}"#;
    let provider = Scripted::start(move |_, _| Answer::Json(409, refusal.into())).await;
    let error = Client::builder(provider.url()).in_memory().register("alice").await.unwrap_err();
    assert_eq!((error.code(), error.retry(now())), (Some("name_taken"), Retry::Never));
    assert_eq!(error.api().unwrap().suggestions(), ["alice-2", "alice-3"]);
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn the_address_to_send_from_is_the_one_at_the_recipients_provider() {
    let crabmail = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let other = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let second = record("alice-7@team.mail.example.org", &other.url());
    let alice = crabmail.alice_with(|builder| builder.registration(second)).await;
    let to = |address: &str| Draft::request(address.parse().unwrap(), "Hello", "Are you there?");
    let from = |address| alice.sign(to(address)).unwrap().from().to_string();
    assert_eq!(from("bob@x.crabmail.ai"), ALICE);
    assert_eq!(from("bob@x.y.team.mail.example.org"), "alice-7@team.mail.example.org");
    assert_eq!(from("bob@x.nowhere.example"), ALICE);
    let named = to(BOB).from(&"alice-7@team.mail.example.org".parse().unwrap());
    alice.send(named).await.unwrap();
    assert_eq!((crabmail.seen().len(), other.seen().len()), (0, 1));
    let stranger = to(BOB).from(&"mallory@acme.crabmail.ai".parse().unwrap());
    assert_eq!(alice.send(stranger).await.unwrap_err().kind(), ErrorKind::Setup);
}

#[tokio::test]
async fn a_trace_is_signed_when_the_host_has_one() {
    use amp_client::{Outgoing, TraceContext};
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let provider = Scripted::start(|_, _| Answer::Json(200, ROUTED.into())).await;
    let current = Arc::new(Mutex::new(None));
    let source = Arc::clone(&current);
    let alice =
        provider.alice_with(|builder| builder.trace_context(move || source.lock().unwrap().clone())).await;
    let trace = |sent: &amp_client::Sent| {
        let payload = sent.message().payload().context_json().map(|context| context.raw().to_owned());
        payload.unwrap_or_default()
    };
    let sent = alice.send(hello()).await.unwrap();
    assert!(!trace(&sent).contains("traceparent"));
    *current.lock().unwrap() = Some(TraceContext::parse(PARENT, None).unwrap());
    let sent = alice.send(hello().context_json(r#"{"pr":42}"#).unwrap()).await.unwrap();
    assert!(trace(&sent).contains(PARENT) && trace(&sent).contains(r#""pr":42"#), "{}", trace(&sent));
    let other = PARENT.replace("-01", "-00");
    let outgoing = Outgoing::from(hello()).with_trace(TraceContext::parse(&other, None).unwrap());
    assert!(trace(&alice.send(outgoing).await.unwrap()).contains(&other));
    let signed = Outgoing::from(alice.sign(hello()).unwrap());
    let traced = signed.with_trace(TraceContext::parse(PARENT, None).unwrap());
    assert_eq!(alice.send(traced).await.unwrap_err().kind(), ErrorKind::Message);
}

#[tokio::test]
async fn an_api_key_that_another_program_rotated_is_not_asked_for_twice_in_memory() {
    let provider =
        Scripted::start(|_, _| Answer::Json(401, r#"{"error":"unauthorized","message":"no"}"#.into())).await;
    let alice = provider.alice().await;
    let error = alice.send(hello()).await.unwrap_err();
    assert_eq!((error.code(), provider.seen().len()), (Some("unauthorized"), 1));
    let _ = NOW;
}
