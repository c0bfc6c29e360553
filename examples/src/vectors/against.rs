//! Another implementation's program, driven over its standard input and output.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Answer;
use super::run::Program;

/// How long a program may take for one case.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest line that is read from a program, in bytes.
const LINE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How often a program is started again.
const RESTARTS: u32 = 3;

/// A program that answers a case a line, like this library's `serve`.
///
/// A program that ended, that did not answer in time, or whose answer cannot be read is stopped and started again; after
/// three restarts it is given up, and all remaining cases fail.
#[derive(Debug)]
pub struct Peer {
    command: OsString,
    arguments: Vec<OsString>,
    timeout: Duration,
    running: Option<Running>,
    starts: u32,
}

impl Peer {
    /// Names a program; it is started with the first case. Each case may take [`TIMEOUT`].
    #[must_use]
    pub fn new(command: OsString, arguments: Vec<OsString>) -> Self {
        Self { command, arguments, timeout: TIMEOUT, running: None, starts: 0 }
    }

    /// Changes how long each case may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The running program, started if there is none.
    fn running(&mut self) -> Result<&mut Running, String> {
        match &mut self.running {
            Some(running) => Ok(running),
            empty => {
                if self.starts > RESTARTS {
                    return Err("the program failed to answer too often and was given up".to_owned());
                }
                self.starts += 1;
                let running = Running::start(&self.command, &self.arguments)
                    .map_err(|error| format!("the program cannot be started: {error}"))?;
                Ok(empty.insert(running))
            }
        }
    }
}

impl Program for Peer {
    fn answer(&mut self, suite: &str, id: &str, input: &Value) -> Result<Answer, String> {
        let mut line = json!({ "suite": suite, "id": id, "input": input }).to_string();
        line.push('\n');
        let timeout = self.timeout;
        let answered = self.running()?.exchange(line, timeout);
        // A program that failed to answer may still do so later: it must not be taken for the next case's answer.
        let answer = answered.inspect_err(|_| self.running = None)?;
        Answer::from_line(&answer, id).inspect_err(|_| self.running = None)
    }
}

/// A started program, with a thread for each direction: neither a program that does not read nor one that does not
/// write can hold the runner up.
#[derive(Debug)]
struct Running {
    child: Child,
    to: Sender<String>,
    from: Receiver<Vec<u8>>,
}

impl Running {
    fn start(command: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        let mut child =
            Command::new(command).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (to, lines) = mpsc::channel::<String>();
        let (answers, from) = mpsc::channel();
        if let Some(mut stdin) = child.stdin.take() {
            thread::spawn(move || {
                for line in lines {
                    if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
                        break;
                    }
                }
            });
        }
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                let mut stdout = BufReader::new(stdout);
                while let Some(line) = read_line(&mut stdout) {
                    if answers.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, to, from })
    }

    fn exchange(&self, line: String, timeout: Duration) -> Result<Vec<u8>, String> {
        // If the writing thread has ended, so has the program, and the reading thread tells.
        let _ = self.to.send(line);
        self.from.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("none in {} s", timeout.as_secs_f32()),
            RecvTimeoutError::Disconnected => "the program ended".to_owned(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a program that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line; `None` at the end, and for a line longer than any answer.
fn read_line(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let length = from.take(LINE_MAX_BYTES).read_until(b'\n', &mut line).ok()?;
    // The last line may lack its end.
    let complete = line.ends_with(b"\n") || (length as u64) < LINE_MAX_BYTES;
    (complete && length > 0).then_some(line)
}
