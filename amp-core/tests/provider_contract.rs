//! What a provider promises to senders, recipients and its host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod provider_support;

use core::time::Duration;

use amp_core::provider::{Call, Effect, Refusals, Ticket};
use amp_core::scan::Scanner;
use amp_core::wire::{Method, RequestParts};
use amp_core::{Identity, Message};
use provider_support::{Agent, Host, Network, body_of, builder, effect, no_limits};
use serde_json::{Value, json};

fn pair() -> (Agent, Agent, Host) {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let host = Host::new(builder, &[&alice, &bob]);
    (alice, bob, host)
}

fn of_type<'f>(frames: &'f [Value], kind: &str) -> Vec<&'f Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

// rule: RELAY-1
#[test]
fn a_message_waits_until_it_is_acknowledged() {
    let (alice, bob, mut host) = pair();
    let id = host.send(&alice, &bob, "one");
    assert_eq!(host.pending_ids(&bob), core::slice::from_ref(&id));
    assert_eq!(host.pending_ids(&bob), core::slice::from_ref(&id), "reading takes nothing away");
    assert_eq!(host.ack(&bob, &id), (200, json!({"acknowledged": true})));
    assert!(host.pending_ids(&bob).is_empty());
    assert!(host.bodies.is_empty(), "its body is released");
}

// rule: RELAY-2
#[test]
fn acknowledging_twice_does_no_harm() {
    let (alice, bob, mut host) = pair();
    let id = host.send(&alice, &bob, "one");
    host.ack(&bob, &id);
    assert_eq!(host.ack(&bob, &id), (200, json!({"acknowledged": true, "already_acked": true})));
    assert_eq!(host.ack(&bob, "msg_1706648400_abc123").0, 404);
}

#[test]
fn nobody_acknowledges_for_another() {
    let (alice, bob, mut host) = pair();
    let id = host.send(&alice, &bob, "one");
    assert_eq!(host.ack(&alice, &id).0, 404);
    assert_eq!(host.pending_ids(&bob), [id]);
}

// rule: ROUTE-3
#[test]
fn what_was_signed_reaches_the_recipient_byte_for_byte() {
    let (alice, bob, mut host) = pair();
    let draft = alice
        .draft(&bob, "Zahlen | \u{1f980}", "1.50 \u{2028}")
        .context(&json!({"n": 1.5, "\u{e9}": [null]}))
        .unwrap();
    let signed = alice.sign(draft, host.now);
    // White space and member order of the body are the sender's own.
    let body = signed.to_route_json().replacen(r#""payload":{"#, "\"payload\" : {  ", 1);
    let answer = host.ask(&alice, Host::route_body(&body));
    assert_eq!(answer.status, 200, "{:?}", body_of(&answer));
    let item = &host.pending(&bob)[0];
    let stored = core::str::from_utf8(host.bodies.values().next().unwrap()).unwrap();
    assert!(stored.contains(r#""payload":{  "#), "{stored}");
    let message = json!({"envelope": item["envelope"], "payload": item["payload"]}).to_string();
    let message = Message::decode(message.as_bytes()).unwrap();
    assert!(message.verify(alice.identity.verifying_key()).is_ok());
    assert_eq!(item["sender_public_key"], alice.identity.verifying_key().to_hex().unwrap());
}

// rule: ROUTE-1
#[test]
fn only_what_the_registered_key_signed_is_accepted() {
    let (alice, bob, mut host) = pair();
    let good = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let mut unsigned: Value = serde_json::from_str(&good.to_route_json()).unwrap();
    unsigned.as_object_mut().unwrap().remove("signature");
    let forged = alice
        .draft(&bob, "Hi", "one")
        .from(&alice.address)
        .sign(&Identity::from_seed(&[99; 32]), host.now)
        .unwrap();
    let tampered = good.to_route_json().replace("one", "two");
    // Signed by bob's key as bob, sent with alice's API key.
    let anothers = bob.sign(bob.draft(&bob, "Hi", "one"), host.now).to_route_json();
    for (body, status, code) in [
        (unsigned.to_string(), 422, "signature_missing"),
        (forged.to_route_json(), 403, "signature_invalid"),
        (tampered, 403, "signature_invalid"),
        (anothers, 403, "signature_invalid"),
    ] {
        let answer = host.ask(&alice, Host::route_body(&body));
        assert_eq!((answer.status, body_of(&answer)["error"].as_str()), (status, Some(code)));
    }
    assert!(host.pending(&bob).is_empty());
    assert!(host.bodies.is_empty());
}

// rule: ROUTE-2
#[test]
fn what_the_sender_states_of_id_sender_and_time_means_nothing() {
    let (alice, bob, mut host) = pair();
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let mut body: Value = serde_json::from_str(&signed.to_route_json()).unwrap();
    body["from"] = json!(bob.address.as_str());
    body["id"] = json!("msg_1_00");
    body["timestamp"] = json!("2001-01-01T00:00:00Z");
    let answer = host.ask(&alice, Host::route_body(&body.to_string()));
    assert_eq!(answer.status, 200);
    let envelope = &host.pending(&bob)[0]["envelope"];
    assert_eq!(envelope["from"], alice.address.as_str());
    assert_ne!(envelope["id"], "msg_1_00");
    assert_eq!(envelope["timestamp"], provider_support::START);
}

#[test]
fn a_message_that_is_over_or_signed_ahead_of_time_is_refused() {
    let (alice, bob, mut host) = pair();
    let expiring = alice.draft(&bob, "Hi", "one").expires_at("2026-01-31T10:00:30Z".parse().unwrap());
    let expiring = alice.sign(expiring, host.now);
    let ahead = alice.sign(alice.draft(&bob, "Hi", "two"), "2026-01-31T10:02:00Z".parse().unwrap());
    assert_eq!(host.route(&alice, &ahead).1["error"], "timestamp_future");
    host.pass(30);
    assert_eq!(host.route(&alice, &expiring).1["error"], "timestamp_expired");
}

// rule: RELAY-3
#[test]
fn a_full_queue_fails_the_sender_and_drops_nothing() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(|| builder().relay_limit(3), &[&alice, &bob]);
    let ids: Vec<String> = (0..3).map(|n| host.send(&alice, &bob, &format!("{n}"))).collect();
    let one_more = alice.sign(alice.draft(&bob, "Hi", "one more"), host.now);
    let (status, body) = host.route(&alice, &one_more);
    assert_eq!((status, body["status"].as_str()), (200, Some("failed")));
    assert_eq!(host.pending_ids(&bob), ids);
    assert_eq!(host.bodies.len(), 3);
    host.ack(&bob, &ids[0]);
    assert_eq!(host.route(&alice, &one_more).1["status"], "queued", "there is room again");
}

// rule: RELAY-4
#[test]
fn a_message_expires_after_seven_days_or_when_it_says() {
    let (alice, bob, mut host) = pair();
    let long = host.send(&alice, &bob, "long");
    let short = alice.draft(&bob, "Hi", "short").expires_at("2026-01-31T11:00:00Z".parse().unwrap());
    let short = alice.sign(short, host.now);
    assert_eq!(host.route(&alice, &short).0, 200);
    let far = alice.draft(&bob, "Hi", "far").expires_at("2027-01-31T11:00:00Z".parse().unwrap());
    let far = alice.sign(far, host.now);
    assert_eq!(host.route(&alice, &far).0, 200);
    assert_eq!(host.pending(&bob)[2]["expires_at"], "2026-02-07T10:00:00Z");
    host.pass(3_600);
    assert_eq!(host.pending(&bob).len(), 2);
    host.pass(7 * 24 * 3_600 - 3_601);
    assert!(host.pending_ids(&bob).contains(&long));
    host.pass(1);
    assert!(host.pending(&bob).is_empty());
    host.settle();
    assert!(host.bodies.is_empty());
    // A clock that is set back brings nothing back.
    host.now = provider_support::START.parse().unwrap();
    assert!(host.pending(&bob).is_empty());
}

// rule: RELAY-13
#[test]
fn a_wrong_clock_expires_nothing_before_it_has_lasted_for_a_minute() {
    let (alice, bob, mut host) = pair();
    let id = host.send(&alice, &bob, "Hello");
    host.settle();
    let right = host.now;
    for _ in 0..3 {
        host.now = right;
        host.tick();
        host.pass(8 * 24 * 3_600);
        host.tick();
        assert_eq!(host.provider.next_timeout(), Some(host.now.saturating_add(Duration::from_secs(60))));
        host.pass(59);
        host.tick();
    }
    host.now = right;
    assert_eq!(host.pending_ids(&bob), [id.as_str()]);
    // Nor a clock that is wrong when the provider starts.
    host.restart();
    host.pass(8 * 24 * 3_600);
    host.tick();
    host.now = right;
    assert_eq!(host.pending_ids(&bob), [id]);
    host.run_until(right.saturating_add(Duration::from_secs(8 * 24 * 3_600)));
    assert!(host.bodies.is_empty(), "late is not never");
}

fn ids_in(frames: &[Value]) -> Vec<String> {
    let pushed = frames.iter().filter(|frame| frame["type"] == "message.new");
    pushed.map(|frame| frame["data"]["id"].as_str().unwrap().to_owned()).collect()
}

// rule: RELAY-6
#[test]
fn a_replay_goes_on_as_acknowledgements_come() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(|| builder().rate_limits(no_limits()), &[&alice, &bob]);
    let mut sent: Vec<String> = (0..120).map(|_| host.send(&alice, &bob, "Hello")).collect();
    let socket = host.connect(&bob);
    let mut seen = ids_in(&host.frames_of(socket));
    assert_eq!(seen, sent[..50]);
    sent.push(host.send(&alice, &bob, "What is new is pushed at once."));
    let new = ids_in(&host.frames_of(socket));
    assert_eq!(new, sent[120..]);
    host.ack(&bob, &seen[0]);
    seen.extend(ids_in(&host.frames_of(socket)));
    assert_eq!(seen, sent[..51]);
    let mut next = 1;
    while let Some(id) = seen.get(next).cloned() {
        host.frame(socket, &json!({"type": "ack", "id": id}));
        seen.extend(ids_in(&host.frames_of(socket)));
        next += 1;
    }
    assert_eq!(seen, sent[..120], "everything, once, in its order");
    assert_eq!(host.pending_ids(&bob), new);
}

// rule: RELAY-6
#[test]
fn a_replay_takes_a_mebibyte_at_once() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(|| builder().rate_limits(no_limits()), &[&alice, &bob]);
    let text = "x".repeat(60_000);
    let sent: Vec<String> = (0..30).map(|_| host.send(&alice, &bob, &text)).collect();
    let socket = host.connect(&bob);
    let frames = host.frames_of(socket);
    let bytes: usize = frames.iter().map(|frame| frame.to_string().len()).sum();
    assert!((900_000..1_200_000).contains(&bytes), "{bytes} bytes at once");
    let first = ids_in(&frames);
    assert_eq!(first, sent[..first.len()]);
    for id in &first {
        host.ack(&bob, id);
    }
    assert_eq!(ids_in(&host.frames_of(socket)), sent[first.len()..]);
}

fn keyed(alice: &Agent, bob: &Agent, host: &Host, text: &str) -> String {
    let key = amp_core::IdempotencyKey::from_random([7; 16]);
    alice.sign(alice.draft(bob, "Hi", text).idempotency_key(key), host.now).to_route_json()
}

// rule: IDEM-1
#[test]
fn a_repeated_request_gets_the_first_answer_and_is_done_once() {
    let (alice, bob, mut host) = pair();
    let body = keyed(&alice, &bob, &host, "one");
    let first = host.ask(&alice, Host::route_body(&body));
    host.pass(3_600);
    let second = host.ask(&alice, Host::route_body(&body));
    assert_eq!(first.body, second.body);
    assert_eq!(host.pending(&bob).len(), 1);
    // Also after the message is gone, and after a restart.
    let id = body_of(&first)["id"].as_str().unwrap().to_owned();
    host.ack(&bob, &id);
    host.restart();
    host.pass(6 * 24 * 3_600);
    assert_eq!(host.ask(&alice, Host::route_body(&body)).body, first.body);
    assert!(host.pending(&bob).is_empty());
    host.pass(24 * 3_600);
    assert_ne!(
        host.ask(&alice, Host::route_body(&body)).body,
        first.body,
        "after seven days it is forgotten"
    );
}

// rule: IDEM-2
#[test]
fn another_message_under_the_same_key_is_refused() {
    let (alice, bob, mut host) = pair();
    let one = keyed(&alice, &bob, &host, "one");
    let two = keyed(&alice, &bob, &host, "two");
    assert_eq!(host.ask(&alice, Host::route_body(&one)).status, 200);
    let refused = host.ask(&alice, Host::route_body(&two));
    assert_eq!(
        (refused.status, body_of(&refused)["error"].as_str()),
        (409, Some("duplicate_idempotency_key"))
    );
    // Keys are each agent's own.
    let bobs = keyed(&bob, &alice, &host, "three");
    assert_eq!(host.ask(&bob, Host::route_body(&bobs)).status, 200);
}

// rule: IDEM-3
#[test]
fn a_refused_request_burns_no_key() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(|| builder().relay_limit(0), &[&alice, &bob]);
    let one = keyed(&alice, &bob, &host, "one");
    let two = keyed(&alice, &bob, &host, "two");
    assert_eq!(body_of(&host.ask(&alice, Host::route_body(&one)))["status"], "failed");
    host.restart_as(builder);
    assert_eq!(body_of(&host.ask(&alice, Host::route_body(&two)))["status"], "queued");
}

// rule: ROUTE-4
#[test]
fn delivered_is_said_only_after_the_socket_was_written() {
    let (alice, bob, mut host) = pair();
    let socket = host.connect(&bob);
    host.network = Network::Hangs;
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let (ticket, answer) = host.ask_waiting(&alice, Host::route_body(&signed.to_route_json()));
    assert!(answer.is_none());
    assert_eq!(host.pending(&bob).len(), 1, "it is in the queue before anything is pushed");
    let push = host.held.pop().unwrap();
    assert_eq!((push.socket(), push.is_replay()), (socket, false));
    host.performed(push.written());
    let answer = body_of(&host.answers.remove(&ticket).unwrap());
    assert_eq!(
        (answer["status"].as_str(), answer["method"].as_str(), answer["basis"].as_str()),
        (Some("delivered"), Some("websocket"), Some("socket_written"))
    );
    assert_eq!(host.pending(&bob).len(), 1, "a push acknowledges nothing");
}

#[test]
fn a_push_that_fails_or_hangs_leaves_the_message_queued() {
    for network in [Network::Fails, Network::Hangs] {
        let (alice, bob, mut host) = pair();
        host.connect(&bob);
        host.network = network;
        let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
        let (ticket, answer) = host.ask_waiting(&alice, Host::route_body(&signed.to_route_json()));
        assert_eq!(answer.is_some(), network == Network::Fails, "what has failed is not waited for");
        host.pass(5);
        host.tick();
        let answer = answer.unwrap_or_else(|| host.answers.remove(&ticket).unwrap());
        let answer = body_of(&answer);
        assert_eq!((answer["status"].as_str(), answer["basis"].as_str()), (Some("queued"), Some("queued")));
        assert_eq!(host.pending(&bob).len(), 1);
    }
}

#[test]
fn a_request_is_answered_once_when_everything_is_due_at_once() {
    let (alice, bob, mut host) = pair();
    let mut record = bob.registered();
    record["agent"]["delivery"]["webhook_url"] = json!("https://hooks.example.com/bob");
    record["agent"]["delivery"]["webhook_secret"] = json!("whsec_0123456789abcdef");
    host.log.push(effect(&record).to_json());
    host.restart();
    host.endpoint = provider_support::Endpoint::Hangs;
    host.settle();
    let draft = alice.draft(&bob, "Hi", "one");
    let signed = alice.sign(draft.expires_at(host.now.saturating_add(Duration::from_secs(3_600))), host.now);
    let (ticket, _) = host.ask_waiting(&alice, Host::route_body(&signed.to_route_json()));
    // The answer, the attempt and the message itself.
    host.pass(3_600);
    host.tick();
    assert!(host.bodies.is_empty());
    assert_eq!(body_of(&host.answers.remove(&ticket).unwrap())["status"], "queued");
}

#[test]
fn a_caller_that_cannot_wait_is_told_what_is_known() {
    let (alice, bob, mut host) = pair();
    host.connect(&bob);
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    assert_eq!(host.route(&alice, &signed).1["basis"], "queued");
}

#[test]
fn whoever_repeats_a_request_that_waits_waits_with_it() {
    let (alice, bob, mut host) = pair();
    host.connect(&bob);
    host.network = Network::Hangs;
    let body = keyed(&alice, &bob, &host, "one");
    let (one, _) = host.ask_waiting(&alice, Host::route_body(&body));
    let (two, answer) = host.ask_waiting(&alice, Host::route_body(&body));
    assert!(answer.is_none());
    let push = host.held.pop().unwrap();
    assert!(host.held.is_empty(), "it was pushed once");
    host.performed(push.written());
    assert_eq!(host.answers[&one].body, host.answers[&two].body);
    let third = host.ask(&alice, Host::route_body(&body));
    assert_eq!(body_of(&third)["status"], "delivered", "the first answer again");
    host.restart();
    assert_eq!(host.ask(&alice, Host::route_body(&body)).body, third.body);
}

#[test]
fn what_was_acknowledged_before_the_push_was_known_is_delivered_without_a_basis() {
    let (alice, bob, mut host) = pair();
    host.connect(&bob);
    host.network = Network::Hangs;
    let body = keyed(&alice, &bob, &host, "one");
    let (ticket, _) = host.ask_waiting(&alice, Host::route_body(&body));
    let id = host.pending_ids(&bob).remove(0);
    host.ack(&bob, &id);
    let first = host.answers.remove(&ticket).unwrap();
    let answer = body_of(&first);
    assert_eq!((answer["status"].as_str(), answer["method"].as_str()), (Some("delivered"), Some("relay")));
    assert_eq!(answer.get("basis"), None, "nobody knows whether the socket was written");
    host.restart();
    assert_eq!(host.ask(&alice, Host::route_body(&body)).body, first.body);
}

// rule: RELAY-6
#[test]
fn what_waits_is_replayed_to_a_socket_and_what_was_acknowledged_is_not() {
    let (alice, bob, mut host) = pair();
    let ids: Vec<String> = (0..3).map(|n| host.send(&alice, &bob, &format!("{n}"))).collect();
    host.ack(&bob, &ids[1]);
    let socket = host.connect(&bob);
    let frames = host.frames_of(socket);
    assert_eq!(frames[0]["type"], "connected");
    assert_eq!(frames[0]["data"], json!({"address": bob.address.as_str(), "pending_count": 2}));
    let replayed: Vec<_> = frames[1..]
        .iter()
        .map(|frame| (frame["replay"].as_bool(), frame["data"]["id"].as_str().unwrap()))
        .collect();
    assert_eq!(replayed, [(Some(true), ids[0].as_str()), (Some(true), ids[2].as_str())]);
    // A second frame of authentication changes nothing.
    host.frame(socket, &json!({"type": "auth", "token": bob.api_key}));
    assert_eq!(host.frames_of(socket).len(), 1);
    let new = host.send(&alice, &bob, "new");
    let frames = host.frames_of(socket);
    assert_eq!(
        (frames.len(), frames[0].get("replay"), frames[0]["data"]["id"].as_str()),
        (1, None, Some(new.as_str()))
    );
}

#[test]
fn every_socket_of_an_agent_gets_the_message_and_either_spelling_acknowledges() {
    let (alice, bob, mut host) = pair();
    let sockets = [host.connect(&bob), host.connect(&bob)];
    let ids = [host.send(&alice, &bob, "one"), host.send(&alice, &bob, "two")];
    for socket in sockets {
        assert_eq!(of_type(&host.frames_of(socket), "message.new").len(), 2);
    }
    host.frame(sockets[0], &json!({"type": "ack", "id": ids[0]}));
    host.frame(sockets[1], &json!({"type": "message.ack", "id": ids[1]}));
    assert!(host.pending(&bob).is_empty());
}

#[test]
fn a_socket_says_who_it_is_within_ten_seconds_and_first_of_all() {
    let (alice, bob, mut host) = pair();
    let (slow, rude, wrong) = (host.open(), host.open(), host.open());
    host.frame(rude, &json!({"type": "ping"}));
    host.frame(wrong, &json!({"type": "auth", "token": "amp_live_sk_wrong"}));
    for socket in [rude, wrong] {
        assert_eq!(host.frames_of(socket)[0]["error"], "unauthorized");
    }
    assert_eq!((host.closed[&rude], host.closed[&wrong]), (4002, 4001));
    host.pass(9);
    host.tick();
    assert!(!host.closed.contains_key(&slow));
    host.pass(1);
    host.tick();
    assert_eq!(host.closed[&slow], 4001);
    // Nothing reaches a socket that is not authenticated.
    let open = host.open();
    host.send(&alice, &bob, "one");
    assert!(host.frames_of(open).is_empty());
    // Frames that still come over a closed socket are nobody's.
    host.frame(slow, &json!({"type": "auth", "token": bob.api_key}));
    assert!(host.frames_of(slow).len() <= 1);
}

// rule: RELAY-8
#[test]
fn a_socket_is_dead_after_five_minutes_of_silence_whatever_the_clock_does() {
    let (_, bob, mut host) = pair();
    let socket = host.connect(&bob);
    for _ in 0..10 {
        host.pass(299);
        host.frame(socket, &json!({"type": "ping"}));
        assert_eq!(of_type(&host.frames_of(socket), "pong").len(), 1);
        host.tick();
    }
    assert!(host.closed.is_empty());
    // The clock is set back by ten years: five minutes later the silence is five minutes long.
    host.now = "2016-01-31T10:00:00Z".parse().unwrap();
    host.tick();
    let due = host.provider.next_timeout().unwrap();
    assert!(due.duration_since(host.now).unwrap().as_secs() <= 300);
    host.pass(300);
    host.tick();
    assert_eq!(host.closed[&socket], 1001);
}

// rule: RELAY-7
#[test]
fn a_request_that_waits_is_answered_by_the_next_message_or_in_time() {
    let (alice, bob, mut host) = pair();
    let wait = || {
        let mut parts = RequestParts::new(Method::Get, "/messages/pending");
        parts.query = vec![("wait".into(), "20".into())];
        parts
    };
    let (ticket, answer) = host.ask_waiting(&bob, wait());
    assert!(answer.is_none());
    let id = host.send(&alice, &bob, "one");
    let page = body_of(&host.answers.remove(&ticket).unwrap());
    assert_eq!(page["messages"][0]["id"], id.as_str());
    // Something waits: the next one is answered at once.
    let (_, answer) = host.ask_waiting(&bob, wait());
    assert_eq!(body_of(&answer.unwrap())["count"], 1);
    host.ack(&bob, &id);
    let (ticket, answer) = host.ask_waiting(&bob, wait());
    assert!(answer.is_none());
    host.pass(19);
    host.tick();
    assert!(host.answers.is_empty());
    host.pass(1);
    host.tick();
    assert_eq!(body_of(&host.answers.remove(&ticket).unwrap())["count"], 0);
    // A caller that is gone is not answered.
    let (ticket, _) = host.ask_waiting(&bob, wait());
    host.provider.call_dropped(ticket);
    host.send(&alice, &bob, "two");
    assert!(host.answers.is_empty());
}

// rule: RELAY-5
#[test]
fn pages_go_on_where_the_last_one_stopped() {
    let (alice, bob, mut host) = pair();
    let ids: Vec<String> = (0..5).map(|n| host.send(&alice, &bob, &format!("{n}"))).collect();
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    for remaining in [3, 1, 0] {
        let query: Vec<(&str, &str)> =
            [("limit", "2")].into_iter().chain(cursor.as_deref().map(|cursor| ("after", cursor))).collect();
        let (_, page) = host.get(&bob, "/messages/pending", &query);
        assert_eq!(page["remaining"], remaining);
        seen.extend(
            page["messages"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        // What is acknowledged in between moves nothing.
        host.ack(&bob, &seen[0].clone());
    }
    assert_eq!((seen, cursor), (ids, None));
    let (_, count) = host.get(&bob, "/messages/pending/count", &[]);
    let newest = count["cursor"].as_str().unwrap().to_owned();
    assert_eq!(count["count"], 4);
    let (_, page) = host.get(&bob, "/messages/pending", &[("after", &newest)]);
    assert_eq!(page["count"], 0);
    for dead in ["nonsense", "0.0.0", "1.ffff.0", "1.+1.0", "1.00.0", "1.0", "1.0.1", "1.0.0.0"] {
        let (status, body) = host.get(&bob, "/messages/pending", &[("after", dead)]);
        assert_eq!((status, body["error"].as_str()), (410, Some("cursor_expired")), "{dead}");
    }
}

// rule: RELAY-11
#[test]
fn what_is_let_through_late_is_found_by_whoever_pages() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let rules = "rule test.high instruction_override high: purple elephant\n";
    let scanner = Scanner::builder().rules(rules).unwrap().build();
    let mut host = Host::new(move || builder().scan(scanner.clone()), &[&alice, &bob]);
    let held = alice.sign(alice.draft(&bob, "Hi", "purple elephant"), host.now);
    assert_eq!(host.route(&alice, &held).0, 202);
    host.send(&alice, &bob, "one");
    let (_, count) = host.get(&bob, "/messages/pending/count", &[]);
    let cursor = count["cursor"].as_str().unwrap().to_owned();
    let mut parts = RequestParts::new(Method::Get, "/messages/pending");
    parts.query = vec![("wait".into(), "20".into()), ("after".into(), cursor.clone())];
    let (ticket, answer) = host.ask_waiting(&bob, parts);
    assert!(answer.is_none());
    let list =
        host.call_with(&Call::new(RequestParts::new(Method::Get, "/quarantine")).by_admin("root")).unwrap();
    let list = body_of(&host.finish(list).unwrap());
    let id = list["entries"][0]["quarantine_id"].as_str().unwrap().to_owned();
    let approve = RequestParts::new(Method::Post, &format!("/quarantine/{id}/approve"));
    host.call_with(&Call::new(approve).by_admin("root")).unwrap();
    let page = body_of(&host.answers.remove(&ticket).unwrap());
    assert_eq!(
        page["messages"][0]["payload"]["message"], "purple elephant",
        "whoever waited gets it: {page}"
    );
    assert_eq!(host.get(&bob, "/messages/pending", &[("after", &cursor)]).1["error"], "cursor_expired");
    assert_eq!(host.pending(&bob).len(), 2);
    host.restart();
    assert_eq!(host.get(&bob, "/messages/pending", &[("after", &cursor)]).1["error"], "cursor_expired");
}

#[test]
fn a_page_fits_an_answer_of_one_mebibyte() {
    let (alice, bob, mut host) = pair();
    for n in 0..5 {
        let draft = alice
            .draft(&bob, "Hi", &"x".repeat(60_000))
            .context(&json!({"n": n, "pad": "y".repeat(250_000)}))
            .unwrap();
        let signed = alice.sign(draft, host.now);
        assert_eq!(host.route(&alice, &signed).0, 200);
    }
    let (mut rounds, mut total) = (0, 0);
    while total < 5 {
        let answer = host.ask(&bob, RequestParts::new(Method::Get, "/messages/pending"));
        assert!(answer.body.len() <= 1024 * 1024, "{}", answer.body.len());
        let page = body_of(&answer);
        for item in page["messages"].as_array().unwrap() {
            host.ack(&bob, item["id"].as_str().unwrap());
            total += 1;
        }
        rounds += 1;
    }
    assert_eq!(rounds, 2);
}

// rule: RELAY-9
#[test]
fn receipts_go_to_the_true_sender_and_acknowledge_nothing() {
    let (alice, bob, mut host) = pair();
    let (alices, bobs) = (host.connect(&alice), host.connect(&bob));
    host.frames.clear();
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let body = signed.to_route_json().replacen('{', r#"{"options":{"receipt":true},"#, 1);
    let id = body_of(&host.ask(&alice, Host::route_body(&body)))["id"].as_str().unwrap().to_owned();
    let frames = host.frames_of(alices);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["type"], "message.delivered");
    assert_eq!(frames[0]["data"]["id"], id.as_str());
    assert_eq!(frames[0]["data"]["basis"], "socket_written");
    let read = |host: &mut Host, agent: &Agent| {
        let mut parts = RequestParts::new(Method::Post, &format!("/messages/{id}/read"));
        parts.body = json!({"original_sender": bob.address.as_str()}).to_string().into_bytes();
        let answer = host.ask(agent, parts);
        (answer.status, body_of(&answer))
    };
    assert_eq!(read(&mut host, &alice).0, 404, "only the recipient reads");
    assert_eq!(read(&mut host, &bob), (200, json!({"read_receipt_sent": true})));
    assert_eq!(of_type(&host.frames_of(alices), "message.read").len(), 1);
    assert!(
        of_type(&host.frames_of(bobs), "message.read").is_empty(),
        "whoever the request names is not told"
    );
    assert_eq!(host.pending_ids(&bob), core::slice::from_ref(&id));
    read(&mut host, &bob);
    assert!(host.frames_of(alices).is_empty(), "once");
    host.ack(&bob, &id);
    assert!(host.frames_of(alices).is_empty(), "delivered was said already");
    host.close(alices);
    let quiet = host.send(&alice, &bob, "two");
    host.ack(&bob, &quiet);
    let parts = RequestParts::new(Method::Post, &format!("/messages/{quiet}/read"));
    assert_eq!(
        body_of(&host.ask(&bob, parts)),
        json!({"read_receipt_sent": false}),
        "nobody was there to be told"
    );
}

#[test]
fn a_snapshot_remembers_what_was_said_and_read() {
    let (alice, bob, mut host) = pair();
    let bobs = host.connect(&bob);
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let body = signed.to_route_json().replacen('{', r#"{"options":{"receipt":true},"#, 1);
    let alices = host.connect(&alice);
    let id = body_of(&host.ask(&alice, Host::route_body(&body)))["id"].as_str().unwrap().to_owned();
    let read = || RequestParts::new(Method::Post, &format!("/messages/{id}/read"));
    host.ask(&bob, read());
    let frames = host.frames_of(alices);
    assert_eq!(
        frames[1..].iter().map(|frame| frame["type"].as_str().unwrap()).collect::<Vec<_>>(),
        ["message.delivered", "message.read"]
    );
    host.close(bobs);
    host.restart_from_snapshot();
    let alices = host.connect(&alice);
    host.ack(&bob, &id);
    host.ask(&bob, read());
    let frames = host.frames_of(alices);
    assert_eq!(frames.len(), 1, "neither is said twice: {frames:?}");
    assert_eq!(host.ack(&bob, &id).1["already_acked"], true);
    host.restart_from_snapshot();
    assert_eq!(host.ack(&bob, &id).1["already_acked"], true, "what left is remembered too");
}

#[test]
fn an_acknowledgement_without_a_push_is_told_without_a_basis() {
    let (alice, bob, mut host) = pair();
    let alices = host.connect(&alice);
    host.frames.clear();
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let body = signed.to_route_json().replacen('{', r#"{"options":{"receipt":true},"#, 1);
    let id = body_of(&host.ask(&alice, Host::route_body(&body)))["id"].as_str().unwrap().to_owned();
    assert!(host.frames_of(alices).is_empty());
    host.ack(&bob, &id);
    let frames = host.frames_of(alices);
    assert_eq!((frames[0]["data"]["method"].as_str(), frames[0]["data"].get("basis")), (Some("relay"), None));
}

#[test]
fn a_replaced_api_key_ends_and_a_clock_set_back_does_not_revive_it() {
    let (alice, bob, _) = pair();
    let former = "amp_live_sk_before0000000000";
    let mut record = alice.registered();
    record["agent"]["former_api_key"] = json!({
        "hash": provider_support::hex(&<sha2::Sha256 as sha2::Digest>::digest(former)),
        "until": "2026-02-01T10:00:00Z"
    });
    let mut host = Host::new(builder, &[&alice, &bob]);
    host.log.push(effect(&record).to_json());
    host.restart();
    let ask = |host: &mut Host, key: &str| {
        let parts = RequestParts::new(Method::Get, "/messages/pending").with_key(&key.parse().unwrap());
        let reply = host.call_with(&Call::new(parts)).unwrap();
        host.finish(reply).unwrap().status
    };
    assert_eq!((ask(&mut host, former), ask(&mut host, &alice.api_key)), (200, 200));
    host.pass(24 * 3_600);
    assert_eq!((ask(&mut host, former), ask(&mut host, &alice.api_key)), (401, 200));
    host.now = provider_support::START.parse().unwrap();
    assert_eq!((ask(&mut host, former), ask(&mut host, &alice.api_key)), (401, 200));
    for wrong in ["amp_live_sk_wrong", &alice.api_key.to_uppercase()] {
        assert_eq!(ask(&mut host, wrong), 401);
    }
}

#[test]
fn no_call_without_a_key() {
    let (_, _, mut host) = pair();
    for (method, path) in [
        (Method::Get, "/messages/pending"),
        (Method::Post, "/route"),
        (Method::Get, "/quarantine"),
        (Method::Get, "/agents/owned"),
    ] {
        let reply = host.call_with(&Call::new(RequestParts::new(method, path))).unwrap();
        assert_eq!(host.finish(reply).unwrap().status, 401, "{path}");
    }
    let reply = host.call_with(&Call::new(RequestParts::new(Method::Get, "/health"))).unwrap();
    assert_eq!(body_of(&host.finish(reply).unwrap())["status"], "healthy");
    let reply = host.call_with(&Call::new(RequestParts::new(Method::Get, "/nowhere"))).unwrap();
    assert_eq!(host.finish(reply).unwrap().status, 404);
}

// rule: ROUTE-5
#[test]
fn the_policy_of_the_sender_is_asked_before_anything_is_queued() {
    let (alice, bob, _) = pair();
    let mut record = alice.registered();
    record["agent"]["policy"] =
        json!(r#"{"mode":"restricted","allowed_recipients":["carol@acme.crabmail.ai"]}"#);
    for (refusals, code) in [(Refusals::Named, "recipient_not_allowed"), (Refusals::Uniform, "not_found")] {
        let mut host = Host::new(builder, &[&alice, &bob]);
        host.log.push(effect(&record).to_json());
        host.restart_as(move || builder().refusals(refusals));
        let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
        assert_eq!(host.route(&alice, &signed).1["error"], code);
        assert!(host.bodies.is_empty());
    }
}

// rule: ROUTE-6
#[test]
fn h10_an_unknown_recipient_and_a_refused_sender_can_be_answered_alike() {
    let (alice, bob, _) = pair();
    let nobody = Agent::new(7, "nobody");
    let mut record = alice.registered();
    record["agent"]["policy"] = json!(r#"{"mode":"restricted","allowed_recipients":[]}"#);
    let mut host = Host::new(builder, &[&alice, &bob]);
    host.log.push(effect(&record).to_json());
    host.restart_as(|| builder().refusals(Refusals::Uniform));
    let mut answers = [&bob, &nobody].map(|to| {
        let signed = alice.sign(alice.draft(to, "Hi", "one"), host.now);
        host.route(&alice, &signed)
    });
    assert_eq!(answers[0].0, 404);
    assert_eq!(answers[0].1.take(), answers[1].1.take());
}

// rule: ROUTE-7
#[test]
fn a34_a_decision_that_was_not_stored_was_never_made() {
    let (alice, bob, mut host) = pair();
    host.connect(&bob);
    host.send(&alice, &bob, "before");
    let before = host.snapshot();
    let body = keyed(&alice, &bob, &host, "one");
    let parts = Host::route_body(&body).with_key(&alice.api_key.parse().unwrap());
    let moment = host.moment();
    drop(host.provider.handle(&Call::new(parts.clone()).with_ticket(Ticket(900)), moment));
    assert_eq!(host.snapshot(), before);
    let answer = host.call_with(&Call::new(parts)).unwrap();
    assert_eq!(body_of(&host.finish(answer).unwrap())["status"], "queued");
    assert_eq!(host.pending(&bob).len(), 2);
}

#[test]
fn an_effect_that_is_given_twice_changes_nothing_the_second_time() {
    let (alice, bob, mut host) = pair();
    let socket = host.connect(&bob);
    let ids = [host.send(&alice, &bob, "one"), host.send(&alice, &bob, "two")];
    let body = keyed(&alice, &bob, &host, "three");
    host.ask(&alice, Host::route_body(&body));
    host.frame(socket, &json!({"type": "ack", "id": ids[0]}));
    let doubled: Vec<Effect> = host
        .log
        .iter()
        .flat_map(|line| {
            let effect = Effect::from_json(line.as_bytes()).unwrap();
            [effect.clone(), effect]
        })
        .collect();
    let twice = builder().restore(doubled).unwrap().build();
    let lines: Vec<String> = twice.snapshot().iter().map(Effect::to_json).collect();
    assert_eq!(lines, host.snapshot());
}

#[test]
fn an_effect_of_a_later_version_is_refused() {
    for line in [
        r#"{"v":2,"effect":"agent_removed","agent":7,"at":"2026-01-31T10:00:00Z"}"#,
        r#"{"effect":"agent_removed","agent":7,"at":"2026-01-31T10:00:00Z"}"#,
        r#"{"v":1,"effect":"agent_promoted","agent":7}"#,
        "{}",
        "",
    ] {
        assert!(Effect::from_json(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn frames_that_nobody_knows_are_ignored_and_nonsense_is_answered() {
    let (alice, bob, mut host) = pair();
    let socket = host.connect(&bob);
    host.frames.clear();
    host.frame(socket, &json!({"type": "wave"}));
    assert!(host.frames_of(socket).is_empty());
    host.frame(socket, &json!([1, 2]));
    assert_eq!(host.frames_of(socket)[0]["error"], "invalid_request");
    host.frame(socket, &json!({"type": "ack", "id": "msg_1706648400_abc123"}));
    assert!(host.frames_of(socket).is_empty());
    // A message over the socket: refused ones are told, accepted ones arrive.
    let signed = bob.sign(bob.draft(&alice, "Hi", "one"), host.now);
    let mut data: Value = serde_json::from_str(&signed.to_route_json()).unwrap();
    host.frame(socket, &json!({"type": "route", "data": data}));
    assert!(host.frames_of(socket).is_empty());
    assert_eq!(host.pending(&alice).len(), 1);
    data["subject"] = json!("Ho");
    host.frame(socket, &json!({"type": "route", "data": data}));
    assert_eq!(host.frames_of(socket)[0]["error"], "signature_invalid");
}

#[test]
fn connections_count_against_the_limit_of_calls() {
    let (_, bob, mut host) = pair();
    for _ in 0..100 {
        let socket = host.connect(&bob);
        host.close(socket);
    }
    let socket = host.connect(&bob);
    assert_eq!((host.closed[&socket], host.frames_of(socket).len()), (1013, 0));
}

#[test]
fn an_agent_has_sixteen_sockets_at_most() {
    let (_, bob, mut host) = pair();
    let sockets: Vec<_> = (0..17)
        .map(|_| {
            host.pass(1);
            host.connect(&bob)
        })
        .collect();
    assert_eq!(
        host.closed.keys().collect::<Vec<_>>(),
        [&sockets[0]],
        "the one that was silent for the longest"
    );
}
