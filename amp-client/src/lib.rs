//! The Agent Messaging Protocol for async programs: a client, an inbox, a mailbox on disk, and a provider to test with.
//!
//! amp-core, re-exported here whole, decides; this crate connects it to a network, a clock and a disk.

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
pub use client::{Admin, Client, ClientBuilder, Outgoing, Peer, Registration, Sent, TraceContext};
pub use error::{Error, ErrorKind};
#[cfg(unix)]
pub use home::{AgentHome, Home, KeptRotation, LocalDelivery};
#[cfg(feature = "webhook")]
pub use hook::WebhookService;
pub use inbox::{Fetched, Inbox, InboxEvent, InboxEvents, InboxSettings, InboxStopper, Reply};
#[cfg(feature = "loopback")]
pub use loopback::{Loopback, LoopbackBuilder};
