//! Attacks on federation, each under its number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
#![allow(clippy::unimplemented, reason = "tests know every outcome")]

mod federation_support;

use std::time::Duration;

use amp_core::federation::{Finding, KeyStanding, ReceivedForward, TxtRecord, WellKnown};
use amp_core::receive::{Context, Disposition, Receiver, Via};
use federation_support::{Site, after, alice, bob, carol, code, now, provider, three};
use proptest::prelude::*;

// rule: FWD-10
#[test]
fn a24_a_header_that_nobody_signed_changes_no_decision_about_a_forward() {
    let [a, mut b, _] = three();
    let alice = alice();
    let forward = a.sign(&alice.body(&alice.writes(&bob(), "Hello", now())), now());
    let fingerprint = alice.identity.fingerprint().to_string();
    for revoked in ["true", "", &fingerprint, "alice@acme.a.example.org"] {
        let mut headers = forward.headers().to_vec();
        headers.push(("X-AMP-Key-Revoked", revoked.to_owned()));
        headers.push(("X-AMP-Message-Id", "msg_1_other".to_owned()));
        let read = ReceivedForward::read(&headers, forward.body(), now()).unwrap();
        assert!(read.claims_revocation());
        let before = b.discovery.find(&a.name, now());
        assert_eq!(
            b.take_raw(&headers, forward.body(), KeyStanding::Clear, now()).unwrap(),
            r#"{"accepted":true,"number":0}"#
        );
        assert_eq!(b.discovery.find(&a.name, now()), before);
    }
    let plain = forward.headers();
    assert!(!ReceivedForward::read(&plain, forward.body(), now()).unwrap().claims_revocation());
}

// rule: FWD-13
#[test]
fn a26_what_was_forwarded_to_one_provider_is_not_taken_by_another() {
    // A delivers to B; B hands the very bytes on to C, within the five minutes.
    let [a, mut b, mut c] = three();
    let alice = alice();
    let forward = a.sign(&alice.body(&alice.writes(&bob(), "Hello", now())), now());
    assert!(b.take(&forward, now()).is_ok());
    assert_eq!(code(c.take(&forward, after(1))), ("recipient_not_found", Some("envelope.to")));
    // Under its own name and signature B does not get it in either: Alice is none of its agents.
    let carried = b.sign(&alice.body(&alice.writes(&carol(), "Hello", now())), after(2));
    assert_eq!(code(c.take(&carried, after(2))), ("forbidden", Some("envelope.from")));
    // Nor does it deliver to A what A sent.
    let mut a = a;
    assert_eq!(code(a.take(&forward, after(1))).0, "provider_not_trusted");
    assert!(c.taken.is_empty() && a.taken.is_empty());
    // Whom it was sent to takes it once.
    assert!(b.take(&forward, after(3)).is_ok());
    assert_eq!(b.taken.len(), 1);
}

// rule: DISC-7
#[test]
fn a26_endpoint_and_key_come_from_one_source_or_it_is_a_conflict() {
    let honest = Site::new("a.example.org", 11);
    let mallory = Site::new("mallory.example.edu", 99);
    let mut discovery = amp_core::federation::Discovery::new();
    // The DNS names another endpoint with another key than the host's own document.
    let spoofed = TxtRecord::new("https://mallory.example.edu/v1", mallory.identity.verifying_key()).unwrap();
    let document =
        WellKnown::new(honest.name.clone(), &honest.endpoint(), honest.identity.verifying_key()).unwrap();
    discovery.note_well_known(&honest.name, document.to_json().as_bytes(), now()).unwrap();
    discovery.note_txt(&honest.name, &[spoofed.to_string()], Duration::from_secs(600), now()).unwrap();
    let Finding::Conflict(conflict) = discovery.find(&honest.name, now()) else { panic!() };
    let named: Vec<_> =
        conflict.claims().iter().map(|claim| (claim.source().as_str(), claim.endpoint())).collect();
    assert_eq!(named[0], ("dns", "https://mallory.example.edu/v1"));
    assert_eq!(named[1], ("well_known", "https://api.a.example.org/v1"));
    // The DNS names the endpoint and no key that is one: nothing is put together of two sources.
    let mut discovery = amp_core::federation::Discovery::new();
    discovery.note_well_known(&honest.name, document.to_json().as_bytes(), now()).unwrap();
    let keyless = "v=AMP1; endpoint=https://mallory.example.edu/v1; pubkey=SHA256:abc123";
    discovery.note_txt(&honest.name, &[keyless], Duration::from_secs(600), now()).unwrap();
    let found = discovery.find(&honest.name, now());
    assert_eq!(found.found().unwrap().endpoint(), honest.endpoint());
    assert_eq!(found.found().unwrap().key(), Some(honest.identity.verifying_key()));
}

// rule: FWD-4, FWD-5, FWD-6
#[test]
fn h11_the_header_that_names_a_provider_is_believed_for_nothing() {
    let [_, mut b, c] = three();
    let alice = alice();
    let body = alice.body(&alice.writes(&bob(), "Hello", now()));
    // C says that it is A; C says that it is itself; somebody unknown says that it is A.
    let as_a = body.sign(&c.identity, &provider("a.example.org"), now()).unwrap();
    assert_eq!(code(b.take(&as_a, now())).0, "signature_invalid");
    assert_eq!(code(b.take(&c.sign(&body, now()), now())).0, "forbidden");
    let stranger = Site::new("stranger.example.edu", 66);
    assert_eq!(code(b.take(&stranger.sign(&body, now()), now())).0, "provider_not_trusted");
    let as_a = body.sign(&stranger.identity, &provider("a.example.org"), now()).unwrap();
    assert_eq!(code(b.take(&as_a, now())).0, "signature_invalid");
    // B itself is nobody's sender but its own.
    let as_b = body.sign(&b.identity, &b.name, now()).unwrap();
    assert_eq!(code(b.take(&as_b, now())).0, "provider_not_trusted");
    assert!(b.taken.is_empty());
}

// rule: FWD-12
#[test]
fn h09_a_forward_that_could_not_be_stored_burns_no_id() {
    let [a, mut b, _] = three();
    let alice = alice();
    let body = alice.body(&alice.writes(&bob(), "Hello", now()));
    b.is_broken = true;
    assert_eq!(b.take(&a.sign(&body, now()), now()).unwrap_err().status(), 429);
    b.is_broken = false;
    assert!(b.take(&a.sign(&body, after(30)), after(30)).is_ok());
    assert_eq!(b.taken.len(), 1);
}

#[test]
fn a_forward_reaches_the_recipients_receiver_as_its_sender_signed_it() {
    let [a, mut b, _] = three();
    let alice = alice();
    let forward = a.sign(&alice.body(&alice.writes(&bob(), "Hello", now())), now());
    let headers = forward.headers();
    let peer = b.trust.admit(&a.name, &b.discovery.find(&a.name, now())).unwrap();
    let read = ReceivedForward::read(&headers, forward.body(), now()).unwrap();
    let proven = read.authenticate(&peer).unwrap().decode(&b.known).unwrap();
    let proven = proven.prove(KeyStanding::Clear, &[amp_core::Dialect::Jcs]).unwrap();
    let mut receiver = Receiver::builder(bob()).build();
    let context = Context::new(now(), Via::Direct).with_key(proven.sender_key());
    let Disposition::Deliver(message) = receiver.receive(proven.carried().as_bytes(), &context).commit()
    else {
        panic!()
    };
    assert!(message.for_prompt().contains("Hello"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // rule: FWD-13
    #[test]
    fn a26_of_any_order_of_replays_each_message_is_taken_once_and_only_where_it_is_for(
        steps in proptest::collection::vec((0_usize..6, 0_usize..3, 0_u64..240), 1..40),
    ) {
        let [mut a, mut b, mut c] = three();
        let alice = alice();
        let to = |at: usize| if at.is_multiple_of(2) { bob() } else { carol() };
        let bodies: Vec<_> = (0..6)
            .map(|at| alice.body(&alice.writes(&to(at), &format!("number {at}"), now())))
            .collect();
        let signed: Vec<_> = bodies.iter().map(|body| a.sign(body, now())).collect();
        for (message, site, seconds) in steps {
            let site = [&mut a, &mut b, &mut c].into_iter().nth(site).unwrap();
            let taken = site.take(&signed[message], after(seconds));
            let is_for = site.name.as_str() == if message.is_multiple_of(2) { "b.example.net" } else { "c.example.com" };
            prop_assert_eq!(taken.is_ok(), is_for);
        }
        for site in [&a, &b, &c] {
            let mut once = site.taken.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), site.taken.len());
        }
    }
}
