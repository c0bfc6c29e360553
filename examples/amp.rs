//! `amp`: the protocol at a terminal. See docs/cli.md, or `amp --help`.
//!
//! ```sh
//! cargo run -p amp-examples --bin amp -- --help
//! ```

#[cfg(unix)]
#[tokio::main]
async fn main() -> std::process::ExitCode {
    use std::io::{IsTerminal as _, stderr, stdin, stdout};

    use amp_examples::cli::{Surroundings, run};

    let (mut input, mut output, mut errors) = (stdin(), stdout(), stderr());
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let has_colours = output.is_terminal() && !is_plain;
    let surroundings =
        Surroundings { input: &mut input, output: &mut output, errors: &mut errors, has_colours };
    run(std::env::args_os(), surroundings).await.into()
}

/// The shared home directory needs Unix file semantics.
#[cfg(not(unix))]
fn main() -> std::process::ExitCode {
    eprintln!("amp: there is no home directory on this system");
    1.into()
}
