//! The embedded provider, spoken to by plain clients: reqwest and tokio-tungstenite, and amp-core's types.

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
use amp_client::wire::{
    AckFrame, Acknowledge, ApiErrorCode, ClientFrame, GetHealth, GetInfo, GetPending, GetWellKnown,
    ServerFrame,
};
use plain::{Agent, Plain};

#[tokio::test]
async fn two_agents_register_send_fetch_and_acknowledge() {
    let provider = Loopback::start().await.unwrap();
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    assert_eq!(alice.address.to_string(), "alice@research.loopback.test");
    let routed = alice.send(&bob, "Hello", "Are you there?").await.unwrap();
    assert_eq!(routed.status.as_str(), "queued");
    let page = bob.ask(&GetPending::new()).await.unwrap();
    let [message] = page.messages.as_slice() else { panic!("one message waits") };
    assert_eq!(bob.verified_text(message.message.as_bytes(), &alice), "Are you there?");
    let done = bob.ask(&Acknowledge::new(message.id.clone())).await.unwrap();
    assert!(done.acknowledged);
    assert!(bob.ask(&GetPending::new()).await.unwrap().messages.is_empty());
    provider.stop().await;
}

#[tokio::test]
async fn a_message_is_pushed_to_a_socket_and_leaves_the_queue_by_its_acknowledgement() {
    let provider = Loopback::start().await.unwrap();
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    let mut socket = bob.socket().await;
    assert!(
        matches!(socket.next_frame().await, ServerFrame::Connected(connected) if connected.pending_count == Some(0))
    );
    let routed = alice.send(&bob, "Hello", "Pushed?").await.unwrap();
    assert_eq!(
        (routed.status.as_str(), routed.method.as_ref().map(|m| m.as_str())),
        ("delivered", Some("websocket"))
    );
    let ServerFrame::MessageNew(pushed) = socket.next_frame().await else { panic!("a message") };
    assert!(!pushed.replay);
    assert_eq!(bob.verified_text(pushed.message.as_bytes(), &alice), "Pushed?");
    assert_eq!(bob.ask(&GetPending::new()).await.unwrap().messages.len(), 1);
    socket.say(&ClientFrame::Ack(AckFrame::new(pushed.id.clone()))).await;
    socket.say(&ClientFrame::Ping).await;
    assert!(matches!(socket.next_frame().await, ServerFrame::Pong(_)));
    assert!(bob.ask(&GetPending::new()).await.unwrap().messages.is_empty());
    provider.stop().await;
}

#[tokio::test]
async fn what_waited_is_replayed_to_a_socket_that_connects_later() {
    let provider = Loopback::start().await.unwrap();
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    for number in 0..5 {
        alice.send(&bob, "Hello", &number.to_string()).await.unwrap();
    }
    let mut socket = bob.socket().await;
    assert!(
        matches!(socket.next_frame().await, ServerFrame::Connected(connected) if connected.pending_count == Some(5))
    );
    for number in 0..5 {
        let ServerFrame::MessageNew(pushed) = socket.next_frame().await else { panic!("a message") };
        assert!(pushed.replay);
        assert_eq!(bob.verified_text(pushed.message.as_bytes(), &alice), number.to_string());
    }
}

#[tokio::test]
async fn a_socket_without_a_valid_key_is_closed_with_4001() {
    let provider = Loopback::start().await.unwrap();
    let mut socket = plain::Socket::open(&provider.url()).await;
    socket.say_text(r#"{"type":"auth","token":"amp_live_sk_of_nobody"}"#).await;
    assert!(matches!(socket.next_frame().await, ServerFrame::Error(_)));
    assert_eq!(socket.close_code().await, Some(4001));
}

#[tokio::test]
async fn stopping_closes_sockets_with_1001_and_frees_the_port() {
    let provider = Loopback::start().await.unwrap();
    let bob = Agent::register(&provider, "bob").await;
    let mut socket = bob.socket().await;
    socket.next_frame().await;
    let url = provider.url();
    let (code, ()) = tokio::join!(socket.close_code(), provider.stop());
    assert_eq!(code, Some(1001));
    let error = Plain::new(&url).ask(None, &GetHealth).await.unwrap_err();
    assert_eq!(error, None);
}

#[tokio::test]
async fn a_cut_connection_loses_no_message() {
    let provider = Loopback::start().await.unwrap();
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    let mut socket = bob.socket().await;
    socket.next_frame().await;
    provider.cut_connections();
    assert_eq!(socket.close_code().await, None);
    alice.send(&bob, "Hello", "Still there?").await.unwrap();
    assert_eq!(bob.ask(&GetPending::new()).await.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn a_request_for_messages_waits_until_one_comes() {
    let provider = Loopback::start().await.unwrap();
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    let mut request = GetPending::new();
    request.wait = Some(Duration::from_secs(30));
    let waiting = bob.ask(&request);
    let sending = async {
        // The request is there before the message: nothing else would be waited for.
        tokio::time::sleep(Duration::from_millis(100)).await;
        alice.send(&bob, "Hello", "Awake?").await
    };
    let (page, sent) = tokio::join!(waiting, sending);
    sent.unwrap();
    assert_eq!(page.unwrap().messages.len(), 1);
}

#[tokio::test]
async fn it_says_what_it_is_and_what_it_can_do() {
    let provider = Loopback::start().await.unwrap();
    let plain = Plain::new(&provider.url());
    assert_eq!(plain.ask(None, &GetHealth).await.unwrap().status.as_str(), "healthy");
    let info = plain.ask(None, &GetInfo).await.unwrap();
    assert!(info.has_capability("notify:v1") && info.has_capability("notify:longpoll"), "{info:?}");
    assert_eq!(info.attachment_limits.unwrap().direct_upload, Some(true));
    assert_eq!(plain.ask(None, &GetWellKnown).await.unwrap_err(), Some(ApiErrorCode::NotFound));
}

#[tokio::test]
async fn a_provider_that_is_dropped_is_gone() {
    let provider = Loopback::start().await.unwrap();
    let plain = Plain::new(&provider.url());
    plain.ask(None, &GetHealth).await.unwrap();
    drop(provider);
    let gone = async {
        while plain.ask(None, &GetHealth).await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
}
