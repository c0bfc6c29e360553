//! Why a store did not do what it was asked (local mailbox).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    /// The step that failed, in our words.
    step: Cow<'static, str>,
    source: Option<Box<dyn core::error::Error + Send + Sync>>,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The disk, the database or the operating system refused: trying again later may help.
    Io,
    /// There is no room left.
    Full,
    /// What is stored cannot be read: it was damaged, or written by a newer version.
    Damaged,
    /// Somebody else may read or write what must be the owner's alone.
    Unsafe,
    /// The store was asked for something that it refuses, whatever its state.
    Refused,
    /// The store does not say any more what was stored: open it again.
    Poisoned,
}

impl StoreError {
    /// An error of a kind, with the step that failed.
    #[must_use]
    pub const fn new(kind: StoreErrorKind, step: &'static str) -> Self {
        Self { kind, step: Cow::Borrowed(step), source: None }
    }

    /// With what caused it.
    #[must_use]
    pub fn because(mut self, source: impl core::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind of failure it was.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            StoreErrorKind::Io => "failed",
            StoreErrorKind::Full => "found no room",
            StoreErrorKind::Damaged => "cannot read what is stored",
            StoreErrorKind::Unsafe => "others have access to what must be the owner's alone",
            StoreErrorKind::Refused => "was refused",
            StoreErrorKind::Poisoned => "cannot say what was stored, open it again",
        };
        write!(f, "store, {}: {kind}", self.step)
    }
}

impl core::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}
