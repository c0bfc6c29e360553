//! What the example programs share: the runner of test vectors, what measures the injection scan, and clients and
//! providers in virtual time.
//!
//! ```
//! use amp_examples::vectors::{Answer, answer};
//! use serde_json::json;
//!
//! let input = json!({"pattern": "*@acme.crabmail.ai", "address": "eve@acme.crabmail.ai"});
//! let Answer::Output(output) = answer("pattern", &input) else { unreachable!() };
//! assert_eq!(output["match"], true);
//! ```
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "programs have the standard library; the crates they show do not need it"
)]

#[cfg(all(unix, feature = "client"))]
pub mod cli;
#[cfg(all(doctest, unix, feature = "client"))]
mod guides;
pub mod scan_report;
pub mod simulation;
#[cfg(feature = "client")]
pub mod soak;
pub mod vectors;

/// The first page's example runs as a test of its own.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../../README.md")]
struct FirstPage;

/// So does the example of explanations.
#[cfg(doctest)]
#[doc = include_str!("../../docs/explain.md")]
struct ExplainPage;
