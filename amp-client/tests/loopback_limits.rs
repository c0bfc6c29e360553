//! What nobody can do to the embedded provider: hold it up, fill it, or reach it from a page in a browser.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod plain;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use amp_client::Loopback;
use amp_client::wire::{GetHealth, GetPending, ServerFrame};
use plain::{Agent, Plain, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(provider: &Loopback) -> TcpStream {
    let address: SocketAddr = provider.url().as_str().split('/').nth(2).unwrap().parse().unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// What the provider says until it closes.
async fn said(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(plain::PATIENCE * 10, stream.read_to_end(&mut said)).await.expect("an end");
    String::from_utf8_lossy(&said).into_owned()
}

// The clock is paused in these: whoever waits for nothing but a deadline meets it at once.

#[tokio::test(start_paused = true)]
async fn a56_a_head_that_does_not_end_is_not_waited_for() {
    let provider = Loopback::start().await.unwrap();
    let mut stream = connect(&provider).await;
    stream.write_all(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ").await.unwrap();
    let said = said(stream).await;
    assert!(!said.contains("200 OK"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a56_a_body_that_drips_is_not_waited_for() {
    let provider = Loopback::start().await.unwrap();
    let mut stream = connect(&provider).await;
    let head =
        b"POST /v1/register HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 900\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    assert!(said(stream).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test(start_paused = true)]
async fn a56_a_socket_that_never_says_who_it_is_is_closed() {
    let provider = Loopback::start().await.unwrap();
    let mut socket = Socket::open(&provider.url()).await;
    // The provider's clock is not paused: ten seconds.
    assert!(socket.0.get_ref().readable().await.is_ok());
    assert_eq!(socket.close_code().await, Some(4001));
}

#[tokio::test]
async fn a56_a_body_that_is_too_long_is_refused_whatever_it_announces() {
    let provider = Loopback::start().await.unwrap();
    let mut announced = connect(&provider).await;
    announced
        .write_all(b"POST /v1/register HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1073741824\r\n\r\n")
        .await
        .unwrap();
    announced.shutdown().await.unwrap();
    let answer = said(announced).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("request_too_large"), "{answer}");

    let mut endless = connect(&provider).await;
    endless
        .write_all(b"POST /v1/register HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        endless.write_all(&chunk).await.unwrap();
    }
    endless.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = said(endless).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a56_a_million_headers_and_a_head_of_a_mebibyte_are_refused() {
    let provider = Loopback::start().await.unwrap();
    for head in ["X-One: 1\r\n".repeat(100_000), format!("X-Long: {}\r\n", "x".repeat(1024 * 1024))] {
        let mut stream = connect(&provider).await;
        // It may be closed while this is being written.
        let _ = stream
            .write_all(format!("GET /v1/health HTTP/1.1\r\nHost: localhost\r\n{head}\r\n").as_bytes())
            .await;
        let answer = said(stream).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    assert!(Plain::new(&provider.url()).ask(None, &GetHealth).await.is_ok());
}

#[tokio::test]
async fn a56_a_frame_that_is_too_long_ends_its_socket_alone() {
    let provider = Loopback::start().await.unwrap();
    let bob = Agent::register(&provider, "bob").await;
    let (mut other, mut socket) = (bob.socket().await, bob.socket().await);
    socket.next_frame().await;
    other.next_frame().await;
    // A header of a frame of a gibibyte: nothing of it is waited for.
    let stream = socket.0.get_mut();
    stream.write_all(&[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
    assert_eq!(socket.close_code().await, None);
    other.say_text(r#"{"type":"ping"}"#).await;
    assert!(matches!(other.next_frame().await, ServerFrame::Pong(_)));
}

#[tokio::test]
async fn a_socket_that_does_not_read_loses_no_message() {
    let provider = Loopback::builder().without_limits().start().await.unwrap();
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    let mut socket = bob.socket().await;
    socket.next_frame().await;
    let text = "long ".repeat(13_000);
    let sending = (0..150).map(|_| alice.send(&bob, "Hello", &text));
    assert!(futures_util::future::join_all(sending).await.iter().all(Result::is_ok));
    let mut seen = 0;
    loop {
        let page = bob.ask(&GetPending::new()).await.unwrap();
        if page.messages.is_empty() {
            break;
        }
        seen += page.messages.len();
        let ids: Vec<_> = page.messages.into_iter().map(|message| message.id).collect();
        bob.ask(&amp_client::wire::AcknowledgeBatch::new(ids).unwrap()).await.unwrap();
    }
    assert_eq!(seen, 150);
}

/// A name on the internet that leads to 127.0.0.1 lets any page call what listens there.
#[tokio::test]
async fn no_page_of_another_site_reaches_it() {
    let provider = Loopback::start().await.unwrap();
    let ask = async |headers: &str| {
        let mut stream = connect(&provider).await;
        let request = format!("GET /v1/health HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        said(stream).await[9..12].to_owned()
    };
    assert_eq!(ask("Host: 127.0.0.1\r\n").await, "200");
    assert_eq!(ask("Host: localhost:3000\r\nOrigin: http://localhost:3000\r\n").await, "200");
    for foreign in [
        "Host: rebound.example.org\r\n",
        "Host: localhost\r\nOrigin: https://example.org\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
        "Host: localhost:80\r\nOrigin: http://localhost:3000\r\n",
        "",
    ] {
        assert_eq!(ask(foreign).await, "403", "{foreign}");
    }
    assert_ne!(ask("Host: localhost\r\nHost: example.org\r\n").await, "200");
}

/// Whatever bytes come, the provider answers others.
#[tokio::test]
async fn no_bytes_make_it_panic() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
    let provider = Loopback::builder().without_limits().start().await.unwrap();
    let bob = Agent::register(&provider, "bob").await;
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(seed >> 56).unwrap()
    };
    let requests: [&[u8]; 4] = [
        b"POST /v1/route HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{\"to\":\"x\",\"payload\":",
        b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        b"PUT /files/att_1_0123456789abcdef?token=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
        b"DELETE /v1/messages/pending/%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    for round in 0..400 {
        let mut bytes = requests[round % 4].to_vec();
        for _ in 0..round % 7 {
            let at = usize::from(next()) * bytes.len() / 256;
            bytes[at] = next();
        }
        let mut stream = connect(&provider).await;
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ =
            tokio::time::timeout(plain::PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("an end");
    }
    let mut socket = bob.socket().await;
    socket.next_frame().await;
    for _ in 0..200 {
        let frame: String = (0..40).map(|_| char::from(next() % 127)).collect();
        socket.say_text(&frame).await;
    }
    socket.say_text(r#"{"type":"ping"}"#).await;
    while !matches!(socket.next_frame().await, ServerFrame::Pong(_)) {}
    assert!(Plain::new(&provider.url()).ask(None, &GetHealth).await.is_ok());
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}
