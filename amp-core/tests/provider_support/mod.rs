//! A host for a provider: a database of lines and bodies, sockets that remember what was written to them, and a clock
//! that the test sets.
#![allow(dead_code, unreachable_pub, clippy::std_instead_of_alloc)]

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use amp_core::guards::{RateClass, RateLimit, RateLimits};
use amp_core::provider::{
    Action, Call, Decision, Effect, MessageNumber, Moment, Performed, Provider, ProviderBuilder, Reply,
    SocketId, Ticket,
};
use amp_core::wire::{AnswerParts, Method, Request, RequestParts};
use amp_core::{Address, Draft, Identity, SignedMessage, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const DOMAIN: &str = "crabmail.ai";
pub const START: &str = "2026-01-31T10:00:00Z";

pub fn builder() -> ProviderBuilder {
    Provider::builder(DOMAIN.parse().unwrap(), "https://api.crabmail.ai/v1".parse().unwrap())
}

/// Limits that no test reaches.
pub fn no_limits() -> RateLimits {
    let classes =
        [RateClass::Route, RateClass::Pending, RateClass::Other, RateClass::Sent, RateClass::Received];
    let most = RateLimit::new(u16::MAX, Duration::from_secs(60));
    classes.into_iter().fold(RateLimits::default(), |limits, class| limits.with(class, most))
}

/// An agent as its own program knows it.
pub struct Agent {
    pub number: u64,
    pub identity: Identity,
    pub address: Address,
    pub api_key: String,
}

impl Agent {
    pub fn new(number: u64, name: &str) -> Self {
        let seed = u8::try_from(number % 250).unwrap() + 1;
        Self {
            number,
            identity: Identity::from_seed(&[seed; 32]),
            address: format!("{name}@acme.{DOMAIN}").parse().unwrap(),
            api_key: format!("amp_live_sk_{name}{number:032x}"),
        }
    }

    pub fn draft(&self, to: &Agent, subject: &str, text: &str) -> Draft {
        Draft::request(to.address.clone(), subject, text)
    }

    pub fn sign(&self, draft: Draft, now: Timestamp) -> SignedMessage {
        draft.from(&self.address).sign(&self.identity, now).unwrap()
    }

    /// The effect that registers the agent.
    pub fn registered(&self) -> Value {
        json!({
            "v": 1, "effect": "agent_set",
            "agent": {
                "number": self.number,
                "agent_id": format!("agt_{}", self.number),
                "address": self.address.as_str(),
                "key": self.identity.verifying_key().to_hex().unwrap(),
                "registered_at": START,
                "alias": null,
                "api_key": hex(&Sha256::digest(&self.api_key)),
                "former_api_key": null,
                "delivery": {"webhook_url": null, "webhook_secret": null, "prefer_websocket": true},
                "policy": null, "metadata": null, "capabilities": [], "owner": null
            }
        })
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn effect(value: &Value) -> Effect {
    Effect::from_json(value.to_string().as_bytes()).unwrap()
}

/// How the sockets of a host are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Frames are written.
    Works,
    /// Writing fails.
    Fails,
    /// Nobody knows yet: pushes are collected.
    Hangs,
}

/// How the endpoints of webhooks are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// They answer with this status.
    Answers(u16),
    /// There is no connection.
    Fails,
    /// Their host resolves to a private address.
    IsPrivate,
    /// Nobody knows yet: posts are collected.
    Hangs,
}

/// A webhook that was called: headers, body, and the action itself.
pub struct Posted {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub post: amp_core::provider::WebhookPost,
}

pub struct Host {
    pub provider: Provider,
    pub now: Timestamp,
    pub network: Network,
    pub endpoint: Endpoint,
    pub posted: Vec<Posted>,
    /// The lines that are stored, and the bodies.
    pub log: Vec<String>,
    pub bodies: BTreeMap<MessageNumber, Vec<u8>>,
    pub frames: BTreeMap<SocketId, Vec<Value>>,
    pub closed: BTreeMap<SocketId, u16>,
    pub answers: BTreeMap<Ticket, AnswerParts>,
    pub held: Vec<amp_core::provider::Push>,
    pub notices: Vec<amp_core::provider::Notice>,
    /// The next decision is stored, and the host stops before it is committed.
    pub crash_next: bool,
    /// Whether that has happened.
    pub crashed: bool,
    make: Box<dyn Fn() -> ProviderBuilder>,
    moments: u64,
    tickets: u64,
    sockets: u64,
}

impl Host {
    pub fn new(make: impl Fn() -> ProviderBuilder + 'static, agents: &[&Agent]) -> Self {
        let log: Vec<String> = agents.iter().map(|agent| effect(&agent.registered()).to_json()).collect();
        let effects: Vec<Effect> =
            log.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect();
        Self {
            provider: make().restore(effects).unwrap().build(),
            now: START.parse().unwrap(),
            network: Network::Works,
            endpoint: Endpoint::Answers(200),
            posted: Vec::new(),
            log,
            bodies: BTreeMap::new(),
            frames: BTreeMap::new(),
            closed: BTreeMap::new(),
            answers: BTreeMap::new(),
            held: Vec::new(),
            notices: Vec::new(),
            crash_next: false,
            crashed: false,
            make: Box::new(make),
            moments: 0,
            tickets: 0,
            sockets: 0,
        }
    }

    pub fn moment(&mut self) -> Moment {
        self.moments += 1;
        Moment::new(self.now, Sha256::digest(self.moments.to_be_bytes()).into())
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
    }

    /// Lets a minute pass, after which the provider believes its clock.
    pub fn settle(&mut self) {
        self.tick();
        self.pass(60);
        self.tick();
    }

    /// The provider as it is after a restart.
    pub fn restart(&mut self) {
        let effects: Vec<Effect> =
            self.log.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect();
        self.restart_with(effects);
    }

    /// A restart from a snapshot of the memory, through its lines.
    pub fn restart_from_snapshot(&mut self) {
        let lines = self.snapshot();
        let effects: Vec<Effect> =
            lines.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect();
        self.restart_with(effects);
    }

    /// A restart with other settings.
    pub fn restart_as(&mut self, make: impl Fn() -> ProviderBuilder + 'static) {
        self.make = Box::new(make);
        self.restart();
    }

    fn restart_with(&mut self, effects: Vec<Effect>) {
        self.provider = (self.make)().restore(effects).unwrap().build();
        self.frames.clear();
        self.held.clear();
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::SendFrame { socket, text } => {
                    self.frames.entry(socket).or_default().push(serde_json::from_str(&text).unwrap());
                }
                Action::PushMessage(push) => match self.network {
                    Network::Hangs => self.held.push(push),
                    Network::Fails => self.performed(push.failed()),
                    Network::Works => {
                        let frame = push.frame(&self.bodies[&push.message()]).unwrap();
                        let frames = self.frames.entry(push.socket()).or_default();
                        frames.push(serde_json::from_str(&frame).unwrap());
                        self.performed(push.written());
                    }
                },
                Action::CloseSocket { socket, code } => {
                    self.closed.insert(socket, code);
                }
                Action::Answer { ticket, reply } => {
                    let answer = self.finish(*reply).unwrap();
                    assert!(self.answers.insert(ticket, answer).is_none(), "a request is answered once");
                }
                Action::PostWebhook(post) => self.post(*post),
                Action::Notify(notice) => self.notices.push(notice),
                _ => panic!("another action"),
            }
        }
    }

    fn post(&mut self, post: amp_core::provider::WebhookPost) {
        // What was acknowledged meanwhile is not there any more.
        let Some(body) = self.bodies.get(&post.message()).cloned() else {
            return self.performed(post.failed());
        };
        let private = ["10.0.0.1".parse().unwrap()];
        let public = ["93.184.216.34".parse().unwrap()];
        let resolved = if self.endpoint == Endpoint::IsPrivate { private } else { public };
        if post.target().admit(&resolved).is_err() {
            return self.performed(post.not_admitted());
        }
        let headers =
            post.sign(&body, self.now).unwrap().iter().map(|(name, value)| (name, value.into())).collect();
        let performed = match self.endpoint {
            Endpoint::Answers(status) => Some(post.answered(status)),
            Endpoint::Fails | Endpoint::IsPrivate => Some(post.failed()),
            Endpoint::Hangs => None,
        };
        self.posted.push(Posted { headers, body, post });
        if let Some(performed) = performed {
            self.performed(performed);
        }
    }

    pub fn finish(&self, reply: Reply) -> Option<AnswerParts> {
        reply.into_answer(|number| self.bodies.get(&number).cloned()).unwrap()
    }

    /// Stores what a decision says.
    fn store(log: &mut Vec<String>, bodies: &mut BTreeMap<MessageNumber, Vec<u8>>, decision: &Decision<'_>) {
        log.extend(decision.effects().iter().map(Effect::to_json));
        for body in decision.bodies() {
            assert!(
                bodies.insert(body.number(), body.as_bytes().to_vec()).is_none(),
                "a number is given once"
            );
        }
        for number in decision.released() {
            assert!(bodies.remove(number).is_some(), "what is released was stored");
        }
    }

    /// Decides, stores, commits, performs. None when the host stopped in between.
    fn with(
        &mut self,
        decide: impl for<'p> FnOnce(&'p mut Provider, Moment) -> Decision<'p>,
    ) -> Option<Reply> {
        let (mut log, mut bodies) = (core::mem::take(&mut self.log), core::mem::take(&mut self.bodies));
        let moment = self.moment();
        let decision = decide(&mut self.provider, moment);
        Self::store(&mut log, &mut bodies, &decision);
        if core::mem::take(&mut self.crash_next) {
            drop(decision);
            (self.log, self.bodies) = (log, bodies);
            self.crashed = true;
            self.restart();
            return None;
        }
        let outcome = decision.commit();
        (self.log, self.bodies) = (log, bodies);
        self.perform(outcome.actions);
        outcome.reply
    }

    /// The store takes a decision and says that it failed; the host goes on with the same provider.
    pub fn store_and_drop(&mut self, call: &Call) {
        let moment = self.moment();
        let decision = self.provider.handle(call, moment);
        assert!(!decision.is_unchanged(), "{decision:?}");
        Self::store(&mut self.log, &mut self.bodies, &decision);
    }

    pub fn call_with(&mut self, call: &Call) -> Option<Reply> {
        self.with(|provider, moment| provider.handle(call, moment))
    }

    /// As [`ask`](Self::ask); none when the host stopped in between.
    pub fn try_ask(&mut self, agent: &Agent, parts: RequestParts) -> Option<AnswerParts> {
        let parts = parts.with_key(&agent.api_key.parse().unwrap());
        let reply = self.call_with(&Call::new(parts))?;
        self.finish(reply)
    }

    /// A request whose caller cannot wait.
    pub fn ask(&mut self, agent: &Agent, parts: RequestParts) -> AnswerParts {
        let parts = parts.with_key(&agent.api_key.parse().unwrap());
        let reply = self.call_with(&Call::new(parts)).unwrap();
        self.finish(reply).expect("an answer at once")
    }

    /// A request whose caller can wait: the answer, if there is one already, and the ticket.
    pub fn ask_waiting(&mut self, agent: &Agent, parts: RequestParts) -> (Ticket, Option<AnswerParts>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let parts = parts.with_key(&agent.api_key.parse().unwrap());
        let reply = self.call_with(&Call::new(parts).with_ticket(ticket));
        let answer = reply.and_then(|reply| self.finish(reply)).or_else(|| self.answers.remove(&ticket));
        (ticket, answer)
    }

    pub fn request<R: Request>(&mut self, agent: &Agent, request: &R) -> AnswerParts {
        self.ask(agent, request.to_parts())
    }

    pub fn get(&mut self, agent: &Agent, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let mut parts = RequestParts::new(Method::Get, path);
        parts.query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.ask(agent, parts);
        (answer.status, body_of(&answer))
    }

    pub fn route_body(body: &str) -> RequestParts {
        let mut parts = RequestParts::new(Method::Post, "/route");
        parts.body = body.as_bytes().to_vec();
        parts
    }

    /// Routes a message; the caller does not wait.
    pub fn route(&mut self, agent: &Agent, message: &SignedMessage) -> (u16, Value) {
        let answer = self.ask(agent, Self::route_body(&message.to_route_json()));
        (answer.status, body_of(&answer))
    }

    /// Routes a message with a new text, and gives its id.
    pub fn send(&mut self, from: &Agent, to: &Agent, text: &str) -> String {
        let signed = from.sign(from.draft(to, "Hi", text), self.now);
        let (status, body) = self.route(from, &signed);
        assert_eq!(status, 200, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    pub fn pending(&mut self, agent: &Agent) -> Vec<Value> {
        let (status, body) = self.get(agent, "/messages/pending", &[]);
        assert_eq!(status, 200, "{body}");
        body["messages"].as_array().unwrap().clone()
    }

    pub fn pending_ids(&mut self, agent: &Agent) -> Vec<String> {
        self.pending(agent).iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    }

    pub fn ack(&mut self, agent: &Agent, id: &str) -> (u16, Value) {
        let answer = self.ask(agent, RequestParts::new(Method::Delete, &format!("/messages/pending/{id}")));
        (answer.status, body_of(&answer))
    }

    pub fn performed(&mut self, performed: Performed) {
        let _ = self.with(|provider, moment| provider.performed(performed, moment));
    }

    pub fn tick(&mut self) {
        let _ = self.with(|provider, moment| provider.tick(moment));
    }

    pub fn open(&mut self) -> SocketId {
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        let _ = self.with(|provider, moment| provider.socket_opened(socket, moment));
        socket
    }

    /// Lets the time come to which the provider wants to be called, again and again until nothing is due for a while.
    pub fn run_until(&mut self, end: Timestamp) {
        while let Some(due) = self.provider.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.tick();
        }
        self.now = self.now.max(end);
    }

    pub fn frame(&mut self, socket: SocketId, frame: &Value) {
        let text = frame.to_string();
        let _ = self.with(|provider, moment| provider.socket_frame(socket, text.as_bytes(), moment));
    }

    pub fn raw_frame(&mut self, socket: SocketId, frame: &[u8]) {
        let _ = self.with(|provider, moment| provider.socket_frame(socket, frame, moment));
    }

    pub fn close(&mut self, socket: SocketId) {
        let _ = self.with(|provider, moment| provider.socket_closed(socket, moment));
    }

    /// A socket of an agent's, authenticated.
    pub fn connect(&mut self, agent: &Agent) -> SocketId {
        let socket = self.open();
        self.frame(socket, &json!({"type": "auth", "token": agent.api_key}));
        socket
    }

    /// The frames since the last look.
    pub fn frames_of(&mut self, socket: SocketId) -> Vec<Value> {
        self.frames.remove(&socket).unwrap_or_default()
    }

    pub fn stored_numbers(&self) -> BTreeSet<MessageNumber> {
        self.bodies.keys().copied().collect()
    }

    pub fn snapshot(&self) -> Vec<String> {
        self.provider.snapshot().iter().map(Effect::to_json).collect()
    }
}

pub fn body_of(answer: &AnswerParts) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}
