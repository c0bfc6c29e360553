//! The Agent Messaging Protocol for programs on a network: for now, the family's other crates under one name.
//!
//! **The network client is not written yet.** No type here pretends to be one. What will stand here: a client for
//! providers' REST and WebSocket interfaces, a mailbox on disk, discovery. What a program can do today needs no
//! network, and is in [`amp_core`], re-exported here whole: write and sign messages, read and verify them, judge
//! addresses, order threads. Send and receive the bytes with an HTTP client of your choice.
//!
//! ```
//! use amp_client::prelude::*;
//!
//! let alice = Identity::generate();
//! let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hello", "Are you there?")
//!     .from(&"alice@acme.crabmail.ai".parse()?)
//!     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
//! let body = signed.to_route_json(); // for `POST /route` of a provider
//! assert!(body.starts_with(r#"{"to":"bob@acme.crabmail.ai","#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use amp_core::*;
