//! `simulation`: many runs, on all processors.

use core::sync::atomic::{AtomicU64, Ordering};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use super::ledger::Counts;
use super::plan::Host;
use super::world::run;

const USAGE: &str = "usage: simulation [--runs N] [--seed S] [--threads T]
  Runs the seeds S to S + N - 1, and prints what happened in them. A seed that fails is printed with what it broke.";

struct Arguments {
    runs: u64,
    seed: u64,
    threads: usize,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let threads = thread::available_parallelism().map_or(1, Into::into);
        let mut parsed = Self { runs: 200, seed: 0, threads };
        while let Some(name) = arguments.next() {
            let value = arguments.next()?;
            match name.as_str() {
                "--runs" => parsed.runs = value.parse().ok()?,
                "--seed" => parsed.seed = value.parse().ok()?,
                "--threads" => parsed.threads = value.parse::<usize>().ok()?.max(1),
                _ => return None,
            }
        }
        Some(parsed)
    }
}

/// Runs seeds and prints what happened; fails if one of them did.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let Some(arguments) = Arguments::parse(arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let (counts, failures) = all(&arguments);
    let seconds = began.elapsed().as_secs_f64();
    for (name, count) in counts.values() {
        println!("{name:>40} {count:>14}");
    }
    println!("{:>40} {seconds:>14.1}", "seconds");
    for (seed, what) in &failures {
        println!("seed {seed}: {what}");
    }
    println!("{} of {} runs failed", failures.len(), arguments.runs);
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(arguments: &Arguments) -> (Counts, Vec<(u64, String)>) {
    let next = AtomicU64::new(0);
    let sums = Mutex::new((Counts::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                let (mut counts, mut failures) = (Counts::default(), Vec::new());
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= arguments.runs {
                        break;
                    }
                    let seed = arguments.seed.wrapping_add(at);
                    let run = run(seed, Host::Careful);
                    counts.add(&run.counts);
                    failures.extend(run.failure.map(|what| (seed, what)));
                }
                if let Ok(mut sums) = sums.lock() {
                    sums.0.add(&counts);
                    sums.1.extend(failures);
                }
            });
        }
    });
    let (counts, mut failures) = sums.into_inner().unwrap_or_default();
    failures.sort();
    (counts, failures)
}
