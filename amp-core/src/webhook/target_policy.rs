//! What a host decides about targets: ports, networks of its own, development (webhooks, targets).

use alloc::string::String;
use alloc::vec::Vec;

use super::AddressClass;

/// Which targets are called. As it is made, `https` to ports 443 and 8443 of places on the public internet.
///
/// Each exception is made by name. None of them opens link-local addresses, multicast or the metadata services of clouds.
///
/// ```
/// use amp_core::webhook::{Target, TargetPolicy};
///
/// let policy = TargetPolicy::new().with_private_host("hooks.corp.internal").with_port(9443);
/// let target = Target::parse_with("https://hooks.corp.internal:9443/amp", &policy)?;
/// assert!(target.admit(&["10.1.2.3".parse()?]).is_ok());
/// assert!(target.admit(&["169.254.169.254".parse()?]).is_err());
/// assert!(Target::parse("https://hooks.corp.internal/amp").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPolicy {
    ports: Vec<u16>,
    /// In lower case.
    private_hosts: Vec<String>,
    loopback: bool,
}

impl Default for TargetPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl TargetPolicy {
    /// The policy for the public internet.
    #[must_use]
    pub fn new() -> Self {
        Self { ports: [443, 8443].into(), private_hosts: Vec::new(), loopback: false }
    }

    /// The policy for development on one machine: besides what [`new`](Self::new) lets through, `http` and `https` to
    /// any port of `localhost`, `127.0.0.1` or `[::1]`, which must resolve to loopback addresses. Not for a provider
    /// that others can reach: whoever registers could call its machine's own services.
    #[must_use]
    pub fn loopback_development() -> Self {
        Self { loopback: true, ..Self::new() }
    }

    /// Adds a port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        if !self.ports.contains(&port) {
            self.ports.push(port);
        }
        self
    }

    /// Adds a host of the operator's own network, by its whole name: it may have a single label or end in `.internal` or
    /// the like, and resolve to private, unique-local or shared addresses (and to public ones).
    #[must_use]
    pub fn with_private_host(mut self, name: &str) -> Self {
        self.private_hosts.push(name.to_ascii_lowercase());
        self
    }

    pub(super) fn calls_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// Whether the name, in lower case, is one of the operator's own network.
    pub(super) fn names_private_host(&self, name: &str) -> bool {
        self.private_hosts.iter().any(|own| own == name)
    }

    pub(super) const fn allows_loopback(&self) -> bool {
        self.loopback
    }
}

/// What the addresses of a target may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// On the public internet.
    Public,
    /// There, or in the operator's own network.
    OwnNetwork,
    /// On this machine.
    Loopback,
}

impl Reach {
    pub(super) const fn admits(self, class: AddressClass) -> bool {
        match self {
            Self::Public => matches!(class, AddressClass::Global),
            Self::OwnNetwork => matches!(
                class,
                AddressClass::Global
                    | AddressClass::Private
                    | AddressClass::UniqueLocal
                    | AddressClass::Shared
            ),
            Self::Loopback => matches!(class, AddressClass::Loopback),
        }
    }
}
