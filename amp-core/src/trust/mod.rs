//! Trust: how far a message may be believed, and how its text is shown (trust).
//!
//! Six facts decide a [level](TrustLevel), and nothing that the message says of itself is among them: [`TrustFacts`].
//! One of them is what a third party attests: [`TrustedIssuers`]. What the decision was is noted beside a stored message
//! by [`security_notes`], and never read back.
//!
//! A model sees a [`Prompt`]: what needs it inside a wrapper that no text can close ([`wrap`], [`Wrapper`]), all of it
//! without whole chat-template tokens and hidden characters ([`prompt_text`]). Words of others keep their wrapper:
//! [`Quoted`]. A person sees what is [`Printable`], and is told of [look-alikes](lookalike_of).

mod annotation;
mod attestation;
mod facts;
mod level;
mod lookalike;
mod passed_on;
mod printable;
mod prompt;
mod punycode;
mod quoted;
mod reserved;
mod suffixes;
mod tags;
mod tokens;
mod wrap;

pub use annotation::security_notes;
pub use attestation::{
    ATTESTATION_MAX_BYTES, Attestation, AttestationClaims, AttestationRefusal, AttestationVerifier,
    CredentialStatus, TrustedIssuers,
};
pub use facts::{
    AttestationFact, PinState, RevocationFact, SignatureFact, TenantFact, TrustFacts, TrustReason,
    UnknownPinState,
};
pub use level::{TrustLevel, UnknownTrustLevel};
pub use lookalike::{Lookalike, LookalikeBasis, has_public_suffix, lookalike_of};
pub(crate) use passed_on::{CLOSING, passed_on};
pub use printable::Printable;
pub use prompt::{Prompt, PromptOptions};
pub use quoted::Quoted;
pub use reserved::prompt_text;
pub use wrap::{Wrapper, wrap};
