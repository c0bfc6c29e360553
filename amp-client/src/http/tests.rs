//! The connector against servers that are hostile, broken or elsewhere.

use alloc::sync::Arc;
use core::net::IpAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Mutex;

use amp_core::identity::ApiKey;
use amp_core::webhook::{Target, TargetError};
use amp_core::wire::{ApiUrl, GetHealth, Method, Request as _, RequestParts};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::scripted::{Scripted, Seen, answer, read_request};
use super::{Access, Http, HttpError, SocketError, SocketEvent};

/// Long enough for whatever answers at all.
const LONG: Duration = Duration::from_secs(60);
/// For what never answers.
const SHORT: Duration = Duration::from_millis(400);
const BODY: &[u8] = br#"{"status":"healthy"}"#;

fn http() -> Http {
    Http::new(Access::default())
}

fn key() -> ApiKey {
    "amp_live_sk_7f53efb3".parse().unwrap()
}

async fn call(server: &Scripted, limit: Duration) -> Result<amp_core::wire::AnswerParts, HttpError> {
    http().call(&server.api(), None, GetHealth.to_parts(), limit).await
}

/// What a call makes of these bytes and the end of the connection.
async fn answered_with(bytes: Vec<u8>) -> Result<amp_core::wire::AnswerParts, HttpError> {
    let server = Scripted::start(move |_| bytes.clone()).await;
    call(&server, LONG).await
}

#[tokio::test]
async fn an_answer_is_read_with_its_headers_and_whatever_its_status() {
    let read = answered_with(answer(429, "Retry-After: 7\r\n", BODY)).await.unwrap();
    assert_eq!((read.status, read.header("retry-after"), &read.body[..]), (429, Some("7"), BODY));
    let empty = answered_with(answer(204, "", b"")).await.unwrap();
    assert_eq!((empty.status, empty.body.len()), (204, 0));
}

#[tokio::test]
async fn a_request_says_what_it_has_to_and_the_key_goes_where_it_is_wanted() {
    let server = Scripted::start(|_| answer(200, "", BODY)).await;
    let mut parts = RequestParts::new(Method::Post, "/route");
    parts.body = b"{}".to_vec();
    http().call(&server.api(), Some(&key()), parts, LONG).await.unwrap();
    http().call(&server.api(), Some(&key()), GetHealth.to_parts(), LONG).await.unwrap();
    http()
        .call(&server.api(), Some(&key()), RequestParts::new(Method::Post, "/auth/rotate-key"), LONG)
        .await
        .unwrap();
    let seen = server.seen();
    assert_eq!(seen[2].header("content-length"), Some("0"));
    assert_eq!(seen[0].line(), "POST /v1/route");
    assert_eq!(seen[0].header("authorization"), Some("Bearer amp_live_sk_7f53efb3"));
    assert_eq!(seen[0].body, b"{}");
    assert_eq!((seen[1].line().as_str(), seen[1].header("authorization")), ("GET /v1/health", None));
    assert!(seen.iter().all(|seen| seen.header("accept-encoding").is_none()));
}

/// The connection is cut behind each byte of an answer.
async fn cut_everywhere(whole: Vec<u8>) {
    let cuts = (0..whole.len()).map(|at| {
        let bytes = whole[..at].to_vec();
        async move { (at, answered_with(bytes).await) }
    });
    for (at, outcome) in futures_util::future::join_all(cuts).await {
        assert_eq!(outcome.unwrap_err(), HttpError::Unreachable, "cut behind byte {at}");
    }
    assert_eq!(answered_with(whole).await.unwrap().body, BODY);
}

#[tokio::test]
async fn an_answer_that_is_cut_at_any_byte_is_no_answer() {
    cut_everywhere(answer(200, "Content-Type: application/json\r\n", BODY)).await;
}

#[tokio::test]
async fn an_answer_in_chunks_that_is_cut_at_any_byte_is_no_answer() {
    let (first, rest) = BODY.split_at(7);
    let mut whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in [first, rest, b""] {
        whole.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        whole.extend_from_slice(chunk);
        whole.extend_from_slice(b"\r\n");
    }
    cut_everywhere(whole).await;
}

#[tokio::test]
async fn an_answer_that_only_the_connections_end_measures_is_no_answer_when_it_is_cut() {
    cut_everywhere([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", BODY].concat()).await;
}

#[tokio::test]
async fn a60_a_length_that_is_a_lie_makes_no_short_success() {
    let longer = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{\"status\":\"healthy\"}".to_vec();
    assert_eq!(answered_with(longer).await.unwrap_err(), HttpError::Unreachable);
    let twice = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{\"status\":\"healthy\"}"
        .to_vec();
    assert!(answered_with(twice).await.is_err());
    let shorter = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n".to_vec();
    assert_eq!(answered_with(shorter).await.unwrap().body, b"{}");
}

#[tokio::test]
async fn nobody_listening_is_told_from_a_connection_that_broke() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let api: ApiUrl = format!("http://127.0.0.1:{port}").parse().unwrap();
    let error = http().call(&api, None, GetHealth.to_parts(), LONG).await.unwrap_err();
    assert_eq!(error, HttpError::NotSent);
    assert!(error.is_unsent());
    assert!(!answered_with(Vec::new()).await.unwrap_err().is_unsent());
}

/// Writes without end and says how much was taken before the client closed.
fn flood(
    head: &'static [u8],
    piece: Vec<u8>,
) -> (impl Fn(TcpStream) -> super::scripted::Serving, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let serve = move |mut stream: TcpStream| -> super::scripted::Serving {
        let (piece, counter) = (piece.clone(), Arc::clone(&counter));
        Box::pin(async move {
            if read_request(&mut stream).await.is_none() || stream.write_all(head).await.is_err() {
                return;
            }
            while stream.write_all(&piece).await.is_ok() {
                counter.fetch_add(piece.len(), Ordering::SeqCst);
            }
        })
    };
    (serve, taken)
}

/// The client leaves, and has taken little more than what sockets hold for it.
async fn is_left(head: &'static [u8], piece: Vec<u8>, expected: &[HttpError]) {
    let (serve, taken) = flood(head, piece);
    let server = Scripted::raw(serve).await;
    let error = call(&server, LONG).await.unwrap_err();
    assert!(expected.contains(&error), "{error:?}");
    let taken = taken.load(Ordering::SeqCst);
    assert!(taken < 32 << 20, "{taken} bytes were taken");
}

#[tokio::test]
async fn a56_a_body_without_an_end_is_left() {
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x1_0000], b"\r\n".to_vec()].concat();
    is_left(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, &[HttpError::TooLarge]).await;
    is_left(b"HTTP/1.1 200 OK\r\n\r\n", vec![b' '; 0x1_0000], &[HttpError::TooLarge]).await;
}

#[tokio::test]
async fn a56_a_gigabyte_that_is_announced_is_left_before_it_comes() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    is_left(head, vec![b' '; 0x1_0000], &[HttpError::TooLarge]).await;
}

#[tokio::test]
async fn a56_a_million_headers_are_left() {
    let headers = "X-Padding: 0123456789\r\n".repeat(1000).into_bytes();
    is_left(b"HTTP/1.1 200 OK\r\n", headers, &[HttpError::Unreachable]).await;
}

#[tokio::test]
async fn a56_a_header_and_a_chunk_size_without_an_end_are_left() {
    is_left(b"HTTP/1.1 200 OK\r\nX-Long: ", vec![b'x'; 0x1_0000], &[HttpError::Unreachable]).await;
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1";
    is_left(head, vec![b'0'; 0x1_0000], &[HttpError::Unreachable]).await;
    let extension = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    is_left(extension, vec![b'x'; 0x1_0000], &[HttpError::Unreachable]).await;
}

#[tokio::test]
async fn a56_trailers_without_an_end_are_left() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n";
    let trailers = "X-Padding: 0123456789\r\n".repeat(1000).into_bytes();
    is_left(head, trailers, &[HttpError::Unreachable]).await;
}

#[tokio::test]
async fn a56_interim_answers_without_an_end_are_left() {
    let (serve, _) = flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100));
    let server = Scripted::raw(serve).await;
    assert!(matches!(call(&server, SHORT).await, Err(HttpError::TimedOut | HttpError::Unreachable)));
}

#[tokio::test]
async fn a56_a_packed_answer_is_not_unpacked() {
    for coding in ["gzip", "br", "deflate", "zstd", "gzip, identity"] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        let error = answered_with(answer(200, &headers, BODY)).await.unwrap_err();
        assert!(matches!(error, HttpError::Malformed(_)), "{coding}");
    }
    assert!(answered_with(answer(200, "Content-Encoding: identity\r\n", BODY)).await.is_ok());
}

#[tokio::test]
async fn a56_a_server_that_drips_or_falls_silent_is_left_in_time() {
    for said in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"] {
        let server = Scripted::raw(move |mut stream| {
            Box::pin(async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(said).await;
                core::future::pending::<()>().await;
            })
        })
        .await;
        assert_eq!(call(&server, SHORT).await.unwrap_err(), HttpError::TimedOut);
    }
    let server = Scripted::raw(|mut stream| {
        Box::pin(async move {
            read_request(&mut stream).await;
            while stream.write_all(b"H").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    })
    .await;
    assert!(call(&server, SHORT).await.is_err());
}

#[tokio::test]
async fn a54_a_redirect_is_not_followed_and_takes_no_key_along() {
    let thief = Scripted::start(|_| answer(200, "", BODY)).await;
    let location = format!("Location: {}\r\n", thief.url("/v1/route"));
    let server = Scripted::start(move |_| answer(307, &location, b"")).await;
    let mut parts = RequestParts::new(Method::Post, "/route");
    parts.body = b"{}".to_vec();
    let answer = http().call(&server.api(), Some(&key()), parts, LONG).await.unwrap();
    assert_eq!(answer.status, 307);
    assert!(thief.seen().is_empty());
}

#[tokio::test]
async fn a54_what_others_name_is_fetched_without_credentials() {
    let server = Scripted::start(|_| answer(200, "", BODY)).await;
    let (http, api) = (http(), server.api());
    let target = Target::parse_with(&server.url("/file"), &http.policy(Some(&api))).unwrap();
    http.get(Some(&api), &target, &[]).await.unwrap();
    let body = Box::pin(futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"abc"))]));
    let headers = [("Content-Length".to_owned(), "3".to_owned())];
    http.put(Some(&api), &target, &headers, body).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[1].body, b"abc");
    for name in ["authorization", "cookie", "proxy-authorization", "referer"] {
        assert!(seen.iter().all(|seen| seen.header(name).is_none()), "{name}");
    }
}

#[tokio::test]
async fn a53_a_document_is_followed_to_no_place_inside() {
    let inside = Scripted::start(|_| answer(200, "", BODY)).await;
    for location in [
        inside.url("/"),
        inside.url("/").replace("127.0.0.1", "localhost"),
        inside.url("/").replace("127.0.0.1", "[::1]"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://[::ffff:10.0.0.1]/".to_owned(),
        "//2130706433/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let headers = format!("Location: {location}\r\n");
        let server = Scripted::start(move |_| answer(302, &headers, b"")).await;
        let (http, api) = (http(), server.api());
        let target = Target::parse_with(&server.url("/"), &http.policy(Some(&api))).unwrap();
        let outcome = http.document(Some(&api), target, LONG).await;
        assert!(matches!(outcome, Err(HttpError::Target(_))), "{location}: {outcome:?}");
    }
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn redirects_on_the_own_site_are_followed_twice_and_no_more() {
    let server = Scripted::start(|seen: &Seen| match seen.line().as_str() {
        "GET /once" => answer(302, "Location: /end\r\n", b""),
        "GET /twice" => answer(302, "Location: /once\r\n", b""),
        "GET /thrice" => answer(302, "Location: /twice\r\n", b""),
        _ => answer(200, "", BODY),
    })
    .await;
    let (http, api) = (http(), server.api());
    let follow = async |path: &str| {
        let target = Target::parse_with(&server.url(path), &http.policy(Some(&api))).unwrap();
        http.document(Some(&api), target, LONG).await
    };
    assert_eq!(follow("/twice").await.unwrap().body, BODY);
    assert_eq!(follow("/thrice").await.unwrap_err(), HttpError::Target(TargetError::TooManyRedirects));
}

/// A resolver that gives these answers, one after the other.
fn rebinding(
    answers: &'static [&'static [&'static str]],
) -> (super::resolver::LookUp, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    let look_up = move |name: String| -> super::resolver::Addresses {
        let mut log = log.lock().unwrap();
        let answer = answers[log.len().min(answers.len() - 1)];
        log.push(name);
        let addresses: Vec<IpAddr> = answer.iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(addresses) })
    };
    (Arc::new(look_up), asked)
}

#[tokio::test]
async fn a53_a_name_that_turns_inward_between_two_connections_is_not_followed() {
    let (look_up, asked) =
        rebinding(&[&["127.0.0.1"], &["93.184.216.34", "10.0.0.1"], &["::ffff:10.0.0.1"], &[]]);
    let http = Http::with_look_up(Access::default(), look_up);
    let target = Target::parse("https://hooks.example.com:8443/").unwrap();
    for connection in 1..=4 {
        let error = http.get(None, &target, &[]).await.unwrap_err();
        assert!(matches!(error, HttpError::Target(_) | HttpError::NoTls), "{error:?}");
        if cfg!(feature = "tls") {
            // One look-up a connection: what was vetted is what is connected to.
            assert_eq!(asked.lock().unwrap().len(), connection);
        }
    }
}

#[tokio::test]
async fn a53_the_address_that_was_vetted_is_the_one_that_is_connected_to() {
    let server = Scripted::start(|_| answer(200, "", BODY)).await;
    let (look_up, asked) = rebinding(&[&["127.0.0.1"], &["93.184.216.34"]]);
    let http = Http::with_look_up(Access::default(), look_up);
    let api: ApiUrl = format!("http://localhost:{}/v1", server.port).parse().unwrap();
    assert!(http.call(&api, None, GetHealth.to_parts(), LONG).await.is_ok());
    let error = http.call(&api, None, GetHealth.to_parts(), LONG).await.unwrap_err();
    assert!(matches!(error, HttpError::Target(TargetError::Address { .. })), "{error:?}");
    assert_eq!(*asked.lock().unwrap(), ["localhost", "localhost"]);
}

#[tokio::test]
async fn a53_no_spelling_of_an_inside_address_is_connected_to() {
    let server = Scripted::start(|_| answer(200, "", BODY)).await;
    let (http, port) = (http(), server.port);
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "0",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
        "127.0.0.1%00.example.com",
        "example.com@127.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "[::127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "127.000.000.001",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            if let Ok(target) = Target::parse_with(&url, &http.policy(None)) {
                assert!(http.get(None, &target, &[]).await.is_err(), "{url}");
            }
        }
    }
    assert!(server.seen().is_empty());
}

/// The environment of this process cannot be changed safely, so the test runs itself again in one that has a proxy.
#[tokio::test]
async fn a53_a_proxy_in_the_environment_is_not_asked() {
    const NAME: &str = "http::tests::a53_a_proxy_in_the_environment_is_not_asked";
    let server = Scripted::start(|_| answer(200, "", BODY)).await;
    if std::env::var_os("AMP_TEST_HAS_PROXY").is_some() {
        assert_eq!(call(&server, LONG).await.unwrap().body, BODY);
        return;
    }
    let proxy = server.url("");
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args([NAME, "--exact", "--test-threads=1"]).env("AMP_TEST_HAS_PROXY", "1");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, &proxy);
    }
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert!(server.seen().is_empty());
}

/// Accepts the upgrade, then does as told.
fn upgraded(
    headers: &'static str,
    serve: impl Fn(TcpStream) -> super::scripted::Serving + Send + Sync + 'static,
) -> impl Fn(TcpStream) -> super::scripted::Serving {
    let serve = Arc::new(serve);
    move |mut stream| {
        let serve = Arc::clone(&serve);
        Box::pin(async move {
            let Some(request) = read_request(&mut stream).await else { return };
            let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
            assert_eq!(request.header("sec-websocket-protocol"), Some("amp.v1"));
            assert_eq!(request.header("authorization"), None);
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
            );
            if stream.write_all(head.as_bytes()).await.is_ok() {
                serve(stream).await;
            }
        })
    }
}

/// An unmasked frame of less than 126 bytes, as servers send them.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, u8::try_from(payload.len()).unwrap()], payload].concat()
}

#[tokio::test]
async fn a_socket_hands_out_frames_and_says_how_it_ended() {
    let server = Scripted::raw(upgraded("Sec-WebSocket-Protocol: amp.v1\r\n", |mut stream| {
        Box::pin(async move {
            // Text, ping, binary, close with 4003.
            let close = [&4003_u16.to_be_bytes()[..], b"no"].concat();
            let frames =
                [frame(1, b"{\"type\":\"pong\"}"), frame(9, b""), frame(2, b"x"), frame(8, &close)].concat();
            let _ = stream.write_all(&frames).await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        })
    }))
    .await;
    let mut socket = http().socket(&server.api()).await.unwrap();
    assert!(matches!(socket.next().await, SocketEvent::Text(text) if text == "{\"type\":\"pong\"}"));
    assert!(matches!(socket.next().await, SocketEvent::Control));
    assert!(matches!(socket.next().await, SocketEvent::Binary));
    assert!(matches!(socket.next().await, SocketEvent::Closed(Some(4003))));
    assert!(matches!(socket.next().await, SocketEvent::Closed(_)));
}

#[tokio::test]
async fn a_socket_sends_frames_and_answers_pings() {
    let taken: Arc<Mutex<Vec<u8>>> = Arc::default();
    let log = Arc::clone(&taken);
    let server = Scripted::raw(upgraded("", move |mut stream| {
        let log = Arc::clone(&log);
        Box::pin(async move {
            let _ = stream.write_all(&frame(9, b"abc")).await;
            let mut bytes = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await;
            *log.lock().unwrap() = bytes;
        })
    }))
    .await;
    let mut socket = http().socket(&server.api()).await.unwrap();
    assert!(matches!(socket.next().await, SocketEvent::Control));
    socket.send_text("{}").await.unwrap();
    socket.close(1000).await;
    while taken.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let taken = taken.lock().unwrap().clone();
    // A text of two bytes, a pong of three, a closing frame: each masked.
    assert_eq!((taken[0], taken[1], taken[8], taken[9], taken[17]), (0x81, 0x82, 0x8a, 0x83, 0x88));
}

#[tokio::test]
async fn an_upgrade_that_is_refused_says_its_status_and_when_to_ask_again() {
    let server = Scripted::start(|_| answer(429, "Retry-After: 7\r\n", b"{}")).await;
    let refused = http().socket(&server.api()).await.err().unwrap();
    let SocketError::NotUpgraded { status, retry_after } = refused else { panic!("{refused:?}") };
    assert_eq!((status, retry_after), (429, Some(Duration::from_secs(7))));
    assert_eq!(server.seen()[0].line(), "GET /v1/ws");
}

#[tokio::test]
async fn the_socket_of_a_deployed_provider_is_found_beside_its_api() {
    for is_answered in [true, false] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let server = Scripted::raw(move |mut stream: TcpStream| {
            let log = Arc::clone(&log);
            Box::pin(async move {
                let Some(request) = read_request(&mut stream).await else { return };
                log.lock().unwrap().push(request.line());
                if request.line() != "GET /v1/ws" {
                    if is_answered {
                        let _ = stream.write_all(&answer(404, "", b"{}")).await;
                    }
                    return;
                }
                let accept = derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n\r\n"
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&frame(1, b"here")).await;
            })
        })
        .await;
        let api = server.url("/api/v1").parse().unwrap();
        let mut socket = http().socket(&api).await.unwrap();
        assert!(matches!(socket.next().await, SocketEvent::Text(text) if text == "here"));
        assert_eq!(*seen.lock().unwrap(), ["GET /api/v1/ws", "GET /v1/ws"]);
        // Elsewhere there is nothing beside.
        seen.lock().unwrap().clear();
        assert!(http().socket(&server.url("/other/v1").parse().unwrap()).await.is_err());
        assert_eq!(*seen.lock().unwrap(), ["GET /other/v1/ws"]);
    }
}

#[tokio::test]
async fn an_upgrade_of_another_kind_is_refused() {
    for head in [
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let server = Scripted::start(|_| head.as_bytes().to_vec()).await;
        assert!(http().socket(&server.api()).await.is_err(), "{head}");
    }
    for headers in ["Sec-WebSocket-Protocol: other\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n"] {
        let server = Scripted::raw(upgraded(headers, |_| Box::pin(async {}))).await;
        let refused = http().socket(&server.api()).await.err().unwrap();
        assert!(matches!(refused, SocketError::Http(HttpError::Malformed(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a56_a_frame_of_a_gigabyte_and_fragments_without_an_end_are_left() {
    let announced = [&[0x81, 127][..], &(1_u64 << 30).to_be_bytes()].concat();
    let mut fragment = [&[0x00, 126][..], &60_000_u16.to_be_bytes()].concat();
    fragment.extend(vec![b'x'; 60_000]);
    for (first, piece) in [(announced, vec![b'x'; 60_000]), (vec![0x01, 1, b'x'], fragment)] {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let server = Scripted::raw(upgraded("", move |mut stream| {
            let (first, piece, counter) = (first.clone(), piece.clone(), Arc::clone(&counter));
            Box::pin(async move {
                let _ = stream.write_all(&first).await;
                while stream.write_all(&piece).await.is_ok() {
                    counter.fetch_add(piece.len(), Ordering::SeqCst);
                }
            })
        }))
        .await;
        let mut socket = http().socket(&server.api()).await.unwrap();
        assert!(matches!(socket.next().await, SocketEvent::Closed(None)));
        drop(socket);
        assert!(taken.load(Ordering::SeqCst) < 32 << 20);
    }
}

#[tokio::test]
async fn no_error_shows_what_a_server_sent_or_where_it_is() {
    let secret = "hunter2";
    let server = Scripted::start(move |_| format!("HTTP/1.1 {secret}\r\n\r\n").into_bytes()).await;
    let error = call(&server, LONG).await.unwrap_err().at("asking");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(secret) && !shown.contains("127.0.0.1"), "{shown}");
}
