//! The listener: takes connections, bounds how many there are, and ends them (provider API).

use alloc::sync::Arc;
use core::time::Duration;
use std::sync::LazyLock;

use amp_core::wire::ApiUrl;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection;
use super::handle::Handle;
use super::settings::{Behaviour, Owner};
use super::storage::Files;
use amp_core::identity::ApiKey;
use amp_core::scan::Scanner;

/// Most connections at once. Others wait to be taken.
const CONNECTIONS_MAX: usize = 32_768;
/// How long connections have to end by themselves.
const END_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait when there is no connection to be had.
const PAUSE: Duration = Duration::from_millis(50);

/// What the listener does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    Stopping,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) host: Handle,
    pub(super) api: ApiUrl,
    pub(super) behaviour: Behaviour,
    pub(super) files: Files,
    /// What looks for injections in files, unless it is the one that everybody has.
    pub(super) scanner: Option<Arc<Scanner>>,
    pub(super) admin_key: Arc<ApiKey>,
    pub(super) owners: alloc::vec::Vec<Owner>,
    /// Whether only programs on this machine can call: then a page in a browser must not, by a name that leads here.
    pub(super) is_private: bool,
    /// Each change cuts every connection.
    pub(super) cuts: watch::Sender<u64>,
}

impl Shared {
    /// What looks for injections in files.
    pub(super) fn scanner(&self) -> Arc<Scanner> {
        // Made once: that takes a while.
        static USUAL: LazyLock<Arc<Scanner>> = LazyLock::new(|| Arc::new(Scanner::new()));
        self.scanner.clone().unwrap_or_else(|| Arc::clone(&USUAL))
    }
}

/// Takes connections until it is told to stop.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>, phase: watch::Receiver<Phase>) {
    let mut connections = JoinSet::new();
    let mut until = phase.clone();
    loop {
        tokio::select! {
            biased;
            () = stopping(&mut until) => break,
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, peer)) => {
                    let serving = connection::serve(stream, peer, Arc::clone(&shared), phase.clone());
                    connections.spawn(serving);
                }
                // Out of file descriptors, or gone before it was taken.
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
        }
    }
    drop(listener);
    let ending = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then is cut with the set.
    let _ = tokio::time::timeout(END_WITHIN, ending).await;
}

/// Ends when the provider stops.
pub(super) async fn stopping(phase: &mut watch::Receiver<Phase>) {
    // One that is gone has stopped.
    let _ = phase.wait_for(|phase| *phase == Phase::Stopping).await;
}
