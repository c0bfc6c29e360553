//! A mailbox is hostile ground: what lies in it may be anything, and nothing of it is followed, waited for or believed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use amp_client::envelope::{Status, StoredMessage};
use amp_client::mailbox::{Mailbox, OddityKind};
use amp_client::store::{
    Appended, Entry, Folder, ForeignMessage, MessageKey, Position, Query, Store, StoreErrorKind,
};
use tempfile::TempDir;

const ALICE: &str = "alice@acme.crabmail.ai";

fn letter(from: &str, id: &str, text: &str) -> StoredMessage {
    StoredMessage::decode(json(from, id, text).as_bytes()).unwrap()
}

fn json(from: &str, id: &str, text: &str) -> String {
    format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"{id}","from":"{from}","to":"bob@acme.crabmail.ai","subject":"Hi",
        "priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"{id}","signature":null}},
        "payload":{{"type":"notification","message":"{text}","context":null}}}}"#
    )
}

struct Place {
    directory: TempDir,
    mailbox: Mailbox,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::open(directory.path()).unwrap();
        Self { directory, mailbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A directory of the inbox.
    fn inbox(&self, name: &str) -> PathBuf {
        let path = self.path("messages/inbox").join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    async fn append(&self, stored: StoredMessage) -> MessageKey {
        append(&self.mailbox, |entry| entry.with_message(stored.clone())).await;
        MessageKey::of(stored.message())
    }

    async fn listed(&self) -> Vec<MessageKey> {
        let page = self.mailbox.list(&Query::new(Folder::Inbox)).await.unwrap();
        page.messages.into_iter().map(|summary| summary.key).collect()
    }

    async fn foreign(&self) -> Vec<ForeignMessage> {
        self.mailbox.foreign(1_000).await.unwrap()
    }

    fn oddities(&self) -> Vec<(OddityKind, String)> {
        self.mailbox.oddities().into_iter().map(|oddity| (oddity.kind, oddity.name)).collect()
    }
}

async fn append(store: &Mailbox, add: impl Fn(Entry) -> Entry) {
    loop {
        let at = store.load(Position::START).await.unwrap().position;
        if store.append(add(Entry::new(at, vec![]))).await.unwrap() != Appended::Behind {
            return;
        }
    }
}

/// Something hostile, where a message would be, and what is reported of it.
type Node = (&'static str, fn(&Path, &Path), OddityKind);

const MESSAGE: &str = "msg_1_00ff";

/// The twelve of the catalogue but the device, which only an administrator makes, and the name, which is not text.
const NODES: &[Node] = &[
    ("a symbolic link to a message", |place, outside| symlink(outside, place).unwrap(), OddityKind::Link),
    ("a link that leads nowhere", |place, _| symlink("/nonexistent/x", place).unwrap(), OddityKind::Link),
    ("a hard link", |place, outside| fs::hard_link(outside, place).unwrap(), OddityKind::HardLink),
    ("a pipe that nobody writes into", |place, _| make_pipe(place), OddityKind::NotAFile),
    ("a socket", |place, _| drop(UnixListener::bind(place).unwrap()), OddityKind::NotAFile),
    ("a directory", |place, _| fs::create_dir(place).unwrap(), OddityKind::NotAFile),
    (
        "ten gigabytes",
        |place, _| File::create(place).unwrap().set_len(10_000_000_000).unwrap(),
        OddityKind::TooLarge,
    ),
    ("an empty file", |place, _| drop(File::create(place).unwrap()), OddityKind::NotAMessage),
    (
        "half a message",
        |place, _| {
            let json = json(ALICE, MESSAGE, "Hello");
            fs::write(place, &json[..json.len() / 2]).unwrap();
        },
        OddityKind::NotAMessage,
    ),
    ("bytes that are no text", |place, _| fs::write(place, [0xff; 64]).unwrap(), OddityKind::NotAMessage),
    (
        "another sender's message",
        |place, _| fs::write(place, json("mallory@evil.test", MESSAGE, "Hello")).unwrap(),
        OddityKind::WrongPlace,
    ),
    (
        "a message under another id",
        |place, _| fs::write(place, json(ALICE, "msg_1_0bad", "Hello")).unwrap(),
        OddityKind::WrongPlace,
    ),
];

fn make_pipe(place: &Path) {
    let made = std::process::Command::new("mkfifo").arg(place).status().unwrap();
    assert!(made.success());
}

// rule: MAIL-2
#[tokio::test]
async fn a38_hostile_nodes_in_the_mailbox_are_skipped_and_reported() {
    for (what, make, kind) in NODES {
        let place = Place::new();
        let outside = place.path("outside.json");
        fs::write(&outside, json(ALICE, MESSAGE, "From elsewhere")).unwrap();
        let known = place.append(letter(ALICE, "msg_1_0001", "Known")).await;
        let node = place.inbox("alice_acme_crabmail_ai").join(format!("{MESSAGE}.json"));
        make(&node, &outside);

        assert!(place.foreign().await.is_empty(), "{what} was taken for a message");
        assert_eq!(place.listed().await, [known], "{what} hides the others");
        let name = format!("alice_acme_crabmail_ai/{MESSAGE}.json");
        assert_eq!(place.oddities(), [(*kind, name)], "{what}");

        // A message whose name is taken gets another, and what has the name stays as it is.
        let key = place.append(letter(ALICE, MESSAGE, "Ours")).await;
        let stored = place.mailbox.get(Folder::Inbox, &key).await.unwrap().expect(what);
        assert_eq!(stored.message().text(), "Ours");
        assert!(fs::symlink_metadata(&node).is_ok(), "{what} is gone");
        assert_eq!(fs::read_to_string(&outside).unwrap(), json(ALICE, MESSAGE, "From elsewhere"));
        assert!(place.mailbox.delete(Folder::Inbox, &key).await.unwrap());
        assert!(fs::symlink_metadata(&node).is_ok(), "{what} was removed in place of the message");
    }
}

// rule: MAIL-2
#[tokio::test]
async fn a38_a_file_whose_name_is_no_text_is_skipped_and_reported() {
    let place = Place::new();
    let name = OsStr::from_bytes(b"msg_1_\xff.json");
    fs::write(place.inbox("alice_acme_crabmail_ai").join(name), json(ALICE, MESSAGE, "Hello")).unwrap();
    assert!(place.foreign().await.is_empty());
    assert_eq!(place.oddities(), [(OddityKind::NotAName, "alice_acme_crabmail_ai".to_owned())]);
}

// rule: MAIL-2
#[tokio::test]
async fn a38_a_device_and_a_file_of_somebody_else_are_skipped_and_reported() {
    let place = Place::new();
    let node = place.inbox("alice_acme_crabmail_ai").join(format!("{MESSAGE}.json"));
    let is_administrator = fs::metadata(place.directory.path()).unwrap().uid() == 0;
    let made = std::process::Command::new("mknod").arg(&node).args(["c", "1", "3"]).status();
    if !is_administrator || !made.is_ok_and(|made| made.success()) {
        // Only an administrator makes devices, and gives files away.
        return;
    }
    assert!(place.foreign().await.is_empty());
    assert_eq!(place.oddities().first().map(|(kind, _)| *kind), Some(OddityKind::NotAFile));
    fs::remove_file(&node).unwrap();
    fs::write(&node, json(ALICE, MESSAGE, "Hello")).unwrap();
    std::os::unix::fs::chown(&node, Some(12_345), None).unwrap();
    assert!(place.foreign().await.is_empty());
    assert_eq!(place.oddities().first().map(|(kind, _)| *kind), Some(OddityKind::NotOurs));
}

// rule: MAIL-2
#[tokio::test]
async fn a38_a_directory_that_is_a_link_is_not_entered() {
    let place = Place::new();
    let elsewhere = place.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join(format!("{MESSAGE}.json")), json(ALICE, MESSAGE, "Hello")).unwrap();
    symlink(&elsewhere, place.path("messages/inbox/alice_acme_crabmail_ai")).unwrap();
    assert!(place.foreign().await.is_empty());
    assert_eq!(place.oddities(), [(OddityKind::Link, "alice_acme_crabmail_ai".to_owned())]);

    let key = place.append(letter(ALICE, "msg_1_0002", "Ours")).await;
    assert!(place.mailbox.get(Folder::Inbox, &key).await.unwrap().is_some());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1, "something was written through the link");
}

#[tokio::test]
async fn a38_a_mailbox_whose_folder_became_a_link_says_so() {
    let place = Place::new();
    fs::remove_dir(place.path("messages/inbox")).unwrap();
    symlink(place.path("messages/sent"), place.path("messages/inbox")).unwrap();
    let error = place.mailbox.foreign(10).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Io);
}

// rule: MAIL-2
#[tokio::test]
async fn a38_names_in_the_report_cannot_command_a_terminal() {
    let place = Place::new();
    let name = format!("x\u{1b}]52;c;aGk=\u{7}\u{9b}31m{}.json", "y".repeat(100));
    symlink("/nonexistent", place.inbox("alice_acme_crabmail_ai").join(name)).unwrap();
    assert!(place.foreign().await.is_empty());
    let [(kind, name)] = place.oddities().try_into().unwrap();
    assert_eq!(kind, OddityKind::Link);
    assert!(!name.chars().any(char::is_control), "{name:?}");
    assert!(name.chars().count() <= 80, "{name:?}");
}

// rule: MAIL-2
#[tokio::test]
async fn a38_the_report_is_bounded() {
    let place = Place::new();
    let inbox = place.inbox("alice_acme_crabmail_ai");
    for number in 0..600 {
        symlink("/nonexistent", inbox.join(format!("msg_1_{number:04}.json"))).unwrap();
    }
    assert!(place.foreign().await.is_empty());
    assert_eq!(place.oddities().len(), 256);
}

// rule: MAIL-5
#[tokio::test]
async fn a37_two_senders_that_share_a_directory_keep_both_messages() {
    let place = Place::new();
    let one = place.append(letter("alice_acme@x.crabmail.ai", MESSAGE, "One")).await;
    let other = place.append(letter("alice@acme.x.crabmail.ai", MESSAGE, "Other")).await;
    for (key, text) in [(&one, "One"), (&other, "Other")] {
        let stored = place.mailbox.get(Folder::Inbox, key).await.unwrap().unwrap();
        assert_eq!(stored.message().text(), text);
    }
    assert_eq!(place.listed().await.len(), 2);
    // The deployed client looks into every directory for a file of that name.
    let found = fs::read_dir(place.path("messages/inbox")).unwrap();
    let files = found.filter(|entry| entry.as_ref().unwrap().path().join(format!("{MESSAGE}.json")).exists());
    assert_eq!(files.count(), 2);
    assert!(place.mailbox.delete(Folder::Inbox, &one).await.unwrap());
    assert_eq!(place.listed().await, [other]);
}

// rule: MAIL-5
#[tokio::test]
async fn a37_two_contents_under_one_id_are_both_kept() {
    let place = Place::new();
    let one = place.append(letter(ALICE, MESSAGE, "One")).await;
    let other = place.append(letter(ALICE, MESSAGE, "Other")).await;
    let mut listed = place.listed().await;
    listed.sort();
    let mut expected = vec![one, other];
    expected.sort();
    assert_eq!(listed, expected);
}

// rule: MAIL-9
#[tokio::test]
async fn a37_the_sender_is_taken_from_the_message_and_never_from_the_directory() {
    let place = Place::new();
    let file = place.inbox("alice_acme_crabmail_ai").join("msg_1_0001.json");
    let key = place.append(letter(ALICE, "msg_1_0001", "Known")).await;
    assert_eq!(place.listed().await, std::slice::from_ref(&key));
    // Another program exchanges the content.
    fs::write(&file, json("mallory@evil.test", "msg_1_0001", "Forged")).unwrap();
    assert!(place.listed().await.is_empty());
    assert!(place.mailbox.get(Folder::Inbox, &key).await.unwrap().is_none());
    assert!(!place.mailbox.mark(&key, Status::Read, "2026-01-31T12:00:00Z".parse().unwrap()).await.unwrap());
    assert!(fs::read_to_string(&file).unwrap().contains("Forged"), "what is not ours was written to");
}

// rule: MAIL-14
#[tokio::test]
async fn a37_content_that_was_exchanged_is_another_programs_message() {
    let place = Place::new();
    let file = place.inbox("alice_acme_crabmail_ai").join("msg_1_0001.json");
    let key = place.append(letter(ALICE, "msg_1_0001", "Known")).await;
    assert!(place.foreign().await.is_empty());
    fs::write(&file, json(ALICE, "msg_1_0001", "Forged")).unwrap();
    assert!(place.listed().await.is_empty(), "it is not shown before it was judged");
    assert!(place.mailbox.get(Folder::Inbox, &key).await.unwrap().is_none());
    assert_eq!(place.foreign().await.len(), 1);
}

// rule: MAIL-14
#[tokio::test]
async fn a37_a_copy_that_nobody_has_judged_makes_no_message_known() {
    let place = Place::new();
    let path = place.inbox("alice_acme_crabmail_ai").join(format!("{MESSAGE}.json"));
    fs::write(&path, json(ALICE, MESSAGE, "Hello")).unwrap();
    // The same message comes over the network: the file that lies there is not taken for it.
    let key = place.append(letter(ALICE, MESSAGE, "Hello")).await;
    assert_eq!(place.listed().await, std::slice::from_ref(&key));
    fs::remove_file(&path).unwrap();
    assert!(place.mailbox.get(Folder::Inbox, &key).await.unwrap().is_some());
}

// rule: MAIL-14
#[tokio::test]
async fn a_message_that_another_program_brought_is_listed_when_it_was_judged_and_stays_where_it_is() {
    let place = Place::new();
    let path = place.inbox("alice_acme_crabmail_ai").join(format!("{MESSAGE}.json"));
    fs::write(&path, json(ALICE, MESSAGE, "Hello")).unwrap();
    assert!(place.listed().await.is_empty());
    let [foreign] = place.foreign().await.try_into().unwrap();
    let stored = letter(ALICE, MESSAGE, "Hello");
    append(&place.mailbox, |entry| entry.with_message(stored.clone()).about_foreign(foreign.clone())).await;
    assert_eq!(place.listed().await, [MessageKey::of(stored.message())]);
    assert_eq!(fs::read_to_string(&path).unwrap(), json(ALICE, MESSAGE, "Hello"));
    assert!(place.foreign().await.is_empty());

    // One that was refused is neither listed nor offered again.
    let other = place.inbox("alice_acme_crabmail_ai").join("msg_1_0bad.json");
    fs::write(&other, json(ALICE, "msg_1_0bad", "Bad")).unwrap();
    let [foreign] = place.foreign().await.try_into().unwrap();
    append(&place.mailbox, |entry| entry.about_foreign(foreign.clone())).await;
    assert_eq!(place.listed().await.len(), 1);
    assert!(place.foreign().await.is_empty());
    let another = Mailbox::open(place.directory.path()).unwrap();
    assert!(another.foreign(10).await.unwrap().is_empty());
}

// rule: MAIL-12
#[tokio::test]
async fn a41_a_state_that_others_may_enter_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Mailbox::open(directory.path());
    drop(open().unwrap());
    let state = directory.path().join("state");
    assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(state.join("journal")).unwrap().mode() & 0o777, 0o600);
    for mode in [0o701, 0o710, 0o770, 0o777] {
        fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(open().unwrap_err().kind(), StoreErrorKind::Unsafe, "{mode:o}");
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(state.join("journal"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(open().unwrap_err().kind(), StoreErrorKind::Unsafe);
}

// rule: MAIL-12
#[tokio::test]
async fn a41_a_mailbox_that_others_may_write_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o775, 0o720, 0o702] {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(Mailbox::open(directory.path()).unwrap_err().kind(), StoreErrorKind::Unsafe, "{mode:o}");
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(Mailbox::open(directory.path()).unwrap());
}

#[tokio::test]
async fn a41_a_state_that_is_a_link_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), directory.path().join("state")).unwrap();
    assert!(Mailbox::open(directory.path()).is_err());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

// rule: MAIL-12
#[tokio::test]
async fn a41_what_is_written_is_for_its_owner_alone() {
    let place = Place::new();
    place.append(letter(ALICE, MESSAGE, "Hello")).await;
    let file = place.path(&format!("messages/inbox/alice_acme_crabmail_ai/{MESSAGE}.json"));
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
}

// rule: MAIL-13
#[tokio::test]
async fn a42_a_message_that_another_program_has_half_written_is_read_when_it_is_whole() {
    let place = Place::new();
    let path = place.inbox("alice_acme_crabmail_ai").join(format!("{MESSAGE}.json"));
    let json = json(ALICE, MESSAGE, "Hello");
    let (one, other) = json.as_bytes().split_at(json.len() / 2);
    let mut file = File::create(&path).unwrap();
    file.write_all(one).unwrap();
    for _ in 0..3 {
        assert!(place.foreign().await.is_empty());
        assert_eq!(place.oddities().len(), 1);
    }
    file.write_all(other).unwrap();
    let foreign = place.foreign().await;
    assert_eq!(foreign.len(), 1);
    assert_eq!(foreign[0].bytes, json.as_bytes());
    assert!(place.oddities().is_empty());
}

// rule: MAIL-13
#[tokio::test]
async fn a42_a_mark_that_another_program_writes_in_place_is_seen() {
    let place = Place::new();
    let key = place.append(letter(ALICE, MESSAGE, "Hello")).await;
    assert_eq!(place.mailbox.unread().await.unwrap(), 1);
    // As the deployed client does: it writes over the file with other spaces.
    let path = place.path(&format!("messages/inbox/alice_acme_crabmail_ai/{MESSAGE}.json"));
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    value["metadata"] = serde_json::json!({"status": "read"});
    value["local"]["status"] = "read".into();
    fs::write(&path, serde_json::to_string_pretty(&value).unwrap()).unwrap();
    assert_eq!(place.mailbox.unread().await.unwrap(), 0);
    let mut query = Query::new(Folder::Inbox);
    query.status = Some(Status::Read);
    assert_eq!(place.mailbox.list(&query).await.unwrap().messages.len(), 1);
    assert!(place.foreign().await.is_empty(), "it is still the message that was appended");
    assert!(place.mailbox.get(Folder::Inbox, &key).await.unwrap().is_some());
}

// rule: MAIL-13
#[tokio::test]
async fn a42_a_message_that_another_program_removed_is_gone_and_may_come_again() {
    let place = Place::new();
    let key = place.append(letter(ALICE, MESSAGE, "Hello")).await;
    fs::remove_dir_all(place.path("messages/inbox/alice_acme_crabmail_ai")).unwrap();
    assert!(place.listed().await.is_empty());
    assert!(place.mailbox.get(Folder::Inbox, &key).await.unwrap().is_none());
    place.append(letter(ALICE, MESSAGE, "Hello")).await;
    assert_eq!(place.listed().await, [key]);
}

// rule: MAIL-16
#[tokio::test]
async fn a42_a_lock_of_another_program_on_a_message_stops_nobody() {
    let place = Place::new();
    let key = place.append(letter(ALICE, MESSAGE, "Hello")).await;
    let path = place.path(&format!("messages/inbox/alice_acme_crabmail_ai/{MESSAGE}.json"));
    let file = File::open(&path).unwrap();
    file.lock().unwrap();
    assert!(place.mailbox.mark(&key, Status::Read, "2026-01-31T12:00:00Z".parse().unwrap()).await.unwrap());
    assert!(place.mailbox.delete(Folder::Inbox, &key).await.unwrap());
}

// rule: MAIL-15
#[tokio::test]
async fn what_was_downloaded_for_a_message_goes_with_it_and_nothing_else() {
    let place = Place::new();
    let stored = |id: &str, attachment: &str| {
        let json = json(ALICE, id, "Hello").replace(
            r#""context":null"#,
            &format!(r#""context":null,"attachments":[{{"id":"{attachment}","filename":"a.txt"}}]"#),
        );
        StoredMessage::decode(json.as_bytes()).unwrap()
    };
    let key = place.append(stored(MESSAGE, "att_1_aaaa")).await;
    place.append(stored("msg_1_0002", "att_1_bbbb")).await;
    // It names another message's download as its own.
    let greedy = place.append(stored("msg_1_0003", "att_1_bbbb")).await;
    let outside = place.path("outside");
    fs::write(&outside, "kept").unwrap();
    for directory in [MESSAGE, "att_1_aaaa", "att_1_bbbb"] {
        let directory = place.path("attachments").join(directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a.txt"), "content").unwrap();
        symlink(&outside, directory.join("link")).unwrap();
    }
    assert!(place.mailbox.delete(Folder::Inbox, &key).await.unwrap());
    assert!(place.mailbox.delete(Folder::Inbox, &greedy).await.unwrap());
    assert!(!place.path("attachments").join(MESSAGE).exists());
    assert!(!place.path("attachments/att_1_aaaa").exists());
    assert!(place.path("attachments/att_1_bbbb/a.txt").exists(), "another message's download is gone");
    assert_eq!(fs::read_to_string(outside).unwrap(), "kept");
}

// rule: MAIL-7
#[tokio::test]
async fn what_is_stored_is_noted_where_the_deployed_client_looks() {
    let place = Place::new();
    place.append(letter(ALICE, MESSAGE, "Hello")).await;
    let noted = fs::read_to_string(place.path("replay_db")).unwrap();
    let (id, seconds) = noted.trim_end().split_once('|').unwrap();
    assert_eq!(id, MESSAGE);
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn a38_a_note_for_others_is_not_written_through_a_link() {
    let place = Place::new();
    let outside = place.path("outside");
    fs::write(&outside, "").unwrap();
    symlink(&outside, place.path("replay_db")).unwrap();
    let key = place.append(letter(ALICE, MESSAGE, "Hello")).await;
    assert_eq!(place.listed().await, [key]);
    assert_eq!(fs::read_to_string(outside).unwrap(), "");
}

// rule: MAIL-6
#[tokio::test]
async fn a39_a_journal_with_damage_in_its_middle_is_refused_and_a_torn_end_is_cut() {
    let place = Place::new();
    for number in 0..5 {
        place.append(letter(ALICE, &format!("msg_1_000{number}"), "Hello")).await;
    }
    let Place { directory, mailbox } = place;
    drop(mailbox);
    let journal = directory.path().join("state/journal");
    let whole = fs::read(&journal).unwrap();
    for (from_end, is_damage) in [(10, false), (whole.len() / 2, true), (whole.len() - 60, true)] {
        let mut bytes = whole.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 0x40;
        fs::write(&journal, &bytes).unwrap();
        match Mailbox::open(directory.path()) {
            Ok(_) => assert!(!is_damage, "{from_end}"),
            Err(error) => assert!(is_damage && error.kind() == StoreErrorKind::Damaged, "{from_end}"),
        }
    }
    for cut in 1..60 {
        fs::write(&journal, &whole[..whole.len() - cut]).unwrap();
        let mailbox = Mailbox::open(directory.path()).unwrap();
        append(&mailbox, |entry| entry.with_message(letter(ALICE, &format!("msg_2_00{cut}"), "After"))).await;
        drop(mailbox);
        let mailbox = Mailbox::open(directory.path()).unwrap();
        let page = mailbox.list(&Query::new(Folder::Inbox)).await.unwrap();
        assert!(page.messages.iter().any(|summary| summary.key.id().as_str() == format!("msg_2_00{cut}")));
    }
}

// rule: MAIL-4
#[tokio::test]
async fn a58_an_id_or_a_sender_that_would_lead_elsewhere_never_becomes_a_message() {
    for (from, id) in [
        (ALICE, "../../../etc/passwd"),
        (ALICE, "msg_1_00/../../x"),
        (ALICE, "CON"),
        (ALICE, "msg_1:ads"),
        (ALICE, "msg_1_00. "),
        ("../../x@crabmail.ai", MESSAGE),
        ("a/b@crabmail.ai", MESSAGE),
    ] {
        assert!(StoredMessage::decode(json(from, id, "Hello").as_bytes()).is_err(), "{from} {id}");
    }
}
