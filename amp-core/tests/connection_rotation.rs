//! Replacing keys: the signing key and the API key, over connections that break at the worst moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use core::time::Duration;

use amp_core::connection::{
    ApiKeyGeneration, ApiKeyOutcome, ApiKeyRotation, KeyInForce, KeyRotation, PreparedRotation,
    RotationOutcome,
};
use amp_core::identity::{RotationRefusal, RotationRequest};
use amp_core::wire::{
    Answer, AnswerParts, ApiError, ApiErrorCode, ApiKeyRotated, Endpoint, KeysRotated, Request, RequestParts,
    Resolved, RotateKeys,
};
use amp_core::{Address, Identity, Timestamp, VerifyingKey};
use proptest::prelude::*;

fn noon() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn alice() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

fn old() -> Identity {
    Identity::from_seed(&[1; 32])
}

fn new() -> Identity {
    Identity::from_seed(&[2; 32])
}

fn prepared() -> PreparedRotation {
    PreparedRotation::new(&alice(), &old(), &new(), noon()).unwrap()
}

/// A provider that checks proofs as it should.
struct Provider {
    key: VerifyingKey,
}

impl Provider {
    fn answer(&mut self, parts: &RequestParts, endpoint: Endpoint) -> AnswerParts {
        match endpoint {
            Endpoint::RotateKeys => {
                let request = RotateKeys::from_parts(parts).unwrap();
                let (new_key, proof) = (request.rotation().new_key(), request.rotation().proof());
                if self.key.verify_rotation(new_key, proof).is_err() {
                    return ApiError::new(ApiErrorCode::SignatureInvalid, "no").to_parts();
                }
                self.key = new_key.clone();
                KeysRotated::new(alice(), new_key).to_parts()
            }
            Endpoint::Resolve => Resolved::new(alice(), &self.key).to_parts(),
            other => panic!("{other:?}"),
        }
    }
}

/// What gets through: request, answer.
fn drive(
    rotation: &mut KeyRotation,
    provider: &mut Provider,
    weather: &mut dyn FnMut() -> (bool, bool),
) -> Timestamp {
    let mut now = noon();
    for _ in 0..200 {
        if rotation.outcome().is_some() {
            return now;
        }
        match rotation.poll_call(now) {
            Some(call) => {
                let (arrives, comes_back) = weather();
                let answer = arrives.then(|| provider.answer(call.parts(), call.endpoint()));
                match answer.filter(|_| comes_back) {
                    Some(answer) => rotation.handle_answer(call.ticket(), &answer, now),
                    None => rotation.handle_failure(call.ticket(), now),
                }
            }
            None => {
                let next = rotation.next_timeout().unwrap();
                assert!(next.duration_since(now).unwrap() <= Duration::from_secs(300));
                now = next;
            }
        }
    }
    panic!("it never ends");
}

// rule: ROT-8
#[test]
fn a_rotation_is_proven_by_the_old_key_and_never_sent_empty() {
    let mut rotation = prepared().begin(7);
    assert_eq!(rotation.key_in_force(), KeyInForce::Old);
    let call = rotation.poll_call(noon()).unwrap();
    let sent = RotationRequest::decode(&call.parts().body).unwrap();
    assert!(old().verifying_key().verify_rotation(sent.new_key(), sent.proof()).is_ok());
    assert!(rotation.poll_call(noon()).is_none(), "one call at a time");
    rotation.handle_answer(
        call.ticket(),
        &KeysRotated::new(alice(), new().verifying_key()).to_parts(),
        noon(),
    );
    assert_eq!(rotation.outcome(), Some(&RotationOutcome::Rotated));
    assert_eq!((rotation.key_in_force(), rotation.next_timeout()), (KeyInForce::New, None));
    assert_eq!(PreparedRotation::new(&alice(), &old(), &old(), noon()), Err(RotationRefusal::SameKey));
}

// rule: ROT-9
#[test]
fn when_no_answer_comes_the_provider_is_asked_which_key_is_in_force() {
    for arrives in [true, false] {
        let mut provider = Provider { key: old().verifying_key().clone() };
        let mut rotation = prepared().begin(7);
        let mut weather = [(arrives, false)].into_iter().chain(core::iter::repeat((true, true)));
        let _ = drive(&mut rotation, &mut provider, &mut || weather.next().unwrap());
        assert_eq!(rotation.outcome(), Some(&RotationOutcome::Rotated), "{arrives}");
        assert_eq!(&provider.key, new().verifying_key());
    }
}

// rule: ROT-9
#[test]
fn a_refusal_that_answers_the_second_of_two_requests_is_not_taken_for_the_outcome() {
    // The first one did it and its answer got lost; a proxy sent it again.
    let mut provider = Provider { key: old().verifying_key().clone() };
    let mut rotation = prepared().begin(7);
    let call = rotation.poll_call(noon()).unwrap();
    let _ = provider.answer(call.parts(), call.endpoint());
    let refusal = provider.answer(call.parts(), call.endpoint());
    assert_eq!(refusal.status, 403);
    rotation.handle_answer(call.ticket(), &refusal, noon());
    assert_eq!((rotation.outcome(), rotation.key_in_force()), (None, KeyInForce::Unknown));
    let _ = drive(&mut rotation, &mut provider, &mut || (true, true));
    assert_eq!(rotation.outcome(), Some(&RotationOutcome::Rotated));
}

// rule: ROT-10
#[test]
fn a_rotation_that_is_refused_ends_with_the_old_key_in_force() {
    for status in [400, 401, 403, 404, 409, 422] {
        let mut rotation = prepared().begin(7);
        let call = rotation.poll_call(noon()).unwrap();
        let refusal =
            AnswerParts::new(status).with_body(br#"{"error":"key_conflict","message":"no"}"#.to_vec());
        rotation.handle_answer(call.ticket(), &refusal, noon());
        assert_eq!(rotation.key_in_force(), KeyInForce::Unknown);
        assert!(rotation.last_error().is_some());
        let later = rotation.next_timeout().unwrap();
        let call = rotation.poll_call(later).unwrap();
        assert_eq!(call.endpoint(), Endpoint::Resolve);
        rotation.handle_answer(
            call.ticket(),
            &Resolved::new(alice(), old().verifying_key()).to_parts(),
            later,
        );
        let Some(RotationOutcome::NotRotated(error)) = rotation.outcome() else { panic!("{rotation:?}") };
        assert_eq!((error.status, rotation.key_in_force()), (status, KeyInForce::Old));
    }
}

// rule: ROT-10
#[test]
fn a_provider_that_never_answers_a_rotation_leaves_the_old_key_in_force() {
    let mut rotation = prepared().begin(7);
    let (mut now, mut sendings) = (noon(), 0);
    while rotation.outcome().is_none() {
        match rotation.poll_call(now) {
            Some(call) if call.endpoint() == Endpoint::RotateKeys => {
                sendings += 1;
                rotation.handle_answer(call.ticket(), &AnswerParts::new(503), now);
            }
            Some(call) => {
                let answer = Resolved::new(alice(), old().verifying_key()).to_parts();
                rotation.handle_answer(call.ticket(), &answer, now);
            }
            None => now = rotation.next_timeout().unwrap(),
        }
        assert!(sendings <= 8);
    }
    assert!(matches!(rotation.outcome(), Some(RotationOutcome::NotRotated(_))));
}

// rule: ROT-11
#[test]
fn a60_a_third_key_in_force_is_reported_and_not_sent_against() {
    let eve = Identity::from_seed(&[6; 32]);
    let mut rotation = prepared().begin(7);
    let call = rotation.poll_call(noon()).unwrap();
    // It claims success with another key than the one that was sent.
    let claim = KeysRotated::new(alice(), eve.verifying_key()).to_parts();
    rotation.handle_answer(call.ticket(), &claim, noon());
    assert_eq!(rotation.outcome(), None);
    let later = rotation.next_timeout().unwrap();
    let call = rotation.poll_call(later).unwrap();
    // An answer about another address is none.
    let bob = Resolved::new("bob@acme.crabmail.ai".parse().unwrap(), new().verifying_key()).to_parts();
    rotation.handle_answer(call.ticket(), &bob, later);
    assert_eq!(rotation.outcome(), None);
    let later = rotation.next_timeout().unwrap();
    let call = rotation.poll_call(later).unwrap();
    rotation.handle_answer(call.ticket(), &Resolved::new(alice(), eve.verifying_key()).to_parts(), later);
    let Some(RotationOutcome::Conflict(key)) = rotation.outcome() else { panic!("{rotation:?}") };
    assert_eq!((&**key, rotation.key_in_force()), (eve.verifying_key(), KeyInForce::Unknown));
    assert!(rotation.poll_call(later.saturating_add(Duration::from_secs(86_400))).is_none());
}

// rule: ROT-12
#[test]
fn what_was_stored_before_a_crash_is_enough_to_go_on() {
    for is_done in [true, false] {
        let stored = prepared().to_json();
        assert!(!stored.contains("PRIVATE"));
        let restored = PreparedRotation::from_json(stored.as_bytes()).unwrap();
        assert_eq!(restored.record().new_key(), new().verifying_key());
        let mut rotation = restored.resume(7);
        assert_eq!(rotation.key_in_force(), KeyInForce::Unknown);
        let key = if is_done { new() } else { old() };
        let mut provider = Provider { key: key.verifying_key().clone() };
        let first = rotation.poll_call(noon()).unwrap();
        assert_eq!(first.endpoint(), Endpoint::Resolve, "it may have been sent already");
        let answer = provider.answer(first.parts(), first.endpoint());
        rotation.handle_answer(first.ticket(), &answer, noon());
        let _ = drive(&mut rotation, &mut provider, &mut || (true, true));
        assert_eq!(rotation.outcome(), Some(&RotationOutcome::Rotated));
        assert_eq!(&provider.key, new().verifying_key());
    }
    let forged = prepared().to_json().replace("alice@", "mallory@").replace("\"proof\":\"", "\"proof\":\"AA");
    assert!(PreparedRotation::from_json(forged.as_bytes()).is_err());
}

// rule: ROT-13
#[test]
fn a35_a_rotation_goes_on_when_the_clock_jumps() {
    let ten_years = Duration::from_secs(10 * 365 * 86_400);
    for jumped in [noon().saturating_sub(ten_years), noon().saturating_add(ten_years)] {
        let mut rotation = prepared().begin(7);
        let call = rotation.poll_call(noon()).unwrap();
        rotation.handle_failure(call.ticket(), noon());
        let _ = rotation.poll_call(jumped);
        let next = rotation.next_timeout().unwrap();
        assert!(next <= jumped.saturating_add(Duration::from_secs(300)));
    }
}

proptest! {
    // rule: ROT-9
    #[test]
    fn whatever_gets_lost_host_and_provider_agree_on_the_key_in_the_end(
        weather in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..24),
        crash in 0_usize..30,
    ) {
        let mut provider = Provider { key: old().verifying_key().clone() };
        let mut rotation = prepared().begin(7);
        let mut weather = weather.into_iter().chain(core::iter::repeat((true, true)));
        let mut now = noon();
        for step in 0..400 {
            if step == crash && rotation.outcome().is_none() {
                rotation = PreparedRotation::from_json(prepared().to_json().as_bytes()).unwrap().resume(9);
            }
            let in_force = rotation.key_in_force();
            prop_assert!(in_force != KeyInForce::Old || provider.key == *old().verifying_key());
            prop_assert!(in_force != KeyInForce::New || provider.key == *new().verifying_key());
            if rotation.outcome().is_some() {
                break;
            }
            match rotation.poll_call(now) {
                Some(call) => {
                    let (arrives, comes_back) = weather.next().unwrap();
                    let answer = arrives.then(|| provider.answer(call.parts(), call.endpoint()));
                    match answer.filter(|_| comes_back) {
                        Some(answer) => rotation.handle_answer(call.ticket(), &answer, now),
                        None => rotation.handle_failure(call.ticket(), now),
                    }
                }
                None => now = rotation.next_timeout().unwrap(),
            }
        }
        let known = match rotation.outcome() {
            Some(RotationOutcome::Rotated) => new(),
            Some(RotationOutcome::NotRotated(_)) => old(),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(&provider.key, known.verifying_key());
    }
}

fn handed_out(key: &str) -> AnswerParts {
    ApiKeyRotated::new(key.parse().unwrap(), noon().saturating_add(Duration::from_secs(86_400))).to_parts()
}

fn me() -> AnswerParts {
    AnswerParts::new(200).with_body(br#"{"address":"alice@acme.crabmail.ai"}"#.to_vec())
}

// rule: ROT-14
#[test]
fn a_new_api_key_is_stored_and_tried_before_the_old_one_is_given_up() {
    let mut rotation = ApiKeyRotation::new(7);
    let (call, generation) = rotation.poll_call(noon()).unwrap();
    assert_eq!((call.endpoint(), generation), (Endpoint::RotateApiKey, ApiKeyGeneration::Old));
    rotation.handle_answer(call.ticket(), &handed_out("amp_live_sk_2222"), noon());
    rotation.stored();
    assert!(rotation.poll_call(noon()).is_none(), "nobody has stored it");
    assert_eq!(rotation.take_new_key().unwrap().api_key.expose(), "amp_live_sk_2222");
    assert!(rotation.take_new_key().is_none() && rotation.poll_call(noon()).is_none());
    rotation.stored();
    let (call, generation) = rotation.poll_call(noon()).unwrap();
    assert_eq!((call.endpoint(), generation), (Endpoint::GetMe, ApiKeyGeneration::New));
    assert_eq!(rotation.outcome(), None);
    rotation.handle_answer(call.ticket(), &me(), noon());
    assert_eq!(rotation.outcome(), Some(&ApiKeyOutcome::Rotated));

    let mut rotation = ApiKeyRotation::resume(7);
    let (call, generation) = rotation.poll_call(noon()).unwrap();
    assert_eq!(generation, ApiKeyGeneration::New);
    rotation.handle_answer(call.ticket(), &AnswerParts::new(401), noon());
    assert!(matches!(rotation.outcome(), Some(ApiKeyOutcome::NewKeyRefused(_))));
}

// rule: ROT-15
#[test]
fn an_answer_that_got_lost_makes_another_request_with_the_old_key() {
    let mut rotation = ApiKeyRotation::new(7);
    let mut now = noon();
    for _ in 0..5 {
        let (call, generation) = rotation.poll_call(now).unwrap();
        assert_eq!(generation, ApiKeyGeneration::Old);
        rotation.handle_failure(call.ticket(), now);
        now = rotation.next_timeout().unwrap();
    }
    let (call, _) = rotation.poll_call(now).unwrap();
    rotation.handle_answer(call.ticket(), &handed_out("amp_live_sk_3333"), now);
    assert!(rotation.take_new_key().is_some());
}

// rule: ROT-16
#[test]
fn a_refusal_after_an_unanswered_attempt_says_that_a_key_may_be_lost() {
    for is_answered in [true, false] {
        let (mut rotation, mut now) = (ApiKeyRotation::new(7), noon());
        let (call, _) = rotation.poll_call(now).unwrap();
        if is_answered {
            let busy = AnswerParts::new(429).with_header("Retry-After", "1");
            rotation.handle_answer(call.ticket(), &busy, now);
        } else {
            now = rotation.next_timeout().unwrap(); // nothing comes
            assert!(rotation.poll_call(now).is_none());
        }
        now = rotation.next_timeout().unwrap();
        let (call, _) = rotation.poll_call(now).unwrap();
        rotation.handle_answer(call.ticket(), &AnswerParts::new(403), now);
        match rotation.outcome() {
            Some(ApiKeyOutcome::NotRotated(error)) => assert!(is_answered && error.status == 403),
            Some(ApiKeyOutcome::KeyMayBeLost(error)) => assert!(!is_answered && error.status == 403),
            outcome => panic!("{outcome:?}"),
        }
    }
}

// rule: ROT-15
#[test]
fn a60_a_rotation_of_the_api_key_ends_whatever_is_answered() {
    for (answer, may_be_lost) in [
        (AnswerParts::new(503), true),
        (AnswerParts::new(429).with_header("Retry-After", "99999999"), false),
        (AnswerParts::new(200).with_body(b"{}".to_vec()), true),
        (AnswerParts::new(403), false),
        (AnswerParts::new(404), false),
    ] {
        let (mut rotation, mut now, mut calls) = (ApiKeyRotation::new(7), noon(), 0);
        while rotation.outcome().is_none() {
            match rotation.poll_call(now) {
                Some((call, _)) => {
                    calls += 1;
                    rotation.handle_answer(call.ticket(), &answer, now);
                }
                None => {
                    let next = rotation.next_timeout().unwrap();
                    assert!(next.duration_since(now).unwrap() <= Duration::from_secs(300));
                    now = next;
                }
            }
        }
        assert!(calls <= 8);
        match rotation.outcome() {
            Some(ApiKeyOutcome::NotRotated(_)) => assert!(!may_be_lost, "{answer:?}"),
            Some(ApiKeyOutcome::KeyMayBeLost(_)) => assert!(may_be_lost, "{answer:?}"),
            outcome => panic!("{outcome:?}"),
        }
        assert!(now.duration_since(noon()).unwrap() < Duration::from_secs(3_600), "well within the 24 hours");
    }
    let mut rotation = ApiKeyRotation::new(7);
    let (call, _) = rotation.poll_call(noon()).unwrap();
    rotation.handle_answer(call.ticket(), &AnswerParts::new(401), noon());
    assert_eq!(rotation.outcome(), Some(&ApiKeyOutcome::LockedOut));
}
