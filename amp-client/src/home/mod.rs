//! The home directory: who the agents of this user are, their keys and their registrations (local mailbox).
//!
//! It is shared with the other AMP programs of the machine: what one writes, the others read. A [`Home`] holds agents;
//! an [`AgentHome`] is one of them, with its key, its registrations and its mailbox.
//!
//! Everything is read and written at once, so the functions block for the time of a few small files. No link is followed
//! inside the home. Whatever belongs to another user, or may be written by others, is refused, and so is a file with a
//! secret that others may read.

mod agent;
mod delivery;
mod directory;
mod error;
mod former;
mod index;
mod place;
mod rotation;

pub use agent::AgentHome;
pub use delivery::LocalDelivery;
pub use former::FormerKey;
pub use place::Home;
pub use rotation::KeptRotation;
