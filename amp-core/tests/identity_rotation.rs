//! Rotations: who may name a successor, which successor, and that the chain is kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use core::cell::Cell;
use core::time::Duration;

use amp_core::identity::{
    KeyHistory, NewKeyStanding, PinView, Rotation, RotationPolicy, RotationRecord, RotationRefusal,
    RotationRequest, check_rotation,
};
use amp_core::{Address, Identity, RotationForm, Signature, Timestamp, VerifyingKey};
use proptest::prelude::*;
use serde_json::Value;

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn key(seed: u8) -> VerifyingKey {
    identity(seed).verifying_key().clone()
}

fn address() -> Address {
    "alice@acme.crabmail.ai".parse().unwrap()
}

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn later(hours: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(hours * 3600))
}

fn prove(old: u8, new: u8) -> RotationRequest {
    RotationRequest::prove(&identity(old), &identity(new)).unwrap()
}

fn free(_: &VerifyingKey) -> NewKeyStanding {
    NewKeyStanding::Free
}

fn check(pinned: u8, request: &RotationRequest) -> Result<Rotation, RotationRefusal> {
    check_rotation(PinView::new(&address(), &key(pinned)), request, free, RotationPolicy::new(), now())
}

/// A history in which the keys followed each other, two days apart.
fn history(seeds: &[u8]) -> KeyHistory {
    let mut history = KeyHistory::begin(&address(), &key(seeds[0]), now());
    for (step, pair) in (1..).zip(seeds.windows(2)) {
        let rotation = continued(&history, &prove(pair[0], pair[1]), later(48 * step)).unwrap();
        history.append(&rotation).unwrap();
    }
    history
}

fn continued(
    history: &KeyHistory,
    request: &RotationRequest,
    at: Timestamp,
) -> Result<Rotation, RotationRefusal> {
    let pin = PinView::new(history.address(), history.current()).with_history(history);
    check_rotation(pin, request, free, RotationPolicy::new(), at)
}

// rule: ROT-1
#[test]
fn a22_only_the_pinned_key_names_a_successor() {
    let rotation = check(1, &prove(1, 2)).unwrap();
    let record = rotation.record();
    assert_eq!((record.old_key(), record.new_key()), (&key(1), &key(2)));
    assert_eq!((record.address(), record.at(), record.form()), (&address(), now(), RotationForm::Hex));

    assert_eq!(check(3, &prove(1, 2)), Err(RotationRefusal::ProofInvalid), "a stale pin's proof");
    let by_the_new_key = RotationRequest::new(key(2), prove(2, 3).proof().clone());
    assert_eq!(check(1, &by_the_new_key), Err(RotationRefusal::ProofInvalid));
    let to_itself = RotationRequest::new(key(1), prove(1, 2).proof().clone());
    assert_eq!(check(1, &to_itself), Err(RotationRefusal::SameKey));
}

// rule: ROT-1
#[test]
fn a22_a_revoked_key_names_no_successor() {
    let (address, old) = (address(), key(1));
    let pin = PinView::new(&address, &old).revoked();
    let refused = check_rotation(pin, &prove(1, 2), free, RotationPolicy::new(), now()).unwrap_err();
    assert_eq!((refused, refused.code()), (RotationRefusal::OldKeyRevoked, "key_revoked"));
}

// rule: ROT-3
#[test]
fn a22_a_proof_made_for_one_address_moves_no_other() {
    // One key at two addresses of one agent; the first address has gone over to the new key.
    let pinned_elsewhere = |_: &VerifyingKey| NewKeyStanding::PinnedElsewhere;
    let (work, old): (Address, _) = ("alice@work.crabmail.ai".parse().unwrap(), key(1));
    let pin = PinView::new(&work, &old);
    let refused = check_rotation(pin, &prove(1, 2), pinned_elsewhere, RotationPolicy::new(), now());
    let refused = refused.unwrap_err();
    assert_eq!((refused, refused.code()), (RotationRefusal::NewKeyPinnedElsewhere, "key_conflict"));
    // The host says that both are the same agent's.
    assert!(check_rotation(pin, &prove(1, 2), free, RotationPolicy::new(), now()).is_ok());
}

// rule: ROT-3
#[test]
fn a22_nobody_rotates_to_somebody_elses_key() {
    let bob = key(9);
    let to_bob = prove(1, 9);
    let standing = |asked: &VerifyingKey| {
        if *asked == bob { NewKeyStanding::PinnedElsewhere } else { NewKeyStanding::Free }
    };
    let (address, old) = (address(), key(1));
    let refused =
        check_rotation(PinView::new(&address, &old), &to_bob, standing, RotationPolicy::new(), now());
    assert_eq!(refused, Err(RotationRefusal::NewKeyPinnedElsewhere));
}

// rule: ROT-4
#[test]
fn a22_a_key_that_was_given_up_does_not_come_back() {
    let history = history(&[1, 2, 3]);
    for former in [1, 2] {
        let refused = continued(&history, &prove(3, former), later(1000));
        assert_eq!(refused, Err(RotationRefusal::NewKeyRetired), "{former}");
    }
    // So the first proof, kept by whoever saw it, is of no use later.
    assert_eq!(continued(&history, &prove(1, 2), later(1000)), Err(RotationRefusal::ProofInvalid));

    let (address, old) = (address(), key(1));
    let revoked = |_: &VerifyingKey| NewKeyStanding::Revoked;
    let refused =
        check_rotation(PinView::new(&address, &old), &prove(1, 2), revoked, RotationPolicy::new(), now());
    assert_eq!(refused, Err(RotationRefusal::NewKeyRevoked));
}

// rule: ROT-2
#[test]
fn a22_only_the_form_that_is_written_is_accepted_unless_asked_for() {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/own/rotation.json")).unwrap();
    let mut forms = Vec::new();
    for case in vectors["cases"].as_array().unwrap() {
        let text = |name: &str| case["input"][name].as_str().unwrap();
        let (Ok(old), Ok(new)) = (VerifyingKey::parse(text("old_key")), VerifyingKey::parse(text("new_key")))
        else {
            continue;
        };
        let Ok(proof) = Signature::from_base64(text("proof")) else { continue };
        let (address, request) = (address(), RotationRequest::new(new, proof));
        let with = |policy| check_rotation(PinView::new(&address, &old), &request, free, policy, now());
        let any = with(RotationPolicy::new().accepting_any_form());
        assert_eq!(any.is_ok(), case["expect"]["valid"] == true, "{}", case["id"]);
        let Ok(any) = any else { continue };
        let form = any.record().form();
        forms.push(form);
        match with(RotationPolicy::new()) {
            Ok(_) => assert_eq!(form, RotationForm::Hex),
            Err(refusal) => {
                assert_eq!(refusal, RotationRefusal::ProofForm);
                assert_ne!(form, RotationForm::Hex);
            }
        }
        assert_eq!(RotationRecord::decode(any.record().to_json().as_bytes()).as_ref(), Ok(any.record()));
    }
    for form in [RotationForm::Hex, RotationForm::Pem, RotationForm::Der] {
        assert!(forms.contains(&form), "{form:?}");
    }
}

// rule: ROT-2
#[cfg(feature = "p256")]
#[test]
fn a_rotation_leads_to_a_key_of_the_algorithm_that_signs() {
    const P256: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE22L4/tUgnlomGRjwDGYTVeFP+EbC\n4510I6630eEi6aXN7Md1JINo/KluWvMV20AsquS2leIeOipp1XX+bN3isQ==\n-----END PUBLIC KEY-----\n";
    // Seed 01 over that text, made with another library: ours signs no PEM.
    const PROOF: &str =
        "ueCHIeExzMfri9rhESHD4ANsn+k6DhxxGWCMi6k/GKGErC2U4DRFIsHPmVQk1Z+HRoYK73mUIZXp4uVUuQjWDw==";
    let new_key = VerifyingKey::from_pem(P256).unwrap();
    let request = RotationRequest::new(new_key, Signature::from_base64(PROOF).unwrap());
    let (address, old) = (address(), key(1));
    let policy = RotationPolicy::new().accepting_any_form();
    let refused = check_rotation(PinView::new(&address, &old), &request, free, policy, now());
    assert_eq!(refused, Err(RotationRefusal::NewKeyAlgorithm));
    assert_eq!(check(1, &request), Err(RotationRefusal::ProofForm));
}

// rule: ROT-7
#[test]
fn a22_who_proves_nothing_learns_nothing_about_the_new_key() {
    let asked = Cell::new(false);
    let standing = |_: &VerifyingKey| {
        asked.set(true);
        NewKeyStanding::PinnedElsewhere
    };
    let (address, old) = (address(), key(1));
    let forged = RotationRequest::new(key(9), prove(5, 9).proof().clone());
    let refused =
        check_rotation(PinView::new(&address, &old), &forged, standing, RotationPolicy::new(), now());
    assert_eq!(refused, Err(RotationRefusal::ProofInvalid));
    assert!(!asked.get());
    // Nor whether the key is one that the address has had.
    let history = history(&[1, 2]);
    let forged = RotationRequest::new(key(1), prove(5, 1).proof().clone());
    assert_eq!(continued(&history, &forged, later(1000)), Err(RotationRefusal::ProofInvalid));
}

// rule: ROT-5
#[test]
fn a22_an_address_rests_after_a_rotation() {
    let history = history(&[1, 2]);
    let rotated = history.rotations()[0].at();
    let until = rotated.saturating_add(Duration::from_secs(24 * 3600));
    let at = |time: Timestamp| continued(&history, &prove(2, 3), time);
    assert_eq!(at(rotated), Err(RotationRefusal::TooSoon { until }));
    assert_eq!(at(until.saturating_sub(Duration::from_nanos(1))), Err(RotationRefusal::TooSoon { until }));
    let next = at(until).unwrap();
    assert_eq!(next.cool_off_until().duration_since(until), Some(Duration::from_secs(24 * 3600)));

    // A clock that went backwards does not end the rest.
    assert_eq!(at(now()), Err(RotationRefusal::TooSoon { until }));
    // A host may ask for another time, or for none.
    let pin = PinView::new(history.address(), history.current()).with_history(&history);
    let none = RotationPolicy::new().with_cool_off(Duration::ZERO);
    assert!(check_rotation(pin, &prove(2, 3), free, none, rotated).is_ok());
}

// rule: ROT-6
#[test]
fn a22_a_history_that_was_edited_is_not_read() {
    let history = history(&[1, 2, 3, 4]);
    let json: Value = serde_json::from_str(&history.to_json()).unwrap();
    assert_eq!(KeyHistory::decode(history.to_json().as_bytes()).as_ref(), Ok(&history));
    assert_eq!(history.since(), now());
    assert_eq!(history.first_key(), &key(1));

    let code = |edit: &dyn Fn(&mut Value)| {
        let mut json = json.clone();
        edit(&mut json);
        KeyHistory::decode(json.to_string().as_bytes()).map(|_| ()).unwrap_err().code()
    };
    let removed =
        |at: usize| move |json: &mut Value| drop(json["rotations"].as_array_mut().unwrap().remove(at));
    assert_eq!(code(&removed(0)), "signature_invalid");
    assert_eq!(code(&removed(1)), "signature_invalid");
    assert_eq!(code(&|json| json["rotations"].as_array_mut().unwrap().swap(0, 1)), "signature_invalid");
    assert_eq!(code(&|json| json["first_key"] = key(7).to_pem().into()), "signature_invalid");
    assert_eq!(code(&|json| json["address"] = "eve@acme.crabmail.ai".into()), "signature_invalid");
    assert_eq!(code(&|json| json["rotations"][1]["new_key"] = key(7).to_pem().into()), "signature_invalid");
    assert_eq!(code(&|json| json["rotations"][1]["form"] = "pem".into()), "signature_invalid");
    assert_eq!(
        code(&|json| json["rotations"][1]["proof"] = json["rotations"][0]["proof"].clone()),
        "signature_invalid"
    );
    assert_eq!(code(&|json| json["since"] = "yesterday".into()), "invalid_field");
    assert_eq!(code(&|json| drop(json.as_object_mut().unwrap().remove("rotations"))), "missing_field");
}

// rule: ROT-6
#[test]
fn a_full_history_accepts_no_more() {
    let at = |step: u64| later(48 * step);
    let mut full = KeyHistory::begin(&address(), &key(0), now());
    for step in 0..64_u8 {
        assert!(!full.is_full());
        let rotation = continued(&full, &prove(step, step + 1), at(step.into())).unwrap();
        full.append(&rotation).unwrap();
    }
    assert!(full.is_full());
    assert_eq!(full.rotations().len(), KeyHistory::MAX_ROTATIONS);
    assert_eq!(continued(&full, &prove(64, 65), at(100)), Err(RotationRefusal::History));
    let pin = PinView::new(full.address(), full.current());
    let without = check_rotation(pin, &prove(64, 65), free, RotationPolicy::new(), at(100)).unwrap();
    assert_eq!(full.append(&without), Err(RotationRefusal::History));
    assert_eq!(KeyHistory::decode(full.to_json().as_bytes()), Ok(full));
}

#[test]
fn a_rotation_is_applied_once_and_to_its_own_history() {
    let mut alices = history(&[1, 2]);
    let rotation = continued(&alices, &prove(2, 3), later(1000)).unwrap();
    let bob: Address = "bob@acme.crabmail.ai".parse().unwrap();
    let mut bobs = KeyHistory::begin(&bob, &key(2), now());
    assert_eq!(bobs.append(&rotation), Err(RotationRefusal::History));
    assert_eq!(alices.append(&rotation), Ok(()));
    assert_eq!(alices.append(&rotation), Err(RotationRefusal::History));
    // A decision made without the history does not bring a former key back into it.
    let pin = PinView::new(alices.address(), alices.current());
    let back = check_rotation(pin, &prove(3, 1), free, RotationPolicy::new(), later(2000)).unwrap();
    assert_eq!(alices.append(&back), Err(RotationRefusal::History));
    // A pin and a history that are not of one piece decide nothing.
    let pin = PinView::new(&bob, alices.current()).with_history(&alices);
    let refused = check_rotation(pin, &prove(3, 4), free, RotationPolicy::new(), later(2000));
    assert_eq!(refused, Err(RotationRefusal::History));
}

#[test]
fn a18_a_forged_rotation_leaves_the_pin_as_it_is() {
    // `check_rotation` takes everything by shared reference, so only the caller can change anything, and only with a
    // `Rotation`, which nothing unproven makes.
    let history = history(&[1, 2]);
    for forger in [1, 3, 9] {
        let forged = RotationRequest::new(key(66), prove(forger, 66).proof().clone());
        assert_eq!(continued(&history, &forged, later(1000)), Err(RotationRefusal::ProofInvalid));
    }
}

#[test]
fn a_request_is_never_empty_and_reads_back() {
    let request = prove(1, 2);
    let body: Value = serde_json::from_str(&request.to_json()).unwrap();
    assert_eq!(body["new_public_key"], key(2).to_pem());
    assert_eq!(body["key_algorithm"], "Ed25519");
    assert_eq!(RotationRequest::decode(request.to_json().as_bytes()), Ok(request));
    for (change, code) in [
        (r#"{}"#, "missing_field"),
        (r#"{"new_public_key":"","proof":""}"#, "invalid_field"),
        (r#"{"new_public_key":7}"#, "invalid_field"),
        ("", "invalid_json"),
    ] {
        assert_eq!(RotationRequest::decode(change.as_bytes()).unwrap_err().code(), code, "{change}");
    }
    let mut other = body;
    other["key_algorithm"] = "RSA".into();
    let error = RotationRequest::decode(other.to_string().as_bytes()).unwrap_err();
    assert_eq!((error.code(), error.field()), ("invalid_field", Some("key_algorithm")));
}

#[test]
fn a51_no_refusal_repeats_what_was_sent() {
    let hostile = "\u{1b}]52;c;aGk=\u{7}\u{202e}";
    for member in ["new_public_key", "proof", "key_algorithm"] {
        let mut body: Value = serde_json::from_str(&prove(1, 2).to_json()).unwrap();
        body[member] = hostile.into();
        let error = RotationRequest::decode(body.to_string().as_bytes()).unwrap_err();
        assert!(format!("{error} {error:?}").chars().all(|c| (' '..='~').contains(&c)));
    }
}

proptest! {
    /// The chain follows the proofs of whoever is pinned, and nobody else's, whatever is tried.
    #[test]
    fn the_pin_moves_only_where_the_pinned_key_says(
        tries in proptest::collection::vec((0_u8..6, 0_u8..6, 0_u64..60), 0..24),
    ) {
        let mut history = KeyHistory::begin(&address(), &key(0), now());
        let (mut current, mut had, mut last, mut hour) = (0, vec![0], None, 0);
        for (old, new, hours) in tries {
            hour += hours;
            let Ok(request) = RotationRequest::prove(&identity(old), &identity(new)) else {
                prop_assert_eq!(old, new);
                continue;
            };
            let rests = last.is_some_and(|last| hour < last + 24);
            let expected = if old != current {
                if new == current { Err("invalid_key") } else { Err("signature_invalid") }
            } else if had.contains(&new) {
                Err("key_conflict")
            } else if rests {
                Err("rotation_too_soon")
            } else {
                Ok(())
            };
            let rotation = continued(&history, &request, later(hour));
            prop_assert_eq!(rotation.as_ref().map(|_| ()).map_err(|refusal| refusal.code()), expected);
            if let Ok(rotation) = rotation {
                history.append(&rotation).unwrap();
                (current, last) = (new, Some(hour));
                had.push(new);
            }
            prop_assert_eq!(history.current(), &key(current));
            prop_assert_eq!(KeyHistory::decode(history.to_json().as_bytes()), Ok(history.clone()));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(RotationRequest::decode(&bytes).is_err());
        prop_assert!(RotationRecord::decode(&bytes).is_err());
        prop_assert!(KeyHistory::decode(&bytes).is_err());
    }
}
