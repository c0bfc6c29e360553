//! The command line of the runner: what each command takes, and what it prints.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::against::{Peer, TIMEOUT};
use super::coverage::Coverage;
use super::expected::ExpectedFailures;
use super::format::VectorFile;
use super::generate::{check, generate, generate_from};
use super::run::{Library, Strictness, run};
use super::serve::serve;

const HELP: &str = "\
Test vectors of the Agent Messaging Protocol (format amp-vectors/1).

vectors run [--strict] [--expected-failures FILE] FILE...
    Runs the files against this library and prints one line a suite. Exits with 1 on a failure, and with --strict
    also on a suite that this library does not have.

vectors run --against PROGRAM [ARGUMENT...] [--strict] [--timeout SECONDS] [--expected-failures FILE] [--] FILE...
    Runs the files against another program, which answers a case a line as `serve` does. The program's arguments end
    at `--`, at one of the options named here, or at the first that ends in .json. A case may take 10 seconds.
    The list of expected failures has a line `suite/id reason` a case; a listed case that passes is a failure too.

vectors serve
    Reads a case a line, {\"suite\",\"id\",\"input\"}, and answers a line: {\"id\",\"output\":{..}} or
    {\"id\",\"error\":\"code\",\"field\"?}.

vectors generate [--from FILE] [--dir DIRECTORY] [SUITE...]
    Writes suites from what this library answers: to the inputs of FILE, or to inputs of its own. To standard output,
    or to DIRECTORY/SUITE.json. The same inputs give the same bytes.
vectors generate --check FILE...
    Says whether the files' expectations are what this library answers; exits with 1 if one is not.
    Generated vectors prove that implementations agree, not that they are correct.

vectors coverage [--check] [--root DIRECTORY]
    Writes docs/protocol/coverage.md: each rule of the protocol's pages, with the vectors and tests that prove it.
    --check writes nothing, and exits with 1 if the page is stale. Both exit with 1 if nothing proves a rule, or if a
    vector or test names a rule that no page states.
";

/// Runs the command that the arguments (without the program's name) ask for.
///
/// Gives whether everything was found as it should be.
///
/// # Errors
/// When that cannot be told: the arguments are not understood, or a file cannot be read.
///
/// ```
/// let mut out = Vec::new();
/// let arguments = ["generate", "expand"].map(Into::into);
/// assert!(amp_examples::vectors::command(arguments.into(), &mut &b""[..], &mut out)?);
/// assert!(out.starts_with(b"{\"format\":\"amp-vectors/1\",\"suite\":\"expand\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn command(arguments: Vec<OsString>, input: &mut impl BufRead, out: &mut impl Write) -> Outcome {
    let mut arguments = Arguments(arguments.into_iter().peekable());
    let command = arguments.next();
    match command.as_ref().and_then(|command| command.to_str()) {
        Some("run") => run_command(arguments, out),
        Some("serve") => match arguments.next() {
            Some(_) => Err("serve takes no arguments".into()),
            None => Ok(serve(input, out).map(|()| true)?),
        },
        Some("generate") => generate_command(arguments, out),
        Some("coverage") => coverage_command(arguments, out),
        Some("help" | "--help" | "-h") => Ok(out.write_all(HELP.as_bytes()).map(|()| true)?),
        _ => Err("the commands are run, serve, generate and coverage; see --help".into()),
    }
}

/// Whether the command found everything as it should be; an error if it could not tell.
pub type Outcome = Result<bool, Box<dyn std::error::Error>>;

struct Arguments(std::iter::Peekable<std::vec::IntoIter<OsString>>);

impl Arguments {
    fn next(&mut self) -> Option<OsString> {
        self.0.next()
    }

    /// The value of an option.
    fn value(&mut self, option: &str) -> Result<OsString, String> {
        self.next().ok_or_else(|| format!("{option} needs a value"))
    }

    /// The arguments of another program: all up to `--`, an option of `run`, or the first file.
    fn of_program(&mut self) -> Vec<OsString> {
        let ours = ["--", "--strict", "--timeout", "--expected-failures"];
        let is_file = |argument: &OsString| Path::new(argument).extension().is_some_and(|own| own == "json");
        let belongs = |argument: &OsString| !ours.iter().any(|own| argument == own) && !is_file(argument);
        std::iter::from_fn(|| self.0.next_if(belongs)).collect()
    }
}

fn run_command(mut arguments: Arguments, out: &mut impl Write) -> Outcome {
    let (mut files, mut strict) = (Vec::new(), Strictness::Lenient);
    let (mut program, mut timeout) = (None, TIMEOUT);
    let mut expected = ExpectedFailures::default();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--strict") => strict = Strictness::Strict,
            Some("--against") => {
                let command = arguments.value("--against")?;
                program = Some((command, arguments.of_program()));
            }
            Some("--timeout") => {
                let seconds = arguments.value("--timeout")?;
                let seconds = seconds.to_str().and_then(|seconds| seconds.parse().ok());
                timeout = Duration::from_secs(seconds.ok_or("--timeout takes whole seconds")?);
            }
            Some("--expected-failures") => {
                let path = PathBuf::from(arguments.value("--expected-failures")?);
                let named = |error: &dyn std::error::Error| format!("{}: {error}", path.display());
                let list = fs::read_to_string(&path).map_err(|error| named(&error))?;
                expected = ExpectedFailures::parse(&list).map_err(|error| named(&error))?;
            }
            Some("--") => files.extend(std::iter::from_fn(|| arguments.next())),
            Some(option) if option.starts_with("--") => {
                return Err(format!("run has no option {option}").into());
            }
            _ => files.push(argument),
        }
    }
    let files = open(&files)?;
    let tally = match program {
        None => run(files, &mut Library, &expected, out),
        Some((command, given)) => run(files, &mut Peer::new(command, given).timeout(timeout), &expected, out),
    }?;
    Ok(tally.is_success(strict))
}

/// Opens the files; a JSON Schema among them is passed over.
fn open(paths: &[OsString]) -> Result<Vec<VectorFile>, Box<dyn std::error::Error>> {
    if paths.is_empty() {
        return Err("no file is named; see --help".into());
    }
    let opened = paths.iter().map(|path| VectorFile::open(Path::new(path)));
    Ok(opened.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

fn generate_command(mut arguments: Arguments, out: &mut impl Write) -> Outcome {
    let (mut names, mut from, mut directory, mut checks) = (Vec::new(), None, None, false);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--check") => checks = true,
            Some("--from") => from = Some(arguments.value("--from")?),
            Some("--dir") => directory = Some(PathBuf::from(arguments.value("--dir")?)),
            Some(option) if option.starts_with("--") => {
                return Err(format!("generate has no option {option}").into());
            }
            _ => names.push(argument),
        }
    }
    if checks {
        return check_files(&names, out);
    }
    let mut suites = Vec::new();
    if let Some(path) = from {
        for file in open(&[path])? {
            suites.push(generate_from(&file)?);
        }
    } else if names.is_empty() {
        return Err("no suite is named; see --help".into());
    }
    for name in names {
        let suite = name.to_str().and_then(generate);
        suites.push(suite.ok_or_else(|| format!("there is no suite {}", name.display()))?);
    }
    for suite in suites {
        match &directory {
            Some(directory) => {
                fs::write(directory.join(&suite.suite).with_extension("json"), suite.to_json())?
            }
            None => out.write_all(suite.to_json().as_bytes())?,
        }
    }
    Ok(true)
}

fn check_files(paths: &[OsString], out: &mut impl Write) -> Outcome {
    let mut agrees = true;
    for file in open(paths)? {
        let agreement = check(&file);
        for id in &agreement.differing {
            writeln!(out, "DIFFERS {}/{id}", file.suite)?;
        }
        let (equal, weaker) = (agreement.equal.len(), agreement.weaker.len());
        let differing = agreement.differing.len();
        writeln!(out, "{}: {equal} equal, {weaker} hold and say less, {differing} differ", file.suite)?;
        agrees &= agreement.differing.is_empty();
    }
    Ok(agrees)
}

fn coverage_command(mut arguments: Arguments, out: &mut impl Write) -> Outcome {
    let (mut checks, mut root) = (false, None);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--check") => checks = true,
            Some("--root") => root = Some(PathBuf::from(arguments.value("--root")?)),
            _ => return Err(format!("coverage has no option {}", argument.display()).into()),
        }
    }
    // The repository is where this program was built.
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.unwrap_or_else(built);
    let coverage = Coverage::read(&root)?;
    let mut faults = coverage.faults();
    if !checks {
        coverage.write(&root)?;
    } else if !coverage.is_written(&root)? {
        faults.push("docs/protocol/coverage.md is stale: run `vectors coverage`".to_owned());
    }
    for fault in &faults {
        writeln!(out, "FAULT {fault}")?;
    }
    writeln!(out, "coverage: {} rules, {} faults", coverage.len(), faults.len())?;
    Ok(faults.is_empty())
}
