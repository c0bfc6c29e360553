//! What the embedded provider keeps in a directory: through restarts, cuts anywhere, and damage.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

mod plain;

use std::net::SocketAddr;
use std::path::Path;

use amp_client::Loopback;
use amp_client::wire::{Acknowledge, ApiUrl, GetMe, GetPending, ServerFrame};
use plain::{Agent, Plain};
use tempfile::tempdir;

async fn start(directory: &Path, address: Option<SocketAddr>) -> Loopback {
    let mut builder = Loopback::builder().directory(directory).without_limits();
    if let Some(address) = address {
        builder = builder.address(address);
    }
    builder.start().await.unwrap()
}

fn address_of(api: &ApiUrl) -> SocketAddr {
    api.as_str().split('/').nth(2).unwrap().parse().unwrap()
}

#[tokio::test]
async fn agents_keys_and_messages_survive_a_restart() {
    let directory = tempdir().unwrap();
    let provider = start(directory.path(), None).await;
    let address = address_of(&provider.url());
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    alice.send(&bob, "Hello", "one\ntwo \u{1f600}").await.unwrap();
    alice.send(&bob, "Hello", "second").await.unwrap();
    let page = bob.ask(&GetPending::new()).await.unwrap();
    bob.ask(&Acknowledge::new(page.messages[1].id.clone())).await.unwrap();
    let before = page.messages[0].message.as_bytes().to_vec();
    provider.stop().await;

    let provider = start(directory.path(), Some(address)).await;
    assert_eq!(alice.ask(&GetMe).await.unwrap().address, alice.address);
    let page = bob.ask(&GetPending::new()).await.unwrap();
    assert_eq!(page.messages.len(), 1);
    assert_eq!(page.messages[0].message.as_bytes(), before, "byte for byte");
    assert_eq!(bob.verified_text(&before, &alice), "one\ntwo \u{1f600}");
    provider.stop().await;
}

#[tokio::test]
async fn a_restart_in_place_goes_on_with_what_was_stored() {
    for directory in [None, Some(tempdir().unwrap())] {
        let mut builder = Loopback::builder().without_limits();
        if let Some(directory) = &directory {
            builder = builder.directory(directory.path());
        }
        let provider = builder.start().await.unwrap();
        let (alice, bob) =
            (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
        let mut socket = bob.socket().await;
        socket.next_frame().await;
        alice.send(&bob, "Hello", "Here?").await.unwrap();
        provider.restart().await.unwrap();
        let mut socket = bob.socket().await;
        assert!(
            matches!(socket.next_frame().await, ServerFrame::Connected(connected) if connected.pending_count == Some(1))
        );
        let ServerFrame::MessageNew(pushed) = socket.next_frame().await else { panic!("a message") };
        assert!(pushed.replay);
        assert_eq!(bob.verified_text(pushed.message.as_bytes(), &alice), "Here?");
    }
}

#[tokio::test]
async fn a_directory_has_one_provider_at_a_time() {
    let directory = tempdir().unwrap();
    let provider = start(directory.path(), None).await;
    let second = Loopback::builder().directory(directory.path()).start().await.unwrap_err();
    assert!(second.to_string().contains("another provider"), "{second}");
    provider.stop().await;
    start(directory.path(), None).await.stop().await;
}

/// A journal that is cut off anywhere is a journal of what was decided before: nothing is half there, and it starts.
#[tokio::test]
async fn a_journal_that_is_cut_off_anywhere_holds_whole_decisions() {
    let directory = tempdir().unwrap();
    let provider = start(directory.path(), None).await;
    let address = address_of(&provider.url());
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    for number in 0..3 {
        alice.send(&bob, "Hello", &number.to_string()).await.unwrap();
    }
    provider.stop().await;
    let whole = std::fs::read(directory.path().join("journal")).unwrap();
    let mut seen = [0_usize; 4];
    // Every byte would take minutes: primes meet every kind of line.
    for end in (0..whole.len()).step_by(97).chain([whole.len()]) {
        let cut = tempdir().unwrap();
        std::fs::write(cut.path().join("journal"), &whole[..end]).unwrap();
        let provider = start(cut.path(), Some(address)).await;
        if let Ok(page) = bob.ask(&GetPending::new()).await {
            for (number, message) in page.messages.iter().enumerate() {
                assert_eq!(bob.verified_text(message.message.as_bytes(), &alice), number.to_string());
            }
            seen[page.messages.len()] += 1;
        }
        drop(provider);
        // The port is free again when nobody listens.
        while std::net::TcpListener::bind(address).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
}

#[tokio::test]
async fn what_cannot_be_read_at_the_end_is_put_aside_and_not_thrown_away() {
    let directory = tempdir().unwrap();
    let provider = start(directory.path(), None).await;
    Agent::register(&provider, "alice").await;
    provider.stop().await;
    let path = directory.path().join("journal");
    let mut journal = std::fs::read(&path).unwrap();
    let last = journal.len() - 100;
    journal[last] ^= 1;
    std::fs::write(&path, &journal).unwrap();
    start(directory.path(), None).await.stop().await;
    let rest = std::fs::read(directory.path().join("journal.rest")).unwrap();
    assert!(!rest.is_empty() && journal.ends_with(&rest));
}

#[tokio::test]
async fn a_journal_of_somebody_else_is_left_alone() {
    let directory = tempdir().unwrap();
    std::fs::write(directory.path().join("journal"), b"something else entirely, and valuable\n").unwrap();
    let error = Loopback::builder().directory(directory.path()).start().await.unwrap_err();
    assert!(error.to_string().contains("another version"), "{error}");
    assert!(std::fs::read(directory.path().join("journal")).unwrap().starts_with(b"something"));
}

#[tokio::test]
async fn a_long_journal_is_written_anew_without_what_is_gone() {
    let directory = tempdir().unwrap();
    let provider = start(directory.path(), None).await;
    let address = address_of(&provider.url());
    let (alice, bob) = (Agent::register(&provider, "alice").await, Agent::register(&provider, "bob").await);
    let text = "long ".repeat(13_000);
    for _ in 0..80 {
        let routed = alice.send(&bob, "Hello", &text).await.unwrap();
        bob.ask(&Acknowledge::new(routed.id.unwrap())).await.unwrap();
    }
    alice.send(&bob, "Hello", "the last").await.unwrap();
    provider.stop().await;
    let path = directory.path().join("journal");
    let before = std::fs::metadata(&path).unwrap().len();
    let provider = start(directory.path(), Some(address)).await;
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(before > 4 * 1024 * 1024 && after < 100_000, "{before} {after}");
    let page = bob.ask(&GetPending::new()).await.unwrap();
    assert_eq!(bob.verified_text(page.messages[0].message.as_bytes(), &alice), "the last");
    provider.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_reads_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempdir().unwrap();
    let directory = parent.path().join("provider");
    let provider = start(&directory, None).await;
    Agent::register(&provider, "alice").await;
    provider.stop().await;
    for (path, mode) in
        [(directory.clone(), 0o700), (directory.join("files"), 0o700), (directory.join("journal"), 0o600)]
    {
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            mode,
            "{}",
            path.display()
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_cannot_be_stored_is_answered_500_and_never_happened() {
    let directory = tempdir().unwrap();
    let provider = start(directory.path(), None).await;
    let alice = Agent::register(&provider, "alice").await;
    // A file cannot be made in its place any more: the upload in one go fails in the storage.
    std::fs::remove_dir(directory.path().join("files")).unwrap();
    let upload = amp_client::wire::DirectUpload::new("a.txt", "text/plain", b"text".to_vec());
    let refused = alice.ask(&upload).await.unwrap_err().map(|code| code.as_str().to_owned());
    assert_eq!(refused.as_deref(), Some("internal_error"));
    // It goes on with what is stored.
    let plain = Plain::new(&provider.url());
    assert!(plain.ask(Some(&alice.key), &GetMe).await.is_ok());
}

#[tokio::test]
async fn a_directory_with_other_files_is_refused_and_nothing_in_it_is_deleted() {
    let place = tempdir().unwrap();
    std::fs::create_dir(place.path().join("files")).unwrap();
    std::fs::write(place.path().join("files/thesis.txt"), "years of work").unwrap();
    let error = Loopback::builder().directory(place.path()).start().await.unwrap_err();
    assert!(error.to_string().contains("something else"), "{error}");
    assert!(place.path().join("files/thesis.txt").exists());
}

#[tokio::test]
async fn what_a_user_puts_beside_the_uploads_stays_there() {
    let place = tempdir().unwrap();
    start(place.path(), None).await.stop().await;
    std::fs::write(place.path().join("files/thesis.txt"), "years of work").unwrap();
    std::fs::write(place.path().join("files/part-1-2"), "cut off").unwrap();
    start(place.path(), None).await.stop().await;
    assert!(place.path().join("files/thesis.txt").exists());
    assert!(!place.path().join("files/part-1-2").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_the_place_of_what_a_provider_keeps_is_not_followed() {
    use std::os::unix::fs::symlink;
    for name in ["files", "lock", "journal", "journal.rest"] {
        for is_used in [false, true] {
            let (place, other) = (tempdir().unwrap(), tempdir().unwrap());
            let kept = other.path().join("thesis.txt");
            std::fs::write(&kept, "years of work").unwrap();
            let at = place.path().join(name);
            if is_used {
                start(place.path(), None).await.stop().await;
                let journal = place.path().join("journal");
                let mut bytes = std::fs::read(&journal).unwrap();
                bytes.extend_from_slice(b"cut off");
                std::fs::write(&journal, bytes).unwrap();
                if at.is_dir() { std::fs::remove_dir(&at).unwrap() } else { drop(std::fs::remove_file(&at)) }
            }
            symlink(if name == "files" { other.path() } else { &kept }, &at).unwrap();
            let started = Loopback::builder().directory(place.path()).start().await;
            assert!(started.is_err(), "{name}, {is_used}");
            assert_eq!(std::fs::read_to_string(&kept).unwrap(), "years of work", "{name}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    for mode in [0o777, 0o770] {
        let place = tempdir().unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let error = Loopback::builder().directory(place.path()).start().await.unwrap_err();
        assert!(error.to_string().contains("others may write"), "{error}");
    }
}
