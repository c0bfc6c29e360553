//! Three providers on one table: their engines, their databases, and a network that a test can break.
#![allow(dead_code, unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use amp_core::federation::{FederationEvent, FederationMode, Learned, LookUp, Query, TxtRecord, WellKnown};
use amp_core::guards::LoopGuard;
use amp_core::provider::{
    Action, Call, Decision, Effect, Federation, Forwarding, MessageNumber, Moment, Notice, Performed,
    Provider, Reply, SocketId, Ticket,
};
use amp_core::scan::Scanner;
use amp_core::wire::{Answer as _, AnswerParts, Method, Request, RequestParts};
use amp_core::{Address, Draft, Identity, SignedMessage, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const START: &str = "2026-01-31T10:00:00Z";
pub const DOMAINS: [&str; 3] = ["a.example.org", "b.example.net", "c.example.com"];

/// Compiled once: it takes a while.
static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    let rules = "rule hold-this instruction_override high: ignore ..4 instructions\n\
        rule stop-this tool_abuse critical: launch ..3 rocket\n\
        rule flag-this tool_abuse medium: feed ..3 cat";
    Scanner::builder().rules(rules).unwrap().build()
});

/// How a provider is reached by the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Works,
    /// Nobody answers.
    Down,
    /// What is sent arrives; the answer is lost.
    LosesAnswers,
    /// What is sent arrives twice.
    Doubles,
    /// What is sent is thrown away, and answered with what was said of another message.
    Confuses,
}

/// An agent as its own program knows it.
pub struct Agent {
    pub site: usize,
    pub number: u64,
    pub identity: Identity,
    pub address: Address,
    pub api_key: String,
}

pub fn agent(site: usize, number: u64, name: &str) -> Agent {
    let seed = u8::try_from(number * 3).unwrap() + u8::try_from(site).unwrap() + 40;
    Agent {
        site,
        number,
        identity: Identity::from_seed(&[seed; 32]),
        address: format!("{name}@acme.{}", DOMAINS[site]).parse().unwrap(),
        api_key: format!("amp_live_sk_{name}{site}{number:032x}"),
    }
}

impl Agent {
    pub fn writes(&self, to: &Agent, text: &str, now: Timestamp) -> SignedMessage {
        let draft = Draft::request(to.address.clone(), "Hi", text);
        draft.from(&self.address).sign(&self.identity, now).unwrap()
    }

    fn registered(&self) -> Effect {
        let hash: String = Sha256::digest(&self.api_key).iter().map(|byte| format!("{byte:02x}")).collect();
        let json = json!({
            "v": 1, "effect": "agent_set",
            "agent": {
                "number": self.number,
                "agent_id": format!("agt_{}", self.number),
                "address": self.address.as_str(),
                "key": self.identity.verifying_key().to_hex().unwrap(),
                "registered_at": START, "alias": null, "api_key": hash, "former_api_key": null,
                "delivery": {"webhook_url": null, "webhook_secret": null, "prefer_websocket": true},
                "policy": null, "metadata": null, "capabilities": [], "owner": null
            }
        });
        Effect::from_json(json.to_string().as_bytes()).unwrap()
    }
}

pub struct Site {
    pub name: &'static str,
    pub key: Identity,
    pub mode: FederationMode,
    /// Whether it scans and has a loop guard.
    pub is_guarded: bool,
    pub provider: Provider,
    pub log: Vec<String>,
    pub bodies: BTreeMap<MessageNumber, Vec<u8>>,
    pub frames: Vec<(SocketId, Value)>,
    pub answers: BTreeMap<Ticket, AnswerParts>,
    pub events: Vec<FederationEvent>,
    pub notices: Vec<Notice>,
    pub link: Link,
    /// What the others are told when they look it up.
    pub published: Option<[u8; 32]>,
    pub look_ups: usize,
}

fn key_of(site: usize) -> Identity {
    Identity::from_seed(&[u8::try_from(site).unwrap() + 11; 32])
}

impl Site {
    fn make(site: usize, mode: FederationMode, is_guarded: bool, effects: Vec<Effect>) -> Provider {
        let others = DOMAINS.iter().filter(|name| **name != DOMAINS[site]);
        let federation = others.fold(Federation::new(key_of(site), mode), |federation, name| {
            federation.allow(name.parse().unwrap())
        });
        let api = format!("https://api.{}/v1", DOMAINS[site]).parse().unwrap();
        let domain = DOMAINS[site].parse().unwrap();
        let builder = Provider::builder(domain, api).restore(effects).unwrap().federation(federation);
        let builder =
            if is_guarded { builder.scan(SCANNER.clone()).loop_guard(LoopGuard::default()) } else { builder };
        builder.build()
    }

    fn stored(&self) -> Vec<Effect> {
        self.log.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect()
    }

    /// Every line of what it remembers.
    pub fn memory(provider: &Provider) -> Vec<String> {
        provider.snapshot().iter().map(Effect::to_json).collect()
    }
}

pub struct World {
    pub sites: Vec<Site>,
    pub now: Timestamp,
    pub attempts: Vec<(usize, String, Timestamp)>,
    /// Requests as they went over the wire.
    pub sent: Vec<RequestParts>,
    /// What is asked about providers is not answered.
    pub loses_look_ups: bool,
    moments: u64,
    tickets: u64,
}

impl World {
    pub fn new(agents: &[&Agent]) -> Self {
        Self::with_mode(agents, FederationMode::Open)
    }

    pub fn with_mode(agents: &[&Agent], mode: FederationMode) -> Self {
        let sites = (0..3).map(|site| {
            let own = agents.iter().filter(|agent| agent.site == site);
            let log: Vec<String> = own.map(|agent| agent.registered().to_json()).collect();
            let effects = log.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect();
            Site {
                name: DOMAINS[site],
                key: key_of(site),
                mode,
                is_guarded: false,
                provider: Site::make(site, mode, false, effects),
                log,
                bodies: BTreeMap::new(),
                frames: Vec::new(),
                answers: BTreeMap::new(),
                events: Vec::new(),
                notices: Vec::new(),
                link: Link::Works,
                published: None,
                look_ups: 0,
            }
        });
        let sites = sites.collect();
        Self {
            sites,
            now: START.parse().unwrap(),
            attempts: Vec::new(),
            sent: Vec::new(),
            loses_look_ups: false,
            moments: 0,
            tickets: 0,
        }
    }

    /// Everybody knows everybody, as after a first exchange.
    pub fn acquainted(mut self) -> Self {
        for site in 0..3 {
            for other in (0..3).filter(|other| *other != site) {
                let (name, key) = (DOMAINS[other].parse().unwrap(), key_of(other));
                let endpoint = format!("https://api.{}/v1", DOMAINS[other]);
                self.with(site, |provider, moment| {
                    provider.confirm_peer(&name, &endpoint, key.verifying_key(), moment).unwrap()
                });
            }
        }
        self
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
    }

    pub fn moment(&mut self) -> Moment {
        self.moments += 1;
        Moment::new(self.now, Sha256::digest(self.moments.to_be_bytes()).into())
    }

    fn rebuild(&mut self, site: usize) {
        let Site { mode, is_guarded, .. } = self.sites[site];
        self.sites[site].provider = Site::make(site, mode, is_guarded, self.sites[site].stored());
    }

    /// A provider that scans and has a loop guard.
    pub fn guarded(mut self, site: usize) -> Self {
        self.sites[site].is_guarded = true;
        self.rebuild(site);
        self
    }

    /// What an administrator of a site is answered.
    pub fn by_admin(&mut self, site: usize, parts: RequestParts) -> (u16, Value) {
        let call = Call::new(parts).by_admin("root");
        let reply = self.with(site, |provider, moment| provider.handle(&call, moment)).unwrap();
        let Reply::Now(answer) = reply else { panic!("an administrator is answered at once") };
        self.run_until(self.now);
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    /// The site as it is after a restart from its log.
    pub fn restart(&mut self, site: usize) {
        let live = Site::memory(&self.sites[site].provider);
        self.rebuild(site);
        assert_eq!(Site::memory(&self.sites[site].provider), live, "what is restored is what was");
        let snapshot = self.sites[site].provider.snapshot();
        let lines: Vec<Effect> =
            snapshot.iter().map(|effect| Effect::from_json(effect.to_json().as_bytes()).unwrap()).collect();
        let again = Site::make(site, self.sites[site].mode, self.sites[site].is_guarded, lines);
        assert_eq!(Site::memory(&again), live, "a snapshot makes the same");
    }

    /// The site as it is after its log was replaced by a snapshot, and it was started from that.
    pub fn restart_from_snapshot(&mut self, site: usize) {
        self.sites[site].log = Site::memory(&self.sites[site].provider);
        self.restart(site);
    }

    /// Decides, stores, commits, performs.
    pub fn with(
        &mut self,
        site: usize,
        decide: impl for<'p> FnOnce(&'p mut Provider, Moment) -> Decision<'p>,
    ) -> Option<Reply> {
        let moment = self.moment();
        let Site { provider, log, bodies, .. } = &mut self.sites[site];
        let decision = decide(provider, moment);
        log.extend(decision.effects().iter().map(Effect::to_json));
        for body in decision.bodies() {
            assert!(bodies.insert(body.number(), body.as_bytes().to_vec()).is_none());
        }
        for number in decision.released() {
            assert!(bodies.remove(number).is_some(), "what is released was stored");
        }
        let outcome = decision.commit();
        self.perform(site, outcome.actions);
        outcome.reply
    }

    fn perform(&mut self, site: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::SendFrame { socket, text } => {
                    self.sites[site].frames.push((socket, serde_json::from_str(&text).unwrap()));
                }
                Action::PushMessage(push) => self.performed(site, push.failed()),
                Action::Answer { ticket, reply } => {
                    let Reply::Now(answer) = *reply else { panic!("an answer") };
                    assert!(self.sites[site].answers.insert(ticket, answer).is_none());
                }
                Action::Note(event) => self.sites[site].events.push(*event),
                Action::LookUp(_) if self.loses_look_ups => self.sites[site].look_ups += 1,
                Action::LookUp(look_up) => {
                    self.sites[site].look_ups += 1;
                    let learned = self.look_up(&look_up);
                    self.with(site, |provider, moment| provider.learned(&learned, moment));
                }
                Action::Forward(forward) => self.forward(site, &forward),
                Action::Notify(notice) => self.sites[site].notices.push(notice),
                Action::CloseSocket { .. } => {}
                _ => panic!("another action"),
            }
        }
    }

    fn site_of(&self, name: &str) -> Option<usize> {
        DOMAINS.iter().position(|domain| *domain == name)
    }

    fn look_up(&self, look_up: &LookUp) -> Learned {
        let Some(site) = self.site_of(look_up.provider().as_str()) else { return look_up.nothing() };
        let (endpoint, key) = (format!("https://api.{}/v1", DOMAINS[site]), key_of(site));
        let key = self.sites[site].published.map_or(key, |seed| Identity::from_seed(&seed));
        match look_up.query() {
            Query::Txt { .. } => {
                let record = TxtRecord::new(&endpoint, key.verifying_key()).unwrap().to_string();
                look_up.records(vec![record], 300)
            }
            Query::WellKnown { .. } if self.sites[site].link == Link::Down => look_up.nothing(),
            Query::WellKnown { .. } => {
                let name = DOMAINS[site].parse().unwrap();
                let document = WellKnown::new(name, &endpoint, key.verifying_key()).unwrap();
                look_up.body(document.to_json().into_bytes())
            }
            _ => look_up.nothing(),
        }
    }

    fn forward(&mut self, site: usize, forward: &Forwarding) {
        let body = self.sites[site].bodies[&forward.message()].clone();
        let request = self.sites[site].provider.forward_request(forward, &body, self.now).unwrap();
        let host = forward.target().host().strip_prefix("api.").unwrap().to_owned();
        assert!(forward.target().as_str().ends_with("/v1/federation/deliver"));
        self.attempts.push((site, host.clone(), self.now));
        let parts = request.to_parts();
        self.sent.push(parts.clone());
        let to = self.site_of(&host).unwrap();
        let performed = match self.sites[to].link {
            Link::Down => forward.failed(),
            Link::Works => forward.answered(&self.deliver(to, parts)),
            Link::Confuses => {
                let other = amp_core::MessageId::from_parts(self.now, [9; 8]);
                let status = amp_core::wire::DeliveryStatus::Delivered;
                forward.answered(&amp_core::wire::Delivered::new(other, &status).to_parts())
            }
            Link::LosesAnswers => {
                self.deliver(to, parts);
                forward.failed()
            }
            Link::Doubles => {
                let first = self.deliver(to, parts.clone());
                let second = self.deliver(to, parts);
                if first.status == 200 {
                    assert_eq!(first.body, second.body, "a duplicate is answered as the first time");
                }
                forward.answered(&second)
            }
        };
        self.performed(site, performed);
    }

    /// A forward as it comes in.
    pub fn deliver(&mut self, site: usize, parts: RequestParts) -> AnswerParts {
        let call = Call::new(parts).with_source("192.0.2.1");
        let reply = self.with(site, |provider, moment| provider.handle(&call, moment)).unwrap();
        let Reply::Now(answer) = reply else { panic!("a forward is answered at once") };
        answer
    }

    pub fn performed(&mut self, site: usize, performed: Performed) {
        self.with(site, |provider, moment| provider.performed(performed, moment));
    }

    pub fn ask(&mut self, agent: &Agent, parts: RequestParts) -> (u16, Value) {
        let call = Call::new(parts.with_key(&agent.api_key.parse().unwrap()));
        let reply = self.with(agent.site, |provider, moment| provider.handle(&call, moment)).unwrap();
        let bodies = &self.sites[agent.site].bodies;
        let answer = reply.into_answer(|number| bodies.get(&number).cloned()).unwrap().unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    fn routed(message: &SignedMessage) -> RequestParts {
        let mut parts = RequestParts::new(Method::Post, "/route");
        parts.body = message.to_route_json().into_bytes();
        parts
    }

    /// Routes a message, and does what is due at once.
    pub fn route(&mut self, agent: &Agent, message: &SignedMessage) -> (u16, Value) {
        let answer = self.ask(agent, Self::routed(message));
        self.run_until(self.now);
        answer
    }

    /// Routes for a caller that waits: its answer, if it is there already.
    pub fn route_waiting(&mut self, agent: &Agent, message: &SignedMessage) -> (Ticket, Option<Value>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let parts = Self::routed(message).with_key(&agent.api_key.parse().unwrap());
        let call = Call::new(parts).with_ticket(ticket);
        let reply = self.with(agent.site, |provider, moment| provider.handle(&call, moment)).unwrap();
        self.run_until(self.now);
        let answer = match reply {
            Reply::Now(answer) => Some(answer),
            _ => self.sites[agent.site].answers.remove(&ticket),
        };
        (ticket, answer.map(|answer| serde_json::from_slice(&answer.body).unwrap()))
    }

    pub fn pending(&mut self, agent: &Agent) -> Vec<Value> {
        let (status, body) = self.ask(agent, RequestParts::new(Method::Get, "/messages/pending"));
        assert_eq!(status, 200, "{body}");
        body["messages"].as_array().unwrap().clone()
    }

    pub fn texts(&mut self, agent: &Agent) -> Vec<String> {
        let pending = self.pending(agent);
        pending.iter().map(|message| message["payload"]["message"].as_str().unwrap().to_owned()).collect()
    }

    pub fn connect(&mut self, agent: &Agent) -> SocketId {
        self.tickets += 1;
        let socket = SocketId(self.tickets);
        let auth = json!({"type": "auth", "token": agent.api_key}).to_string();
        self.with(agent.site, |provider, moment| provider.socket_opened(socket, moment));
        self.with(agent.site, |provider, moment| provider.socket_frame(socket, auth.as_bytes(), moment));
        socket
    }

    /// Lets the time come at which a provider wants to be called, again and again.
    pub fn run_until(&mut self, end: Timestamp) {
        loop {
            let due = self
                .sites
                .iter()
                .enumerate()
                .filter_map(|(at, site)| Some((site.provider.next_timeout()?, at)));
            let Some((due, site)) = due.min().filter(|(due, _)| *due <= end) else { break };
            self.now = self.now.max(due);
            self.with(site, |provider, moment| provider.tick(moment));
        }
        self.now = self.now.max(end);
    }

    pub fn run_for(&mut self, seconds: u64) {
        self.run_until(self.now.saturating_add(Duration::from_secs(seconds)));
    }
}
