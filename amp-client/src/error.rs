//! Why the client did not do what it was asked, and whether to ask again.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use amp_core::envelope::Timestamp;
use amp_core::wire::{ApiError, Retry};

use crate::store::StoreError;

/// Why the client did not do what it was asked.
///
/// [`kind`](Self::kind) says what failed, [`code`](Self::code) is the provider's code where it gave one, and
/// [`retry`](Self::retry) says whether and when asking again makes sense. No text of a message, no key and no URL with a
/// query is ever in an error.
///
/// ```
/// use amp_client::wire::Retry;
/// use amp_client::{Client, ErrorKind};
/// # use amp_client::Timestamp;
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let nobody = Client::builder("http://127.0.0.1:9/v1".parse()?).in_memory();
/// let error = match nobody.timeout(std::time::Duration::from_millis(200)).register("alice").await {
///     Ok(_) => return Err("somebody is there".into()),
///     Err(error) => error,
/// };
/// assert_eq!((error.kind(), error.code()), (ErrorKind::Unreachable, None));
/// let now = Timestamp::try_from(std::time::SystemTime::now())?;
/// assert_eq!(error.retry(now), Retry::Backoff); // nobody refused: later it may work
/// assert_eq!(error.to_string(), "POST /register: no connection came about");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    step: Cow<'static, str>,
    api: Option<ApiError>,
    /// Asking again does no harm, whatever became of what was asked.
    is_harmless: bool,
    source: Option<Box<dyn core::error::Error + Send + Sync>>,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The provider answered, and refused: see [`Error::code`].
    Refused,
    /// The provider was not reached, or the connection broke before the answer was whole. It may have acted.
    Unreachable,
    /// The answer did not come in time. The provider may have acted.
    TimedOut,
    /// The provider answered what the protocol does not allow, or not to what was asked.
    BadAnswer,
    /// The address may not be connected to: it is inside a network, or not what its name promises.
    Target,
    /// The store failed: see [`StoreErrorKind`](crate::store::StoreErrorKind) in the source.
    Store,
    /// A file could not be read or written.
    File,
    /// The message cannot be signed or read, or is not allowed.
    Message,
    /// A key is missing, is not what was pinned, or may be read by others.
    Key,
    /// The client was not set up for this: no registration, a missing feature, a contradiction.
    Setup,
    /// The client, the inbox or the provider was shut down.
    Closed,
}

impl Error {
    /// An error of a kind, with the step that failed.
    pub(crate) fn new(kind: ErrorKind, step: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner: Box::new(Inner { kind, step: step.into(), api: None, is_harmless: false, source: None }),
        }
    }

    /// What a provider answered instead.
    pub(crate) fn refused(step: impl Into<Cow<'static, str>>, api: ApiError) -> Self {
        let kind = if api.is_unreadable() { ErrorKind::BadAnswer } else { ErrorKind::Refused };
        let mut error = Self::new(kind, step);
        error.inner.api = Some(api);
        error
    }

    /// Asking again does no harm: what was asked for happens once, however often it is asked.
    pub(crate) fn harmless_to_repeat(mut self) -> Self {
        self.inner.is_harmless = true;
        self
    }

    /// Whether the provider does not take the API key.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.inner.api.as_ref().is_some_and(|api| api.status == 401)
    }

    /// With what caused it. Only errors of ours: those of other crates may print outside text.
    pub(crate) fn because(mut self, source: impl core::error::Error + Send + Sync + 'static) -> Self {
        self.inner.source = Some(Box::new(source));
        self
    }

    /// What kind of failure it was.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The provider's code, such as `name_taken` or `rate_limited`, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.inner.api.as_ref().and_then(|api| api.code.as_ref()).map(|code| code.as_str())
    }

    /// What the provider answered: suggestions beside `name_taken`, what is left of a limit, and more.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        self.inner.api.as_ref()
    }

    /// Whether asking again makes sense, and when.
    #[must_use]
    pub fn retry(&self, now: Timestamp) -> Retry {
        match (&self.inner.api, self.inner.kind) {
            (Some(api), _) if api.is_unreadable() && self.inner.is_harmless => Retry::Backoff,
            (Some(api), _) => api.retry(now),
            (None, ErrorKind::BadAnswer | ErrorKind::Refused) if self.inner.is_harmless => Retry::Backoff,
            (None, ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Store) => Retry::Backoff,
            (None, _) => Retry::Never,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.step)?;
        match (&self.inner.api, &self.inner.source) {
            (Some(api), _) => write!(f, ": {api}"),
            (None, Some(source)) => write!(f, ": {source}"),
            (None, None) => Ok(()),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.inner.source.as_ref().map(|source| source.as_ref() as _)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorKind::Store, "storing").because(error)
    }
}
