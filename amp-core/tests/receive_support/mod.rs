//! Agents, keys and messages for the tests of the receiver.
#![allow(dead_code, unreachable_pub)]

use std::sync::{Arc, LazyLock};

use amp_core::receive::{Context, Disposition, Effect, Receiver, ReceiverBuilder, Refusal, SenderKey, Via};
use amp_core::scan::Scanner;
use amp_core::{Address, Draft, Identity, SignedMessage, Timestamp, VerifyingKey};
use serde_json::Value;

pub const NOON: &str = "2026-01-31T12:00:00Z";
pub const ALICE: &str = "alice@acme.crabmail.ai";
pub const BOB: &str = "bob@acme.crabmail.ai";
pub const MALLORY: &str = "mallory@evil.crabmail.ai";

/// Rules of our own, so that the tests do not depend on the crate's.
static SCANNER: LazyLock<Arc<Scanner>> = LazyLock::new(|| {
    let rules = "rule test.low instruction_override low: purple pebble\n\
                 rule test.medium instruction_override medium: purple lantern\n\
                 rule test.high instruction_override high: purple elephant\n\
                 rule test.critical command_injection critical: purple volcano\n";
    Arc::new(Scanner::builder().rules(rules).unwrap().build())
});

pub fn scanner() -> Arc<Scanner> {
    Arc::clone(&SCANNER)
}

pub fn agent(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

pub fn alice() -> Identity {
    agent(1)
}

pub fn bob() -> Identity {
    agent(2)
}

pub fn mallory() -> Identity {
    agent(66)
}

pub fn key(identity: &Identity) -> VerifyingKey {
    identity.verifying_key().clone()
}

pub fn address(text: &str) -> Address {
    Address::parse_with(text, amp_core::Profile::Deployed).unwrap()
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn noon() -> Timestamp {
    time(NOON)
}

/// Seconds after noon, or before it.
pub fn after(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(noon().unix_seconds() + seconds).unwrap()
}

pub const DAY: i64 = 86_400;

pub fn draft(from: &str, text: &str) -> Draft {
    Draft::request(address(BOB), "A subject", text).from(&address(from))
}

pub fn nonce(n: u8) -> [u8; 16] {
    [n; 16]
}

/// A message from Alice, signed at noon with a nonce.
pub fn from_alice(n: u8, text: &str) -> SignedMessage {
    draft(ALICE, text).sign_with_nonce(&alice(), noon(), nonce(n)).unwrap()
}

/// A message from Alice without a freshness block.
pub fn plain_from_alice(n: u8, text: &str) -> SignedMessage {
    draft(ALICE, text).without_freshness().sign_with_nonce(&alice(), noon(), nonce(n)).unwrap()
}

/// The message with members of its envelope set, as whoever relays it can; null removes one.
pub fn relayed(message: &SignedMessage, members: &[(&str, Value)]) -> Vec<u8> {
    edited(&message.to_json(), "envelope", members)
}

pub fn edited(json: &str, part: &str, members: &[(&str, Value)]) -> Vec<u8> {
    let mut message: Value = serde_json::from_str(json).unwrap();
    let object = message[part].as_object_mut().unwrap();
    for (name, value) in members {
        if value.is_null() {
            object.remove(*name);
        } else {
            object.insert((*name).to_owned(), value.clone());
        }
    }
    serde_json::to_vec(&message).unwrap()
}

pub fn builder() -> ReceiverBuilder {
    Receiver::builder(address(BOB)).scanner(scanner())
}

/// Bob, who knows nobody yet.
pub fn receiver() -> Receiver {
    builder().build()
}

/// Bob, who knows Alice's key.
pub fn acquainted() -> Receiver {
    builder().restore(&acquaintance()).build()
}

/// Effects that make Alice known.
pub fn acquaintance() -> Vec<Effect> {
    let mut receiver = receiver();
    let change = receiver.confirm_key(&address(ALICE), &key(&alice()), after(-DAY)).unwrap();
    change.effects().to_vec()
}

/// Delivered directly a few seconds after noon, with Alice's key from Bob's own provider.
pub fn direct() -> Context<'static> {
    direct_at(after(5))
}

pub fn direct_at(now: Timestamp) -> Context<'static> {
    Context::new(now, Via::Direct).with_key(SenderKey::resolved(key(&alice())))
}

pub fn relay(now: Timestamp, queued_at: Timestamp) -> Context<'static> {
    Context::new(now, Via::Relay { queued_at }).with_key(SenderKey::resolved(key(&alice())))
}

pub fn receive(receiver: &mut Receiver, bytes: &[u8], context: &Context<'_>) -> Disposition {
    receiver.receive(bytes, context).commit()
}

pub fn send(receiver: &mut Receiver, message: &SignedMessage, context: &Context<'_>) -> Disposition {
    receive(receiver, message.to_json().as_bytes(), context)
}

/// The word that a disposition is known by in these tests: a refusal's code, else its kind.
pub fn word(disposition: &Disposition) -> &'static str {
    match disposition {
        Disposition::Deliver(_) => "accept",
        Disposition::Untrusted(_) => "untrusted",
        Disposition::Quarantine(_) => "quarantine",
        Disposition::Reject(refusal) => refusal.code(),
        Disposition::Duplicate(_) => "duplicate_message",
        _ => "unknown",
    }
}

pub fn refusal(disposition: Disposition) -> Refusal {
    match disposition {
        Disposition::Reject(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub fn delivered(disposition: Disposition) -> Box<amp_core::receive::Received> {
    match disposition {
        Disposition::Deliver(received) => received,
        other => panic!("not delivered: {other:?}"),
    }
}

/// A message with this payload, signed over its canonical form.
pub fn signed_payload(signer: &Identity, from: &str, payload: &str) -> Vec<u8> {
    let hash = amp_core::PayloadHash::of(payload.as_bytes(), amp_core::Dialect::Jcs).unwrap();
    let (sender, bob) = (address(from), address(BOB));
    let string =
        amp_core::signing_string(&sender, &bob, "Hi", amp_core::Priority::Normal, None, &hash).unwrap();
    let signature = signer.sign(amp_core::SigningContext::Message, string.as_bytes()).unwrap().to_base64();
    format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1769860800_00","from":"{from}","to":"{BOB}","subject":"Hi",
        "timestamp":"{NOON}","thread_id":"msg_1769860800_00","signature":"{signature}"}},"payload":{payload}}}"#
    )
    .into_bytes()
}
