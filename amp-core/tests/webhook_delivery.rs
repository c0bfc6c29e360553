//! How a provider posts messages: in which order, how often, and what a sender is told (delivery, webhooks).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod provider_support;

use core::time::Duration;

use amp_core::Message;
use amp_core::provider::{Call, Effect};
use amp_core::webhook::{Scheme, WebhookSecret, verify};
use amp_core::wire::{Method, Request, RequestParts, Suspend};
use proptest::prelude::*;
use provider_support::{Agent, Endpoint, Host, Network, body_of, builder, effect, no_limits};
use serde_json::{Value, json};

const URL: &str = "https://hooks.example.com/amp";
const SECRET: &str = "whsec_4f1c9a6be2d07358";

fn with_webhook(agent: &Agent, url: &str, prefer_websocket: bool) -> Value {
    let mut effect = agent.registered();
    effect["agent"]["delivery"] =
        json!({"webhook_url": url, "webhook_secret": SECRET, "prefer_websocket": prefer_websocket});
    effect
}

/// Alice, bob, and a host at which bob has a webhook.
fn pair(prefer_websocket: bool) -> (Agent, Agent, Host) {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(|| builder().rate_limits(no_limits()), &[&alice]);
    host.log.push(effect(&with_webhook(&bob, URL, prefer_websocket)).to_json());
    host.restart();
    (alice, bob, host)
}

/// Sends a message whose sender waits for the answer: what it says.
fn send(host: &mut Host, from: &Agent, to: &Agent, text: &str) -> Option<Value> {
    let signed = from.sign(from.draft(to, "Hi", text), host.now);
    let (_, answer) = host.ask_waiting(from, Host::route_body(&signed.to_route_json()));
    answer.map(|answer| body_of(&answer))
}

/// Attempts, and the seconds after the start at which they were made.
fn attempts(host: &Host) -> Vec<(String, String)> {
    let header = |posted: &provider_support::Posted, name: &str| {
        posted.headers.iter().find(|(own, _)| *own == name).unwrap().1.clone()
    };
    let pairs = host.posted.iter();
    pairs
        .map(|posted| (header(posted, "X-AMP-Delivery-Attempt"), header(posted, "X-AMP-Timestamp")))
        .collect()
}

fn seconds(from_start: u64) -> String {
    (1_769_853_600 + from_start).to_string()
}

fn after(host: &Host, seconds: u64) -> amp_core::Timestamp {
    host.now.saturating_add(Duration::from_secs(seconds))
}

// rule: HOOK-1, HOOK-17
#[test]
fn a_message_is_posted_signed_and_stays_in_the_queue() {
    let (alice, bob, mut host) = pair(true);
    let answer = send(&mut host, &alice, &bob, "one").unwrap();
    assert_eq!(
        (&answer["status"], &answer["method"], &answer["basis"]),
        (&json!("delivered"), &json!("webhook"), &json!("webhook_2xx"))
    );
    let posted = &host.posted[0];
    let headers = posted.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let secrets = [WebhookSecret::new(SECRET).unwrap()];
    let delivery = verify(headers, &posted.body, &secrets, host.now, Scheme::Standard).unwrap();
    let message = delivery.message().unwrap();
    assert_eq!(message.id().unwrap().as_str(), answer["id"]);
    assert!(Message::decode(message.as_bytes()).unwrap().verify(alice.identity.verifying_key()).is_ok());
    assert_eq!(posted.post.target().as_str(), URL);
    let shown = format!("{:?}", posted.post);
    assert!(!shown.contains(SECRET) && !shown.contains("/amp"), "{shown}");
    let id = answer["id"].as_str().unwrap().to_owned();
    assert_eq!(host.pending_ids(&bob), core::slice::from_ref(&id), "it leaves by acknowledgement only");
    assert_eq!(host.ack(&bob, &id).0, 200);
    host.run_until(after(&host, 1_000));
    assert_eq!(host.posted.len(), 1);
}

// rule: HOOK-13, HOOK-14, HOOK-17
#[test]
fn what_fails_is_posted_three_times_and_then_waits() {
    for endpoint in [Endpoint::Answers(503), Endpoint::Fails] {
        let (alice, bob, mut host) = pair(true);
        host.endpoint = endpoint;
        let answer = send(&mut host, &alice, &bob, "one").unwrap();
        assert_eq!((&answer["status"], &answer["basis"]), (&json!("queued"), &json!("queued")));
        host.run_until(after(&host, 10_000));
        let expected = [("1", 0), ("2", 30), ("3", 120)].map(|(number, at)| (number.to_owned(), seconds(at)));
        assert_eq!(attempts(&host), expected);
        assert_eq!(host.pending_ids(&bob).len(), 1);
    }
}

// rule: HOOK-14
#[test]
fn what_is_refused_is_posted_once_and_waits() {
    for endpoint in
        [Endpoint::Answers(400), Endpoint::Answers(410), Endpoint::Answers(301), Endpoint::IsPrivate]
    {
        let (alice, bob, mut host) = pair(true);
        host.endpoint = endpoint;
        let answer = send(&mut host, &alice, &bob, "one").unwrap();
        assert_eq!(answer["status"], "queued");
        host.restart();
        host.run_until(after(&host, 10_000));
        assert_eq!(host.posted.len(), usize::from(endpoint != Endpoint::IsPrivate));
        assert_eq!(host.pending_ids(&bob).len(), 1);
    }
}

// rule: HOOK-15
#[test]
fn what_was_fetched_and_acknowledged_is_not_posted_again() {
    let (alice, bob, mut host) = pair(true);
    host.endpoint = Endpoint::Answers(500);
    let id = send(&mut host, &alice, &bob, "one").unwrap()["id"].as_str().unwrap().to_owned();
    host.run_until(after(&host, 10));
    assert_eq!(host.ack(&bob, &id).0, 200);
    host.run_until(after(&host, 10_000));
    assert_eq!(host.posted.len(), 1);
    assert_eq!(host.provider.next_timeout(), None, "nothing is left to be done");
}

// rule: HOOK-15
#[test]
fn what_a_socket_took_or_what_has_expired_is_not_posted_again() {
    let (alice, bob, mut host) = pair(true);
    host.endpoint = Endpoint::Answers(500);
    send(&mut host, &alice, &bob, "one").unwrap();
    host.run_until(after(&host, 10));
    let socket = host.connect(&bob);
    assert_eq!(host.frames_of(socket).last().unwrap()["replay"], true);
    host.run_until(after(&host, 200));
    assert_eq!(host.posted.len(), 1);

    for (lives, posts) in [(29, 1), (30, 1), (31, 2), (120, 2), (121, 3)] {
        let (alice, bob, mut host) = pair(true);
        host.endpoint = Endpoint::Fails;
        let expires_at = after(&host, lives);
        let signed = alice.sign(alice.draft(&bob, "Hi", "one").expires_at(expires_at), host.now);
        assert_eq!(host.route(&alice, &signed).0, 200);
        host.run_until(after(&host, 10_000));
        assert_eq!(host.posted.len(), posts, "{lives}");
    }
}

// rule: HOOK-15
#[test]
fn whoever_takes_the_webhook_away_is_posted_to_no_more() {
    let (alice, bob, mut host) = pair(true);
    host.endpoint = Endpoint::Answers(500);
    send(&mut host, &alice, &bob, "one").unwrap();
    let mut parts = RequestParts::new(Method::Patch, "/agents/me");
    parts.body = br#"{"delivery":{"webhook_url":""}}"#.to_vec();
    assert_eq!(host.ask(&bob, parts).status, 200);
    host.run_until(after(&host, 10_000));
    send(&mut host, &alice, &bob, "two").unwrap();
    assert_eq!((host.posted.len(), host.pending_ids(&bob).len()), (1, 2));
}

// rule: HOOK-17
#[test]
fn a_socket_comes_before_a_webhook_unless_the_agent_prefers_it_otherwise() {
    for (prefer_websocket, method) in [(true, "websocket"), (false, "webhook")] {
        let (alice, bob, mut host) = pair(prefer_websocket);
        let socket = host.connect(&bob);
        host.frames_of(socket);
        let answer = send(&mut host, &alice, &bob, "one").unwrap();
        assert_eq!((&answer["status"], &answer["method"]), (&json!("delivered"), &json!(method)));
        assert_eq!(host.frames_of(socket).len(), usize::from(prefer_websocket));
        assert_eq!(host.posted.len(), usize::from(!prefer_websocket));
    }
}

// rule: HOOK-17
#[test]
fn the_second_way_is_taken_when_the_first_fails() {
    let (alice, bob, mut host) = pair(true);
    let (one, two) = (host.connect(&bob), host.connect(&bob));
    host.network = Network::Fails;
    let answer = send(&mut host, &alice, &bob, "one").unwrap();
    assert_eq!(answer["method"], "webhook", "{answer}");
    assert_eq!(host.posted.len(), 1, "once, though two sockets failed");
    host.close(one);
    host.close(two);

    let (alice, bob, mut host) = pair(false);
    let socket = host.connect(&bob);
    host.frames_of(socket);
    host.endpoint = Endpoint::Answers(404);
    assert!(send(&mut host, &alice, &bob, "one").is_some());
    let frames = host.frames_of(socket);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(host.posted.len(), 1);
    host.run_until(after(&host, 10_000));
    assert_eq!(host.posted.len(), 1);
}

// rule: HOOK-17
#[test]
fn what_no_socket_and_no_webhook_takes_is_tried_on_each_way_once() {
    for prefer_websocket in [true, false] {
        let (alice, bob, mut host) = pair(prefer_websocket);
        host.connect(&bob);
        (host.network, host.endpoint) = (Network::Fails, Endpoint::Fails);
        assert_eq!(send(&mut host, &alice, &bob, "one").unwrap()["status"], "queued");
        host.run_until(after(&host, 100_000));
        assert_eq!(host.posted.len(), 3);
        assert_eq!(host.pending_ids(&bob).len(), 1);
    }
}

// rule: HOOK-15
#[test]
fn a_suspended_agent_is_posted_nothing_and_loses_nothing() {
    let (alice, bob, mut host) = pair(true);
    host.endpoint = Endpoint::Answers(500);
    send(&mut host, &alice, &bob, "one").unwrap();
    let suspend = Suspend::new("agt_1".parse().unwrap(), "spam");
    let answer = host.call_with(&Call::new(suspend.to_parts()).by_admin("root")).unwrap();
    assert_eq!(host.finish(answer).unwrap().status, 200);
    host.run_until(after(&host, 10_000));
    assert_eq!((host.posted.len(), host.bodies.len()), (1, 1));
}

#[test]
fn an_answer_waits_for_the_endpoint_and_not_for_ever() {
    let (alice, bob, mut host) = pair(true);
    host.endpoint = Endpoint::Hangs;
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    let (ticket, answer) = host.ask_waiting(&alice, Host::route_body(&signed.to_route_json()));
    assert!(answer.is_none());
    host.run_until(after(&host, 6));
    assert_eq!(body_of(&host.answers[&ticket])["status"], "queued", "nothing is claimed that is not known");
    let late = host.posted[0].post.answered(200);
    host.performed(late);
    host.run_until(after(&host, 10_000));
    assert_eq!(host.posted.len(), 1, "and it is delivered");
}

// rule: HOOK-16
#[test]
fn an_endpoint_that_never_answers_is_asked_three_times() {
    let (alice, bob, mut host) = pair(true);
    host.endpoint = Endpoint::Hangs;
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    host.ask_waiting(&alice, Host::route_body(&signed.to_route_json()));
    host.run_until(after(&host, 10_000));
    assert_eq!(host.posted.len(), 3);
    let (second, third) = (host.posted[1].post.answered(404), host.posted[2].post.answered(200));
    host.performed(second);
    host.performed(third);
    let handed_over = host.log.iter().filter(|line| line.contains("handed_over")).count();
    assert_eq!(handed_over, 1, "an endpoint that has it has it, however late it says so");
}

// rule: HOOK-16
#[test]
fn a_restart_goes_on_where_it_stopped() {
    for by_snapshot in [false, true] {
        let (alice, bob, mut host) = pair(true);
        host.endpoint = Endpoint::Hangs;
        let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
        host.ask_waiting(&alice, Host::route_body(&signed.to_route_json()));
        if by_snapshot {
            host.restart_from_snapshot()
        } else {
            host.restart()
        }
        host.endpoint = Endpoint::Answers(500);
        host.run_until(after(&host, 10_000));
        let expected = [("1", 0), ("2", 30), ("3", 120)].map(|(number, at)| (number.to_owned(), seconds(at)));
        assert_eq!(attempts(&host), expected);
        host.restart();
        host.run_until(after(&host, 10_000));
        assert_eq!(host.posted.len(), 3, "what is exhausted stays so");
    }
}

// rule: HOOK-16
#[test]
fn an_attempt_is_stored_before_it_is_made() {
    let (alice, bob, mut host) = pair(true);
    host.crash_next = true;
    let signed = alice.sign(alice.draft(&bob, "Hi", "one"), host.now);
    assert!(host.try_ask(&alice, Host::route_body(&signed.to_route_json())).is_none());
    assert_eq!(host.posted.len(), 0, "the host stopped between storing and doing");
    host.run_until(after(&host, 10_000));
    let expected = [("2".to_owned(), seconds(30))];
    assert_eq!(attempts(&host), expected, "the lost attempt counts");
    assert_eq!(host.pending_ids(&bob).len(), 1);
}

// rule: TARGET-1
#[test]
fn a_url_is_vetted_before_each_call_and_not_only_when_it_is_registered() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    for url in
        ["http://hooks.example.com/", "https://127.0.0.1/", "https://2130706433/", "https://hooks.internal/"]
    {
        let mut host = Host::new(builder, &[&alice]);
        host.log.push(effect(&with_webhook(&bob, url, true)).to_json());
        host.restart();
        assert_eq!(send(&mut host, &alice, &bob, "one").unwrap()["status"], "queued", "{url}");
        assert!(host.posted.is_empty());
    }
}

#[test]
fn the_effects_of_posting_read_back() {
    for due in ["null", "\"2026-01-31T10:00:30Z\""] {
        let json = format!(r#"{{"v":1,"effect":"posting","agent":1,"message":0,"attempts":1,"due":{due}}}"#);
        assert_eq!(Effect::from_json(json.as_bytes()).unwrap().to_json(), json);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Endpoint(u16),
    Hang,
    Network(bool),
    Connect,
    Disconnect,
    Ack,
    Pass(u64),
    Back(u64),
    Late(usize, u16),
    Restart,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Send),
        2 => prop::sample::select(vec![200, 204, 301, 404, 500, 503]).prop_map(Step::Endpoint),
        1 => Just(Step::Hang),
        1 => any::<bool>().prop_map(Step::Network),
        1 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Ack),
        3 => (0..200_u64).prop_map(Step::Pass),
        1 => (0..5_000_u64).prop_map(Step::Back),
        1 => (0..20_usize, prop::sample::select(vec![200, 404, 500])).prop_map(|(which, status)| Step::Late(which, status)),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    // rule: HOOK-13, HOOK-17
    #[test]
    fn no_message_is_lost_and_none_is_posted_a_fourth_time(
        prefer_websocket in any::<bool>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (alice, bob, mut host) = pair(prefer_websocket);
        let (mut accepted, mut acknowledged, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Send => {
                    if let Some(answer) = send(&mut host, &alice, &bob, "text") {
                        accepted.push(answer["id"].as_str().unwrap().to_owned());
                    }
                }
                Step::Endpoint(status) => host.endpoint = Endpoint::Answers(status),
                Step::Hang => host.endpoint = Endpoint::Hangs,
                Step::Network(works) => host.network = if works { Network::Works } else { Network::Fails },
                Step::Connect => sockets.push(host.connect(&bob)),
                Step::Disconnect => {
                    if let Some(socket) = sockets.pop() {
                        host.close(socket);
                    }
                }
                Step::Ack => {
                    if let Some(id) = host.pending_ids(&bob).first().cloned() {
                        host.ack(&bob, &id);
                        acknowledged.push(id);
                    }
                }
                Step::Pass(seconds) => {
                    let end = after(&host, seconds);
                    host.run_until(end);
                }
                Step::Back(seconds) => host.now = host.now.saturating_sub(Duration::from_secs(seconds)),
                Step::Late(which, status) => {
                    if let Some(performed) = host.posted.get(which).map(|posted| posted.post.answered(status)) {
                        host.performed(performed);
                    }
                }
                Step::Restart => {
                    host.restart();
                    sockets.clear();
                }
                Step::Crash => {
                    host.crash_next = true;
                    host.tick();
                    sockets.clear();
                }
            }
        }
        let pending = host.pending_ids(&bob);
        for id in &accepted {
            prop_assert!(pending.contains(id) || acknowledged.contains(id), "{} is lost", id);
        }
        for posted in &host.posted {
            let own = host.posted.iter().filter(|other| other.post.message() == posted.post.message());
            prop_assert!(own.count() <= 3);
        }
        let state = host.snapshot();
        host.restart();
        prop_assert_eq!(host.snapshot(), state, "the memory is the sum of the effects");
        // Left alone, everything comes to rest: only expiry remains.
        let end = after(&host, 3_600);
        host.run_until(end);
        let calls = host.posted.len();
        let end = after(&host, 3_600);
        host.run_until(end);
        prop_assert_eq!(host.posted.len(), calls);
    }
}
