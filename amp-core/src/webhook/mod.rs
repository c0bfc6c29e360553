//! Delivery by HTTP POST: signatures, the retry schedule, and which targets may be called at all (delivery, webhooks).
//!
//! * An agent's endpoint asks [`verify`] whether a delivery came from its provider, and gives the message in it to its
//!   [`Receiver`](crate::receive::Receiver).
//! * A provider asks a [`RetrySchedule`] when to post, [`sign`]s each attempt, and connects to a [`VettedTarget`] only.
//! * [`Target`] is a URL that a server may be made to call, whoever named it: a webhook, a provider's endpoint, a presigned
//!   upload. [`TargetPolicy`] says what a host makes exceptions for, [`classify`] what an address is for.

mod addresses;
mod error;
mod headers;
mod retry;
mod secret;
mod target;
mod target_error;
mod target_host;
mod target_policy;
mod verify;

pub use addresses::{AddressClass, classify};
pub use error::WebhookError;
pub use headers::{WebhookHeaders, sign};
pub use retry::{Attempt, PostOutcome, RetryEnd, RetrySchedule, RetryStep};
pub use secret::WebhookSecret;
pub use target::{Target, VettedTarget};
pub use target_error::TargetError;
pub use target_policy::TargetPolicy;
pub use verify::{AuthenticDelivery, PostedMessage, Scheme, verify};
