//! The receiving pipeline: from bytes to a decision and what must be made durable with it (trust, guardrails).

mod clock;
mod codec;
mod context;
mod effects;
mod keys;
mod memory;
mod refusal;
mod replay;
mod revocation;

pub use clock::ClockPolicy;
pub use context::{Context, KeySource, SenderKey, Via};
pub use effects::{AuditEvent, AuditKind, Effect, EffectError, RiskOutcome};
pub use keys::{KnownKey, KnownKeys, RetiredKey};
pub use memory::Memory;
pub use refusal::{PublicRefusal, Refusal, RefusalReason};
pub use replay::{FirstOutcome, ReplayLimits, ReplayMemory, Seen, Sight, Sighting};
pub use revocation::{Revocation, RevocationReason};
