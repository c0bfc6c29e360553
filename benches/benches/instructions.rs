//! Instructions of one message, counted by callgrind: `cargo bench --bench instructions`, where valgrind and a
//! `gungraun-runner` of the same version are installed.
//!
//! Valgrind offers neither AVX-512 nor the SHA extensions, so hashing counts for more here than it costs.
#![allow(missing_docs)]

use amp_benches::corpus::{Corpus, Size};
use amp_benches::measure::Subject;
use amp_benches::{canonicalize, seal, sign, verify};
use gungraun::{library_benchmark, library_benchmark_group, main};

type Found = Subject<'static>;

/// The subject of that name, its buffers grown.
fn warmed(subjects: Vec<Found>, name: &str) -> Found {
    let mut subject = subjects.into_iter().find(|subject| subject.name == name).expect("a subject");
    (subject.run)(0..2);
    subject
}

fn verifying(size: Size, name: &str) -> Found {
    warmed(verify::subjects(Box::leak(Box::new(Corpus::new(size, 2)))), name)
}

fn canonicalizing(size: Size, name: &str) -> Found {
    warmed(canonicalize::subjects(Box::leak(Box::new(Corpus::new(size, 2)))), name)
}

fn signing(size: Size, name: &str) -> Found {
    warmed(sign::subjects(Box::leak(Box::new(sign::Drafts::new(size, 2)))), name)
}

fn sealing(size: (&str, usize), name: &str) -> Found {
    warmed(seal::subjects(Box::leak(Box::new(seal::Plaintexts::new(size.0, size.1, 2)))), name)
}

#[library_benchmark]
#[bench::amp_300(args = (Size::B300, "amp"), setup = verifying)]
#[bench::amp_4k(args = (Size::K4, "amp"), setup = verifying)]
#[bench::amp_64k(args = (Size::K64, "amp"), setup = verifying)]
#[bench::amp_400k(args = (Size::K400, "amp"), setup = verifying)]
#[bench::amp_canonical_400k(args = (Size::K400, "amp-canonical"), setup = verifying)]
#[bench::ruma_400k(args = (Size::K400, "ruma"), setup = verifying)]
#[bench::serde_canonicalizer_400k(args = (Size::K400, "serde-canonicalizer"), setup = verifying)]
fn verify_one(mut subject: Found) -> Found {
    (subject.run)(0..1);
    subject
}

#[library_benchmark]
#[bench::amp_unsorted_300(args = (Size::B300, "amp-unsorted"), setup = canonicalizing)]
#[bench::amp_unsorted_4k(args = (Size::K4, "amp-unsorted"), setup = canonicalizing)]
#[bench::amp_unsorted_64k(args = (Size::K64, "amp-unsorted"), setup = canonicalizing)]
#[bench::amp_unsorted_400k(args = (Size::K400, "amp-unsorted"), setup = canonicalizing)]
#[bench::amp_sorted_400k(args = (Size::K400, "amp-sorted"), setup = canonicalizing)]
#[bench::amp_is_canonical_400k(args = (Size::K400, "amp-is-canonical"), setup = canonicalizing)]
#[bench::serde_canonicalizer_400k(args = (Size::K400, "serde-canonicalizer"), setup = canonicalizing)]
fn canonicalize_one(mut subject: Found) -> Found {
    (subject.run)(0..1);
    subject
}

#[library_benchmark]
#[bench::amp_300(args = (Size::B300, "amp"), setup = signing)]
#[bench::amp_4k(args = (Size::K4, "amp"), setup = signing)]
#[bench::amp_64k(args = (Size::K64, "amp"), setup = signing)]
#[bench::amp_400k(args = (Size::K400, "amp"), setup = signing)]
fn sign_one(mut subject: Found) -> Found {
    (subject.run)(0..1);
    subject
}

#[library_benchmark]
#[bench::limit_300(args = (seal::SIZES[0], "limit"), setup = sealing)]
#[bench::amp_300(args = (seal::SIZES[0], "amp"), setup = sealing)]
#[bench::amp_64k(args = (seal::SIZES[2], "amp"), setup = sealing)]
#[bench::amp_file_400k(args = (seal::SIZES[4], "amp-file"), setup = sealing)]
fn seal_and_open_one(mut subject: Found) -> Found {
    (subject.run)(0..1);
    subject
}

library_benchmark_group!(
    name = instructions,
    benchmarks = [verify_one, canonicalize_one, sign_one, seal_and_open_one]
);

main!(library_benchmark_groups = instructions);
