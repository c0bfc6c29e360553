//! An agent's program: a session, a pick-up and a receiver, what it has on disk, and the mistakes that it may make.

use std::collections::{BTreeMap, VecDeque};

use amp_core::connection::{
    Arrived, Backoff, PickUp, PickUpEvent, PickUpSettings, Session, SessionEvent, Ticket, Transmit,
};
use amp_core::receive::{Disposition, Effect, FirstOutcome, Receiver, SenderKey};
use amp_core::trust::TrustLevel;
use amp_core::wire::{Answer as _, AnswerParts, DeliveryStatus, Endpoint, Retry, Routed};
use amp_core::{JsonValue, Timestamp};

use super::ledger::claimed;
use super::plan::{Host, Peer};
use super::pool::{Agent, POOL};
use super::scene::{Crash, Ms, Scene, WallClock, Wish};

/// How long the answer to a routed message is waited for.
const ANSWER_WITHIN: Ms = 30_000;
/// How many messages are on their way to the provider at once.
const ROUTING_MAX: usize = 4;
/// What a careful client needs at most in one minute of one life.
const CONNECTS_A_MINUTE: usize = 14;
const LOOKS_A_MINUTE: usize = 150;

/// What comes from a socket.
#[derive(Debug)]
pub(super) enum SocketInput {
    Opened,
    NotUpgraded(u16),
    Frame(String),
    Binary,
    Control,
    Closed(Option<u16>),
}

/// An agent's program, and what survives its end.
#[derive(Debug)]
pub(super) struct Client {
    index: usize,
    pub(super) clock: WallClock,
    /// Which life of the process it is: what was meant for an earlier one comes too late.
    pub(super) life: u64,
    disk: Disk,
    process: Option<Process>,
}

#[derive(Debug, Default)]
struct Disk {
    effects: Vec<Effect>,
    outbox: Vec<Letter>,
}

/// A message to send.
#[derive(Clone, Copy, Debug)]
struct Letter {
    message: usize,
    is_done: bool,
}

#[derive(Debug)]
struct Process {
    session: Session,
    pickup: PickUp,
    receiver: Receiver,
    socket: Option<u64>,
    /// What the operating system holds for the program.
    inbox: VecDeque<SocketInput>,
    calls: BTreeMap<u64, Purpose>,
    /// When each letter is tried again.
    tries: BTreeMap<usize, Ms>,
    delays: Backoff,
    busy_until: Ms,
    connects: VecDeque<Ms>,
    looks: VecDeque<Ms>,
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    PickUp(Ticket),
    Letter { at: usize, until: Ms },
}

/// Which of the two handed a message out.
#[derive(Clone, Copy, Debug)]
enum Lane {
    Session,
    PickUp,
}

impl Client {
    pub(super) fn new(index: usize) -> Self {
        Self { index, clock: WallClock::default(), life: 0, disk: Disk::default(), process: None }
    }

    fn agent(&self) -> Option<&'static Agent> {
        POOL.agents.get(self.index)
    }

    pub(super) const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// The process begins, with what is on disk.
    pub(super) fn start(&mut self, scene: &mut Scene<'_>) {
        let now = self.clock.read(scene.now);
        let seed = scene.random.next();
        let Some(agent) = self.agent() else { return };
        let Ok(key) = agent.api_key.parse() else { return };
        let receiver = Receiver::builder(agent.address.clone())
            .scanner(std::sync::Arc::clone(&POOL.scanner))
            .restore(&self.disk.effects)
            .build();
        self.process = Some(Process {
            session: Session::builder(agent.address.clone(), key).seed(seed).build(now),
            pickup: PickUp::new(PickUpSettings::new(seed)),
            receiver,
            socket: None,
            inbox: VecDeque::new(),
            calls: BTreeMap::new(),
            tries: BTreeMap::new(),
            delays: Backoff::new(seed),
            busy_until: 0,
            connects: VecDeque::new(),
            looks: VecDeque::new(),
        });
        self.set_right(scene);
    }

    /// The process ends at once.
    pub(super) fn crash(&mut self, scene: &mut Scene<'_>) {
        self.life += 1;
        self.process = None;
        scene.ledger.counts.client_crashes += 1;
        scene.ledger.loses_what_is_in_hand(self.index);
    }

    /// A person sets a clock right, and tells the receiver if it had believed the wrong one.
    pub(super) fn set_right(&mut self, scene: &Scene<'_>) {
        let now = self.clock.read(scene.now);
        let Some(process) = self.process.as_mut().filter(|_| self.clock.is_right()) else { return };
        if process.receiver.memory().replay().clock().is_some_and(|mark| mark > now) {
            let change = process.receiver.set_clock(now);
            self.disk.effects.extend_from_slice(change.effects());
            change.commit();
        }
    }

    pub(super) fn send(&mut self, message: usize, scene: &mut Scene<'_>) {
        scene.ledger.sends(message);
        self.disk.outbox.push(Letter { message, is_done: false });
    }

    /// Something comes from a socket.
    pub(super) fn socket(&mut self, socket: u64, input: SocketInput, scene: &mut Scene<'_>) {
        let Some(process) = self.process.as_mut().filter(|process| process.socket == Some(socket)) else {
            return;
        };
        if let SocketInput::Frame(text) = &input
            && matches!(scene.plan.peer, Peer::Deployed(_))
            && let Some(message) = claimed(text.as_bytes())
        {
            scene.ledger.in_hand(message);
        }
        process.inbox.push_back(input);
    }

    /// An answer comes, or the news that there is none.
    pub(super) fn answer(&mut self, call: u64, answer: Option<&AnswerParts>, scene: &mut Scene<'_>) {
        let now = self.clock.read(scene.now);
        let Some(process) = &mut self.process else { return };
        match process.calls.remove(&call) {
            Some(Purpose::PickUp(ticket)) => match answer {
                Some(answer) => process.pickup.handle_answer(ticket, answer, now),
                None => process.pickup.handle_failure(ticket, now),
            },
            Some(Purpose::Letter { at, .. }) => {
                let outcome = answer.map_or(Sending::Unknown, |answer| Sending::of(answer, now));
                process.routed(&mut self.disk, at, outcome, self.clock, scene);
            }
            None => {}
        }
    }

    /// Does all that can be done now, and says when to come back.
    pub(super) fn drive(&mut self, scene: &mut Scene<'_>) -> Result<Option<Ms>, Crash> {
        let (index, clock) = (self.index, self.clock);
        let Some(process) = &mut self.process else { return Ok(None) };
        process.session.handle_timeout(clock.read(scene.now));
        loop {
            let read = process.read_socket(clock, scene);
            let wrote = process.write(clock, scene);
            let took = process.take(&mut self.disk, index, clock, scene)?;
            if !(read || wrote || took) {
                break;
            }
        }
        process.route(&self.disk, index, scene);
        process.is_patient(index, scene);
        Ok(process.due(clock, scene.now))
    }
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug)]
enum Sending {
    Accepted,
    Refused,
    Later(Timestamp),
    /// It has to be tried again, with the same idempotency key.
    Unknown,
}

impl Sending {
    fn of(answer: &AnswerParts, now: Timestamp) -> Self {
        match Routed::from_parts(answer) {
            Ok(routed) => match routed.status {
                DeliveryStatus::Delivered | DeliveryStatus::Queued => Self::Accepted,
                DeliveryStatus::Failed | DeliveryStatus::Quarantined => Self::Refused,
                _ => Self::Unknown,
            },
            Err(error) => match error.retry(now) {
                Retry::At(at) => Self::Later(at),
                Retry::Never if !error.is_unreadable() => Self::Refused,
                _ => Self::Unknown,
            },
        }
    }
}

impl Process {
    /// Hands the session what the socket holds, as long as it takes it.
    fn read_socket(&mut self, clock: WallClock, scene: &mut Scene<'_>) -> bool {
        let now = clock.read(scene.now);
        let mut has_read = false;
        while let Some(input) = self.inbox.front() {
            match input {
                SocketInput::Opened => self.session.handle_connected(now),
                SocketInput::NotUpgraded(status) => {
                    self.session.handle_not_upgraded(*status, None, now);
                    self.socket = None;
                }
                SocketInput::Frame(text) => {
                    let is_taken = self.session.handle_frame(text.as_bytes(), now).is_ok();
                    if !is_taken && scene.plan.host != Host::DropsWhenFull {
                        scene.ledger.counts.frames_held_back += 1;
                        return has_read;
                    }
                }
                SocketInput::Binary => self.session.handle_binary(now),
                SocketInput::Control => self.session.handle_control(now),
                SocketInput::Closed(code) => {
                    self.session.handle_closed(*code, now);
                    self.socket = None;
                }
            }
            self.inbox.pop_front();
            has_read = true;
        }
        has_read
    }

    /// Does what session and pick-up want.
    fn write(&mut self, clock: WallClock, scene: &mut Scene<'_>) -> bool {
        let now = clock.read(scene.now);
        let mut has_written = false;
        while let Some(transmit) = self.session.poll_transmit() {
            has_written = true;
            match (transmit, self.socket) {
                (Transmit::Connect, _) => {
                    let socket = scene.number();
                    self.socket = Some(socket);
                    self.inbox.clear();
                    self.connects.push_back(scene.now);
                    scene.wishes.push(Wish::Connect { socket });
                }
                (Transmit::Text(text), Some(socket)) => {
                    scene.wishes.push(Wish::Frame { socket, text: text.expose().to_owned() });
                }
                (Transmit::Close(_), Some(socket)) => {
                    scene.wishes.push(Wish::Close { socket });
                    self.socket = None;
                    self.inbox.clear();
                }
                _ => {}
            }
        }
        while let Some(call) = self.pickup.poll_call(now) {
            has_written = true;
            let number = scene.number();
            self.calls.insert(number, Purpose::PickUp(call.ticket()));
            if !matches!(call.endpoint(), Endpoint::Acknowledge | Endpoint::AcknowledgeBatch) {
                self.looks.push_back(scene.now);
            }
            scene.wishes.push(Wish::Request { call: number, parts: call.into_parts() });
        }
        has_written
    }

    /// Takes what has arrived, one message after the other.
    fn take(
        &mut self,
        disk: &mut Disk,
        index: usize,
        clock: WallClock,
        scene: &mut Scene<'_>,
    ) -> Result<bool, Crash> {
        if scene.now < self.busy_until {
            return Ok(false);
        }
        if let Some(event) = self.session.poll_event() {
            if let SessionEvent::Message(arrived) = event {
                self.receive(arrived, Lane::Session, disk, index, clock, scene)?;
            }
            return Ok(true);
        }
        match self.pickup.poll_event() {
            None => return Ok(false),
            Some(PickUpEvent::Arrived(arrived)) => {
                self.receive(arrived, Lane::PickUp, disk, index, clock, scene)?;
            }
            Some(PickUpEvent::Unreadable(entry)) => self.pickup.discard(entry),
            Some(PickUpEvent::Unauthorized) => self.pickup.resume(),
            Some(_) => {}
        }
        Ok(true)
    }

    /// Decides about a message, stores what follows, and acknowledges it: in this order.
    fn receive(
        &mut self,
        arrived: Arrived,
        lane: Lane,
        disk: &mut Disk,
        index: usize,
        clock: WallClock,
        scene: &mut Scene<'_>,
    ) -> Result<(), Crash> {
        if scene.plan.slowness_ms > 0 && scene.is_stormy {
            self.busy_until = scene.now + scene.random.below(scene.plan.slowness_ms);
        }
        let now = clock.read(scene.now);
        let mut context = arrived.context(now);
        if let Some(sender) = sender_of(arrived.bytes()) {
            context = context.with_key(SenderKey::resolved(sender.key.clone()));
        }
        let (id, bytes) = (arrived.id().as_str().to_owned(), arrived.bytes().to_vec());
        let mut arrived = Some(arrived);
        if scene.plan.host == Host::AcknowledgesFirst {
            self.acknowledge(arrived.take(), lane);
            // A step in which what was acknowledged is on its way.
            self.write(clock, scene);
            self.busy_until = scene.now + 1_000;
        }
        scene.step()?;
        let reception = self.receiver.receive(&bytes, &context);
        let is_shown = reception
            .effects()
            .iter()
            .any(|effect| matches!(effect, Effect::Seen(seen) if *seen.outcome() == FirstOutcome::Delivered));
        // One transaction.
        if is_shown {
            scene.ledger.shown(index, &bytes);
        }
        if scene.plan.host != Host::ForgetsEffects {
            let durable = reception.effects().iter().filter(|effect| effect.is_durable());
            disk.effects.extend(durable.cloned());
        }
        scene.step()?;
        match reception.commit() {
            Disposition::Deliver(message) if message.trust() >= TrustLevel::External && is_shown => {}
            Disposition::Duplicate(_) => {
                scene.ledger.counts.duplicates += 1;
                if scene.plan.host == Host::ShowsDuplicates {
                    scene.ledger.shown(index, &bytes);
                }
            }
            Disposition::Reject(refusal) => {
                scene.ledger.counts.refused += 1;
                if scene.plan.host == Host::BelievesAnything {
                    scene.ledger.shown(index, &bytes);
                }
                if !refusal.is_final() {
                    scene.ledger.puts_off(&bytes);
                    return Ok(());
                }
                scene.ledger.refuses(&id, &bytes);
            }
            other => scene.ledger.fail(format!("a message became {other:?}")),
        }
        scene.step()?;
        self.acknowledge(arrived, lane);
        Ok(())
    }

    fn acknowledge(&mut self, arrived: Option<Arrived>, lane: Lane) {
        match (arrived, lane) {
            (Some(arrived), Lane::Session) => self.session.acknowledge(arrived),
            (Some(arrived), Lane::PickUp) => self.pickup.acknowledge(arrived),
            (None, _) => {}
        }
    }

    /// Sends what is to be sent, and what was not answered once more.
    fn route(&mut self, disk: &Disk, index: usize, scene: &mut Scene<'_>) {
        let overdue: Vec<(u64, usize)> = self
            .calls
            .iter()
            .filter_map(|(call, purpose)| match purpose {
                Purpose::Letter { at, until } if *until <= scene.now => Some((*call, *at)),
                _ => None,
            })
            .collect();
        for (call, at) in overdue {
            self.calls.remove(&call);
            let wait = u64::try_from(self.delays.next_delay().as_millis()).unwrap_or(60_000);
            self.tries.insert(at, scene.now + wait);
        }
        let on_their_way: Vec<usize> = self
            .calls
            .values()
            .filter_map(|purpose| match purpose {
                Purpose::Letter { at, .. } => Some(*at),
                Purpose::PickUp(_) => None,
            })
            .collect();
        let free = ROUTING_MAX.saturating_sub(on_their_way.len());
        let due = |at: usize| self.tries.get(&at).is_none_or(|due| *due <= scene.now);
        let next: Vec<usize> = (0..disk.outbox.len())
            .filter(|at| !disk.outbox[*at].is_done && !on_their_way.contains(at) && due(*at))
            .take(free)
            .collect();
        for at in next {
            let Some(signed) = POOL.message(disk.outbox[at].message) else { continue };
            debug_assert_eq!(signed.sender, index);
            let call = scene.number();
            self.tries.remove(&at);
            self.calls.insert(call, Purpose::Letter { at, until: scene.now + ANSWER_WITHIN });
            scene.wishes.push(Wish::Request { call, parts: signed.request.clone() });
        }
    }

    fn routed(
        &mut self,
        disk: &mut Disk,
        at: usize,
        outcome: Sending,
        clock: WallClock,
        scene: &mut Scene<'_>,
    ) {
        let Some(letter) = disk.outbox.get_mut(at).filter(|letter| !letter.is_done) else { return };
        match outcome {
            Sending::Accepted | Sending::Refused => {
                letter.is_done = true;
                self.tries.remove(&at);
                self.delays.reset();
                scene.ledger.sent(letter.message, matches!(outcome, Sending::Accepted));
            }
            Sending::Later(due) => {
                self.tries.insert(at, clock.when(due, scene.now).max(scene.now + 1_000));
            }
            Sending::Unknown => {
                let wait = u64::try_from(self.delays.next_delay().as_millis()).unwrap_or(60_000);
                self.tries.insert(at, scene.now + wait);
            }
        }
    }

    /// No provider makes a client hurry.
    fn is_patient(&mut self, index: usize, scene: &mut Scene<'_>) {
        let since = scene.now.saturating_sub(60_000);
        for (times, most, what) in [
            (&mut self.connects, CONNECTS_A_MINUTE, "connects"),
            (&mut self.looks, LOOKS_A_MINUTE, "looks at the queue"),
        ] {
            while times.front().is_some_and(|at| *at < since) {
                times.pop_front();
            }
            if times.len() > most {
                scene.ledger.fail(format!("client {index} makes {} {what} in a minute", times.len()));
            }
        }
    }

    /// When to come back.
    fn due(&self, clock: WallClock, now: Ms) -> Option<Ms> {
        let machines = [self.session.next_timeout(), self.pickup.next_timeout()];
        let machines = machines.into_iter().flatten().map(|due| clock.when(due, now));
        let busy = (self.busy_until > now).then_some(self.busy_until);
        let letters = self.tries.values().copied().filter(|due| *due > now);
        let answers = self.calls.values().filter_map(|purpose| match purpose {
            Purpose::Letter { until, .. } => Some(*until),
            Purpose::PickUp(_) => None,
        });
        machines.chain(busy).chain(letters).chain(answers).min().map(|due| due.max(now + 1))
    }
}

/// Whom the message says it is from: the key is asked for under that address.
fn sender_of(bytes: &[u8]) -> Option<&'static Agent> {
    let value = JsonValue::read_carrier(bytes, usize::MAX).ok()?;
    let from = value.get("envelope")?.get("from")?.as_str()?;
    POOL.agents.get(POOL.agent_at(&from)?)
}
