//! Sealed mail of agents that live in a home: several processes, keys that were replaced, files on the disk.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use amp_client::crypto::seal::EncryptionKey;
use amp_client::receive::{Reading, Received};
use amp_client::sealing::{Sealing, UnopenedReason};
use amp_client::store::{Folder, MessageKey, Query};
use amp_client::{Client, ClientBuilder, Draft, ErrorKind, Home, Loopback, Outgoing};

const TEXT: &str = "The launch code is 0451, tell nobody.";

struct Place {
    provider: Loopback,
    directory: tempfile::TempDir,
    home: Home,
    alice: Client,
}

impl Place {
    async fn new() -> Self {
        let provider = Loopback::builder().without_limits().start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(directory.path().join("amp")).unwrap();
        let alice = Client::builder(provider.url()).in_memory().register("alice").await.unwrap();
        Self { provider, directory, home, alice }
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder(self.provider.url()).home(self.home.clone()).agent("bob")
    }

    async fn send_to(&self, bob: &Client) {
        self.alice.send(Outgoing::from(secret(bob)).sealed()).await.unwrap();
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(self.directory.path(), &mut files);
        files
    }
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn secret(to: &Client) -> Draft {
    Draft::request(to.address(), "About tomorrow", TEXT)
}

fn text(received: &Received) -> String {
    received.text().into_parts().1
}

async fn receive(client: &Client) -> Received {
    let mut inbox = client.inbox().await.unwrap();
    let next = tokio::time::timeout(Duration::from_secs(60), inbox.next()).await;
    let received = next.expect("a message comes").expect("the inbox goes on").unwrap();
    inbox.shut_down().await.unwrap();
    received
}

// rule: HOME-11
#[tokio::test]
async fn a_running_process_opens_what_is_sealed_to_a_key_that_another_one_made() {
    let place = Place::new().await;
    let one = place.builder().register("bob").await.unwrap();
    place.send_to(&one).await;
    assert_eq!(text(&receive(&one).await), TEXT);
    let old = EncryptionKey::of(&one.verifying_key()).unwrap().id();
    place.send_to(&one).await;

    let other = place.builder().open().await.unwrap();
    other.rotate_keys().await.unwrap();
    place.alice.confirm_key(&other.address(), &other.verifying_key()).await.unwrap();
    place.send_to(&other).await;
    let received = [receive(&one).await, receive(&one).await];
    let new = EncryptionKey::of(&other.verifying_key()).unwrap().id();
    let keys = received.each_ref().map(|received| (received.sealing(), text(received)));
    for key_id in [old, new] {
        assert!(keys.contains(&(Sealing::Sealed { key_id }, TEXT.to_owned())), "{keys:?}");
    }
}

// rule: HOME-11, HOME-12
#[tokio::test]
async fn a_former_key_opens_in_another_process_until_its_time_is_over() {
    let place = Place::new().await;
    let bob = place.builder().register("bob").await.unwrap();
    let old = EncryptionKey::of(&bob.verifying_key()).unwrap().id();
    place.send_to(&bob).await;
    bob.rotate_keys().await.unwrap();
    drop(bob);

    let bob = place.builder().open().await.unwrap();
    let first = receive(&bob).await;
    assert_eq!((first.sealing(), text(&first)), (Sealing::Sealed { key_id: old }, TEXT.to_owned()));
    drop(bob);

    // The time is over.
    let kept =
        place.files().into_iter().find(|path| path.to_str().unwrap().contains("/keys/former-")).unwrap();
    let name = kept.file_name().unwrap().to_str().unwrap();
    std::fs::rename(&kept, kept.with_file_name(format!("{}-until-20260101T000000Z.pem", &name[..23])))
        .unwrap();
    let bob = place.builder().open().await.unwrap();
    let again = bob.read_stored(&MessageKey::of(first.verified())).await.unwrap();
    let Some(Reading::Proven(again)) = again else { panic!() };
    assert_eq!(text(&again), TEXT, "it was opened before, and its own secret is kept");
}

// rule: HOME-12
#[tokio::test]
async fn what_comes_after_a_former_keys_time_stays_closed() {
    let place = Place::new().await;
    let bob = place.builder().former_keys_for(Duration::ZERO).register("bob").await.unwrap();
    let old = EncryptionKey::of(&bob.verifying_key()).unwrap().id();
    place.send_to(&bob).await;
    bob.rotate_keys().await.unwrap();
    drop(bob);
    let bob = place.builder().open().await.unwrap();
    assert!(place.files().iter().all(|path| !path.to_str().unwrap().contains("former-")));
    let late = receive(&bob).await;
    assert_eq!(late.sealing(), Sealing::Unopened(UnopenedReason::KeyNotHeld(old)));
}

// rule: SEAL-16
#[tokio::test]
async fn what_opens_mail_lies_in_files_of_the_owner_alone() {
    let place = Place::new().await;
    let bob = place.builder().register("bob").await.unwrap();
    place.send_to(&bob).await;
    let received = receive(&bob).await;
    bob.send(received.reply("Understood.")).await.unwrap();
    let mut found = 0;
    for path in place.files() {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let holds_secret = bytes.windows(13).any(|part| part == b"sealed_secret");
        if holds_secret {
            found += 1;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        let is_readable = String::from_utf8_lossy(&bytes).contains("0451");
        assert!(!is_readable, "{}", path.display());
    }
    assert!(found >= 2, "what was received and what was sent");

    // Another process of the home reads both.
    let again = place.builder().open().await.unwrap();
    let listed = again.store().list(&Query::new(Folder::Sent)).await.unwrap();
    let sent = again.read_sent(&listed.messages[0].key).await.unwrap().unwrap();
    assert_eq!(sent.payload().text(), "Understood.");
    let read = again.read_stored(&MessageKey::of(received.verified())).await.unwrap();
    let Some(Reading::Proven(read)) = read else { panic!() };
    assert_eq!(text(&read), TEXT);
}

#[tokio::test]
async fn sent_mail_is_ones_own_after_a_change_of_key_and_anothers_is_not() {
    let place = Place::new().await;
    let bob = place.builder().register("bob").await.unwrap();
    bob.send(Outgoing::from(secret(&place.alice)).sealed()).await.unwrap();
    bob.rotate_keys().await.unwrap();
    let listed = bob.store().list(&Query::new(Folder::Sent)).await.unwrap();
    let sent = bob.read_sent(&listed.messages[0].key).await.unwrap().unwrap();
    assert_eq!(sent.payload().text(), TEXT);

    // A file that somebody else has put there.
    let theirs = place.alice.sign(secret(&bob)).unwrap();
    let stored = amp_client::envelope::StoredMessage::new(
        theirs.as_message().clone(),
        "2026-01-31T10:00:00Z".parse().unwrap(),
    );
    bob.store().keep_sent(stored).await.unwrap();
    let key = MessageKey::of_sent(theirs.as_message());
    assert_eq!(bob.read_sent(&key).await.unwrap_err().kind(), ErrorKind::Message);
}

#[tokio::test]
async fn agents_of_one_home_seal_their_mail_to_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::open(directory.path().join("amp")).unwrap();
    for name in ["alice", "bob"] {
        home.create_agent(name, "acme").unwrap();
    }
    let open = async |name| {
        let nowhere = "http://127.0.0.1:9/v1".parse().unwrap();
        Client::builder(nowhere).home(home.clone()).agent(name).open().await.unwrap()
    };
    let (alice, bob) = (open("alice").await, open("bob").await);
    let sent = alice.send(Outgoing::from(secret(&bob)).sealed()).await.unwrap();
    assert!(sent.is_sealed());
    // What the sender puts into the inbox of the recipient holds no secret.
    let mut files = Vec::new();
    walk(&home.agent("bob").unwrap().unwrap().path().join("messages/inbox"), &mut files);
    assert_eq!(files.len(), 1);
    let file = std::fs::read_to_string(&files[0]).unwrap();
    assert!(!file.contains("sealed_secret") && !file.contains("0451"));

    let received = receive(&bob).await;
    assert_eq!(text(&received), TEXT);
    assert!(bob.send(received.reply("Yes.")).await.unwrap().is_sealed());
    assert!(receive(&alice).await.is_answer_to(sent.message()));
    // Files need a provider that keeps them.
    let file = amp_client::attachments::UploadFile::from_bytes("a.txt", "text/plain", b"a".to_vec());
    let error = alice.send(Outgoing::from(secret(&bob)).attach(file)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setup);
}

#[tokio::test]
async fn sealed_mail_is_signed_anew_when_another_process_has_changed_the_key() {
    let place = Place::new().await;
    let one = place.builder().register("bob").await.unwrap();
    let other = place.builder().open().await.unwrap();
    one.rotate_keys().await.unwrap();
    let sent = other.send(Outgoing::from(secret(&place.alice)).sealed()).await.unwrap();
    assert!(sent.is_sealed());
    let received = receive(&place.alice).await;
    assert_eq!((text(&received), received.verified().key()), (TEXT.to_owned(), &one.verifying_key()));
    let listed = one.store().list(&Query::new(Folder::Sent)).await.unwrap();
    assert_eq!(one.read_sent(&listed.messages[0].key).await.unwrap().unwrap().payload().text(), TEXT);
}

// rule: HOME-11
#[tokio::test]
async fn forged_mail_for_made_up_keys_does_not_keep_a_new_key_from_being_found() {
    let place = Place::new().await;
    let one = place.builder().register("bob").await.unwrap();
    place.send_to(&one).await;
    receive(&one).await;
    // Files that anybody may have written, from nobody whom anybody knows.
    let local = place.home.agent("bob").unwrap().unwrap().address().clone();
    let mallory = amp_client::Identity::from_seed(&[66; 32]);
    let now = amp_client::Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    for number in 1..=100_u8 {
        let made_up = amp_client::crypto::seal::DecryptionKey::from_bytes(&[number; 32]);
        let forged = Draft::request(local.clone(), "About tomorrow", TEXT)
            .from(&"mallory@evil.loopback.test".parse().unwrap())
            .seal_to(&made_up.encryption_key());
        place.home.deliver_local(&forged.sign(&mallory, now).unwrap()).unwrap();
    }
    assert_eq!(one.take_in_local().await.unwrap().refused().len(), 100);
    let other = place.builder().open().await.unwrap();
    other.rotate_keys().await.unwrap();
    place.alice.confirm_key(&other.address(), &other.verifying_key()).await.unwrap();
    place.send_to(&one).await;
    let new = EncryptionKey::of(&other.verifying_key()).unwrap().id();
    assert_eq!(receive(&one).await.sealing(), Sealing::Sealed { key_id: new });
}

#[tokio::test]
async fn sealed_mail_waits_at_the_provider_while_the_agents_key_cannot_be_read() {
    let place = Place::new().await;
    let bob = place.builder().register("bob").await.unwrap();
    place.send_to(&bob).await;
    let key = place.home.agent("bob").unwrap().unwrap().path().join("keys/private.pem");
    let set_mode = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o644);
    let _ = bob.fetch().await;
    assert_eq!(bob.pending_count().await.unwrap().count, 1);
    set_mode(0o600);
    assert_eq!(text(&receive(&bob).await), TEXT);
}

// rule: SEAL-41, HOME-11
#[tokio::test]
async fn the_grant_for_what_is_inside_is_asked_with_a_key_that_another_process_made() {
    use amp_client::admission::{Actor, GrantScope, Pair, PairGrants};
    use amp_client::receive::Effect;
    use amp_client::store::{Entry, Position};

    let place = Place::new().await;
    let builder = || place.builder().receiver(amp_client::receive::ReceiverBuilder::demand_grants);
    let one = builder().register("bob").await.unwrap();
    let now = amp_client::Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    let pair = Pair::new(&place.alice.address(), &one.address());
    let event = PairGrants::new()
        .grant(
            &pair,
            "scheduling".parse::<GrantScope>().unwrap().into(),
            None,
            &"owner:1".parse::<Actor>().unwrap(),
            now,
        )
        .unwrap();
    let at = one.store().load(Position::START).await.unwrap().position;
    one.store().append(Entry::new(at, vec![Effect::Grant { event: Box::new(event) }])).await.unwrap();
    let send = async || {
        let draft = secret(&one).message_type("scheduling".parse().unwrap());
        place.alice.send(Outgoing::from(draft).sealed()).await.unwrap()
    };
    send().await;
    assert_eq!(text(&receive(&one).await), TEXT);

    let other = builder().open().await.unwrap();
    other.rotate_keys().await.unwrap();
    place.alice.confirm_key(&other.address(), &other.verifying_key()).await.unwrap();
    send().await;
    let new = EncryptionKey::of(&other.verifying_key()).unwrap().id();
    assert_eq!(receive(&one).await.sealing(), Sealing::Sealed { key_id: new });
}
