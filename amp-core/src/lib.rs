//! The Agent Messaging Protocol without I/O: addresses, keys, messages, signatures, threads.
//!
//! One dependency gives a program the three crates below it, under one version: [`mod@address`] says who, [`crypto`]
//! proves it, [`envelope`] holds what is said. Their names are here as well, and [`prelude`] has the dozen that
//! most programs use. Nothing in the family below `amp-client` opens a socket or a file, reads a clock or keeps a
//! global state: time is an argument, and so is every key.
//!
//! ```
//! use amp_core::prelude::*;
//! use serde_json::json;
//!
//! let alice = Identity::generate(); // with the feature `getrandom`; `Identity::from_seed` without
//! let me: Address = "alice@acme.crabmail.ai".parse()?;
//! let now: Timestamp = "2026-01-31T10:00:00Z".parse()?;
//! let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Code review", "Can you look at PR 42?")
//!     .context(&json!({"repo": "agents-web", "pr": 42}))?
//!     .from(&me)
//!     .sign(&alice, now)?;
//! let bytes = signed.to_json();
//!
//! let message = Message::decode(bytes.as_bytes())?; // limits and JSON profile hold, the payload's bytes are kept
//! let verified = message.verify(alice.verifying_key())?; // the only way to a `Verified<Message>`
//! assert_eq!(verified.text(), "Can you look at PR 42?");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is not here yet
//!
//! The rules of a host: trust levels, the receiving pipeline with its memory of replays and keys, REST bodies and
//! WebSocket frames, federation and webhooks. Until they are, a verified message says which key signed it, and the
//! host decides whose key that is and what its owner may ask for.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | conversions between `Timestamp` and `std::time::SystemTime` |
//! | `getrandom` | yes | keys, ids and nonces from the operating system's randomness |
//! | `serde` | yes | `Serialize` and `Deserialize` for addresses |
//! | `p256` | no | verification of ECDSA P-256 signatures |
//! | `rsa` | no | verification of RSA PKCS#1 v1.5 signatures; see [`crypto`] for what that depends on |
#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

pub mod admission;
pub mod explain;
pub mod identity;
pub mod receive;
pub mod scan;
mod text;
pub mod trust;

pub use amp_address as address;
pub use amp_crypto as crypto;
pub use amp_envelope as envelope;

pub use amp_address::{
    Address, AddressError, AddressPart, AddressPattern, AddressRule, AgentName, AnyAddress, Boundary,
    KnownProviders, PatternKind, PatternSet, Profile, Provider, Scope, ShortAddress, TenantBasis,
    TenantJudgement, address, parse_any, same_tenant,
};
#[cfg(feature = "getrandom")]
pub use amp_crypto::RandomnessError;
pub use amp_crypto::{
    ContextError, DidKey, DigestReading, Fingerprint, FingerprintError, FingerprintForm, Identity,
    KeyAlgorithm, KeyError, MacError, MacTag, OtherAlgorithm, RotationForm, SecretBytes, SecretText,
    Signature, SignatureError, SigningContext, VerifyError, VerifyingKey, hmac_sha256,
};
pub use amp_envelope::{
    AfpAttachment, AfpRef, AfpRefError, Answer, Attachment, AttachmentError, AttachmentId, Canonicalizer,
    Dialect, DigestError, Draft, ErrorCode, FilenameError, Freshness, IdError, IdempotencyKey, JsonKind,
    JsonValue, Local, Message, MessageError, MessageId, MessageType, MessageTypeError, OtherMessageType,
    Payload, PayloadHash, Portability, PortabilityKind, PortabilityNote, Priority, ProviderAttachment,
    QuarantineId, RouteBody, SafeFilename, ScanStatus, SecurityNotes, SecurityPlacement, Sha256Digest,
    SignedMessage, Status, StoredMessage, ThreadEntry, ThreadView, Timestamp, TimestampError, UnknownDialect,
    UnknownPriority, UnknownStatus, UnsignedFields, UnsignedRouteFields, Unverified, Variant, Verified,
    Verifier, ViewError, canonicalize, limits, safe_filename, signing_string, write_json,
};

/// The names that most programs use: `use amp_core::prelude::*;`.
pub mod prelude {
    pub use amp_address::{Address, Profile};
    pub use amp_crypto::{Identity, VerifyingKey};
    pub use amp_envelope::{
        Dialect, Draft, Message, MessageError, Payload, SignedMessage, Timestamp, Verified,
    };
}
