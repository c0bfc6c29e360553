//! Many agents that write to each other through one embedded provider: no message is lost, and none comes twice.

use core::fmt;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use amp_client::{Client, Draft, Inbox, Loopback};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// What may go wrong besides messages that are lost.
pub type Result<T> = core::result::Result<T, Box<dyn core::error::Error + Send + Sync>>;

/// For how long nothing may arrive before the run counts as failed.
const STANDSTILL: Duration = Duration::from_secs(60);
/// How many messages are being sent at once.
const SENDING_AT_ONCE: usize = 64;
/// How many agents are being registered at once.
const REGISTERING_AT_ONCE: usize = 16;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Agents, each with an inbox of its own.
    pub agents: usize,
    /// Messages between them.
    pub messages: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { agents: 1_000, messages: 100_000 }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Messages that were sent, and that arrived once.
    pub arrived: usize,
    /// Messages that arrived more than once.
    pub twice: usize,
    /// Messages that were sent and did not arrive.
    pub lost: usize,
    /// From the first message sent to the last one received.
    pub took: Duration,
    /// From the call that sends a message to the moment its recipient has it, for half and for 99 of 100 messages.
    pub half_within: Duration,
    /// The same for 99 of 100 messages.
    pub most_within: Duration,
    /// The memory of the whole process at the end, in bytes, where the system says it.
    pub memory: Option<u64>,
}

impl Report {
    /// Whether every message arrived once.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.twice == 0 && self.lost == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = u128::try_from(self.arrived).unwrap_or(0) * 1_000 / self.took.as_millis().max(1);
        writeln!(f, "arrived once {:>10}", self.arrived)?;
        writeln!(f, "twice        {:>10}", self.twice)?;
        writeln!(f, "lost         {:>10}", self.lost)?;
        writeln!(f, "seconds      {:>10.1}", self.took.as_secs_f64())?;
        writeln!(f, "a second     {rate:>10}")?;
        writeln!(f, "p50 ms       {:>10.1}", self.half_within.as_secs_f64() * 1e3)?;
        writeln!(f, "p99 ms       {:>10.1}", self.most_within.as_secs_f64() * 1e3)?;
        match self.memory {
            Some(bytes) => write!(f, "memory MiB   {:>10}", bytes / (1024 * 1024)),
            None => write!(f, "memory       {:>10}", "unknown"),
        }
    }
}

/// What senders and recipients tell each other besides messages.
struct Board {
    began: Instant,
    /// How often each message arrived.
    times: Vec<AtomicU8>,
    /// When each was sent, in microseconds since the beginning.
    sent: Vec<AtomicU64>,
    took: Mutex<Vec<Duration>>,
    arrived: AtomicUsize,
    all: Notify,
}

impl Board {
    fn new(messages: usize) -> Self {
        Self {
            began: Instant::now(),
            times: (0..messages).map(|_| AtomicU8::new(0)).collect(),
            sent: (0..messages).map(|_| AtomicU64::new(0)).collect(),
            took: Mutex::new(Vec::with_capacity(messages)),
            arrived: AtomicUsize::new(0),
            all: Notify::new(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn note_sent(&self, message: usize) {
        if let Some(sent) = self.sent.get(message) {
            sent.store(self.now(), Ordering::Relaxed);
        }
    }

    fn note_arrived(&self, message: usize) {
        let (Some(times), Some(sent)) = (self.times.get(message), self.sent.get(message)) else { return };
        if times.fetch_add(1, Ordering::Relaxed) == 0 {
            let took = Duration::from_micros(self.now().saturating_sub(sent.load(Ordering::Relaxed)));
            self.took.lock().unwrap_or_else(PoisonError::into_inner).push(took);
            if self.arrived.fetch_add(1, Ordering::Relaxed) + 1 == self.times.len() {
                self.all.notify_one();
            }
        }
    }

    /// Waits until everything arrived, or nothing has for a while.
    async fn everything(&self) {
        loop {
            let before = self.arrived.load(Ordering::Relaxed);
            let waited = tokio::time::timeout(STANDSTILL, self.all.notified()).await;
            if waited.is_ok() || self.arrived.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    fn report(&self, took: Duration) -> Report {
        let times = |wanted: fn(u8) -> bool| {
            self.times.iter().filter(|times| wanted(times.load(Ordering::Relaxed))).count()
        };
        let mut each = self.took.lock().unwrap_or_else(PoisonError::into_inner).clone();
        each.sort_unstable();
        let within = |hundredths: usize| each.get(each.len() * hundredths / 100).copied().unwrap_or_default();
        Report {
            arrived: times(|times| times == 1),
            twice: times(|times| times > 1),
            lost: times(|times| times == 0),
            took,
            half_within: within(50),
            most_within: within(99),
            memory: memory(),
        }
    }
}

/// Runs it: on the present runtime, everything in this process.
///
/// # Errors
/// When the provider does not start, an agent is not registered, or a message is not taken.
pub async fn run(plan: Plan) -> Result<Report> {
    let provider = Loopback::builder().without_limits().start().await?;
    let agents = register(&provider, plan.agents).await?;
    let board = Arc::new(Board::new(plan.messages));
    let mut inboxes = JoinSet::new();
    for agent in &agents {
        let inbox = agent.inbox().await?;
        inboxes.spawn(receive(inbox, Arc::clone(&board)));
    }
    let began = Instant::now();
    send_all(&agents, plan.messages, &board).await?;
    board.everything().await;
    let report = board.report(began.elapsed());
    drop(inboxes);
    provider.stop().await;
    Ok(report)
}

/// Registers agents, some at a time.
async fn register(provider: &Loopback, agents: usize) -> Result<Vec<Client>> {
    let places = Arc::new(Semaphore::new(REGISTERING_AT_ONCE));
    let mut registering = JoinSet::new();
    for number in 0..agents {
        let (places, url) = (Arc::clone(&places), provider.url());
        registering.spawn(async move {
            let _place = places.acquire_owned().await;
            Client::builder(url).in_memory().register(&format!("agent-{number}")).await
        });
    }
    let mut clients = Vec::with_capacity(agents);
    while let Some(client) = registering.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// Each message goes from one agent to another; which ones, its number says.
async fn send_all(agents: &[Client], messages: usize, board: &Arc<Board>) -> Result<()> {
    let places = Arc::new(Semaphore::new(SENDING_AT_ONCE));
    let mut sending = JoinSet::new();
    for number in 0..messages {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let sender = number % agents.len();
        // Never to itself, and to everybody in turn.
        let recipient = (sender + 1 + (number / agents.len()) * 7 % (agents.len() - 1)) % agents.len();
        let (Some(sender), Some(recipient)) = (agents.get(sender), agents.get(recipient)) else { continue };
        let (sender, address, board) = (sender.clone(), recipient.address(), Arc::clone(board));
        sending.spawn(async move {
            let _place = place;
            board.note_sent(number);
            sender.send(Draft::request(address, "soak", &number.to_string())).await.map(drop)
        });
        while let Some(sent) = sending.try_join_next() {
            sent??;
        }
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}

/// Notes what arrives.
async fn receive(mut inbox: Inbox, board: Arc<Board>) {
    while let Some(received) = inbox.next().await {
        match received {
            Ok(received) => {
                let (_, text) = received.text().into_parts();
                if let Ok(number) = text.parse() {
                    board.note_arrived(number);
                }
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// How much memory the process has, in bytes.
#[must_use]
pub fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}
