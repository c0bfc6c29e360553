//! What holds of a receiver after any sequence of messages and decisions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

mod receive_support;

use std::collections::BTreeSet;

use amp_core::identity::RotationRequest;
use amp_core::receive::{
    Context, Disposition, Effect, Flag, Memory, Receiver, ReplayLimits, Revocation, RevocationReason,
    SenderKey, Via,
};
use amp_core::{Identity, Timestamp};
use proptest::prelude::*;
use receive_support::*;
use serde_json::{Value, json};

const SENDERS: [&str; 3] = ["alice@acme.crabmail.ai", "carol@team.acme.crabmail.ai", "dave@far.example.org"];
const TEXTS: [&str; 6] =
    ["Hello", "Good morning", "a purple pebble", "a purple lantern", "a purple elephant", "a purple volcano"];

/// Something that happens to a receiver.
#[derive(Clone, Debug)]
enum Step {
    Message(Mail),
    /// A message that the sender's key did not sign.
    Forged(Mail),
    Noise(Vec<u8>),
    Name {
        sender: usize,
        key: u8,
        at: i64,
    },
    Confirm {
        sender: usize,
        key: u8,
        at: i64,
    },
    Rotate {
        sender: usize,
        old: u8,
        new: u8,
        at: i64,
    },
    Revoke {
        key: u8,
        sender: usize,
        at: i64,
    },
    Join {
        one: usize,
        another: usize,
    },
    Forget {
        sender: usize,
        at: i64,
    },
    SetClock {
        at: i64,
    },
}

#[derive(Clone, Debug)]
struct Mail {
    sender: usize,
    key: u8,
    id: u8,
    nonce: Option<u8>,
    text: usize,
    /// All in seconds after noon.
    sent: i64,
    stamped: i64,
    queued: Option<i64>,
    now: i64,
    expires: Option<i64>,
    /// Who names the sender's key: nobody, the message, the provider, a person.
    named: u8,
}

impl Mail {
    fn bytes(&self, signer: &Identity) -> Vec<u8> {
        let mut draft = draft(SENDERS[self.sender], TEXTS[self.text]);
        if let Some(expires) = self.expires {
            draft = draft.expires_at(after(self.sent + expires));
        }
        let nonce = match self.nonce {
            Some(n) => nonce(n),
            None => {
                draft = draft.without_freshness();
                nonce(0)
            }
        };
        let signed = draft.sign_with_nonce(signer, after(self.sent), nonce).unwrap();
        relayed(
            &signed,
            &[
                ("id", json!(format!("msg_1_{:02x}", self.id))),
                ("timestamp", json!(after(self.stamped).to_string())),
            ],
        )
    }

    fn context(&self) -> Context<'static> {
        let via = match self.queued {
            Some(queued) if queued % 5 == 0 => Via::Store,
            Some(queued) => Via::Relay { queued_at: after(queued) },
            None => Via::Direct,
        };
        let context = Context::new(after(self.now), via);
        let key = key(&agent(self.key));
        match self.named {
            0 => context,
            1 => context.with_key(SenderKey::carried(key)),
            2 => context.with_key(SenderKey::confirmed(key)),
            _ => context.with_key(SenderKey::resolved(key)),
        }
    }
}

fn mail() -> impl Strategy<Value = Mail> {
    let times = (-400_i64..320, -70_i64..70, prop::option::of(-5_i64..400), 0_i64..700_000);
    let what = (0..SENDERS.len(), 1_u8..12, 0_u8..12, prop::option::of(0_u8..12), 0..TEXTS.len(), 0_u8..12);
    (what, times, prop::option::of(1_i64..4_000)).prop_map(|(what, times, expires)| {
        let (sender, key, id, nonce, text, named) = what;
        let (age, skew, queued, now) = times;
        // Each sender has a key of its own, most of the time.
        let key = if key == 11 { 9 } else { u8::try_from(sender).unwrap() + 1 };
        // Most come within an hour, some over a week.
        let now = now / 200 * if now % 7 == 0 { 199 } else { 1 };
        let stamped = now - age.max(0) + skew.min(61);
        Mail {
            sender,
            key,
            id,
            nonce,
            text,
            sent: stamped - 1,
            stamped,
            queued: queued.map(|queued| now - queued),
            now,
            expires,
            named,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let (sender, key, at) = (0..SENDERS.len(), 1_u8..6, -200_000_i64..800_000);
    prop_oneof![
        30 => mail().prop_map(Step::Message),
        4 => mail().prop_map(Step::Forged),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Noise),
        1 => (sender.clone(), key.clone(), at.clone()).prop_map(|(sender, key, at)| Step::Name { sender, key, at }),
        1 => (sender.clone(), key.clone(), at.clone())
            .prop_map(|(sender, key, at)| Step::Confirm { sender, key, at }),
        1 => (sender.clone(), key.clone(), key.clone(), at.clone())
            .prop_map(|(sender, old, new, at)| Step::Rotate { sender, old, new, at }),
        1 => (sender.clone(), key, at.clone()).prop_map(|(sender, key, at)| Step::Revoke { key, sender, at }),
        1 => (sender.clone(), sender.clone()).prop_map(|(one, another)| Step::Join { one, another }),
        1 => (sender, at.clone()).prop_map(|(sender, at)| Step::Forget { sender, at }),
        1 => at.prop_map(|at| Step::SetClock { at }),
    ]
}

/// A receiver with little room, so that its limits are met.
fn small() -> Receiver {
    builder().replay_limits(ReplayLimits::default().with_per_sender(6).with_total(10)).build()
}

/// Takes a step, writes its effects to the log, and says what became of a message.
fn take(receiver: &mut Receiver, step: &Step, log: &mut Vec<Effect>) -> Option<Disposition> {
    let changed = match step {
        Step::Message(mail) => {
            return Some(deliver(receiver, &mail.bytes(&agent(mail.key)), &mail.context(), log));
        }
        Step::Forged(mail) => {
            return Some(deliver(receiver, &mail.bytes(&agent(77)), &mail.context(), log));
        }
        Step::Noise(bytes) => return Some(deliver(receiver, bytes, &direct(), log)),
        Step::Name { sender, key: n, at } => {
            let named = SenderKey::resolved(key(&agent(*n)));
            receiver.name_key(&address(SENDERS[*sender]), &named, after(*at))
        }
        Step::Confirm { sender, key: n, at } => {
            receiver.confirm_key(&address(SENDERS[*sender]), &key(&agent(*n)), after(*at))
        }
        Step::Rotate { sender, old, new, at } => match RotationRequest::prove(&agent(*old), &agent(*new)) {
            Ok(request) => receiver.rotate_key(&address(SENDERS[*sender]), &request, after(*at)),
            Err(_) => return None,
        },
        Step::Revoke { key: n, sender, at } => {
            let reason = RevocationReason::ALL[usize::try_from(at.rem_euclid(4)).unwrap()];
            let address = address(SENDERS[*sender]);
            let record = Revocation::new(agent(*n).fingerprint(), address, after(*at), reason);
            receiver.revoke_key(record, after(*at))
        }
        Step::Join { one, another } => {
            receiver.join_addresses(&address(SENDERS[*one]), &address(SENDERS[*another]))
        }
        Step::Forget { sender, at } => Ok(receiver.forget_address(&address(SENDERS[*sender]), after(*at))),
        Step::SetClock { at } => Ok(receiver.set_clock(after(*at))),
    };
    if let Ok(change) = changed {
        log.extend(change.effects().iter().cloned());
        change.commit();
    }
    None
}

fn deliver(
    receiver: &mut Receiver,
    bytes: &[u8],
    context: &Context<'_>,
    log: &mut Vec<Effect>,
) -> Disposition {
    let reception = receiver.receive(bytes, context);
    log.extend(reception.effects().iter().cloned());
    reception.commit()
}

/// The log as a host stores it: lines of JSON, without what is for its records alone.
fn restored(log: &[Effect]) -> Receiver {
    let stored: Vec<String> = log.iter().filter(|effect| effect.is_durable()).map(Effect::to_json).collect();
    let effects: Vec<Effect> =
        stored.iter().map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect();
    builder()
        .replay_limits(ReplayLimits::default().with_per_sender(6).with_total(10))
        .restore(&effects)
        .build()
}

fn key_and_parts(mail: &Mail) -> ((u8, u8), (u8, Option<u8>)) {
    ((mail.key, mail.id), (mail.key, mail.nonce))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // rule: RECV-8
    #[test]
    fn a_state_that_is_restored_from_effects_equals_the_live_one_after_any_prefix(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (mut bob, mut log) = (small(), Vec::new());
        for step in &steps {
            take(&mut bob, step, &mut log);
            let again = restored(&log);
            prop_assert_eq!(again.memory(), bob.memory());
        }
        let mut short = Memory::default();
        bob.memory().to_effects().iter().for_each(|effect| short.apply(effect));
        let sum = builder().replay_limits(ReplayLimits::default().with_per_sender(6).with_total(10));
        let sum = sum.restore(&bob.memory().to_effects()).build();
        prop_assert_eq!(sum.memory(), bob.memory());
    }

    // rule: REPLAY-13
    #[test]
    fn no_message_advances_the_clock(steps in prop::collection::vec(step(), 1..40)) {
        let (mut bob, mut log) = (small(), Vec::new());
        let mut latest: Option<Timestamp> = None;
        for step in &steps {
            let before = bob.memory().replay().clock();
            take(&mut bob, step, &mut log);
            let now = bob.memory().replay().clock();
            match step {
                Step::SetClock { .. } => latest = now,
                Step::Message(mail) => {
                    latest = latest.max(Some(after(mail.now)));
                    prop_assert!(now <= latest && now >= before);
                }
                _ => prop_assert_eq!(now, before),
            }
        }
    }

    // rule: RECV-2
    #[test]
    fn what_is_forged_or_dropped_or_noise_changes_nothing_that_is_remembered(
        steps in prop::collection::vec(step(), 1..30),
        noise in prop::collection::vec(any::<u8>(), 0..60),
        forged in mail(),
    ) {
        let (mut bob, mut log) = (small(), Vec::new());
        for step in &steps {
            take(&mut bob, step, &mut log);
            let before = bob.memory().clone();
            // Decided and not committed.
            if let Step::Message(mail) = step {
                drop(bob.receive(&mail.bytes(&agent(mail.key)), &mail.context()));
                prop_assert_eq!(bob.memory(), &before);
            }
            let effects = log.len();
            deliver(&mut bob, &noise, &direct(), &mut log);
            deliver(&mut bob, &forged.bytes(&agent(77)), &forged.context(), &mut log);
            prop_assert_eq!(bob.memory(), &before);
            prop_assert!(log[effects..].iter().all(|effect| !effect.is_durable()));
        }
    }

    // rule: REPLAY-1, REPLAY-3
    #[test]
    fn an_id_or_a_nonce_of_one_key_is_accepted_once(mails in prop::collection::vec(mail(), 1..40)) {
        let mut bob = receiver();
        let (mut ids, mut nonces) = (BTreeSet::new(), BTreeSet::new());
        for mail in &mails {
            // Within a week nothing is forgotten.
            let disposition = deliver(&mut bob, &mail.bytes(&agent(mail.key)), &mail.context(), &mut Vec::new());
            if matches!(disposition, Disposition::Deliver(_) | Disposition::Quarantine(_)) {
                let (id, nonce) = key_and_parts(mail);
                // Nobody signs an id: of an equal content only the last few are remembered.
                let is_equal = matches!(&disposition, Disposition::Deliver(received)
                    if received.flags().contains(&Flag::ContentReplay));
                prop_assert!(ids.insert((id, nonce.1, mail.nonce.is_none().then_some(mail.text))) || is_equal);
                prop_assert!(nonce.1.is_none() || nonces.insert(nonce));
            }
        }
    }

    // rule: RECV-12
    #[test]
    fn the_order_in_which_independent_senders_arrive_decides_nothing(
        mails in prop::collection::vec(mail(), 1..24),
        order in prop::collection::vec(any::<bool>(), 24),
    ) {
        // One moment for all, so that the order is all that differs.
        let mails: Vec<Mail> =
            mails.into_iter().map(|mail| Mail { now: 0, stamped: mail.stamped - mail.now, ..mail }).collect();
        let mails: Vec<Mail> = mails.into_iter()
            .map(|mail| Mail { sent: mail.stamped - 1, key: u8::try_from(mail.sender).unwrap() + 1, ..mail })
            .collect();
        let outcomes = |mails: &[&Mail]| {
            let mut bob = receiver();
            let mut outcomes = vec![Vec::new(); SENDERS.len()];
            for mail in mails {
                let disposition = receive(&mut bob, &mail.bytes(&agent(mail.key)), &mail.context());
                let prompt = match &disposition {
                    Disposition::Deliver(received) => received.for_prompt(),
                    _ => String::new(),
                };
                outcomes[mail.sender].push((word(&disposition), prompt));
            }
            (outcomes, bob.memory().clone())
        };
        let arrived: Vec<&Mail> = mails.iter().collect();
        // Another order that keeps each sender's own.
        let (mut shuffled, mut rest): (Vec<&Mail>, Vec<&Mail>) = (Vec::new(), arrived.clone());
        for choice in order {
            let Some(first) = rest.first().map(|mail| mail.sender) else { break };
            let other = rest.iter().position(|mail| mail.sender != first);
            shuffled.push(rest.remove(if choice { other.unwrap_or(0) } else { 0 }));
        }
        shuffled.extend(rest);
        prop_assert_eq!(outcomes(&arrived), outcomes(&shuffled));
    }

    // rule: RECV-5
    #[test]
    fn the_prompt_does_not_depend_on_what_nobody_signed(
        text in "\\PC{0,80}",
        id in "msg_[0-9]{1,10}_[a-f0-9]{1,16}",
        extra in "\\PC{0,40}",
        skew in -60_i64..300,
        expires in prop::option::of(400_i64..100_000),
        name in "[a-z_]{1,12}",
    ) {
        let message = draft("eve@x.example.org", &text).sign_with_nonce(&alice(), noon(), nonce(1)).unwrap();
        let mut members = vec![
            ("id", json!(id)),
            ("thread_id", json!(id)),
            ("timestamp", json!(after(5 - skew).to_string())),
            ("expires_at", expires.map_or(Value::Null, |seconds| json!(after(seconds).to_string()))),
            ("reply_to", json!(extra)),
            ("from_did", json!(extra)),
        ];
        let unsigned = ["version", "from", "to", "subject", "priority", "signature", "in_reply_to", "idempotency_key"];
        if !unsigned.contains(&name.as_str()) && !members.iter().any(|(member, _)| *member == name) {
            members.push((&name, json!(extra)));
        }
        let prompt = |bytes: &[u8]| match receive(&mut receiver(), bytes, &direct()) {
            Disposition::Deliver(received) => Some(received.for_prompt()),
            _ => None,
        };
        prop_assert_eq!(prompt(&relayed(&message, &members)), prompt(message.to_json().as_bytes()));
    }

    // rule: REPLAY-12
    #[test]
    fn memory_stays_within_its_limits(steps in prop::collection::vec(step(), 1..60)) {
        let (mut bob, mut log) = (small(), Vec::new());
        for step in &steps {
            take(&mut bob, step, &mut log);
            prop_assert!(bob.memory().replay().len() <= 10);
        }
    }
}
