//! Clients and a provider in virtual time: what happens to messages when everything goes wrong.
//!
//! A [`run`] is drawn from one number: four agents with their sessions, pick-ups, receivers and stores send each other
//! some dozens of messages, through this library's provider engine or a scripted provider, over a network that loses,
//! delays, repeats and cuts off, on clocks that jump, in processes that end at any step and begin again from what was
//! stored. A hostile provider lies while the storm lasts. Then all is calm, and these hold:
//!
//! * a message that the provider accepted was shown once to its recipient. It may have expired by the provider's rule
//!   instead, or wait in the queue because the provider stamped it by a wrong clock;
//! * what a provider destroyed is no client's fault: it dropped a message when it pushed it, and then the socket broke or
//!   the client's process ended before it stored the message; or it handed one out in another's place, or altered. What
//!   has reached a client that goes on running is shown even then;
//! * no message was shown twice, and none that was not signed by its sender for that recipient;
//! * with an exact provider (the engine, on a clock that does not jump) each message stood in a queue once, however often
//!   its sender had to repeat it, and is out of it in the end;
//! * nothing left a queue as acknowledged before its recipient had stored it, or refused it for good;
//! * no client asked or connected more often than a patient one does.

mod cli;
mod client;
mod engine;
mod ledger;
mod plan;
mod pool;
mod random;
mod scene;
mod scripted;
mod world;

pub use cli::main;
pub use ledger::Counts;
pub use plan::Host;
pub use world::{Run, run};
