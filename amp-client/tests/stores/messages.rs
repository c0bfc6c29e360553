//! Messages and effects to keep.

use amp_client::address::{Address, Profile};
use amp_client::envelope::{Message, MessageId, StoredMessage, Timestamp};
use amp_client::receive::{Effect, QuarantineEntry};
use amp_client::store::HeldMessage;

pub const ALICE: &str = "alice@acme.crabmail.ai";
pub const BOB: &str = "bob@acme.crabmail.ai";

/// A message's parts.
#[derive(Clone, Debug)]
pub struct Letter {
    pub from: String,
    pub to: String,
    pub id: String,
    pub thread: String,
    pub text: String,
    pub stamp: String,
}

impl Letter {
    /// The letter of a number, from Alice to Bob.
    pub fn number(number: u64) -> Self {
        let id = format!("msg_1769853600_{number:016x}");
        Self {
            from: ALICE.into(),
            to: BOB.into(),
            thread: id.clone(),
            id,
            text: format!("letter {number}"),
            stamp: "2026-01-31T10:00:00Z".into(),
        }
    }

    pub fn from(mut self, from: &str) -> Self {
        self.from = from.into();
        self
    }

    pub fn to(mut self, to: &str) -> Self {
        self.to = to.into();
        self
    }

    pub fn id(mut self, id: &str) -> Self {
        self.id = id.into();
        self
    }

    pub fn thread(mut self, thread: &str) -> Self {
        self.thread = thread.into();
        self
    }

    pub fn text(mut self, text: &str) -> Self {
        self.text = text.into();
        self
    }

    pub fn stamp(mut self, stamp: &str) -> Self {
        self.stamp = stamp.into();
        self
    }

    pub fn message(&self) -> Message {
        let text = serde_json::to_string(&self.text).unwrap();
        let Self { from, to, id, thread, stamp, .. } = self;
        let json = format!(
            r#"{{"envelope":{{"version":"amp/0.1","id":"{id}","from":"{from}","to":"{to}","subject":"Hi",
            "priority":"normal","timestamp":"{stamp}","thread_id":"{thread}","signature":null}},
            "payload":{{"type":"notification","message":{text},"context":null}}}}"#
        );
        Message::decode(json.as_bytes()).unwrap()
    }

    /// Received so many seconds after ten o'clock.
    pub fn received(&self, seconds: u64) -> StoredMessage {
        StoredMessage::new(self.message(), at(seconds))
    }
}

/// So many seconds after ten o'clock.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_769_853_600 + i64::try_from(seconds).unwrap()).unwrap()
}

/// An effect with a number.
pub fn effect(number: u64) -> Effect {
    Effect::ClockSet { to: at(number) }
}

/// The numbers of effects.
pub fn numbers(effects: &[Effect]) -> Vec<u64> {
    let number = |effect: &Effect| match effect {
        Effect::ClockSet { to } => u64::try_from(to.unix_seconds() - 1_769_853_600).unwrap(),
        other => panic!("{other:?}"),
    };
    effects.iter().map(number).collect()
}

pub fn id(text: &str) -> MessageId {
    MessageId::parse_with(text, Profile::Deployed).unwrap()
}

pub fn address(text: &str) -> Address {
    Address::parse_with(text, Profile::Deployed).unwrap()
}

/// The held message of a number.
pub fn held(number: u64) -> HeldMessage {
    let entry = format!(
        r#"{{"quarantine_id":"qtn_1769853600_{number:016x}","reason":"injection_detected",
        "rules_triggered":["override.en"],"severity":"high","quarantined_at":"2026-01-31T10:00:00Z",
        "expires_at":"2026-02-03T10:00:00Z","status":"pending","sender":"{ALICE}",
        "message_id":"msg_1769853600_{number:016x}","digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#
    );
    let entry = QuarantineEntry::from_json(entry.as_bytes()).unwrap();
    HeldMessage::new(entry, Letter::number(number).message().to_json().into_bytes())
}
