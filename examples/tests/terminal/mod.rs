//! A terminal for tests: a home of its own, and commands that run in this process.
#![allow(dead_code, reason = "each test uses a part")]

use amp_client::wire::ApiUrl;
use amp_examples::cli::{Surroundings, run};
use serde_json::Value;

/// What a command printed, and the code that it exited with.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// The JSON values of the lines, after a command that succeeded.
    pub(crate) fn json(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{self:?}");
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only JSON value.
    pub(crate) fn one(&self) -> Value {
        let mut values = self.json();
        assert_eq!(values.len(), 1, "{self:?}");
        values.remove(0)
    }

    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// A home directory, and commands on it.
pub(crate) struct Terminal {
    pub(crate) home: tempfile::TempDir,
    pub(crate) has_colours: bool,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), has_colours: false }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "").await
    }

    pub(crate) async fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let home = self.home.path().to_str().unwrap();
        let begin = ["amp", "--home", home];
        let all = begin.iter().chain(arguments).map(Into::into);
        let mut input = input.as_bytes();
        let surroundings = Surroundings {
            input: &mut input,
            output: &mut out,
            errors: &mut err,
            has_colours: self.has_colours,
        };
        let code = run(all.collect::<Vec<_>>(), surroundings).await;
        Outcome { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }

    /// Runs a command of an agent, for JSON.
    pub(crate) async fn json(&self, agent: &str, arguments: &[&str]) -> Outcome {
        let all: Vec<&str> = ["--json", "--agent", agent].iter().chain(arguments).copied().collect();
        self.run(&all).await
    }

    /// Makes agents, and registers them.
    pub(crate) async fn register(&self, api: &ApiUrl, names: &[&str]) {
        for name in names {
            self.run(&["init", name]).await.succeeded();
            self.run(&["--agent", name, "register", api.as_str()]).await.succeeded();
        }
    }
}
