//! An agent's side of the conversation with its provider, without a socket: state machines that take input and time, and
//! give output and deadlines (delivery; provider API, WebSocket).

mod arrived;
mod backoff;
mod clock;
mod closing;
mod content;
mod file_check;
mod session;
mod session_event;
mod text_scan;

pub use arrived::Arrived;
pub use backoff::Backoff;
pub use closing::EndReason;
pub use content::{ContentHasher, ContentSum};
pub use file_check::{CheckedFile, FileCheck, FileRefusal};
pub use session::{EventsWait, FrameCounts, Session, SessionBuilder, Transmit};
pub use session_event::{Connected, Disconnected, Naming, SessionEvent};
