//! Everything that is measured, as a list of tables; a row is one subject at one size.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::corpus::{Corpus, Size};
use crate::measure::{self, Subject};
use crate::{address, canonicalize, ladder, receive, seal, sealed_mail, sign, verify};

/// One row, as `quick` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub bench: String,
    /// `300`, `4k`, `64k`, `160k`, `400k`; `-` where there are no sizes.
    pub size: String,
    #[serde(rename = "impl")]
    pub subject: String,
    /// Nanoseconds: the least reading of each group of messages, averaged.
    pub ns: f64,
    /// `ns` over the limit's in the same run.
    pub ratio_to_limit: f64,
    /// Allocations, a buffer's growth counted as one.
    pub allocs: f64,
    /// Nanoseconds: the median of all readings.
    pub median_ns: f64,
    pub rounds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gbps: Option<f64>,
    /// `ns` over that of the same message under one dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_one_dialect: Option<f64>,
}

/// What is done with the subjects of one bench at one size.
pub trait Visit {
    fn visit(
        &mut self,
        bench: &'static str,
        size: &'static str,
        per_reading: usize,
        subjects: Vec<Subject<'_>>,
    );
}

/// The sizes at which the dialect ladder is climbed.
pub const LADDER: [Size; 2] = [Size::K64, Size::K400];

/// Shows every set of subjects whose `bench/size` contains `filter` to `visitor`, over that many distinct messages.
pub fn visit_all(filter: &str, messages: usize, visitor: &mut impl Visit) {
    let wanted = |bench: &str, size: &str| format!("{bench}/{size}").contains(filter);
    for size in Size::ALL {
        let (name, per_reading) = (size.name(), size.per_reading());
        if wanted("verify", name) || wanted("canonicalize", name) {
            let corpus = Corpus::new(size, messages);
            if wanted("verify", name) {
                visitor.visit("verify", name, per_reading, verify::subjects(&corpus));
            }
            if wanted("canonicalize", name) {
                visitor.visit("canonicalize", name, per_reading, canonicalize::subjects(&corpus));
            }
        }
        if wanted("sign", name) {
            visitor.visit("sign", name, per_reading, sign::subjects(&sign::Drafts::new(size, messages)));
        }
        if receive::SIZES.contains(&size) && wanted("receive", name) {
            let corpus = Corpus::new(size, messages);
            let mail = receive::Mail::new(&corpus);
            visitor.visit("receive", name, per_reading, receive::subjects(&mail));
        }
        if LADDER.contains(&size) && wanted("ladder", name) {
            visitor.visit(
                "ladder",
                name,
                per_reading,
                ladder::subjects(&ladder::Forgeries::new(size, messages)),
            );
        }
    }
    for size in sealed_mail::SIZES {
        let (name, per_reading) = (size.name(), size.per_reading());
        if wanted(sealed_mail::BENCH, name) {
            let mail = sealed_mail::Mail::new(size, messages);
            visitor.visit(sealed_mail::BENCH, name, per_reading, sealed_mail::subjects(&mail));
        }
    }
    for (name, bytes) in seal::SIZES {
        if wanted(seal::BENCH, name) {
            let per_reading = if bytes > 4096 { 1 } else { 4 };
            let plaintexts = seal::Plaintexts::new(name, bytes, messages);
            visitor.visit(seal::BENCH, name, per_reading, seal::subjects(&plaintexts));
        }
    }
    if wanted("address", "-") {
        visitor.visit("address", "-", 64, address::subjects(&address::Addresses::default()));
    }
}

/// Times all subjects by turns and hands each finished row on.
pub struct Timer<F> {
    /// Multiplies every budget; 1 fits all benches in well under a minute.
    pub patience: f64,
    /// Measures only the subjects that have this in their names.
    pub only: String,
    pub emit: F,
}

impl<F: FnMut(Row)> Visit for Timer<F> {
    fn visit(
        &mut self,
        bench: &'static str,
        size: &'static str,
        per_reading: usize,
        mut subjects: Vec<Subject<'_>>,
    ) {
        subjects.retain(|subject| subject.name == "limit" || subject.name.contains(&self.only));
        let budget = Duration::from_secs_f64(seconds(bench, size) * self.patience);
        let timings = measure::interleave(&mut subjects, per_reading, budget);
        let scale = if bench == "address" { address::PER_MESSAGE as f64 } else { 1.0 };
        let limit = timings[0].min;
        for (n, (subject, timing)) in subjects.iter().zip(&timings).enumerate() {
            let one = subject.name.replacen("six-dialects", "one-dialect", 1);
            let one = subjects.iter().position(|other| other.name == one).filter(|one| *one != n);
            (self.emit)(Row {
                bench: bench.to_owned(),
                size: size.to_owned(),
                subject: subject.name.to_owned(),
                ns: rounded(timing.min / scale, 1),
                ratio_to_limit: rounded(timing.min / limit, 3),
                allocs: 0.0,
                median_ns: rounded(timing.median / scale, 1),
                rounds: timing.rounds,
                gbps: bytes(bench, size, subject.name).map(|bytes| rounded(bytes as f64 / timing.min, 3)),
                ratio_to_one_dialect: one.map(|one| rounded(timing.min / timings[one].min, 3)),
            });
        }
    }
}

/// How long a set of subjects is measured.
fn seconds(bench: &str, size: &str) -> f64 {
    match (bench, size) {
        ("verify", "400k") => 5.5,
        ("verify", "64k") => 3.0,
        ("verify", _) => 2.0,
        ("seal" | "seal-aws-lc", _) => 1.5,
        (_, "400k") => 2.0,
        (_, "64k") => 1.2,
        _ => 0.8,
    }
}

fn bytes(bench: &str, size: &str, subject: &str) -> Option<usize> {
    if bench != "canonicalize" {
        return None;
    }
    let size = Size::ALL.into_iter().find(|known| known.name() == size)?;
    Some(if subject == "amp-spaced" { Corpus::new(size, 1).samples[0].spaced.len() } else { size.bytes() })
}

/// Rounded to a number of decimal places, for reading.
pub fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}
