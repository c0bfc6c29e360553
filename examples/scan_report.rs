//! Writes `docs/scan-report.md`: what the injection scan catches on the labelled corpus, and what it does not.
//!
//! `cargo run --release -p amp-examples --example scan_report` writes the page; with `--check` it only compares.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a program has the standard library"
)]

use std::error::Error;
use std::process::ExitCode;
use std::{env, fs, io};

use amp_examples::scan_report::page;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scan-report.md");

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let page = page()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => fs::write(PAGE, page)?,
        ["--check"] if read(PAGE)? == page => {}
        ["--check"] => {
            eprintln!(
                "docs/scan-report.md is not what the rules and the corpus give: write it anew with this program"
            );
            return Ok(ExitCode::FAILURE);
        }
        _ => {
            eprintln!("usage: scan_report [--check]");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The page as it stands; nothing when there is none yet.
fn read(path: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}
