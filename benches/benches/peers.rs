//! Wall time, every peer in one group with ours: `cargo bench --bench peers [FILTER]`.
#![allow(missing_docs)]

use std::time::Duration;

use amp_benches::corpus::MESSAGES;
use amp_benches::measure::{self, Clock, Subject};
use amp_benches::rows::{Visit, visit_all};
use criterion::Criterion;

struct Groups(Criterion);

impl Visit for Groups {
    fn visit(&mut self, bench: &'static str, size: &'static str, _: usize, subjects: Vec<Subject<'_>>) {
        let mut group = self.0.benchmark_group(format!("{bench}/{size}"));
        for mut subject in subjects {
            let mut next = 0;
            group.bench_function(subject.name, |bencher| {
                bencher.iter_custom(|count| {
                    let mut took = Duration::ZERO;
                    for _ in 0..count {
                        // A message is seen again when all others had their turn.
                        took += (subject.run)(next..next + 1);
                        next = (next + 1) % MESSAGES;
                    }
                    took
                });
            });
        }
        group.finish();
    }
}

fn main() {
    measure::use_clock(Clock::Wall);
    let criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .configure_from_args();
    let mut groups = Groups(criterion);
    visit_all("", MESSAGES, &mut groups);
    groups.0.final_summary();
}
