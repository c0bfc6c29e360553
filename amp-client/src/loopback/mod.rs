//! An embedded provider on 127.0.0.1, to test with and to begin on (provider API; delivery; attachments).
//!
//! [`amp_core::provider`] decides, this room performs: it listens, keeps what is decided in memory or in a directory,
//! writes to sockets, calls webhooks and other providers, and takes files in. [`Loopback::start`] is all that it takes.

mod body;
mod builder;
mod connection;
mod deadline;
mod deployed;
mod errand;
mod files;
mod handle;
mod host;
mod line;
mod listener;
mod request;
mod server;
mod settings;
mod socket;
mod storage;

pub use builder::LoopbackBuilder;
pub use server::Loopback;
