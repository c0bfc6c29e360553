//! The report on the injection scan is what the rules and the corpus give today.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc, missing_docs)]

use std::fs;

#[test]
fn the_report_on_the_scan_is_current() {
    let written = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scan-report.md")).unwrap();
    let page = amp_examples::scan_report::page().unwrap();
    let differing = written.lines().zip(page.lines()).find(|(written, page)| written != page);
    assert!(
        written == page,
        "docs/scan-report.md is stale, first at {differing:?}: run `cargo run --release -p amp-examples --example scan_report`"
    );
}
