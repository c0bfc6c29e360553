//! A provider for tests of the inbox that does what a script says, and a store that says in which order things happen.
#![allow(dead_code, unreachable_pub)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amp_client::envelope::{QuarantineId, Status, StoredMessage};
use amp_client::identity::RegistrationRecord;
use amp_client::receive::{Effect, QuarantineEntry};
use amp_client::store::{
    Appended, Entry, Folder, ForeignMessage, HeldMessage, Loaded, MemoryStore, MessageKey, Page, Position,
    Query, Store, StoreError, StoreErrorKind, StoreFuture,
};
use amp_client::wire::ApiUrl;
use amp_client::{Address, Client, ClientBuilder, Draft, Identity, SignedMessage, Timestamp};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

pub const BOB: &str = "bob@acme.crabmail.ai";
pub const ALICE: &str = "alice@acme.crabmail.ai";
/// How long a test waits for what has to come, before it fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn alice() -> Identity {
    Identity::from_seed(&[1; 32])
}

pub fn mallory() -> Identity {
    Identity::from_seed(&[66; 32])
}

pub fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap()
}

/// A message of Alice's to Bob.
pub fn message(text: &str) -> SignedMessage {
    signed_by(&alice(), ALICE, text)
}

pub fn signed_by(identity: &Identity, from: &str, text: &str) -> SignedMessage {
    Draft::request(BOB.parse().unwrap(), "A subject", text)
        .from(&from.parse().unwrap())
        .sign(identity, now())
        .unwrap()
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.all().iter().filter(|line| *line == what).count()
    }

    pub fn place(&self, what: &str) -> Option<usize> {
        self.all().iter().position(|line| line == what)
    }

    pub async fn wait_for(&self, what: &str) {
        wait_until(|| self.count(what) > 0, what).await;
    }
}

pub async fn wait_until(mut is_so: impl FnMut() -> bool, what: &str) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("it did not happen: {what}"));
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("it took too long: {what}"))
}

/// A request as the provider reads it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn authorization(&self) -> &str {
        self.headers.get("authorization").map_or("", String::as_str)
    }
}

/// Answers instead of the provider, if it gives anything: status and body.
pub type Answering = dyn Fn(&Asked) -> Option<(u16, String)> + Send + Sync;
/// Serves a socket instead of the provider.
pub type Serving = dyn Fn(Socket) -> Served + Send + Sync;
pub type Served = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A socket that is not yet answered: raw, after the upgrade.
pub struct Socket {
    pub stream: TcpStream,
    pub number: usize,
    pub provider: Arc<Inside>,
}

pub struct Item {
    pub id: String,
    pub message: String,
}

pub struct Inside {
    pub log: Log,
    pub api_key: Mutex<String>,
    /// What waits in the queue.
    pub queue: Mutex<Vec<Item>>,
    /// What is pushed on every socket that is open.
    pushes: watch::Sender<Vec<String>>,
    pub keys: Mutex<HashMap<String, Identity>>,
    pub capabilities: Mutex<Vec<String>>,
    pub answering: Mutex<Option<Box<Answering>>>,
    pub serving: Mutex<Option<Arc<Serving>>>,
    pub sockets: AtomicUsize,
    pub requests: AtomicU64,
    /// A number counted up to cut every connection.
    cuts: watch::Sender<u64>,
    pub takes_acks: AtomicBool,
}

/// A provider that does what a script says. It ends with the value.
pub struct Scripted {
    pub inside: Arc<Inside>,
    pub address: std::net::SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
        self.inside.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Scripted {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Inside {
            log: Log::default(),
            api_key: Mutex::new("amp_live_sk_0011223344556677".into()),
            queue: Mutex::default(),
            pushes: watch::channel(Vec::new()).0,
            keys: Mutex::new(HashMap::from([(ALICE.to_owned(), alice())])),
            capabilities: Mutex::default(),
            answering: Mutex::default(),
            serving: Mutex::default(),
            sockets: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            cuts: watch::channel(0).0,
            takes_acks: AtomicBool::new(true),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&inside)));
        Self { inside, address, task }
    }

    pub fn log(&self) -> &Log {
        &self.inside.log
    }

    pub fn url(&self) -> ApiUrl {
        format!("http://{}/v1", self.address).parse().unwrap()
    }

    /// Bob's client, registered as far as he knows.
    pub fn bob(&self) -> ClientBuilder {
        let key = self.inside.api_key.lock().unwrap().parse().unwrap();
        let record = RegistrationRecord::new(
            "crabmail.ai".parse().unwrap(),
            BOB.parse().unwrap(),
            self.url().as_str(),
            key,
            now(),
        );
        Client::builder(self.url())
            .in_memory()
            .identity(Identity::from_seed(&[2; 32]))
            .registration(record.unwrap())
    }

    /// Puts a message into the queue.
    pub fn enqueue(&self, message: &SignedMessage) {
        self.enqueue_raw(message.id().as_str(), &message.to_json());
    }

    pub fn enqueue_raw(&self, id: &str, message: &str) {
        let item = Item { id: id.to_owned(), message: message.to_owned() };
        self.inside.queue.lock().unwrap().push(item);
    }

    /// Pushes a message on every socket, now and later.
    pub fn push(&self, message: &SignedMessage) {
        self.push_frame(frame_of(message.id().as_str(), &message.to_json(), false));
    }

    pub fn push_frame(&self, frame: String) {
        self.inside.pushes.send_modify(|pushes| pushes.push(frame));
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.inside.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Answers some requests otherwise.
    pub fn answer(&self, answering: impl Fn(&Asked) -> Option<(u16, String)> + Send + Sync + 'static) {
        *self.inside.answering.lock().unwrap() = Some(Box::new(answering));
    }

    /// Serves sockets otherwise.
    pub fn serve(&self, serving: impl Fn(Socket) -> Served + Send + Sync + 'static) {
        *self.inside.serving.lock().unwrap() = Some(Arc::new(serving));
    }

    pub fn has_acknowledged(&self, id: &str) -> bool {
        self.log().count(&format!("acknowledged {id}")) > 0
    }

    pub async fn wait_for_acknowledgement(&self, message: &SignedMessage) {
        self.log().wait_for(&format!("acknowledged {}", message.id())).await;
    }
}

/// A frame with a message.
pub fn frame_of(id: &str, message: &str, is_replay: bool) -> String {
    let inner = message.trim().strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    let replay = if is_replay { r#","replay":true"# } else { "" };
    format!(r#"{{"type":"message.new","data":{{"id":"{id}",{inner}}}{replay}}}"#)
}

pub fn connected() -> String {
    format!(r#"{{"type":"connected","data":{{"address":"{BOB}","pending_count":0}}}}"#)
}

async fn accept(listener: TcpListener, inside: Arc<Inside>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inside = Arc::clone(&inside);
        tokio::spawn(async move {
            let mut cuts = inside.cuts.subscribe();
            tokio::select! {
                () = serve(stream, Arc::clone(&inside)) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn serve(mut stream: TcpStream, inside: Arc<Inside>) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    while let Some(asked) = read_request(&mut stream, &mut buffer).await {
        inside.requests.fetch_add(1, Ordering::Relaxed);
        let scripted = inside.answering.lock().unwrap().as_ref().and_then(|answering| answering(&asked));
        let (status, body) = match scripted {
            Some(answer) => answer,
            None if asked.path.ends_with("/ws") => return upgrade(stream, &asked, inside).await,
            None => inside.answer(&asked),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(head.as_bytes()).await.is_err()
            || stream.write_all(body.as_bytes()).await.is_err()
        {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while buffer.len() < end + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[end + 4..end + 4 + length].to_vec();
    buffer.drain(..end + 4 + length);
    Some(Asked { method, path, headers, body })
}

async fn upgrade(mut stream: TcpStream, asked: &Asked, inside: Arc<Inside>) {
    let accept = derive_accept_key(asked.headers["sec-websocket-key"].as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: amp.v1\r\n\r\n"
    );
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let number = inside.sockets.fetch_add(1, Ordering::SeqCst);
    let serving = inside.serving.lock().unwrap().clone();
    let socket = Socket { stream, number, provider: Arc::clone(&inside) };
    match serving {
        Some(serving) => serving(socket).await,
        None => socket.serve().await,
    }
}

impl Socket {
    pub async fn open(self) -> (WebSocketStream<TcpStream>, Arc<Inside>) {
        (WebSocketStream::from_raw_socket(self.stream, Role::Server, None).await, self.provider)
    }

    /// As a provider serves it: authentication, pushes, acknowledgements.
    pub async fn serve(self) {
        let (mut socket, provider) = self.open().await;
        if !provider.authenticate(&mut socket).await {
            return;
        }
        let mut pushes = provider.pushes.subscribe();
        let mut sent = 0;
        loop {
            let waiting = pushes.borrow_and_update().clone();
            for frame in waiting.into_iter().skip(sent) {
                sent += 1;
                if socket.send(Frame::text(frame)).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        if let Some(answer) = provider.take_frame(&text)
                            && socket.send(Frame::text(answer)).await.is_err() {
                            return;
                        }
                    }
                    Some(Ok(_)) => {}
                    _ => return provider.log.add("socket closed"),
                },
                changed = pushes.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Inside {
    /// Reads the first frame, and answers it.
    pub async fn authenticate(&self, socket: &mut WebSocketStream<TcpStream>) -> bool {
        let Some(Ok(Frame::Text(text))) = socket.next().await else { return false };
        let key = self.api_key.lock().unwrap().clone();
        if text.contains(&key) {
            self.log.add("authenticated");
            socket.send(Frame::text(connected())).await.is_ok()
        } else {
            self.log.add("unauthorized");
            let _ =
                socket.send(Frame::text(r#"{"type":"error","error":"unauthorized","message":"no"}"#)).await;
            let _ = socket.close(None).await;
            false
        }
    }

    /// What a frame of the client's is answered with.
    pub fn take_frame(&self, text: &str) -> Option<String> {
        if text.contains(r#""type":"ping""#) {
            return Some(format!(r#"{{"type":"pong","timestamp":"{}"}}"#, now()));
        }
        if text.contains(r#""type":"ack""#) {
            let id =
                text.split(r#""id":""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            self.acknowledge(id);
        }
        None
    }

    pub fn acknowledge(&self, id: &str) {
        self.log.add(format!("acknowledged {id}"));
        if self.takes_acks.load(Ordering::SeqCst) {
            self.queue.lock().unwrap().retain(|item| item.id != id);
        }
    }

    fn answer(&self, asked: &Asked) -> (u16, String) {
        let path = asked.path.strip_prefix("/v1").unwrap_or(&asked.path);
        let (path, _query) = path.split_once('?').unwrap_or((path, ""));
        if path == "/info" {
            let capabilities = serde_json::to_string(&*self.capabilities.lock().unwrap()).unwrap();
            return (
                200,
                format!(r#"{{"provider":"crabmail.ai","version":"amp/0.1","capabilities":{capabilities}}}"#),
            );
        }
        if asked.authorization() != format!("Bearer {}", self.api_key.lock().unwrap()) {
            self.log.add("unauthorized");
            return (401, r#"{"error":"unauthorized","message":"no"}"#.into());
        }
        if let Some(address) = path.strip_prefix("/agents/resolve/") {
            let address = address.replace("%40", "@");
            self.log.add(format!("resolve {address}"));
            return match self.keys.lock().unwrap().get(&address) {
                Some(identity) => (200, resolved(&address, identity)),
                None => (404, r#"{"error":"not_found","message":"nobody"}"#.into()),
            };
        }
        match (asked.method.as_str(), path) {
            ("GET", "/messages/pending") => (200, self.page()),
            ("GET", "/messages/pending/count") => {
                (200, format!(r#"{{"count":{}}}"#, self.queue.lock().unwrap().len()))
            }
            ("POST", "/messages/pending/ack") => {
                let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
                let ids: Vec<_> =
                    body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
                ids.iter().for_each(|id| self.acknowledge(id));
                (200, format!(r#"{{"acknowledged":{}}}"#, ids.len()))
            }
            ("DELETE", path) if path.starts_with("/messages/pending/") => {
                self.acknowledge(path.trim_start_matches("/messages/pending/"));
                (200, r#"{"acknowledged":true}"#.into())
            }
            ("GET", "/agents/me") => {
                let fingerprint = Identity::from_seed(&[2; 32]).verifying_key().fingerprint().to_string();
                let (address, at) = (BOB, now());
                (
                    200,
                    format!(
                        r#"{{"address":"{address}","fingerprint":"{fingerprint}","registered_at":"{at}"}}"#
                    ),
                )
            }
            ("POST", "/route") => {
                self.log.add("routed");
                let id = "msg_1769853600_routed01";
                (
                    200,
                    format!(r#"{{"id":"{id}","status":"queued","method":"relay","queued_at":"{}"}}"#, now()),
                )
            }
            _ => (404, r#"{"error":"not_found","message":"no such path"}"#.into()),
        }
    }

    fn page(&self) -> String {
        let queue = self.queue.lock().unwrap();
        let items: Vec<_> = queue
            .iter()
            .take(50)
            .map(|item| {
                let inner = item.message.trim().strip_prefix('{').unwrap().strip_suffix('}').unwrap();
                format!(r#"{{"id":"{}",{inner},"queued_at":"{}"}}"#, item.id, now())
            })
            .collect();
        let remaining = queue.len() - items.len();
        format!(r#"{{"messages":[{}],"count":{},"remaining":{remaining}}}"#, items.join(","), items.len())
    }
}

pub fn resolved(address: &str, identity: &Identity) -> String {
    let key = identity.verifying_key();
    serde_json::json!({
        "address": address, "public_key": key.to_pem(), "key_algorithm": "Ed25519",
        "fingerprint": key.fingerprint().to_string(), "online": true
    })
    .to_string()
}

/// A store that says in which order things happen, and fails when it is told to.
pub struct Watched {
    inner: Arc<dyn Store>,
    pub log: Log,
    /// So many appends fail before they do anything.
    pub fails_before: AtomicUsize,
    /// So many appends fail after they have done everything.
    pub fails_after: AtomicUsize,
    pub slow: Mutex<Duration>,
    pub foreign: Mutex<Vec<ForeignMessage>>,
}

impl Watched {
    pub fn new(log: &Log) -> Arc<Self> {
        Self::over(Arc::new(MemoryStore::new()), log)
    }

    pub fn over(inner: Arc<dyn Store>, log: &Log) -> Arc<Self> {
        Arc::new(Self {
            inner,
            log: log.clone(),
            fails_before: AtomicUsize::new(0),
            fails_after: AtomicUsize::new(0),
            slow: Mutex::new(Duration::ZERO),
            foreign: Mutex::default(),
        })
    }

    fn fails(counter: &AtomicUsize) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

impl Store for Watched {
    fn load(&self, after: Position) -> StoreFuture<'_, Loaded> {
        self.inner.load(after)
    }

    fn append(&self, entry: Entry) -> StoreFuture<'_, Appended> {
        Box::pin(async move {
            let id = entry.message.as_ref().map(|stored| stored.message().unsigned().id());
            let held = entry.held.as_ref().map(|held| held.entry.message_id().clone());
            let about = entry.about.clone();
            let slow = *self.slow.lock().unwrap();
            if !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            if Self::fails(&self.fails_before) {
                self.log.add("store failed");
                return Err(StoreError::new(StoreErrorKind::Io, "appending"));
            }
            let appended = self.inner.append(entry).await?;
            self.log.add("append is about to end");
            if !slow.is_zero() {
                tokio::time::sleep(slow).await;
            }
            if matches!(appended, Appended::Stored(_)) {
                id.into_iter().for_each(|id| self.log.add(format!("stored {id}")));
                held.into_iter().for_each(|id| self.log.add(format!("held {id}")));
                if let Some(about) = about {
                    self.foreign.lock().unwrap().retain(|message| message.name != about.name);
                }
            }
            if Self::fails(&self.fails_after) {
                self.log.add("store failed");
                return Err(StoreError::new(StoreErrorKind::Io, "appending"));
            }
            Ok(appended)
        })
    }

    fn compact(&self, at: Position, effects: Vec<Effect>) -> StoreFuture<'_, bool> {
        self.log.add("compacted");
        self.inner.compact(at, effects)
    }

    fn take_abandoned(&self, limit: usize) -> StoreFuture<'_, Vec<StoredMessage>> {
        self.inner.take_abandoned(limit)
    }

    fn handed_out(&self, key: &MessageKey) -> StoreFuture<'_, ()> {
        self.log.add(format!("had {}", key.id()));
        self.inner.handed_out(key)
    }

    fn foreign(&self, limit: usize) -> StoreFuture<'_, Vec<ForeignMessage>> {
        let foreign = self.foreign.lock().unwrap().iter().take(limit).cloned().collect();
        Box::pin(async move { Ok(foreign) })
    }

    fn list(&self, query: &Query) -> StoreFuture<'_, Page> {
        self.inner.list(query)
    }

    fn unread(&self) -> StoreFuture<'_, u64> {
        self.inner.unread()
    }

    fn get(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, Option<StoredMessage>> {
        self.inner.get(folder, key)
    }

    fn mark(&self, key: &MessageKey, status: Status, now: Timestamp) -> StoreFuture<'_, bool> {
        self.inner.mark(key, status, now)
    }

    fn delete(&self, folder: Folder, key: &MessageKey) -> StoreFuture<'_, bool> {
        self.inner.delete(folder, key)
    }

    fn keep_sent(&self, message: StoredMessage) -> StoreFuture<'_, ()> {
        self.inner.keep_sent(message)
    }

    fn held(&self) -> StoreFuture<'_, Vec<QuarantineEntry>> {
        self.inner.held()
    }

    fn get_held(&self, id: &QuarantineId) -> StoreFuture<'_, Option<HeldMessage>> {
        self.inner.get_held(id)
    }

    fn decide_held(&self, entry: &QuarantineEntry) -> StoreFuture<'_, bool> {
        self.inner.decide_held(entry)
    }

    fn remove_held(&self, id: &QuarantineId) -> StoreFuture<'_, bool> {
        self.inner.remove_held(id)
    }
}

/// The texts of what the inbox hands out, until so many came.
pub async fn texts(inbox: &mut amp_client::Inbox, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let received = within("the next message", inbox.next()).await.unwrap().unwrap();
        texts.push(received.text().into_parts().1);
    }
    texts
}

/// That nothing more comes for a while.
pub async fn nothing_more(inbox: &mut amp_client::Inbox) {
    let more = tokio::time::timeout(Duration::from_millis(300), inbox.next()).await;
    assert!(more.is_err(), "something came that should not: {more:?}");
}

pub fn bob() -> Address {
    BOB.parse().unwrap()
}
