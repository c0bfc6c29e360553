//! A request that a state machine wants made (provider API).

use core::time::Duration;

use crate::wire::{Endpoint, Request, RequestParts};

/// Which request an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    pub(super) const FIRST: Self = Self(0);

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A request to one's own provider's API that a state machine wants made, with the API key.
///
/// The driver sends [`parts`](Self::parts) ([`RequestParts::with_key`] adds the key), and gives the answer back under
/// the call's [`ticket`](Self::ticket), or says that there was none. An answer to a ticket that is no longer waited for
/// changes nothing.
#[derive(Clone, Debug)]
#[must_use = "a call that is not made is taken for one that failed"]
pub struct Call {
    ticket: Ticket,
    endpoint: Endpoint,
    parts: RequestParts,
    timeout: Duration,
}

impl Call {
    pub(super) fn new<R: Request>(ticket: Ticket, request: &R, timeout: Duration) -> Self {
        Self { ticket, endpoint: R::ENDPOINT, parts: request.to_parts(), timeout }
    }

    /// Under which the answer is given back.
    #[must_use]
    pub const fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Where it goes.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// What is sent, without the API key.
    #[must_use]
    pub const fn parts(&self) -> &RequestParts {
        &self.parts
    }

    /// What is sent, without the API key.
    #[must_use]
    pub fn into_parts(self) -> RequestParts {
        self.parts
    }

    /// For how long an answer is waited for. Who asked stops waiting by itself then.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }
}
