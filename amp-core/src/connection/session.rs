//! A connection to the provider that keeps itself: authentication, heartbeat, acknowledgements, reconnection (provider
//! API, WebSocket; delivery).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use amp_address::Address;
use amp_crypto::SecretText;
use amp_envelope::{MessageId, Timestamp};

use super::arrived::Arrived;
use super::backoff::Backoff;
use super::clock::{Deadline, Since};
use super::closing::EndReason;
use super::session_event::{Connected, Disconnected, Events, Naming, SessionEvent};
use crate::identity::ApiKey;
use crate::wire::{
    AckFrame, AckSpelling, AuthFrame, ConnectedFrame, ErrorFrame, FrameError, MessageFrame, PING, ServerFrame,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the authentication may take.
const AUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// When the authentication is sent once more: deployed providers lose one that comes right after the upgrade.
const AUTH_RESEND: Duration = Duration::from_millis(400);
const PING_INTERVAL: Duration = Duration::from_secs(30);
const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a ping is waited for, though the silence is longer than it may be: a machine that slept asks first.
const PONG_WAIT: Duration = Duration::from_secs(10);
/// A connection that held so long was good: the next attempt is not a failure's.
const STABLE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
const REFUSED_DELAYS: (Duration, Duration) = (Duration::from_secs(5 * 60), Duration::from_secs(60 * 60));
/// Most acknowledgements that wait for a connection.
const ACKS_MAX: usize = 1024;
/// Frames that say nothing, within [`NOISE_WINDOW`].
const NOISE_MAX: u32 = 1000;
const NOISE_WINDOW: Duration = Duration::from_secs(60);

const CLOSE_NORMAL: u16 = 1000;
const CLOSE_UNSUPPORTED: u16 = 1003;
const CLOSE_POLICY: u16 = 1008;

/// One agent's WebSocket conversation with its provider, without the socket.
///
/// Whoever drives it owns the socket and the clock, and repeats:
///
/// 1. do what [`poll_transmit`](Self::poll_transmit) says until it says nothing: open a socket, write a frame, close;
/// 2. take what [`poll_event`](Self::poll_event) gives until it gives nothing;
/// 3. wait for a frame, for the end of the socket, or until [`next_timeout`](Self::next_timeout), and say which it was.
///
/// It reconnects by itself, with a [`Backoff`]; what is refused (a bad key, a suspended agent) it asks for rarely. Wait
/// for `next_timeout` minus the present time on a clock that does not jump, and call
/// [`handle_timeout`](Self::handle_timeout) then: a wall clock that jumps neither stops a session nor makes it hurry.
///
/// # What it does not do
///
/// It does not remember messages: a pushed duplicate is passed on, and
/// [`Receiver`](crate::receive::Receiver) recognizes it. It does not poll the queue, and deployed providers push nothing
/// but the backlog: run a [`PickUp`](super::PickUp) beside it. It sends no messages: `POST /route` is answered, and a
/// `route` frame is not.
///
/// # When the host is slow
///
/// At most 256 events or 2 MiB of messages wait for it. Then [`handle_frame`](Self::handle_frame) takes no frame, and
/// the driver keeps it and stops reading the socket: nothing is dropped, and the provider notices that the reader is slow.
///
/// ```
/// use amp_core::connection::{Session, SessionEvent, Transmit};
/// use core::time::Duration;
///
/// let mut now: amp_core::Timestamp = "2026-01-31T10:00:00Z".parse()?;
/// let mut session = Session::builder("bob@acme.crabmail.ai".parse()?, "amp_live_sk_7f53efb3".parse()?)
///     .seed(7) // 64 random bits
///     .build(now);
/// assert!(matches!(session.poll_transmit(), Some(Transmit::Connect)));
/// session.handle_connected(now);
/// let Some(Transmit::Text(auth)) = session.poll_transmit() else { panic!() };
/// assert_eq!(auth.expose(), r#"{"type":"auth","token":"amp_live_sk_7f53efb3"}"#);
/// session.handle_frame(br#"{"type":"connected","data":{"address":"bob@acme.crabmail.ai"}}"#, now)?;
/// assert!(matches!(session.poll_event(), Some(SessionEvent::Connected(_))));
///
/// now = now.saturating_add(Duration::from_secs(30));
/// assert_eq!(session.next_timeout(), Some(now));
/// session.handle_timeout(now);
/// let Some(Transmit::Text(ping)) = session.poll_transmit() else { panic!() };
/// assert_eq!(ping.expose(), r#"{"type":"ping"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    address: Address,
    also_named: Vec<Address>,
    key: ApiKey,
    spelling: AckSpelling,
    phase: Phase,
    wants: Wants,
    acks: VecDeque<MessageId>,
    events: Events,
    delays: Backoff,
    refused_delays: Backoff,
    counts: FrameCounts,
}

#[derive(Debug)]
enum Phase {
    /// Until the next attempt.
    Waiting { retry: Deadline, reason: EndReason },
    /// A socket is being opened.
    Opening { gives_up: Deadline },
    /// The key was sent, or is about to be.
    Authenticating { gives_up: Deadline, resend: Option<Deadline>, noise: Noise },
    /// The provider answered it.
    Open(Open),
    /// The host ended it; what is acknowledged is still sent if the connection was open.
    Ended { was_open: bool },
}

#[derive(Debug)]
struct Open {
    since: Since,
    ping: Deadline,
    silence: Deadline,
    /// Since the first ping that nothing was heard after.
    unanswered: Option<Deadline>,
    /// What the provider said about the agent as a whole.
    said: Option<EndReason>,
    /// How many of the messages that waited when the socket was opened are still to come. Flat frames do not mark them.
    backlog: u64,
    noise: Noise,
}

/// What is to be sent, beside acknowledgements. Each at most once: a driver that does not look makes nothing grow.
#[derive(Debug, Default)]
struct Wants {
    close: Option<u16>,
    connect: bool,
    auth: bool,
    ping: bool,
}

/// Frames that say nothing, since when.
#[derive(Debug)]
struct Noise {
    since: Since,
    frames: u32,
}

/// What the driver has to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transmit {
    /// Open a socket to `/ws` below the API's URL ([`socket_url`](crate::wire::socket_url)), asking for
    /// the subprotocol [`SUBPROTOCOL`](crate::wire::SUBPROTOCOL), with frames of at most
    /// [`FRAME_MAX_BYTES`](crate::wire::FRAME_MAX_BYTES). The API key goes into no URL and no header: the first frame
    /// has it. Whatever socket there was is closed before.
    Connect,
    /// Write a text frame. It may hold the API key.
    Text(SecretText),
    /// Close the socket with this code.
    Close(u16),
}

/// The session took no frame, because the host has not taken its events: poll them, then hand in the same frame again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the events of the session are not taken")]
#[expect(clippy::exhaustive_structs, reason = "it says one thing")]
pub struct EventsWait;

/// How many frames were not what a session needs. The numbers of all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameCounts {
    /// Types that this version does not know.
    pub unknown: u64,
    /// Not frames: broken JSON, absent members, too long, or not text.
    pub malformed: u64,
    /// Frames that came when there was no connection, and second answers to the authentication.
    pub unexpected: u64,
    /// Acknowledgements that were left out because 1,024 waited. Those messages come again.
    pub acks_left_out: u64,
}

/// Makes a [`Session`].
#[derive(Debug)]
#[must_use]
pub struct SessionBuilder {
    address: Address,
    also_named: Vec<Address>,
    key: ApiKey,
    spelling: AckSpelling,
    seed: u64,
    delays: Option<(Duration, Duration)>,
}

impl SessionBuilder {
    /// Sets the seed of the random part of delays. Each process needs another one: 64 bits from the operating system.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the first delay before a reconnection and the longest; else one second and one minute.
    pub const fn delays(mut self, first: Duration, longest: Duration) -> Self {
        self.delays = Some((first, longest));
        self
    }

    /// Sets how acknowledgements are spelled; else `ack`, which every provider understands.
    pub const fn ack_spelling(mut self, spelling: AckSpelling) -> Self {
        self.spelling = spelling;
        self
    }

    /// Adds an address by which the provider may name the agent, beside its own.
    pub fn also_named(mut self, address: Address) -> Self {
        self.also_named.push(address);
        self
    }

    /// The session, which asks for a connection at once.
    #[must_use]
    pub fn build(self, now: Timestamp) -> Session {
        let Self { address, also_named, key, spelling, seed, delays } = self;
        let backoff = Backoff::new(seed);
        let delays = match delays {
            Some((first, longest)) => backoff.with_range(first, longest),
            None => backoff,
        };
        let (first, longest) = REFUSED_DELAYS;
        Session {
            address,
            also_named,
            key,
            spelling,
            phase: Phase::Opening { gives_up: Deadline::after(CONNECT_TIMEOUT, now) },
            wants: Wants { connect: true, ..Wants::default() },
            acks: VecDeque::new(),
            events: Events::default(),
            delays,
            refused_delays: Backoff::new(!seed).with_range(first, longest),
            counts: FrameCounts::default(),
        }
    }
}

impl Session {
    /// A session of the agent with this address, as its registration named it, and its API key.
    pub const fn builder(address: Address, key: ApiKey) -> SessionBuilder {
        let spelling = AckSpelling::Ack;
        SessionBuilder { address, also_named: Vec::new(), key, spelling, seed: 0, delays: None }
    }

    // What the driver reports.

    /// The socket is open.
    pub fn handle_connected(&mut self, now: Timestamp) {
        self.hold(now);
        if matches!(self.phase, Phase::Opening { .. }) {
            self.phase = Phase::Authenticating {
                gives_up: Deadline::after(AUTH_TIMEOUT, now),
                resend: Some(Deadline::after(AUTH_RESEND, now)),
                noise: Noise::new(now),
            };
            self.wants = Wants { auth: true, ..Wants::default() };
        }
    }

    /// The provider answered the upgrade with an HTTP status instead, perhaps with `Retry-After`, of which at most an
    /// hour counts.
    pub fn handle_not_upgraded(&mut self, status: u16, retry_after: Option<Duration>, now: Timestamp) {
        self.hold(now);
        if matches!(self.phase, Phase::Opening { .. }) {
            let at_least = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
            self.disconnect(EndReason::NotUpgraded(status), None, at_least, now);
        }
    }

    /// The socket could not be opened, or is closed; with the WebSocket's close code, if there was one.
    pub fn handle_closed(&mut self, code: Option<u16>, now: Timestamp) {
        self.hold(now);
        let reason = match &self.phase {
            Phase::Opening { .. } | Phase::Authenticating { .. } => EndReason::of_close(code, None),
            Phase::Open(open) => EndReason::of_close(code, open.said),
            Phase::Waiting { .. } | Phase::Ended { .. } => return,
        };
        self.disconnect(reason, None, Duration::ZERO, now);
    }

    /// A text frame was read from the socket.
    ///
    /// # Errors
    /// [`EventsWait`] when the host has not taken its events. The frame was not looked at: hand it in again, and read no
    /// further until then.
    pub fn handle_frame(&mut self, text: &[u8], now: Timestamp) -> Result<(), EventsWait> {
        self.hold(now);
        if !matches!(self.phase, Phase::Authenticating { .. } | Phase::Open(_)) {
            self.counts.unexpected = self.counts.unexpected.saturating_add(1);
            return Ok(());
        }
        if self.events.is_full() {
            return Err(EventsWait);
        }
        let was_asked = self.heard(now);
        match ServerFrame::decode(text) {
            Ok(frame) => self.take(frame, was_asked, now),
            Err(error) => self.malformed(error, now),
        }
        Ok(())
    }

    /// A binary frame was read from the socket. The protocol has none: the connection ends.
    pub fn handle_binary(&mut self, now: Timestamp) {
        self.hold(now);
        if matches!(self.phase, Phase::Authenticating { .. } | Phase::Open(_)) {
            self.malformed(FrameError::Binary, now);
            self.disconnect(EndReason::BinaryFrame, Some(CLOSE_UNSUPPORTED), Duration::ZERO, now);
        }
    }

    /// A ping or a pong of the WebSocket protocol itself was read, which the WebSocket answers: a sign of life.
    pub fn handle_control(&mut self, now: Timestamp) {
        self.hold(now);
        if !self.heard(now) {
            self.noise(now);
        }
    }

    /// Time has passed: do what is due. Calling it too often or too late does no harm.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.hold(now);
        if self.events.is_full() {
            // Nothing is heard because nothing is taken.
            self.heard(now);
        }
        match &mut self.phase {
            Phase::Waiting { retry, .. } if retry.is_due(now) => self.open(now),
            Phase::Opening { gives_up } if gives_up.is_due(now) => {
                self.disconnect(EndReason::NotReached, Some(CLOSE_NORMAL), Duration::ZERO, now);
            }
            Phase::Authenticating { gives_up, .. } if gives_up.is_due(now) => {
                self.disconnect(EndReason::NotAuthenticated, Some(CLOSE_POLICY), Duration::ZERO, now);
            }
            Phase::Authenticating { resend, .. } => {
                if resend.take_if(|resend| resend.is_due(now)).is_some() {
                    self.wants.auth = true;
                }
            }
            Phase::Open(open) if open.is_dead(now) => {
                self.disconnect(EndReason::Silent, Some(CLOSE_NORMAL), Duration::ZERO, now);
            }
            Phase::Open(open) if open.ping.is_due(now) => {
                open.ping = Deadline::after(PING_INTERVAL, now);
                open.unanswered.get_or_insert(Deadline::after(PONG_WAIT, now));
                self.wants.ping = true;
            }
            Phase::Waiting { .. } | Phase::Opening { .. } | Phase::Open(_) | Phase::Ended { .. } => {}
        }
    }

    // What the driver asks.

    /// What to do next, if anything.
    #[must_use]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let sends_acks = match self.phase {
            Phase::Open(_) => true,
            Phase::Ended { was_open } => was_open,
            _ => false,
        };
        if sends_acks && let Some(id) = self.acks.pop_front() {
            let ack = AckFrame::new(id).spelled(self.spelling);
            return Some(Transmit::Text(SecretText::new(ack.text())));
        }
        if let Some(code) = self.wants.close.take() {
            return Some(Transmit::Close(code));
        }
        if core::mem::take(&mut self.wants.connect) {
            return Some(Transmit::Connect);
        }
        if core::mem::take(&mut self.wants.auth) {
            return Some(Transmit::Text(AuthFrame::text(&self.key)));
        }
        if core::mem::take(&mut self.wants.ping) {
            return Some(Transmit::Text(SecretText::new(PING.into())));
        }
        None
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do. None when the session has ended.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Waiting { retry: deadline, .. } | Phase::Opening { gives_up: deadline } => {
                Some(deadline.at())
            }
            Phase::Authenticating { gives_up, resend, .. } => {
                Some(resend.map_or(gives_up.at(), |resend| resend.at().min(gives_up.at())))
            }
            Phase::Open(open) => Some(open.next_timeout()),
            Phase::Ended { .. } => None,
        }
    }

    /// Whether the provider has accepted the key on the present connection.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// What the frames were that the session could not use.
    #[must_use]
    pub const fn counts(&self) -> FrameCounts {
        self.counts
    }

    // What the host decides.

    /// Acknowledges a message: the provider forgets it. **Only for what is stored durably, or refused for good.**
    ///
    /// It is sent on this connection or the next one. Beyond 1,024 that wait, the message is left unacknowledged, and
    /// comes again.
    pub fn acknowledge(&mut self, message: Arrived) {
        if matches!(self.phase, Phase::Ended { .. }) || self.acks.len() >= ACKS_MAX {
            self.counts.acks_left_out = self.counts.acks_left_out.saturating_add(1);
        } else {
            self.acks.push_back(message.into_id());
        }
    }

    /// Uses another API key from the next connection on, after a rotation. Whoever waits because the former one was
    /// refused waits no longer.
    pub fn replace_key(&mut self, key: ApiKey, now: Timestamp) {
        self.hold(now);
        self.key = key;
        if let Phase::Waiting { reason, .. } = self.phase
            && reason.is_refusal()
        {
            self.refused_delays.reset();
            self.open(now);
        }
    }

    /// Ends the session. What was acknowledged is sent before the socket is closed.
    pub fn shut_down(&mut self) {
        let had_socket = !matches!(self.phase, Phase::Waiting { .. } | Phase::Ended { .. });
        let was_open = self.is_open();
        self.phase = Phase::Ended { was_open };
        self.wants = Wants { close: had_socket.then_some(CLOSE_NORMAL), ..Wants::default() };
    }

    // What follows.

    /// Every deadline moves along with a clock that goes back.
    fn hold(&mut self, now: Timestamp) {
        match &mut self.phase {
            Phase::Waiting { retry: deadline, .. } | Phase::Opening { gives_up: deadline } => {
                deadline.hold(now)
            }
            Phase::Authenticating { gives_up, resend, noise } => {
                gives_up.hold(now);
                noise.since.hold(now);
                if let Some(resend) = resend {
                    resend.hold(now);
                }
            }
            Phase::Open(open) => open.hold(now),
            Phase::Ended { .. } => {}
        }
    }

    fn open(&mut self, now: Timestamp) {
        self.phase = Phase::Opening { gives_up: Deadline::after(CONNECT_TIMEOUT, now) };
        self.wants.connect = true;
    }

    /// Notes a sign of life; tells whether one was asked for.
    fn heard(&mut self, now: Timestamp) -> bool {
        let Phase::Open(open) = &mut self.phase else { return true };
        open.silence = Deadline::after(SILENCE_MAX, now);
        open.unanswered.take().is_some()
    }

    fn take(&mut self, frame: ServerFrame, was_asked: bool, now: Timestamp) {
        match frame {
            ServerFrame::Connected(frame) => self.connected(frame, now),
            ServerFrame::Pong(_) if was_asked => {}
            ServerFrame::Pong(_) => self.noise(now),
            ServerFrame::MessageNew(frame) => self.pushed(frame),
            ServerFrame::MessageDelivered(frame) => self.events.push(SessionEvent::Delivered(frame)),
            ServerFrame::MessageRead(frame) => self.events.push(SessionEvent::Read(frame)),
            ServerFrame::AttachmentScanned(frame) => self.events.push(SessionEvent::AttachmentScanned(frame)),
            ServerFrame::Error(frame) => self.refused(frame, now),
            ServerFrame::Other(_) => {
                self.counts.unknown = self.counts.unknown.saturating_add(1);
                self.noise(now);
            }
        }
    }

    fn connected(&mut self, frame: ConnectedFrame, now: Timestamp) {
        let pending_count = frame.pending_count;
        let Some(naming) = Naming::of(frame.address, &self.address, &self.also_named) else {
            return self.disconnect(EndReason::OtherAgent, Some(CLOSE_NORMAL), Duration::ZERO, now);
        };
        if self.is_open() {
            // The authentication was sent twice; a deployed provider may answer twice.
            self.counts.unexpected = self.counts.unexpected.saturating_add(1);
            return self.noise(now);
        }
        self.phase = Phase::Open(Open::new(pending_count.unwrap_or_default(), now));
        self.wants.auth = false;
        self.events.push(SessionEvent::Connected(Connected { naming, pending_count }));
    }

    fn pushed(&mut self, frame: MessageFrame) {
        let waited = match &mut self.phase {
            Phase::Open(open) => {
                let left = open.backlog.checked_sub(1);
                open.backlog = left.unwrap_or_default();
                left.is_some()
            }
            _ => false,
        };
        let key = frame.sender_public_key.and_then(|key| key.key());
        let arrived = Arrived::pushed(frame.id, frame.message.into_bytes()).with_carried_key(key);
        let arrived = if frame.replay || waited { arrived.replayed() } else { arrived };
        self.events.push(SessionEvent::Message(arrived));
    }

    fn refused(&mut self, frame: ErrorFrame, now: Timestamp) {
        let about_agent = EndReason::of_error(&frame);
        self.events.push(SessionEvent::Error(frame));
        match (&mut self.phase, about_agent) {
            (Phase::Authenticating { .. }, Some(reason)) => {
                self.disconnect(reason, Some(CLOSE_NORMAL), Duration::ZERO, now);
            }
            (Phase::Authenticating { resend, .. }, None) => {
                *resend = None;
                self.noise(now);
            }
            (Phase::Open(open), said) => {
                open.said = said.or(open.said);
                self.noise(now);
            }
            _ => {}
        }
    }

    fn malformed(&mut self, _error: FrameError, now: Timestamp) {
        self.counts.malformed = self.counts.malformed.saturating_add(1);
        self.noise(now);
    }

    /// Counts a frame that says nothing. Too many of them end the connection.
    fn noise(&mut self, now: Timestamp) {
        let noise = match &mut self.phase {
            Phase::Authenticating { noise, .. } => noise,
            Phase::Open(open) => &mut open.noise,
            _ => return,
        };
        if noise.is_too_much(now) {
            self.disconnect(EndReason::Flood, Some(CLOSE_POLICY), Duration::ZERO, now);
        }
    }

    fn disconnect(&mut self, reason: EndReason, close: Option<u16>, at_least: Duration, now: Timestamp) {
        if let Phase::Open(open) = &self.phase
            && open.since.elapsed(now) >= STABLE
        {
            self.delays.reset();
            self.refused_delays.reset();
        }
        let delays = if reason.is_refusal() { &mut self.refused_delays } else { &mut self.delays };
        let retry = Deadline::after(delays.next_delay().max(at_least), now);
        self.phase = Phase::Waiting { retry, reason };
        self.wants = Wants { close, ..Wants::default() };
        self.events.push_end(Disconnected { reason, retry_at: retry.at() });
    }
}

impl Open {
    const fn new(backlog: u64, now: Timestamp) -> Self {
        Self {
            backlog,
            since: Since::new(now),
            ping: Deadline::after(PING_INTERVAL, now),
            silence: Deadline::after(SILENCE_MAX, now),
            unanswered: None,
            said: None,
            noise: Noise::new(now),
        }
    }

    fn hold(&mut self, now: Timestamp) {
        self.since.hold(now);
        self.noise.since.hold(now);
        self.ping.hold(now);
        self.silence.hold(now);
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.hold(now);
        }
    }

    /// A long silence, and a ping in it that was not answered.
    fn dead_at(&self) -> Option<Timestamp> {
        self.unanswered.map(|unanswered| unanswered.at().max(self.silence.at()))
    }

    fn is_dead(&self, now: Timestamp) -> bool {
        self.dead_at().is_some_and(|at| now >= at)
    }

    fn next_timeout(&self) -> Timestamp {
        self.dead_at().map_or(self.ping.at(), |at| at.min(self.ping.at()))
    }
}

impl Noise {
    const fn new(now: Timestamp) -> Self {
        Self { since: Since::new(now), frames: 0 }
    }

    fn is_too_much(&mut self, now: Timestamp) -> bool {
        if self.since.elapsed(now) >= NOISE_WINDOW {
            *self = Self::new(now);
        }
        self.frames = self.frames.saturating_add(1);
        self.frames > NOISE_MAX
    }
}
