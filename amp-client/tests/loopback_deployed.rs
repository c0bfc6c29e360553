//! The embedded provider behaving as the deployed one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod plain;

use std::time::Duration;

use amp_client::Loopback;
use amp_client::guards::{RateClass, RateLimit, RateLimits};
use amp_client::prelude::*;
use amp_client::wire::{
    AnswerParts, ApiError, ApiErrorCode, GetInfo, GetPending, MarkRead, Method, Register, Request as _,
    RequestParts, Resolve, Route,
};
use plain::{Agent, Plain, Socket};

async fn deployed() -> Loopback {
    Loopback::builder().deployed().without_limits().start().await.unwrap()
}

async fn agents(provider: &Loopback) -> (Agent, Agent) {
    let api = provider.url();
    (Agent::register_in(&api, "alice", "default").await, Agent::register_in(&api, "bob", "default").await)
}

async fn posted(agent: &Agent, path: &str, body: &[u8]) -> AnswerParts {
    let mut parts = RequestParts::new(Method::Post, path);
    parts.body = body.to_vec();
    agent.plain.parts(Some(&agent.key), parts).await.unwrap()
}

/// A socket on which the key was shown late enough to be heard.
async fn socket(agent: &Agent) -> Socket {
    let mut socket = Socket::open(&agent.plain.api).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    socket.say_text(&format!(r#"{{"type":"auth","token":"{}"}}"#, agent.key.expose())).await;
    socket
}

#[tokio::test]
async fn its_api_lies_below_api_v1_and_unknown_paths_are_html() {
    let provider = deployed().await;
    assert_eq!(provider.url().path(), "/api/v1");
    let (alice, _) = agents(&provider).await;
    let answer = alice.plain.parts(None, RequestParts::new(Method::Get, "/no/such/path")).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert!(alice.plain.ask(None, &GetInfo).await.unwrap().version.unwrap().starts_with("amp/"));
}

#[tokio::test]
async fn it_has_one_tenant_and_says_which() {
    let provider = deployed().await;
    let (plain, identity) = (Plain::new(&provider.url()), Identity::generate());
    let request = Register::new("alice".parse().unwrap(), identity.verifying_key()).in_tenant("another");
    let error = ApiError::from_parts(&plain.parts(None, request.to_parts()).await.unwrap());
    assert_eq!((error.status, error.code.as_ref()), (400, Some(&ApiErrorCode::InvalidField)));
    assert_eq!(error.details().unwrap().as_str(), r#"{"expected_tenant":"default"}"#);
}

#[tokio::test]
async fn what_is_no_json_is_answered_500_without_a_code() {
    let provider = deployed().await;
    let (alice, _) = agents(&provider).await;
    let answer = posted(&alice, "/route", b"{not json").await;
    assert_eq!((answer.status, answer.body.len()), (500, 0));
}

#[tokio::test]
async fn its_error_codes_are_its_own() {
    let provider = deployed().await;
    let (alice, bob) = agents(&provider).await;
    let draft = Draft::request(bob.address.clone(), "Hi", "Hello").from(&alice.address);
    let forged = Route::new(&draft.sign(&bob.identity, plain::now()).unwrap());
    assert_eq!(alice.ask(&forged).await.unwrap_err(), Some(ApiErrorCode::InvalidSignature));
    let nobody = "nobody@default.loopback.test".parse().unwrap();
    assert_eq!(alice.ask(&Resolve::new(nobody)).await.unwrap_err(), Some(ApiErrorCode::AgentNotFound));
    let large = posted(&alice, "/route", &vec![b' '; 2 * 1024 * 1024]).await;
    assert_eq!(ApiError::from_parts(&large).code.unwrap().as_str(), "payload_too_large");
}

#[tokio::test]
async fn a_limit_is_told_without_retry_after() {
    let limits = RateLimits::default().with(RateClass::Route, RateLimit::new(1, Duration::from_secs(60)));
    let provider = Loopback::builder().deployed().rate_limits(limits).start().await.unwrap();
    let (alice, bob) = agents(&provider).await;
    alice.send(&bob, "Hi", "one").await.unwrap();
    let draft = Draft::request(bob.address.clone(), "Hi", "two").from(&alice.address);
    let request = Route::new(&draft.sign(&alice.identity, plain::now()).unwrap()).to_parts();
    let answer = alice.plain.parts(Some(&alice.key), request).await.unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));
    assert!(answer.header("x-ratelimit-reset").is_some());
}

#[tokio::test]
async fn a_read_receipt_wants_the_original_sender() {
    let provider = deployed().await;
    let (alice, bob) = agents(&provider).await;
    let id = alice.send(&bob, "Hi", "Read me.").await.unwrap().id.unwrap();
    assert_eq!(bob.ask(&MarkRead::new(id.clone())).await.unwrap_err(), Some(ApiErrorCode::MissingField));
    let request = MarkRead::new(id).to(&alice.address);
    let answer = bob.plain.parts(Some(&bob.key), request.to_parts()).await.unwrap();
    assert!(String::from_utf8(answer.body).unwrap().contains(r#""receipt_sent":"#));
}

#[tokio::test]
async fn an_authentication_that_comes_too_early_is_lost() {
    let provider = deployed().await;
    let (alice, _) = agents(&provider).await;
    let mut early = Socket::open(&provider.url()).await;
    early.say_text(&format!(r#"{{"type":"auth","token":"{}"}}"#, alice.key.expose())).await;
    let heard = tokio::time::timeout(Duration::from_millis(300), early.next_text()).await;
    // A slow machine may have sent it late enough.
    if heard.is_err() {
        early.say_text(&format!(r#"{{"type":"auth","token":"{}"}}"#, alice.key.expose())).await;
        assert!(early.next_text().await.unwrap().starts_with(r#"{"type":"connected","address":"#));
    }
}

#[tokio::test]
async fn a_socket_brings_the_backlog_flat_and_acknowledged_and_nothing_later() {
    let provider = deployed().await;
    let (alice, bob) = agents(&provider).await;
    alice.send(&bob, "Hi", "before").await.unwrap();
    let mut bobs = socket(&bob).await;
    assert!(bobs.next_text().await.unwrap().contains(r#""pending_count":1"#));
    let pushed = bobs.next_text().await.unwrap();
    assert!(pushed.starts_with(r#"{"type":"message","#) && !pushed.contains("BEGIN PUBLIC KEY"), "{pushed}");
    assert!(
        pushed.contains(&format!(
            r#""sender_public_key":"{}""#,
            alice.identity.verifying_key().to_hex().unwrap()
        ))
    );
    assert!(
        bob.ask(&GetPending::new()).await.unwrap().messages.is_empty(),
        "acknowledged by nobody but the provider"
    );

    let routed = alice.send(&bob, "Hi", "later").await.unwrap();
    assert_eq!(routed.status.as_str(), "queued");
    assert_eq!(bob.ask(&GetPending::new()).await.unwrap().messages.len(), 1);
    // Neither is understood: no answer comes before the end.
    bobs.say_text(r#"{"type":"ping"}"#).await;
    bobs.say_text(r#"{"type":"message.ack","id":"msg_1_a"}"#).await;
    bobs.say_text(r#"{"type":"auth","token":"a key of nobody"}"#).await;
    let answer = bobs.next_text().await.unwrap();
    assert!(answer.contains(r#""type":"error""#), "{answer}");
}

#[tokio::test]
async fn pending_messages_carry_keys_of_64_digits() {
    let provider = deployed().await;
    let (alice, bob) = agents(&provider).await;
    alice.send(&bob, "Hi", "text").await.unwrap();
    let page = bob.ask(&GetPending::new()).await.unwrap();
    let carried = page.messages[0].sender_public_key.as_ref().unwrap();
    assert_eq!(carried.as_str(), alice.identity.verifying_key().to_hex().unwrap());
    assert_eq!(bob.verified_text(page.messages[0].message.as_bytes(), &alice), "text");
}

#[tokio::test]
async fn a_wrong_key_is_closed_with_4003_and_another_first_frame_with_4002() {
    let provider = deployed().await;
    for (frame, code) in
        [(r#"{"type":"auth","token":"amp_live_sk_of_nobody"}"#, 4003), (r#"{"type":"hello"}"#, 4002)]
    {
        let mut socket = Socket::open(&provider.url()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        socket.say_text(frame).await;
        assert_eq!(socket.close_code().await, Some(code));
    }
}

#[tokio::test]
async fn a_socket_that_is_asked_for_below_its_api_is_destroyed() {
    let provider = deployed().await;
    let url = format!("{}/ws", provider.url()).replacen("http://", "ws://", 1);
    let authority = url.split('/').nth(2).unwrap().to_owned();
    let stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    assert!(tokio_tungstenite::client_async(url, stream).await.is_err());
}
