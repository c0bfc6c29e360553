//! Refusals of a receiver, explained: the rule, the field, and something that a person can do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, clippy::std_instead_of_alloc)]

use amp_core::explain::{Change, Explainer, Explanation, Outcome};
use amp_core::receive::{
    Context, Disposition, Receiver, ReceiverBuilder, Refusal, RefusalReason, Revocation, RevocationReason,
    SenderKey, Via,
};
use amp_core::{Address, Draft, Identity, PatternSet, SignedMessage, Timestamp};

const NOW: &str = "2026-01-31T10:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn alice() -> Identity {
    Identity::from_seed(&[7; 32])
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn draft() -> Draft {
    Draft::request(address("bob@acme.crabmail.ai"), "Hi", "Are you there?")
        .from(&address("alice@acme.crabmail.ai"))
}

fn signed(draft: Draft) -> SignedMessage {
    draft.sign_with_nonce(&alice(), time(NOW), [5; 16]).unwrap()
}

fn bob() -> ReceiverBuilder {
    Receiver::builder(address("bob@acme.crabmail.ai"))
}

fn context(now: &str, key: &Identity) -> Context<'static> {
    Context::new(time(now), Via::Direct).with_key(SenderKey::resolved(key.verifying_key().clone()))
}

#[track_caller]
fn refusal(receiver: &mut Receiver, message: &str, context: &Context<'_>) -> Refusal {
    match receiver.receive(message.as_bytes(), context).commit() {
        Disposition::Reject(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// The refusal has this reason, and its explanation says all of it.
#[track_caller]
fn assert_explained(refusal: &Refusal, reason: RefusalReason) {
    assert_eq!(refusal.reason(), reason);
    let explanation = Explanation::of_refusal(refusal);
    assert_eq!(explanation.outcome(), &Outcome::Refused(*refusal));
    assert_eq!((explanation.code(), explanation.rule()), (Some(refusal.code()), Some(refusal.rule())));
    assert_eq!(explanation.field(), refusal.field());
    let advice = explanation.advice().expect("there is something to do");
    assert_eq!(explanation.to_string(), format!("{refusal}\nwhat to do: {advice}\n"));
}

#[test]
fn every_refusal_that_a_message_meets_comes_with_something_to_do() {
    let message = signed(draft()).to_json();
    let now = context(NOW, &alice());

    let mut receiver = Receiver::builder(address("carol@acme.crabmail.ai")).build();
    assert_explained(&refusal(&mut receiver, &message, &now), RefusalReason::NotForMe);

    let carried =
        Context::new(time(NOW), Via::Direct).with_key(SenderKey::carried(alice().verifying_key().clone()));
    assert_explained(&refusal(&mut bob().build(), &message, &carried), RefusalReason::KeyNotFound);

    let late = context("2026-01-31T10:05:01Z", &alice());
    assert_explained(&refusal(&mut bob().build(), &message, &late), RefusalReason::TimestampExpired);
    let early = context("2026-01-31T09:58:59Z", &alice());
    assert_explained(&refusal(&mut bob().build(), &message, &early), RefusalReason::TimestampFuture);
    let short_lived = signed(draft().expires_at(time("2026-01-31T10:00:10Z"))).to_json();
    let later = context("2026-01-31T10:00:11Z", &alice());
    assert_explained(&refusal(&mut bob().build(), &short_lived, &later), RefusalReason::Expired);

    let others = PatternSet::from_iter(["*@other.crabmail.ai".parse().unwrap()]);
    let mut receiver = bob().allowed_senders(others).build();
    assert_explained(&refusal(&mut receiver, &message, &now), RefusalReason::SenderRefused);
    assert_explained(&refusal(&mut bob().demand_grants().build(), &message, &now), RefusalReason::NotGranted);
}

#[test]
fn refusals_for_what_is_remembered_come_with_something_to_do() {
    let message = signed(draft()).to_json();
    let now = context(NOW, &alice());
    let mut receiver = bob().build();
    assert!(matches!(receiver.receive(message.as_bytes(), &now).commit(), Disposition::Deliver(_)));

    let id = signed(draft()).id().to_string();
    let again = message.replace(&id, "msg_1769853600_ffffffffffffffff");
    assert_explained(&refusal(&mut receiver, &again, &now), RefusalReason::ContentReplay);

    // Without a nonce the id is all there is to tell it by.
    let other = draft().text("Something else").without_freshness();
    let other = other.sign_with_nonce(&alice(), time(NOW), [6; 16]).unwrap();
    let same_id = other.to_json().replace(other.id().as_str(), &id);
    assert_explained(&refusal(&mut receiver, &same_id, &now), RefusalReason::IdConflict);

    let mallory = Identity::from_seed(&[9; 32]);
    let forged = draft().sign_with_nonce(&mallory, time(NOW), [8; 16]).unwrap().to_json();
    let contender = context(NOW, &mallory);
    assert_explained(&refusal(&mut receiver, &forged, &contender), RefusalReason::KeyConflict);

    let mut receiver = bob().build();
    let record = Revocation::new(
        alice().fingerprint(),
        address("alice@acme.crabmail.ai"),
        time(NOW),
        RevocationReason::KeyCompromise,
    );
    receiver.revoke_key(record, time(NOW)).unwrap().commit();
    assert_explained(&refusal(&mut receiver, &message, &now), RefusalReason::KeyRevoked);
}

#[test]
fn a_refused_signature_is_looked_into() {
    let message = signed(draft()).to_json().replace("\"Hi\"", "\" Hi \"");
    let refused = refusal(&mut bob().build(), &message, &context(NOW, &alice()));
    let key = alice().verifying_key().clone();
    let explanation = Explainer::new().key(&key).explain_refusal(message.as_bytes(), &refused);
    assert_eq!(explanation.code(), Some("signature_invalid"));
    assert_eq!(explanation.remedy().unwrap().changes(), [Change::SubjectTrimmed]);
    // What has nothing to do with the bytes is not looked for in them.
    let late =
        refusal(&mut bob().build(), &signed(draft()).to_json(), &context("2026-01-31T11:00:00Z", &alice()));
    let explanation = Explainer::new().key(&key).explain_refusal(message.as_bytes(), &late);
    assert_eq!((explanation.code(), explanation.signature_checks()), (Some("timestamp_expired"), 0));
}
