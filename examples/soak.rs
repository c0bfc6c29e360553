//! A thousand agents write a hundred thousand messages to each other through one embedded provider; see
//! `amp_examples::soak`.
//!
//! `cargo run --release -p amp-examples --example soak -- [agents] [messages]`

use std::process::ExitCode;

use amp_examples::soak::{Plan, run};

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>());
    let usual = Plan::default();
    let (agents, messages) =
        (numbers.next().unwrap_or(Ok(usual.agents)), numbers.next().unwrap_or(Ok(usual.messages)));
    let (Ok(agents @ 2..), Ok(messages @ 1..)) = (agents, messages) else {
        eprintln!("usage: soak [agents, two at least] [messages]");
        return ExitCode::from(2);
    };
    match run(Plan { agents, messages }).await {
        Ok(report) => {
            println!("{report}");
            if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
