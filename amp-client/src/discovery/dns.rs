//! TXT records of a name (federation, discovery).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

/// Longest wait for an answer to one of the tries.
const TRY_MAX: Duration = Duration::from_secs(3);
/// Most records of one name that are looked at.
const RECORDS_MAX: usize = 32;

/// A resolver that asks anew each time: answers are kept elsewhere, for as long as the protocol says.
pub(super) struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    /// One for this server, or for those of the system; none when the system does not say which it has.
    pub(super) fn new(name_server: Option<SocketAddr>) -> Option<Self> {
        let mut builder = match name_server {
            Some(address) => {
                let at = |mut connection: ConnectionConfig| {
                    connection.port = address.port();
                    connection
                };
                let connections = Vec::from([at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())]);
                let server = NameServerConfig::new(address.ip(), true, connections);
                let config = ResolverConfig::from_name_servers(Vec::from([server]));
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
            None => TokioResolver::builder_tokio().ok()?,
        };
        builder.options_mut().cache_size = 0;
        builder.options_mut().timeout = TRY_MAX;
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Some(Self { resolver: builder.build().ok()? })
    }

    /// The records of a name, each of joined strings, and their shortest TTL. None when there are none, or nobody answers.
    pub(super) async fn txt(&self, name: &str) -> Option<(Vec<String>, Duration)> {
        // With its last dot, so that no search list is tried.
        let found = self.resolver.txt_lookup([name, "."].concat()).await.ok()?;
        let (mut records, mut ttl) = (Vec::new(), u32::MAX);
        for answer in found.answers().iter().take(RECORDS_MAX) {
            if let RData::TXT(txt) = &answer.data
                && let Ok(text) = String::from_utf8(txt.txt_data.concat())
            {
                records.push(text);
                ttl = ttl.min(answer.ttl);
            }
        }
        (!records.is_empty()).then(|| (records, Duration::from_secs(u64::from(ttl))))
    }
}
