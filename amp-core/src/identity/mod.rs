//! Who an agent says it is: cards, rotations, records, Agent Identity documents and proofs (identity).
//!
//! A card, a document, a proof shows that somebody holds a key. Whose key it is they cannot show: that comes of what a
//! host has pinned. So nothing in this room pins a key, and what follows from a statement is offered only to a host
//! that holds it against the pinned one: a card's encryption key, a rotation.
//!
//! The records are the agent's own files: who it is, where it is registered, and a text that says both.

mod agent_id;
mod aid_document;
mod aid_error;
mod aid_form;
mod aid_memory;
mod aid_proof;
mod aid_registration;
mod aid_token;
mod aid_token_error;
mod asserted;
mod capability;
mod card;
mod card_builder;
mod card_error;
mod card_memory;
mod identity_record;
mod identity_text;
mod introspection;
mod key_history;
mod lifecycle;
mod object;
mod record_error;
mod registration;
mod rotation;
mod rotation_record;
mod secret;
mod sending;

pub use amp_crypto::seal::{EncryptionKey, EncryptionKeyError};

pub use agent_id::{AgentId, AgentIdError};
pub use aid_document::{AidDocument, VerifiedAid};
pub use aid_error::AidError;
pub use aid_form::AidForm;
pub use aid_memory::{ProofLedger, ProofMemory};
pub use aid_proof::{Issuer, StatusProof, TokenProof};
pub use aid_registration::{AidRegistration, RegistrationAnswer};
pub use aid_token::{AID_GRANT_TYPE, AccessToken, TokenAnswer, TokenRequest, TokenScopes, token_is_fresh};
pub use aid_token_error::{OtherTokenError, TokenError, TokenErrorCode};
pub use asserted::ProviderAssertedCard;
pub use capability::{Capability, OtherCapability};
pub(crate) use card::MAX_LIFETIME as MAX_CARD_LIFETIME;
pub use card::{AgentCard, VerifiedCard};
pub use card_builder::CardBuilder;
pub use card_error::CardError;
pub use card_memory::{CardMemory, CardSeen, CurrentCard};
pub use identity_record::IdentityRecord;
pub use identity_text::identity_text;
pub use introspection::{ActiveToken, Introspection};
pub use key_history::KeyHistory;
pub use lifecycle::{NoSuchStep, OtherStatus, RegistrationStatus, RegistrationStep};
pub use record_error::RecordError;
pub use registration::RegistrationRecord;
pub use rotation::{NewKeyStanding, PinView, Rotation, RotationPolicy, RotationRefusal, check_rotation};
pub use rotation_record::{RotationRecord, RotationRequest};
pub use secret::{ApiKey, SecretJson};
pub use sending::address_to_send_from;
