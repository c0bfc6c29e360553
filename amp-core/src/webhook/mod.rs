//! Delivery by HTTP POST: signatures, the retry schedule, and which targets may be called at all (delivery, webhooks).
//!
//! * [`Target`] is a URL that a server may be made to call, whoever named it: a webhook, a provider's endpoint, a presigned
//!   upload. [`TargetPolicy`] says what a host makes exceptions for, [`classify`] what an address is for.

mod addresses;
mod target;
mod target_error;
mod target_host;
mod target_policy;

pub use addresses::{AddressClass, classify};
pub use target::{Target, VettedTarget};
pub use target_error::TargetError;
pub use target_policy::TargetPolicy;
