//! The engine of this library with a host around it: a store for effects and bodies, sockets, requests that wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use amp_core::provider::{
    Action, Call, Decision, Departure, Effect, Moment, Outcome, Performed, Provider, Reply, SocketId, Ticket,
};
use amp_core::wire::{AnswerParts, ApiError, ApiErrorCode, RequestParts};
use amp_core::{Sha256Digest, Timestamp};

use super::ledger::claimed;
use super::pool::{Agent, POOL};
use super::scene::{Asker, Crash, Deed, Ms, Scene, WallClock};

/// A provider's program, and what survives its end.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) clock: WallClock,
    disk: Disk,
    process: Option<Process>,
}

/// What one transaction after the other has made durable.
#[derive(Debug, Default)]
struct Disk {
    effects: Vec<Effect>,
    bodies: BTreeMap<u64, Vec<u8>>,
}

#[derive(Debug)]
struct Process {
    provider: Provider,
    sockets: BTreeSet<u64>,
    waiting: BTreeMap<u64, Asker>,
    /// Which message each number is, and until when it waits.
    numbers: BTreeMap<u64, (usize, Timestamp)>,
}

/// What comes in.
enum Input<'i> {
    Request(Call),
    Opened(u64),
    Frame(u64, &'i [u8]),
    Closed(u64),
    Performed(Performed),
    Time,
}

impl Engine {
    pub(super) fn new() -> Self {
        let disk = Disk { effects: registered(), bodies: BTreeMap::new() };
        Self { clock: WallClock::default(), disk, process: None }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// The process begins, with what was stored.
    pub(super) fn start(&mut self, scene: &mut Scene<'_>) {
        // What was stored as text reads back.
        if scene.random.chance(2_000) {
            let lines = self.disk.effects.iter().map(Effect::to_json);
            let effects: Result<Vec<Effect>, _> =
                lines.map(|line| Effect::from_json(line.as_bytes())).collect();
            match effects {
                Ok(effects) if effects == self.disk.effects => self.disk.effects = effects,
                _ => scene.ledger.fail("the provider's effects do not read back".to_owned()),
            }
        }
        let (Ok(domain), Ok(api)) = ("crabmail.ai".parse(), "https://api.crabmail.ai/v1".parse()) else {
            return;
        };
        let builder = Provider::builder(domain, api).relay_limit(scene.plan.relay_limit);
        let provider = match builder.restore(self.disk.effects.iter().cloned()) {
            Ok(builder) => builder.build(),
            Err(error) => return scene.ledger.fail(error.to_string()),
        };
        // A shorter log that says the same.
        if scene.random.chance(3_000) {
            self.disk.effects = provider.snapshot();
        }
        let numbers = self.disk.bodies.iter().filter_map(|(number, body)| {
            let expires_at = self.disk.effects.iter().find_map(|effect| match effect {
                Effect::Queued { message } if message.number().get() == *number => Some(message.expires_at()),
                _ => None,
            })?;
            Some((*number, (claimed(body)?, expires_at)))
        });
        let numbers = numbers.collect();
        let (sockets, waiting) = (BTreeSet::new(), BTreeMap::new());
        self.process = Some(Process { provider, sockets, waiting, numbers });
    }

    /// The process ends at once.
    pub(super) fn crash(&mut self, scene: &mut Scene<'_>) {
        self.process = None;
        scene.ledger.counts.provider_crashes += 1;
    }

    pub(super) fn request(
        &mut self,
        asker: Asker,
        parts: RequestParts,
        scene: &mut Scene<'_>,
    ) -> Result<(), Crash> {
        let ticket = scene.number();
        if let Some(process) = &mut self.process {
            process.waiting.insert(ticket, asker);
        }
        let call = Call::new(parts).with_ticket(Ticket(ticket));
        let reply = self.decide(Input::Request(call), scene)?;
        match reply {
            None | Some(Reply::Later) => {}
            Some(reply) => self.reply(ticket, reply, scene),
        }
        Ok(())
    }

    pub(super) fn socket_opened(&mut self, socket: u64, scene: &mut Scene<'_>) -> Result<(), Crash> {
        if let Some(process) = &mut self.process {
            process.sockets.insert(socket);
        }
        self.decide(Input::Opened(socket), scene).map(|_| ())
    }

    pub(super) fn frame(&mut self, socket: u64, text: &str, scene: &mut Scene<'_>) -> Result<(), Crash> {
        self.decide(Input::Frame(socket, text.as_bytes()), scene).map(|_| ())
    }

    pub(super) fn socket_closed(&mut self, socket: u64, scene: &mut Scene<'_>) -> Result<(), Crash> {
        if let Some(process) = &mut self.process {
            process.sockets.remove(&socket);
        }
        self.decide(Input::Closed(socket), scene).map(|_| ())
    }

    /// Does what is due, and says when to come back.
    pub(super) fn drive(&mut self, scene: &mut Scene<'_>) -> Result<Option<Ms>, Crash> {
        for _ in 0..8 {
            let now = self.clock.read(scene.now);
            let Some(process) = &self.process else { return Ok(None) };
            let Some(due) = process.provider.next_timeout() else { return Ok(None) };
            if due > now {
                return Ok(Some(self.clock.when(due, scene.now).max(scene.now + 1)));
            }
            self.decide(Input::Time, scene)?;
        }
        scene.ledger.fail("the provider always has something to do".to_owned());
        Ok(None)
    }

    /// Decides, stores, commits and performs; what was performed leads to another decision.
    fn decide(&mut self, input: Input<'_>, scene: &mut Scene<'_>) -> Result<Option<Reply>, Crash> {
        let outcome = self.decide_one(input, scene)?;
        let mut actions: VecDeque<Action> = outcome.actions.into();
        while let Some(action) = actions.pop_front() {
            scene.step()?;
            if let Some(performed) = self.perform(action, scene) {
                let next = self.decide_one(Input::Performed(performed), scene)?;
                actions.extend(next.actions);
            }
        }
        Ok(outcome.reply)
    }

    fn decide_one(&mut self, input: Input<'_>, scene: &mut Scene<'_>) -> Result<Outcome, Crash> {
        let Some(process) = &mut self.process else { return Err(Crash) };
        let now = self.clock.read(scene.now);
        let moment = Moment::new(now, scene.random.bytes());
        let provider = &mut process.provider;
        let decision = match input {
            Input::Request(call) => provider.handle(&call, moment),
            Input::Opened(socket) => provider.socket_opened(SocketId(socket), moment),
            Input::Frame(socket, text) => provider.socket_frame(SocketId(socket), text, moment),
            Input::Closed(socket) => provider.socket_closed(SocketId(socket), moment),
            Input::Performed(performed) => provider.performed(performed, moment),
            Input::Time => provider.tick(moment),
        };
        if !decision.is_unchanged() {
            scene.step()?;
        }
        store(&decision, &mut process.numbers, self.clock, now, scene);
        self.disk.effects.extend_from_slice(decision.effects());
        for body in decision.bodies() {
            self.disk.bodies.insert(body.number().get(), body.as_bytes().to_vec());
        }
        for number in decision.released() {
            self.disk.bodies.remove(&number.get());
        }
        if !decision.is_unchanged() {
            scene.step()?;
        }
        Ok(decision.commit())
    }

    fn perform(&mut self, action: Action, scene: &mut Scene<'_>) -> Option<Performed> {
        let process = self.process.as_mut()?;
        match action {
            Action::SendFrame { socket, text } if process.sockets.contains(&socket.0) => {
                scene.deeds.push(Deed::Frame { socket: socket.0, text });
            }
            Action::PushMessage(push) => {
                let is_open = process.sockets.contains(&push.socket().0);
                let body = self.disk.bodies.get(&push.message().get()).filter(|_| is_open);
                let Some(text) = body.and_then(|body| push.frame(body).ok()) else {
                    return Some(push.failed());
                };
                scene.deeds.push(Deed::Frame { socket: push.socket().0, text });
                return Some(push.written());
            }
            Action::CloseSocket { socket, code } if process.sockets.remove(&socket.0) => {
                scene.deeds.push(Deed::Close { socket: socket.0, code });
            }
            Action::Answer { ticket, reply } => self.reply(ticket.0, *reply, scene),
            _ => {}
        }
        None
    }

    fn reply(&mut self, ticket: u64, reply: Reply, scene: &mut Scene<'_>) {
        let asker = self.process.as_mut().and_then(|process| process.waiting.remove(&ticket));
        let bodies = &self.disk.bodies;
        let parts = reply.into_answer(|number| bodies.get(&number.get()).cloned());
        match (asker, parts) {
            (Some(asker), Ok(Some(parts))) => scene.deeds.push(Deed::Answer { asker, parts }),
            (Some(asker), Err(error)) => {
                scene.ledger.fail(format!("the store has no body: {error}"));
                scene.deeds.push(Deed::Answer { asker, parts: internal_error() });
            }
            _ => {}
        }
    }
}

/// The transaction of one decision, as the ledger sees it.
fn store(
    decision: &Decision<'_>,
    numbers: &mut BTreeMap<u64, (usize, Timestamp)>,
    clock: WallClock,
    now: Timestamp,
    scene: &mut Scene<'_>,
) {
    for effect in decision.effects() {
        match effect {
            Effect::Queued { message } => {
                let body = decision.bodies().iter().find(|body| body.number() == message.number());
                let Some(which) = body.and_then(|body| claimed(body.as_bytes())) else {
                    scene.ledger.fail("a message is queued without its body".to_owned());
                    continue;
                };
                numbers.insert(message.number().get(), (which, message.expires_at()));
                scene.ledger.queued(which, message.id().as_str(), clock.is_right());
            }
            Effect::Left { message, how, .. } => match (numbers.remove(&message.get()), how) {
                (Some((which, _)), Departure::Acknowledged) => scene.ledger.acknowledged(which),
                (Some((which, expires_at)), Departure::Expired) => {
                    scene.ledger.expired(which, expires_at <= now);
                }
                (which, how) => scene.ledger.fail(format!("{which:?} left the queue: {how:?}")),
            },
            _ => {}
        }
    }
}

fn internal_error() -> AnswerParts {
    ApiError::new(ApiErrorCode::InternalError, "the store is not whole").to_parts()
}

/// The agents, as a provider that has registered them has stored them.
fn registered() -> Vec<Effect> {
    let record = |(number, agent): (usize, &Agent)| {
        let hash = Sha256Digest::of(agent.api_key.as_bytes()).to_string();
        let line = format!(
            concat!(
                r#"{{"v":1,"effect":"agent_set","agent":{{"number":{},"agent_id":"agt_{}","address":"{}","key":"{}","#,
                r#""registered_at":"2026-01-01T00:00:00Z","alias":null,"api_key":"{}","former_api_key":null,"#,
                r#""delivery":{{"webhook_url":null,"webhook_secret":null,"prefer_websocket":true}},"#,
                r#""policy":null,"metadata":null,"capabilities":[],"owner":null}}}}"#
            ),
            number + 1,
            number + 1,
            agent.address,
            agent.key.to_hex().unwrap_or_default(),
            hash.trim_start_matches("sha256:"),
        );
        Effect::from_json(line.as_bytes()).ok()
    };
    POOL.agents.iter().enumerate().filter_map(record).collect()
}
