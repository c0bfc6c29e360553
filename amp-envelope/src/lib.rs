//! Messages of the Agent Messaging Protocol, byte-exact.
#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

mod canonical;
mod draft;
mod envelope;
mod error;
mod freshness;
mod json;
mod message;
mod payload;
mod portability;
mod reply;
mod route;
mod signed;
mod signing_string;
mod stored;
mod verify;

pub use amp_address::Profile;
pub use canonical::{Canonicalizer, Dialect, UnknownDialect, canonicalize};
pub use draft::Draft;
pub use error::{ErrorCode, MessageError};
pub use freshness::Freshness;
pub use json::{JsonKind, JsonValue, ViewError};
pub use message::{Message, UnsignedFields};
pub use payload::Payload;
pub use portability::{Portability, PortabilityKind, PortabilityNote};
pub use reply::Answer;
pub use route::RouteBody;
pub use signed::SignedMessage;
pub use signing_string::{PayloadHash, signing_string};
pub use stored::{Local, SecurityNotes, SecurityPlacement, Status, StoredMessage, UnknownStatus};
pub use verify::{Unverified, Variant, Verified, Verifier};

// Leaf modules: one grammar each.
mod attachment;
mod filename;
mod id;
pub mod limits;
mod message_type;
mod priority;
#[cfg(feature = "getrandom")]
mod random;
mod thread;
mod timestamp;

pub use attachment::{
    AfpAttachment, AfpRef, AfpRefError, Attachment, AttachmentError, DigestError, ProviderAttachment,
    ScanStatus, Sha256Digest,
};
pub use filename::{FilenameError, SafeFilename, safe_filename};
pub use id::{AttachmentId, IdError, IdempotencyKey, MessageId, QuarantineId};
pub use message_type::{MessageType, MessageTypeError, OtherMessageType};
pub use priority::{Priority, UnknownPriority};
#[cfg(feature = "getrandom")]
pub use random::RandomnessError;
pub use thread::{ThreadEntry, ThreadView};
pub use timestamp::{Timestamp, TimestampError};
