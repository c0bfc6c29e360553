//! Limits that hold against floods: rates, suspension, risk, and agents that answer each other without end (guardrails).
//!
//! * [`RateLimiter`] counts calls for each class and key: [`RateClass`] has the protocol's limits.
//! * [`Suspensions`] says who may not write or be written to for a while.
//! * [`RiskLedger`] turns what became of an agent's messages into a [`RiskLevel`].
//! * [`QuarantineQueue`] holds what waits for a person's decision.
//! * [`LoopGuard`] notices agents that answer each other without end.
//!
//! Nothing here reads a clock or has a background job, and each memory is bounded: its type's page says by how much, and
//! what happens when it is full.

mod loop_guard;
mod loop_memory;
mod loop_report;
mod loop_turn;
mod loop_words;
mod quarantine_queue;
mod rate_class;
mod rate_limiter;
mod rate_table;
mod rate_window;
mod risk;
mod risk_ledger;
mod suspension;

pub use loop_guard::{LoopGuard, LoopStep};
pub use loop_report::{LoopReport, LoopSign, LoopVerdict};
pub use loop_turn::Turn;
pub use quarantine_queue::{QuarantineError, QuarantineQueue, Review};
pub use rate_class::{RateClass, RateLimit, RateShare};
pub use rate_limiter::{RateCharge, RateDecision, RateKey, RateLimiter, RateLimits};
pub use risk::{RiskCounts, RiskLevel, RiskScore};
pub use risk_ledger::{RiskChange, RiskLedger};
pub use suspension::{Suspension, SuspensionError, Suspensions};
