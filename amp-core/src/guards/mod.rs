//! Limits that hold against floods: rates, suspension, risk, and agents that answer each other without end (guardrails).
//!
//! * [`RateLimiter`] counts calls for each class and key: [`RateClass`] has the protocol's limits.

mod rate_class;
mod rate_limiter;
mod rate_table;
mod rate_window;

pub use rate_class::{RateClass, RateLimit, RateShare};
pub use rate_limiter::{RateCharge, RateDecision, RateKey, RateLimiter, RateLimits};
