//! An embedded provider that runs (provider API).

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::sync::{Mutex, PoisonError, mpsc};

use amp_core::address::Provider as Domain;
use amp_core::identity::ApiKey;
use amp_core::provider::Notice;
use amp_core::wire::ApiUrl;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::builder::LoopbackBuilder;
use super::handle::{Handle, Input};
use super::host::{Host, Notices};
use super::listener::{self, Phase, Shared};
use super::settings::{Behaviour, Owner, Settings};
use super::{deployed, errand, files, storage};
use crate::error::{Error, ErrorKind};

/// An AMP provider in this process, on 127.0.0.1: register, route, WebSockets, long poll, receipts, attachments,
/// webhooks, quarantine. It stops when it is dropped.
///
/// It forgets everything then, unless it has a [`directory`](LoopbackBuilder::directory). The limits of the protocol hold,
/// 60 messages a minute among them: see [`without_limits`](LoopbackBuilder::without_limits).
///
/// ```
/// use amp_client::Loopback;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), amp_client::Error> {
/// let provider = Loopback::start().await?;
/// println!("a provider for {} listens at {}", provider.domain(), provider.url());
/// provider.stop().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "it stops when it is dropped"]
pub struct Loopback {
    shared: Arc<Shared>,
    domain: Domain,
    notices: Notices,
    phase: watch::Sender<Phase>,
    listening: JoinHandle<()>,
    errands: JoinHandle<()>,
}

impl Loopback {
    /// Starts a provider for `loopback.test` at a free port of 127.0.0.1, in memory.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when no port can be listened at.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Sets a provider up otherwise.
    pub fn builder() -> LoopbackBuilder {
        LoopbackBuilder::new()
    }

    pub(super) async fn begin(mut builder: LoopbackBuilder) -> Result<Self, Error> {
        let registration = builder.registration_of()?;
        let domain = match builder.domain.take() {
            Some(domain) => domain,
            None => "loopback.test".parse().map_err(|_| failed("naming the provider", invalid("domain")))?,
        };
        let listener = TcpListener::bind(builder.address);
        let listener = listener.await.map_err(|error| failed("listening for connections", error))?;
        let address = listener.local_addr().map_err(|error| failed("listening for connections", error))?;
        let (api, files) = urls(address, builder.behaviour)?;
        let settings = Settings {
            domain: domain.clone(),
            behaviour: builder.behaviour,
            limits: builder.limits,
            registration,
            scanner: builder.scanner.clone(),
            loop_guard: builder.loop_guard,
            federation: builder.federation,
            relay_limit: builder.relay_limit,
        };
        let directory = builder.directory;
        let opening = tokio::task::spawn_blocking(move || storage::open(directory.as_deref())).await;
        let (storage, effects) = opening
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|error| failed("opening the provider's directory", error))?;
        let provider = settings.provider(&api, &files, effects);
        let provider = provider.map_err(|error| {
            Error::new(ErrorKind::Setup, "reading the provider's directory").because(error)
        })?;
        let admin_key = match builder.admin_key {
            Some(key) => key,
            None => new_key("amp_admin_")?,
        };
        let owner = |(name, _)| Ok(Owner { name, key: Arc::new(new_key("amp_owner_")?) });
        let owners = builder.owners.into_iter().map(owner).collect::<Result<Vec<_>, Error>>()?;
        let (inputs, received) = mpsc::channel();
        let host = Handle::new(inputs);
        let (errand_sender, errand_receiver) = tokio::sync::mpsc::unbounded_channel();
        let notices: Notices = Arc::new(Mutex::new(VecDeque::new()));
        let shared = Arc::new(Shared {
            host: host.clone(),
            api: api.clone(),
            behaviour: builder.behaviour,
            files: storage.files(),
            scanner: builder.scanner.map(Arc::new),
            admin_key: Arc::new(admin_key),
            owners,
            is_private: address.ip().is_loopback(),
            cuts: watch::Sender::new(0),
        });
        let seated =
            Host::new(settings, (api, files), (provider, storage), errand_sender, Arc::clone(&notices));
        std::thread::Builder::new()
            .name("amp-loopback".into())
            .spawn(move || seated.run(&received))
            .map_err(|error| failed("starting the provider's thread", error))?;
        let phase = watch::Sender::new(Phase::Running);
        let listening = tokio::spawn(listener::run(listener, Arc::clone(&shared), phase.subscribe()));
        let errands = tokio::spawn(errand::run(errand_receiver, host));
        Ok(Self { shared, domain, notices, phase, listening, errands })
    }

    /// The base URL of its API, for clients.
    #[must_use]
    pub fn url(&self) -> ApiUrl {
        self.shared.api.clone()
    }

    /// The domain of its agents' addresses.
    #[must_use]
    pub const fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The key of whoever administers it: quarantine, suspensions, risk.
    #[must_use]
    pub fn admin_key(&self) -> &ApiKey {
        &self.shared.admin_key
    }

    /// The key of an owner who was set up, for the endpoints that owners call.
    #[must_use]
    pub fn owner_key(&self, name: &str) -> Option<&ApiKey> {
        self.shared.owners.iter().find(|owner| owner.name == name).map(|owner| &*owner.key)
    }

    /// What its operator should know: raised risks, held messages, stopped loops. The last 1,000, the oldest first.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Cuts every connection at once, without a word, as a network does: for tests.
    pub fn cut_connections(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts = cuts.wrapping_add(1));
    }

    /// Cuts every connection and starts again from what is stored, at the same address: for tests. Without a directory,
    /// what it remembers is carried over, and everything else is lost as in a crash.
    ///
    /// # Errors
    /// [`ErrorKind::Setup`] when what is stored cannot be read.
    pub async fn restart(&self) -> Result<(), Error> {
        self.cut_connections();
        let restarted = self.shared.host.ask(Input::Restart).await;
        if restarted == Some(true) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Setup, "starting the provider again from what is stored"))
        }
    }

    /// Stops: takes no more connections, lets requests end that are under way (two seconds), closes sockets with 1001, and
    /// lets go of its directory.
    pub async fn stop(mut self) {
        self.phase.send_replace(Phase::Stopping);
        // One that was cancelled or panicked is over as well.
        let _ = (&mut self.listening).await;
        let (done, stopped) = oneshot::channel();
        self.shared.host.tell(Input::Stop(done));
        let _ = stopped.await;
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.listening.abort();
        self.errands.abort();
        let (done, _) = oneshot::channel();
        self.shared.host.tell(Input::Stop(done));
    }
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback")
            .field("url", &self.shared.api.as_str())
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// The URLs of its API and of its files.
fn urls(address: SocketAddr, behaviour: Behaviour) -> Result<(ApiUrl, ApiUrl), Error> {
    // What listens everywhere is found here.
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let origin = format!("http://{}", SocketAddr::new(ip, address.port()));
    let path = match behaviour {
        Behaviour::Standard => "/v1",
        Behaviour::Deployed => deployed::API_PATH,
    };
    let url = |path: &str| {
        let url = format!("{origin}{path}").parse::<ApiUrl>();
        url.map_err(|error| Error::new(ErrorKind::Setup, "naming the provider's URL").because(error))
    };
    Ok((url(path)?, url(files::BASE_PATH)?))
}

/// A key of 256 random bits.
fn new_key(prefix: &str) -> Result<ApiKey, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| failed("making a key", invalid("randomness")))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{digits}").parse().map_err(|_| failed("making a key", invalid("key")))
}

fn failed(step: &'static str, error: io::Error) -> Error {
    Error::new(ErrorKind::Setup, step).because(error)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
