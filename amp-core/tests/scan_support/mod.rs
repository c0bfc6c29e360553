//! What measures the injection scan: the labelled corpus and twelve disguises (guardrails, injection scan).
//!
//! Shared by the floors in `scan_corpus.rs` and by the program that writes the report.
#![allow(dead_code, reason = "each of the two takes its part")]

pub(crate) mod corpus;
pub(crate) mod disguise;
