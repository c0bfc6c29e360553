//! Resolving a host's name for one connection, and vetting every address of the answer (delivery, webhook targets).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;
use core::net::{IpAddr, SocketAddr};
use core::pin::Pin;
use std::io;

use amp_core::webhook::TargetError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::access::{Access, NamedBy};

pub(super) type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How a name becomes addresses. Tests answer themselves.
pub(super) type LookUp = Arc<dyn Fn(String) -> Addresses + Send + Sync>;

/// The system's own way.
pub(super) fn system() -> LookUp {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

pub(super) struct Resolver {
    pub(super) access: Arc<Access>,
    pub(super) named: NamedBy,
    pub(super) look_up: LookUp,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (access, named, look_up) = (Arc::clone(&self.access), self.named, Arc::clone(&self.look_up));
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let addresses = look_up(host.clone()).await.map_err(|_| TargetError::NoAddress)?;
            access.admit(&host, &addresses, named)?;
            // Port 0 stands for the URL's own.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
