//! What holds of a provider after any sequence of calls, frames, failures and restarts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

mod provider_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use amp_core::provider::{Call, Effect, SocketId, Ticket};
use amp_core::scan::Scanner;
use amp_core::wire::{Method, RequestParts};
use amp_core::{IdempotencyKey, Timestamp};
use proptest::prelude::*;
use provider_support::{Agent, Endpoint, Host, Network, body_of, builder, effect};
use serde_json::{Value, json};

const RELAY_MAX: usize = 6;
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// Bodies are signed once for all cases: from, to, text, key.
static BODIES: LazyLock<BTreeMap<(usize, usize, u8, u8), String>> = LazyLock::new(|| {
    let agents = agents();
    let mut bodies = BTreeMap::new();
    let start: Timestamp = provider_support::START.parse().unwrap();
    for (from, to, text, key) in itertools(&agents) {
        let (sender, recipient) = (&agents[from], &agents[to]);
        let words = if text == 3 { "purple elephant" } else { "text" };
        let mut draft = sender.draft(recipient, "Hi", &format!("{words} {text}"));
        if key > 0 {
            draft = draft.idempotency_key(IdempotencyKey::from_random([key; 16]));
        }
        if text == 2 {
            draft = draft.expires_at(start.saturating_add(core::time::Duration::from_secs(1_000)));
        }
        bodies.insert((from, to, text, key), sender.sign(draft, start).to_route_json());
    }
    bodies
});

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    let rules = "rule test.high instruction_override high: purple elephant\n";
    Scanner::builder().rules(rules).unwrap().build()
});

fn itertools(agents: &[Agent]) -> Vec<(usize, usize, u8, u8)> {
    let count = agents.len();
    let mut all = Vec::new();
    for from in 0..count {
        for to in 0..count {
            for text in 0..4 {
                all.extend((0..3).map(|key| (from, to, text, key)));
            }
        }
    }
    all
}

fn agents() -> Vec<Agent> {
    NAMES.iter().zip(0..).map(|(name, number)| Agent::new(number, name)).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Route {
        from: usize,
        to: usize,
        text: u8,
        key: u8,
        waits: bool,
    },
    Fetch {
        agent: usize,
    },
    Poll {
        agent: usize,
    },
    Ack {
        agent: usize,
        nth: usize,
    },
    Connect {
        agent: usize,
    },
    AckOverSocket {
        nth_socket: usize,
        nth: usize,
    },
    Close {
        nth: usize,
    },
    Pass {
        seconds: u64,
    },
    SetBack {
        seconds: u64,
    },
    Tick,
    Network(u8),
    Endpoint(u8),
    Review {
        nth: usize,
        approves: bool,
    },
    Suspend {
        agent: usize,
        hours: Option<u64>,
    },
    Unsuspend {
        agent: usize,
    },
    Written {
        nth: usize,
        is_written: bool,
    },
    /// The host stops after it stored what comes next, before it is committed.
    CrashNext,
    Restart,
    RestartFromSnapshot,
}

fn step() -> impl Strategy<Value = Step> {
    let agent = 0..NAMES.len();
    prop_oneof![
        8 => (agent.clone(), agent.clone(), 0..4_u8, 0..3_u8, any::<bool>())
            .prop_map(|(from, to, text, key, waits)| Step::Route { from, to, text, key, waits }),
        3 => agent.clone().prop_map(|agent| Step::Fetch { agent }),
        1 => agent.clone().prop_map(|agent| Step::Poll { agent }),
        4 => (agent.clone(), 0..RELAY_MAX).prop_map(|(agent, nth)| Step::Ack { agent, nth }),
        2 => agent.clone().prop_map(|agent| Step::Connect { agent }),
        1 => (agent.clone(), prop::option::of(1..3_u64)).prop_map(|(agent, hours)| Step::Suspend { agent, hours }),
        1 => agent.prop_map(|agent| Step::Unsuspend { agent }),
        1 => (0..4_u8).prop_map(Step::Endpoint),
        2 => (0..3_usize, any::<bool>()).prop_map(|(nth, approves)| Step::Review { nth, approves }),
        3 => (0..4_usize, 0..RELAY_MAX).prop_map(|(nth_socket, nth)| Step::AckOverSocket { nth_socket, nth }),
        1 => (0..4_usize).prop_map(|nth| Step::Close { nth }),
        2 => prop_oneof![1..400_u64, Just(4 * 24 * 3_600_u64)].prop_map(|seconds| Step::Pass { seconds }),
        1 => prop_oneof![1..400_u64, Just(315_576_000_u64)].prop_map(|seconds| Step::SetBack { seconds }),
        2 => Just(Step::Tick),
        2 => (0..3_u8).prop_map(Step::Network),
        2 => (0..8_usize, any::<bool>()).prop_map(|(nth, is_written)| Step::Written { nth, is_written }),
        1 => Just(Step::CrashNext),
        1 => Just(Step::Restart),
        1 => Just(Step::RestartFromSnapshot),
    ]
}

/// A message as the log has it.
#[derive(Debug)]
struct Waiting {
    id: String,
    agent: u64,
    expires_at: Timestamp,
}

/// What the host's log says, line by line, and nothing else.
#[derive(Default)]
struct Model {
    read: usize,
    waiting: BTreeMap<u64, Waiting>,
    /// What waits for a person: numbers of messages by the ids of their reviews.
    held: BTreeMap<String, u64>,
    /// Where every accepted message ended, by its number.
    ended: BTreeMap<u64, String>,
    accepted: BTreeSet<String>,
}

impl Model {
    /// Reads the new lines. `may_ack` is the agent whose acknowledgement was asked for.
    fn follow(&mut self, host: &Host, may_ack: Option<u64>) {
        for line in &host.log[self.read..] {
            let line: Value = serde_json::from_str(line).unwrap();
            match line["effect"].as_str().unwrap() {
                "queued" => self.queued(&line["message"]),
                "left" => self.left(&line, host.now, may_ack),
                "held" => {
                    let held = &line["held"];
                    let number = held["message"]["number"].as_u64().unwrap();
                    assert!(!self.waiting.contains_key(&number) && !self.ended.contains_key(&number));
                    let id = held["entry"]["quarantine_id"].as_str().unwrap().to_owned();
                    assert!(self.held.insert(id, number).is_none());
                }
                "reviewed" => {
                    let id = line["entry"]["quarantine_id"].as_str().unwrap();
                    let number = self.held.remove(id).expect("it was held, and is decided once");
                    if line["entry"]["status"] != "approved" {
                        assert!(!self.waiting.contains_key(&number));
                        self.ended.insert(number, "held".into());
                    }
                }
                _ => {}
            }
        }
        self.read = host.log.len();
    }

    fn queued(&mut self, message: &Value) {
        let (number, id) = (message["number"].as_u64().unwrap(), message["id"].as_str().unwrap().to_owned());
        assert!(self.accepted.insert(id.clone()), "an id is given once");
        let waiting = Waiting {
            id,
            agent: message["agent"].as_u64().unwrap(),
            expires_at: message["expires_at"].as_str().unwrap().parse().unwrap(),
        };
        assert!(!self.ended.contains_key(&number));
        assert!(self.waiting.insert(number, waiting).is_none());
    }

    fn left(&mut self, line: &Value, now: Timestamp, may_ack: Option<u64>) {
        let number = line["message"].as_u64().unwrap();
        let how = line["how"].as_str().unwrap().to_owned();
        let message = self.waiting.remove(&number).expect("it was waiting, and leaves once");
        match how.as_str() {
            "expired" => assert!(message.expires_at <= now),
            "acknowledged" => assert_eq!(
                may_ack,
                Some(message.agent),
                "only its recipient acknowledges, and only when asked to"
            ),
            _ => panic!("{how}"),
        }
        self.ended.insert(number, how);
    }

    fn of(&self, agent: u64, now: Timestamp) -> Vec<String> {
        let own = self.waiting.values().filter(|message| message.agent == agent && now < message.expires_at);
        own.map(|message| message.id.clone()).collect()
    }
}

struct Run {
    host: Host,
    agents: Vec<Agent>,
    model: Model,
    sockets: Vec<(SocketId, usize)>,
    open_tickets: BTreeSet<Ticket>,
}

impl Run {
    fn new() -> Self {
        let agents = agents();
        let host = Host::new(
            || {
                let builder = builder().relay_limit(RELAY_MAX).scan(SCANNER.clone());
                builder.rate_limits(provider_support::no_limits())
            },
            &agents.iter().collect::<Vec<_>>(),
        );
        let mut run = Self {
            host,
            agents,
            model: Model::default(),
            sockets: Vec::new(),
            open_tickets: BTreeSet::new(),
        };
        // One of them has a webhook as well.
        let mut record = run.agents[2].registered();
        record["agent"]["delivery"]["webhook_url"] = json!("https://hooks.example.com/carol");
        record["agent"]["delivery"]["webhook_secret"] = json!("whsec_0123456789abcdef");
        run.host.log.push(effect(&record).to_json());
        run.host.restart();
        run
    }

    fn forget_connections(&mut self) {
        self.sockets.clear();
        self.open_tickets.clear();
    }

    fn step(&mut self, step: &Step) {
        let mut may_ack = None;
        match *step {
            Step::Route { from, to, text, key, waits } => {
                let body = &BODIES[&(from, to, text, key)];
                self.route(from, body, waits);
            }
            Step::Fetch { agent } => {
                let expected = self.model.of(self.agents[agent].number, self.host.now);
                let page = self.ask(agent, RequestParts::new(Method::Get, "/messages/pending"));
                if let Some(page) = page.filter(|page| page["error"] != "agent_suspended") {
                    let messages = page["messages"].as_array().unwrap().iter();
                    let ids: Vec<_> = messages.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
                    assert_eq!(ids, expected, "a page has what waits, oldest first");
                }
            }
            Step::Poll { agent } => {
                let mut parts = RequestParts::new(Method::Get, "/messages/pending");
                parts.query = vec![("wait".into(), "20".into())];
                let (ticket, answer) = self.host.ask_waiting(&self.agents[agent], parts);
                if answer.is_none() && !self.host.crashed {
                    self.open_tickets.insert(ticket);
                }
            }
            Step::Ack { agent, nth } => {
                let waiting = self.model.of(self.agents[agent].number, self.host.now);
                let Some(id) = waiting.get(nth).or(self.model.accepted.first()) else { return };
                may_ack = Some(self.agents[agent].number);
                self.ask(agent, RequestParts::new(Method::Delete, &format!("/messages/pending/{id}")));
            }
            Step::Connect { agent } => {
                let socket = self.host.connect(&self.agents[agent]);
                self.sockets.push((socket, agent));
            }
            Step::AckOverSocket { nth_socket, nth } => {
                let Some((socket, agent)) = self.sockets.get(nth_socket).copied() else { return };
                let waiting = self.model.of(self.agents[agent].number, self.host.now);
                let Some(id) = waiting.get(nth) else { return };
                may_ack = Some(self.agents[agent].number);
                self.host.frame(socket, &json!({"type": "ack", "id": id}));
            }
            Step::Close { nth } if nth < self.sockets.len() => {
                let (socket, _) = self.sockets.remove(nth);
                self.host.close(socket);
            }
            Step::Close { .. } => {}
            Step::Pass { seconds } => self.host.pass(seconds),
            Step::SetBack { seconds } => {
                self.host.now = self.host.now.saturating_sub(core::time::Duration::from_secs(seconds));
            }
            Step::Tick => self.host.tick(),
            Step::Network(state) => {
                self.host.network = [Network::Works, Network::Fails, Network::Hangs][usize::from(state)];
            }
            Step::Endpoint(state) => {
                let states =
                    [Endpoint::Answers(200), Endpoint::Answers(503), Endpoint::Fails, Endpoint::Hangs];
                self.host.endpoint = states[usize::from(state)];
            }
            Step::Suspend { agent, hours } => {
                let body = json!({"reason": "a test", "duration_hours": hours}).to_string();
                self.administer(&format!("/agents/agt_{agent}/suspend"), &body);
            }
            Step::Review { nth, approves } => {
                let Some(id) = self.model.held.keys().nth(nth) else { return };
                let what = if approves { "approve" } else { "reject" };
                self.administer(&format!("/quarantine/{id}/{what}"), "{}");
            }
            Step::Unsuspend { agent } => self.administer(&format!("/agents/agt_{agent}/unsuspend"), "{}"),
            Step::Written { nth, is_written } if nth < self.host.held.len() => {
                let push = self.host.held.remove(nth);
                self.host.performed(if is_written { push.written() } else { push.failed() });
            }
            Step::Written { .. } => {}
            Step::CrashNext => self.host.crash_next = true,
            Step::Restart => self.host.restart(),
            Step::RestartFromSnapshot => {
                let before = self.host.snapshot();
                self.host.restart_from_snapshot();
                assert_eq!(self.host.snapshot(), before, "a snapshot says all that a snapshot says");
            }
        }
        if core::mem::take(&mut self.host.crashed)
            || matches!(step, Step::Restart | Step::RestartFromSnapshot)
        {
            self.forget_connections();
        }
        let answered: Vec<Ticket> = self.host.answers.keys().copied().collect();
        for ticket in answered {
            self.host.answers.remove(&ticket);
            assert!(self.open_tickets.remove(&ticket), "only requests that wait are answered");
        }
        self.model.follow(&self.host, may_ack);
    }

    fn ask(&mut self, agent: usize, parts: RequestParts) -> Option<Value> {
        let answer = self.host.try_ask(&self.agents[agent], parts)?;
        Some(body_of(&answer))
    }

    fn administer(&mut self, path: &str, body: &str) {
        let mut parts = RequestParts::new(Method::Post, path);
        parts.body = body.as_bytes().to_vec();
        let reply = self.host.call_with(&Call::new(parts).by_admin("root"));
        let answer = reply.and_then(|reply| self.host.finish(reply));
        assert!(answer.is_none_or(|answer| answer.status < 500));
    }

    fn route(&mut self, from: usize, body: &str, waits: bool) {
        let parts = Host::route_body(body);
        let answer = if waits {
            let (ticket, answer) = self.host.ask_waiting(&self.agents[from], parts);
            if answer.is_none() && !self.host.crashed {
                self.open_tickets.insert(ticket);
            }
            answer
        } else {
            self.host.try_ask(&self.agents[from], parts)
        };
        let Some(answer) = answer else { return };
        let answer = body_of(&answer);
        let in_log = |id: &Value| self.host.log.iter().any(|line| line.contains(id.as_str().unwrap()));
        match answer["status"].as_str() {
            Some("queued") => assert!(in_log(&answer["id"]), "what is called queued is stored"),
            Some("delivered") => {
                assert!(in_log(&answer["id"]));
                let basis = answer["basis"].as_str();
                assert!(matches!(basis, Some("socket_written" | "webhook_2xx") | None));
            }
            Some("failed") => assert!(!in_log(&answer["id"])),
            Some("quarantined") => assert!(in_log(&answer["id"])),
            _ => assert!(answer["error"].is_string(), "{answer}"),
        }
    }

    /// What holds after every step.
    fn check(&self) {
        let stored: BTreeSet<u64> = self.host.bodies.keys().map(|number| number.get()).collect();
        let model = &self.model;
        let waiting: BTreeSet<u64> = model.waiting.keys().chain(model.held.values()).copied().collect();
        assert_eq!(stored, waiting, "the host keeps the bodies of exactly what waits");
        for agent in &self.agents {
            let queue = self.model.waiting.values().filter(|message| message.agent == agent.number).count();
            assert!(queue <= RELAY_MAX);
        }
        let effects = self.host.log.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap());
        let restored = builder().restore(effects).unwrap().build();
        let restored: Vec<String> = restored.snapshot().iter().map(Effect::to_json).collect();
        assert_eq!(restored, self.host.snapshot(), "restored equals live");
    }

    /// An effect that is given twice in a row changes nothing the second time, of a log and of a snapshot.
    fn check_doubled(&self) {
        for lines in [&self.host.log, &self.host.snapshot()] {
            let once = lines.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap());
            let twice = once.clone().flat_map(|effect| [effect.clone(), effect]);
            let [once, twice] =
                [builder().restore(once).unwrap().build(), builder().restore(twice).unwrap().build()];
            assert_eq!(once.snapshot(), twice.snapshot());
        }
    }

    /// After the network works again and time passed, nobody waits any longer.
    fn settle(&mut self) {
        self.host.network = Network::Works;
        for _ in 0..8 {
            self.step(&Step::Pass { seconds: 10 });
            self.step(&Step::Tick);
        }
        assert!(
            self.open_tickets.is_empty(),
            "every request that waits is answered in time: {:?}",
            self.open_tickets
        );
    }
}

#[test]
fn a_key_that_is_used_again_after_its_time_survives_a_snapshot_with_the_held_message_that_had_it() {
    let route = |text| Step::Route { from: 2, to: 0, text, key: 1, waits: false };
    let pass = || Step::Pass { seconds: 4 * 24 * 3_600 };
    let mut run = Run::new();
    for step in [route(3), pass(), pass(), route(0), Step::RestartFromSnapshot] {
        run.step(&step);
        run.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // rule: RELAY-10
    #[test]
    fn every_accepted_message_is_in_one_place_whatever_happens(steps in prop::collection::vec(step(), 1..60)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
            run.check();
        }
        run.settle();
        run.check();
        run.check_doubled();
    }

    #[test]
    fn any_bytes_over_a_socket_leave_the_queue_as_it_is(frames in prop::collection::vec(any::<Vec<u8>>(), 1..20), bound in any::<bool>()) {
        let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
        let mut host = Host::new(builder, &[&alice, &bob]);
        host.send(&alice, &bob, "one");
        let socket = if bound { host.connect(&bob) } else { host.open() };
        let before = host.snapshot();
        for frame in &frames {
            host.raw_frame(socket, frame);
        }
        prop_assert_eq!(host.snapshot(), before);
    }
}
