//! A request as it reaches the provider (provider API).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use core::net::IpAddr;

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
    /// A request whose caller takes no later answer and comes from nowhere in particular: say where it comes from
    /// ([`with_source`](Self::with_source)) unless an API key or a person stands behind every call.
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

    /// Whom to count a call against that nobody has signed in for: the caller's network address, as the host sees it. Of
    /// an IPv6 address the first 64 bits count, for whoever has one has the others. What a proxy says of its clients is
    /// worth no more than the proxy.
    ///
    /// Calls without a source count together, against one limit: one caller of `/register` or `/health` that exhausts it
    /// shuts all others out.
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

    /// What the call is counted against: the network of its source.
    pub(super) fn network(&self) -> Cow<'_, str> {
        let source = self.source.as_deref().unwrap_or_default();
        match source.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
                let [a, b, c, d, ..] = address.segments();
                Cow::Owned(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
            }
            Ok(address) => Cow::Owned(address.to_canonical().to_string()),
            Err(_) => Cow::Borrowed(source),
        }
    }

    /// What is kept of where the call comes from.
    pub(super) fn source_hash(&self) -> Option<Sha256Hash> {
        self.source.as_deref().map(|source| Sha256Hash::of(&[b"source ", source.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Method;

    #[test]
    fn of_an_ipv6_address_its_network_counts() {
        let network = |source| {
            let call = Call::new(RequestParts::new(Method::Get, "/health")).with_source(source);
            call.network().into_owned()
        };
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:0DB8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), network("192.0.2.7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(network("a unix socket"), "a unix socket");
    }
}
