//! The one way out to the network: vetted addresses, deadlines and caps for every call, transfer and socket (provider
//! API; delivery, webhook targets).
//!
//! Addresses are vetted where they are resolved for the connection, so nothing resolves a name a second time. There is
//! no proxy from the environment, no redirect is followed here, and no answer is unpacked.

mod access;
mod answer;
mod connector;
mod error;
mod resolver;
#[cfg(test)]
pub(crate) mod scripted;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use access::Access;

pub(crate) use connector::{FileBody, Http};
pub(crate) use error::HttpError;
pub(crate) use socket::{Socket, SocketError, SocketEvent};
