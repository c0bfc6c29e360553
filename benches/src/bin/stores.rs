//! Prints what a store with many messages costs: appending, lists, counting, searching, opening. Wall clock, since disks
//! and other threads take part. `stores [<number of messages>] [<folder on the disk to measure>]`.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amp_client::envelope::{Message, Status, StoredMessage};
use amp_client::mailbox::Mailbox;
use amp_client::store::{
    Appended, Entry, Folder, MemoryStore, MessageKey, Position, Query, SqliteStore, Store,
};
use amp_core::Timestamp;
use amp_core::receive::Effect;

/// Messages of one thread, and of one sender.
const THREAD: usize = 10;
const SENDERS: usize = 100;
/// How often each read is measured, and each write.
const READS: usize = 200;
const WRITES: usize = 1_000;

fn at(second: usize) -> Timestamp {
    Timestamp::from_unix_seconds(1_769_853_600 + second as i64).expect("a time of this century")
}

fn id(number: usize) -> String {
    format!("msg_1769853600_{number:016x}")
}

/// A kilobyte, in a thread of ten.
fn message(number: usize) -> Message {
    let (id, thread) = (id(number), id(number / THREAD * THREAD));
    let text = "What was agreed on the last call, and what is left to do until Friday? ".repeat(6);
    let json = format!(
        r#"{{"envelope":{{"version":"amp/0.1","id":"{id}","from":"agent{}@acme.crabmail.ai","to":"bob@acme.crabmail.ai","subject":"Letter {number}","priority":"normal","timestamp":"2026-01-31T10:00:00Z","thread_id":"{thread}","signature":"{}"}},"payload":{{"type":"notification","message":"{text}","context":{{"number":{number}}}}}}}"#,
        number % SENDERS,
        "A".repeat(86) + "==",
    );
    Message::decode(json.as_bytes()).expect("a message")
}

fn stored(number: usize) -> StoredMessage {
    StoredMessage::new(message(number), at(number))
}

fn key(number: usize) -> MessageKey {
    MessageKey::of(&message(number))
}

/// The median of readings, and what one in a hundred exceeds.
struct Times(Vec<Duration>);

impl Times {
    /// A slow row is not measured for minutes.
    fn is_enough(&self) -> bool {
        self.0.len() >= 20 && self.0.iter().sum::<Duration>() > Duration::from_secs(5)
    }

    fn row(&mut self, what: &str) {
        self.0.sort_unstable();
        let at = |part: usize| self.0[(self.0.len() * part / 100).min(self.0.len() - 1)].as_secs_f64() * 1e6;
        println!("  {what:<34}{:>12.0} µs{:>12.0} µs", at(50), at(99));
    }
}

async fn append(store: &dyn Store, at: Position, number: usize) -> Position {
    let effect = Effect::ClockSet { to: self::at(number) };
    match store.append(Entry::new(at, vec![effect]).with_message(stored(number))).await.expect("it is stored")
    {
        Appended::Stored(position) => position,
        other => panic!("{other:?}"),
    }
}

async fn measure(name: &str, messages: usize, open: impl Fn() -> Arc<dyn Store>) {
    println!("{name}");
    let store = open();
    let began = Instant::now();
    let mut position = Position::START;
    for number in 0..messages {
        position = append(&*store, position, number).await;
        if number % 3 != 0 {
            store.mark(&key(number), Status::Read, at(number)).await.expect("it is marked");
        }
        // As the inbox does it: what is remembered stays small.
        if number % 10_000 == 9_999 {
            store
                .compact(position, vec![Effect::ClockSet { to: at(number) }])
                .await
                .expect("it is compacted");
        }
    }
    let filled = began.elapsed();
    println!("  {:<34}{:>12.1} s", format!("filled with {messages}"), filled.as_secs_f64());
    drop(store);
    let before = resident();
    let began = Instant::now();
    let store = open();
    assert!(store.unread().await.expect("they are counted") > 0);
    println!("  {:<34}{:>12.0} ms", "opened, and counted once", began.elapsed().as_secs_f64() * 1e3);

    let mut times = Times(Vec::new());
    for number in messages..messages + WRITES {
        if times.is_enough() {
            break;
        }
        let entry = stored(number);
        let entry = Entry::new(position, vec![Effect::ClockSet { to: at(number) }]).with_message(entry);
        let began = Instant::now();
        let appended = store.append(entry).await.expect("it is stored");
        times.0.push(began.elapsed());
        let Appended::Stored(now) = appended else { panic!("{appended:?}") };
        position = now;
    }
    let messages = messages + times.0.len();
    times.row("append");

    let some = |turn: usize| turn.wrapping_mul(7_919) % messages;
    let page = |set: &dyn Fn(&mut Query)| {
        let mut query = Query::new(Folder::Inbox);
        set(&mut query);
        query
    };
    let list = async |what: &str, make: &dyn Fn(usize) -> Query, least: usize| {
        let mut times = Times(Vec::new());
        for turn in 0..READS {
            if times.is_enough() {
                break;
            }
            let query = make(turn);
            let began = Instant::now();
            let found = store.list(&query).await.expect("a list");
            times.0.push(began.elapsed());
            assert!(found.messages.len() >= least, "{what}: {}", found.messages.len());
        }
        times.row(what);
    };
    list("list the newest 100", &|_| page(&|_| ()), 100).await;
    list("list the newest 100 unread", &|_| page(&|query| query.status = Some(Status::Unread)), 100).await;
    list("search by thread", &|turn| page(&|query| query.thread = Some(thread(some(turn)))), 1).await;
    list(
        "search by sender, 100",
        &|turn| page(&|query| query.peer = Some(key(some(turn)).peer().clone())),
        1,
    )
    .await;
    list("search by id", &|turn| page(&|query| query.id = Some(key(some(turn)).id().clone())), 1).await;

    let mut times = Times(Vec::new());
    for _ in 0..READS {
        if times.is_enough() {
            break;
        }
        let began = Instant::now();
        black_box(store.unread().await.expect("they are counted"));
        times.0.push(began.elapsed());
    }
    times.row("count the unread");
    let mut times = Times(Vec::new());
    for turn in 0..READS {
        let key = key(some(turn));
        let began = Instant::now();
        assert!(store.get(Folder::Inbox, &key).await.expect("it is read").is_some());
        times.0.push(began.elapsed());
    }
    times.row("get");
    let mut times = Times(Vec::new());
    for turn in 0..READS {
        if times.is_enough() {
            break;
        }
        let key = key(some(turn));
        let began = Instant::now();
        assert!(store.mark(&key, Status::Read, at(0)).await.expect("it is marked"));
        times.0.push(began.elapsed());
    }
    times.row("mark as read");
    if let (Some(before), Some(now)) = (before, resident()) {
        println!(
            "  {:<34}{:>12.1} MiB",
            "memory since it was opened",
            now.saturating_sub(before) as f64 / 1048576.0
        );
    }
}

fn thread(number: usize) -> amp_core::envelope::MessageId {
    message(number).unsigned().thread_id()
}

/// Bytes of this process that are in memory, where the system says so.
fn resident() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split_whitespace().nth(1)?.parse::<usize>().ok()? * rustix::param::page_size())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let messages = arguments.next().map_or(100_000, |number| number.parse().expect("a number of messages"));
    let ground = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let ground = ground.join(format!("amp-stores-{}", std::process::id()));
    std::fs::create_dir(&ground).expect("a new folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    println!("  {:<34}{:>12}   {:>12}", "", "median", "99 of 100");
    runtime.block_on(async {
        let (folder, file) = (ground.join("agent"), ground.join("mail.db"));
        std::fs::create_dir(&folder).expect("a new folder");
        measure("mailbox on disk", messages, || Arc::new(Mailbox::open(&folder).expect("a mailbox"))).await;
        measure("SQLite", messages, || Arc::new(SqliteStore::open(&file).expect("a store"))).await;
        let memory = MemoryStore::with_capacity(usize::MAX);
        measure("memory", messages, || Arc::new(memory.another_holder())).await;
    });
    let _ = std::fs::remove_dir_all(&ground);
}
