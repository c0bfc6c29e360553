//! A receiver and whatever arrives for it: forged mail changes nothing, nothing is accepted twice, and what is remembered
//! is the sum of the effects. The fuzzer signs with the senders' keys, so that it gets past the signature.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use amp_core::receive::{
    Context, Disposition, Effect, Flag, Receiver, Reception, RefusalReason, ReplayLimits, Revocation,
    RevocationReason, SenderKey, Via,
};
use amp_core::scan::Scanner;
use amp_core::trust::TrustLevel;
use amp_core::{
    Address, Dialect, Identity, Payload, PayloadHash, Priority, SigningContext, Timestamp, VerifyingKey,
    signing_string, write_json,
};

use super::assert_fit_to_show;

const SENDERS: [&str; 4] =
    ["alice@acme.crabmail.ai", "carol@team.acme.crabmail.ai", "dave@far.example.org", "bob@acme.crabmail.ai"];
/// 2026-01-31T12:00:00Z.
const NOON: i64 = 1_769_860_800;

static SCANNER: LazyLock<Arc<Scanner>> = LazyLock::new(|| Arc::new(Scanner::new()));
static AGENTS: LazyLock<Vec<Identity>> =
    LazyLock::new(|| (1..6).map(|n| Identity::from_seed(&[n; 32])).collect());

/// A byte chooses each step, and the next ones say what is in it; a message takes up to the next 0xff.
pub fn receive(data: &[u8]) {
    let mut world = World::new();
    let mut input = Input(data);
    for _ in 0..24 {
        let Some(step) = input.next() else { break };
        match step % 16 {
            0 => world.name_key(&mut input),
            1 => world.confirm_key(&mut input),
            2 => world.rotate_key(&mut input),
            3 => world.revoke_key(&mut input),
            4 => world.set_clock(&mut input),
            5 => world.forget_address(&mut input),
            6 => world.raw(input.until_mark()),
            _ => world.message(&mut input, step),
        }
    }
    world.is_the_sum_of_its_effects();
}

/// The bytes that are left.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    fn until_mark(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0xff);
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        taken
    }

    fn sender(&mut self) -> Address {
        let text = SENDERS[usize::from(self.byte()) % SENDERS.len()];
        text.parse().expect("an address")
    }

    fn agent(&mut self) -> &'static Identity {
        &AGENTS[usize::from(self.byte()) % AGENTS.len()]
    }

    fn key(&mut self) -> VerifyingKey {
        self.agent().verifying_key().clone()
    }

    /// Up to two minutes, hours, or days from noon, in either direction.
    fn time(&mut self) -> Timestamp {
        let byte = self.byte();
        let unit = [1, 60, 3_600, 43_200][usize::from(byte & 3)];
        at(i64::from(i8::from_ne_bytes([byte & !3])) * unit)
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(NOON + seconds).expect("a time")
}

struct World {
    bob: Receiver,
    log: Vec<Effect>,
    latest: Option<Timestamp>,
    accepted: BTreeSet<([u8; 32], String)>,
    nonces: BTreeSet<([u8; 32], [u8; 16])>,
}

fn builder() -> amp_core::receive::ReceiverBuilder {
    let limits = ReplayLimits::default().with_per_sender(4).with_total(7);
    Receiver::builder(SENDERS[3].parse().expect("an address"))
        .scanner(Arc::clone(&SCANNER))
        .dialects([Dialect::Jcs, Dialect::Maestro])
        .replay_limits(limits)
}

impl World {
    fn new() -> Self {
        Self {
            bob: builder().build(),
            log: Vec::new(),
            latest: None,
            accepted: BTreeSet::new(),
            nonces: BTreeSet::new(),
        }
    }

    fn name_key(&mut self, input: &mut Input<'_>) {
        let (sender, key, now) = (input.sender(), input.key(), input.time());
        if let Ok(change) = self.bob.name_key(&sender, &SenderKey::resolved(key), now) {
            self.log.extend(change.effects().iter().cloned());
            change.commit();
        }
    }

    fn confirm_key(&mut self, input: &mut Input<'_>) {
        let (sender, key, now) = (input.sender(), input.key(), input.time());
        if let Ok(change) = self.bob.confirm_key(&sender, &key, now) {
            self.log.extend(change.effects().iter().cloned());
            change.commit();
        }
    }

    fn rotate_key(&mut self, input: &mut Input<'_>) {
        let (sender, old, new, now) = (input.sender(), input.agent(), input.agent(), input.time());
        let Ok(request) = amp_core::identity::RotationRequest::prove(old, new) else { return };
        if let Ok(change) = self.bob.rotate_key(&sender, &request, now) {
            self.log.extend(change.effects().iter().cloned());
            change.commit();
        }
    }

    fn revoke_key(&mut self, input: &mut Input<'_>) {
        let (sender, key, at) = (input.sender(), input.key(), input.time());
        let record = Revocation::new(key.fingerprint(), sender, at, RevocationReason::AdminAction);
        let change = self.bob.revoke_key(record, at).expect("there is room");
        self.log.extend(change.effects().iter().cloned());
        change.commit();
    }

    fn forget_address(&mut self, input: &mut Input<'_>) {
        let (sender, now) = (input.sender(), input.time());
        let change = self.bob.forget_address(&sender, now);
        self.log.extend(change.effects().iter().cloned());
        change.commit();
    }

    fn set_clock(&mut self, input: &mut Input<'_>) {
        let to = input.time();
        let change = self.bob.set_clock(to);
        self.log.extend(change.effects().iter().cloned());
        change.commit();
        self.latest = Some(to);
    }

    /// Bytes that the fuzzer made up: no signature in them holds.
    fn raw(&mut self, bytes: &[u8]) {
        let before = self.bob.memory().clone();
        let context =
            Context::new(at(0), Via::Direct).with_key(SenderKey::resolved(AGENTS[0].verifying_key().clone()));
        self.deliver(bytes, &context);
        assert_eq!(self.bob.memory(), &before, "what nobody signed changes nothing");
    }

    /// A message that one of the agents signs, perhaps not the one that it claims to be from.
    fn message(&mut self, input: &mut Input<'_>, step: u8) {
        let (sender, signer, named) = (input.sender(), input.agent(), input.key());
        let (stamp, queued, now) = (input.time(), input.time(), input.time());
        let id = format!("msg_1_{:02x}", input.byte() % 8);
        let change = input.byte();
        let mut bytes = signed(&sender, signer, stamp, &id, input.until_mark());
        // One byte is changed on the way.
        if change != 0 && step & 0x80 != 0 {
            let place = usize::from(change) * bytes.len() / 256;
            bytes[place] ^= 1 << (change % 7);
        }
        let via = match step >> 4 & 3 {
            0 | 1 => Via::Direct,
            2 => Via::Relay { queued_at: queued },
            _ => Via::Store,
        };
        let context = Context::new(now, via);
        let context = match step & 3 {
            0 => context.with_key(SenderKey::carried(named)),
            1 => context.with_key(SenderKey::federated(named, &sender.to_parts().2)),
            2 => context.with_key(SenderKey::resolved(signer.verifying_key().clone())),
            _ => context,
        };
        self.latest = self.latest.max(Some(now));
        self.deliver(&bytes, &context);
    }

    fn deliver(&mut self, bytes: &[u8], context: &Context<'_>) {
        let before = self.bob.memory().clone();
        drop(self.bob.receive(bytes, context));
        assert_eq!(self.bob.memory(), &before, "what is not committed changes nothing");

        let reception: Reception<'_> = self.bob.receive(bytes, context);
        let stored = reception.stored();
        self.log.extend(reception.effects().iter().cloned());
        let disposition = reception.commit();
        let memory = self.bob.memory();
        assert!(memory.replay().clock() <= self.latest, "no message moves the clock");
        assert!(memory.replay().len() <= 7, "the memory stays within its limit");
        match disposition {
            Disposition::Deliver(received) => {
                let known = memory.keys().get(&received.from()).expect("its sender is known");
                assert_eq!(known.key(), received.verified().key());
                assert!(known.contender().is_none() && received.trust() > TrustLevel::Untrusted);
                let prompt = received.for_prompt();
                if received.trust().needs_wrapping() {
                    assert!(
                        prompt.starts_with("<external-content ") && prompt.ends_with("\n</external-content>")
                    );
                    assert_eq!(prompt.matches("</external-content").count(), 1);
                }
                let id = received.verified().unsigned().id().as_str().replace('-', "_");
                let key = *received.verified().key().fingerprint().as_bytes();
                let nonce = received.verified().payload().freshness().expect("its grammar");
                // What is over a week old is forgotten, and a person may have set the clock.
                if !self.log.iter().any(|effect| matches!(effect, Effect::ClockSet { .. })) && self.is_young()
                {
                    let is_marked = received
                        .flags()
                        .iter()
                        .any(|flag| matches!(flag, Flag::ContentReplay | Flag::IdConflict));
                    assert!(self.accepted.insert((key, id)) || is_marked, "an id is accepted once");
                    assert!(nonce.is_none_or(|nonce| self.nonces.insert((key, *nonce.nonce()))));
                }
                assert!(stored.is_some());
            }
            Disposition::Quarantine(_) => assert!(stored.is_none()),
            Disposition::Reject(refusal) => {
                assert_fit_to_show(&refusal.to_string());
                assert!(stored.is_none());
                if refusal.reason() != RefusalReason::ContentBlocked {
                    assert_eq!(memory.replay(), before.replay(), "what is refused is not seen");
                }
                assert_eq!(memory.keys().len(), before.keys().len(), "what is refused makes nobody known");
            }
            Disposition::Duplicate(_) => assert_eq!(memory, &before),
            Disposition::Untrusted(_) => panic!("this host did not ask for it"),
            _ => {}
        }
    }

    /// Whether nothing can have been forgotten so far.
    fn is_young(&self) -> bool {
        self.bob.memory().replay().clock().is_none_or(|clock| clock < at(6 * 86_400))
            && self.latest.is_none_or(|latest| latest < at(6 * 86_400))
            && self
                .log
                .iter()
                .all(|effect| !matches!(effect, Effect::Seen(seen) if seen.keep_until() < at(6 * 86_400)))
    }

    fn is_the_sum_of_its_effects(&self) {
        let stored: Vec<String> = self.log.iter().map(Effect::to_json).collect();
        let read: Vec<Effect> =
            stored.iter().map(|line| Effect::from_json(line.as_bytes()).expect("an effect")).collect();
        assert_eq!(read, self.log);
        let durable = read.iter().filter(|effect| effect.is_durable());
        assert_eq!(builder().restore(durable).build().memory(), self.bob.memory());
        let short = self.bob.memory().to_effects();
        assert_eq!(builder().restore(&short).build().memory(), self.bob.memory());
    }
}

/// The wire form of a message around a payload: the bytes themselves where they are one, else a text.
fn signed(sender: &Address, signer: &Identity, stamp: Timestamp, id: &str, payload: &[u8]) -> Vec<u8> {
    let text = write_json(&*String::from_utf8_lossy(payload)).expect("a text");
    let made = format!(r#"{{"message":{text},"type":"request"}}"#);
    let is_payload = Payload::from_json(payload).is_ok() && PayloadHash::of(payload, Dialect::Jcs).is_ok();
    let payload = if is_payload { payload } else { made.as_bytes() };
    let hash = PayloadHash::of(payload, Dialect::Jcs).expect("a payload");
    let bob: Address = SENDERS[3].parse().expect("an address");
    let string = signing_string(sender, &bob, "Hi", Priority::Normal, None, &hash).expect("plain fields");
    let signature = signer.sign(SigningContext::Message, string.as_bytes()).expect("a signing string");
    let envelope = format!(
        r#"{{"version":"amp/0.1","id":"{id}","from":"{sender}","to":"{bob}","subject":"Hi","timestamp":"{stamp}","thread_id":"{id}","signature":"{}"}}"#,
        signature.to_base64(),
    );
    [br#"{"envelope":"#, envelope.as_bytes(), br#","payload":"#, payload, b"}"].concat()
}
