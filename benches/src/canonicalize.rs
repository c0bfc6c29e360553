//! Canonical form alone: RFC 8785, from a payload's bytes to its canonical bytes.

use std::hint::black_box;

use amp_envelope::{Canonicalizer, Dialect};
use sha2::{Digest as _, Sha256};

use crate::corpus::Corpus;
use crate::measure::Subject;

/// The yardstick first, then ours, then the peers.
///
/// `amp-unsorted` has everything to rewrite, `amp-spaced` only white space to drop, `amp-sorted` nothing (the result is
/// a copy), and `amp-is-canonical` answers that question without a copy. The yardstick is SHA-256 of the result,
/// which whoever canonicalizes pays next.
pub fn subjects(corpus: &Corpus) -> Vec<Subject<'_>> {
    vec![
        Subject::new("limit", |n| {
            black_box(Sha256::digest(&corpus.samples[n].canonical));
        }),
        ours("amp-unsorted", |n| corpus.samples[n].payload.as_bytes()),
        ours("amp-spaced", |n| &corpus.samples[n].spaced),
        ours("amp-sorted", |n| &corpus.samples[n].canonical),
        is_canonical(corpus),
        Subject::new("serde-canonicalizer", |n| {
            black_box(serde_json_canonicalizer::pipe(&corpus.samples[n].payload).expect("JSON"));
        }),
        Subject::new("naive-serde-json", |n| {
            let mut value: serde_json::Value =
                serde_json::from_str(&corpus.samples[n].payload).expect("JSON");
            value.sort_all_objects();
            black_box(serde_json::to_vec(&value).expect("JSON"));
        }),
    ]
}

/// How many bytes a subject reads of a sample.
pub fn bytes_read(corpus: &Corpus, name: &str) -> usize {
    let sample = &corpus.samples[0];
    if name == "amp-spaced" { sample.spaced.len() } else { sample.payload.len() }
}

fn ours<'a>(name: &'static str, text: impl Fn(usize) -> &'a [u8] + 'a) -> Subject<'a> {
    let mut canonicalizer = Canonicalizer::new();
    let mut out = Vec::new();
    Subject::new(name, move |n| {
        out.clear();
        canonicalizer.canonicalize_into(text(n), Dialect::Jcs, &mut out).expect("a payload of the profile");
        black_box(&out);
    })
}

fn is_canonical(corpus: &Corpus) -> Subject<'_> {
    let mut canonicalizer = Canonicalizer::new();
    Subject::new("amp-is-canonical", move |n| {
        let yes = canonicalizer.is_canonical(&corpus.samples[n].canonical).expect("a payload of the profile");
        assert!(black_box(yes));
    })
}
