//! The inbox of an agent that lives in a home directory, beside other programs that use the same.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod inbox_provider;

use std::time::Duration;

use amp_client::identity::RegistrationRecord;
use amp_client::{Client, Home, Identity, InboxEvent, InboxSettings};
use inbox_provider::*;

fn quick() -> InboxSettings {
    InboxSettings::new()
        .interval(Duration::from_secs(1))
        .interval_beside_push(Duration::from_secs(1))
        .store_interval(Duration::from_millis(100))
}

/// A home with Bob in it, registered with the provider.
fn home_of_bob(provider: &Scripted, directory: &tempfile::TempDir) -> Home {
    let home = Home::open(directory.path().join("home")).unwrap();
    let bob = home.create_agent_with("bob", "acme", &Identity::from_seed(&[2; 32])).unwrap();
    bob.save_registration(&registration(provider)).unwrap();
    home
}

fn registration(provider: &Scripted) -> RegistrationRecord {
    let key = provider.inside.api_key.lock().unwrap().parse().unwrap();
    let (name, api) = ("crabmail.ai".parse().unwrap(), provider.url());
    RegistrationRecord::new(name, bob(), api.as_str(), key, now()).unwrap()
}

async fn open(provider: &Scripted, home: &Home) -> Client {
    Client::builder(provider.url()).home(home.clone()).agent("bob").open().await.unwrap()
}

#[tokio::test]
async fn an_api_key_that_another_process_rotated_is_taken_up() {
    let (provider, directory) = (Scripted::start().await, tempfile::tempdir().unwrap());
    let home = home_of_bob(&provider, &directory);
    let bob = open(&provider, &home).await;
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    let mut events = inbox.events();
    provider.log().wait_for("authenticated").await;
    // Another process has another key from now on, and the provider takes no other.
    *provider.inside.api_key.lock().unwrap() = "amp_live_sk_8899aabbccddeeff".into();
    home.agent("bob").unwrap().unwrap().save_registration(&registration(&provider)).unwrap();
    provider.cut();
    provider.enqueue(&message("under the new key"));
    assert_eq!(texts(&mut inbox, 1).await, ["under the new key"]);
    inbox.shut_down().await.unwrap();
    while let Some(event) = events.next().await {
        assert!(!matches!(event, InboxEvent::Unauthorized { .. }), "a newer key was there");
    }
}

#[tokio::test]
async fn what_was_stored_and_not_had_comes_out_of_the_mailbox_in_the_next_process() {
    let (provider, directory) = (Scripted::start().await, tempfile::tempdir().unwrap());
    let home = home_of_bob(&provider, &directory);
    let messages: Vec<_> = (0..5).map(|number| message(&format!("number {number}"))).collect();
    messages.iter().for_each(|message| provider.push(message));
    let bob = open(&provider, &home).await;
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    assert_eq!(texts(&mut inbox, 3).await.len(), 3);
    for message in &messages {
        provider.wait_for_acknowledgement(message).await;
    }
    drop((inbox, bob));

    let bob = open(&provider, &home).await;
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    let mut shown = texts(&mut inbox, 3).await;
    shown.sort();
    assert_eq!(shown, ["number 2", "number 3", "number 4"]);
    assert!(inbox.last_was_redelivered());
    nothing_more(&mut inbox).await;
}

#[tokio::test]
async fn mail_of_an_agent_in_the_same_home_comes_out_of_the_inbox_and_is_answered_there() {
    let (provider, directory) = (Scripted::start().await, tempfile::tempdir().unwrap());
    let home = home_of_bob(&provider, &directory);
    home.create_agent("ann", "acme").unwrap();
    let ann = Client::builder(provider.url()).home(home.clone()).agent("ann").open().await.unwrap();
    let bob = open(&provider, &home).await;
    let bobs_local = home.agent("bob").unwrap().unwrap().address().clone();
    let (mut for_ann, mut for_bob) =
        (ann.inbox_with(quick()).await.unwrap(), bob.inbox_with(quick()).await.unwrap());
    ann.send(amp_client::Draft::request(bobs_local.clone(), "A subject", "From next door")).await.unwrap();
    let received = within("the message", for_bob.next()).await.unwrap().unwrap();
    assert_eq!(received.text().into_parts().1, "From next door");
    assert_eq!(received.from(), ann.address());
    bob.send(received.reply("Hello.")).await.unwrap();
    let answer = within("the answer", for_ann.next()).await.unwrap().unwrap();
    assert_eq!((answer.text().into_parts().1.as_str(), answer.from()), ("Hello.", bobs_local));
    nothing_more(&mut for_bob).await;
}

#[tokio::test]
async fn a16_a_provider_elsewhere_names_no_keys_for_addresses_of_this_machine() {
    let (provider, directory) = (Scripted::start().await, tempfile::tempdir().unwrap());
    let ghost = "ghost@acme.aimaestro.local";
    provider.inside.keys.lock().unwrap().insert(ghost.into(), mallory());
    let home = home_of_bob(&provider, &directory);
    let bob = Client::builder(provider.url()).home(home).agent("bob").open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    let message = amp_client::Draft::request(
        "bob@acme.aimaestro.local".parse().unwrap(),
        "From a colleague",
        "Run it.",
    )
    .from(&ghost.parse().unwrap())
    .sign(&mallory(), now())
    .unwrap();
    provider.push(&message);
    let came = tokio::time::timeout(Duration::from_secs(3), inbox.next()).await;
    assert!(came.is_err(), "shown: {came:?}");
    assert_eq!(bob.known_key(&ghost.parse().unwrap()).await.unwrap(), None);
    assert_eq!(bob.resolve(&ghost.parse().unwrap()).await.unwrap_err().kind(), amp_client::ErrorKind::Setup);
}

#[tokio::test]
async fn a_registration_that_does_not_fit_the_key_does_not_take_the_others_along() {
    let (provider, directory) = (Scripted::start().await, tempfile::tempdir().unwrap());
    let home = home_of_bob(&provider, &directory);
    let key = "amp_live_sk_8899aabbccddeeff".parse().unwrap();
    let (name, address) = ("other.org".parse().unwrap(), "bob@acme.other.org".parse().unwrap());
    let stale = RegistrationRecord::new(name, address, "https://api.other.org/v1", key, now()).unwrap();
    let agent = home.agent("bob").unwrap().unwrap();
    agent.save_registration(&stale.with_fingerprint(&mallory().fingerprint())).unwrap();
    let opened = Client::builder(provider.url()).home(home.clone()).agent("bob").open().await.unwrap();
    assert_eq!(opened.registrations().len(), 1);
    let asked_for =
        Client::builder("https://api.other.org/v1".parse().unwrap()).home(home).agent("bob").open();
    assert_eq!(asked_for.await.unwrap_err().kind(), amp_client::ErrorKind::Key);
}
