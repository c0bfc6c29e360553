//! Who an agent says it is: cards, rotations, records, Agent Identity documents and proofs (identity).
//!
//! A card, a document, a proof shows that somebody holds a key. Whose key it is they cannot show: that comes of what a
//! host has pinned. So nothing in this room pins a key, and what follows from a statement is offered only to a host
//! that holds it against the pinned one: a card's encryption key, a rotation.
//!
//! The records are the agent's own files: who it is, where it is registered, and a text that says both.

mod agent_id;
mod asserted;
mod capability;
mod card;
mod card_builder;
mod card_error;
mod card_memory;
mod encryption_key;
mod key_history;
mod object;
mod record_error;
mod rotation;

pub use agent_id::{AgentId, AgentIdError};
pub use asserted::ProviderAssertedCard;
pub use capability::{Capability, OtherCapability};
pub use card::{AgentCard, VerifiedCard};
pub use card_builder::CardBuilder;
pub use card_error::CardError;
pub use card_memory::{CardMemory, CardSeen, CurrentCard};
pub use encryption_key::{EncryptionKey, EncryptionKeyError};
pub use key_history::KeyHistory;
pub use record_error::RecordError;
pub use rotation::{
    NewKeyStanding, PinView, Rotation, RotationPolicy, RotationRecord, RotationRefusal, RotationRequest,
    check_rotation,
};
