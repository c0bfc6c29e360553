//! Counts allocations; a buffer's growth is one. Prints `bench size impl count`.
//!
//! A program of its own, because the counting allocator would slow down what `quick` times.

use amp_benches::measure::Subject;
use amp_benches::rows::{Visit, visit_all};
use amp_benches::{address, corpus};

/// Enough messages for an average.
const COUNTED: usize = 8;

struct Counter;

impl Visit for Counter {
    fn visit(&mut self, bench: &'static str, size: &'static str, _: usize, subjects: Vec<Subject<'_>>) {
        for mut subject in subjects {
            // Buffers that are used again have grown by then.
            (subject.run)(0..COUNTED);
            let counted = allocation_counter::measure(|| {
                (subject.run)(0..COUNTED);
            });
            let each = if bench == "address" { COUNTED * address::PER_MESSAGE } else { COUNTED };
            println!("{bench} {size} {} {}", subject.name, counted.count_total as f64 / each as f64);
        }
    }
}

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    visit_all(&filter, COUNTED, &mut Counter);
    if "serde-json-value".contains(&filter) {
        for size in corpus::Size::ALL {
            let payload = corpus::payload(size.bytes(), 0, corpus::Scores::Fractions);
            let counted = allocation_counter::measure(|| {
                std::hint::black_box(serde_json::from_str::<serde_json::Value>(&payload).expect("JSON"));
            });
            println!("serde-json-value {} value {}", size.name(), counted.count_total);
        }
    }
}
