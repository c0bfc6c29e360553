//! What holds of sealing after any history: what was sealed once is not sent in plain, and a memory is the sum of its
//! effects.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod receive_support;
mod sealing_support;

use core::time::Duration;
use std::collections::BTreeSet;

use amp_core::crypto::seal::DecryptionKey;
use amp_core::identity::{Capability, CardBuilder, EncryptionKey, RotationRequest};
use amp_core::receive::{
    Context, Disposition, Effect, Memory, Receiver, Revocation, RevocationReason, SenderKey,
};
use amp_core::sealing::{Direction, SealingPlan, SealingPolicy, SealingWish, Stance};
use amp_core::{Address, OpeningKeys};
use proptest::prelude::*;
use receive_support::*;
use sealing_support::{bobs_keys, sealed};
use serde_json::Value;

const PEERS: [&str; 3] = [ALICE, "carol@team.acme.crabmail.ai", "dave@far.example.org"];

/// Something that happens between Bob and a peer.
#[derive(Clone, Debug)]
enum Step {
    Name {
        peer: usize,
        key: u8,
    },
    Confirm {
        peer: usize,
        key: u8,
    },
    Rotate {
        peer: usize,
        old: u8,
        new: u8,
    },
    Revoke {
        peer: usize,
        key: u8,
    },
    SealedTo {
        peer: usize,
    },
    Card {
        peer: usize,
        key: u8,
        age: i64,
        life: u64,
        encryption_key: Option<u8>,
    },
    Message {
        peer: usize,
        key: u8,
        n: u8,
    },
    /// A sealed message, for which the key is at hand or not.
    Sealed {
        peer: usize,
        key: u8,
        n: u8,
        is_open: bool,
    },
    SetClock,
    /// The process ends, and another one begins with what was stored.
    Restart,
    /// The list of effects is replaced by a shorter one with the same sum.
    Compact,
    Forget {
        peer: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (peer, key) = (0..PEERS.len(), 1_u8..5);
    prop_oneof![
        4 => (peer.clone(), key.clone()).prop_map(|(peer, key)| Step::Name { peer, key }),
        2 => (peer.clone(), key.clone()).prop_map(|(peer, key)| Step::Confirm { peer, key }),
        2 => (peer.clone(), key.clone(), key.clone()).prop_map(|(peer, old, new)| Step::Rotate { peer, old, new }),
        1 => (peer.clone(), key.clone()).prop_map(|(peer, key)| Step::Revoke { peer, key }),
        3 => peer.clone().prop_map(|peer| Step::SealedTo { peer }),
        5 => (peer.clone(), key.clone(), 0_i64..40, 1_u64..60, prop::option::of(1_u8..4)).prop_map(
            |(peer, key, age, life, encryption_key)| Step::Card { peer, key, age, life, encryption_key },
        ),
        3 => (peer.clone(), key.clone(), any::<u8>()).prop_map(|(peer, key, n)| Step::Message { peer, key, n }),
        4 => (peer.clone(), key, any::<u8>(), any::<bool>())
            .prop_map(|(peer, key, n, is_open)| Step::Sealed { peer, key, n, is_open }),
        1 => Just(Step::SetClock),
        2 => Just(Step::Restart),
        1 => Just(Step::Compact),
        1 => peer.prop_map(|peer| Step::Forget { peer }),
    ]
}

/// Bob, the effects in his store, and with whom mail was sealed, or who says to open it, since a person had the address
/// forgotten.
struct World {
    bob: Receiver,
    log: Vec<Effect>,
    sealed: BTreeSet<usize>,
    stance: Stance,
    days: i64,
}

impl World {
    fn new(stance: Stance) -> Self {
        let bob = Self::restored(stance, &[]);
        Self { bob, log: Vec::new(), sealed: BTreeSet::new(), stance, days: 0 }
    }

    fn restored(stance: Stance, log: &[Effect]) -> Receiver {
        let lines = log.iter().filter(|effect| effect.is_durable()).map(Effect::to_json);
        let read: Vec<Effect> = lines.map(|line| Effect::from_json(line.as_bytes()).unwrap()).collect();
        builder().sealing(SealingPolicy::new(stance)).restore(&read).build()
    }

    fn now(&self) -> amp_core::Timestamp {
        after(self.days * DAY)
    }

    fn take(&mut self, step: &Step) {
        self.days += 1;
        let now = self.now();
        let named = |key: &u8| SenderKey::resolved(agent(*key).verifying_key().clone());
        let effects = match step {
            Step::Name { peer, key } => {
                commit(self.bob.name_key(&address(PEERS[*peer]), &named(key), now).ok())
            }
            Step::Confirm { peer, key } => {
                let key = agent(*key).verifying_key().clone();
                commit(self.bob.confirm_key(&address(PEERS[*peer]), &key, now).ok())
            }
            Step::Rotate { peer, old, new } => match RotationRequest::prove(&agent(*old), &agent(*new)) {
                Ok(request) => commit(self.bob.rotate_key(&address(PEERS[*peer]), &request, now).ok()),
                Err(_) => Vec::new(),
            },
            Step::Revoke { peer, key } => {
                let reason = RevocationReason::KeyRotation;
                let record = Revocation::new(agent(*key).fingerprint(), address(PEERS[*peer]), now, reason);
                commit(self.bob.revoke_key(record, now).ok())
            }
            Step::SealedTo { peer } => {
                let to = address(PEERS[*peer]);
                if let SealingPlan::Seal(_) = self.bob.plan_sealing(&to, SealingWish::Seal, now) {
                    self.sealed.insert(*peer);
                    commit(Some(self.bob.note_sealed_to(&to, now)))
                } else {
                    Vec::new()
                }
            }
            Step::Card { peer, key, age, life, encryption_key } => {
                let builder = CardBuilder::new(address(PEERS[*peer])).capability(Capability::Sealed);
                let builder = builder.valid_for(Duration::from_secs(life * 86_400));
                let builder = match encryption_key {
                    Some(n) => builder.encryption_key(own(*n)),
                    None => builder,
                };
                let issued_at = after((self.days - age) * DAY);
                match builder.sign(&agent(*key), issued_at).unwrap().verify(now) {
                    Ok(card) => {
                        let change = self.bob.accept_card(&card, now).ok();
                        // Every card here says that its owner opens sealed mail.
                        if change.is_some() {
                            self.sealed.insert(*peer);
                        }
                        commit(change)
                    }
                    Err(_) => Vec::new(),
                }
            }
            Step::Message { peer, key, n } => {
                let signed =
                    draft(PEERS[*peer], "Hello").sign_with_nonce(&agent(*key), now, nonce(*n)).unwrap();
                self.deliver(&signed.to_json(), &direct_at(now)).0
            }
            Step::Sealed { peer, key, n, is_open } => {
                let draft = sealed(draft(PEERS[*peer], "Hello"));
                let signed = draft.sign_with_nonce(&agent(*key), now, nonce(*n)).unwrap();
                let named = direct_at(now).with_key(SenderKey::resolved(agent(*key).verifying_key().clone()));
                let keys = if *is_open { bobs_keys() } else { OpeningKeys::new() };
                let (effects, is_delivered) =
                    self.deliver(&signed.to_json(), &named.with_opening_keys(&keys));
                if is_delivered && *is_open {
                    self.sealed.insert(*peer);
                }
                effects
            }
            Step::SetClock => commit(Some(self.bob.set_clock(now))),
            Step::Forget { peer } => {
                self.sealed.remove(peer);
                commit(Some(self.bob.forget_address(&address(PEERS[*peer]), now)))
            }
            Step::Restart => {
                self.bob = Self::restored(self.stance, &self.log);
                Vec::new()
            }
            Step::Compact => {
                self.log = self.bob.memory().to_effects();
                Vec::new()
            }
        };
        self.log.extend(effects);
    }

    fn deliver(&mut self, message: &str, context: &Context<'_>) -> (Vec<Effect>, bool) {
        let reception = self.bob.receive(message.as_bytes(), context);
        let effects = reception.effects().to_vec();
        (effects, matches!(reception.commit(), Disposition::Deliver(_)))
    }
}

fn commit(change: Option<amp_core::receive::Change<'_>>) -> Vec<Effect> {
    let Some(change) = change else { return Vec::new() };
    let effects = change.effects().to_vec();
    change.commit();
    effects
}

/// The card of an address that was accepted last: none that is older is taken.
fn last_card(log: &[Effect], address: &Address) -> Option<Value> {
    let of_address = log.iter().rev().map(|effect| serde_json::from_str::<Value>(&effect.to_json()).unwrap());
    let mut of_address = of_address.filter(|effect| effect["address"] == address.as_str());
    let last = of_address
        .find(|effect| effect["effect"] == "card_accepted" || effect["effect"] == "address_forgotten")?;
    last.get("card").cloned()
}

fn own(n: u8) -> EncryptionKey {
    DecryptionKey::from_bytes(&[100 + n; 32]).encryption_key()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // rule: SEAL-33
    #[test]
    fn a31_once_sealed_no_history_but_a_persons_forgetting_leads_back_to_plain_mail(
        steps in prop::collection::vec(step(), 1..60),
        requires in any::<bool>(),
    ) {
        let mut world = World::new(if requires { Stance::Require } else { Stance::Prefer });
        for step in &steps {
            world.take(step);
            for peer in &world.sealed {
                let to = address(PEERS[*peer]);
                for now in [world.now(), noon(), after(400 * DAY)] {
                    let plan = world.bob.plan_sealing(&to, SealingWish::Policy, now);
                    prop_assert!(plan != SealingPlan::Plain, "{to} after {step:?}");
                }
            }
        }
    }

    // rule: SEAL-31, SEAL-32
    #[test]
    fn a25_what_is_sealed_is_sealed_to_the_pinned_key_or_to_that_of_its_newest_current_card(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(Stance::Prefer);
        for step in &steps {
            world.take(step);
            for to in PEERS.map(address) {
                let plan = world.bob.plan_sealing(&to, SealingWish::Seal, world.now());
                let memory = world.bob.memory();
                let Some(pinned) = memory.key_to_send_to(&to) else {
                    prop_assert!(matches!(plan, SealingPlan::Refuse(_)));
                    continue;
                };
                let judged = memory.replay().judged_at(world.now());
                let stated = last_card(&world.log, &to).filter(|card| {
                    card["key"] == pinned.to_hex().unwrap() && judged < time(card["expires_at"].as_str().unwrap())
                });
                let stated = stated.and_then(|card| card.get("encryption_key")?.as_str()?.parse().ok());
                let expected = stated.unwrap_or_else(|| EncryptionKey::of(pinned).unwrap());
                prop_assert_eq!(plan, SealingPlan::Seal(expected));
            }
        }
    }

    // rule: SEAL-33, RECV-8
    #[test]
    fn a_memory_of_sealing_is_the_sum_of_its_effects_in_any_form(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(Stance::Prefer);
        for step in &steps {
            world.take(step);
            let again = World::restored(world.stance, &world.log);
            prop_assert_eq!(again.memory(), world.bob.memory());
            let mut short = Memory::default();
            world.bob.memory().to_effects().iter().for_each(|effect| {
                short.apply(effect);
                short.apply(effect);
            });
            prop_assert_eq!(&short, world.bob.memory());
        }
    }

    #[test]
    fn an_effect_of_sealing_is_read_as_it_was_written(
        peer in 0..PEERS.len(), key in 1_u8..9, life in 1_u64..184, encryption_key in prop::option::of(1_u8..9),
        is_to in any::<bool>(),
    ) {
        let direction = if is_to { Direction::To } else { Direction::From };
        let sealed = Effect::Sealed { address: address(PEERS[peer]), direction, at: noon() };
        prop_assert!(sealed.is_durable());
        prop_assert_eq!(Effect::from_json(sealed.to_json().as_bytes()).unwrap(), sealed);

        let mut world = World::new(Stance::Prefer);
        world.take(&Step::Name { peer, key });
        world.take(&Step::Card { peer, key, age: 0, life, encryption_key });
        let written: Vec<&Effect> =
            world.log.iter().filter(|effect| matches!(effect, Effect::CardAccepted { .. })).collect();
        prop_assert_eq!(written.len(), 1);
        prop_assert_eq!(&Effect::from_json(written[0].to_json().as_bytes()).unwrap(), written[0]);
    }
}

#[test]
fn effects_of_sealing_have_this_form() {
    let json = r#"{"v":1,"effect":"sealed","address":"alice@acme.crabmail.ai","direction":"to","at":"2026-01-31T12:00:00Z"}"#;
    assert_eq!(Effect::from_json(json.as_bytes()).unwrap().to_json(), json);
    let mut world = World::new(Stance::Prefer);
    world.take(&Step::Name { peer: 0, key: 1 });
    world.take(&Step::Card { peer: 0, key: 1, age: 0, life: 7, encryption_key: Some(2) });
    let card = world.log.last().unwrap().to_json();
    let key = agent(1).verifying_key().to_hex().unwrap();
    let expected = format!(
        r#"{{"v":1,"effect":"card_accepted","address":"alice@acme.crabmail.ai","card":{{"key":"{key}","issued_at":"2026-02-02T12:00:00Z","expires_at":"2026-02-09T12:00:00Z","encryption_key":"{}","seals":true}}}}"#,
        own(2)
    );
    assert_eq!(card, expected);
    for broken in [
        json.replace("\"to\"", "\"sideways\""),
        expected.replace("x25519:", "x448:"),
        expected.replace("true", "1"),
    ] {
        assert!(Effect::from_json(broken.as_bytes()).is_err(), "{broken}");
    }
}
