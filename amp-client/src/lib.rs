//! The Agent Messaging Protocol for async programs: a client, an inbox, a mailbox on disk, and a provider to test with.
//!
//! amp-core, re-exported here whole, decides; this crate connects it to a network, a clock and a disk.

extern crate alloc;
extern crate std;

pub mod attachments;
mod clock;
pub mod discovery;
mod error;
#[cfg(unix)]
mod home;
mod http;
mod receiving;
pub mod store;

pub use amp_core::*;
pub use error::{Error, ErrorKind};
#[cfg(unix)]
pub use home::{AgentHome, Home, KeptRotation, LocalDelivery};
