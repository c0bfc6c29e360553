//! The deciding half of a provider: it says what to answer, what to store and what to do; the host does it (provider API,
//! delivery, federation, guardrails).
//!
//! [`Provider`] takes calls, frames, outcomes and the time, and gives a [`Decision`] for each. The host stores a
//! decision's [`Effect`]s and message bodies in one transaction, commits it, answers with the [`Reply`] and performs the
//! [`Action`]s. The bodies of messages are the host's alone: the provider knows them by number, and hands out answers
//! and frames that the host completes. Ids and keys come from the [`Moment`] of the call; nothing here has a clock or a
//! source of randomness.

mod about;
mod accepted;
mod action;
mod agent;
mod agents;
mod api_keys;
mod attached;
mod attachment;
mod attachment_rules;
mod attachments;
mod body;
mod call;
mod clock;
mod codec;
mod decision;
mod deliver;
mod departed;
mod directory;
mod effect;
mod ended_keys;
mod engine;
mod federation;
mod files;
mod forwarding;
mod handed_on;
mod handing_on;
mod held;
mod live;
mod loops;
mod mail;
mod mesh;
mod moment;
mod number;
mod numbering;
mod outbox;
mod own_registration;
mod owners;
mod peers;
mod pickup;
mod quarantine;
mod queueing;
mod receipts;
mod register;
mod registration;
mod replay;
mod reply;
mod route;
mod routed;
mod settings;
mod signing_keys;
mod sockets;
mod state;
mod suspension;
mod webhook;

pub use action::{Action, Notice, Performed, Push};
pub use agent::{AgentRecord, ApiKeyHash};
pub use attachment::AttachmentRecord;
pub use attachment_rules::{AttachmentRules, HostChecks};
pub use body::{BodyError, MessageBody, MissingBodies};
pub use call::Call;
pub use decision::{Decision, Outcome};
pub use departed::DepartedAgent;
pub use effect::{AnsweredKey, Departure, Effect, FirstAnswer, HeldMessage, QueuedMessage, Way};
pub use engine::Provider;
pub use federation::Federation;
pub use files::{ExpectedFile, FileBody, FileVerdict, ServedFile};
pub use forwarding::Forwarding;
pub use handing_on::HandingOn;
pub use mesh::{Mesh, MeshMode, MeshPeer};
pub use moment::Moment;
pub use number::{AgentNumber, MessageNumber, SocketId, Ticket};
pub use numbering::RestoreError;
pub use outbox::{ForwardEnd, QueuedForward};
pub use registration::Registration;
pub use reply::{MessagesReply, Reply};
pub use settings::{ProviderBuilder, Refusals};
pub use webhook::WebhookPost;

pub use crate::stored::EffectError;
