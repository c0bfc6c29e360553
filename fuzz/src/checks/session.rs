//! A session between a peer, a clock and a host that do anything: it never hurries, never stops, and acknowledges what
//! it was told to and nothing else.

use std::collections::VecDeque;
use std::time::Duration;

use amp_core::connection::{Arrived, Session, SessionEvent, Transmit};
use amp_core::{Address, Timestamp};

const KEY: &str = "amp_live_sk_7f53efb3fb6588af";
/// 2026-01-31T12:00:00Z.
const NOON: i64 = 1_769_860_800_000;
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

const FRAMES: [&str; 12] = [
    r#"{"type":"connected","data":{"address":"bob@team.acme.crabmail.ai","pending_count":3}}"#,
    r#"{"type":"connected","address":"bob@acme.crabmail.ai"}"#,
    r#"{"type":"connected","address":"mallory@acme.crabmail.ai"}"#,
    r#"{"type":"pong","timestamp":"2026-01-31T12:00:00Z"}"#,
    r#"{"type":"message","envelope":{"id":"msg_1_a"},"payload":{}}"#,
    r#"{"type":"message.new","replay":true,"data":{"id":"msg_2_b","envelope":{},"payload":{}}}"#,
    r#"{"type":"message.delivered","data":{"id":"msg_3_c","basis":"socket_written"}}"#,
    r#"{"type":"error","error":"invalid_token"}"#,
    r#"{"type":"error","error":"agent_suspended"}"#,
    r#"{"type":"error","error":"rate_limited"}"#,
    r#"{"type":"attachment.scanned","data":{}}"#,
    "nonsense",
];
const CODES: [Option<u16>; 8] =
    [None, Some(1000), Some(1006), Some(1008), Some(4001), Some(4002), Some(4003), Some(4999)];

/// A byte chooses each step, and the next one says what is in it; text up to the next 0xff is a frame of the peer's own.
pub fn session(data: &[u8]) {
    let Some((seed, mut steps)) = data.split_first() else { return };
    let mut world = World::new(*seed);
    for _ in 0..400 {
        let Some((step, rest)) = steps.split_first() else { break };
        let (argument, rest) = rest.split_first().map_or((0, rest), |(argument, rest)| (*argument, rest));
        steps = world.step(*step, argument, rest);
        world.is_sound();
    }
    world.comes_back();
}

struct World {
    session: Session,
    now: Timestamp,
    /// The latest that it ever was.
    latest: Timestamp,
    /// As the driver knows it.
    has_socket: bool,
    auths: u32,
    held: VecDeque<Arrived>,
    acknowledged: Vec<String>,
    waiting: u32,
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_unix_milliseconds(milliseconds).expect("a time")
}

impl World {
    fn new(seed: u8) -> Self {
        let bob: Address = "bob@team.acme.crabmail.ai".parse().expect("an address");
        let session = Session::builder(bob, KEY.parse().expect("a key")).seed(seed.into()).build(at(NOON));
        Self {
            session,
            now: at(NOON),
            latest: at(NOON),
            has_socket: false,
            auths: 0,
            held: VecDeque::new(),
            acknowledged: Vec::new(),
            waiting: 0,
        }
    }

    fn step<'a>(&mut self, step: u8, argument: u8, rest: &'a [u8]) -> &'a [u8] {
        match step % 16 {
            0..=2 => self.due(),
            3 => self.pass(i64::from(argument) * 1_500),
            4 => self.jump(argument),
            5 => {
                self.send();
                if self.has_socket {
                    self.session.handle_connected(self.now);
                }
            }
            6 => {
                self.session.handle_closed(CODES[usize::from(argument) % CODES.len()], self.now);
                self.has_socket &= self.session.is_open();
            }
            7 => {
                let retry_after =
                    argument.is_multiple_of(3).then_some(Duration::from_secs(1 << (argument % 64)));
                self.session.handle_not_upgraded(400 + u16::from(argument), retry_after, self.now);
            }
            8 => self.session.handle_control(self.now),
            9 => self.session.handle_binary(self.now),
            10 => self.send(),
            11 => self.take(),
            12 => {
                if let Some(arrived) = self.held.pop_front() {
                    self.acknowledged.push(arrived.id().as_str().to_owned());
                    self.session.acknowledge(arrived);
                }
            }
            13 => self.session.replace_key(KEY.parse().expect("a key"), self.now),
            14 => {
                let end = rest.iter().position(|byte| *byte == 0xff).unwrap_or(rest.len());
                self.frame(&rest[..end]);
                return rest.get(end + 1..).unwrap_or_default();
            }
            _ => self.frame(FRAMES[usize::from(argument) % FRAMES.len()].as_bytes()),
        }
        rest
    }

    fn due(&mut self) {
        let due = self.session.next_timeout().expect("a session that was not ended waits for something");
        self.set(self.now.max(due));
        self.session.handle_timeout(self.now);
        assert!(self.session.next_timeout().expect("a time") > self.now, "what was due is still due");
    }

    fn set(&mut self, now: Timestamp) {
        self.now = now;
        self.latest = self.latest.max(now);
    }

    fn pass(&mut self, milliseconds: i64) {
        self.set(at(self.now.unix_milliseconds() + milliseconds));
        self.session.handle_timeout(self.now);
    }

    /// Up to ten years in either direction.
    fn jump(&mut self, argument: u8) {
        let years = i64::from(i8::from_ne_bytes([argument])) / 12;
        let to = self.now.unix_milliseconds() + years * 31_536_000_000;
        self.set(at(to.clamp(0, 4 * NOON)));
        self.session.handle_timeout(self.now);
    }

    fn frame(&mut self, text: &[u8]) {
        self.send();
        if !self.has_socket {
            return;
        }
        while self.session.handle_frame(text, self.now).is_err() {
            assert!(self.waiting <= 1, "the host has taken everything");
            self.take();
            self.waiting += 1;
        }
        self.waiting = 0;
    }

    fn send(&mut self) {
        while let Some(transmit) = self.session.poll_transmit() {
            match transmit {
                Transmit::Connect => (self.has_socket, self.auths) = (true, 0),
                Transmit::Close(_) => self.has_socket = false,
                Transmit::Text(text) => self.written(text.expose()),
                _ => panic!("something else"),
            }
        }
    }

    fn written(&mut self, text: &str) {
        assert!(self.has_socket, "there is no socket for {text}");
        if text.starts_with(r#"{"type":"auth""#) {
            self.auths += 1;
            assert!(self.auths <= 2, "an authentication too many");
            assert!(!self.session.is_open(), "the authentication was answered");
            return;
        }
        assert!(self.session.is_open(), "{text} before the authentication was answered");
        if text != r#"{"type":"ping"}"# {
            let id =
                self.acknowledged.iter().position(|id| text == format!(r#"{{"type":"ack","id":"{id}"}}"#));
            self.acknowledged.remove(id.unwrap_or_else(|| panic!("{text} was not acknowledged")));
        }
    }

    fn take(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Message(arrived) => self.held.push_back(arrived),
                SessionEvent::Disconnected(end) => {
                    // It may have happened long ago, by a clock that has gone back since.
                    assert!(
                        end.retry_at.duration_since(self.latest).unwrap_or_default() <= LONGEST_WAIT,
                        "{end:?}"
                    );
                }
                _ => {}
            }
        }
    }

    fn is_sound(&self) {
        let due = self.session.next_timeout().expect("a session that was not ended waits for something");
        assert!(
            due.duration_since(self.now).unwrap_or_default() <= LONGEST_WAIT,
            "nothing is due before {due}"
        );
    }

    /// Whatever happened, an honest peer is connected to in the end.
    fn comes_back(&mut self) {
        self.session.handle_closed(None, self.now);
        self.has_socket = false;
        for _ in 0..400 {
            self.send();
            if self.has_socket {
                self.session.handle_connected(self.now);
                self.send();
                self.frame(FRAMES[0].as_bytes());
                if self.session.is_open() {
                    return;
                }
            }
            self.due();
        }
        panic!("the session does not come back");
    }
}
