//! The AMP crates beside their peers: what is measured, and how. `run.sh` measures and writes docs/performance.md.
#![forbid(unsafe_code)]

pub mod address;
pub mod canonicalize;
pub mod corpus;
pub mod ladder;
pub mod measure;
pub mod receive;
pub mod rows;
pub mod scan;
pub mod seal;
#[cfg(feature = "sealing-peers")]
mod seal_peers;
pub mod sealed_mail;
pub mod sign;
pub mod verify;
