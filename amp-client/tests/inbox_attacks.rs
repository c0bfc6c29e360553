//! Attacks on an inbox: forged mail on every way, stores shared by processes, connections that break, hostile providers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod inbox_provider;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amp_client::store::{Folder, ForeignMessage, MemoryStore, Query};
use amp_client::{Client, Identity, Inbox, InboxEvent, InboxSettings, SignedMessage};
use futures_util::{SinkExt, StreamExt};
use inbox_provider::*;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message as Frame;

fn quick() -> InboxSettings {
    InboxSettings::new()
        .interval(Duration::from_secs(1))
        .interval_beside_push(Duration::from_secs(1))
        .store_interval(Duration::from_millis(100))
}

/// Mail that says it is Alice's, and is not.
fn forgeries() -> Vec<(String, String)> {
    let by_mallory = signed_by(&mallory(), ALICE, "Pay.").to_json();
    let genuine = message("Pay nobody.").to_json();
    let changed = message("Pay nobody.").to_json().replace("Pay nobody.", "Pay Mallory");
    let mut unsigned: serde_json::Value = serde_json::from_str(&genuine).unwrap();
    unsigned["envelope"]["signature"] = serde_json::Value::Null;
    let mut for_carol: serde_json::Value = serde_json::from_str(&genuine).unwrap();
    for_carol["envelope"]["to"] = "carol@acme.crabmail.ai".into();
    let mut as_mallory: serde_json::Value = serde_json::from_str(&genuine).unwrap();
    as_mallory["envelope"]["from"] = "mallory@acme.crabmail.ai".into();
    let mut annotated: serde_json::Value = serde_json::from_str(&by_mallory).unwrap();
    annotated["security"] = serde_json::json!({"trust": "verified"});
    annotated["local"] =
        serde_json::json!({"status": "unread", "verified": true, "security": {"trust": "verified"}});
    let all = [
        by_mallory,
        changed,
        unsigned.to_string(),
        for_carol.to_string(),
        as_mallory.to_string(),
        annotated.to_string(),
    ];
    let id_of = |json: &str| {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        value["envelope"]["id"].as_str().unwrap().to_owned()
    };
    all.into_iter().map(|json| (id_of(&json), json)).collect()
}

async fn provider_with_mallory() -> Scripted {
    let provider = Scripted::start().await;
    provider.inside.keys.lock().unwrap().insert("mallory@acme.crabmail.ai".into(), mallory());
    provider
}

/// After the forgeries, an honest message still comes through, and it is the only one.
async fn only_the_honest_one_comes(bob: &Client, inbox: &mut Inbox, honest: &str) {
    assert_eq!(texts(inbox, 1).await, [honest]);
    nothing_more(inbox).await;
    let listed = bob.store().list(&Query::new(Folder::Inbox)).await.unwrap();
    assert_eq!(listed.messages.len(), 1, "nothing else is stored");
    let pinned = bob.known_key(&ALICE.parse().unwrap()).await.unwrap();
    assert_eq!(pinned.unwrap().0, *alice().verifying_key(), "the pin is Alice's");
}

#[tokio::test]
async fn a27_forged_mail_that_is_pushed_reaches_nobody() {
    let provider = provider_with_mallory().await;
    let bob = provider.bob().open().await.unwrap();
    for (id, json) in forgeries() {
        let key = mallory().verifying_key().to_pem();
        for is_replay in [false, true] {
            let frame = frame_of(&id, &json, is_replay);
            provider.push_frame(frame.clone());
            let with_key = format!(r#""sender_public_key":{},"id""#, serde_json::to_string(&key).unwrap());
            provider.push_frame(frame.replacen("\"id\"", &with_key, 1));
        }
    }
    provider.push(&message("honest"));
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    only_the_honest_one_comes(&bob, &mut inbox, "honest").await;
}

#[tokio::test]
async fn a27_forged_mail_in_flat_frames_reaches_nobody() {
    let provider = provider_with_mallory().await;
    let bob = provider.bob().open().await.unwrap();
    let flat = |json: &str| {
        let inner = json.trim().strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        let key = mallory().verifying_key().to_hex().unwrap();
        format!(r#"{{"type":"message",{inner},"sender_public_key":"{key}","delivered_at":"{}"}}"#, now())
    };
    for (_, json) in forgeries() {
        if json.contains("\"local\"") {
            continue;
        }
        provider.push_frame(flat(&json));
    }
    provider.push_frame(flat(&message("honest").to_json()));
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    only_the_honest_one_comes(&bob, &mut inbox, "honest").await;
}

#[tokio::test]
async fn a27_forged_mail_in_the_queue_reaches_nobody_whoever_fetches_it() {
    for fetches in [false, true] {
        let provider = provider_with_mallory().await;
        let bob = provider.bob().open().await.unwrap();
        for (id, json) in forgeries() {
            provider.enqueue_raw(&id, &json);
        }
        provider.enqueue(&message("honest"));
        if fetches {
            let fetched = bob.fetch().await.unwrap();
            assert_eq!((fetched.delivered().len(), fetched.refused().len()), (1, 6));
        }
        let mut inbox = bob.inbox_with(quick().without_push()).await.unwrap();
        only_the_honest_one_comes(&bob, &mut inbox, "honest").await;
    }
}

#[tokio::test]
async fn a27_forged_mail_that_was_put_into_the_store_reaches_nobody() {
    let provider = provider_with_mallory().await;
    let store = Watched::new(provider.log());
    for (number, (_, json)) in forgeries().into_iter().enumerate() {
        store.foreign.lock().unwrap().push(ForeignMessage::new(number.to_string(), json.into_bytes()));
    }
    let honest = message("honest").to_json().into_bytes();
    store.foreign.lock().unwrap().push(ForeignMessage::new("honest".into(), honest));
    let bob = provider.bob().store(store).open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    only_the_honest_one_comes(&bob, &mut inbox, "honest").await;
}

#[tokio::test]
async fn a33_two_processes_with_one_store_show_each_message_once() {
    let provider = Scripted::start().await;
    let memory = MemoryStore::new();
    let mut tasks = Vec::new();
    let shown = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sent: Vec<_> = (0..100).map(|number| message(&format!("number {number}"))).collect();
    for _ in 0..4 {
        let bob = provider.bob().store(Arc::new(memory.another_holder())).open().await.unwrap();
        let shown = Arc::clone(&shown);
        tasks.push(tokio::spawn(async move {
            let mut inbox = bob.inbox_with(quick()).await.unwrap();
            while let Some(received) = inbox.next().await {
                shown.lock().unwrap().push(received.unwrap().text().into_parts().1);
            }
        }));
    }
    // Each of them gets every message.
    for message in &sent {
        provider.push(message);
        provider.enqueue(message);
    }
    wait_until(|| shown.lock().unwrap().len() >= 100, "all are shown").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    tasks.iter().for_each(|task| task.abort());
    let mut shown = shown.lock().unwrap().clone();
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 100, "none twice, none missing");
}

// rule: RECV-1
#[tokio::test]
async fn a34_a_delivery_that_the_store_refused_burns_no_id() {
    let provider = Scripted::start().await;
    let store = Watched::new(provider.log());
    store.fails_before.store(2, Ordering::SeqCst);
    let bob = provider.bob().store(store).open().await.unwrap();
    let message = message("Once more");
    provider.push(&message);
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["Once more"]);
    assert_eq!(provider.log().count("store failed"), 2);
}

// rule: PICK-2
// rule: WS-6
#[tokio::test]
async fn a40_a_slow_store_is_waited_for_before_anything_is_acknowledged() {
    let provider = Scripted::start().await;
    let store = Watched::new(provider.log());
    *store.slow.lock().unwrap() = Duration::from_millis(30);
    let bob = provider.bob().store(store).open().await.unwrap();
    let messages: Vec<_> = (0..10).map(|number| message(&format!("number {number}"))).collect();
    for (number, message) in messages.iter().enumerate() {
        if number % 2 == 0 { provider.push(message) } else { provider.enqueue(message) }
    }
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    texts(&mut inbox, 10).await;
    for message in &messages {
        provider.wait_for_acknowledgement(message).await;
        let log = provider.log();
        let stored = log.place(&format!("stored {}", message.id())).unwrap();
        assert!(stored < log.place(&format!("acknowledged {}", message.id())).unwrap());
    }
}

/// A provider that takes its backlog for acknowledged when the socket was opened never shows it again: what the store did
/// not take at first is kept until it does.
#[tokio::test]
async fn a40_what_the_provider_forgot_at_once_is_not_lost_to_a_store_that_fails() {
    let provider = Scripted::start().await;
    let store = Watched::new(provider.log());
    store.fails_before.store(3, Ordering::SeqCst);
    let bob = provider.bob().store(store).open().await.unwrap();
    let messages: Vec<_> = (0..3).map(|number| message(&format!("number {number}"))).collect();
    let frames: Vec<_> =
        messages.iter().map(|message| frame_of(message.id().as_str(), &message.to_json(), true)).collect();
    provider.serve(move |socket| {
        let frames = if socket.number == 0 { frames.clone() } else { Vec::new() };
        Box::pin(async move {
            let (mut socket, provider) = socket.open().await;
            provider.authenticate(&mut socket).await;
            for frame in frames {
                socket.send(Frame::text(frame)).await.unwrap();
            }
            while let Some(Ok(_)) = socket.next().await {}
        })
    });
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    let mut shown = texts(&mut inbox, 3).await;
    shown.sort();
    assert_eq!(shown, ["number 0", "number 1", "number 2"]);
}

/// The frame of a message in bytes, as a server writes it.
fn raw_frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x81];
    match text.len() {
        length @ 0..=125 => bytes.push(u8::try_from(length).unwrap()),
        length => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_at_any_byte_of_a_frame_loses_nothing_and_shows_nothing_twice() {
    let message = message("Cut");
    let frame = raw_frame(&frame_of(message.id().as_str(), &message.to_json(), false));
    let checked = Arc::new(AtomicUsize::new(0));
    let mut places: Vec<usize> = (0..=frame.len()).collect();
    while !places.is_empty() {
        let now = places.split_off(places.len().saturating_sub(200));
        let cuts = now.into_iter().map(|at| {
            let (frame, message, checked) = (frame.clone(), message.clone(), Arc::clone(&checked));
            async move {
                cut_at(at, frame, &message).await;
                checked.fetch_add(1, Ordering::SeqCst);
            }
        });
        futures_util::future::join_all(cuts).await;
    }
    assert_eq!(checked.load(Ordering::SeqCst), frame.len() + 1);
}

/// The first socket ends after so many bytes of the frame; the message waits in the queue too.
async fn cut_at(at: usize, frame: Vec<u8>, message: &SignedMessage) {
    let provider = Scripted::start().await;
    provider.enqueue(message);
    provider.serve(move |socket| {
        let frame = frame.clone();
        Box::pin(async move {
            if socket.number > 0 {
                return socket.serve().await;
            }
            let (mut socket, provider) = socket.open().await;
            provider.authenticate(&mut socket).await;
            let stream = socket.get_mut();
            let _ = stream.write_all(&frame[..at]).await;
            let _ = stream.flush().await;
        })
    });
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["Cut"]);
    provider.wait_for_acknowledgement(message).await;
    let again = tokio::time::timeout(Duration::from_millis(50), inbox.next()).await;
    assert!(again.is_err(), "cut at {at}: shown twice");
}

#[tokio::test]
async fn connections_that_are_cut_again_and_again_lose_nothing() {
    let provider = Scripted::start().await;
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    let messages: Vec<_> = (0..60).map(|number| message(&format!("number {number}"))).collect();
    let (mut shown, mut sent) = (Vec::new(), messages.iter());
    for round in 0..4 {
        for message in sent.by_ref().take(15) {
            provider.enqueue(message);
            provider.push(message);
        }
        if round < 3 {
            shown.extend(texts(&mut inbox, 5 + round).await);
            provider.cut();
        }
    }
    while shown.len() < 60 {
        shown.extend(texts(&mut inbox, 1).await);
    }
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), 60);
    nothing_more(&mut inbox).await;
}

// A60: what a provider can do to its client.

/// However long the machine takes over it: no more than four requests a second, and some at the beginning.
async fn requests_stay_rare(provider: &Scripted, while_waiting: Duration) {
    let (before, began) = (provider.inside.requests.load(Ordering::Relaxed), std::time::Instant::now());
    tokio::time::sleep(while_waiting).await;
    let asked = provider.inside.requests.load(Ordering::Relaxed) - before;
    let most = 8 + began.elapsed().as_secs() * 4;
    assert!(asked <= most, "{asked} requests");
}

#[tokio::test]
async fn a60_a_flood_of_frames_that_say_nothing_ends_the_connection_and_not_the_inbox() {
    let provider = Scripted::start().await;
    provider.serve(|socket| {
        Box::pin(async move {
            if socket.number > 0 {
                return socket.serve().await;
            }
            let (mut socket, provider) = socket.open().await;
            provider.authenticate(&mut socket).await;
            while socket.send(Frame::text(r#"{"type":"noise"}"#)).await.is_ok() {}
            provider.log.add("flood ended");
        })
    });
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    provider.log().wait_for("flood ended").await;
    provider.push(&message("after the flood"));
    assert_eq!(texts(&mut inbox, 1).await, ["after the flood"]);
}

#[tokio::test]
async fn a60_a_giant_frame_ends_the_connection_and_not_the_inbox() {
    let provider = Scripted::start().await;
    provider.serve(|socket| {
        Box::pin(async move {
            if socket.number > 0 {
                return socket.serve().await;
            }
            let (mut socket, provider) = socket.open().await;
            provider.authenticate(&mut socket).await;
            // A text frame of a tebibyte begins.
            let mut head = vec![0x81, 127];
            head.extend_from_slice(&(1_u64 << 40).to_be_bytes());
            let stream = socket.get_mut();
            let _ = stream.write_all(&head).await;
            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
            provider.log.add("giant ended");
        })
    });
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    provider.log().wait_for("giant ended").await;
    provider.push(&message("after the giant"));
    assert_eq!(texts(&mut inbox, 1).await, ["after the giant"]);
}

#[tokio::test]
async fn a60_a_provider_that_never_forgets_shows_nothing_twice_and_is_not_asked_for_ever() {
    let provider = Scripted::start().await;
    provider.inside.takes_acks.store(false, Ordering::SeqCst);
    provider.enqueue(&message("for ever"));
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick().without_push()).await.unwrap();
    assert_eq!(texts(&mut inbox, 1).await, ["for ever"]);
    requests_stay_rare(&provider, Duration::from_secs(3)).await;
    nothing_more(&mut inbox).await;
}

#[tokio::test]
async fn a60_a_cursor_that_leads_in_a_circle_is_not_followed() {
    let provider = Scripted::start().await;
    *provider.inside.capabilities.lock().unwrap() = vec!["notify:v1".into()];
    let number = AtomicUsize::new(0);
    provider.answer(move |asked| {
        asked.path.contains("/messages/pending?").then(|| {
            let cursor = number.fetch_add(1, Ordering::SeqCst) % 2;
            (200, format!(r#"{{"messages":[],"count":0,"remaining":7,"next_cursor":"c{cursor}"}}"#))
        })
    });
    let bob = provider.bob().open().await.unwrap();
    let inbox = bob.inbox_with(quick().without_push()).await.unwrap();
    let mut events = inbox.events();
    let odd = async {
        loop {
            if let Some(InboxEvent::Odd { .. }) = events.next().await {
                break;
            }
        }
    };
    within("the oddity", odd).await;
    requests_stay_rare(&provider, Duration::from_secs(2)).await;
    drop(inbox);
}

#[tokio::test]
async fn a60_a_socket_that_ends_at_once_is_not_opened_in_a_hurry() {
    let provider = Scripted::start().await;
    provider.serve(|_| Box::pin(async {}));
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    provider.enqueue(&message("queued all the same"));
    assert_eq!(texts(&mut inbox, 1).await, ["queued all the same"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sockets = provider.inside.sockets.load(Ordering::SeqCst);
    assert!(sockets <= 6, "{sockets} sockets");
}

#[tokio::test]
async fn a60_too_many_requests_without_end_and_a_wait_of_years_are_borne_with_patience() {
    for headers in ["", r#","retry_after":999999999"#] {
        let provider = Scripted::start().await;
        provider.answer(move |asked| {
            let body = format!(r#"{{"error":"rate_limited","message":"no"{headers}}}"#);
            asked.path.contains("/messages/").then_some((429, body))
        });
        let bob = provider.bob().open().await.unwrap();
        let mut inbox = bob.inbox_with(quick()).await.unwrap();
        provider.push(&message("pushed"));
        assert_eq!(texts(&mut inbox, 1).await, ["pushed"]);
        requests_stay_rare(&provider, Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a60_pages_of_rubbish_cost_nothing_but_an_event() {
    let pages = [
        "<html>welcome</html>".to_owned(),
        "[".repeat(300_000),
        r#"{"messages":7}"#.to_owned(),
        r#"{"messages":[{"id":"msg_1_a"},{},7,null]}"#.to_owned(),
        format!(
            r#"{{"messages":[{}]}}"#,
            vec![r#"{"id":"msg_1_a","envelope":{},"payload":{}}"#; 5_000].join(",")
        ),
        String::new(),
    ];
    for page in pages {
        let provider = Scripted::start().await;
        provider.answer(move |asked| {
            (asked.method == "GET" && asked.path.contains("/messages/pending")).then(|| (200, page.clone()))
        });
        let bob = provider.bob().open().await.unwrap();
        let mut inbox = bob.inbox_with(quick()).await.unwrap();
        provider.push(&message("pushed"));
        assert_eq!(texts(&mut inbox, 1).await, ["pushed"]);
        nothing_more(&mut inbox).await;
    }
}

#[tokio::test]
async fn a60_messages_of_another_agent_are_neither_shown_nor_acknowledged() {
    let provider = Scripted::start().await;
    provider.serve(|socket| {
        Box::pin(async move {
            let (mut socket, provider) = socket.open().await;
            let _ = socket.next().await;
            let other = connected().replace(BOB, "carol@acme.crabmail.ai");
            let frame = message("for carol");
            let _ = socket.send(Frame::text(other)).await;
            let _ = socket.send(Frame::text(frame_of(frame.id().as_str(), &frame.to_json(), false))).await;
            while let Some(Ok(Frame::Text(text))) = socket.next().await {
                provider.take_frame(&text);
            }
            provider.log.add("ended");
        })
    });
    let bob = provider.bob().open().await.unwrap();
    let mut inbox = bob.inbox_with(quick()).await.unwrap();
    provider.log().wait_for("ended").await;
    nothing_more(&mut inbox).await;
    assert!(!provider.log().all().iter().any(|line| line.starts_with("acknowledged")));
}

#[tokio::test]
async fn a27_forged_mail_costs_nobody_the_genuine_mail_of_a_sender_with_a_new_key() {
    for forged in [1, 12] {
        let provider = Scripted::start().await;
        let bob = provider.bob().open().await.unwrap();
        let mut inbox = bob.inbox_with(quick()).await.unwrap();
        provider.enqueue(&message("one"));
        assert_eq!(texts(&mut inbox, 1).await, ["one"]);
        // The provider is asked about Alice's key for some of these, and for the others no more.
        let first = signed_by(&mallory(), ALICE, "forged");
        provider.enqueue(&first);
        provider.wait_for_acknowledgement(&first).await;
        for number in 1..forged {
            provider.enqueue(&signed_by(&mallory(), ALICE, &format!("forged {number}")));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let new = Identity::from_seed(&[9; 32]);
        provider.inside.keys.lock().unwrap().insert(ALICE.into(), Identity::from_seed(&[9; 32]));
        let genuine = signed_by(&new, ALICE, "genuine");
        provider.enqueue(&genuine);
        let before = provider.inside.requests.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(4)).await;
        let requests = provider.inside.requests.load(Ordering::Relaxed) - before;
        assert!(requests < 40, "{requests} requests while a message waits for a person");
        assert!(!provider.has_acknowledged(genuine.id().as_str()), "gone after {forged}");
    }
}
