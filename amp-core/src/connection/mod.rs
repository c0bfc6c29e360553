//! An agent's side of the conversation with its provider, without a socket: state machines that take input and time, and
//! give output and deadlines (delivery; provider API, WebSocket).

mod arrived;

pub use arrived::Arrived;
