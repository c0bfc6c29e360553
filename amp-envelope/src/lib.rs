//! Messages of the Agent Messaging Protocol, byte-exact.
#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

// Leaf modules: one grammar each.
mod filename;
mod id;
pub mod limits;
mod message_type;
mod priority;
mod thread;
mod timestamp;
