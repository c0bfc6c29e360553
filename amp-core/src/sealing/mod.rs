//! Whether messages are sealed, and to which key (sealed messages; attacks, card rollback and seal downgrade).
//!
//! A sealed message can be read by its recipient alone; its sender, recipient, subject, priority and thread stay visible.
//!
//! * [`SealingPolicy`] is what the host wants: [`Stance::Require`], [`Stance::Prefer`] or [`Stance::Refuse`], for each
//!   tenant or peer. A [`Receiver`](crate::receive::Receiver) holds what arrives against it.
//! * [`Receiver::plan_sealing`](crate::receive::Receiver::plan_sealing) says what becomes of a message to a peer: a
//!   [`SealingPlan`], by the policy, the [`SealingWish`] for this message and what is known of the peer.
//! * [`PeerSealing`] is what is known: whether mail was sealed before, in which [`Direction`], and the peer's current
//!   card. A peer with whom mail was sealed once is not written to in plain again, unless that is wished by name.
//! * [`Sealing`] says of a received message whether it was sealed.

mod outcome;
mod peer;
mod plan;
mod policy;

pub use outcome::{Sealing, UnopenedReason};
pub use peer::{AcceptedCard, Direction, PeerSealing};
pub use plan::{SealingPlan, SealingWish};
pub use policy::{SealingPolicy, Stance};
