//! The Agent Messaging Protocol without I/O: who wrote, how far to believe it, how to show it to a model, and how to talk
//! to a provider, or be one.
//!
//! One dependency gives a program the three crates below it, under one version: [`mod@address`] says who, [`crypto`]
//! proves it, [`envelope`] holds what is said. Their names are here as well. On top of them, this crate decides:
//!
//! | room | what it answers |
//! |---|---|
//! | [`receive`] | what to do with bytes that arrived, and what to remember: [`receive::Receiver`] |
//! | [`trust`] | how far a message may be believed, and how its text is shown to a model or a person |
//! | [`scan`] | whether a text shows signs of steering the model that reads it |
//! | [`identity`] | what agent cards, key rotations, records and Agent Identity documents prove |
//! | [`sealing`] | whether messages are sealed, and to which key |
//! | [`admission`] | who may write to whom: policy, grants, capability manifests |
//! | [`explain`] | why a message did not verify or was refused, for people |
//! | [`wire`] | what an agent and its provider say to each other: REST requests and answers, codes, WebSocket frames |
//! | [`connection`] | what an agent's side does next: socket session, pick-up loop, transfers, key rotation |
//! | [`webhook`] | whether an HTTP delivery is genuine, when to try again, and which targets may be called at all |
//! | [`federation`] | where another provider is, whether its forwards are believed, and how one is signed |
//! | [`guards`] | who has asked too often, is suspended, is a risk, or answers another agent without end |
//! | [`provider`] | what a provider answers, stores and does: any host becomes one by doing it |
//!
//! [`prelude`] has the dozen names that most programs use. Nothing in the family below `amp-client` opens a socket or a
//! file, reads a clock or keeps a global state: time is an argument, keys are arguments, and what has to be remembered is
//! handed to the host's own database.
//!
//! # Sign and verify
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
//! # Receive
//!
//! ```
//! use amp_core::prelude::*;
//! # let mallory = Identity::from_seed(&[7; 32]);
//! # let bob = Identity::from_seed(&[8; 32]);
//! # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
//! #     .from(&"mallory@other.example.org".parse()?)
//! #     .sign(&mallory, "2026-01-31T10:00:00Z".parse()?)?;
//! # let (incoming, sender_key) = (signed.to_json(), mallory.verifying_key().clone());
//! # let now: Timestamp = "2026-01-31T10:00:05Z".parse()?;
//! let mut receiver = Receiver::builder("bob@acme.crabmail.ai".parse()?).build();
//! // Whose key it is, the host asks its own provider: for the sender that `Message::decode(bytes)?.from()` claims.
//! let context = Context::new(now, Via::Direct).with_key(SenderKey::resolved(sender_key));
//! let reception = receiver.receive(incoming.as_bytes(), &context); // decided; nothing has changed yet
//! # let database = |_stored: Option<_>, _held: Option<_>, _effects: &[_]| Ok::<(), std::io::Error>(());
//! database(reception.stored(), reception.held(), reception.effects())?; // one transaction of the host's database
//! match reception.commit() {
//!     Disposition::Deliver(message) => {
//!         let prompt = message.for_prompt(); // wrapped when it has to be; no text can close the wrapper
//!         assert!(prompt.starts_with("<external-content ") && prompt.ends_with("Are you there?\n</external-content>"));
//!         message.reply("Yes.").sign(&bob, now)?; // an answer comes from a received message only
//!     }
//!     Disposition::Quarantine(entry) => println!("a person looks at it until {}", entry.expires_at()),
//!     Disposition::Reject(refusal) => println!("{refusal}"), // code, field, rule; never the content
//!     Disposition::Duplicate(_) => println!("acknowledge it again"),
//!     _ => {}
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Talk to a provider
//!
//! A request is a value. It becomes an `http::Request` (feature `http`) or plain [`wire::RequestParts`], goes over whatever
//! transport the host has, and reads its answer.
//!
//! ```
//! use amp_core::identity::ApiKey;
//! use amp_core::prelude::*;
//! use amp_core::wire::{AnswerParts, ApiUrl, DeliveryStatus, Request, Route};
//! # let alice = Identity::from_seed(&[7; 32]);
//! # let signed = Draft::request("bob@acme.crabmail.ai".parse()?, "Hi", "Are you there?")
//! #     .from(&"alice@acme.crabmail.ai".parse()?)
//! #     .sign(&alice, "2026-01-31T10:00:00Z".parse()?)?;
//! # let answer = r#"{"id":"msg_1769853600_00112233445566aa","status":"queued","method":"relay","queued_at":"2026-01-31T10:00:01Z"}"#;
//! # let answer = AnswerParts::new(200).with_body(answer.into());
//! # #[cfg(feature = "http")] {
//! let api: ApiUrl = "https://api.crabmail.ai/v1".parse()?;
//! let key: ApiKey = "amp_live_sk_7f53efb3fb6588af".parse()?; // from the registration
//!
//! let route = Route::new(&signed);
//! let request = route.to_http(&api, Some(&key))?; // an `http::Request<Vec<u8>>`, the key in its header and nowhere else
//! assert_eq!(request.uri(), "https://api.crabmail.ai/v1/route");
//! let routed = route.read_answer(&answer)?; // what came back, checked to be an answer to this request
//! assert_eq!(routed.status, DeliveryStatus::Queued);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | conversions between `Timestamp` and `std::time::SystemTime` |
//! | `getrandom` | yes | keys, ids and nonces from the operating system's randomness |
//! | `http` | yes | conversions between the values of [`wire`] and the requests and answers of the crate `http` |
//! | `serde` | yes | `Serialize` and `Deserialize` for addresses |
//! | `p256` | no | verification of ECDSA P-256 signatures |
//! | `rsa` | no | verification of RSA PKCS#1 v1.5 signatures; see [`crypto`] for what that depends on |
//! | `aws-lc` | no | sealing at twice the speed, as in [`crypto`] |
#![cfg_attr(not(test), no_std)]

extern crate alloc;
#[cfg(all(feature = "std", not(test)))]
extern crate std;

pub mod admission;
pub mod connection;
pub mod explain;
pub mod federation;
pub mod guards;
pub mod identity;
pub mod provider;
pub mod receive;
pub mod scan;
pub mod sealing;
mod stored;
mod text;
pub mod trust;
pub mod webhook;
pub mod wire;

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
    JsonValue, Local, Message, MessageError, MessageId, MessageType, MessageTypeError, OpenedMessage,
    OpeningError, OpeningKeys, OtherMessageType, Payload, PayloadHash, Portability, PortabilityKind,
    PortabilityNote, Priority, ProviderAttachment, QuarantineId, RouteBody, SafeFilename, ScanStatus,
    SealedAttachment, SealedFile, SealedPayload, SecurityNotes, SecurityPlacement, Sha256Digest,
    SignedMessage, Status, StoredMessage, ThreadEntry, ThreadView, Timestamp, TimestampError, UnknownDialect,
    UnknownPriority, UnknownStatus, Unopened, UnsignedFields, UnsignedRouteFields, Unverified, Variant,
    Verified, Verifier, ViewError, canonicalize, limits, safe_filename, signing_string, write_json,
};

/// The names that most programs use: `use amp_core::prelude::*;`.
pub mod prelude {
    pub use amp_address::Address;
    pub use amp_crypto::{Identity, VerifyingKey};
    pub use amp_envelope::{Draft, Message, Timestamp, Verified};

    pub use crate::receive::{Context, Disposition, Receiver, SenderKey, Via};
}
