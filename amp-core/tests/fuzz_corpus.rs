//! The inputs that the fuzzers keep, replayed: what was once found stays found, also where no fuzzer runs.
//!
//! The checks are the fuzz targets' own. They reach every pure crate; they are replayed here because this is the crate
//! that sees the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![allow(unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
#![allow(clippy::disallowed_methods, reason = "tests read the kept inputs from disk")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/checks/mod.rs"]
mod checks;

#[test]
fn every_kept_input_passes_its_check() {
    let mut failed = Vec::new();
    for &(target, check) in checks::ALL {
        let inputs = files(&fuzz().join("corpus").join(target));
        assert!(!inputs.is_empty(), "no inputs are kept for {target}");
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
                failed.push(input);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_smallest_inputs_pass_every_check() {
    let every_byte = (0..=u8::MAX).map(|byte| vec![byte]);
    let openings = [
        &b""[..],
        b"{}",
        b"{\"a\":1,\"a\":2}",
        b"\xef\xbb\xbf{}",
        b"*@*",
        b"\0\0\0\0",
        b"\xff\0{}",
        b"\xfe\0\n\n{}",
    ];
    for input in every_byte.chain(openings.map(<[u8]>::to_vec)) {
        for (_, check) in checks::ALL {
            check(&input);
        }
    }
}

#[test]
fn every_target_is_checked_here_and_keeps_little() {
    let stems = |paths: Vec<PathBuf>| -> BTreeSet<String> {
        paths.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let checked: BTreeSet<String> = checks::ALL.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(stems(files(&fuzz().join("fuzz_targets"))), checked);
    assert_eq!(stems(files(&fuzz().join("corpus"))), checked);
    for target in checked {
        let inputs = files(&fuzz().join("corpus").join(&target));
        let bytes: u64 = inputs.iter().map(|input| fs::metadata(input).unwrap().len()).sum();
        assert!(
            inputs.len() <= 60 && bytes <= 200 * 1024,
            "{target}: {} inputs of {bytes} bytes",
            inputs.len()
        );
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
