//! A store in one SQLite file: what it does beyond the suite that all stores share (local mailbox).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs,
    unreachable_pub
)]

#[allow(dead_code, reason = "shared with the suite for all stores")]
#[path = "stores/messages.rs"]
mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use amp_client::envelope::Status;
use amp_client::store::{
    Appended, Entry, Folder, MessageKey, Position, Query, SqliteStore, Store, StoreErrorKind, Summary,
};
use tempfile::TempDir;

use crate::messages::{Letter, at, effect, held, numbers};

fn place() -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mail.db");
    (directory, file)
}

fn refused(file: &Path) -> StoreErrorKind {
    SqliteStore::open(file).unwrap_err().kind()
}

async fn all(store: &dyn Store) -> Vec<Summary> {
    let mut query = Query::new(Folder::Inbox);
    query.limit = 1_000;
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await.unwrap();
        all.extend(page.messages);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return all,
        }
    }
}

#[cfg(unix)]
mod access {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn a41_the_file_and_its_companions_are_the_owners_alone() {
        let (directory, file) = place();
        let store = SqliteStore::open(&file).unwrap();
        store.append(Entry::new(Position::START, vec![effect(1)])).await.unwrap();
        let entries: Vec<_> = fs::read_dir(directory.path()).unwrap().map(Result::unwrap).collect();
        assert!(entries.len() >= 3, "the file, what is written ahead, and a holder");
        for entry in entries {
            assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{:?}", entry.file_name());
        }
    }

    #[tokio::test]
    async fn a41_a_file_that_others_may_read_or_write_is_not_opened() {
        let (_directory, file) = place();
        drop(SqliteStore::open(&file).unwrap());
        for mode in [0o640, 0o604, 0o620, 0o602, 0o666, 0o610] {
            set_mode(&file, mode);
            assert_eq!(refused(&file), StoreErrorKind::Unsafe, "{mode:o}");
        }
        set_mode(&file, 0o600);
        SqliteStore::open(&file).unwrap();
    }

    #[tokio::test]
    async fn a41_a_file_in_a_folder_where_others_may_replace_it_is_not_opened() {
        let (directory, file) = place();
        drop(SqliteStore::open(&file).unwrap());
        for mode in [0o770, 0o707, 0o777] {
            set_mode(directory.path(), mode);
            assert_eq!(refused(&file), StoreErrorKind::Unsafe, "{mode:o}");
        }
        set_mode(directory.path(), 0o1777);
        SqliteStore::open(&file).unwrap();
    }

    #[tokio::test]
    async fn a38_a_link_a_second_name_a_folder_and_a_fifo_are_not_opened() {
        let (directory, file) = place();
        drop(SqliteStore::open(&file).unwrap());
        let other = directory.path().join("other.db");
        symlink(&file, &other).unwrap();
        assert_eq!(refused(&other), StoreErrorKind::Unsafe);
        fs::remove_file(&other).unwrap();
        symlink(directory.path().join("nothing"), &other).unwrap();
        assert_eq!(refused(&other), StoreErrorKind::Unsafe);
        assert!(!directory.path().join("nothing").exists());
        fs::remove_file(&other).unwrap();
        fs::create_dir(&other).unwrap();
        assert_eq!(refused(&other), StoreErrorKind::Unsafe);
        fs::remove_dir(&other).unwrap();
        assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&other).status().unwrap().success());
        assert_eq!(refused(&other), StoreErrorKind::Unsafe);
        fs::remove_file(&other).unwrap();
        fs::hard_link(&file, &other).unwrap();
        assert_eq!(refused(&other), StoreErrorKind::Unsafe);
        fs::remove_file(&other).unwrap();
        SqliteStore::open(&file).unwrap();
    }

    #[tokio::test]
    async fn a_store_is_opened_through_a_link_to_its_folder() {
        let (directory, file) = place();
        let real = directory.path().join("real");
        fs::create_dir(&real).unwrap();
        symlink(&real, directory.path().join("link")).unwrap();
        let file = file.with_file_name("link").join("mail.db");
        SqliteStore::open(file).unwrap();
        assert!(real.join("mail.db").exists());
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_not_opened_and_not_changed() {
    let (_directory, file) = place();
    let create = |bytes: &[u8]| {
        let _ = fs::remove_file(&file);
        fs::write(&file, bytes).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    let text = "this is not a database, it only pretends to be one ".repeat(100);
    create(text.as_bytes());
    assert_eq!(refused(&file), StoreErrorKind::Damaged);
    assert_eq!(fs::read(&file).unwrap(), text.as_bytes());

    for sql in ["CREATE TABLE theirs (a)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"] {
        create(b"");
        rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&file).unwrap();
        assert_eq!(refused(&file), StoreErrorKind::Damaged, "{sql}");
        assert_eq!(fs::read(&file).unwrap(), before, "{sql}");
    }
}

#[tokio::test]
async fn a_newer_store_is_not_opened() {
    let (_directory, file) = place();
    drop(SqliteStore::open(&file).unwrap());
    rusqlite::Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    assert_eq!(refused(&file), StoreErrorKind::Damaged);
}

#[tokio::test]
async fn what_was_damaged_is_said_to_be_and_not_left_out() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let entry = Entry::new(Position::START, vec![effect(1), effect(2)]);
    store.append(entry.with_message(Letter::number(1).received(1)).with_held(held(1))).await.unwrap();
    let damage = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let key = MessageKey::of(&Letter::number(1).message());

    damage(r#"UPDATE effects SET json = CAST('{"v":2,"effect":"clock_set"}' AS BLOB) WHERE number = 2"#);
    assert_eq!(store.load(Position::START).await.unwrap_err().kind(), StoreErrorKind::Damaged);
    damage("UPDATE messages SET stored = x'7b7d'");
    assert_eq!(store.get(Folder::Inbox, &key).await.unwrap_err().kind(), StoreErrorKind::Damaged);
    assert_eq!(store.mark(&key, Status::Read, at(1)).await.unwrap_err().kind(), StoreErrorKind::Damaged);
    damage("UPDATE messages SET peer = 'no address'");
    assert_eq!(store.list(&Query::new(Folder::Inbox)).await.unwrap_err().kind(), StoreErrorKind::Damaged);
    damage("UPDATE held SET entry = x'00'");
    assert_eq!(store.held().await.unwrap_err().kind(), StoreErrorKind::Damaged);
    damage("UPDATE progress SET position = -1");
    let error = store.append(Entry::new(Position::START, vec![])).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Damaged);
    assert_eq!(error.to_string(), "store, reading a position: cannot read what is stored");
}

#[tokio::test]
async fn holders_leave_no_files_behind() {
    let (directory, file) = place();
    let count = || {
        let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().contains("-holder-")).count()
    };
    let stores: Vec<_> = (0..4).map(|_| SqliteStore::open(&file).unwrap()).collect();
    assert_eq!(count(), 4);
    drop(stores);
    assert_eq!(count(), 0);
    // One that was killed leaves its file to whoever comes next.
    fs::write(directory.path().join("mail.db-holder-0123456789abcdef"), "").unwrap();
    let store = SqliteStore::open(&file).unwrap();
    assert_eq!(count(), 1);
    drop(store);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "the store alone");
}

#[tokio::test]
async fn a_lock_of_another_program_is_waited_for() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let appended =
        tokio::spawn(async move { store.append(Entry::new(Position::START, vec![effect(1)])).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!appended.is_finished());
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(appended.await.unwrap().unwrap(), Appended::Stored(_)));
}

// What follows starts this program again, as the processes that share a store.

const FILE: &str = "AMP_TEST_STORE";
const FIRST: &str = "AMP_TEST_FIRST";
const LAST: &str = "AMP_TEST_LAST";

fn start(file: &Path, first: u64, last: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_takes_letters_in", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(FIRST, first.to_string())
        .env(LAST, last.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A process of the tests below; by itself it does nothing.
#[tokio::test]
async fn a_process_that_takes_letters_in() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (first, last) = (number(FIRST), number(LAST));
    // Written past the harness, and at once.
    let say = |line: String| writeln!(std::io::stdout().lock(), "\n{line}").unwrap();
    let store = SqliteStore::open(file).unwrap();
    let mut seen = BTreeSet::new();
    let mut position = Position::START;
    for number in first..last {
        loop {
            let loaded = store.load(position).await.unwrap();
            if loaded.is_whole {
                seen.clear();
            }
            seen.extend(numbers(&loaded.effects));
            position = loaded.position;
            if seen.contains(&number) {
                break;
            }
            let entry = Entry::new(position, vec![effect(number)]);
            let entry = entry.with_message(Letter::number(number).received(number));
            if let Appended::Stored(now) = store.append(entry).await.unwrap() {
                position = now;
                seen.insert(number);
                say(format!("stored {number}"));
                if number % 2 == 0 {
                    say(format!("handing {number}"));
                    store.handed_out(&MessageKey::of(&Letter::number(number).message())).await.unwrap();
                    say(format!("handed {number}"));
                }
                break;
            }
        }
        if number % 50 == 49 {
            let effects = store.load(Position::START).await.unwrap();
            store.compact(effects.position, effects.effects).await.unwrap();
        }
    }
}

/// What a process has said, once it is over.
fn said(child: Child) -> Vec<(String, u64)> {
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    // The last line may have been torn.
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    let lines = whole.lines().filter_map(|line| {
        let (what, number) = line.split_once(' ')?;
        ["stored", "handing", "handed"].contains(&what).then(|| (what.to_owned(), number.parse().unwrap()))
    });
    lines.collect()
}

/// Each letter stands in the inbox if and only if it is remembered, and no more than once.
async fn consistent(store: &SqliteStore) -> BTreeSet<u64> {
    let mut times = BTreeMap::<u64, usize>::new();
    for number in numbers(&store.load(Position::START).await.unwrap().effects) {
        *times.entry(number).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "taken in twice");
    let listed: Vec<_> = all(store).await.into_iter().map(|summary| summary.key).collect();
    let expected: BTreeSet<_> =
        times.keys().map(|number| MessageKey::of(&Letter::number(*number).message())).collect();
    assert_eq!(listed.len(), expected.len());
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    times.into_keys().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a33_processes_that_take_in_the_same_letters_take_each_in_exactly_once() {
    let (_directory, file) = place();
    let children: Vec<_> = (0..8).map(|_| start(&file, 0, 200)).collect();
    let said: Vec<_> = children.into_iter().flat_map(said).collect();
    let stored: Vec<_> =
        said.iter().filter(|(what, _)| what == "stored").map(|(_, number)| *number).collect();
    assert_eq!(stored.len(), 200, "each was stored by one process");
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), (0..200).collect());
    let store = SqliteStore::open(&file).unwrap();
    assert_eq!(consistent(&store).await, (0..200).collect());
    // Whoever stored it is gone; half of them were handed out.
    let abandoned = store.take_abandoned(1_000).await.unwrap();
    assert_eq!(abandoned.len(), 100);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a39_processes_that_are_killed_lose_nothing_that_they_said_was_stored() {
    const ROUNDS: u64 = 25;
    const AT_ONCE: u64 = 4;
    let (_directory, file) = place();
    let (mut stored, mut handing, mut handed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for round in 0..ROUNDS {
        // Two and two take in the same letters.
        let first = |process: u64| (round * AT_ONCE + process / 2) * 100_000;
        let mut children: Vec<_> =
            (0..AT_ONCE).map(|process| start(&file, first(process), first(process) + 90_000)).collect();
        for (at, child) in children.iter_mut().enumerate() {
            tokio::time::sleep(Duration::from_millis(20 + (round * 37 + at as u64 * 11) % 60)).await;
            assert!(child.try_wait().unwrap().is_none(), "it was still at work");
            child.kill().unwrap();
        }
        for (what, number) in children.into_iter().flat_map(said) {
            let is_new = match what.as_str() {
                "stored" => stored.insert(number),
                "handing" => handing.insert(number),
                _ => handed.insert(number),
            };
            assert!(is_new, "{what} {number} twice");
        }
        let store = SqliteStore::open(&file).unwrap();
        let there = consistent(&store).await;
        assert!(stored.is_subset(&there), "lost: {:?}", stored.difference(&there).collect::<Vec<_>>());
    }
    assert!(stored.len() > 100, "the processes came to work: {}", stored.len());
    let store = SqliteStore::open(&file).unwrap();
    let mut abandoned = BTreeSet::new();
    loop {
        let taken = store.take_abandoned(1_000).await.unwrap();
        if taken.is_empty() {
            break;
        }
        for message in taken {
            let number = numbers_of(message.message().unsigned().id().as_str());
            assert!(abandoned.insert(number), "{number} twice");
        }
    }
    assert!(abandoned.is_disjoint(&handed), "handed out again");
    let there = consistent(&store).await;
    let owed: BTreeSet<_> = there.difference(&handing).copied().collect();
    assert!(owed.is_subset(&abandoned), "lost on the way to the program");
}

fn numbers_of(id: &str) -> u64 {
    u64::from_str_radix(id.rsplit('_').next().unwrap(), 16).unwrap()
}

// rule: SEAL-16
#[tokio::test]
async fn what_opens_a_sealed_message_leaves_the_file_with_it() {
    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let secret = amp_client::crypto::seal::SharedSecret::parse(SECRET).unwrap();
    let mut keys = Vec::new();
    for number in 0..40 {
        let mut stored = Letter::number(number).received(number);
        stored.set_sealed_secret(&secret);
        keys.push(MessageKey::of_sent(stored.message()));
        store.keep_sent(stored).await.unwrap();
    }
    let holds_secret =
        || fs::read(&file).unwrap().windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    drop(store);
    let store = SqliteStore::open(&file).unwrap();
    assert!(holds_secret());
    for key in &keys {
        assert!(store.delete(Folder::Sent, key).await.unwrap());
    }
    drop(store);
    drop(SqliteStore::open(&file).unwrap());
    assert!(!holds_secret());
}
