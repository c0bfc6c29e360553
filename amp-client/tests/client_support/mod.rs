//! A provider made of a script, and what the tests of the client share.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amp_client::identity::RegistrationRecord;
use amp_client::wire::ApiUrl;
use amp_client::{Client, ClientBuilder, Identity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub const API_KEY: &str = "amp_live_sk_7f53efb3fb6588af";
pub const ALICE: &str = "alice@acme.crabmail.ai";
pub const BOB: &str = "bob@acme.crabmail.ai";
pub const NOW: &str = "2026-01-31T10:00:00Z";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub head: String,
    pub body: String,
}

impl Seen {
    pub fn has_key(&self) -> bool {
        self.head.contains("amp_live_sk_") || self.body.contains("amp_live_sk_")
    }
}

/// What is sent back.
pub enum Answer {
    Json(u16, String),
    With(u16, &'static str, String),
    Raw(Vec<u8>),
    /// These bytes, again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// One byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
    Close,
    Silence,
}

/// A provider that answers by a script, and remembers what it was asked. It ends when it is dropped.
pub struct Scripted {
    url: ApiUrl,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub async fn start(script: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, shared) = (Arc::new(script), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&script), Arc::clone(&shared)));
            }
        });
        Self { url, seen, task }
    }

    pub fn url(&self) -> ApiUrl {
        self.url.clone()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A client of alice, who is registered here.
    pub async fn alice(&self) -> Client {
        self.alice_with(|builder| builder).await
    }

    pub async fn alice_with(&self, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        let builder = Client::builder(self.url()).in_memory().identity(Identity::from_seed(&[7; 32]));
        let builder = builder.registration(record(ALICE, &self.url())).timeout(Duration::from_secs(4));
        set(builder).open().await.unwrap()
    }
}

pub fn record(address: &str, api: &ApiUrl) -> RegistrationRecord {
    let provider = address.split_once('.').unwrap().1.parse().unwrap();
    let key = API_KEY.parse().unwrap();
    RegistrationRecord::new(provider, address.parse().unwrap(), api.as_str(), key, NOW.parse().unwrap())
        .unwrap()
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<impl Fn(&Seen, usize) -> Answer>,
    all: Arc<Mutex<Vec<Seen>>>,
) {
    while let Some(seen) = read(&mut stream).await {
        let number = {
            let mut all = all.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let bytes = match script(&seen, number) {
            Answer::Json(status, body) => answer(status, "", &body),
            Answer::With(status, headers, body) => answer(status, headers, &body),
            Answer::Raw(bytes) => bytes,
            Answer::Endless(head, part) => {
                let _ = stream.write_all(&head).await;
                while stream.write_all(&part).await.is_ok() {}
                return;
            }
            Answer::Drip(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                }
                return;
            }
            Answer::Close => return,
            Answer::Silence => {
                let mut byte = [0];
                let _ = stream.read(&mut byte).await;
                return;
            }
        };
        let is_raw =
            !bytes.starts_with(b"HTTP/1.1 ") || !bytes.windows(17).any(|part| part == b"X-Scripted: true\r");
        if stream.write_all(&bytes).await.is_err() || is_raw {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nX-Scripted: true\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    while bytes.len() < end + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut line = head.lines().next()?.split(' ');
    let (method, path) = (line.next()?.into(), line.next()?.into());
    let body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Some(Seen { method, path, head, body })
}

/// What a registration of this key and name is answered with.
pub fn registered(body: &str, endpoint: &str, route: &str) -> String {
    let request: serde_json::Value = serde_json::from_str(body).unwrap();
    let key = amp_client::VerifyingKey::from_pem(request["public_key"].as_str().unwrap()).unwrap();
    let name = request["name"].as_str().unwrap();
    let tenant = request["tenant"].as_str().unwrap_or("acme");
    serde_json::json!({
        "address": format!("{name}@{tenant}.crabmail.ai"), "api_key": API_KEY,
        "provider": {"name": "crabmail.ai", "endpoint": endpoint, "route_url": route},
        "fingerprint": key.fingerprint().to_string(), "registered_at": NOW,
    })
    .to_string()
}

pub const ROUTED: &str = r#"{"id":"msg_1769853600_00112233445566aa","status":"queued","method":"relay","queued_at":"2026-01-31T10:00:01Z"}"#;
