//! One connection: requests one after the other, or a WebSocket (provider API).

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::body::Body;
use super::deadline::Deadlined;
use super::listener::{Phase, Shared, stopping};
use super::{request, socket};

/// How long a caller may take for the head of a request, also for the next one on the same connection.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Most headers, and most bytes of a head.
const HEADERS_MAX: usize = 128;
const HEAD_MAX: usize = 64 * 1024;

/// What requests of one connection have in common.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// Where it comes from.
    pub(super) source: String,
    /// There once the other end was told that it becomes a WebSocket.
    upgrade: Mutex<Option<OnUpgrade>>,
    /// Ends it without a word.
    destroyed: Notify,
}

impl Connection {
    /// The connection becomes a WebSocket after this answer.
    pub(super) fn upgrade(&self, on_upgrade: OnUpgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(on_upgrade);
    }

    /// The connection ends without an answer.
    pub(super) fn destroy(&self) {
        self.destroyed.notify_one();
    }

    fn take_upgrade(&self) -> Option<OnUpgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Serves a connection to its end, or until it is cut.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut cuts = shared.cuts.subscribe();
    let (source, upgrade, destroyed) = (peer.ip().to_string(), Mutex::new(None), Notify::new());
    let connection = Arc::new(Connection { shared, source, upgrade, destroyed });
    let destroyed = Arc::clone(&connection);
    tokio::select! {
        biased;
        // Cut off: nothing is said any more.
        _ = cuts.changed() => {}
        () = destroyed.destroyed.notified() => {}
        () = converse(stream, connection, &mut phase) => {}
    }
}

async fn converse(stream: TcpStream, connection: Arc<Connection>, phase: &mut watch::Receiver<Phase>) {
    // Small frames are not held back.
    let _ = stream.set_nodelay(true);
    requests(stream, &connection, phase).await;
    if let Some(on_upgrade) = connection.take_upgrade()
        && let Ok(upgraded) = on_upgrade.await
    {
        socket::serve(TokioIo::new(upgraded), &connection.shared, phase).await;
    }
}

async fn requests(stream: TcpStream, connection: &Arc<Connection>, phase: &mut watch::Receiver<Phase>) {
    let respond = |incoming: Request<Incoming>| {
        let connection = Arc::clone(connection);
        async move {
            let answer: Result<Response<Body>, Infallible> =
                Ok(request::respond(incoming, &connection).await);
            answer
        }
    };
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(Deadlined::new(stream)), service_fn(respond))
        .with_upgrades();
    let mut serving = core::pin::pin!(serving);
    tokio::select! {
        // A connection that breaks is its caller's affair.
        _ = serving.as_mut() => {}
        () = stopping(phase) => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}
