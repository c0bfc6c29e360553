//! Why a command did not do what it was asked, and the code that it exits with.

use std::io;

use amp_client::{Error, ErrorKind, Timestamp};
use serde_json::{Value, json};

use super::screen::{Answer, Page, Style};

/// The codes that `amp` exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It was done.
    Done,
    /// It was refused, or failed.
    Failed,
    /// The arguments are not understood.
    Usage,
    /// There is no such agent, address or message.
    NotFound,
    /// A signature does not verify, or a key is not the one it should be.
    NotVerified,
    /// Nobody answered, or not in time: trying again makes sense.
    Unreachable,
}

impl Exit {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::NotVerified => 4,
            Self::Unreachable => 5,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::NotVerified => "not_verified",
            Self::Unreachable => "unreachable",
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    /// The provider's or the protocol's code, where there is one.
    code: Option<String>,
    text: String,
    /// Other names that a provider offers.
    suggestions: Vec<String>,
    /// Whoever reads the answers has stopped.
    is_of_the_reader: bool,
}

impl Failure {
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, code: None, text: text.into(), suggestions: Vec::new(), is_of_the_reader: false }
    }

    /// Whether nobody wants to know: `amp inbox | head -1`.
    pub(super) const fn is_of_the_reader(&self) -> bool {
        self.is_of_the_reader
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, text)
    }

    pub(super) fn with_code(mut self, code: &str) -> Self {
        self.code = Some(code.into());
        self
    }

    pub(super) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }
}

impl Answer for Failure {
    fn page(&self, page: &mut Page) {
        page.own("amp: ").styled(Style::Bad, &self.text).end();
        for name in &self.suggestions {
            page.own("    free: ").name(name).end();
        }
    }

    fn json(&self) -> Value {
        json!({"error": {
            "kind": self.exit.name(),
            "code": self.code,
            "message": self.text,
            "suggestions": self.suggestions,
            "retry": self.exit == Exit::Unreachable,
        }})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let is_nobody = matches!(error.code(), Some("not_found" | "agent_not_found" | "key_not_found"));
        let exit = match error.kind() {
            _ if is_nobody => Exit::NotFound,
            ErrorKind::Unreachable | ErrorKind::TimedOut => Exit::Unreachable,
            ErrorKind::Message | ErrorKind::Key => Exit::NotVerified,
            _ => Exit::Failed,
        };
        let suggestions = error.api().map(|api| api.suggestions().to_vec()).unwrap_or_default();
        let code = error.code().map(Into::into);
        Self { code, suggestions, ..Self::new(exit, error.to_string()) }
    }
}

impl From<amp_client::store::StoreError> for Failure {
    fn from(error: amp_client::store::StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<amp_client::MessageError> for Failure {
    fn from(error: amp_client::MessageError) -> Self {
        Self::new(Exit::Failed, error.to_string()).with_code(error.code().as_str())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let is_of_the_reader = error.kind() == io::ErrorKind::BrokenPipe;
        Self { is_of_the_reader, ..Self::new(Exit::Failed, format!("reading or writing: {error}")) }
    }
}

/// The time now.
pub(super) fn now() -> Result<Timestamp, Failure> {
    let now = Timestamp::try_from(std::time::SystemTime::now());
    now.map_err(|_| Failure::new(Exit::Failed, "the machine's clock stands outside of what a time can say"))
}
