//! `amp`: the protocol at a terminal, in the home directory that all AMP programs of a user share.
//!
//! A command is a file. What it finds goes to the screen as a page for a person or as JSON for a program; both pass
//! through one place that lets nothing act on a terminal.

mod arguments;
mod attachments;
mod card;
mod delete;
mod explain;
mod failure;
mod fetch;
mod files;
mod forget;
mod held;
mod identity;
mod inbox;
mod init;
mod keys;
mod opening;
mod read;
mod register;
mod reply;
mod resolve;
mod screen;
mod seal;
mod send;
mod status;
mod texts;
mod verify;
mod view;
mod watch;

use std::ffi::OsString;
use std::io::{Read, Write};

use clap::Parser as _;

use self::arguments::{Arguments, Command};
use self::failure::{Exit, Failure};
use self::screen::{Form, Screen};

/// What the command line is connected to.
pub struct Surroundings<'a> {
    /// Where texts given as `-` come from.
    pub input: &'a mut (dyn Read + Send),
    /// Where answers go.
    pub output: &'a mut (dyn Write + Send),
    /// Where refusals go.
    pub errors: &'a mut (dyn Write + Send),
    /// Whether the answers may have colours.
    pub has_colours: bool,
}

/// Runs the command that the arguments ask for, the program's name among them, and gives the code to exit with.
///
/// ```
/// use amp_examples::cli::{Surroundings, run};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let (mut output, mut errors) = (Vec::new(), Vec::new());
/// let mut input = std::io::empty();
/// let surroundings =
///     Surroundings { input: &mut input, output: &mut output, errors: &mut errors, has_colours: false };
/// assert_eq!(run(["amp", "--version"].map(Into::into), surroundings).await, 0);
/// assert!(output.starts_with(b"amp "));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run(arguments: impl IntoIterator<Item = OsString>, surroundings: Surroundings<'_>) -> u8 {
    let Surroundings { input, output, errors, has_colours } = surroundings;
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error, output, errors),
    };
    let form = if arguments.common.json { Form::Json } else { Form::Page };
    let mut screen = Screen::new(output, form, has_colours);
    match command(arguments, input, &mut screen).await {
        Ok(exit) => exit.code(),
        Err(failure) => {
            if failure.is_of_the_reader() {
                return failure.exit().code();
            }
            // There is nobody left to tell when this cannot be written either.
            let _ = Screen::new(errors, form, false).show(&failure);
            failure.exit().code()
        }
    }
}

/// Help goes where answers go. Whatever else the parser says repeats arguments, which are outside text as any other.
fn usage<'o>(
    error: &clap::Error,
    output: &'o mut (dyn Write + Send),
    errors: &'o mut (dyn Write + Send),
) -> u8 {
    let out = if error.use_stderr() { errors } else { output };
    let text = error.render().to_string();
    match write!(out, "{}", amp_client::trust::Printable::new(&text)) {
        Ok(()) if !error.use_stderr() => Exit::Done.code(),
        Ok(()) => Exit::Usage.code(),
        Err(_) => Exit::Failed.code(),
    }
}

async fn command(
    arguments: Arguments,
    input: &mut (dyn Read + Send),
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let Arguments { common, command } = arguments;
    match command {
        Command::Init(arguments) => init::run(&common, &arguments, screen),
        Command::Register(arguments) => register::run(&common, arguments, input, screen).await,
        Command::Forget(arguments) => forget::run(&common, &arguments, screen),
        Command::Send(arguments) => send::run(&common, arguments, input, screen).await,
        Command::Inbox(arguments) => inbox::run(&common, arguments, screen).await,
        Command::Read(arguments) => read::run(&common, &arguments, screen).await,
        Command::Reply(arguments) => reply::run(&common, &arguments, input, screen).await,
        Command::Fetch => fetch::run(&common, screen).await,
        Command::Watch(arguments) => watch::run(&common, &arguments, screen).await,
        Command::Delete(arguments) => delete::run(&common, &arguments, screen).await,
        Command::Held(arguments) => held::run(&common, &arguments, screen).await,
        Command::Status => status::run(&common, screen).await,
        Command::Identity => identity::run(&common, screen),
        Command::Card(arguments) => card::run(&common, &arguments, input, screen).await,
        Command::Resolve(arguments) => resolve::run(&common, &arguments, screen).await,
        Command::Verify(arguments) => verify::run(&common, &arguments, input, screen).await,
        Command::Explain(arguments) => explain::run(&arguments, input, screen),
        Command::Attachments(arguments) => attachments::run(&common, &arguments, screen).await,
        Command::Keys(arguments) => keys::run(&common, &arguments, screen).await,
    }
}
