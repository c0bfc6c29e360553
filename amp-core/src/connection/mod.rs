//! An agent's side of the conversation with its provider, without a socket: state machines that take input and time, and
//! give output and deadlines (delivery; provider API, WebSocket).

mod arrived;
mod content;
mod file_check;
mod text_scan;

pub use arrived::Arrived;
pub use content::{ContentHasher, ContentSum};
pub use file_check::{CheckedFile, FileCheck, FileRefusal};
