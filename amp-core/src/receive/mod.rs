//! The receiving pipeline: from bytes to a decision and what must be made durable with it (trust, guardrails).

mod clock;
mod codec;
mod content;
mod context;
mod disposition;
mod effects;
mod keys;
mod memory;
mod pipeline;
mod quarantine;
mod received;
mod receiver;
mod refusal;
mod replay;
mod revocation;
mod settings;
mod watch;

pub use clock::ClockPolicy;
pub use context::{Context, KeySource, SenderKey, Via};
pub use disposition::{Change, Disposition, Reception};
pub use effects::{AuditEvent, AuditKind, Effect, EffectError, RiskOutcome};
pub use keys::{KnownKey, KnownKeys, RetiredKey};
pub use memory::Memory;
pub use quarantine::{QuarantineEntry, QuarantineReason, QuarantineStatus};
pub use received::{Flag, RawText, Received, UntrustedMessage};
pub use receiver::Receiver;
pub use refusal::{PublicRefusal, Refusal, RefusalReason};
pub use replay::{FirstOutcome, ReplayLimits, ReplayMemory, Seen, Sight, Sighting};
pub use revocation::{Revocation, RevocationReason};
pub use settings::ReceiverBuilder;
