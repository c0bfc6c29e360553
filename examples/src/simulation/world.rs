//! One run: events in their order, a network that loses and delays, and the mishaps of the plan.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use amp_core::wire::{AnswerParts, RequestParts};

use super::client::{Client, SocketInput};
use super::engine::Engine;
use super::ledger::{Counts, Ledger};
use super::plan::{Host, Peer, Plan};
use super::pool::{AGENTS, MESSAGES, POOL};
use super::random::Random;
use super::scene::{Asker, Crash, Deed, Ms, Scene, Wish};
use super::scripted::Scripted;

/// How long everything may take to come to rest after the storm.
const CALM_MS: Ms = 8 * 3_600_000;
/// How long duplicates may still come when all is settled.
const ECHO_MS: Ms = 120_000;
const EVENTS_MAX: u64 = 2_000_000;
const YEARS_10_MS: i64 = 315_360_000_000;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What happened.
    pub counts: Counts,
    /// The first promise that was broken, if any was.
    pub failure: Option<String>,
}

/// Runs what a seed says.
#[must_use]
pub fn run(seed: u64, host: Host) -> Run {
    if !POOL.is_whole() {
        return Run { counts: Counts::default(), failure: Some("the messages cannot be signed".to_owned()) };
    }
    World::new(seed, host).run()
}

/// Something that happens.
#[derive(Debug)]
enum Event {
    ClientWakes { client: usize, wake: u64 },
    ClientBegins { client: usize },
    ClientSends { client: usize, message: usize },
    Answer { asker: Asker, answer: Option<AnswerParts> },
    ToClient { socket: u64, input: SocketInput },
    ServerWakes { wake: u64 },
    ServerBegins,
    Request { asker: Asker, parts: RequestParts },
    ToServer { socket: u64, input: ServerInput },
    Mishap(Mishap),
}

#[derive(Debug)]
enum ServerInput {
    Opened,
    Frame(String),
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Mishap {
    Partition { client: usize, until: Ms },
    Disconnect,
    ClientCrash { client: usize },
    ServerCrash,
    ClockJump { who: usize, offset_ms: i64 },
    StormEnds,
}

#[derive(Debug)]
enum Server {
    Engine(Box<Engine>),
    Scripted(Box<Scripted>),
}

/// A socket's way through the network.
#[derive(Clone, Copy, Debug)]
struct Wire {
    client: usize,
    life: u64,
    /// Nothing comes through any more, and perhaps nobody knows.
    is_broken: bool,
    /// The client was told of its end: what comes later does not reach it.
    is_over: bool,
    up_at: Ms,
    down_at: Ms,
}

struct World {
    now: Ms,
    plan: Plan,
    random: Random,
    ledger: Ledger,
    clients: Vec<Client>,
    wakes: Vec<u64>,
    cut_off_until: Vec<Ms>,
    server: Server,
    server_wake: u64,
    wires: BTreeMap<u64, Wire>,
    queue: BinaryHeap<Reverse<(Ms, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    next_number: u64,
    /// What whoever acts wants.
    wishes: Vec<Wish>,
    deeds: Vec<Deed>,
    is_stormy: bool,
    settled_since: Option<Ms>,
}

impl World {
    fn new(seed: u64, host: Host) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random, host);
        let server = match plan.peer {
            Peer::Engine => Server::Engine(Box::new(Engine::new())),
            _ => Server::Scripted(Box::new(Scripted::new(&plan))),
        };
        let is_exact = plan.peer == Peer::Engine && plan.clock_jumps == 0;
        Self {
            now: 0,
            plan,
            random,
            ledger: Ledger::new(is_exact),
            clients: (0..AGENTS).map(Client::new).collect(),
            wakes: vec![0; AGENTS],
            cut_off_until: vec![0; AGENTS],
            server,
            server_wake: 0,
            wires: BTreeMap::new(),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            next_number: 0,
            wishes: Vec::new(),
            deeds: Vec::new(),
            is_stormy: true,
            settled_since: None,
        }
    }

    fn run(mut self) -> Run {
        self.prepare();
        while let Some(Reverse((at, number))) = self.queue.pop() {
            let Some(event) = self.events.remove(&number) else { continue };
            self.now = at;
            self.ledger.counts.events += 1;
            self.happens(event);
            if self.ledger.failure().is_some() || self.is_over() {
                break;
            }
        }
        if self.ledger.failure().is_none() {
            self.ledger.close();
        }
        let failure = self.ledger.failure().map(|what| format!("{what}; the provider: {:?}", self.plan.peer));
        Run { counts: self.ledger.counts, failure }
    }

    fn is_over(&mut self) -> bool {
        if self.ledger.counts.events > EVENTS_MAX {
            self.ledger.fail("the run does not come to rest".to_owned());
        }
        if self.is_stormy {
            return false;
        }
        if !self.ledger.is_settled() {
            self.settled_since = None;
            return self.now > self.plan.storm_ms + CALM_MS;
        }
        let since = *self.settled_since.get_or_insert(self.now);
        self.now > since + ECHO_MS
    }

    /// What is known from the beginning: who begins when, who sends what, what goes wrong.
    fn prepare(&mut self) {
        self.at(0, Event::ServerBegins);
        for client in 0..AGENTS {
            let begins = self.random.below(5_000);
            self.at(begins, Event::ClientBegins { client });
        }
        let mut chosen: Vec<usize> = (0..MESSAGES).collect();
        for at in 0..self.plan.messages.min(MESSAGES) {
            let other = at + self.random.index(MESSAGES - at);
            chosen.swap(at, other);
            let (message, when) = (chosen[at], 5_000 + self.random.below(self.plan.storm_ms));
            let client = super::pool::pair_of(message).0;
            self.at(when, Event::ClientSends { client, message });
        }
        let storm = self.plan.storm_ms;
        for _ in 0..self.plan.partitions {
            let from = self.random.below(storm);
            let until = from + self.random.below(400_000);
            let client = self.random.index(AGENTS);
            self.at(from, Event::Mishap(Mishap::Partition { client, until: until.min(storm) }));
        }
        for _ in 0..self.plan.disconnects {
            let when = self.random.below(storm);
            self.at(when, Event::Mishap(Mishap::Disconnect));
        }
        for _ in 0..self.plan.client_crashes {
            let (when, client) = (self.random.below(storm), self.random.index(AGENTS));
            self.at(when, Event::Mishap(Mishap::ClientCrash { client }));
        }
        for _ in 0..self.plan.provider_crashes {
            let when = self.random.below(storm);
            self.at(when, Event::Mishap(Mishap::ServerCrash));
        }
        for _ in 0..self.plan.clock_jumps {
            self.plan_jump(storm);
        }
        self.at(storm, Event::Mishap(Mishap::StormEnds));
    }

    fn plan_jump(&mut self, storm: Ms) {
        let who = self.random.index(AGENTS + 1);
        let sizes = [30_000, 600_000, 7_200_000, 8 * 86_400_000, YEARS_10_MS];
        let size = sizes[self.random.index(sizes.len())];
        let offset_ms = if self.random.chance(5_000) { size } else { -size };
        let from = self.random.below(storm);
        let until = from + self.random.below(storm - from);
        self.at(from, Event::Mishap(Mishap::ClockJump { who, offset_ms }));
        self.at(until, Event::Mishap(Mishap::ClockJump { who, offset_ms: 0 }));
    }

    fn at(&mut self, when: Ms, event: Event) {
        self.next_event += 1;
        self.events.insert(self.next_event, event);
        self.queue.push(Reverse((when.max(self.now), self.next_event)));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::ClientWakes { client, wake } if self.wakes[client] == wake => {
                self.client(client, |_, _| {});
            }
            Event::ClientWakes { .. } => {}
            Event::ClientBegins { client } => {
                if !self.clients[client].is_running() {
                    self.client(client, |client, scene| client.start(scene));
                }
            }
            Event::ClientSends { client, message } => {
                self.client(client, |client, scene| client.send(message, scene));
            }
            Event::Answer { asker, answer } => {
                if self.clients[asker.client].life == asker.life {
                    self.client(asker.client, |client, scene| {
                        client.answer(asker.call, answer.as_ref(), scene)
                    });
                }
            }
            Event::ToClient { socket, input } => {
                let Some(wire) = self.wires.get_mut(&socket).filter(|wire| !wire.is_over) else { return };
                wire.is_over = matches!(input, SocketInput::Closed(_) | SocketInput::NotUpgraded(_));
                let wire = *wire;
                if self.clients[wire.client].life == wire.life {
                    self.client(wire.client, |client, scene| client.socket(socket, input, scene));
                }
            }
            Event::ServerWakes { wake } => {
                if self.server_wake == wake {
                    self.server(|_, _| Ok(()));
                }
            }
            Event::ServerBegins => {
                if let Server::Engine(engine) = &self.server
                    && engine.is_running()
                {
                    return;
                }
                self.server(|server, scene| {
                    if let Server::Engine(engine) = server {
                        engine.start(scene);
                    }
                    Ok(())
                });
            }
            Event::Request { asker, parts } => self.request(asker, parts),
            Event::ToServer { socket, input } => self.reach_server(socket, input),
            Event::Mishap(mishap) => self.mishap(mishap),
        }
    }

    fn mishap(&mut self, mishap: Mishap) {
        match mishap {
            Mishap::Partition { client, until } => {
                self.ledger.counts.partitions += 1;
                self.cut_off_until[client] = self.cut_off_until[client].max(until);
                let cut = self.wires.iter().filter(|(_, wire)| wire.client == client);
                let cut: Vec<u64> = cut.map(|(socket, _)| *socket).collect();
                for socket in cut {
                    self.break_wire(socket, false);
                }
            }
            Mishap::Disconnect => {
                let whole: Vec<u64> = self
                    .wires
                    .iter()
                    .filter(|(_, wire)| !wire.is_broken)
                    .map(|(socket, _)| *socket)
                    .collect();
                if !whole.is_empty() {
                    let socket = whole[self.random.index(whole.len())];
                    self.break_wire(socket, true);
                }
            }
            Mishap::ClientCrash { client } => {
                if self.clients[client].is_running() {
                    self.crash_client(client);
                }
            }
            Mishap::ServerCrash => self.crash_server(),
            Mishap::ClockJump { who, offset_ms } => self.jump(who, offset_ms),
            Mishap::StormEnds => {
                self.is_stormy = false;
                for client in 0..AGENTS {
                    self.at(self.now, Event::ClientBegins { client });
                }
                self.at(self.now, Event::ServerBegins);
            }
        }
    }

    fn jump(&mut self, who: usize, offset_ms: i64) {
        self.ledger.counts.clock_jumps += u64::from(offset_ms != 0);
        if who < AGENTS {
            self.clients[who].clock.offset_ms = offset_ms;
            self.client(who, |client, scene| client.set_right(scene));
        } else {
            match &mut self.server {
                Server::Engine(engine) => engine.clock.offset_ms = offset_ms,
                Server::Scripted(scripted) => scripted.clock.offset_ms = offset_ms,
            }
            self.server(|_, _| Ok(()));
        }
    }

    /// Who acts, and the rest of the world for them.
    fn stage(&mut self) -> (Scene<'_>, &mut [Client], &mut Server) {
        let Self { plan, random, ledger, clients, server, wishes, deeds, next_number, .. } = self;
        wishes.clear();
        deeds.clear();
        let (now, is_stormy) = (self.now, self.is_stormy);
        (Scene { now, is_stormy, plan, random, ledger, wishes, deeds, next_number }, clients, server)
    }

    /// Lets a client do something, then all that follows from it.
    fn client(&mut self, index: usize, act: impl FnOnce(&mut Client, &mut Scene<'_>)) {
        let (mut scene, clients, _) = self.stage();
        let client = &mut clients[index];
        act(client, &mut scene);
        let driven = client.drive(&mut scene);
        for wish in core::mem::take(&mut self.wishes) {
            self.wish(index, wish);
        }
        match driven {
            Ok(Some(due)) => {
                self.wakes[index] += 1;
                self.at(due, Event::ClientWakes { client: index, wake: self.wakes[index] });
            }
            Ok(None) => {}
            Err(Crash) => self.crash_client(index),
        }
    }

    /// Lets the provider do something, then all that follows from it.
    fn server(&mut self, act: impl FnOnce(&mut Server, &mut Scene<'_>) -> Result<(), Crash>) {
        let (mut scene, _, server) = self.stage();
        let driven = act(server, &mut scene).and_then(|()| match server {
            Server::Engine(engine) => engine.drive(&mut scene),
            Server::Scripted(scripted) => Ok(Some(scripted.drive(&mut scene).max(scene.now + 1))),
        });
        for deed in core::mem::take(&mut self.deeds) {
            self.deed(deed);
        }
        match driven {
            Ok(Some(due)) => {
                self.server_wake += 1;
                self.at(due, Event::ServerWakes { wake: self.server_wake });
            }
            Ok(None) => {}
            Err(Crash) => self.crash_server(),
        }
    }

    fn crash_client(&mut self, index: usize) {
        self.client_ends(index);
        let back = self.now + self.random.between(100, 60_000);
        self.at(back, Event::ClientBegins { client: index });
    }

    fn client_ends(&mut self, index: usize) {
        let (mut scene, clients, _) = self.stage();
        clients[index].crash(&mut scene);
        let own: Vec<u64> =
            self.wires.iter().filter(|(_, wire)| wire.client == index).map(|(socket, _)| *socket).collect();
        for socket in own {
            self.break_wire(socket, true);
        }
    }

    fn crash_server(&mut self) {
        let (mut scene, _, server) = self.stage();
        let Server::Engine(engine) = server else { return };
        if !engine.is_running() {
            return;
        }
        engine.crash(&mut scene);
        let all: Vec<u64> = self.wires.keys().copied().collect();
        for socket in all {
            self.break_wire(socket, true);
        }
        let back = self.now + self.random.between(100, 30_000);
        self.at(back, Event::ServerBegins);
    }

    /// A socket breaks. Who notices, and when, is left to chance; without `told`, nobody does.
    fn break_wire(&mut self, socket: u64, told: bool) {
        let Some(wire) = self.wires.get_mut(&socket).filter(|wire| !wire.is_broken) else { return };
        wire.is_broken = true;
        self.ledger.counts.disconnects += 1;
        if told && self.random.chance(7_000) {
            let when = self.now + self.random.below(2_000);
            self.at(when, Event::ToClient { socket, input: SocketInput::Closed(None) });
        }
        if told && self.random.chance(7_000) {
            let when = self.now + self.random.below(2_000);
            self.at(when, Event::ToServer { socket, input: ServerInput::Closed });
        }
    }

    fn delay(&mut self) -> Ms {
        let (least, most) = self.plan.delay_ms;
        self.random.between(least, most)
    }

    fn is_lost(&mut self, client: usize) -> bool {
        let is_lost = self.now < self.cut_off_until[client]
            || (self.is_stormy && self.plan.loss > 0 && self.random.chance(self.plan.loss));
        self.ledger.counts.dropped += u64::from(is_lost);
        is_lost
    }

    fn wish(&mut self, client: usize, wish: Wish) {
        match wish {
            Wish::Connect { socket } => self.connect(client, socket),
            Wish::Frame { socket, text } => self.up(socket, ServerInput::Frame(text)),
            Wish::Close { socket } => self.up(socket, ServerInput::Closed),
            Wish::Request { call, parts } => {
                let asker = Asker { client, life: self.clients[client].life, call };
                let Ok(key) = POOL.agents[client].api_key.parse() else { return };
                let parts = parts.with_key(&key);
                if self.is_lost(client) {
                    return self.no_answer(asker);
                }
                if self.is_stormy && self.random.chance(self.plan.duplication) {
                    self.ledger.counts.duplicated += 1;
                    let when = self.now + self.delay() + self.random.below(5_000);
                    self.at(when, Event::Request { asker, parts: parts.clone() });
                }
                let when = self.now + self.delay();
                self.at(when, Event::Request { asker, parts });
            }
        }
    }

    /// A connection that broke is noticed, or the client waits until it has waited long enough.
    fn no_answer(&mut self, asker: Asker) {
        if self.random.chance(6_000) {
            let when = self.now + self.random.between(10, 3_000);
            self.at(when, Event::Answer { asker, answer: None });
        }
    }

    fn connect(&mut self, client: usize, socket: u64) {
        let life = self.clients[client].life;
        let wire = Wire { client, life, is_broken: false, is_over: false, up_at: 0, down_at: 0 };
        self.wires.insert(socket, wire);
        if self.is_lost(client) || !self.server_runs() {
            return self.break_wire(socket, true);
        }
        self.ledger.counts.connections += 1;
        self.up(socket, ServerInput::Opened);
    }

    fn server_runs(&self) -> bool {
        match &self.server {
            Server::Engine(engine) => engine.is_running(),
            Server::Scripted(_) => true,
        }
    }

    /// What goes up a socket arrives in its order, or the socket breaks.
    fn up(&mut self, socket: u64, input: ServerInput) {
        let Some(wire) = self.wires.get(&socket).copied().filter(|wire| !wire.is_broken) else { return };
        if self.is_wire_lost(wire) {
            return self.break_wire(socket, true);
        }
        let when = (self.now + self.delay()).max(wire.up_at);
        if let Some(wire) = self.wires.get_mut(&socket) {
            wire.up_at = when;
        }
        self.at(when, Event::ToServer { socket, input });
    }

    fn down(&mut self, socket: u64, input: SocketInput) {
        let Some(wire) = self.wires.get(&socket).copied().filter(|wire| !wire.is_broken) else { return };
        if self.is_wire_lost(wire) {
            return self.break_wire(socket, true);
        }
        let when = (self.now + self.delay()).max(wire.down_at);
        if let Some(wire) = self.wires.get_mut(&socket) {
            wire.down_at = when;
        }
        self.at(when, Event::ToClient { socket, input });
    }

    /// TCP repeats what is lost; one in fifty losses breaks the socket.
    fn is_wire_lost(&mut self, wire: Wire) -> bool {
        self.now < self.cut_off_until[wire.client]
            || (self.is_stormy && self.plan.loss > 0 && self.random.chance(self.plan.loss.div_ceil(50)))
    }

    fn request(&mut self, asker: Asker, parts: RequestParts) {
        if !self.server_runs() {
            return self.no_answer(asker);
        }
        self.server(|server, scene| match server {
            Server::Engine(engine) => engine.request(asker, parts, scene),
            Server::Scripted(scripted) => {
                scripted.request(asker, &parts, scene);
                Ok(())
            }
        });
    }

    fn reach_server(&mut self, socket: u64, input: ServerInput) {
        let Some(wire) = self.wires.get(&socket).copied() else { return };
        if !self.server_runs() || (wire.is_broken && !matches!(input, ServerInput::Closed)) {
            return;
        }
        if matches!(input, ServerInput::Opened) {
            self.down(socket, SocketInput::Opened);
        }
        self.server(|server, scene| match (server, input) {
            (Server::Engine(engine), ServerInput::Opened) => engine.socket_opened(socket, scene),
            (Server::Engine(engine), ServerInput::Frame(text)) => engine.frame(socket, &text, scene),
            (Server::Engine(engine), ServerInput::Closed) => engine.socket_closed(socket, scene),
            (Server::Scripted(scripted), input) => {
                match input {
                    ServerInput::Opened => scripted.socket_opened(socket, wire.client, scene),
                    ServerInput::Frame(text) => scripted.frame(socket, &text, scene),
                    ServerInput::Closed => scripted.socket_closed(socket),
                }
                Ok(())
            }
        });
    }

    fn deed(&mut self, deed: Deed) {
        match deed {
            Deed::Answer { asker, parts } => {
                if self.is_lost(asker.client) {
                    return self.no_answer(asker);
                }
                let when = self.now + self.delay();
                self.at(when, Event::Answer { asker, answer: Some(parts) });
            }
            Deed::Frame { socket, text } => self.down(socket, SocketInput::Frame(text)),
            Deed::Binary { socket } => self.down(socket, SocketInput::Binary),
            Deed::Control { socket } => self.down(socket, SocketInput::Control),
            Deed::Close { socket, code } => {
                self.down(socket, SocketInput::Closed(Some(code)));
                if let Some(wire) = self.wires.get_mut(&socket) {
                    wire.is_broken = true;
                }
            }
            Deed::NotUpgraded { socket, status } => {
                self.down(socket, SocketInput::NotUpgraded(status));
                if let Some(wire) = self.wires.get_mut(&socket) {
                    wire.is_broken = true;
                }
            }
        }
    }
}
