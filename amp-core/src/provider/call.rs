//! A request as it reaches the provider (provider API).

use alloc::string::String;

use super::number::Ticket;
use crate::wire::RequestParts;

/// A request, and what the host knows of it besides.
///
/// ```
/// use amp_core::provider::{Call, Ticket};
/// use amp_core::wire::{Method, RequestParts};
///
/// let call = Call::new(RequestParts::new(Method::Get, "/health")).with_ticket(Ticket(7)).with_source("192.0.2.7");
/// assert_eq!(call.request().path, "/health");
/// ```
#[derive(Debug)]
pub struct Call {
    request: RequestParts,
    ticket: Option<Ticket>,
    source: Option<String>,
}

impl Call {
    /// A request whose caller takes no later answer and comes from nowhere in particular.
    #[must_use]
    pub const fn new(request: RequestParts) -> Self {
        Self { request, ticket: None, source: None }
    }

    /// The caller can wait: its answer may come as [`Action::Answer`](super::Action::Answer) with this ticket. Without
    /// one, every answer is given at once, and may say less.
    #[must_use]
    pub const fn with_ticket(mut self, ticket: Ticket) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// Whom to count a call against that nobody has signed in for: a network address.
    #[must_use]
    pub fn with_source(mut self, source: &str) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &RequestParts {
        &self.request
    }

    pub(super) const fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    pub(super) fn source(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }
}
