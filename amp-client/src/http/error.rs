//! Why a request has no answer (provider API).

use alloc::borrow::Cow;

use amp_core::webhook::TargetError;
use amp_core::wire::WireError;

use crate::error::{Error, ErrorKind};

/// Why there is no answer, or none that can be used. Holds nothing of the URL and nothing that the server sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nothing was sent.
    #[error("no connection came about")]
    NotSent,
    /// The server may have acted.
    #[error("the connection broke before the answer was whole")]
    Unreachable,
    /// The server may have acted.
    #[error("no whole answer came in time")]
    TimedOut,
    #[error("the answer is larger than answers are")]
    TooLarge,
    #[error("the answer is not what HTTP or the protocol allow: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("http without TLS is for this machine and local networks, unless the host is allowed by name")]
    Plain,
    #[error("https needs the feature tls, and certificates that can be loaded")]
    NoTls,
    #[error(transparent)]
    Request(#[from] WireError),
    /// The file could not be read while it was sent.
    #[error("the file could not be read to its end, or has changed")]
    File,
}

impl HttpError {
    /// Whether the server cannot have acted.
    pub(crate) const fn is_unsent(&self) -> bool {
        matches!(self, Self::NotSent | Self::Target(_) | Self::Plain | Self::NoTls | Self::Request(_))
    }

    /// The public error, with the step that failed.
    pub(crate) fn at(self, step: impl Into<Cow<'static, str>>) -> Error {
        let kind = match &self {
            Self::NotSent | Self::Unreachable => ErrorKind::Unreachable,
            Self::TimedOut => ErrorKind::TimedOut,
            Self::TooLarge | Self::Malformed(_) => ErrorKind::BadAnswer,
            Self::Target(_) | Self::Plain => ErrorKind::Target,
            Self::NoTls | Self::Request(_) => ErrorKind::Setup,
            Self::File => ErrorKind::File,
        };
        Error::new(kind, step).because(self)
    }
}

/// What reqwest says, without its text: that holds the URL.
pub(super) fn of_reqwest(error: &reqwest::Error) -> HttpError {
    let mut cause = core::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(target) = inner.downcast_ref::<TargetError>() {
            return HttpError::Target(*target);
        }
        if inner.downcast_ref::<FileBroke>().is_some() {
            return HttpError::File;
        }
        cause = inner.source();
    }
    if error.is_connect() {
        HttpError::NotSent
    } else if error.is_timeout() {
        HttpError::TimedOut
    } else {
        HttpError::Unreachable
    }
}

/// The file behind a body could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the file could not be read")]
pub(super) struct FileBroke;
