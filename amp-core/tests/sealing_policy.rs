//! Which messages are to be sealed, and to which key: the policy, the peers' cards, and what is remembered of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod receive_support;

use core::time::Duration;

use amp_core::crypto::seal::DecryptionKey;
use amp_core::identity::{AgentCard, Capability, CardBuilder, CardError, EncryptionKey, RotationRequest};
use amp_core::receive::{Effect, Receiver, RefusalReason, Revocation, RevocationReason, SenderKey};
use amp_core::sealing::{Direction, SealingPlan, SealingPolicy, SealingWish, Stance};
use amp_core::{Identity, Timestamp};
use receive_support::*;

/// Bob, who writes to Alice, with this stance toward everybody.
fn bob_with(stance: Stance) -> Receiver {
    builder().sealing(SealingPolicy::new(stance)).restore(&acquaintance()).build()
}

fn plan(bob: &Receiver, wish: SealingWish) -> SealingPlan {
    bob.plan_sealing(&address(ALICE), wish, noon())
}

/// The key that an agent has without a card.
fn mapped(identity: &Identity) -> EncryptionKey {
    EncryptionKey::of(identity.verifying_key()).unwrap()
}

/// An encryption key of its own.
fn own(n: u8) -> EncryptionKey {
    DecryptionKey::from_bytes(&[n; 32]).encryption_key()
}

fn card_of(signer: &Identity, issued_at: Timestamp, key: Option<EncryptionKey>) -> AgentCard {
    let builder = CardBuilder::new(address(ALICE)).valid_for(Duration::from_secs(30 * 86_400));
    let builder = match key {
        Some(key) => builder.encryption_key(key),
        None => builder.capability(Capability::Sealed),
    };
    builder.sign(signer, issued_at).unwrap()
}

fn accept(bob: &mut Receiver, card: &AgentCard, now: Timestamp) -> Result<Vec<Effect>, CardError> {
    let change = bob.accept_card(&card.verify(now).unwrap(), now)?;
    let effects = change.effects().to_vec();
    change.commit();
    Ok(effects)
}

fn refused(plan: SealingPlan) -> RefusalReason {
    match plan {
        SealingPlan::Refuse(refusal) => refusal.reason(),
        other => panic!("not refused: {other:?}"),
    }
}

// rule: SEAL-30
#[test]
fn the_stance_and_the_wish_decide_for_a_peer_of_whom_nothing_is_known() {
    use SealingWish::{Plain, Policy, Seal};
    let to_key = SealingPlan::Seal(mapped(&alice()));
    let (require, prefer) = (bob_with(Stance::Require), bob_with(Stance::Prefer));
    let refuse = bob_with(Stance::Refuse);
    assert_eq!((plan(&require, Policy), plan(&require, Seal)), (to_key, to_key));
    assert_eq!(refused(plan(&require, Plain)), RefusalReason::SealingRequired);
    assert_eq!(plan(&prefer, Policy), SealingPlan::Plain);
    assert_eq!((plan(&prefer, Seal), plan(&prefer, Plain)), (to_key, SealingPlan::Plain));
    assert_eq!((plan(&refuse, Policy), plan(&refuse, Plain)), (SealingPlan::Plain, SealingPlan::Plain));
    assert_eq!(refused(plan(&refuse, Seal)), RefusalReason::SealingRefused);
}

// rule: SEAL-30
#[test]
fn the_first_rule_of_a_policy_that_matches_the_peer_counts() {
    let policy = SealingPolicy::new(Stance::Refuse)
        .rule("*@acme.crabmail.ai".parse().unwrap(), Stance::Require)
        .rule(ALICE.parse().unwrap(), Stance::Refuse);
    let bob = builder().sealing(policy).restore(&acquaintance()).build();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Seal(mapped(&alice())));
    assert_eq!(bob.plan_sealing(&address(MALLORY), SealingWish::Policy, noon()), SealingPlan::Plain);
}

// rule: SEAL-31
#[test]
fn what_is_to_be_sealed_is_refused_and_never_sent_in_plain_where_no_key_can_be_used() {
    let stances = [(Stance::Require, SealingWish::Policy), (Stance::Prefer, SealingWish::Seal)];
    for (stance, wish) in stances {
        let stranger = builder().sealing(SealingPolicy::new(stance)).build();
        assert_eq!(refused(plan(&stranger, wish)), RefusalReason::KeyNotFound);

        let mut bob = bob_with(stance);
        let other = SenderKey::resolved(key(&mallory()));
        bob.name_key(&address(ALICE), &other, noon()).unwrap().commit();
        assert_eq!(refused(plan(&bob, wish)), RefusalReason::KeyConflict);

        let mut bob = bob_with(stance);
        bob.revoke_key(revocation(), noon()).unwrap().commit();
        assert_eq!(refused(plan(&bob, wish)), RefusalReason::KeyRevoked);
    }
}

fn revocation() -> Revocation {
    let reason = RevocationReason::AdminAction;
    Revocation::new(alice().fingerprint(), address(ALICE), noon(), reason)
}

// rule: SEAL-30, SEAL-32
#[test]
fn a_card_says_that_its_owner_opens_sealed_mail_and_with_which_key() {
    let mut bob = bob_with(Stance::Prefer);
    accept(&mut bob, &card_of(&alice(), noon(), None), noon()).unwrap();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Seal(mapped(&alice())));

    accept(&mut bob, &card_of(&alice(), after(1), Some(own(9))), after(1)).unwrap();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Seal(own(9)));
    assert_eq!(plan(&bob, SealingWish::Plain), SealingPlan::Plain, "a wish by name");

    // Its owner takes it back.
    let without = CardBuilder::new(address(ALICE)).sign(&alice(), after(2)).unwrap();
    accept(&mut bob, &without, after(2)).unwrap();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Plain);
    assert_eq!(plan(&bob, SealingWish::Seal), SealingPlan::Seal(mapped(&alice())));
}

#[test]
fn a_card_that_is_known_changes_nothing() {
    let mut bob = bob_with(Stance::Prefer);
    let card = card_of(&alice(), noon(), Some(own(9)));
    assert_eq!(accept(&mut bob, &card, noon()).unwrap().len(), 1);
    assert_eq!(accept(&mut bob, &card, after(5)).unwrap(), []);
}

// rule: SEAL-32
#[test]
fn a25_an_older_card_does_not_bring_back_an_encryption_key_that_was_given_up() {
    let mut bob = bob_with(Stance::Prefer);
    let (old, new) = (card_of(&alice(), noon(), Some(own(9))), card_of(&alice(), after(60), Some(own(10))));
    accept(&mut bob, &old, after(60)).unwrap();
    accept(&mut bob, &new, after(60)).unwrap();
    for now in [after(61), after(20 * DAY)] {
        let rolled_back = accept(&mut bob, &old, now).unwrap_err();
        assert_eq!(rolled_back, CardError::RolledBack { newest: after(60) });
        assert_eq!(bob.plan_sealing(&address(ALICE), SealingWish::Policy, now), SealingPlan::Seal(own(10)));
    }
    // Nor does it after a restart, or where effects come twice.
    let (again, mut memory) = (bob.memory().to_effects(), bob.memory().clone());
    assert!(again.iter().any(|effect| matches!(effect, Effect::CardAccepted { .. })));
    let accepted = |receiver: &mut Receiver, card| accept(receiver, card, after(60)).unwrap_err().code();
    let mut restored = builder().restore(&again).build();
    assert_eq!(accepted(&mut restored, &old), "card_rolled_back");
    let mut fresh = bob_with(Stance::Prefer);
    accept(&mut fresh, &old, after(60)).unwrap().iter().for_each(|effect| memory.apply(effect));
    assert_eq!(memory, *bob.memory());
}

// rule: SEAL-32
#[test]
fn a25_a_card_of_a_key_that_is_not_pinned_offers_no_key_to_seal_to() {
    let forged = card_of(&mallory(), noon(), Some(own(66)));
    let mut stranger = receiver();
    assert_eq!(accept(&mut stranger, &forged, noon()).unwrap_err(), CardError::NotPinned);
    assert!(stranger.memory().keys().is_empty(), "a card pins nothing");
    assert_eq!(plan(&stranger, SealingWish::Policy), SealingPlan::Plain);

    let mut bob = bob_with(Stance::Prefer);
    assert_eq!(accept(&mut bob, &forged, noon()).unwrap_err(), CardError::KeyConflict);
    assert_eq!(plan(&bob, SealingWish::Seal), SealingPlan::Seal(mapped(&alice())));
    let known = bob.memory().keys().get(&address(ALICE)).unwrap();
    assert!(known.contender().is_none() && known.sealing().card().is_none(), "a card raises no conflict");
}

// rule: SEAL-32
#[test]
fn a25_a_card_stops_to_count_when_it_expires_or_its_key_is_not_the_agents_any_more() {
    let with_card = || {
        let mut bob = bob_with(Stance::Prefer);
        accept(&mut bob, &card_of(&alice(), noon(), Some(own(9))), noon()).unwrap();
        bob
    };
    let at = |bob: &Receiver, now| bob.plan_sealing(&address(ALICE), SealingWish::Seal, now);
    let bob = with_card();
    assert_eq!(at(&bob, after(30 * DAY - 1)), SealingPlan::Seal(own(9)));
    assert_eq!(at(&bob, after(30 * DAY)), SealingPlan::Seal(mapped(&alice())), "the card has expired");

    let mut bob = with_card();
    let rotation = RotationRequest::prove(&alice(), &agent(5)).unwrap();
    bob.rotate_key(&address(ALICE), &rotation, after(10)).unwrap().commit();
    assert_eq!(at(&bob, after(20)), SealingPlan::Seal(mapped(&agent(5))), "the key was rotated");
    let of_old_key = card_of(&alice(), after(15), Some(own(9)));
    assert_eq!(accept(&mut bob, &of_old_key, after(20)).unwrap_err(), CardError::KeyConflict);

    let mut bob = with_card();
    bob.name_key(&address(ALICE), &SenderKey::resolved(key(&mallory())), after(10)).unwrap().commit();
    assert_eq!(refused(at(&bob, after(20))), RefusalReason::KeyConflict, "the key is disputed");
    let newer = card_of(&alice(), after(15), Some(own(10)));
    assert_eq!(accept(&mut bob, &newer, after(20)).unwrap_err(), CardError::NotPinned);

    let mut bob = with_card();
    bob.revoke_key(revocation(), after(10)).unwrap().commit();
    assert_eq!(refused(at(&bob, after(20))), RefusalReason::KeyRevoked, "the key is revoked");
    assert_eq!(accept(&mut bob, &newer, after(20)).unwrap_err(), CardError::NotPinned);

    let mut bob = with_card();
    bob.confirm_key(&address(ALICE), &key(&agent(5)), after(10)).unwrap().commit();
    assert_eq!(at(&bob, after(20)), SealingPlan::Seal(mapped(&agent(5))), "a person chose another key");
}

// rule: SEAL-32
#[test]
fn a25_a_clock_that_is_set_back_makes_no_expired_card_count() {
    let mut bob = bob_with(Stance::Prefer);
    let card = card_of(&alice(), noon(), Some(own(9)));
    accept(&mut bob, &card, noon()).unwrap();
    bob.set_clock(after(31 * DAY)).commit();
    assert_eq!(plan(&bob, SealingWish::Seal), SealingPlan::Seal(mapped(&alice())));
    assert_eq!(accept(&mut bob, &card, noon()).unwrap_err(), CardError::Expired);
}

// rule: SEAL-33
#[test]
fn a31_a_peer_that_was_written_to_in_sealed_form_is_not_written_to_in_plain_again() {
    let mut bob = bob_with(Stance::Prefer);
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Plain);
    let change = bob.note_sealed_to(&address(ALICE), noon());
    let [Effect::Sealed { direction: Direction::To, .. }] = change.effects() else { panic!("one effect") };
    change.commit();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Seal(mapped(&alice())));
    assert_eq!(bob.note_sealed_to(&address(ALICE), after(5)).effects(), [], "the first time only");
    assert_eq!(plan(&bob, SealingWish::Plain), SealingPlan::Plain, "by name it is");

    // Whoever keeps its key away, or raises a conflict, gets no plain mail by it.
    bob.name_key(&address(ALICE), &SenderKey::resolved(key(&mallory())), noon()).unwrap().commit();
    assert_eq!(refused(plan(&bob, SealingWish::Policy)), RefusalReason::KeyConflict);
    bob.confirm_key(&address(ALICE), &key(&mallory()), noon()).unwrap().commit();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Seal(mapped(&mallory())));
    bob.forget_address(&address(ALICE), noon()).commit();
    assert_eq!(plan(&bob, SealingWish::Policy), SealingPlan::Plain, "a person wants it forgotten");
}

// rule: SEAL-33
#[test]
fn a31_a_peer_whose_card_says_that_it_seals_gets_no_plain_mail_when_the_card_stops_to_count() {
    let with_card = || {
        let mut bob = bob_with(Stance::Prefer);
        accept(&mut bob, &card_of(&alice(), noon(), Some(own(9))), noon()).unwrap();
        bob
    };
    let at = |bob: &Receiver, now| bob.plan_sealing(&address(ALICE), SealingWish::Policy, now);
    let mut bob = with_card();
    bob.name_key(&address(ALICE), &SenderKey::resolved(key(&mallory())), after(5)).unwrap().commit();
    assert_eq!(refused(at(&bob, after(6))), RefusalReason::KeyConflict, "a provider names another key");

    let mut bob = with_card();
    bob.revoke_key(revocation(), after(5)).unwrap().commit();
    assert_eq!(refused(at(&bob, after(6))), RefusalReason::KeyRevoked);

    let mut bob = with_card();
    let rotation = RotationRequest::prove(&alice(), &agent(5)).unwrap();
    bob.rotate_key(&address(ALICE), &rotation, after(5)).unwrap().commit();
    assert_eq!(at(&bob, after(6)), SealingPlan::Seal(mapped(&agent(5))));

    // Nor when newer cards are kept back until it expires.
    assert_eq!(at(&with_card(), after(300 * DAY)), SealingPlan::Seal(mapped(&alice())));
}

#[test]
fn a_peer_without_a_pinned_key_is_not_noted() {
    let mut bob = receiver();
    assert_eq!(bob.note_sealed_to(&address(ALICE), noon()).effects(), []);
}
