//! A request as it reaches the provider (provider API).

use alloc::string::String;

use super::codec::Sha256Hash;
use super::mesh::PeerNumber;
use super::number::{AgentNumber, Ticket};
use crate::wire::{Authorization, RequestParts};

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
    person: Option<Person>,
}

/// A person whom the host has signed in.
#[derive(Debug)]
enum Person {
    Owner(String),
    Admin(String),
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller<'c> {
    /// Nobody in particular.
    Anybody,
    /// An agent, by its API key.
    Agent(AgentNumber),
    /// Another host of the provider, by the key that it shares with this one.
    Host(PeerNumber),
    /// The owner with this id, whom the host has signed in.
    Owner(&'c str),
    /// A person who administers the provider, whom the host has signed in.
    Admin(&'c str),
}

impl Call {
    /// A request whose caller takes no later answer and comes from nowhere in particular.
    #[must_use]
    pub const fn new(request: RequestParts) -> Self {
        Self { request, ticket: None, source: None, person: None }
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

    /// The host has signed in the owner with this id: for the endpoints that owners call.
    #[must_use]
    pub fn by_owner(mut self, owner: &str) -> Self {
        self.person = Some(Person::Owner(owner.into()));
        self
    }

    /// The host has signed in somebody who administers the provider, by this name: for the endpoints that they call.
    #[must_use]
    pub fn by_admin(mut self, name: &str) -> Self {
        self.person = Some(Person::Admin(name.into()));
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

    /// The owner or administrator, where the endpoint wants one.
    pub(super) fn person(&self, wanted: Authorization) -> Option<Caller<'_>> {
        match (self.person.as_ref()?, wanted) {
            (Person::Owner(owner), Authorization::Owner) => Some(Caller::Owner(owner)),
            (Person::Admin(name), Authorization::Admin) => Some(Caller::Admin(name)),
            _ => None,
        }
    }

    pub(super) fn source(&self) -> &str {
        self.source.as_deref().unwrap_or_default()
    }

    /// What is kept of where the call comes from.
    pub(super) fn source_hash(&self) -> Option<Sha256Hash> {
        self.source.as_deref().map(|source| Sha256Hash::of(&[b"source ", source.as_bytes()]))
    }
}
