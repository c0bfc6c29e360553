//! Trust: how far a message may be believed, and how its text is shown (trust).
//!
//! Six facts decide a [level](TrustLevel), and nothing that the message says of itself is among them: [`TrustFacts`].
//! What needs it is shown to a model inside a wrapper that no text can close: [`wrap`] and [`Wrapper`].

mod facts;
mod level;
mod printable;
mod prompt;
mod quoted;
mod reserved;
mod tags;
mod tokens;
mod wrap;

pub use facts::{
    AttestationFact, PinState, RevocationFact, SignatureFact, TenantFact, TrustFacts, TrustReason,
    UnknownPinState,
};
pub use level::{TrustLevel, UnknownTrustLevel};
pub use printable::Printable;
pub use prompt::{Prompt, PromptOptions};
pub use quoted::Quoted;
pub use reserved::prompt_text;
pub use wrap::{Wrapper, wrap};
