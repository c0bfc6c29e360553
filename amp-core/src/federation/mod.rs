//! How providers find and trust each other, and pass messages on (federation).
//!
//! A provider publishes where it is and which key it has: in the DNS ([`TxtRecord`]), on its host ([`WellKnown`]), at a
//! registry ([`RegistryRecord`], entered by a [`ProviderRegistration`]). A [`Discovery`] says what to ask, keeps the
//! answers for as long as they hold, and shows it when they do not agree. [`ProviderTrust`] says whose forwards are
//! accepted.
//!
//! A message goes to another provider as a [`ForwardBody`], signed for each attempt. It is received in steps that follow
//! one order: [`ReceivedForward`], [`AuthenticForward`], [`DecodedForward`], [`ProvenForward`], then the
//! [`ForwardLedger`]. None of them can be left out: each is made from the one before.

mod attachments;
mod audit;
mod claim;
mod discovery;
mod elapsed;
mod grammar;
mod known;
mod ledger;
mod limits;
mod look_up;
mod peers;
mod received;
mod record_error;
mod refusal;
mod registration;
mod registry;
mod signed;
mod slot;
mod txt;
mod well_known;

pub use attachments::{AttachmentMisfit, AttachmentRoom};
pub use audit::{FederationEvent, FederationEventKind};
pub use claim::{Claim, Discovered, DiscoveryConflict, Finding, Source};
pub(crate) use discovery::Lesson;
pub use discovery::{Discovery, Query};
pub use known::LastKnown;
pub use ledger::{ForwardLedger, ForwardSeen, ForwardSight};
pub use limits::forward_charges;
pub use look_up::{Learned, LookUp};
pub use peers::{FederationMode, NotTrusted, ProviderTrust, TrustedPeer};
pub use received::{
    AuthenticForward, DecodedForward, KeyStanding, ProvenForward, ReceivedForward, verify_forward_signature,
};
pub use record_error::DiscoveryError;
pub use refusal::{ForwardReason, ForwardRefusal};
pub use registration::{DomainProofKind, ProviderRegistration};
pub use registry::RegistryRecord;
pub use signed::{
    ForwardBody, KEY_REVOKED_HEADER, PROVIDER_HEADER, SIGNATURE_HEADER, SignedForward, TIMESTAMP_HEADER,
};
pub use txt::TxtRecord;
pub use well_known::WellKnown;
