//! Whether one message is to be sealed, and to which key (sealed messages; attacks, seal downgrade).

use crate::identity::EncryptionKey;
use crate::receive::Refusal;

/// What is wished for one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealingWish {
    /// What the [policy](super::SealingPolicy) says.
    #[default]
    Policy,
    /// Sealed, also toward a peer of whom it is not known that it opens such messages.
    Seal,
    /// Plain, also toward a peer with whom mail was sealed before. Nothing but this wish leads back to plain mail.
    Plain,
}

/// What becomes of one message: see [`Receiver::plan_sealing`](crate::receive::Receiver::plan_sealing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a message that is to be sealed must not be sent in plain"]
#[non_exhaustive]
pub enum SealingPlan {
    /// It is sealed to this key.
    Seal(EncryptionKey),
    /// It is sent as it is.
    Plain,
    /// It is not sent: there is no key to seal it to, or the policy stands against the wish.
    Refuse(Refusal),
}
