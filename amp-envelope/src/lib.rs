//! Messages of the Agent Messaging Protocol, byte-exact.
#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

mod canonical;
mod error;
mod json;

pub use canonical::{Canonicalizer, Dialect, UnknownDialect, canonicalize};
pub use error::{ErrorCode, MessageError};
pub use json::{JsonKind, JsonValue, ViewError};

// Leaf modules: one grammar each.
mod filename;
mod id;
pub mod limits;
mod message_type;
mod priority;
#[cfg(feature = "getrandom")]
mod random;
mod thread;
mod timestamp;

pub use filename::{FilenameError, SafeFilename, safe_filename};
pub use id::{AttachmentId, IdError, IdempotencyKey, MessageId, QuarantineId};
pub use message_type::{MessageType, MessageTypeError, OtherMessageType};
pub use priority::{Priority, UnknownPriority};
#[cfg(feature = "getrandom")]
pub use random::RandomnessError;
pub use thread::{ThreadEntry, ThreadView};
pub use timestamp::{Timestamp, TimestampError};
