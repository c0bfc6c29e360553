//! Measures everything by turns and prints one JSON line a row.
//!
//! `quick [--patience X] [--filter BENCH/SIZE] [--only IMPL]`

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use amp_benches::corpus::MESSAGES;
use amp_benches::rows::{Row, Timer, rounded, visit_all};

fn main() -> ExitCode {
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let known = ["--patience", "--filter", "--only"].contains(&name.as_str());
        let Some(value) = arguments.next().filter(|_| known) else {
            eprintln!("usage: quick [--patience X] [--filter BENCH/SIZE] [--only IMPL]");
            return ExitCode::from(2);
        };
        options.insert(name, value);
    }
    let option = |name: &str| options.get(name).map(String::as_str).unwrap_or_default();
    let filter = option("--filter");
    eprintln!("counting allocations");
    let allocations = allocations(filter);
    let mut visitor = Timer {
        patience: option("--patience").parse().unwrap_or(1.0),
        only: option("--only").to_owned(),
        emit: |mut row: Row| {
            let key = format!("{} {} {}", row.bench, row.size, row.subject);
            row.allocs = allocations.get(&key).copied().unwrap_or(f64::NAN);
            println!("{}", serde_json::to_string(&row).expect("a row"));
            eprintln!("{key}: {:.3} of the limit, {:.0} ns", row.ratio_to_limit, row.ns);
        },
    };
    visit_all(filter, MESSAGES, &mut visitor);
    ExitCode::SUCCESS
}

/// What the program `allocations`, which stands beside this one, counts.
fn allocations(filter: &str) -> BTreeMap<String, f64> {
    let program = std::env::current_exe().expect("this program's path").with_file_name("allocations");
    let output =
        Command::new(program).arg(filter).output().expect("the program `allocations` beside this one");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| {
            let (key, count) = line.rsplit_once(' ')?;
            Some((key.to_owned(), rounded(count.parse().ok()?, 1)))
        })
        .collect()
}
