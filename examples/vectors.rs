//! The vector runner: runs test vectors, serves them to a harness, drives another implementation, writes new ones.
//!
//! `cargo run --release -p amp-examples --example vectors -- --help` says how.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a program has the standard library"
)]

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use amp_examples::vectors::command;

fn main() -> ExitCode {
    let arguments = env::args_os().skip(1).collect();
    match command(arguments, &mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nowhere is left to report a failure to report.
            let _ = writeln!(io::stderr(), "vectors: {error}");
            ExitCode::from(2)
        }
    }
}
