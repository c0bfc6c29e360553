//! The inbox against the embedded provider: pushed, held requests, restarts, several registrations, and the deployed way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use std::time::Duration;

use amp_client::trust::TrustLevel;
use amp_client::{Client, Draft, Inbox, InboxEvent, InboxSettings, Loopback};

const PATIENCE: Duration = Duration::from_secs(60);

async fn provider() -> Loopback {
    Loopback::builder().without_limits().start().await.unwrap()
}

async fn agent(provider: &Loopback, name: &str) -> Client {
    Client::builder(provider.url()).in_memory().register(name).await.unwrap()
}

async fn next(inbox: &mut Inbox) -> amp_client::receive::Received {
    tokio::time::timeout(PATIENCE, inbox.next()).await.expect("it took too long").unwrap().unwrap()
}

fn request(to: &Client, text: &str) -> Draft {
    Draft::request(to.address(), "A subject", text)
}

#[tokio::test]
async fn a_message_is_pushed_verified_answered_and_acknowledged() {
    let provider = provider().await;
    let (alice, bob) = (agent(&provider, "alice").await, agent(&provider, "bob").await);
    let (mut for_alice, mut for_bob) = (alice.inbox().await.unwrap(), bob.inbox().await.unwrap());
    let sent = alice.send(request(&bob, "Are you there?")).await.unwrap();
    let received = next(&mut for_bob).await;
    assert_eq!(received.trust(), TrustLevel::Verified);
    assert_eq!(received.from(), alice.address());
    bob.send(received.reply("Yes.")).await.unwrap();
    let reply = next(&mut for_alice).await;
    assert!(reply.is_answer_to(sent.message()));
    for_bob.shut_down().await.unwrap();
    for_alice.shut_down().await.unwrap();
    assert_eq!(bob.pending().await.unwrap().messages.len(), 0);
    assert_eq!(alice.pending().await.unwrap().messages.len(), 0);
}

#[tokio::test]
async fn without_a_socket_a_held_request_brings_a_message_at_once() {
    let provider = provider().await;
    let (alice, bob) = (agent(&provider, "alice").await, agent(&provider, "bob").await);
    // Looked at once an hour: only the provider's holding of the request can bring it.
    let settings = InboxSettings::new().without_push().interval(Duration::from_secs(3_600));
    let mut inbox = bob.inbox_with(settings).await.unwrap();
    for number in 0..3 {
        alice.send(request(&bob, &format!("number {number}"))).await.unwrap();
        assert_eq!(next(&mut inbox).await.text().into_parts().1, format!("number {number}"));
    }
}

#[tokio::test]
async fn the_inbox_survives_the_end_of_the_provider_and_of_every_connection() {
    let directory = tempfile::tempdir().unwrap();
    let provider = Loopback::builder().without_limits().directory(directory.path()).start().await.unwrap();
    let (alice, bob) = (agent(&provider, "alice").await, agent(&provider, "bob").await);
    let mut inbox = bob.inbox_with(InboxSettings::new().interval(Duration::from_secs(1))).await.unwrap();
    alice.send(request(&bob, "before")).await.unwrap();
    assert_eq!(next(&mut inbox).await.text().into_parts().1, "before");
    provider.restart().await.unwrap();
    alice.send(request(&bob, "after the end")).await.unwrap();
    assert_eq!(next(&mut inbox).await.text().into_parts().1, "after the end");
    provider.cut_connections();
    alice.send(request(&bob, "after the cut")).await.unwrap();
    assert_eq!(next(&mut inbox).await.text().into_parts().1, "after the cut");
    let more = tokio::time::timeout(Duration::from_millis(500), inbox.next()).await;
    assert!(more.is_err(), "shown twice");
}

#[tokio::test]
async fn one_inbox_has_the_mail_of_all_registrations_also_of_those_that_come_later() {
    let (first, second) = (provider().await, Loopback::builder().without_limits());
    let second = second.domain("second.test".parse().unwrap()).start().await.unwrap();
    let bob = agent(&first, "bob").await;
    let mut inbox = bob.inbox().await.unwrap();
    let registration = bob.register_at(&second.url(), "bob").await.unwrap();
    let (alice, carol) = (agent(&first, "alice").await, agent(&second, "carol").await);
    alice.send(request(&bob, "at the first")).await.unwrap();
    assert_eq!(next(&mut inbox).await.from(), alice.address());
    let draft = Draft::request(registration.address().clone(), "A subject", "at the second");
    carol.send(draft).await.unwrap();
    let received = next(&mut inbox).await;
    assert_eq!(received.from(), carol.address());
    bob.send(received.reply("Yes.")).await.unwrap();
    assert_eq!(next(&mut carol.inbox().await.unwrap()).await.from(), *registration.address());
}

#[tokio::test]
async fn receipts_and_connections_are_told_as_events() {
    let provider = provider().await;
    let (alice, bob) = (agent(&provider, "alice").await, agent(&provider, "bob").await);
    let for_alice = alice.inbox().await.unwrap();
    let mut events = for_alice.events();
    let mut for_bob = bob.inbox().await.unwrap();
    let outgoing = amp_client::Outgoing::from(request(&bob, "Are you there?")).with_receipt();
    alice.send(outgoing).await.unwrap();
    let received = next(&mut for_bob).await;
    bob.mark_read(&received).await.unwrap();
    let (mut is_connected, mut is_read) = (false, false);
    let told = async {
        while !(is_connected && is_read) {
            match events.next().await.unwrap() {
                InboxEvent::Connected { address } => is_connected = address == alice.address(),
                InboxEvent::Read(_) => is_read = true,
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the events");
}

/// Flat frames, an authentication that is lost when it comes early, a backlog that is forgotten at once, no live push.
#[tokio::test]
async fn the_deployed_way_is_understood() {
    let provider = Loopback::builder().without_limits().deployed().start().await.unwrap();
    let (alice, bob) = (agent(&provider, "alice").await, agent(&provider, "bob").await);
    for number in 0..3 {
        alice.send(request(&bob, &format!("number {number}"))).await.unwrap();
    }
    let mut inbox = bob.inbox_with(InboxSettings::new().interval(Duration::from_secs(1))).await.unwrap();
    let mut shown = Vec::new();
    for _ in 0..3 {
        shown.push(next(&mut inbox).await.text().into_parts().1);
    }
    shown.sort();
    assert_eq!(shown, ["number 0", "number 1", "number 2"]);
    alice.send(request(&bob, "later")).await.unwrap();
    assert_eq!(next(&mut inbox).await.text().into_parts().1, "later");
    let more = tokio::time::timeout(Duration::from_millis(500), inbox.next()).await;
    assert!(more.is_err(), "shown twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_agents_write_to_one_and_nothing_is_lost() {
    let provider = provider().await;
    let bob = agent(&provider, "bob").await;
    let mut inbox = bob.inbox().await.unwrap();
    let mut senders = Vec::new();
    for number in 0..10 {
        let alice = agent(&provider, &format!("alice-{number}")).await;
        let to = bob.address();
        senders.push(tokio::spawn(async move {
            for message in 0..20 {
                let text = format!("{number} {message}");
                alice.send(Draft::request(to.clone(), "A subject", &text)).await.unwrap();
            }
        }));
    }
    let mut shown = Vec::new();
    while shown.len() < 200 {
        shown.push(next(&mut inbox).await.text().into_parts().1);
    }
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 200);
}
