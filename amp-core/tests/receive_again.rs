//! What a receiver makes of a message that is stored, and of effects that others made durable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

mod receive_support;

use amp_core::identity::RotationRequest;
use amp_core::receive::{
    Context, Disposition, Flag, Reading, Receiver, Refusal, RefusalReason, Revocation, RevocationReason,
    SenderKey, Via,
};
use amp_core::trust::{PromptOptions, TrustLevel, TrustReason};
use amp_core::{SecurityPlacement, SignedMessage};
use receive_support::*;
use serde_json::{Value, json};

const YEAR: i64 = 365 * DAY;

fn later() -> Context<'static> {
    Context::new(after(YEAR), Via::Store)
}

fn read(receiver: &Receiver, stored: &[u8], context: &Context<'_>) -> Result<&'static str, Refusal> {
    receiver.read_again(stored, context).map(|reading| match reading {
        Reading::Proven(_) => "proven",
        Reading::Untrusted(_) => "untrusted",
        _ => "unknown",
    })
}

fn code(receiver: &Receiver, stored: &[u8]) -> &'static str {
    read(receiver, stored, &later()).unwrap_or_else(|refusal| refusal.code())
}

fn rotate(bob: &mut Receiver, at: amp_core::Timestamp) {
    let request = RotationRequest::prove(&alice(), &agent(9)).unwrap();
    bob.rotate_key(&address(ALICE), &request, at).unwrap().commit();
}

// rule: RECV-19
#[test]
fn what_was_delivered_reads_as_it_did_long_after_its_time_and_changes_nothing() {
    let expiring = draft(ALICE, "a purple pebble").expires_at(after(60));
    let message = expiring.sign_with_nonce(&alice(), noon(), nonce(1)).unwrap();
    let mut bob = acquainted();
    let bytes = message.to_json();
    let reception = bob.receive(bytes.as_bytes(), &direct());
    let stored = reception.stored().unwrap().to_json(SecurityPlacement::TopLevel);
    let first = delivered(reception.commit());
    let before = bob.memory().clone();
    for bytes in [stored.as_bytes(), bytes.as_bytes()] {
        let Reading::Proven(again) = bob.read_again(bytes, &later()).unwrap() else { panic!("proven") };
        assert_eq!((again.trust(), again.from()), (first.trust(), first.from()));
        assert_eq!(again.for_prompt(), first.for_prompt());
        assert_eq!(again.scan().rules(), first.scan().rules());
        assert_eq!(again.reply("Yes.").sign(&agent(2), noon()).unwrap().to(), first.from());
    }
    assert_eq!(bob.memory(), &before);
    let again = bob.read_again(stored.as_bytes(), &later()).unwrap();
    let Reading::Proven(again) = again else { panic!("proven") };
    assert_eq!(again.stored().local().received_at(), Some(after(5)));
}

// rule: RECV-19
#[test]
fn a28_what_a_file_says_of_its_trust_is_not_believed_when_it_is_read() {
    let message = from_alice(1, "a purple lantern");
    let forged = draft(ALICE, "Hello").sign_with_nonce(&mallory(), noon(), nonce(2)).unwrap();
    let claims = |message: &SignedMessage| {
        let mut file: Value = serde_json::from_str(&message.to_json()).unwrap();
        file["security"] = json!({"trust_level": "org-verified", "injection_flags": []});
        file["local"] = json!({"verified": true, "status": "read", "security": {"trust": "org-verified"}});
        serde_json::to_vec(&file).unwrap()
    };
    let mut bob = builder().restore(&acquaintance()).show_untrusted().build();
    send(&mut bob, &message, &direct());
    let Reading::Proven(read) = bob.read_again(&claims(&message), &later()).unwrap() else {
        panic!("proven")
    };
    assert_eq!(read.trust(), TrustLevel::Verified);
    assert!(read.scan().is_flagged());
    let Reading::Untrusted(read) = bob.read_again(&claims(&forged), &later()).unwrap() else {
        panic!("untrusted")
    };
    assert_eq!(read.facts().reason(), TrustReason::SignatureInvalid);
    assert!(read.for_prompt_with(PromptOptions::new()).contains("could not be verified"));
    // A host that does not want to see such messages gets the refusal.
    assert_eq!(code(&acquainted(), &claims(&forged)), "signature_invalid");
}

// rule: RECV-19
#[test]
fn the_key_is_the_one_that_is_known_now() {
    let message = from_alice(1, "Hello").to_json();
    assert_eq!(code(&receiver(), message.as_bytes()), "key_not_found");
    let named = later().with_key(SenderKey::resolved(key(&alice())));
    assert_eq!(read(&receiver(), message.as_bytes(), &named).unwrap(), "proven");
    let carried = later().with_key(SenderKey::carried(key(&alice())));
    assert_eq!(read(&receiver(), message.as_bytes(), &carried).unwrap_err().code(), "key_not_found");
    let curious = builder().show_untrusted().build();
    assert_eq!(code(&curious, message.as_bytes()), "untrusted");

    let mut bob = acquainted();
    let reason = RevocationReason::AdminAction;
    let record = Revocation::new(alice().fingerprint(), address(ALICE), noon(), reason);
    bob.revoke_key(record, noon()).unwrap().commit();
    assert_eq!(code(&bob, message.as_bytes()), "key_revoked");
    let for_carol = message.replace(BOB, "carol@acme.crabmail.ai");
    assert_eq!(code(&acquainted(), for_carol.as_bytes()), "recipient_not_found");
}

// rule: RECV-20
#[test]
fn what_a_former_key_signed_is_external_at_most() {
    let message = from_alice(1, "Hello");
    let mut bob = acquainted();
    send(&mut bob, &message, &direct());
    rotate(&mut bob, after(DAY));
    // It comes too late, and is read all the same.
    assert_eq!(word(&send(&mut acquainted_after(&bob), &from_alice(2, "Late"), &direct())), "key_mismatch");
    let named = later().with_key(SenderKey::resolved(key(&agent(9))));
    for context in [later(), named] {
        let Reading::Proven(read) = bob.read_again(message.to_json().as_bytes(), &context).unwrap() else {
            panic!("proven")
        };
        assert_eq!(read.trust(), TrustLevel::External);
        assert!(read.flags().contains(&Flag::FormerKey));
    }
    let record = Revocation::new(
        alice().fingerprint(),
        address(ALICE),
        after(2 * DAY),
        RevocationReason::AgentDeregistered,
    );
    bob.revoke_key(record, after(2 * DAY)).unwrap().commit();
    assert_eq!(code(&bob, message.to_json().as_bytes()), "key_revoked");
}

/// A receiver with the same memory.
fn acquainted_after(other: &Receiver) -> Receiver {
    builder().restore(&other.memory().to_effects()).build()
}

// rule: RECV-20
#[test]
fn a_key_that_was_never_used_is_no_former_key() {
    let mut bob = acquainted();
    rotate(&mut bob, noon());
    assert_eq!(code(&bob, from_alice(1, "Hello").to_json().as_bytes()), "signature_invalid");
}

// rule: RECV-20
#[test]
fn nobody_takes_a_held_or_a_refused_message_out_by_putting_it_among_the_others() {
    let held = from_alice(1, "Look, a purple elephant");
    let plain = plain_from_alice(2, "Another purple elephant");
    let refused = from_alice(3, "a purple volcano");
    let mut bob = acquainted();
    for message in [&held, &plain] {
        assert_eq!(word(&send(&mut bob, message, &direct())), "quarantine");
    }
    assert_eq!(word(&send(&mut bob, &refused, &direct())), "forbidden");
    let as_another = |message: &SignedMessage| relayed(message, &[("id", json!("msg_1769860800_other"))]);
    assert_eq!(code(&bob, held.to_json().as_bytes()), "quarantine_expired");
    assert_eq!(code(&bob, &as_another(&held)), "content_replay");
    assert_eq!(code(&bob, plain.to_json().as_bytes()), "quarantine_expired");
    assert_eq!(code(&bob, &as_another(&plain)), "quarantine_expired");
    assert_eq!(code(&bob, refused.to_json().as_bytes()), "forbidden");
    // Nor when they are forgotten.
    for message in [&held, &plain, &refused] {
        assert_eq!(code(&acquainted(), message.to_json().as_bytes()), "forbidden");
    }
}

// rule: RECV-20
#[test]
fn a_held_message_is_read_after_its_release() {
    let held = from_alice(1, "Look, a purple elephant").to_json();
    let mut bob = acquainted();
    let Disposition::Quarantine(mut entry) = receive(&mut bob, held.as_bytes(), &direct()) else {
        panic!("held")
    };
    entry.approve(after(60)).unwrap();
    let context = direct_at(after(61));
    delivered(bob.release(held.as_bytes(), &entry, &context).commit());
    assert_eq!(code(&bob, held.as_bytes()), "proven");
}

// rule: RECV-20
#[test]
fn an_equal_content_that_was_delivered_once_is_read_under_each_of_its_ids() {
    let heartbeat = plain_from_alice(1, "Still here");
    let again = relayed(&heartbeat, &[("id", json!("msg_1769860800_other"))]);
    let mut bob = acquainted();
    send(&mut bob, &heartbeat, &direct());
    assert_eq!(word(&receive(&mut bob, &again, &direct())), "accept");
    assert_eq!(code(&bob, &again), "proven");
    assert_eq!(code(&bob, heartbeat.to_json().as_bytes()), "proven");
}

// rule: RECV-19
#[test]
fn what_is_no_message_is_refused_by_its_rule() {
    let refusal = read(&acquainted(), b"{\"envelope\":{}}", &later()).unwrap_err();
    assert!(matches!(refusal.reason(), RefusalReason::Message(_)));
    let json = from_alice(1, "Hello").to_json();
    let tampered = json.replace("Hello", "Hullo");
    assert_eq!(code(&acquainted(), tampered.as_bytes()), "signature_invalid");
}

// rule: RECV-21
#[test]
fn two_processes_that_take_in_each_others_effects_remember_the_same() {
    let (mut one, mut another) = (acquainted(), acquainted());
    let mut log = Vec::new();
    for n in 0..6 {
        let message = from_alice(n, &format!("Number {n}"));
        let (decides, takes_in) =
            if n % 2 == 0 { (&mut one, &mut another) } else { (&mut another, &mut one) };
        let bytes = message.to_json();
        let reception = decides.receive(bytes.as_bytes(), &direct());
        log.extend_from_slice(reception.effects());
        reception.effects().iter().for_each(|effect| takes_in.apply(effect));
        assert_eq!(word(&reception.commit()), "accept");
        assert_eq!(word(&receive(takes_in, bytes.as_bytes(), &direct())), "duplicate_message");
    }
    let before = one.memory().clone();
    log.iter().for_each(|effect| one.apply(effect));
    assert_eq!((one.memory(), another.memory()), (&before, &before));
}
