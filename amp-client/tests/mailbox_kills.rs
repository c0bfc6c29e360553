//! Processes on one mailbox that are killed whenever it hits them, and that take each other's messages: nothing is lost,
//! and nothing is had twice.
//!
//! The children are this program again. `AMP_KILLS=1000 cargo test -p amp-client --test mailbox_kills` kills that many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use amp_client::envelope::StoredMessage;
use amp_client::mailbox::Mailbox;
use amp_client::receive::Effect;
use amp_client::store::{Appended, Entry, Folder, MessageKey, Position, Query, Store};

const PROCESSES: usize = 8;

/// Killed when nothing else is asked for: as many as fit into an ordinary run of the tests.
const KILLS: usize = 300;

const DIRECTORY: &str = "AMP_TEST_MAILBOX";
const ROLE: &str = "AMP_TEST_ROLE";

fn letter(number: u64) -> StoredMessage {
    let from = ["alice@acme.crabmail.ai", "carol@acme.crabmail.ai", "dave@evil.test"][(number % 3) as usize];
    let json = format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"msg_1_{number:08x}","from":"{from}","to":"bob@acme.crabmail.ai",
        "subject":"Hi","priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"msg_1_{number:08x}","signature":null}},
        "payload":{{"type":"notification","message":"Number {number}","context":null}}}}"#
    );
    StoredMessage::decode(json.as_bytes()).unwrap()
}

fn key(number: u64) -> MessageKey {
    MessageKey::of(letter(number).message())
}

fn number_of(stored: &StoredMessage) -> u64 {
    let id = stored.message().unsigned().id();
    u64::from_str_radix(id.as_str().strip_prefix("msg_1_").unwrap(), 16).unwrap()
}

/// What a receiver remembers of a message: each has a time of its own.
fn effect(number: u64) -> Effect {
    let (hours, minutes, seconds) = (number / 3_600 % 24, number / 60 % 60, number % 60);
    let day = 1 + number / 86_400;
    let json = format!(
        r#"{{"v":1,"effect":"clock_set","to":"2026-02-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z"}}"#
    );
    Effect::from_json(json.as_bytes()).unwrap()
}

/// A line that has survived this process, and its kill: the system has it.
fn note(directory: &Path, line: &str) {
    let mut log = OpenOptions::new().append(true).create(true).open(directory.join("log")).unwrap();
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A receiver: what it has seen is not stored again.
struct Receiver<'a> {
    mailbox: &'a Mailbox,
    position: Position,
    seen: BTreeSet<String>,
}

impl Receiver<'_> {
    async fn catch_up(&mut self) {
        let loaded = self.mailbox.load(self.position).await.unwrap();
        if loaded.is_whole {
            self.seen.clear();
        }
        self.seen.extend(loaded.effects.iter().map(Effect::to_json));
        self.position = loaded.position;
    }

    /// Gives true when this process stored it, and false when somebody had.
    async fn deliver(&mut self, number: u64) -> bool {
        loop {
            if self.seen.contains(&effect(number).to_json()) {
                return false;
            }
            let entry = Entry::new(self.position, vec![effect(number)]).with_message(letter(number));
            match self.mailbox.append(entry).await.unwrap() {
                Appended::Stored(position) => {
                    self.position = position;
                    self.seen.insert(effect(number).to_json());
                    return true;
                }
                _ => self.catch_up().await,
            }
        }
    }
}

/// The program that is killed: it stores what comes, has it, remembers that it had it, and takes on what others left.
async fn child(directory: &Path, log: &Path, messages: u64, start: u64) {
    let mailbox = Mailbox::open(directory.join("agent")).unwrap();
    let mut receiver = Receiver { mailbox: &mailbox, position: Position::START, seen: BTreeSet::new() };
    receiver.catch_up().await;
    let mut number = start % messages;
    for round in 0..messages {
        if receiver.deliver(number).await {
            // The provider is told, so it does not send it again.
            note(log, &format!("acknowledged {number} {}", std::process::id()));
            hand_out(&mailbox, log, number).await;
        }
        if round % 5 == 0 {
            for stored in mailbox.take_abandoned(10).await.unwrap() {
                hand_out(&mailbox, log, number_of(&stored)).await;
            }
        }
        if round % 40 == 39 && start.is_multiple_of(3) {
            receiver.catch_up().await;
            let all = mailbox.load(Position::START).await.unwrap();
            mailbox.compact(all.position, all.effects).await.unwrap();
        }
        number = (number + 1) % messages;
    }
}

/// The program has a message: it notes that, and only then says so.
async fn hand_out(mailbox: &Mailbox, log: &Path, number: u64) {
    note(log, &format!("had {number} {}", std::process::id()));
    mailbox.handed_out(&key(number)).await.unwrap();
    note(log, &format!("remembered {number} {}", std::process::id()));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn spawn(directory: &Path, messages: u64, start: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["the_child_that_the_others_start", "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(ROLE, format!("{messages} {start}"))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what the processes of the others do.
#[test]
fn the_child_that_the_others_start() {
    let (Ok(directory), Ok(role)) = (env::var(DIRECTORY), env::var(ROLE)) else { return };
    let (messages, start) = role.split_once(' ').unwrap();
    let directory = PathBuf::from(directory);
    let (messages, start) = (messages.parse().unwrap(), start.parse().unwrap());
    runtime().block_on(child(&directory, &directory, messages, start));
}

/// What the processes noted.
#[derive(Default)]
struct Account {
    /// By whom a message was had, in that order.
    had: BTreeMap<u64, Vec<u64>>,
    remembered: BTreeSet<u64>,
    acknowledged: Vec<u64>,
}

/// Reads what was noted. That a message was had again is an error, unless the process that had it was killed before it
/// could say so.
fn account(directory: &Path) -> Account {
    let log = fs::read_to_string(directory.join("log")).unwrap();
    let mut account = Account::default();
    let mut killed = BTreeSet::new();
    for line in log.lines() {
        let mut words = line.split(' ');
        let what = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        let (number, process) = (number(), number());
        match what {
            "acknowledged" => account.acknowledged.push(number),
            "remembered" => drop(account.remembered.insert(number)),
            "killed" => drop(killed.insert(process)),
            _ => {
                assert!(!account.remembered.contains(&number), "{number} was had again");
                let before = account.had.entry(number).or_default();
                assert!(before.iter().all(|process| killed.contains(process)), "{number} was had by two");
                before.push(process);
            }
        }
    }
    account
}

/// Kills a process, and notes that before.
fn kill(directory: &Path, child: &mut Child) {
    note(directory, &format!("killed 0 {}", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What is in the mailbox when all are gone, and has all that was acknowledged and nothing twice.
fn check_mailbox(directory: &Path, account: &Account, messages: u64) {
    runtime().block_on(async {
        let mailbox = Mailbox::open(directory.join("agent")).unwrap();
        let left = mailbox.take_abandoned(1_000).await.unwrap();
        let left: BTreeSet<u64> = left.iter().map(number_of).collect();
        assert!(left.is_disjoint(&account.remembered), "a message would be handed out again");
        for number in &account.acknowledged {
            assert!(account.had.contains_key(number) || left.contains(number), "nobody ever has {number}");
        }
        let mut listed = BTreeSet::new();
        let mut query = Query::new(Folder::Inbox);
        query.limit = 1_000;
        loop {
            let page = mailbox.list(&query).await.unwrap();
            for summary in page.messages {
                assert!(listed.insert(summary.key), "a message is listed twice");
            }
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        for number in &account.acknowledged {
            assert!(listed.contains(&key(*number)), "{number} is lost");
        }
        assert!(listed.len() as u64 <= messages);
        let effects = mailbox.load(Position::START).await.unwrap().effects;
        assert_eq!(effects.len(), listed.len(), "what is remembered and what is there differ");
        assert!(mailbox.foreign(10).await.unwrap().is_empty());
        assert!(mailbox.oddities().is_empty(), "{:?}", mailbox.oddities());
    });
}

fn place() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("agent")).unwrap();
    directory
}

// rule: MAIL-1, MAIL-11, MAIL-16
#[test]
fn a39_processes_that_are_killed_lose_nothing_and_nothing_is_had_twice() {
    let kills = env::var("AMP_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let messages = 20_000;
    let place = place();
    let directory = place.path();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut killed = 0;
    let mut children: Vec<Child> = (0..PROCESSES).map(|_| spawn(directory, messages, next())).collect();
    let give_up = Instant::now() + Duration::from_secs(1_800);
    while killed < kills && Instant::now() < give_up {
        thread::sleep(Duration::from_millis(5 + next() % 60));
        let which = (next() % PROCESSES as u64) as usize;
        // A child that came to its end by itself was not killed.
        killed += usize::from(children[which].try_wait().unwrap().is_none());
        kill(directory, &mut children[which]);
        children[which] = spawn(directory, messages, next());
    }
    for child in &mut children {
        kill(directory, child);
    }
    assert_eq!(killed, kills);
    let account = account(directory);
    let again: usize = account.had.values().map(|processes| processes.len() - 1).sum();
    check_mailbox(directory, &account, messages);
    println!(
        "{kills} kills, {} messages stored, {again} had again by another after a kill",
        account.acknowledged.len()
    );
}

// rule: MAIL-10
#[test]
fn a33_eight_processes_that_are_given_the_same_messages_store_each_once() {
    let messages = env::var("AMP_DELIVERIES").map_or(100, |all| all.parse().unwrap());
    let place = place();
    let directory = place.path();
    let children: Vec<Child> = (0..PROCESSES).map(|_| spawn(directory, messages, 0)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let account = account(directory);
    assert_eq!(account.had.len() as u64, messages, "messages were lost");
    assert!(account.had.values().all(|processes| processes.len() == 1), "a message was had twice");
    assert_eq!(account.acknowledged.len() as u64, messages, "a message was stored twice");
    check_mailbox(directory, &account, messages);
}
