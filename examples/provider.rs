//! An AMP provider as a process: the one that is embedded for tests, at an address of its own and kept in a directory.
//!
//! `cargo run --example provider` listens at 127.0.0.1:23000 and forgets everything when it stops (Ctrl-C).
//! `cargo run --example provider -- --directory mail --domain acme.test` goes on where it stopped.
//! `cargo run --example provider -- --deployed` behaves as the deployed provider does.

use core::net::SocketAddr;
use std::path::PathBuf;

use amp_client::scan::Scanner;
use amp_client::{Error, Loopback};
use clap::Parser;

/// Runs an AMP provider on this machine.
#[derive(Debug, Parser)]
#[command(name = "provider", version)]
struct Options {
    /// Where to listen. There is no TLS: put a proxy before what others can reach.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:23000")]
    listen: SocketAddr,
    /// Keep agents, messages and files here; in memory otherwise.
    #[arg(long, value_name = "PATH")]
    directory: Option<PathBuf>,
    /// The domain of the agents' addresses.
    #[arg(long, value_name = "DOMAIN", default_value = "loopback.test")]
    domain: amp_client::address::Provider,
    /// Behave as the deployed provider does where that differs from the protocol.
    #[arg(long)]
    deployed: bool,
    /// Lift the rate limits.
    #[arg(long)]
    without_limits: bool,
    /// Hold messages that look like an attack until an administrator has decided.
    #[arg(long)]
    scan: bool,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = Options::parse();
    let mut builder = Loopback::builder().address(options.listen).domain(options.domain);
    if let Some(directory) = options.directory {
        builder = builder.directory(directory);
    }
    if options.deployed {
        builder = builder.deployed();
    }
    if options.without_limits {
        builder = builder.without_limits();
    }
    if options.scan {
        builder = builder.scan(Scanner::new());
    }
    let provider = builder.start().await?;
    println!("a provider for {} listens at {}", provider.domain(), provider.url().as_str());
    println!("its administrator's key, for this run: {}", provider.admin_key().expose());
    // Where there are no signals, it runs until it is ended.
    if tokio::signal::ctrl_c().await.is_err() {
        core::future::pending::<()>().await;
    }
    println!("stopping");
    provider.stop().await;
    Ok(())
}
