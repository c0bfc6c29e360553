//! What the webhook service takes in, and what it answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod inbox_provider;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use amp_client::webhook::{Scheme, WebhookSecret, sign};
use amp_client::{InboxSettings, Timestamp, WebhookService};
use http::Request;
use http_body::{Body, Frame};
use inbox_provider::*;
use tower_service::Service;

const SECRET: &str = "whsec_4f1c9a6be2d07358";

fn secret() -> WebhookSecret {
    WebhookSecret::new(SECRET).unwrap()
}

fn posted_only() -> InboxSettings {
    InboxSettings::new().without_push().without_polling()
}

/// A delivery, as a provider posts it.
fn delivery(body: &str, secret: &WebhookSecret, at: Timestamp) -> Request<String> {
    let headers = sign(secret, &"msg_1769853600_abc123".parse().unwrap(), 1, body.as_bytes(), at);
    let mut request = Request::post("/hook");
    for (name, value) in headers.iter() {
        request = request.header(name, value);
    }
    request.body(body.to_owned()).unwrap()
}

async fn post<B: Body + Send + 'static>(service: &WebhookService, request: Request<B>) -> u16
where
    B::Data: Send,
{
    let answer = service.clone().call(request).await.unwrap();
    assert!(answer.body().is_empty() && answer.headers().is_empty(), "nothing but a status is said");
    answer.status().as_u16()
}

// rule: HOOK-10
#[tokio::test]
async fn a_posted_message_is_stored_answered_with_200_and_handed_out_once() {
    let provider = Scripted::start().await;
    let bob = provider.bob().store(Watched::new(provider.log())).open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let message = message("By post");
    let json = message.to_json();
    assert_eq!(post(&service, delivery(&json, &secret(), now())).await, 200);
    assert_eq!(provider.log().count(&format!("stored {}", message.id())), 1);
    assert_eq!(post(&service, delivery(&json, &secret(), now())).await, 200, "a duplicate");
    let mut inbox = bob.inbox_with(posted_only()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["By post"]);
    nothing_more(&mut inbox).await;
}

#[tokio::test]
async fn what_is_posted_and_pushed_and_waits_is_shown_once() {
    let provider = Scripted::start().await;
    let bob = provider.bob().open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let message = message("Three ways");
    provider.push(&message);
    provider.enqueue(&message);
    let mut inbox = bob.inbox().await.unwrap();
    assert_eq!(post(&service, delivery(&message.to_json(), &secret(), now())).await, 200);
    assert_eq!(texts(&mut inbox, 1).await, ["Three ways"]);
    nothing_more(&mut inbox).await;
}

#[tokio::test]
async fn a59_whatever_is_wrong_with_a_signature_the_answer_is_the_same_and_nothing_is_taken_in() {
    let provider = Scripted::start().await;
    let bob = provider.bob().open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let json = message("Forged").to_json();
    let genuine = || delivery(&json, &secret(), now());
    let without = |name: &str| {
        let mut request = genuine();
        request.headers_mut().remove(name);
        request
    };
    let with = |name: &'static str, value: String| {
        let mut request = genuine();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let twice = {
        let mut request = genuine();
        let value = request.headers()["x-amp-signature"].clone();
        request.headers_mut().append("x-amp-signature", value);
        request
    };
    let signature = genuine().headers()["x-amp-signature"].to_str().unwrap().to_owned();
    let changed = {
        let (head, body) = genuine().into_parts();
        Request::from_parts(head, body.replace("Forged", "Changed"))
    };
    let other = WebhookSecret::new("whsec_of_another_endpoint").unwrap();
    let past = Timestamp::from_unix_seconds(now().unix_seconds() - 400).unwrap();
    let future = Timestamp::from_unix_seconds(now().unix_seconds() + 400).unwrap();
    let forged = [
        without("x-amp-signature"),
        without("x-amp-timestamp"),
        with("x-amp-signature", signature.replace("sha256=", "sha1=")),
        with("x-amp-signature", signature.to_uppercase()),
        with("x-amp-timestamp", format!("+{}", now().unix_seconds())),
        twice,
        changed,
        delivery(&json, &other, now()),
        delivery(&json, &secret(), past),
        delivery(&json, &secret(), future),
        Request::post("/hook").body(json.clone()).unwrap(),
        Request::post("/hook").body(String::new()).unwrap(),
    ];
    for request in forged {
        assert_eq!(post(&service, request).await, 401);
    }
    assert_eq!(bob.store().unread().await.unwrap(), 0);
    assert_eq!(
        provider.inside.requests.load(Ordering::Relaxed),
        0,
        "nobody is asked about a stranger's word"
    );
}

#[tokio::test]
async fn a27_forged_mail_that_is_posted_with_the_right_secret_reaches_nobody() {
    let provider = Scripted::start().await;
    let bob = provider.bob().open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let changed = message("Pay nobody.").to_json().replace("Pay nobody.", "Pay Mallory");
    let by_mallory = signed_by(&mallory(), ALICE, "Pay.").to_json();
    let with_key = by_mallory.replacen(
        '{',
        &format!(
            r#"{{"sender_public_key":"{}","security":{{"trust":"verified"}},"#,
            mallory().verifying_key().to_hex().unwrap()
        ),
        1,
    );
    for forged in [changed, by_mallory, with_key] {
        // Refused for good: the provider need not try again.
        assert_eq!(post(&service, delivery(&forged, &secret(), now())).await, 200);
    }
    assert_eq!(bob.store().unread().await.unwrap(), 0);
    assert_eq!(post(&service, delivery(&message("honest").to_json(), &secret(), now())).await, 200);
    let mut inbox = bob.inbox_with(posted_only()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["honest"]);
    nothing_more(&mut inbox).await;
}

#[tokio::test]
async fn a_store_that_fails_is_answered_with_503_until_it_heals() {
    let provider = Scripted::start().await;
    let store = Watched::new(provider.log());
    store.fails_before.store(2, Ordering::SeqCst);
    let bob = provider.bob().store(store).open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let json = message("Once more").to_json();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(post(&service, delivery(&json, &secret(), now())).await);
    }
    assert_eq!(statuses, [503, 503, 200]);
    let mut inbox = bob.inbox_with(posted_only()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["Once more"]);
}

#[tokio::test]
async fn a_sender_whose_key_cannot_be_asked_for_is_asked_to_come_again() {
    let provider = Scripted::start().await;
    provider.answer(|asked| {
        asked.path.contains("/resolve/").then(|| (400, r#"{"error":"strange","message":"no"}"#.to_owned()))
    });
    let bob = provider.bob().open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    assert_eq!(post(&service, delivery(&message("Hello").to_json(), &secret(), now())).await, 503);
}

#[tokio::test]
async fn other_methods_and_bodies_without_a_message_are_refused() {
    let provider = Scripted::start().await;
    let bob = provider.bob().open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let mut get = delivery(&message("Hello").to_json(), &secret(), now());
    *get.method_mut() = http::Method::GET;
    assert_eq!(post(&service, get).await, 405);
    for body in ["", "{}", "[]", r#"{"envelope":{}}"#, "not json"] {
        assert_eq!(post(&service, delivery(body, &secret(), now())).await, 400, "{body}");
    }
}

/// A body that comes in pieces, or stops to come.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    ends: bool,
}

impl Body for Pieces {
    type Data = VecDeque<u8>;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<VecDeque<u8>>, std::io::Error>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece.into())))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a56_a_body_is_read_to_its_limit_and_within_its_time() {
    let client = amp_client::Client::builder("http://127.0.0.1:9/v1".parse().unwrap())
        .in_memory()
        .identity(alice())
        .registration(record())
        .open()
        .await
        .unwrap();
    let service = WebhookService::new(&client, [secret()]);
    let request = |pieces: Vec<Vec<u8>>, ends| {
        Request::post("/hook").body(Pieces { pieces: pieces.into(), ends }).unwrap()
    };
    // Endless: read to 1 MiB.
    assert_eq!(post(&service, request(vec![vec![b' '; 65_536]; 64], false)).await, 413);
    let too_large = Request::post("/hook").body(" ".repeat(1024 * 1024 + 1)).unwrap();
    assert_eq!(post(&service, too_large).await, 413);
    // It does not come.
    let began = tokio::time::Instant::now();
    assert_eq!(post(&service, request(vec![vec![b'{']], false)).await, 408);
    assert_eq!(began.elapsed().as_secs(), 5);
    // Piece by piece.
    let json = message("In pieces").to_json();
    let (head, _) = delivery(&json, &secret(), now()).into_parts();
    let pieces = json.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    // The provider of this client is not there to be asked for the key.
    assert_eq!(post(&service, Request::from_parts(head, Pieces { pieces, ends: true })).await, 503);
}

fn record() -> amp_client::identity::RegistrationRecord {
    amp_client::identity::RegistrationRecord::new(
        "crabmail.ai".parse().unwrap(),
        bob(),
        "http://127.0.0.1:9/v1",
        "amp_live_sk_0011223344556677".parse().unwrap(),
        now(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_the_message_is_stored_loses_it_to_nobody() {
    let provider = Scripted::start().await;
    let store = Watched::new(provider.log());
    *store.slow.lock().unwrap() = Duration::from_millis(100);
    let bob = provider.bob().store(store.clone()).open().await.unwrap();
    let service = WebhookService::new(&bob, [secret()]);
    let message = message("Hung up");
    tokio::select! {
        _ = post(&service, delivery(&message.to_json(), &secret(), now())) => panic!("the store is slow"),
        () = store.log.wait_for("append is about to end") => {}
    }
    let mut inbox = bob.inbox_with(posted_only()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["Hung up"]);
    assert_eq!(post(&service, delivery(&message.to_json(), &secret(), now())).await, 200);
    nothing_more(&mut inbox).await;
}

#[tokio::test]
async fn what_the_deployed_provider_signs_is_taken_in_when_the_host_says_so() {
    let provider = Scripted::start().await;
    let bob = provider.bob().open().await.unwrap();
    let url = "https://bob.example/hook/0011223344";
    let service = WebhookService::with_scheme(&bob, [WebhookSecret::new(url).unwrap()], Scheme::Maestro);
    let json = message("Deployed").to_json();
    let tag = amp_client::crypto::hmac_sha256(url.as_bytes(), &[json.as_bytes()]);
    let request = Request::post("/hook")
        .header("X-AMP-Signature", format!("sha256={}", tag.to_hex()))
        .body(json)
        .unwrap();
    assert_eq!(post(&service, request).await, 200);
    assert_eq!(bob.store().unread().await.unwrap(), 1);
}
