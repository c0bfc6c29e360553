//! Messages of the Agent Messaging Protocol, byte-exact.
//!
//! What is said, and that it was said: a [`Draft`] is written and signed, a [`Message`] is decoded and verified, and
//! what was hashed is what is shown. Nothing here opens a file or a socket or reads a clock; keys and the time are
//! arguments.
//!
//! ```
//! use amp_crypto::Identity;
//! use amp_envelope::{Draft, Message, Timestamp};
//!
//! let (alice, bob) = (Identity::from_seed(&[7; 32]), Identity::from_seed(&[8; 32]));
//! let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
//! let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
//!     .from(&"alice@acme.crabmail.ai".parse()?)
//!     .sign(&alice, now)?;
//! let bytes = signed.to_json(); // or `to_route_json`, the body of `POST /route`
//!
//! let message = Message::decode(bytes.as_bytes())?; // what it says of itself is a claim
//! let verified = message.verify(alice.verifying_key())?; // now its key has vouched for it
//! assert_eq!(verified.text(), "Can you look at PR 42?");
//! let answer = verified.reply("On it.").sign(&bob, now)?;
//! assert_eq!(answer.as_message().subject(), "Re: Code review");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to begin
//!
//! | to | see |
//! |---|---|
//! | write and sign | [`Draft`], [`SignedMessage`]; [`Payload::portability`] says which programs agree on a payload |
//! | read and verify | [`Message`], [`Verified`], [`Unverified`]; [`Verifier`] for many messages |
//! | verify what older programs signed | [`Message::verify_with`] and the [`Dialect`]s |
//! | read a context, or attachments | [`Payload::context`], [`Attachment::read`], [`safe_filename`] |
//! | answer, and recognize an answer | [`Verified::reply`], [`Verified::answers`] |
//! | seal, and open what is sealed | [`Draft::seal_to`], [`Verified::open`], [`OpeningKeys`], [`OpenedMessage`] |
//! | be a provider | [`RouteBody`] |
//! | keep messages in files | [`StoredMessage`] |
//! | show a thread | [`ThreadView`] |
//! | write the canonical form alone | [`canonicalize`], [`Canonicalizer`], [`signing_string`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | conversions between [`Timestamp`] and `std::time::SystemTime` |
//! | `getrandom` | yes | ids and nonces from the operating system's randomness: `Draft::sign`, `MessageId::generate`, and sealing without `Draft::sealing_randomness` |
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
mod sealed;
mod signed;
mod signing_string;
mod stored;
mod verify;

pub use amp_address::Profile;
#[cfg(feature = "getrandom")]
pub use amp_crypto::RandomnessError;
pub use canonical::{Canonicalizer, Dialect, UnknownDialect, canonicalize};
pub use draft::Draft;
pub use error::{ErrorCode, MessageError};
pub use freshness::Freshness;
pub use json::{JsonKind, JsonValue, ViewError, write_json};
pub use message::{Message, UnsignedFields};
pub use payload::Payload;
pub use portability::{Portability, PortabilityKind, PortabilityNote};
pub use reply::Answer;
pub use route::{RouteBody, UnsignedRouteFields};
pub use sealed::{OpenedMessage, OpeningError, OpeningKeys, SealedFile, SealedPayload, Unopened};
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
    ScanStatus, SealedAttachment, Sha256Digest,
};
pub use filename::{FilenameError, SafeFilename, safe_filename};
pub use id::{AttachmentId, IdError, IdempotencyKey, MessageId, QuarantineId};
pub use message_type::{MessageType, MessageTypeError, OtherMessageType};
pub use priority::{Priority, UnknownPriority};
pub use thread::{ThreadEntry, ThreadView};
pub use timestamp::{Timestamp, TimestampError};
