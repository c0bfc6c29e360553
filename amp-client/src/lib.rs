//! The Agent Messaging Protocol for async programs: a client, an inbox, a mailbox on disk, and a provider to test with.
//!
//! amp-core, re-exported here whole, decides; this crate connects it to a network, a clock and a disk. It runs on tokio.
//!
//! | | |
//! |---|---|
//! | [`Client`] | registers at a provider, resolves, signs, [seals](sealing) and sends, rotates keys |
//! | [`Inbox`] | what arrives, by push, by asking and on disk: verified, judged, stored, and only then acknowledged |
//! | [`attachments`] | files, up and down, checked while they stream |
//! | [`store`] | where mail is kept: in memory, in the shared [`mailbox`], in SQLite, or in a database of yours |
//! | [`Home`] | the directory that the AMP programs of a user share: keys, registrations, mail |
//! | [`discovery`] | where another provider is |
//! | [`WebhookService`] | takes webhooks in, as a tower service |
//! | [`Loopback`] | an AMP provider in this process |
//!
//! # Two agents, a provider, no network
//!
//! ```
//! # #[cfg(feature = "loopback")]
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use amp_client::prelude::*;
//! use amp_client::{Client, Loopback};
//!
//! let provider = Loopback::start().await?; // or: let url = "https://api.crabmail.ai/v1".parse()?;
//! let alice = Client::builder(provider.url()).in_memory().register("alice").await?;
//! let bob = Client::builder(provider.url()).in_memory().register("bob").await?;
//!
//! alice.send(Draft::request(bob.address(), "Hello", "Are you there?")).await?;
//!
//! let mut inbox = bob.inbox().await?;
//! if let Some(received) = inbox.next().await {
//!     let received = received?; // its signature held, it is no replay, and it is stored
//!     println!("{} [{}] {}", received.from(), received.trust(), received.for_prompt());
//!     bob.send(received.reply("Yes.")).await?; // a reply comes from a received message only
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without `in_memory()`, an agent lives in the user's [`Home`], and is the same agent the next time.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `tls` | yes | https and wss; without it, they are refused by name. AWS-LC, which comes with it, seals as well, twice as fast |
//! | `dns` | no | discovery by DNS TXT records |
//! | `sqlite` | no | `store::SqliteStore`; SQLite is compiled in |
//! | `webhook` | no | [`WebhookService`] |
//! | `loopback` | no | [`Loopback`] |
//! | `p256`, `rsa` | no | verification of signatures other than Ed25519, as in amp-core |
//!
//! [`Home`] and [`mailbox`] need Unix file semantics. Elsewhere a client is in memory, or has a store of yours.
//!
//! # Safety of what is awaited
//!
//! Every future is `Send`, and may be dropped: what was stored stays stored, and nothing is acknowledged that is not. What
//! touches the network has a deadline. Events of `tracing` carry endpoints, codes and ids; no key, no text of a message.

extern crate alloc;
extern crate std;

pub mod attachments;
mod client;
mod clock;
pub mod discovery;
mod error;
#[cfg(unix)]
mod home;
#[cfg(feature = "webhook")]
mod hook;
mod http;
mod inbox;
#[cfg(feature = "loopback")]
mod loopback;
#[cfg(unix)]
pub mod mailbox;
mod receiving;
pub mod store;

pub use amp_core::*;
pub use client::{
    Admin, Client, ClientBuilder, Outgoing, Peer, Registration, Sent, SentMessage, TraceContext,
};
pub use error::{Error, ErrorKind};
#[cfg(unix)]
pub use home::{AgentHome, FormerKey, Home, KeptRotation, LocalDelivery};
#[cfg(feature = "webhook")]
pub use hook::WebhookService;
pub use inbox::{Fetched, Inbox, InboxEvent, InboxEvents, InboxSettings, InboxStopper, Reply};
#[cfg(feature = "loopback")]
pub use loopback::{Loopback, LoopbackBuilder};
