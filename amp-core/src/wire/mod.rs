//! What travels between an agent and its provider, as typed values: REST requests and answers, error codes, WebSocket
//! frames (provider API).
//!
//! Every value is made and read on both sides. None of them needs a transport; with the feature `http`, requests and
//! answers convert to and from the types of the crate of that name.

mod carried;

pub use carried::{CarriedKey, CarriedMessage};
