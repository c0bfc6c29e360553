//! A provider in one file: HTTP/1.1 by hand over `std::net`, a thread for each connection, and one file of lines that
//! is everything it keeps. It decides nothing itself: `amp_core::provider` does.
//!
//! `cargo run --example provider_in_one_file` talks to itself, stops, starts again from its file, and ends.
//! `cargo run --example provider_in_one_file -- 127.0.0.1:23000 provider.log` serves until it is stopped.
#![allow(clippy::std_instead_of_alloc, reason = "a program of std alone")]

use core::error::Error;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

use amp_core::prelude::*;
use amp_core::provider::{
    Action, Call, Decision, Effect, MessageNumber, Moment, Provider, Registration, Reply, Ticket,
};
use amp_core::wire::{
    Acknowledge, Acknowledged, AnswerParts, ApiError, ApiErrorCode, ApiUrl, GetPending, Pending, Register,
    Registered, Request, RequestParts, Route, Routed,
};
use serde_json::{Value, json};

pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = core::result::Result<T, E>;

/// What a request may be long: head, and body.
const HEAD_MAX: u64 = 64 * 1024;
const BODY_MAX: usize = 1024 * 1024;
/// How much of a request is read away that was refused.
const UNREAD_MAX: u64 = 16 * 1024 * 1024;
/// How long a caller may take to say what it wants, and an answer to be made.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(address), Some(path)) => {
            let server = Server::start(&address, Path::new(&path))?;
            println!("a provider for crabmail.ai listens on {}", server.api);
            server.thread.join().map_err(|_| "the server stopped")?
        }
        (None, None) => talk_to_itself(),
        _ => Err("either no arguments, or an address to listen on and a file".into()),
    }
}

// ---------------------------------------------------------------------------------------------------- the host's store

/// Everything that is kept: one line a decision, with its effects, new bodies and released ones. A line is whole or it
/// is not there, so a line is a transaction.
struct Store {
    file: File,
    length: u64,
    bodies: BTreeMap<u64, String>,
}

impl Store {
    /// Opens the file, and reads what the provider and the bodies were.
    fn open(path: &Path) -> Result<(Self, Vec<Effect>)> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let (mut store, mut effects) = (Self { file, length: 0, bodies: BTreeMap::new() }, Vec::new());
        let text = std::fs::read(path)?;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            // A line that a crash cut in two was never committed.
            let Some(whole) = line.strip_suffix(b"\n") else { break };
            store.length += u64::try_from(line.len())?;
            let line: Value = serde_json::from_slice(whole)?;
            for effect in line["effects"].as_array().into_iter().flatten() {
                effects.push(Effect::from_json(effect.as_str().unwrap_or_default().as_bytes())?);
            }
            store.note(&line);
        }
        store.file.set_len(store.length)?;
        Ok((store, effects))
    }

    /// One transaction: written, and on disk, before anything is committed.
    fn store(&mut self, decision: &Decision<'_>) -> Result {
        if decision.is_unchanged() {
            return Ok(());
        }
        let bodies: BTreeMap<String, String> = decision
            .bodies()
            .iter()
            .map(|body| Ok((body.number().to_string(), String::from_utf8(body.as_bytes().to_vec())?)))
            .collect::<Result<_>>()?;
        let line = json!({
            "effects": decision.effects().iter().map(Effect::to_json).collect::<Vec<_>>(),
            "bodies": bodies,
            "released": decision.released().iter().map(|number| number.get()).collect::<Vec<_>>(),
        });
        let text = format!("{line}\n");
        if let Err(error) = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()) {
            self.file.set_len(self.length)?;
            return Err(error.into());
        }
        self.length += u64::try_from(text.len())?;
        self.note(&line);
        Ok(())
    }

    fn note(&mut self, line: &Value) {
        for (number, body) in line["bodies"].as_object().into_iter().flatten() {
            let body = body.as_str().unwrap_or_default().to_owned();
            self.bodies.insert(number.parse().unwrap_or_default(), body);
        }
        for number in line["released"].as_array().into_iter().flatten() {
            self.bodies.remove(&number.as_u64().unwrap_or_default());
        }
    }

    fn body(&self, number: MessageNumber) -> Option<Vec<u8>> {
        self.bodies.get(&number.get()).map(|body| body.clone().into_bytes())
    }
}

// ------------------------------------------------------------------------------------------------------------ the host

/// The provider, what it keeps, and who waits for an answer.
struct Host {
    provider: Provider,
    store: Store,
    waiting: HashMap<Ticket, Sender<AnswerParts>>,
    tickets: u64,
}

impl Host {
    fn open(path: &Path, api: ApiUrl) -> Result<Self> {
        let (store, effects) = Store::open(path)?;
        let provider = Provider::builder("crabmail.ai".parse()?, api);
        let provider = provider
            .registration(Registration::open())
            .without_sockets()
            .without_webhooks()
            .restore(effects)?
            .build();
        Ok(Self { provider, store, waiting: HashMap::new(), tickets: 0 })
    }

    /// Decided, stored, committed, done. The answer comes over the channel, now or later.
    fn call(&mut self, request: RequestParts, source: &str, answer_to: Sender<AnswerParts>) -> Result {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, answer_to);
        let call = Call::new(request).with_ticket(ticket).with_source(source);
        let decision = self.provider.handle(&call, moment()?);
        if let Err(error) = self.store.store(&decision) {
            // Not stored, so never decided: the caller hears of it and tries again.
            self.waiting.remove(&ticket);
            return Err(error);
        }
        let outcome = decision.commit();
        if let Some(reply) = outcome.reply {
            self.answer(ticket, reply)?;
        }
        self.perform(outcome.actions)
    }

    fn tick(&mut self) -> Result {
        let decision = self.provider.tick(moment()?);
        self.store.store(&decision)?;
        let actions = decision.commit().actions;
        self.perform(actions)
    }

    /// This host has neither sockets nor webhooks: all that is left to do is to answer whoever waits.
    fn perform(&mut self, actions: Vec<Action>) -> Result {
        for action in actions {
            if let Action::Answer { ticket, reply } = action {
                self.answer(ticket, *reply)?;
            }
        }
        Ok(())
    }

    /// Completes an answer with bodies from the store. One that comes later finds its caller by the ticket.
    fn answer(&mut self, ticket: Ticket, reply: Reply) -> Result {
        let answer = reply.into_answer(|number| self.store.body(number)).unwrap_or_else(|missing| {
            eprintln!("{missing}");
            Some(missing.into_answer())
        });
        if let Some(answer) = answer
            && let Some(caller) = self.waiting.remove(&ticket)
        {
            // A caller that is gone wants no answer.
            let _ = caller.send(answer);
        }
        Ok(())
    }
}

fn moment() -> Result<Moment> {
    Ok(Moment::generate(Timestamp::try_from(SystemTime::now())?)?)
}

type Shared = Arc<Mutex<Host>>;

fn with<T>(host: &Shared, run: impl FnOnce(&mut Host) -> Result<T>) -> Result<T> {
    run(&mut host.lock().unwrap_or_else(PoisonError::into_inner))
}

// --------------------------------------------------------------------------------------------------------- HTTP by hand

/// A listener with threads of its own.
struct Server {
    api: ApiUrl,
    address: SocketAddr,
    thread: JoinHandle<Result>,
    is_stopping: Arc<AtomicBool>,
}

impl Server {
    fn start(address: &str, path: &Path) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let api: ApiUrl = format!("http://{address}/v1").parse()?;
        let host: Shared = Arc::new(Mutex::new(Host::open(path, api.clone())?));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (ticking, is_over) = (Arc::clone(&host), Arc::clone(&is_stopping));
        std::thread::spawn(move || -> Result {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(250));
                with(&ticking, Host::tick)?;
            }
            Ok(())
        });
        let (own_api, is_over) = (api.clone(), Arc::clone(&is_stopping));
        let thread = std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let (stream, _) = listener.accept()?;
                let (host, api) = (Arc::clone(&host), own_api.clone());
                std::thread::spawn(move || {
                    if let Err(error) = connection(stream, &host, &api) {
                        eprintln!("{error}");
                    }
                });
            }
            Ok(())
        });
        Ok(Self { api, address, thread, is_stopping })
    }

    fn stop(self) -> Result {
        self.is_stopping.store(true, Ordering::Relaxed);
        // Wakes the listener.
        drop(TcpStream::connect(self.address)?);
        self.thread.join().map_err(|_| "the server stopped")?
    }
}

/// One request, one answer.
fn connection(mut stream: TcpStream, host: &Shared, api: &ApiUrl) -> Result {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let source = stream.peer_addr()?.ip().to_string();
    let answer = match read_request(&stream) {
        Ok(request) => match RequestParts::from_http(&request, api) {
            Ok(parts) => answer_to(parts, &source, host),
            Err(refusal) => refusal.to_parts(),
        },
        Err(error) => match error.downcast::<ApiError>() {
            Ok(refusal) => refusal.to_parts(),
            Err(error) => ApiError::new(ApiErrorCode::InvalidRequest, &error.to_string()).to_parts(),
        },
    };
    stream.write_all(&written(&answer))?;
    // Bytes that nobody has read when a connection ends would take the answer with them. A caller may be gone already.
    if stream.shutdown(Shutdown::Write).is_ok() {
        let _ = std::io::copy(&mut stream.take(UNREAD_MAX), &mut std::io::sink());
    }
    Ok(())
}

fn answer_to(parts: RequestParts, source: &str, host: &Shared) -> AnswerParts {
    let (sender, receiver) = mpsc::channel();
    let called = with(host, |host| host.call(parts, source, sender));
    // What was not stored was not decided: the caller tries again. A request for messages waits for 30 seconds at most.
    match called.ok().and_then(|()| receiver.recv_timeout(Duration::from_secs(40)).ok()) {
        Some(answer) => answer,
        None => ApiError::new(ApiErrorCode::InternalError, "the request was not carried out").to_parts(),
    }
}

fn read_request(stream: &TcpStream) -> Result<http::Request<Vec<u8>>> {
    let mut reader = BufReader::new(stream.take(HEAD_MAX));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next().ok_or("no method")?, words.next().ok_or("no target")?);
    let mut request = http::Request::builder().method(method).uri(target);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err("the head of the request does not end".into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("bodies come with their length".into());
        }
        request = request.header(name, value.trim());
    }
    if length > BODY_MAX {
        return Err(ApiError::new(ApiErrorCode::RequestTooLarge, "a body has at most 1 MiB").into());
    }
    let mut body = vec![0; length];
    reader.get_mut().set_limit(u64::try_from(length)?);
    reader.read_exact(&mut body)?;
    Ok(request.body(body)?)
}

fn written(answer: &AnswerParts) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} -\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    [text.as_bytes(), &answer.body].concat()
}

// ------------------------------------------------------------------------------------------------------- two who use it

/// An agent's side, as small as it gets.
struct Client {
    api: ApiUrl,
    me: Address,
    key: amp_core::identity::ApiKey,
}

impl Client {
    fn register(api: &ApiUrl, name: &str, identity: &Identity) -> Result<Self> {
        let request = Register::new(name.parse()?, identity.verifying_key()).in_tenant("acme");
        let registered: Registered = ask(api, None, &request)?;
        Ok(Self { api: api.clone(), me: registered.address, key: registered.api_key })
    }

    fn ask<R: Request>(&self, request: &R) -> Result<R::Answer> {
        ask(&self.api, Some(&self.key), request)
    }
}

fn ask<R: Request>(api: &ApiUrl, key: Option<&amp_core::identity::ApiKey>, request: &R) -> Result<R::Answer> {
    let request_to_send = request.to_http(api, key)?;
    let (method, uri) = (request_to_send.method(), request_to_send.uri());
    let host = uri.authority().ok_or("no host")?.as_str();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut stream = TcpStream::connect(host)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in request_to_send.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str()?));
    }
    let body = request_to_send.body();
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no answer")?;
    let status = str::from_utf8(&bytes)?.split(' ').nth(1).ok_or("no status")?.parse()?;
    Ok(request.read_answer(&AnswerParts::new(status).with_body(bytes.split_off(end + 4)))?)
}

fn talk_to_itself() -> Result {
    let path: PathBuf = std::env::temp_dir().join(format!("amp-provider-{}.log", std::process::id()));
    let outcome = two_agents_meet(&path);
    std::fs::remove_file(&path)?;
    outcome
}

/// Runs something against a provider, and stops that afterwards.
#[allow(dead_code, reason = "for programs that need somebody to talk to")]
pub(crate) fn while_serving(run: impl FnOnce(&ApiUrl) -> Result) -> Result {
    let path = std::env::temp_dir().join(format!("amp-provider-{}.log", std::process::id()));
    let server = Server::start("127.0.0.1:0", &path)?;
    let outcome = run(&server.api);
    server.stop()?;
    std::fs::remove_file(&path)?;
    outcome
}

fn two_agents_meet(path: &Path) -> Result {
    let (alice, bob) = (Identity::generate(), Identity::generate());
    let server = Server::start("127.0.0.1:0", path)?;
    println!("a provider for crabmail.ai listens on {}", server.api);
    let at_alice = Client::register(&server.api, "alice", &alice)?;
    let mut at_bob = Client::register(&server.api, "bob", &bob)?;
    println!("registered: {} and {}", at_alice.me, at_bob.me);

    let now = Timestamp::try_from(SystemTime::now())?;
    let question =
        Draft::request(at_bob.me.clone(), "Hello", "Are you there?").from(&at_alice.me).sign(&alice, now)?;
    let routed: Routed = at_alice.ask(&Route::new(&question))?;
    println!("alice's message is {}", routed.status);

    server.stop()?;
    let server = Server::start("127.0.0.1:0", path)?;
    at_bob.api = server.api.clone();
    println!("the provider stops, and starts again from its file");
    let page: Pending = at_bob.ask(&GetPending::new())?;
    let [message] = page.messages.as_slice() else { return Err("one message waits".into()) };

    let key = amp_core::receive::SenderKey::resolved(alice.verifying_key().clone());
    let mut receiver = Receiver::builder(at_bob.me.clone()).build();
    let reception =
        receiver.receive(message.message.as_bytes(), &Context::new(now, Via::Direct).with_key(key));
    // ... bob's own database stores it here ...
    let Disposition::Deliver(received) = reception.commit() else {
        return Err("the message is genuine".into());
    };
    println!("bob reads, verified: {}", received.for_prompt());
    let done: Acknowledged = at_bob.ask(&Acknowledge::new(message.id.clone()))?;
    let page: Pending = at_bob.ask(&GetPending::new())?;
    println!("acknowledged: {}, {} left", done.acknowledged, page.messages.len());
    server.stop()?;
    if done.acknowledged && page.messages.is_empty() { Ok(()) } else { Err("the queue is empty now".into()) }
}
