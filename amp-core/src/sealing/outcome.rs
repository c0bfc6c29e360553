//! Whether a received message was sealed (sealed messages).

use amp_crypto::Fingerprint;

/// Whether a received message was sealed, and whether it could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sealing {
    /// It was not sealed: whoever relayed it could read it.
    Plain,
    /// It was sealed, and is open.
    Sealed {
        /// The id of the key that it was sealed to.
        key_id: Fingerprint,
    },
    /// It is sealed, and what it says is not known. It can be [read
    /// again](crate::receive::Receiver::read_again) when what it lacks is there.
    Unopened(UnopenedReason),
}

impl Sealing {
    /// Whether the message was sealed, open or not.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        !matches!(self, Self::Plain)
    }
}

/// What is missing to open a sealed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnopenedReason {
    /// The key with this id, which the receiver was not given, or gave up.
    KeyNotHeld(Fingerprint),
    /// A suite that this version does not know.
    UnsupportedSuite,
    /// A version of sealed messages that this version does not know.
    UnsupportedVersion,
}
