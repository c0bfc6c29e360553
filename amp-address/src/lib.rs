//! Addresses of the Agent Messaging Protocol: `name@scope.provider`.
//!
//! This crate says who: it parses addresses, decides where the provider begins, judges whether two agents belong
//! to one tenant, expands short forms, and matches communication policies. It computes; it looks nothing up.
//!
//! ```
//! use amp_address::Address;
//!
//! let alice: Address = "alice@acme.crabmail.ai".parse()?;
//! assert_eq!((alice.name(), alice.scope(), alice.provider()), ("alice", "acme", "crabmail.ai"));
//! # Ok::<(), amp_address::AddressError>(())
//! ```
//!
//! Features: `serde` (default) reads and writes every type as its text. The crate needs `alloc` but not `std`.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod address;
mod boundary;
mod error;
mod grammar;
mod known;
mod literal;
mod parts;
mod pattern;
mod profile;
mod short;
mod tenant;
mod text;
mod tree;

pub use address::Address;
pub use boundary::Boundary;
pub use error::{AddressError, AddressPart, AddressRule};
pub use known::KnownProviders;
pub use parts::{AgentName, Provider, Scope};
pub use pattern::{AddressPattern, PatternKind, PatternSet};
pub use profile::Profile;
pub use short::{AnyAddress, ShortAddress, parse_any};
pub use tenant::{TenantBasis, TenantJudgement, same_tenant};

/// What [`address!`] expands to; not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use crate::literal::Literal;
}
