//! Prints how fast texts are scanned: a line a text and size, in gigabytes a second.

use std::time::Duration;

use amp_benches::scan::{SIZES, Scanners, TEXTS, repeated};

fn main() {
    let scanners = Scanners::default();
    println!("{:<10}{:>9}{:>10}{:>14}{:>14}", "text", "bytes", "amp-scan", "regex-set", "aho-corasick");
    for (name, text) in TEXTS {
        for size in SIZES {
            let per_byte = scanners.measure(&repeated(text, size), Duration::from_millis(300));
            let [amp, expressions, phrases] = per_byte.map(|nanoseconds| 1.0 / nanoseconds);
            println!("{name:<10}{size:>9}{amp:>10.3}{expressions:>14.3}{phrases:>14.3}");
        }
    }
}
