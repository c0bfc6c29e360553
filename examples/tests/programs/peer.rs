//! A program for the runner to drive, as well-behaved as its argument says.
#![allow(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a program has the standard library"
)]

use std::env;
use std::io::{self, BufRead, Write};
use std::thread;
use std::time::Duration;

use amp_examples::vectors::{Answer, Refusal, answer, serve};
use serde_json::{Value, json};

/// Longer than any test waits.
const FOREVER: Duration = Duration::from_secs(600);

fn main() -> io::Result<()> {
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    match env::args().nth(1).as_deref() {
        Some("right") => serve(&mut input, &mut out),
        // Takes everything for valid, as a stub would.
        Some("wrong") => {
            reply(&mut input, &mut out, |_| Some(json!({"output": {"valid": true, "match": true}})))
        }
        // Differs from this library in one suite: patterns match the other way round.
        Some("inverted") => reply(&mut input, &mut out, |case| Some(inverted(case))),
        Some("lacking") => reply(&mut input, &mut out, |_| Some(json!({"error": "unsupported_suite"}))),
        Some("silent") => reply(&mut input, &mut out, |_| None),
        Some("deaf") => {
            thread::sleep(FOREVER);
            Ok(())
        }
        Some("babbling") => writeln!(out, "running 1 test").and_then(|()| serve(&mut input, &mut out)),
        // Answers one case and ends.
        Some("quitting") => {
            let mut line = String::new();
            input.read_line(&mut line)?;
            serve(&mut line.as_bytes(), &mut out)
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Answers each case as `answer` says; with `None` never.
fn reply(
    input: &mut impl BufRead,
    out: &mut impl Write,
    answer: impl Fn(&Value) -> Option<Value>,
) -> io::Result<()> {
    for line in input.lines() {
        let case: Value = serde_json::from_str(&line?)?;
        match answer(&case) {
            Some(mut line) => {
                if let Some(members) = line.as_object_mut() {
                    members.insert("id".to_owned(), case.get("id").cloned().unwrap_or_default());
                }
                writeln!(out, "{line}")?;
                out.flush()?;
            }
            None => thread::sleep(FOREVER),
        }
    }
    Ok(())
}

fn inverted(case: &Value) -> Value {
    let (suite, input) = (case.get("suite").and_then(Value::as_str), case.get("input"));
    let answer = match (suite, input) {
        (Some(suite), Some(input)) => answer(suite, input),
        _ => Answer::Refusal(Refusal::new("missing_field")),
    };
    match answer {
        Answer::Output(mut output) => {
            if let Some(Value::Bool(matches)) = output.get_mut("match") {
                *matches = !*matches;
            }
            Answer::Output(output).to_json()
        }
        refusal @ Answer::Refusal(_) => refusal.to_json(),
    }
}
