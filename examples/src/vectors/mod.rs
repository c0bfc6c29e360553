//! Test vectors: run them, serve them, drive another implementation with them, write them, map rules to them.
//!
//! The format is `amp-vectors/1`, described in `vectors/FORMAT.md`. One case is an input and what must come of it.

mod against;
mod answer;
mod cli;
mod coverage;
mod expected;
mod format;
mod generate;
mod run;
mod seeds;
mod serve;
mod suites;

pub use against::{Peer, TIMEOUT};
pub use answer::{Answer, Refusal, UNSUPPORTED_SUITE, holds};
pub use cli::{Outcome, command};
pub use coverage::{Coverage, CoverageError};
pub use expected::{ExpectedFailures, ExpectedFailuresError};
pub use format::{Case, FormatError, VectorFile};
pub use generate::{Agreement, check, generate, generate_from};
pub use run::{Library, Program, Strictness, Tally, run};
pub use serve::serve;
pub use suites::{SUITES, answer};
