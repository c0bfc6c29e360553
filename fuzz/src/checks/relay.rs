//! The relay queue between a provider and an agent that picks up: what was accepted is handed out until it is stored or
//! expires, whatever gets lost and whoever stops, and nothing leaves the queue otherwise.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

use amp_core::connection::{Arrived, Call as PickUpCall, PickUp, PickUpEvent, PickUpSettings};
use amp_core::guards::{RateClass, RateLimit, RateLimits};
use amp_core::identity::ApiKey;
use amp_core::provider::{
    Action, Call, Decision, Effect, Moment, Provider, ProviderBuilder, Push, Registration, Reply, SocketId,
    Ticket,
};
use amp_core::wire::{AnswerParts, Method, Register, Registered, Request, RequestParts};
use amp_core::{Address, Draft, Identity, Timestamp};
use serde_json::{Value, json};

/// 2026-01-31T10:00:00Z.
const START: i64 = 1_769_853_600;
const DAY: u64 = 86_400;
/// A queue that is full soon.
const QUEUE_MAX: usize = 12;

/// What alice sends, signed once: a few lines of text, some of which expire.
static ROUTES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let to: Address = "bob@acme.crabmail.ai".parse().expect("an address");
    let from: Address = "alice@acme.crabmail.ai".parse().expect("an address");
    let sign = |number: u64| {
        let draft = Draft::request(to.clone(), "Hi", &format!("text {number}")).from(&from);
        let lifetime = Duration::from_secs(number * 1_000);
        let draft = if number % 4 == 3 { draft.expires_at(start().saturating_add(lifetime)) } else { draft };
        let nonce = [number.to_be_bytes()[7]; 16];
        let signed = draft.sign_with_nonce(&Identity::from_seed(&[1; 32]), start(), nonce);
        signed.expect("a draft").to_route_json()
    };
    (0..24).map(sign).collect()
});

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(START).expect("a time")
}

fn builder() -> ProviderBuilder {
    let classes =
        [RateClass::Route, RateClass::Pending, RateClass::Other, RateClass::Sent, RateClass::Received];
    let most = RateLimit::new(u16::MAX, Duration::from_secs(60));
    let limits = classes.into_iter().fold(RateLimits::default(), |limits, class| limits.with(class, most));
    let domain = "crabmail.ai".parse().expect("a domain");
    let api = "https://api.crabmail.ai/v1".parse().expect("a URL");
    Provider::builder(domain, api)
        .registration(Registration::open())
        .relay_limit(QUEUE_MAX)
        .rate_limits(limits)
}

/// A byte chooses each step, and the next one says what is in it.
pub fn relay(data: &[u8]) {
    let mut world = World::new();
    for step in data.chunks(2).take(300) {
        world.step(step[0], step.get(1).copied().unwrap_or(0));
    }
    world.settles();
}

/// A message that was accepted and has not left the queue.
struct Waiting {
    id: String,
    expires_at: Timestamp,
}

struct World {
    provider: Provider,
    now: Timestamp,
    /// What the provider's host keeps.
    log: Vec<String>,
    bodies: BTreeMap<u64, Vec<u8>>,
    waiting: BTreeMap<u64, Waiting>,
    read: usize,
    expired: BTreeSet<String>,
    accepted: BTreeSet<String>,
    crash_next: bool,
    /// Alice's key and Bob's.
    keys: [String; 2],
    pickup: PickUp,
    calls: VecDeque<PickUpCall>,
    /// Calls that the provider holds.
    later: BTreeMap<Ticket, PickUpCall>,
    answered: Vec<(Ticket, AnswerParts)>,
    held: Vec<Arrived>,
    pushes: VecDeque<Push>,
    pushed: Vec<String>,
    socket: Option<SocketId>,
    /// What Bob's database has.
    stored: BTreeSet<String>,
    counter: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            provider: builder().build(),
            now: start(),
            log: Vec::new(),
            bodies: BTreeMap::new(),
            waiting: BTreeMap::new(),
            read: 0,
            expired: BTreeSet::new(),
            accepted: BTreeSet::new(),
            crash_next: false,
            keys: [String::new(), String::new()],
            pickup: PickUp::new(PickUpSettings::new(7)),
            calls: VecDeque::new(),
            later: BTreeMap::new(),
            answered: Vec::new(),
            held: Vec::new(),
            pushes: VecDeque::new(),
            pushed: Vec::new(),
            socket: None,
            stored: BTreeSet::new(),
            counter: 0,
        };
        world.keys = [("alice", 1), ("bob", 2)].map(|(name, seed)| world.register(name, seed));
        world
    }

    fn register(&mut self, name: &str, seed: u8) -> String {
        let identity = Identity::from_seed(&[seed; 32]);
        let request =
            Register::new(name.parse().expect("a name"), identity.verifying_key()).in_tenant("acme");
        let answer = self.request(request.to_parts(), None).expect("an answer");
        let registered: Registered = request.read_answer(&answer).expect("a registration");
        registered.api_key.expose().to_owned()
    }

    fn moment(&mut self) -> Moment {
        self.counter += 1;
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.counter.to_be_bytes());
        Moment::new(self.now, entropy)
    }

    /// Decides, stores, commits and performs. None when the host stopped in between.
    fn with(
        &mut self,
        decide: impl for<'p> FnOnce(&'p mut Provider, Moment) -> Decision<'p>,
    ) -> Option<Reply> {
        let moment = self.moment();
        let decision = decide(&mut self.provider, moment);
        self.log.extend(decision.effects().iter().map(Effect::to_json));
        for body in decision.bodies() {
            let is_new = self.bodies.insert(body.number().get(), body.as_bytes().to_vec()).is_none();
            assert!(is_new, "a number is given once");
        }
        for number in decision.released() {
            assert!(self.bodies.remove(&number.get()).is_some(), "what is released was stored");
        }
        if std::mem::take(&mut self.crash_next) {
            drop(decision);
            self.follow();
            self.restart();
            return None;
        }
        let outcome = decision.commit();
        self.follow();
        for action in outcome.actions {
            self.perform(action);
        }
        outcome.reply
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Answer { ticket, reply } => {
                if let Some(answer) = self.finish(*reply) {
                    self.answered.push((ticket, answer));
                }
            }
            Action::PushMessage(push) => self.pushes.push_back(push),
            Action::CloseSocket { socket, .. } if self.socket == Some(socket) => self.socket = None,
            _ => {}
        }
    }

    fn finish(&self, reply: Reply) -> Option<AnswerParts> {
        reply.into_answer(|number| self.bodies.get(&number.get()).cloned()).expect("every body is there")
    }

    /// Reads what the log says is new.
    fn follow(&mut self) {
        for line in &self.log[self.read..] {
            let line: Value = serde_json::from_str(line).expect("JSON");
            match line["effect"].as_str() {
                Some("queued") => {
                    let (message, text) = (&line["message"], |name: &str| line["message"][name].as_str());
                    let id = text("id").expect("an id").to_owned();
                    assert!(self.accepted.insert(id.clone()), "an id is given once");
                    let expires_at = text("expires_at").expect("a time").parse().expect("a time");
                    self.waiting
                        .insert(message["number"].as_u64().expect("a number"), Waiting { id, expires_at });
                }
                Some("left") => {
                    let number = line["message"].as_u64().expect("a number");
                    let message = self.waiting.remove(&number).expect("it waited, and leaves once");
                    if line["how"] == "expired" {
                        assert!(message.expires_at <= self.now, "{} leaves before its time", message.id);
                        self.expired.insert(message.id);
                    } else {
                        assert!(self.stored.contains(&message.id), "{} leaves and is not stored", message.id);
                    }
                }
                _ => {}
            }
        }
        self.read = self.log.len();
        assert!(self.waiting.len() <= QUEUE_MAX);
        assert!(self.waiting.keys().eq(self.bodies.keys()), "the bodies of exactly what waits are kept");
    }

    fn restart(&mut self) {
        let effects = self.log.iter().map(|line| Effect::from_json(line.as_bytes()).expect("an effect"));
        self.provider = builder().restore(effects.collect::<Vec<_>>()).expect("one provider's log").build();
        self.socket = None;
        self.pushes.clear();
        for (_, call) in std::mem::take(&mut self.later) {
            self.pickup.handle_failure(call.ticket(), self.now);
        }
    }

    fn request(&mut self, parts: RequestParts, ticket: Option<Ticket>) -> Option<AnswerParts> {
        let call = Call::new(parts);
        let call = match ticket {
            Some(ticket) => call.with_ticket(ticket),
            None => call,
        };
        let reply = self.with(|provider, moment| provider.handle(&call, moment))?;
        self.finish(reply)
    }

    fn key(&self, which: usize) -> ApiKey {
        self.keys[which].parse().expect("a key")
    }

    fn step(&mut self, step: u8, argument: u8) {
        match step % 16 {
            0 | 1 => self.route(argument),
            2 | 3 => self.calls.extend(self.pickup.poll_call(self.now)),
            4 | 5 => self.deliver_call(argument & 0x80 != 0),
            6 => {
                if let Some(call) = self.calls.pop_front() {
                    self.pickup.handle_failure(call.ticket(), self.now);
                }
            }
            7 => self.take(),
            8 => {
                if let Some(arrived) = self.held.pop() {
                    self.store(arrived);
                }
            }
            9 => drop(self.held.pop()),
            10 => self.pass(u64::from(argument) * 7),
            11 => match argument % 4 {
                0 => self.pass(u64::from(argument) * 3_600),
                1 => self.pass(8 * DAY),
                _ => self.now = self.now.saturating_sub(Duration::from_secs(u64::from(argument) * 3_600)),
            },
            12 => self.tick(),
            13 => match argument % 4 {
                0 => self.restart(),
                1 => self.crash_next = true,
                2 => self.snapshot(),
                _ => {
                    self.pickup = PickUp::new(PickUpSettings::new(argument.into()));
                    self.calls.clear();
                    self.later.clear();
                    self.held.clear();
                }
            },
            14 => self.socket_step(argument),
            _ => self.push_step(argument),
        }
        self.hand_answers_back();
    }

    fn route(&mut self, argument: u8) {
        let mut parts = RequestParts::new(Method::Post, "/route").with_key(&self.key(0));
        parts.body = ROUTES[usize::from(argument) % ROUTES.len()].as_bytes().to_vec();
        self.counter += 1;
        let ticket = (argument & 0x80 != 0).then_some(Ticket(self.counter));
        let Some(answer) = self.request(parts, ticket) else { return };
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        match (answer["status"].as_str(), answer["id"].as_str()) {
            (Some("queued" | "delivered"), Some(id)) => {
                assert!(self.accepted.contains(id), "{id} is not stored")
            }
            (Some("failed"), Some(id)) => assert!(!self.accepted.contains(id), "{id} failed and is stored"),
            _ => assert!(answer["error"].is_string(), "{answer}"),
        }
    }

    /// A call of Bob's reaches the provider; its answer may get lost.
    fn deliver_call(&mut self, is_lost: bool) {
        let Some(call) = self.calls.pop_front() else { return };
        self.counter += 1;
        let ticket = Ticket(self.counter);
        let parts = call.parts().clone().with_key(&self.key(1));
        let read = self.read;
        let answer = self.request(parts, Some(ticket));
        let waits =
            answer.is_none() && !is_lost && (self.read > read || self.provider.next_timeout().is_some());
        match answer.filter(|_| !is_lost) {
            Some(answer) => self.pickup.handle_answer(call.ticket(), &answer, self.now),
            None if waits => drop(self.later.insert(ticket, call)),
            None => self.pickup.handle_failure(call.ticket(), self.now),
        }
    }

    fn hand_answers_back(&mut self) {
        for (ticket, answer) in std::mem::take(&mut self.answered) {
            if let Some(call) = self.later.remove(&ticket) {
                self.pickup.handle_answer(call.ticket(), &answer, self.now);
            }
        }
    }

    fn take(&mut self) {
        while let Some(event) = self.pickup.poll_event() {
            if let PickUpEvent::Arrived(arrived) = event {
                let id = arrived.id().as_str();
                assert!(self.accepted.contains(id), "{id} was never accepted");
                self.held.push(arrived);
            }
        }
    }

    fn store(&mut self, arrived: Arrived) {
        self.stored.insert(arrived.id().as_str().to_owned());
        self.pickup.acknowledge(arrived);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
    }

    fn tick(&mut self) {
        let _ = self.with(|provider, moment| provider.tick(moment));
    }

    /// A shorter log says the same.
    fn snapshot(&self) {
        let short: Vec<_> = self.provider.snapshot().iter().map(Effect::to_json).collect();
        let effects = short.iter().map(|line| Effect::from_json(line.as_bytes()).expect("an effect"));
        let restored = builder().restore(effects.collect::<Vec<_>>()).expect("one provider's log").build();
        let again: Vec<_> = restored.snapshot().iter().map(Effect::to_json).collect();
        assert_eq!(again, short);
    }

    fn socket_step(&mut self, argument: u8) {
        match (self.socket, argument % 4) {
            (None, _) => {
                self.counter += 1;
                let socket = SocketId(self.counter);
                let _ = self.with(|provider, moment| provider.socket_opened(socket, moment));
                let auth = json!({"type": "auth", "token": self.keys[1]}).to_string();
                let _ = self.with(|provider, moment| provider.socket_frame(socket, auth.as_bytes(), moment));
                self.socket = Some(socket);
            }
            (Some(socket), 0) => {
                self.socket = None;
                let _ = self.with(|provider, moment| provider.socket_closed(socket, moment));
            }
            (Some(socket), 1) => {
                let _ = self
                    .with(|provider, moment| provider.socket_frame(socket, br#"{"type":"ping"}"#, moment));
            }
            (Some(socket), _) => {
                let Some(id) = self.pushed.pop() else { return };
                self.stored.insert(id.clone());
                let ack = json!({"type": "ack", "id": id}).to_string();
                let _ = self.with(|provider, moment| provider.socket_frame(socket, ack.as_bytes(), moment));
            }
        }
    }

    /// A frame with a message is written, or cannot be.
    fn push_step(&mut self, argument: u8) {
        let Some(push) = self.pushes.pop_front() else { return };
        let body = self.bodies.get(&push.message().get());
        let performed = match body.filter(|_| argument & 1 == 0) {
            Some(body) => {
                let frame: Value =
                    serde_json::from_str(&push.frame(body).expect("the body that was stored")).expect("JSON");
                let id = frame["data"]["id"].as_str().expect("an id").to_owned();
                assert!(self.accepted.contains(&id), "{id} was never accepted");
                self.pushed.push(id);
                push.written()
            }
            None => push.failed(),
        };
        let _ = self.with(|provider, moment| provider.performed(performed, moment));
    }

    /// All works again: Bob's database gets everything that is still waiting.
    fn settles(&mut self) {
        self.crash_next = false;
        self.restart();
        self.pickup.resume();
        self.calls.clear();
        for _ in 0..2_000 {
            self.take();
            while let Some(arrived) = self.held.pop() {
                self.store(arrived);
            }
            if self.waiting.is_empty() {
                break;
            }
            match self.pickup.poll_call(self.now) {
                Some(call) => {
                    self.calls.push_back(call);
                    self.deliver_call(false);
                }
                None => {
                    let next =
                        self.pickup.next_timeout().into_iter().chain(self.provider.next_timeout()).min();
                    self.now = self.now.max(next.unwrap_or(self.now));
                    self.tick();
                }
            }
            self.hand_answers_back();
        }
        assert!(self.waiting.is_empty(), "{} messages are left", self.waiting.len());
        let lost: Vec<_> =
            self.accepted.difference(&self.stored).filter(|id| !self.expired.contains(*id)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
}
