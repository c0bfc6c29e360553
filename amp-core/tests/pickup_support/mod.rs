//! A queue at a provider, as honest ones keep it, and a driver that picks up from it.
#![allow(dead_code, unreachable_pub, clippy::std_instead_of_core, reason = "each test takes what it needs")]

use std::time::Duration;

use amp_core::connection::{Arrived, Call, Oddity, PickUp, PickUpEvent, PickUpSettings};
use amp_core::wire::{AnswerParts, ApiError, ApiErrorCode, Endpoint, RequestParts};
use amp_core::{Profile, Timestamp};
use serde_json::{Value, json};

pub fn noon() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn ok(body: &Value) -> AnswerParts {
    AnswerParts::new(200).with_body(body.to_string().into_bytes())
}

pub fn refusal(code: ApiErrorCode) -> AnswerParts {
    ApiError::new(code, "refused").to_parts()
}

pub fn entry(id: &str) -> Value {
    json!({"id": id, "envelope": {"id": id}, "payload": {"text": id}, "queued_at": "2026-01-31T11:59:00Z"})
}

/// What a provider can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Able {
    pub counts: bool,
    pub waits: bool,
    pub batches: bool,
    pub removes: bool,
}

impl Able {
    pub const PLAIN: Self = Self { counts: false, waits: false, batches: true, removes: true };
    pub const FULL: Self = Self { counts: true, waits: true, batches: true, removes: true };
}

/// An honest provider's queue of one agent.
#[derive(Clone, Debug)]
pub struct Queue {
    pub able: Able,
    /// Ids with their places.
    pub entries: Vec<(u64, String)>,
    pub next: u64,
    /// The most that it gives at once.
    pub limit_max: usize,
    pub calls: usize,
    pub acked: Vec<String>,
}

impl Queue {
    pub fn new(able: Able) -> Self {
        Self { able, entries: Vec::new(), next: 1, limit_max: 100, calls: 0, acked: Vec::new() }
    }

    pub fn push(&mut self, id: &str) {
        self.entries.push((self.next, id.into()));
        self.next += 1;
    }

    pub fn fill(&mut self, count: usize) {
        self.fill_from(0, count);
    }

    pub fn fill_from(&mut self, first: usize, count: usize) {
        for number in first..first + count {
            self.push(&format!("msg_1_{number:04}"));
        }
    }

    pub fn answer(&mut self, parts: &RequestParts, endpoint: Endpoint) -> AnswerParts {
        self.calls += 1;
        match endpoint {
            Endpoint::GetInfo => {
                let mut capabilities = Vec::new();
                capabilities.extend(self.able.counts.then_some("notify:v1"));
                capabilities.extend(self.able.waits.then_some("notify:longpoll"));
                ok(&json!({ "capabilities": capabilities }))
            }
            Endpoint::CountPending if self.able.counts => ok(&json!({"count": self.entries.len()})),
            Endpoint::GetPending => self.page(parts),
            Endpoint::AcknowledgeBatch if self.able.batches => {
                let body: Value = serde_json::from_slice(&parts.body).unwrap();
                let ids = body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
                let count = ids.filter(|id| self.remove(id)).count();
                ok(&json!({ "acknowledged": count }))
            }
            Endpoint::Acknowledge => {
                let id = parts.path.rsplit('/').next().unwrap().to_owned();
                if self.remove(&id) {
                    ok(&json!({"acknowledged": true}))
                } else {
                    refusal(ApiErrorCode::NotFound)
                }
            }
            _ => AnswerParts::new(404).with_body(b"<html>".to_vec()),
        }
    }

    fn remove(&mut self, id: &str) -> bool {
        let before = self.entries.len();
        self.acked.push(id.into());
        if self.able.removes {
            self.entries.retain(|(_, other)| other != id);
        }
        before > self.entries.len() || !self.able.removes
    }

    fn page(&self, parts: &RequestParts) -> AnswerParts {
        let value =
            |name: &str| parts.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let limit =
            value("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20_usize).min(self.limit_max);
        let after: u64 = match value("after") {
            Some(_) if !self.able.counts => return refusal(ApiErrorCode::InvalidField),
            Some(place) => place.trim_start_matches('c').parse().unwrap(),
            None => 0,
        };
        let behind: Vec<_> = self.entries.iter().filter(|(place, _)| *place > after).collect();
        let messages: Vec<_> = behind.iter().take(limit).map(|(_, id)| entry(id)).collect();
        let remaining = behind.len() - messages.len();
        let mut body = json!({"messages": messages, "count": messages.len(), "remaining": remaining});
        if self.able.counts {
            let place = behind.get(messages.len().saturating_sub(1)).map_or(after, |(place, _)| *place);
            body["next_cursor"] = json!(format!("c{place}"));
        }
        ok(&body)
    }
}

/// A pick-up and its driver.
pub struct Driver {
    pub pickup: PickUp,
    pub now: Timestamp,
    pub arrived: Vec<String>,
    pub acknowledged: Vec<String>,
    pub oddities: Vec<Oddity>,
    pub others: Vec<PickUpEvent>,
    /// When calls were made, by their endpoints.
    pub calls: Vec<(Timestamp, Endpoint, RequestParts)>,
}

impl Driver {
    pub fn new(settings: PickUpSettings) -> Self {
        Self {
            pickup: PickUp::new(settings),
            now: noon(),
            arrived: Vec::new(),
            acknowledged: Vec::new(),
            oddities: Vec::new(),
            others: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub fn plain() -> Self {
        Self::new(PickUpSettings::new(7))
    }

    pub fn call(&mut self) -> Option<Call> {
        let call = self.pickup.poll_call(self.now)?;
        self.calls.push((self.now, call.endpoint(), call.parts().clone()));
        Some(call)
    }

    pub fn wait(&mut self, count: u64) {
        self.now = self.now.saturating_add(seconds(count));
    }

    /// Goes on to the next deadline. False when there is none.
    pub fn next(&mut self) -> bool {
        let next = self.pickup.next_timeout();
        if let Some(next) = next {
            self.now = self.now.max(next);
        }
        next.is_some()
    }

    /// Takes what there is; messages are given back.
    pub fn take(&mut self) -> Vec<Arrived> {
        let mut messages = Vec::new();
        while let Some(event) = self.pickup.poll_event() {
            match event {
                PickUpEvent::Arrived(arrived) => {
                    self.arrived.push(arrived.id().as_str().to_owned());
                    messages.push(arrived);
                }
                PickUpEvent::Acknowledged(id) => self.acknowledged.push(id.as_str().to_owned()),
                PickUpEvent::Odd(oddity) => self.oddities.push(oddity),
                other => self.others.push(other),
            }
        }
        messages
    }

    /// Makes calls and acknowledges what comes, until nothing is due.
    pub fn run(&mut self, answer: &mut dyn FnMut(&RequestParts, Endpoint) -> AnswerParts) {
        for _ in 0..3_000 {
            let call = self.call();
            let Some(call) = call else { return };
            let answer = answer(call.parts(), call.endpoint());
            self.pickup.handle_answer(call.ticket(), &answer, self.now);
            for arrived in self.take() {
                self.pickup.acknowledge(arrived);
            }
        }
        panic!("it goes on and on: {:?}", self.calls.iter().rev().take(8).collect::<Vec<_>>());
    }

    /// The same over a time, from deadline to deadline.
    pub fn run_for(&mut self, count: u64, answer: &mut dyn FnMut(&RequestParts, Endpoint) -> AnswerParts) {
        let end = self.now.saturating_add(seconds(count));
        while self.now < end {
            self.run(answer);
            if !self.next() {
                return;
            }
        }
    }

    pub fn count_of(&self, endpoint: Endpoint) -> usize {
        self.calls.iter().filter(|(_, other, _)| *other == endpoint).count()
    }
}

pub fn query<'a>(parts: &'a RequestParts, name: &str) -> Option<&'a str> {
    parts.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub fn id(text: &str) -> amp_core::MessageId {
    amp_core::MessageId::parse_with(text, Profile::Deployed).unwrap()
}
