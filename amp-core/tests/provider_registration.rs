//! Registration, as a provider decides it: who is given an address, whose keys are whose, and what is never told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod provider_support;

use core::time::Duration;

use amp_core::connection::{ApiKeyOutcome, ApiKeyRotation};
use amp_core::guards::{RateClass, RateLimit};
use amp_core::identity::{ProviderAssertedCard, RotationRequest};
use amp_core::provider::{Call, Moment, Provider, ProviderBuilder, Registration, Reply, SocketId, Ticket};
use amp_core::webhook::TargetPolicy;
use amp_core::wire::{
    AgentScope, AnswerParts, ApiError, Deregister, GetCard, GetMe, GetUserKey, ListAgents, ListOwned, Method,
    Register, Registered, Request, RequestParts, Resolve, RevokeApiKey, RotateApiKey, RotateKeys, UpdateMe,
};
use amp_core::{Address, Identity, SecretText};
use proptest::prelude::*;
use provider_support::{Agent, Host, body_of, builder, no_limits};
use serde_json::{Value, json};

const INVITE: &str = "an invite that nobody guesses";

fn limitless() -> ProviderBuilder {
    builder()
        .rate_limits(no_limits().with(RateClass::Register, RateLimit::new(u16::MAX, Duration::from_secs(60))))
}

fn with(registration: Registration) -> Host {
    Host::new(move || limitless().registration(registration.clone()), &[])
}

fn open() -> Host {
    with(Registration::open())
}

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn request(name: &str, seed: u8) -> Register {
    Register::new(name.parse().unwrap(), identity(seed).verifying_key()).in_tenant("acme")
}

fn send(host: &mut Host, call: &Call) -> AnswerParts {
    let reply = host.call_with(call).unwrap();
    host.finish(reply).unwrap()
}

fn ask<R: Request>(host: &mut Host, request: &R) -> AnswerParts {
    send(host, &Call::new(request.to_parts()))
}

fn ask_with<R: Request>(host: &mut Host, key: &str, request: &R) -> AnswerParts {
    send(host, &Call::new(request.to_parts().with_key(&key.parse().unwrap())))
}

fn register(host: &mut Host, request: &Register) -> Registered {
    let answer = ask(host, request);
    assert_eq!(answer.status, 201, "{}", body_of(&answer));
    request.read_answer(&answer).unwrap()
}

fn key_of(registered: &Registered) -> String {
    registered.api_key.expose().to_owned()
}

fn refusal(answer: &AnswerParts) -> (u16, String, Option<String>) {
    let error = ApiError::from_parts(answer);
    (error.status, error.code.unwrap().as_str().to_owned(), error.field)
}

fn status_with(host: &mut Host, key: &str) -> u16 {
    ask_with(host, key, &GetMe).status
}

fn alice() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

// rule: REG-1
#[test]
fn an_agent_is_given_an_address_and_a_key_that_is_kept_as_its_hash() {
    let mut host = open();
    let answer = register(&mut host, &request("Alice", 1));
    assert_eq!(answer.address, alice());
    assert_eq!(answer.short_address.as_deref(), Some("alice@acme.crabmail.ai"));
    assert_eq!(answer.provider.route_url.as_ref().unwrap().as_str(), "https://api.crabmail.ai/v1/route");
    let key = key_of(&answer);
    assert!(key.len() == 76 && key.starts_with("amp_live_sk_"), "{key}");
    assert_eq!(status_with(&mut host, &key), 200);
    let digits = key.strip_prefix("amp_live_sk_").unwrap();
    let kept = [host.log.clone(), host.snapshot()].concat().join("\n");
    assert!(!kept.contains(digits) && !format!("{:?}", host.provider).contains(digits));
}

// rule: REG-2
#[test]
fn a_public_key_is_no_proof_of_who_registers_again() {
    let mut host = open();
    let first = key_of(&register(&mut host, &request("alice", 1)));
    // The first answer may have been lost: until its key is used, the same registration is answered anew.
    let second = key_of(&register(&mut host, &request("alice", 1)));
    assert_ne!(first, second);
    assert_eq!((status_with(&mut host, &first), status_with(&mut host, &second)), (401, 200));
    for restarts in 0..2 {
        let refused = refusal(&ask(&mut host, &request("alice", 1)));
        assert_eq!(refused, (409, "key_already_registered".into(), None), "{restarts}");
        host.restart_from_snapshot();
    }
    // Whoever has the API key is the agent.
    let answer = ask_with(&mut host, &second, &request("alice", 1));
    let third = key_of(&request("alice", 1).read_answer(&answer).unwrap());
    assert_eq!((status_with(&mut host, &second), status_with(&mut host, &third)), (401, 200));
    let bob = key_of(&register(&mut host, &request("bob", 2)));
    assert_eq!(refusal(&ask_with(&mut host, &bob, &request("alice", 1))).1, "key_already_registered");
    assert_eq!(refusal(&ask_with(&mut host, "amp_live_sk_unknown", &request("alice", 1))).0, 401);
}

fn again_from(host: &mut Host, source: &str) -> u16 {
    let call = Call::new(request("alice", 1).to_parts());
    send(host, &if source.is_empty() { call } else { call.with_source(source) }).status
}

// rule: REG-2
#[test]
fn a_first_api_key_is_given_again_for_ten_minutes_and_to_the_same_place() {
    let mut host = open();
    assert_eq!(again_from(&mut host, "192.0.2.1"), 201);
    for other in ["192.0.2.2", ""] {
        assert_eq!(again_from(&mut host, other), 409, "{other:?}");
    }
    host.pass(599);
    assert_eq!(again_from(&mut host, "192.0.2.1"), 201, "not used, and within the time");
    host.restart();
    assert_eq!(again_from(&mut host, "192.0.2.1"), 201, "though the provider crashed meanwhile");
    host.pass(1);
    assert_eq!(again_from(&mut host, "192.0.2.1"), 409);
    assert_eq!(again_from(&mut host, "192.0.2.2"), 409);
}

// rule: REG-2
#[test]
fn a_clock_that_is_set_back_prolongs_no_registration() {
    let start = provider_support::START.parse().unwrap();
    for restarts in [false, true] {
        let mut host = open();
        assert_eq!(again_from(&mut host, ""), 201);
        host.pass(300);
        if restarts {
            host.restart_from_snapshot();
        }
        assert_eq!(again_from(&mut host, ""), 201);
        host.pass(299);
        host.tick();
        host.now = start; // set back by ten minutes, of which one second is left
        assert_eq!(again_from(&mut host, ""), 201);
        host.pass(1);
        assert_eq!(again_from(&mut host, ""), 409, "{restarts}");
        // Who is registered later, by the clock that was set back, has their own ten minutes.
        let bob = request("bob", 2);
        register(&mut host, &bob);
        host.pass(599);
        register(&mut host, &bob);
        host.pass(1);
        assert_eq!(ask(&mut host, &bob).status, 409);
    }
}

// rule: REG-2
#[test]
fn nobody_takes_an_owned_agent_over_with_its_public_key() {
    let mut host = with(Registration::open().with_owner("user-7", "acme").unwrap());
    let by_owner = || Call::new(request("alice", 1).to_parts()).by_owner("user-7");
    let first = send(&mut host, &by_owner());
    assert_eq!(first.status, 201);
    assert_eq!(again_from(&mut host, ""), 409, "nobody signed in, no key");
    host.pass(30 * 24 * 3600);
    assert_eq!(again_from(&mut host, ""), 409);
    let key = body_of(&first)["api_key"].as_str().unwrap().to_owned();
    assert_eq!(status_with(&mut host, &key), 200);
    assert_eq!(send(&mut host, &by_owner()).status, 201, "the owner may");
    assert_eq!(status_with(&mut host, &key), 401);
}

// rule: REG-3
#[test]
fn a_taken_name_comes_with_names_that_are_free() {
    let mut host = open();
    register(&mut host, &request("alice", 1));
    register(&mut host, &request("alice-3", 2));
    let error = ApiError::from_parts(&ask(&mut host, &request("ALICE", 3)));
    assert_eq!((error.status, error.code.as_ref().unwrap().as_str()), (409, "name_taken"));
    assert_eq!(error.suggestions(), ["alice-2", "alice-4", "alice-5"]);
    for (seed, name) in (10..).zip(error.suggestions()) {
        register(&mut host, &request(name, seed));
    }
    // In another tenant or scope the name is free.
    register(&mut host, &request("alice", 4).in_tenant("other"));
    let mut scoped = request("alice", 5);
    scoped.scope = Some(AgentScope::new("github", Some("agents-web")).unwrap());
    let answer = register(&mut host, &scoped);
    assert_eq!(answer.address.as_str(), "alice@agents-web.github.acme.crabmail.ai");
    assert_eq!(
        (answer.tenant.as_deref(), answer.short_address.as_deref()),
        (Some("acme"), Some("alice@acme.crabmail.ai"))
    );
    let long = request(&"a".repeat(63), 6);
    register(&mut host, &long);
    let error = ApiError::from_parts(&ask(&mut host, &request(&"a".repeat(63), 7)));
    assert!(error.suggestions().iter().all(|name| name.len() <= 63) && !error.suggestions().is_empty());
}

// rule: REG-4
#[test]
fn a_key_belongs_to_one_address() {
    let mut host = open();
    let key = key_of(&register(&mut host, &request("alice", 1)));
    assert_eq!(refusal(&ask(&mut host, &request("bob", 1))), (409, "key_already_registered".into(), None));
    let rotation = RotateKeys::new(RotationRequest::prove(&identity(1), &identity(2)).unwrap());
    assert_eq!(ask_with(&mut host, &key, &rotation).status, 200);
    host.restart();
    for seed in [1, 2] {
        assert_eq!(refusal(&ask(&mut host, &request("bob", seed))).1, "key_already_registered", "{seed}");
    }
    let mut taken = request("carol", 3);
    let agent_id: Value = serde_json::from_slice(&ask_with(&mut host, &key, &GetCard).body).unwrap();
    assert_eq!(agent_id["name"], "alice");
    taken.agent_id = Some("03c3f142-be4e-4d9f-adad-5121ac3362f9".parse().unwrap());
    let answer = register(&mut host, &taken);
    assert_eq!(answer.agent_id.as_deref(), Some("03c3f142-be4e-4d9f-adad-5121ac3362f9"));
    let mut second = request("dave", 4);
    second.agent_id = taken.agent_id;
    assert_eq!(refusal(&ask(&mut host, &second)), (400, "invalid_field".into(), Some("agent_id".into())));
}

// rule: REG-5
#[test]
fn a_tenant_takes_whom_its_mode_lets_in() {
    let code = SecretText::new(INVITE.into());
    let mut host = with(Registration::organization("acme").unwrap());
    let error = ApiError::from_parts(&ask(&mut host, &request("eve", 1).in_tenant("other")));
    assert_eq!((error.status, error.field.as_deref()), (400, Some("tenant")));
    assert_eq!(error.details().unwrap().as_str(), r#"{"expected_tenant":"acme"}"#);
    register(&mut host, &request("eve", 1).in_tenant("ACME"));

    let mut host = with(Registration::invited().with_invite("acme", &code).unwrap());
    assert_eq!(refusal(&ask(&mut host, &request("eve", 1))), (403, "tenant_access_denied".into(), None));
    let invited = |code: &str, tenant: Option<&str>| {
        let mut request = request("eve", 1);
        request.tenant = tenant.map(str::to_owned);
        request.invite_code = Some(SecretText::new(code.into()));
        request
    };
    assert_eq!(ask(&mut host, &invited("another invite", None)).status, 403);
    assert_eq!(ask(&mut host, &invited(INVITE, Some("other"))).status, 403);
    assert_eq!(register(&mut host, &invited(INVITE, None)).address.as_str(), "eve@acme.crabmail.ai");
    assert!(!format!("{:?} {:?}", host.provider, host.log).contains(INVITE));

    let mut host = open();
    for tenant in ["two.labels", "", "with blank", "\u{e9}t\u{e9}"] {
        assert_eq!(
            refusal(&ask(&mut host, &request("eve", 1).in_tenant(tenant))).2.as_deref(),
            Some("tenant"),
            "{tenant}"
        );
    }
    let mut without = request("eve", 1);
    without.tenant = None;
    assert_eq!(refusal(&ask(&mut host, &without)), (400, "missing_field".into(), Some("tenant".into())));
}

// rule: REG-6
#[test]
fn an_owner_registers_in_their_own_tenant() {
    let mut host = with(
        Registration::invited()
            .with_owner("user-7", "acme")
            .unwrap()
            .with_owner("user-8", "other")
            .unwrap()
            .with_owner("user-9", "acme")
            .unwrap(),
    );
    let key_for = |host: &mut Host, owner: &str| {
        let answer = send(host, &Call::new(GetUserKey.to_parts()).by_owner(owner));
        body_of(&answer)["user_key"].as_str().unwrap_or_default().to_owned()
    };
    let former = key_for(&mut host, "user-7");
    let key = key_for(&mut host, "user-7");
    assert!(key.starts_with("uk_") && key != former);
    assert_eq!(ask(&mut host, &GetUserKey).status, 401);
    assert_eq!(send(&mut host, &Call::new(GetUserKey.to_parts()).by_owner("nobody")).status, 403);
    host.restart_from_snapshot();

    let mut plain = request("alice", 1);
    plain.tenant = None;
    assert_eq!(ask_with(&mut host, &former, &plain).status, 401);
    assert_eq!(
        refusal(&ask_with(&mut host, &key, &request("alice", 1).in_tenant("other"))).1,
        "tenant_access_denied"
    );
    let answer = ask_with(&mut host, &key, &plain);
    let registered = plain.read_answer(&answer).unwrap();
    assert_eq!(
        (registered.address.as_str(), registered.owner_id.as_deref()),
        (alice().as_str(), Some("user-7"))
    );
    assert_eq!(status_with(&mut host, &key_of(&registered)), 200);
    // The owner may have a new key for the agent; another owner may not.
    let colleague = key_for(&mut host, "user-9");
    assert_eq!(refusal(&ask_with(&mut host, &colleague, &plain)).1, "key_already_registered");
    let other = key_for(&mut host, "user-8");
    assert_eq!(ask_with(&mut host, &other, &plain).status, 409, "the key is another address's");
    assert_eq!(status_with(&mut host, &key_of(&registered)), 200);
    assert_eq!(ask_with(&mut host, &key, &plain).status, 201);
    assert_eq!(status_with(&mut host, &key_of(&registered)), 401);

    let owned =
        |host: &mut Host, owner: &str| body_of(&send(host, &Call::new(ListOwned.to_parts()).by_owner(owner)));
    let list = owned(&mut host, "user-7");
    assert_eq!(list["agents"][0]["address"], alice().as_str());
    let delete = |host: &mut Host, owner: &str| {
        let path = format!("/agents/owned/{}", list["agents"][0]["agent_id"].as_str().unwrap());
        send(host, &Call::new(RequestParts::new(Method::Delete, &path)).by_owner(owner)).status
    };
    assert_eq!(
        (delete(&mut host, "user-8"), delete(&mut host, "user-7"), delete(&mut host, "user-7")),
        (404, 200, 404)
    );
    assert_eq!(owned(&mut host, "user-7")["total"], 0);
}

// rule: REG-7
#[test]
fn a_replaced_api_key_is_taken_for_a_day_and_asks_for_no_other() {
    let mut host = open();
    let old = key_of(&register(&mut host, &request("alice", 1)));
    let rotated = body_of(&ask_with(&mut host, &old, &RotateApiKey));
    let new = rotated["api_key"].as_str().unwrap().to_owned();
    assert_eq!(rotated["previous_key_valid_until"], "2026-02-01T10:00:00Z");
    host.pass(24 * 3600 - 1);
    assert_eq!((status_with(&mut host, &old), status_with(&mut host, &new)), (200, 200));
    assert_eq!(refusal(&ask_with(&mut host, &old, &RotateApiKey)).1, "forbidden");
    host.pass(1);
    assert_eq!((status_with(&mut host, &old), status_with(&mut host, &new)), (401, 200));
    // Going back in time does not bring it to life.
    host.now = provider_support::START.parse().unwrap();
    assert_eq!((status_with(&mut host, &old), status_with(&mut host, &new)), (401, 200));
    host.restart();
    assert_eq!((status_with(&mut host, &old), status_with(&mut host, &new)), (401, 200));
}

// rule: REG-7
#[test]
fn an_answer_to_a_rotation_that_got_lost_locks_nobody_out() {
    let mut host = open();
    let old = key_of(&register(&mut host, &request("alice", 1)));
    let mut rotation = ApiKeyRotation::new(7);
    let (call, _) = rotation.poll_call(host.now).unwrap();
    let lost = send(&mut host, &Call::new(call.parts().clone().with_key(&old.parse().unwrap())));
    assert_eq!(lost.status, 200);
    let lost = body_of(&lost)["api_key"].as_str().unwrap().to_owned();
    rotation.handle_failure(call.ticket(), host.now);
    host.pass(600);
    host.restart_from_snapshot();
    let (call, _) = rotation.poll_call(host.now).unwrap();
    let answer = send(&mut host, &Call::new(call.parts().clone().with_key(&old.parse().unwrap())));
    assert_eq!(body_of(&answer)["previous_key_valid_until"], "2026-02-01T10:00:00Z", "nothing is prolonged");
    rotation.handle_answer(call.ticket(), &answer, host.now);
    let new = rotation.take_new_key().unwrap().api_key.expose().to_owned();
    rotation.stored();
    assert_eq!((status_with(&mut host, &lost), status_with(&mut host, &old)), (401, 200), "not used yet");
    let (call, _) = rotation.poll_call(host.now).unwrap();
    let answer = send(&mut host, &Call::new(call.parts().clone().with_key(&new.parse().unwrap())));
    rotation.handle_answer(call.ticket(), &answer, host.now);
    assert_eq!(rotation.outcome(), Some(&ApiKeyOutcome::Rotated));
    // Its successor was used: the old key asks for nothing any more, whatever else is done with either.
    assert_eq!(refusal(&ask_with(&mut host, &old, &RotateApiKey)).1, "forbidden");
    host.pass(24 * 3600);
    assert_eq!((status_with(&mut host, &old), status_with(&mut host, &new)), (401, 200));
}

// rule: REG-7
#[test]
fn a_key_that_changes_something_with_its_first_call_is_used() {
    let mut host = open();
    let old = key_of(&register(&mut host, &request("alice", 1)));
    let new = body_of(&ask_with(&mut host, &old, &RotateApiKey))["api_key"].as_str().unwrap().to_owned();
    let mut update = UpdateMe::default();
    update.alias = Some("Alice".into());
    assert_eq!(ask_with(&mut host, &old, &update).status, 200);
    assert_eq!(ask_with(&mut host, &new, &update).status, 200);
    assert_eq!(refusal(&ask_with(&mut host, &old, &RotateApiKey)).1, "forbidden");
}

// rule: REG-8
#[test]
fn a_revoked_api_key_ends_at_once() {
    let mut host = open();
    let old = key_of(&register(&mut host, &request("alice", 1)));
    let new = body_of(&ask_with(&mut host, &old, &RotateApiKey))["api_key"].as_str().unwrap().to_owned();
    // The key before ends itself alone.
    assert_eq!(ask_with(&mut host, &old, &RevokeApiKey).status, 200);
    assert_eq!((status_with(&mut host, &old), status_with(&mut host, &new)), (401, 200));
    let newest = body_of(&ask_with(&mut host, &new, &RotateApiKey))["api_key"].as_str().unwrap().to_owned();
    let socket = host.open();
    host.frame(socket, &json!({"type": "auth", "token": newest}));
    assert!(!host.closed.contains_key(&socket));
    // The present one takes the key before along, and the sockets.
    assert_eq!(ask_with(&mut host, &newest, &RevokeApiKey).status, 200);
    for key in [&old, &new, &newest] {
        assert_eq!(status_with(&mut host, key), 401);
    }
    assert_eq!(host.closed.get(&socket), Some(&4001));
    assert_eq!(refusal(&ask(&mut host, &request("alice", 1))).1, "key_already_registered");
}

fn new_key(host: &mut Host, key: &str) -> String {
    body_of(&ask_with(host, key, &RotateApiKey))["api_key"].as_str().unwrap().to_owned()
}

fn connect(host: &mut Host, key: &str) -> SocketId {
    let socket = host.open();
    host.frame(socket, &json!({"type": "auth", "token": key}));
    assert!(!host.closed.contains_key(&socket));
    host.frames_of(socket);
    socket
}

fn wait(host: &mut Host, key: &str, ticket: u64) -> Ticket {
    let mut parts = RequestParts::new(Method::Get, "/messages/pending").with_key(&key.parse().unwrap());
    parts.query = vec![("wait".into(), "30".into())];
    let ticket = Ticket(ticket);
    assert!(matches!(host.call_with(&Call::new(parts).with_ticket(ticket)), Some(Reply::Later)));
    ticket
}

// rule: REG-16
#[test]
fn a_socket_and_a_waiting_request_end_with_the_api_key_that_opened_them() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(builder, &[&alice, &bob]);
    let old = alice.api_key.clone();
    let thief = connect(&mut host, &old);
    let new = new_key(&mut host, &old);
    let own = connect(&mut host, &new);
    let (thiefs, owns) = (wait(&mut host, &old, 501), wait(&mut host, &new, 502));
    // The key before ends itself, and what it opened, alone.
    assert_eq!(ask_with(&mut host, &old, &RevokeApiKey).status, 200);
    assert_eq!((host.closed.get(&thief), host.closed.get(&own)), (Some(&4001), None));
    assert_eq!(host.answers.get(&thiefs).map(|answer| answer.status), Some(401));
    assert!(!host.answers.contains_key(&owns));
    let id = host.send(&bob, &alice, "secret");
    assert!(host.frames_of(thief).is_empty());
    assert!(host.frames_of(own).iter().any(|frame| frame["data"]["id"] == id.as_str()));
    assert_eq!(body_of(&host.answers[&owns])["messages"][0]["id"], id.as_str());
    // A replaced key that is replaced again is over, though its day is not.
    let newer = new_key(&mut host, &new);
    let newer_one = connect(&mut host, &newer);
    let newest = new_key(&mut host, &newer);
    assert_eq!((host.closed.get(&own), host.closed.get(&newer_one)), (Some(&4001), None));
    // Whoever registers again with the key has the only one.
    host.ack(&Agent { api_key: newest.clone(), ..Agent::new(0, "alice") }, &id);
    let waiting = wait(&mut host, &newest, 503);
    let register = Register::new("alice".parse().unwrap(), alice.identity.verifying_key()).in_tenant("acme");
    let again = ask_with(&mut host, &newest, &register);
    let only = key_of(&register.read_answer(&again).unwrap());
    assert_eq!(host.closed.get(&newer_one), Some(&4001));
    assert_eq!(host.answers[&waiting].status, 401);
    // The end of the registration ends all.
    let (last, waiting) = (connect(&mut host, &only), wait(&mut host, &only, 504));
    assert_eq!(ask_with(&mut host, &only, &Deregister).status, 200);
    assert_eq!((host.closed.get(&last), host.answers[&waiting].status), (Some(&4001), 401));
}

// rule: REG-16
#[test]
fn a_socket_is_written_nothing_once_its_key_is_over() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    for speaks in [true, false] {
        let mut host = Host::new(builder, &[&alice, &bob]);
        let new = new_key(&mut host, &alice.api_key);
        let (silent, moved) = (connect(&mut host, &alice.api_key), connect(&mut host, &alice.api_key));
        // The same socket may go over to the new key.
        host.frame(moved, &json!({"type": "auth", "token": new}));
        let mut left = 24 * 3600;
        while left > 0 {
            host.pass(240);
            left -= 240;
            host.frame(moved, &json!({"type": "ping"}));
            if left > 0 {
                host.frame(silent, &json!({"type": "ping"}));
            }
        }
        host.frames_of(silent);
        assert!(!host.closed.contains_key(&silent), "it was not looked at since");
        let id = host.send(&bob, &alice, "secret");
        assert!(!host.frames_of(silent).iter().any(|frame| frame["data"]["id"] == id.as_str()));
        assert!(host.frames_of(moved).iter().any(|frame| frame["data"]["id"] == id.as_str()));
        if speaks {
            host.frame(silent, &json!({"type": "ack", "id": id}));
        } else {
            host.pass(299);
            host.frame(moved, &json!({"type": "ping"}));
            host.pass(1);
            host.tick();
        }
        assert_eq!((host.closed.get(&silent), host.closed.get(&moved)), (Some(&4001), None), "{speaks}");
        assert_eq!(host.bodies.len(), 1, "and nothing was acknowledged");
    }
}

// rule: REG-9
#[test]
fn an_address_goes_over_to_a_key_that_the_old_one_vouches_for() {
    let mut host = open();
    let key = key_of(&register(&mut host, &request("alice", 1)));
    register(&mut host, &request("bob", 9));
    let prove = |old, new| RotateKeys::new(RotationRequest::prove(&identity(old), &identity(new)).unwrap());
    let mut rotate = |request: &RotateKeys| {
        let answer = ask_with(&mut host, &key, request);
        if answer.status == 200 { (200, String::new(), None) } else { refusal(&answer) }
    };
    assert_eq!(rotate(&prove(3, 2)), (403, "signature_invalid".into(), Some("proof".into())));
    assert_eq!(rotate(&prove(1, 9)), (409, "key_conflict".into(), Some("new_public_key".into())));
    assert_eq!(rotate(&prove(1, 2)).0, 200);
    assert_eq!(rotate(&prove(1, 3)).1, "signature_invalid", "the old key vouches for nothing any more");
    assert_eq!(rotate(&prove(2, 1)).1, "key_conflict", "a key that was given up does not come back");
    host.restart_from_snapshot();
    let resolved =
        Resolve::new(alice()).read_answer(&ask_with(&mut host, &key, &Resolve::new(alice()))).unwrap();
    assert_eq!(resolved.public_key(), identity(2).verifying_key());

    // An empty body makes no key: H12.
    let mut empty = prove(2, 3).to_parts();
    empty.body = Vec::new();
    let answer = send(&mut host, &Call::new(empty.with_key(&key.parse().unwrap())));
    assert_eq!(refusal(&answer).0, 400);
}

// rule: REG-9
#[test]
fn messages_verify_under_the_key_that_is_registered_now() {
    let mut host = open();
    let registered = register(&mut host, &request("alice", 1));
    let bob = register(&mut host, &request("bob", 9));
    let agent = |seed, registered: &Registered| Agent {
        number: 0,
        identity: identity(seed),
        address: registered.address.clone(),
        api_key: key_of(registered),
    };
    let (old, new, bob) = (agent(1, &registered), agent(2, &registered), agent(9, &bob));
    host.send(&old, &bob, "before");
    let rotation = RotateKeys::new(RotationRequest::prove(&identity(1), &identity(2)).unwrap());
    assert_eq!(host.request(&old, &rotation).status, 200);
    let late = old.sign(old.draft(&bob, "Hi", "after"), host.now);
    assert_eq!(host.route(&old, &late).0, 403);
    host.send(&new, &bob, "after");
    assert_eq!(host.pending_ids(&bob).len(), 2);
}

// rule: REG-10
#[test]
fn a_registration_that_ends_leaves_nothing_behind() {
    let mut host = open();
    let first = register(&mut host, &request("alice", 1));
    let bob = register(&mut host, &request("bob", 2));
    let (alice, bob) = (
        Agent { number: 0, identity: identity(1), address: first.address.clone(), api_key: key_of(&first) },
        Agent { number: 1, identity: identity(2), address: bob.address.clone(), api_key: key_of(&bob) },
    );
    host.send(&bob, &alice, "for the first alice");
    assert_eq!(host.bodies.len(), 1);
    let socket = host.open();
    host.frame(socket, &json!({"type": "auth", "token": alice.api_key}));
    assert_eq!(host.request(&alice, &Deregister).status, 200);
    assert!(host.bodies.is_empty());
    assert_eq!(host.closed.get(&socket), Some(&4001));
    assert_eq!(status_with(&mut host, &alice.api_key), 401);
    assert_eq!(refusal(&host.request(&bob, &Resolve::new(alice.address.clone()))).0, 404);
    // Whoever has the name next is another agent.
    let second = register(&mut host, &request("alice", 3));
    assert_ne!(second.agent_id, first.agent_id);
    let second =
        Agent { number: 2, identity: identity(3), address: second.address.clone(), api_key: key_of(&second) };
    assert!(host.pending_ids(&second).is_empty());
    host.restart();
    assert_eq!(status_with(&mut host, &alice.api_key), 401);
}

// rule: REG-10
#[test]
fn a_body_that_is_overdue_when_its_recipient_leaves_is_released_once() {
    let (alice, bob) = (Agent::new(0, "alice"), Agent::new(1, "bob"));
    let mut host = Host::new(builder, &[&alice, &bob]);
    host.settle();
    let end = host.now.saturating_add(Duration::from_secs(3_600));
    let message = alice.sign(alice.draft(&bob, "Hi", "Hello").expires_at(end), host.now);
    assert_eq!(host.route(&alice, &message).0, 200);
    host.pass(3_600);
    assert_eq!(host.request(&bob, &Deregister).status, 200);
    assert!(host.bodies.is_empty());
}

// rule: REG-13
#[test]
fn a_provider_offers_what_its_host_has() {
    let ask = |host: &mut Host, path: &str| {
        let reply = host.call_with(&Call::new(RequestParts::new(Method::Get, path))).unwrap();
        body_of(&host.finish(reply).unwrap())
    };
    let mut host = open();
    let offered = ask(&mut host, "/info");
    assert!(offered["capabilities"].as_array().unwrap().contains(&json!("websocket")));
    assert_eq!(offered["registration_modes"], json!(["open"]));
    assert_eq!(ask(&mut host, "/health")["federation"], false);

    let make = || {
        let registration = Registration::invited().with_owner("user-7", "acme").unwrap();
        builder().registration(registration).without_sockets().without_webhooks()
    };
    let alice = Agent::new(0, "alice");
    let mut host = Host::new(make, &[&alice]);
    let offered = ask(&mut host, "/info");
    assert!(!offered["capabilities"].as_array().unwrap().contains(&json!("websocket")));
    assert_eq!(offered["registration_modes"], json!(["invite", "owner_key"]));
    let socket = host.connect(&alice);
    assert_eq!(host.closed.get(&socket), Some(&1013));
    assert!(host.frames_of(socket).is_empty());
    let mut change = RequestParts::new(Method::Patch, "/agents/me");
    change.body = br#"{"delivery":{"webhook_url":"https://hooks.example.com/a","webhook_secret":"whsec_0123456789abcdef"}}"#.to_vec();
    let refused = host.ask(&alice, change);
    assert_eq!((refused.status, &body_of(&refused)["field"]), (400, &json!("delivery.webhook_url")));
}

// rule: REG-11
#[test]
fn agents_see_their_own_tenant() {
    let mut host = open();
    let mut key = String::new();
    for seed in 1..8 {
        let mut request = request(&format!("agent-{seed}"), seed);
        request.alias = Some(format!("Number {seed}"));
        key = key_of(&register(&mut host, &request));
    }
    register(&mut host, &request("eve", 20).in_tenant("other"));
    let mut seen = Vec::new();
    let mut list = ListAgents::default();
    list.limit = Some(3);
    loop {
        let page = list.read_answer(&ask_with(&mut host, &key, &list)).unwrap();
        assert_eq!(page.total, Some(7));
        seen.extend(page.agents.iter().map(|agent| agent.address.name().to_owned()));
        match page.cursor {
            Some(cursor) => list.cursor = Some(cursor),
            None => break assert_eq!(page.has_more, Some(false)),
        }
    }
    assert_eq!(seen, ["agent-1", "agent-2", "agent-3", "agent-4", "agent-5", "agent-6", "agent-7"]);

    let mut search = ListAgents::default();
    search.search = Some("NUMBER 4".into());
    let page = search.read_answer(&ask_with(&mut host, &key, &search)).unwrap();
    assert_eq!(page.agents.len(), 1);
    let mut other = ListAgents::default();
    other.tenant = Some("other".into());
    assert_eq!(refusal(&ask_with(&mut host, &key, &other)).1, "tenant_access_denied");
    let mut dead = ListAgents::default();
    dead.cursor = Some("nothing".into());
    assert_eq!(
        refusal(&ask_with(&mut host, &key, &dead)),
        (410, "cursor_expired".into(), Some("cursor".into()))
    );
}

// rule: REG-11
#[test]
fn h03_a_key_is_looked_for_by_the_whole_address() {
    let mut host = open();
    let key = key_of(&register(&mut host, &request("alice", 1)));
    register(&mut host, &request("bob", 2));
    for address in [
        "bob@other.crabmail.ai",
        "bob@acme.evil.example",
        "bob@x.acme.crabmail.ai",
        "nobody@acme.crabmail.ai",
    ] {
        let answer = ask_with(&mut host, &key, &Resolve::new(address.parse().unwrap()));
        assert_eq!(refusal(&answer), (404, "not_found".into(), None), "{address}");
    }
    let found = ask_with(&mut host, &key, &Resolve::new("BOB@ACME.crabmail.ai".parse().unwrap()));
    assert_eq!(found.status, 200);
    assert_eq!(ask(&mut host, &Resolve::new(alice())).status, 401);
}

// rule: REG-12
#[test]
fn h12_the_provider_signs_nothing_for_an_agent() {
    let mut host = open();
    let mut request = request("alice", 1);
    request.capabilities = Some(vec!["threading".into()]);
    let key = key_of(&register(&mut host, &request));
    let answer = ask_with(&mut host, &key, &GetCard);
    let body = body_of(&answer);
    assert_eq!((&body["signature"], &body["provider_asserted"]), (&Value::Null, &json!(true)));
    let card = ProviderAssertedCard::decode(&answer.body).unwrap();
    assert_eq!((card.address(), card.public_key()), (&alice(), identity(1).verifying_key()));
}

// rule: REG-13
#[test]
fn a_webhook_is_vetted_and_its_secret_not_answered() {
    let secret = "whsec_sixteen_bytes_or_more";
    let delivery = |url: Option<&str>, secret: Option<&str>| {
        let mut delivery = amp_core::wire::Delivery::default();
        delivery.webhook_url = url.map(str::to_owned);
        delivery.webhook_secret = secret.map(|secret| SecretText::new(secret.into()));
        Some(delivery)
    };
    let mut host = open();
    for (url, secret, field) in [
        ("http://hooks.example.com/amp", Some(secret), "delivery.webhook_url"),
        ("https://127.0.0.1/amp", Some(secret), "delivery.webhook_url"),
        ("https://localhost/amp", Some(secret), "delivery.webhook_url"),
        ("https://hooks.example.com/amp", Some("short"), "delivery.webhook_secret"),
        ("https://hooks.example.com/amp", None, "delivery.webhook_secret"),
    ] {
        let mut request = request("hooky", 1);
        request.delivery = delivery(Some(url), secret);
        assert_eq!(refusal(&ask(&mut host, &request)).2.as_deref(), Some(field), "{url}");
    }
    let mut request = request("hooky", 1);
    request.delivery = delivery(Some("https://hooks.example.com/amp"), Some(secret));
    let key = key_of(&register(&mut host, &request));
    let me = ask_with(&mut host, &key, &GetMe);
    assert!(!String::from_utf8(me.body.clone()).unwrap().contains(secret));
    assert_eq!(body_of(&me)["delivery"]["webhook_url"], "https://hooks.example.com/amp");

    // What is absent stays; an empty URL ends the webhook.
    let mut update = UpdateMe::default();
    update.delivery = delivery(Some("https://hooks.example.com/other"), None);
    assert_eq!(ask_with(&mut host, &key, &update).status, 200);
    assert_eq!(
        body_of(&ask_with(&mut host, &key, &GetMe))["delivery"]["webhook_url"],
        "https://hooks.example.com/other"
    );
    update.delivery = delivery(Some(""), None);
    assert_eq!(ask_with(&mut host, &key, &update).status, 200);
    assert!(!host.snapshot().join("").contains(secret));

    // A host that runs on one machine lets loopback in by name.
    let mut host = with(Registration::open().with_webhook_targets(TargetPolicy::loopback_development()));
    request.delivery = delivery(Some("http://127.0.0.1:23777/hook"), Some(secret));
    assert_eq!(ask(&mut host, &request).status, 201);
}

#[test]
fn what_an_agent_changes_is_kept() {
    let mut host = open();
    let key = key_of(&register(&mut host, &request("alice", 1)));
    let mut update = UpdateMe::default();
    update.alias = Some("Alice A.".into());
    let policy = br#"{"mode":"restricted","allowed_recipients":["bob@acme.crabmail.ai"]}"#;
    update.communication_policy = Some(amp_core::admission::CommunicationPolicy::from_json(policy).unwrap());
    assert_eq!(
        body_of(&ask_with(&mut host, &key, &update)),
        json!({"updated": true, "address": "alice@acme.crabmail.ai"})
    );
    host.restart();
    assert_eq!(body_of(&ask_with(&mut host, &key, &GetMe))["alias"], "Alice A.");
    assert_eq!(ask_with(&mut host, &key, &UpdateMe::default()).status, 200);
    assert_eq!(body_of(&ask_with(&mut host, &key, &GetMe))["alias"], "Alice A.");
}

// rule: REG-14
#[test]
fn what_is_kept_of_an_agent_is_bounded() {
    let mut host = with(Registration::open().with_agents_max(2));
    let long = |change: &dyn Fn(&mut Register)| {
        let mut request = request("alice", 1);
        change(&mut request);
        request
    };
    for request in [
        long(&|request| request.alias = Some("x".repeat(129))),
        long(&|request| request.capabilities = Some(vec!["x".into(); 65])),
        long(&|request| request.capabilities = Some(vec!["x".repeat(129)])),
    ] {
        assert_eq!(refusal(&ask(&mut host, &request)).1, "invalid_field");
    }
    let metadata = amp_core::wire::RawJson::new(&json!({"x": "y".repeat(17_000)})).unwrap();
    assert_eq!(ask(&mut host, &request("alice", 1).with_metadata(metadata).unwrap()).status, 400);
    register(&mut host, &request("alice", 1));
    register(&mut host, &request("bob", 2));
    assert_eq!(refusal(&ask(&mut host, &request("carol", 3))).1, "forbidden");
}

#[test]
fn registrations_are_counted_by_where_they_come_from() {
    let mut host = Host::new(builder, &[]);
    let mut from = |source: &str, seed: u8| {
        let call = Call::new(request(&format!("agent-{seed}"), seed).to_parts()).with_source(source);
        send(&mut host, &call).status
    };
    let statuses: Vec<u16> = (1..=11).map(|seed| from("192.0.2.1", seed)).collect();
    assert_eq!(statuses[..10], [201; 10]);
    assert_eq!(statuses[10], 429);
    assert_eq!(from("192.0.2.2", 12), 201);
}

/// A step of an agent's life.
#[derive(Clone, Copy, Debug)]
enum Step {
    Register(u8, u8),
    RotateApiKey(u8),
    RotateKeys(u8, u8),
    Update(u8),
    Revoke(u8),
    Deregister(u8),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u8, 0..6_u8).prop_map(|(name, seed)| Step::Register(name, seed)),
        (0..4_u8).prop_map(Step::RotateApiKey),
        (0..4_u8, 0..6_u8).prop_map(|(name, seed)| Step::RotateKeys(name, seed)),
        (0..4_u8).prop_map(Step::Update),
        (0..4_u8).prop_map(Step::Revoke),
        (0..4_u8).prop_map(Step::Deregister),
        (0..40_000_u16).prop_map(Step::Pass),
    ]
}

/// What the test knows of an agent: its API keys, oldest first, and its signing key.
#[derive(Default)]
struct Known {
    keys: Vec<String>,
    seed: u8,
}

fn follow(host: &mut Host, known: &mut [Known; 4], step: Step) {
    let key = |known: &[Known; 4], name: u8| known[usize::from(name)].keys.last().cloned();
    match step {
        Step::Register(name, seed) => {
            let answer = ask(host, &request(&format!("agent-{name}"), seed));
            if answer.status == 201 {
                let new = body_of(&answer)["api_key"].as_str().unwrap().to_owned();
                let agent = &mut known[usize::from(name)];
                (agent.seed, agent.keys) = (seed, [core::mem::take(&mut agent.keys), vec![new]].concat());
            }
        }
        Step::RotateApiKey(name) => {
            let Some(old) = key(known, name) else { return };
            let answer = ask_with(host, &old, &RotateApiKey);
            if answer.status == 200 {
                known[usize::from(name)].keys.push(body_of(&answer)["api_key"].as_str().unwrap().to_owned());
            }
        }
        Step::RotateKeys(name, seed) => {
            let Some(old) = key(known, name) else { return };
            let agent = &mut known[usize::from(name)];
            let Ok(proof) = RotationRequest::prove(&identity(agent.seed), &identity(seed)) else { return };
            if ask_with(host, &old, &RotateKeys::new(proof)).status == 200 {
                agent.seed = seed;
            }
        }
        Step::Update(name) => {
            let Some(key) = key(known, name) else { return };
            let mut update = UpdateMe::default();
            update.alias = Some(format!("alias {}", host.log.len()));
            ask_with(host, &key, &update);
        }
        Step::Revoke(name) => {
            let Some(key) = key(known, name) else { return };
            ask_with(host, &key, &RevokeApiKey);
        }
        Step::Deregister(name) => {
            let Some(key) = key(known, name) else { return };
            ask_with(host, &key, &Deregister);
        }
        Step::Pass(seconds) => host.pass(seconds.into()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // rule: REG-15
    #[test]
    fn a_restored_provider_knows_every_agent_and_key(steps in prop::collection::vec(step(), 1..40), crash in 0..40_usize) {
        let mut host = open();
        let mut known: [Known; 4] = Default::default();
        for (at, step) in steps.into_iter().enumerate() {
            if at == crash {
                host.restart();
            }
            follow(&mut host, &mut known, step);
        }
        let keys: Vec<String> = known.iter().flat_map(|agent| agent.keys.clone()).collect();
        let live: Vec<(u16, Value)> = keys.iter().map(|key| seen(&mut host, key)).collect();
        // A key that was replaced or ended is nobody's; of an agent's keys two are taken at most.
        for agent in &known {
            let taken = agent.keys.iter().filter(|key| status_with(&mut host, key) == 200).count();
            prop_assert!(taken <= 2);
        }
        let snapshot = host.snapshot();
        host.restart();
        prop_assert_eq!(&host.snapshot(), &snapshot);
        let restored: Vec<(u16, Value)> = keys.iter().map(|key| seen(&mut host, key)).collect();
        prop_assert_eq!(&restored, &live);
        host.restart_from_snapshot();
        prop_assert_eq!(&host.snapshot(), &snapshot);
        let log = host.log.join("\n");
        for key in &keys {
            prop_assert!(!log.contains(&key["amp_live_sk_".len()..]));
        }
    }
}

/// What a key opens.
fn seen(host: &mut Host, key: &str) -> (u16, Value) {
    let answer = ask_with(host, key, &GetMe);
    let mut body = body_of(&answer);
    if let Some(body) = body.as_object_mut() {
        body.remove("last_seen_at");
    }
    (answer.status, body)
}

#[test]
fn the_same_moment_gives_the_same_answer() {
    let answer = || {
        let mut provider: Provider = builder().build();
        let moment = Moment::new(provider_support::START.parse().unwrap(), [7; 32]);
        let outcome = provider.handle(&Call::new(request("alice", 1).to_parts()), moment).commit();
        outcome.reply.unwrap().into_answer(|_| None).unwrap().unwrap()
    };
    assert_eq!(answer(), answer());
}
