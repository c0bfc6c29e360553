//! The receiving pipeline: from bytes to a decision and what must be made durable with it (trust, guardrails).
//!
//! A [`Receiver`] is one agent's. [`Receiver::receive`] decides about a message and changes nothing; the [`Reception`]
//! that it gives holds the [`Effect`]s and the stored form for one transaction of the host's database, and hands the
//! message out when it is committed. What a receiver remembers is a [`Memory`]: the sum of its effects.
//!
//! * [`Context`] is what the host knows beside the bytes: the time, the way, a key and who named it.
//! * [`Disposition`] is what becomes of a message: [`Received`], an [`UntrustedMessage`] for hosts that want to see
//!   those, a [`QuarantineEntry`], a [`Refusal`], or what became of it the first time.
//! * Keys, revocations and grants change by the receiver's other methods, each of which gives a [`Change`].
//!
//! # What is bounded
//!
//! | memory | bound | when it is full |
//! |---|---|---|
//! | messages seen, of one key and of all | [`ReplayLimits`]: 16,384 and 262,144. Of these an eighth for one domain, half for keys that are first seen, three quarters for all that are not confirmed or of the own tenant | the next one is refused, `rate_limited`; nothing that could be replayed is forgotten |
//! | an equal content without a nonce | 4 ids | the oldest id is forgotten, the content is not |
//! | a message seen | 7 days and 15 minutes, or the life that its sender signed, up to 31 days | forgotten |
//! | addresses with their keys | 65,536, of them 49,152 for strangers and 16,384 under one domain | one that was first seen 90 days ago and not named again makes room; else strangers are refused, `rate_limited`. For whom a person confirms, the oldest first-seen one of the fullest domain makes room. One to which mail was sealed does not, for 366 days while it is first seen, nor one whose card is not 184 days old |
//! | earlier keys of an address | 64 | a further rotation is refused; a person's decision forgets the oldest |
//! | pairs of addresses of one agent | 65,536 | the next is refused |
//! | revocations | 65,536 | one of a key that was never pinned makes room after 90 days; else the next is refused |
//! | grants and requests | [`GrantLimits`](crate::admission::GrantLimits) | the next request is refused |
//! | windows and flags, in memory only | see [`Windows`](crate::scan::Windows) and [`Escalation`](crate::scan::Escalation) | who was silent longest is forgotten |

mod again;
mod authenticate;
mod clock;
mod codec;
mod content;
mod context;
mod disposition;
mod effects;
mod keys;
mod letter;
mod memory;
mod pipeline;
mod quarantine;
mod received;
mod receiver;
mod refusal;
mod release;
mod replay;
mod replay_limits;
mod revocation;
mod room;
mod sealing;
mod seen;
mod settings;
mod sighting;
mod watch;

pub use again::Reading;
pub use clock::ClockPolicy;
pub(crate) use content::Content;
pub use context::{Context, KeySource, SenderKey, Via};
pub use disposition::{Change, Disposition, Reception};
pub use effects::{AuditEvent, AuditKind, Effect, RiskOutcome};
pub use keys::{KnownKey, KnownKeys, RetiredKey};
pub use memory::Memory;
pub use quarantine::{QuarantineEntry, QuarantineReason, QuarantineStatus};
pub use received::{Flag, RawText, Received, UntrustedMessage};
pub use receiver::Receiver;
pub use refusal::{PublicRefusal, Refusal, RefusalReason};
pub use replay::{ReplayMemory, Sight};
pub use replay_limits::ReplayLimits;
pub use revocation::{Revocation, RevocationReason};
pub use seen::{FirstOutcome, Released, Seen};
pub use settings::ReceiverBuilder;
pub use sighting::Sighting;

pub use crate::stored::EffectError;
