//! What has to be made durable: effects, and their stable JSON form (trust, replay).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::boxed::Box;
use alloc::string::String;

use amp_address::Address;
use amp_crypto::VerifyingKey;
use amp_envelope::{MessageId, Timestamp};
use serde::{Deserialize, Serialize};

use super::context::KeySource;
use super::revocation::Revocation;
use super::seen::{Released, Seen};
use crate::admission::GrantEvent;
use crate::sealing::{AcceptedCard, Direction};
use crate::stored::{self, EffectError};
use crate::trust::PinState;

/// The version of the JSON form.
const VERSION: u64 = 1;

/// A change of what a receiver remembers, or a note for the host's records.
///
/// The host writes the effects of a reception in the transaction in which it stores the message. A receiver that is
/// given all of them again, in that order, remembers the same: see
/// [`ReceiverBuilder::restore`](super::ReceiverBuilder::restore). An effect that is given twice in a row changes nothing
/// the second time.
///
/// ```
/// use amp_core::receive::Effect;
/// let json = r#"{"v":1,"effect":"clock_set","to":"2026-01-31T10:00:00Z"}"#;
/// let effect = Effect::from_json(json.as_bytes())?;
/// assert_eq!(effect.to_json(), json);
/// assert!(effect.is_durable());
/// # Ok::<(), amp_core::receive::EffectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// A message was accepted, or refused for what it says: its id, its nonce and its content count as seen.
    Seen(Seen),
    /// A held message was handed out: it is not handed out again.
    Released(Released),
    /// A person set the high-water mark of the clock.
    ClockSet {
        /// The mark.
        to: Timestamp,
    },
    /// An authenticated source, or a person, named the key of an address.
    KeyPinned {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
        /// Its key.
        #[serde(with = "stored::key")]
        key: VerifyingKey,
        /// How firmly the two are connected now.
        #[serde(with = "pin_state")]
        state: PinState,
        /// Who named the key.
        source: KeySource,
        /// When.
        at: Timestamp,
    },
    /// The owner of the pinned key named the next one.
    KeyRotated {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
        /// The key that is pinned now.
        #[serde(with = "stored::key")]
        to: VerifyingKey,
        /// The signature of the key that was pinned before over the new one, in base64.
        proof: String,
        /// When.
        at: Timestamp,
    },
    /// A key that an address had before its present one.
    KeyRetired {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
        /// The key.
        #[serde(with = "stored::key")]
        key: VerifyingKey,
        /// When another took its place.
        until: Timestamp,
    },
    /// A message was delivered that verified under the key of its sender's address: who has the address has the secret
    /// of the key.
    KeyUsed {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
        /// The key.
        #[serde(with = "stored::key")]
        key: VerifyingKey,
    },
    /// The key of an address came, by a rotation, from one that was revoked afterwards.
    KeyDoubted {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
    },
    /// An authenticated source named another key than the pinned one.
    ConflictRaised {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
        /// The other key.
        #[serde(with = "stored::key")]
        contender: VerifyingKey,
        /// When.
        at: Timestamp,
    },
    /// All about the key of an address is forgotten: a person wants it, or room was needed.
    AddressForgotten {
        /// The address.
        #[serde(with = "stored::address")]
        address: Address,
    },
    /// The host knows two addresses to be one agent's.
    SameAgent {
        /// One address.
        #[serde(with = "stored::address")]
        one: Address,
        /// The other.
        #[serde(with = "stored::address")]
        another: Address,
    },
    /// A key was revoked.
    Revoked {
        /// The record.
        record: Revocation,
        /// When the receiver learnt of it.
        at: Timestamp,
    },
    /// A message was sealed, for the first time in this direction: to a peer, or from one.
    Sealed {
        /// The peer.
        #[serde(with = "stored::address")]
        address: Address,
        /// Which way the message went.
        direction: Direction,
        /// When.
        at: Timestamp,
    },
    /// A card of the pinned key was accepted: what it says about sealing counts.
    CardAccepted {
        /// Whose card it is.
        #[serde(with = "stored::address")]
        address: Address,
        /// What it says.
        card: Box<AcceptedCard>,
    },
    /// Who may write changed, or somebody asks to.
    Grant {
        /// The transition.
        event: Box<GrantEvent>,
    },
    /// A verified sender's message counts for its risk. For the host: the receiver does not remember it.
    RiskCounted {
        /// The sender.
        #[serde(with = "stored::address")]
        sender: Address,
        /// What the scan led to.
        outcome: RiskOutcome,
        /// When.
        at: Timestamp,
    },
    /// A note for the host's records. The receiver does not remember it.
    Audit(AuditEvent),
}

/// What a message counts for in its sender's risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RiskOutcome {
    /// Delivered, nothing found that counts.
    Delivered,
    /// Delivered with a flag.
    Flagged,
    /// Held for review.
    Quarantined,
    /// Refused for what it says, or for whom it was sent to.
    Blocked,
}

/// A note on what a receiver did, for the host's records: who, what and by which rule, never content.
///
/// `sender` and `id` are what the message says of itself; a refused one may have been made by anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    event: AuditKind,
    at: Timestamp,
    #[serde(default, with = "stored::address::optional")]
    sender: Option<Address>,
    #[serde(default)]
    id: Option<MessageId>,
    #[serde(default)]
    code: Option<String>,
}

/// What an [`AuditEvent`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditKind {
    /// A message was refused.
    Refused,
    /// A message was held for review.
    Quarantined,
    /// A held message was handed out.
    Released,
    /// A message came again.
    Duplicate,
    /// A message that nothing vouches for was shown as such.
    ShownUntrusted,
    /// Something that nobody vouches for says that the sender's key is revoked: look it up again.
    LookUpKeyAgain,
    /// A key was rotated: be careful with its messages for a day.
    KeyRotated,
    /// A person decided about a key.
    KeyDecided,
}

impl AuditEvent {
    pub(super) const fn new(event: AuditKind, at: Timestamp) -> Self {
        Self { event, at, sender: None, id: None, code: None }
    }

    pub(super) fn about(mut self, sender: Address) -> Self {
        self.sender = Some(sender);
        self
    }

    pub(super) fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    pub(super) fn with_code(mut self, code: &str) -> Self {
        self.code = Some(code.into());
        self
    }

    /// What happened.
    #[must_use]
    pub const fn event(&self) -> AuditKind {
        self.event
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The address that the event is about.
    #[must_use]
    pub const fn sender(&self) -> Option<&Address> {
        self.sender.as_ref()
    }

    /// The message's id, as it says.
    #[must_use]
    pub const fn id(&self) -> Option<&MessageId> {
        self.id.as_ref()
    }

    /// The code of the refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl Effect {
    /// Whether the receiver has to be given the effect again after a restart. The others are for the host's records.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        !matches!(self, Self::RiskCounted { .. } | Self::Audit(_))
    }

    /// The effect as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        stored::write_effect(VERSION, self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// For anything else, and for an effect of a later version: a memory that is restored in part is none.
    pub fn from_json(json: &[u8]) -> Result<Self, EffectError> {
        stored::read_effect(VERSION, json)
    }
}

/// The state of a pin that is written: never a candidate's or a conflict's.
mod pin_state {
    use alloc::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::trust::PinState;

    pub(super) fn serialize<S: Serializer>(state: &PinState, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(state.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PinState, D::Error> {
        match Cow::<'_, str>::deserialize(from)?.parse() {
            Ok(state @ (PinState::FirstSeen | PinState::Pinned | PinState::Confirmed)) => Ok(state),
            _ => Err(D::Error::custom("first_seen, pinned or confirmed")),
        }
    }
}
