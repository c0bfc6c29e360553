//! Who may write to whom: communication policy, pair grants, capability manifests (guardrails).
//!
//! * [`CommunicationPolicy`] says to whom an agent may write.
//! * [`PairGrants`] says who may write to an agent: nobody, until its owner said yes. It decides first and changes
//!   when the decision is applied: a [`GrantEvent`] is what the host stores, and state is the replay of events.
//! * [`CapabilityManifest`] says what an agent offers.
//! * [`AuditChain`] makes it visible when an event is missing from what was stored.
//!
//! Nothing here reads a clock: whether a grant has run out is judged when it is looked at.

mod actor;
mod audit;
mod capability;
mod error;
mod event;
mod grant;
mod grants;
mod intent;
mod policy;
mod scope;

pub use actor::{Actor, ActorError};
pub use audit::{AuditBreak, AuditChain, AuditHash, AuditRecord};
pub use capability::{Capability, CapabilityId, CapabilityIdError, CapabilityManifest, limits};
pub use error::AdmissionError;
pub use event::GrantEvent;
pub use grant::{Grant, GrantState, Pair, PendingRequest};
pub use grants::{Contact, GrantError, GrantLimits, GrantRefusal, PairGrants};
pub use intent::{Intent, IntentError};
pub use policy::{CommunicationPolicy, PolicyMode, RecipientNotAllowed};
pub use scope::{GrantScope, GrantScopeError, GrantScopes, NamespacedScope};
