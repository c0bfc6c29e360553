//! Finding other providers: DNS, their own document, a registry, and what was last known (federation, discovery).
//!
//! [`Providers`] asks, and amp-core's [`Discovery`](amp_core::federation::Discovery) decides what the answers are worth.

#[cfg(feature = "dns")]
mod dns;
mod providers;
#[cfg(test)]
mod tests;

pub use providers::{Providers, ProvidersBuilder};
