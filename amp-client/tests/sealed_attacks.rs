//! A provider that wants to read sealed mail: it strips keys and cards, forgets, names others, breaks off. (A31)
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod client_support;
mod inbox_provider;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amp_client::crypto::seal::EncryptionKey;
use amp_client::identity::CardBuilder;
use amp_client::receive::Effect;
use amp_client::sealing::Direction;
use amp_client::store::{MemoryStore, Position, Store};
use amp_client::{Client, Draft, ErrorKind, Identity, Outgoing, Timestamp};
use client_support::{ALICE, Answer, BOB, ROUTED, Scripted, Seen, record};

const TEXT: &str = "The launch code is 0451, tell nobody.";
const NOT_FOUND: &str = r#"{"error":"not_found","message":"nobody"}"#;

fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap()
}

fn bob() -> Identity {
    Identity::from_seed(&[8; 32])
}

fn secret() -> Draft {
    Draft::request(BOB.parse().unwrap(), "About tomorrow", TEXT)
}

/// Who has bob's address, by this provider.
fn resolved(key: &Identity) -> String {
    let key = key.verifying_key();
    serde_json::json!({
        "address": BOB, "public_key": key.to_pem(), "key_algorithm": "Ed25519",
        "fingerprint": key.fingerprint().to_string(), "online": true,
    })
    .to_string()
}

fn is_route(seen: &Seen) -> bool {
    seen.path.ends_with("/route")
}

fn routed(provider: &Scripted) -> Vec<String> {
    provider.seen().into_iter().filter(is_route).map(|seen| seen.body).collect()
}

/// A provider that names bob's key until it turns.
async fn turning(turned: &Arc<AtomicBool>, then: fn(&Seen) -> Answer) -> Scripted {
    let turned = Arc::clone(turned);
    Scripted::start(move |seen, _| match turned.load(Ordering::SeqCst) {
        true => then(seen),
        false if is_route(seen) => Answer::Json(200, ROUTED.into()),
        false if seen.path.contains("resolve") => Answer::Json(200, resolved(&bob())),
        false => Answer::Json(404, NOT_FOUND.into()),
    })
    .await
}

async fn client(provider: &Scripted, store: &Arc<dyn Store>) -> Client {
    let builder = Client::builder(provider.url()).in_memory().identity(Identity::from_seed(&[7; 32]));
    let builder = builder.registration(record(ALICE, &provider.url())).timeout(Duration::from_secs(2));
    builder.store(Arc::clone(store)).open().await.unwrap()
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn is_sealed_to_bob(body: &str) -> bool {
    let key = EncryptionKey::of(bob().verifying_key()).unwrap();
    body.contains(&key.id().to_string()) && body.contains("sealed:v1") && !body.contains("0451")
}

// rule: SEAL-33
#[tokio::test]
async fn a31_a_provider_that_strips_keys_and_cards_does_not_get_sealed_mail_in_plain() {
    let scripts: [fn(&Seen) -> Answer; 4] = [
        |seen| {
            if is_route(seen) {
                Answer::Json(200, ROUTED.into())
            } else {
                Answer::Json(404, NOT_FOUND.into())
            }
        },
        |seen| if is_route(seen) { Answer::Json(200, ROUTED.into()) } else { Answer::Json(200, "{}".into()) },
        |seen| if is_route(seen) { Answer::Json(200, ROUTED.into()) } else { Answer::Close },
        // It says that it understands no sealed mail.
        |seen| match is_route(seen) {
            true => Answer::Json(400, r#"{"error":"invalid_field","field":"payload.type"}"#.into()),
            false => Answer::Json(404, NOT_FOUND.into()),
        },
    ];
    for then in scripts {
        let (turned, store) = (Arc::new(AtomicBool::new(false)), memory());
        let provider = turning(&turned, then).await;
        let alice = client(&provider, &store).await;
        alice.send(Outgoing::from(secret()).sealed()).await.unwrap();
        turned.store(true, Ordering::SeqCst);
        let _ = alice.send(secret()).await;
        // In another process, which knows the peer by what the first has stored.
        drop(alice);
        let _ = client(&provider, &store).await.send(secret()).await;
        let bodies = routed(&provider);
        assert!(bodies.len() >= 3);
        assert!(bodies.iter().all(|body| is_sealed_to_bob(body)), "{bodies:?}");
    }
}

// rule: SEAL-33
#[tokio::test]
async fn a31_a_provider_that_names_another_key_gets_nothing() {
    let (turned, store) = (Arc::new(AtomicBool::new(false)), memory());
    let provider = turning(&turned, |seen| match is_route(seen) {
        true => Answer::Json(200, ROUTED.into()),
        false => Answer::Json(200, resolved(&Identity::from_seed(&[66; 32]))),
    })
    .await;
    let alice = client(&provider, &store).await;
    alice.send(Outgoing::from(secret()).sealed()).await.unwrap();
    turned.store(true, Ordering::SeqCst);
    assert_eq!(alice.resolve(&BOB.parse().unwrap()).await.unwrap_err().kind(), ErrorKind::Key);
    for outgoing in [Outgoing::from(secret()), Outgoing::from(secret()).sealed()] {
        assert_eq!(alice.send(outgoing).await.unwrap_err().kind(), ErrorKind::Key);
    }
    assert_eq!(routed(&provider).len(), 1);
}

#[tokio::test]
async fn a31_a_wish_for_a_seal_is_never_answered_with_plain_mail() {
    let scripts: [fn(&Seen) -> Answer; 3] =
        [|_| Answer::Json(404, NOT_FOUND.into()), |_| Answer::Json(200, "{}".into()), |_| Answer::Close];
    for then in scripts {
        let provider = turning(&Arc::new(AtomicBool::new(true)), then).await;
        let alice = client(&provider, &memory()).await;
        alice.send(Outgoing::from(secret()).sealed()).await.unwrap_err();
        assert!(routed(&provider).is_empty());
    }
}

// rule: SEAL-37
#[tokio::test]
async fn a31_that_mail_is_sealed_is_durable_before_any_of_it_leaves() {
    // The provider never answers: the sending is given up, and the process ends.
    let (turned, store) = (Arc::new(AtomicBool::new(false)), memory());
    let provider = turning(&turned, |_| Answer::Silence).await;
    let alice = client(&provider, &store).await;
    alice.resolve(&BOB.parse().unwrap()).await.unwrap();
    turned.store(true, Ordering::SeqCst);
    {
        let sending = alice.send(Outgoing::from(secret()).sealed());
        let left = async {
            while routed(&provider).is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = sending => panic!("nobody answers"),
            () = left => {}
        }
        let loaded = store.load(Position::START).await.unwrap();
        let is_noted = |effect: &Effect| matches!(effect, Effect::Sealed { direction: Direction::To, .. });
        assert!(loaded.effects.iter().any(is_noted));
    }
    drop(alice);
    let _ = client(&provider, &store).await.send(secret()).await;
    assert!(routed(&provider).iter().all(|body| is_sealed_to_bob(body)));
}

// rule: SEAL-37
#[tokio::test]
async fn a31_sealed_mail_does_not_leave_when_that_cannot_be_noted() {
    let log = inbox_provider::Log::default();
    let watched = inbox_provider::Watched::new(&log);
    let store: Arc<dyn Store> = watched.clone();
    let provider = turning(&Arc::new(AtomicBool::new(false)), |_| Answer::Close).await;
    let alice = client(&provider, &store).await;
    alice.resolve(&BOB.parse().unwrap()).await.unwrap();
    watched.fails_before.store(1, Ordering::SeqCst);
    let error = alice.send(Outgoing::from(secret()).sealed()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(routed(&provider).is_empty());
    alice.send(Outgoing::from(secret()).sealed()).await.unwrap();
}

// rule: SEAL-33, SEAL-37
#[tokio::test]
async fn a31_what_another_process_has_sealed_counts_here() {
    let store = memory();
    let provider = turning(&Arc::new(AtomicBool::new(false)), |_| Answer::Close).await;
    let (one, other) = (client(&provider, &store).await, client(&provider, &store).await);
    one.resolve(&BOB.parse().unwrap()).await.unwrap();
    assert!(!other.send(secret()).await.unwrap().is_sealed());
    one.send(Outgoing::from(secret()).sealed()).await.unwrap();
    assert!(other.send(secret()).await.unwrap().is_sealed());
}

#[tokio::test]
async fn a25_an_older_card_is_not_accepted_after_a_newer_one() {
    let provider = turning(&Arc::new(AtomicBool::new(false)), |_| Answer::Close).await;
    let alice = client(&provider, &memory()).await;
    let card = |seed: u8, age: u64| {
        let lost = amp_client::crypto::seal::DecryptionKey::from_bytes(&[seed; 32]);
        let issued = now().saturating_sub(Duration::from_secs(age));
        let card = CardBuilder::new(BOB.parse().unwrap()).encryption_key(lost.encryption_key());
        (card.sign(&bob(), issued).unwrap(), lost.encryption_key())
    };
    let ((older, lost), (newer, present)) = (card(6, 3_600), card(9, 60));
    alice.accept_card(newer.as_json().as_bytes()).await.unwrap();
    let error = alice.accept_card(older.as_json().as_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert!(alice.send(secret()).await.unwrap().is_sealed());
    let bodies = routed(&provider);
    assert!(bodies[0].contains(&present.id().to_string()) && !bodies[0].contains(&lost.id().to_string()));
}

// rule: SEAL-33
#[tokio::test]
async fn a31_a_card_that_was_accepted_counts_though_the_provider_names_another_key_then() {
    let (turned, store) = (Arc::new(AtomicBool::new(false)), memory());
    let provider = turning(&turned, |seen| match is_route(seen) {
        true => Answer::Json(200, ROUTED.into()),
        false => Answer::Json(200, resolved(&Identity::from_seed(&[66; 32]))),
    })
    .await;
    let alice = client(&provider, &store).await;
    let card = CardBuilder::new(BOB.parse().unwrap()).capability(amp_client::identity::Capability::Sealed);
    let card = card.sign(&bob(), now().saturating_sub(Duration::from_secs(60))).unwrap();
    alice.accept_card(card.as_json().as_bytes()).await.unwrap();
    turned.store(true, Ordering::SeqCst);
    alice.resolve(&BOB.parse().unwrap()).await.unwrap_err();
    assert_eq!(alice.send(secret()).await.unwrap_err().kind(), ErrorKind::Key);
    assert!(routed(&provider).is_empty());
}

// rule: SEAL-33
#[tokio::test(flavor = "multi_thread")]
async fn a31_mail_that_became_sealed_while_files_were_uploaded_does_not_leave_in_plain() {
    let provider = amp_client::Loopback::builder().without_limits().start().await.unwrap();
    let store = memory();
    let builder = || Client::builder(provider.url()).in_memory().identity(Identity::from_seed(&[7; 32]));
    let one = builder().store(Arc::clone(&store)).register("alice").await.unwrap();
    let record = one.registrations()[0].record().unwrap();
    let other = builder().store(store).registration(record).open().await.unwrap();
    let bob = Client::builder(provider.url()).in_memory().register("bob").await.unwrap();
    let draft = Draft::request(bob.address(), "About tomorrow", TEXT);
    one.send(draft.clone()).await.unwrap();

    let (handle, sealed) = (tokio::runtime::Handle::current(), draft.clone());
    let mut is_done = false;
    let file = amp_client::attachments::UploadFile::from_bytes("a.csv", "text/csv", b"a,b\n".repeat(100));
    let file = file.on_progress(move |_| {
        if !core::mem::replace(&mut is_done, true) {
            let (handle, other, sealed) = (handle.clone(), other.clone(), sealed.clone());
            let sending =
                std::thread::spawn(move || handle.block_on(other.send(Outgoing::from(sealed).sealed())));
            sending.join().unwrap().unwrap();
        }
    });
    let error = one.send(Outgoing::from(draft).attach(file)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Message, "{error}");
    assert_eq!(bob.pending_count().await.unwrap().count, 2);
}
