//! A message on its way in, and what became of it (trust; delivery).

use alloc::boxed::Box;
use alloc::vec::Vec;

use amp_core::connection::Arrived;
use amp_core::crypto::VerifyingKey;
use amp_core::receive::{QuarantineEntry, Refusal, UntrustedMessage, Via};

use crate::error::Error;
use crate::store::{ForeignMessage, MessageKey};

/// A message on its way in. Nothing in it is verified.
pub(crate) struct Incoming {
    /// `{"envelope":…,"payload":…}`, as it was received.
    pub(crate) bytes: Vec<u8>,
    pub(crate) via: Via,
    /// The key that travelled beside it.
    pub(crate) carried: Option<VerifyingKey>,
    /// The file, if another program put it into the store.
    pub(crate) about: Option<ForeignMessage>,
}

impl Incoming {
    /// A message that came directly.
    #[cfg(feature = "webhook")]
    pub(crate) const fn direct(bytes: Vec<u8>, carried: Option<VerifyingKey>) -> Self {
        Self { bytes, via: Via::Direct, carried, about: None }
    }

    /// A message that was pushed, or picked up.
    pub(crate) fn arrived(arrived: &Arrived) -> Self {
        let (via, carried) = (arrived.via(), arrived.carried_key().cloned());
        Self { bytes: arrived.bytes().to_vec(), via, carried, about: None }
    }

    /// A message that another program put into the store.
    pub(crate) fn foreign(message: ForeignMessage) -> Self {
        Self { bytes: message.bytes.clone(), via: Via::Store, carried: None, about: Some(message) }
    }
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum TakenIn {
    /// It is stored, and waits for the program.
    Delivered(MessageKey),
    /// It is stored; nothing vouches for it, and the host wants to see such messages.
    Untrusted(Box<UntrustedMessage>),
    /// It is stored apart until a person has decided.
    Held(Box<QuarantineEntry>),
    /// It is refused for good.
    Refused(Refusal),
    /// It is refused for now: it may come again.
    RefusedForNow(Refusal),
    /// It came before.
    Duplicate,
    /// Nothing was decided, because the sender's key could not be asked for.
    PutOff(Error),
}

impl TakenIn {
    /// Whether the provider may forget the message: what became of it is durable, or nothing ever will.
    pub(crate) const fn may_be_acknowledged(&self) -> bool {
        !matches!(self, Self::RefusedForNow(_) | Self::PutOff(_))
    }
}
