//! Prints what a message costs from sending to acknowledging, over a provider in another process: with our client and
//! inbox, beside a plain program of reqwest and tokio-tungstenite that checks nothing. They take turns.
//!
//! `round_trips [<blocks>]` measures round trips; `round_trips inboxes [<number>]` the memory of open inboxes;
//! `round_trips soak [<agents> <messages>]` runs the example `soak`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use amp_client::identity::ApiKey;
use amp_client::wire::{ApiUrl, GetHealth, Register, Registered, Request, Route};
use amp_client::{Address, Client, Draft, Identity, Inbox, Loopback, Timestamp};
use futures_util::{SinkExt, StreamExt};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, client_async};

#[path = "../../../examples/src/soak.rs"]
mod soak;

/// Messages of a block, sent one after the other and all at once by turns.
const BLOCK: usize = 200;
/// How many inboxes are opened before their idle connections are waited for, and how long those last.
const AT_ONCE: usize = 4_000;
const IDLE: Duration = Duration::from_secs(40);
/// How many are under way where several are.
const UNDER_WAY: usize = 32;
/// About the length of a message between agents.
const TEXT: &str = "Please look at pull request 42 when you have a minute: the parser refuses numbers that it ought to take, \
    and I do not see where. The test that fails is in tests/numbers.rs.";

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match words.as_slice() {
        ["serve"] => runtime.block_on(serve()),
        [] => runtime.block_on(round_trips(40)),
        ["inboxes"] => runtime.block_on(inboxes(10_000)),
        ["inboxes", number] => runtime.block_on(inboxes(number.parse()?)),
        ["soak"] => runtime.block_on(soak(soak::Plan::default())),
        ["soak", agents, messages] => {
            runtime.block_on(soak(soak::Plan { agents: agents.parse()?, messages: messages.parse()? }))
        }
        [blocks] => runtime.block_on(round_trips(blocks.parse()?)),
        _ => Err("usage: round_trips [<blocks> | inboxes [<number>] | soak [<agents> <messages>]]".into()),
    }
}

async fn soak(plan: soak::Plan) -> Result {
    println!("{} agents, {} messages, all in one process", plan.agents, plan.messages);
    let report = soak::run(plan).await?;
    println!("{report}");
    if report.is_whole() { Ok(()) } else { Err("messages were lost, or came twice".into()) }
}

// ------------------------------------------------------------------------------------------------ the other process

/// Runs the provider until the other end of its input is gone.
async fn serve() -> Result {
    let provider = Loopback::builder().without_limits().start().await?;
    println!("{}", provider.url());
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    provider.stop().await;
    Ok(())
}

struct Provider {
    child: Child,
    api: ApiUrl,
}

impl Provider {
    fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { child, api: line.trim().parse()? })
    }

    fn memory(&self) -> Option<u64> {
        memory_of(&self.child.id().to_string())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

// -------------------------------------------------------------------------------------------------- a plain program

/// An agent that believes everything.
struct Plain {
    api: ApiUrl,
    http: reqwest::Client,
    address: Address,
    key: ApiKey,
    identity: Identity,
}

impl Plain {
    async fn register(api: &ApiUrl, name: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let identity = Identity::generate();
        let request = Register::new(name.parse()?, identity.verifying_key()).in_tenant("default").to_parts();
        let answer = http.post(format!("{api}/register")).body(request.body).send().await?;
        let parts = amp_client::wire::AnswerParts::new(answer.status().as_u16());
        let parts = parts.with_body(answer.bytes().await?.to_vec());
        let registered = <Registered as amp_client::wire::Answer>::from_parts(&parts)
            .map_err(|error| error.to_string())?;
        Ok(Self { api: api.clone(), http, address: registered.address, key: registered.api_key, identity })
    }

    async fn send(&self, to: &Address, text: &str) -> Result {
        let now = Timestamp::try_from(SystemTime::now())?;
        let signed =
            Draft::request(to.clone(), "round trip", text).from(&self.address).sign(&self.identity, now)?;
        let request = Route::new(&signed).to_parts();
        let answer =
            self.http.post(format!("{}/route", self.api)).bearer_auth(self.key.expose()).body(request.body);
        let answer = answer.header("Content-Type", "application/json").send().await?.error_for_status()?;
        let _: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(())
    }

    async fn socket(&self) -> Result<PlainSocket> {
        let url = format!("{}/ws", self.api).replacen("http://", "ws://", 1);
        let stream = TcpStream::connect(url.split('/').nth(2).unwrap_or_default()).await?;
        stream.set_nodelay(true)?;
        let (mut socket, _) = client_async(url, stream).await?;
        socket.send(Frame::text(format!(r#"{{"type":"auth","token":"{}"}}"#, self.key.expose()))).await?;
        socket.next().await.ok_or("no answer")??;
        Ok(PlainSocket(socket))
    }
}

struct PlainSocket(WebSocketStream<TcpStream>);

impl PlainSocket {
    /// The next message, acknowledged.
    async fn receive(&mut self) -> Result {
        loop {
            let frame = self.0.next().await.ok_or("the socket is closed")??;
            let Frame::Text(text) = frame else { continue };
            let frame: serde_json::Value = serde_json::from_str(&text)?;
            if frame["type"] == "message.new" {
                let id = frame["data"]["id"].as_str().ok_or("no id")?;
                return Ok(self.0.send(Frame::text(format!(r#"{{"type":"ack","id":"{id}"}}"#))).await?);
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------ round trips

/// What a side took: each round trip of the sequential blocks, and the concurrent blocks.
#[derive(Default)]
struct Readings {
    each: Vec<Duration>,
    together: Vec<Duration>,
    busy: Duration,
}

async fn round_trips(blocks: usize) -> Result {
    let provider = Provider::start()?;
    let ours = (register(&provider.api, "alice").await?, register(&provider.api, "bob").await?);
    let mut inbox = ours.1.inbox().await?;
    let plain =
        (Plain::register(&provider.api, "carol").await?, Plain::register(&provider.api, "dave").await?);
    let mut socket = plain.1.socket().await?;
    let (mut checked, mut unchecked) = (Readings::default(), Readings::default());
    // The first two warm up.
    for block in 0..blocks + 2 {
        if block == 2 {
            (checked, unchecked) = (Readings::default(), Readings::default());
        }
        let busy = busy();
        our_block(&ours, &mut inbox, &mut checked).await?;
        let between = self::busy();
        plain_block(&plain, &mut socket, &mut unchecked).await?;
        checked.busy += between - busy;
        unchecked.busy += self::busy() - between;
    }
    println!(
        "{} blocks of {BLOCK} messages of {} bytes by each, in turns; {UNDER_WAY} under way where several are",
        2 * blocks,
        TEXT.len()
    );
    println!("{:<26}{:>14}{:>14}{:>10}", "", "amp-client", "no checks", "ratio");
    let (ours, theirs) = (checked.summary(), unchecked.summary());
    for (name, at) in [
        "one by one, p50 µs",
        "one by one, p99 µs",
        "one by one, a second",
        "several, a second",
        "busy µs a message",
    ]
    .into_iter()
    .zip(0..)
    {
        let (ours, theirs): (f64, f64) = (ours[at], theirs[at]);
        let ratio = if name.ends_with("second") { theirs / ours } else { ours / theirs };
        println!("{name:<26}{ours:>14.0}{theirs:>14.0}{ratio:>10.2}");
    }
    inbox.shut_down().await?;
    Ok(())
}

impl Readings {
    fn summary(&self) -> [f64; 5] {
        let mut each = self.each.clone();
        each.sort_unstable();
        let micros = |hundredths: usize| each[each.len() * hundredths / 100].as_secs_f64() * 1e6;
        let total: Duration = each.iter().sum();
        let together: Duration = self.together.iter().sum();
        let messages = each.len() + self.together.len() * BLOCK;
        [
            micros(50),
            micros(99),
            each.len() as f64 / total.as_secs_f64(),
            (self.together.len() * BLOCK) as f64 / together.as_secs_f64(),
            self.busy.as_secs_f64() * 1e6 / messages as f64,
        ]
    }
}

async fn register(api: &ApiUrl, name: &str) -> Result<Client> {
    Ok(Client::builder(api.clone()).in_memory().register(name).await?)
}

async fn our_block((alice, bob): &(Client, Client), inbox: &mut Inbox, readings: &mut Readings) -> Result {
    for _ in 0..BLOCK {
        let began = Instant::now();
        alice.send(Draft::request(bob.address(), "round trip", TEXT)).await?;
        inbox.next().await.ok_or("the inbox is closed")??;
        readings.each.push(began.elapsed());
    }
    let began = Instant::now();
    let sending = futures_util::stream::iter(0..BLOCK)
        .map(|_| alice.send(Draft::request(bob.address(), "round trip", TEXT)))
        .buffer_unordered(UNDER_WAY);
    let sending = sending.for_each(async |sent| drop(sent.expect("it is sent")));
    let receiving = async {
        for _ in 0..BLOCK {
            inbox.next().await.expect("it is open").expect("it is stored");
        }
    };
    tokio::join!(sending, receiving);
    readings.together.push(began.elapsed());
    Ok(())
}

async fn plain_block(
    (carol, dave): &(Plain, Plain),
    socket: &mut PlainSocket,
    readings: &mut Readings,
) -> Result {
    for _ in 0..BLOCK {
        let began = Instant::now();
        carol.send(&dave.address, TEXT).await?;
        socket.receive().await?;
        readings.each.push(began.elapsed());
    }
    let began = Instant::now();
    let sending = futures_util::stream::iter(0..BLOCK)
        .map(|_| carol.send(&dave.address, TEXT))
        .buffer_unordered(UNDER_WAY);
    let sending = sending.for_each(async |sent| sent.expect("it is sent"));
    let receiving = async {
        for _ in 0..BLOCK {
            socket.receive().await.expect("it arrives");
        }
    };
    tokio::join!(sending, receiving);
    readings.together.push(began.elapsed());
    Ok(())
}

/// How long the processors were busy with this process.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

// ----------------------------------------------------------------------------------------------------- open inboxes

async fn inboxes(number: usize) -> Result {
    let provider = Provider::start()?;
    let (here, there) = (memory_of("self").ok_or("no /proc")?, provider.memory().ok_or("no /proc")?);
    let began = Instant::now();
    let api = &provider.api;
    let mut open = Vec::with_capacity(number);
    let agents: Vec<usize> = (0..number).collect();
    for (round, some) in agents.chunks(AT_ONCE).enumerate() {
        if round > 0 {
            // A client keeps the connection of its last request for a while. Two of each would be too many.
            tokio::time::sleep(IDLE).await;
        }
        let registering = futures_util::stream::iter(some)
            .map(async |agent| register(api, &format!("agent-{agent}")).await)
            .buffer_unordered(16);
        let clients: Vec<Result<Client>> = registering.collect().await;
        for client in clients {
            let client = client?;
            open.push((client.inbox().await?, client));
        }
    }
    let registered = memory_of("self").ok_or("no /proc")?;
    let asking = register(api, "observer").await?;
    while asking.call(&GetHealth).await?.agents_online.unwrap_or(0) < number as u64 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if began.elapsed() > Duration::from_secs(600) {
            return Err("they do not come online".into());
        }
    }
    let online = began.elapsed();
    let last = &open.last().ok_or("no inbox")?.1.address();
    asking.send(Draft::request(last.clone(), "round trip", TEXT)).await?;
    open.last_mut().ok_or("no inbox")?.0.next().await.ok_or("closed")??;
    let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / number as f64 / 1024.0;
    println!(
        "{number} inboxes of one process, online after {:.0} s; one of them was written to",
        online.as_secs_f64()
    );
    println!("KiB for each, while they connect {:>8.1}", each(registered, here));
    println!("KiB for each, online             {:>8.1}", each(memory_of("self").ok_or("no /proc")?, here));
    println!("KiB for each, at the provider    {:>8.1}", each(provider.memory().ok_or("no /proc")?, there));
    Ok(())
}

/// The memory of a process, in bytes.
fn memory_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
