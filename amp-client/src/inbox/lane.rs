//! One registration's way in: a socket, the queue, and what is told to the provider (delivery; provider API, WebSocket).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;

use amp_core::connection::{
    Arrived, Call, PickUp, PickUpEvent, PickUpSettings, Session, SessionEvent, Ticket, Transmit,
};
use amp_core::envelope::MessageId;
use amp_core::identity::ApiKey;
use amp_core::wire::{AnswerParts, Endpoint, GetInfo, Request as _};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::driver::Order;
use super::event::{EventQueue, InboxEvent};
use super::settings::InboxSettings;
use crate::client::{Registration, Shared};
use crate::clock;
use crate::error::Error;
use crate::http::{HttpError, Socket, SocketError, SocketEvent};
use crate::receiving::{Incoming, TakenIn};

/// The longest sleep, whatever the deadlines say: the machine's clock may have been set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(60);
/// How soon it is looked whether the program has taken messages, when too many wait.
const FULL_PAUSE: Duration = Duration::from_millis(250);
/// After which time an API key that was refused is tried again.
const KEY_AGAIN: Duration = Duration::from_secs(5 * 60);
/// For how long a message is kept back that could not be stored, first and at most.
const STORE_AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// When a message is looked at again whose sender's key could not be asked for. After that, it comes again by itself.
const LATER: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(90)];
/// Such messages, at most.
const LATER_MAX: usize = 32;
/// How long a shutdown tells the provider what is stored.
const FAREWELL: Duration = Duration::from_secs(10);

type Opening = Pin<Box<dyn Future<Output = Result<Socket, SocketError>> + Send>>;
type Answer = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// What came of a call.
struct Answered {
    ticket: Ticket,
    endpoint: Endpoint,
    answer: Result<AnswerParts, HttpError>,
}

/// Which of the two handed a message out, and is told when it is stored.
#[derive(Clone, Copy)]
enum Way {
    Pushed,
    PickedUp,
}

/// A message that is looked at again.
struct Later {
    way: Way,
    arrived: Arrived,
    at: Instant,
    tries: usize,
}

/// One registration's way in.
pub(super) struct Lane {
    shared: Arc<Shared>,
    registration: Registration,
    key: Arc<ApiKey>,
    events: Arc<EventQueue>,
    session: Option<Session>,
    pickup: Option<PickUp>,
    opening: Option<Opening>,
    socket: Option<Socket>,
    /// A frame that the session has not taken yet.
    frame: Option<String>,
    calls: FuturesUnordered<Answer>,
    /// The message that the store did not take, and for how long it is kept back.
    stuck: Option<(Later, Duration)>,
    later: VecDeque<Later>,
    key_again: Option<Instant>,
    interval: Duration,
    beside_push: Duration,
    /// Whether the provider pushes what comes, and not only what waited.
    pushes: bool,
    looks: u64,
}

impl Lane {
    pub(super) fn new(
        shared: Arc<Shared>,
        registration: Registration,
        settings: &InboxSettings,
        events: Arc<EventQueue>,
    ) -> Self {
        let wait = if settings.push { Duration::ZERO } else { settings.wait };
        let pickup = PickUpSettings::new(clock::seed()).with_interval(settings.interval).with_wait(wait);
        let key = registration.key();
        let session = settings.push.then(|| copy(&key)).flatten().map(|key| {
            let session = Session::builder(registration.address().clone(), key).seed(clock::seed());
            session.build(clock::now())
        });
        Self {
            shared,
            registration,
            key,
            events,
            session,
            pickup: settings.poll.then(|| PickUp::new(pickup)),
            opening: None,
            socket: None,
            frame: None,
            calls: FuturesUnordered::new(),
            stuck: None,
            later: VecDeque::new(),
            key_again: None,
            interval: settings.interval,
            beside_push: settings.beside_push,
            pushes: false,
            looks: 0,
        }
    }

    /// Until the program wants it stopped.
    pub(super) async fn run(mut self, mut orders: watch::Receiver<Order>) {
        loop {
            let order = orders.borrow_and_update().clone();
            if order.is_stop {
                return self.say_farewell().await;
            }
            if order.looks != self.looks {
                self.looks = order.looks;
                self.look_soon();
            }
            self.renew_key_in_use();
            if let Some(session) = &mut self.session {
                session.handle_timeout(clock::now());
            }
            self.transmit().await;
            self.make_calls();
            if !self.take_one().await && !self.hand_in_frame() {
                self.wait(&mut orders).await;
            }
        }
    }

    // What the machines want.

    /// Does what the session says: opens, writes, closes.
    async fn transmit(&mut self) {
        while let Some(transmit) = self.session.as_mut().and_then(Session::poll_transmit) {
            match transmit {
                Transmit::Connect => {
                    self.drop_socket();
                    let (http, api) = (self.shared.account.http.clone(), self.registration.api().clone());
                    self.opening = Some(Box::pin(async move { http.socket(&api).await }));
                }
                Transmit::Text(text) => {
                    let Some(socket) = &mut self.socket else { continue };
                    if socket.send_text(text.expose()).await.is_err() {
                        self.closed(None);
                    }
                }
                Transmit::Close(code) => {
                    let socket = self.socket.take();
                    self.drop_socket();
                    if let Some(socket) = socket {
                        socket.close(code).await;
                    }
                }
                _ => {}
            }
        }
    }

    fn make_calls(&mut self) {
        while let Some(call) = self.pickup.as_mut().and_then(|pickup| pickup.poll_call(clock::now())) {
            self.calls.push(self.call(call));
        }
    }

    fn call(&self, call: Call) -> Answer {
        let (http, key) = (self.shared.account.http.clone(), Arc::clone(&self.key));
        let api = self.registration.api().clone();
        let (ticket, endpoint, limit) = (call.ticket(), call.endpoint(), call.timeout());
        Box::pin(async move {
            let answer = http.call(&api, Some(&key), call.into_parts(), limit).await;
            Answered { ticket, endpoint, answer }
        })
    }

    // What has come.

    /// Takes in one thing that has come. False when there is nothing, or nothing may be taken in now.
    async fn take_one(&mut self) -> bool {
        if let Some((later, _)) = &self.stuck
            && Instant::now() < later.at
        {
            return false;
        }
        if !self.shared.receiving.ready().has_room() {
            return false;
        }
        if let Some((later, pause)) = self.stuck.take() {
            self.receive(later, pause).await;
            return true;
        }
        if let Some(later) = self.due() {
            self.receive(later, Duration::ZERO).await;
            return true;
        }
        if let Some(event) = self.session.as_mut().and_then(Session::poll_event) {
            self.session_event(event).await;
            return true;
        }
        if let Some(event) = self.pickup.as_mut().and_then(PickUp::poll_event) {
            self.pickup_event(event).await;
            return true;
        }
        false
    }

    /// A message whose time has come to be looked at again.
    fn due(&mut self) -> Option<Later> {
        let now = Instant::now();
        let at = self.later.iter().position(|later| later.at <= now)?;
        self.later.remove(at)
    }

    async fn session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Message(arrived) => {
                if !arrived.replay() {
                    self.pushes = true;
                    self.set_pace();
                }
                self.receive(Later::now(Way::Pushed, arrived), Duration::ZERO).await;
            }
            SessionEvent::Connected(_) => {
                tracing::debug!(provider = self.registration.provider().as_str(), "connected");
                self.set_pace();
                self.look_soon();
                self.events.push(InboxEvent::Connected { address: self.registration.address().clone() });
            }
            SessionEvent::Disconnected(disconnected) => {
                tracing::debug!(reason = ?disconnected.reason, "disconnected");
                self.set_pace();
                let address = self.registration.address().clone();
                self.events.push(InboxEvent::Disconnected { address, disconnected });
                if disconnected.reason.is_refusal() {
                    self.renew_key().await;
                }
            }
            SessionEvent::Delivered(frame) => self.events.push(InboxEvent::Delivered(frame)),
            SessionEvent::Read(frame) => self.events.push(InboxEvent::Read(frame)),
            _ => {}
        }
    }

    async fn pickup_event(&mut self, event: PickUpEvent) {
        match event {
            PickUpEvent::Arrived(arrived) => {
                self.receive(Later::now(Way::PickedUp, arrived), Duration::ZERO).await;
            }
            PickUpEvent::Unreadable(entry) => {
                self.events.push(InboxEvent::Unreadable { id: entry.id().clone() });
                if let Some(pickup) = &mut self.pickup {
                    pickup.discard(entry);
                }
            }
            PickUpEvent::Unauthorized => self.refused_key().await,
            PickUpEvent::Forbidden(error) | PickUpEvent::Failed(error) => {
                self.events.push(InboxEvent::Failed(Error::refused("picking up", error)));
            }
            PickUpEvent::Odd(oddity) => {
                tracing::warn!("the provider behaves oddly");
                let address = self.registration.address().clone();
                self.events.push(InboxEvent::Odd { address, oddity });
            }
            _ => {}
        }
    }

    /// Has a message judged and stored, and tells the provider if that is done.
    async fn receive(&mut self, later: Later, pause: Duration) {
        // In a place of its own: a lane that waits is small.
        let taking_in = Box::pin(self.shared.receiving.take_in(Incoming::arrived(&later.arrived)));
        let taken = match taking_in.await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "a message was not stored");
                self.events.push(InboxEvent::Failed(error));
                let (first, longest) = STORE_AGAIN;
                let pause = pause.saturating_mul(2).clamp(first, longest);
                self.stuck = Some((Later { at: Instant::now() + pause, ..later }, pause));
                return;
            }
        };
        let (may_be_acknowledged, is_put_off) =
            (taken.may_be_acknowledged(), matches!(taken, TakenIn::PutOff(_)));
        if let Some(event) = tell(taken, Some(later.arrived.id())) {
            self.events.push(event);
        }
        if may_be_acknowledged {
            self.acknowledge(later.way, later.arrived);
        } else if is_put_off {
            self.keep_for_later(later);
        }
    }

    fn acknowledge(&mut self, way: Way, arrived: Arrived) {
        match (way, &mut self.session, &mut self.pickup) {
            (Way::Pushed, Some(session), _) => session.acknowledge(arrived),
            (_, _, Some(pickup)) => pickup.acknowledge(arrived),
            _ => {}
        }
    }

    fn keep_for_later(&mut self, later: Later) {
        if let Some(pause) = LATER.get(later.tries)
            && self.later.len() < LATER_MAX
        {
            let (at, tries) = (Instant::now() + *pause, later.tries.saturating_add(1));
            self.later.push_back(Later { at, tries, ..later });
        }
    }

    // Waiting.

    async fn wait(&mut self, orders: &mut watch::Receiver<Order>) {
        let until = self.next_timeout();
        tokio::select! {
            event = next_event(&mut self.socket), if self.frame.is_none() => self.heard(event),
            opened = opened(&mut self.opening) => self.opened(opened),
            Some(answered) = self.calls.next(), if !self.calls.is_empty() => self.answered(answered),
            () = tokio::time::sleep_until(until) => self.try_key_again(),
            _ = orders.changed() => {}
        }
    }

    /// When something is due at the latest.
    fn next_timeout(&self) -> Instant {
        let (now, here) = (clock::now(), Instant::now());
        let machines = [
            self.session.as_ref().and_then(Session::next_timeout),
            self.pickup.as_ref().and_then(PickUp::next_timeout),
        ];
        let machines = machines.into_iter().flatten();
        let machines = machines.map(|due| here + due.duration_since(now).unwrap_or_default());
        let stuck = self.stuck.as_ref().map(|(later, _)| later.at);
        let full = (!self.shared.receiving.ready().has_room()).then(|| here + FULL_PAUSE);
        let later = self.later.iter().map(|later| later.at);
        let others = stuck.into_iter().chain(full).chain(later).chain(self.key_again);
        machines.chain(others).chain([here + SLEEP_MAX]).min().unwrap_or(here).max(here)
    }

    fn heard(&mut self, event: SocketEvent) {
        let now = clock::now();
        match event {
            SocketEvent::Text(text) => self.frame = Some(text),
            SocketEvent::Closed(code) => self.closed(code),
            SocketEvent::Binary => {
                if let Some(session) = &mut self.session {
                    session.handle_binary(now);
                }
            }
            SocketEvent::Control => {
                if let Some(session) = &mut self.session {
                    session.handle_control(now);
                }
            }
        }
    }

    /// Gives the session the frame that was read. False when there is none, or the session does not take it.
    fn hand_in_frame(&mut self) -> bool {
        let (Some(frame), Some(session)) = (&self.frame, &mut self.session) else { return false };
        let is_taken = session.handle_frame(frame.as_bytes(), clock::now()).is_ok();
        if is_taken {
            self.frame = None;
        }
        is_taken
    }

    fn opened(&mut self, opened: Result<Socket, SocketError>) {
        self.opening = None;
        let Some(session) = &mut self.session else { return };
        let now = clock::now();
        match opened {
            Ok(socket) => {
                self.socket = Some(socket);
                session.handle_connected(now);
            }
            Err(SocketError::NotUpgraded { status, retry_after }) => {
                session.handle_not_upgraded(status, retry_after, now);
            }
            Err(_) => session.handle_closed(None, now),
        }
    }

    fn closed(&mut self, code: Option<u16>) {
        self.drop_socket();
        if let Some(session) = &mut self.session {
            session.handle_closed(code, clock::now());
        }
    }

    fn drop_socket(&mut self) {
        self.socket = None;
        self.opening = None;
        self.frame = None;
    }

    fn answered(&mut self, answered: Answered) {
        let Some(pickup) = &mut self.pickup else { return };
        let (Answered { ticket, endpoint, answer }, now) = (answered, clock::now());
        let Ok(answer) = answer else { return pickup.handle_failure(ticket, now) };
        if endpoint == Endpoint::GetInfo
            && GetInfo.read_answer(&answer).is_ok_and(|info| info.has_capability("notify:v1"))
        {
            self.pushes = true;
        }
        pickup.handle_answer(ticket, &answer, now);
        self.set_pace();
    }

    /// Where what comes is pushed, the queue is looked at now and then.
    fn set_pace(&mut self) {
        let is_pushed = self.pushes && self.session.as_ref().is_some_and(Session::is_open);
        let interval = if is_pushed { self.beside_push } else { self.interval };
        if let Some(pickup) = &mut self.pickup {
            pickup.set_interval(interval);
        }
    }

    fn look_soon(&mut self) {
        if let Some(pickup) = &mut self.pickup {
            pickup.nudge(clock::now());
        }
    }

    // The API key.

    /// Asks for a key that another program may have got. True when there is one.
    async fn renew_key(&mut self) -> bool {
        let account = &self.shared.account;
        let is_renewed = account.renew_key(&self.registration, Some(&self.key)).await;
        self.renew_key_in_use();
        is_renewed
    }

    async fn refused_key(&mut self) {
        if !self.renew_key().await {
            self.key_again = Some(Instant::now() + KEY_AGAIN);
            let address = self.registration.address().clone();
            self.events.push(InboxEvent::Unauthorized { address });
        }
    }

    /// Goes over to the API key that is in force.
    fn renew_key_in_use(&mut self) {
        let key = self.registration.key();
        if Arc::ptr_eq(&key, &self.key) {
            return;
        }
        self.key = key;
        self.key_again = None;
        if let (Some(session), Some(key)) = (&mut self.session, copy(&self.key)) {
            session.replace_key(key, clock::now());
        }
        if let Some(pickup) = &mut self.pickup {
            pickup.resume();
        }
    }

    /// A key that was refused may have come into force by now.
    fn try_key_again(&mut self) {
        if self.key_again.is_some_and(|at| at <= Instant::now()) {
            self.key_again = None;
            if let Some(pickup) = &mut self.pickup {
                pickup.resume();
            }
        }
    }

    // The end.

    /// Tells the provider what is stored, and closes.
    async fn say_farewell(mut self) {
        self.opening = None;
        if let Some(session) = &mut self.session {
            session.shut_down();
        }
        let farewell = async {
            self.transmit().await;
            self.send_acknowledgements().await;
        };
        // What is not told by then comes again, and is recognized.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }

    async fn send_acknowledgements(&mut self) {
        while let Some(pickup) = &mut self.pickup
            && !pickup.is_acknowledged()
        {
            if let Some(call) = pickup.poll_call(clock::now()) {
                let is_acknowledgement =
                    matches!(call.endpoint(), Endpoint::Acknowledge | Endpoint::AcknowledgeBatch);
                if is_acknowledgement {
                    self.calls.push(self.call(call));
                }
                continue;
            }
            let until = self.next_timeout();
            tokio::select! {
                Some(answered) = self.calls.next(), if !self.calls.is_empty() => self.answered(answered),
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

impl Later {
    fn now(way: Way, arrived: Arrived) -> Self {
        Self { way, arrived, at: Instant::now(), tries: 0 }
    }
}

/// What a program is told of a message beside the message itself.
pub(super) fn tell(taken: TakenIn, id: Option<&MessageId>) -> Option<InboxEvent> {
    let id = id.cloned();
    match taken {
        TakenIn::Delivered(_) | TakenIn::Duplicate => None,
        TakenIn::Untrusted(message) => Some(InboxEvent::Untrusted(message)),
        TakenIn::Held(entry) => Some(InboxEvent::Held(entry)),
        TakenIn::Refused(refusal) => Some(InboxEvent::Refused { id, refusal, is_final: true }),
        TakenIn::RefusedForNow(refusal) => Some(InboxEvent::Refused { id, refusal, is_final: false }),
        TakenIn::PutOff(error) => Some(InboxEvent::Failed(error)),
    }
}

/// What the socket says next; never, while there is none.
async fn next_event(socket: &mut Option<Socket>) -> SocketEvent {
    match socket {
        Some(socket) => socket.next().await,
        None => core::future::pending().await,
    }
}

/// What came of opening a socket; never, while none is opened.
async fn opened(opening: &mut Option<Opening>) -> Result<Socket, SocketError> {
    match opening {
        Some(opening) => opening.as_mut().await,
        None => core::future::pending().await,
    }
}

/// A session owns its key.
fn copy(key: &ApiKey) -> Option<ApiKey> {
    key.expose().parse().ok()
}
