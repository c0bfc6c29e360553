//! A connection that is cut at every byte of an answer: what was asked for happens once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    missing_docs
)]

use std::collections::HashSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amp_client::identity::RegistrationRecord;
use amp_client::wire::{ApiUrl, Retry};
use amp_client::{Client, Draft, Error, Identity, Loopback, MessageId, Timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

const AT_ONCE: usize = 96;

/// Hands bytes on, and cuts the first connection after so many bytes of what comes back. Ends when it is dropped.
struct Cutter {
    url: ApiUrl,
    /// How long the first answer was, as far as it was handed on.
    passed: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cutter {
    async fn start(to: &ApiUrl, cut: usize) -> Self {
        let upstream: SocketAddr =
            to.as_str().split("://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), to.path()).parse().unwrap();
        let passed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&passed);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut limit = cut;
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(upstream).await.unwrap();
                let count = if limit == cut { Arc::clone(&count) } else { Arc::default() };
                connections.spawn(hand_on(near, far, limit, count));
                limit = usize::MAX;
            }
        });
        Self { url, passed, task }
    }
}

async fn hand_on(near: TcpStream, far: TcpStream, mut left: usize, passed: Arc<AtomicUsize>) {
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
    let out = tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = far_in.read(&mut buffer).await {
        let part = read.min(left);
        left -= part;
        passed.fetch_add(part, Ordering::SeqCst);
        if near_out.write_all(&buffer[..part]).await.is_err() {
            break;
        }
        if left == 0 {
            break;
        }
    }
    out.abort();
}

async fn provider() -> Loopback {
    Loopback::builder().without_limits().relay_limit(10_000).start().await.unwrap()
}

/// Does it for every byte of an answer of `length` bytes, some at once.
async fn at_every_byte<F: Future<Output = ()> + Send + 'static>(length: usize, run: impl Fn(usize) -> F) {
    assert!(length > 100, "an answer has a head");
    let (room, mut runs) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for cut in 0..length {
        let (room, run) = (Arc::clone(&room), run(cut));
        runs.spawn(async move {
            let _place = room.acquire().await.unwrap();
            tokio::time::timeout(Duration::from_secs(120), run).await.expect("it ends");
        });
    }
    while let Some(done) = runs.join_next().await {
        done.unwrap();
    }
}

/// It was done, or may be asked for again.
fn is_fine<T>(outcome: Result<T, Error>) -> Option<T> {
    let now = Timestamp::try_from(std::time::SystemTime::now()).unwrap();
    match outcome {
        Ok(value) => Some(value),
        Err(error) => {
            assert_ne!(error.retry(now), Retry::Never, "{error}");
            None
        }
    }
}

/// The same agent by way of a cutter.
async fn through(cutter: &Cutter, agent: &Client, identity: &[u8; 32]) -> Client {
    let kept = agent.registrations().remove(0).record().unwrap();
    let key = kept.api_key().expose().parse().unwrap();
    let (provider, address) = (kept.provider().clone(), kept.address().clone());
    let since = kept.registered_at().unwrap();
    let record = RegistrationRecord::new(provider, address, cutter.url.as_str(), key, since).unwrap();
    let builder = Client::builder(cutter.url.clone()).in_memory().identity(Identity::from_seed(identity));
    builder.registration(record).timeout(Duration::from_secs(60)).open().await.unwrap()
}

async fn pending(bob: &Client) -> Vec<MessageId> {
    let mut ids = Vec::new();
    let mut request = amp_client::wire::GetPending::new().with_limit(100);
    loop {
        let page = bob.call(&request).await.unwrap();
        ids.extend(page.messages.iter().map(|message| message.id.clone()));
        match page.next_cursor {
            Some(cursor) => request = request.with_after(cursor),
            None => return ids,
        }
    }
}

// rule: IDEM-4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_there_once_wherever_the_answer_to_it_is_cut() {
    let provider = provider().await;
    let identity = [7; 32];
    let builder = Client::builder(provider.url()).in_memory().identity(Identity::from_seed(&identity));
    let alice = builder.register("alice").await.unwrap();
    let bob = Client::builder(provider.url()).in_memory().register("bob").await.unwrap();
    let hello = move |at: usize, to| Draft::request(to, &format!("Hello {at}"), "Are you there?");

    let whole = Cutter::start(&provider.url(), usize::MAX).await;
    through(&whole, &alice, &identity).await.send(hello(9_999, bob.address())).await.unwrap();
    let length = whole.passed.load(Ordering::SeqCst);

    let again = Arc::new(Mutex::new(Vec::new()));
    at_every_byte(length, |cut| {
        let (url, alice, to, again) = (provider.url(), alice.clone(), bob.address(), Arc::clone(&again));
        async move {
            let cutter = Cutter::start(&url, cut).await;
            let client = through(&cutter, &alice, &identity).await;
            let signed = client.sign(hello(cut, to)).unwrap();
            if is_fine(client.send(signed.clone()).await).is_none() {
                client.send(signed).await.unwrap();
                again.lock().unwrap().push(cut);
            }
        }
    })
    .await;
    let ids = pending(&bob).await;
    assert_eq!(ids.len(), length + 1, "each is there once; {:?} were sent again by the caller", again.lock());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_registered_once_and_has_its_key_wherever_the_answer_to_it_is_cut() {
    let provider = provider().await;
    let whole = Cutter::start(&provider.url(), usize::MAX).await;
    Client::builder(whole.url.clone()).in_memory().register("a-0000").await.unwrap();
    let length = whole.passed.load(Ordering::SeqCst);

    at_every_byte(length, |cut| {
        let url = provider.url();
        async move {
            let cutter = Cutter::start(&url, cut).await;
            let identity = || Identity::from_seed(&std::array::from_fn(|at| (cut >> (8 * (at % 2))) as u8));
            let name = format!("b-{cut:04}");
            let builder = || {
                let builder = Client::builder(cutter.url.clone()).in_memory().identity(identity());
                builder.timeout(Duration::from_secs(60))
            };
            let client = match is_fine(builder().register(&name).await) {
                Some(client) => client,
                None => builder().register(&name).await.unwrap(),
            };
            assert_eq!(client.me().await.unwrap().address, client.address());
        }
    })
    .await;
    let first = Client::builder(provider.url()).in_memory().register("last").await.unwrap();
    assert_eq!(first.agents("b-").await.unwrap().len(), length);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_gone_wherever_the_answer_to_its_acknowledgement_is_cut() {
    let provider = provider().await;
    let alice = Client::builder(provider.url()).in_memory().register("alice").await.unwrap();
    let identity = [8; 32];
    let builder = Client::builder(provider.url()).in_memory().identity(Identity::from_seed(&identity));
    let bob = builder.register("bob").await.unwrap();
    let send = || async {
        let sent = alice.send(Draft::request(bob.address(), "Hello", "Are you there?")).await.unwrap();
        sent.id().unwrap().clone()
    };

    let whole = Cutter::start(&provider.url(), usize::MAX).await;
    let id = send().await;
    assert_eq!(through(&whole, &bob, &identity).await.acknowledge(&[id]).await.unwrap(), 1);
    let length = whole.passed.load(Ordering::SeqCst);

    let mut ids = Vec::new();
    for _ in 0..length {
        ids.push(send().await);
    }
    at_every_byte(length, |cut| {
        let (url, bob, id) = (provider.url(), bob.clone(), ids[cut].clone());
        async move {
            let cutter = Cutter::start(&url, cut).await;
            let client = through(&cutter, &bob, &identity).await;
            if is_fine(client.acknowledge(std::slice::from_ref(&id)).await).is_none() {
                client.acknowledge(&[id]).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(pending(&bob).await, []);
}

/// An agent of its own for each cut: registered at the provider, and reached through the cutter.
async fn newcomer(url: &ApiUrl, cutter: &Cutter, name: &str) -> Client {
    let seed: [u8; 32] = std::array::from_fn(|at| name.as_bytes()[at % name.len()]);
    let builder = Client::builder(url.clone()).in_memory().identity(Identity::from_seed(&seed));
    let agent = builder.register(name).await.unwrap();
    through(cutter, &agent, &seed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_keeps_a_key_that_counts_wherever_the_answer_to_a_rotation_is_cut() {
    let provider = provider().await;
    let bob = Client::builder(provider.url()).in_memory().register("bob").await.unwrap();
    let whole = Cutter::start(&provider.url(), usize::MAX).await;
    newcomer(&provider.url(), &whole, "first").await.rotate_keys().await.unwrap();
    let signing = whole.passed.load(Ordering::SeqCst);
    let whole = Cutter::start(&provider.url(), usize::MAX).await;
    newcomer(&provider.url(), &whole, "second").await.rotate_api_key().await.unwrap();
    let calling = whole.passed.load(Ordering::SeqCst);

    at_every_byte(signing.max(calling), |cut| {
        let (url, to) = (provider.url(), bob.address());
        async move {
            for (kind, length) in [("s", signing), ("c", calling)] {
                // Every third byte: each takes an agent of its own.
                if cut >= length || cut % 3 > 0 {
                    continue;
                }
                let cutter = Cutter::start(&url, cut).await;
                let agent = newcomer(&url, &cutter, &format!("{kind}-{cut:04}")).await;
                let before = agent.verifying_key();
                if kind == "s" {
                    while is_fine(agent.rotate_keys().await).is_none() {}
                    assert_ne!(agent.verifying_key(), before);
                } else {
                    while is_fine(agent.rotate_api_key().await).is_none() {}
                }
                let hello = Draft::request(to.clone(), "Hello", "Are you there?");
                agent.send(hello).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(pending(&bob).await.len(), signing.div_ceil(3) + calling.div_ceil(3));
}
