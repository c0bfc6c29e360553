//! How far a transfer is (attachments).

use alloc::boxed::Box;
use core::fmt;

/// How far a transfer is, in bytes of the file; of a sealed file, in bytes of the ciphertext. It falls back when a transfer
/// has to start over.
///
/// ```
/// use amp_client::attachments::Progress;
///
/// let percent = |progress: Progress| progress.bytes() * 100 / progress.total().max(1);
/// # let _ = percent;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    bytes: u64,
    total: u64,
}

impl Progress {
    /// How many bytes of the file are transferred.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.bytes
    }

    /// How many bytes the file has.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.total
    }
}

/// Who is told of it, if anybody.
#[derive(Default)]
pub(super) struct Listener {
    listener: Option<Box<dyn FnMut(Progress) + Send>>,
    last: Option<Progress>,
}

impl Listener {
    pub(super) fn new(listener: impl FnMut(Progress) + Send + 'static) -> Self {
        Self { listener: Some(Box::new(listener)), last: None }
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, bytes: u64, total: u64) {
        let progress = Progress { bytes, total };
        if let Some(listener) = &mut self.listener
            && self.last != Some(progress)
        {
            self.last = Some(progress);
            listener(progress);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("last", &self.last).finish_non_exhaustive()
    }
}
