//! Clients and a provider in virtual time, over a network on which everything goes wrong; see
//! `amp_examples::simulation`.
//!
//! `cargo run --release -p amp-examples --example simulation -- --runs 1000 --seed 0`

use std::process::ExitCode;

fn main() -> ExitCode {
    amp_examples::simulation::main(std::env::args().skip(1))
}
