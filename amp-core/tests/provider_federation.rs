//! Providers that forward to each other: what is accepted reaches its recipient once, or its sender is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

mod provider_federation_support;

use amp_core::federation::{FederationEventKind, FederationMode};
use amp_core::receive::{Context, Disposition, Receiver, SenderKey, Via};
use amp_core::wire::{Answer, Info, Method, RequestParts};
use amp_core::{Draft, Identity, JsonValue};
use proptest::prelude::*;
use provider_federation_support::{Agent, DOMAINS, Link, World, agent};
use serde_json::Value;

fn alice() -> Agent {
    agent(0, 1, "alice")
}

fn bob() -> Agent {
    agent(1, 1, "bob")
}

fn carol() -> Agent {
    agent(2, 1, "carol")
}

fn code(answer: &amp_core::wire::AnswerParts) -> (u16, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(body.get("accepted").is_none_or(|accepted| accepted == false || answer.status == 200));
    (answer.status, body["error"].as_str().unwrap_or_default().to_owned())
}

// rule: FWD-16
#[test]
fn a_message_reaches_an_agent_of_another_provider_as_it_was_signed() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    let message = alice.writes(&bob, "Hello", world.now);
    let (_, answer) = world.route_waiting(&alice, &message);
    let answer = answer.expect("the first attempt is over");
    // The other provider keeps it: nothing stronger is said.
    assert_eq!(
        (&answer["status"], &answer["method"], &answer["basis"]),
        (&"queued".into(), &"relay".into(), &"queued".into())
    );
    let [pending] = &world.pending(&bob)[..] else { panic!("one message") };
    assert_eq!(pending["id"], answer["id"]);
    assert_eq!(pending["sender_public_key"], alice.identity.verifying_key().to_pem());

    let carried =
        serde_json::json!({"envelope": pending["envelope"], "payload": pending["payload"]}).to_string();
    let mut receiver = Receiver::builder(bob.address.clone()).build();
    let key = SenderKey::resolved(alice.identity.verifying_key().clone());
    let context = Context::new(world.now, Via::Relay { queued_at: world.now }).with_key(key);
    let Disposition::Deliver(received) = receiver.receive(carried.as_bytes(), &context).commit() else {
        panic!()
    };
    assert!(received.for_prompt().contains("Hello"));

    // Nothing waits at the sender's provider any more, and both have a note of it.
    assert!(world.sites[0].bodies.is_empty());
    assert_eq!(world.sites[0].events[0].kind(), FederationEventKind::Forwarded);
    assert_eq!(world.sites[1].events[0].kind(), FederationEventKind::Received);
    world.restart(0);
    world.restart(1);
    let (status, _) = world.ask(
        &bob,
        RequestParts::new(Method::Delete, &format!("/messages/pending/{}", answer["id"].as_str().unwrap())),
    );
    assert_eq!(status, 200);
    assert!(world.pending(&bob).is_empty());
}

#[test]
fn providers_that_never_met_look_each_other_up_and_the_message_arrives() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]);
    let message = alice.writes(&bob, "Hello", world.now);
    assert_eq!(world.route(&alice, &message).0, 200);
    assert!(world.pending(&bob).is_empty()); // told to come again while the sender's provider is looked up
    world.run_for(60);
    assert_eq!(world.texts(&bob), ["Hello"]);
    assert_eq!(world.attempts.len(), 2);
    assert_eq!(world.attempts[1].2, "2026-01-31T10:00:30Z".parse().unwrap());
    // From then on at once.
    let message = alice.writes(&bob, "Again", world.now);
    world.route(&alice, &message);
    assert_eq!(world.texts(&bob), ["Hello", "Again"]);
    // Answers hold for five minutes, and are asked for again.
    let asked = world.sites[0].look_ups;
    world.run_for(400);
    world.route(&alice, &alice.writes(&bob, "Later", world.now));
    assert!(world.sites[0].look_ups > asked);
    assert_eq!(world.texts(&bob).len(), 3);
    world.restart(0);
    world.restart(1);
}

// rule: FWD-17
#[test]
fn a_provider_that_does_not_answer_is_tried_three_times_and_the_sender_is_told() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.sites[1].link = Link::Down;
    let socket = world.connect(&alice);
    let message = alice.writes(&bob, "Hello", world.now);
    let (_, answer) = world.route_waiting(&alice, &message);
    let answer = answer.expect("the first attempt is over");
    assert_eq!(answer["status"], "queued");
    world.run_for(3600);
    let times: Vec<String> = world.attempts.iter().map(|(.., at)| at.to_string()).collect();
    assert_eq!(times, ["2026-01-31T10:00:00Z", "2026-01-31T10:00:30Z", "2026-01-31T10:02:00Z"]);
    let told = world.sites[0].frames.iter().filter(|(to, frame)| *to == socket && frame["type"] == "error");
    let told: Vec<&Value> = told.map(|(_, frame)| frame).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].to_string().contains("provider_unreachable"), "{}", told[0]);
    assert!(told[0].to_string().contains(answer["id"].as_str().unwrap()));
    assert!(world.sites[0].bodies.is_empty());
    world.restart(0);
}

// rule: FWD-17
#[test]
fn a_refusal_is_final_and_named() {
    let (alice, bob) = (alice(), bob());
    let nobody = agent(1, 9, "nobody");
    let mut world = World::new(&[&alice, &bob]).acquainted();
    let message = alice.writes(&nobody, "Hello", world.now);
    let (_, answer) = world.route_waiting(&alice, &message);
    let answer = answer.unwrap();
    assert_eq!(
        (&answer["status"], &answer["warnings"][0]),
        (&"failed".into(), &"recipient_not_found".into())
    );
    world.run_for(3600);
    assert_eq!(world.attempts.len(), 1);
    assert!(world.sites[0].bodies.is_empty());
}

#[test]
fn a_suspended_recipient_is_sent_nothing_and_keeps_what_it_has() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.route(&alice, &alice.writes(&bob, "One", world.now));
    let mut suspend = RequestParts::new(Method::Post, "/agents/agt_1/suspend");
    suspend.body = br#"{"reason":"spam","duration_hours":1}"#.to_vec();
    let call = amp_core::provider::Call::new(suspend).by_admin("root");
    world.with(1, |provider, moment| provider.handle(&call, moment));
    let (_, answer) = world.route_waiting(&alice, &alice.writes(&bob, "Two", world.now));
    assert_eq!(answer.unwrap()["warnings"][0], "recipient_suspended");
    world.run_for(3700);
    assert_eq!(world.texts(&bob), ["One"]);
}

// rule: FWD-12
#[test]
fn a_lost_answer_delivers_nothing_twice() {
    for link in [Link::LosesAnswers, Link::Doubles] {
        let (alice, bob) = (alice(), bob());
        let mut world = World::new(&[&alice, &bob]).acquainted();
        world.sites[1].link = link;
        world.route(&alice, &alice.writes(&bob, "Hello", world.now));
        world.run_for(40);
        world.sites[1].link = Link::Works;
        world.restart(1);
        world.run_for(600);
        assert_eq!(world.texts(&bob), ["Hello"], "{link:?}");
        assert!(world.sites[0].bodies.is_empty());
    }
}

#[test]
fn what_waits_survives_a_restart_and_is_sent_once() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.sites[1].link = Link::Down;
    world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    world.restart(0);
    world.sites[1].link = Link::Works;
    world.run_for(60);
    assert_eq!(world.texts(&bob), ["Hello"]);
    world.restart(0);
    world.run_for(600);
    assert_eq!((world.attempts.len(), world.texts(&bob).len()), (2, 1));
}

// rule: FWD-13
#[test]
fn a26_a_forward_to_one_provider_is_worth_nothing_at_another_engine() {
    let (alice, bob, carol) = (alice(), bob(), carol());
    let mut world = World::new(&[&alice, &bob, &carol]).acquainted();
    world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    let request = world.sent[0].clone();
    world.pass(1);
    let answer = world.deliver(2, request.clone());
    assert_eq!(code(&answer), (404, "recipient_not_found".into()));
    assert!(world.pending(&carol).is_empty());
    let again = world.deliver(1, request.clone());
    assert_eq!(again.status, 200);
    assert_eq!(world.texts(&bob), ["Hello"]);
    // Nor back to where it came from, nor under the name of the one who relays.
    assert_eq!(code(&world.deliver(0, request.clone())), (403, "provider_not_trusted".into()));
    let mut renamed = request;
    for (name, value) in &mut renamed.headers {
        if name.eq_ignore_ascii_case("x-amp-provider") {
            *value = DOMAINS[1].to_owned();
        }
    }
    assert_eq!(code(&world.deliver(2, renamed)), (403, "signature_invalid".into()));
}

// rule: FWD-10
#[test]
fn a24_a_header_outside_the_signature_changes_nothing_at_a_provider() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.sites[1].link = Link::Down;
    world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    let request = world.sent[0]
        .clone()
        .with_header("X-AMP-Key-Revoked", "true")
        .with_header("X-AMP-Message-Id", "msg_9_z");
    let before = world.sites[1].log.len();
    assert_eq!(world.deliver(1, request).status, 200);
    assert_eq!(world.texts(&bob), ["Hello"]);
    let lines = &world.sites[1].log[before..];
    assert!(
        lines.iter().all(|line| line.contains("\"queued\"") || line.contains("\"forward_taken\"")),
        "{lines:?}"
    );
}

// rule: FWD-8
#[test]
fn a_key_that_is_revoked_signs_for_nobody() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    let key = alice.identity.verifying_key().clone();
    world.with(1, |provider, moment| provider.revoke_peer_key(&key, moment).unwrap());
    world.restart(1);
    let (_, answer) = world.route_waiting(&alice, &alice.writes(&bob, "Hello", world.now));
    assert_eq!(answer.unwrap()["warnings"][0], "key_revoked");
    assert!(world.pending(&bob).is_empty());
}

// rule: FWD-8
#[test]
fn whoever_registers_the_public_key_of_another_providers_agent_shuts_it_out_of_nothing() {
    let (alice, bob) = (alice(), bob());
    let mut mallory = agent(1, 2, "mallory");
    mallory.identity = self::alice().identity; // the public key alone goes into the registration
    let mut world = World::new(&[&alice, &bob, &mallory]).acquainted();
    let (_, answer) = world.route_waiting(&alice, &alice.writes(&bob, "Hello", world.now));
    assert_ne!(answer.unwrap()["status"], "failed");
    assert_eq!(world.texts(&bob), ["Hello"]);
}

// rule: FWD-4
#[test]
fn h11_a_provider_that_changes_its_key_is_not_believed_until_a_person_decides() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]);
    world.route(&alice, &alice.writes(&bob, "One", world.now));
    world.run_for(60);
    assert_eq!(world.texts(&bob), ["One"]);
    // Somebody takes over the DNS and the host of A.
    world.sites[0].published = Some([66; 32]);
    world.run_for(4000);
    let mallory = Identity::from_seed(&[66; 32]);
    let signed = alice.writes(&bob, "Two", world.now);
    let body = amp_core::federation::ForwardBody::new(&(&signed).into(), alice.identity.verifying_key());
    let now = world.now;
    let by = |key: &Identity| {
        let forward = body.sign(key, &DOMAINS[0].parse().unwrap(), now).unwrap();
        amp_core::wire::Request::to_parts(&forward.to_request())
    };
    assert_eq!(code(&world.deliver(1, by(&mallory))), (503, "provider_not_known".into()));
    assert_eq!(code(&world.deliver(1, by(&mallory))), (403, "provider_not_trusted".into()));
    // Nor is the key that the provider does not name any more, be it stolen.
    assert_eq!(code(&world.deliver(1, by(&world_key()))), (403, "provider_not_trusted".into()));
    assert_eq!(world.texts(&bob), ["One"]);
    // A person compares, and decides.
    let endpoint = "https://api.a.example.org/v1";
    let a = DOMAINS[0].parse().unwrap();
    world.with(1, |provider, moment| {
        provider.confirm_peer(&a, endpoint, mallory.verifying_key(), moment).unwrap()
    });
    world.restart(1);
    assert_eq!(code(&world.deliver(1, by(&world_key()))), (403, "signature_invalid".into()));
    assert_eq!(world.deliver(1, by(&mallory)).status, 200);
    assert_eq!(world.texts(&bob), ["One", "Two"]);
}

/// The key of A before it changed.
fn world_key() -> Identity {
    Identity::from_seed(&[11; 32])
}

#[test]
fn unknown_providers_make_us_ask_ten_times_a_minute_at_most() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    let request = world.sent[0].clone();
    let (mut asked, mut limited) = (0, 0);
    let before = world.sites[1].look_ups;
    for number in 0..50 {
        let mut other = request.clone();
        for (name, value) in &mut other.headers {
            if name.eq_ignore_ascii_case("x-amp-provider") {
                *value = format!("p{number}.unknown.example");
            }
        }
        match code(&world.deliver(1, other)) {
            (503, error) if error == "provider_not_known" => asked += 1,
            (429, _) => limited += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((asked, limited), (10, 40));
    assert_eq!(world.sites[1].look_ups - before, 20);
}

#[test]
fn an_agent_makes_its_provider_ask_for_ten_unknown_ones_a_minute_at_most() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    let before = world.sites[0].look_ups;
    let mut limited = 0;
    for number in 0..15 {
        let to: amp_core::Address = format!("x@acme.p{number}.example").parse().unwrap();
        let message =
            Draft::request(to, "Hi", "Hello").from(&alice.address).sign(&alice.identity, world.now).unwrap();
        let (status, answer) = world.route(&alice, &message);
        limited += usize::from(status == 429);
        assert!(status == 200 || answer["error"] == "rate_limited", "{answer}");
    }
    assert_eq!((limited, world.sites[0].look_ups - before), (5, 20));
    let (status, _) = world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    assert_eq!(status, 200, "whoever is known is written to");
}

// rule: DISC-12
#[test]
fn that_messages_passed_is_remembered_on_both_sides() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]);
    world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    world.run_for(60);
    assert_eq!(world.texts(&bob), ["Hello"]);
    for site in [0, 1] {
        let known = world.sites[site].log.iter().filter(|line| line.contains("peer_known"));
        assert_eq!(known.filter(|line| line.contains("\"proven\":true")).count(), 1);
        world.restart(site);
        world.restart_from_snapshot(site);
    }
}

#[test]
fn a_question_about_a_provider_whose_answer_is_lost_is_asked_again() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.route(&alice, &alice.writes(&bob, "Hello", world.now));
    let mut request = world.sent[0].clone();
    for (name, value) in &mut request.headers {
        if name.eq_ignore_ascii_case("x-amp-provider") {
            *value = "agents.unknown.example".to_owned();
        }
    }
    world.loses_look_ups = true;
    for round in 1..4 {
        let before = world.sites[1].look_ups;
        for _ in 0..3 {
            assert_eq!(code(&world.deliver(1, request.clone())), (503, "provider_not_known".into()));
        }
        assert_eq!(world.sites[1].look_ups - before, 2, "once in round {round}");
        world.run_for(30);
    }
}

// rule: FWD-17
#[test]
fn what_is_said_of_another_message_is_no_answer() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    world.sites[1].link = Link::Confuses;
    let (ticket, answer) = world.route_waiting(&alice, &alice.writes(&bob, "Hello", world.now));
    assert_ne!(answer.unwrap()["status"], "delivered", "{ticket:?}");
    assert!(!world.sites[0].bodies.is_empty(), "it is kept for the next attempt");
    world.sites[1].link = Link::Works;
    world.run_for(60);
    assert_eq!(world.texts(&bob), ["Hello"]);
}

#[test]
fn whom_a_provider_does_not_trust_it_does_not_forward_to_either() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::with_mode(&[&alice, &bob], FederationMode::Closed);
    let message = alice.writes(&bob, "Hello", world.now);
    let (status, body) = world.route(&alice, &message);
    assert_eq!((status, &body["error"]), (422, &"external_provider".into()));
    let local = Draft::request("x@crew.local.network.local".parse().unwrap(), "Hi", "Hello");
    let local = local.from(&alice.address).sign(&alice.identity, world.now).unwrap();
    let mut open = World::new(&[&alice, &bob]);
    assert_eq!(open.route(&alice, &local).0, 422);
    assert!(world.sites[0].bodies.is_empty() && world.sites[0].log.len() == 1);
}

#[test]
fn a_message_for_another_provider_is_accepted_once_under_its_key() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]).acquainted();
    let draft = Draft::request(bob.address.clone(), "Hi", "Hello").from(&alice.address);
    let message = draft
        .idempotency_key("idk_0b8b3f5e-3a51-4c5a-9d2e-0a1b2c3d4e5f".parse().unwrap())
        .sign(&alice.identity, world.now)
        .unwrap();
    let (_, first) = world.route_waiting(&alice, &message);
    let (_, second) = world.route_waiting(&alice, &message);
    assert_eq!(first.unwrap(), second.unwrap());
    world.run_for(600);
    assert_eq!(world.texts(&bob), ["Hello"]);
}

// rule: FWD-17
#[test]
fn a_message_that_was_given_up_is_not_answered_as_queued_under_its_key() {
    let (alice, bob) = (alice(), bob());
    for restarts in [false, true] {
        let mut world = World::new(&[&alice, &bob]).acquainted();
        world.sites[1].link = Link::Down;
        let draft = Draft::request(bob.address.clone(), "Hi", "Hello").from(&alice.address);
        let message = draft
            .idempotency_key("idk_0b8b3f5e-3a51-4c5a-9d2e-0a1b2c3d4e5f".parse().unwrap())
            .sign(&alice.identity, world.now)
            .unwrap();
        assert_eq!(world.route(&alice, &message).1["status"], "queued");
        if restarts {
            world.restart(0);
            world.restart_from_snapshot(0);
        }
        world.run_for(600);
        assert!(world.sites[0].bodies.is_empty(), "it is gone");
        world.restart(0);
        world.sites[1].link = Link::Works;
        for _ in 0..2 {
            let (_, answer) = world.route(&alice, &message);
            assert_eq!(answer["status"], "failed");
            assert_eq!(answer["warnings"][0], "provider_unreachable");
            world.restart_from_snapshot(0);
        }
        world.run_for(600);
        assert!(world.pending(&bob).is_empty());
    }
}

#[test]
fn a_provider_publishes_what_others_need() {
    let (alice, bob) = (alice(), bob());
    let mut world = World::new(&[&alice, &bob]);
    let (status, document) =
        world.ask(&alice, RequestParts::new(Method::Get, "/.well-known/agent-messaging.json"));
    assert_eq!(status, 200);
    let document = amp_core::federation::WellKnown::decode(document.to_string().as_bytes()).unwrap();
    assert_eq!(document.public_key(), Some(world.sites[0].key.verifying_key()));
    let (_, info) = world.ask(&alice, RequestParts::new(Method::Get, "/info"));
    let info =
        Info::from_parts(&amp_core::wire::AnswerParts::new(200).with_body(info.to_string().into_bytes()))
            .unwrap();
    assert_eq!(info.fingerprint, Some(world.sites[0].key.fingerprint().to_string()));
    assert!(JsonValue::read_object(b"{}").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // rule: FWD-17
    #[test]
    fn whatever_the_network_does_each_message_arrives_once_or_its_end_is_known(
        steps in proptest::collection::vec((0_u8..8, 0_usize..3, 0_u64..90), 1..40),
    ) {
        let agents = [alice(), bob(), carol()];
        let mut world = World::new(&[&agents[0], &agents[1], &agents[2]]);
        let mut sent = Vec::new();
        for (number, (what, site, passes)) in steps.into_iter().enumerate() {
            match what {
                0..=2 => {
                    let to = &agents[(site + 1 + usize::from(what) % 2) % 3];
                    let text = format!("number {number}");
                    let message = agents[site].writes(to, &text, world.now);
                    let (status, answer) = world.route(&agents[site], &message);
                    if status == 200 && answer["status"] == "queued" {
                        sent.push((site, to.site, text));
                    }
                }
                3 => world.sites[site].link = Link::Down,
                4 => world.sites[site].link = Link::LosesAnswers,
                5 => world.sites[site].link = Link::Doubles,
                6 => world.sites[site].link = Link::Works,
                _ => world.restart(site),
            }
            world.run_for(passes);
        }
        world.run_for(600);
        for site in 0..3 {
            world.restart(site);
        }
        let arrived: Vec<Vec<String>> = agents.iter().map(|agent| world.texts(agent)).collect();
        for (from, to, text) in sent {
            let count = arrived[to].iter().filter(|other| **other == text).count();
            prop_assert!(count <= 1);
            // Where it did not arrive, its provider has said so.
            let ended = world.sites[from].events.iter().filter(|event| event.kind() == FederationEventKind::Forwarded).count();
            prop_assert!(count == 1 || ended > 0);
        }
        // Nothing waits for ever: what is stored is what lies in queues.
        for (site, agent) in agents.iter().enumerate() {
            let waiting = world.pending(agent).len();
            prop_assert_eq!(world.sites[site].bodies.len(), waiting);
        }
    }
}
