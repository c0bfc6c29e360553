//! A pick-up between a provider, a clock and a host that do anything: it hurries nobody, acknowledges what it was told to
//! and nothing else, and hands everything out once the provider is honest.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use amp_core::connection::{Arrived, Call, PickUp, PickUpEvent, PickUpSettings, UnreadableEntry};
use amp_core::wire::{AnswerParts, Endpoint};
use amp_core::{Timestamp, write_json};

/// 2026-01-31T12:00:00Z.
const NOON: i64 = 1_769_860_800_000;
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

const BODIES: [&str; 16] = [
    r#"{"messages":[],"remaining":0}"#,
    r#"{"messages":[],"remaining":7,"next_cursor":"c1"}"#,
    r#"{"messages":[],"remaining":7,"next_cursor":"c2"}"#,
    r#"{"messages":[{"id":"msg_9_a","envelope":{},"payload":{}}],"remaining":9,"next_cursor":"c1"}"#,
    r#"{"messages":[{"id":"msg_9_a","envelope":{},"payload":{"b":1}}]}"#,
    r#"{"messages":[{"id":"msg_9_b","envelope":{},"payload":{}},{"id":"msg_9_b","envelope":{},"payload":{}},{"id":"msg_9_c","envelope":{},"payload":{}}],"remaining":0}"#,
    r#"{"messages":[{"id":"msg_9_d"},7,{}],"remaining":1}"#,
    r#"{"capabilities":["notify:v1","notify:longpoll"]}"#,
    r#"{"capabilities":["notify:v1"]}"#,
    r#"{"count":0}"#,
    r#"{"count":9007199254740991}"#,
    r#"{"acknowledged":true}"#,
    r#"{"acknowledged":false}"#,
    r#"{"acknowledged":1}"#,
    r#"{"error":"cursor_expired","message":""}"#,
    "<html>",
];
const STATUSES: [u16; 16] = [200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 405, 410, 429, 500, 501, 503];

/// A byte chooses each step, and the next one says what is in it; text up to the next 0xff is a body of the fuzzer's own.
pub fn pickup(data: &[u8]) {
    let Some((seed, mut steps)) = data.split_first() else { return };
    let mut world = World::new(*seed);
    for _ in 0..300 {
        let Some((step, rest)) = steps.split_first() else { break };
        let (argument, rest) = rest.split_first().map_or((0, rest), |(argument, rest)| (*argument, rest));
        steps = world.step(*step, argument, rest);
    }
    world.comes_to_an_end();
}

struct World {
    pickup: PickUp,
    now: Timestamp,
    calls: VecDeque<Call>,
    held: Vec<Arrived>,
    unreadable: Vec<UnreadableEntry>,
    delivered: BTreeSet<String>,
    given_back: BTreeSet<String>,
    /// The queue at an honest provider.
    queue: Vec<String>,
    sent: usize,
    able: bool,
}

impl World {
    fn new(seed: u8) -> Self {
        let settings = PickUpSettings::new(seed.into()).with_limit(u32::from(seed % 7));
        Self {
            pickup: PickUp::new(settings),
            now: Timestamp::from_unix_milliseconds(NOON).expect("a time"),
            calls: VecDeque::new(),
            held: Vec::new(),
            unreadable: Vec::new(),
            delivered: BTreeSet::new(),
            given_back: BTreeSet::new(),
            queue: Vec::new(),
            sent: 0,
            able: seed & 0x80 != 0,
        }
    }

    fn step<'a>(&mut self, step: u8, argument: u8, rest: &'a [u8]) -> &'a [u8] {
        match step % 16 {
            0..=3 => self.call(),
            4 | 5 => self.answer_honestly(),
            6 => self
                .answer(STATUSES[usize::from(argument >> 4)], BODIES[usize::from(argument & 15)].as_bytes()),
            7 => {
                let end = rest.iter().position(|byte| *byte == 0xff).unwrap_or(rest.len());
                self.answer(STATUSES[usize::from(argument & 15)], &rest[..end]);
                return rest.get(end + 1..).unwrap_or_default();
            }
            8 => {
                if let Some(call) = self.calls.pop_front() {
                    self.pickup.handle_failure(call.ticket(), self.now);
                }
            }
            9 => self.take(),
            10 => {
                if !self.held.is_empty() {
                    let arrived = self.held.swap_remove(usize::from(argument) % self.held.len());
                    self.given_back.insert(arrived.id().as_str().to_owned());
                    self.pickup.acknowledge(arrived);
                }
            }
            11 => drop(self.held.pop()),
            12 => self.pass(u64::from(argument) * 1_500),
            13 => {
                let years = Duration::from_secs(86_400 * 365 * u64::from(argument >> 3));
                let is_back = argument & 1 == 0;
                self.now =
                    if is_back { self.now.saturating_sub(years) } else { self.now.saturating_add(years) };
            }
            14 => match argument % 4 {
                0 => self.pickup.nudge(self.now),
                1 => self.pickup.resume(),
                2 => self.pickup.set_interval(Duration::from_secs(u64::from(argument) * 60)),
                _ => {
                    if let Some(entry) = self.unreadable.pop() {
                        self.given_back.insert(entry.id().as_str().to_owned());
                        self.pickup.discard(entry);
                    }
                }
            },
            _ => {
                for _ in 0..argument % 8 {
                    self.queue.push(format!("msg_1_{}", self.sent));
                    self.sent += 1;
                }
            }
        }
        rest
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now = self.now.saturating_add(Duration::from_millis(milliseconds));
    }

    fn call(&mut self) {
        let Some(call) = self.pickup.poll_call(self.now) else {
            let next = self.pickup.next_timeout();
            assert!(
                next.is_none_or(|next| next <= self.now.saturating_add(LONGEST_WAIT)),
                "it waits for too long"
            );
            return;
        };
        assert!(call.timeout() <= Duration::from_secs(60));
        let query = |name: &str| {
            call.parts().query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
        };
        assert!(query("wait").is_none_or(|wait| wait.parse::<u64>().expect("seconds") <= 30));
        assert!(
            query("limit").is_none_or(|limit| (1..=1_000).contains(&limit.parse::<u32>().expect("a number")))
        );
        for id in acknowledged_by(&call) {
            assert!(self.given_back.contains(&id), "{id} is acknowledged and was not given back");
        }
        self.calls.push_back(call);
        // Calls that timed out are not waited for any more; the driver drops them.
        while self.calls.len() > 8 {
            self.calls.pop_front();
        }
    }

    fn answer(&mut self, status: u16, body: &[u8]) {
        if let Some(call) = self.calls.pop_front() {
            let answer = AnswerParts::new(status).with_body(body.to_vec());
            self.pickup.handle_answer(call.ticket(), &answer, self.now);
        }
    }

    fn answer_honestly(&mut self) {
        let Some(call) = self.calls.pop_front() else { return };
        let (status, body) = self.honest(&call);
        let answer = AnswerParts::new(status).with_body(body.into_bytes());
        self.pickup.handle_answer(call.ticket(), &answer, self.now);
    }

    fn honest(&mut self, call: &Call) -> (u16, String) {
        match call.endpoint() {
            Endpoint::GetInfo if self.able => (200, BODIES[8].to_owned()),
            Endpoint::GetInfo => (200, "{}".to_owned()),
            Endpoint::CountPending if self.able => (200, format!(r#"{{"count":{}}}"#, self.queue.len())),
            Endpoint::GetPending => (200, self.page(call)),
            Endpoint::Acknowledge | Endpoint::AcknowledgeBatch => {
                let ids = acknowledged_by(call);
                let before = self.queue.len();
                self.queue.retain(|id| !ids.contains(id));
                match call.endpoint() {
                    Endpoint::AcknowledgeBatch => {
                        (200, format!(r#"{{"acknowledged":{}}}"#, before - self.queue.len()))
                    }
                    _ if before == self.queue.len() => {
                        (404, r#"{"error":"not_found","message":""}"#.to_owned())
                    }
                    _ => (200, BODIES[11].to_owned()),
                }
            }
            _ => (404, String::new()),
        }
    }

    /// Places are the numbers of messages.
    fn page(&self, call: &Call) -> String {
        let query = |name: &str| {
            call.parts().query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
        };
        let limit = query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20);
        let number =
            |id: &str| id.rsplit('_').next().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
        let after = query("after").and_then(|place| place.strip_prefix('n')?.parse::<usize>().ok());
        let behind: Vec<_> =
            self.queue.iter().filter(|id| after.is_none_or(|after| number(id) > after)).collect();
        let messages: Vec<_> = behind
            .iter()
            .take(limit)
            .map(|id| format!(r#"{{"id":{},"envelope":{{}},"payload":{{}}}}"#, write_json(id).expect("text")))
            .collect();
        let last = behind.get(messages.len().wrapping_sub(1)).map(|id| number(id)).or(after);
        let place =
            last.filter(|_| self.able).map(|last| format!(r#","next_cursor":"n{last}""#)).unwrap_or_default();
        let remaining = behind.len() - messages.len();
        format!(r#"{{"messages":[{}],"remaining":{remaining}{place}}}"#, messages.join(","))
    }

    fn take(&mut self) {
        while let Some(event) = self.pickup.poll_event() {
            match event {
                PickUpEvent::Arrived(arrived) => {
                    self.delivered.insert(arrived.id().as_str().to_owned());
                    self.held.push(arrived);
                }
                PickUpEvent::Unreadable(entry) => self.unreadable.push(entry),
                PickUpEvent::Acknowledged(id) => {
                    assert!(
                        self.given_back.contains(id.as_str()),
                        "{id} is acknowledged and was not given back"
                    );
                }
                PickUpEvent::Failed(error) | PickUpEvent::Forbidden(error) => {
                    super::assert_prints_safely(&error)
                }
                _ => {}
            }
        }
    }

    /// All works again: everything that waits is handed out.
    fn comes_to_an_end(&mut self) {
        self.calls.clear();
        self.pickup.resume();
        for _ in 0..4_000 {
            self.take();
            while let Some(arrived) = self.held.pop() {
                self.given_back.insert(arrived.id().as_str().to_owned());
                self.pickup.acknowledge(arrived);
            }
            if self.queue.iter().all(|id| self.delivered.contains(id)) {
                return;
            }
            self.call();
            if self.calls.is_empty() {
                let next = self.pickup.next_timeout().unwrap_or(self.now);
                self.now = self.now.max(next);
            }
            self.answer_honestly();
        }
        let left: Vec<_> = self.queue.iter().filter(|id| !self.delivered.contains(*id)).collect();
        panic!("never handed out: {left:?}");
    }
}

fn acknowledged_by(call: &Call) -> Vec<String> {
    let parts = call.parts();
    match call.endpoint() {
        Endpoint::AcknowledgeBatch => {
            let body = amp_core::JsonValue::read_object(&parts.body).expect("JSON");
            let ids = body.get("ids").expect("ids").elements();
            ids.filter_map(|id| id.as_str().map(|id| id.into_owned())).collect()
        }
        Endpoint::Acknowledge => {
            let named = parts.query.iter().find(|(key, _)| key == "id").map(|(_, value)| value.clone());
            vec![named.unwrap_or_else(|| parts.path.rsplit('/').next().expect("an id").to_owned())]
        }
        _ => Vec::new(),
    }
}
